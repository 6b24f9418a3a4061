#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

/// Spiking populations: leaky integrate-and-fire neurons, Hodgkin-Huxley neurons, and sources of spikes. Times in ms, voltages in mV,
/// currents in pA, conductances in nS, capacitances in pF, rates in spikes per second.
namespace ca3::lif {

/// A value that all neurons share, or one for each.
class Value {
public:
    Value(double shared = 0.0) : values_{shared} {}
    Value(std::vector<double> each) : values_(std::move(each)), shared_(false) {}

    [[nodiscard]] bool is_shared() const noexcept { return shared_; }
    /// One value when shared.
    [[nodiscard]] std::vector<double> const& values() const noexcept { return values_; }
    [[nodiscard]] double operator[](std::int64_t neuron) const { return values_[shared_ ? 0 : static_cast<std::size_t>(neuron)]; }

private:
    std::vector<double> values_;
    bool shared_ = true;
};

/// A number for each neuron or synapse. Random ones are quantiles of one 32-bit uniform number, by polynomials that are the same on every
/// machine. A truncated distribution is that of "draw again until it lies inside".
struct Distribution {
    enum class Kind : std::uint8_t { constant, normal, uniform, lognormal, given };

    Kind kind = Kind::constant;
    double a = 0.0;  ///< the constant; the mean; the lower end; the mean of the logarithm
    double b = 0.0;  ///< the standard deviation; the upper end; the standard deviation of the logarithm
    double low;      ///< nothing below it is drawn
    double high;     ///< nor above
    std::vector<double> given_values{};

    Distribution(double value = 0.0);
    [[nodiscard]] static Distribution normal(double mean, double sd);
    [[nodiscard]] static Distribution normal(double mean, double sd, double low, double high);
    [[nodiscard]] static Distribution uniform(double low, double high);
    /// exp of a normal variable. @param mu, sigma of the logarithm
    [[nodiscard]] static Distribution lognormal(double mu, double sigma);
    /// One for each, in the order that the user of the distribution defines.
    [[nodiscard]] static Distribution given(std::vector<double> values);
};

enum class Synapse : std::uint8_t {
    delta,        ///< a spike adds its weight (mV) to the voltage
    exponential,  ///< a spike adds its weight (pA) to a current that decays
    alpha,        ///< a spike starts a current of the form t exp(-t / tau) whose peak is its weight (pA)
    conductance,  ///< a spike adds its weight (nS) to a conductance that decays
};

enum class Integration : std::uint8_t {
    exact,          ///< propagators: exact on the grid (Rotter and Diesmann 1999)
    forward_euler,  ///< for teaching: the propagators replaced by their first order in the step
};

[[nodiscard]] std::string_view to_string(Synapse) noexcept;
[[nodiscard]] std::string_view to_string(Integration) noexcept;

/// C dV/dt = -(C / tau_m) (V - E_L) + I_ex + I_in + I_e. When V >= threshold at the end of a step the neuron spikes, and its voltage is
/// held at the reset for the refractory time. Positive weights go to the excitatory current, negative ones to the inhibitory. The defaults
/// and the order of a step are those of NEST's iaf_psc_delta, iaf_psc_exp and iaf_psc_alpha: V from the V and I before, then I decays, then
/// what arrives at the end of the step is added, then the threshold is tested; a spike carries the time of the end of its step.
///
/// With Synapse::conductance, C dV/dt = -(C / tau_m) (V - E_L) - g_ex (V - E_ex) - g_in (V - E_in) + I_e; a step takes the mean of the
/// conductances over it, for which it is exact (second order in the step).
struct LifParameters {
    Synapse synapse = Synapse::exponential;
    Integration integration = Integration::exact;
    Value C_m_pF = 250.0;
    Value tau_m_ms = 10.0;
    Value E_L_mV = -70.0;
    Value v_threshold_mV = -55.0;
    Value v_reset_mV = -70.0;
    Value refractory_ms = 2.0;  ///< rounded to steps
    Value tau_syn_ex_ms = 2.0;  ///< time constants of the currents or conductances; delta ignores them
    Value tau_syn_in_ms = 2.0;
    Value I_e_pA = 0.0;
    Value E_ex_mV = 0.0;    ///< conductance only
    Value E_in_mV = -85.0;  ///< conductance only
};

/// The LIF neuron in normal form, tau_m dv/dt = v_in - v with threshold 1 and reset 0: the parameters with C_m = tau_m, so that currents
/// are voltages. Without input v goes to `v_in`.
[[nodiscard]] LifParameters normal_form(double tau_m_ms, double refractory_ms, double v_in = 0.0);

/// Hodgkin and Huxley (J. Physiol. 117, 1952, 500): the squid's giant axon, in the modern sign convention (rest at -65 mV), fourth-order
/// Runge-Kutta. Synaptic currents are exponential. A spike is a rise of the voltage through `v_threshold_mV`.
/// Per area: a neuron of 1 uF/cm2 with C_m = 1e6 pF stands for 1 cm2, so that currents of 1 uA/cm2 are 1e6 pA.
struct HodgkinHuxleyParameters {
    double C_m_pF = 100.0;  ///< 1 uF/cm2 on 1e-4 cm2
    double g_Na_nS = 12000.0;
    double g_K_nS = 3600.0;
    double g_L_nS = 30.0;
    double E_Na_mV = 50.0;
    double E_K_mV = -77.0;
    double E_L_mV = -54.387;
    double v_threshold_mV = 0.0;
    double tau_syn_ex_ms = 2.0;
    double tau_syn_in_ms = 2.0;
    double I_e_pA = 0.0;
};

}  // namespace ca3::lif
