#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

/// Results in f32 against f64, with bounds that count roundings.
namespace ca3::test {

inline constexpr double roundoff = 0x1p-24;  ///< of f32

/// |sum over k of fl| <= gamma(k) sum |a b| (Higham, section 3.1).
[[nodiscard]] inline double gamma_of(std::int64_t k) {
    auto const n = static_cast<double>(k);
    return n * roundoff / (1.0 - n * roundoff);
}

[[nodiscard]] inline double at(std::vector<float> const& x, std::int64_t i) {
    return static_cast<double>(x[static_cast<std::size_t>(i)]);
}

[[nodiscard]] inline testing::AssertionResult within(double expected, double actual, double bound, std::string const& what) {
    if (std::abs(expected - actual) <= bound) return testing::AssertionSuccess();
    return testing::AssertionFailure() << what << ": expected " << expected << ", got " << actual << ", apart " << expected - actual
                                       << ", allowed " << bound;
}

}  // namespace ca3::test
