#pragma once

#include "kernels/hopfield/device_model.cuh"

#include <ca3/matrix.hpp>

/// Operands laid out so that each lane of a warp finds its fragment of mma.sync (kernels/common/ptx.cuh) with one vector load, and the
/// warp's loads are consecutive: streamed from L2 straight into registers. With lane = 4g + t, everything outside the matrix is zero.
namespace ca3::hopfield::cuda {

/// Pairs of 256-bit steps along the neurons.
[[nodiscard]] CA3_HOST_DEVICE inline std::int64_t overlap_pairs(std::int64_t neurons) {
    return (neurons + 511) / 512;
}

/// [pattern / 8][pair][lane]: b[0], b[1] of both steps, for m16n8k256 on pattern bits with n = pattern, k = neuron.
[[nodiscard]] Buffer<uint4> make_overlap_fragments(Context const& context, std::uint32_t const* rows, std::int64_t patterns,
                                                   std::int64_t neurons);

/// [neuron / 64][pattern / 32][lane]: pattern bits for m16n8k32 with n = neuron, k = pattern. Word q holds the tiles 4q ... 4q + 3 of 8
/// neurons: (word >> (2 * tile + half)) & 0x01010101 is b[half] of `tile`, four bytes of 0 or 1.
[[nodiscard]] Buffer<uint2> make_field_fragments(Context const& context, std::uint32_t const* columns, std::int64_t patterns,
                                                 std::int64_t neurons);

/// For warpgroup products, thread = threadIdx.x % 128: [pattern / 64][neuron / 256][thread], a[0 ... 3] with m = pattern, k = neuron.
[[nodiscard]] Buffer<uint4> make_overlap_blocks(Context const& context, std::uint32_t const* rows, std::int64_t patterns,
                                                std::int64_t neurons);

/// [neuron / 64][pattern / 64][thread]: bits of two steps of 32 patterns, m = neuron, k = pattern. (word >> (4 * step + n)) & 0x01010101 is
/// a[n].
[[nodiscard]] Buffer<std::uint32_t> make_field_blocks(Context const& context, std::uint32_t const* columns, std::int64_t patterns,
                                                      std::int64_t neurons);

/// [neuron i / 64][neuron j / 32][thread]: a[0 ... 3] with m = i, k = j, of int8 weights or of agreement counts c as 2c - `patterns`, which
/// must be at most 127.
[[nodiscard]] Buffer<uint4> make_weight_blocks(Context const& context, WeightType type, void const* weights, std::int64_t neurons,
                                               std::int64_t patterns);

/// [limb][neuron i / 64][neuron j / 32][tile / 2][lane]: b[0], b[1] of two tiles of 8 neurons i, for m16n8k32 with n = i, k = j.
/// Limb l is byte l of the weight.
[[nodiscard]] Buffer<uint4> make_weight_fragments(Context const& context, WeightType type, void const* weights, std::int64_t neurons);

/// Elements +1 of each pattern.
[[nodiscard]] Buffer<std::int32_t> count_ones(Context const& context, std::uint32_t const* rows, std::int64_t patterns,
                                              std::int64_t neurons);

}  // namespace ca3::hopfield::cuda
