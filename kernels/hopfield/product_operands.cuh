#pragma once

#include "kernels/common/launch.cuh"
#include "kernels/common/ptx.cuh"

#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <type_traits>

/// What the integer products of product.cuh and product_warpgroup.cuh share: how operands are read and tiles are numbered.
namespace ca3::hopfield::cuda {

/// Copies elements (row, k) ... (row, k + 15) to shared memory, zeros outside the matrix, one plane of `pitch`-byte rows for each limb.
/// @param aligned rows begin at multiples of 16 bytes
template <class T>
__device__ void load_16(MatrixView<T const> const& from, std::int64_t row, std::int64_t k, bool aligned, unsigned char* to,
                        int plane_bytes) {
    std::int64_t const left = row < from.rows ? from.cols - k : 0;
    int const count = left <= 0 ? 0 : left < 16 ? static_cast<int>(left) : 16;
    T const* const source = count > 0 ? from.data + row * from.stride + k : from.data;
    if (sizeof(T) == 1 && aligned) {
        ptx::cp_async_16(to, source, count);
        return;
    }
    using Bits = std::make_unsigned_t<T>;
    std::uint32_t words[sizeof(T)][4] = {};
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        auto const value = static_cast<std::uint32_t>(i < count ? static_cast<Bits>(source[i]) : Bits{0});
#pragma unroll
        for (int limb = 0; limb < static_cast<int>(sizeof(T)); ++limb) words[limb][i / 4] |= (value >> (8 * limb) & 0xFFu) << (i % 4 * 8);
    }
#pragma unroll
    for (int limb = 0; limb < static_cast<int>(sizeof(T)); ++limb) {
        *reinterpret_cast<uint4*>(to + limb * plane_bytes) = make_uint4(words[limb][0], words[limb][1], words[limb][2], words[limb][3]);
    }
}

template <class T>
[[nodiscard]] inline bool rows_aligned(MatrixView<T const> const& view) {
    return reinterpret_cast<std::uintptr_t>(view.data) % 16 == 0 && view.stride * static_cast<std::int64_t>(sizeof(T)) % 16 == 0;
}

struct TileOrigin {
    std::int64_t m;
    std::int64_t n;
};

/// First row and column of this block's tile. Eight tiles along m share the rows of W that one tile along n needs, then the next tile
/// along n comes, so that what runs at the same time meets in L2.
template <int tile_m, int tile_n>
__device__ TileOrigin tile_origin(std::int64_t rows_m, std::int64_t rows_n) {
    std::int64_t const tiles_m = (rows_m + tile_m - 1) / tile_m, tiles_n = (rows_n + tile_n - 1) / tile_n;
    std::int64_t const band = blockIdx.x / (8 * tiles_n), inside = blockIdx.x - band * 8 * tiles_n;
    std::int64_t const height = min(tiles_m - 8 * band, std::int64_t{8});
    return {(8 * band + inside % height) * tile_m, inside / height * tile_n};
}

/// Tiles of a rows_m x rows_n matrix, a block each. @throws Overflow past what a grid holds
template <int tile_m, int tile_n>
[[nodiscard]] unsigned tiles(std::int64_t rows_m, std::int64_t rows_n) {
    std::int64_t const count = ((rows_m + tile_m - 1) / tile_m) * ((rows_n + tile_n - 1) / tile_n);
    if (count >= std::int64_t{1} << 31)
        throw Overflow("hopfield: a product of " + std::to_string(count) + " tiles is too large for one launch");
    return static_cast<unsigned>(count);
}

}  // namespace ca3::hopfield::cuda
