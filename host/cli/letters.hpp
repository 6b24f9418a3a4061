#pragma once

#include "sign_array.hpp"

namespace ca3::cli {

constexpr std::int64_t letter_width = 6;

/// The letters A, B, C, E as 6 x 6 images, ink +1. Their Gram matrix is [[36,0,0,8],[0,36,0,4],[0,0,36,8],[8,4,8,36]].
[[nodiscard]] SignArray letters();

/// Overlaps of all rows with each other, P x P.
[[nodiscard]] std::vector<std::vector<std::int64_t>> gram(SignArray const&);

}  // namespace ca3::cli
