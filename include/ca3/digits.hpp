#pragma once

#include <cstdint>
#include <vector>

namespace ca3 {

/// Grey images with labels.
struct Images {
    std::int64_t count = 0;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::vector<std::uint8_t> pixels;  ///< count x rows x cols
    std::vector<std::uint8_t> labels;  ///< count, or empty
};

/// Synthetic handwritten digits, 28 x 28: strokes with seeded jitter, width, slant and size, anti-aliased.
/// Labels run 0, 1, ..., 9, 0, 1, ...; image n is a pure function of (n, seed), the same on every machine.
/// @throws InvalidArgument when `count` is negative
[[nodiscard]] Images synthetic_digits(std::int64_t count, std::uint64_t seed = 0);

}  // namespace ca3
