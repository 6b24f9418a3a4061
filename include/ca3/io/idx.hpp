#pragma once

#include <ca3/digits.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// IDX, the format of MNIST: big-endian magic 0x0000TTDD (TT element type, DD dimensions), DD 32-bit sizes, then the data. Plain or gzip.
namespace ca3::io {

enum class IdxType : std::uint8_t { u8 = 0x08, i8 = 0x09, i16 = 0x0B, i32 = 0x0C, f32 = 0x0D, f64 = 0x0E };

struct IdxArray {
    IdxType type = IdxType::u8;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> data;  ///< row-major, in this machine's byte order
};

/// Reads a file, gzip-compressed or not (told by its content).
/// The announced size is compared with what the file holds before memory is taken; compressed data is inflated no further than announced.
/// Bytes after the data are refused. In compressed files the offset of a FormatError counts inflated bytes where its message says so.
/// @throws FormatError; FileError with the system's reason (pipes and devices are refused too); OutOfMemory
[[nodiscard]] IdxArray read_idx(std::string const& path);
/// The same from memory; `name` stands for the file in errors.
[[nodiscard]] IdxArray parse_idx(std::vector<std::byte> const& bytes, std::string const& name);
/// Appears under its name whole or not at all; gzip when the path ends in ".gz". The same array gives the same bytes.
/// @throws InvalidArgument when the data does not fit the shape or the shape the format (255 dimensions, sizes below 2^32); FileError
void write_idx(std::string const& path, IdxArray const& array);

enum class Split { train, test };
/// MNIST from a folder: {train,t10k}-{images-idx3,labels-idx1}-ubyte, with or without .gz (plain first). Labels are 0 to 9, as many as
/// images.
/// @throws FormatError, FileError (naming what was sought), OutOfMemory
[[nodiscard]] Images read_mnist(std::string const& folder, Split split);

}  // namespace ca3::io
