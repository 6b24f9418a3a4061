#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numbers>
#include <vector>

/// Tests of distributions. Seeds are fixed, so that a test passes always or never; the bounds are such that a correct generator would fail
/// with probability below 1e-6.
namespace ca3::test {

[[nodiscard]] inline double chi_square(std::vector<std::int64_t> const& counts, std::vector<double> const& expected) {
    double sum = 0;
    for (std::size_t k = 0; k < counts.size(); ++k) {
        double const difference = static_cast<double>(counts[k]) - expected[k];
        sum += difference * difference / expected[k];
    }
    return sum;
}

/// Exceeded with probability below 1e-6 (Laurent, Massart 2000, Lemma 1: P(chi^2 > k + 2 sqrt(k x) + 2x) <= e^-x, x = 13.82).
[[nodiscard]] inline double chi_square_limit(std::size_t degrees_of_freedom) {
    double const k = static_cast<double>(degrees_of_freedom), x = 6 * std::log(10.0);
    return k + 2 * std::sqrt(k * x) + 2 * x;
}

/// Chi-square of integers against probabilities of first, first + 1, ..., bins of fewer than ten expected joined with their neighbours, and
/// its limit. The last bin takes what lies beyond.
struct Fit {
    double chi_square = 0.0;
    double limit = 0.0;
};
[[nodiscard]] inline Fit fit_of(std::vector<std::int64_t> const& values, std::int64_t first, std::vector<double> const& probabilities) {
    auto const total = static_cast<double>(values.size());
    std::vector<std::int64_t> raw(probabilities.size() + 1, 0);
    for (auto const value : values)
        ++raw[static_cast<std::size_t>(std::clamp<std::int64_t>(value - first, 0, static_cast<std::int64_t>(probabilities.size())))];
    std::vector<std::int64_t> counts{0};
    std::vector<double> expected{0.0};
    double rest = 1.0;
    for (std::size_t k = 0; k <= probabilities.size(); ++k) {
        double const p = k < probabilities.size() ? probabilities[k] : std::max(rest, 0.0);
        rest -= p;
        if (expected.back() >= 10.0 && rest * total + p * total >= 10.0) {
            counts.push_back(0);
            expected.push_back(0.0);
        }
        counts.back() += raw[k];
        expected.back() += p * total;
    }
    return {chi_square(counts, expected), chi_square_limit(std::max<std::size_t>(counts.size(), 2) - 1)};
}

/// Largest distance of the values' distribution from `cdf` (Kolmogorov, Smirnov).
[[nodiscard]] inline double kolmogorov_distance(std::vector<double> values, std::function<double(double)> const& cdf) {
    std::sort(values.begin(), values.end());
    auto const n = static_cast<double>(values.size());
    double largest = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
        double const p = cdf(values[k]);
        largest = std::max({largest, p - static_cast<double>(k) / n, static_cast<double>(k + 1) / n - p});
    }
    return largest;
}

/// Exceeded with probability below 1e-6 (Massart 1990: P(D > e) <= 2 exp(-2 n e^2)).
[[nodiscard]] inline double kolmogorov_limit(std::size_t n) {
    return std::sqrt(std::log(2e6) / (2.0 * static_cast<double>(n)));
}

/// Phi.
[[nodiscard]] inline double normal_cdf(double x) {
    return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

/// Poisson probabilities of 0, 1, ..., far enough that less than 1e-9 is left.
[[nodiscard]] inline std::vector<double> poisson_probabilities(double mean) {
    auto const last = static_cast<std::size_t>(mean + 7.0 * std::sqrt(mean) + 12.0);
    std::vector<double> result;
    for (std::size_t k = 0; k <= last; ++k) {
        auto const x = static_cast<double>(k);
        result.push_back(std::exp(x * std::log(mean) - mean - std::lgamma(x + 1.0)));
    }
    return result;
}

}  // namespace ca3::test
