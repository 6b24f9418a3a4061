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

/// Bytes that there are of eight columns, of which `left` are left.
__device__ __forceinline__ int bytes_of(std::int32_t left) {
    return left <= 0 ? 0 : left < 8 ? 2 * left : 16;
}
/// Starts copies of rows [row, row + lines) and their columns [0, width): zeros where the matrix ends. width: a multiple of 8.
template <int lines>
__device__ __forceinline__ void start_rows(std::uint16_t* to, int pitch, HalfMatrix const& x, std::int32_t row, int width) {
    constexpr int warps = chain_threads / 32;
    static_assert(lines % warps == 0);
    int const warp = static_cast<int>(threadIdx.x) / 32;
    for (int at = static_cast<int>(threadIdx.x) % 32 * 8; at < width; at += 256) {
        int const whole = bytes_of(x.columns - at);
#pragma unroll
        for (int l = warp; l < lines + warp; l += warps) {
            int const bytes = row + l < x.rows ? whole : 0;
            ptx::cp_async_16(to + l * pitch + at, bytes > 0 ? x.data + (row + l) * x.ld + at : x.data, bytes);
        }
    }
}
/// The same for 64 rows and 64 columns from `column` on, a multiple of 8, to rows piece_pitch apart.
__device__ __forceinline__ void start_piece(std::uint16_t* to, HalfMatrix const& x, std::int32_t row, std::int32_t column) {
    int const line = static_cast<int>(threadIdx.x) / 8, at = static_cast<int>(threadIdx.x) % 8 * 8;
    int const whole = bytes_of(x.columns - column - at);
    std::uint16_t const* const from = x.data + (row + line) * x.ld + column + at;
    constexpr int step = chain_threads / 8;
#pragma unroll
    for (int l = 0; l < piece_side; l += step) {
        int const bytes = row + line + l < x.rows ? whole : 0;
        ptx::cp_async_16(to + (line + l) * piece_pitch + at, bytes > 0 ? from + l * x.ld : x.data, bytes);
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
