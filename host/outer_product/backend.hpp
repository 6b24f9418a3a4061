#pragma once

#include <ca3/outer_product.hpp>

#include <limits>
#include <type_traits>

/// One declaration per backend. Arguments are checked by api.cpp, entries of `patterns` included (except on CUDA, where the kernel
/// that packs the bits checks them and the launcher throws InvalidArgument before anything is written).
/// T is uint8_t (agreement counts), int16_t or int32_t.
///
/// Former content (options.stored > 0) is checked while it is replaced: off the diagonal, what the sum of `stored` patterns is before
/// adding, or of the remaining ones after removing, must be `possible`. Where it is not, the backend undoes its work, which integers
/// modulo 2^n allow, and throws InvalidArgument through `throw_not_a_sum`.
namespace ca3::outer_product {

namespace reference {
template <class T>
void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const> patterns, MatrixView<T> weights);
}
namespace cpu {
template <class T>
void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const> patterns, MatrixView<T> weights);
}
namespace cuda {
template <class T>
void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const> patterns, MatrixView<T> weights);
}

/// uint8 holds c = (w + patterns) / 2, the others w.
template <class T>
inline constexpr bool holds_agreements = std::is_same_v<T, std::uint8_t>;

template <class T>
inline constexpr std::int64_t most_patterns = std::numeric_limits<T>::max();

[[nodiscard]] inline std::int64_t stored_after(AccumulateOptions const& options, std::int64_t patterns) noexcept {
    return options.operation == Operation::add ? options.stored + patterns : options.stored - patterns;
}

/// What the diagonal of `weights` is after the call.
template <class T>
[[nodiscard]] T diagonal_value(AccumulateOptions const& options, std::int64_t patterns) noexcept {
    bool const zero = !holds_agreements<T> && options.diagonal == Diagonal::zero;
    return zero ? T{0} : static_cast<T>(stored_after(options, patterns));
}

/// @throws InvalidArgument for the first entry that is neither -1 nor +1. `patterns` is host memory.
void require_signs(Context const&, MatrixView<std::int8_t const> patterns, char const* function);
[[noreturn]] void throw_not_a_sign(char const* function, std::int64_t row, std::int64_t column, int value);
[[noreturn]] void throw_not_a_sum(AccumulateOptions const&, std::int64_t patterns);

}  // namespace ca3::outer_product
