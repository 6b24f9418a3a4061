#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ca3 {
class ThreadPool;
}

namespace ca3::hopfield {

/// What the regularised pseudo-inverse needs to know of P patterns of d neurons.
struct Projection {
    std::vector<double> kernel;  ///< (X X^T + ridge I)^-1 on the independent patterns, zero rows and columns elsewhere; P x P, symmetric
    std::vector<std::int64_t> dependent;  ///< patterns in the numerical span of the others; with ridge > 0 they stay in the kernel
    double residual = 0.0;                ///< largest row sum of |I - (G + ridge I) K| over the patterns in the kernel
};

/// G = X X^T, exact. @param patterns P x d of -1, +1
[[nodiscard]] std::vector<std::int32_t> gram_matrix(std::span<std::int8_t const> patterns, std::int64_t P, std::int64_t d,
                                                    ThreadPool& pool);

/// Cholesky with diagonal pivoting in f64. Deterministic: the same on every machine and for any number of threads.
[[nodiscard]] Projection project(std::span<std::int32_t const> gram, std::int64_t P, std::int64_t d, double ridge);

}  // namespace ca3::hopfield
