// Networks as JSON: what is read is what the API would be told.
#include <ca3/lif/description.hpp>

#include <ca3/error.hpp>

#include "lif/description_entries.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>

namespace ca3::lif {
namespace {

using namespace description;

// Every kind of everything.
char const* const whole_schema = R"({
  "step_ms": 0.5, "seed": 18446744073709551615, "precision": "f64", "weight_bits": 32,
  "populations": [
    {"name": "E", "neurons": 4, "model": "lif", "synapse": "alpha", "integration": "forward-euler", "C_m_pF": 200,
     "tau_m_ms": [10, 11, 12, 13], "E_L_mV": -60, "v_threshold_mV": -50, "v_reset_mV": -61, "refractory_ms": 1.5, "tau_syn_ex_ms": 3,
     "tau_syn_in_ms": 4, "I_e_pA": 5, "E_ex_mV": 1, "E_in_mV": -80,
     "initial_v_mV": {"kind": "normal", "mean": -58, "sd": 5, "low": -70, "high": -51}},
    {"name": "H H", "neurons": 1e0, "model": "hodgkin-huxley", "C_m_pF": 101, "g_Na_nS": 102, "g_K_nS": 103, "g_L_nS": 104,
     "E_Na_mV": 105, "E_K_mV": -106, "E_L_mV": -54, "v_threshold_mV": 1, "tau_syn_ex_ms": 2.5, "tau_syn_in_ms": 3.5, "I_e_pA": 7,
     "initial_v_mV": -65},
    {"name": "noise", "neurons": 3, "model": "poisson-source", "rate_hz": [1, 2, 3], "start_ms": 1, "stop_ms": 9},
    {"name": "given", "model": "spike-source", "times_ms": [[0.5, 2], []]},
    {"name": "plain", "neurons": 4}],
  "projections": [
    {"source": "E", "target": "plain", "rule": {"kind": "fixed-total-number", "count": 5, "autapses": false, "multapses": false},
     "weight": {"kind": "uniform", "low": 1, "high": 2}, "delay_ms": {"kind": "normal", "mean": 1.5, "sd": 0.75}},
    {"source": "E", "target": "E", "rule": {"kind": "fixed-in-degree", "count": 2}, "weight": {"kind": "lognormal", "mu": 0, "sigma": 1}},
    {"source": "E", "target": "E", "rule": {"kind": "fixed-out-degree", "count": 3}, "weight": -1},
    {"source": "E", "target": "E", "rule": {"kind": "bernoulli", "p": 0.5, "autapses": false}, "weight": 1},
    {"source": "E", "target": "plain", "rule": {"kind": "one-to-one"}, "weight": [1, 2, 3, 4]},
    {"source": "given", "target": "H H", "rule": {"kind": "all-to-all"}, "weight": [[1, 2]], "delay_ms": [[0.5, 1]]},
    {"source": "noise", "target": "E", "rule": {"kind": "pairs", "source": [0, 2], "target": [3, 1]}, "weight": [5, 6]},
    {"source": "given", "target": "E", "rule": {"kind": "rows", "offset": [0, 2, 3], "target": [0, 1, 3]}, "weight": 1}],
  "stimuli": [
    {"kind": "poisson", "population": "E", "rate_hz": 100, "weight": 2, "start_ms": 1, "stop_ms": 51, "neurons": {"first": 1, "count": 2}},
    {"kind": "step-current", "population": "H H", "amplitude_pA": [5], "start_ms": 2},
    {"kind": "current-array", "population": "plain", "values_pA": [1, 2, 3], "interval_ms": 1, "start_ms": 0.5}],
  "recorders": [
    {"kind": "spikes", "population": "E", "neurons": {"first": 2}, "start_ms": 1, "stop_ms": 5},
    {"kind": "voltage", "population": "H H", "neurons": [0], "interval_ms": 1},
    {"kind": "excitatory", "population": "plain", "neurons": {"first": 1, "count": 2}},
    {"kind": "inhibitory", "population": "plain", "neurons": {}}]
})";

TEST(Description, ReadsEveryKindOfEverything) {
    Description const d = read_description(whole_schema, "net");

    EXPECT_EQ(d.options.step_ms, 0.5);
    EXPECT_EQ(d.options.seed, 18446744073709551615ULL);
    EXPECT_EQ(d.options.precision, Precision::f64);
    EXPECT_EQ(d.options.weight_bits, 32);

    ASSERT_EQ(d.populations.size(), 5U);
    auto const& lif = std::get<LifParameters>(d.populations[0].model);
    EXPECT_EQ(d.populations[0].neurons, 4);
    EXPECT_EQ(lif.synapse, Synapse::alpha);
    EXPECT_EQ(lif.integration, Integration::forward_euler);
    EXPECT_EQ(lif.tau_m_ms.values(), (std::vector<double>{10, 11, 12, 13}));
    std::vector<double> const shared{lif.C_m_pF[0],        lif.E_L_mV[0],        lif.v_threshold_mV[0], lif.v_reset_mV[0],
                                     lif.refractory_ms[0], lif.tau_syn_ex_ms[0], lif.tau_syn_in_ms[0],  lif.I_e_pA[0],
                                     lif.E_ex_mV[0],       lif.E_in_mV[0]};
    EXPECT_EQ(shared, (std::vector<double>{200, -60, -50, -61, 1.5, 3, 4, 5, 1, -80}));
    auto const& v0 = d.populations[0].initial_v_mV;
    EXPECT_EQ(v0.kind, Distribution::Kind::normal);
    EXPECT_EQ((std::vector<double>{v0.a, v0.b, v0.low, v0.high}), (std::vector<double>{-58, 5, -70, -51}));

    auto const& hh = std::get<HodgkinHuxleyParameters>(d.populations[1].model);
    std::vector<double> const squid{hh.C_m_pF,         hh.g_Na_nS,       hh.g_K_nS,        hh.g_L_nS,
                                    hh.E_Na_mV,        hh.E_K_mV,        hh.E_L_mV,        hh.I_e_pA,
                                    hh.v_threshold_mV, hh.tau_syn_ex_ms, hh.tau_syn_in_ms, d.populations[1].initial_v_mV.a};
    EXPECT_EQ(squid, (std::vector<double>{101, 102, 103, 104, 105, -106, -54, 7, 1, 2.5, 3.5, -65}));
    auto const& noise = std::get<PoissonSource>(d.populations[2].model);
    EXPECT_EQ(noise.rate_hz.values(), (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(noise.start_ms, 1);
    EXPECT_EQ(noise.stop_ms, 9);
    EXPECT_EQ(std::get<SpikeSource>(d.populations[3].model).times_ms, (std::vector<std::vector<double>>{{0.5, 2}, {}}));
    EXPECT_EQ(d.populations[3].neurons, 2);
    EXPECT_EQ(std::get<LifParameters>(d.populations[4].model).synapse, Synapse::exponential);
    EXPECT_TRUE(std::isnan(d.populations[4].initial_v_mV.a));
}

TEST(Description, ReadsEveryRule) {
    Description const d = read_description(whole_schema, "net");
    ASSERT_EQ(d.projections.size(), 8U);
    auto const& total = std::get<FixedTotalNumber>(d.projections[0].rule);
    EXPECT_EQ(total.count, 5);
    EXPECT_FALSE(total.autapses);
    EXPECT_FALSE(total.multapses);
    EXPECT_EQ(d.projections[0].source, 0U);
    EXPECT_EQ(d.projections[0].target, 4U);
    EXPECT_EQ(d.projections[0].synapse.weight.kind, Distribution::Kind::uniform);
    EXPECT_EQ(d.projections[0].synapse.weight.b, 2);
    EXPECT_EQ(d.projections[0].synapse.delay_ms.kind, Distribution::Kind::normal);
    EXPECT_EQ(d.projections[0].synapse.delay_ms.b, 0.75);
    EXPECT_EQ(std::get<FixedInDegree>(d.projections[1].rule).count, 2);
    EXPECT_TRUE(std::get<FixedInDegree>(d.projections[1].rule).multapses);
    EXPECT_EQ(d.projections[1].synapse.weight.kind, Distribution::Kind::lognormal);
    EXPECT_EQ(d.projections[1].synapse.delay_ms.a, 1.0);  // the default of the struct
    EXPECT_EQ(std::get<FixedOutDegree>(d.projections[2].rule).count, 3);
    EXPECT_EQ(d.projections[2].synapse.weight.a, -1);
    EXPECT_EQ(std::get<Bernoulli>(d.projections[3].rule).p, 0.5);
    EXPECT_FALSE(std::get<Bernoulli>(d.projections[3].rule).autapses);
    EXPECT_EQ(d.projections[4].synapse.weight.given_values, (std::vector<double>{1, 2, 3, 4}));
    EXPECT_TRUE(std::get<AllToAll>(d.projections[5].rule).autapses);
    EXPECT_EQ(d.projections[5].synapse.weight.given_values, (std::vector<double>{1, 2}));
    EXPECT_EQ(d.projections[5].synapse.delay_ms.given_values, (std::vector<double>{0.5, 1}));
    EXPECT_EQ(std::get<Pairs>(d.projections[6].rule).source, (std::vector<std::int64_t>{0, 2}));
    EXPECT_EQ(std::get<Pairs>(d.projections[6].rule).target, (std::vector<std::int64_t>{3, 1}));
    EXPECT_EQ(std::get<Rows>(d.projections[7].rule).offset, (std::vector<std::int64_t>{0, 2, 3}));
    EXPECT_EQ(std::get<Rows>(d.projections[7].rule).target, (std::vector<std::int64_t>{0, 1, 3}));
}

TEST(Description, ReadsEveryStimulusAndRecorder) {
    Description const d = read_description(whole_schema, "net");
    ASSERT_EQ(d.stimuli.size(), 3U);
    auto const& poisson = std::get<PoissonStimulus>(d.stimuli[0].stimulus);
    EXPECT_EQ((std::vector<double>{poisson.rate_hz[0], poisson.weight, poisson.start_ms, poisson.stop_ms}),
              (std::vector<double>{100, 2, 1, 51}));
    EXPECT_EQ(poisson.neurons.first, 1);
    EXPECT_EQ(poisson.neurons.count, 2);
    auto const& step = std::get<StepCurrent>(d.stimuli[1].stimulus);
    EXPECT_EQ(step.amplitude_pA.values(), std::vector<double>{5});
    EXPECT_EQ(step.stop_ms, forever);
    EXPECT_EQ(step.neurons.count, -1);
    auto const& array = std::get<CurrentArray>(d.stimuli[2].stimulus);
    EXPECT_EQ(array.values_pA, (std::vector<double>{1, 2, 3}));
    EXPECT_EQ(array.interval_ms, 1);
    EXPECT_EQ(array.start_ms, 0.5);

    ASSERT_EQ(d.recorders.size(), 4U);
    auto const& spikes = std::get<RecordSpikes>(d.recorders[0].recorder);
    EXPECT_EQ(spikes.neurons.first, 2);
    EXPECT_EQ(spikes.neurons.count, -1);
    EXPECT_EQ(spikes.stop_ms, 5);
    auto const& voltage = std::get<RecordTraces>(d.recorders[1].recorder);
    EXPECT_EQ(voltage.neurons, std::vector<std::int64_t>{0});
    EXPECT_EQ(voltage.variable, Variable::voltage);
    EXPECT_EQ(voltage.interval_ms, 1);
    EXPECT_EQ(std::get<RecordTraces>(d.recorders[2].recorder).variable, Variable::excitatory);
    EXPECT_EQ(std::get<RecordTraces>(d.recorders[2].recorder).neurons, (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(std::get<RecordTraces>(d.recorders[3].recorder).variable, Variable::inhibitory);
    EXPECT_EQ(std::get<RecordTraces>(d.recorders[3].recorder).neurons, (std::vector<std::int64_t>{0, 1, 2, 3}));
}

TEST(Description, OverridesComeBeforeTheText) {
    Description const d =
        read_description(whole_schema, "net", {.step_ms = 0.25, .seed = 7, .precision = Precision::f32, .weight_bits = 16});
    EXPECT_EQ(d.options.step_ms, 0.25);
    EXPECT_EQ(d.options.seed, 7U);
    EXPECT_EQ(d.options.precision, Precision::f32);
    EXPECT_EQ(d.options.weight_bits, 16);
}

TEST(Description, OptionsLeftOpenAreThoseOfTheNetwork) {
    Description const d = read_description(R"({"populations": []})", "net");
    EXPECT_EQ(d.options.step_ms, NetworkOptions{}.step_ms);
    EXPECT_EQ(d.options.seed, NetworkOptions{}.seed);
}

TEST(DescribedNetwork, IsTheOneThatTheApiMakes) {
    auto described = parse_network(Context::reference(), R"({
        "seed": 5, "populations": [{"name": "E", "neurons": 50, "I_e_pA": 500, "initial_v_mV": {"kind": "uniform", "low": -70, "high": -55}}],
        "projections": [{"source": "E", "target": "E", "rule": {"kind": "fixed-in-degree", "count": 10},
                         "weight": {"kind": "normal", "mean": 20, "sd": 2}, "delay_ms": {"kind": "uniform", "low": 0.1, "high": 3}}],
        "stimuli": [{"kind": "poisson", "population": "E", "rate_hz": 1000, "weight": 10}],
        "recorders": [{"kind": "voltage", "population": "E", "neurons": [3]}, {"kind": "spikes", "population": "E"}]})",
                                   "net");
    Network network(Context::reference(), {.seed = 5});
    auto const e = network.add_population("E", 50, LifParameters{.I_e_pA = 500.0}, Distribution::uniform(-70, -55));
    network.connect(e, e, FixedInDegree{.count = 10}, {.weight = Distribution::normal(20, 2), .delay_ms = Distribution::uniform(0.1, 3)});
    network.add_poisson(e, {.rate_hz = 1000.0, .weight = 10.0});
    auto const spikes = network.record_spikes(e);

    described.network.run(100.0);
    network.run(100.0);

    ASSERT_EQ(described.recordings.size(), 2U);
    EXPECT_EQ(described.recordings[0].kind, "voltage");
    EXPECT_EQ(described.recordings[1].kind, "spikes");
    EXPECT_EQ(described.recordings[1].population, e);
    auto const expected = network.spikes(spikes), actual = described.network.spikes(described.recordings[1].recorder);
    EXPECT_FALSE(expected.steps.empty());
    EXPECT_EQ(actual.steps, expected.steps);
    EXPECT_EQ(actual.neurons, expected.neurons);
    EXPECT_EQ(described.network.traces(described.recordings[0].recorder).values.size(), 1000U);
}

TEST(DescribedNetwork, EveryKindOfEverythingRuns) {
    std::string text = whole_schema;
    // One-to-one of the whole schema joins equal sizes; everything else runs as it stands.
    auto described = parse_network(Context::reference(), text, "net");
    EXPECT_EQ(described.network.populations(), 5);
    EXPECT_EQ(described.network.projections(), 8);
    EXPECT_EQ(described.network.neurons(), 14);
    described.network.run(20.0);
    for (auto const& r : described.recordings) {
        if (r.kind == "spikes")
            static_cast<void>(described.network.spikes(r.recorder));
        else
            EXPECT_FALSE(described.network.traces(r.recorder).values.empty()) << r.kind;
    }
}

TEST(DescribedNetwork, PopulationsMayBeEmpty) {
    auto described = parse_network(Context::reference(), R"({
        "populations": [{"name": "A", "neurons": -0}, {"name": "S", "model": "spike-source", "times_ms": []}],
        "projections": [{"source": "S", "target": "A", "rule": {"kind": "all-to-all"}, "weight": 1}],
        "recorders": [{"kind": "spikes", "population": "A"}]})",
                                   "net");
    described.network.run(1.0);
    EXPECT_EQ(described.network.neurons(), 0);
    EXPECT_TRUE(described.network.spikes(described.recordings[0].recorder).steps.empty());
}

/// The block of JSON in README's section on networks; empty when there is none.
std::string example_of_readme() {
    std::ifstream in(CA3_SOURCE_DIR "/README.md");
    std::string const readme(std::istreambuf_iterator<char>(in), {}), opening = "```json\n";
    auto const section = readme.find("## Networks as JSON"), begin = readme.find(opening, section);
    if (section == std::string::npos || begin == std::string::npos) return {};
    auto const first = begin + opening.size();
    return readme.substr(first, readme.find("```", first) - first);
}

TEST(DescribedNetwork, TheExampleOfReadmeFiresAsItSays) {
    std::string const example = example_of_readme();
    ASSERT_FALSE(example.empty()) << "README.md has no example of a network";
    auto described = parse_network(Context::cpu({.threads = 1}), example, "README.md");
    ASSERT_EQ(described.network.populations(), 2);
    described.network.run(1000.0);
    EXPECT_NEAR(described.network.rate_hz(Population{0}), 9.5, 0.5);
    EXPECT_NEAR(described.network.rate_hz(Population{1}), 9.3, 0.5);
    ASSERT_EQ(described.recordings.size(), 3U);
    EXPECT_EQ(described.network.traces(described.recordings[2].recorder).values.size(), 2U * 1000U);
}

TEST(DescribedNetwork, IsReadFromAFile) {
    std::string const path = testing::TempDir() + "ca3_description_test.json";
    std::ofstream(path) << whole_schema;
    EXPECT_EQ(read_network(Context::reference(), path).network.populations(), 5);
    std::ofstream(path) << "{";
    EXPECT_THROW(static_cast<void>(read_network(Context::reference(), path)), FormatError);
    std::remove(path.c_str());
    EXPECT_THROW(static_cast<void>(read_network(Context::reference(), path)), FileError);
    EXPECT_THROW(static_cast<void>(read_network(Context::reference(), testing::TempDir())), FileError);
}

}  // namespace
}  // namespace ca3::lif
