#include "hopfield/model.hpp"

#include "core/exponential.hpp"
#include "core/state.hpp"
#include "hopfield/grid.hpp"
#include "hopfield/projection.hpp"

#include <ca3/error.hpp>
#include <ca3/outer_product.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ca3::hopfield {

namespace {

/// Twice the value of `limit` as a field bound, or Overflow.
std::int64_t checked_limit(double limit) {
    if (!(limit < static_cast<double>(largest_field))) {
        throw Overflow("hopfield: fields of up to " + std::to_string(limit) + " leave the 64-bit integers that they are computed in");
    }
    return static_cast<std::int64_t>(limit) + 1;
}

void hebbian_factored(Source const& source, Model& model) {
    model.kind = Kind::hebbian;
    model.field_limit = checked_limit(static_cast<double>(source.patterns) * static_cast<double>(source.neurons + 1));
    if (!source.options.keep_diagonal && source.patterns > 0) model.diagonal.assign(source.neurons, source.patterns);
}

template <class T>
std::vector<T> outer_products(Context const& host, Source const& source) {
    std::vector<T> weights(source.neurons * source.neurons, T{0});
    outer_product::accumulate(host, {.diagonal = outer_product::Diagonal::keep},
                              {source.pattern.data(), source.patterns, source.neurons, source.neurons},
                              MatrixView<T>{weights.data(), source.neurons, source.neurons});
    return weights;
}

void hebbian_dense(Context const& context, Source const& source, Model& model) {
    hebbian_factored(source, model);
    model.kind = Kind::dense;
    Context const host = context.backend() == Backend::cuda ? Context::cpu() : context;
    if (source.patterns <= 255) {
        model.weights = outer_products<std::uint8_t>(host, source);
    } else if (source.patterns <= 32767) {
        model.weights = outer_products<std::int16_t>(host, source);
    } else {
        model.weights = outer_products<std::int32_t>(host, source);
    }
}

/// theta = p/q in lowest terms, or on a grid of 2^-k when q^2 would be too large for 64-bit fields. Returns the error of a field.
double hebbian_centred(Source const& source, Model& model) {
    double const d = static_cast<double>(source.neurons), P = static_cast<double>(source.patterns);
    model.kind = Kind::centred;
    std::int64_t const sum = std::accumulate(source.pattern.begin(), source.pattern.end(), std::int64_t{0});
    std::int64_t const count = source.neurons * source.patterns;
    std::int64_t const divisor = std::max<std::int64_t>(1, std::gcd(sum, count));
    model.p = count == 0 ? 0 : sum / divisor;
    model.q = count == 0 ? 1 : count / divisor;
    auto const limit = [&](std::int64_t q) { return 8.0 * static_cast<double>(q) * static_cast<double>(q) * P * (d + 1); };
    double bound = 0;
    if (!(limit(model.q) < static_cast<double>(largest_field))) {
        double const theta = static_cast<double>(model.p) / static_cast<double>(model.q);
        model.q = std::int64_t{1} << 40;
        while (model.q > 1 && !(limit(model.q) < static_cast<double>(largest_field))) model.q /= 2;
        model.p = std::llround(theta * static_cast<double>(model.q));
        bound = 2.0 * P * d / static_cast<double>(model.q);  // |d theta| <= 1/(2q), dh/dtheta <= 4 P d
    }
    model.field_limit = checked_limit(limit(model.q));
    model.unit = 1.0 / (static_cast<double>(model.q) * static_cast<double>(model.q));
    if (!source.options.keep_diagonal && source.patterns > 0) {
        model.diagonal.assign(source.neurons, 0);
        for (std::int64_t mu = 0; mu < source.patterns; ++mu) {
            for (std::int64_t i = 0; i < source.neurons; ++i) {
                std::int64_t const y = model.q * source.pattern[mu * source.neurons + i] - model.p;
                model.diagonal[i] += y * y;
            }
        }
    }
    return bound;
}

double pseudo_inverse(Context const& context, Source const& source, Model& model, std::vector<std::int64_t>& dependent) {
    std::int64_t const d = source.neurons, P = source.patterns;
    model.kind = Kind::projection;
    auto const gram = gram_matrix(source.pattern, P, d, pool(context));
    auto projection = project(gram, P, d, source.options.ridge);
    dependent = std::move(projection.dependent);
    double row_sum = 0;
    for (std::int64_t mu = 0; mu < P; ++mu) {
        double sum = 0;
        for (std::int64_t nu = 0; nu < P; ++nu) sum += std::fabs(projection.kernel[mu * P + nu]);
        row_sum = std::max(row_sum, sum);
    }
    model.kernel.assign(P * P, 0);
    if (row_sum == 0) return 0.0;
    // Partial sums, in any order, in units of 2^-s. Over nu in K m: at most d row_sum. Over mu in X^T a: at most |a|_1 <= sqrt(P) |K X|
    // |s|, where the spectral norm |K X| = sigma / (sigma^2 + ridge) <= sqrt(|K|) <= sqrt(row_sum), hence sqrt(P d row_sum). Over j in W s:
    // sqrt(d) |W| <= sqrt(d). In the diagonal: P row_sum. Rounding K adds at most P^2 d / 2; a factor of two covers the error of K itself
    // and D s.
    double const dd = static_cast<double>(d), PP = static_cast<double>(P);
    double const real_limit = std::max({std::max(dd, PP) * row_sum, std::sqrt(PP * dd * row_sum), std::sqrt(dd), 1.0});
    double const rounding = PP * PP * dd;
    int s = 0;
    std::frexp((static_cast<double>(largest_field) - rounding) / (4.0 * real_limit), &s);
    s = std::min(s - 1, 900);
    model.unit = std::ldexp(1.0, -s);
    for (std::int64_t k = 0; k < P * P; ++k) model.kernel[k] = std::llround(std::ldexp(projection.kernel[k], s));
    model.field_limit = checked_limit(2.0 * std::ldexp(real_limit, s) + rounding);
    if (!source.options.keep_diagonal) {
        model.diagonal.assign(d, 0);
        pool(context).run(d, [&](std::int64_t i, int) {
            for (std::int64_t mu = 0; mu < P; ++mu) {
                std::int64_t sum = 0;
                for (std::int64_t nu = 0; nu < P; ++nu) sum += model.kernel[mu * P + nu] * source.pattern[nu * d + i];
                model.diagonal[i] += sum * source.pattern[mu * d + i];
            }
        });
    }
    double const inverse_error = projection.residual < 1 ? row_sum * projection.residual / (1 - projection.residual) : HUGE_VAL;
    return PP * dd * (0.5 * PP * model.unit + inverse_error);
}

/// F(k) = k^n on k = -(d+2) ... d+2, exact when the sums fit, else in units of 2^s.
double dense_associative(Source const& source, Model& model) {
    std::int64_t const reach = source.neurons + 2;
    int const n = source.options.degree;
    double const P = static_cast<double>(std::max<std::int64_t>(1, source.patterns));
    model.kind = Kind::power;
    double largest = 1;
    for (int k = 0; k < n; ++k) largest *= static_cast<double>(reach);
    if (!(largest * P < 1e300)) throw Overflow("hopfield: (d + 2)^degree exceeds the range of f64; lower the degree");
    // |2 F(m+1) - 2 F(m-1)| + |c| per pattern stays below 8 F(d+2).
    int shift = 0;
    while (8.0 * P * std::ldexp(largest, -shift) >= static_cast<double>(largest_field)) ++shift;
    model.table.resize(2 * reach + 1);
    for (std::int64_t k = -reach; k <= reach; ++k) {
        std::int64_t& entry = model.table[k + reach];
        if (shift == 0) {
            entry = 1;
            for (int power = 0; power < n; ++power) entry *= k;
        } else {
            double value = std::ldexp(1.0, -shift);
            for (int power = 0; power < n; ++power) value *= static_cast<double>(k);
            entry = std::llround(value);
        }
    }
    model.field_limit = checked_limit(8.0 * P * std::ldexp(largest, -shift));
    model.unit = std::ldexp(0.25, shift);  // H = 2 (F(+) - F(-)) and h is half of that difference
    // Rounding to the grid and n products in f64: per F half a unit and n 2^-53 F(d+2); four F per pattern and field, halved.
    return shift == 0 ? 0.0 : 2.0 * P * (std::ldexp(0.5, shift) + n * 0x1p-53 * largest);
}

double exponential(Source const& source, Model& model) {
    double const P = static_cast<double>(std::max<std::int64_t>(1, source.patterns));
    model.kind = Kind::exponential;
    double const top = std::floor(static_cast<double>(largest_field) / (16.0 * P));
    for (std::int64_t k = 0; k <= 2 * source.neurons + 4; ++k) {
        std::int64_t const value = std::llround(top * exp_minus(source.options.beta * static_cast<double>(k)));
        if (value == 0) break;
        model.table.push_back(value);
    }
    model.field_limit = checked_limit(8.0 * P * top);
    model.unit = 0.25 / top;  // times exp(beta kmax), which differs from state to state
    return 2.0 * P * (0.5 / top + 1e-14);
}

/// Cheaper form of a Hebbian memory: 2 P d integer products against d^2, at the measured rates of the units that do them.
bool dense_is_cheaper(Context const& context, Source const& source) {
    double const load = static_cast<double>(source.patterns) / static_cast<double>(std::max<std::int64_t>(1, source.neurons));
    return source.patterns <= 32767 && load > (context.backend() == Backend::cuda ? 0.47 : 1.5);
}

}  // namespace

BuiltModel build_model(Context const& context, Source const& source) {
    BuiltModel built;
    Model& model = built.model;
    model.neurons = source.neurons;
    model.patterns = source.patterns;
    model.pattern = source.pattern;
    auto const& options = source.options;
    switch (options.rule) {
        case Rule::hebbian:
            if (options.centre) {
                built.field_bound = hebbian_centred(source, model);
            } else if (options.form == Form::dense || (options.form == Form::automatic && dense_is_cheaper(context, source))) {
                hebbian_dense(context, source, model);
            } else {
                hebbian_factored(source, model);
            }
            break;
        case Rule::pseudo_inverse:
            built.field_bound = pseudo_inverse(context, source, model, built.dependent);
            break;
        case Rule::storkey:
        case Rule::weights:
            built.field_bound = put_on_grid(source.weights, options.keep_diagonal, model);
            break;
        case Rule::dense_associative:
            built.field_bound = dense_associative(source, model);
            break;
        case Rule::exponential:
            built.field_bound = exponential(source, model);
            break;
    }
    set_thresholds(source.bias, model);
    return built;
}

void set_thresholds(std::span<double const> bias, Model& model) {
    if (model.kind == Kind::exponential && !bias.empty()) {
        throw InvalidArgument(
            "hopfield: a bias has no meaning for the exponential rule, whose fields have a scale of their own in every state");
    }
    auto tau = thresholds_from_bias(bias, model.unit);
    model.bias.assign(bias.begin(), bias.end());
    model.tau = std::move(tau);
}

}  // namespace ca3::hopfield
