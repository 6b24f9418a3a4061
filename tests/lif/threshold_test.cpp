// Threshold, reset, refractoriness, parameters of each neuron.
#include "lif/probe.hpp"
#include "support/backends.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

class Threshold : public OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Threshold);

TEST_P(Threshold, ThresholdIsReachedAtEquality) {
    for (auto const precision : precisions)
        for (auto const& [weight, spikes] : {std::pair{4.0, true}, {3.9990234375, false}, {4.0009765625, true}}) {
            LifParameters const parameters{
                .synapse = Synapse::delta, .E_L_mV = 0.0, .v_threshold_mV = 4.0, .v_reset_mV = -1.0, .refractory_ms = 0.0};
            auto const neuron = record(context(), {.precision = precision}, 1, parameters, 2.0,
                                       [&, w = weight](Network& network, Population target) { send(network, target, {0.5}, w, 0.5); });
            EXPECT_EQ(neuron.steps(), spikes ? std::vector<std::int64_t>{10} : std::vector<std::int64_t>{}) << weight;
            EXPECT_EQ(neuron.v()[9], spikes ? -1.0 : weight);
        }
}

TEST_P(Threshold, NeuronThatStartsAboveThresholdSpikesInTheFirstStep) {
    Network network(context());
    auto const neurons = network.add_population("neurons", 3, LifParameters{}, Distribution::given({-40.0, -56.0, -54.9}));
    auto const recorder = network.record_spikes(neurons);
    network.run(1.0);
    auto const train = network.spikes(recorder);
    EXPECT_EQ(train.neurons, (std::vector<std::int64_t>{0}));  // that at -54.9 mV has decayed below -55 mV by the end of the step
    EXPECT_EQ(train.steps, (std::vector<std::int64_t>{1}));
}

// NEST's test_refractory: 1.7 ms at 0.1 ms are 17 steps, which in floating point they are not quite. The voltage is held from the step of
// the spike for that many steps.
TEST_P(Threshold, RefractorinessIsAWholeNumberOfSteps) {
    struct Case {
        double h, refractory_ms;
        std::int64_t steps;
    };
    for (auto const& c : {Case{0.1, 1.7, 17},
                          {0.1, 2.0, 20},
                          {0.1, 5.0, 50},
                          {0.1, 0.0, 0},
                          {0.1, 0.1, 1},
                          {0.1, 0.3, 3},
                          {0.1, 0.7, 7},
                          {0.1, 0.22, 2},
                          {0.1, 0.28, 3},
                          {0.1, 100.1, 1001},
                          {0.05, 1.7, 34},
                          {0.125, 2.0, 16},
                          {0.3, 2.1, 7}})
        for (auto const precision : precisions) {
            SCOPED_TRACE(testing::Message() << to_string(precision) << ", " << c.refractory_ms << " ms at " << c.h);
            double const ms = static_cast<double>(c.steps + 400) * c.h;
            auto const neuron = record(context(), {.step_ms = c.h, .precision = precision}, 1,
                                       LifParameters{.refractory_ms = c.refractory_ms, .I_e_pA = 1200.0}, ms);
            auto const steps = neuron.steps();
            ASSERT_GE(steps.size(), 2u);
            EXPECT_EQ(steps[1] - steps[0], steps[0] + c.steps) << "the same rise from the reset after the refractory time";
            auto const spike = static_cast<std::size_t>(steps[0] - 1);
            for (std::size_t k = spike; k <= spike + static_cast<std::size_t>(c.steps); ++k) ASSERT_EQ(neuron.v()[k], -70.0);
            EXPECT_GT(neuron.v()[spike + static_cast<std::size_t>(c.steps) + 1], -70.0);
        }
}

TEST_P(Threshold, EveryNeuronHasItsOwnParameters) {
    std::vector<double> const C{100, 200, 400}, tau{5, 10, 20}, rest{-70, -65, -60}, threshold{-55, -50, -45}, reset{-75, -65, -58},
        refractory{1, 2, 5}, I{600, 700, 800};
    for (auto const precision : precisions) {
        auto const neurons = record(context(), {.precision = precision}, 3,
                                    LifParameters{.C_m_pF = C,
                                                  .tau_m_ms = tau,
                                                  .E_L_mV = rest,
                                                  .v_threshold_mV = threshold,
                                                  .v_reset_mV = reset,
                                                  .refractory_ms = refractory,
                                                  .I_e_pA = I},
                                    200.0);
        for (std::size_t i = 0; i < 3; ++i) {
            double const drive = I[i] * tau[i] / C[i];
            double const first = -tau[i] * std::log(1 - (threshold[i] - rest[i]) / drive);
            double const later = tau[i] * std::log((rest[i] + drive - reset[i]) / (rest[i] + drive - threshold[i]));
            auto const steps = neurons.steps(static_cast<std::int64_t>(i));
            ASSERT_GT(steps.size(), 2u);
            EXPECT_EQ(steps[0], static_cast<std::int64_t>(std::ceil(first / 0.1)));
            EXPECT_EQ(steps[2] - steps[1], static_cast<std::int64_t>(std::ceil(later / 0.1) + refractory[i] / 0.1));
            EXPECT_EQ(neurons.v(i)[static_cast<std::size_t>(steps[0] - 1)], reset[i]);
        }
    }
}

// Two steps of refractoriness after the spike of step 10: what arrives in steps 11 and 12 is lost, what arrives in step 13 is not.
TEST_P(Threshold, DeltaInputOfTheRefractoryStepsIsDiscarded) {
    auto parameters = counter();
    parameters.v_threshold_mV = 8.0;
    parameters.refractory_ms = 0.2;
    for (auto const precision : precisions) {
        auto const neuron = record(context(), {.precision = precision}, 1, parameters, 2.0, [](Network& network, Population target) {
            send(network, target, {0.5}, 8.0, 0.5);
            send(network, target, {0.6, 0.7, 0.8, 0.9}, 1.0, 0.5);
        });
        EXPECT_EQ(neuron.steps(), (std::vector<std::int64_t>{10}));
        std::vector<double> expected(20, 2.0);
        std::fill_n(expected.begin(), 12, 0.0);
        expected[12] = 1.0;
        EXPECT_EQ(neuron.v(), expected);
    }
}

// A current goes on during refractoriness: after it the membrane sees what is left.
TEST_P(Threshold, CurrentsOfTheRefractoryStepsAreKept) {
    double const C = 250, tau = 10, tau_s = 5, weight = 512;
    for (auto const precision : precisions) {
        Network network(context(), {.precision = precision});
        auto const neuron = network.add_population("neuron", 1, LifParameters{.tau_syn_ex_ms = tau_s}, Distribution(-40.0));
        send(network, neuron, {0.5}, weight, 0.5);  // arrives in step 10, amid the 20 steps of refractoriness after the spike of step 1
        auto const recorder = network.record_traces(neuron, {.neurons = {0}});
        network.run(8.0);
        auto const v = samples(network.traces(recorder));
        for (std::size_t k = 0; k < 21; ++k) ASSERT_EQ(v[k], -70.0);
        double const left = weight * std::exp(-(2.1 - 1.0) / tau_s);  // at the end of step 21
        for (std::size_t k = 21; k < v.size(); ++k) {
            double const t = static_cast<double>(k + 1) * 0.1 - 2.1;
            double const psp = left / C * tau * tau_s / (tau - tau_s) * (std::exp(-t / tau) - std::exp(-t / tau_s));
            ASSERT_NEAR(v[k], -70.0 + psp, accumulated_rounding(precision, 70.0, std::exp(-0.1 / tau)));
        }
    }
}

}  // namespace
}  // namespace ca3::test
