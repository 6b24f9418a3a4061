#include <ca3/io/npy.hpp>

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "io/npy_stream.hpp"
#include "io/zip.hpp"

#include <string_view>

namespace ca3::io {
namespace {

constexpr std::string_view suffix = ".npy";

std::map<std::string, Array> parse(Source const& source) {
    std::map<std::string, Array> arrays;
    for (ZipMember const& member : read_zip_directory(source)) {
        auto const stream = open_zip_member(source, member);
        if (!member.name.ends_with(suffix)) stream->fail(0, "not an NPZ file: its members must end in .npy");
        arrays.emplace(member.name.substr(0, member.name.size() - suffix.size()), read_npy_stream(*stream));
    }
    return arrays;
}

}  // namespace

std::map<std::string, Array> read_npz(std::string const& path) {
    return parse(*open_file(path));
}

std::map<std::string, Array> parse_npz(std::vector<std::byte> const& bytes, std::string const& name) {
    return parse(*open_memory(bytes, name));
}

void write_npz(std::string const& path, std::map<std::string, Array> const& arrays, bool compress) {
    char constexpr function[] = "write_npz";
    std::size_t constexpr longest_name = 0xFFFF - suffix.size();
    for (auto const& [name, array] : arrays) {
        require_npy(function, "array '" + name + "'", array);
        require(name.size() <= longest_name && name.find('\0') == std::string::npos, function,
                [&] { return "an array's name is longer than 65531 bytes or holds a zero byte"; });
    }
    OutputFile file(path);
    ZipWriter zip(file.sink());
    for (auto const& [name, array] : arrays) {
        zip.add(
            name + std::string(suffix), [&content = array](Sink const& sink) { write_npy_stream(sink, content); }, compress);
    }
    zip.finish();
    file.commit();
}

}  // namespace ca3::io
