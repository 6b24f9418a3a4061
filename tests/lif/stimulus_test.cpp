// What acts on neurons from outside, and what is recorded of them. Counters (delta synapses without a leak, probe.hpp) read off what
// arrives.
#include "lif/probe.hpp"
#include "lif/statistics.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

using Steps = std::vector<std::int64_t>;

class Poisson : public OnEveryBackend {
protected:
    /// What arrives in each step at each of `n` counters: [step][neuron].
    template <class Drive>
    [[nodiscard]] std::vector<Steps> arrivals(NetworkOptions options, std::int64_t n, std::int64_t steps, Drive&& drive) const {
        auto const neurons = record(context(), options, n, counter(), static_cast<double>(steps) * options.step_ms, drive);
        std::vector<Steps> result(static_cast<std::size_t>(steps), Steps(static_cast<std::size_t>(n)));
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
            double before = 0;
            for (std::size_t k = 0; k < result.size(); ++k) {
                result[k][i] = std::llround(neurons.v(i)[k] - before);
                before = neurons.v(i)[k];
            }
        }
        return result;
    }
};
CA3_ON_EVERY_BACKEND(Poisson);

Steps flat(std::vector<Steps> const& arrivals) {
    Steps all;
    for (auto const& step : arrivals) all.insert(all.end(), step.begin(), step.end());
    return all;
}

// Means from one spike in 100 steps to 10,000 in a step: chi-square against the Poisson law; the mean within 5 standard errors sqrt(m / N),
// the variance within 5 standard errors sqrt((m + 2 m^2) / N).
TEST_P(Poisson, CountsFollowThePoissonLaw) {
    std::int64_t const n = 203, steps = 150;
    for (auto const precision : precisions)
        for (double const mean : {0.01, 0.3, 1.0, 2.32, 7.5, 40.0, 1000.0, 10000.0}) {
            auto const all = flat(arrivals({.seed = 11, .precision = precision}, n, steps, [&](Network& network, Population neurons) {
                network.add_poisson(neurons, {.rate_hz = mean * 1e4, .weight = 1.0});
            }));
            auto const fit = fit_of(all, 0, poisson_probabilities(mean));
            EXPECT_LT(fit.chi_square, fit.limit) << to_string(precision) << ", mean " << mean;
            auto const total = static_cast<double>(all.size());
            double const found = static_cast<double>(std::accumulate(all.begin(), all.end(), std::int64_t{0})) / total;
            EXPECT_NEAR(found, mean, 5 * std::sqrt(mean / total));
            double square = 0;
            for (auto const k : all) square += (static_cast<double>(k) - found) * (static_cast<double>(k) - found);
            EXPECT_NEAR(square / total, mean, 5 * std::sqrt((mean + 2 * mean * mean) / total)) << "variance for mean " << mean;
        }
}

// Sums over time of each neuron, and over neurons of each step, are Poisson too; with correlations along either they would be wider.
TEST_P(Poisson, CountsAreIndependentOverNeuronsAndSteps) {
    std::int64_t const n = 260, steps = 240;
    double const mean = 1.68;
    auto const counts = arrivals({.seed = 12}, n, steps, [&](Network& network, Population neurons) {
        network.add_poisson(neurons, {.rate_hz = mean * 1e4, .weight = 1.0});
    });
    std::vector<std::int64_t> by_step, by_neuron(static_cast<std::size_t>(n), 0);
    double along_time = 0, along_neurons = 0;
    for (std::size_t k = 0; k < counts.size(); ++k) {
        by_step.push_back(std::accumulate(counts[k].begin(), counts[k].end(), std::int64_t{0}));
        for (std::size_t i = 0; i < by_neuron.size(); ++i) {
            by_neuron[i] += counts[k][i];
            double const x = static_cast<double>(counts[k][i]) - mean;
            if (k > 0) along_time += x * (static_cast<double>(counts[k - 1][i]) - mean);
            if (i > 0) along_neurons += x * (static_cast<double>(counts[k][i - 1]) - mean);
        }
    }
    // The variance of a sum of N is N mean; that of its square about 2 (N mean)^2.
    std::vector<double> const step_mean(by_step.size(), mean * static_cast<double>(n)),
        neuron_mean(by_neuron.size(), mean * static_cast<double>(steps));
    EXPECT_LT(chi_square(by_step, step_mean), chi_square_limit(by_step.size()));
    EXPECT_LT(chi_square(by_neuron, neuron_mean), chi_square_limit(by_neuron.size()));
    // A product of independent neighbours has mean 0 and variance mean^2.
    double const products = static_cast<double>(n * steps);
    EXPECT_LT(std::abs(along_time), 5 * mean * std::sqrt(products));
    EXPECT_LT(std::abs(along_neurons), 5 * mean * std::sqrt(products));
}

TEST_P(Poisson, TwoStimuliAreIndependentAndAdd) {
    std::int64_t const n = 100, steps = 200;
    auto const counts = [&](bool first, bool second) {
        return arrivals({.seed = 13}, n, steps, [&](Network& network, Population neurons) {
            network.add_poisson(neurons, {.rate_hz = first ? 2e4 : 0.0, .weight = 1.0});
            network.add_poisson(neurons, {.rate_hz = second ? 2e4 : 0.0, .weight = 256.0});
        });
    };
    auto const both = flat(counts(true, true));
    double product = 0;
    for (auto const k : both) product += (static_cast<double>(k % 256) - 2.0) * (static_cast<double>(k / 256) - 2.0);
    EXPECT_LT(std::abs(product), 5 * 2.0 * std::sqrt(static_cast<double>(both.size())));
    Steps sum;
    auto const one = flat(counts(true, false)), other = flat(counts(false, true));
    for (std::size_t k = 0; k < one.size(); ++k) sum.push_back(one[k] + other[k]);
    EXPECT_EQ(both, sum) << "a stimulus does not change another one's numbers";
}

TEST_P(Poisson, SeedDecides) {
    auto const counts = [&](std::uint64_t seed) {
        return flat(arrivals({.seed = seed}, 50, 50,
                             [&](Network& network, Population neurons) { network.add_poisson(neurons, {.rate_hz = 1e4, .weight = 1.0}); }));
    };
    EXPECT_EQ(counts(1), counts(1));
    std::set<Steps> different;
    for (std::uint64_t const seed : {0ULL, 1ULL, 2ULL, 1ULL << 32, (1ULL << 32) + 1, ~0ULL}) different.insert(counts(seed));
    EXPECT_EQ(different.size(), 6u);
}

// Acts on steps that begin in [start, stop): what arrives in step s, from (s - 1) h to s h, is seen at s h.
TEST_P(Poisson, ActsFromStartUntilStop) {
    std::int64_t const n = 40, steps = 60;
    auto const counts = arrivals({.seed = 14}, n, steps, [&](Network& network, Population neurons) {
        network.add_poisson(neurons, {.rate_hz = 1e5, .weight = 1.0, .start_ms = 1.7, .stop_ms = 4.2});
    });
    for (std::size_t k = 0; k < counts.size(); ++k) {
        std::int64_t const total = std::accumulate(counts[k].begin(), counts[k].end(), std::int64_t{0});
        if (k < 17 || k >= 42)
            EXPECT_EQ(total, 0) << "step " << k;
        else
            EXPECT_GT(total, 0) << "step " << k;  // 400 are expected
    }
    for (double const stop : {1.7, 0.0}) {
        auto const none = arrivals({}, 3, 30, [&](Network& network, Population neurons) {
            network.add_poisson(neurons, {.rate_hz = 1e6, .weight = 1.0, .start_ms = stop, .stop_ms = stop});
        });
        EXPECT_EQ(flat(none), Steps(90, 0)) << "a window without a step";
    }
}

TEST_P(Poisson, EveryNeuronHasItsOwnRate) {
    std::int64_t const n = 60, steps = 400;
    std::vector<double> rates;
    for (std::int64_t i = 0; i < n; ++i) rates.push_back(i % 7 == 0 ? 0.0 : 500.0 * static_cast<double>(i * i));
    auto const counts = arrivals({.seed = 15}, n, steps, [&](Network& network, Population neurons) {
        network.add_poisson(neurons, {.rate_hz = rates, .weight = 1.0});
    });
    for (std::size_t i = 0; i < rates.size(); ++i) {
        double const expected = rates[i] * 1e-4 * static_cast<double>(steps);
        std::int64_t total = 0;
        for (auto const& step : counts) total += step[i];
        if (expected == 0)
            EXPECT_EQ(total, 0) << "neuron " << i;
        else
            EXPECT_NEAR(static_cast<double>(total), expected, 5 * std::sqrt(expected) + 5) << "neuron " << i;
    }
}

TEST_P(Poisson, ReachesItsRangeAlone) {
    std::int64_t const n = 30;
    for (auto const& [range, first, end] : {std::tuple{Range{}, 0, 30},
                                            {Range{5, 11}, 5, 16},
                                            {Range{17, -1}, 17, 30},
                                            {Range{29, 1}, 29, 30},
                                            {Range{3, 0}, 3, 3},
                                            {Range{0, 30}, 0, 30}}) {
        std::vector<double> const rates(static_cast<std::size_t>(end - first), 1e5);
        for (Value const& rate : {Value(1e5), Value(rates)}) {
            if (rates.empty() && !rate.is_shared()) continue;
            auto const counts = arrivals({.seed = 16}, n, 20, [&, chosen = range](Network& network, Population neurons) {
                network.add_poisson(neurons, {.rate_hz = rate, .weight = 1.0, .neurons = chosen});
            });
            for (std::int64_t i = 0; i < n; ++i) {
                std::int64_t total = 0;
                for (auto const& step : counts) total += step[static_cast<std::size_t>(i)];
                if (i < first || i >= end)
                    EXPECT_EQ(total, 0) << "neuron " << i << " of " << first << " ... " << end;
                else
                    EXPECT_NEAR(static_cast<double>(total), 200.0, 5 * std::sqrt(200.0)) << "neuron " << i;
            }
        }
    }
}

// A weight of a current-based neuron is a current: the first arrivals are seen in the current of their step.
TEST_P(Poisson, WeightIsInTheUnitOfTheNeuron) {
    for (auto const precision : precisions)
        for (double const weight : {4.0, -4.0}) {
            auto const drive = [&](Network& network, Population neurons) {
                network.add_poisson(neurons, {.rate_hz = 2e4, .weight = weight, .stop_ms = 0.1});
            };
            auto const current = record(context(), {.seed = 17, .precision = precision}, 100, LifParameters{.tau_syn_in_ms = 3.0}, 0.1,
                                        drive, weight > 0 ? Variable::excitatory : Variable::inhibitory);
            auto const counted = record(context(), {.seed = 17, .precision = precision}, 100, counter(), 0.1, drive);
            for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(current.trace[i], counted.trace[i]);
        }
}

// ---- currents ------------------------------------------------------------------------------------------------------------

class Currents : public OnEveryBackend {
protected:
    /// The sum of the external currents (pA) in each step, by neuron: without a leak V grows by I h / C.
    template <class Drive>
    [[nodiscard]] std::vector<std::vector<double>> currents(std::int64_t n, std::int64_t steps, Precision precision, Drive&& drive) const {
        auto parameters = counter();
        parameters.C_m_pF = 0.125;
        auto const neurons =
            record(context(), {.step_ms = 0.125, .precision = precision}, n, parameters, static_cast<double>(steps) * 0.125, drive);
        std::vector<std::vector<double>> result;
        for (auto const& v : neurons.trace) {
            auto& own = result.emplace_back();
            for (std::size_t k = 0; k < v.size(); ++k) own.push_back(v[k] - (k == 0 ? 0.0 : v[k - 1]));
        }
        return result;
    }
    /// value in [first, end), 0 elsewhere.
    [[nodiscard]] static std::vector<double> pulse(std::size_t steps, std::size_t first, std::size_t end, double value) {
        std::vector<double> result(steps, 0.0);
        for (std::size_t k = first; k < std::min(end, steps); ++k) result[k] = value;
        return result;
    }
};
CA3_ON_EVERY_BACKEND(Currents);

TEST_P(Currents, StepActsOnTheStepsThatBeginInItsWindow) {
    for (auto const precision : precisions)
        for (auto const& [start, stop, first, end] : {std::tuple{0.0, forever, 0, 24},
                                                      {0.5, 1.25, 4, 10},
                                                      {1.0, forever, 8, 24},
                                                      {2.875, 3.0, 23, 24},
                                                      {1.0, 1.0, 0, 0},
                                                      {5.0, 9.0, 0, 0}}) {
            auto const found = currents(2, 24, precision, [&, from = start, to = stop](Network& network, Population neurons) {
                network.add_current(neurons, StepCurrent{.amplitude_pA = 8.0, .start_ms = from, .stop_ms = to});
            });
            auto const expected = pulse(24, static_cast<std::size_t>(first), static_cast<std::size_t>(end), 8.0);
            EXPECT_EQ(found[0], expected) << start << " ... " << stop;
            EXPECT_EQ(found[1], expected);
        }
}

TEST_P(Currents, StepReachesItsRangeWithAnAmplitudeForEach) {
    for (auto const precision : precisions) {
        auto const found = currents(6, 4, precision, [](Network& network, Population neurons) {
            network.add_current(neurons, StepCurrent{.amplitude_pA = std::vector<double>{1, -2, 4}, .neurons = {2, 3}});
            network.add_current(neurons, StepCurrent{.amplitude_pA = 16.0, .start_ms = 0.25, .neurons = {4, -1}});
        });
        std::vector<std::vector<double>> const expected{{0, 0, 0, 0},     {0, 0, 0, 0},   {1, 1, 1, 1},
                                                        {-2, -2, -2, -2}, {4, 4, 20, 20}, {0, 0, 16, 16}};
        EXPECT_EQ(found, expected);
    }
}

TEST_P(Currents, ArrayGivesOneValueToEachInterval) {
    struct Case {
        double interval, start;
        std::vector<double> expected;
    };
    std::vector<Case> const cases{{0.0, 0.0, {1, 2, -3, 0, 0, 0, 0, 0, 0, 0}},
                                  {0.125, 0.25, {0, 0, 1, 2, -3, 0, 0, 0, 0, 0}},
                                  {0.375, 0.125, {0, 1, 1, 1, 2, 2, 2, -3, -3, -3}},
                                  {0.5, 0.0, {1, 1, 1, 1, 2, 2, 2, 2, -3, -3}}};
    for (auto const precision : precisions)
        for (auto const& c : cases) {
            auto const found = currents(3, 10, precision, [&](Network& network, Population neurons) {
                network.add_current(
                    neurons, CurrentArray{.values_pA = {1, 2, -3}, .interval_ms = c.interval, .start_ms = c.start, .neurons = {1, 1}});
            });
            EXPECT_EQ(found[0], std::vector<double>(10, 0.0));
            EXPECT_EQ(found[1], c.expected) << "interval " << c.interval << ", start " << c.start;
            EXPECT_EQ(found[2], std::vector<double>(10, 0.0));
        }
}

TEST_P(Currents, AddToOneAnotherAndToTheConstantOne) {
    for (Synapse const synapse : {Synapse::delta, Synapse::exponential, Synapse::alpha, Synapse::conductance}) {
        LifParameters const with{.synapse = synapse, .v_threshold_mV = 1e4, .I_e_pA = 700.0};
        LifParameters const without{.synapse = synapse, .v_threshold_mV = 1e4};
        NetworkOptions const options{.precision = Precision::f64};
        auto const one = record(context(), options, 1, with, 20.0).v();
        auto const sum = record(context(), options, 1, without, 20.0, [](Network& network, Population neurons) {
                             network.add_current(neurons, StepCurrent{.amplitude_pA = 1000.0});
                             network.add_current(neurons, StepCurrent{.amplitude_pA = -400.0});
                             network.add_current(neurons, CurrentArray{.values_pA = {100.0}, .interval_ms = 20.0});
                         }).v();
        EXPECT_TRUE(all_near(one, sum, 1e-11)) << to_string(synapse);
    }
}

// NEST's test_dcgen_versus_I_e.
TEST_P(Currents, AStepFromTheStartIsTheConstantCurrent) {
    auto const constant = record(context(), {}, 1, LifParameters{.I_e_pA = 450.0}, 300.0);
    auto const step = record(context(), {}, 1, LifParameters{}, 300.0, [](Network& network, Population neurons) {
        network.add_current(neurons, StepCurrent{.amplitude_pA = 450.0});
    });
    EXPECT_EQ(constant.v(), step.v());
    EXPECT_EQ(constant.steps(), step.steps());
    EXPECT_GT(step.steps().size(), 5u);
}

TEST_P(Currents, MayBeAddedBetweenRuns) {
    Network network(context(), {.step_ms = 0.125});
    auto parameters = counter();
    parameters.C_m_pF = 0.125;
    auto const neuron = network.add_population("neuron", 1, parameters);
    network.run(1.0);
    network.add_current(neuron, StepCurrent{.amplitude_pA = 2.0});
    auto const trace = network.record_traces(neuron, {.neurons = {0}});
    network.run(0.5);
    network.add_poisson(neuron, {.rate_hz = 8e6, .weight = 1024.0, .stop_ms = 1.625});
    network.run(0.5);
    auto const traces = network.traces(trace);
    ASSERT_EQ(traces.times_ms, (std::vector<double>{1.125, 1.25, 1.375, 1.5, 1.625, 1.75, 1.875, 2.0}));
    for (std::size_t k = 0; k < 4; ++k) EXPECT_EQ(traces.values[k], 2.0 * static_cast<double>(k + 1));
    EXPECT_GT(traces.values[4], 100 * 1024.0) << "1000 spikes are expected in the step that the stimulus acts on";
    for (std::size_t k = 5; k < 8; ++k) EXPECT_EQ(traces.values[k] - traces.values[k - 1], 2.0);
}

}  // namespace
}  // namespace ca3::test
