#pragma once

#include "kernels/lif/step.cuh"

/// How spikes reach the sums of a slice: rows of synapses, by some lanes at a time.
namespace ca3::lif::cuda {

/// The synapses of one source onto one slice.
struct Row {
    std::uint64_t begin;
    std::uint32_t length;
};

template <class Real>
__device__ Row row_of(NetworkView<Real> const& net, std::int64_t source, std::int32_t slice) {
    std::int64_t const at = source * (net.slices + 1) + slice;
    std::uint64_t const base = __ldg(net.row_base + source);
    std::uint32_t const begin = net.row_offset_16 != nullptr ? __ldg(net.row_offset_16 + at) : __ldg(net.row_offset + at);
    std::uint32_t const end = net.row_offset_16 != nullptr ? __ldg(net.row_offset_16 + at + 1) : __ldg(net.row_offset + at + 1);
    return {base + begin, end - begin};
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

/// A row's synapses for a spike at step `now`, by some lanes that each have 16 bytes on their way.
template <class Synapse, class Real>
__device__ void deliver_row_of(NetworkView<Real> const& net, Row const& row, std::uint32_t lane, std::uint32_t lanes, std::uint32_t now,
                               DeviceSum<Real>* ring) {
    Synapse const* const synapses = static_cast<Synapse const*>(net.synapses) + row.begin;
    constexpr std::uint32_t at_once = 16 / sizeof(Synapse);
    for (std::uint32_t j = lane; j < row.length; j += at_once * lanes) {
        Synapse synapse[at_once] = {};
#pragma unroll
        for (std::uint32_t i = 0; i < at_once; ++i) {
            if (j + i * lanes < row.length) synapse[i] = __ldcs(synapses + j + i * lanes);
        }
#pragma unroll
        for (std::uint32_t i = 0; i < at_once; ++i) {
            if (j + i * lanes < row.length) add_arrival(net, synapse[i], now, ring);
        }
    }
}

/// One row, by some lanes.
template <class Real>
__device__ void deliver_row(NetworkView<Real> const& net, Row const& row, std::uint32_t lane, std::uint32_t lanes, std::int64_t step,
                            DeviceSum<Real>* ring) {
    auto const now = static_cast<std::uint32_t>(step);
    if (net.wide != 0) {
        deliver_row_of<uint2>(net, row, lane, lanes, now, ring);
    } else {
        deliver_row_of<std::uint32_t>(net, row, lane, lanes, now, ring);
    }
}

/// Rows of a list, by all threads of the block.
template <class Real>
__device__ void deliver_listed(NetworkView<Real> const& net, Row const* rows, unsigned count, std::int64_t step, DeviceSum<Real>* ring) {
    unsigned const lanes = 1u << net.row_shift, lane = threadIdx.x & (lanes - 1);
    for (unsigned r = threadIdx.x >> net.row_shift; r < count; r += blockDim.x >> net.row_shift)
        deliver_row(net, Row(rows[r]), lane, lanes, step, ring);
}

}  // namespace ca3::lif::cuda
