// Hodgkin and Huxley's axon (J. Physiol. 117, 1952, 500) against an integration of its own: other formulas for the rates, libm's
// exponentials, steps of 1 us.
#include "lif/probe.hpp"
#include "support/backends.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

/// Per cm2: uF, mS, uA, mV, ms. Rest at -65 mV.
struct Axon {
    double v = -65, m = 0, h = 0, n = 0;

    /// x / (exp(x) - 1)
    static double bernoulli(double x) { return x == 0.0 ? 1.0 : x / std::expm1(x); }
    static double alpha_m(double v) { return bernoulli(-(v + 40) / 10); }
    static double beta_m(double v) { return 4 * std::exp(-(v + 65) / 18); }
    static double alpha_h(double v) { return 0.07 * std::exp(-(v + 65) / 20); }
    static double beta_h(double v) { return 1 / (std::exp(-(v + 35) / 10) + 1); }
    static double alpha_n(double v) { return 0.1 * bernoulli(-(v + 55) / 10); }
    static double beta_n(double v) { return 0.125 * std::exp(-(v + 65) / 80); }

    static Axon resting_at(double v) {
        return {v, alpha_m(v) / (alpha_m(v) + beta_m(v)), alpha_h(v) / (alpha_h(v) + beta_h(v)), alpha_n(v) / (alpha_n(v) + beta_n(v))};
    }
    [[nodiscard]] double ionic() const { return 120 * m * m * m * h * (v - 50) + 36 * n * n * n * n * (v + 77) + 0.3 * (v + 54.387); }
    [[nodiscard]] Axon slope(double current) const {
        return {current - ionic(), alpha_m(v) * (1 - m) - beta_m(v) * m, alpha_h(v) * (1 - h) - beta_h(v) * h,
                alpha_n(v) * (1 - n) - beta_n(v) * n};
    }
    [[nodiscard]] Axon moved(Axon const& by, double t) const { return {v + t * by.v, m + t * by.m, h + t * by.h, n + t * by.n}; }

    /// @param current of time within the step
    template <class Current>
    void step(double dt, Current&& current) {
        Axon const k1 = slope(current(0.0)), k2 = moved(k1, dt / 2).slope(current(dt / 2)), k3 = moved(k2, dt / 2).slope(current(dt / 2)),
                   k4 = moved(k3, dt).slope(current(dt));
        *this = moved(k1, dt / 6).moved(k2, dt / 3).moved(k3, dt / 3).moved(k4, dt / 6);
    }
};

/// Where the ionic currents vanish.
double resting_potential() {
    double low = -70, high = -60;
    while (high - low > 1e-13) {
        double const middle = 0.5 * (low + high);
        (Axon::resting_at(middle).ionic() < 0 ? low : high) = middle;
        if (middle == low && middle == high) break;
    }
    return low;
}

struct Course {
    std::vector<double> v;       ///< at the ends of the steps
    std::vector<double> spikes;  ///< times at which v rose through 0, interpolated
};
Course course(double current, double ms, double dt = 0.001) {
    Axon axon = Axon::resting_at(-65);
    Course result;
    for (std::int64_t k = 1; k <= std::llround(ms / dt); ++k) {
        double const before = axon.v;
        axon.step(dt, [&](double) { return current; });
        result.v.push_back(axon.v);
        if (before < 0 && axon.v >= 0) result.spikes.push_back((static_cast<double>(k) - axon.v / (axon.v - before)) * dt);
    }
    return result;
}

/// 1 uA/cm2 on the 1e-4 cm2 of the default parameters.
constexpr double pA_per_uA = 100.0;

HodgkinHuxleyParameters driven(double uA) {
    return {.I_e_pA = uA * pA_per_uA};
}

class HodgkinHuxley : public OnEveryBackend {
protected:
    [[nodiscard]] Context context() const { return one_thread(OnEveryBackend::context()); }
};
CA3_ON_EVERY_BACKEND(HodgkinHuxley);

// Gates that rest elsewhere would move the voltage at which the currents cancel.
TEST_P(HodgkinHuxley, RestsWhereItsCurrentsCancel) {
    double const rest = resting_potential();
    ASSERT_GT(rest, -65.1);
    ASSERT_LT(rest, -64.9);
    for (auto const precision : precisions) {
        auto const neuron = record(context(), {.step_ms = 0.05, .precision = precision}, 1, driven(0), 200.0);
        EXPECT_TRUE(neuron.steps().empty());
        for (double const v : neuron.v()) ASSERT_NEAR(v, -65.0, 0.05) << "it starts near rest and stays there";
        // In single precision the ionic current is rounded to some 4 units roundoff of 1 uA/cm2 for each conductance of 1 mS/cm2 and mV;
        // its slope at rest is 0.7 mS/cm2.
        EXPECT_NEAR(neuron.v().back(), rest, precision == Precision::f64 ? 1e-9 : 1e-3);
    }
}

TEST_P(HodgkinHuxley, IsSilentBelowRheobaseAndFiresRepetitivelyAbove) {
    std::vector<double> const currents{-5, 0, 1, 2, 7, 10, 20, 40};
    Network network(context(), {.step_ms = 0.02});
    std::vector<Population> neurons;
    for (double const uA : currents) neurons.push_back(network.add_population(std::to_string(neurons.size()), 1, driven(uA)));
    network.run(300.0);
    std::vector<std::int64_t> counts;
    for (auto const neuron : neurons) counts.push_back(network.spike_counts(neuron)[0]);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(counts[i], 0) << currents[i] << " uA/cm2";
    EXPECT_GT(counts[4], 10) << "repetitive at 7 uA/cm2";
    for (std::size_t i = 5; i < counts.size(); ++i) EXPECT_GT(counts[i], counts[i - 1]) << "faster with more current";
}

// The model's rate at 10 uA/cm2 is about 68 spikes a second.
TEST_P(HodgkinHuxley, SpikesWhereAnIndependentIntegrationDoes) {
    static Course const expected = course(10.0, 300.0);
    double const rate = 1e3 * static_cast<double>(expected.spikes.size() - 10) / (expected.spikes.back() - expected.spikes[9]);
    ASSERT_GT(rate, 67.0);
    ASSERT_LT(rate, 70.0);
    double const h = 0.01;
    for (auto const precision : precisions) {
        auto const steps = record(context(), {.step_ms = h, .precision = precision}, 1, driven(10), 300.0).steps();
        ASSERT_EQ(steps.size(), expected.spikes.size());
        for (std::size_t k = 0; k < steps.size(); ++k) {
            // A spike carries the end of its step. Beyond that the fourth-order method is wrong by less than 1e-4 ms in the interval;
            // single precision moves each interval by less than 1e-3 ms.
            double const late = static_cast<double>(steps[k]) * h - expected.spikes[k];
            double const drift = (precision == Precision::f64 ? 1e-4 : 1e-3) * static_cast<double>(k + 1);
            EXPECT_GT(late, -drift) << "spike " << k;
            EXPECT_LT(late, h + drift) << "spike " << k;
        }
    }
}

// Error e(h) = c h^4 (1 + k h + ...) before, within and after the upstroke. The order seen between two steps, log2(e(h) / e(h / 2)) =
// 4 + k h / (2 ln 2) - 3 (k h)^2 / (8 ln 2) + ..., so deviates from 4 by half as much for half the step, but for the square of the
// deviation (times 0.72). The independent integration, ten times finer than the finest step, is wrong by 1e-4 of that step's error; 0.01 is
// for rounding: 1e-12 of 3e-10 mV.
TEST_P(HodgkinHuxley, ErrorFallsWithTheFourthPowerOfTheStep) {
    static Course const exact = course(15.0, 8.0, 0.00025);
    std::vector<double> const steps_ms{0.01, 0.005, 0.0025};
    std::vector<std::vector<double>> v;
    for (double const h : steps_ms) v.push_back(record(context(), {.step_ms = h, .precision = Precision::f64}, 1, driven(15), 8.0).v());
    for (double const ms : {1.2, 1.6, 2.0, 4.0, 8.0}) {
        SCOPED_TRACE(testing::Message() << "at " << ms << " ms");
        double error[3];
        for (std::size_t k = 0; k < 3; ++k)
            error[k] = v[k][static_cast<std::size_t>(steps_in(ms, steps_ms[k]) - 1)] -
                       exact.v[static_cast<std::size_t>(steps_in(ms, 0.00025) - 1)];
        double const off = std::log2(error[0] / error[1]) - 4.0;
        EXPECT_LT(std::abs(off), 0.25);
        EXPECT_NEAR(std::log2(error[1] / error[2]) - 4.0, off / 2, off * off + 0.01);
        EXPECT_LT(std::abs(error[2]), 1e-6);
    }
}

// A synaptic current w exp(-t / tau) of either sign acts while it decays.
TEST_P(HodgkinHuxley, SynapticCurrentsActAsTheyDecay) {
    for (double const weight : {400.0, -400.0}) {
        HodgkinHuxleyParameters const parameters{.tau_syn_ex_ms = 2.0, .tau_syn_in_ms = 3.0};
        double const tau = weight > 0 ? 2.0 : 3.0, dt = 0.001;
        Axon axon = Axon::resting_at(-65);
        std::vector<double> expected;
        for (std::int64_t k = 0; k < 6000; ++k) {
            double const t = static_cast<double>(k) * dt;
            axon.step(dt, [&](double s) { return k < 1000 ? 0.0 : weight / pA_per_uA * std::exp(-(t + s - 1.0) / tau); });
            expected.push_back(axon.v);
        }
        auto const error_at = [&](double h, std::size_t ms) {
            auto const v = record(context(), {.step_ms = h, .precision = Precision::f64}, 1, parameters, 6.0,
                                  [&](Network& network, Population target) { send(network, target, {0.4}, weight, 0.6); })
                               .v();
            return v[static_cast<std::size_t>(steps_in(static_cast<double>(ms), h) - 1)] - expected[ms * 1000 - 1];
        };
        for (std::size_t const ms : {2, 4, 6}) {
            EXPECT_LT(std::abs(error_at(0.01, ms)), 1e-6) << weight << " pA, at " << ms;
            EXPECT_NEAR(std::log2(error_at(0.04, ms) / error_at(0.02, ms)), 4.0, 0.5) << weight << " pA, at " << ms;
        }
    }
}

// At -40 and -55 mV a rate is 0 / 0 in its plain form.
TEST_P(HodgkinHuxley, RatesAreContinuousWhereTheirFormulasAreNot) {
    for (auto const precision : precisions)
        for (double const v : {-40.0, -55.0}) {
            std::vector<double> const starts{v, v - 1e-6, v + 1e-6, v - 1.0, v + 1.0, v - 1.01, v + 1.01};
            Network network(context(), {.step_ms = 0.01, .precision = precision});
            auto const neurons = network.add_population("neurons", static_cast<std::int64_t>(starts.size()), driven(0));
            network.set_voltages_mV(neurons, starts);
            network.run(0.01);
            auto const after = network.voltages_mV(neurons);
            for (double const x : after) ASSERT_TRUE(std::isfinite(x));
            double const rounding = precision == Precision::f64 ? 1e-12 : 1e-4;
            EXPECT_NEAR(after[1], after[0], 2e-6 + rounding);
            EXPECT_NEAR(after[2], after[0], 2e-6 + rounding);
            // The rates' series ends and their plain form begins 1 mV away: no step there.
            EXPECT_NEAR(after[5] - after[3], -0.01, 0.001 + rounding);
            EXPECT_NEAR(after[6] - after[4], 0.01, 0.001 + rounding);
        }
}

TEST_P(HodgkinHuxley, AreaScalesOut) {
    auto const v_of = [&](double area) {
        HodgkinHuxleyParameters const p{
            .C_m_pF = 100 * area, .g_Na_nS = 12000 * area, .g_K_nS = 3600 * area, .g_L_nS = 30 * area, .I_e_pA = 1000 * area};
        return record(context(), {.step_ms = 0.02, .precision = Precision::f64}, 1, p, 30.0).v();
    };
    auto const one = v_of(1);
    EXPECT_EQ(one, v_of(1024)) << "a power of two scales every product without rounding";
    auto const cm2 = v_of(1e4);  // C = 1e6 pF
    for (std::size_t k = 0; k < one.size(); ++k) ASSERT_NEAR(cm2[k], one[k], 1e-8);
}

}  // namespace
}  // namespace ca3::test
