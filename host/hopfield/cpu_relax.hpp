#pragma once

#include "core/thread_pool.hpp"
#include "hopfield/cpu_packed.hpp"
#include "hopfield/tie.hpp"

#include <algorithm>

/// The relaxations of the CPU path. Each thread owns a state until it is a fixed point, a two-cycle or out of sweeps.
namespace ca3::hopfield::cpu {

/// Synchronous, Hebbian, no threshold, clamp or temperature: states as bits, several at a time.
void relax_hebbian(ThreadPool&, Model const&, Packed const&, Job const&);
/// Synchronous, dense 8-bit weights: a matrix product over the states that still move.
void relax_dense(ThreadPool&, Model const&, Packed const&, Job const&);
/// Synchronous, everything else: one state at a time.
void relax_synchronously(ThreadPool&, Model const&, Packed const&, Job const&);
/// Asynchronous, shared and sequential.
void relax_one_by_one(ThreadPool&, Model const&, Packed const&, Job const&);

[[nodiscard]] inline bool is_clamped(Job const& job, std::int64_t b, std::int64_t i) {
    return job.clamp.rows != 0 && job.clamp(job.clamp.rows == 1 ? 0 : b, i) != 0;
}

/// What neuron i of state b becomes in sweep `sweep` at field H.
[[nodiscard]] std::int8_t decide(Model const&, Job const&, std::int64_t b, std::int64_t i, std::int64_t sweep, std::int64_t field,
                                 std::int8_t old);

/// Fields of one state as dense_fields leaves them: W s = scale * fields - shift - row_sum.
struct DenseFields {
    std::int32_t const* fields;
    std::int32_t const* row_sum;  ///< or null
    std::int32_t scale;
    std::int64_t shift;

    [[nodiscard]] std::int64_t operator()(std::int64_t i) const {
        return std::int64_t{scale} * fields[i] - shift - (row_sum != nullptr ? row_sum[i] : 0);
    }
};

/// Fields of every state, 8-bit dense weights: calls visit(b, DenseFields) from any thread.
template <class Visit>
void for_dense_fields(ThreadPool& threads, Packed const& packed, std::int64_t stored, MatrixView<std::int8_t const> states,
                      Visit const& visit) {
    std::int64_t const d = packed.d, panels = ceil_div(d, panel_rows), width = panels * panel_rows;
    bool const is_signed = !packed.row_sum.empty();
    constexpr std::int64_t block = 48;
    threads.run(ceil_div(states.rows, block), [&](std::int64_t k, int) {
        std::int64_t const first = k * block, count = std::min(block, states.rows - first);
        AlignedVector<std::int8_t> input(count * packed.padded, 0);
        AlignedVector<std::int32_t> fields(count * width);
        std::int64_t sum[block] = {};
        for (std::int64_t b = 0; b < count; ++b) {
            std::int8_t const* const s = states.row(first + b);
            std::int8_t* const out = input.data() + b * packed.padded;
            if (is_signed) {
                for (std::int64_t j = 0; j < d; ++j) out[j] = static_cast<std::int8_t>(s[j] + 1);
            } else {
                std::copy_n(s, d, out);
                for (std::int64_t j = 0; j < d; ++j) sum[b] += s[j];
            }
        }
        packed.kernels->dense_fields({&packed, input.data(), count, 0, panels, fields.data(), width});
        for (std::int64_t b = 0; b < count; ++b) {
            std::int32_t const* const h = fields.data() + b * width;
            if (is_signed) {
                visit(first + b, DenseFields{h, packed.row_sum.data(), 1, 0});
            } else {
                visit(first + b, DenseFields{h, nullptr, 2, stored * sum[b]});  // W s = 2 c s - stored * (sum of s)
            }
        }
    });
}

/// AVX-512 walks the neurons in blocks of at most 12 chunks of 32, as even as possible: (first chunk, chunks). A block begins with a word
/// of the bit planes.
struct ChunkRange {
    std::int64_t first, count;
};
inline constexpr std::int64_t most_chunks = 12;
[[nodiscard]] inline std::int64_t sextet_blocks(std::int64_t d) {
    return ceil_div(ceil_div(d, 64), most_chunks / 2);
}
[[nodiscard]] inline ChunkRange sextet_block(std::int64_t d, std::int64_t block) {
    std::int64_t const words = ceil_div(d, 64), blocks = sextet_blocks(d);
    std::int64_t const first = 2 * (block * words / blocks), last = 2 * ((block + 1) * words / blocks);
    return {first, std::min(last, ceil_div(d, 32)) - first};
}

}  // namespace ca3::hopfield::cpu
