// Training with a cluster of blocks for each model, on the host executor, against the reference in double precision.
#include "kernels/autoencoder_cluster_cases.hpp"

#include <ca3/autoencoder.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace ca3::autoencoder {
namespace {

using namespace cluster_cases;

struct Bounds {
    double parameters, losses, moments;
};
/// Sums of n terms in f32 part from the exact ones by at most n 6e-8 of the sum of the magnitudes: here n <= 100, of which rounding uses
/// some sqrt(n): 1e-6, through two layers and back 4e-6, and 1e-5 is allowed; second moments are squares, and have twice that. A step of
/// Adam divides by the size of the gradient itself, so what is relatively wrong by more moves by more: of 4 steps of 3e-3, in parameters of
/// some 0.3 or more, 2e-3 are allowed.
constexpr Bounds f32{8e-5, 1e-5, 2e-5};

void compare(Case const& c, Bounds const& bounds = f32) {
    SCOPED_TRACE(c.name);
    std::int64_t const before = cluster_launches();
    Words const words("cluster");
    simt::Scope const scope({.compute_capability = 90, .shared_bytes = c.shared_bytes});
    std::vector<Trained> const actual = trained(c);
    EXPECT_EQ(cluster_launches() - before, static_cast<std::int64_t>(1 + c.cuts.size()));
    for (std::size_t m = 0; m < actual.size(); ++m) {
        SCOPED_TRACE("model " + std::to_string(m));
        Trained const right = expected(c, m);
        EXPECT_EQ(right.done, actual[m].done);
        EXPECT_LT(distance(right.losses, actual[m].losses), bounds.losses);
        EXPECT_LT(distance(right.state.parameters, actual[m].state.parameters), bounds.parameters);
        EXPECT_LT(distance(right.state.first, actual[m].state.first), bounds.moments);
        EXPECT_LT(distance(right.state.second, actual[m].state.second), bounds.moments);
        EXPECT_EQ(right.state.steps, actual[m].state.steps);
    }
}

TEST(AutoencoderCluster, OddSizesAreThoseOfTheReference) {
    for (std::int64_t const width : {1, 7, 33, 100})
        for (std::int64_t const hidden : {1, 5, 30})
            for (std::int64_t const batch : {1, 3, 64})
                compare({.name = std::to_string(width) + "-" + std::to_string(hidden) + ", batch " + std::to_string(batch),
                         .architecture = {width, {hidden, hyperbolic_tangent}, {width, sigmoid}},
                         .batch = batch,
                         .optimizer = Sgd{.learning_rate = 0.5, .momentum = 0.9}});
}

TEST(AutoencoderCluster, SlicesAreThoseOfTheReference) {
    for (int const blocks : {1, 2, 4, 8}) {
        Case c = sliced(blocks);
        compare(c);
        c.bytes = true;
        c.models = 2;
        compare(c);
    }
}

/// 784-30-784 at batch 64 fits 8 blocks of an H100, with room for the batch after this one, and not 4.
TEST(AutoencoderCluster, DigitsFitEightBlocks) {
    Case const c{.name = "digits", .architecture = {784, {30, sigmoid}, {784, sigmoid}}, .batch = 64, .precision = Precision::tf32};
    EXPECT_LE(bytes_of(c, 8, true), 227u * 1024u);
    EXPECT_GT(bytes_of(c, 4), 227u * 1024u);
}

TEST(AutoencoderCluster, TargetsOfAnotherWidthAreThoseOfTheReference) {
    for (int const blocks : {1, 2, 4})
        compare(in_blocks({.name = "targets", .architecture = {19, {6, sigmoid}, {26}}, .bytes = true, .by_targets = true}, blocks));
}

TEST(AutoencoderCluster, ActivationsAreThoseOfTheReference) {
    auto const named = [](char const* name, Layer first, Layer last) {
        return in_blocks({.name = name, .architecture = {33, std::move(first), std::move(last)}}, 4);
    };
    compare(named("identity", {9}, {33}));
    compare(named("sigmoid", {9, sigmoid}, {33, sigmoid}));
    compare(named("tanh", {9, hyperbolic_tangent}, {33, hyperbolic_tangent}));
    compare(named("arctan", {9, arctan}, {33, arctan}));
    compare(named("relu", {9, relu}, {33, relu}));
    compare(named("leaky_relu", {9, leaky_relu}, {33, leaky_relu}));
    compare(named("without_bias", {9, relu, {.bias = false}}, {33, sigmoid, {.bias = false}}));
}

TEST(AutoencoderCluster, LossesAreThoseOfTheReference) {
    for (bool const by_targets : {false, true}) {
        auto const with = [&](char const* name, Loss loss, Layer last) {
            return Case{.name = name, .architecture = {33, {9, arctan}, std::move(last)}, .loss = loss, .by_targets = by_targets};
        };
        compare(with("mse", Loss::mse, {33}));
        compare(with("l1", Loss::l1, {33}));
        compare(with("bce", Loss::bce, {33, sigmoid}));
        compare(with("bce_with_logits", Loss::bce_with_logits, {33}));
    }
}

TEST(AutoencoderCluster, OptimizersAreThoseOfTheReference) {
    auto const with = [](char const* name, Optimizer optimizer) {
        Case c{.name = name, .architecture = {33, {30, hyperbolic_tangent}, {33, sigmoid}}};
        c.optimizer = std::move(optimizer);
        return in_blocks(std::move(c), 2);
    };
    compare(with("sgd", Sgd{.learning_rate = 0.1}));
    compare(with("momentum", Sgd{.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 1e-3, .l1 = 1e-4}));
    compare(with("nesterov", Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}));
    compare(with("adam", Adam{3e-3}));
    compare(with("adam_with_decay", Adam{.learning_rate = 3e-3, .weight_decay = 1e-2, .l1 = 1e-3}));
    compare(with("adamw", AdamW{.learning_rate = 3e-3, .l1 = 1e-4}));
}

TEST(AutoencoderCluster, SamplesAreTakenInOrderWhereNoneIsGiven) {
    Case c = sliced(1);
    c.in_order = true;
    compare(c);
}

/// See TensorCoresKeepTheirBits: 2^-12 of each operand in tf32, 2^-9 in bf16, through two layers and back.
TEST(AutoencoderCluster, TensorCoresKeepTheirBits) {
    for (int const blocks : {1, 4, 8})
        for (auto const& [precision, share] :
             {std::pair{Precision::tf32x3, 2e-5}, std::pair{Precision::tf32, 3e-3}, std::pair{Precision::bf16, 2.4e-2}}) {
            Case c{.name = std::string(to_string(precision)), .architecture = {33, {30, hyperbolic_tangent}, {33, sigmoid}}};
            c.precision = precision;
            c.optimizer = Sgd{.learning_rate = 1.0, .momentum = 0.5};
            c = in_blocks(std::move(c), blocks);
            compare(c, {share, share, 4.0 * share});
            if (precision == Precision::tf32x3) continue;
            auto const rounded = in_clusters(c);  // and they are used: not all is as in f32
            c.precision = Precision::f32;
            EXPECT_GT(distance(in_clusters(c)[0].state.parameters, rounded[0].state.parameters), share / 300.0);
        }
}

TEST(AutoencoderCluster, NoOrderOfWarpsOrBlocksChangesABit) {
    for (Precision const precision : {Precision::f32, Precision::tf32})
        for (int const blocks : {1, 8}) {
            Case c = sliced(blocks, precision, precision == Precision::tf32);
            c.models = 2;
            auto const once = in_clusters(c);
            EXPECT_EQ(once.size(), 2u);
            EXPECT_TRUE(once == in_clusters(c));
            for (auto const order : {simt::Order::descending, simt::Order::random})
                EXPECT_TRUE(once == in_clusters(c, {.order = order, .blocks = order, .seed = 5})) << c.name;
        }
}

TEST(AutoencoderCluster, ModelsSideBySideAreAsAlone) {
    for (int const blocks : {1, 4}) {
        Case c = sliced(blocks, Precision::tf32);
        c.models = 3;
        auto const together = in_clusters(c);
        c.models = 1;
        EXPECT_TRUE(together[0] == in_clusters(c)[0]);
    }
}

TEST(AutoencoderCluster, CutsOfAJobChangeNoBit) {
    for (int const blocks : {1, 8}) {
        Case c = sliced(blocks);
        c.models = 2;
        auto const whole = in_clusters(c);
        for (std::vector<std::int64_t> const& cuts : {std::vector<std::int64_t>{1}, {2}, {1, 2, 3}}) {
            c.cuts = cuts;
            EXPECT_TRUE(whole == in_clusters(c));
        }
    }
}

/// A batch that is read early is the same batch: here with and without the memory for it.
TEST(AutoencoderCluster, ReadingAheadChangesNoBit) {
    for (int const blocks : {1, 8}) {
        Case const when_needed = sliced(blocks), ahead = sliced(blocks, Precision::f32, true);
        ASSERT_GT(ahead.shared_bytes, when_needed.shared_bytes);
        EXPECT_TRUE(in_clusters(when_needed) == in_clusters(ahead));
    }
}

/// The first step whose loss or update is not finite is the first that does not count, whichever block sees it.
TEST(AutoencoderCluster, ANumberThatIsNotFiniteEndsTheStepsThatCount) {
    for (int const blocks : {1, 8})
        for (double const rate : {1e15, 1e25, 1e38}) {
            Case c = in_blocks({.name = "large", .architecture = {33, {30}, {33}}, .optimizer = Sgd{.learning_rate = rate}}, blocks);
            c.models = 2;
            auto const actual = in_clusters(c);
            auto const usual = trained(c);
            for (std::size_t m = 0; m < actual.size(); ++m) {
                EXPECT_LT(actual[m].done, steps);
                EXPECT_EQ(usual[m].done, actual[m].done) << rate;
                auto const counted = static_cast<std::ptrdiff_t>(actual[m].done);
                EXPECT_TRUE(std::all_of(actual[m].losses.begin(), actual[m].losses.begin() + counted,
                                        [](double loss) { return std::isfinite(loss); }));
            }
        }
}

TEST(AutoencoderCluster, AFitThatFailsLeavesTheModelBeforeItsStep) {
    auto const x = samples(35, 19, 1);
    Words const words("cluster");
    simt::Scope const scope({.compute_capability = 90});
    auto const outcome = [&](Context const& context) {
        Model model(context, {19, {9, relu}, {19}}, {.seed = 3});
        std::vector<std::int64_t> where;
        try {
            model.fit(MatrixView<float const>(x.data(), 35, 19), {.epochs = 40, .batch = 5, .optimizer = Sgd{.learning_rate = 1e4}});
        } catch (NonFinite const& e) {
            where = {e.epoch, e.step, e.layer};
        }
        EXPECT_EQ(where.size(), 3u);
        auto const outputs = model.reconstruct(MatrixView<float const>(x.data(), 1, 19));
        EXPECT_TRUE(std::all_of(outputs.begin(), outputs.end(), [](float y) { return std::isfinite(y); }));
        return where;
    };
    EXPECT_EQ(outcome(Context::reference()), outcome(Context::cuda()));
}

TEST(AutoencoderCluster, WhatItDoesNotDoGoesTheUsualWay) {
    std::int64_t const before = cluster_launches();
    auto const x = samples(20, 33, 1);
    auto const fit = [&](Architecture const& net, FitOptions options, int capability = 90) {
        simt::Scope const scope({.compute_capability = capability});
        options.epochs = 1;
        options.batch = 10;
        Model model(Context::cuda(), net, {.seed = 3});
        model.fit(MatrixView<float const>(x.data(), 20, 33), options);
    };
    Architecture const net{33, {5, relu}, {33, sigmoid}};
    fit(net, {});  // nobody asked for it
    Words const words("cluster");
    fit(net, {}, 80);
    fit(net, {.penalties = {{0, 1e-3}}});
    fit(net, {.clip_norm = 1.0});
    fit(net, {.corrupt = {GaussianNoise{0.1}}});
    fit(net, {.loss = Loss::cross_entropy});
    fit({33, {5, prelu}, {33}}, {});
    fit({33, {5, softmax}, {33}}, {});
    fit({33, {5}, {33, prelu}}, {});
    fit({33, {5, relu, {.dropout = 0.1}}, {33}}, {});
    fit({33, {5, relu, {.batch_norm = true}}, {33}}, {});
    fit({33, {5, relu}, {33, sigmoid, {.tied_to = 0}}}, {});
    fit({33, {5}, {5}, {33}}, {});
    fit({33, {33}}, {});
    fit({33, {257}, {33}}, {});
    EXPECT_EQ(cluster_launches(), before);
    fit(net, {});
    EXPECT_GT(cluster_launches(), before);
}

}  // namespace
}  // namespace ca3::autoencoder
