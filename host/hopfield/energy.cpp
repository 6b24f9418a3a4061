#include "core/int128.hpp"
#include "core/state.hpp"
#include "hopfield/model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

/// Energies of final states, from the overlaps where the rule has patterns. Integers throughout, converted once; one task per state,
/// so that neither backend nor thread count can change a bit.
namespace ca3::hopfield {

namespace {

/// sum over i of D_i s_i^2, in units of H.
int128 self_coupling(Source const& source, Model const& model, std::int8_t const* s) {
    if (model.diagonal.empty()) return 0;
    if (source.options.rule == Rule::hebbian && !source.options.centre) {  // D_i = P
        std::int64_t nonzero = 0;
        for (std::int64_t i = 0; i < model.neurons; ++i) nonzero += s[i] & 1;
        return int128{model.patterns} * nonzero;
    }
    int128 sum = 0;
    for (std::int64_t i = 0; i < model.neurons; ++i) sum += s[i] != 0 ? model.diagonal[i] : 0;
    return sum;
}

/// sum of m^2, in 64 bits as far as they reach: 32 squares of |m| <= d < 2^29.
int128 hebbian_form(std::int64_t P, std::int32_t const* m, std::int64_t d) {
    std::int64_t const block = d < (std::int64_t{1} << 29) ? 32 : 1;
    int128 sum = 0;
    for (std::int64_t first = 0; first < P; first += block) {
        std::int64_t part = 0;
        for (std::int64_t mu = first; mu < std::min(P, first + block); ++mu) part += std::int64_t{m[mu]} * m[mu];
        sum += part;
    }
    return sum;
}

int128 centred_form(Model const& model, std::int8_t const* s, std::int32_t const* m) {
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < model.neurons; ++i) total += s[i];
    int128 sum = 0;
    for (std::int64_t mu = 0; mu < model.patterns; ++mu) {
        int128 const y = model.q * m[mu] - model.p * total;
        sum += y * y;
    }
    return sum;
}

int128 projection_form(Model const& model, std::int32_t const* m) {
    int128 sum = 0;
    for (std::int64_t mu = 0; mu < model.patterns; ++mu) {
        std::int64_t a = 0;
        for (std::int64_t nu = 0; nu < model.patterns; ++nu) a += model.kernel[mu * model.patterns + nu] * m[nu];
        sum += int128{a} * m[mu];
    }
    return sum;
}

template <class T>
int128 dense_form(Model const& model, std::vector<T> const& weights, std::int8_t const* s) {
    std::int64_t const d = model.neurons;
    int128 sum = 0;
    for (std::int64_t i = 0; i < d; ++i) {
        if (s[i] == 0) continue;
        std::int64_t field = 0;
        for (std::int64_t j = 0; j < d; ++j) field += static_cast<std::int64_t>(weights[i * d + j]) * s[j];
        sum += s[i] > 0 ? field : -field;
    }
    return sum;
}

double power_energy(Model const& model, int degree, std::int32_t const* m) {
    if (model.unit == 0.25) {  // the table is exact, and so is the sum
        std::int64_t sum = 0;
        for (std::int64_t mu = 0; mu < model.patterns; ++mu) sum += model.table[m[mu] + model.neurons + 2];
        return -static_cast<double>(sum);
    }
    double sum = 0;
    for (std::int64_t mu = 0; mu < model.patterns; ++mu) {
        double power = 1;
        for (int k = 0; k < degree; ++k) power *= m[mu];
        sum += power;
    }
    return -sum;
}

double energy(Source const& source, Model const& model, std::int8_t const* s, std::int32_t const* m) {
    if (!model.symmetric) return std::numeric_limits<double>::quiet_NaN();
    double value = 0;
    switch (source.options.rule) {
        case Rule::dense_associative:
            value = power_energy(model, source.options.degree, m);
            break;
        case Rule::exponential:
            for (std::int64_t mu = 0; mu < model.patterns; ++mu) value -= std::exp(source.options.beta * m[mu]);
            break;
        case Rule::hebbian:
        case Rule::pseudo_inverse:
        case Rule::storkey:
        case Rule::weights: {
            int128 const form = model.kind == Kind::centred      ? centred_form(model, s, m)
                                : model.kind == Kind::projection ? projection_form(model, m)
                                : source.options.rule == Rule::hebbian
                                    ? hebbian_form(model.patterns, m, model.neurons)
                                    : std::visit([&](auto const& weights) { return dense_form(model, weights, s); }, model.weights);
            value = -0.5 * (static_cast<double>(form - self_coupling(source, model, s)) * model.unit);
            break;
        }
    }
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(model.bias.size()); ++i) value -= model.bias[i] * s[i];
    return value + 0.0;  // no negative zero
}

}  // namespace

std::vector<double> energies(Context const& context, Source const& source, Model const& model, MatrixView<std::int8_t const> states,
                             std::int32_t const* overlaps) {
    std::vector<double> out(states.rows);
    constexpr std::int64_t block = 64;
    pool(context).run((states.rows + block - 1) / block, [&](std::int64_t k, int) {
        for (std::int64_t b = k * block; b < std::min(states.rows, (k + 1) * block); ++b) {
            out[b] = energy(source, model, states.row(b), overlaps + b * model.patterns);
        }
    });
    return out;
}

}  // namespace ca3::hopfield
