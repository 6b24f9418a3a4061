#include "autoencoder/cpu_rows.hpp"

#include "core/elementary.hpp"
#include "core/philox.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace ca3::autoencoder::cpu {
namespace {

using Kind = Activation::Kind;

/// z_u - max and ln sum exp(z_u - max)
struct Shifted {
    float most = 0.0f;
    float log_sum = 0.0f;
};

Shifted shifted(std::int64_t n, float const* z) {
    Shifted result;
    // NaN must not get lost: it wins over every number.
    result.most = z[0];
    for (std::int64_t u = 1; u < n; ++u)
        if (!(z[u] <= result.most)) result.most = z[u];
    double sum = 0.0;
    for (std::int64_t u = 0; u < n; ++u) sum += exponential(static_cast<double>(z[u] - result.most));
    result.log_sum = std::isfinite(sum) ? static_cast<float>(logarithm(sum)) : static_cast<float>(sum);
    return result;
}

float norm_of(std::int64_t n, float const* z) {
    double sum = 0.0;
    for (std::int64_t u = 0; u < n; ++u) sum += static_cast<double>(z[u]) * static_cast<double>(z[u]);
    return static_cast<float>(std::sqrt(sum));
}

}  // namespace

// Whole panels are copied by a size that the compiler knows.

void gather_row(float const* matrix, std::int64_t between, std::int64_t r, std::int64_t n, float* row) {
    std::int64_t const whole = n / panel;
    for (std::int64_t p = 0; p < whole; ++p) std::memcpy(row + p * panel, matrix + p * between + r * panel, panel * sizeof(float));
    if (n > whole * panel) std::copy_n(matrix + whole * between + r * panel, n - whole * panel, row + whole * panel);
}

void scatter_row(float const* row, std::int64_t n, float* matrix, std::int64_t between, std::int64_t r) {
    std::int64_t const whole = n / panel;
    for (std::int64_t p = 0; p < whole; ++p) std::memcpy(matrix + p * between + r * panel, row + p * panel, panel * sizeof(float));
    if (n > whole * panel) std::copy_n(row + whole * panel, n - whole * panel, matrix + whole * between + r * panel);
}

void activate_row(Activation::Kind kind, std::int64_t n, float const* z, float* y) {
    if (kind == Kind::unit_sphere) {
        float const norm = norm_of(n, z);
        float const divisor = norm < least_norm ? least_norm : norm;
        for (std::int64_t u = 0; u < n; ++u) y[u] = z[u] / divisor;
        return;
    }
    Shifted const s = shifted(n, z);
    for (std::int64_t u = 0; u < n; ++u) {
        float const log = (z[u] - s.most) - s.log_sum;
        y[u] = kind == Kind::softmax ? static_cast<float>(exponential(static_cast<double>(log))) : log;
    }
}

void differentiate_row(Activation::Kind kind, std::int64_t n, float const* z, float const* y, float const* g, float* gz) {
    double sum = 0.0;
    if (kind == Kind::log_softmax) {
        for (std::int64_t u = 0; u < n; ++u) sum += static_cast<double>(g[u]);
        for (std::int64_t u = 0; u < n; ++u) gz[u] = g[u] - static_cast<float>(exponential(static_cast<double>(y[u])) * sum);
        return;
    }
    for (std::int64_t u = 0; u < n; ++u) sum += static_cast<double>(g[u]) * static_cast<double>(y[u]);
    auto const along = static_cast<float>(sum);
    if (kind == Kind::softmax) {
        for (std::int64_t u = 0; u < n; ++u) gz[u] = y[u] * (g[u] - along);
        return;
    }
    float const norm = norm_of(n, z);
    bool const small = !(norm > least_norm);
    for (std::int64_t u = 0; u < n; ++u) gz[u] = (small ? g[u] : g[u] - y[u] * along) / (small ? least_norm : norm);
}

void project_rows(std::int64_t first, std::int64_t last, std::int64_t n, std::int64_t between, float const* activated, float* active) {
    std::vector<float> a(static_cast<std::size_t>(n)), y(a.size());
    for (std::int64_t r = first; r < last; ++r) {
        gather_row(activated, between, r, n, a.data());
        activate_row(Kind::unit_sphere, n, a.data(), y.data());
        scatter_row(y.data(), n, active, between, r);
    }
}

void differentiate_projected_rows(std::int64_t first, std::int64_t last, std::int64_t n, std::int64_t between, float const* activated,
                                  float const* active, float* gradient) {
    std::vector<float> a(static_cast<std::size_t>(n)), y(a.size()), g(a.size());
    for (std::int64_t r = first; r < last; ++r) {
        gather_row(activated, between, r, n, a.data());
        gather_row(active, between, r, n, y.data());
        gather_row(gradient, between, r, n, g.data());
        differentiate_row(Kind::unit_sphere, n, a.data(), y.data(), g.data(), g.data());
        scatter_row(g.data(), n, gradient, between, r);
    }
}

void sample_row(LatentDraw const& draw, std::int64_t row, std::int64_t n, float const* z, float* noise, float* y) {
    for (std::int64_t u = 0; u < n; ++u) {
        auto const index = static_cast<std::uint64_t>(row * n + u);
        noise[u] = static_cast<float>(normal_quantile(random::draw(draw.seed, random::Purpose::latent, draw.layer, draw.step, index)));
        y[u] = static_cast<float>(static_cast<double>(z[u]) +
                                  static_cast<double>(noise[u]) * exponential(0.5 * static_cast<double>(z[n + u])));
    }
}

void differentiate_sample_row(std::int64_t n, float const* z, float const* noise, float share, float const* g, float* gz) {
    for (std::int64_t u = 0; u < n; ++u) {
        double const sigma = exponential(0.5 * static_cast<double>(z[n + u]));
        double const sampled = noise != nullptr ? static_cast<double>(g[u]) * static_cast<double>(noise[u]) * sigma * 0.5 : 0.0;
        gz[n + u] = static_cast<float>(sampled + static_cast<double>(share) * (sigma * sigma - 1.0) * 0.5);
        gz[u] = g[u] + share * z[u];
    }
}

double divergence_of_row(std::int64_t n, float const* z) {
    double sum = 0.0;
    for (std::int64_t u = 0; u < n; ++u) {
        auto const mu = static_cast<double>(z[u]), log = static_cast<double>(z[n + u]);
        sum += 0.5 * (exponential(log) + mu * mu - log - 1.0);
    }
    return sum;
}

double class_loss_row(Loss loss, std::int64_t n, std::int64_t c, float share, float const* x, float* g) {
    if (loss == Loss::nll) {
        std::fill_n(g, n, 0.0f);
        g[c] = -share;
        return -static_cast<double>(x[c]);
    }
    Shifted const s = shifted(n, x);
    for (std::int64_t u = 0; u < n; ++u) g[u] = share * static_cast<float>(exponential(static_cast<double>((x[u] - s.most) - s.log_sum)));
    g[c] -= share;
    return -static_cast<double>((x[c] - s.most) - s.log_sum);
}

double probability_loss_row(std::int64_t n, float share, float const* x, float const* t, float* g) {
    Shifted const s = shifted(n, x);
    double total = 0.0, loss = 0.0;
    for (std::int64_t u = 0; u < n; ++u) total += static_cast<double>(t[u]);
    for (std::int64_t u = 0; u < n; ++u) {
        auto const log = static_cast<double>((x[u] - s.most) - s.log_sum);
        loss -= static_cast<double>(t[u]) * log;
        g[u] = share * static_cast<float>(exponential(log) * total - static_cast<double>(t[u]));
    }
    return loss;
}

}  // namespace ca3::autoencoder::cpu
