#pragma once

#include "lif/plan.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace ca3::lif {

/// The spikes of some steps, of all neurons: those at the end of step first_step + k are ids[offset[k]] ... ids[offset[k + 1] - 1], rising.
struct SpikeBlock {
    std::int64_t first_step = 0;
    std::vector<std::int64_t> offset{0};
    std::vector<std::uint32_t> ids;
};

/// What a run of some steps gives.
struct Output {
    SpikeBlock spikes;
    std::vector<std::vector<double>> traces;  ///< for each TracePlan: samples x neurons
};

/// Everything that the future of a network depends on, in a form that no backend owns.
struct Snapshot {
    struct Neurons {
        std::vector<double> v;                  ///< relative to E_L, as the state holds it
        std::vector<double> s[most_variables];  ///< currents and the like; unused ones are empty
        std::vector<std::int32_t> rest;         ///< steps of refractoriness left
    };
    std::int64_t step = 0;            ///< steps done
    std::vector<Neurons> neurons;     ///< by population
    std::vector<SpikeBlock> history;  ///< spikes of the last `longest_delay` steps at least, where there were as many
};

struct EngineTimes {
    double update = 0.0, stimulus = 0.0, delivery = 0.0, exchange = 0.0;
    std::int64_t events = 0;
    std::int64_t bytes = 0;
    std::int64_t synapses = 0;
};

/// The part of a network that a backend owns: synapses, state and what is under way. Made by `build`, at step 0.
class Engine {
public:
    virtual ~Engine() = default;
    /// Steps first_step ... first_step + steps - 1; stimuli and traces are those of the plan at the call.
    virtual void run(std::int64_t first_step, std::int64_t steps, Output&) = 0;
    [[nodiscard]] virtual Snapshot::Neurons read(std::int32_t population) const = 0;
    virtual void write(std::int32_t population, Snapshot::Neurons const&) = 0;
    /// What the spikes of `history` have yet to deliver from `step` on, in place of what was under way.
    virtual void restore_deliveries(std::int64_t step, std::vector<SpikeBlock> const& history) = 0;
    [[nodiscard]] virtual EngineTimes times() const = 0;
};

/// The state at step 0.
[[nodiscard]] Snapshot::Neurons initial_state(Plan const&, std::int32_t population);

/// Samples of a trace that end in steps [first, first + steps).
[[nodiscard]] inline std::int64_t samples_in(TracePlan const& trace, std::int64_t first, std::int64_t steps) {
    return (first + steps) / trace.interval - first / trace.interval;
}
/// The state array and channel of a variable; -1: it is zero always. The voltage is not among them.
[[nodiscard]] inline int variable_index(Kind kind, Variable variable) {
    bool const inhibitory = variable == Variable::inhibitory;
    switch (kind) {
        case Kind::exponential_one:
        case Kind::alpha_one:
            return inhibitory ? -1 : 0;
        case Kind::exponential:
        case Kind::conductance:
        case Kind::hodgkin_huxley:
            return inhibitory ? 1 : 0;
        case Kind::alpha:
            return inhibitory ? 2 : 0;
        case Kind::delta:
        case Kind::spike_source:
        case Kind::poisson_source:
            break;
    }
    return -1;
}

/// Throws Overflow: all synapses of a neuron together exceed its accumulator.
[[noreturn]] void throw_overflow(Plan const&, std::int32_t population, std::int64_t neuron, double sum, double limit);

namespace reference {
[[nodiscard]] std::unique_ptr<Engine> make_engine(Context const&, Plan const&);
}
namespace cpu {
[[nodiscard]] std::unique_ptr<Engine> make_engine(Context const&, Plan const&);
}
namespace cuda {
[[nodiscard]] std::unique_ptr<Engine> make_engine(Context const&, Plan const&);
}

}  // namespace ca3::lif
