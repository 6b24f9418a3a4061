#pragma once

#include "kernels/lif/step.cuh"

namespace ca3::lif::cuda {

/// Where the parts of a block's shared memory begin, in bytes: sums and state, if they fit, then lists. Every block has the same.
struct SharedPlan {
    bool network;          ///< the ring of sums, at the begin, and the state are in shared memory
    std::int32_t values;   ///< Real[1 + variables][stride]
    std::int32_t rests;    ///< std::int32_t[stride]
    std::int32_t stimuli;  ///< std::uint32_t[PlainStimulus::words][stride]
    std::int32_t stride;   ///< neurons of the largest slice
    std::int32_t rows;     ///< Row[most_rows]
    std::int32_t counts;   ///< std::uint32_t[slices]
    std::int32_t starts;   ///< std::uint32_t[slices]
    std::int32_t owners;   ///< std::uint16_t[most_rows]
    std::int32_t spiked;   ///< std::uint32_t[stride]
    std::int64_t bytes;
};

/// Copies the state of a slice, by all threads of the block.
template <class From, class To>
__device__ void copy_state(Slice const& slice, int variables, From const& from, To const& to) {
    for (auto i = static_cast<std::int32_t>(threadIdx.x); i < slice.items; i += static_cast<std::int32_t>(blockDim.x)) {
        to.v(i) = from.v(i);
        for (int k = 0; k < variables; ++k) to.s(k, i) = from.s(k, i);
        to.rest(i) = from.rest(i);
    }
}

template <class Real>
__device__ std::int64_t sums_of(NetworkView<Real> const& net, std::int32_t slice) {
    return net.ring_begin[slice + 1] - net.ring_begin[slice];
}

/// A block's own memory: sums, state and stimuli of its slice, in shared memory or where the network has them.
template <bool in_shared, class Real>
struct BlockMemory;

template <class Real>
struct BlockMemory<true, Real> {
    DeviceSum<Real>* ring;
    SharedState<Real> state;
    std::uint32_t* stimuli;

    __device__ BlockMemory(NetworkView<Real> const&, Slice const&, std::int32_t, SharedPlan const& plan) {
        auto* const shared = dynamic_shared<unsigned char>();
        ring = reinterpret_cast<DeviceSum<Real>*>(shared);
        state = {reinterpret_cast<Real*>(shared + plan.values), reinterpret_cast<std::int32_t*>(shared + plan.rests), plan.stride};
        stimuli = reinterpret_cast<std::uint32_t*>(shared + plan.stimuli);
    }
    __device__ void prepare_stimuli(NetworkView<Real> const& net, Slice const& slice, std::int64_t first_step, std::int64_t end) const {
        for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) {
            PlainStimulus const plain = plain_stimulus(net, neuron, item, first_step, end);
            stimuli[item] = plain.slot;
            stimuli[state.stride + item] = plain.neuron;
            stimuli[2 * state.stride + item] = plain.thresholds;
            stimuli[3 * state.stride + item] = plain.stimulus;
            stimuli[4 * state.stride + item] = static_cast<std::uint32_t>(plain.weight);
        });
    }
    __device__ void stimulate(NetworkView<Real> const& net, Slice const& slice, std::int64_t step) const {
        for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) {
            std::uint32_t const slot = stimuli[item];
            if (slot == PlainStimulus::none) return;
            if (slot == PlainStimulus::other) {
                stimulate_item(net, neuron, item, step, ring);
                return;
            }
            PlainStimulus const plain{.slot = slot,
                                      .neuron = stimuli[state.stride + item],
                                      .thresholds = stimuli[2 * state.stride + item],
                                      .stimulus = stimuli[3 * state.stride + item],
                                      .weight = static_cast<std::int32_t>(stimuli[4 * state.stride + item])};
            stimulate_plainly(net, plain, static_cast<std::uint32_t>(step), ring);
        });
    }
    __device__ void load(NetworkView<Real> const& net, Slice const& slice, std::int32_t number, int variables) const {
        copy_state(slice, variables, GlobalState<Real>{net, slice.first_item}, state);
        for (std::int64_t i = threadIdx.x; i < sums_of(net, number); i += blockDim.x) ring[i] = net.ring[net.ring_begin[number] + i];
    }
    __device__ void store(NetworkView<Real> const& net, Slice const& slice, std::int32_t number, int variables) const {
        copy_state(slice, variables, state, GlobalState<Real>{net, slice.first_item});
        for (std::int64_t i = threadIdx.x; i < sums_of(net, number); i += blockDim.x) net.ring[net.ring_begin[number] + i] = ring[i];
    }
};

template <class Real>
struct BlockMemory<false, Real> {
    DeviceSum<Real>* ring;
    GlobalState<Real> state;

    __device__ BlockMemory(NetworkView<Real> const& net, Slice const& slice, std::int32_t number, SharedPlan const&)
        : ring(net.ring + net.ring_begin[number]), state{net, slice.first_item} {}
    __device__ void prepare_stimuli(NetworkView<Real> const&, Slice const&, std::int64_t, std::int64_t) const {}
    __device__ void stimulate(NetworkView<Real> const& net, Slice const& slice, std::int64_t step) const {
        for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) { stimulate_item(net, neuron, item, step, ring); });
    }
    __device__ void load(NetworkView<Real> const&, Slice const&, std::int32_t, int) const {}
    __device__ void store(NetworkView<Real> const&, Slice const&, std::int32_t, int) const {}
};

}  // namespace ca3::lif::cuda
