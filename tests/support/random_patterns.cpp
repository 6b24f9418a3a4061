#include "support/random_patterns.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

namespace ca3::test {

std::uint64_t Random::bits() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
    auto const range = static_cast<std::uint64_t>(high - low) + 1;  // the bias of the remainder, range / 2^64, is of no account here
    return low + static_cast<std::int64_t>(bits() % range);
}

double Random::uniform() {
    return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

bool Random::chance(double probability) {
    return uniform() < probability;
}

std::int8_t Random::sign() {
    return bits() >> 63 != 0 ? std::int8_t{1} : std::int8_t{-1};
}

double Random::normal() {
    double const radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::vector<std::int8_t> random_patterns(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
    Random random(seed);
    std::vector<std::int8_t> result(static_cast<std::size_t>(rows * cols));
    for (auto& value : result) value = random.sign();
    return result;
}

std::vector<std::int8_t> random_states(std::int64_t rows, std::int64_t cols, double zeros, std::uint64_t seed) {
    Random random(seed);
    std::vector<std::int8_t> result(static_cast<std::size_t>(rows * cols));
    for (auto& value : result) value = random.chance(zeros) ? std::int8_t{0} : random.sign();
    return result;
}

std::vector<std::int8_t> with_flips(std::span<std::int8_t const> pattern, std::int64_t flips, std::uint64_t seed) {
    std::vector<std::int8_t> result(pattern.begin(), pattern.end());
    auto const order = random_permutation(static_cast<std::int64_t>(pattern.size()), seed);
    for (std::int64_t k = 0; k < flips; ++k) {
        auto& value = result[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])];
        value = static_cast<std::int8_t>(-value);
    }
    return result;
}

std::vector<std::int64_t> random_permutation(std::int64_t count, std::uint64_t seed) {
    Random random(seed);
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    for (std::size_t k = order.size(); k > 1; --k)
        std::swap(order[k - 1], order[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(k) - 1))]);
    return order;
}

}  // namespace ca3::test
