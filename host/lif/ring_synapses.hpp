#pragma once

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include "lif/cpu_layout.hpp"
#include "lif/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ca3::lif::cpu {

/// A synapse as devices use it: `index` is slot * delay_slots + (slot + delay) modulo delay_slots, its place in the ring of sums for a
/// spike at step 0.
struct NarrowRingSynapse {
    std::uint16_t index;
    std::int16_t weight;
};
struct WideRingSynapse {
    std::uint32_t index;
    std::int32_t weight;
};

/// All synapses of a network, rows of sources one after the other, a row by slice.
struct RingSynapses {
    int bytes_per_synapse = 8;  ///< 4 where weights have 16 bits and every index fits 16
    std::int64_t synapses = 0;
    HostVector<std::byte> storage;
    std::vector<std::uint64_t> row_base;    ///< by source: its first synapse
    std::vector<std::uint32_t> row_offset;  ///< [source * (slices + 1) + slice] from there, and the end
};

/// @param delay_slots a power of two above the longest delay @throws OutOfMemory
[[nodiscard]] RingSynapses make_ring_synapses(Context const&, Plan const&, Layout const&, std::int64_t delay_slots);

}  // namespace ca3::lif::cpu
