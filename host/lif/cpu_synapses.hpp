#pragma once

#include <ca3/context.hpp>

#include "core/region.hpp"
#include "lif/cpu_layout.hpp"
#include "lif/plan.hpp"

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

/// Blocks of synapses that a spike of one source delivers to one slice at the same time. Longer runs are split.
struct Segment {
    std::uint16_t delay;
    std::uint16_t blocks;
};

/// Slots behind those of a slice that nobody reads: targets of the synapses of weight 0 that fill blocks up.
inline constexpr std::int64_t spare_slots = 16;

/// All synapses of a network in blocks of one length, so that delivering needs no inner loop whose length a processor would have to guess.
struct SynapseTable {
    int bytes_per_synapse = 8;
    int per_block = 16;  ///< 16, 4 or 1: the longest that fills well
    std::int64_t slices = 1;
    std::int64_t synapses = 0;
    std::uint64_t blocks = 0;                  ///< in use
    Region storage;                            ///< NarrowSynapse or WideSynapse
    std::vector<std::uint32_t> row_begin;      ///< [source * slices + slice]: its first block; the others follow, in order of segments
    std::vector<std::uint64_t> segment_begin;  ///< likewise, and the end
    std::vector<Segment> segments;
    std::vector<std::uint64_t> row_start;  ///< by source: synapses of the ones before, and in the end all

    [[nodiscard]] std::int64_t bytes() const {
        return static_cast<std::int64_t>(blocks) * per_block * bytes_per_synapse +
               static_cast<std::int64_t>(row_begin.size() * 4 + row_start.size() * 8 + segment_begin.size() * 8 +
                                         segments.size() * sizeof(Segment));
    }
};

/// @throws OutOfMemory
[[nodiscard]] SynapseTable make_synapses(Context const&, Plan const&, Layout const&);

}  // namespace ca3::lif::cpu
