#include "hopfield/grid.hpp"

#include "core/exponential.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ca3::hopfield {

namespace {

/// The largest e such that x is an integer multiple of 2^e; x is finite and not 0.
int granularity(double x) {
    int exponent = 0;
    auto mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(x, &exponent), 53));
    return exponent - 53 + __builtin_ctzll(static_cast<unsigned long long>(mantissa));
}

template <class T>
std::vector<T> narrowed(std::vector<std::int64_t> const& values) {
    std::vector<T> out(values.size());
    std::transform(values.begin(), values.end(), out.begin(), [](std::int64_t v) { return static_cast<T>(v); });
    return out;
}

}  // namespace

double put_on_grid(std::span<double const> weights, bool keep_diagonal, Model& model) {
    std::int64_t const d = model.neurons;
    double row_sum = 0;  // largest sum of |w_ij| over j, rounded up a little
    int finest = std::numeric_limits<int>::max();
    for (std::int64_t i = 0; i < d; ++i) {
        double sum = 0;
        for (std::int64_t j = 0; j < d; ++j) {
            double const w = weights[i * d + j];
            sum += std::fabs(w);
            if (w != 0) finest = std::min(finest, granularity(w));
        }
        row_sum = std::max(row_sum, sum * (1 + 1e-12));
    }
    if (!std::isfinite(row_sum)) throw Overflow("hopfield: the sum of |weights| of a row exceeds the range of f64");
    int exponent = 0;
    if (row_sum > 0) {
        // row_sum < 2^e, rounding adds at most 1/2 per entry: with fields below 2^57 + d/2 and the diagonal twice, 2^59 is never reached.
        int e = 0;
        std::frexp(row_sum, &e);
        exponent = std::max(finest, e - 57);
        if (exponent < -1000) exponent = -1000;
    }
    std::vector<std::int64_t> integer(d * d);
    std::int64_t low = 0, high = 0;
    for (std::int64_t k = 0; k < d * d; ++k) {
        integer[k] = std::llround(std::ldexp(weights[k], -exponent));
        low = std::min(low, integer[k]);
        high = std::max(high, integer[k]);
    }
    model.kind = Kind::dense;
    model.unit = std::ldexp(1.0, exponent);
    model.symmetric = true;
    model.diagonal.clear();
    std::int64_t limit = 0;
    for (std::int64_t i = 0; i < d; ++i) {
        std::int64_t sum = 0;
        for (std::int64_t j = 0; j < d; ++j) {
            sum += std::abs(integer[i * d + j]);
            model.symmetric = model.symmetric && weights[i * d + j] == weights[j * d + i];
        }
        limit = std::max(limit, sum);
        if (!keep_diagonal) model.diagonal.push_back(integer[i * d + i]);
    }
    if (std::all_of(model.diagonal.begin(), model.diagonal.end(), [](std::int64_t v) { return v == 0; })) model.diagonal.clear();
    model.field_limit = 2 * limit;
    auto const fits = [&](std::int64_t bound) { return low >= -bound - 1 && high <= bound; };
    if (fits(127)) {
        model.weights = narrowed<std::int8_t>(integer);
    } else if (fits(32767)) {
        model.weights = narrowed<std::int16_t>(integer);
    } else if (fits(std::numeric_limits<std::int32_t>::max())) {
        model.weights = narrowed<std::int32_t>(integer);
    } else {
        model.weights = std::move(integer);
    }
    return exponent <= finest ? 0.0 : 0.5 * static_cast<double>(d) * model.unit;
}

std::vector<std::int64_t> thresholds_from_bias(std::span<double const> bias, double unit) {
    constexpr std::int64_t beyond = std::int64_t{1} << 61;
    std::vector<std::int64_t> tau;
    for (double const b : bias) {
        double const t = -b / unit;
        if (t >= 0x1p60) {
            tau.push_back(beyond);
        } else if (t <= -0x1p60) {
            tau.push_back(-beyond);
        } else {
            auto const floor = static_cast<std::int64_t>(std::floor(t));
            tau.push_back(2 * floor + (static_cast<double>(floor) == t ? 0 : 1));
        }
    }
    return tau;
}

Glauber glauber_table(double temperature, double unit) {
    constexpr int entries = 1 << 16;
    constexpr double reach = 12.0;                               // 1 / (1 + exp(-2 * 12)) differs from 1 by less than 2^-32
    temperature = std::clamp(temperature, 0x1p-1000, 0x1p1018);  // beyond these the step or its inverse would leave f64
    double step = unit;
    while (reach * temperature / step > entries - 1) step *= 2;
    while (reach * temperature / (step * 0.5) <= entries - 1) step *= 0.5;
    Glauber table;
    table.inverse_step = 1.0 / step;
    table.threshold.resize(entries);
    for (int k = 0; k < entries; ++k) {
        double const p = 1.0 / (1.0 + exp_minus(2.0 * (k * step) / temperature));
        table.threshold[k] = static_cast<std::uint32_t>(std::min(std::floor(p * 0x1p32 + 0.5), 0x1p32 - 1));
    }
    return table;
}

}  // namespace ca3::hopfield
