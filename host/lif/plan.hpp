#pragma once

#include <ca3/lif/network.hpp>

#include "lif/neuron.hpp"
#include "lif/poisson_table.hpp"
#include "lif/sampler.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// A network as described, checked: what the engines of all backends are made from.
namespace ca3::lif {

inline constexpr std::int64_t never = std::int64_t{1} << 62;

struct PopulationPlan {
    std::string name;
    std::int64_t count = 0;
    std::int64_t first = 0;  ///< global number of its first neuron
    Kind kind = Kind::exponential;
    LifParameters lif;
    HodgkinHuxleyParameters hodgkin_huxley;
    bool shared = true;  ///< all neurons have the same parameters
    bool shared_rest = true;
    Distribution initial_v;
    Sampler initial_v_sampler;
    // spike_source: the steps at whose end neuron i spikes are spike_steps[spike_offset[i]] ... rising.
    std::vector<std::int64_t> spike_offset;
    std::vector<std::int64_t> spike_steps;
    // poisson_source: spikes in a step where the uniform number is below the threshold; one for all, or one each.
    std::vector<std::uint64_t> spike_threshold;
    std::int64_t start = 0, stop = never;
    double unit = 1.0;      ///< of the grid of weights to this population, a power of two; set by build
    double headroom = 0.0;  ///< units that stimuli added after the build may still bring in one step

    [[nodiscard]] double resting_mV(std::int64_t neuron) const {
        return kind == Kind::hodgkin_huxley || is_source(kind) ? 0.0 : lif.E_L_mV[neuron];
    }
};

struct ProjectionPlan {
    std::int32_t source = 0, target = 0;  ///< populations
    Rule rule;
    bool loops = false;  ///< source and target are the same population and autapses are not wanted
    Sampler weight;
    std::vector<double> given_weights;
    DelaySampler delay;
    std::vector<std::int32_t> given_delays;
    std::int64_t synapses = -1;      ///< -1: known after the draw (Bernoulli)
    double expected_synapses = 0.0;  ///< for the estimate of memory

    [[nodiscard]] std::int32_t longest_delay() const;
};

struct PoissonPlan {
    std::int32_t population = 0;
    std::int64_t first = 0, count = 0;  ///< neurons of the population
    std::int64_t start = 0, stop = never;
    double weight = 0.0;
    std::vector<PoissonTable> tables;      ///< one for all, or those that table_of names
    std::vector<std::int32_t> table_of{};  ///< by neuron - first; empty when there is one
    std::uint32_t stimulus = 0;            ///< number of the stimulus: the element of its random numbers
};

struct CurrentPlan {
    std::int32_t population = 0;
    std::int64_t first = 0, count = 0;
    std::int64_t start = 0, stop = never;
    std::vector<double> amplitude;  ///< by neuron - first, or one; or by interval since the start when that is positive
    std::int64_t interval = 0;      ///< steps

    [[nodiscard]] bool active(std::int64_t step) const { return step >= start && step < stop; }
    [[nodiscard]] double at(std::int64_t step, std::int64_t neuron) const {
        if (interval > 0) return amplitude[static_cast<std::size_t>((step - start) / interval)];
        return amplitude.size() == 1 ? amplitude[0] : amplitude[static_cast<std::size_t>(neuron - first)];
    }
};

struct TracePlan {
    std::int32_t population = 0;
    std::vector<std::int64_t> neurons;
    Variable variable = Variable::voltage;
    std::int64_t interval = 1;
};

struct Plan {
    NetworkOptions options;
    std::vector<PopulationPlan> populations;
    std::vector<ProjectionPlan> projections;
    std::vector<PoissonPlan> poisson;
    std::vector<CurrentPlan> currents;
    std::vector<TracePlan> traces;
    int weight_bits = 32;            ///< set by build
    std::int64_t longest_delay = 1;  ///< steps, of all projections; set by build

    [[nodiscard]] std::int64_t neurons() const { return populations.empty() ? 0 : populations.back().first + populations.back().count; }
    [[nodiscard]] std::int32_t population_of(std::int64_t neuron) const;
};

/// "projection 3 (L4E -> L23E)": how errors call a projection.
[[nodiscard]] std::string projection_name(Plan const&, std::size_t projection);

/// Sets weight_bits, longest_delay and the units of all populations. @throws Overflow for weights that no grid can hold
void choose_grid(Plan&);

/// A weight in units of the grid. @throws nothing: choose_grid has seen the largest
[[nodiscard]] inline std::int32_t on_grid(double weight, double unit) {
    return static_cast<std::int32_t>(std::nearbyint(weight / unit));
}

/// The voltage (mV) that neuron starts with.
[[nodiscard]] double initial_voltage(Plan const&, std::int32_t population, std::int64_t neuron);

}  // namespace ca3::lif
