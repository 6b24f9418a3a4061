// The tables that NEST's own tests print (research/spiking.md, section 5): testsuite/pytests/neurons/test_iaf_psc_alpha.py,
// test_iaf_psp.py, test_iaf_psc_alpha_mindelay.py and test_iaf_psc_alpha_1to2.py. All are of iaf_psc_alpha with its default parameters.
#include "lif/probe.hpp"
#include "support/backends.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

/// Consecutive printed values, the first at `tenths` / 10 ms.
struct Printed {
    std::int64_t tenths;
    std::int64_t stride;
    std::vector<double> mV;
};

/// In double precision what rounds to the printed digits: within half a unit of the last one (1e-9 for the decimal numbers, which are not
/// binary). In single precision within 1e-5 of the printed number besides, as the issue asks. Samples that the step leaves out are skipped.
void expect_printed(std::vector<double> const& v, double step_ms, Precision precision, std::vector<Printed> const& tables,
                    double half_unit = 0.5e-4) {
    std::int64_t const tenths_of_step = steps_in(step_ms, 0.1);
    std::size_t compared = 0;
    for (auto const& table : tables) {
        for (std::size_t k = 0; k < table.mV.size(); ++k) {
            std::int64_t const tenths = table.tenths + static_cast<std::int64_t>(k) * table.stride;
            if (tenths % tenths_of_step != 0) continue;
            auto const at = static_cast<std::size_t>(tenths / tenths_of_step - 1);
            ASSERT_LT(at, v.size());
            double const single = precision == Precision::f32 ? 1e-5 * std::abs(table.mV[k]) : 0.0;
            EXPECT_NEAR(v[at], table.mV[k], half_unit + 1e-9 + single) << "at " << static_cast<double>(tenths) / 10 << " ms";
            ++compared;
        }
    }
    EXPECT_GT(compared, 4u);
}

class NestTraces : public OnEveryBackend {
protected:
    template <class Drive>
    [[nodiscard]] Recorded run(NetworkOptions options, double ms, double I_e_pA, Drive&& drive) const {
        return record(context(), options, 1, LifParameters{.synapse = Synapse::alpha, .I_e_pA = I_e_pA}, ms, drive);
    }
    [[nodiscard]] Recorded run(NetworkOptions options, double ms, double I_e_pA) const {
        return run(options, ms, I_e_pA, [](Network&, Population) {});
    }
};
CA3_ON_EVERY_BACKEND(NestTraces);

std::vector<double> const rest_21(21, -70.0);

// The current of NEST's generator acts its delay, 0.1 ms, and one step later.
TEST_P(NestTraces, DcGenerator) {
    for (auto const precision : precisions) {
        SCOPED_TRACE(to_string(precision));
        auto const neuron = run({.precision = precision}, 8.0, 0.0, [](Network& network, Population target) {
            network.add_current(target, StepCurrent{.amplitude_pA = 1000.0, .start_ms = 0.2});
        });
        expect_printed(neuron.v(), 0.1, precision,
                       {{1, 1, {-70, -70, -69.602, -69.2079, -68.8178, -68.4316, -68.0492, -67.6706, -67.2958, -66.9247}},
                        {45, 1, {-56.0204, -55.7615, -55.5051, -55.2513, -55.0001}},
                        {50, 1, rest_21},
                        {71, 1, {-69.602, -69.2079, -68.8178, -68.4316, -68.0492, -67.6706, -67.2958, -66.9247, -66.5572}}});
        EXPECT_EQ(neuron.steps(), (std::vector<std::int64_t>{50}));
    }
}

TEST_P(NestTraces, ConstantCurrentFromTheStart) {
    for (auto const precision : precisions) {
        SCOPED_TRACE(to_string(precision));
        auto const neuron = run({.precision = precision}, 8.0, 1000.0);
        expect_printed(neuron.v(), 0.1, precision,
                       {{1, 1, {-69.602, -69.2079, -68.8178, -68.4316, -68.0492}},
                        {43, 1, {-56.0204, -55.7615, -55.5051, -55.2513, -55.0001}},
                        {48, 1, {-70, -70, -70}}});
        EXPECT_EQ(neuron.steps(), (std::vector<std::int64_t>{48}));
    }
}

std::vector<double> const charging_at_1450_pA{-69.4229, -68.8515, -68.2858, -67.7258, -67.1713, -66.6223, -66.0788, -65.5407,
                                              -65.008,  -64.4806, -63.9584, -63.4414, -62.9295, -62.4228, -61.9211, -61.4243,
                                              -60.9326, -60.4457, -59.9636, -59.4864, -59.0139, -58.5461, -58.0829, -57.6244,
                                              -57.1704, -56.721,  -56.276,  -55.8355, -55.3993};

// 1450 pA make the spike fall on 3.0 ms for all four steps, and the traces agree where they have samples in common.
TEST_P(NestTraces, RecoveryFromRefractorinessIsTheSameForEveryStep) {
    std::vector<double> const again(charging_at_1450_pA.begin(), charging_at_1450_pA.begin() + 19);
    for (auto const precision : precisions)
        for (double const h : {0.1, 0.2, 0.5, 1.0}) {
            SCOPED_TRACE(testing::Message() << to_string(precision) << ", step " << h);
            auto const neuron = run({.step_ms = h, .precision = precision}, 8.0, 1450.0);
            expect_printed(neuron.v(), h, precision, {{1, 1, charging_at_1450_pA}, {30, 1, rest_21}, {51, 1, again}});
            EXPECT_EQ(neuron.steps(), (std::vector<std::int64_t>{steps_in(3.0, h), steps_in(8.0, h)}));
        }
}

std::vector<double> const psp_of_100_pA{-69.9974, -69.9899, -69.9781, -69.9624, -69.9434, -69.9213, -69.8967, -69.8699, -69.8411,
                                        -69.8108, -69.779,  -69.7463, -69.7126, -69.6783, -69.6435, -69.6084, -69.5732, -69.538,
                                        -69.5029, -69.4681, -69.4336, -69.3995, -69.366,  -69.333,  -69.3008, -69.2692, -69.2383};

TEST_P(NestTraces, PostsynapticPotentialIsTheSameForEveryStep) {
    for (auto const precision : precisions)
        for (double const h : {0.1, 0.2, 0.5, 1.0}) {
            SCOPED_TRACE(testing::Message() << to_string(precision) << ", step " << h);
            auto const neuron = run({.step_ms = h, .precision = precision}, 7.0, 0.0,
                                    [](Network& network, Population target) { send(network, target, {2.0}, 100.0, 1.0); });
            expect_printed(neuron.v(), h, precision, {{1, 1, std::vector<double>(30, -70.0)}, {31, 1, psp_of_100_pA}});
            EXPECT_TRUE(neuron.steps().empty());
        }
}

// A generator of 1000 pA with a delay of 2.0 ms, and two neurons beside it whose delay of 0.1 to 2.0 ms must not matter, in one run and
// in 21.
TEST_P(NestTraces, ShortestDelayOfTheNetworkDoesNotMatter) {
    std::vector<Printed> const table{{10, 10, {-70, -70, -66.55725, -63.07837, -59.93054, -57.08227, -70, -70, -69.60199, -65.83337}}};
    for (auto const precision : precisions)
        for (double const delay : {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0, 2.0})
            for (int const runs : {1, 21}) {
                SCOPED_TRACE(testing::Message() << to_string(precision) << ", delay " << delay << ", runs " << runs);
                Network network(context(), {.precision = precision});
                LifParameters const alpha{.synapse = Synapse::alpha};
                auto const neuron = network.add_population("neuron", 1, alpha);
                auto const others = network.add_population("others", 2, alpha);
                network.connect(others, others, Pairs{{0}, {1}}, {.weight = 1.0, .delay_ms = delay});
                network.add_current(neuron, StepCurrent{.amplitude_pA = 1000.0, .start_ms = 2.1});
                auto const v = network.record_traces(neuron, {.neurons = {0}});
                for (int k = 0; k < runs; ++k) network.run(10.5 / runs);
                expect_printed(samples(network.traces(v)), 0.1, precision, table, 0.5e-5);
            }
}

// The first neuron spikes at 3.0 ms and, after 2 ms of refractoriness and 3 ms of charging, at 8.0 ms. From the arrival at 4.0 ms the
// second one follows the solution of tau dV/dt = -(V - E_L) + R w e t / tau_s exp(-t / tau_s):
//     V - E_L = w e / (tau_s C) ((exp(-t / tau) - exp(-t / tau_s)) / b^2 - t exp(-t / tau_s) / b),  b = 1 / tau_s - 1 / tau.
TEST_P(NestTraces, OneNeuronDrivesAnotherAsTheClosedFormSays) {
    double const C = 250, tau = 10, tau_s = 2, E_L = -70, weight = 100, arrival = 4.0;
    double const b = 1 / tau_s - 1 / tau;
    for (auto const precision : precisions)
        for (double const h : {0.1, 0.2, 0.5, 1.0}) {
            SCOPED_TRACE(testing::Message() << to_string(precision) << ", step " << h);
            Network network(context(), {.step_ms = h, .precision = precision});
            auto const pair = network.add_population("pair", 2, {.synapse = Synapse::alpha, .I_e_pA = std::vector<double>{1450.0, 0.0}});
            network.connect(pair, pair, Pairs{{0}, {1}}, {.weight = weight, .delay_ms = 1.0});
            auto const v = network.record_traces(pair, {.neurons = {1}});
            auto const spikes = network.record_spikes(pair);
            network.run(8.0);
            EXPECT_EQ(network.spikes(spikes).steps, (std::vector<std::int64_t>{steps_in(3.0, h), steps_in(8.0, h)}));
            EXPECT_EQ(network.spikes(spikes).neurons, (std::vector<std::int64_t>{0, 0}));

            auto const recorded = network.traces(v);
            ASSERT_EQ(recorded.values.size(), static_cast<std::size_t>(steps_in(8.0, h)));
            for (std::size_t k = 0; k < recorded.values.size(); ++k) {
                double const t = static_cast<double>(k + 1) * h - arrival;
                EXPECT_NEAR(recorded.times_ms[k], t + arrival, 1e-12);
                if (t < h / 2) {
                    EXPECT_EQ(recorded.values[k], E_L) << "at " << recorded.times_ms[k];
                    continue;
                }
                double const expected = E_L + weight * std::numbers::e / (tau_s * C) *
                                                  ((std::exp(-t / tau) - std::exp(-t / tau_s)) / (b * b) - t * std::exp(-t / tau_s) / b);
                double const relative = precision == Precision::f64 ? 1e-12 : 1e-5;  // NEST's own bound, and the issue's
                EXPECT_NEAR(recorded.values[k], expected, relative * std::abs(expected)) << "at " << recorded.times_ms[k];
            }
            expect_printed(recorded.values, h, precision, {{1, 1, std::vector<double>(40, -70.0)}, {41, 1, psp_of_100_pA}});
        }
}

}  // namespace
}  // namespace ca3::test
