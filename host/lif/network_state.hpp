#pragma once

#include <ca3/lif/network.hpp>

#include "lif/engine.hpp"
#include "lif/plan.hpp"

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace ca3::lif {

struct SpikeRecorder {
    std::int32_t population = 0;
    std::int64_t first = 0, count = 0;     ///< neurons of the population
    std::int64_t start = 0, stop = never;  ///< spikes at the end of step start ... stop - 1
    SpikeTrain train{};
};
struct TraceRecorder {
    std::size_t plan = 0;  ///< among Plan::traces
    Traces traces{};
};
struct RecorderPlace {
    bool spikes = true;
    std::size_t index = 0;
};

struct Network::State {
    State(Context c, NetworkOptions o) : context(std::move(c)) { plan.options = o; }

    Context context;
    Plan plan;
    std::unique_ptr<Engine> engine;
    std::int64_t step = 0;  ///< steps done
    std::int64_t stimuli = 0;
    std::vector<SpikeRecorder> spike_recorders;
    std::vector<TraceRecorder> trace_recorders;
    std::vector<RecorderPlace> recorders;
    std::vector<std::int64_t> counts;  ///< spikes by neuron
    std::int64_t counted_from = 0;     ///< step
    std::deque<SpikeBlock> history;    ///< the last longest_delay steps, in blocks
    RunTimes times;

    void absorb(Output const&);
    [[nodiscard]] PopulationPlan const& population(Population p, char const* function) const;
    [[nodiscard]] RecorderPlace const& recorder(Recorder r, bool spikes, char const* function) const;
};

/// The largest finite number of the state.
[[nodiscard]] constexpr double largest_of(Precision precision) {
    return precision == Precision::f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

/// Bytes that a network needs: synapses, their index, state. @throws OutOfMemory when the machine has less
void require_memory(Context const&, Plan const&);

}  // namespace ca3::lif
