#pragma once

#include <ca3/matrix.hpp>

#include <cstdint>

namespace ca3::outer_product::cuda {

inline constexpr std::int64_t tile_side = 128;
inline constexpr std::int64_t step_bits = 256;  ///< of one tensor core product
inline constexpr std::int64_t step_words = step_bits / 32;

/// Columns as bits, in device memory: bit mu % 32 of bits[column * steps * step_words + mu / 32] is set where pattern mu is -1 in that
/// column. Zero past the last pattern and, up to whole tiles, past the last column.
struct PackedColumns {
    std::int64_t steps = 0;
    Buffer<std::uint32_t> bits;
    Buffer<int> ones;  ///< bits set in each column
};

/// @param patterns P x d in device memory. Synchronises.
/// @throws InvalidArgument for the first entry that is neither -1 nor +1
[[nodiscard]] PackedColumns pack_columns(Context const&, MatrixView<std::int8_t const> patterns);

}  // namespace ca3::outer_product::cuda
