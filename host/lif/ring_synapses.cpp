#include "lif/ring_synapses.hpp"

#include <ca3/error.hpp>

#include "core/memory_limit.hpp"
#include "lif/cpu_rows.hpp"

#include <algorithm>

namespace ca3::lif::cpu {

RingSynapses make_ring_synapses(Context const& context, Plan const& plan, Layout const& layout, std::int64_t delay_slots) {
    std::size_t const slices = layout.slices.size();
    std::int64_t slots = 0;
    for (auto const& slice : layout.slices) slots = std::max(slots, slice.slots);
    bool const narrow = plan.weight_bits == 16 && slots * delay_slots <= 65536;

    RowMaker const rows(context, plan, layout);
    auto const& start = rows.row_start();
    RingSynapses out{.bytes_per_synapse = narrow ? 4 : 8, .synapses = static_cast<std::int64_t>(start.back())};
    std::uint64_t const bytes = start.back() * static_cast<std::uint64_t>(out.bytes_per_synapse), available = available_host_bytes();
    if (available != 0 && bytes > available) throw OutOfMemory("Network::build: synapses", bytes, available);
    out.storage.resize(bytes);
    out.row_base.assign(start.begin(), start.end() - 1);
    out.row_offset.assign((start.size() - 1) * (slices + 1), 0);
    rows.make([](std::size_t) {},
              [&](std::int64_t source, std::vector<RawSynapse>& row, std::size_t) {
                  std::uint32_t* const offset = out.row_offset.data() + static_cast<std::size_t>(source) * (slices + 1);
                  std::sort(row.begin(), row.end(), [](RawSynapse const& a, RawSynapse const& b) { return a.place < b.place; });
                  for (auto const& r : row) ++offset[(r.place >> 16) + 1];
                  for (std::size_t s = 0; s < slices; ++s) offset[s + 1] += offset[s];
                  std::uint64_t at = start[static_cast<std::size_t>(source)];
                  for (auto const& r : row) {
                      std::int64_t const slot = r.place & 0xFFFFu;
                      auto const index = static_cast<std::uint32_t>(slot * delay_slots + ((slot + r.delay) & (delay_slots - 1)));
                      if (narrow) {
                          reinterpret_cast<NarrowRingSynapse*>(out.storage.data())[at++] = {static_cast<std::uint16_t>(index),
                                                                                            static_cast<std::int16_t>(r.weight)};
                      } else {
                          reinterpret_cast<WideRingSynapse*>(out.storage.data())[at++] = {index, r.weight};
                      }
                  }
              });
    return out;
}

}  // namespace ca3::lif::cpu
