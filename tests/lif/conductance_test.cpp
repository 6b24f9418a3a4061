// Conductance-based neurons against their equation: C dV/dt = -(C / tau_m) (V - E_L) - g_ex (V - E_ex) - g_in (V - E_in) + I_e.
#include "lif/probe.hpp"
#include "support/backends.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

struct Arrival {
    double ms;
    double nS;  ///< negative: inhibitory
};

/// Classical Runge-Kutta, step 1 us; arrivals on its grid.
double integrated(LifParameters const& p, std::vector<Arrival> const& arrivals, double end_ms) {
    double const h = 0.001, C = p.C_m_pF[0];
    auto const conductance = [&](double t, double sign) {
        double const tau = sign > 0 ? p.tau_syn_ex_ms[0] : p.tau_syn_in_ms[0];
        double g = 0;
        for (auto const& a : arrivals)
            if (a.nS * sign > 0 && t >= a.ms) g += std::abs(a.nS) * std::exp(-(t - a.ms) / tau);
        return g;
    };
    // Inside a step no spike arrives: conductances are taken as they run from its beginning.
    double v = p.E_L_mV[0];
    for (std::int64_t k = 0; k < std::llround(end_ms / h); ++k) {
        double const t = (static_cast<double>(k) + 1e-6) * h;
        double const ex = conductance(t, 1), in = conductance(t, -1);
        auto const slope = [&](double s, double u) {
            return (-(C / p.tau_m_ms[0]) * (u - p.E_L_mV[0]) - ex * std::exp(-s / p.tau_syn_ex_ms[0]) * (u - p.E_ex_mV[0]) -
                    in * std::exp(-s / p.tau_syn_in_ms[0]) * (u - p.E_in_mV[0]) + p.I_e_pA[0]) /
                   C;
        };
        double const k1 = slope(0, v), k2 = slope(h / 2, v + h / 2 * k1), k3 = slope(h / 2, v + h / 2 * k2), k4 = slope(h, v + h * k3);
        v += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    return v;
}

LifParameters const coba{.synapse = Synapse::conductance,
                         .C_m_pF = 200.0,
                         .tau_m_ms = 20.0,
                         .E_L_mV = -60.0,
                         .v_threshold_mV = 1000.0,
                         .v_reset_mV = -60.0,
                         .tau_syn_ex_ms = 5.0,
                         .tau_syn_in_ms = 10.0,
                         .I_e_pA = 100.0,
                         .E_ex_mV = 0.0,
                         .E_in_mV = -80.0};

class Conductance : public OnEveryBackend {
protected:
    /// The voltage at `end_ms`; every arrival comes from a source of its own.
    [[nodiscard]] double simulated(NetworkOptions options, LifParameters const& p, std::vector<Arrival> const& arrivals,
                                   double end_ms) const {
        return record(context(), options, 1, p, end_ms,
                      [&](Network& network, Population target) {
                          for (auto const& a : arrivals) send(network, target, {a.ms - 0.4}, a.nS, 0.4);
                      })
            .v()
            .back();
    }
};
CA3_ON_EVERY_BACKEND(Conductance);

// The error is c h^2 + O(h^3): it falls to a quarter with half the step, to within the next order, of h / tau_syn.
TEST_P(Conductance, ErrorFallsWithTheSquareOfTheStep) {
    std::vector<Arrival> const arrivals{{1.2, 6.0}, {2.0, -67.0}, {3.6, 12.0}, {4.0, 3.0}};
    double const exact = integrated(coba, arrivals, 8.0);
    double previous = 0;
    for (double const h : {0.4, 0.2, 0.1, 0.05}) {
        double const error = simulated({.step_ms = h, .precision = Precision::f64}, coba, arrivals, 8.0) - exact;
        if (h < 0.4) {
            EXPECT_NEAR(previous / error, 4.0, 0.4) << "step " << h;
        }
        previous = error;
    }
    EXPECT_LT(std::abs(previous), 1e-4);
    // Single precision: a step's rounding is some 4 units roundoff of 60 mV, and the membrane forgets within 100 steps.
    EXPECT_NEAR(simulated({.step_ms = 0.1}, coba, arrivals, 8.0),
                simulated({.step_ms = 0.1, .precision = Precision::f64}, coba, arrivals, 8.0), 4 * 100 * 0x1p-24 * 60);
}

TEST_P(Conductance, ConstantConductanceIsExact) {
    auto p = coba;
    p.tau_syn_ex_ms = 1e13;
    p.tau_syn_in_ms = 2e13;
    double const g_L = 10, ex = 4, in = 8, total = g_L + ex + in;
    double const final = (g_L * -60.0 + ex * 0.0 + in * -80.0 + 100.0) / total, start = -60.0 + 100.0 / g_L * -std::expm1(-1.2 / 20.0);
    for (double const h : {0.1, 0.4}) {
        double const v = simulated({.step_ms = h, .precision = Precision::f64}, p, {{1.2, ex}, {1.2, -in}}, 10.0);
        // Conductances lose 10 / 1e13 of themselves; their effect is at most 80 mV of that.
        EXPECT_NEAR(v, final + (start - final) * std::exp(-(10.0 - 1.2) * total / 200.0), 1e-10) << "step " << h;
    }
}

// However strong, conductances pull the voltage towards their reversal potentials and not beyond.
TEST_P(Conductance, VoltageStaysBetweenTheReversalPotentials) {
    auto p = coba;
    p.I_e_pA = 0.0;
    for (auto const precision : precisions)
        for (double const nS : {1e2, 1e4, 1e6}) {
            NetworkOptions const options{.precision = precision};
            double const up = simulated(options, p, {{1.2, nS}}, 2.0), down = simulated(options, p, {{1.2, -nS}}, 2.0);
            EXPECT_GT(up, -60.0);
            EXPECT_LE(up, 0.0);
            EXPECT_LT(down, -60.0);
            EXPECT_GE(down, -80.0);
            EXPECT_NEAR(up, 0.0, 6e3 / nS) << "the leak of 10 nS pulls by 60 mV";
            EXPECT_NEAR(down, -80.0, 2e3 / nS);
        }
}

// g(t) = sum of w exp(-(t - t_arrival) / tau); both are positive numbers of nS.
TEST_P(Conductance, ConductancesAreRecordedInNanosiemens) {
    for (auto const precision : precisions)
        for (double const nS : {8.0, -32.0}) {
            auto const recorded = [&](Variable variable) {
                return record(
                           context(), {.precision = precision}, 1, coba, 6.0,
                           [&](Network& network, Population target) {
                               send(network, target, {1.0, 1.2}, nS, 0.5);
                           },
                           variable)
                    .v();
            };
            auto const g = recorded(nS > 0 ? Variable::excitatory : Variable::inhibitory);
            auto const other = recorded(nS > 0 ? Variable::inhibitory : Variable::excitatory);
            for (std::size_t k = 0; k < g.size(); ++k) {
                double const t = static_cast<double>(k + 1) * 0.1;
                double expected = 0;
                for (double const arrival : {1.5, 1.7})
                    if (t > arrival - 0.05) expected += std::abs(nS) * std::exp(-(t - arrival) / (nS > 0 ? 5.0 : 10.0));
                ASSERT_NEAR(g[k], expected, 200 * unit_roundoff(precision) * std::abs(nS)) << "at " << t;
                ASSERT_EQ(other[k], 0.0);
            }
        }
}

}  // namespace
}  // namespace ca3::test
