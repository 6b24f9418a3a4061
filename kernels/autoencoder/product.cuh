#pragma once

#include "kernels/autoencoder/elementary.cuh"
#include "kernels/common/device.cuh"
#include "kernels/common/ptx.cuh"

#include <cstdint>
#include <type_traits>

/// One tile of C = A B^T by a block of 128 or 256 threads: C(m, n) = sum over k of A(m, k) B(n, k), operands in f32 in global memory.
///
/// An operand lies along k (A row-major) or across (A^T row-major). Pieces along k come through a ring in shared memory by
/// asynchronous copies, zeros where a matrix ends. f32: each sum is one chain of fused products in rising order of k. The tensor cores take
/// operands rounded to tf32 (to nearest, ties away) or bf16 (ties to even) and add in f32 in the order of the hardware; tf32x3 splits each
/// operand into two tf32 parts and leaves out the product of the two small ones. Warps that hold sums of the same elements share the depth
/// of each piece, and their sums are added in the order of the warps.
namespace ca3::autoencoder::cuda {

struct Operand {
    float const* data;
    std::int64_t ld;      ///< a multiple of 4
    std::int32_t extent;  ///< rows (columns) of C that there are
};

/// Of side x side elements, by pieces of `depth_` along k, of which `stages_` are in shared memory or on their way.
template <int side_, int threads_, int depth_, int stages_, int blocks_>
struct Tile {
    static constexpr int side = side_;
    static constexpr int threads = threads_;
    static constexpr int depth = depth_;
    static constexpr int stages = stages_;
    static constexpr int blocks = blocks_;         ///< on a multiprocessor, at least: bounds the registers
    static constexpr int pitch_along = depth + 4;  ///< floats: rows of 16 bytes, fragments without bank conflicts
    static constexpr int pitch_across = side + 8;
    static constexpr int operand_floats = side * pitch_along > depth* pitch_across ? side* pitch_along : depth* pitch_across;
    static constexpr int stage_floats = 2 * operand_floats;
    static constexpr int shared_bytes = stages * stage_floats * static_cast<int>(sizeof(float));
};
template <int side>
using TileShape = std::conditional_t<side == 64, Tile<64, 256, 32, 3, 2>, Tile<32, 128, 64, 3, 3>>;
/// For a block that has a multiprocessor to itself: three times the bytes on their way and, with tensor cores, twice the warps.
template <Precision precision>
using DeepTile = std::conditional_t<precision == Precision::f32, Tile<32, 128, 64, 8, 1>, Tile<32, 256, 128, 4, 1>>;

/// Starts the copies of one piece of an operand: its rows [first, first + side), depths [k, k + Shape::depth).
template <class Shape, bool along>
__device__ __forceinline__ void load_operand(float* to, Operand const& x, std::int32_t first, std::int32_t k, std::int32_t depth) {
    constexpr int per_row = (along ? Shape::depth : Shape::side) / 4;
    constexpr int pieces = Shape::side * Shape::depth / 4;
#pragma unroll
    for (int p = 0; p < pieces / Shape::threads; ++p) {
        int const piece = static_cast<int>(threadIdx.x) + p * Shape::threads;
        int const line = piece / per_row, column = piece % per_row * 4;
        std::int32_t const row = (along ? first : k) + line, left = along ? depth - k - column : x.extent - first - column;
        bool const there = row < (along ? x.extent : depth) && left > 0;
        float const* const from = there ? x.data + row * x.ld + (along ? k : first) + column : x.data;
        ptx::cp_async_16(to + line * (along ? Shape::pitch_along : Shape::pitch_across) + column, from,
                         !there     ? 0
                         : left < 4 ? 4 * left
                                    : 16);
    }
}

/// The sums that a thread holds, and where in the tile they are.
template <class Shape, Precision precision, bool a_along, bool b_along>
struct Sums {
    static constexpr bool tensor = precision != Precision::f32;
    static constexpr int warps = Shape::threads / 32, across = Shape::side / 32;  ///< a warp of tensor cores takes 32 x 32
    static constexpr int parts = tensor ? warps / (across * across) : 1;
    static constexpr int count = parts * Shape::side * Shape::side / Shape::threads;
    // f32: rows x columns of a thread, of threads / 16 x 16 threads. Tensor cores: tiles_m x tiles_n products of a warp.
    static constexpr int lines = Shape::threads / 16, rows = Shape::side / lines, columns = Shape::side / 16;
    static constexpr int tiles_m = 2, tiles_n = 4;
    static_assert(!tensor || count == tiles_m * tiles_n * 4);

    float value[count / 4][4];

    [[nodiscard]] __device__ __forceinline__ float& at(int e) { return value[e / 4][e % 4]; }
    [[nodiscard]] static __device__ __forceinline__ int warp() { return static_cast<int>(threadIdx.x) / 32; }
    [[nodiscard]] static __device__ __forceinline__ int part() { return tensor ? warp() / (across * across) : 0; }
    [[nodiscard]] static __device__ __forceinline__ int warp_row() { return warp() / across % across * 32; }
    [[nodiscard]] static __device__ __forceinline__ int warp_column() { return warp() % across * 32; }
    [[nodiscard]] static __device__ __forceinline__ int row(int e) {
        if constexpr (tensor) {
            int const lane = static_cast<int>(threadIdx.x) % 32;
            return warp_row() + e / (4 * tiles_n) * 16 + lane / 4 + e % 4 / 2 * 8;
        } else {
            return row_of(e / columns);
        }
    }
    [[nodiscard]] static __device__ __forceinline__ int column(int e) {
        if constexpr (tensor) {
            int const lane = static_cast<int>(threadIdx.x) % 32;
            return warp_column() + e / 4 % tiles_n * 8 + lane % 4 * 2 + e % 2;
        } else {
            return column_of(e % columns);
        }
    }
    /// Along k a thread's rows are apart, so that its neighbours' reads meet other banks; across they stand in fours, read as vectors.
    [[nodiscard]] static __device__ __forceinline__ int row_of(int i) {
        int const y = static_cast<int>(threadIdx.x) / 16;
        return a_along ? y + lines * i : i / 4 * (4 * lines) + y * 4 + i % 4;
    }
    [[nodiscard]] static __device__ __forceinline__ int column_of(int j) {
        int const x = static_cast<int>(threadIdx.x) % 16;
        return b_along ? x + 16 * j : x * columns + j;
    }
};

template <class Shape, bool a_along, bool b_along, class S>
__device__ __forceinline__ void multiply_floats(S& sums, float const* a, float const* b) {
#pragma unroll 2
    for (int k = 0; k < Shape::depth; k += 4) {
        float left[S::rows][4], right[S::columns][4];
#pragma unroll
        for (int i = 0; i < S::rows; ++i)
            if constexpr (a_along) read_vector(left[i], a + S::row_of(i) * Shape::pitch_along + k);
#pragma unroll
        for (int j = 0; j < S::columns; ++j)
            if constexpr (b_along) read_vector(right[j], b + S::column_of(j) * Shape::pitch_along + k);
#pragma unroll
        for (int q = 0; q < 4; ++q) {
            if constexpr (!a_along) {
#pragma unroll
                for (int i = 0; i < S::rows; i += 4) {
                    float four[4];
                    read_vector(four, a + (k + q) * Shape::pitch_across + S::row_of(i));
#pragma unroll
                    for (int s = 0; s < 4; ++s) left[i + s][q] = four[s];
                }
            }
            if constexpr (!b_along) {
                float some[S::columns];
                read_vector(some, b + (k + q) * Shape::pitch_across + S::column_of(0));
#pragma unroll
                for (int j = 0; j < S::columns; ++j) right[j][q] = some[j];
            }
#pragma unroll
            for (int i = 0; i < S::rows; ++i)
#pragma unroll
                for (int j = 0; j < S::columns; ++j)
                    sums.at(i * S::columns + j) = fused(left[i][q], right[j][q], sums.at(i * S::columns + j));
        }
    }
}

template <class Shape, bool along>
__device__ __forceinline__ float element(float const* x, int row, int k) {
    return along ? x[row * Shape::pitch_along + k] : x[k * Shape::pitch_across + row];
}

/// An operand's fragment of `registers` tf32 values: rows row, row + 8 and depths k, k + 4 in this order. `small`: what is lost of them.
template <class Shape, bool along, bool parts, int registers>
__device__ __forceinline__ void fragment_tf32(unsigned (&large)[registers], unsigned (&small)[registers], float const* x, int row, int k) {
#pragma unroll
    for (int r = 0; r < registers; ++r) {
        bool const four = registers == 4;
        float const value = element<Shape, along>(x, row + (four ? r % 2 * 8 : 0), k + (four ? r / 2 : r) * 4);
        large[r] = ptx::tf32_of(value);
        if constexpr (parts) small[r] = ptx::tf32_of(value - ca3::detail::float_of(large[r]));
    }
}

template <class Shape, bool along, int registers>
__device__ __forceinline__ void fragment_bf16(unsigned (&to)[registers], float const* x, int row, int k) {
#pragma unroll
    for (int r = 0; r < registers; ++r) {
        bool const four = registers == 4;
        int const line = row + (four ? r % 2 * 8 : 0), depth = k + (four ? r / 2 : r) * 8;
        to[r] = ptx::bf16x2_of(element<Shape, along>(x, line, depth), element<Shape, along>(x, line, depth + 1));
    }
}

template <class Shape, Precision precision, bool a_along, bool b_along, class S>
__device__ __forceinline__ void multiply_tensor(S& sums, float const* a, float const* b) {
    int const lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
    constexpr bool bf16 = precision == Precision::bf16, parts = precision == Precision::tf32x3;
    constexpr int step = bf16 ? 16 : 8;
    constexpr int apart = step * S::parts;
#pragma unroll(parts ? 1 : 2)
    for (int k = step * S::part(); k < Shape::depth; k += apart) {
        unsigned left[S::tiles_m][4], left_small[S::tiles_m][4];
#pragma unroll
        for (int i = 0; i < S::tiles_m; ++i) {
            int const row = S::warp_row() + 16 * i + g;
            if constexpr (bf16)
                fragment_bf16<Shape, a_along>(left[i], a, row, k + 2 * t);
            else
                fragment_tf32<Shape, a_along, parts>(left[i], left_small[i], a, row, k + t);
        }
#pragma unroll
        for (int j = 0; j < S::tiles_n; ++j) {
            unsigned right[2], right_small[2];
            int const column = S::warp_column() + 8 * j + g;
            if constexpr (bf16)
                fragment_bf16<Shape, b_along>(right, b, column, k + 2 * t);
            else
                fragment_tf32<Shape, b_along, parts>(right, right_small, b, column, k + t);
#pragma unroll
            for (int i = 0; i < S::tiles_m; ++i) {
                float(&d)[4] = sums.value[i * S::tiles_n + j];
                if constexpr (bf16) {
                    ptx::mma_m16n8k16_bf16(d, left[i], right);
                } else {
                    if constexpr (parts) {
                        ptx::mma_m16n8k8_tf32(d, left_small[i], right);
                        ptx::mma_m16n8k8_tf32(d, left[i], right_small);
                    }
                    ptx::mma_m16n8k8_tf32(d, left[i], right);
                }
            }
        }
    }
}

/// Adds A B^T to `sums` for the tile whose first element is (first_row, first_column). The block's shared memory is in use until the next
/// barrier. each_piece(a, k): called by all threads while piece k of A is in shared memory.
template <class Shape, Precision precision, bool a_along, bool b_along, class S, class F>
__device__ __forceinline__ void multiply_tile(S& sums, Operand const& a, Operand const& b, std::int32_t first_row,
                                              std::int32_t first_column, std::int32_t depth, F const& each_piece) {
    float* const shared = dynamic_shared<float>();
    std::int32_t const pieces = (depth + Shape::depth - 1) / Shape::depth;
    auto const load = [&](std::int32_t piece) {
        if (piece < pieces) {
            float* const stage = shared + piece % Shape::stages * Shape::stage_floats;
            load_operand<Shape, a_along>(stage, a, first_row, piece * Shape::depth, depth);
            load_operand<Shape, b_along>(stage + Shape::operand_floats, b, first_column, piece * Shape::depth, depth);
        }
        ptx::cp_async_commit();
    };
    for (int piece = 0; piece < Shape::stages - 1; ++piece) load(piece);
    for (std::int32_t piece = 0; piece < pieces; ++piece) {
        ptx::cp_async_wait<Shape::stages - 2>();
        __syncthreads();  // this piece is complete, and the place of the one before it is free
        load(piece + Shape::stages - 1);
        float const* const stage = shared + piece % Shape::stages * Shape::stage_floats;
        if constexpr (precision == Precision::f32)
            multiply_floats<Shape, a_along, b_along>(sums, stage, stage + Shape::operand_floats);
        else
            multiply_tensor<Shape, precision, a_along, b_along>(sums, stage, stage + Shape::operand_floats);
        each_piece(stage);
    }
    ptx::cp_async_wait<0>();
}

// ---- a finished tile ---------------------------------------------------------------------------------------------------------------

template <class Shape>
inline constexpr int tile_pitch = Shape::side + 4;
template <class Shape>
inline constexpr int tile_floats = Shape::side* tile_pitch<Shape>;

/// Where a thread's step-th four of a tile is, and how many of it there are.
template <class Shape>
struct TilePlace {
    static constexpr int per_row = Shape::side / 4;
    static constexpr int steps = Shape::side * per_row / Shape::threads;

    int line, at;
    std::int32_t row, column, count;

    __device__ __forceinline__ TilePlace(int step, std::int32_t first_row, std::int32_t first_column, std::int32_t rows,
                                         std::int32_t columns) {
        int const i = static_cast<int>(threadIdx.x) + step * Shape::threads;
        line = i / per_row;
        at = i % per_row * 4;
        row = first_row + line;
        column = first_column + at;
        count = row >= rows || column >= columns ? 0 : columns - column < 4 ? columns - column : 4;
    }
};

template <class Shape, class S>
__device__ __forceinline__ void stage_tile(S& sums) {
    float* const tile = dynamic_shared<float>();
    __syncthreads();  // all have read the last piece
#pragma unroll
    for (int e = 0; e < S::count; ++e) tile[S::part() * tile_floats<Shape> + S::row(e) * tile_pitch<Shape> + S::column(e)] = sums.at(e);
    __syncthreads();
    static_assert(S::parts * tile_floats<Shape> * static_cast<int>(sizeof(float)) <= Shape::shared_bytes);
}
template <class Shape, class S>
__device__ __forceinline__ Four staged(TilePlace<Shape> const& place) {
    float const* const from = dynamic_shared<float>() + place.line * tile_pitch<Shape> + place.at;
    Four four;
    read_vector(four.x, from);
#pragma unroll
    for (int part = 1; part < S::parts; ++part) {
        Four other;
        read_vector(other.x, from + part * tile_floats<Shape>);
#pragma unroll
        for (int j = 0; j < 4; ++j) four.x[j] += other.x[j];
    }
    return four;
}

/// f(row, column, four, count) for all elements that there are, `count` of the four at (row, column) at a time: through shared memory, so
/// that global memory sees whole lines and what follows the product is a short loop, not a line of code for every element.
template <class Shape, class S, class F>
__device__ __forceinline__ void for_tile(S& sums, std::int32_t first_row, std::int32_t first_column, std::int32_t rows,
                                         std::int32_t columns, F const& f) {
    stage_tile<Shape>(sums);
#pragma unroll 1
    for (int step = 0; step < TilePlace<Shape>::steps; ++step) {
        TilePlace<Shape> const place(step, first_row, first_column, rows, columns);
        if (place.count > 0) f(place.row, place.column, staged<Shape, S>(place), place.count);
    }
}
/// The same; load(row, column, count) of all of them comes first, so that its reads are on their way together, and f gets what it gave.
/// with(g) calls g(which) once: f(which, row, column, four, count, loaded) has one loop for each `which`, as there are types of it, of
/// which one runs.
template <class Shape, class S, class Load, class With, class F>
__device__ __forceinline__ void for_tile(S& sums, std::int32_t first_row, std::int32_t first_column, std::int32_t rows,
                                         std::int32_t columns, Load const& load, With const& with, F const& f) {
    using Place = TilePlace<Shape>;
    decltype(load(0, 0, 0)) held[Place::steps] = {};
#pragma unroll
    for (int step = 0; step < Place::steps; ++step) {
        Place const place(step, first_row, first_column, rows, columns);
        if (place.count > 0) held[step] = load(place.row, place.column, place.count);
    }
    stage_tile<Shape>(sums);
    with([&](auto which) {
#pragma unroll
        for (int step = 0; step < Place::steps; ++step) {
            Place const place(step, first_row, first_column, rows, columns);
            if (place.count > 0) f(which, place.row, place.column, staged<Shape, S>(place), place.count, held[step]);
        }
    });
}

/// Tiles of 64 where one model's keep the device busy, else of 32: the choice does not look at how many models there are, so that a model's
/// numbers are those that it has alone.
inline bool has_large_tiles(Context const& context, std::int64_t large_tiles) {
    return large_tiles >= context.state().device.multiprocessors;
}
/// What a launch takes, in latencies of the memory, where it is them that it waits for: the pieces that are on their way together come
/// after one, and a block begins and ends with about one more each.
template <class Shape>
std::int64_t latencies(std::int64_t multiprocessors, std::int64_t tiles, std::int64_t depth) {
    std::int64_t const at_once = multiprocessors * Shape::blocks, together = std::int64_t{Shape::stages - 1} * Shape::depth;
    return (tiles + at_once - 1) / at_once * ((depth + together - 1) / together + 2);
}
/// Whether deep tiles are worth their while for `tiles` tiles of 32 whose sums go over `depth`.
template <Precision precision>
bool has_deep_tiles(Context const& context, std::int64_t tiles, std::int64_t depth) {
    using Deep = DeepTile<precision>;
    std::int64_t const multiprocessors = context.state().device.multiprocessors;
    return latencies<Deep>(multiprocessors, tiles, depth) < latencies<TileShape<32>>(multiprocessors, tiles, depth) &&
           device_limits(context.device()).shared_bytes_per_block >= Deep::shared_bytes;
}

/// f(std::integral_constant<Precision, p>) with the p that is `precision`, which is not f64.
template <class F>
void with_precision(Precision precision, F const& f) {
    switch (precision) {
        case Precision::tf32x3:
            return f(std::integral_constant<Precision, Precision::tf32x3>());
        case Precision::tf32:
            return f(std::integral_constant<Precision, Precision::tf32>());
        case Precision::bf16:
            return f(std::integral_constant<Precision, Precision::bf16>());
        default:
            return f(std::integral_constant<Precision, Precision::f32>());
    }
}
inline std::int64_t tiles_of(std::int64_t rows, std::int64_t columns, std::int64_t side) {
    return (rows + side - 1) / side * ((columns + side - 1) / side);
}

}  // namespace ca3::autoencoder::cuda
