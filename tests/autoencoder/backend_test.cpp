#include "autoencoder/training_cases.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/digits.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

/// Networks with a layer of every kind on every backend, a GPU where there is one, against the reference in f64.
namespace ca3::autoencoder {
namespace {

using training_test::numbers;

constexpr std::int64_t width = 784;

Images const& digits() {
    static Images const images = synthetic_digits(320, 5);
    return images;
}

Samples some(std::int64_t count) {
    return MatrixView<std::uint8_t const>(digits().pixels.data(), count, width);
}

Architecture every_kind() {
    return {width,
            {33, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.2}},
            {65, prelu, {.unit_sphere = true}},
            {9, arctan, {.bias = false}},
            {3, gaussian},
            {9, unit_sphere},
            {65, leaky_relu, {.tied_to = 2}},
            {33, {Activation::Kind::prelu, 0.25, true}},
            {20, softmax},
            {20, log_softmax},
            {width, sigmoid}};
}

FitOptions every_option() {
    return {.epochs = 3,
            .batch = 33,
            .optimizer = AdamW{.learning_rate = 2e-3, .l1 = 1e-4},
            .loss = Loss::bce,
            .penalties = {{1, 1e-4, Reduction::sum}},
            .kl_scale = 0.1,
            .clip_norm = 0.5,
            .corrupt = {GaussianNoise{0.2}, SaltAndPepper{0.1}, Rotation{20.0}},
            .test = some(70)};
}

class Dense : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Dense);

/// As far from f64 as plain loops in f32 are, up to a factor of four, and 32 roundings of the largest element.
TEST_P(Dense, GradientsAreAsGoodAsPlainLoopsInF32) {
    for (std::int64_t const rows : {2, 31, 33, 300}) {
        Objective const objective{.loss = Loss::bce, .penalties = {{1, 1e-3, Reduction::mean}}, .kl_scale = 0.3};
        auto const of = [&](Context const& on, Precision precision) {
            return Model(on, every_kind(), {.seed = 7, .precision = precision}).gradients(some(rows), objective, {}, true, 4);
        };
        Gradients const exact = of(Context::reference(), Precision::f64), plain = of(Context::reference(), Precision::f32),
                        ours = of(context(), Precision::f32);
        EXPECT_NEAR(exact.loss, ours.loss, 1e-6 * std::abs(exact.loss));
        for (std::size_t k = 0; k < exact.parameters.size(); ++k) {
            double plain_error = 0.0, error = 0.0, largest = 0.0;
            for (std::size_t i = 0; i < exact.parameters[k].size(); ++i) {
                plain_error = std::max(plain_error, std::abs(exact.parameters[k][i] - plain.parameters[k][i]));
                error = std::max(error, std::abs(exact.parameters[k][i] - ours.parameters[k][i]));
                largest = std::max(largest, std::abs(exact.parameters[k][i]));
            }
            // A bias before batch normalisation has gradient 0 but for the rounding of what cancels.
            EXPECT_LE(error, 4.0 * plain_error + 32.0 * 0x1p-24 * largest + 2e-8) << "parameter " << k << ", rows " << rows;
        }
    }
}

TEST_P(Dense, TrainingIsTheSameTwiceAndFollowsTheReference) {
    auto const trained = [&](Context const& on) {
        Model model(on, every_kind(), {.seed = 3});
        History const history = model.fit(some(103), every_option());
        return std::pair(numbers(model), history);
    };
    auto const [a, history] = trained(context());
    auto const [b, again] = trained(context());
    EXPECT_EQ(a, b);
    auto const [expected, plain] = trained(Context::reference());
    ASSERT_EQ(history.epochs.size(), plain.epochs.size());
    for (std::size_t e = 0; e < plain.epochs.size(); ++e) {
        EXPECT_EQ(history.epochs[e].train_loss, again.epochs[e].train_loss);
        // 12 steps of AdamW divide by gradients of any size: a loss is off by some 100 roundings.
        EXPECT_NEAR(history.epochs[e].train_loss, plain.epochs[e].train_loss, 1e-5 * plain.epochs[e].train_loss);
        EXPECT_NEAR(history.epochs[e].test_loss, plain.epochs[e].test_loss, 1e-5 * plain.epochs[e].test_loss);
    }
}

TEST_P(Dense, OutputsOfManySamplesAreThoseOfTheReference) {
    Model const ours(context(), every_kind(), {.seed = 3}),
        exact(Context::reference(), every_kind(), {.seed = 3, .precision = Precision::f64});
    auto const a = ours.reconstruct(some(300)), b = exact.reconstruct(some(300));
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(b[i], a[i], 2e-6) << i;
    auto const code = ours.encode(some(300));
    auto const decoded = ours.decode(MatrixView<float const>(code.data(), 300, 3));
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], decoded[i], 2e-6) << i;
}

TEST_P(Dense, ClassesAreLearnt) {
    std::vector<std::int64_t> classes(digits().labels.begin(), digits().labels.end());
    classes[7] = -100;
    auto const losses = [&](Context const& on, Loss loss, Activation last) {
        Model model(on, {width, {40, relu}, {10, last}}, {.seed = 2});
        std::vector<double> list;
        for (auto const& epoch :
             model.fit(digits(), {.epochs = 8, .batch = 64, .loss = loss, .targets = std::span(std::as_const(classes))}).epochs)
            list.push_back(epoch.train_loss);
        return list;
    };
    for (auto const& [loss, last] : {std::pair(Loss::cross_entropy, identity), std::pair(Loss::nll, log_softmax)}) {
        auto const expected = losses(Context::reference(), loss, last), ours = losses(context(), loss, last);
        for (std::size_t e = 0; e < expected.size(); ++e) EXPECT_NEAR(expected[e], ours[e], 2e-5 * expected[e]);
        EXPECT_LT(ours.back(), 0.7 * ours.front());
    }
}

using DenseOnGpu = test::OnGpu;

/// Products of numbers rounded to 11 (tf32) or 8 (bf16) bits: a loss is off by a few of these roundings, tf32x3 by few of f32's.
TEST_F(DenseOnGpu, ReducedPrecisionsAreNearF32) {
    Architecture const net{width, {256, relu}, {30, relu}, {256, relu}, {width, sigmoid}};
    auto const loss = [&](Precision precision) {
        Model model(context(), net, {.seed = 2, .precision = precision});
        return model.fit(digits(), {.epochs = 5, .batch = 64}).epochs.back().train_loss;
    };
    double const exact = loss(Precision::f32);
    EXPECT_NEAR(exact, loss(Precision::tf32x3), 1e-4 * exact);
    EXPECT_NEAR(exact, loss(Precision::tf32), 1e-2 * exact);
    EXPECT_NEAR(exact, loss(Precision::bf16), 5e-2 * exact);
}

}  // namespace
}  // namespace ca3::autoencoder
