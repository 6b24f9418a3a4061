#pragma once

#include "lif/plan.hpp"

#include <cstdint>
#include <vector>

/// How neurons are dealt out to slices. A slice is what one thread, or one block of a GPU, works on alone: a part of every population, so
/// that all have about the same work. What arrives at a neuron is summed in a slot of its slice, one for each channel.
namespace ca3::lif::cpu {

struct Part {
    std::int32_t population = 0;
    std::int64_t first = 0;  ///< neurons of the population
    std::int64_t count = 0;
    std::int64_t slot = 0;    ///< of its first neuron, first channel
    std::int64_t stride = 0;  ///< from one channel to the next
};

struct Slice {
    std::vector<Part> parts;  ///< in order of populations
    std::int64_t slots = 0;
};

struct Layout {
    std::vector<Slice> slices;
    std::vector<std::int64_t> piece;  ///< by population: neurons that each slice but the last ones gets

    /// @param multiple the number of slices is a multiple of it  @param granule parts are of multiples of this many neurons, as far as they
    /// go
    Layout(Plan const&, std::int64_t multiple, std::int64_t granule = 16);

    /// Slice and slot of a neuron of population `p` (first channel) as slice << 16 | slot.
    [[nodiscard]] std::vector<std::uint32_t> places(Plan const&, std::int32_t population) const;
};

}  // namespace ca3::lif::cpu
