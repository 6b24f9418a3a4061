#pragma once

#include "kernels/hopfield/product_operands.cuh"
#include "kernels/hopfield/product_warpgroup.cuh"

/// The integer product sum over k of A(m, k) W(n, k) on the tensor cores, both read along k, for A of 8 bits and W of 8, 16 or 32.
///
/// Wide weights are cut into bytes, w = sum over l of 256^l limb_l with the highest limb signed and the others unsigned, each with an
/// accumulator of its own; the limbs meet in 64 bits at the end. An accumulator is exact while 255 K < 2^31, which a K x K matrix that
/// fits in memory cannot leave, and for entries of -1, 0, +1 while K < 2^31.
namespace ca3::hopfield::cuda {

/// Tile of one block of 8 warps, 2 along m and 4 along n; tiles_m x tiles_n tensor core tiles (16 x 8) for each warp.
template <class Weight>
struct ProductShape {
    static constexpr int limbs = sizeof(Weight);
    static constexpr int tiles_m = limbs == 1 ? 4 : 2;
    static constexpr int tiles_n = limbs == 4 ? 2 : 4;
    static constexpr int m = 2 * tiles_m * 16;
    static constexpr int n = 4 * tiles_n * 8;
    static constexpr int k = 64;      ///< bytes of a row in one stage
    static constexpr int pitch = 80;  ///< of rows in shared memory: 8 rows of 16 bytes cover all 32 banks
    static constexpr int stages = 3;
    static constexpr int stage_bytes = (m + limbs * n) * pitch;
    static constexpr int threads = 256;
    static constexpr int shared_bytes = stages * stage_bytes;
};

template <bool last_limb, class Weight>
__device__ void multiply_add(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    if constexpr (last_limb && std::is_signed_v<Weight>) {
        ptx::mma_m16n8k32_s8(d, a, b);
    } else {
        ptx::mma_m16n8k32_s8u8(d, a, b);
    }
}

/// Epilogue: needs_row_sums (of A), counts_changes; int operator()(m, n, sum, row_sum) for every element; finish_row(m, sum of what it
/// returned).
template <class Weight, class Epilogue>
__global__ void __launch_bounds__(256, 2)
    product_kernel(MatrixView<std::int8_t const> a, bool a_aligned, MatrixView<Weight const> w, bool w_aligned, Epilogue epilogue) {
    using Shape = ProductShape<Weight>;
    constexpr int limbs = Shape::limbs, tiles_m = Shape::tiles_m, tiles_n = Shape::tiles_n;
    unsigned char* const shared = dynamic_shared<unsigned char>();
    int const warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);
    int const warp_m = warp % 2, warp_n = warp / 2;

    auto const origin = tile_origin<Shape::m, Shape::n>(a.rows, w.rows);
    std::int64_t const first_m = origin.m, first_n = origin.n;
    std::int64_t const steps = (a.cols + Shape::k - 1) / Shape::k;
    auto const load = [&](std::int64_t step) {
        if (step < steps) {
            unsigned char* const stage = shared + step % Shape::stages * Shape::stage_bytes;
            for (int piece = static_cast<int>(threadIdx.x); piece < (Shape::m + Shape::n) * 4; piece += Shape::threads) {
                int const row = piece / 4, column = piece % 4 * 16;
                std::int64_t const k = step * Shape::k + column;
                unsigned char* const to = stage + row * Shape::pitch + column;
                if (row < Shape::m) {
                    load_16(a, first_m + row, k, a_aligned, to, 0);
                } else {
                    load_16(w, first_n + row - Shape::m, k, w_aligned, to, Shape::n * Shape::pitch);
                }
            }
        }
        ptx::cp_async_commit();
    };

    int sum[limbs][tiles_m][tiles_n][4] = {};
    int row_sum[2] = {};  // of the rows g and g + 8 of this warp's tile number warp_n
    for (int step = 0; step < Shape::stages - 1; ++step) load(step);
    for (std::int64_t step = 0; step < steps; ++step) {
        ptx::cp_async_wait<Shape::stages - 2>();
        __syncthreads();  // the stage is complete, and the one before it is free
        load(step + Shape::stages - 1);
        unsigned char const* const stage = shared + step % Shape::stages * Shape::stage_bytes;
#pragma unroll
        for (int half = 0; half < Shape::k; half += 32) {
            unsigned fragment_a[tiles_m][4];
#pragma unroll
            for (int i = 0; i < tiles_m; ++i) {
                int const row = (warp_m * tiles_m + i) * 16 + lane % 16;
                ptx::ldmatrix_x4(fragment_a[i], stage + row * Shape::pitch + half + lane / 16 * 16);
                if (Epilogue::needs_row_sums && i == warp_n) {
                    row_sum[0] = ptx::dp4a_s8(fragment_a[i][0], 0x01010101u, ptx::dp4a_s8(fragment_a[i][2], 0x01010101u, row_sum[0]));
                    row_sum[1] = ptx::dp4a_s8(fragment_a[i][1], 0x01010101u, ptx::dp4a_s8(fragment_a[i][3], 0x01010101u, row_sum[1]));
                }
            }
#pragma unroll
            for (int limb = 0; limb < limbs; ++limb) {
#pragma unroll
                for (int j = 0; j < tiles_n; j += 2) {
                    int const row = Shape::m + limb * Shape::n + (warp_n * tiles_n + j) * 8 + lane % 8 + lane / 16 * 8;
                    unsigned both[4];
                    ptx::ldmatrix_x4(both, stage + row * Shape::pitch + half + lane / 8 % 2 * 16);
                    unsigned const fragment_b[2][2] = {{both[0], both[1]}, {both[2], both[3]}};
#pragma unroll
                    for (int i = 0; i < tiles_m; ++i) {
#pragma unroll
                        for (int c = 0; c < 2; ++c) {
                            if (limb == limbs - 1) {
                                multiply_add<true, Weight>(sum[limb][i][j + c], fragment_a[i], fragment_b[c]);
                            } else {
                                multiply_add<false, Weight>(sum[limb][i][j + c], fragment_a[i], fragment_b[c]);
                            }
                        }
                    }
                }
            }
        }
    }

    int* const row_sums = reinterpret_cast<int*>(shared);
    if constexpr (Epilogue::needs_row_sums) {
        static_assert(tiles_m == 4, "warp_n numbers the tiles along m");
        __syncthreads();
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            int total = row_sum[half];
            total += __shfl_xor_sync(0xFFFFFFFFu, total, 1);
            total += __shfl_xor_sync(0xFFFFFFFFu, total, 2);
            if (lane % 4 == 0) row_sums[(warp_m * tiles_m + warp_n) * 16 + half * 8 + lane / 4] = total;
        }
        __syncthreads();
    }

#pragma unroll
    for (int i = 0; i < tiles_m; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            int const row = (warp_m * tiles_m + i) * 16 + half * 8 + lane / 4;
            std::int64_t const m = first_m + row;
            int changes = 0;
#pragma unroll
            for (int j = 0; j < tiles_n; ++j) {
#pragma unroll
                for (int c = 0; c < 2; ++c) {
                    std::int64_t const n = first_n + (warp_n * tiles_n + j) * 8 + lane % 4 * 2 + c;
                    std::int64_t total = 0;
#pragma unroll
                    for (int limb = limbs - 1; limb >= 0; --limb) total = total * 256 + sum[limb][i][j][half * 2 + c];
                    if (m < a.rows && n < w.rows) changes += epilogue(m, n, total, Epilogue::needs_row_sums ? row_sums[row] : 0);
                }
            }
            if constexpr (Epilogue::counts_changes) {
                changes += __shfl_xor_sync(0xFFFFFFFFu, changes, 1);
                changes += __shfl_xor_sync(0xFFFFFFFFu, changes, 2);
                if (lane % 4 == 0 && m < a.rows) epilogue.finish_row(m, changes);
            }
        }
    }
}

template <class Weight, class Epilogue>
void product(Context const& context, MatrixView<std::int8_t const> a, MatrixView<Weight const> w, Epilogue const& epilogue) {
    using Shape = ProductShape<Weight>;
    if (a.rows == 0 || w.rows == 0) return;
    if constexpr (sizeof(Weight) == 1) {
        if (product_warpgroup(context, a, w, epilogue)) return;
    }
    launch(context, product_kernel<Weight, Epilogue>,
           {.grid = dim3(tiles<Shape::m, Shape::n>(a.rows, w.rows)), .block = dim3(Shape::threads), .shared_bytes = Shape::shared_bytes}, a,
           rows_aligned(a), w, rows_aligned(w), epilogue);
}

}  // namespace ca3::hopfield::cuda
