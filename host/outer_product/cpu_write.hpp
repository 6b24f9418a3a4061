#pragma once

#include "outer_product/backend.hpp"

#include <cstdint>

/// Moving finished tiles to the matrix, and their mirror images.
namespace ca3::outer_product::cpu {

/// out = in^T, both tile_side x tile_side, aligned to 64 bytes.
template <class T>
void transpose_tile(T const* in, T* out) noexcept;

/// Copies `count` elements; past the caches when `streaming`, for matrices that do not fit them. A task that streams ends with
/// `finish_streaming`, before other threads may read what it wrote.
template <class T>
void write_row(T const* from, T* to, std::int64_t count, bool streaming) noexcept;
void finish_streaming() noexcept;

/// What former content must be a sum of, see backend.hpp.
struct Update {
    Operation operation = Operation::add;
    std::int64_t before = 0;
    std::int64_t after = 0;
};

/// to += from, or to -= from, modulo 2^n. False when an element was (adding) or has become (removing) impossible; it is written all the
/// same.
template <class T>
[[nodiscard]] bool update_row(Update const&, T const* from, T* to, std::int64_t count) noexcept;

}  // namespace ca3::outer_product::cpu
