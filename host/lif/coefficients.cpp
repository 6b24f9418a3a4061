#include "lif/coefficients.hpp"

#include <cmath>

namespace ca3::lif {

namespace {

/// (exp(-a) - exp(-b)) / (b - a) without cancellation, its limit exp(-a) for a = b included: exp(-a) (1 - exp(-(b - a))) / (b - a).
double exponential_difference(double a, double b) {
    double const d = b - a;
    double const ratio = std::abs(d) < 1e-9 ? 1.0 - d / 2.0 : -std::expm1(-d) / d;
    return std::exp(-a) * ratio;
}

/// (ratio of exponential_difference's derivative) integral over u in (0, 1) of u exp(-b u) exp(-a (1 - u)) =
/// exp(-a) (1 - (1 + d) exp(-d)) / d^2 with d = b - a; by its series 1/2 - d/3 + d^2/8 - d^3/30 + ... near 0, where the closed form
/// cancels.
double first_moment(double a, double b) {
    double const d = b - a;
    double value = 0.0;
    if (std::abs(d) < 0.5) {
        double term = 1.0;  // (-d)^n / n!
        for (int n = 0; n < 24; ++n) {
            value += term / (n + 2);
            term *= -d / (n + 1);
        }
    } else {
        value = (-std::expm1(-d) - d * std::exp(-d)) / (d * d);
    }
    return std::exp(-a) * value;
}

struct Channel {
    double decay, v_from_i, v_from_di, i_from_di, mean_of_step;
};

/// Linear equations over a step h (Rotter and Diesmann, Biol. Cybern. 81, 1999, 381): tau_m dV/dt = -V + I tau_m / C, tau dI/dt = -I (+ tau
/// dI).
Channel channel(double h, double tau_m, double tau, double C, Integration integration) {
    double const a = h / tau_m, b = h / tau;
    if (integration == Integration::forward_euler) {
        return {.decay = 1.0 - b, .v_from_i = h / C, .v_from_di = 0.0, .i_from_di = h, .mean_of_step = 1.0};
    }
    return {.decay = std::exp(-b),
            .v_from_i = h / C * exponential_difference(a, b),
            .v_from_di = h * h / C * first_moment(a, b),
            .i_from_di = h * std::exp(-b),
            .mean_of_step = -std::expm1(-b) / b};
}

}  // namespace

template <class Real>
Coefficients<Real> make_coefficients(LifParameters const& p, std::int64_t neuron, double step_ms, double unit) {
    double const h = step_ms, C = p.C_m_pF[neuron], tau_m = p.tau_m_ms[neuron], E_L = p.E_L_mV[neuron], I_e = p.I_e_pA[neuron];
    bool const euler = p.integration == Integration::forward_euler;
    double const v_from_current = euler ? h / C : -std::expm1(-h / tau_m) * tau_m / C;

    Coefficients<Real> c;
    c.v_from_v = static_cast<Real>(euler ? 1.0 - h / tau_m : std::exp(-h / tau_m));
    c.v_from_current = static_cast<Real>(v_from_current);
    c.drive = static_cast<Real>(v_from_current * I_e);
    c.threshold = static_cast<Real>(p.v_threshold_mV[neuron] - E_L);
    c.reset = static_cast<Real>(p.v_reset_mV[neuron] - E_L);
    c.refractory = static_cast<std::int32_t>(std::llround(p.refractory_ms[neuron] / h));
    c.euler = euler;
    c.leak = static_cast<Real>(C / tau_m);
    c.I_e = static_cast<Real>(I_e);
    c.step_over_C = static_cast<Real>(h / C);
    c.reversal[0] = static_cast<Real>(p.E_ex_mV[neuron] - E_L);
    c.reversal[1] = static_cast<Real>(p.E_in_mV[neuron] - E_L);
    double const tau[2] = {p.tau_syn_ex_ms[neuron], p.tau_syn_in_ms[neuron]};
    for (int k = 0; k < 2; ++k) {
        // The inhibitory conductance is positive, the weights that it sums are not.
        double const sign = p.synapse == Synapse::conductance && k == 1 ? -1.0 : 1.0;
        double const peak = p.synapse == Synapse::alpha ? std::exp(1.0) / tau[k] : 1.0;
        c.input[k] = static_cast<Real>(sign * peak * unit);
        if (p.synapse == Synapse::delta) continue;
        Channel const x = channel(h, tau_m, tau[k], C, p.integration);
        c.decay[k] = static_cast<Real>(x.decay);
        c.v_from_i[k] = static_cast<Real>(x.v_from_i);
        c.v_from_di[k] = static_cast<Real>(x.v_from_di);
        c.i_from_di[k] = static_cast<Real>(x.i_from_di);
        c.mean_of_step[k] = static_cast<Real>(x.mean_of_step);
    }
    return c;
}

template <class Real>
Coefficients<Real> make_coefficients(HodgkinHuxleyParameters const& p, double step_ms, double unit) {
    Coefficients<Real> c;
    c.threshold = static_cast<Real>(p.v_threshold_mV);
    c.I_e = static_cast<Real>(p.I_e_pA);
    c.step = static_cast<Real>(step_ms);
    c.step_over_C = static_cast<Real>(step_ms / p.C_m_pF);
    c.g_Na = static_cast<Real>(p.g_Na_nS);
    c.g_K = static_cast<Real>(p.g_K_nS);
    c.g_L = static_cast<Real>(p.g_L_nS);
    c.E_Na = static_cast<Real>(p.E_Na_mV);
    c.E_K = static_cast<Real>(p.E_K_mV);
    c.E_L = static_cast<Real>(p.E_L_mV);
    double const tau[2] = {p.tau_syn_ex_ms, p.tau_syn_in_ms};
    for (int k = 0; k < 2; ++k) {
        c.input[k] = static_cast<Real>(unit);
        c.decay[k] = static_cast<Real>(std::exp(-step_ms / tau[k]));
        c.half_decay[k] = static_cast<Real>(std::exp(-0.5 * step_ms / tau[k]));
    }
    return c;
}

Gates steady_gates(double v) {
    double const alpha_m = linear_over_saturation((v + 40.0) * 0.1), beta_m = 4.0 * exponential(-(v + 65.0) / 18.0);
    double const alpha_h = 0.07 * exponential(-(v + 65.0) / 20.0), beta_h = 1.0 / (1.0 + exponential(-(v + 35.0) / 10.0));
    double const alpha_n = 0.1 * linear_over_saturation((v + 55.0) * 0.1), beta_n = 0.125 * exponential(-(v + 65.0) / 80.0);
    return {alpha_m / (alpha_m + beta_m), alpha_h / (alpha_h + beta_h), alpha_n / (alpha_n + beta_n)};
}

template Coefficients<float> make_coefficients(LifParameters const&, std::int64_t, double, double);
template Coefficients<double> make_coefficients(LifParameters const&, std::int64_t, double, double);
template Coefficients<float> make_coefficients(HodgkinHuxleyParameters const&, double, double);
template Coefficients<double> make_coefficients(HodgkinHuxleyParameters const&, double, double);

}  // namespace ca3::lif
