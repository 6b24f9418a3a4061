#pragma once

#include <ca3/context.hpp>
#include <ca3/lif/network.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Neurons that tests read numbers from.
namespace ca3::test {

/// Half the distance from 1 to the next number of the state.
[[nodiscard]] constexpr double unit_roundoff(lif::Precision precision) {
    return precision == lif::Precision::f64 ? 0x1.0p-53 : 0x1.0p-24;
}
[[nodiscard]] inline std::string to_string(lif::Precision precision) {
    return precision == lif::Precision::f64 ? "f64" : "f32";
}
inline constexpr lif::Precision precisions[] = {lif::Precision::f32, lif::Precision::f64};

/// What rounding can make of x after any number of steps x -> kept x + d: each step adds at most four errors of one unit roundoff of the
/// largest |x| (those of `kept`, of d, and of two operations), and earlier ones shrink by `kept` per step.
[[nodiscard]] inline double accumulated_rounding(lif::Precision precision, double largest, double kept) {
    return 4.0 * unit_roundoff(precision) * largest / (1.0 - kept);
}

/// Adds up what arrives and never spikes: no leak (exp(-h / tau_m) is 1 in double precision, h / C is exact), rest at 0, so that integers
/// stay exact.
[[nodiscard]] inline lif::LifParameters counter() {
    return {.synapse = lif::Synapse::delta,
            .tau_m_ms = 0x1.0p60,
            .E_L_mV = 0.0,
            .v_threshold_mV = 1e9,
            .v_reset_mV = 0.0,
            .refractory_ms = 0.0};
}

/// The same with one thread where it is a CPU: for many steps of single neurons, of which further threads would see but the barriers.
[[nodiscard]] inline Context one_thread(Context const& context) {
    return context.backend() == Backend::cpu ? Context::cpu({.threads = 1, .instruction_set = context.instruction_set()}) : context;
}

/// The samples of the k-th recorded neuron, of `recorded`.
[[nodiscard]] inline std::vector<double> samples(lif::Traces const& traces, std::size_t k = 0, std::size_t recorded = 1) {
    std::vector<double> result;
    for (std::size_t at = k; at < traces.values.size(); at += recorded) result.push_back(traces.values[at]);
    return result;
}

/// Steps at which a neuron spiked.
[[nodiscard]] inline std::vector<std::int64_t> steps_of(lif::SpikeTrain const& train, std::int64_t neuron = 0) {
    std::vector<std::int64_t> result;
    for (std::size_t k = 0; k < train.steps.size(); ++k)
        if (train.neurons[k] == neuron) result.push_back(train.steps[k]);
    return result;
}

[[nodiscard]] inline std::vector<std::int64_t> first_numbers(std::int64_t count) {
    std::vector<std::int64_t> result;
    for (std::int64_t i = 0; i < count; ++i) result.push_back(i);
    return result;
}

[[nodiscard]] inline std::int64_t steps_in(double ms, double step_ms) {
    return std::llround(ms / step_ms);
}

/// What some neurons did in a run.
struct Recorded {
    std::vector<std::vector<double>> trace;  ///< by neuron: [k] at time (k + 1) h
    lif::SpikeTrain spikes;

    [[nodiscard]] std::vector<double> const& v(std::size_t neuron = 0) const { return trace.at(neuron); }
    [[nodiscard]] std::vector<std::int64_t> steps(std::int64_t neuron = 0) const { return steps_of(spikes, neuron); }
};

/// `count` neurons for `ms` of time; `drive(network, population)` adds what acts on them.
template <class Parameters, class Drive>
[[nodiscard]] Recorded record(Context const& context, lif::NetworkOptions options, std::int64_t count, Parameters const& parameters,
                              double ms, Drive&& drive, lif::Variable variable = lif::Variable::voltage) {
    lif::Network network(context, options);
    auto const neurons = network.add_population("neurons", count, parameters);
    drive(network, neurons);
    auto const traces = network.record_traces(neurons, {.neurons = first_numbers(count), .variable = variable});
    auto const spikes = network.record_spikes(neurons);
    network.run(ms);
    Recorded result{.spikes = network.spikes(spikes)};
    auto const values = network.traces(traces);
    for (std::int64_t i = 0; i < count; ++i)
        result.trace.push_back(samples(values, static_cast<std::size_t>(i), static_cast<std::size_t>(count)));
    return result;
}
template <class Parameters>
[[nodiscard]] Recorded record(Context const& context, lif::NetworkOptions options, std::int64_t count, Parameters const& parameters,
                              double ms) {
    return record(context, options, count, parameters, ms, [](lif::Network&, lif::Population) {});
}

/// Spikes of one source at these times reach every neuron of `target` after `delay_ms`.
inline void send(lif::Network& network, lif::Population target, std::vector<double> const& times_ms, double weight, double delay_ms) {
    auto const source = network.add_spike_source("source " + std::to_string(network.populations()), {times_ms});
    network.connect(source, target, lif::AllToAll{}, {.weight = weight, .delay_ms = delay_ms});
}

/// The synapses from one population to another, or (targets = -1) within one, after the network has been built.
[[nodiscard]] inline std::vector<lif::Connection> connected(Context const& context, std::int64_t sources, std::int64_t targets,
                                                            lif::Rule const& rule, lif::SynapseParameters const& synapse = {},
                                                            lif::NetworkOptions options = {}) {
    lif::Network network(context, options);
    auto const from = network.add_population("sources", sources, counter());
    auto const to = targets < 0 ? from : network.add_population("targets", targets, counter());
    auto const projection = network.connect(from, to, rule, synapse);
    network.build();
    return network.connections(projection);
}

}  // namespace ca3::test
