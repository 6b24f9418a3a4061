// The fast backends against the reference, bit for bit, on random networks and on those of the field. A failure prints the case and how to
// run it alone, such as
//     CA3_SEED=20261125 CA3_CASE=123 lif_test --gtest_filter='*EqualTheReference*'
#include <ca3/lif/models.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/lif_cases.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

#ifdef CA3_SANITIZED
constexpr std::int64_t cases_per_test = 25, cases_run = 6;  // instrumented code takes ten times as long
constexpr std::int64_t work = 15'000;
#else
constexpr std::int64_t cases_per_test = 25, cases_run = cases_per_test;
constexpr std::int64_t work = 150'000;
#endif

LifOutcome outcome_of_run(Context const& context, LifCase const& c, bool in_two_parts = false) {
    auto network = make_network(context, c);
    if (in_two_parts) network.run(c.ms(c.cut));
    network.run(c.ms(in_two_parts ? c.steps - c.cut : c.steps));
    return outcome_of(network, c);
}

class RandomNetworks : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(TwoHundred, RandomNetworks, testing::Range<std::int64_t>(0, 200, cases_per_test));

// Every other context runs in two parts: run(a) and run(b) are run(a + b).
TEST_P(RandomNetworks, OnCpusEqualTheReference) {
    for_each_lif_case(GetParam(), cases_run, work, [&](LifCase const& c) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE(describe(c));
        auto const expected = outcome_of_run(Context::reference(), c);
        ASSERT_TRUE(same_outcome(expected, outcome_of_run(Context::reference(), c, true))) << "reference, in two parts";
        bool in_two_parts = false;
        for (auto const& [name, context] : cpu_contexts()) {
            auto const actual = outcome_of_run(context, c, in_two_parts);
            ASSERT_TRUE(same_outcome(expected, actual)) << name << (in_two_parts ? ", in two parts" : "");
            ASSERT_EQ(expected.times.spikes, actual.times.spikes) << name;
            ASSERT_EQ(expected.times.synapses, actual.times.synapses) << name;
            in_two_parts = !in_two_parts;
        }
    });
}

TEST_P(RandomNetworks, OnCudaEqualTheReference) {
    auto const found = cuda_devices();
    if (found.devices.empty()) GTEST_SKIP() << "no GPU: " << found.reason;
    static Context const cuda = Context::cuda();
    for_each_lif_case(GetParam(), cases_run, work, [&](LifCase const& c) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE(describe(c));
        auto const expected = outcome_of_run(Context::reference(), c);
        ASSERT_TRUE(same_outcome(expected, outcome_of_run(cuda, c)));
        ASSERT_TRUE(same_outcome(expected, outcome_of_run(cuda, c, true))) << "in two parts";
    });
}

// The generator does what its header says: nothing that the tests above are to compare is missing, and most networks live.
TEST(RandomNetworkCases, HoldEverything) {
    std::set<std::size_t> rules, stimuli;
    std::set<std::pair<int, bool>> kinds;  // of neurons, all of one population alike or not
    std::set<int> sources, bits[2];
    std::int64_t networks_with_spikes = 0, networks_with_deliveries = 0, never_zero = 0, largest_delay = 0;
    std::int64_t const count = cases_run == cases_per_test ? 200 : 50;
    for_each_lif_case(0, count, 5'000, [&](LifCase const& c) {
        bits[c.options.precision == Precision::f64].insert(c.options.weight_bits);
        for (auto const& p : c.populations) {
            if (p.kind == LifCase::Neurons::Kind::lif)
                kinds.emplace(static_cast<int>(p.lif.synapse) * 2 + (p.lif.tau_syn_ex_ms.values() == p.lif.tau_syn_in_ms.values()),
                              p.lif.C_m_pF.is_shared() && p.lif.tau_m_ms.is_shared());
            else
                sources.insert(static_cast<int>(p.kind));
        }
        for (auto const& s : c.projections) rules.insert(s.rule.index());
        for (auto const& i : c.inputs) {
            stimuli.insert(i.stimulus.index());
            if (auto const* poisson = std::get_if<PoissonStimulus>(&i.stimulus))
                never_zero += !poisson->rate_hz.values().empty() && poisson->rate_hz.values()[0] * c.options.step_ms * 1e-3 > 23.0;
        }
        auto const outcome = outcome_of_run(Context::cpu({.threads = 1}), c);
        networks_with_spikes += outcome.times.spikes > 0;
        networks_with_deliveries += outcome.times.synaptic_events > 0;
        for (auto const& voltages : outcome.voltages)
            for (double const v : voltages) ASSERT_TRUE(std::isfinite(v)) << describe(c);
        for (auto const& synapses : outcome.synapses)
            for (auto const& synapse : synapses) largest_delay = std::max<std::int64_t>(largest_delay, synapse.delay_steps);
    });
    EXPECT_GE(networks_with_spikes, count * 3 / 4);
    EXPECT_GE(networks_with_deliveries, count / 2);
    EXPECT_GE(never_zero, count / 20) << "Poisson stimuli with a mean so large that 0 has less than 2^-33";
    EXPECT_GE(largest_delay, 250);
    EXPECT_EQ(rules.size(), std::variant_size_v<Rule>);
    EXPECT_EQ(stimuli.size(), 3u);
    EXPECT_EQ(sources.size(), 3u) << "Hodgkin-Huxley neurons and both sources of spikes";
    EXPECT_EQ(kinds.size(), 16u) << "four synapses, equal and different time constants, with shared parameters and each with its own";
    EXPECT_EQ(bits[0], (std::set<int>{0, 16, 32}));
    EXPECT_EQ(bits[1], (std::set<int>{0, 32}));
}

// ---- the networks of the field -------------------------------------------------------------------------------------------------

struct FieldCase {
    Model model;
    ModelOptions options;
    Precision precision;
    int weight_bits;
    double ms;
};

/// All spikes, the state at the end, and the synapses of the first projection.
LifOutcome outcome_of_model(Context const& context, FieldCase const& f, std::vector<double> const& parts_ms) {
    auto network = make_model(context, f.model, f.options, {.seed = 5, .precision = f.precision, .weight_bits = f.weight_bits});
    std::vector<Recorder> spikes, traces;
    for (std::int64_t p = 0; p < network.populations(); ++p) {
        spikes.push_back(network.record_spikes(static_cast<Population>(p)));
        if (network.size(static_cast<Population>(p)) > 20)
            traces.push_back(network.record_traces(static_cast<Population>(p), {.neurons = {0, 17, 3}, .interval_ms = 1.0}));
    }
    for (double const ms : parts_ms) network.run(ms);
    LifOutcome result;
    for (auto const recorder : spikes) result.spikes.push_back(network.spikes(recorder));
    for (auto const recorder : traces) result.traces.push_back(network.traces(recorder));
    for (std::int64_t p = 0; p < network.populations(); ++p) {
        result.voltages.push_back(network.voltages_mV(static_cast<Population>(p)));
        result.counts.push_back(network.spike_counts(static_cast<Population>(p)));
    }
    result.times = network.times();
    return result;
}

void expect_equal_on_cpus(FieldCase const& f) {
    auto const expected = outcome_of_model(Context::reference(), f, {f.ms});
    EXPECT_GT(expected.times.spikes, 100);
    EXPECT_GT(expected.times.synaptic_events, 10'000);
    for (auto const& [name, context] : cpu_contexts()) {
        auto const actual = outcome_of_model(context, f, {0.4 * f.ms, 0.1 * f.ms, 0.5 * f.ms});
        ASSERT_TRUE(same_outcome(expected, actual)) << name;
        EXPECT_EQ(actual.times.spikes, expected.times.spikes) << name;
        EXPECT_EQ(actual.times.synapses, expected.times.synapses) << name;
    }
}

#ifdef CA3_SANITIZED
constexpr double shorter = 0.5;
#else
constexpr double shorter = 1.0;
#endif

TEST(FieldNetworks, MicrocircuitOnCpusEqualsTheReference) {
    expect_equal_on_cpus({Model::potjans_diesmann, {.scale = 0.05}, Precision::f32, 0, 200.0 * shorter});
}

TEST(FieldNetworks, MicrocircuitWithNarrowWeightsOnCpusEqualsTheReference) {
    expect_equal_on_cpus({Model::potjans_diesmann, {.scale = 0.03}, Precision::f32, 16, 200.0});
}

TEST(FieldNetworks, CubaOnCpusEqualsTheReference) {
    expect_equal_on_cpus({Model::cuba, {.scale = 0.25}, Precision::f64, 0, 200.0 * shorter});
}

TEST(FieldNetworks, CobaOnCpusEqualsTheReference) {
    expect_equal_on_cpus({Model::coba, {.scale = 0.25}, Precision::f32, 0, 200.0 * shorter});
}

TEST(FieldNetworks, BrunelBOnCpusEqualsTheReference) {
    expect_equal_on_cpus({Model::brunel_b, {.scale = 0.05}, Precision::f32, 16, 200.0 * shorter});
}

// ---- synapses, by what they deliver ---------------------------------------------------------------------------------------------

/// Spikes of every source once, each in one of `times` steps. What has arrived at a neuron without a leak after so many steps is a sum of
/// integers times the unit, exact in f64, of weights that are random: it is right for synapses that are right.
struct Delivering {
    std::int64_t sources, targets;
    Rule rule;
    SynapseParameters synapse;
    Precision precision;
    int weight_bits;
};

void expect_deliveries(Context const& context, Delivering const& d) {
    Network network(context, {.seed = 11, .precision = d.precision, .weight_bits = d.weight_bits});
    std::vector<std::int64_t> step_of;
    std::vector<std::vector<double>> times;
    Random random(3);
    for (std::int64_t s = 0; s < d.sources; ++s) {
        step_of.push_back(random.between(1, 20));
        times.push_back({static_cast<double>(step_of.back()) * 0.1});
    }
    auto const from = network.add_spike_source("sources", times);
    auto const to = network.add_population(
        "targets", d.targets,
        LifParameters{
            .synapse = Synapse::delta, .tau_m_ms = 0x1p60, .E_L_mV = 0.0, .v_threshold_mV = 1e9, .v_reset_mV = 0.0, .refractory_ms = 0.0});
    auto const projection = network.connect(from, to, d.rule, d.synapse);
    auto const connections = network.connections(projection);
    std::vector<std::vector<double>> arriving(60, std::vector<double>(static_cast<std::size_t>(d.targets), 0.0));
    for (auto const& c : connections)
        arriving.at(static_cast<std::size_t>(step_of[static_cast<std::size_t>(c.source)] +
                                             c.delay_steps))[static_cast<std::size_t>(c.target)] += c.weight;
    std::vector<double> expected(static_cast<std::size_t>(d.targets), 0.0);
    std::int64_t done = 0;
    for (std::int64_t const until : {1, 2, 9, 14, 21, 30, 59}) {
        network.run(static_cast<double>(until - done) * 0.1);
        for (; done < until; ++done)
            for (std::size_t t = 0; t < expected.size(); ++t) expected[t] += arriving[static_cast<std::size_t>(done + 1)][t];
        ASSERT_TRUE(same_values(expected, network.voltages_mV(to))) << "after " << until << " steps";
    }
    EXPECT_EQ(network.times().synapses, static_cast<std::int64_t>(connections.size()));
    EXPECT_EQ(network.times().synaptic_events, static_cast<std::int64_t>(connections.size()));
}

#ifdef CA3_SANITIZED
constexpr std::int64_t few = 8;
#else
constexpr std::int64_t few = 1;
#endif

// More sources than the builder takes at once, for every rule that draws.
TEST(LargeProjections, DeliverWhatConnectionsTell) {
    SynapseParameters const wide{.weight = Distribution::normal(1.0, 3.0), .delay_ms = Distribution::normal(1.5, 0.75, 0.0, 3.8)};
    std::int64_t const n = 1201, m = 1501 / few;
    for (auto const& rule : {Rule(FixedTotalNumber{100'003 / few}), Rule(FixedTotalNumber{100'003 / few, true, false}),
                             Rule(FixedInDegree{70}), Rule(FixedInDegree{70, true, false}), Rule(FixedOutDegree{85 / few}),
                             Rule(FixedOutDegree{85 / few, true, false}), Rule(Bernoulli{0.06})})
        for (auto const& [name, context] : cpu_contexts()) {
            SCOPED_TRACE(testing::Message() << "rule " << rule.index() << ", " << name);
            expect_deliveries(context, {n, m, rule, wide, Precision::f64, 32});
            if (testing::Test::HasFatalFailure()) return;
        }
}

// Neurons of more than 65,536 slots are dealt out to several slices for each thread.
TEST(LargeProjections, ReachMoreNeuronsThanASliceHolds) {
    SynapseParameters const narrow{.weight = Distribution::uniform(-40.0, 60.0), .delay_ms = Distribution::uniform(0.1, 1.2)};
    for (auto const& [name, context] : cpu_contexts()) {
        SCOPED_TRACE(name);
        expect_deliveries(context, {33, 140'001, FixedOutDegree{2000}, narrow, Precision::f32, 16});
        expect_deliveries(context, {20, 70'001, FixedTotalNumber{40'000}, narrow, Precision::f64, 32});
    }
}

// Of one source 150,000 synapses with one delay onto few neurons: more than the 16 bits of a segment's length count.
TEST(LargeProjections, MaySendManySynapsesAtOnce) {
    for (auto const& [name, context] : cpu_contexts()) {
        SCOPED_TRACE(name);
        expect_deliveries(
            context, {3, 60, FixedOutDegree{150'000}, {.weight = Distribution::normal(1.0, 2.0), .delay_ms = 0.5}, Precision::f64, 32});
        expect_deliveries(context, {2, 60, FixedOutDegree{65'535 + 65'536}, {.weight = -0.25, .delay_ms = 0.1}, Precision::f32, 16});
    }
}

}  // namespace
}  // namespace ca3::test
