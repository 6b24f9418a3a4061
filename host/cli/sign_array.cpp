#include "sign_array.hpp"

#include <ca3/error.hpp>

#include <cmath>
#include <cstdio>
#include <type_traits>

namespace ca3::cli {
namespace {

/// Calls f with the data as a span of its own type.
template <class F>
decltype(auto) visit(io::Array const& a, std::string const& name, F&& f) {
    switch (a.dtype) {
        case io::DType::boolean:
        case io::DType::u8:
            return f(a.as<std::uint8_t>());
        case io::DType::i8:
            return f(a.as<std::int8_t>());
        case io::DType::i16:
            return f(a.as<std::int16_t>());
        case io::DType::u16:
            return f(a.as<std::uint16_t>());
        case io::DType::i32:
            return f(a.as<std::int32_t>());
        case io::DType::u32:
            return f(a.as<std::uint32_t>());
        case io::DType::i64:
            return f(a.as<std::int64_t>());
        case io::DType::u64:
            return f(a.as<std::uint64_t>());
        case io::DType::f32:
            return f(a.as<float>());
        case io::DType::f64:
            return f(a.as<double>());
        default:
            throw InvalidArgument(name + ": has type " + io::to_string(a.dtype) + "; expected bool, an integer type, float32 or float64");
    }
}

template <class T>
std::string number_text(T value) {
    if constexpr (std::is_floating_point_v<T>) {
        char text[32];
        std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
        return text;
    } else {
        return std::to_string(value);
    }
}

SignArray empty_like(io::Array const& a, std::string const& name) {
    if (a.shape.empty()) throw InvalidArgument(name + ": holds a single number; expected one pattern (1-d) or one per row (2-d)");
    SignArray out;
    bool const flat = a.shape.size() == 1;
    out.rows = flat ? 1 : a.shape[0];
    out.cols = 1;
    for (std::size_t i = flat ? 0 : 1; i < a.shape.size(); ++i) {
        if (__builtin_mul_overflow(out.cols, a.shape[i], &out.cols)) throw InvalidArgument(name + ": has too many columns");
    }
    return out;
}

constexpr char const* how_to_convert = "use --binary to read 0 as -1 and 1 as +1, or store 2*x - 1";

}  // namespace

std::string index_text(std::vector<std::int64_t> const& shape, std::int64_t flat) {
    std::string text;
    for (auto i = shape.rbegin(); i != shape.rend(); ++i) {
        text.insert(0, std::to_string(flat % *i) + (text.empty() ? "" : ", "));
        flat /= *i;
    }
    return "[" + text + "]";
}

SignArray to_signs(io::Array const& array, SignOptions const& options) {
    SignArray out = empty_like(array, options.name);
    std::int64_t const size = array.size();
    out.values.resize(static_cast<std::size_t>(size));
    if (array.dtype == io::DType::boolean && !options.binary && size > 0)
        throw InvalidArgument(options.name + ": holds booleans, expected -1 and +1: " + how_to_convert);

    visit(array, options.name, [&](auto const* data) {
        bool minus = false, zero = false, plus = false;
        std::int64_t first_zero = -1, first_wrong = -1;
        for (std::int64_t i = 0; i < size; ++i) {
            bool const is_zero = data[i] == 0, is_plus = data[i] == 1;
            bool is_minus = false;
            if constexpr (std::is_signed_v<std::remove_cvref_t<decltype(data[i])>>) is_minus = data[i] == -1;
            if (is_zero && first_zero < 0) first_zero = i;
            if (!(is_zero || is_plus || is_minus) && first_wrong < 0) first_wrong = i;
            minus |= is_minus, zero |= is_zero, plus |= is_plus;
            int const value = is_plus ? 1 : is_minus || (is_zero && options.binary) ? -1 : 0;
            out.values[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(value);
        }
        auto refuse = [&](std::int64_t i, std::string const& expected) {
            throw InvalidArgument(options.name + ": element " + index_text(array.shape, i) + " is " + number_text(data[i]) + ", expected " +
                                  expected);
        };
        std::string const signs = options.zero_allowed ? "-1, +1 or, where unknown, 0" : "-1 or +1";
        if (first_wrong >= 0) refuse(first_wrong, options.binary ? "0 or 1 (--binary)" : signs);
        if (options.binary) {
            for (std::int64_t i = 0; minus && i < size; ++i)
                if (data[i] != 0 && data[i] != 1) refuse(i, "0 or 1 (--binary)");
            return;
        }
        if (zero && !minus && (plus || !options.zero_allowed) && !(options.zero_allowed && options.zero_unknown))
            throw InvalidArgument(options.name + ": holds only 0 and 1, expected -1 and +1: " + how_to_convert +
                                  (options.zero_allowed ? " (if 0 does mean unknown, say --zero-unknown)" : ""));
        if (zero && !options.zero_allowed) refuse(first_zero, signs);
    });
    return out;
}

SignArray to_mask(io::Array const& array, std::string const& name) {
    SignArray out = empty_like(array, name);
    std::int64_t const size = array.size();
    out.values.resize(static_cast<std::size_t>(size));
    visit(array, name, [&]<class T>(T const* data) {
        for (std::int64_t i = 0; i < size; ++i) {
            if constexpr (std::is_floating_point_v<T>) {
                if (std::isnan(data[i]))
                    throw InvalidArgument(name + ": element " + index_text(array.shape, i) + " is nan, expected a truth value");
            }
            out.values[static_cast<std::size_t>(i)] = data[i] != 0 ? 1 : 0;
        }
    });
    return out;
}

std::vector<double> to_doubles(io::Array const& array, std::string const& name) {
    std::vector<double> out(static_cast<std::size_t>(array.size()));
    visit(array, name, [&](auto const* data) {
        for (std::size_t i = 0; i < out.size(); ++i) {
            out[i] = static_cast<double>(data[i]);
            // Integers are exact in f64 up to 2^53; past that they are refused rather than rounded.
            bool const exact =
                std::isfinite(out[i]) && (std::is_floating_point_v<std::remove_cvref_t<decltype(data[i])>> || std::abs(out[i]) <= 0x1p53);
            if (!exact)
                throw InvalidArgument(name + ": element " + index_text(array.shape, static_cast<std::int64_t>(i)) + " is " +
                                      number_text(data[i]) + ", expected a finite number" +
                                      (std::isfinite(out[i]) ? " of at most 2^53" : ""));
        }
    });
    return out;
}

}  // namespace ca3::cli
