#pragma once

#include <ca3/outer_product.hpp>

#include "support/poison.hpp"
#include "support/random_patterns.hpp"

#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

/// The definition once more, for tests: written apart from the library, without its types.
namespace ca3::test {

/// sum over mu of x_mu,i x_mu,j, d x d.
[[nodiscard]] inline std::vector<std::int32_t> sum_of_products(std::vector<std::int8_t> const& patterns, std::int64_t p, std::int64_t d) {
    std::vector<std::int32_t> sum(static_cast<std::size_t>(d * d));
    for (std::int64_t mu = 0; mu < p; ++mu) {
        std::int8_t const* const x = patterns.data() + mu * d;
        for (std::int64_t i = 0; i < d; ++i) {
            std::int32_t const sign = x[i];
            std::int32_t* const row = sum.data() + i * d;
            for (std::int64_t j = 0; j < d; ++j) row[j] += sign * x[j];
        }
    }
    return sum;
}

/// How weights of `count` patterns are stored as T.
template <class T>
[[nodiscard]] std::vector<T> stored_as(std::vector<std::int32_t> const& weights, std::int64_t d, std::int64_t count,
                                       outer_product::Diagonal diagonal = outer_product::Diagonal::zero) {
    std::vector<T> result;
    for (auto const weight : weights) result.push_back(static_cast<T>(std::is_same_v<T, std::uint8_t> ? (weight + count) / 2 : weight));
    bool const zero = !std::is_same_v<T, std::uint8_t> && diagonal == outer_product::Diagonal::zero;
    for (std::int64_t i = 0; i < d; ++i) result[static_cast<std::size_t>(i * d + i)] = static_cast<T>(zero ? 0 : count);
    return result;
}

/// outer_product::accumulate on patterns and weights that are watched on all sides, in the context's memory.
template <class T>
struct Accumulation {
    Context context;
    Guarded<std::int8_t> patterns;
    Guarded<T> weights;

    Accumulation(Context where, std::vector<std::int8_t> const& x, std::int64_t p, std::int64_t d, std::int64_t gap = 3)
        : context(where), patterns(where, x, p, d, gap), weights(where, d, d, gap) {}
    Accumulation(Context where, std::vector<std::int8_t> const& x, std::int64_t p, std::int64_t d, std::vector<T> const& content)
        : context(where), patterns(where, x, p, d), weights(where, content, d, d) {}

    void run(outer_product::AccumulateOptions const& options) {
        outer_product::accumulate(context, options, patterns.const_view(), weights.view());
    }
};

}  // namespace ca3::test
