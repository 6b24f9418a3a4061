#pragma once

#include <ca3/matrix.hpp>

#include <cstdint>
#include <span>
#include <vector>

/// Inputs for tests: the same on every machine, and made without the library's own random numbers.
namespace ca3::test {

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t bits();
    std::int64_t between(std::int64_t low, std::int64_t high);  ///< uniform on [low, high], both included
    double uniform();                                           ///< on [0, 1)
    bool chance(double probability);
    std::int8_t sign();  ///< -1 or +1
    double normal();     ///< mean 0, variance 1

    template <class T>
    T const& pick(std::vector<T> const& values) {
        return values[static_cast<std::size_t>(between(0, static_cast<std::int64_t>(values.size()) - 1))];
    }

private:
    std::uint64_t state_;
};

/// rows x cols of -1 and +1.
[[nodiscard]] std::vector<std::int8_t> random_patterns(std::int64_t rows, std::int64_t cols, std::uint64_t seed);
/// rows x cols of -1, 0, +1 with about the given share of zeros.
[[nodiscard]] std::vector<std::int8_t> random_states(std::int64_t rows, std::int64_t cols, double zeros, std::uint64_t seed);
/// The pattern with exactly `flips` different elements negated.
[[nodiscard]] std::vector<std::int8_t> with_flips(std::span<std::int8_t const> pattern, std::int64_t flips, std::uint64_t seed);
/// 0, 1, ..., count - 1 in random order.
[[nodiscard]] std::vector<std::int64_t> random_permutation(std::int64_t count, std::uint64_t seed);

template <class T, class Allocator>
[[nodiscard]] MatrixView<T const> view(std::vector<T, Allocator> const& values, std::int64_t rows, std::int64_t cols) {
    return {values.data(), rows, cols};
}
template <class T, class Allocator>
[[nodiscard]] std::span<T const> row(std::vector<T, Allocator> const& values, std::int64_t index, std::int64_t cols) {
    return std::span<T const>(values).subspan(static_cast<std::size_t>(index * cols), static_cast<std::size_t>(cols));
}

}  // namespace ca3::test
