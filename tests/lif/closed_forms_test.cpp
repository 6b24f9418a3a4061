// Single neurons and synapses against the solutions of their equations.
#include "lif/probe.hpp"
#include "support/backends.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;
class ClosedForms : public OnEveryBackend {};
CA3_ON_EVERY_BACKEND(ClosedForms);

// ---- a constant current -----------------------------------------------------------------------------------------------

// V - E_L = I tau / C (1 - exp(-t / tau)), on the grid for every step.
TEST_P(ClosedForms, ConstantCurrentChargesTheMembraneExponentially) {
    double const C = 250, tau = 10, E_L = -70;
    std::vector<double> const currents{-500, 0, 1, 374, 1000, 2000};
    for (auto const precision : precisions)
        for (double const h : {0.01, 0.1, 0.2, 0.5, 1.0}) {
            SCOPED_TRACE(testing::Message() << to_string(precision) << ", step " << h);
            auto const neurons = record(context(), {.step_ms = h, .precision = precision}, 6,
                                        LifParameters{.v_threshold_mV = 1000.0, .I_e_pA = currents}, 40.0);
            for (std::size_t i = 0; i < currents.size(); ++i) {
                double const final = currents[i] * tau / C;
                double const bound = accumulated_rounding(precision, std::abs(E_L) + std::abs(final), std::exp(-h / tau));
                ASSERT_EQ(neurons.v(i).size(), static_cast<std::size_t>(steps_in(40.0, h)));
                for (std::size_t k = 0; k < neurons.v(i).size(); ++k) {
                    double const t = static_cast<double>(k + 1) * h;
                    ASSERT_NEAR(neurons.v(i)[k], E_L - final * std::expm1(-t / tau), bound) << currents[i] << " pA at " << t << " ms";
                }
            }
        }
}

// From V_0 the potential crosses the threshold at t = -tau ln(1 - C (V_th - E_L) / (tau I)); the spike comes at the end of that step.
TEST_P(ClosedForms, FirstSpikeComesAtTheEndOfTheStepThatCrossesTheThreshold) {
    double const C = 250, tau = 10, gap = 15, h = 0.1;
    std::vector<double> currents;
    for (double I = 376; I < 4000; I *= 1.01) currents.push_back(I);
    auto const n = static_cast<std::int64_t>(currents.size());
    for (auto const precision : precisions) {
        SCOPED_TRACE(to_string(precision));
        auto const neurons = record(context(), {.precision = precision}, n, LifParameters{.I_e_pA = currents}, 80.0);
        double const error_mV = accumulated_rounding(precision, 70.0, std::exp(-h / tau));
        std::int64_t compared = 0;
        for (std::int64_t i = 0; i < n; ++i) {
            double const I = currents[static_cast<std::size_t>(i)];
            double const steps = -tau * std::log(1 - C * gap / (tau * I)) / h;
            // Where the crossing is nearer to the end of a step than rounding moves it, either step is right.
            double const mV_per_step = (I * tau / C - gap) / tau * h;
            if (std::abs(steps - std::round(steps)) * mV_per_step <= error_mV) continue;
            ASSERT_FALSE(neurons.steps(i).empty()) << I << " pA";
            EXPECT_EQ(neurons.steps(i)[0], static_cast<std::int64_t>(std::ceil(steps))) << I << " pA";
            ++compared;
        }
        EXPECT_GE(compared, precision == Precision::f64 ? n : n * 9 / 10);
    }
}

// Intervals of iaf_psc_exp's default parameters at h = 0.1 ms (research/spiking.md, section 5).
TEST_P(ClosedForms, InterspikeIntervalsAreThoseOfTheTable) {
    std::vector<double> const currents{374, 376, 400, 500, 750, 1000, 1450};
    std::vector<std::int64_t> const interval_steps{0, 613, 298, 159, 90, 68, 50};
    std::vector<double> const continuous_hz{0, 16.31, 33.64, 63.04, 111.96, 149.25, 200.30};
    for (auto const precision : precisions) {
        SCOPED_TRACE(to_string(precision));
        auto const neurons = record(context(), {.precision = precision}, 7, LifParameters{.I_e_pA = currents}, 400.0);
        EXPECT_TRUE(neurons.steps(0).empty()) << "374 pA are below rheobase";
        for (std::size_t i = 1; i < currents.size(); ++i) {
            auto const steps = neurons.steps(static_cast<std::int64_t>(i));
            ASSERT_GT(steps.size(), 5u);
            for (std::size_t k = 1; k < steps.size(); ++k) EXPECT_EQ(steps[k] - steps[k - 1], interval_steps[i]) << currents[i] << " pA";
            // The grid delays each spike by less than a step. The rates are printed to 0.01 Hz.
            double const interval_ms = 1e3 / continuous_hz[i], printed = interval_ms * 0.005 / continuous_hz[i];
            EXPECT_GT(static_cast<double>(interval_steps[i]) * 0.1, interval_ms - printed);
            EXPECT_LT(static_cast<double>(interval_steps[i]) * 0.1, interval_ms + 0.1 + printed);
        }
    }
}

// ---- normal form -------------------------------------------------------------------------------------------------------

TEST_P(ClosedForms, NormalFormGoesToItsInput) {
    std::vector<double> const inputs{0.0, 0.5, 0.99};
    auto parameters = normal_form(20.0, 2.0);
    parameters.I_e_pA = inputs;
    for (auto const precision : precisions) {
        auto const neurons = record(context(), {.precision = precision}, 3, parameters, 200.0);
        for (std::size_t i = 0; i < inputs.size(); ++i)
            for (std::size_t k = 0; k < neurons.v(i).size(); ++k)
                ASSERT_NEAR(neurons.v(i)[k], -inputs[i] * std::expm1(-static_cast<double>(k + 1) * 0.1 / 20.0),
                            accumulated_rounding(precision, 1.0, std::exp(-0.1 / 20.0)));
        EXPECT_TRUE(neurons.spikes.steps.empty());
    }
}

// G(v_in) = 1 / (t_ref - tau ln(1 - 1 / v_in)) for v_in > 1, else 0; on the grid the interval is longer by less than a step.
TEST_P(ClosedForms, TuningCurveIsThatOfTheFormula) {
    double const tau = 20, t_ref = 2, h = 0.1;
    std::vector<double> inputs{0.2, 0.999};
    for (double v = 1.01; v < 20; v *= 1.07) inputs.push_back(v);
    auto const n = static_cast<std::int64_t>(inputs.size());
    auto parameters = normal_form(tau, t_ref);
    parameters.I_e_pA = inputs;
    Network network(context(), {.step_ms = h, .precision = Precision::f64});
    auto const neurons = network.add_population("neurons", n, parameters);
    auto const recorder = network.record_spikes(neurons);
    network.run(1000.0);
    auto const train = network.spikes(recorder);
    for (std::int64_t i = 0; i < n; ++i) {
        double const v_in = inputs[static_cast<std::size_t>(i)];
        auto const steps = steps_of(train, i);
        if (v_in < 1) {
            EXPECT_TRUE(steps.empty()) << v_in;
            continue;
        }
        double const interval = t_ref - tau * std::log1p(-1 / v_in);
        ASSERT_GT(steps.size(), 2u) << v_in;
        for (std::size_t k = 1; k < steps.size(); ++k) {
            EXPECT_GE(static_cast<double>(steps[k] - steps[k - 1]) * h, interval - 1e-9) << v_in;
            EXPECT_LT(static_cast<double>(steps[k] - steps[k - 1]) * h, interval + h + 1e-9) << v_in;
        }
    }
}

// ---- forward Euler -----------------------------------------------------------------------------------------------------

// V_k = v_in (1 - (1 - h / tau)^k).
TEST_P(ClosedForms, ForwardEulerIsItsOwnRecursion) {
    double const tau = 20, v_in = 0.9;
    auto parameters = normal_form(tau, 2.0, v_in);
    parameters.integration = Integration::forward_euler;
    parameters.tau_syn_ex_ms = parameters.tau_syn_in_ms = 8.0;  // every time constant must be longer than the step
    for (auto const precision : precisions)
        for (double const h : {0.1, 1.0, 5.0}) {
            auto const neuron = record(context(), {.step_ms = h, .precision = precision}, 1, parameters, 100.0);
            for (std::size_t k = 0; k < neuron.v().size(); ++k)
                ASSERT_NEAR(neuron.v()[k], v_in * (1 - std::pow(1 - h / tau, static_cast<double>(k + 1))),
                            accumulated_rounding(precision, 1.0, 1 - h / tau));
        }
}

// The error at a fixed time is c h + O(h^2): it halves with the step, to within the next order, h / tau_syn at most 2.5 % here.
TEST_P(ClosedForms, ErrorOfForwardEulerHalvesWithTheStepAndExactIntegrationHasNone) {
    for (Synapse const synapse : {Synapse::delta, Synapse::exponential, Synapse::alpha}) {
        auto const end_of = [&](Integration integration, double h) {
            LifParameters const parameters{
                .synapse = synapse, .integration = integration, .v_threshold_mV = 1000.0, .tau_syn_ex_ms = 4.0, .I_e_pA = 200.0};
            double const weight = synapse == Synapse::delta ? 5.0 : 300.0;
            return record(context(), {.step_ms = h, .precision = Precision::f64}, 1, parameters, 12.0,
                          [&](Network& network, Population target) { send(network, target, {2.0}, weight, 0.4); })
                .v()
                .back();
        };
        double const exact = end_of(Integration::exact, 0.1);
        for (double const h : {0.4, 0.2, 0.05})
            EXPECT_NEAR(end_of(Integration::exact, h), exact, accumulated_rounding(Precision::f64, 70.0, std::exp(-0.005)));
        double const coarse = end_of(Integration::forward_euler, 0.1) - exact, fine = end_of(Integration::forward_euler, 0.05) - exact;
        EXPECT_GT(std::abs(coarse), 1e-4) << to_string(synapse);
        EXPECT_NEAR(coarse / fine, 2.0, 0.1) << to_string(synapse);
    }
}

// ---- synaptic currents ---------------------------------------------------------------------------------------------------

// Exponential: w exp(-t / tau). Alpha: w e t / tau exp(-t / tau), whose peak is w at t = tau. t counts from the arrival, in whose step the
// exponential current is seen for the first time. A hundred steps of decay, each with two roundings, make 200 units roundoff.
TEST_P(ClosedForms, SynapticCurrentsHaveTheirShape) {
    double const h = 0.1, arrival = 2.0;
    for (auto const precision : precisions)
        for (Synapse const synapse : {Synapse::exponential, Synapse::alpha})
            for (auto const& [tau_ex, tau_in] : {std::pair{2.0, 5.0}, {0.5, 0.5}})
                for (double const weight : {128.0, -96.0}) {
                    SCOPED_TRACE(testing::Message() << to_string(precision) << ' ' << to_string(synapse) << ", weight " << weight);
                    LifParameters const parameters{.synapse = synapse, .tau_syn_ex_ms = tau_ex, .tau_syn_in_ms = tau_in};
                    auto const current = [&](Variable variable) {
                        return record(
                                   context(), {.precision = precision}, 1, parameters, 12.0,
                                   [&](Network& network, Population target) { send(network, target, {1.5}, weight, 0.5); }, variable)
                            .v();
                    };
                    bool const one = tau_ex == tau_in;
                    auto const carrier = current(one || weight > 0 ? Variable::excitatory : Variable::inhibitory);
                    auto const other = current(one || weight > 0 ? Variable::inhibitory : Variable::excitatory);
                    double const tau = weight > 0 ? tau_ex : tau_in;
                    for (std::size_t k = 0; k < carrier.size(); ++k) {
                        double const t = (static_cast<double>(k + 1)) * h - arrival;
                        double expected = 0.0;
                        if (t > -h / 2)
                            expected = weight * (synapse == Synapse::exponential ? std::exp(-t / tau) : t / tau * std::exp(1 - t / tau));
                        ASSERT_NEAR(carrier[k], expected, 200 * unit_roundoff(precision) * std::abs(weight)) << "at " << t;
                        ASSERT_EQ(other[k], 0.0);
                    }
                }
}

// Without a leak the membrane keeps the charge: C dV is the area of the current, w tau for the exponential and w e tau for the alpha form.
TEST_P(ClosedForms, AreaOfASynapticCurrentIsTheChargeItBrings) {
    double const C = 200, tau = 2, weight = 64;
    for (auto const precision : precisions)
        for (double const h : {0.1, 1.0})
            for (Synapse const synapse : {Synapse::exponential, Synapse::alpha}) {
                LifParameters const parameters{
                    .synapse = synapse, .C_m_pF = C, .tau_m_ms = 1e15, .E_L_mV = 0.0, .v_threshold_mV = 1e3, .v_reset_mV = 0.0};
                auto const v = record(context(), {.step_ms = h, .precision = precision}, 1, parameters, 100.0,
                                      [&](Network& network, Population target) { send(network, target, {1.0}, weight, 1.0); })
                                   .v();
                double const area = weight * tau * (synapse == Synapse::exponential ? 1.0 : std::numbers::e);
                // The current lives for 40 tau, 800 steps at most, of four roundings each.
                EXPECT_NEAR(v.back() * C, area, 3200 * unit_roundoff(precision) * area) << to_string(synapse) << ", step " << h;
            }
}

// The unit potential of the Potjans-Diesmann microcircuit (research/spiking.md, section 5), which its weight is made for.
TEST_P(ClosedForms, UnitPotentialOfTheMicrocircuitIs015mV) {
    double const C = 250, tau = 10, tau_s = 0.5, weight = 87.80849352920843;
    for (auto const precision : precisions) {
        LifParameters const parameters{
            .C_m_pF = C, .tau_m_ms = tau, .E_L_mV = 0.0, .v_threshold_mV = 15.0, .v_reset_mV = 0.0, .tau_syn_ex_ms = tau_s};
        auto const v = record(context(), {.precision = precision}, 1, parameters, 10.0, [&](Network& network, Population target) {
                           send(network, target, {0.5}, weight, 1.5);
                       }).v();
        double const bound = accumulated_rounding(precision, 0.15, std::exp(-0.1 / tau)) + 0x1p-30 * 0.15;  // the grid has 31 bits
        for (std::size_t k = 0; k < v.size(); ++k) {
            double const t = std::max(0.0, static_cast<double>(k + 1) * 0.1 - 2.0);
            ASSERT_NEAR(v[k], weight / C * tau * tau_s / (tau - tau_s) * (std::exp(-t / tau) - std::exp(-t / tau_s)), bound);
        }
        auto const peak = std::max_element(v.begin(), v.end());
        EXPECT_EQ(peak - v.begin(), 20 + 16 - 1) << "1.6 ms after the arrival at 2.0 ms";
        EXPECT_NEAR(*peak, 0.149992, 0.5e-6 + bound);
    }
}

// Potential of a current s exp(-s / tau_s) (alpha, k = 1) or exp(-s / tau_s) (k = 0), with x = 1 / tau_s - 1 / tau:
//     exp(-t / tau) integral over 0 ... t of s^k exp(-x s) = exp(-t / tau) t^(k + 1) sum over j of (-x t)^j / (j! (j + k + 1)).
double potential_of(int k, double t, double tau, double tau_s) {
    double const x = 1 / tau_s - 1 / tau;
    double sum = 0, term = 1;
    for (int j = 0; j < 60; ++j) {
        sum += term / (j + k + 1);
        term *= -x * t / (j + 1);
    }
    return std::exp(-t / tau) * std::pow(t, k + 1) * sum;
}

// The propagator's limit for tau_syn = tau_m, where V = w t / C exp(-t / tau) (exponential) and w e t^2 / (2 tau C) exp(-t / tau) (alpha),
// and its neighbourhood, where a plain formula loses its digits. In f64 the 1000 steps may make 20 roundings each of the potential.
TEST_P(ClosedForms, EqualTimeConstantsAreTheLimitOfNearlyEqualOnes) {
    double const C = 250, tau = 10, weight = 1024, h = 0.1;
    std::vector<double> tau_syn{tau, tau * (1 + 1e-6), tau * (1 - 1e-6)};
    for (double exponent = -15; exponent <= -1; exponent += 0.5)
        for (double const sign : {-1.0, 1.0}) tau_syn.push_back(tau * (1 + sign * std::pow(10.0, exponent)));
    auto const n = static_cast<std::int64_t>(tau_syn.size());
    for (auto const precision : precisions)
        for (Synapse const synapse : {Synapse::exponential, Synapse::alpha})
            for (double const sign : {1.0, -1.0}) {
                LifParameters const parameters{.synapse = synapse,
                                               .C_m_pF = C,
                                               .tau_m_ms = tau,
                                               .E_L_mV = 0.0,
                                               .v_threshold_mV = 1000.0,
                                               .v_reset_mV = 0.0,
                                               .tau_syn_ex_ms = sign > 0 ? Value(tau_syn) : Value(3.0),
                                               .tau_syn_in_ms = sign < 0 ? Value(tau_syn) : Value(3.0)};
                auto const neurons = record(context(), {.step_ms = h, .precision = precision}, n, parameters, 100.0,
                                            [&](Network& network, Population target) { send(network, target, {0.1}, sign * weight, 0.1); });
                bool const alpha = synapse == Synapse::alpha;
                double const peak = weight / C * tau * (alpha ? 2 / std::numbers::e : 1 / std::numbers::e);
                for (std::size_t i = 0; i < tau_syn.size(); ++i)
                    for (std::size_t k = 2; k < neurons.v(i).size(); ++k) {
                        double const t = static_cast<double>(k + 1) * h - 0.2;
                        double const scale = sign * weight / C * (alpha ? std::numbers::e / tau_syn[i] : 1.0);
                        double const expected = scale * potential_of(alpha ? 1 : 0, t, tau, tau_syn[i]);
                        ASSERT_NEAR(neurons.v(i)[k], expected, 20 * 1000 * unit_roundoff(precision) * peak)
                            << to_string(precision) << ' ' << to_string(synapse) << ", tau_syn / tau_m - 1 = " << tau_syn[i] / tau - 1
                            << ", at " << t;
                        if (i > 0) continue;
                        double const limit = alpha ? t * t / 2 : t;
                        ASSERT_NEAR(expected, scale * limit * std::exp(-t / tau), 1e-13 * peak);
                    }
            }
}

// A delta synapse adds its weight at the end of the step of arrival, and the membrane forgets it with tau_m.
TEST_P(ClosedForms, DeltaSynapseJumpsAndDecays) {
    double const tau = 10, weight = 4;
    for (auto const precision : precisions) {
        LifParameters const parameters{
            .synapse = Synapse::delta, .tau_m_ms = tau, .E_L_mV = 0.0, .v_threshold_mV = 1000.0, .v_reset_mV = 0.0};
        auto const v = record(context(), {.precision = precision}, 1, parameters, 30.0, [&](Network& network, Population target) {
                           send(network, target, {1.0}, weight, 1.0);
                       }).v();
        for (std::size_t k = 0; k < 19; ++k) ASSERT_EQ(v[k], 0.0);
        EXPECT_EQ(v[19], weight);
        for (std::size_t k = 20; k < v.size(); ++k)
            ASSERT_NEAR(v[k], weight * std::exp(-static_cast<double>(k - 19) * 0.1 / tau), 600 * unit_roundoff(precision) * weight);
    }
}

}  // namespace
}  // namespace ca3::test
