#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// NumPy's NPY (versions 1.0 to 3.0) and NPZ (zip of NPY; stored and deflated members).
namespace ca3::io {

enum class DType : std::uint8_t { boolean, i8, u8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64 };  ///< bf16 in safetensors only

[[nodiscard]] std::size_t size_of(DType) noexcept;
[[nodiscard]] std::string to_string(DType);  ///< "int8", "float32", ... as NumPy prints them

/// A dense array in host memory: row-major, in this machine's byte order.
struct Array {
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> data;

    /// Product of the shape; 1 for a scalar. @throws InvalidArgument for a shape that is negative or beyond 64 bits
    [[nodiscard]] std::int64_t size() const;
    template <class T>
    [[nodiscard]] T const* as() const {
        return reinterpret_cast<T const*>(data.data());
    }
    template <class T>
    [[nodiscard]] T* as() {
        return reinterpret_cast<T*>(data.data());
    }
};

/// Fortran order and foreign byte order are converted. Structured, object, string, complex and date types are refused, and so are bytes
/// after the data and bools other than 0 and 1. The announced size is compared with what the file holds before memory is taken.
/// @throws FormatError; FileError with the system's reason (pipes and devices are refused too); OutOfMemory
[[nodiscard]] Array read_npy(std::string const& path);
[[nodiscard]] Array parse_npy(std::vector<std::byte> const& bytes, std::string const& name);
/// Version 1.0, byte for byte as NumPy 2 writes it. Appears under its name whole or not at all.
/// @throws InvalidArgument when the data does not fit the shape, or NPY cannot hold it (bf16, more than 64 dimensions); FileError
void write_npy(std::string const& path, Array const& array);

/// Member names come without ".npy"; a member that is no ".npy" is refused, and so are encryption, other compressions, overlaps, duplicate
/// names, a wrong CRC, and a member that inflates to more or less than announced. Errors name the member; for a deflated one the offset
/// counts inflated bytes where the message says so. @throws FormatError, FileError, OutOfMemory
[[nodiscard]] std::map<std::string, Array> read_npz(std::string const& path);
[[nodiscard]] std::map<std::string, Array> parse_npz(std::vector<std::byte> const& bytes, std::string const& name);
/// Stored, or deflated when `compress`; the same arrays give the same bytes (dated 1980-01-01; zip64 where 4 GiB are passed).
/// Appears under its name whole or not at all. @throws InvalidArgument as write_npy, and for a name that zip cannot hold;
/// FileError
void write_npz(std::string const& path, std::map<std::string, Array> const& arrays, bool compress = false);

}  // namespace ca3::io
