// When spikes arrive.
#include "lif/probe.hpp"
#include "support/backends.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

class Delays : public OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Delays);

// A spike of step n arrives at the end of step n + d, for every d alone and for all of them in one network.
TEST_P(Delays, SpikeArrivesAfterItsDelay) {
    std::vector<std::int64_t> const delays{1,   2,   3,   15,  16,  31,  32,  33,  63,   64,   65,
                                           127, 128, 129, 255, 256, 257, 511, 512, 1000, 1024, 5000};
    std::int64_t const last = delays.back() + 12;
    auto const n = static_cast<std::int64_t>(delays.size());
    std::vector<double> delay_ms;
    for (auto const d : delays) delay_ms.push_back(static_cast<double>(d) * 0.1);
    for (auto const precision : precisions) {
        Network network(context(), {.precision = precision});
        auto const source = network.add_spike_source("source", {{0.1, 0.3, 1.0}});
        auto const all = network.add_population("all", n, counter());
        network.connect(source, all, AllToAll{}, {.weight = 1.0, .delay_ms = Distribution::given(delay_ms)});
        std::vector<Recorder> recorders{network.record_traces(all, {.neurons = first_numbers(n)})};
        for (std::size_t i = 0; i < delays.size(); ++i) {
            auto const alone = network.add_population("alone " + std::to_string(i), 1, counter());
            network.connect(source, alone, AllToAll{}, {.weight = 1.0, .delay_ms = delay_ms[i]});
            recorders.push_back(network.record_traces(alone, {.neurons = {0}}));
        }
        network.run(static_cast<double>(last) * 0.1);
        auto const together = network.traces(recorders[0]);
        for (std::size_t i = 0; i < delays.size(); ++i) {
            auto const v = samples(together, i, delays.size());
            EXPECT_EQ(v, samples(network.traces(recorders[i + 1])));
            for (std::int64_t step = 1; step <= last; ++step) {
                double const arrived = static_cast<double>((step >= 1 + delays[i]) + (step >= 3 + delays[i]) + (step >= 10 + delays[i]));
                ASSERT_EQ(v[static_cast<std::size_t>(step - 1)], arrived) << "delay " << delays[i] << ", step " << step;
            }
        }
    }
}

TEST_P(Delays, LongestDelayWorks) {
    Network network(one_thread(context()), {.step_ms = 0.125});
    auto const target = network.add_population("target", 1, counter());
    send(network, target, {0.25}, 1.0, 0.125 * static_cast<double>(most_delay_steps));
    network.run(0.125 * static_cast<double>(most_delay_steps + 1));
    EXPECT_EQ(network.voltages_mV(target)[0], 0.0);
    network.run(0.125);
    EXPECT_EQ(network.voltages_mV(target)[0], 1.0);
}

// Every source reaches every target with weight and delay of their own; sums of integers are exact.
TEST_P(Delays, HeterogeneousDelaysAndWeightsArriveEachInItsStep) {
    std::int64_t const n = 37, m = 29;
    std::vector<double> weights, delays_ms;
    std::vector<std::vector<double>> times;
    auto const at = [](std::int64_t target, std::int64_t source) { return static_cast<std::size_t>(target * n + source); };
    for (std::int64_t target = 0; target < m; ++target)
        for (std::int64_t source = 0; source < n; ++source) {
            weights.push_back(static_cast<double>((target * 7 + source * 13) % 101 - 50));
            delays_ms.push_back(static_cast<double>(1 + (target * 11 + source * 5) % 83) * 0.1);
        }
    for (std::int64_t source = 0; source < n; ++source) times.push_back({static_cast<double>(1 + source % 9) * 0.1});
    for (auto const precision : precisions) {
        Network network(context(), {.precision = precision});
        auto const sources = network.add_spike_source("sources", times);
        auto const targets = network.add_population("targets", m, counter());
        network.connect(sources, targets, AllToAll{}, {.weight = Distribution::given(weights), .delay_ms = Distribution::given(delays_ms)});
        auto const recorder = network.record_traces(targets, {.neurons = first_numbers(m)});
        network.run(10.0);
        auto const traces = network.traces(recorder);
        for (std::int64_t target = 0; target < m; ++target) {
            std::vector<double> expected(100, 0.0);
            for (std::int64_t source = 0; source < n; ++source) {
                std::int64_t const arrival = 1 + source % 9 + std::llround(delays_ms[at(target, source)] / 0.1);
                for (std::int64_t step = arrival; step <= 100; ++step)
                    expected[static_cast<std::size_t>(step - 1)] += weights[at(target, source)];
            }
            ASSERT_EQ(samples(traces, static_cast<std::size_t>(target), static_cast<std::size_t>(m)), expected) << "target " << target;
        }
    }
}

}  // namespace
}  // namespace ca3::test
