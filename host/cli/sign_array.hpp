#pragma once

#include <ca3/io/npy.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// Arrays of NPY files as what a memory takes.
namespace ca3::cli {

/// N rows of d signs.
struct SignArray {
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    HostVector<std::int8_t> values;

    [[nodiscard]] MatrixView<std::int8_t const> view() const { return {values.data(), rows, cols}; }
};

struct SignOptions {
    std::string name;           ///< of the array, for errors: its file
    bool binary = false;        ///< the array holds 0 and 1: 0 becomes -1
    bool zero_allowed = false;  ///< 0 stands for an unknown value, unless `binary`
    bool zero_unknown = false;  ///< with zero_allowed: take an array of 0 and 1 alone at its word
};

/// One row for 1-d arrays, the product of all sizes after the first as columns otherwise (N x H x W: N images).
/// Types: bool, int8, uint8 and all other integers, float32, float64.
/// @throws InvalidArgument for other values than announced, naming the first with its index; for other types; for a scalar
[[nodiscard]] SignArray to_signs(io::Array const&, SignOptions const&);

/// Rows as above, nonzero is true. @throws InvalidArgument for NaN
[[nodiscard]] SignArray to_mask(io::Array const&, std::string const& name);

/// The array's values in f64. @throws InvalidArgument when a value is not finite or an integer is too large to be exact
[[nodiscard]] std::vector<double> to_doubles(io::Array const&, std::string const& name);

/// "[3, 17]" for the flat index of an array of this shape.
[[nodiscard]] std::string index_text(std::vector<std::int64_t> const& shape, std::int64_t flat);

}  // namespace ca3::cli
