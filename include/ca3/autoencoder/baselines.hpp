#pragma once

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <vector>

/// What autoencoders are compared with. All in f64, host memory, deterministic.
namespace ca3::autoencoder {

/// Principal components: eigenvectors of the covariance of the columns (divisor N - 1), Pearson (1901).
struct Pca {
    std::int64_t components = 0;
    std::int64_t width = 0;
    std::vector<double> mean;        ///< d
    std::vector<double> directions;  ///< k x d, orthonormal rows, by falling variance; the largest element of each is positive
    std::vector<double> variance;    ///< k
    double total_variance = 0.0;

    [[nodiscard]] std::vector<double> encode(MatrixView<double const> samples) const;  ///< N x k
    [[nodiscard]] std::vector<double> decode(MatrixView<double const> codes) const;    ///< N x d
};
/// @throws InvalidArgument for fewer than 2 samples, or components outside [1, d]
[[nodiscard]] Pca pca(Context const&, MatrixView<double const> samples, std::int64_t components);

/// Non-negative factors X ~ W H by the multiplicative updates of Lee and Seung (2001) for the Euclidean norm.
struct Nmf {
    std::vector<double> codes;       ///< W, N x k
    std::vector<double> components;  ///< H, k x d
    std::vector<double> error;       ///< |X - W H|^2 / (N d) after each iteration
};
struct NmfOptions {
    std::int64_t components = 2;
    std::int64_t iterations = 200;
    double tolerance = 1e-6;  ///< stops when the error falls by less than this share of its first value; 0: never
    std::uint64_t seed = 0;
};
/// @throws InvalidArgument for empty samples, negative or non-finite ones, components outside [1, max(N, d)], negative iterations, a
/// tolerance that is negative or not finite
[[nodiscard]] Nmf nmf(Context const&, MatrixView<double const> samples, NmfOptions const& = {});
/// Codes of other samples (N x d) with fixed components. N x k. The codes of a sample are its own: they begin equal, with the sum of the
/// sample, and stop by its own error, so that neither the seed nor other samples matter.
/// @throws InvalidArgument as nmf, but that any number of samples has any number of components; components that are not k x d
[[nodiscard]] std::vector<double> nmf_encode(Context const&, Nmf const&, MatrixView<double const> samples, NmfOptions const& = {});

/// Linear readout: minimises |X B + 1 c - Y|^2 + ridge |B|^2. With `intercept` false c is 0.
struct Readout {
    std::vector<double> weights;    ///< d x m
    std::vector<double> intercept;  ///< m

    [[nodiscard]] std::vector<double> predict(MatrixView<double const> samples) const;  ///< N x m
};
/// @throws InvalidArgument: shapes, a negative ridge, a singular system without ridge
[[nodiscard]] Readout ridge_regression(MatrixView<double const> samples, MatrixView<double const> targets, double ridge,
                                       bool intercept = true);

}  // namespace ca3::autoencoder
