#include <ca3/autoencoder/baselines.hpp>

#include "autoencoder/baseline_kernels.hpp"
#include "core/check.hpp"
#include "core/thread_pool.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace ca3::autoencoder {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<RowMajor const, Eigen::Unaligned, Eigen::OuterStride<>>;

/// (X - 1 mean_x^T)^T (Y - 1 mean_y^T), in blocks of samples so that the centred copies stay small.
RowMajor cross_product(MatrixView<double const> x, Eigen::RowVectorXd const& mean_x, MatrixView<double const> y,
                       Eigen::RowVectorXd const& mean_y) {
    RowMajor sum = RowMajor::Zero(x.cols, y.cols);
    for (std::int64_t i = 0; i < x.rows; i += samples_at_once) {
        std::int64_t const n = std::min(samples_at_once, x.rows - i);
        RowMajor const a = Rows(x.row(i), n, x.cols, Eigen::OuterStride<>(x.stride)).rowwise() - mean_x;
        RowMajor const b = Rows(y.row(i), n, y.cols, Eigen::OuterStride<>(y.stride)).rowwise() - mean_y;
        sum.noalias() += a.transpose() * b;
    }
    return sum;
}

}  // namespace

Readout ridge_regression(MatrixView<double const> samples, MatrixView<double const> targets, double ridge, bool intercept) {
    constexpr char const* function = "ridge_regression";
    require_view(samples, function, "samples");
    require_shape(targets, samples.rows, targets.cols, function, "targets");
    require(!samples.empty() && targets.cols > 0, function, [&] {
        return "samples and targets must not be empty, are " + shape(samples.rows, samples.cols) + " and " +
               shape(targets.rows, targets.cols);
    });
    require(std::isfinite(ridge) && ridge >= 0.0, function,
            [&] { return "ridge must be finite and not negative, is " + std::to_string(ridge); });
    ThreadPool here(1);
    require_finite(here, samples, function, "samples");
    require_finite(here, targets, function, "targets");
    std::int64_t const d = samples.cols, m = targets.cols;

    // The best intercept for any B is mean(Y) - mean(X) B, which leaves a problem without intercept in the centred data.
    Eigen::RowVectorXd mean_x = Eigen::RowVectorXd::Zero(d), mean_y = Eigen::RowVectorXd::Zero(m);
    if (intercept) {
        column_means(here, samples, mean_x.data());
        column_means(here, targets, mean_y.data());
    }
    RowMajor normal(d, d);
    centred_product(here, supported_instruction_sets().back(), samples, mean_x.data(), normal.data());
    normal.diagonal().array() += ridge;
    RowMajor const right = cross_product(samples, mean_x, targets, mean_y);
    require(normal.allFinite() && right.allFinite(), function,
            [] { return "samples or targets are so large that their products are not finite"; });

    Eigen::LDLT<Eigen::MatrixXd> const factors(normal);
    auto const pivots = factors.vectorD();
    double const least = static_cast<double>(d) * std::numeric_limits<double>::epsilon() * pivots.maxCoeff();
    require(factors.info() == Eigen::Success && pivots.maxCoeff() > 0.0 && pivots.minCoeff() > least, function, [&] {
        return "the normal equations of samples " + shape(samples.rows, d) +
               " are singular to working precision with ridge = " + std::to_string(ridge) +
               ": columns depend on each other; a larger ridge makes them regular";
    });
    RowMajor const weights = factors.solve(right);
    Eigen::RowVectorXd const constant = mean_y - mean_x * weights;
    Readout out;
    out.weights.assign(weights.data(), weights.data() + d * m);
    out.intercept.assign(constant.data(), constant.data() + m);
    return out;
}

std::vector<double> Readout::predict(MatrixView<double const> samples) const {
    auto const m = static_cast<std::int64_t>(intercept.size());
    std::int64_t const d = m == 0 ? 0 : static_cast<std::int64_t>(weights.size()) / m;
    require_shape(samples, samples.rows, d, "Readout::predict", "samples");
    std::vector<double> result(static_cast<std::size_t>(detail::checked_product(samples.rows, m)));
    if (result.empty()) return result;
    auto out = Eigen::Map<RowMajor>(result.data(), samples.rows, m);
    out.noalias() =
        Rows(samples.data, samples.rows, d, Eigen::OuterStride<>(samples.stride)) * Eigen::Map<RowMajor const>(weights.data(), d, m);
    out.rowwise() += Eigen::Map<Eigen::RowVectorXd const>(intercept.data(), m);
    return result;
}

}  // namespace ca3::autoencoder
