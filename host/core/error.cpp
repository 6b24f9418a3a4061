#include <ca3/error.hpp>

namespace ca3 {

OutOfMemory::OutOfMemory(std::string const& where, std::uint64_t requested, std::uint64_t available)
    : Error(where + ": out of memory, " + std::to_string(requested) + " bytes asked for" +
            (available > 0 ? ", " + std::to_string(available) + " free" : std::string())),
      requested_bytes(requested),
      free_bytes(available) {}

DeviceError::DeviceError(int error_code, std::string const& error_name, std::string const& what, char const* file, int line)
    : Error(std::string(file) + ":" + std::to_string(line) + ": " + error_name + " (" + std::to_string(error_code) + "): " + what),
      code(error_code),
      name(error_name) {}

FormatError::FormatError(std::string const& path, std::uint64_t position, std::string const& what)
    : Error(path + ": at byte " + std::to_string(position) + ": " + what), file(path), offset(position) {}

}  // namespace ca3
