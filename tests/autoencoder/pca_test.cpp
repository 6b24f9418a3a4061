// Principal components against closed forms and against Eigen on the covariance by its definition.
#include <ca3/autoencoder/baselines.hpp>
#include <ca3/error.hpp>

#include "autoencoder/baseline_kernels.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>
#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <limits>

namespace ca3::autoencoder {
namespace {

using test::contains;
using test::message_of;
using test::view;
using Numbers = std::vector<double>;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Numbers random_numbers(std::int64_t count, std::uint64_t seed) {
    test::Random random(seed);
    Numbers x;
    for (std::int64_t i = 0; i < count; ++i) x.push_back(random.normal());
    return x;
}

RowMajor covariance(Numbers const& x, std::int64_t n, std::int64_t d) {
    RowMajor const m = Eigen::Map<RowMajor const>(x.data(), n, d);
    RowMajor const centred = m.rowwise() - m.colwise().mean();
    return centred.transpose() * centred / static_cast<double>(n - 1);
}

// ---- by hand ---------------------------------------------------------------------------------------------------------------------------

// (+-3, +-3) about (1, 2) along the diagonal, (+-1, -+1) across it: the covariance is [[20, 16], [16, 20]] / 3, with eigenvalues 12 along
// (1, 1) / sqrt(2) and 4/3 along (1, -1) / sqrt(2).
TEST(PcaByHand, TwoDirectionsInThePlane) {
    Numbers const x{4, 5, -2, -1, 2, 1, 0, 3};
    Pca const p = pca(Context::reference(), view(x, 4, 2), 2);
    double const r = std::sqrt(0.5);
    EXPECT_TRUE(test::all_near(Numbers{1, 2}, p.mean, 0.0));
    EXPECT_TRUE(test::all_near(Numbers{12.0, 4.0 / 3}, p.variance, 1e-14));
    EXPECT_NEAR(p.total_variance, 40.0 / 3, 1e-14);
    EXPECT_TRUE(test::all_near(Numbers{r, r}, std::span<double const>(p.directions).first(2), 1e-15));
    EXPECT_NEAR(std::abs(p.directions[2]), r, 1e-15);
    EXPECT_NEAR(p.directions[2] + p.directions[3], 0.0, 1e-15);
    Numbers const codes = p.encode(view(x, 4, 2));
    double const s = p.directions[2] > 0 ? 1.0 : -1.0;
    EXPECT_TRUE(test::all_near(Numbers{6 * r, 0, -6 * r, 0, 0, 2 * r * s, 0, -2 * r * s}, codes, 1e-14));
    EXPECT_TRUE(test::all_near(x, p.decode(view(codes, 4, 2)), 1e-14));
}

TEST(PcaByHand, IndependentColumnsAreTheirOwnDirections) {
    // Columns of variance 2, 8, 0 that do not depend on each other (orthogonal signs, 4 samples: sum of squares 4 a^2, divisor 3).
    double const a = std::sqrt(1.5), b = std::sqrt(6.0);
    Numbers const x{a, b, 5, a, -b, 5, -a, b, 5, -a, -b, 5};
    Pca const p = pca(Context::cpu(), view(x, 4, 3), 3);
    EXPECT_TRUE(test::all_near(Numbers{8, 2, 0}, p.variance, 1e-14));
    EXPECT_TRUE(test::all_near(Numbers{0, 1, 0, 1, 0, 0, 0, 0, 1}, p.directions, 1e-15));
    EXPECT_TRUE(test::all_near(Numbers{0, 0, 5}, p.mean, 1e-15));
}

TEST(PcaByHand, EqualSamplesHaveNoVariance) {
    Numbers const x{1, 2, 3, 1, 2, 3};
    Pca const p = pca(Context::cpu(), view(x, 2, 3), 2);
    EXPECT_EQ(p.variance, (Numbers{0, 0}));
    EXPECT_EQ(p.total_variance, 0.0);
    EXPECT_TRUE(test::all_near(x, p.decode(view(p.encode(view(x, 2, 3)), 2, 2)), 0.0));
}

// ---- against Eigen ---------------------------------------------------------------------------------------------------------------------

// Both are backward stable: variances differ by at most some d eps of the largest. Widths about the tile's 112 columns.
TEST(Pca, HasTheEigenvaluesOfTheCovariance) {
    for (std::int64_t const d : {1, 2, 7, 16, 17, 111, 112, 113, 130}) {
        for (std::int64_t const n : {2, 3, 255, 256, 257, 600}) {
            auto const x = random_numbers(n * d, static_cast<std::uint64_t>(n * d));
            Eigen::SelfAdjointEigenSolver<RowMajor> const expected(covariance(x, n, d));
            Pca const p = pca(Context::cpu(), view(x, n, d), d);
            double const bound = 1e-14 * static_cast<double>(d) * expected.eigenvalues().maxCoeff();
            for (std::int64_t k = 0; k < d; ++k)
                EXPECT_NEAR(p.variance[static_cast<std::size_t>(k)], expected.eigenvalues()(d - 1 - k), bound) << d << ' ' << n << ' ' << k;
            EXPECT_NEAR(p.total_variance, expected.eigenvalues().sum(), bound * static_cast<double>(d));
        }
    }
}

TEST(Pca, DirectionsAreOrthonormalEigenvectorsWithTheirSign) {
    constexpr std::int64_t n = 300, d = 40, k = 11;
    auto const x = random_numbers(n * d, 3);
    Pca const p = pca(Context::cpu(), view(x, n, d), k);
    RowMajor const v = Eigen::Map<RowMajor const>(p.directions.data(), k, d), c = covariance(x, n, d);
    EXPECT_LT((v * v.transpose() - RowMajor::Identity(k, k)).cwiseAbs().maxCoeff(), 1e-13);
    RowMajor const residual = c * v.transpose() - v.transpose() * Eigen::Map<Eigen::VectorXd const>(p.variance.data(), k).asDiagonal();
    EXPECT_LT(residual.cwiseAbs().maxCoeff(), 1e-13 * p.variance[0] * d);
    for (std::int64_t i = 0; i < k; ++i) {
        Eigen::Index largest = 0;
        v.row(i).cwiseAbs().maxCoeff(&largest);
        EXPECT_GT(v(i, largest), 0.0);
    }
    EXPECT_TRUE(std::is_sorted(p.variance.rbegin(), p.variance.rend()));
}

// Codes are uncorrelated with the variances of their directions, and what decoding loses is the rest of the variance.
TEST(Pca, LosesTheVarianceOfTheDirectionsLeftOut) {
    constexpr std::int64_t n = 200, d = 30, k = 5;
    auto const x = random_numbers(n * d, 4);
    Pca const p = pca(Context::cpu(), view(x, n, d), k);
    auto const codes = p.encode(view(x, n, d)), back = p.decode(view(codes, n, k));
    double lost = 0.0, kept = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) lost += (x[i] - back[i]) * (x[i] - back[i]);
    for (double const v : p.variance) kept += v;
    EXPECT_NEAR(lost / (n - 1), p.total_variance - kept, 1e-12 * p.total_variance);
    RowMajor const c = covariance(codes, n, k);
    RowMajor const expected = Eigen::Map<Eigen::VectorXd const>(p.variance.data(), k).asDiagonal();
    EXPECT_LT((c - expected).cwiseAbs().maxCoeff(), 1e-12 * p.total_variance);
}

// A mean of 10^6 beside a deviation of 1: subtracting it first keeps 10 digits where sums of squares would keep 4.
TEST(Pca, KeepsItsDigitsFarFromTheOrigin) {
    constexpr std::int64_t n = 500, d = 6;
    auto x = random_numbers(n * d, 5);
    Pca const near = pca(Context::cpu(), view(x, n, d), d);
    for (double& value : x) value += 1e6;
    Pca const far = pca(Context::cpu(), view(x, n, d), d);
    EXPECT_TRUE(test::all_near(near.variance, far.variance, 1e-8));
}

// ---- one result, whoever computes it ---------------------------------------------------------------------------------------------------

TEST(Pca, HasTheSameBitsOnEveryContextAndStride) {
    constexpr std::int64_t n = 700, d = 125, gap = 3;
    auto const x = random_numbers(n * d, 6);
    Numbers strided(static_cast<std::size_t>(n * (d + gap)), std::nan(""));
    for (std::int64_t i = 0; i < n; ++i) std::copy_n(x.begin() + i * d, d, strided.begin() + i * (d + gap));
    Pca const expected = pca(Context::reference(), view(x, n, d), 9);
    for (auto const& [name, context] : test::cpu_contexts()) {
        Pca const p = pca(context, {strided.data(), n, d, d + gap}, 9);
        EXPECT_EQ(p.mean, expected.mean) << name;
        EXPECT_EQ(p.directions, expected.directions) << name;
        EXPECT_EQ(p.variance, expected.variance) << name;
        EXPECT_EQ(p.total_variance, expected.total_variance) << name;
    }
}

TEST(Pca, ManyThreadsForFewTilesComeToTheSame) {
    auto const x = random_numbers(50 * 113, 7);
    Context const many = Context::cpu({.threads = 7});
    EXPECT_EQ(pca(many, view(x, 50, 113), 3).directions, pca(Context::reference(), view(x, 50, 113), 3).directions);
}

// Integers of at most 8: every product and sum is exact, so the sum must be that of the plain loop.
TEST(CentredProduct, IsExactOnIntegers) {
    test::Random random(8);
    for (std::int64_t const d : {1, 8, 15, 16, 17, 112, 225})
        for (std::int64_t const n : {1, 255, 257, 513}) {
            Numbers x, mean;
            for (std::int64_t i = 0; i < n * d; ++i) x.push_back(static_cast<double>(random.between(-8, 8)));
            for (std::int64_t j = 0; j < d; ++j) mean.push_back(static_cast<double>(random.between(-8, 8)));
            RowMajor const centred =
                Eigen::Map<RowMajor const>(x.data(), n, d).rowwise() - Eigen::Map<Eigen::RowVectorXd const>(mean.data(), d);
            RowMajor const expected = centred.transpose() * centred;
            for (auto const set : supported_instruction_sets()) {
                ThreadPool pool(2);
                Numbers found(static_cast<std::size_t>(d * d), std::nan(""));
                centred_product(pool, set, view(x, n, d), mean.data(), found.data());
                EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.data())) << to_string(set) << ' ' << d << ' ' << n;
            }
        }
}

TEST(BaselineKernels, HaveTheSameBitsOnEveryInstructionSet) {
    for (std::int64_t const n : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 784, 785}) {
        auto const x = random_numbers(n + 1, 1), y = random_numbers(n + 1, 2);
        auto const& expected = baseline_kernels_for(InstructionSet::portable);
        Numbers sum = y;
        expected.add_scaled(0.37, x.data(), sum.data(), n);
        EXPECT_EQ(sum.back(), y.back());
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) EXPECT_EQ(sum[i], y[i] + 0.37 * x[i]);
        for (auto const set : supported_instruction_sets()) {
            auto const& kernels = baseline_kernels_for(set);
            EXPECT_EQ(kernels.dot(x.data(), y.data(), n), expected.dot(x.data(), y.data(), n)) << to_string(set) << ' ' << n;
            Numbers found = y;
            kernels.add_scaled(0.37, x.data(), found.data(), n);
            EXPECT_EQ(found, sum) << to_string(set) << ' ' << n;
        }
    }
}

// ---- what it refuses -------------------------------------------------------------------------------------------------------------------

TEST(Pca, RefusesWhatHasNoCovariance) {
    Numbers const x(12, 1.0);
    Context const context = Context::cpu();
    auto const refused = [&](MatrixView<double const> samples, std::int64_t components) {
        return message_of<InvalidArgument>([&] { (void)pca(context, samples, components); });
    };
    EXPECT_TRUE(contains(refused(view(x, 1, 12), 1), "samples must be at least 2"));
    EXPECT_TRUE(contains(refused({nullptr, 0, 3}, 1), "samples"));
    EXPECT_TRUE(contains(refused(view(x, 12, 0), 1), "components"));
    for (std::int64_t const k : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{4}, std::numeric_limits<std::int64_t>::max()})
        EXPECT_TRUE(contains(refused(view(x, 4, 3), k), "components"));
    EXPECT_TRUE(contains(refused({nullptr, 4, 3}, 1), "null"));
    EXPECT_TRUE(contains(refused({x.data(), 4, 3, 2}, 1), "stride"));
    EXPECT_TRUE(contains(refused({x.data(), 4, -3}, 1), "shape"));
}

TEST(Pca, NamesTheFirstElementThatIsNotFinite) {
    for (double const bad : {std::nan(""), HUGE_VAL, -HUGE_VAL})
        for (std::int64_t const at : {0, 700 * 3 - 1, 300 * 3 + 1}) {
            Numbers x(700 * 3, 0.5);
            x[static_cast<std::size_t>(at)] = bad;
            x.back() = bad;
            auto const message = message_of<InvalidArgument>([&] { (void)pca(Context::cpu({.threads = 2}), view(x, 700, 3), 1); });
            EXPECT_TRUE(contains(message, "samples(" + std::to_string(at / 3) + ", " + std::to_string(at % 3) + ")")) << message;
        }
}

TEST(Pca, RefusesSamplesWhoseCovarianceIsNotFinite) {
    Numbers const x{1e200, -1e200, -1e200, 1e200};
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)pca(Context::cpu(), view(x, 2, 2), 1); }), "large"));
    Numbers const huge{1e308, 1e308, 1e308, 1e308};
    EXPECT_THROW((void)pca(Context::cpu(), view(huge, 4, 1), 1), InvalidArgument);
}

TEST(Pca, RefusesSamplesAndCodesOfAnotherWidth) {
    auto const x = random_numbers(20, 9);
    Pca const p = pca(Context::cpu(), view(x, 5, 4), 2);
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)p.encode(view(x, 4, 5)); }), "(4 x 4)"));
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)p.decode(view(x, 4, 5)); }), "(4 x 2)"));
    EXPECT_TRUE(p.encode({nullptr, 0, 4}).empty());
    EXPECT_TRUE(p.decode({nullptr, 0, 2}).empty());
}

}  // namespace
}  // namespace ca3::autoencoder
