#include <ca3/error.hpp>
#include <ca3/io/idx.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace ca3::io {
namespace {

struct Found {
    std::string path;
    IdxArray array;
};

/// `folder`/`name`, plain or else gzip-compressed, with `dimensions` dimensions of bytes.
Found read_part(std::string const& folder, std::string const& name, std::size_t dimensions) {
    namespace fs = std::filesystem;
    for (std::string const& candidate : {name, name + ".gz"}) {
        std::string const path = (fs::path(folder) / candidate).string();
        std::error_code error;
        if (fs::status(path, error).type() == fs::file_type::not_found) continue;
        Found found{path, read_idx(path)};
        if (found.array.type != IdxType::u8) throw FormatError(path, 2, "MNIST files hold unsigned bytes");
        if (found.array.shape.size() != dimensions) {
            throw FormatError(path, 3,
                              "expected " + std::to_string(dimensions) + " dimensions, found " + std::to_string(found.array.shape.size()));
        }
        return found;
    }
    throw FileError("cannot find MNIST in '" + folder + "': neither " + name + " nor " + name + ".gz is there");
}

std::vector<std::uint8_t> to_bytes(std::vector<std::byte> const& data) {
    std::vector<std::uint8_t> result(data.size());
    if (!data.empty()) std::memcpy(result.data(), data.data(), data.size());
    return result;
}

}  // namespace

Images read_mnist(std::string const& folder, Split split) {
    std::string const prefix = split == Split::train ? "train" : "t10k";
    Found const images = read_part(folder, prefix + "-images-idx3-ubyte", 3);
    Found const labels = read_part(folder, prefix + "-labels-idx1-ubyte", 1);
    if (labels.array.shape[0] != images.array.shape[0]) {
        throw FormatError(labels.path, 4,
                          std::to_string(labels.array.shape[0]) + " labels for the " + std::to_string(images.array.shape[0]) +
                              " images of " + images.path);
    }
    auto const bad = std::ranges::find_if(labels.array.data, [](std::byte label) { return label > std::byte{9}; });
    if (bad != labels.array.data.end()) {
        std::uint64_t constexpr header = 8;
        throw FormatError(labels.path, header + static_cast<std::uint64_t>(bad - labels.array.data.begin()),
                          "label " + std::to_string(std::to_integer<int>(*bad)) + " is no digit");
    }
    return {.count = images.array.shape[0],
            .rows = images.array.shape[1],
            .cols = images.array.shape[2],
            .pixels = to_bytes(images.array.data),
            .labels = to_bytes(labels.array.data)};
}

}  // namespace ca3::io
