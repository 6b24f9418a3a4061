#pragma once

#include <ca3/lif/neuron.hpp>

#include "lif/neuron_step.hpp"

namespace ca3::lif {

/// Propagators of one neuron over a step of `step_ms`, all in f64 and rounded to Real at the end. `neuron` picks the values that differ
/// between neurons. @param unit of the weight grid
template <class Real>
[[nodiscard]] Coefficients<Real> make_coefficients(LifParameters const&, std::int64_t neuron, double step_ms, double unit);
template <class Real>
[[nodiscard]] Coefficients<Real> make_coefficients(HodgkinHuxleyParameters const&, double step_ms, double unit);

/// Steady state of m, h and n at a voltage.
struct Gates {
    double m, h, n;
};
[[nodiscard]] Gates steady_gates(double v_mV);

}  // namespace ca3::lif
