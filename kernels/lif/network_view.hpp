#pragma once

#include <ca3/context.hpp>

#include "lif/neuron.hpp"

#include <cstdint>
#include <type_traits>

/// A network in device memory, as the kernels see it. Plain pointers: the engine owns the memory.
namespace ca3::lif::cuda {

/// What sums arrivals: the same widths as on the CPU, in types that CUDA's atomics know.
template <class Real>
using DeviceSum = std::conditional_t<std::is_same_v<Real, float>, int, unsigned long long>;

/// A range of neurons of one population in one slice.
struct DevicePart {
    Kind kind;
    std::int32_t population;
    std::int32_t count;
    std::int32_t item;          ///< of its first neuron among those of the slice
    std::int32_t slot;          ///< of its first neuron, first channel
    std::int32_t stride;        ///< from one channel to the next
    std::int32_t coefficients;  ///< index of the first
    std::int32_t shared;        ///< all its neurons have the same coefficients
    std::int64_t first;         ///< number of its first neuron in the population
    std::uint32_t first_id;     ///< and in the network
    std::int64_t stop;          ///< poisson_source: at work in steps [start, stop)
    std::int64_t start;
    std::int64_t source;  ///< spike_source, poisson_source: where its neurons' entries begin in their arrays
};

struct DevicePoisson {
    std::int32_t population;
    std::uint32_t stimulus;
    std::int64_t first, count;  ///< neurons of the population
    std::int64_t start, stop;
    std::int32_t weight;
    std::int32_t table;     ///< the first
    std::int64_t table_of;  ///< index of the first neuron's entry; -1: all have the first table
};
struct DeviceTable {
    std::int32_t base;
    std::int32_t count;
    std::int64_t first;  ///< threshold, a multiple of four; the last are followed by padding up to another
};
inline constexpr std::uint32_t poisson_padding = 0xFFFFFFFFu;

struct DeviceCurrent {
    std::int32_t population;
    std::int32_t single;  ///< one amplitude for all
    std::int64_t first, count;
    std::int64_t start, stop;
    std::int64_t interval;   ///< steps that an amplitude lasts; 0: one for each neuron, or a single one
    std::int64_t amplitude;  ///< index of the first
};

/// A neuron whose state is sampled.
struct DeviceSample {
    std::int32_t item;
    std::int32_t variable;  ///< -1: the voltage; -2: zero
    std::int64_t interval;
    std::int64_t out;     ///< index of the first sample of this launch's chunk
    std::int64_t stride;  ///< from one sample to the next
};

template <class Real>
struct NetworkView {
    std::uint64_t seed;
    std::int32_t slices;
    std::int32_t delay_slots;  ///< a power of two above the longest delay
    std::int32_t wide;         ///< synapses of 8 bytes, else of 4
    std::int64_t neurons;

    DevicePart const* parts;
    std::int32_t const* part_begin;  ///< by slice, and the end
    std::int64_t const* item_begin;  ///< by slice, and the end: where its neurons stand in the arrays of state
    std::int64_t const* ring_begin;  ///< by slice, and the end
    Coefficients<Real> const* coefficients;
    Real* v;
    Real* s[most_variables];
    std::int32_t* rest;
    DeviceSum<Real>* ring;  ///< [slot][(step + slot) modulo delay_slots]

    std::uint64_t const* row_base;       ///< by source: its first synapse
    std::uint32_t const* row_offset;     ///< [item * (slices + 1) + slice], from the row's base
    std::uint16_t const* row_offset_16;  ///< the same, where 16 bits suffice; else null
    std::int32_t row_shift;              ///< 2^row_shift lanes of a warp share a row
    void const* synapses;

    std::int64_t const* spike_offset;  ///< of spike sources: by neuron, and the end
    std::int64_t const* spike_steps;
    std::uint64_t const* spike_threshold;  ///< of Poisson sources, by neuron

    DevicePoisson const* poisson;       ///< by population
    std::int32_t const* poisson_begin;  ///< by population, and the end
    DeviceTable const* tables;
    std::uint32_t const* thresholds;
    std::int32_t const* table_of;
    DeviceCurrent const* currents;      ///< by population
    std::int32_t const* current_begin;  ///< by population, and the end
    double const* amplitudes;
    DeviceSample const* samples;
    std::int64_t const* sample_begin;  ///< by slice, and the end; null: nothing is sampled
    double* sampled;
};

/// The parts of a step that are timed apart.
enum Phase : int { update_phase, stimulus_phase, exchange_phase, delivery_phase, phases };

/// Spikes of the steps of one chunk, step after step. Those of one step stand in no particular order.
struct SpikeList {
    std::uint32_t* items;   ///< the neurons, as numbered in the arrays of state
    std::uint32_t* count;   ///< by step of the chunk; zero at the start
    std::uint64_t* offset;  ///< by step of the chunk, and the end
    std::uint64_t capacity;
    std::int32_t* steps_done;    ///< fewer than asked for where the list could have overflowed
    unsigned long long* events;  ///< synaptic events since the engine was made
    unsigned long long* cycles;  ///< [phases], of the first block since the engine was made; zero where steps are launched one by one
};

inline constexpr std::int64_t most_steps = 4096;  ///< of one call of simulate

/// The board on which blocks tell each other of spikes (board.cuh): words of a copy of its first part, and of all.
inline constexpr std::int64_t board_copies = 4;
[[nodiscard]] CA3_HOST_DEVICE constexpr std::int64_t board_row(std::int64_t slices) {
    return (slices + 15) / 16 * 16;
}
[[nodiscard]] CA3_HOST_DEVICE constexpr std::int64_t board_words(std::int64_t slices, std::int64_t items) {
    return 2 * (board_copies * board_row(slices) + (items + 15) / 16 * 16);
}

/// What the launcher needs to know beside the view.
struct LaunchHints {
    bool simple = false;             ///< only delta and exponential synapses and sources
    std::int64_t largest_ring = 0;   ///< sums of the largest slice
    std::int64_t largest_items = 0;  ///< neurons of the largest slice
    std::int64_t items = 0;          ///< neurons of all
    int variables = 0;               ///< state variables beside the voltage, at most
    unsigned long long* board = nullptr;
};

/// Runs steps first_step ... first_step + steps - 1, or as many as the list has room for whatever spikes. Everything is delivered when it
/// ends. On the context's stream; does not synchronise.
template <class Real>
void simulate(Context const&, NetworkView<Real> const&, SpikeList const&, std::int64_t first_step, std::int64_t steps, LaunchHints const&);

/// Adds what the spikes of some neurons, `items`, at the end of `step` deliver after step `done` (earlier arrivals are past).
template <class Real>
void deliver_late(Context const&, NetworkView<Real> const&, std::uint32_t const* items, std::int64_t count, std::int64_t step,
                  std::int64_t done);

}  // namespace ca3::lif::cuda
