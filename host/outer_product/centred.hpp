#pragma once

#include <cstdint>

namespace ca3::outer_product {

/// An entry of the sum of (x - theta)(x - theta)^T over P patterns, theta = total / (P d) the mean of all elements:
/// w_ij - theta (s_i + s_j) + P theta^2 with the column sums s, computed as a fraction of integers over P d^2.
/// Int must hold 4 P^2 d^2: int128 does for P and d up to 2^31.
template <class Int>
struct Centred {
    std::int64_t patterns;
    std::int64_t neurons;
    std::int64_t total;

    /// @param column_sums s_i + s_j  @returns the entry with a relative error below 2^-51
    [[nodiscard]] double operator()(std::int64_t weight, std::int64_t column_sums) const {
        Int const numerator = (Int{weight} * patterns * neurons - Int{total} * column_sums) * neurons + Int{total} * total;
        return static_cast<double>(numerator) / static_cast<double>(Int{patterns} * neurons * neurons);
    }
};

}  // namespace ca3::outer_product
