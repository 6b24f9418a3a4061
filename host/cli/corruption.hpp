#pragma once

#include "sign_array.hpp"

#include <cstdint>
#include <vector>

/// Cues made from patterns. Everything random is a pure function of (seed, draw): equal on every machine.
namespace ca3::cli {

/// `count` different numbers below `n`, in random order. @throws InvalidArgument when count > n
[[nodiscard]] std::vector<std::int64_t> choose(std::int64_t n, std::int64_t count, std::uint64_t seed, std::uint32_t draw);

/// P rows of d random signs.
[[nodiscard]] SignArray random_signs(std::int64_t rows, std::int64_t cols, std::uint64_t seed, std::uint32_t draw);

/// Flips exactly `count` different elements of every row.
[[nodiscard]] SignArray flip(SignArray const&, std::int64_t count, std::uint64_t seed, std::uint32_t draw);

/// Resets each element with probability p to a random sign, so that a share p / 2 changes on average.
[[nodiscard]] SignArray reset(SignArray const&, double p, std::uint64_t seed, std::uint32_t draw);

enum class Loss {
    alternate,  ///< every second pixel, as a chequerboard
    left,       ///< the left half
    right,      ///< the right half
    top,        ///< the upper half
    bottom,     ///< the lower half
};
[[nodiscard]] char const* to_string(Loss);
/// Images of `width` columns with half of their pixels set to 0, unknown.
[[nodiscard]] SignArray lose_half(SignArray const&, std::int64_t width, Loss);

/// Differing elements of row i of `a` and row j of `b`.
[[nodiscard]] std::int64_t errors(SignArray const& a, std::int64_t i, SignArray const& b, std::int64_t j);
/// Mean squared difference of all elements; NaN where there are none.
[[nodiscard]] double mse(SignArray const& a, SignArray const& b);

}  // namespace ca3::cli
