#pragma once

#include <ca3/io/npy.hpp>

#include <map>
#include <string>
#include <vector>

/// safetensors: 8-byte little-endian header length, a JSON header {name: {dtype, shape, data_offsets}, "__metadata__": {str: str}}, the
/// data.
namespace ca3::io {

struct Tensors {
    std::map<std::string, Array> tensors;
    std::map<std::string, std::string> metadata;
};

/// Refuses what the format forbids: holes, overlaps, offsets outside the file, sizes that do not match the shape, duplicate names; also
/// element types that DType lacks (fp8, complex), fields that the format does not have, and bools other than 0 and 1.
/// @throws FormatError; FileError with the system's reason (pipes and devices are refused too); OutOfMemory
[[nodiscard]] Tensors read_safetensors(std::string const& path);
[[nodiscard]] Tensors parse_safetensors(std::vector<std::byte> const& bytes, std::string const& name);
/// The same tensors give the same bytes: wide elements first, then by name, so that each tensor is aligned. Appears under its
/// name whole or not at all. @throws InvalidArgument for data that does not fit its shape, or text that is no UTF-8; FileError
void write_safetensors(std::string const& path, Tensors const& tensors);

}  // namespace ca3::io
