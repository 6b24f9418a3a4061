#pragma once

#include "kernels/autoencoder/chain.hpp"
#include "kernels/common/ptx.cuh"

#include <cstdint>

/// Matrices of bf16 in shared memory, for blocks of chain_threads threads: how they get there, and how warps read them as fragments of
/// m16n8k16. Rows begin 16 bytes off a multiple of 128, so that eight of them that ldmatrix reads together meet different banks.
namespace ca3::autoencoder::cuda {

inline constexpr int piece_side = 64;
inline constexpr int piece_pitch = piece_side + 8;
inline constexpr int piece_halves = piece_side * piece_pitch;

struct HalfMatrix {
    std::uint16_t const* data;
    std::int64_t ld;  ///< a multiple of 8
    std::int32_t rows, columns;
};

/// Starts copies of rows [row, row + lines) and columns [column, column + 8 fours): zeros where the matrix ends. column: a multiple of 8.
template <int lines>
__device__ __forceinline__ void start_copies(std::uint16_t* to, int pitch, HalfMatrix const& x, std::int32_t row, std::int32_t column,
                                             int eights) {
    for (int i = static_cast<int>(threadIdx.x); i < lines * eights; i += chain_threads) {
        int const line = i / eights, at = i % eights * 8;
        std::int32_t const left = x.columns - column - at;
        int const bytes = row + line >= x.rows || left <= 0 ? 0 : left < 8 ? 2 * left : 16;
        std::uint16_t const* const from = x.data + (row + line) * x.ld + column + at;
        ptx::cp_async_16(to + line * pitch + at, bytes > 0 ? from : x.data, bytes);
    }
}
/// The same for 64 x 64 of them.
__device__ __forceinline__ void start_piece(std::uint16_t* to, HalfMatrix const& x, std::int32_t row, std::int32_t column) {
    static_assert(piece_side * piece_side / 8 % chain_threads == 0);
    int const line = static_cast<int>(threadIdx.x) / 8, at = static_cast<int>(threadIdx.x) % 8 * 8;
    std::int32_t const left = x.columns - column - at;
    int const whole = left <= 0 ? 0 : left < 8 ? 2 * left : 16;
    constexpr int step = chain_threads / 8;
#pragma unroll
    for (int l = 0; l < piece_side; l += step) {
        int const bytes = row + line + l < x.rows ? whole : 0;
        std::uint16_t const* const from = x.data + (row + line + l) * x.ld + column + at;
        ptx::cp_async_16(to + (line + l) * piece_pitch + at, bytes > 0 ? from : x.data, bytes);
    }
}

/// Where a lane's row of four 8 x 8 matrices is, which make up the 16 x 16 at `from`: the second one lies below the first, or with `beside`
/// to its right.
template <bool beside>
__device__ __forceinline__ std::uint16_t const* row_of_lane(std::uint16_t const* from, int pitch) {
    int const lane = static_cast<int>(threadIdx.x) % 32, m = lane / 8;
    return from + ((beside ? m / 2 : m % 2) * 8 + lane % 8) * pitch + (beside ? m % 2 : m / 2) * 8;
}

/// A(m, k) at rows of m ("along" k), or rows of k: the fragment of 16 x 16 elements that begin at `from`.
template <bool along>
__device__ __forceinline__ void read_left(unsigned (&a)[4], std::uint16_t const* from, int pitch) {
    if constexpr (along)
        ptx::ldmatrix_x4(a, row_of_lane<false>(from, pitch));
    else
        ptx::ldmatrix_x4_transposed(a, row_of_lane<true>(from, pitch));
}
/// B(k, n) at rows of n ("along" k), or rows of k: the fragments of columns 0 to 7 and 8 to 15.
template <bool along>
__device__ __forceinline__ void read_right(unsigned (&b)[2][2], std::uint16_t const* from, int pitch) {
    unsigned r[4];
    if constexpr (along)
        ptx::ldmatrix_x4(r, row_of_lane<true>(from, pitch));
    else
        ptx::ldmatrix_x4_transposed(r, row_of_lane<false>(from, pitch));
    b[0][0] = r[0];
    b[0][1] = r[1];
    b[1][0] = r[2];
    b[1][1] = r[3];
}

}  // namespace ca3::autoencoder::cuda
