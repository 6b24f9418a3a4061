#pragma once

#include <ca3/context.hpp>

#include "lif/cpu_layout.hpp"
#include "lif/plan.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace ca3::lif::cpu {

/// A synapse as it is drawn.
struct RawSynapse {
    std::uint32_t place;  ///< slice << 16 | slot, the second channel's for a negative weight
    std::int32_t weight;  ///< in units of the target's grid
    std::int32_t delay;   ///< steps
};

/// Draws the synapses of all sources, row by row, in parallel; the same rows for every number of threads but for the division into slices.
///
/// Rows are made source by source: how many synapses each source has is found first, then every thread draws rows of its own. Only where a
/// projection is keyed by its targets (fixed in-degree) are the rows of many sources made together, from one pass over the draws.
class RowMaker {
public:
    RowMaker(Context const&, Plan const&, Layout const&);
    ~RowMaker();
    RowMaker(RowMaker const&) = delete;
    RowMaker& operator=(RowMaker const&) = delete;

    /// By source (global number): how many synapses the ones before have, and in the end all.
    [[nodiscard]] std::vector<std::uint64_t> const& row_start() const;

    /// Calls write(source, row, piece) for every source; `row` may be changed. Sources of one piece come in rising order, one after the
    /// other, on one thread; `pieces` says how many there are before the first call.
    using Write = std::function<void(std::int64_t source, std::vector<RawSynapse>& row, std::size_t piece)>;
    void make(std::function<void(std::size_t pieces)> const& begin, Write const& write) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ca3::lif::cpu
