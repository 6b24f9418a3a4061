#include "lif/poisson_table.hpp"

#include <ca3/error.hpp>

#include "core/elementary.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ca3::lif {

namespace {

/// ln(n!) by Stirling's series from n = 16 on (error below 1e-16 relative), by the sum below; no libm.
double log_factorial(std::int64_t n) {
    double const x = static_cast<double>(n) + 1.0;
    if (n < 16) {
        double product = 1.0;
        for (std::int64_t k = 2; k <= n; ++k) product *= static_cast<double>(k);
        return logarithm(product);
    }
    double const inverse = 1.0 / x, square = inverse * inverse;
    double series = 1.0 / 1188.0;
    series = fused(series, -square, 1.0 / 1680.0);
    series = fused(series, -square, 1.0 / 1260.0);
    series = fused(series, -square, 1.0 / 360.0);
    series = fused(series, -square, 1.0 / 12.0);
    return (x - 0.5) * logarithm(x) - x + 0.5 * logarithm(2.0 * std::numbers::pi) + series * inverse;
}

}  // namespace

PoissonTable::PoissonTable(double mean, std::string const& argument) {
    if (!(mean >= 0.0))
        throw InvalidArgument(argument + ": the rate must not be negative, the mean number in a step is " + std::to_string(mean));
    if (mean > most_poisson_mean) {
        throw InvalidArgument(argument + ": the mean number in a step, " + std::to_string(mean) + ", exceeds " +
                              std::to_string(static_cast<std::int64_t>(most_poisson_mean)));
    }
    if (mean == 0.0) return;
    // From the mode both ways until the terms are too small to count, then normalised.
    auto const mode = static_cast<std::int64_t>(mean);
    double const at_mode = exponential(static_cast<double>(mode) * logarithm(mean) - mean - log_factorial(mode));
    constexpr double smallest = 0x1p-60;
    std::vector<double> below, above{at_mode};
    for (std::int64_t k = mode; k > 0; --k) {
        double const p = (below.empty() ? at_mode : below.back()) * static_cast<double>(k) / mean;
        if (p < smallest) break;
        below.push_back(p);
    }
    for (std::int64_t k = mode + 1; above.back() >= smallest; ++k) above.push_back(above.back() * mean / static_cast<double>(k));
    std::vector<double> p(below.rbegin(), below.rend());
    p.insert(p.end(), above.begin(), above.end());
    double total = 0.0;
    for (double const x : p) total += x;

    auto k = mode - static_cast<std::int64_t>(below.size());
    bool leading = true;
    double sum = 0.0;
    for (double const x : p) {
        sum += x;
        double const threshold = std::nearbyint(sum / total * 0x1p32);
        if (threshold >= 0x1p32) break;
        if (leading && threshold < 1.0) {  // nothing is left of this number
            ++k;
            continue;
        }
        if (leading) base = static_cast<std::int32_t>(k);
        leading = false;
        thresholds.push_back(static_cast<std::uint32_t>(threshold));
    }
    if (leading) base = static_cast<std::int32_t>(k);
    for (std::uint64_t bucket = 0; bucket <= 256; ++bucket) {
        auto const reached = std::lower_bound(thresholds.begin(), thresholds.end(), bucket << 24);
        guide.push_back(static_cast<std::int32_t>(reached - thresholds.begin()));
    }
}

std::int32_t PoissonTable::count(std::uint32_t u) const {
    return base + static_cast<std::int32_t>(std::upper_bound(thresholds.begin(), thresholds.end(), u) - thresholds.begin());
}

std::int32_t PoissonTable::count_of_upper(std::uint32_t upper) const {
    if (thresholds.empty()) return base;
    std::int32_t k = guide[upper >> 8];
    std::int32_t const end = guide[(upper >> 8) + 1];
    if (end - k > 16) {  // the tails of large tables
        auto const first = thresholds.begin();
        k = static_cast<std::int32_t>(std::lower_bound(first + k, first + end, upper << 16) - first);
    }
    while (k < end && thresholds[static_cast<std::size_t>(k)] >> 16 < upper) ++k;
    if (k < end && thresholds[static_cast<std::size_t>(k)] >> 16 == upper) return -1;
    return base + k;
}

}  // namespace ca3::lif
