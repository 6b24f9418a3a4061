#include "kernels/hopfield/fragments.cuh"

#include "kernels/common/launch.cuh"

#include <algorithm>

namespace ca3::hopfield::cuda {

namespace {

constexpr int threads = 256;

/// Runs body(n) for n in [0, count), a thread each.
template <class Body>
__device__ void for_each_index(std::int64_t count, Body body) {
    std::int64_t const step = std::int64_t{gridDim.x} * threads;
    for (std::int64_t n = std::int64_t{blockIdx.x} * threads + threadIdx.x; n < count; n += step) body(n);
}

LaunchConfig config_for(std::int64_t count) {
    std::int64_t const blocks = std::min<std::int64_t>((count + threads - 1) / threads, 1 << 16);
    return {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(threads)};
}

__global__ void __launch_bounds__(threads)
    overlap_fragments_kernel(std::uint32_t const* rows, std::int64_t patterns, std::int64_t neuron_words, std::int64_t pairs,
                             std::int64_t count, uint4* out) {
    for_each_index(count, [&](std::int64_t n) {
        int const lane = static_cast<int>(n % 32);
        std::int64_t const pair = n / 32 % pairs, mu = n / 32 / pairs * 8 + lane / 4;
        auto const word = [&](std::int64_t w) { return mu < patterns && w < neuron_words ? rows[mu * neuron_words + w] : 0u; };
        std::int64_t const first = pair * 16 + lane % 4;
        out[n] = make_uint4(word(first), word(first + 4), word(first + 8), word(first + 12));
    });
}

__global__ void __launch_bounds__(threads) field_fragments_kernel(std::uint32_t const* columns, std::int64_t patterns, std::int64_t neurons,
                                                                  std::int64_t steps, std::int64_t count, uint2* out) {
    for_each_index(count, [&](std::int64_t n) {
        int const lane = static_cast<int>(n % 32);
        std::int64_t const step = n / 32 % steps, group = n / 32 / steps;
        std::uint32_t words[2] = {};
        for (int tile = 0; tile < 8; ++tile) {
            std::int64_t const i = group * 64 + tile * 8 + lane / 4;
            if (i >= neurons || step * 32 >= patterns) continue;
            std::uint32_t const bits = columns[step * neurons + i];  // zero past the last pattern
            for (int half = 0; half < 2; ++half) {
                for (int byte = 0; byte < 4; ++byte) {
                    std::uint32_t const bit = bits >> (16 * half + lane % 4 * 4 + byte) & 1u;
                    words[tile / 4] |= bit << (8 * byte + tile % 4 * 2 + half);
                }
            }
        }
        out[n] = make_uint2(words[0], words[1]);
    });
}

__global__ void __launch_bounds__(threads)
    overlap_blocks_kernel(std::uint32_t const* rows, std::int64_t patterns, std::int64_t neuron_words, std::int64_t steps,
                          std::int64_t count, uint4* out) {
    for_each_index(count, [&](std::int64_t n) {
        int const lane = static_cast<int>(n % 32), warp = static_cast<int>(n / 32 % 4);
        std::int64_t const step = n / 128 % steps, mu = n / 128 / steps * 64 + warp * 16 + lane / 4;
        auto const word = [&](std::int64_t row, std::int64_t w) {
            return row < patterns && w < neuron_words ? rows[row * neuron_words + w] : 0u;
        };
        std::int64_t const first = step * 8 + lane % 4;
        out[n] = make_uint4(word(mu, first), word(mu + 8, first), word(mu, first + 4), word(mu + 8, first + 4));
    });
}

__global__ void __launch_bounds__(threads) field_blocks_kernel(std::uint32_t const* columns, std::int64_t patterns, std::int64_t neurons,
                                                               std::int64_t pairs, std::int64_t count, std::uint32_t* out) {
    for_each_index(count, [&](std::int64_t n) {
        int const lane = static_cast<int>(n % 32), warp = static_cast<int>(n / 32 % 4);
        std::int64_t const pair = n / 128 % pairs, first = n / 128 / pairs * 64 + warp * 16 + lane / 4;
        std::uint32_t word = 0;
        for (int step = 0; step < 2; ++step) {
            for (int r = 0; r < 4; ++r) {
                std::int64_t const i = first + r % 2 * 8, w = pair * 2 + step;
                if (i >= neurons || w * 32 >= patterns) continue;
                std::uint32_t const bits = columns[w * neurons + i] >> (r / 2 * 16 + lane % 4 * 4);
                for (int byte = 0; byte < 4; ++byte) word |= (bits >> byte & 1u) << (8 * byte + 4 * step + r);
            }
        }
        out[n] = word;
    });
}

template <class Weight>
__global__ void __launch_bounds__(threads)
    weight_fragments_kernel(Weight const* weights, std::int64_t neurons, std::int64_t steps, std::int64_t count, uint4* out) {
    for_each_index(count, [&](std::int64_t n) {
        int const lane = static_cast<int>(n % 32);
        int const pair = static_cast<int>(n / 32 % 4);
        std::int64_t const step = n / 128 % steps, groups = (neurons + 63) / 64, group = n / 128 / steps % groups;
        int const limb = static_cast<int>(n / 128 / steps / groups);
        auto const bytes = [&](int tile, int half) {
            std::int64_t const i = group * 64 + tile * 8 + lane / 4, first = step * 32 + half * 16 + lane % 4 * 4;
            std::uint32_t word = 0;
            for (int byte = 0; byte < 4; ++byte) {
                if (i >= neurons || first + byte >= neurons) continue;
                auto const value = static_cast<std::int64_t>(weights[i * neurons + first + byte]);
                word |= (static_cast<std::uint32_t>(value >> (8 * limb)) & 0xFFu) << (8 * byte);
            }
            return word;
        };
        out[n] = make_uint4(bytes(2 * pair, 0), bytes(2 * pair, 1), bytes(2 * pair + 1, 0), bytes(2 * pair + 1, 1));
    });
}

/// w = factor * weight - offset
template <class Weight>
__global__ void __launch_bounds__(threads) weight_blocks_kernel(Weight const* weights, int factor, int offset, std::int64_t neurons,
                                                                std::int64_t steps, std::int64_t count, uint4* out) {
    for_each_index(count, [&](std::int64_t n) {
        int const lane = static_cast<int>(n % 32), warp = static_cast<int>(n / 32 % 4);
        std::int64_t const step = n / 128 % steps, first = n / 128 / steps * 64 + warp * 16 + lane / 4;
        auto const bytes = [&](int r) {
            std::int64_t const i = first + r % 2 * 8, j = step * 32 + r / 2 * 16 + lane % 4 * 4;
            std::uint32_t word = 0;
            for (int byte = 0; byte < 4; ++byte) {
                if (i >= neurons || j + byte >= neurons) continue;
                int const value = factor * static_cast<int>(weights[i * neurons + j + byte]) - offset;
                word |= (static_cast<std::uint32_t>(value) & 0xFFu) << (8 * byte);
            }
            return word;
        };
        out[n] = make_uint4(bytes(0), bytes(1), bytes(2), bytes(3));
    });
}

__global__ void __launch_bounds__(threads)
    count_ones_kernel(std::uint32_t const* rows, std::int64_t patterns, std::int64_t words, std::int32_t* out) {
    for_each_index(patterns, [&](std::int64_t mu) {
        int ones = 0;
        for (std::int64_t word = 0; word < words; ++word) ones += __popc(rows[mu * words + word]);
        out[mu] = ones;
    });
}

template <class Weight>
Buffer<uint4> weight_fragments_of(Context const& context, Weight const* weights, std::int64_t neurons) {
    std::int64_t const steps = (neurons + 31) / 32;
    Buffer<uint4> out(context, static_cast<std::int64_t>(sizeof(Weight)) * ((neurons + 63) / 64) * steps * 128);
    launch(context, weight_fragments_kernel<Weight>, config_for(out.size()), weights, neurons, steps, out.size(), out.data());
    return out;
}

}  // namespace

Buffer<uint4> make_overlap_fragments(Context const& context, std::uint32_t const* rows, std::int64_t patterns, std::int64_t neurons) {
    std::int64_t const pairs = overlap_pairs(neurons);
    Buffer<uint4> out(context, (patterns + 7) / 8 * pairs * 32);
    launch(context, overlap_fragments_kernel, config_for(out.size()), rows, patterns, (neurons + 31) / 32, pairs, out.size(), out.data());
    return out;
}

Buffer<uint2> make_field_fragments(Context const& context, std::uint32_t const* columns, std::int64_t patterns, std::int64_t neurons) {
    std::int64_t const steps = (patterns + 31) / 32;
    Buffer<uint2> out(context, (neurons + 63) / 64 * steps * 32);
    launch(context, field_fragments_kernel, config_for(out.size()), columns, patterns, neurons, steps, out.size(), out.data());
    return out;
}

Buffer<uint4> make_overlap_blocks(Context const& context, std::uint32_t const* rows, std::int64_t patterns, std::int64_t neurons) {
    std::int64_t const steps = (neurons + 255) / 256;
    Buffer<uint4> out(context, (patterns + 63) / 64 * steps * 128);
    launch(context, overlap_blocks_kernel, config_for(out.size()), rows, patterns, (neurons + 31) / 32, steps, out.size(), out.data());
    return out;
}

Buffer<std::uint32_t> make_field_blocks(Context const& context, std::uint32_t const* columns, std::int64_t patterns, std::int64_t neurons) {
    std::int64_t const pairs = (patterns + 63) / 64;
    Buffer<std::uint32_t> out(context, (neurons + 63) / 64 * pairs * 128);
    launch(context, field_blocks_kernel, config_for(out.size()), columns, patterns, neurons, pairs, out.size(), out.data());
    return out;
}

Buffer<uint4> make_weight_fragments(Context const& context, WeightType type, void const* weights, std::int64_t neurons) {
    switch (type) {
        case WeightType::u8:
            return weight_fragments_of(context, static_cast<std::uint8_t const*>(weights), neurons);
        case WeightType::s8:
            return weight_fragments_of(context, static_cast<std::int8_t const*>(weights), neurons);
        case WeightType::s16:
            return weight_fragments_of(context, static_cast<std::int16_t const*>(weights), neurons);
        case WeightType::s32:
            return weight_fragments_of(context, static_cast<std::int32_t const*>(weights), neurons);
        case WeightType::s64:
            return weight_fragments_of(context, static_cast<std::int64_t const*>(weights), neurons);
    }
    return {};
}

Buffer<uint4> make_weight_blocks(Context const& context, WeightType type, void const* weights, std::int64_t neurons,
                                 std::int64_t patterns) {
    std::int64_t const steps = (neurons + 31) / 32;
    Buffer<uint4> out(context, (neurons + 63) / 64 * steps * 128);
    auto const launch_for = [&](auto const* typed, int factor, std::int64_t offset) {
        launch(context, weight_blocks_kernel<std::remove_cvref_t<decltype(*typed)>>, config_for(out.size()), typed, factor,
               static_cast<int>(offset), neurons, steps, out.size(), out.data());
    };
    if (type == WeightType::u8) {
        launch_for(static_cast<std::uint8_t const*>(weights), 2, patterns);
    } else {
        launch_for(static_cast<std::int8_t const*>(weights), 1, 0);
    }
    return out;
}

Buffer<std::int32_t> count_ones(Context const& context, std::uint32_t const* rows, std::int64_t patterns, std::int64_t neurons) {
    Buffer<std::int32_t> out(context, patterns);
    launch(context, count_ones_kernel, config_for(patterns), rows, patterns, (neurons + 31) / 32, out.data());
    return out;
}

}  // namespace ca3::hopfield::cuda
