#pragma once

#include "kernels/common/ptx.cuh"
#include "kernels/outer_product/tile.cuh"

#include <algorithm>

/// Tiles of the lower triangle by binary tensor core products. With a, b in {0, 1} for +1, -1 and n = popc the number of differing bits is
/// n(a) + n(b) - 2 n(a and b), and the product of the columns P minus twice that.
namespace ca3::outer_product::cuda {

struct Product {
    static constexpr int threads = 256;  // 8 warps, 2 along the rows and 4 along the columns of a tile
    static constexpr int warp_rows = 64, warp_columns = 32;
    static constexpr int tiles_m = warp_rows / 16, tiles_n = warp_columns / 8;
    static constexpr int stages = 3;
    static constexpr int pitch = 48;  // bytes of 256 bits and a gap: 8 rows of 16 bytes cover all 32 banks
    static constexpr int stage_bytes = 2 * static_cast<int>(tile_side) * pitch;

    static constexpr int all_stages_bytes = stages * stage_bytes;

    /// Where the counts of the columns begin in shared memory, behind the stages and, in their place, the staged tile.
    template <class T>
    static constexpr int ones_at = std::max(all_stages_bytes, static_cast<int>(tile_side) * staged_pitch<T>);
    template <class T>
    static constexpr int shared_bytes = ones_at<T> + 2 * static_cast<int>(tile_side * sizeof(int));
};

/// Tensor cores scatter a tile over the lanes of a warp, each lane 2 columns of 8 and 2 rows of 16. Rows and columns are therefore dealt to
/// the products such that each lane ends with 8 x 8 neighbouring elements, which it can store 8 at a time in both directions: in a warp's
/// share of the tile, row 8 g + s goes to place 8 s + g, column 8 t + 2 j + c to place 8 j + 2 t + c (g = lane / 4, t = lane % 4).
__device__ inline int row_place(int row) {
    return row / 64 * 64 + row % 8 * 8 + row % 64 / 8;
}
__device__ inline int column_place(int column) {
    return column / 32 * 32 + column % 8 / 2 * 8 + column % 32 / 8 * 2 + column % 2;
}

/// Numbers the tiles of a lower triangle by rows.
__device__ inline void lower_triangle(std::int64_t index, std::int64_t& row, std::int64_t& column) {
    row = static_cast<std::int64_t>((sqrt(8.0 * static_cast<double>(index) + 1.0) - 1.0) / 2.0);
    while (row * (row + 1) / 2 > index) --row;  // the root is rounded
    while ((row + 1) * (row + 2) / 2 <= index) ++row;
    column = index - row * (row + 1) / 2;
}

/// Replaces (or updates) one tile of the lower triangle and its mirror image per block.
template <bool update, class T>
__global__ void __launch_bounds__(Product::threads, 2)
    product_kernel(std::uint32_t const* bits, int const* ones, std::int64_t steps, unsigned patterns, Target<T> target) {
    constexpr int tiles_m = Product::tiles_m, tiles_n = Product::tiles_n, pitch = Product::pitch;
    unsigned char* const shared = dynamic_shared<unsigned char>();
    int const warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
    int const warp_row = warp % 2 * Product::warp_rows, warp_column = warp / 2 * Product::warp_columns;
    std::int64_t tile_row, tile_column;
    lower_triangle(blockIdx.x, tile_row, tile_column);
    std::int64_t const first_row = tile_row * tile_side, first_column = tile_column * tile_side;

    auto const load = [&](std::int64_t step) {
        if (step < steps) {
            unsigned char* const stage = shared + step % Product::stages * Product::stage_bytes;
            for (int piece = static_cast<int>(threadIdx.x); piece < 4 * static_cast<int>(tile_side); piece += Product::threads) {
                int const row = piece / 2 % static_cast<int>(tile_side), half = piece % 2;
                bool const left = piece < 2 * static_cast<int>(tile_side);
                int const place = left ? row_place(row) : static_cast<int>(tile_side) + column_place(row);
                std::int64_t const column = (left ? first_row : first_column) + row;
                ptx::cp_async_16(stage + place * pitch + half * 16, bits + (column * steps + step) * step_words + half * 4);
            }
        }
        ptx::cp_async_commit();
    };

    // The counts of the tile's rows, then of its columns, come with the first stage.
    int* const shared_ones = reinterpret_cast<int*>(shared + Product::ones_at<T>);
    for (int piece = static_cast<int>(threadIdx.x); piece < 2 * static_cast<int>(tile_side) / 4; piece += Product::threads) {
        std::int64_t const column = piece < static_cast<int>(tile_side) / 4 ? first_row + 4 * piece : first_column + 4 * piece - tile_side;
        ptx::cp_async_16(shared_ones + 4 * piece, ones + column);
    }

    int both[tiles_m][tiles_n][4] = {};
    for (int step = 0; step < Product::stages - 1; ++step) load(step);
    for (std::int64_t step = 0; step < steps; ++step) {
        ptx::cp_async_wait<Product::stages - 2>();
        __syncthreads();  // the stage is complete, and the one before it is free
        load(step + Product::stages - 1);
        unsigned char const* const stage = shared + step % Product::stages * Product::stage_bytes;
        unsigned a[tiles_m][4];
#pragma unroll
        for (int i = 0; i < tiles_m; ++i) ptx::ldmatrix_x4(a[i], stage + (warp_row + 16 * i + lane % 16) * pitch + lane / 16 * 16);
#pragma unroll
        for (int j = 0; j < tiles_n; j += 2) {
            int const place = static_cast<int>(tile_side) + warp_column + 8 * j + lane % 8 + lane / 16 * 8;
            unsigned pair[4];
            ptx::ldmatrix_x4(pair, stage + place * pitch + lane / 8 % 2 * 16);
            unsigned const b[2][2] = {{pair[0], pair[1]}, {pair[2], pair[3]}};
#pragma unroll
            for (int i = 0; i < tiles_m; ++i) {
                ptx::mma_m16n8k256_b1_and(both[i][j], a[i], b[0]);
                ptx::mma_m16n8k256_b1_and(both[i][j + 1], a[i], b[1]);
            }
        }
    }
    ptx::cp_async_wait<0>();
    __syncthreads();  // shared memory now stages the finished tile

    int const g = lane / 4, t = lane % 4;
    int const row = warp_row + 8 * g, column = warp_column + 8 * t;  // of this lane's 8 x 8 elements
    unsigned value[8][8];
#pragma unroll
    for (int s = 0; s < 8; ++s) {
        auto const row_ones = static_cast<unsigned>(shared_ones[row + s]);
#pragma unroll
        for (int c = 0; c < 8; ++c) {
            auto const column_ones = static_cast<unsigned>(shared_ones[tile_side + column + c]);
            unsigned const differing = row_ones + column_ones - 2u * static_cast<unsigned>(both[s / 2][c / 2][s % 2 * 2 + c % 2]);
            value[s][c] = patterns - (holds_agreements<T> ? differing : 2u * differing);
        }
    }
    bool const on_diagonal = tile_row == tile_column;
#pragma unroll
    for (int s = 0; s < 8; ++s) {
        unsigned char* const to = shared + (warp_row + 8 * s + g) * staged_pitch<T> + column * static_cast<int>(sizeof(T));
        stage_eight<T>(to, [&](int c) { return value[s][c]; });
        if (!update && on_diagonal && row == column) memcpy(to + s * static_cast<int>(sizeof(T)), &target.diagonal, sizeof(T));
    }
    __syncthreads();
    write_tile<update>(target, shared, first_row, first_column, [](int slot) { return slot / 64 * 64 + slot % 8 * 8 + slot % 64 / 8; });
    if (on_diagonal) return;

    __syncthreads();  // all have read the tile: its mirror image takes its place
#pragma unroll
    for (int c = 0; c < 8; ++c) {
        stage_eight<T>(shared + (warp_column + 4 * c + t) * staged_pitch<T> + row * static_cast<int>(sizeof(T)),
                       [&](int s) { return value[s][c]; });
    }
    __syncthreads();
    write_tile<update>(target, shared, first_column, first_row, [](int slot) { return slot / 32 * 32 + slot % 4 * 8 + slot % 32 / 4; });
}

}  // namespace ca3::outer_product::cuda
