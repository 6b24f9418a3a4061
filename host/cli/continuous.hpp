#pragma once

#include "sign_array.hpp"

#include <ca3/hopfield.hpp>

#include <vector>

namespace ca3::cli {

struct EulerOptions {
    double kappa = 1.0;
    double dt = 0.01;
    double time = 10.0;
    double amplitude = 0.1;  ///< x(0) = amplitude * cue
};

struct Trajectory {
    std::vector<double> time;
    std::vector<std::vector<double>> overlap;  ///< at each time with every pattern, x . pattern / d
    std::int64_t final_errors = 0;             ///< signs of the last x that differ from pattern 0
};

/// dx/dt = kappa (W x + b) by Euler's method from the first cue, each x_i kept within [-1, 1] (the linear system alone grows without bound;
/// with the bound it is the brain state in a box of Anderson et al. 1977). W and b are divided by the largest eigenvalue of W,
/// so that times compare between rules.
/// @throws InvalidArgument for memories without weights (the dense associative rules), more than 10^7 steps
[[nodiscard]] Trajectory integrate(hopfield::Memory const&, SignArray const& patterns, SignArray const& cues, EulerOptions const&);

}  // namespace ca3::cli
