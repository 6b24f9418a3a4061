#pragma once

#include "kernels/common/ptx.cuh"
#include "kernels/hopfield/device_model.cuh"

#include <cstdint>

/// The states that one block relaxes at the same time, as bits in shared memory. A row that is done is written back and the next state
/// of the batch takes its place, so that the block's matrix products stay full whatever number of sweeps each state needs.
namespace ca3::hopfield::cuda {

/// Byte offsets in dynamic shared memory. Pitches are odd multiples of 16, so that ldmatrix meets every bank once.
struct TileLayout {
    int plane_pitch = 0;  ///< of a row of bits, whole pairs of 256-bit steps
    int planes = 0;       ///< state +1, the sweep before +1; with zeros also state -1, the sweep before -1
    int limb_pitch = 0;   ///< of a row of overlap bytes
    int limbs = 0;        ///< planes of overlap bytes, the lowest byte first
    int bytes = 0;
};

/// Eight warps: two share the rows, four share the neurons, in groups of 64.
template <int tiles_m, bool zeros>
class Tile {
public:
    static constexpr int rows = 32 * tiles_m;
    static constexpr int threads = 256;
    static constexpr int rows_of_lane = 2 * tiles_m;
    using Sums = int[tiles_m][8][4];  ///< accumulators: 16 rows, 8 neurons each

    struct Records {
        std::int64_t flips[rows];
        std::int32_t state[rows];  ///< number in the batch, or -1
        std::int32_t sweeps[rows];
        std::int32_t changes[rows];      ///< in this sweep
        std::int32_t differences[rows];  ///< words that differ from the state before the last
        std::int32_t sum[rows];          ///< of the state's elements
        std::int32_t offset[rows];       ///< what is taken off 2 H before its diagonal and threshold are
        Status status[rows];
        bool done[rows];
        std::int32_t largest;  ///< |overlap|
    };

    DeviceModel const& model;
    DeviceJob const& job;
    TileLayout const& layout;
    unsigned char* const shared = dynamic_shared<unsigned char>();
    Records& records = *reinterpret_cast<Records*>(shared);
    int const warp = static_cast<int>(threadIdx.x / 32);
    int const lane = static_cast<int>(threadIdx.x % 32);

    __device__ Tile(DeviceModel const& model_of_all, DeviceJob const& job_of_all, TileLayout const& layout_of_all)
        : model(model_of_all), job(job_of_all), layout(layout_of_all) {}

    /// Bits of the states now (sign 0: +1; sign 1: -1, with zeros only), or of those one sweep before.
    [[nodiscard]] __device__ std::uint32_t* now(int row, int sign = 0) const { return plane(current_ + 2 * sign, row); }
    [[nodiscard]] __device__ std::uint32_t* before(int row, int sign = 0) const { return plane((current_ ^ 1) + 2 * sign, row); }
    [[nodiscard]] __device__ unsigned char* limb(int number, int row) const {
        return shared + layout.limbs + (number * rows + row) * layout.limb_pitch;
    }
    /// First of the rows that this warp multiplies.
    [[nodiscard]] __device__ int first_row() const { return warp % 2 * 16 * tiles_m; }
    /// The row of the accumulators sum[n / 2][.][n % 2 * 2 + .] of this lane.
    [[nodiscard]] __device__ int row_of(int n) const { return first_row() + n * 8 + lane / 4; }

    /// Writes out the rows that are done and fills them with the next states; `start`: all rows are empty.
    __device__ void turn_over(unsigned* counter, bool start) {
        for (int row = warp; row < rows; row += threads / 32) {
            if (!start) {
                if (records.state[row] < 0 || !records.done[row]) continue;
                write_back(row);
                __syncwarp();
            }
            unsigned next = 0;
            if (lane == 0) next = atomicAdd(counter, 1u);
            next = __shfl_sync(0xFFFFFFFFu, next, 0);
            bool const filled = next < job.batch;
            if (filled || start) read(row, filled ? static_cast<std::int64_t>(next) : -1);
            if (lane == 0) {
                records.state[row] = filled ? static_cast<std::int32_t>(next) : -1;
                records.sweeps[row] = 0;
                records.flips[row] = 0;
            }
        }
    }

    [[nodiscard]] __device__ bool any_left() const {
        return __syncthreads_or(static_cast<int>(threadIdx.x) < rows && records.state[threadIdx.x % rows] >= 0) != 0;
    }

    /// Before a sweep: counters to zero, the sum of each state.
    __device__ void begin_sweep() {
        for (int row = warp; row < rows; row += threads / 32) {
            int ones = 0;
            for (std::int64_t word = lane; word < model.neuron_words; word += 32) {
                ones += __popc(now(row)[word]);
                if constexpr (zeros) ones -= __popc(now(row, 1)[word]);
            }
            for (int distance = 16; distance > 0; distance /= 2) ones += __shfl_xor_sync(0xFFFFFFFFu, ones, distance);
            if (lane == 0) {
                records.sum[row] = zeros ? ones : 2 * ones - static_cast<int>(model.neurons);
                records.changes[row] = records.differences[row] = records.offset[row] = 0;
            }
        }
        if (threadIdx.x == 0) records.largest = 0;
        changes_ = differences_ = 0;
    }

    /// The signs of one group of 64 neurons, from their sums: 2 H_i = (sum << shift) - offset - 2 D_i s_i is compared with tau_i. The
    /// result goes to where the state one sweep before was.
    __device__ void settle(Sums const& sum, int shift, std::int64_t group) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            std::int64_t const word = 2 * group + half;
            if (word >= model.neuron_words) break;
            std::uint32_t old_plus[rows_of_lane], old_minus[rows_of_lane], plus[rows_of_lane], minus[rows_of_lane];
            int offset[rows_of_lane];
#pragma unroll
            for (int n = 0; n < rows_of_lane; ++n) {
                old_plus[n] = now(row_of(n))[word];
                old_minus[n] = zeros ? now(row_of(n), 1)[word] : 0;
                offset[n] = records.offset[row_of(n)];
                plus[n] = minus[n] = 0;
            }
#pragma unroll
            for (int element = 0; element < 8; ++element) {
                int const tile = element / 2, c = element % 2;
                int const bit = tile * 8 + lane % 4 * 2 + c;
                std::int64_t const i = word * 32 + bit;
                int2 const limits = i < model.neurons ? model.limits[i] : make_int2(0, 0);
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
                if (lane % 4 == n) store(row_of(n), word, old_plus[n], old_minus[n], plus[n], minus[n]);
            }
        }
    }

    /// After a sweep: counts meet; then, after a barrier, each row is judged.
    __device__ void count() {
        if (lane % 4 < rows_of_lane) {
            int const row = row_of(lane % 4);
            if (changes_ != 0) atomicAdd(&records.changes[row], changes_);
            if (differences_ != 0) atomicAdd(&records.differences[row], differences_);
        }
    }
    __device__ void judge() {
        if (int const row = static_cast<int>(threadIdx.x); row < rows && records.state[row] >= 0) {
            int const sweeps = ++records.sweeps[row];
            records.flips[row] += records.changes[row];
            bool const fixed = records.changes[row] == 0, cycle = sweeps > 1 && records.differences[row] == 0;
            records.status[row] = fixed ? Status::fixed_point : cycle ? Status::two_cycle : Status::sweep_limit;
            records.done[row] = fixed || cycle || sweeps == job.max_sweeps;
        }
        current_ ^= 1;
    }

private:
    [[nodiscard]] __device__ std::uint32_t* plane(int number, int row) const {
        return reinterpret_cast<std::uint32_t*>(shared + layout.planes + (number * rows + row) * layout.plane_pitch);
    }

    __device__ void read(int row, std::int64_t b) const {
        for (std::int64_t word = 0; word < model.neuron_words; ++word) {
            std::int64_t const i = word * 32 + lane;
            int const s = b >= 0 && i < model.neurons ? job.states[b * model.neurons + i] : 0;
            std::uint32_t const plus = __ballot_sync(0xFFFFFFFFu, s > 0), minus = __ballot_sync(0xFFFFFFFFu, s < 0);
            if (lane == 0) {
                now(row)[word] = plus;
                if constexpr (zeros) now(row, 1)[word] = minus;
            }
        }
    }

    __device__ void write_back(int row) const {
        std::int64_t const b = records.state[row];
        for (std::int64_t word = 0; word < model.neuron_words; ++word) {
            std::int64_t const i = word * 32 + lane;
            bool const plus = (now(row)[word] >> lane & 1u) != 0, minus = !zeros || (now(row, zeros)[word] >> lane & 1u) != 0;
            if (i < model.neurons) job.states[b * model.neurons + i] = static_cast<std::int8_t>(plus ? 1 : minus ? -1 : 0);
        }
        if (lane != 0) return;
        job.status[b] = records.status[row];
        job.sweeps[b] = records.sweeps[row];
        job.flips[b] = records.flips[row];
    }

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

    __device__ void store(int row, std::int64_t word, std::uint32_t old_plus, std::uint32_t old_minus, std::uint32_t plus,
                          std::uint32_t minus) {
        int const last = static_cast<int>(model.neurons - word * 32);
        std::uint32_t const inside = last >= 32 ? 0xFFFFFFFFu : (1u << last) - 1u;
        std::uint32_t held = 0;
        if (job.clamp_bits != nullptr && records.state[row] >= 0) {
            held = job.clamp_bits[job.clamp_stride == 0 ? word : records.state[row] * model.neuron_words + word];
        }
        plus = ((plus & ~held) | (old_plus & held)) & inside;
        minus = ((minus & ~held) | (old_minus & held)) & inside;
        std::uint32_t changed = plus ^ old_plus, different = plus ^ before(row)[word];
        before(row)[word] = plus;
        if constexpr (zeros) {
            changed |= minus ^ old_minus;
            different |= minus ^ before(row, 1)[word];
            before(row, 1)[word] = minus;
        }
        changes_ += __popc(changed);
        differences_ += different != 0;
    }

    int current_ = 0;
    int changes_ = 0, differences_ = 0;  // of row_of(lane % 4)
};

}  // namespace ca3::hopfield::cuda
