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

/// Synapses that a spike of one source delivers to one slice at the same time. Longer ones are split.
struct Segment {
    std::uint16_t delay;
    std::uint16_t length;
};

/// All synapses of a network, rows of sources one after the other; a row by slice, then delay, then slot.
struct SynapseTable {
    int bytes_per_synapse = 8;
    std::int64_t slices = 1;
    std::int64_t synapses = 0;
    HostVector<std::byte> storage;             ///< NarrowSynapse or WideSynapse
    std::vector<std::uint64_t> row_begin;      ///< [source * slices + slice], and the end
    std::vector<std::uint64_t> segment_begin;  ///< likewise
    HostVector<Segment> segments;

    [[nodiscard]] std::int64_t bytes() const {
        return static_cast<std::int64_t>(storage.size() + row_begin.size() * 8 + segment_begin.size() * 8 +
                                         segments.size() * sizeof(Segment));
    }
};

/// Draws and sorts the synapses, in parallel; the same for every number of threads but for the division into slices. @throws OutOfMemory
[[nodiscard]] SynapseTable make_synapses(Context const&, Plan const&, Layout const&);

}  // namespace ca3::lif::cpu
