// Linear readouts against the normal equations, by hand and by the gradient that must vanish.
#include <ca3/autoencoder/baselines.hpp>
#include <ca3/error.hpp>

#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>
#include <Eigen/Dense>

#include <cmath>

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
    for (std::int64_t i = 0; i < count; ++i) x.push_back(random.normal());
    return x;
}

// ---- by hand ---------------------------------------------------------------------------------------------------------------------------

// Points (0, 1), (1, 3), (2, 5) lie on y = 1 + 2 x.
TEST(RidgeByHand, ALineThroughItsPoints) {
    Numbers const x{0, 1, 2}, y{1, 3, 5};
    auto const r = ridge_regression(view(x, 3, 1), view(y, 3, 1), 0.0);
    EXPECT_TRUE(test::all_near(Numbers{2}, r.weights, 1e-15));
    EXPECT_TRUE(test::all_near(Numbers{1}, r.intercept, 1e-15));
    EXPECT_TRUE(test::all_near(y, r.predict(view(x, 3, 1)), 1e-15));
}

// Centred: sum x^2 = 2, sum x y = 4, so the slope is 4 / (2 + ridge), and the line passes through the mean (1, 3): the intercept itself is
// not drawn towards 0.
TEST(RidgeByHand, ThePenaltyDrawsTheSlopeAndNotTheIntercept) {
    Numbers const x{0, 1, 2}, y{1, 3, 5};
    auto const r = ridge_regression(view(x, 3, 1), view(y, 3, 1), 2.0);
    EXPECT_NEAR(r.weights[0], 1.0, 1e-15);
    EXPECT_NEAR(r.intercept[0], 2.0, 1e-15);
    auto const flat = ridge_regression(view(x, 3, 1), view(y, 3, 1), 1e12);
    EXPECT_NEAR(flat.weights[0], 0.0, 1e-11);
    EXPECT_NEAR(flat.intercept[0], 3.0, 1e-11);
}

// Without intercept: sum x^2 = 5, sum x y = 13.
TEST(RidgeByHand, WithoutIntercept) {
    Numbers const x{0, 1, 2}, y{1, 3, 5};
    auto const r = ridge_regression(view(x, 3, 1), view(y, 3, 1), 1.5, false);
    EXPECT_NEAR(r.weights[0], 2.0, 1e-15);
    EXPECT_EQ(r.intercept, Numbers{0.0});
}

// Two columns with Gram matrix (2, 1; 1, 2) and right side (5, 4), (1, 2): inverse of (3, 1; 1, 3) is (3, -1; -1, 3) / 8.
TEST(RidgeByHand, TwoColumnsAndTwoTargets) {
    Numbers const x{1, 0, 1, 1, 0, 1}, y{2, 1, 3, 0, 1, 2};
    auto const r = ridge_regression(view(x, 3, 2), view(y, 3, 2), 1.0, false);
    EXPECT_TRUE(test::all_near(Numbers{11.0 / 8, 1.0 / 8, 7.0 / 8, 5.0 / 8}, r.weights, 1e-15));
}

// ---- the minimum -----------------------------------------------------------------------------------------------------------------------

// At the minimum X^T (X B + 1 c - Y) + ridge B = 0 and the residuals of each target sum to 0. Rounding: some eps times N d of terms of
// order 1 to 10.
TEST(Ridge, GradientVanishes) {
    for (auto const& [n, d, m] : {std::tuple<int, int, int>{2, 1, 1}, {7, 20, 3}, {300, 20, 3}, {600, 130, 2}})
        for (double const ridge : {1e-3, 1.0, 50.0})
            for (bool const intercept : {true, false}) {
                auto x = random_numbers(n * d, 1);
                auto const y = random_numbers(n * m, 2);
                for (double& value : x) value += 3.0;
                auto const r = ridge_regression(view(x, n, d), view(y, n, m), ridge, intercept);
                auto const predicted = r.predict(view(x, n, d));
                RowMajor const residual = Map(predicted.data(), n, m) - Map(y.data(), n, m);
                RowMajor const gradient = Map(x.data(), n, d).transpose() * residual + ridge * Map(r.weights.data(), d, m);
                EXPECT_LT(gradient.cwiseAbs().maxCoeff(), 1e-10) << n << ' ' << d << ' ' << ridge << ' ' << intercept;
                if (intercept) {
                    EXPECT_LT(residual.colwise().sum().cwiseAbs().maxCoeff(), 1e-10);
                } else {
                    EXPECT_EQ(r.intercept, Numbers(static_cast<std::size_t>(m), 0.0));
                }
            }
}

TEST(Ridge, WithoutPenaltyFindsTheLinearMapThatMadeTheTargets) {
    constexpr std::int64_t n = 50, d = 6, m = 2;
    auto const x = random_numbers(n * d, 3), b = random_numbers(d * m, 4);
    RowMajor const Y = (Map(x.data(), n, d) * Map(b.data(), d, m)).array() + 7.0;
    auto const r = ridge_regression(view(x, n, d), {Y.data(), n, m}, 0.0);
    EXPECT_TRUE(test::all_near(b, r.weights, 1e-13));
    EXPECT_TRUE(test::all_near(Numbers(m, 7.0), r.intercept, 1e-13));
}

TEST(Ridge, MayHaveMoreColumnsThanSamples) {
    auto const x = random_numbers(5 * 30, 5), y = random_numbers(5, 6);
    auto const r = ridge_regression(view(x, 5, 30), view(y, 5, 1), 1e-6);
    EXPECT_TRUE(test::all_near(y, r.predict(view(x, 5, 30)), 1e-5)) << "it passes through all points";
}

// The readout of experiment A3, from the stimuli themselves in place of a trained hidden layer: 0000, 0010, 0001, 0011 -> 0 and the same
// with s1 -> 1. s1 explains the target alone: centred, sum s1^2 = 2 and sum s1 y = 2, so its weight is 2 / 2.001; s2 is constant and gets
// 0; the others do not correlate with the target.
TEST(Ridge, ReadsTheConditionedStimulus) {
    Numbers const x{0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1};
    Numbers const y{0, 0, 0, 0, 1, 1, 1, 1};
    auto const r = ridge_regression(view(x, 8, 4), view(y, 8, 1), 1e-3);
    EXPECT_TRUE(test::all_near(Numbers{2.0 / 2.001, 0, 0, 0}, r.weights, 1e-14));
    EXPECT_NEAR(r.intercept[0], 0.5 - 1.0 / 2.001, 1e-14);
}

TEST(Ridge, TakesStridedViews) {
    Numbers const x{0, 99, 1, 99, 2, 99}, y{1, 77, 77, 3, 77, 77, 5, 77, 77};
    auto const r = ridge_regression({x.data(), 3, 1, 2}, {y.data(), 3, 1, 3}, 0.0);
    EXPECT_NEAR(r.weights[0], 2.0, 1e-15);
    EXPECT_TRUE(test::all_near(Numbers{1, 3, 5}, r.predict({x.data(), 3, 1, 2}), 1e-15));
    EXPECT_TRUE(r.predict({nullptr, 0, 1}).empty());
}

// ---- what it refuses -------------------------------------------------------------------------------------------------------------------

TEST(Ridge, RefusesASingularSystem) {
    Numbers const twice{1, 2, 2, 4, 3, 6, 5, 10}, y{1, 2, 3, 4};
    auto const message = message_of<InvalidArgument>([&] { (void)ridge_regression(view(twice, 4, 2), view(y, 4, 1), 0.0); });
    EXPECT_TRUE(contains(message, "singular")) << message;
    EXPECT_NO_THROW((void)ridge_regression(view(twice, 4, 2), view(y, 4, 1), 1e-3));
    Numbers const constant{2, 2, 2, 2};
    EXPECT_THROW((void)ridge_regression(view(constant, 4, 1), view(y, 4, 1), 0.0), InvalidArgument) << "the intercept explains it";
    EXPECT_NO_THROW((void)ridge_regression(view(constant, 4, 1), view(y, 4, 1), 0.0, false));
    auto const wide = random_numbers(3 * 7, 7);
    EXPECT_THROW((void)ridge_regression(view(wide, 3, 7), {y.data(), 3, 1}, 0.0), InvalidArgument);
    Numbers const zero(4, 0.0);
    EXPECT_THROW((void)ridge_regression(view(zero, 4, 1), view(y, 4, 1), 0.0, false), InvalidArgument);
}

TEST(Ridge, RefusesShapesThatDoNotFit) {
    Numbers const x(12, 1.0), y(4, 1.0);
    auto const refused = [](MatrixView<double const> samples, MatrixView<double const> targets) {
        return message_of<InvalidArgument>([&] { (void)ridge_regression(samples, targets, 1.0); });
    };
    EXPECT_TRUE(contains(refused(view(x, 4, 3), view(y, 3, 1)), "targets must be (4 x 1), is (3 x 1)"));
    EXPECT_TRUE(contains(refused({nullptr, 0, 3}, {nullptr, 0, 1}), "empty"));
    EXPECT_TRUE(contains(refused(view(x, 4, 0), view(y, 4, 1)), "empty"));
    EXPECT_TRUE(contains(refused(view(x, 4, 3), view(y, 4, 0)), "empty"));
    EXPECT_TRUE(contains(refused({nullptr, 4, 3}, view(y, 4, 1)), "null"));
    auto const r = ridge_regression(view(x, 4, 3), view(y, 4, 1), 1.0);
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)r.predict(view(x, 3, 4)); }), "(3 x 3)"));
}

TEST(Ridge, RefusesNumbersThatAreNone) {
    Numbers const x{1, 2, 3}, y{1, 2, 4};
    for (double const ridge : {-1e-9, std::nan(""), HUGE_VAL})
        EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)ridge_regression(view(x, 3, 1), view(y, 3, 1), ridge); }), "ridge"));
    for (double const bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
        Numbers const wrong{1, bad, 2};
        EXPECT_TRUE(
            contains(message_of<InvalidArgument>([&] { (void)ridge_regression(view(wrong, 3, 1), view(y, 3, 1), 1.0); }), "samples(1, 0)"));
        EXPECT_TRUE(
            contains(message_of<InvalidArgument>([&] { (void)ridge_regression(view(x, 3, 1), view(wrong, 3, 1), 1.0); }), "targets(1, 0)"));
    }
    Numbers const huge{1e200, -1e200, 0};
    EXPECT_THROW((void)ridge_regression(view(huge, 3, 1), view(y, 3, 1), 1.0), InvalidArgument);
}

}  // namespace
}  // namespace ca3::autoencoder
