#pragma once

#include "core/elementary.hpp"
#include "core/host_device.hpp"

#include <cstdint>

/// What a neuron is made of, for all backends. Voltages are relative to the resting potential E_L (absolute for Hodgkin-Huxley).
namespace ca3::lif {

enum class Kind : std::uint8_t {
    delta,
    exponential,      ///< excitatory and inhibitory current
    exponential_one,  ///< one current, where both time constants are equal
    alpha,
    alpha_one,
    conductance,
    hodgkin_huxley,
    spike_source,
    poisson_source,
};

[[nodiscard]] CA3_HOST_DEVICE constexpr bool is_source(Kind kind) {
    return kind == Kind::spike_source || kind == Kind::poisson_source;
}
/// Accumulators of a neuron: one, or one for positive and one for negative weights.
[[nodiscard]] CA3_HOST_DEVICE constexpr int channels_of(Kind kind) {
    switch (kind) {
        case Kind::delta:
        case Kind::exponential_one:
        case Kind::alpha_one:
            return 1;
        case Kind::exponential:
        case Kind::alpha:
        case Kind::conductance:
        case Kind::hodgkin_huxley:
            return 2;
        case Kind::spike_source:
        case Kind::poisson_source:
            break;
    }
    return 0;
}

/// State beside the voltage: currents (ex, in), for alpha each followed by its derivative's part (ex, d ex, in, d in); conductances;
/// for Hodgkin-Huxley the currents, then m, h, n.
inline constexpr int most_variables = 5;
[[nodiscard]] CA3_HOST_DEVICE constexpr int variables_of(Kind kind) {
    switch (kind) {
        case Kind::exponential_one:
            return 1;
        case Kind::exponential:
        case Kind::alpha_one:
        case Kind::conductance:
            return 2;
        case Kind::alpha:
            return 4;
        case Kind::hodgkin_huxley:
            return 5;
        case Kind::delta:
        case Kind::spike_source:
        case Kind::poisson_source:
            break;
    }
    return 0;
}

/// What a step multiplies with; made once, in f64, by coefficients.cpp.
/// @tparam Steps counts steps; with Real a vector of numbers it is one of integers
template <class Real, class Steps = std::int32_t>
struct Coefficients {
    Real v_from_v{};
    Real v_from_current{};  ///< mV per pA of current that is constant over the step
    Real drive{};           ///< v_from_current I_e
    Real threshold{};
    Real reset{};
    Real input[2]{};         ///< one unit of the weight grid, as what a spike adds to
    Real decay[2]{};         ///< of a current or conductance over a step
    Real v_from_i[2]{};      ///< exponential, alpha
    Real v_from_di[2]{};     ///< alpha
    Real i_from_di[2]{};     ///< alpha
    Real mean_of_step[2]{};  ///< conductance: its mean over a step, as a share of that at the start
    Real reversal[2]{};      ///< conductance, relative to E_L
    Real leak{};             ///< conductance: C / tau_m
    Real I_e{};              ///< conductance, Hodgkin-Huxley
    Real step_over_C{};      ///< conductance, Hodgkin-Huxley
    Real half_decay[2]{};    ///< Hodgkin-Huxley: decay over half a step
    Real step{};             ///< Hodgkin-Huxley, ms
    Real g_Na{}, g_K{}, g_L{}, E_Na{}, E_K{}, E_L{};
    Steps refractory{};      ///< steps
    std::int32_t euler = 0;  ///< conductance: forward Euler
};

// ---- what a step is written in: numbers here, vectors of numbers with the same names in the kernels of an instruction set
// ------------------

template <class T>
CA3_HOST_DEVICE inline T select(bool condition, T yes, T no) {
    return condition ? yes : no;
}
CA3_HOST_DEVICE inline bool at_least(float a, float b) {
    return a >= b;
}
CA3_HOST_DEVICE inline bool at_least(double a, double b) {
    return a >= b;
}
CA3_HOST_DEVICE inline bool both(bool a, bool b) {
    return a && b;
}
CA3_HOST_DEVICE inline bool neither(bool a) {
    return !a;
}
CA3_HOST_DEVICE inline bool is_zero(std::int32_t n) {
    return n == 0;
}
CA3_HOST_DEVICE inline std::int32_t one_less(std::int32_t n) {
    return n > 0 ? n - 1 : 0;
}

}  // namespace ca3::lif
