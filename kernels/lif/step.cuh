#pragma once

#include "kernels/common/check.cuh"
#include "kernels/common/launch.cuh"
#include "kernels/lif/network_view.hpp"

#include "core/philox.hpp"
#include "lif/neuron_step.hpp"

/// What one block does in one step on its slice. The slice's ring of sums may lie in shared or in global memory; the sum of a slot for a
/// step is at [slot][(step + slot) modulo delay_slots], so that the sums of neighbours for one step lie in different banks.
namespace ca3::lif::cuda {

template <class Real>
__device__ DeviceSum<Real>& ring_sum(NetworkView<Real> const& net, DeviceSum<Real>* ring, std::uint32_t slot, std::uint32_t step) {
    auto const slots = static_cast<std::uint32_t>(net.delay_slots);
    return ring[slot * slots + ((step + slot) & (slots - 1))];
}

/// Thresholds that a uniform number reaches whose upper half is that of `upper`; asks for the lower half where it matters.
/// @param first aligned to 16 bytes, and padded to a multiple of four
template <class Lower>
__device__ std::int32_t thresholds_reached(std::uint32_t const* first, std::int32_t count, std::uint32_t upper, Lower const& lower) {
    std::int32_t n = 0;  // that `upper` reaches
    if (count > 32) {
        for (std::int32_t high = count; n < high;) {
            std::int32_t const middle = (n + high) / 2;
            if (upper >= first[middle]) {
                n = middle + 1;
            } else {
                high = middle;
            }
        }
    } else {
        for (std::int32_t reached = 4; reached == 4 && n < count; n += reached) {  // no upper half reaches the padding
            uint4 const t = *reinterpret_cast<uint4 const*>(first + n);
            reached = (upper >= t.x) + (upper >= t.y) + (upper >= t.z) + (upper >= t.w);
        }
    }
    if (n < count && (upper | 0xFFFFu) >= first[n]) {
        std::uint32_t const u = upper | lower();
        while (n < count && u >= first[n]) ++n;
    }
    return n;
}

/// The number of a Poisson table for a uniform number.
template <class Lower>
__device__ std::int32_t poisson_count(std::uint32_t const* thresholds, DeviceTable const& table, std::uint32_t upper, Lower const& lower) {
    return table.base + thresholds_reached(thresholds + table.first, table.count, upper, lower);
}

__device__ inline std::uint32_t half_word(random::Block const& block, std::int64_t neuron) {
    std::uint32_t const pair = static_cast<std::uint32_t>(neuron) & 7u;
    std::uint32_t const word = pair < 4 ? (pair < 2 ? block.word[0] : block.word[1]) : (pair < 6 ? block.word[2] : block.word[3]);
    return word >> ((pair & 1u) * 16u) & 0xFFFFu;
}

/// What Poisson stimuli bring to a neuron in a step, added to the sums by channel.
template <class Real>
__device__ void add_poisson(NetworkView<Real> const& net, DevicePart const& part, std::int64_t neuron, std::int64_t step,
                            DeviceSum<Real> (&in)[2]) {
    for (std::int32_t k = net.poisson_begin[part.population]; k < net.poisson_begin[part.population + 1]; ++k) {
        DevicePoisson const& stimulus = net.poisson[k];
        if (step < stimulus.start || step >= stimulus.stop || neuron < stimulus.first || neuron >= stimulus.first + stimulus.count)
            continue;
        std::int32_t const number = stimulus.table_of < 0 ? 0 : net.table_of[stimulus.table_of + (neuron - stimulus.first)];
        DeviceTable const table = net.tables[stimulus.table + number];
        auto const block = static_cast<std::uint64_t>(neuron) >> 3;
        auto const time = static_cast<std::uint32_t>(step);
        std::uint32_t const upper =
            half_word(random::draw_block(net.seed, random::Purpose::poisson, stimulus.stimulus, time, block), neuron) << 16;
        std::int32_t const count = poisson_count(net.thresholds, table, upper, [&] {
            return half_word(random::draw_block(net.seed, random::Purpose::poisson_low, stimulus.stimulus, time, block), neuron);
        });
        auto const units = static_cast<DeviceSum<Real>>(static_cast<long long>(count) * stimulus.weight);
        bool const second = channels_of(part.kind) == 2 && stimulus.weight < 0;
        in[0] += second ? 0 : units;
        in[1] += second ? units : 0;
    }
}

template <class Real>
__device__ Real external_current(NetworkView<Real> const& net, DevicePart const& part, std::int64_t neuron, std::int64_t step) {
    Real sum = 0;
    for (std::int32_t k = net.current_begin[part.population]; k < net.current_begin[part.population + 1]; ++k) {
        DeviceCurrent const& current = net.currents[k];
        if (step < current.start || step >= current.stop || neuron < current.first || neuron >= current.first + current.count) continue;
        std::int64_t index = current.single != 0 ? 0 : neuron - current.first;
        if (current.interval > 0) index = (step - current.start) / current.interval;
        sum += static_cast<Real>(net.amplitudes[current.amplitude + index]);
    }
    return sum;
}

template <class Real>
__device__ bool source_spikes(NetworkView<Real> const& net, DevicePart const& part, std::int64_t local, std::int64_t step) {
    std::int64_t const neuron = part.first + local;
    if (part.kind == Kind::poisson_source) {
        if (step < part.start || step >= part.stop) return false;
        random::Block const block = random::draw_block(net.seed, random::Purpose::spike, static_cast<std::uint32_t>(part.population),
                                                       static_cast<std::uint32_t>(step), static_cast<std::uint64_t>(neuron) >> 2);
        std::uint32_t const which = static_cast<std::uint32_t>(neuron) & 3u;
        std::uint32_t const word = which < 2 ? (which == 0 ? block.word[0] : block.word[1]) : (which == 2 ? block.word[2] : block.word[3]);
        return word < net.spike_threshold[part.source + local];
    }
    std::int64_t low = net.spike_offset[part.source + local], high = net.spike_offset[part.source + local + 1];
    std::int64_t const end = high;
    while (low < high) {
        std::int64_t const middle = (low + high) / 2;
        if (net.spike_steps[middle] < step + 1) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < end && net.spike_steps[low] == step + 1;
}

__device__ inline float as_real(int sum, float) {
    return static_cast<float>(sum);
}
__device__ inline double as_real(unsigned long long sum, double) {
    return static_cast<double>(static_cast<long long>(sum));
}

/// Where the state of a slice's neurons lies, by the number of a neuron in the slice.
template <class Real>
struct GlobalState {
    NetworkView<Real> const& net;
    std::int64_t first;
    __device__ Real& v(std::int32_t item) const { return net.v[first + item]; }
    __device__ Real& s(int variable, std::int32_t item) const { return net.s[variable][first + item]; }
    __device__ std::int32_t& rest(std::int32_t item) const { return net.rest[first + item]; }
};
template <class Real>
struct SharedState {
    Real* values;  ///< [1 + variables][stride]
    std::int32_t* rests;
    std::int32_t stride;
    __device__ Real& v(std::int32_t item) const { return values[item]; }
    __device__ Real& s(int variable, std::int32_t item) const { return values[(1 + variable) * stride + item]; }
    __device__ std::int32_t& rest(std::int32_t item) const { return rests[item]; }
};

/// What a thread knows of a neuron.
struct Item {
    std::int32_t part;
    Kind kind;
    bool currents;  ///< its population is given some
    std::uint32_t slot;
    std::int32_t coefficients;
};

/// Advances one neuron. @return whether it spikes
template <Kind kind, class Real, class State>
__device__ bool advance_item(NetworkView<Real> const& net, Item const& neuron, std::int32_t item, State const& state, std::int64_t step,
                             DeviceSum<Real>* ring) {
    constexpr int variables = variables_of(kind), channels = channels_of(kind);
    Real in[2] = {};
#pragma unroll
    for (int k = 0; k < channels; ++k) {
        std::uint32_t const slot = neuron.slot + (k == 0 ? 0u : static_cast<std::uint32_t>(net.parts[neuron.part].stride));
        DeviceSum<Real>& sum = ring_sum(net, ring, slot, static_cast<std::uint32_t>(step));
        in[k] = as_real(sum, Real(0));
        sum = 0;
    }
    Real v = state.v(item);
    Real s[most_variables] = {};
#pragma unroll
    for (int k = 0; k < variables; ++k) s[k] = state.s(k, item);
    std::int32_t rest = state.rest(item);
    Real ext = 0;
    if (neuron.currents) {
        DevicePart const& part = net.parts[neuron.part];
        ext = external_current(net, part, part.first + (item - part.item), step);
    }
    bool const spike = advance<kind>(net.coefficients[neuron.coefficients], v, s, rest, ext, in);
    state.v(item) = v;
#pragma unroll
    for (int k = 0; k < variables; ++k) state.s(k, item) = s[k];
    state.rest(item) = rest;
    return spike;
}

/// The neurons of a slice, as its threads share them out: neuron `threadIdx.x` and every blockDim.x-th after it.
struct Slice {
    std::int64_t first_item;
    std::int32_t items, parts_end;
    Item first;  ///< of this thread
};

/// @param part of the neuron or an earlier one
template <class Real>
__device__ Item item_of(NetworkView<Real> const& net, std::int32_t parts_end, std::int32_t part, std::int32_t item) {
    while (part + 1 < parts_end && net.parts[part + 1].item <= item) ++part;
    DevicePart const& p = net.parts[part];
    std::int32_t const local = item - p.item;
    return {.part = part,
            .kind = p.kind,
            .currents = net.current_begin[p.population] < net.current_begin[p.population + 1],
            .slot = static_cast<std::uint32_t>(p.slot + local),
            .coefficients = p.coefficients + (p.shared != 0 ? 0 : local)};
}

template <class Real>
__device__ Slice slice_of(NetworkView<Real> const& net, std::int32_t number) {
    Slice slice{.first_item = net.item_begin[number], .items = 0, .parts_end = net.part_begin[number + 1], .first = {}};
    slice.items = static_cast<std::int32_t>(net.item_begin[number + 1] - slice.first_item);
    auto const thread = static_cast<std::int32_t>(threadIdx.x);
    if (thread < slice.items) slice.first = item_of(net, slice.parts_end, net.part_begin[number], thread);
    return slice;
}

/// Calls visit(number in the slice, Item) for this thread's neurons.
template <class Real, class Visit>
__device__ void for_each_item(NetworkView<Real> const& net, Slice const& slice, Visit const& visit) {
    Item neuron = slice.first;
    for (auto item = static_cast<std::int32_t>(threadIdx.x); item < slice.items;) {
        visit(item, neuron);
        item += static_cast<std::int32_t>(blockDim.x);
        if (item < slice.items) neuron = item_of(net, slice.parts_end, neuron.part, item);
    }
}

/// Adds what Poisson stimuli bring to a neuron in `step` to the ring. Other threads may add to the same sums.
template <class Real>
__device__ void stimulate_item(NetworkView<Real> const& net, Item const& neuron, std::int32_t item, std::int64_t step,
                               DeviceSum<Real>* ring) {
    if (is_source(neuron.kind)) return;
    DevicePart const& part = net.parts[neuron.part];
    DeviceSum<Real> sums[2] = {0, 0};
    add_poisson(net, part, part.first + (item - part.item), step, sums);
    for (int k = 0; k < 2; ++k) {
        std::uint32_t const slot = neuron.slot + static_cast<std::uint32_t>(k * part.stride);
        if (sums[k] != 0) atomicAdd(&ring_sum(net, ring, slot, static_cast<std::uint32_t>(step)), sums[k]);
    }
}

/// Poisson stimuli of a neuron through some steps, where they are as most are: none, or one that is there all the time.
struct PlainStimulus {
    static constexpr std::uint32_t none = 0xFFFFFFFFu, other = 0xFFFFFFFEu;
    static constexpr int words = 5;
    std::uint32_t slot;  ///< none; other: not so plain
    std::uint32_t neuron;
    std::uint32_t thresholds;  ///< number of the first, a multiple of 4, times 64; plus their count, at most 32
    std::uint32_t stimulus;
    std::int32_t weight;
};

template <class Real>
__device__ PlainStimulus plain_stimulus(NetworkView<Real> const& net, Item const& neuron, std::int32_t item, std::int64_t first_step,
                                        std::int64_t end) {
    PlainStimulus plain{.slot = PlainStimulus::none, .neuron = 0, .thresholds = 0, .stimulus = 0, .weight = 0};
    if (is_source(neuron.kind)) return plain;
    DevicePart const& part = net.parts[neuron.part];
    std::int64_t const number = part.first + (item - part.item);
    for (std::int32_t k = net.poisson_begin[part.population]; k < net.poisson_begin[part.population + 1]; ++k) {
        DevicePoisson const& stimulus = net.poisson[k];
        if (number < stimulus.first || number >= stimulus.first + stimulus.count || stimulus.start >= end || stimulus.stop <= first_step)
            continue;
        DeviceTable const table =
            net.tables[stimulus.table + (stimulus.table_of < 0 ? 0 : net.table_of[stimulus.table_of + number - stimulus.first])];
        bool const is_plain = plain.slot == PlainStimulus::none && stimulus.start <= first_step && stimulus.stop >= end &&
                              table.base == 0 && table.count <= 32 && table.first < (std::int64_t{1} << 26) &&
                              number < (std::int64_t{1} << 32);
        if (!is_plain) {
            plain.slot = PlainStimulus::other;
            return plain;
        }
        bool const second = channels_of(part.kind) == 2 && stimulus.weight < 0;
        plain = {.slot = neuron.slot + static_cast<std::uint32_t>(second ? part.stride : 0),
                 .neuron = static_cast<std::uint32_t>(number),
                 .thresholds = static_cast<std::uint32_t>(table.first) << 6 | static_cast<std::uint32_t>(table.count),
                 .stimulus = stimulus.stimulus,
                 .weight = stimulus.weight};
    }
    return plain;
}

/// The same as stimulate_item.
template <class Real>
__device__ void stimulate_plainly(NetworkView<Real> const& net, PlainStimulus const& plain, std::uint32_t step, DeviceSum<Real>* ring) {
    auto const half = [&](random::Purpose purpose) {
        return half_word(random::draw_block(net.seed, purpose, plain.stimulus, step, plain.neuron >> 3), plain.neuron);
    };
    std::int32_t const count =
        thresholds_reached(net.thresholds + (plain.thresholds >> 6), static_cast<std::int32_t>(plain.thresholds & 63u),
                           half(random::Purpose::poisson) << 16, [&] { return half(random::Purpose::poisson_low); });
    if (count != 0)
        atomicAdd(&ring_sum(net, ring, plain.slot, step), static_cast<DeviceSum<Real>>(static_cast<long long>(count) * plain.weight));
}

/// @return whether a neuron spikes. @tparam simple only delta and exponential synapses and sources, which need few registers
template <bool simple, class Real, class State>
__device__ bool update_item(NetworkView<Real> const& net, Item const& neuron, std::int32_t item, State const& state, std::int64_t step,
                            DeviceSum<Real>* ring) {
    switch (neuron.kind) {
        case Kind::delta:
            return advance_item<Kind::delta>(net, neuron, item, state, step, ring);
        case Kind::exponential_one:
            return advance_item<Kind::exponential_one>(net, neuron, item, state, step, ring);
        case Kind::exponential:
            return advance_item<Kind::exponential>(net, neuron, item, state, step, ring);
        case Kind::spike_source:
        case Kind::poisson_source:
            return source_spikes(net, net.parts[neuron.part], item - net.parts[neuron.part].item, step);
        default:
            if constexpr (!simple) {
                if (neuron.kind == Kind::alpha) return advance_item<Kind::alpha>(net, neuron, item, state, step, ring);
                if (neuron.kind == Kind::alpha_one) return advance_item<Kind::alpha_one>(net, neuron, item, state, step, ring);
                if (neuron.kind == Kind::conductance) return advance_item<Kind::conductance>(net, neuron, item, state, step, ring);
                if (neuron.kind == Kind::hodgkin_huxley) return advance_item<Kind::hodgkin_huxley>(net, neuron, item, state, step, ring);
            }
            return false;
    }
}

/// Samples of the neurons of a slice that are due at the end of `step`.
template <class Real, class State>
__device__ void sample_slice(NetworkView<Real> const& net, std::int32_t slice, State const& state, std::int64_t step,
                             std::int64_t first_step) {
    if (net.sample_begin == nullptr) return;
    for (std::int64_t k = net.sample_begin[slice] + threadIdx.x; k < net.sample_begin[slice + 1]; k += blockDim.x) {
        DeviceSample const sample = net.samples[k];
        if ((step + 1) % sample.interval != 0) continue;
        double value = 0.0;
        if (sample.variable == -1) value = state.v(sample.item);
        if (sample.variable >= 0) value = state.s(sample.variable, sample.item);
        net.sampled[sample.out + ((step + 1) / sample.interval - first_step / sample.interval - 1) * sample.stride] = value;
    }
}

}  // namespace ca3::lif::cuda
