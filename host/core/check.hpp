#pragma once

#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include <charconv>
#include <string>

namespace ca3 {

/// Throws InvalidArgument("<function>: <message>") unless `ok`.
inline void require(bool ok, char const* function, auto&& message) {
    if (!ok) throw InvalidArgument(std::string(function) + ": " + std::string(message()));
}

/// The shortest digits that read back as x: -1e-09, not -0.000000.
template <class T>
[[nodiscard]] std::string number_text(T x) {
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, x).ptr};
}

[[nodiscard]] inline std::string shape(std::int64_t rows, std::int64_t cols) {
    return "(" + std::to_string(rows) + " x " + std::to_string(cols) + ")";
}

/// The view is well formed: sizes and stride in range, memory where there are elements.
template <class T>
void require_view(MatrixView<T> const& view, char const* function, char const* argument) {
    require(view.rows >= 0 && view.cols >= 0, function,
            [&] { return std::string(argument) + " has a negative shape " + shape(view.rows, view.cols); });
    require(view.rows <= 1 || view.stride >= view.cols, function, [&] {
        return std::string(argument) + " has stride " + std::to_string(view.stride) + ", less than its " + std::to_string(view.cols) +
               " columns";
    });
    require(view.data != nullptr || view.empty(), function,
            [&] { return std::string(argument) + " " + shape(view.rows, view.cols) + " has no memory (null pointer)"; });
}

/// The same, and the shape is (rows x cols).
template <class T>
void require_shape(MatrixView<T> const& view, std::int64_t rows, std::int64_t cols, char const* function, char const* argument) {
    require_view(view, function, argument);
    require(view.rows == rows && view.cols == cols, function,
            [&] { return std::string(argument) + " must be " + shape(rows, cols) + ", is " + shape(view.rows, view.cols); });
}

}  // namespace ca3
