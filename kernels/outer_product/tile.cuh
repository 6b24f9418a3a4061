#pragma once

#include "kernels/common/launch.cuh"
#include "kernels/outer_product/packed.cuh"
#include "outer_product/backend.hpp"

#include <cstring>

/// How a block writes a finished tile of 128 x 128 and its mirror image: through shared memory, so that global memory sees whole lines of
/// 16 bytes per thread in either direction.
namespace ca3::outer_product::cuda {

/// What to do with the matrix.
template <class T>
struct Target {
    MatrixView<T> weights;
    bool aligned;  ///< rows begin at multiples of 16 bytes
    T diagonal;    ///< replacing only
    // updating only, see backend.hpp
    Operation operation;
    std::int64_t before;
    std::int64_t after;
    unsigned* strange;  ///< set to 1 when former content was impossible
};

/// Bytes from row to row of a staged tile: threads that store together meet different banks.
template <class T>
inline constexpr int staged_pitch = static_cast<int>(tile_side * sizeof(T)) + (sizeof(T) == 1   ? 32
                                                                               : sizeof(T) == 2 ? 64
                                                                                                : 16);

template <class T>
__device__ bool possible(std::int64_t value, std::int64_t patterns) {
    if (holds_agreements<T>) return 0 <= value && value <= patterns;
    return -patterns <= value && value <= patterns && ((value ^ patterns) & 1) == 0;
}

/// The element after adding or removing `change`, modulo 2^n.
template <class T>
__device__ T updated(Target<T> const& target, T former, T change, bool& strange) {
    bool const adding = target.operation == Operation::add;
    std::int64_t const sum = std::int64_t{former} + (adding ? std::int64_t{change} : -std::int64_t{change});
    if (!(adding ? possible<T>(former, target.before) : possible<T>(sum, target.after))) strange = true;
    return static_cast<T>(sum);
}

/// Writes a staged tile whose first element is (first_row, first_column). Row slot_row(slot) of the tile stands in the staged row `slot`.
template <bool update, class T, class SlotRow>
__device__ void write_tile(Target<T> const& target, unsigned char const* staged, std::int64_t first_row, std::int64_t first_column,
                           SlotRow const& slot_row) {
    constexpr int elements = 16 / sizeof(T);
    constexpr int pieces = static_cast<int>(tile_side) / elements;
    std::int64_t const d = target.weights.rows;
    bool strange = false;
    for (int piece = static_cast<int>(threadIdx.x); piece < static_cast<int>(tile_side) * pieces; piece += static_cast<int>(blockDim.x)) {
        int const slot = piece / pieces;
        std::int64_t const row = first_row + slot_row(slot), column = first_column + piece % pieces * elements;
        if (row >= d || column >= d) continue;
        uint4 const words = *reinterpret_cast<uint4 const*>(staged + slot * staged_pitch<T> + piece % pieces * 16);
        T* const to = target.weights.data + row * target.weights.stride + column;
        if (target.aligned && column + elements <= d) {
            if constexpr (update) {
                T change[elements], content[elements];
                uint4 former = *reinterpret_cast<uint4 const*>(to);
                memcpy(change, &words, 16);
                memcpy(content, &former, 16);
#pragma unroll
                for (int e = 0; e < elements; ++e) content[e] = updated(target, content[e], change[e], strange);
                memcpy(&former, content, 16);
                *reinterpret_cast<uint4*>(to) = former;
            } else {
                *reinterpret_cast<uint4*>(to) = words;
            }
            continue;
        }
        T value[elements];
        memcpy(value, &words, 16);
#pragma unroll
        for (int e = 0; e < elements; ++e) {
            if (column + e < d) to[e] = update ? updated(target, to[e], value[e], strange) : value[e];
        }
    }
    if (update && strange) atomicOr(target.strange, 1u);
}

/// Stores 8 neighbouring elements, the low bits of value(0) ... value(7), in a staged row.
template <class T, class Value>
__device__ void stage_eight(unsigned char* to, Value const& value) {
    auto const pair = [&](int e) { return __byte_perm(value(e), value(e + 1), sizeof(T) == 1 ? 0x0040u : 0x5410u); };
    auto const four = [&](int e) { return __byte_perm(pair(e), pair(e + 2), 0x5410u); };
    uint4* const words = reinterpret_cast<uint4*>(to);
    if constexpr (sizeof(T) == 1) {
        *reinterpret_cast<uint2*>(to) = make_uint2(four(0), four(4));
    } else if constexpr (sizeof(T) == 2) {
        words[0] = make_uint4(pair(0), pair(2), pair(4), pair(6));
    } else {
        words[0] = make_uint4(value(0), value(1), value(2), value(3));
        words[1] = make_uint4(value(4), value(5), value(6), value(7));
    }
}

}  // namespace ca3::outer_product::cuda
