#pragma once

#include "kernels/autoencoder/cluster.hpp"
#include "kernels/autoencoder/product.cuh"

/// Products of matrices in the shared memory of a block, laid out as cluster.hpp says.
namespace ca3::autoencoder::cuda {

__device__ __forceinline__ std::int32_t shared_place(std::int32_t ld, std::int32_t row, std::int32_t column) {
    return row * ld + (column ^ (row & 4));
}

/// An operand of C(m, n) = sum over k of A(m, k) B(n, k), along k or across. Lines from `extent` on are those of another line; depths
/// beyond the last are read up to the next piece and must be zero in one operand and finite in the other.
template <bool along>
struct SharedOperand {
    float const* data;
    std::int32_t ld;
    std::int32_t extent;

    [[nodiscard]] __device__ __forceinline__ float operator()(std::int32_t line, std::int32_t k) const {
        std::int32_t const there = line < extent ? line : extent - 1;
        return data[along ? shared_place(ld, there, k) : shared_place(ld, k, there)];
    }
};

/// f(m, n, sum) for all elements of A B^T, by all warps of a block: a warp takes tiles of 16 x 8 (tensor cores) or 16 x 32 (f32), a lane 4
/// or 4 x 4 elements of each. f32: each sum is one chain of fused products in rising order of k.
template <Precision precision, bool a_along, bool b_along, class F>
__device__ __forceinline__ void multiply_shared(SharedOperand<a_along> const& a, SharedOperand<b_along> const& b, std::int32_t depth,
                                                F const& f) {
    constexpr bool tensor = precision != Precision::f32;
    constexpr std::int32_t rows = 16, columns = tensor ? 8 : 32;
    std::int32_t const tiles_n = (b.extent + columns - 1) / columns, tiles = (a.extent + rows - 1) / rows * tiles_n;
    auto const lane = static_cast<std::int32_t>(threadIdx.x) % 32;
    for (std::int32_t tile = static_cast<std::int32_t>(threadIdx.x) / 32; tile < tiles; tile += cluster_threads / 32) {
        std::int32_t const m = tile / tiles_n * rows, n = tile % tiles_n * columns;
        float sums[tensor ? 4 : 16] = {};
        if constexpr (tensor) {
            constexpr std::int32_t step = precision == Precision::bf16 ? 16 : 8;
#pragma unroll 4
            for (std::int32_t k = 0; k < depth; k += step) {
                unsigned left[4], left_small[4], right[2], right_small[2];
                fragment<precision>(left, left_small, a, m + lane / 4, k, lane % 4);
                fragment<precision>(right, right_small, b, n + lane / 4, k, lane % 4);
                multiply_fragments<precision>(sums, left, left_small, right, right_small);
            }
        } else {
#pragma unroll 2
            for (std::int32_t k = 0; k < depth; ++k) {
                float left[4], right[4];
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    left[i] = a(m + lane / 8 + 4 * i, k);
                    right[i] = b(n + lane % 8 + 8 * i, k);
                }
#pragma unroll
                for (int e = 0; e < 16; ++e) sums[e] = fused(left[e / 4], right[e % 4], sums[e]);
            }
        }
#pragma unroll
        for (int e = 0; e < (tensor ? 4 : 16); ++e) {
            std::int32_t const row = m + (tensor ? lane / 4 + e / 2 * 8 : lane / 8 + e / 4 * 4);
            std::int32_t const column = n + (tensor ? lane % 4 * 2 + e % 2 : lane % 8 + e % 4 * 8);
            if (row < a.extent && column < b.extent) f(row, column, sums[e]);
        }
    }
}

}  // namespace ca3::autoencoder::cuda
