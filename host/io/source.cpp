#include "io/source.hpp"

#include <ca3/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace ca3::io {
namespace {

class FileSource final : public Source {
public:
    FileSource(std::string const& path, std::uint64_t size, int descriptor) : Source(path, size), descriptor_(descriptor) {}
    ~FileSource() override { ::close(descriptor_); }

private:
    void fill(std::uint64_t offset, std::span<std::byte> to) const override {
        while (!to.empty()) {
            std::size_t const chunk = std::min<std::size_t>(to.size(), std::size_t{1} << 30);
            auto const got = ::pread(descriptor_, to.data(), chunk, static_cast<off_t>(offset));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) throw_file_error("read", name(), errno);
            if (got == 0) throw FormatError(name(), offset, "the file became shorter while it was read");
            offset += static_cast<std::uint64_t>(got);
            to = to.subspan(static_cast<std::size_t>(got));
        }
    }

    int descriptor_;
};

class MemorySource final : public Source {
public:
    MemorySource(std::span<std::byte const> bytes, std::string const& name) : Source(name, bytes.size()), bytes_(bytes) {}

private:
    void fill(std::uint64_t offset, std::span<std::byte> to) const override {
        std::ranges::copy(bytes_.subspan(static_cast<std::size_t>(offset), to.size()), to.begin());
    }

    std::span<std::byte const> bytes_;
};

}  // namespace

void throw_file_error(char const* verb, std::string const& path, int code) {
    throw FileError(std::string("cannot ") + verb + " '" + path + "': " + std::generic_category().message(code));
}

void Source::read(std::uint64_t offset, std::span<std::byte> to) const {
    if (offset > size_ || to.size() > size_ - offset) {
        throw FormatError(name_, size_,
                          "the file ends where " + std::to_string(to.size()) + " bytes were expected at byte " + std::to_string(offset));
    }
    if (!to.empty()) fill(offset, to);
}

std::unique_ptr<Source> open_file(std::string const& path) {
    if (path.find('\0') != std::string::npos) throw FileError("cannot open a file: its name holds a zero byte");
    // Without O_NONBLOCK a pipe would block here until someone writes to it; a regular file does not care.
    int const descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) throw_file_error("open", path, errno);
    struct stat info = {};
    int const failure = ::fstat(descriptor, &info) != 0 ? errno : S_ISDIR(info.st_mode) ? EISDIR : 0;
    if (failure != 0 || !S_ISREG(info.st_mode)) {
        ::close(descriptor);
        if (failure != 0) throw_file_error("read", path, failure);
        throw FileError("cannot read '" + path + "': it is a pipe or a device, and only regular files tell their size");
    }
    return std::make_unique<FileSource>(path, static_cast<std::uint64_t>(info.st_size), descriptor);
}

std::unique_ptr<Source> open_memory(std::span<std::byte const> bytes, std::string const& name) {
    return std::make_unique<MemorySource>(bytes, name);
}

}  // namespace ca3::io
