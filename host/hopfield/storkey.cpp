#include "hopfield/storkey.hpp"

namespace ca3::hopfield {

void storkey_add(std::span<double> weights, std::span<std::int8_t const> pattern) {
    auto const d = static_cast<std::int64_t>(pattern.size());
    double const n = static_cast<double>(d);
    std::vector<double> field(d);  // W x with the old weights, diagonal included
    for (std::int64_t i = 0; i < d; ++i) {
        double sum = 0;
        for (std::int64_t j = 0; j < d; ++j) sum += weights[i * d + j] * pattern[j];
        field[i] = sum;
    }
    std::vector<double> diagonal(d);
    for (std::int64_t i = 0; i < d; ++i) diagonal[i] = weights[i * d + i];
    for (std::int64_t i = 0; i < d; ++i) {
        for (std::int64_t j = i; j < d; ++j) {
            double const x = pattern[i], y = pattern[j], w = weights[i * d + j];
            // h_ij = sum over k other than i and j of w_ik x_k
            double const h_ij = field[i] - diagonal[i] * x - (i == j ? 0.0 : w * y);
            double const h_ji = field[j] - diagonal[j] * y - (i == j ? 0.0 : w * x);
            weights[i * d + j] = weights[j * d + i] = w + (x * y - x * h_ji - h_ij * y) / n;
        }
    }
}

}  // namespace ca3::hopfield
