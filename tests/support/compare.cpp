#include "support/compare.hpp"

#include <bit>
#include <cmath>

namespace ca3::test {
namespace {

using hopfield::Recall;
using hopfield::Result;

testing::AssertionResult same_result(Result const& expected, Result const& actual) {
    std::ostringstream text;
    auto const differ = [&](char const* field, auto const& e, auto const& a) {
        text << ' ' << field << ": expected " << e << ", got " << a << ';';
    };
    if (expected.status != actual.status) differ("status", hopfield::to_string(expected.status), hopfield::to_string(actual.status));
    if (expected.sweeps != actual.sweeps) differ("sweeps", expected.sweeps, actual.sweeps);
    if (expected.flips != actual.flips) differ("flips", expected.flips, actual.flips);
    text.precision(17);
    if (!same_bits(expected.energy, actual.energy)) differ("energy", expected.energy, actual.energy);
    if (expected.nearest != actual.nearest) differ("nearest", expected.nearest, actual.nearest);
    if (expected.overlap != actual.overlap) differ("overlap", expected.overlap, actual.overlap);
    if (expected.spurious != actual.spurious) differ("spurious", expected.spurious, actual.spurious);
    if (text.str().empty()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << text.str();
}

testing::AssertionResult same_trace(Recall const& expected, Recall const& actual) {
    if (expected.trace.size() != actual.trace.size())
        return testing::AssertionFailure() << "traces of " << expected.trace.size() << " and " << actual.trace.size() << " points";
    for (std::size_t t = 0; t < expected.trace.size(); ++t) {
        auto const& e = expected.trace[t];
        auto const& a = actual.trace[t];
        if (e.sweep != a.sweep)
            return testing::AssertionFailure() << "trace point " << t << " is of sweep " << e.sweep << " and " << a.sweep;
        if (e.energy.size() != a.energy.size()) return testing::AssertionFailure() << "trace point " << t << ": numbers of energies differ";
        for (std::size_t b = 0; b < e.energy.size(); ++b)
            if (!same_bits(e.energy[b], a.energy[b]))
                return testing::AssertionFailure()
                       << "trace point " << t << ", state " << b << ": energy " << e.energy[b] << " and " << a.energy[b];
        if (auto const same = same_values(e.overlap, a.overlap); !same)
            return testing::AssertionFailure() << "trace point " << t << ", overlaps: " << same.message();
    }
    return testing::AssertionSuccess();
}

}  // namespace

bool same_bits(double a, double b) noexcept {
    return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

testing::AssertionResult all_near(std::span<double const> expected, std::span<double const> actual, double tolerance) {
    if (expected.size() != actual.size())
        return testing::AssertionFailure() << "sizes differ: expected " << expected.size() << ", got " << actual.size();
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (!(std::abs(expected[i] - actual[i]) <= tolerance))
            return testing::AssertionFailure() << "element " << i << ": expected " << expected[i] << ", got " << actual[i] << ", apart by "
                                               << std::abs(expected[i] - actual[i]) << " > " << tolerance;
    return testing::AssertionSuccess();
}

testing::AssertionResult same_recall(Recall const& expected, Recall const& actual) {
    if (expected.batch != actual.batch || expected.neurons != actual.neurons)
        return testing::AssertionFailure() << "shapes differ: " << expected.batch << " x " << expected.neurons << " and " << actual.batch
                                           << " x " << actual.neurons;
    if (expected.results.size() != actual.results.size())
        return testing::AssertionFailure() << expected.results.size() << " and " << actual.results.size() << " results";
    for (std::size_t b = 0; b < expected.results.size(); ++b) {
        auto const result = same_result(expected.results[b], actual.results[b]);
        if (!result) return testing::AssertionFailure() << "state " << b << " of " << expected.batch << ':' << result.message();
    }
    if (auto const states = same_values(expected.states, actual.states); !states)
        return testing::AssertionFailure() << "states: " << states.message();
    return same_trace(expected, actual);
}

}  // namespace ca3::test
