#include "kernels/hopfield/fragments.cuh"
#include "kernels/hopfield/prepared.cuh"
#include "kernels/hopfield/relax.cuh"
#include "kernels/hopfield/relax_tile.cuh"

#include <ca3/matrix.hpp>

#include <algorithm>

/// Synchronous relaxation at temperature 0 on the tensor cores: a block owns 64 (or 32) states as bits in shared memory and streams the
/// patterns or weights past them from L2. One launch, no exchange between blocks but the number of the next state to take.
namespace ca3::hopfield::cuda {

namespace {

/// H + D s = X^T m with m = X s, the overlaps by b1 products (m = 4 |s+ & x| - 2 |x| - sum of s), the fields by 8-bit products of the bytes
/// of m with pattern bits b: sum over mu of x m = 2 sum of b m - sum of m. Two bytes serve up to 32,767 neurons; where all overlaps of the
/// tile are below 128 one pass suffices.
struct Factored {
    static constexpr int shift = 2;

    template <int tiles_m, bool zeros>
    static __device__ void begin(Tile<tiles_m, zeros>& tile) {
        DeviceModel const& model = tile.model;
        constexpr int tiles = 2 * tiles_m;
        int const lane = tile.lane;
        std::int64_t const pairs = overlap_pairs(model.neurons);
        int largest = 0;
        for (std::int64_t n = tile.warp; n * 8 < model.patterns; n += tile.threads / 32) {
            int plus[tiles][4] = {}, minus[tiles][4] = {};
            for (std::int64_t pair = 0; pair < pairs; ++pair) {
                uint4 const x = __ldg(model.overlap_fragments + (n * pairs + pair) * 32 + lane);
                unsigned const b[2][2] = {{x.x, x.y}, {x.z, x.w}};
#pragma unroll
                for (int step = 0; step < 2; ++step) {
#pragma unroll
                    for (int i = 0; i < tiles; ++i) {
                        int const row = i * 16 + lane % 16;
                        std::int64_t const word = (2 * pair + step) * 8 + lane / 16 * 4;
                        unsigned a[4];
                        ptx::ldmatrix_x4(a, tile.now(row) + word);
                        ptx::mma_m16n8k256_b1_and(plus[i], a, b[step]);
                        if constexpr (zeros) {
                            ptx::ldmatrix_x4(a, tile.now(row, 1) + word);
                            ptx::mma_m16n8k256_b1_and(minus[i], a, b[step]);
                        }
                    }
                }
            }
            std::int64_t const mu = n * 8 + lane % 4 * 2;
            int const ones[2] = {mu < model.patterns ? model.pattern_ones[mu] : 0,
                                 mu + 1 < model.patterns ? model.pattern_ones[mu + 1] : 0};
#pragma unroll
            for (int i = 0; i < tiles; ++i) {
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    int const row = i * 16 + half * 8 + lane / 4;
                    int m[2];
#pragma unroll
                    for (int c = 0; c < 2; ++c) {
                        int const both = plus[i][half * 2 + c];
                        m[c] = zeros ? 2 * (both - minus[i][half * 2 + c]) : 4 * both - 2 * ones[c];
                        m[c] = mu + c < model.patterns ? m[c] - tile.records.sum[row] : 0;
                        largest = max(largest, abs(m[c]));
                    }
                    for (int limb = 0; limb < limbs_for(static_cast<int>(model.neurons)); ++limb) {
                        *reinterpret_cast<std::uint16_t*>(tile.limb(limb, row) + mu) =
                            static_cast<std::uint16_t>((m[0] >> (8 * limb) & 0xFF) | (m[1] >> (8 * limb) & 0xFF) << 8);
                    }
                    int total = m[0] + m[1];
                    total += __shfl_xor_sync(0xFFFFFFFFu, total, 1);
                    total += __shfl_xor_sync(0xFFFFFFFFu, total, 2);
                    if (lane % 4 == 0) atomicAdd(&tile.records.offset[row], 2 * total);
                }
            }
        }
        for (int distance = 16; distance > 0; distance /= 2) largest = max(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, distance));
        if (lane == 0) atomicMax(&tile.records.largest, largest);
        __syncthreads();
    }

    /// sum = sum over mu of m b for 64 neurons.
    template <int tiles_m, bool zeros>
    static __device__ void multiply(Tile<tiles_m, zeros> const& tile, std::int64_t group, int (&sum)[tiles_m][8][4]) {
        int const limbs = limbs_for(tile.records.largest);
        pass<true>(tile, group, limbs - 1, sum);
        for (int limb = limbs - 2; limb >= 0; --limb) {
#pragma unroll
            for (int i = 0; i < tiles_m; ++i) {
#pragma unroll
                for (int n = 0; n < 32; ++n) sum[i][n / 4][n % 4] *= 256;
            }
            pass<false>(tile, group, limb, sum);
        }
    }

    /// Bytes that hold every overlap up to `largest`, the highest with its sign.
    static CA3_HOST_DEVICE int limbs_for(int largest) {
        return largest < 128 ? 1 : largest < 32768 ? 2 : largest < (1 << 23) ? 3 : 4;
    }

private:
    template <bool top, int tiles_m, bool zeros>
    static __device__ void pass(Tile<tiles_m, zeros> const& tile, std::int64_t group, int limb, int (&sum)[tiles_m][8][4]) {
        int const lane = tile.lane;
        std::int64_t const steps = (tile.model.patterns + 31) / 32;
        uint2 const* const fragments = tile.model.field_fragments + group * steps * 32 + lane;
        for (std::int64_t step = 0; step < steps; ++step) {
            uint2 const x = __ldg(fragments + step * 32);
            unsigned a[tiles_m][4];
#pragma unroll
            for (int i = 0; i < tiles_m; ++i) {
                ptx::ldmatrix_x4(a[i], tile.limb(limb, tile.first_row() + i * 16 + lane % 16) + step * 32 + lane / 16 * 16);
            }
#pragma unroll
            for (int n = 0; n < 8; ++n) {
                unsigned const word = n < 4 ? x.x : x.y;
                unsigned const b[2] = {word >> (n % 4 * 2) & 0x01010101u, word >> (n % 4 * 2 + 1) & 0x01010101u};
#pragma unroll
                for (int i = 0; i < tiles_m; ++i) {
                    if constexpr (top) {
                        ptx::mma_m16n8k32_s8(sum[i][n], a[i], b);
                    } else {
                        ptx::mma_m16n8k32_u8s8(sum[i][n], a[i], b);
                    }
                }
            }
        }
    }
};

/// H + D s = W s, the states spread from bits to bytes of -1, 0, +1 in registers. Agreement counts c, W = 2c - P, give
/// 2 (H + D s) = 4 sum of c s - 2 P sum of s; weights of two bytes take two passes.
template <class Weight>
struct Dense {
    static constexpr bool counts = std::is_same_v<Weight, std::uint8_t>;
    static constexpr int shift = counts ? 2 : 1;

    template <int tiles_m, bool zeros>
    static __device__ void begin(Tile<tiles_m, zeros>& tile) {
        if constexpr (counts) {
            if (int const row = static_cast<int>(threadIdx.x); row < tile.rows) {
                tile.records.offset[row] = static_cast<int>(2 * tile.model.patterns) * tile.records.sum[row];
            }
            __syncthreads();
        }
    }

    template <int tiles_m, bool zeros>
    static __device__ void multiply(Tile<tiles_m, zeros> const& tile, std::int64_t group, int (&sum)[tiles_m][8][4]) {
        int const limbs = static_cast<int>(sizeof(Weight));
        pass<!counts>(tile, group, limbs - 1, sum);
        if constexpr (sizeof(Weight) == 2) {
#pragma unroll
            for (int i = 0; i < tiles_m; ++i) {
#pragma unroll
                for (int n = 0; n < 32; ++n) sum[i][n / 4][n % 4] *= 256;
            }
            pass<false>(tile, group, 0, sum);
        }
    }

private:
    /// Four bits as four bytes of 0 or 1.
    static __device__ unsigned spread(std::uint32_t bits) {
        return (bits & 0xFu) * 0x00204081u & 0x01010101u;
    }

    template <bool signed_bytes, int tiles_m, bool zeros>
    static __device__ void pass(Tile<tiles_m, zeros> const& tile, std::int64_t group, int limb, int (&sum)[tiles_m][8][4]) {
        int const lane = tile.lane, nibble = lane % 4 * 4;
        std::int64_t const steps = tile.model.neuron_words, groups = (tile.model.neurons + 63) / 64;
        uint4 const* const fragments = tile.model.weight_fragments + (limb * groups + group) * steps * 128 + lane;
        for (std::int64_t step = 0; step < steps; ++step) {
            uint4 w[4];
#pragma unroll
            for (int pair = 0; pair < 4; ++pair) w[pair] = __ldg(fragments + step * 128 + pair * 32);
            unsigned a[tiles_m][4];
#pragma unroll
            for (int n = 0; n < tile.rows_of_lane; ++n) {
                std::uint32_t const plus = tile.now(tile.row_of(n))[step] >> nibble;
                std::uint32_t const minus = zeros ? tile.now(tile.row_of(n), zeros)[step] >> nibble : 0;
#pragma unroll
                for (int half = 0; half < 2; ++half) {
                    unsigned const ones = spread(plus >> (16 * half));
                    a[n / 2][half * 2 + n % 2] = zeros ? ones | spread(minus >> (16 * half)) * 0xFFu : ~(ones * 0xFEu);
                }
            }
#pragma unroll
            for (int n = 0; n < 8; ++n) {
                unsigned const b[2] = {n % 2 == 0 ? w[n / 2].x : w[n / 2].z, n % 2 == 0 ? w[n / 2].y : w[n / 2].w};
#pragma unroll
                for (int i = 0; i < tiles_m; ++i) {
                    if constexpr (signed_bytes) {
                        ptx::mma_m16n8k32_s8(sum[i][n], a[i], b);
                    } else {
                        ptx::mma_m16n8k32_s8u8(sum[i][n], a[i], b);
                    }
                }
            }
        }
    }
};

template <class Source, int tiles_m, bool zeros>
__global__ void __launch_bounds__(256, zeros&& tiles_m == 2 ? 1 : 2)
    relax_tile_kernel(DeviceModel model, DeviceJob job, TileLayout layout, unsigned* counter) {
    Tile<tiles_m, zeros> tile(model, job, layout);
    std::int64_t const groups = (model.neurons + 63) / 64;
    tile.turn_over(counter, true);
    while (tile.any_left()) {
        tile.begin_sweep();
        __syncthreads();
        Source::begin(tile);
        for (std::int64_t group = tile.warp / 2; group < groups; group += 4) {
            int sum[tiles_m][8][4] = {};
            Source::multiply(tile, group, sum);
            tile.settle(sum, Source::shift, group);
        }
        tile.count();
        __syncthreads();
        tile.judge();
        __syncthreads();
        tile.turn_over(counter, false);
    }
}

template <int tiles_m, bool zeros>
TileLayout lay_out(DeviceModel const& model) {
    using Records = typename Tile<tiles_m, zeros>::Records;
    constexpr std::int64_t rows = Tile<tiles_m, zeros>::rows;
    std::int64_t const plane_pitch = overlap_pairs(model.neurons) * 64 + 16;
    std::int64_t const limb_pitch = (model.patterns + 31) / 32 * 32 + 16;
    std::int64_t const limbs = model.kind == Kind::dense ? 0 : Factored::limbs_for(static_cast<int>(model.neurons));
    std::int64_t const planes = (static_cast<std::int64_t>(sizeof(Records)) + 15) / 16 * 16;
    std::int64_t const first_limb = planes + (zeros ? 4 : 2) * rows * plane_pitch;
    std::int64_t const bytes = std::min<std::int64_t>(first_limb + limbs * rows * limb_pitch, std::int64_t{1} << 30);
    return {.plane_pitch = static_cast<int>(plane_pitch),
            .planes = static_cast<int>(planes),
            .limb_pitch = static_cast<int>(limb_pitch),
            .limbs = static_cast<int>(std::min(first_limb, bytes)),
            .bytes = static_cast<int>(bytes)};
}

/// @returns false when the states do not fit into shared memory
template <class Source, int tiles_m, bool zeros>
bool run(Context const& context, DeviceModel const& model, DeviceJob const& job) {
    auto const limits = device_limits(context.device());
    TileLayout const layout = lay_out<tiles_m, zeros>(model);
    if (layout.bytes > limits.shared_bytes_per_block) return false;
    std::int64_t const resident = std::clamp<std::int64_t>(limits.shared_bytes_per_multiprocessor / (layout.bytes + 1024), 1, 2);
    std::int64_t const rows = Tile<tiles_m, zeros>::rows;
    std::int64_t const blocks = std::min((job.batch + rows - 1) / rows, resident * limits.multiprocessors);

    Buffer<unsigned> const counter(context, 1);
    check(cudaMemsetAsync(counter.data(), 0, sizeof(unsigned), context.stream()), "cudaMemsetAsync");
    launch(relax_tile_kernel<Source, tiles_m, zeros>,
           {.grid = dim3(static_cast<unsigned>(blocks)),
            .block = dim3(Tile<tiles_m, zeros>::threads),
            .shared_bytes = static_cast<std::size_t>(layout.bytes),
            .stream = context.stream()},
           model, job, layout, counter.data());
    return true;
}

template <class Source>
bool run(Context const& context, DeviceModel const& model, DeviceJob const& job, bool zeros) {
    // 64 states where there are enough for every multiprocessor, else 32.
    bool const wide = job.batch > std::int64_t{64} * device_limits(context.device()).multiprocessors;
    if (zeros) return (wide && run<Source, 2, true>(context, model, job)) || run<Source, 1, true>(context, model, job);
    return (wide && run<Source, 2, false>(context, model, job)) || run<Source, 1, false>(context, model, job);
}

}  // namespace

bool relax_tile(Context const& context, DeviceModel const& model, DeviceJob const& given) {
    bool const serves = model.limits != nullptr && given.update == Update::synchronous && given.threshold == nullptr &&
                        given.max_sweeps > 0 && given.batch <= (std::int64_t{1} << 30);
    if (!serves) return false;
    if (given.batch == 0) return true;

    DeviceJob job = given;
    Buffer<std::uint32_t> clamp_bits;
    if (job.clamp != nullptr) {
        MatrixView<std::int8_t const> const clamp(reinterpret_cast<std::int8_t const*>(job.clamp), job.clamp_stride == 0 ? 1 : job.batch,
                                                  model.neurons);
        clamp_bits = Buffer<std::uint32_t>(context, clamp.rows * model.neuron_words);
        pack_rows(context, clamp, Bit::nonzero, clamp_bits.data());
        job.clamp_bits = clamp_bits.data();
    }
    bool const zeros = job.tie == Tie::zero || has_zeros(context, job.states, job.batch * model.neurons);
    if (model.kind == Kind::hebbian) return run<Factored>(context, model, job, zeros);
    switch (model.weight_type) {
        case WeightType::u8:
            return run<Dense<std::uint8_t>>(context, model, job, zeros);
        case WeightType::s8:
            return run<Dense<std::int8_t>>(context, model, job, zeros);
        default:
            return run<Dense<std::int16_t>>(context, model, job, zeros);
    }
}

}  // namespace ca3::hopfield::cuda
