// Sources of spikes, and what is recorded of neurons.
#include "lif/probe.hpp"
#include "lif/statistics.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

using Steps = std::vector<std::int64_t>;

// ---- sources of spikes -----------------------------------------------------------------------------------------------------

class Sources : public OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Sources);

TEST_P(Sources, SpikeAtTheGivenTimesInAnyOrder) {
    Network network(context());
    auto const source = network.add_spike_source("source", {{0.7, 0.1, 12.3, 0.2, 5.0}, {}, {0.3}, {100.0, 0.1}, {99.9}});
    auto const recorder = network.record_spikes(source);
    network.run(50.0);
    auto const train = network.spikes(recorder);
    EXPECT_EQ(train.steps, (Steps{1, 1, 2, 3, 7, 50, 123}));
    EXPECT_EQ(train.neurons, (Steps{0, 3, 0, 2, 0, 0, 0}));
    EXPECT_EQ(network.spike_counts(source), (Steps{5, 0, 1, 1, 0}));
    network.run(50.0);
    EXPECT_EQ(network.spike_counts(source), (Steps{5, 0, 1, 2, 1}));
    auto const whole = network.spikes(recorder);
    EXPECT_EQ(Steps(whole.steps.end() - 2, whole.steps.end()), (Steps{999, 1000}));
}

// A decimal time is no binary number: every multiple of the step up to 1000 ms must find its step.
TEST_P(Sources, EveryMultipleOfTheStepIsItsStep) {
    for (double const h : {0.1, 0.05, 0.3}) {
        std::vector<std::vector<double>> times(3);
        std::int64_t const steps = 3000;
        Steps expected;
        for (std::int64_t k = 1; k <= steps; ++k) {
            times[0].push_back(static_cast<double>(k) * h);
            expected.push_back(k);
        }
        double sum = 0;
        for (std::int64_t k = 1; k <= steps; ++k) times[1].push_back(sum += h);  // rounded at every addition
        Network network(context(), {.step_ms = h});
        auto const source = network.add_spike_source("source", times);
        auto const recorder = network.record_spikes(source);
        network.run(static_cast<double>(steps) * h);
        EXPECT_EQ(steps_of(network.spikes(recorder), 0), expected) << h;
        EXPECT_EQ(steps_of(network.spikes(recorder), 1), expected) << h;
    }
}

// At most one spike in a step, with probability p = 1 - exp(-rate h).
TEST_P(Sources, PoissonSourceSpikesWithTheProbabilityOfItsRate) {
    std::int64_t const n = 500, steps = 2000;
    std::vector<double> rates;
    for (std::int64_t i = 0; i < n; ++i) rates.push_back(i < 100 ? 0.0 : i < 300 ? 20.0 : i < 400 ? 2000.0 : 50000.0);
    Network network(context(), {.seed = 21});
    auto const shared = network.add_poisson_source("shared", n, 100.0);
    auto const each = network.add_poisson_source("each", n, rates);
    auto const recorder = network.record_spikes(each);
    network.run(static_cast<double>(steps) * 0.1);
    auto const sum_of = [&](Population population, std::int64_t first, std::int64_t end) {
        auto const counts = network.spike_counts(population);
        return static_cast<double>(std::accumulate(counts.begin() + first, counts.begin() + end, std::int64_t{0}));
    };
    auto const expect_rate = [&](double found, double rate, std::int64_t neurons) {
        double const p = -std::expm1(-rate * 1e-4), trials = static_cast<double>(neurons * steps);
        EXPECT_NEAR(found, p * trials, 5 * std::sqrt(p * (1 - p) * trials)) << rate << " Hz";
    };
    expect_rate(sum_of(shared, 0, n), 100.0, n);
    EXPECT_EQ(sum_of(each, 0, 100), 0.0);
    expect_rate(sum_of(each, 100, 300), 20.0, 200);
    expect_rate(sum_of(each, 300, 400), 2000.0, 100);
    expect_rate(sum_of(each, 400, 500), 50000.0, 100);
    EXPECT_NEAR(network.rate_hz(shared), sum_of(shared, 0, n) / static_cast<double>(n) / 0.2, 1e-9);

    auto const train = network.spikes(recorder);
    std::set<std::pair<std::int64_t, std::int64_t>> different;
    for (std::size_t k = 0; k < train.steps.size(); ++k) different.emplace(train.steps[k], train.neurons[k]);
    EXPECT_EQ(different.size(), train.steps.size()) << "one spike at most in a step";

    // Counts of the neurons of one rate are binomial.
    auto const counts = network.spike_counts(each);
    double const p = -std::expm1(-0.2), mean = p * static_cast<double>(steps);
    double square = 0;
    for (std::size_t i = 300; i < 400; ++i) square += (static_cast<double>(counts[i]) - mean) * (static_cast<double>(counts[i]) - mean);
    EXPECT_LT(square / (mean * (1 - p)), chi_square_limit(100));
}

// Acts on the steps that begin in [start, stop), whose spikes carry the times of their ends.
TEST_P(Sources, PoissonSourceActsFromStartUntilStop) {
    Network network(context());
    auto const source = network.add_poisson_source("source", 100, 5000.0, 1.0, 2.5);
    auto const recorder = network.record_spikes(source);
    network.run(5.0);
    auto const train = network.spikes(recorder);
    std::set<std::int64_t> const steps(train.steps.begin(), train.steps.end());
    std::set<std::int64_t> expected;
    for (std::int64_t k = 11; k <= 25; ++k) expected.insert(k);
    EXPECT_EQ(steps, expected) << "40 spikes are expected in every step";
}

// ---- recorders -------------------------------------------------------------------------------------------------------------

class Recorders : public OnEveryBackend {
protected:
    /// Source i of four spikes at every multiple of i + 1 steps, up to 60.
    [[nodiscard]] static std::vector<std::vector<double>> multiples() {
        std::vector<std::vector<double>> times(4);
        for (int i = 0; i < 4; ++i)
            for (int step = i + 1; step <= 60; step += i + 1) times[static_cast<std::size_t>(i)].push_back(step * 0.1);
        return times;
    }
};
CA3_ON_EVERY_BACKEND(Recorders);

TEST_P(Recorders, SpikesComeInOrderOfTimeThenNeuron) {
    Network network(context());
    auto const source = network.add_spike_source("source", multiples());
    auto const recorder = network.record_spikes(source);
    network.run(2.3);
    network.run(3.7);
    auto const train = network.spikes(recorder);
    Steps steps, neurons;
    for (std::int64_t step = 1; step <= 60; ++step)
        for (std::int64_t i = 0; i < 4; ++i)
            if (step % (i + 1) == 0) {
                steps.push_back(step);
                neurons.push_back(i);
            }
    EXPECT_EQ(train.steps, steps);
    EXPECT_EQ(train.neurons, neurons);
}

// Spikes with start < time <= stop.
TEST_P(Recorders, KeepTheirWindowAndTheirNeurons) {
    Network network(context());
    auto const source = network.add_spike_source("source", multiples());
    auto const window = network.record_spikes(source, {.start_ms = 1.2, .stop_ms = 2.4});
    auto const range = network.record_spikes(source, {.neurons = {1, 2}});
    auto const tail = network.record_spikes(source, {.neurons = {3, -1}, .start_ms = 2.0});
    auto const nothing = network.record_spikes(source, {.neurons = {1, 0}});
    network.run(6.0);
    EXPECT_EQ(steps_of(network.spikes(window), 3), (Steps{16, 20, 24}));
    EXPECT_EQ(steps_of(network.spikes(window), 0), (Steps{13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}));
    EXPECT_EQ(steps_of(network.spikes(range), 0), Steps{});
    EXPECT_EQ(steps_of(network.spikes(range), 1).size(), 30u) << "neurons keep their numbers of the population";
    EXPECT_EQ(steps_of(network.spikes(range), 2).size(), 20u);
    EXPECT_EQ(steps_of(network.spikes(range), 3), Steps{});
    EXPECT_EQ(steps_of(network.spikes(tail), 3), (Steps{24, 28, 32, 36, 40, 44, 48, 52, 56, 60}));
    EXPECT_EQ(network.spikes(tail).steps.size(), 10u);
    EXPECT_TRUE(network.spikes(nothing).steps.empty());
}

TEST_P(Recorders, AddedBetweenRunsSeeWhatComesAfter) {
    Network network(context());
    auto const source = network.add_spike_source("source", multiples());
    network.run(3.0);
    auto const late = network.record_spikes(source);
    EXPECT_TRUE(network.spikes(late).steps.empty());
    network.run(1.0);
    EXPECT_EQ(steps_of(network.spikes(late), 3), (Steps{32, 36, 40}));
}

TEST_P(Recorders, TracesAreSampledAtMultiplesOfTheInterval) {
    auto parameters = counter();
    parameters.C_m_pF = 0.125;
    parameters.I_e_pA = 1.0;  // V is the number of steps
    for (auto const precision : precisions) {
        Network network(context(), {.step_ms = 0.125, .precision = precision});
        auto const neurons = network.add_population("neurons", 5, parameters, Distribution::given({0, 100, 200, 300, 400}));
        auto const every = network.record_traces(neurons, {.neurons = {3}});
        auto const fifth = network.record_traces(neurons, {.neurons = {4, 0, 4}, .interval_ms = 0.625});
        auto const none = network.record_traces(neurons, {.neurons = {}});
        network.run(0.875);
        network.run(1.0);
        EXPECT_EQ(network.traces(every).values.size(), 15u);
        EXPECT_EQ(network.traces(every).values[0], 301.0);
        EXPECT_EQ(network.traces(every).values[14], 315.0);
        EXPECT_EQ(network.traces(every).times_ms.front(), 0.125);
        EXPECT_EQ(network.traces(fifth).times_ms, (std::vector<double>{0.625, 1.25, 1.875}));
        EXPECT_EQ(network.traces(fifth).values, (std::vector<double>{405, 5, 405, 410, 10, 410, 415, 15, 415}));
        EXPECT_TRUE(network.traces(none).values.empty());
    }
}

TEST_P(Recorders, ClearRecordingsDropsWhatIsHeldAndNothingElse) {
    Network network(context());
    auto const source = network.add_spike_source("source", multiples());
    auto const target = network.add_population("target", 1, counter());
    network.connect(source, target, AllToAll{}, {.weight = 1.0, .delay_ms = 0.1});
    auto const spikes = network.record_spikes(source);
    auto const trace = network.record_traces(target, {.neurons = {0}});
    network.run(2.0);
    auto const counts = network.spike_counts(source);
    network.clear_recordings();
    EXPECT_TRUE(network.spikes(spikes).steps.empty());
    EXPECT_TRUE(network.traces(trace).times_ms.empty());
    EXPECT_TRUE(network.traces(trace).values.empty());
    EXPECT_EQ(network.spike_counts(source), counts);
    EXPECT_DOUBLE_EQ(network.time_ms(), 2.0);
    network.run(1.0);
    EXPECT_EQ(steps_of(network.spikes(spikes), 3), (Steps{24, 28}));
    EXPECT_EQ(network.traces(trace).times_ms.size(), 10u);
    EXPECT_NEAR(network.traces(trace).times_ms[0], 2.1, 1e-12);
    EXPECT_EQ(network.traces(trace).values[9], 29.0 + 14 + 9 + 7) << "what has arrived in 30 steps, with a delay of one";
}

TEST_P(Recorders, CountsStartAnewAfterTheirReset) {
    Network network(context());
    auto const source = network.add_spike_source("source", multiples());
    EXPECT_TRUE(std::isnan(network.rate_hz(source))) << "before anything has run";
    network.run(2.0);
    EXPECT_EQ(network.spike_counts(source), (Steps{20, 10, 6, 5}));
    EXPECT_NEAR(network.rate_hz(source), 41 / 4.0 / 2e-3, 1e-9);
    network.reset_spike_counts();
    EXPECT_EQ(network.spike_counts(source), (Steps{0, 0, 0, 0}));
    network.run(4.0);
    EXPECT_EQ(network.spike_counts(source), (Steps{40, 20, 14, 10}));
    EXPECT_NEAR(network.rate_hz(source), 84 / 4.0 / 4e-3, 1e-9);
}

TEST_P(Recorders, RunTimesCountSpikesAndDeliveries) {
    Network network(context());
    auto const source = network.add_spike_source("source", multiples());
    auto const target = network.add_population("target", 3, counter());
    network.connect(source, target, AllToAll{}, {.weight = 1.0, .delay_ms = 0.5});
    network.run(6.0);
    auto const times = network.times();
    EXPECT_EQ(times.spikes, 60 + 30 + 20 + 15);
    EXPECT_EQ(times.synapses, 12);
    // The spikes of the last five steps have not arrived: 5, 3, 2 and 2 of them.
    EXPECT_GE(times.synaptic_events, 3 * (125 - 12));
    EXPECT_LE(times.synaptic_events, 3 * 125);
    EXPECT_NEAR(times.biological_ms, 6.0, 1e-12);
    EXPECT_GT(times.wall_seconds, 0.0);
    EXPECT_GT(times.bytes_resident, 0);
    EXPECT_NEAR(times.real_time_factor(), times.wall_seconds * 1e3 / 6.0, 1e-12);
    EXPECT_TRUE(times.weight_bits == 16 || times.weight_bits == 32);
}

// ---- voltages --------------------------------------------------------------------------------------------------------------

TEST_P(Recorders, VoltagesCanBeReadAndSet) {
    for (auto const precision : precisions) {
        Network network(context(), {.precision = precision});
        auto const neurons = network.add_population("neurons", 3, LifParameters{.E_L_mV = std::vector<double>{-70, -65, -60}});
        auto const others = network.add_population("others", 2, counter());
        EXPECT_EQ(network.voltages_mV(neurons), (std::vector<double>{-70, -65, -60})) << "they start at rest";
        network.set_voltages_mV(neurons, std::vector<double>{-72.5, -66.25, -60.125});
        EXPECT_EQ(network.voltages_mV(neurons), (std::vector<double>{-72.5, -66.25, -60.125}));
        EXPECT_EQ(network.voltages_mV(others), (std::vector<double>{0, 0}));
        network.run(1.0);
        auto const v = network.voltages_mV(neurons);
        double const kept = std::exp(-0.1);
        EXPECT_TRUE(
            all_near(std::vector<double>{-70 - 2.5 * kept, -65 - 1.25 * kept, -60 - 0.125 * kept}, v, 70 * 40 * unit_roundoff(precision)));
        network.set_voltages_mV(neurons, std::vector<double>{-40, -60, -60});
        network.run(0.1);
        EXPECT_EQ(network.spike_counts(neurons), (Steps{1, 0, 0}));
    }
}

TEST_P(Recorders, InitialVoltagesAreDistributedAsAsked) {
    std::int64_t const n = 20000;
    Network network(context(), {.seed = 31, .precision = Precision::f64});
    auto const normal = network.add_population("normal", n, counter(), Distribution::normal(-58.0, 10.0));
    auto const uniform = network.add_population("uniform", n, counter(), Distribution::uniform(-70.0, -50.0));
    auto const truncated = network.add_population("truncated", n, counter(), Distribution::normal(0.0, 2.0, -1.0, 3.0));
    auto const constant = network.add_population("constant", 3, counter(), Distribution(-61.5));
    auto const given = network.add_population("given", 3, counter(), Distribution::given({1.5, -2.25, 8.0}));
    network.build();
    double const limit = kolmogorov_limit(static_cast<std::size_t>(n));
    EXPECT_LT(kolmogorov_distance(network.voltages_mV(normal), [](double x) { return normal_cdf((x + 58) / 10); }), limit);
    EXPECT_LT(kolmogorov_distance(network.voltages_mV(uniform), [](double x) { return (x + 70) / 20; }), limit);
    double const low = normal_cdf(-0.5), mass = normal_cdf(1.5) - low;
    auto const inside = network.voltages_mV(truncated);
    EXPECT_LT(kolmogorov_distance(inside, [&](double x) { return (normal_cdf(x / 2) - low) / mass; }), limit);
    for (double const x : inside) ASSERT_TRUE(x >= -1.0 && x <= 3.0);
    EXPECT_EQ(network.voltages_mV(constant), (std::vector<double>{-61.5, -61.5, -61.5}));
    EXPECT_EQ(network.voltages_mV(given), (std::vector<double>{1.5, -2.25, 8.0}));
    EXPECT_NE(network.voltages_mV(normal)[0], network.voltages_mV(normal)[1]);
}

}  // namespace
}  // namespace ca3::test
