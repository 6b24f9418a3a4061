#pragma once

#include "kernels/autoencoder/chain.hpp"
#include "kernels/autoencoder/pieces.cuh"

#include <cstdint>

/// What a block makes of a layer in the chain, and how its threads hold it.
namespace ca3::autoencoder::cuda::chain {

inline constexpr int stages = 6;   ///< pieces of the weight in the ring
inline constexpr int warps_n = 4;  ///< warps stand 2 x 4 on 32 rows x 64 columns, each has 16 x 16

/// The columns that a block makes of a layer, and the weight's pieces for them, in the order in which they are used: the columns 64 by 64,
/// each with the whole depth. `along`: C = A W^T, else C = A W.
template <bool along>
class Columns {
public:
    HalfMatrix weight;  ///< ends, along, with the block's last row
    std::int32_t first, last, depth;

    __device__ __forceinline__ Columns(ChainJob const& job, ChainLayer const& layer, unsigned model) {
        std::int32_t const columns = along ? layer.out : layer.in;
        auto const share = static_cast<std::int32_t>(((columns + job.blocks - 1) / job.blocks + 15) / 16 * 16);
        first = static_cast<std::int32_t>(ptx::cluster_rank()) * share;
        last = first + share < columns ? first + share : columns;
        depth = along ? layer.in : layer.out;
        weight = {job.weights.of(model) + layer.rounded, layer.rounded_ld, along ? last : layer.out, along ? layer.in : last};
        column_ = first;
    }
    /// Starts the copies of the next piece, if there is one.
    __device__ __forceinline__ void start(std::uint16_t* ring) {
        if (column_ < last) {
            start_piece(ring + slot_ * piece_halves, weight, along ? column_ : k_, along ? k_ : column_);
            slot_ = slot_ + 1 < stages ? slot_ + 1 : 0;
            k_ += piece_side;
            if (k_ >= depth) {
                k_ = 0;
                column_ += piece_side;
            }
        }
        ptx::cp_async_commit();
    }
    /// The pieces that are on their way at first.
    __device__ __forceinline__ void start_first(std::uint16_t* ring) {
        for (std::int32_t t = 0; t < stages - 1; ++t) start(ring);
    }

private:
    std::int32_t column_, k_ = 0, slot_ = 0;  ///< of the next piece
};

/// Elements of a thread: (row, column), (row, column + 1), (row + 8, column), (row + 8, column + 1), and the same 8 columns on.
struct Place {
    std::int32_t row, column;
};
using Values = float[2][4];

__device__ __forceinline__ Place place_of(std::int32_t first_row, std::int32_t first_column) {
    auto const lane = static_cast<std::int32_t>(threadIdx.x) % 32, warp = static_cast<std::int32_t>(threadIdx.x) / 32;
    return {first_row + warp / warps_n * 16 + lane / 4, first_column + warp % warps_n * 16 + lane % 4 * 2};
}

/// f(j, e, row, column) for the first of each pair of neighbours that there is; where the matrix has an odd number of columns the second
/// one may be padding.
template <class F>
__device__ __forceinline__ void for_pairs(Place const& at, std::int32_t rows, std::int32_t columns, F const& f) {
#pragma unroll
    for (int j = 0; j < 2; ++j)
#pragma unroll
        for (int e = 0; e < 4; e += 2)
            if (at.row + 4 * e < rows && at.column + 8 * j < columns) f(j, e, at.row + 4 * e, at.column + 8 * j);
}

__device__ __forceinline__ void load_pairs(Values& to, Matrix<float const> const& from, unsigned model, Place const& at, std::int32_t rows,
                                           std::int32_t columns) {
    for_pairs(at, rows, columns, [&](int j, int e, std::int32_t row, std::int32_t column) {
        float2 const two = *reinterpret_cast<float2 const*>(from.of(model) + row * from.ld + column);
        to[j][e] = two.x;
        to[j][e + 1] = two.y;
    });
}
__device__ __forceinline__ void store_pairs(Matrix<float> const& to, unsigned model, Values const& from, Place const& at, std::int32_t rows,
                                            std::int32_t columns) {
    for_pairs(at, rows, columns, [&](int j, int e, std::int32_t row, std::int32_t column) {
        *reinterpret_cast<float2*>(to.of(model) + row * to.ld + column) = make_float2(from[j][e], from[j][e + 1]);
    });
}
__device__ __forceinline__ void store_rounded(Matrix<std::uint16_t> const& to, unsigned model, Values const& from, Place const& at,
                                              std::int32_t rows, std::int32_t columns) {
    for_pairs(at, rows, columns, [&](int j, int e, std::int32_t row, std::int32_t column) {
        *reinterpret_cast<unsigned*>(to.of(model) + row * to.ld + column) = ptx::bf16x2_of(from[j][e], from[j][e + 1]);
    });
}

}  // namespace ca3::autoencoder::cuda::chain
