#pragma once

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include "lif/cpu_layout.hpp"
#include "lif/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ca3::lif::cpu {

/// A synapse in run-time form: 4 or 8 bytes. Its delay is that of its segment, its source that of its row.
struct NarrowSynapse {
    std::uint16_t slot;
    std::int16_t weight;
};
struct WideSynapse {
    std::uint32_t slot;
    std::int32_t weight;
};

/// The same with the delay in it, for devices: `index` is slot * delay_slots + delay, which is its place in a ring of sums but for the
/// time.
struct NarrowRingSynapse {
    std::uint16_t index;
    std::int16_t weight;
};
struct WideRingSynapse {
    std::uint32_t index;
    std::int32_t weight;
};

/// Synapses that a spike of one source delivers to one slice at the same time. Longer ones are split.
struct Segment {
    std::uint16_t delay;
    std::uint16_t length;
};

/// All synapses of a network, rows of sources one after the other; a row by slice, then delay.
struct SynapseTable {
    int bytes_per_synapse = 8;
    std::int64_t slices = 1;
    std::int64_t synapses = 0;
    HostVector<std::byte> storage;             ///< synapses of one of the types above
    std::vector<std::uint64_t> row_begin;      ///< [source * slices + slice], and the end
    std::vector<std::uint64_t> segment_begin;  ///< likewise; none with delays in the synapses
    HostVector<Segment> segments;

    [[nodiscard]] std::int64_t bytes() const {
        return static_cast<std::int64_t>(storage.size() + row_begin.size() * 8 + segment_begin.size() * 8 +
                                         segments.size() * sizeof(Segment));
    }
};

/// Draws and sorts the synapses, in parallel; the same for every number of threads but for the division into slices.
/// @param delay_slots 0: delays by segment; else a power of two above the longest delay: delays in the synapses, of 4 bytes where the
/// weights have 16 bits and every index fits 16
/// @throws OutOfMemory
[[nodiscard]] SynapseTable make_synapses(Context const&, Plan const&, Layout const&, std::int64_t delay_slots = 0);

}  // namespace ca3::lif::cpu
