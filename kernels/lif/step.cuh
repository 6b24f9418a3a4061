#pragma once

#include "kernels/common/check.cuh"
#include "kernels/common/launch.cuh"
#include "kernels/lif/network_view.hpp"

#include "core/philox.hpp"
#include "lif/neuron_step.hpp"

/// What one block does in one step on its slice. The slice's ring of sums may lie in shared or in global memory.
namespace ca3::lif::cuda {

/// The number of a Poisson table for the uniform number u (PoissonTable::count).
__device__ inline std::int32_t poisson_count(std::uint32_t const* thresholds, DeviceTable const& table, std::uint32_t u) {
    std::uint32_t const* const first = thresholds + table.first;
    std::int32_t low = 0, high = table.count;
    if (high > 16) {
        while (low < high) {
            std::int32_t const middle = (low + high) / 2;
            if (u >= first[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
    } else {
        while (low < high && u >= first[low]) ++low;
    }
    return table.base + low;
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
    for (int k = 0; k < net.poisson_count; ++k) {
        DevicePoisson const stimulus = net.poisson[k];
        if (stimulus.population != part.population || step < stimulus.start || step >= stimulus.stop || neuron < stimulus.first ||
            neuron >= stimulus.first + stimulus.count) {
            continue;
        }
        std::int32_t const number = stimulus.table_of < 0 ? 0 : net.table_of[stimulus.table_of + (neuron - stimulus.first)];
        DeviceTable const table = net.tables[stimulus.table + number];
        auto const block = static_cast<std::uint64_t>(neuron) >> 3;
        auto const time = static_cast<std::uint32_t>(step);
        std::uint32_t const upper =
            half_word(random::draw_block(net.seed, random::Purpose::poisson, stimulus.stimulus, time, block), neuron) << 16;
        std::int32_t count = poisson_count(net.thresholds, table, upper);
        if (poisson_count(net.thresholds, table, upper | 0xFFFFu) != count) {
            std::uint32_t const lower =
                half_word(random::draw_block(net.seed, random::Purpose::poisson_low, stimulus.stimulus, time, block), neuron);
            count = poisson_count(net.thresholds, table, upper | lower);
        }
        auto const units = static_cast<DeviceSum<Real>>(static_cast<long long>(count) * stimulus.weight);
        bool const second = channels_of(part.kind) == 2 && stimulus.weight < 0;
        in[0] += second ? 0 : units;
        in[1] += second ? units : 0;
    }
}

template <class Real>
__device__ Real external_current(NetworkView<Real> const& net, DevicePart const& part, std::int64_t neuron, std::int64_t step) {
    Real sum = 0;
    for (int k = 0; k < net.current_count; ++k) {
        DeviceCurrent const current = net.currents[k];
        if (current.population != part.population || step < current.start || step >= current.stop || neuron < current.first ||
            neuron >= current.first + current.count) {
            continue;
        }
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

/// Advances one neuron. @return whether it spikes
template <Kind kind, class Real>
__device__ bool advance_item(NetworkView<Real> const& net, DevicePart const& part, std::int64_t local, std::int64_t state,
                             std::int64_t step, DeviceSum<Real>* ring) {
    constexpr int variables = variables_of(kind), channels = channels_of(kind);
    std::int64_t const slots = net.delay_slots, now = step & (slots - 1);
    DeviceSum<Real> sums[2] = {0, 0};
#pragma unroll
    for (int k = 0; k < channels; ++k) {
        DeviceSum<Real>& sum = ring[(part.slot + k * part.stride + local) * slots + now];
        sums[k] = sum;
        sum = 0;
    }
    add_poisson(net, part, part.first + local, step, sums);
    Real in[2] = {as_real(sums[0], Real(0)), as_real(sums[1], Real(0))};
    Real v = net.v[state];
    Real s[most_variables] = {};
#pragma unroll
    for (int k = 0; k < variables; ++k) s[k] = net.s[k][state];
    std::int32_t rest = net.rest[state];
    Real const ext = external_current(net, part, part.first + local, step);
    bool const spike = advance<kind>(net.coefficients[part.coefficients + (part.shared != 0 ? 0 : local)], v, s, rest, ext, in);
    net.v[state] = v;
#pragma unroll
    for (int k = 0; k < variables; ++k) net.s[k][state] = s[k];
    net.rest[state] = rest;
    return spike;
}

/// All neurons of a slice. @tparam simple only delta and exponential synapses and sources, which need few registers
template <bool simple, class Real>
__device__ void update_slice(NetworkView<Real> const& net, std::int32_t slice, std::int64_t step, DeviceSum<Real>* ring, std::uint32_t* ids,
                             std::uint32_t* count) {
    std::int64_t const first_item = net.item_begin[slice];
    auto const items = static_cast<std::int32_t>(net.item_begin[slice + 1] - first_item);
    std::int32_t const parts_end = net.part_begin[slice + 1];
    for (std::int32_t item = static_cast<std::int32_t>(threadIdx.x); item < items; item += static_cast<std::int32_t>(blockDim.x)) {
        std::int32_t p = net.part_begin[slice];
        while (p + 1 < parts_end && net.parts[p + 1].item <= item) ++p;
        DevicePart const& part = net.parts[p];
        std::int64_t const local = item - part.item, state = first_item + item;
        bool spike = false;
        switch (part.kind) {
            case Kind::delta:
                spike = advance_item<Kind::delta>(net, part, local, state, step, ring);
                break;
            case Kind::exponential_one:
                spike = advance_item<Kind::exponential_one>(net, part, local, state, step, ring);
                break;
            case Kind::exponential:
                spike = advance_item<Kind::exponential>(net, part, local, state, step, ring);
                break;
            case Kind::spike_source:
            case Kind::poisson_source:
                spike = source_spikes(net, part, local, step);
                break;
            default:
                if constexpr (!simple) {
                    if (part.kind == Kind::alpha) spike = advance_item<Kind::alpha>(net, part, local, state, step, ring);
                    if (part.kind == Kind::alpha_one) spike = advance_item<Kind::alpha_one>(net, part, local, state, step, ring);
                    if (part.kind == Kind::conductance) spike = advance_item<Kind::conductance>(net, part, local, state, step, ring);
                    if (part.kind == Kind::hodgkin_huxley) spike = advance_item<Kind::hodgkin_huxley>(net, part, local, state, step, ring);
                }
        }
        if (spike) ids[atomicAdd(count, 1u)] = part.first_id + static_cast<std::uint32_t>(local);
    }
}

/// The synapses of some sources onto a slice: a warp for each row. What arrives up to `done` is left out.
template <class Real>
__device__ std::uint64_t deliver_slice(NetworkView<Real> const& net, std::int32_t slice, std::uint32_t const* ids, std::int64_t count,
                                       std::int64_t step, std::int64_t done, DeviceSum<Real>* ring) {
    std::uint32_t const lane = threadIdx.x % 32, warps = blockDim.x / 32;
    std::uint32_t const slots = static_cast<std::uint32_t>(net.delay_slots), mask = slots - 1,
                        now = static_cast<std::uint32_t>(step) & mask;
    std::uint64_t events = 0;
    for (std::int64_t k = threadIdx.x / 32; k < count; k += warps) {
        std::uint32_t const source = ids[k];
        std::uint32_t const* const row = net.row_offset + static_cast<std::int64_t>(source) * (net.slices + 1) + slice;
        std::uint64_t const base = net.row_base[source], begin = base + row[0], end = base + row[1];
        for (std::uint64_t j = begin + lane; j < end; j += 32) {
            std::uint32_t index;
            std::int32_t weight;
            if (net.wide != 0) {
                uint2 const synapse = static_cast<uint2 const*>(net.synapses)[j];
                index = synapse.x;
                weight = static_cast<std::int32_t>(synapse.y);
            } else {
                std::uint32_t const synapse = static_cast<std::uint32_t const*>(net.synapses)[j];
                index = synapse & 0xFFFFu;
                weight = static_cast<std::int16_t>(synapse >> 16);
            }
            if (step + (index & mask) <= done) continue;
            std::uint32_t const at = (index & ~mask) | ((index + now) & mask);
            atomicAdd(ring + at, static_cast<DeviceSum<Real>>(static_cast<long long>(weight)));
        }
        if (lane == 0) events += end - begin;
    }
    return events;
}

/// Samples of the neurons of a slice that are due at the end of `step`.
template <class Real>
__device__ void sample_slice(NetworkView<Real> const& net, std::int32_t slice, std::int64_t step, std::int64_t first_step) {
    if (net.sample_begin == nullptr) return;
    for (std::int64_t k = net.sample_begin[slice] + threadIdx.x; k < net.sample_begin[slice + 1]; k += blockDim.x) {
        DeviceSample const sample = net.samples[k];
        if ((step + 1) % sample.interval != 0) continue;
        std::int64_t const state = net.item_begin[slice] + sample.item;
        double value = 0.0;
        if (sample.variable == -1) value = net.v[state];
        if (sample.variable >= 0) value = net.s[sample.variable][state];
        net.sampled[sample.out + ((step + 1) / sample.interval - first_step / sample.interval - 1) * sample.stride] = value;
    }
}

}  // namespace ca3::lif::cuda
