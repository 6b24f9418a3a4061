#include <ca3/autoencoder/baselines.hpp>

#include "autoencoder/baseline_kernels.hpp"
#include "core/check.hpp"
#include "core/state.hpp"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <string>

namespace ca3::autoencoder {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<RowMajor const, Eigen::Unaligned, Eigen::OuterStride<>>;

Rows rows_of(MatrixView<double const> view) {
    return {view.data, view.rows, view.cols, Eigen::OuterStride<>(view.stride)};
}

}  // namespace

Pca pca(Context const& context, MatrixView<double const> samples, std::int64_t components) {
    constexpr char const* function = "pca";
    require_view(samples, function, "samples");
    require(samples.rows >= 2, function, [&] { return "samples must be at least 2, are " + std::to_string(samples.rows); });
    require(components >= 1 && components <= samples.cols, function, [&] {
        return "components must lie in [1, " + std::to_string(samples.cols) + "], the width of samples, is " + std::to_string(components);
    });
    require_finite(pool(context), samples, function, "samples");
    std::int64_t const d = samples.cols;
    Pca out{.components = components, .width = d};
    out.mean.resize(static_cast<std::size_t>(d));
    column_means(pool(context), samples, out.mean.data());
    RowMajor covariance(d, d);
    centred_product(pool(context), context.instruction_set(), samples, out.mean.data(), covariance.data());
    covariance /= static_cast<double>(samples.rows - 1);
    out.total_variance = covariance.trace();
    require(covariance.allFinite() && std::isfinite(out.total_variance), function,
            [] { return "samples are so large that their covariance is not finite"; });

    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> const solver(covariance);
    require(solver.info() == Eigen::Success, function, [] { return "the eigenvectors of the covariance of samples did not converge"; });
    out.directions.resize(static_cast<std::size_t>(components * d));
    for (std::int64_t k = 0; k < components; ++k) {
        std::int64_t const column = d - 1 - k;  // the solver's variances rise
        auto const v = solver.eigenvectors().col(column);
        Eigen::Index largest = 0;
        v.cwiseAbs().maxCoeff(&largest);
        double const sign = v(largest) < 0.0 ? -1.0 : 1.0;
        for (std::int64_t j = 0; j < d; ++j) out.directions[static_cast<std::size_t>(k * d + j)] = sign * v(j);
        out.variance.push_back(std::max(solver.eigenvalues()(column), 0.0));
    }
    return out;
}

std::vector<double> Pca::encode(MatrixView<double const> samples) const {
    require_shape(samples, samples.rows, width, "Pca::encode", "samples");
    std::vector<double> codes(static_cast<std::size_t>(detail::checked_product(samples.rows, components)));
    if (codes.empty()) return codes;
    Rows const v = rows_of({directions.data(), components, width});
    auto const m = Eigen::Map<Eigen::RowVectorXd const>(mean.data(), width);
    constexpr std::int64_t at_once = 512;  // so that the centred copy stays small
    for (std::int64_t i = 0; i < samples.rows; i += at_once) {
        std::int64_t const n = std::min(at_once, samples.rows - i);
        RowMajor const centred = rows_of({samples.row(i), n, width, samples.stride}).rowwise() - m;
        Eigen::Map<RowMajor>(codes.data() + i * components, n, components).noalias() = centred * v.transpose();
    }
    return codes;
}

std::vector<double> Pca::decode(MatrixView<double const> codes) const {
    require_shape(codes, codes.rows, components, "Pca::decode", "codes");
    std::vector<double> samples(static_cast<std::size_t>(detail::checked_product(codes.rows, width)));
    if (samples.empty()) return samples;
    auto out = Eigen::Map<RowMajor>(samples.data(), codes.rows, width);
    out.noalias() = rows_of(codes) * rows_of({directions.data(), components, width});
    out.rowwise() += Eigen::Map<Eigen::RowVectorXd const>(mean.data(), width);
    return samples;
}

}  // namespace ca3::autoencoder
