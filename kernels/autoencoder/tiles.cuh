#pragma once

#include "core/state.hpp"
#include "kernels/autoencoder/views.hpp"
#include "kernels/common/device.cuh"

#include <cstdint>
#include <type_traits>

/// The tiles that products are made of, and which of them a launch takes.
namespace ca3::autoencoder::cuda {

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

/// f(Constant<p>) with the p that is `precision`, which is not f64.
template <class F>
void with_precision(Precision precision, F const& f) {
    switch (precision) {
        case Precision::tf32x3:
            return f(Constant<Precision::tf32x3>());
        case Precision::tf32:
            return f(Constant<Precision::tf32>());
        case Precision::bf16:
            return f(Constant<Precision::bf16>());
        default:
            return f(Constant<Precision::f32>());
    }
}
inline std::int64_t tiles_of(std::int64_t rows, std::int64_t columns, std::int64_t side) {
    return (rows + side - 1) / side * ((columns + side - 1) / side);
}

}  // namespace ca3::autoencoder::cuda
