// Training in bf16 with rows that go through all layers and back in one launch, on the host executor.
#include "kernels/autoencoder_cluster_cases.hpp"

#include <ca3/autoencoder.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace ca3::autoencoder {
namespace {

using namespace cluster_cases;

std::vector<Trained> in_chains(Case c, simt::Options options = {}) {
    c.precision = Precision::bf16;
    options.compute_capability = 90;
    if (options.multiprocessors == simt::Options{}.multiprocessors) options.multiprocessors = 132;
    simt::Scope const scope(options);
    std::int64_t const before = launches_of("chain.cu");
    auto out = trained(c);
    EXPECT_GT(launches_of("chain.cu"), before) << c.name;
    return out;
}

// ---- one step whose sums are almost exact ------------------------------------------------------------------------------------------

/// Weights and biases are quarters in [-1/2, 1/2], a third of the weights is not zero; inputs are 0 or 1. Then what the activations are
/// applied to has few bits, and with relu and identity all operands of the forward products are exact in bf16.
struct Step {
    Architecture architecture;
    std::int64_t rows = 0;
    Loss loss = Loss::mse;
    bool by_targets = false;
};

State coarse_state(Plan const& plan) {
    State state = initial_state(plan, 1);
    for (std::size_t i = 0; i < state.parameters.size(); ++i) {
        std::uint32_t const u = random::draw(5, random::Purpose::user, 0, 0, i);
        state.parameters[i] = u % 3 == 0 ? (static_cast<double>(u / 3 % 5) - 2.0) / 4.0 : 0.0;
    }
    return state;
}

struct Outcome {
    double loss = 0.0;
    std::vector<double> before, after;
};
Outcome stepped(Step const& s) {
    std::int64_t const in = s.architecture.inputs, out = s.architecture.layers.back().units;
    auto const coins = [](std::int64_t count, std::uint32_t stream) {
        std::vector<float> x(static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = random::draw(6, random::Purpose::user, stream, 0, i) % 4 == 0 ? 1.0f : 0.0f;
        return x;
    };
    auto const values = coins(s.rows * in, 0), wanted = coins(s.rows * out, 1);
    Data data;
    data.inputs = MatrixView<float const>(values.data(), s.rows, in);
    if (s.by_targets) data.targets = Targets(Samples(MatrixView<float const>(wanted.data(), s.rows, out)));
    Plan const plan = make_plan(s.architecture);
    Objective const objective{.loss = s.loss};
    State state = coarse_state(plan);
    Outcome outcome{.before = state.parameters};
    cuda::DeviceModels models(Context::cuda(), plan, Precision::bf16, 1);
    models.put(0, state);
    Member const member{.seed = 1, .learning_rate = 64.0, .losses = &outcome.loss};
    EXPECT_EQ(models.train({.data = data,
                            .members = {&member, 1},
                            .objective = objective,
                            .rule = rule_of(Sgd{.learning_rate = 64.0}),
                            .batches = {s.rows, s.rows},
                            .last = 1}),
              std::vector<std::int64_t>{1});
    models.get(0, state);
    outcome.after = state.parameters;
    return outcome;
}

/// Both ways see the same operands and part by the order of sums only: of n terms by some n 6e-8 of the sum of the magnitudes, n <= 300,
/// of which rounding uses about sqrt(n). Parameters move by about their own size.
void expect_same_step(Step const& s, std::string const& name, int multiprocessors = 132) {
    SCOPED_TRACE(name + ", " + std::to_string(multiprocessors) + " multiprocessors");
    simt::Scope const scope({.compute_capability = 90, .multiprocessors = multiprocessors});
    auto const with = [&](char const* tuning) {
        Words const words(tuning);
        return stepped(s);
    };
    Outcome const usual = with("no-chain");
    std::int64_t const before = launches_of("chain.cu");
    Outcome const chain = with("");
    EXPECT_EQ(launches_of("chain.cu") - before, 1);
    EXPECT_NEAR(usual.loss, chain.loss, 1e-6 * usual.loss);
    EXPECT_LT(distance(usual.after, chain.after), 4e-6);
    EXPECT_GT(distance(usual.before, chain.after), 1e-2);
}

TEST(AutoencoderChain, AStepIsTheUsualOne) {
    for (std::int64_t const rows : {2, 31, 33, 100})
        for (std::int64_t const width : {3, 7, 64, 130}) {
            expect_same_step({.architecture = {width, {width + 9, relu}, {width}}, .rows = rows},
                             std::to_string(width) + ", " + std::to_string(rows) + " rows");
        }
}

/// 33 rows are two clusters, which 16 multiprocessors have 8 blocks each for, and 8, 4 and 3 fewer.
TEST(AutoencoderChain, AClusterHasAsManyBlocksAsThereIsRoomFor) {
    for (auto const& [room, blocks] : {std::pair{16, 8}, {15, 4}, {8, 4}, {7, 2}, {4, 2}, {3, 1}, {1, 1}}) {
        simt::Scope const scope({.compute_capability = 90, .multiprocessors = room});
        EXPECT_EQ(cuda::chain_blocks(Context::cuda(), 33, 130), blocks);
    }
    for (int const room : {16, 8, 4, 1}) {
        expect_same_step({.architecture = {130, {139, relu}, {130}}, .rows = 33}, "33 rows", room);
        expect_same_step({.architecture = {21, {12, relu}, {35}}, .rows = 50, .by_targets = true}, "50 rows", room);
    }
}

TEST(AutoencoderChain, AStepOfDeepNetsIsTheUsualOne) {
    expect_same_step({.architecture = {70, {40, relu}, {17}, {5}, {40, relu}, {70}}, .rows = 40}, "five layers");
    expect_same_step({.architecture = {9, {600, relu}, {3}, {9}}, .rows = 20}, "wide and narrow");
    expect_same_step({.architecture = {33, {33}}, .rows = 40}, "one layer");
    expect_same_step({.architecture = {21, {12, relu, {.bias = false}}, {35}}, .rows = 50, .by_targets = true}, "targets, no bias");
    expect_same_step({.architecture = {21, {12, relu}, {21}}, .rows = 50, .loss = Loss::l1}, "l1");
    expect_same_step({.architecture = {784, {30, relu}, {784}}, .rows = 64}, "digits");
}

// ---- training ----------------------------------------------------------------------------------------------------------------------

/// See TensorCoresKeepTheirBits: 2^-9 of each operand, through the layers and back.
void compare(Case const& c) {
    SCOPED_TRACE(c.name);
    double constexpr share = 2.4e-2;
    auto const actual = in_chains(c);
    for (std::size_t m = 0; m < actual.size(); ++m) {
        Trained const right = expected(c, m);
        EXPECT_EQ(right.done, actual[m].done);
        EXPECT_LT(distance(right.losses, actual[m].losses), share);
        EXPECT_LT(distance(right.state.parameters, actual[m].state.parameters), share);
        EXPECT_LT(distance(right.state.first, actual[m].state.first), 4.0 * share);
        EXPECT_LT(distance(right.state.second, actual[m].state.second), 8.0 * share);
        EXPECT_EQ(right.state.steps, actual[m].state.steps);
    }
}

Case const plain{.name = "plain",
                 .architecture = {33, {30, hyperbolic_tangent}, {33, sigmoid}},
                 .batch = 40,
                 .optimizer = Sgd{.learning_rate = 1.0, .momentum = 0.5}};

TEST(AutoencoderChain, TrainingIsThatOfTheReference) {
    compare(plain);
    for (Activation const& kind : {identity, sigmoid, hyperbolic_tangent, arctan, relu, leaky_relu})
        for (Activation const& last : {identity, sigmoid, hyperbolic_tangent, arctan, leaky_relu}) {
            Case c = plain;
            c.name = std::string(to_string(kind.kind)) + ", " + std::string(to_string(last.kind));
            c.architecture = {33, {30, kind}, {9, arctan}, {33, last}};
            c.optimizer = Sgd{.learning_rate = 0.25, .momentum = 0.5};
            compare(c);
        }
}

TEST(AutoencoderChain, LossesAreThoseOfTheReference) {
    for (Loss const loss : {Loss::mse, Loss::l1, Loss::bce, Loss::bce_with_logits}) {
        Case c = plain;
        c.name = std::string(to_string(loss));
        c.loss = loss;
        c.by_targets = c.bytes = true;
        if (loss == Loss::bce_with_logits) c.architecture.layers.back().activation = identity;
        compare(c);
    }
}

TEST(AutoencoderChain, UpdatesAreThoseOfTheReference) {
    Case c = plain;
    for (auto const& [name, optimizer] :
         {std::pair<char const*, Optimizer>{"nesterov", Sgd{.learning_rate = 1.0, .momentum = 0.5, .nesterov = true, .weight_decay = 0.01}},
          {"adam", Adam{.learning_rate = 1e-4}},
          {"adamw", AdamW{.learning_rate = 1e-4, .weight_decay = 0.1}},
          {"l1", Adam{.learning_rate = 1e-4, .l1 = 1e-3}}}) {
        c.name = name;
        c.optimizer = optimizer;
        compare(c);
    }
}

TEST(AutoencoderChain, NoOrderOfWarpsOrBlocksChangesABit) {
    Case c = plain;
    c.models = 2;
    auto const once = in_chains(c);
    EXPECT_TRUE(once == in_chains(c));
    for (auto const order : {simt::Order::descending, simt::Order::random})
        EXPECT_TRUE(once == in_chains(c, {.order = order, .blocks = order, .seed = 5}));
}

TEST(AutoencoderChain, ModelsSideBySideAreAsAlone) {
    Case c = plain;
    c.models = 3;
    auto const together = in_chains(c);
    c.models = 1;
    EXPECT_TRUE(together[0] == in_chains(c)[0]);
}

TEST(AutoencoderChain, CutsOfAJobChangeNoBit) {
    Case c = plain;
    c.models = 2;
    auto const whole = in_chains(c);
    for (std::vector<std::int64_t> const& cuts : {std::vector<std::int64_t>{1}, {2}, {1, 2, 3}}) {
        c.cuts = cuts;
        EXPECT_TRUE(whole == in_chains(c));
    }
}

/// The executor refuses launches that overlap and have a thread that does not wait.
TEST(AutoencoderChain, OverlapChangesNoBit) {
    simt::Scope const scope({.compute_capability = 90});
    Case c = plain;
    c.precision = Precision::bf16;
    auto const with = [&](char const* tuning) {
        Words const words(tuning);
        return trained(c);
    };
    EXPECT_TRUE(with("") == with("overlap"));
}

TEST(AutoencoderChain, ANumberThatIsNotFiniteEndsTheStepsThatCount) {
    for (double const rate : {1e15, 1e25, 1e38}) {
        Case c{.name = "large",
               .architecture = {33, {30}, {33}},
               .optimizer = Sgd{.learning_rate = rate},
               .precision = Precision::bf16,
               .models = 2};
        auto const actual = in_chains(c), usual = trained(c);
        for (std::size_t m = 0; m < actual.size(); ++m) {
            EXPECT_LT(actual[m].done, steps);
            EXPECT_EQ(usual[m].done, actual[m].done) << rate;
        }
    }
}

/// The first update overflows while the loss is finite.
TEST(AutoencoderChain, AnUpdateThatIsNotFiniteDoesNotCount) {
    Case const c{.name = "update",
                 .architecture = {33, {30}, {1}},
                 .optimizer = Sgd{.learning_rate = 3e38, .weight_decay = 1e3},
                 .precision = Precision::bf16,
                 .by_targets = true};
    auto const chain = in_chains(c)[0], usual = trained(c)[0];
    EXPECT_TRUE(std::isfinite(chain.losses[0]));
    EXPECT_EQ(chain.done, 0);
    EXPECT_EQ(usual.done, 0);
}

/// Corruptions, of which the last one rounds; evaluation between epochs, with larger batches than those of the training; two fits.
TEST(AutoencoderChain, FitsAreTheUsualOnes) {
    auto const x = samples(70, 36, 1);
    MatrixView<float const> const rows(x.data(), 70, 36);
    auto const outputs = [&](char const* tuning) {
        simt::Scope const scope({.compute_capability = 90});
        Words const words(tuning);
        Model model(Context::cuda(), {36, {20, relu}, {36, sigmoid}}, {.seed = 3, .precision = Precision::bf16});
        FitOptions options{.epochs = 2, .batch = 30, .optimizer = Sgd{.learning_rate = 0.5}, .test = Samples(rows)};
        options.corrupt = {GaussianNoise{0.1}, Rotation{.degrees = 20.0, .image_width = 6}, SaltAndPepper{0.1}};
        model.fit(rows, options);
        options.batch = 70;
        model.fit(rows, options);
        auto const y = model.reconstruct(rows);
        return std::vector<double>(y.begin(), y.end());
    };
    std::int64_t const before = launches_of("chain.cu");
    auto const usual = outputs("no-chain");
    EXPECT_EQ(launches_of("chain.cu"), before);
    auto const chain = outputs("");
    EXPECT_EQ(launches_of("chain.cu") - before, 8);
    EXPECT_LT(distance(usual, chain), 4.8e-2);
}

TEST(AutoencoderChain, WhatItDoesNotDoGoesTheUsualWay) {
    std::int64_t const before = launches_of("chain.cu");
    auto const x = samples(20, 33, 1);
    auto const fit = [&](Architecture const& net, FitOptions options, Precision precision = Precision::bf16,
                         simt::Options const& device = {.compute_capability = 90}) {
        simt::Scope const scope(device);
        options.epochs = 1;
        options.batch = 10;
        Model model(Context::cuda(), net, {.seed = 3, .precision = precision});
        model.fit(MatrixView<float const>(x.data(), 20, 33), options);
    };
    Architecture const net{33, {5, relu}, {33, sigmoid}};
    {
        Words const words("no-chain");
        fit(net, {});
    }
    fit(net, {}, Precision::tf32);
    fit(net, {}, Precision::f32);
    fit(net, {}, Precision::bf16, {.compute_capability = 80});
    fit(net, {}, Precision::bf16, {.compute_capability = 90, .shared_bytes = 64 << 10});
    fit(net, {.penalties = {{0, 1e-3}}});
    fit(net, {.clip_norm = 1.0});
    fit(net, {.loss = Loss::cross_entropy});
    fit({33, {5, prelu}, {33}}, {});
    fit({33, {5, softmax}, {33}}, {});
    fit({33, {5}, {33, prelu}}, {});
    fit({33, {5, relu, {.dropout = 0.1}}, {33}}, {});
    fit({33, {5, relu, {.batch_norm = true}}, {33}}, {});
    fit({33, {5, relu}, {33, sigmoid, {.tied_to = 0}}}, {});
    fit({33, {2}, {2}, {2}, {2}, {2}, {2}, {2}, {2}, {2}, {2}, {2}, {2}, {33}}, {});
    EXPECT_EQ(launches_of("chain.cu"), before);
    fit(net, {});
    EXPECT_GT(launches_of("chain.cu"), before);
}

}  // namespace
}  // namespace ca3::autoencoder
