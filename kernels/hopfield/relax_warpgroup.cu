#include "kernels/hopfield/fragments.cuh"
#include "kernels/hopfield/relax.cuh"
#include "kernels/hopfield/tile.cuh"
#include "kernels/hopfield/wgmma.cuh"

#include <algorithm>

/// Synchronous relaxation with the warpgroup products of sm_90a: a block owns 128 states without zeros. The products are transposed,
/// patterns or neurons x states: pattern bits are spread in registers on their way from L2 (dense weights come as bytes) and are the A
/// operands, so that the states and the bytes of their overlaps, which stay in shared memory as B operands, are all that it delivers.
namespace ca3::hopfield::cuda {

namespace {

constexpr int state_rows = 128;
constexpr int chunk_bytes = 16 * state_rows;
constexpr int scratch_bytes_of_warp = 2 * 4 * 16 * 4;

using StateTile = Tile<state_rows, false, Order::by_chunk>;

struct Factored;
struct Dense;

// The pass of the compiler for another architecture leaves all of this out and makes a kernel that traps.
#if !defined(__CUDA_ARCH__) || defined(CA3_HAS_WGMMA)

/// H + D s = X^T m with m = X s, two bytes for each overlap: shared memory ends long before 32,768 neurons.
struct Factored {
    /// m for 64 patterns at a time by b1 products, m = 4 |s+ & x| - 2 |x| - sum of s, cut into bytes.
    static __device__ void begin(StateTile const& tile) {
        DeviceModel const& model = tile.model;
        int const lane = tile.lane, patterns = static_cast<int>(model.patterns);
        int const steps = static_cast<int>((model.neurons + 255) / 256);
        ptx::SharedOperand const states = ptx::shared_operand(tile.now(0, 0), chunk_bytes);
        for (int block = tile.warp / 4; block * 64 < patterns; block += 2) {
            uint4 const* const fragments = model.overlap_blocks + std::int64_t{block} * steps * 128 + threadIdx.x % 128;
            int sum[64] = {};
            uint4 next = __ldg(fragments);
            for (int step = 0; step < steps; ++step) {
                unsigned const a[4] = {next.x, next.y, next.z, next.w};
                if (step + 1 < steps) next = __ldg(fragments + (step + 1) * 128);
                ptx::wgmma_fence();
                ptx::wgmma_b1_and(sum, a, states.advanced(step * 2 * chunk_bytes));
                ptx::wgmma_commit();
                ptx::wgmma_wait<0>(sum);
            }
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int const mu = block * 64 + tile.warp % 4 * 16 + half * 8 + lane / 4;
                int const ones = mu < patterns ? model.pattern_ones[mu] : 0;
#pragma unroll
                for (int n = 0; n < 32; ++n) {
                    int const row = n / 2 * 8 + lane % 4 * 2 + n % 2;
                    int const m = mu < patterns ? 4 * sum[n / 2 * 4 + half * 2 + n % 2] - 2 * ones - tile.records.sum[row] : 0;
                    *tile.limb(0, row, mu) = static_cast<unsigned char>(m);
                    *tile.limb(1, row, mu) = static_cast<unsigned char>(m >> 8);
                }
            }
        }
    }

    /// sum = sum over mu of x m - threshold for 64 neurons.
    static __device__ void multiply(StateTile const& tile, int group, int const (&threshold)[2], int (&sum)[64]) {
#pragma unroll
        for (int n = 0; n < 64; ++n) sum[n] = 0;
        pass<true>(tile, group, 1, sum);
#pragma unroll
        for (int n = 0; n < 64; ++n) sum[n] = sum[n] * 256 - threshold[n / 2 % 2];
        pass<false>(tile, group, 0, sum);
    }

private:
    /// While one warpgroup waits for its products and takes signs, the other ones on the multiprocessor keep the tensor cores busy.
    template <bool signed_bytes>
    static __device__ void pass(StateTile const& tile, int group, int limb, int (&sum)[64]) {
        int const pairs = static_cast<int>((tile.model.patterns + 63) / 64);
        std::uint32_t const* const fragments = tile.model.field_blocks + std::int64_t{group} * pairs * 128 + threadIdx.x % 128;
        auto const load = [&](int pair) { return pair < pairs ? __ldg(fragments + pair * 128) : 0u; };
        ptx::SharedOperand const overlaps = ptx::shared_operand(tile.limb(limb, 0, 0), chunk_bytes);
        std::uint32_t next[2] = {load(0), load(1)};
        int pair = 0;
        for (; pair + 2 <= pairs; pair += 2) {
            std::uint32_t const bits[2] = {next[0], next[1]};
            next[0] = load(pair + 2);
            next[1] = load(pair + 3);
            add_pairs<signed_bytes>(bits, overlaps.advanced(pair * 4 * chunk_bytes), sum);
        }
        if (pair < pairs) {
            std::uint32_t const bits[1] = {next[0]};
            add_pairs<signed_bytes>(bits, overlaps.advanced(pair * 4 * chunk_bytes), sum);
        }
    }

    /// The products of `count` pairs of steps of 32 patterns, from pattern bits.
    template <bool signed_bytes, int count>
    static __device__ void add_pairs(std::uint32_t const (&bits)[count], ptx::SharedOperand overlaps, int (&sum)[64]) {
        unsigned a[2 * count][4];
#pragma unroll
        for (int n = 0; n < 8 * count; ++n) a[n / 4][n % 4] = ~((bits[n / 8] >> n % 8 & 0x01010101u) * 0xFEu);  // -1 or +1
        ptx::wgmma_fence();
#pragma unroll
        for (int step = 0; step < 2 * count; ++step) {
            if constexpr (signed_bytes) {
                ptx::wgmma_s8(sum, a[step], overlaps.advanced(step * 2 * chunk_bytes));
            } else {
                ptx::wgmma_s8u8(sum, a[step], overlaps.advanced(step * 2 * chunk_bytes));
            }
        }
        ptx::wgmma_commit();
        ptx::wgmma_wait<0>(sum);
    }
};

/// H + D s = W s with weights of 8 bits. The one plane of coefficients holds the states as bytes.
struct Dense {
    static __device__ void begin(StateTile const& tile) {
        int const words = static_cast<int>(tile.model.neuron_words);
        for (int n = static_cast<int>(threadIdx.x); n < state_rows * words; n += StateTile::threads) {
            int const row = n % state_rows, word = n / state_rows;
            std::uint32_t const bits = *tile.now(row, word);
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                auto const quad = [&](int q) { return ~(((bits >> (16 * half + 4 * q) & 0xFu) * 0x00204081u & 0x01010101u) * 0xFEu); };
                *reinterpret_cast<uint4*>(tile.limb(0, row, word * 32 + half * 16)) = make_uint4(quad(0), quad(1), quad(2), quad(3));
            }
        }
    }

    static __device__ void multiply(StateTile const& tile, int group, int const (&threshold)[2], int (&sum)[64]) {
        constexpr int batch = 4;
        int const steps = static_cast<int>(tile.model.neuron_words);
        uint4 const* const fragments = tile.model.weight_blocks + std::int64_t{group} * steps * 128 + threadIdx.x % 128;
        auto const load = [&](int step) { return step < steps ? __ldg(fragments + step * 128) : make_uint4(0, 0, 0, 0); };
        ptx::SharedOperand const states = ptx::shared_operand(tile.limb(0, 0, 0), chunk_bytes);
#pragma unroll
        for (int n = 0; n < 64; ++n) sum[n] = -threshold[n / 2 % 2];
        uint4 next[batch];
#pragma unroll
        for (int n = 0; n < batch; ++n) next[n] = load(n);
        for (int step = 0; step < steps; step += batch) {
            unsigned a[batch][4];
#pragma unroll
            for (int n = 0; n < batch; ++n) {
                a[n][0] = next[n].x, a[n][1] = next[n].y, a[n][2] = next[n].z, a[n][3] = next[n].w;
                next[n] = load(step + batch + n);
            }
            ptx::wgmma_fence();
#pragma unroll
            for (int n = 0; n < batch; ++n) ptx::wgmma_s8(sum, a[n], states.advanced((step + n) * 2 * chunk_bytes));
            ptx::wgmma_commit();
            ptx::wgmma_wait<0>(sum);
        }
    }
};

/// Bit i of lane j (of 16) from bit j of lane i, in both halves of the word and of the warp.
__device__ std::uint32_t transpose_16(std::uint32_t word, int lane) {
    std::uint32_t low = 0x00FF00FFu;
#pragma unroll
    for (int step = 8; step > 0; step /= 2) {
        std::uint32_t const other = __shfl_xor_sync(0xFFFFFFFFu, word, step);
        word = (lane & step) == 0 ? (word & low) | (other & low) << step : (word & ~low) | (other >> step & low);
        low ^= low << (step / 2);
    }
    return word;
}

/// sum - threshold of the 16 neurons of a warp and 128 states, to bits: two per neuron and state, for s = +1 and for s = -1, of which
/// the old state picks one. A lane holds two neurons; the scratch memory of the warp turns that into words along the neurons.
/// @param further what to add to sum - threshold for s = +1, to have that for s = -1
__device__ void settle(StateTile const& tile, int group, int const (&sum)[64], int const (&further)[2]) {
    int const lane = tile.lane;
    unsigned char* const scratch = tile.shared + tile.layout.scratch + tile.warp * scratch_bytes_of_warp;
    auto const words = reinterpret_cast<std::uint32_t const*>(scratch);  // [s = +1, -1][state / 32][neuron]
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        std::uint32_t from_plus = 0, from_minus = 0;  // sign bits, of state 8j + 2t + c at 2j + c
#pragma unroll
        for (int n = 31; n >= 0; --n) {
            int const excess = sum[n / 2 * 4 + half * 2 + n % 2];
            from_plus = __funnelshift_l(static_cast<std::uint32_t>(excess), from_plus, 1);
            from_minus = __funnelshift_l(static_cast<std::uint32_t>(excess + further[half]), from_minus, 1);
        }
        int const byte = (half * 8 + lane / 4) * 4 + lane % 4;
#pragma unroll
        for (int q = 0; q < 4; ++q) {
            scratch[q * 64 + byte] = static_cast<unsigned char>(~from_plus >> (8 * q));
            scratch[256 + q * 64 + byte] = static_cast<unsigned char>(~from_minus >> (8 * q));
        }
    }
    __syncwarp();
#pragma unroll
    for (int pair = 0; pair < 4; pair += 2) {
        int const q = pair + lane / 16;
        std::uint32_t const from_plus = transpose_16(words[q * 16 + lane % 16], lane);
        std::uint32_t const from_minus = transpose_16(words[64 + q * 16 + lane % 16], lane);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            int const bit = half * 16 + lane % 16;  // of the word: 8t + 2 (j % 4) + c
            int const row = q * 32 + bit / 2 % 4 * 8 + bit / 8 * 2 + bit % 2;
            int const word = group * 4 + tile.warp % 4;
            std::uint32_t const old = *tile.now<std::uint16_t>(row, word);
            std::uint32_t const bits = (old & from_plus >> (16 * half)) | (~old & from_minus >> (16 * half));
            tile.store(row, word, static_cast<std::uint16_t>(bits), std::uint16_t{0});
        }
    }
    __syncwarp();  // the scratch memory is written again
}

#endif

template <class Source>
__global__ void __launch_bounds__(256, 2) relax_warpgroup_kernel(DeviceModel model, DeviceJob job, PackedStates packed, TileLayout layout) {
#if !defined(__CUDA_ARCH__) || defined(CA3_HAS_WGMMA)
    StateTile tile(model, job, packed, layout);
    int const groups = static_cast<int>((model.neurons + 63) / 64);
    tile.start();
    while (tile.turn_over()) {
        tile.begin_sweep();
        ptx::fence_proxy_async();
        __syncthreads();
        Source::begin(tile);
        ptx::fence_proxy_async();
        __syncthreads();
        for (int group = tile.warp / 4; group < groups; group += 2) {
            // With s = 2b - 1 and t = 1 where a tie gives +1: the new bit is 2 (H + D s) >= tau - 2D + 4Db + 1 - t.
            int threshold[2], further[2];
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                int2 const limits = model.limits[group * 64 + tile.warp % 4 * 16 + half * 8 + tile.lane / 4];
                int const from_minus = limits.x - 2 * limits.y + (job.tie == Tie::plus ? 0 : 1);
                int const from_plus = from_minus + 4 * limits.y - (job.tie == Tie::keep ? 1 : 0);
                threshold[half] = (from_plus + 1) >> 1;
                further[half] = threshold[half] - ((from_minus + 1) >> 1);
            }
            int sum[64];
            Source::multiply(tile, group, threshold, sum);
            settle(tile, group, sum, further);
        }
        __syncthreads();
        tile.judge();
    }
#else
    __trap();
#endif
}

/// @param limbs planes of coefficients  @param columns of each
/// @returns false when the states do not fit into shared memory
template <class Source>
bool run(Context const& context, DeviceModel const& model, DeviceJob const& job, PackedStates const& packed, int limbs,
         std::int64_t columns) {
    auto const limits = device_limits(context.device());
    std::int64_t const planes = (static_cast<std::int64_t>(sizeof(StateTile::Records)) + 127) / 128 * 128;
    std::int64_t const plane_bytes = (model.neurons + 255) / 256 * 2 * chunk_bytes;
    std::int64_t const limb_bytes = columns / 16 * chunk_bytes;
    std::int64_t const first_limb = planes + 2 * plane_bytes;
    std::int64_t const scratch = first_limb + limbs * limb_bytes;
    std::int64_t const bytes = scratch + StateTile::threads / 32 * scratch_bytes_of_warp;
    if (bytes > limits.shared_bytes_per_block || !ptx::has_wgmma(context, relax_warpgroup_kernel<Source>)) return false;

    TileLayout const layout{.planes = static_cast<int>(planes),
                            .plane_bytes = static_cast<int>(plane_bytes),
                            .limbs = static_cast<int>(first_limb),
                            .limb_bytes = static_cast<int>(limb_bytes),
                            .scratch = static_cast<int>(scratch),
                            .bytes = static_cast<int>(bytes)};
    std::int64_t const resident = std::clamp<std::int64_t>(limits.shared_bytes_per_multiprocessor / (bytes + 1024), 1, 2);
    std::int64_t const blocks = std::min((job.batch + state_rows - 1) / state_rows, resident * limits.multiprocessors);
    launch(
        context, relax_warpgroup_kernel<Source>,
        {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(StateTile::threads), .shared_bytes = static_cast<std::size_t>(bytes)},
        model, job, packed, layout);
    return true;
}

}  // namespace

bool relax_warpgroup(Context const& context, DeviceModel const& model, DeviceJob const& job, PackedStates const& packed) {
    if (packed.minus != nullptr) return false;
    if (model.overlap_blocks != nullptr) return run<Factored>(context, model, job, packed, 2, (model.patterns + 63) / 64 * 64);
    // The steps of a batch may reach past the last neuron: there the weights are zero, but the bytes must be inside.
    if (model.weight_blocks != nullptr) return run<Dense>(context, model, job, packed, 1, (model.neurons + 127) / 128 * 128);
    return false;
}

}  // namespace ca3::hopfield::cuda
