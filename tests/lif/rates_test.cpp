// Neurons in Poisson noise against theory.
#include "lif/probe.hpp"
#include "support/backends.hpp"

#include <gtest/gtest.h>
#include <Eigen/Dense>

#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

/// A neuron in white noise: tau dV/dt = -V + mu + sigma sqrt(tau) xi, V between threshold and reset (mV above rest).
struct NoisyNeuron {
    double tau = 10, t_ref = 2, threshold = 15, reset = 0, mu = 15, sigma = std::sqrt(1.5);
};

/// exp(x^2) (1 + erf(x)). For large negative x the product of something huge and something tiny: there its asymptotic series
/// exp(y^2) erfc(y) = (1 - 1 / (2 y^2) + 3 / (4 y^4) - 15 / (8 y^6) + ...) / (sqrt(pi) y), y = -x, whose next term is below 1e-8 from 20
/// on.
double siegert_integrand(double x) {
    if (x > -20) return std::exp(x * x) * std::erfc(-x);
    double const s = 1 / (2 * x * x);
    return (1 - s * (1 - 3 * s * (1 - 5 * s))) / (-x * std::sqrt(std::numbers::pi));
}

/// Siegert 1951: 1 / rate = t_ref + tau sqrt(pi) integral over (V_r - mu) / sigma ... (V_th - mu) / sigma of exp(x^2) (1 + erf(x)).
double siegert_rate_hz(NoisyNeuron const& p) {
    double const from = (p.reset - p.mu) / p.sigma, to = (p.threshold - p.mu) / p.sigma;
    int const n = 20000;
    double const dx = (to - from) / n;
    double sum = 0;
    for (int k = 0; k <= n; ++k) {  // Simpson's rule
        double const x = from + k * dx;
        sum += siegert_integrand(x) * (k == 0 || k == n ? 1 : k % 2 == 1 ? 4 : 2);
    }
    return 1e3 / (p.t_ref + p.tau * std::sqrt(std::numbers::pi) * sum * dx / 3);
}

/// The rate of the same neuron that is watched only at the steps: V goes to V kept + drift + spread z, z normal. The mean number of steps
/// until the threshold is passed solves T(v) = 1 + integral over v' < V_th of p(v' | v) T(v'): Gauss-Legendre in panels one `spread` wide.
double rate_on_the_grid_hz(NoisyNeuron const& p, double h) {
    double const kept = std::exp(-h / p.tau), drift = p.mu * (1 - kept), spread = p.sigma * std::sqrt((1 - kept * kept) / 2);
    double const lowest = p.reset - 12 * spread;  // against the drift, reached with probability exp(-2 drift 12 / spread) at most
    double const nodes[] = {-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526};
    double const weights[] = {0.3478548451374538, 0.6521451548625461, 0.6521451548625461, 0.3478548451374538};
    auto const panels = static_cast<int>(std::ceil((p.threshold - lowest) / spread));
    double const width = (p.threshold - lowest) / panels;
    int const n = 4 * panels;
    Eigen::VectorXd v(n), dv(n);
    for (int k = 0; k < n; ++k) {
        v[k] = lowest + (k / 4 + 0.5 + 0.5 * nodes[k % 4]) * width;
        dv[k] = 0.5 * weights[k % 4] * width;
    }
    auto const density = [&](double to, double from) {
        double const z = (to - from * kept - drift) / spread;
        return std::exp(-0.5 * z * z) / (spread * std::sqrt(2 * std::numbers::pi));
    };
    Eigen::MatrixXd equations = Eigen::MatrixXd::Identity(n, n);
    for (int i = 0; i < n; ++i)
        for (int j = 0; j < n; ++j) equations(i, j) -= dv[j] * density(v[j], v[i]);
    Eigen::VectorXd const steps = equations.partialPivLu().solve(Eigen::VectorXd::Ones(n));
    double from_reset = 1;
    for (int j = 0; j < n; ++j) from_reset += dv[j] * density(v[j], p.reset) * steps[j];
    return 1e3 / (p.t_ref + h * from_reset);
}

// NEST's test_siegert_neuron: mu = 15, sigma = sqrt(1.5).
TEST(Siegert, FormulaGivesThePublishedRate) {
    EXPECT_NEAR(siegert_rate_hz({}), 27.1095934379, 5e-11);
}

// exp(x^2) (1 + erf(x)) is (1 - 1 / (2 x^2)) / (sqrt(pi) |x|) for large negative x, here |x| > 10: within 0.5 % of the integral.
TEST(Siegert, WithLittleNoiseTheTimeIsThatOfCharging) {
    NoisyNeuron const p{.mu = 22.5, .sigma = 0.75};
    double const charging = p.tau * std::log(p.mu / (p.mu - p.threshold));
    EXPECT_NEAR(1e3 / siegert_rate_hz(p), p.t_ref + charging, 0.005 * charging);
}

// Between two steps the threshold may be passed and left again unseen: it appears higher by 0.5826 = -zeta(1/2) / sqrt(2 pi) standard
// deviations of a step (Chernoff 1965), up to terms of order h, of which this test finds less than 0.3 Hz per ms of step.
TEST(Siegert, GridIsAShiftOfTheThreshold) {
    for (double const h : {0.1, 0.05, 0.02}) {
        NoisyNeuron shifted;
        shifted.threshold += 0.5825971579390107 * shifted.sigma * std::sqrt((1 - std::exp(-2 * h / shifted.tau)) / 2);
        EXPECT_NEAR(rate_on_the_grid_hz({}, h), siegert_rate_hz(shifted), 0.3 * h) << "step " << h;
    }
}

class Rates : public OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Rates);

// Delta neurons with an excitatory and an inhibitory Poisson input of J = 1/128 mV, 240 spikes a step: the sum is normal but for a skewness
// of 0.005. V -> V kept + J (n_ex - n_in) has the stationary mean J (l_ex - l_in) / (1 - kept) and variance J^2 (l_ex + l_in) / (1 -
// kept^2).
TEST_P(Rates, NoiseDrivenRateIsSiegerts) {
    double const h = 0.1, J = 1.0 / 128.0;
    std::int64_t const n = 500;
    NoisyNeuron const p;
    double const kept = std::exp(-h / p.tau);
    double const difference = p.mu * (1 - kept) / J, sum = p.sigma * p.sigma / 2 * (1 - kept * kept) / (J * J);
    double const expected = rate_on_the_grid_hz(p, h);
    for (auto const precision : precisions) {
        Network network(context(), {.step_ms = h, .seed = 3, .precision = precision});
        auto const neurons =
            network.add_population("neurons", n, LifParameters{.synapse = Synapse::delta}, Distribution::uniform(-70.0, -55.0));
        network.add_poisson(neurons, {.rate_hz = (sum + difference) / 2 / h * 1e3, .weight = J});
        network.add_poisson(neurons, {.rate_hz = (sum - difference) / 2 / h * 1e3, .weight = -J});
        network.run(100.0);
        network.reset_spike_counts();
        auto const recorder = network.record_spikes(neurons);
        network.run(600.0);
        auto const train = network.spikes(recorder);
        // A renewal process of n spikes has a relative error of CV / sqrt(n).
        double const cv = mean_cv_isi(train, n);
        EXPECT_GT(cv, 0.2);
        EXPECT_LT(cv, 1.0);
        double const error = 5 * cv / std::sqrt(static_cast<double>(train.steps.size()));
        EXPECT_LT(error, 0.03);
        EXPECT_NEAR(network.rate_hz(neurons), expected, error * expected) << to_string(precision);
        EXPECT_NEAR(network.rate_hz(neurons), static_cast<double>(train.steps.size()) / (0.6 * static_cast<double>(n)), 1e-9);
    }
}

// NEST's test_poisson_generator_campbell_alpha: the mean of V is rate times the area of a potential, tau_m / C J e tau_syn = 20 mV; its
// standard deviation of 0.37 mV makes 0.012 mV for the mean of 1000 neurons.
TEST_P(Rates, MeanPotentialOfPoissonInputIsCampbells) {
    double const tau = 5, tau_s = 0.5, J = 0.01, target = 20;
    for (auto const precision : precisions) {
        Network network(context(), {.seed = 9, .precision = precision});
        auto const neurons = network.add_population(
            "neurons", 1000,
            LifParameters{
                .synapse = Synapse::alpha, .C_m_pF = 1.0, .tau_m_ms = tau, .E_L_mV = 0.0, .v_threshold_mV = 999.0, .tau_syn_ex_ms = tau_s});
        network.add_poisson(neurons, {.rate_hz = 1e3 * target / (J * tau * std::numbers::e * tau_s), .weight = J});
        network.run(200.0);
        auto const v = network.voltages_mV(neurons);
        double const mean = std::accumulate(v.begin(), v.end(), 0.0) / 1000;
        EXPECT_NEAR(mean, target, 0.05) << to_string(precision);
        // Campbell's second theorem: variance = rate integral of the squared potential, sampled every 0.1 ms. Of 1000 neurons the variance
        // is known to sqrt(2 / 1000) = 4.5 %.
        double const b = 1 / tau_s - 1 / tau;
        double square = 0;
        for (int k = 1; k < 1000; ++k) {
            double const t = 0.1 * k;
            double const psp =
                J * std::numbers::e / tau_s * ((std::exp(-t / tau) - std::exp(-t / tau_s)) / (b * b) - t * std::exp(-t / tau_s) / b);
            square += psp * psp * 0.1;
        }
        double variance = 0;
        for (double const x : v) variance += (x - mean) * (x - mean) / 999;
        double const expected = target / (J * tau * std::numbers::e * tau_s) * square;
        EXPECT_NEAR(variance, expected, 5 * 0.045 * expected) << to_string(precision);
    }
}

// ---- variability of intervals --------------------------------------------------------------------------------------------

TEST(MeanCv, IsThatOfTheDefinition) {
    SpikeTrain const train{{5, 10, 10, 15, 20, 35, 40, 60, 70}, {0, 1, 2, 0, 1, 0, 2, 1, 0}};
    // Neuron 0 at 5, 15, 35, 70; neuron 1 at 10, 20, 60; neuron 2 has two spikes and is left out; neuron 3 has none.
    auto const cv = [](std::vector<double> const& intervals) {
        double const mean = std::accumulate(intervals.begin(), intervals.end(), 0.0) / static_cast<double>(intervals.size());
        double square = 0;
        for (double const x : intervals) square += (x - mean) * (x - mean);
        return std::sqrt(square / static_cast<double>(intervals.size())) / mean;
    };
    EXPECT_NEAR(mean_cv_isi(train, 4), (cv({10, 20, 35}) + cv({10, 40})) / 2, 1e-14);
}

TEST(MeanCv, OfRegularTrainsIs0AndOfNoneNaN) {
    EXPECT_EQ(mean_cv_isi({{10, 20, 30, 40}, {0, 0, 0, 0}}, 1), 0.0);
    EXPECT_TRUE(std::isnan(mean_cv_isi({}, 5)));
    EXPECT_TRUE(std::isnan(mean_cv_isi({}, 0)));
    EXPECT_TRUE(std::isnan(mean_cv_isi({{1, 5}, {0, 0}}, 1)));
}

}  // namespace
}  // namespace ca3::test
