#pragma once

#include <ca3/io/npy.hpp>

#include <map>
#include <string>
#include <vector>

/// safetensors: 8-byte little-endian header length, a JSON header {name: {dtype, shape, data_offsets}, "__metadata__": {str: str}}, the data.
namespace ca3::io {

struct Tensors {
    std::map<std::string, Array> tensors;
    std::map<std::string, std::string> metadata;
};

/// Refuses what the format forbids: holes, overlaps, offsets outside the file, sizes that do not match the shape, duplicate names.
/// @throws FormatError, FileError
[[nodiscard]] Tensors read_safetensors(std::string const& path);
[[nodiscard]] Tensors parse_safetensors(std::vector<std::byte> const& bytes, std::string const& name);
/// The same tensors give the same bytes. Written to a temporary name, then renamed. @throws FileError
void write_safetensors(std::string const& path, Tensors const& tensors);

}  // namespace ca3::io
