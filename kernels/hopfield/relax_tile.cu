#include "kernels/hopfield/fragments.cuh"
#include "kernels/hopfield/prepared.cuh"
#include "kernels/hopfield/relax.cuh"
#include "kernels/hopfield/tile.cuh"

#include <ca3/matrix.hpp>

#include <algorithm>

/// Synchronous relaxation at temperature 0 on the tensor cores: a block owns 64 (or 32) states as bits in shared memory and streams the
/// patterns or weights past them from L2. One launch, no exchange between blocks but the number of the next state to take.
namespace ca3::hopfield::cuda {

namespace {

/// Eight warps: two share the rows, four share the neurons, in groups of 64.
template <int tiles, bool with_zeros>
class WarpTile : public Tile<32 * tiles, with_zeros, Order::by_row> {
    using Base = Tile<32 * tiles, with_zeros, Order::by_row>;

public:
    static constexpr int tiles_m = tiles;  ///< of 16 rows for each warp
    static constexpr int rows_of_lane = 2 * tiles_m;
    using Sums = int[tiles_m][8][4];

    using Base::Base, Base::lane, Base::model, Base::job, Base::now, Base::records, Base::warp, Base::zeros;

    /// First of the rows that this warp multiplies.
    [[nodiscard]] __device__ int first_row() const { return warp % 2 * 16 * tiles_m; }
    /// The row of the accumulators sum[n / 2][.][n % 2 * 2 + .] of this lane.
    [[nodiscard]] __device__ int row_of(int n) const { return first_row() + n * 8 + lane / 4; }

    /// The signs of one group of 64 neurons, from their sums: 2 H_i = (sum << shift) - offset - 2 D_i s_i is compared with tau_i.
    __device__ void settle(Sums const& sum, int shift, int group) const {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            int const word = 2 * group + half;
            std::uint32_t old_plus[rows_of_lane], old_minus[rows_of_lane], plus[rows_of_lane], minus[rows_of_lane];
            int offset[rows_of_lane];
#pragma unroll
            for (int n = 0; n < rows_of_lane; ++n) {
                old_plus[n] = *now(row_of(n), word);
                old_minus[n] = zeros ? *now(row_of(n), word, zeros) : 0;
                offset[n] = records.offset[row_of(n)];
                plus[n] = minus[n] = 0;
            }
#pragma unroll
            for (int element = 0; element < 8; ++element) {
                int const tile = element / 2, c = element % 2;
                int const bit = tile * 8 + lane % 4 * 2 + c;
                int const i = word * 32 + bit;
                int2 const limits = model.limits[i];
#pragma unroll
                for (int n = 0; n < rows_of_lane; ++n) {
                    int const value = (sum[n / 2][half * 4 + tile][n % 2 * 2 + c] << shift) - offset[n];
                    decide_bit(value, limits, bit, old_plus[n], old_minus[n], plus[n], minus[n]);
                }
            }
#pragma unroll
            for (int n = 0; n < rows_of_lane; ++n) {
                plus[n] = join(plus[n]);
                if constexpr (zeros) minus[n] = join(minus[n]);
                if (lane % 4 == n) Base::store(row_of(n), word, plus[n], minus[n]);
            }
        }
    }

private:
    /// Sets `bit` of plus and minus. @param limits tau_i and D_i
    __device__ void decide_bit(int value, int2 limits, int bit, std::uint32_t old_plus, std::uint32_t old_minus, std::uint32_t& plus,
                               std::uint32_t& minus) const {
        if constexpr (zeros) {
            int const was_plus = static_cast<int>(old_plus >> bit & 1u), was_minus = static_cast<int>(old_minus >> bit & 1u);
            int const excess = value - 2 * limits.y * (was_plus - was_minus) - limits.x;
            bool const tie_plus = job.tie == Tie::plus || (job.tie == Tie::keep && was_plus != 0);
            bool const tie_minus = job.tie == Tie::minus || (job.tie == Tie::keep && was_minus != 0);
            if (excess > 0 || (excess == 0 && tie_plus)) plus |= 1u << bit;
            if (excess < 0 || (excess == 0 && tie_minus)) minus |= 1u << bit;
        } else {
            // With s = 2b - 1 and t = 1 where a tie gives +1: the new bit is value >= tau - 2D + 4Db + 1 - t.
            int const from_minus = limits.x - 2 * limits.y + (job.tie == Tie::plus ? 0 : 1);
            int const from_plus = from_minus + 4 * limits.y - (job.tie == Tie::keep ? 1 : 0);
            if (value >= ((old_plus >> bit & 1u) != 0 ? from_plus : from_minus)) plus |= 1u << bit;
        }
    }

    /// The four lanes of a row hold eight bits of a word each.
    [[nodiscard]] static __device__ std::uint32_t join(std::uint32_t bits) {
        bits |= __shfl_xor_sync(0xFFFFFFFFu, bits, 1);
        return bits | __shfl_xor_sync(0xFFFFFFFFu, bits, 2);
    }
};

/// H + D s = X^T m with m = X s, the overlaps by b1 products (m = 4 |s+ & x| - 2 |x| - sum of s), the fields by 8-bit products of the bytes
/// of m with pattern bits b: sum over mu of x m = 2 sum of b m - sum of m. Two bytes serve up to 32,767 neurons; where all overlaps of the
/// tile are below 128 one pass suffices.
struct Factored {
    static constexpr int shift = 2;

    template <int tiles_m, bool zeros>
    static __device__ void begin(WarpTile<tiles_m, zeros> const& tile) {
        DeviceModel const& model = tile.model;
        constexpr int tiles = 2 * tiles_m;
        int const lane = tile.lane;
        int const pairs = static_cast<int>(overlap_pairs(model.neurons));
        int largest = 0;
        for (int n = tile.warp; n * 8 < model.patterns; n += tile.threads / 32) {
            int plus[tiles][4] = {}, minus[tiles][4] = {};
            for (int pair = 0; pair < pairs; ++pair) {
                uint4 const x = __ldg(model.overlap_fragments + (std::int64_t{n} * pairs + pair) * 32 + lane);
                unsigned const b[2][2] = {{x.x, x.y}, {x.z, x.w}};
#pragma unroll
                for (int step = 0; step < 2; ++step) {
#pragma unroll
                    for (int i = 0; i < tiles; ++i) {
                        int const row = i * 16 + lane % 16;
                        int const word = (2 * pair + step) * 8 + lane / 16 * 4;
                        unsigned a[4];
                        ptx::ldmatrix_x4(a, tile.now(row, word));
                        ptx::mma_m16n8k256_b1_and(plus[i], a, b[step]);
                        if constexpr (zeros) {
                            ptx::ldmatrix_x4(a, tile.now(row, word, 1));
                            ptx::mma_m16n8k256_b1_and(minus[i], a, b[step]);
                        }
                    }
                }
            }
            int const mu = n * 8 + lane % 4 * 2;
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
                        *reinterpret_cast<std::uint16_t*>(tile.limb(limb, row, mu)) =
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
    static __device__ void multiply(WarpTile<tiles_m, zeros> const& tile, int group, int (&sum)[tiles_m][8][4]) {
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
    static __device__ void pass(WarpTile<tiles_m, zeros> const& tile, int group, int limb, int (&sum)[tiles_m][8][4]) {
        int const lane = tile.lane;
        int const steps = static_cast<int>((tile.model.patterns + 31) / 32);
        uint2 const* const fragments = tile.model.field_fragments + std::int64_t{group} * steps * 32 + lane;
#pragma unroll 1
        for (int step = 0; step < steps; ++step) {
            uint2 const x = __ldg(fragments + step * 32);
            unsigned a[tiles_m][4];
#pragma unroll
            for (int i = 0; i < tiles_m; ++i) {
                ptx::ldmatrix_x4(a[i], tile.limb(limb, tile.first_row() + i * 16 + lane % 16, step * 32 + lane / 16 * 16));
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
    static __device__ void begin(WarpTile<tiles_m, zeros> const& tile) {
        if constexpr (counts) {
            if (int const row = static_cast<int>(threadIdx.x); row < tile.rows) {
                tile.records.offset[row] = static_cast<int>(2 * tile.model.patterns) * tile.records.sum[row];
            }
            __syncthreads();
        }
    }

    template <int tiles_m, bool zeros>
    static __device__ void multiply(WarpTile<tiles_m, zeros> const& tile, int group, int (&sum)[tiles_m][8][4]) {
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
    static __device__ void pass(WarpTile<tiles_m, zeros> const& tile, int group, int limb, int (&sum)[tiles_m][8][4]) {
        int const lane = tile.lane, nibble = lane % 4 * 4;
        int const steps = static_cast<int>(tile.model.neuron_words), groups = (steps + 1) / 2;
        uint4 const* fragments = tile.model.weight_fragments + std::int64_t{limb * groups + group} * steps * 128 + lane;
#pragma unroll 1
        for (int step = 0; step < steps; ++step) {
            uint4 w[4];
#pragma unroll
            for (int pair = 0; pair < 4; ++pair) w[pair] = __ldg(fragments + pair * 32);
            fragments += 128;
            unsigned a[tiles_m][4];
#pragma unroll
            for (int n = 0; n < tile.rows_of_lane; ++n) {
                std::uint32_t const plus = *tile.now(tile.row_of(n), step) >> nibble;
                std::uint32_t const minus = zeros ? *tile.now(tile.row_of(n), step, zeros) >> nibble : 0;
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
    relax_tile_kernel(DeviceModel model, DeviceJob job, PackedStates packed, TileLayout layout) {
    WarpTile<tiles_m, zeros> tile(model, job, packed, layout);
    int const groups = static_cast<int>((model.neurons + 63) / 64);
    tile.start();
    while (tile.turn_over()) {
        tile.begin_sweep();
        Source::begin(tile);
        for (int group = tile.warp / 2; group < groups; group += 4) {
            int sum[tiles_m][8][4] = {};
            Source::multiply(tile, group, sum);
            tile.settle(sum, Source::shift, group);
        }
        __syncthreads();
        tile.judge();
    }
}

/// Pitches are odd multiples of 16, so that ldmatrix meets every bank once.
template <int tiles_m, bool zeros>
std::int64_t lay_out(DeviceModel const& model, TileLayout& layout) {
    using OneTile = WarpTile<tiles_m, zeros>;
    std::int64_t const plane_pitch = overlap_pairs(model.neurons) * 64 + 16;
    std::int64_t const limb_pitch = (model.patterns + 31) / 32 * 32 + 16;
    std::int64_t const limbs = model.kind == Kind::dense ? 0 : Factored::limbs_for(static_cast<int>(model.neurons));
    std::int64_t const planes = (static_cast<std::int64_t>(sizeof(typename OneTile::Records)) + 15) / 16 * 16;
    std::int64_t const first_limb = planes + (zeros ? 4 : 2) * OneTile::rows * plane_pitch;
    std::int64_t const bytes = first_limb + limbs * OneTile::rows * limb_pitch;
    if (bytes < std::int64_t{1} << 30) {
        layout = {.planes = static_cast<int>(planes),
                  .plane_bytes = static_cast<int>(OneTile::rows * plane_pitch),
                  .limbs = static_cast<int>(first_limb),
                  .limb_bytes = static_cast<int>(OneTile::rows * limb_pitch),
                  .plane_pitch = static_cast<int>(plane_pitch),
                  .limb_pitch = static_cast<int>(limb_pitch),
                  .bytes = static_cast<int>(bytes)};
    }
    return bytes;
}

/// @returns false when the states do not fit into shared memory
template <class Source, int tiles_m, bool zeros>
bool run(Context const& context, DeviceModel const& model, DeviceJob const& job, PackedStates const& packed) {
    auto const limits = device_limits(context.device());
    TileLayout layout;
    std::int64_t const bytes = lay_out<tiles_m, zeros>(model, layout);
    if (bytes > limits.shared_bytes_per_block) return false;
    std::int64_t const resident = std::clamp<std::int64_t>(limits.shared_bytes_per_multiprocessor / (bytes + 1024), 1, 2);
    std::int64_t const rows = WarpTile<tiles_m, zeros>::rows;
    std::int64_t const blocks = std::min((job.batch + rows - 1) / rows, resident * limits.multiprocessors);
    launch(context, relax_tile_kernel<Source, tiles_m, zeros>,
           {.grid = dim3(static_cast<unsigned>(blocks)),
            .block = dim3(WarpTile<tiles_m, zeros>::threads),
            .shared_bytes = static_cast<std::size_t>(bytes)},
           model, job, packed, layout);
    return true;
}

template <class Source>
bool run(Context const& context, DeviceModel const& model, DeviceJob const& job, PackedStates const& packed) {
    // 64 states where there are enough for every multiprocessor, else 32.
    bool const many = job.batch > std::int64_t{64} * device_limits(context.device()).multiprocessors;
    if (packed.minus != nullptr)
        return (many && run<Source, 2, true>(context, model, job, packed)) || run<Source, 1, true>(context, model, job, packed);
    return (many && run<Source, 2, false>(context, model, job, packed)) || run<Source, 1, false>(context, model, job, packed);
}

}  // namespace

bool relax_tile(Context const& context, DeviceModel const& model, DeviceJob const& job, PackedStates const& packed) {
    if (model.kind == Kind::hebbian) return run<Factored>(context, model, job, packed);
    switch (model.weight_type) {
        case WeightType::u8:
            return run<Dense<std::uint8_t>>(context, model, job, packed);
        case WeightType::s8:
            return run<Dense<std::int8_t>>(context, model, job, packed);
        default:
            return run<Dense<std::int16_t>>(context, model, job, packed);
    }
}

}  // namespace ca3::hopfield::cuda
