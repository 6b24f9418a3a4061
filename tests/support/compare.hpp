#pragma once

#include <ca3/hopfield.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <sstream>
#include <string>
#include <utility>

/// Comparisons that say where two results part.
namespace ca3::test {

/// Equal bit for bit; every NaN equals every other, since its payload is nobody's promise.
[[nodiscard]] bool same_bits(double a, double b) noexcept;

template <class T>
[[nodiscard]] testing::AssertionResult same_values(std::span<T const> expected, std::span<T const> actual) {
    if (expected.size() != actual.size())
        return testing::AssertionFailure() << "sizes differ: expected " << expected.size() << ", got " << actual.size();
    for (std::size_t i = 0; i < expected.size(); ++i)
        if (!(expected[i] == actual[i]))
            return testing::AssertionFailure() << "element " << i << " of " << expected.size() << ": expected " << +expected[i] << ", got "
                                               << +actual[i];
    return testing::AssertionSuccess();
}
template <class A, class B>
[[nodiscard]] testing::AssertionResult same_values(A const& expected, B const& actual) {
    using T = typename A::value_type;
    static_assert(std::is_same_v<T, typename B::value_type>);
    return same_values(std::span<T const>(expected), std::span<T const>(actual));
}

/// Every |expected - actual| <= tolerance; NaN fails.
[[nodiscard]] testing::AssertionResult all_near(std::span<double const> expected, std::span<double const> actual, double tolerance);

/// States, results (energies bit for bit) and traces. `form` is not compared: backends may differ in how they compute.
[[nodiscard]] testing::AssertionResult same_recall(hopfield::Recall const& expected, hopfield::Recall const& actual);

[[nodiscard]] inline bool contains(std::string const& text, std::string const& part) {
    return text.find(part) != std::string::npos;
}

/// The message of the E that `action` throws; adds a failure and returns "" when it throws something else or nothing.
template <class E, class F>
[[nodiscard]] std::string message_of(F&& action) {
    try {
        std::forward<F>(action)();
    } catch (E const& error) {
        return error.what();
    } catch (std::exception const& error) {
        ADD_FAILURE() << "another exception came: " << error.what();
        return {};
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

}  // namespace ca3::test
