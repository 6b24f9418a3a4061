#pragma once

#include "io/elements.hpp"

#include <string>
#include <string_view>
#include <vector>

/// NPY as a sequence of bytes, so that a file and a member of an archive are one thing.
namespace ca3::io {

inline constexpr std::size_t most_npy_dimensions = 64;  ///< as in NumPy 2

/// What the header says of the data behind it.
struct NpyHeader {
    DType dtype = DType::f32;
    bool foreign_order = false;  ///< elements are in the byte order that is not this machine's
    bool fortran_order = false;
    std::vector<std::int64_t> shape;
};

/// The Python dictionary of a header. `at` is its position in the stream, which reports the errors.
[[nodiscard]] NpyHeader parse_npy_header(std::string_view text, Stream const& stream, std::uint64_t at);

/// Magic, version and dictionary, padded to a multiple of 64 bytes.
[[nodiscard]] std::vector<std::byte> npy_preamble(Array const& array);

/// Reads to the end of the stream.
[[nodiscard]] Array read_npy_stream(Stream& stream);

/// @throws InvalidArgument when NPY cannot hold the array
void require_npy(char const* function, std::string const& name, Array const& array);
void write_npy_stream(Sink const& sink, Array const& array);

}  // namespace ca3::io
