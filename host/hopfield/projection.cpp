#include "hopfield/projection.hpp"

#include "core/thread_pool.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace ca3::hopfield {

namespace {

struct Factor {
    std::vector<double> lower;  ///< row-major, n x n, row k belongs to pattern order[k]
    std::vector<std::int64_t> order;
    std::int64_t rank = 0;
};

/// L L^T = A with rows and columns permuted so that the largest remaining diagonal comes first; stops where it is below `tolerance`.
Factor pivoted_cholesky(std::vector<double> a, std::int64_t n, double tolerance) {
    Factor f{.lower = {}, .order = std::vector<std::int64_t>(n)};
    std::iota(f.order.begin(), f.order.end(), 0);
    for (std::int64_t k = 0; k < n; ++k) {
        std::int64_t best = k;
        for (std::int64_t i = k + 1; i < n; ++i) {
            if (a[i * n + i] > a[best * n + best]) best = i;
        }
        if (!(a[best * n + best] > tolerance)) break;
        if (best != k) {
            std::swap(f.order[k], f.order[best]);
            for (std::int64_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[best * n + j]);
            for (std::int64_t i = 0; i < n; ++i) std::swap(a[i * n + k], a[i * n + best]);
        }
        double const pivot = std::sqrt(a[k * n + k]);
        a[k * n + k] = pivot;
        for (std::int64_t i = k + 1; i < n; ++i) a[i * n + k] /= pivot;
        for (std::int64_t j = k + 1; j < n; ++j) a[k * n + j] = a[j * n + k];  // a copy in a row, so that the update below runs along rows
        for (std::int64_t i = k + 1; i < n; ++i) {
            double const l = a[i * n + k];
            double* const __restrict row = a.data() + i * n;
            double const* const __restrict column = a.data() + k * n;
            for (std::int64_t j = k + 1; j < n; ++j) row[j] -= l * column[j];
        }
        ++f.rank;
    }
    f.lower = std::move(a);
    return f;
}

/// K = A^-1 on the first `rank` patterns of the factor, scattered to the original order.
std::vector<double> inverse(Factor const& f, std::int64_t n) {
    std::int64_t const r = f.rank;
    std::vector<double> y(r * r, 0.0);  // row k: row k of L^-1, then of (L L^T)^-1
    for (std::int64_t k = 0; k < r; ++k) {
        double* const __restrict row = y.data() + k * r;
        row[k] = 1.0;
        for (std::int64_t i = 0; i < k; ++i) {
            double const l = f.lower[k * n + i];
            double const* const __restrict other = y.data() + i * r;
            for (std::int64_t j = 0; j <= i; ++j) row[j] -= l * other[j];
        }
        for (std::int64_t j = 0; j <= k; ++j) row[j] /= f.lower[k * n + k];
    }
    std::vector<double> k_matrix(r * r, 0.0);
    for (std::int64_t k = 0; k < r; ++k) {  // sum over k of (row k of L^-1)^T (row k of L^-1)
        double const* const __restrict row = y.data() + k * r;
        for (std::int64_t i = 0; i <= k; ++i) {
            double* const __restrict out = k_matrix.data() + i * r;
            for (std::int64_t j = 0; j <= k; ++j) out[j] += row[i] * row[j];
        }
    }
    std::vector<double> scattered(n * n, 0.0);
    for (std::int64_t i = 0; i < r; ++i) {
        for (std::int64_t j = 0; j < r; ++j) scattered[f.order[i] * n + f.order[j]] = i <= j ? k_matrix[i * r + j] : k_matrix[j * r + i];
    }
    return scattered;
}

}  // namespace

std::vector<std::int32_t> gram_matrix(std::span<std::int8_t const> patterns, std::int64_t P, std::int64_t d, ThreadPool& pool) {
    std::int64_t const words = (d + 63) / 64;
    std::vector<std::uint64_t> bits(P * words, 0);
    for (std::int64_t mu = 0; mu < P; ++mu) {
        for (std::int64_t i = 0; i < d; ++i) bits[mu * words + i / 64] |= static_cast<std::uint64_t>(patterns[mu * d + i] > 0) << (i % 64);
    }
    std::vector<std::int32_t> gram(P * P);
    pool.run(P, [&](std::int64_t mu, int) {
        for (std::int64_t nu = 0; nu <= mu; ++nu) {
            std::int64_t differ = 0;
            for (std::int64_t w = 0; w < words; ++w) differ += std::popcount(bits[mu * words + w] ^ bits[nu * words + w]);
            gram[mu * P + nu] = gram[nu * P + mu] = static_cast<std::int32_t>(d - 2 * differ);
        }
    });
    return gram;
}

Projection project(std::span<std::int32_t const> gram, std::int64_t P, std::int64_t d, double ridge) {
    std::vector<double> a(gram.begin(), gram.end());
    // A pivot is the squared distance of a pattern from the span of the earlier ones; rounding leaves about P eps d in its place when it is
    // 0.
    double const tolerance = static_cast<double>(d) * static_cast<double>(P) * 0x1p-48;
    Factor factor = pivoted_cholesky(a, P, tolerance);
    Projection out;
    out.dependent.assign(factor.order.begin() + factor.rank, factor.order.end());
    std::sort(out.dependent.begin(), out.dependent.end());
    if (ridge > 0) {
        for (std::int64_t mu = 0; mu < P; ++mu) a[mu * P + mu] += ridge;
        factor = pivoted_cholesky(a, P, 0.0);
    }
    out.kernel = inverse(factor, P);
    for (std::int64_t k = 0; k < factor.rank; ++k) {
        std::int64_t const mu = factor.order[k];
        double sum = 0;
        for (std::int64_t l = 0; l < factor.rank; ++l) {
            std::int64_t const nu = factor.order[l];
            double entry = mu == nu ? 1.0 : 0.0;
            for (std::int64_t i = 0; i < P; ++i) entry -= a[mu * P + i] * out.kernel[i * P + nu];
            sum += std::fabs(entry);
        }
        out.residual = std::max(out.residual, sum);
    }
    return out;
}

}  // namespace ca3::hopfield
