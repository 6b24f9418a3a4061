#include "support/compare.hpp"
#include "support/lif_cases.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>

/// Random spiking networks as the library's networks, and what comes out of them.
namespace ca3::test {
namespace {

using namespace lif;
using Neurons = LifCase::Neurons;
using Kind = Neurons::Kind;

std::string name_of(Neurons const& n) {
    std::ostringstream text;
    switch (n.kind) {
        case Kind::lif:
            text << to_string(n.lif.synapse) << (n.lif.integration == Integration::exact ? "" : " euler");
            break;
        case Kind::hodgkin_huxley:
            text << "hodgkin-huxley";
            break;
        case Kind::poisson_source:
            text << "poisson source";
            break;
        case Kind::spike_source:
            text << "spike source";
            break;
    }
    text << " x " << n.size;
    return text.str();
}

std::string name_of(Rule const& rule) {
    static char const* const names[] = {"total", "in-degree", "out-degree", "Bernoulli", "one-to-one", "all-to-all", "pairs", "rows"};
    return names[rule.index()];
}

testing::AssertionResult same_doubles(std::vector<double> const& expected, std::vector<double> const& actual) {
    if (expected.size() != actual.size())
        return testing::AssertionFailure() << "sizes differ: expected " << expected.size() << ", got " << actual.size();
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (!same_bits(expected[i], actual[i])) {
            auto result = testing::AssertionFailure();
            result << "element " << i << " of " << expected.size() << ": expected " << testing::PrintToString(expected[i]) << ", got "
                   << testing::PrintToString(actual[i]) << ", apart by " << actual[i] - expected[i];
            return result;
        }
    return testing::AssertionSuccess();
}

testing::AssertionResult same_spikes(SpikeTrain const& expected, SpikeTrain const& actual) {
    for (std::size_t k = 0; k < std::min(expected.steps.size(), actual.steps.size()); ++k)
        if (expected.steps[k] != actual.steps[k] || expected.neurons[k] != actual.neurons[k])
            return testing::AssertionFailure() << "spike " << k << ": expected neuron " << expected.neurons[k] << " at step "
                                               << expected.steps[k] << ", got neuron " << actual.neurons[k] << " at step "
                                               << actual.steps[k];
    if (expected.steps.size() != actual.steps.size())
        return testing::AssertionFailure() << "expected " << expected.steps.size() << " spikes, got " << actual.steps.size();
    return testing::AssertionSuccess();
}

}  // namespace

std::string describe(LifCase const& c) {
    std::ostringstream text;
    text << "case " << c.number << " (CA3_SEED=" << c.seed << " CA3_CASE=" << c.number
         << "): " << (c.options.precision == Precision::f32 ? "f32" : "f64") << ", weight_bits " << c.options.weight_bits << ", step "
         << c.options.step_ms << " ms, " << c.steps << " steps cut at " << c.cut << ';';
    for (auto const& p : c.populations) text << ' ' << name_of(p) << ',';
    for (auto const& s : c.projections) text << ' ' << s.source << "->" << s.target << ' ' << name_of(s.rule) << ',';
    for (auto const& i : c.inputs)
        text << ' '
             << (i.stimulus.index() == 0   ? "Poisson"
                 : i.stimulus.index() == 1 ? "current"
                                           : "currents")
             << "->" << i.population << ',';
    text << ' ' << c.recordings.size() << " recorders";
    return text.str();
}

Network make_network(Context const& context, LifCase const& c) {
    Network network(context, c.options);
    for (auto const& p : c.populations) {
        std::string const name = "p" + std::to_string(network.populations());
        switch (p.kind) {
            case Kind::lif:
                network.add_population(name, p.size, p.lif, p.initial_v_mV);
                break;
            case Kind::hodgkin_huxley:
                network.add_population(name, p.size, p.hodgkin_huxley, p.initial_v_mV);
                break;
            case Kind::poisson_source:
                network.add_poisson_source(name, p.size, p.rate_hz, p.start_ms, p.stop_ms);
                break;
            case Kind::spike_source:
                network.add_spike_source(name, p.times_ms);
                break;
        }
    }
    for (auto const& s : c.projections)
        network.connect(static_cast<Population>(s.source), static_cast<Population>(s.target), s.rule, s.parameters);
    for (auto const& i : c.inputs) {
        auto const target = static_cast<Population>(i.population);
        if (auto const* const poisson = std::get_if<PoissonStimulus>(&i.stimulus)) network.add_poisson(target, *poisson);
        if (auto const* const step = std::get_if<StepCurrent>(&i.stimulus)) network.add_current(target, *step);
        if (auto const* const array = std::get_if<CurrentArray>(&i.stimulus)) network.add_current(target, *array);
    }
    for (auto const& r : c.recordings) {
        auto const recorded = static_cast<Population>(r.population);
        if (auto const* const spikes = std::get_if<RecordSpikes>(&r.recorder)) network.record_spikes(recorded, *spikes);
        if (auto const* const traces = std::get_if<RecordTraces>(&r.recorder)) network.record_traces(recorded, *traces);
    }
    return network;
}

LifOutcome outcome_of(Network const& network, LifCase const& c) {
    LifOutcome result;
    for (std::size_t k = 0; k < c.recordings.size(); ++k) {
        auto const recorder = static_cast<Recorder>(k);
        if (std::holds_alternative<RecordSpikes>(c.recordings[k].recorder))
            result.spikes.push_back(network.spikes(recorder));
        else
            result.traces.push_back(network.traces(recorder));
    }
    for (std::size_t p = 0; p < c.populations.size(); ++p) {
        auto const population = static_cast<Population>(p);
        if (!c.populations[p].is_source()) result.voltages.push_back(network.voltages_mV(population));
        result.counts.push_back(network.spike_counts(population));
    }
    result.times = network.times();
    for (std::size_t k = 0; k < c.projections.size(); ++k) result.synapses.push_back(network.connections(static_cast<Projection>(k)));
    return result;
}

LifOutcome joined(LifOutcome first, LifOutcome const& second) {
    auto const append = [](auto& to, auto const& from) { to.insert(to.end(), from.begin(), from.end()); };
    for (std::size_t k = 0; k < first.spikes.size(); ++k) {
        append(first.spikes[k].steps, second.spikes.at(k).steps);
        append(first.spikes[k].neurons, second.spikes[k].neurons);
    }
    for (std::size_t k = 0; k < first.traces.size(); ++k) {
        append(first.traces[k].times_ms, second.traces.at(k).times_ms);
        append(first.traces[k].values, second.traces[k].values);
    }
    first.voltages = second.voltages;
    first.counts = second.counts;
    return first;
}

testing::AssertionResult same_outcome(LifOutcome const& expected, LifOutcome const& actual) {
    for (std::size_t k = 0; k < expected.synapses.size(); ++k)
        if (expected.synapses[k] != actual.synapses.at(k))
            return testing::AssertionFailure() << "projection " << k << ": its " << expected.synapses[k].size() << " and "
                                               << actual.synapses[k].size() << " synapses differ";
    for (std::size_t k = 0; k < expected.spikes.size(); ++k)
        if (auto const same = same_spikes(expected.spikes[k], actual.spikes.at(k)); !same)
            return testing::AssertionFailure() << "spike recorder " << k << ": " << same.message();
    for (std::size_t k = 0; k < expected.traces.size(); ++k) {
        if (auto const same = same_doubles(expected.traces[k].times_ms, actual.traces.at(k).times_ms); !same)
            return testing::AssertionFailure() << "trace recorder " << k << ", times: " << same.message();
        if (auto const same = same_doubles(expected.traces[k].values, actual.traces[k].values); !same)
            return testing::AssertionFailure() << "trace recorder " << k << ": " << same.message();
    }
    for (std::size_t p = 0; p < expected.voltages.size(); ++p)
        if (auto const same = same_doubles(expected.voltages[p], actual.voltages.at(p)); !same)
            return testing::AssertionFailure() << "voltages of the neurons of population " << p
                                               << " (sources left out): " << same.message();
    for (std::size_t p = 0; p < expected.counts.size(); ++p)
        if (auto const same = same_values(expected.counts[p], actual.counts.at(p)); !same)
            return testing::AssertionFailure() << "spike counts of population " << p << ": " << same.message();
    return testing::AssertionSuccess();
}

void for_each_lif_case(std::int64_t first, std::int64_t count, std::int64_t work, std::function<void(LifCase const&)> const& check) {
    char const* const only = std::getenv("CA3_CASE");
    std::int64_t const chosen = only == nullptr ? -1 : std::strtoll(only, nullptr, 10);
    for (std::int64_t number = first; number < first + count; ++number)
        if (only == nullptr || number == chosen) check(lif_case(number, work));
}

}  // namespace ca3::test
