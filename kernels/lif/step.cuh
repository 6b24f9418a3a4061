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
__device__ DeviceSum<Real>& ring_sum(NetworkView<Real> const& net, DeviceSum<Real>* ring, std::int64_t slot, std::int64_t step) {
    std::int64_t const slots = net.delay_slots;
    return ring[slot * slots + ((step + slot) & (slots - 1))];
}

/// The number of a Poisson table for a uniform number whose upper half is that of `upper`; asks for the lower half where it matters.
template <class Lower>
__device__ std::int32_t poisson_count(std::uint32_t const* thresholds, DeviceTable const& table, std::uint32_t upper, Lower const& lower) {
    std::uint32_t const* const first = thresholds + table.first;
    std::int32_t n = 0;  // thresholds that `upper` reaches
    if (table.count > 32) {
        for (std::int32_t high = table.count; n < high;) {
            std::int32_t const middle = (n + high) / 2;
            if (upper >= first[middle]) {
                n = middle + 1;
            } else {
                high = middle;
            }
        }
    } else {
        for (std::int32_t reached = 4; reached == 4 && n < table.count; n += reached) {  // no upper half reaches the padding
            uint4 const t = *reinterpret_cast<uint4 const*>(first + n);
            reached = (upper >= t.x) + (upper >= t.y) + (upper >= t.z) + (upper >= t.w);
        }
    }
    if (n < table.count && (upper | 0xFFFFu) >= first[n]) {
        std::uint32_t const u = upper | lower();
        while (n < table.count && u >= first[n]) ++n;
    }
    return table.base + n;
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

/// Advances one neuron. @return whether it spikes
template <Kind kind, class Real, class State>
__device__ bool advance_item(NetworkView<Real> const& net, DevicePart const& part, std::int32_t item, State const& state, std::int64_t step,
                             DeviceSum<Real>* ring) {
    constexpr int variables = variables_of(kind), channels = channels_of(kind);
    std::int32_t const local = item - part.item;
    Real in[2] = {};
#pragma unroll
    for (int k = 0; k < channels; ++k) {
        DeviceSum<Real>& sum = ring_sum(net, ring, part.slot + k * part.stride + local, step);
        in[k] = as_real(sum, Real(0));
        sum = 0;
    }
    Real v = state.v(item);
    Real s[most_variables] = {};
#pragma unroll
    for (int k = 0; k < variables; ++k) s[k] = state.s(k, item);
    std::int32_t rest = state.rest(item);
    Real const ext = external_current(net, part, part.first + local, step);
    bool const spike = advance<kind>(net.coefficients[part.coefficients + (part.shared != 0 ? 0 : local)], v, s, rest, ext, in);
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
    std::int32_t part;  ///< of this thread's first neuron
};

template <class Real>
__device__ std::int32_t part_of(NetworkView<Real> const& net, Slice const& slice, std::int32_t part, std::int32_t item) {
    while (part + 1 < slice.parts_end && net.parts[part + 1].item <= item) ++part;
    return part;
}

template <class Real>
__device__ Slice slice_of(NetworkView<Real> const& net, std::int32_t number) {
    Slice slice{.first_item = net.item_begin[number], .items = 0, .parts_end = net.part_begin[number + 1], .part = 0};
    slice.items = static_cast<std::int32_t>(net.item_begin[number + 1] - slice.first_item);
    slice.part = part_of(net, slice, net.part_begin[number], static_cast<std::int32_t>(threadIdx.x));
    return slice;
}

/// Adds what Poisson stimuli bring in `step` to the ring. Other threads may add to the same sums.
template <class Real>
__device__ void stimulate_slice(NetworkView<Real> const& net, Slice const& slice, std::int64_t step, DeviceSum<Real>* ring) {
    std::int32_t p = slice.part;
    for (auto item = static_cast<std::int32_t>(threadIdx.x); item < slice.items; item += static_cast<std::int32_t>(blockDim.x)) {
        if (slice.items > static_cast<std::int32_t>(blockDim.x)) p = part_of(net, slice, p, item);
        DevicePart const& part = net.parts[p];
        if (is_source(part.kind)) continue;
        std::int64_t const local = item - part.item;
        DeviceSum<Real> sums[2] = {0, 0};
        add_poisson(net, part, part.first + local, step, sums);
        for (int k = 0; k < 2; ++k) {
            if (sums[k] != 0) atomicAdd(&ring_sum(net, ring, part.slot + k * part.stride + local, step), sums[k]);
        }
    }
}

/// All neurons of a slice; tells of each that spikes. @tparam simple only delta and exponential synapses and sources, which need few
/// registers
template <bool simple, class Real, class State, class Tell>
__device__ void update_slice(NetworkView<Real> const& net, Slice const& slice, State const& state, std::int64_t step, DeviceSum<Real>* ring,
                             Tell const& tell) {
    std::int32_t p = slice.part;
    for (auto item = static_cast<std::int32_t>(threadIdx.x); item < slice.items; item += static_cast<std::int32_t>(blockDim.x)) {
        if (slice.items > static_cast<std::int32_t>(blockDim.x)) p = part_of(net, slice, p, item);
        DevicePart const& part = net.parts[p];
        bool spike = false;
        switch (part.kind) {
            case Kind::delta:
                spike = advance_item<Kind::delta>(net, part, item, state, step, ring);
                break;
            case Kind::exponential_one:
                spike = advance_item<Kind::exponential_one>(net, part, item, state, step, ring);
                break;
            case Kind::exponential:
                spike = advance_item<Kind::exponential>(net, part, item, state, step, ring);
                break;
            case Kind::spike_source:
            case Kind::poisson_source:
                spike = source_spikes(net, part, item - part.item, step);
                break;
            default:
                if constexpr (!simple) {
                    if (part.kind == Kind::alpha) spike = advance_item<Kind::alpha>(net, part, item, state, step, ring);
                    if (part.kind == Kind::alpha_one) spike = advance_item<Kind::alpha_one>(net, part, item, state, step, ring);
                    if (part.kind == Kind::conductance) spike = advance_item<Kind::conductance>(net, part, item, state, step, ring);
                    if (part.kind == Kind::hodgkin_huxley) spike = advance_item<Kind::hodgkin_huxley>(net, part, item, state, step, ring);
                }
        }
        if (spike) tell(part.first_id + static_cast<std::uint32_t>(item - part.item));
    }
}

/// The synapses of one source onto one slice.
struct Row {
    std::uint64_t begin, end;
};

template <class Real>
__device__ Row row_of(NetworkView<Real> const& net, std::uint32_t source, std::int32_t slice) {
    std::int64_t const at = static_cast<std::int64_t>(source) * (net.slices + 1) + slice;
    std::uint64_t const base = __ldg(net.row_base + source);
    if (net.row_offset_16 != nullptr) return {base + __ldg(net.row_offset_16 + at), base + __ldg(net.row_offset_16 + at + 1)};
    return {base + __ldg(net.row_offset + at), base + __ldg(net.row_offset + at + 1)};
}

template <class Real>
__device__ void add_arrival(NetworkView<Real> const& net, std::uint32_t index, std::int32_t weight, std::uint32_t now,
                            DeviceSum<Real>* ring) {
    std::uint32_t const mask = static_cast<std::uint32_t>(net.delay_slots) - 1;
    atomicAdd(ring + ((index & ~mask) | ((index + now) & mask)), static_cast<DeviceSum<Real>>(static_cast<long long>(weight)));
}
template <class Real>
__device__ void add_arrival(NetworkView<Real> const& net, std::uint32_t synapse, std::uint32_t now, DeviceSum<Real>* ring) {
    add_arrival(net, synapse & 0xFFFFu, static_cast<std::int16_t>(synapse >> 16), now, ring);
}
template <class Real>
__device__ void add_arrival(NetworkView<Real> const& net, uint2 const& synapse, std::uint32_t now, DeviceSum<Real>* ring) {
    add_arrival(net, synapse.x, static_cast<std::int32_t>(synapse.y), now, ring);
}

/// A row's synapses for a spike at step `now`, by some lanes that each have up to four on their way.
template <class Synapse, class Real>
__device__ void deliver_row_of(NetworkView<Real> const& net, Row const& row, std::uint32_t lane, std::uint32_t lanes, std::uint32_t now,
                               DeviceSum<Real>* ring) {
    Synapse const* const synapses = static_cast<Synapse const*>(net.synapses) + row.begin;
    auto const length = static_cast<std::uint32_t>(row.end - row.begin);
    for (std::uint32_t j = lane; j < length; j += 4 * lanes) {
        Synapse synapse[4];
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            if (j + i * lanes < length) synapse[i] = __ldcs(synapses + j + i * lanes);
        }
#pragma unroll
        for (std::uint32_t i = 0; i < 4; ++i) {
            if (j + i * lanes < length) add_arrival(net, synapse[i], now, ring);
        }
    }
}

/// Rows of synapses, each by net.row_lanes lanes.
template <class Real>
__device__ void deliver_listed(NetworkView<Real> const& net, Row const* rows, std::uint32_t count, std::int64_t step,
                               DeviceSum<Real>* ring) {
    auto const lanes = static_cast<std::uint32_t>(net.row_lanes), lane = threadIdx.x & (lanes - 1), now = static_cast<std::uint32_t>(step);
    for (std::uint32_t r = threadIdx.x / lanes; r < count; r += blockDim.x / lanes) {
        if (net.wide != 0) {
            deliver_row_of<uint2>(net, rows[r], lane, lanes, now, ring);
        } else {
            deliver_row_of<std::uint32_t>(net, rows[r], lane, lanes, now, ring);
        }
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
