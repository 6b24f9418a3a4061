#pragma once

#include "kernels/common/ptx.cuh"
#include "kernels/hopfield/device_model.cuh"

#include <cstdint>

/// The states that one block relaxes at the same time, as bits in shared memory. A row that is done is written back and the next state
/// of the batch takes its place, so that the block's matrix products stay full whatever number of sweeps each state needs.
namespace ca3::hopfield::cuda {

/// The batch as bits in device memory: element i of state b is bit i % 32 of word b * words + i / 32; words a multiple of 4, zero past d.
struct PackedStates {
    std::uint32_t* plus = nullptr;   ///< +1
    std::uint32_t* minus = nullptr;  ///< -1; null where no state has a zero
    std::int64_t words = 0;
    std::uint32_t const* clamp = nullptr;  ///< or null
    std::int64_t clamp_stride = 0;         ///< words, or 0 for one row that serves every state
    unsigned* counter = nullptr;           ///< states that blocks have taken
};

/// Byte offsets in dynamic shared memory.
struct TileLayout {
    int planes = 0;  ///< state +1, the sweep before +1; with zeros also state -1, the sweep before -1
    int plane_bytes = 0;
    int limbs = 0;  ///< planes of coefficient bytes, the lowest byte first
    int limb_bytes = 0;
    int plane_pitch = 0, limb_pitch = 0;  ///< of rows, Order::by_row
    int scratch = 0;
    int bytes = 0;
};

/// How a plane holds its rows: each for itself, as ldmatrix reads them, or cut into chunks of 16 bytes, the first chunks of all rows before
/// the second ones, as wgmma reads them without a swizzle.
enum class Order : std::int8_t { by_row, by_chunk };

template <int row_count, bool with_zeros, Order order>
class Tile {
public:
    static constexpr int rows = row_count;
    static constexpr bool zeros = with_zeros;
    static constexpr int threads = 256;

    struct Records {
        std::int64_t flips[rows];
        std::int32_t state[rows];  ///< number in the batch, or -1
        std::int32_t sweeps[rows];
        std::int32_t rank[rows];         ///< among the rows that want a new state, or -1
        std::int32_t changes[rows];      ///< in this sweep
        std::int32_t differences[rows];  ///< words that differ from the state before the last
        std::int32_t sum[rows];          ///< of the state's elements
        std::int32_t offset[rows];       ///< what is taken off 2 H before its diagonal and threshold are
        std::int32_t wanted;             ///< rows that want a new state
        std::int32_t first;              ///< the first of the states that they get
        std::int32_t left;               ///< rows that hold a state
        std::int32_t largest;            ///< |overlap|
    };

    DeviceModel const& model;
    DeviceJob const& job;
    PackedStates const& packed;
    TileLayout const& layout;
    unsigned char* const shared = dynamic_shared<unsigned char>();
    Records& records = *reinterpret_cast<Records*>(shared);
    int const warp = static_cast<int>(threadIdx.x / 32);
    int const lane = static_cast<int>(threadIdx.x % 32);

    __device__ Tile(DeviceModel const& a_model, DeviceJob const& a_job, PackedStates const& states, TileLayout const& a_layout)
        : model(a_model), job(a_job), packed(states), layout(a_layout) {}

    /// Bits of the states now (sign 0: +1; sign 1: -1, with zeros only), or of those one sweep before.
    template <class Word = std::uint32_t>
    [[nodiscard]] __device__ Word* now(int row, int word, int sign = 0) const {
        return reinterpret_cast<Word*>(plane(current_ + 2 * sign) + place(row, word * static_cast<int>(sizeof(Word)), layout.plane_pitch));
    }
    template <class Word = std::uint32_t>
    [[nodiscard]] __device__ Word* before(int row, int word, int sign = 0) const {
        return reinterpret_cast<Word*>(plane((current_ ^ 1) + 2 * sign) +
                                       place(row, word * static_cast<int>(sizeof(Word)), layout.plane_pitch));
    }
    /// Byte `column` of a plane of coefficients.
    [[nodiscard]] __device__ unsigned char* limb(int number, int row, int column) const {
        return shared + layout.limbs + number * layout.limb_bytes + place(row, column, layout.limb_pitch);
    }

    /// All rows ask for a state; takes them. To be called once, by all threads.
    __device__ void start() {
        for (int row = static_cast<int>(threadIdx.x); row < rows; row += threads) {
            records.state[row] = -1;
            records.rank[row] = row;
        }
        if (threadIdx.x == 0) records.wanted = rows;
        __syncthreads();
        turn_over();
    }

    /// Writes the rows that are done back and fills them with the next states, if there are any.
    /// @returns false when no row holds a state. All threads; ends with a barrier.
    __device__ bool turn_over() {
        if (records.wanted > 0) {  // the same for all threads
            if (threadIdx.x == 0) {
                records.first = static_cast<std::int32_t>(atomicAdd(packed.counter, static_cast<unsigned>(records.wanted)));
                records.left = 0;
            }
            __syncthreads();
            int const chunks = static_cast<int>(packed.words / 4);
            for (int n = static_cast<int>(threadIdx.x); n < rows * chunks; n += threads) {
                int const row = n % rows;
                if (records.rank[row] >= 0) exchange(row, n / rows);
            }
            __syncthreads();
            for (int row = static_cast<int>(threadIdx.x); row < rows; row += threads) {
                if (records.rank[row] >= 0) {
                    records.state[row] = next_state(row);
                    records.sweeps[row] = 0;
                    records.flips[row] = 0;
                    records.rank[row] = -1;
                }
                if (records.state[row] >= 0) atomicAdd(&records.left, 1);
            }
            if (threadIdx.x == 0) records.wanted = 0;
            __syncthreads();
        }
        return records.left > 0;
    }

    /// Counters to zero and the sum of each state. Ends with a barrier.
    __device__ void begin_sweep() {
        for (int row = static_cast<int>(threadIdx.x); row < rows; row += threads) {
            records.changes[row] = records.differences[row] = records.offset[row] = 0;
            records.sum[row] = zeros ? 0 : -static_cast<std::int32_t>(model.neurons);
        }
        if (threadIdx.x == 0) records.largest = 0;
        __syncthreads();
        int const row = static_cast<int>(threadIdx.x) % rows;
        int sum = 0;
        for (int word = static_cast<int>(threadIdx.x) / rows * 4; word < packed.words; word += threads / rows * 4) {
            sum += count_ones(*reinterpret_cast<uint4 const*>(now(row, word))) * (zeros ? 1 : 2);
            if constexpr (zeros) sum -= count_ones(*reinterpret_cast<uint4 const*>(now(row, word, 1)));
        }
        atomicAdd(&records.sum[row], sum);
        __syncthreads();
    }

    /// The new bits of one word (uint32 or uint16) of a row; they go to where the state one sweep before was.
    template <class Word>
    __device__ void store(int row, int word, Word plus, Word minus) const {
        constexpr int width = 8 * sizeof(Word);
        int const left = static_cast<int>(model.neurons) - word * width;
        if (left <= 0) return;
        std::uint32_t const inside = left >= width ? static_cast<Word>(~0u) : (1u << left) - 1u;
        std::uint32_t held = 0;
        if (packed.clamp != nullptr && records.state[row] >= 0) {
            held = reinterpret_cast<Word const*>(packed.clamp + records.state[row] * packed.clamp_stride)[word];
        }
        std::uint32_t const was_plus = *now<Word>(row, word);
        std::uint32_t const is_plus = ((plus & ~held) | (was_plus & held)) & inside;
        std::uint32_t changed = is_plus ^ was_plus, different = is_plus ^ *before<Word>(row, word);
        *before<Word>(row, word) = static_cast<Word>(is_plus);
        if constexpr (zeros) {
            std::uint32_t const was_minus = *now<Word>(row, word, 1);
            std::uint32_t const is_minus = ((minus & ~held) | (was_minus & held)) & inside;
            changed |= is_minus ^ was_minus;
            different |= is_minus ^ *before<Word>(row, word, 1);
            *before<Word>(row, word, 1) = static_cast<Word>(is_minus);
        }
        if (changed != 0) atomicAdd(&records.changes[row], __popc(changed));
        if (different != 0) atomicAdd(&records.differences[row], 1);
    }

    /// After a sweep and a barrier: reports the rows that are done. Ends with a barrier.
    __device__ void judge() {
        for (int row = static_cast<int>(threadIdx.x); row < rows; row += threads) {
            std::int32_t const b = records.state[row];
            if (b < 0) continue;
            int const sweeps = ++records.sweeps[row];
            records.flips[row] += records.changes[row];
            bool const fixed = records.changes[row] == 0, cycle = sweeps > 1 && records.differences[row] == 0;
            if (!fixed && !cycle && sweeps != job.max_sweeps) continue;
            records.rank[row] = atomicAdd(&records.wanted, 1);
            job.status[b] = fixed ? Status::fixed_point : cycle ? Status::two_cycle : Status::sweep_limit;
            job.sweeps[b] = sweeps;
            job.flips[b] = records.flips[row];
        }
        current_ ^= 1;
        __syncthreads();
    }

private:
    [[nodiscard]] static __device__ int place(int row, int byte, int pitch) {
        return order == Order::by_row ? row * pitch + byte : byte / 16 * (16 * rows) + row * 16 + byte % 16;
    }
    [[nodiscard]] __device__ unsigned char* plane(int number) const { return shared + layout.planes + number * layout.plane_bytes; }

    [[nodiscard]] static __device__ int count_ones(uint4 bits) { return __popc(bits.x) + __popc(bits.y) + __popc(bits.z) + __popc(bits.w); }

    [[nodiscard]] __device__ std::int32_t next_state(int row) const {
        std::int64_t const next = std::int64_t{records.first} + records.rank[row];
        return next < job.batch ? static_cast<std::int32_t>(next) : -1;
    }

    /// One chunk of a row that is done goes out, that of the next state comes in; zeros where there is none.
    __device__ void exchange(int row, int chunk) const {
        std::int64_t const done = records.state[row], next = next_state(row), chunks = packed.words / 4;
        for (int sign = 0; sign < (zeros ? 2 : 1); ++sign) {
            auto* const bits = reinterpret_cast<uint4*>(now(row, chunk * 4, sign));
            auto* const all = reinterpret_cast<uint4*>(sign == 0 ? packed.plus : packed.minus);
            if (done >= 0) all[done * chunks + chunk] = *bits;
            *bits = next >= 0 ? all[next * chunks + chunk] : make_uint4(0, 0, 0, 0);
            *reinterpret_cast<uint4*>(before(row, chunk * 4, sign)) = make_uint4(0, 0, 0, 0);  // words past d stay so
        }
    }

    int current_ = 0;
};

}  // namespace ca3::hopfield::cuda
