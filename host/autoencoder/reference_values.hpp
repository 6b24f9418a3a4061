#pragma once

#include "autoencoder/engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

/// What the reference does to single values and rows, in float or double: plain loops, the standard library's functions.
namespace ca3::autoencoder::reference {

// ---- activations -----------------------------------------------------------------------------------------------------

template <class T>
[[nodiscard]] T dot(T const* a, T const* b, std::int64_t n) {
    T sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
}

/// softmax or its logarithm, shifted by the maximum
template <class T>
void exponentiate(Activation::Kind kind, T const* z, T* y, std::int64_t n) {
    T const most = *std::max_element(z, z + n);
    T sum = 0;
    for (std::int64_t u = 0; u < n; ++u) sum += std::exp(z[u] - most);
    for (std::int64_t u = 0; u < n; ++u)
        y[u] = kind == Activation::Kind::softmax ? std::exp(z[u] - most) / sum : (z[u] - most) - std::log(sum);
}

/// softmax, log_softmax, unit_sphere: y = f(z), n >= 1 values.
template <class T>
void activate_row(Activation::Kind kind, std::int64_t n, T const* z, T* y) {
    if (kind != Activation::Kind::unit_sphere) return exponentiate(kind, z, y, n);
    T const norm = std::max(std::sqrt(dot(z, z, n)), T(1e-12));
    for (std::int64_t u = 0; u < n; ++u) y[u] = z[u] / norm;
}

/// The same backwards: gz with respect to z for g with respect to y. gz may be g.
template <class T>
void differentiate_row(Activation::Kind kind, std::int64_t n, T const* z, T const* y, T const* g, T* gz) {
    switch (kind) {
        case Activation::Kind::softmax: {
            T const mean = dot(g, y, n);
            for (std::int64_t u = 0; u < n; ++u) gz[u] = y[u] * (g[u] - mean);
            break;
        }
        case Activation::Kind::log_softmax: {
            T sum = 0;
            for (std::int64_t u = 0; u < n; ++u) sum += g[u];
            for (std::int64_t u = 0; u < n; ++u) gz[u] = g[u] - std::exp(y[u]) * sum;
            break;
        }
        default: {
            T const norm = std::sqrt(dot(z, z, n));
            T const along = norm > T(1e-12) ? dot(g, y, n) : T(0);
            for (std::int64_t u = 0; u < n; ++u) gz[u] = (g[u] - y[u] * along) / std::max(norm, T(1e-12));
        }
    }
}

/// @param slope of leaky_relu and prelu
template <class T>
[[nodiscard]] T activated(Activation::Kind kind, T slope, T z) {
    using Kind = Activation::Kind;
    switch (kind) {
        case Kind::sigmoid:
            return T(1) / (T(1) + std::exp(-z));
        case Kind::tanh:
            return std::tanh(z);
        case Kind::arctan:
            return std::atan(z);
        case Kind::relu:
            return z < T(0) ? T(0) : z;  // NaN stays NaN
        case Kind::leaky_relu:
        case Kind::prelu:
            return z > T(0) ? z : slope * z;
        default:
            return z;
    }
}

/// At z, where y is the value. z is read for arctan, leaky_relu and prelu, y for the others.
template <class T>
[[nodiscard]] T derivative(Activation::Kind kind, T slope, T z, T y) {
    using Kind = Activation::Kind;
    switch (kind) {
        case Kind::sigmoid:
            return y * (T(1) - y);
        case Kind::tanh:
            return T(1) - y * y;
        case Kind::arctan:
            return T(1) / (T(1) + z * z);
        case Kind::relu:
            return y > T(0) ? T(1) : T(0);
        case Kind::leaky_relu:
        case Kind::prelu:
            return z > T(0) ? T(1) : slope;
        default:
            return T(1);
    }
}

// ---- losses ----------------------------------------------------------------------------------------------------------

/// Value and derivative.
template <class T>
[[nodiscard]] std::pair<T, T> elementwise_loss(Loss loss, T x, T t) {
    switch (loss) {
        case Loss::l1:
            return {std::abs(x - t), x == t ? T(0) : std::copysign(T(1), x - t)};
        case Loss::bce: {
            T const value = (t - T(1)) * std::max(std::log1p(-x), T(-100)) - t * std::max(std::log(x), T(-100));
            return {x >= T(0) && x <= T(1) ? value : std::numeric_limits<T>::quiet_NaN(), (x - t) / std::max((T(1) - x) * x, T(1e-12))};
        }
        case Loss::bce_with_logits:
            return {(T(1) - t) * x + std::max(-x, T(0)) + std::log1p(std::exp(-std::abs(x))), T(1) / (T(1) + std::exp(-x)) - t};
        default:
            return {(x - t) * (x - t), T(2) * (x - t)};
    }
}

/// Cross-entropy against probabilities t, added to `sum`; g = share times the gradient. log: n values of room.
template <class T>
void probability_loss_row(std::int64_t n, T share, T const* x, float const* t, T* log, T* g, double& sum) {
    exponentiate(Activation::Kind::log_softmax, x, log, n);
    T total = 0;
    for (std::int64_t u = 0; u < n; ++u) total += static_cast<T>(t[u]);
    for (std::int64_t u = 0; u < n; ++u) {
        sum -= static_cast<double>(t[u]) * static_cast<double>(log[u]);
        g[u] = (std::exp(log[u]) * total - static_cast<T>(t[u])) * share;
    }
}

/// Cross-entropy or negative log-likelihood of class c.
template <class T>
void class_loss_row(Loss loss, std::int64_t n, std::int64_t c, T share, T const* x, T* log, T* g, double& sum) {
    if (loss == Loss::nll) {
        sum -= static_cast<double>(x[c]);
        std::fill_n(g, n, T(0));
    } else {
        exponentiate(Activation::Kind::log_softmax, x, log, n);
        sum -= static_cast<double>(log[c]);
        for (std::int64_t u = 0; u < n; ++u) g[u] = std::exp(log[u]) * share;
    }
    g[c] -= share;
}

// ---- updates ---------------------------------------------------------------------------------------------------------

template <class T>
[[nodiscard]] T decayed(UpdateRule const& rule, T g, T p) {
    if (rule.weight_decay != 0.0 && !rule.decoupled) g += static_cast<T>(rule.weight_decay) * p;
    if (rule.l1 != 0.0 && p != T(0)) g += std::copysign(static_cast<T>(rule.l1), p);
    return g;
}

/// Step 1, 2, ... of a parameter p with gradient g and moments m and v.
template <class T>
void adam(UpdateRule const& rule, std::int64_t step, T g, T& p, T& m, T& v) {
    auto const t = static_cast<double>(step);
    double const correction1 = 1.0 - std::pow(rule.beta1, t), correction2 = 1.0 - std::pow(rule.beta2, t);
    g = decayed(rule, g, p);
    if (rule.decoupled) p *= static_cast<T>(1.0 - rule.learning_rate * rule.weight_decay);
    m += static_cast<T>(1.0 - rule.beta1) * (g - m);
    v = static_cast<T>(rule.beta2) * v + static_cast<T>(1.0 - rule.beta2) * g * g;
    T const denominator = std::sqrt(v) / static_cast<T>(std::sqrt(correction2)) + static_cast<T>(rule.epsilon);
    p -= static_cast<T>(rule.learning_rate / correction1) * (m / denominator);
}

/// @param m null for a rule without momentum
template <class T>
void sgd(UpdateRule const& rule, std::int64_t step, T g, T& p, T* m) {
    g = decayed(rule, g, p);
    if (m != nullptr) {
        *m = step == 1 ? g : static_cast<T>(rule.momentum) * *m + static_cast<T>(1.0 - rule.dampening) * g;
        g = rule.nesterov ? g + static_cast<T>(rule.momentum) * *m : *m;
    }
    p -= static_cast<T>(rule.learning_rate) * g;
}

}  // namespace ca3::autoencoder::reference
