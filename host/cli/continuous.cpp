#include "continuous.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <cmath>

namespace ca3::cli {
namespace {

std::vector<double> multiply(std::vector<double> const& w, std::vector<double> const& x) {
    std::size_t const d = x.size();
    std::vector<double> out(d, 0.0);
    for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < d; ++j) out[i] += w[i * d + j] * x[j];
    return out;
}

/// Norm of W v after many steps of the power method from v; 1 for a zero matrix.
double largest_eigenvalue(std::vector<double> const& w, std::vector<double> v) {
    double norm = 0.0;
    for (int step = 0; step < 50; ++step) {
        double length = 0.0;
        for (double const x : v) length += x * x;
        for (double& x : v) x /= std::sqrt(length);
        v = multiply(w, v);
        norm = 0.0;
        for (double const x : v) norm += x * x;
        norm = std::sqrt(norm);
        if (!(norm > 0.0)) return 1.0;
    }
    return norm;
}

}  // namespace

Trajectory integrate(hopfield::Memory const& memory, SignArray const& patterns, SignArray const& cues, EulerOptions const& o) {
    double const steps = std::ceil(o.time / o.dt - 1e-9);
    if (!(steps <= 1e7)) throw InvalidArgument("--time / --dt: at most 10,000,000 steps");
    auto const d = static_cast<std::size_t>(patterns.cols);
    std::vector<double> w = memory.weights(), b = memory.bias(), x(d);
    b.resize(d, 0.0);
    for (std::size_t i = 0; i < d; ++i) x[i] = o.amplitude * cues.values[i];
    double const scale = largest_eigenvalue(w, x);

    Trajectory out;
    auto record = [&](double time) {
        out.time.push_back(time);
        auto& m = out.overlap.emplace_back(static_cast<std::size_t>(patterns.rows), 0.0);
        for (std::size_t mu = 0; mu < m.size(); ++mu)
            for (std::size_t i = 0; i < d; ++i) m[mu] += patterns.values[mu * d + i] * x[i] / static_cast<double>(d);
    };
    record(0.0);
    for (std::int64_t step = 1; step <= static_cast<std::int64_t>(steps); ++step) {
        auto const field = multiply(w, x);
        for (std::size_t i = 0; i < d; ++i) x[i] = std::clamp(x[i] + o.dt * o.kappa * (field[i] + b[i]) / scale, -1.0, 1.0);
        record(static_cast<double>(step) * o.dt);
    }
    for (std::size_t i = 0; i < d; ++i) out.final_errors += (x[i] > 0) != (patterns.values[i] > 0) ? 1 : 0;
    return out;
}

}  // namespace ca3::cli
