#pragma once

#include "kernels/autoencoder/elementary.cuh"
#include "kernels/autoencoder/tiles.cuh"
#include "kernels/common/ptx.cuh"

#include <cstdint>

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

/// What a thread copies of an operand: in each piece fours that stand a fixed number of rows apart. Rows are those of memory.
template <class Shape, bool along>
class Loader {
public:
    /// Of its rows of C [first, first + side), depths [0, depth).
    __device__ __forceinline__ Loader(Operand const& x, std::int32_t first, std::int32_t depth) {
        int const line = static_cast<int>(threadIdx.x) / per_row, column = static_cast<int>(threadIdx.x) % per_row * 4;
        to_ = line * pitch + column;
        ld_ = x.ld;
        from_ = x.data + (along ? first + line : line) * ld_ + (along ? column : first + column);
        rows_ = along ? x.extent - first - line : depth - line;
        columns_ = along ? depth - column : x.extent - first - column;
    }

    /// Starts the copies of depths [k, k + Shape::depth).
    __device__ __forceinline__ void start(float* to, std::int32_t k) const {
        std::int32_t const rows = along ? rows_ : rows_ - k, columns = along ? columns_ - k : columns_;
        int const bytes = columns <= 0 ? 0 : columns < 4 ? 4 * columns : 16;
        float const* const from = from_ + (along ? k : k * ld_);
#pragma unroll
        for (int c = 0; c < copies; ++c)
            ptx::cp_async_16(to + to_ + c * lines * pitch, from + c * lines * ld_, c * lines < rows ? bytes : 0);
    }

private:
    static constexpr int per_row = (along ? Shape::depth : Shape::side) / 4;
    static constexpr int lines = Shape::threads / per_row;
    static constexpr int copies = (along ? Shape::side : Shape::depth) / lines;
    static constexpr int pitch = along ? Shape::pitch_along : Shape::pitch_across;
    static_assert(Shape::threads % per_row == 0 && (along ? Shape::side : Shape::depth) % lines == 0);

    float const* from_;
    std::int64_t ld_;
    std::int32_t rows_, columns_;  ///< that there are from the thread's first four on
    int to_;
};

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
    /// All elements of a column of the tile become f(column).
    template <class F>
    __device__ __forceinline__ void set(F const& f) {
#pragma unroll
        for (int c = 0; c < (tensor ? 2 * tiles_n : columns); ++c) {
            float const x = f(column(tensor ? c / 2 * 4 + c % 2 : c));
#pragma unroll
            for (int r = 0; r < (tensor ? 2 * tiles_m : rows); ++r)
                at(tensor ? (r / 2 * tiles_n + c / 2) * 4 + r % 2 * 2 + c % 2 : r * columns + c) = x;
        }
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
/// element(row, k): the operand's.
template <bool parts, int registers, class Element>
__device__ __forceinline__ void fragment_tf32(unsigned (&large)[registers], unsigned (&small)[registers], Element const& element, int row,
                                              int k) {
#pragma unroll
    for (int r = 0; r < registers; ++r) {
        bool const four = registers == 4;
        float const value = element(row + (four ? r % 2 * 8 : 0), k + (four ? r / 2 : r) * 4);
        large[r] = ptx::tf32_of(value);
        if constexpr (parts) small[r] = ptx::tf32_of(value - ca3::detail::float_of(large[r]));
    }
}

template <int registers, class Element>
__device__ __forceinline__ void fragment_bf16(unsigned (&to)[registers], Element const& element, int row, int k) {
#pragma unroll
    for (int r = 0; r < registers; ++r) {
        bool const four = registers == 4;
        int const line = row + (four ? r % 2 * 8 : 0), depth = k + (four ? r / 2 : r) * 8;
        to[r] = ptx::bf16x2_of(element(line, depth), element(line, depth + 1));
    }
}

/// The fragments of lane % 4 = t at depth k of what a precision multiplies.
template <Precision precision, int registers, class Element>
__device__ __forceinline__ void fragment(unsigned (&large)[registers], unsigned (&small)[registers], Element const& element, int row, int k,
                                         int t) {
    if constexpr (precision == Precision::bf16)
        fragment_bf16(large, element, row, k + 2 * t);
    else
        fragment_tf32<precision == Precision::tf32x3>(large, small, element, row, k + t);
}

/// d += A B of such fragments.
template <Precision precision>
__device__ __forceinline__ void multiply_fragments(float (&d)[4], unsigned const (&left)[4], unsigned const (&left_small)[4],
                                                   unsigned const (&right)[2], unsigned const (&right_small)[2]) {
    if constexpr (precision == Precision::bf16) {
        ptx::mma_m16n8k16_bf16(d, left, right);
    } else {
        if constexpr (precision == Precision::tf32x3) {
            ptx::mma_m16n8k8_tf32(d, left_small, right);
            ptx::mma_m16n8k8_tf32(d, left, right_small);
        }
        ptx::mma_m16n8k8_tf32(d, left, right);
    }
}

template <class Shape, Precision precision, bool a_along, bool b_along, class S>
__device__ __forceinline__ void multiply_tensor(S& sums, float const* a, float const* b) {
    int const lane = static_cast<int>(threadIdx.x) % 32, g = lane / 4, t = lane % 4;
    constexpr int step = precision == Precision::bf16 ? 16 : 8;
    auto const left_element = [a](int row, int depth) { return element<Shape, a_along>(a, row, depth); };
    auto const right_element = [b](int column, int depth) { return element<Shape, b_along>(b, column, depth); };
    constexpr int apart = step * S::parts;
#pragma unroll(precision == Precision::tf32x3 ? 1 : 2)
    for (int k = step * S::part(); k < Shape::depth; k += apart) {
        unsigned left[S::tiles_m][4], left_small[S::tiles_m][4];
#pragma unroll
        for (int i = 0; i < S::tiles_m; ++i) fragment<precision>(left[i], left_small[i], left_element, S::warp_row() + 16 * i + g, k, t);
#pragma unroll
        for (int j = 0; j < S::tiles_n; ++j) {
            unsigned right[2], right_small[2];
            fragment<precision>(right, right_small, right_element, S::warp_column() + 8 * j + g, k, t);
#pragma unroll
            for (int i = 0; i < S::tiles_m; ++i)
                multiply_fragments<precision>(sums.value[i * S::tiles_n + j], left[i], left_small[i], right, right_small);
        }
    }
}

/// Starts the copies of the pieces of B that are on their way at first.
template <class Shape, bool along>
__device__ __forceinline__ void start_b(Loader<Shape, along> const& b, std::int32_t depth) {
    float* const shared = dynamic_shared<float>() + Shape::operand_floats;
    for (int piece = 0; piece < Shape::stages - 1; ++piece)
        if (piece * Shape::depth < depth) b.start(shared + piece * Shape::stage_floats, piece * Shape::depth);
}

/// sums becomes what set(sums) makes of it, plus A B^T, for the tile of the loaders, of whose B start_b has been called. set runs while the
/// first pieces are on their way. The block's shared memory is in use until the next barrier. each_piece(a): called by all threads while a
/// piece of A is in shared memory.
template <class Shape, Precision precision, bool a_along, bool b_along, class S, class Set, class F>
__device__ __forceinline__ void multiply_tile(S& sums, Loader<Shape, a_along> const& a, Loader<Shape, b_along> const& b, std::int32_t depth,
                                              Set const& set, F const& each_piece) {
    float* const shared = dynamic_shared<float>();
    std::int32_t const pieces = (depth + Shape::depth - 1) / Shape::depth;
    for (int piece = 0; piece < Shape::stages - 1; ++piece) {
        if (piece < pieces) a.start(shared + piece * Shape::stage_floats, piece * Shape::depth);
        ptx::cp_async_commit();  // the first one with what start_b started
    }
    set(sums);
    for (std::int32_t piece = 0; piece < pieces; ++piece) {
        ptx::cp_async_wait<Shape::stages - 2>();
        __syncthreads();  // this piece is complete, and the place of the one before it is free
        if (std::int32_t const next = piece + Shape::stages - 1; next < pieces) {
            float* const stage = shared + next % Shape::stages * Shape::stage_floats;
            a.start(stage, next * Shape::depth);
            b.start(stage + Shape::operand_floats, next * Shape::depth);
        }
        ptx::cp_async_commit();
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
/// The same; load(row, column) of all of them comes first, so that its reads are on their way together, and f gets what it gave.
/// with(g) calls g(which) once: f(which, row, column, four, count, loaded) has one loop for each `which`, as there are types of it, of
/// which one runs.
template <class Shape, class S, class Load, class With, class F>
__device__ __forceinline__ void for_tile(S& sums, std::int32_t first_row, std::int32_t first_column, std::int32_t rows,
                                         std::int32_t columns, Load const& load, With const& with, F const& f) {
    using Place = TilePlace<Shape>;
    decltype(load(0, 0)) held[Place::steps] = {};
#pragma unroll
    for (int step = 0; step < Place::steps; ++step) {
        Place const place(step, first_row, first_column, rows, columns);
        if (place.count > 0) held[step] = load(place.row, place.column);
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

}  // namespace ca3::autoencoder::cuda
