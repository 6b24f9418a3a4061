// Non-negative factors: what Lee and Seung prove of their updates, one of them by hand, and what is recovered.
#include <ca3/autoencoder/baselines.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>
#include <Eigen/Dense>

#include <cmath>
#include <limits>

namespace ca3::autoencoder {
namespace {

using test::contains;
using test::message_of;
using test::view;
using Numbers = std::vector<double>;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Map = Eigen::Map<RowMajor const>;

Numbers random_numbers(std::int64_t count, std::uint64_t seed) {
    test::Random random(seed);
    Numbers x;
    for (std::int64_t i = 0; i < count; ++i) x.push_back(random.uniform());
    return x;
}

double error_of(Nmf const& f, Numbers const& x, std::int64_t n, std::int64_t d) {
    auto const k = static_cast<std::int64_t>(f.codes.size()) / n;
    return (Map(x.data(), n, d) - Map(f.codes.data(), n, k) * Map(f.components.data(), k, d)).squaredNorm() / static_cast<double>(n * d);
}

// The definition with Eigen, from the starting values that the draws give.
Nmf by_definition(Numbers const& x, std::int64_t n, std::int64_t d, NmfOptions const& o) {
    RowMajor const X = Map(x.data(), n, d);
    double const scale = 2.0 * std::sqrt(X.mean() / static_cast<double>(o.components));
    auto const start = [&](std::int64_t rows, std::int64_t cols, std::uint32_t element) {
        RowMajor m(rows, cols);
        for (std::int64_t i = 0; i < rows * cols; ++i)
            m.data()[i] =
                scale * (random::bits(o.seed, random::Purpose::initial_weight, element, 0, static_cast<std::uint64_t>(i)) + 0.5) * 0x1p-32;
        return m;
    };
    RowMajor W = start(n, o.components, 0), H = start(o.components, d, 1);
    Nmf out;
    for (std::int64_t i = 0; i < o.iterations; ++i) {
        W = (W.array() * (X * H.transpose()).array() / (W * H * H.transpose()).array()).matrix().eval();
        H = (H.array() * (W.transpose() * X).array() / (W.transpose() * W * H).array()).matrix().eval();
        out.error.push_back((X - W * H).squaredNorm() / static_cast<double>(n * d));
    }
    out.codes.assign(W.data(), W.data() + W.size());
    out.components.assign(H.data(), H.data() + H.size());
    return out;
}

// ---- the updates -----------------------------------------------------------------------------------------------------------------------

// One factor: the first update makes w = X h / |h|^2 and then h = X^T w / |w|^2, whatever w was. With X = (2, 4; 1, 2) = (2, 1)^T (1, 2),
// any h > 0 gives w along (2, 1) and then h along (1, 2): the product is X.
TEST(NmfByHand, OneFactorOfARankOneMatrixIsFoundAtOnce) {
    Numbers const x{2, 4, 1, 2};
    Nmf const f = nmf(Context::reference(), view(x, 2, 2), {.components = 1, .iterations = 1});
    ASSERT_EQ(f.codes.size(), 2u);
    ASSERT_EQ(f.components.size(), 2u);
    EXPECT_NEAR(f.codes[0] / f.codes[1], 2.0, 1e-14);
    EXPECT_NEAR(f.components[1] / f.components[0], 2.0, 1e-14);
    EXPECT_NEAR(f.codes[0] * f.components[0], 2.0, 1e-14);
    EXPECT_LT(f.error[0], 1e-14);
}

TEST(Nmf, IsTheDefinition) {
    for (auto const& [n, d, k] : {std::tuple<int, int, int>{1, 1, 1}, {5, 3, 2}, {33, 17, 4}, {200, 50, 7}, {300, 5, 8}}) {
        auto const x = random_numbers(n * d, static_cast<std::uint64_t>(n));
        NmfOptions const options{.components = k, .iterations = 10, .tolerance = 0.0, .seed = 5};
        Nmf const expected = by_definition(x, n, d, options), found = nmf(Context::cpu(), view(x, n, d), options);
        EXPECT_TRUE(test::all_near(expected.codes, found.codes, 1e-11));
        EXPECT_TRUE(test::all_near(expected.components, found.components, 1e-11));
        EXPECT_TRUE(test::all_near(expected.error, found.error, 1e-13));
    }
}

// Lee and Seung 2001, theorem 1. The error comes from three sums of about |X|^2, each rounded by some 1e-15 of it; here |X|^2 / (N d) is
// 1/3.
TEST(Nmf, ErrorNeverRises) {
    constexpr std::int64_t n = 150, d = 40;
    auto const x = random_numbers(n * d, 1);
    for (std::int64_t const k : {1, 3, 10}) {
        Nmf const f = nmf(Context::cpu(), view(x, n, d), {.components = k, .iterations = 300, .tolerance = 0.0});
        ASSERT_EQ(f.error.size(), 300u);
        for (std::size_t i = 1; i < f.error.size(); ++i) EXPECT_LE(f.error[i], f.error[i - 1] + 1e-15) << i;
        EXPECT_NEAR(f.error.back(), error_of(f, x, n, d), 1e-14);
    }
}

TEST(Nmf, FactorsAreNotNegative) {
    auto x = random_numbers(60 * 20, 2);
    for (std::size_t i = 0; i < x.size(); i += 2) x[i] = 0.0;
    Nmf const f = nmf(Context::cpu(), view(x, 60, 20), {.components = 4});
    for (double const value : f.codes) EXPECT_TRUE(value >= 0.0 && std::isfinite(value));
    for (double const value : f.components) EXPECT_TRUE(value >= 0.0 && std::isfinite(value));
}

// Products of factors that each own some columns: the factorisation is unique up to order and scale. Its zeros are on the border, which
// multiplicative updates approach only as 1 / iterations: three digits are what 5000 of them promise.
TEST(Nmf, RecoversAnExactFactorisation) {
    constexpr std::int64_t n = 80, d = 12, k = 3;
    RowMajor H = RowMajor::Zero(k, d);
    for (std::int64_t j = 0; j < d; ++j) H(j % k, j) = 0.5 + 0.1 * static_cast<double>(j);
    auto const codes = random_numbers(n * k, 3);
    RowMajor const X = Map(codes.data(), n, k) * H;
    Numbers const x(X.data(), X.data() + X.size());
    Nmf const f = nmf(Context::cpu(), view(x, n, d), {.components = k, .iterations = 5000, .tolerance = 0.0, .seed = 1});
    EXPECT_LT(error_of(f, x, n, d), 1e-5 * X.squaredNorm() / static_cast<double>(n * d));
    RowMajor const found = Map(f.components.data(), k, d).rowwise().normalized(), expected = H.rowwise().normalized();
    RowMajor const cosines = found * expected.transpose();
    for (std::int64_t a = 0; a < k; ++a) EXPECT_GT(cosines.col(a).maxCoeff(), 0.998) << a;
}

// Of rank two without zeros: many factorisations are exact, and none is on the border.
TEST(Nmf, ReachesErrorZeroOnPositiveMatricesOfItsRank) {
    constexpr std::int64_t n = 60, d = 20, k = 2;
    auto w = random_numbers(n * k, 12), h = random_numbers(k * d, 13);
    for (double& value : w) value += 1.0;
    for (double& value : h) value += 1.0;
    RowMajor const X = Map(w.data(), n, k) * Map(h.data(), k, d);
    Numbers const x(X.data(), X.data() + X.size());
    Nmf const f = nmf(Context::cpu(), view(x, n, d), {.components = k, .iterations = 20000, .tolerance = 0.0});
    EXPECT_LT(error_of(f, x, n, d), 1e-10 * X.squaredNorm() / static_cast<double>(n * d));
}

TEST(Nmf, OfNothingButZerosIsZero) {
    Numbers const x(30, 0.0);
    Nmf const f = nmf(Context::cpu(), view(x, 5, 6), {.components = 2, .iterations = 3});
    for (double const value : f.codes) EXPECT_EQ(value, 0.0);
    for (double const value : f.components) EXPECT_EQ(value, 0.0);
    for (double const value : f.error) EXPECT_EQ(value, 0.0);
}

TEST(Nmf, StopsWhenTheErrorHardlyFalls) {
    auto const x = random_numbers(100 * 20, 4);
    NmfOptions const options{.components = 3, .iterations = 1000, .tolerance = 1e-3};
    Nmf const f = nmf(Context::cpu(), view(x, 100, 20), options);
    ASSERT_GE(f.error.size(), 2u);
    ASSERT_LT(f.error.size(), 1000u);
    double const least = options.tolerance * f.error.front();
    EXPECT_LT(f.error[f.error.size() - 2] - f.error.back(), least);
    for (std::size_t i = 1; i + 1 < f.error.size(); ++i) EXPECT_GE(f.error[i - 1] - f.error[i], least);
    EXPECT_TRUE(nmf(Context::cpu(), view(x, 100, 20), {.iterations = 0}).error.empty());
}

TEST(Nmf, DependsOnItsSeedAndOnNothingElse) {
    constexpr std::int64_t n = 333, d = 45;
    auto const x = random_numbers(n * d, 5);
    NmfOptions const options{.components = 3, .iterations = 20, .seed = 8};
    Nmf const expected = nmf(Context::reference(), view(x, n, d), options);
    for (auto const& [name, context] : test::cpu_contexts()) {
        Nmf const f = nmf(context, view(x, n, d), options);
        EXPECT_EQ(f.codes, expected.codes) << name;
        EXPECT_EQ(f.components, expected.components) << name;
        EXPECT_EQ(f.error, expected.error) << name;
    }
    EXPECT_NE(nmf(Context::cpu(), view(x, n, d), {.components = 3, .iterations = 20, .seed = 9}).codes, expected.codes);
}

// ---- other samples ---------------------------------------------------------------------------------------------------------------------

// Orthogonal components: the best code is x . h / |h|^2 for each on its own, and the first update already gives it.
TEST(NmfEncode, OfOrthogonalComponentsIsTheProjection) {
    Nmf const f{.codes = {}, .components = {2, 0, 0, 0, 1, 1}, .error = {}};
    Numbers const x{4, 3, 5, 0, 0, 0, 1, 0, 0};
    auto const codes = nmf_encode(Context::cpu(), f, view(x, 3, 3), {.components = 2});
    EXPECT_TRUE(test::all_near(Numbers{2, 4, 0, 0, 0.5, 0}, codes, 1e-14));
}

TEST(NmfEncode, FindsTheCodesThatMadeTheSamples) {
    constexpr std::int64_t n = 40, d = 15, k = 3;
    auto const h = random_numbers(k * d, 6), w = random_numbers(n * k, 7);
    RowMajor const X = Map(w.data(), n, k) * Map(h.data(), k, d);
    Numbers const x(X.data(), X.data() + X.size());
    Nmf const f{.codes = {}, .components = h, .error = {}};
    auto const codes = nmf_encode(Context::cpu(), f, view(x, n, d), {.components = k, .iterations = 20000, .tolerance = 0.0});
    // Codes near 0 are approached slowly: what is exact is the product.
    EXPECT_LT((Map(codes.data(), n, k) * Map(h.data(), k, d) - X).cwiseAbs().maxCoeff(), 1e-3);
    EXPECT_TRUE(test::all_near(w, codes, 5e-3));
}

/// Also where it has more components than values.
TEST(NmfEncode, OfASampleDependsOnThatSampleAlone) {
    constexpr std::int64_t n = 101;
    for (auto const& [d, k] : {std::pair<std::int64_t, std::int64_t>{30, 4}, {5, 8}}) {
        auto const x = random_numbers(n * d, 8);
        NmfOptions const options{.components = k};
        Nmf const f = nmf(Context::cpu(), view(x, n, d), options);
        auto const all = nmf_encode(Context::reference(), f, view(x, n, d), options);
        for (auto const& [name, context] : test::cpu_contexts()) EXPECT_EQ(nmf_encode(context, f, view(x, n, d), options), all) << name;
        for (std::int64_t const i : {0, 31, 32, 100}) {
            auto const one = nmf_encode(Context::cpu(), f, {x.data() + i * d, 1, d}, {.components = k, .seed = 99});
            EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + i * k)) << i;
        }
    }
}

// ---- what it refuses -------------------------------------------------------------------------------------------------------------------

TEST(Nmf, RefusesNegativeAndNonFiniteSamples) {
    for (double const bad : {-1e-300, std::nan(""), HUGE_VAL, -HUGE_VAL}) {
        auto x = random_numbers(40 * 5, 9);
        x[7 * 5 + 3] = bad;
        Nmf const f{.codes = {}, .components = Numbers(10, 1.0), .error = {}};
        EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)nmf(Context::cpu(), view(x, 40, 5)); }), "samples(7, 3)"));
        EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)nmf_encode(Context::cpu(), f, view(x, 40, 5)); }), "samples(7, 3)"));
    }
    Numbers const huge(4, 1e200);
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)nmf(Context::cpu(), view(huge, 2, 2)); }), "large"));
    Numbers zero{-0.0, 1.0};
    EXPECT_NO_THROW((void)nmf(Context::cpu(), view(zero, 1, 2)));
}

TEST(Nmf, RefusesShapesAndOptionsOutsideTheirDomain) {
    auto const x = random_numbers(20, 10);
    Context const context = Context::cpu();
    auto const refused = [&](MatrixView<double const> samples, NmfOptions const& options) {
        return message_of<InvalidArgument>([&] { (void)nmf(context, samples, options); });
    };
    EXPECT_TRUE(contains(refused({nullptr, 0, 4}, {}), "empty"));
    EXPECT_TRUE(contains(refused({nullptr, 4, 0}, {}), "empty"));
    EXPECT_TRUE(contains(refused({nullptr, 4, 4}, {}), "null"));
    EXPECT_TRUE(contains(refused({x.data(), 4, 4, 3}, {}), "stride"));
    for (std::int64_t const k : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{6}, std::numeric_limits<std::int64_t>::max()})
        EXPECT_TRUE(contains(refused(view(x, 4, 5), {.components = k}), "components"));
    EXPECT_TRUE(contains(refused(view(x, 4, 5), {.iterations = -1}), "iterations"));
    for (double const tolerance : {-1e-9, std::nan(""), HUGE_VAL})
        EXPECT_TRUE(contains(refused(view(x, 4, 5), {.tolerance = tolerance}), "tolerance"));
}

TEST(NmfEncode, RefusesComponentsThatDoNotFit) {
    auto const x = random_numbers(20, 11);
    Nmf f{.codes = {}, .components = Numbers(10, 1.0), .error = {}};
    EXPECT_TRUE(
        contains(message_of<InvalidArgument>([&] { (void)nmf_encode(Context::cpu(), f, view(x, 4, 5), {.components = 3}); }), "(3 x 5)"));
    f.components[6] = -1.0;
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)nmf_encode(Context::cpu(), f, view(x, 4, 5)); }), "components(1, 1)"));
}

}  // namespace
}  // namespace ca3::autoencoder
