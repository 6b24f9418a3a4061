// The CUDA operations of dense layers on the host executor, against their definitions in f64.
#include "support/compare.hpp"
#include "support/dense_operations.hpp"
#include "support/simt/executor.hpp"
#include "support/simt/runtime.hpp"

#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <tuple>
#include <vector>

namespace ca3::test {
namespace {

using namespace autoencoder;

std::vector<DenseCase> dense_cases(Precision precision) {
    std::vector<DenseCase> cases;
    for (auto const& a : {identity, sigmoid, hyperbolic_tangent, arctan, relu, leaky_relu, softmax, log_softmax, unit_sphere}) {
        bool const alone = precision == Precision::f32 && (a == relu || a == softmax);
        for (auto const& [batch, in, out] : {std::array<std::int64_t, 3>{1, 1, 1}, {33, 65, 17}, {2, 3, 70}}) {
            if (batch != 33 && !alone) continue;
            for (Placement const place : {Placement{}, Placement{3, 1}, Placement{4, 2}})
                cases.push_back(
                    {.batch = batch, .in = in, .out = out, .activation = a, .bias = out != 70, .place = place, .precision = precision});
        }
    }
    cases.push_back({.batch = 8, .in = 64, .out = 32, .activation = sigmoid, .place = {4, 4}, .precision = precision});
    return cases;
}

TEST(AutoencoderOperationKernels, LayersAreNearTheirDefinition) {
    for (int const multiprocessors : {1, 1000}) {  // large tiles, small tiles
        simt::Scope const scope({.multiprocessors = multiprocessors});
        for (auto const& c : dense_cases(Precision::f32)) ASSERT_TRUE(near_definition(c, dense_numbers(Context::cuda(), c))) << describe(c);
    }
}

TEST(AutoencoderOperationKernels, TensorCoresKeepTheirBits) {
    for (Precision const precision : {Precision::tf32x3, Precision::tf32, Precision::bf16})
        for (auto const& c : dense_cases(precision)) {
            if (c.place.gap == 4 && c.place.offset == 2) continue;
            ASSERT_TRUE(near_definition(c, dense_numbers(Context::cuda(), c))) << describe(c);
        }
}

TEST(AutoencoderOperationKernels, LossesAreNearTheirDefinition) {
    for (auto const& c : loss_cases()) ASSERT_TRUE(near_definition(c, loss_numbers(Context::cuda(), c))) << describe(c);
}

TEST(AutoencoderOperationKernels, StepsAreNearTheirDefinition) {
    for (auto const& c : step_cases()) ASSERT_TRUE(near_definition(c, step_numbers(Context::cuda(), c))) << describe(c);
}

TEST(AutoencoderOperationKernels, AStepOfAModelIsMadeOfThem) {
    for (auto const& [width, code, batch] : {std::array<std::int64_t, 3>{784, 30, 16}, {33, 7, 5}}) {
        auto const t = trained_both_ways(Context::cuda(), width, code, batch);
        EXPECT_TRUE(same_values(t.model, t.operations)) << width;
        EXPECT_NEAR(t.model_loss, t.operations_loss, 1e-6 * t.model_loss);
    }
}

TEST(AutoencoderOperationKernels, NoOrderOfWarpsOrBlocksChangesABit) {
    DenseCase const c{.batch = 33, .in = 65, .out = 40, .activation = softmax, .place = {3, 1}};
    LossCase const l{Loss::cross_entropy, 70, 65, true, {3, 1}};
    auto const dense = dense_numbers(Context::cuda(), c);
    auto const loss = loss_numbers(Context::cuda(), l);
    for (auto const order : {simt::Order::descending, simt::Order::random}) {
        simt::Scope const scope({.order = order, .blocks = order, .seed = 5});
        EXPECT_EQ(dense, dense_numbers(Context::cuda(), c));
        EXPECT_EQ(loss, loss_numbers(Context::cuda(), l));
    }
}

/// The executor refuses streams of other devices.
TEST(AutoencoderOperationKernels, ADeviceThatIsNotTheCurrentOneGivesTheSame) {
    auto const run = [](Context const& context) {
        DenseCase const c{.batch = 5, .in = 9, .out = 7, .activation = log_softmax, .place = {3, 1}};
        StepCase const s{.optimizer = AdamW{}, .t = 3, .rows = 5, .cols = 7, .place = {3, 1}};
        return std::tuple(dense_numbers(context, c), loss_numbers(context, {Loss::nll, 9, 4, true}), step_numbers(context, s));
    };
    auto const expected = run(Context::cuda());
    simt::Scope const scope({.devices = 2});
    EXPECT_EQ(expected, run(Context::cuda({.device = 1})));
    int device = -1;
    EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
    EXPECT_EQ(device, 0);
}

TEST(AutoencoderOperationKernels, NothingIsHandled) {
    Context const ctx = Context::cuda();
    MatrixView<float> const none;
    for (auto const& a : {identity, arctan, relu, softmax, unit_sphere}) {
        DenseOptions const options{a};
        Framed const w(ctx, some_floats(6, 1), 2, 3), b(ctx, {1.0f, 2.0f}, 1, 2), dw(ctx, 2, 3), db(ctx, 1, 2), dx(ctx, 2, 3);
        Framed const dy(ctx, {1.0f, 2.0f, 3.0f, 4.0f}, 2, 2), z(ctx, 2, 2), y(ctx, 2, 2), db_alone(ctx, 1, 2);
        forward(ctx, options, {nullptr, 0, 3}, w.in(), b.span(), none, {nullptr, 0, 2});
        backward(ctx, options, {nullptr, 0, 3}, w.in(), none, none, {nullptr, 0, 2}, none, dw.view(), db.span());
        backward(ctx, options, w.in(), {nullptr, 0, 3}, none, none, {nullptr, 2, 0}, dx.view(), {nullptr, 0, 3}, {});
        forward(ctx, options, {nullptr, 2, 0}, {nullptr, 2, 0}, b.span(), z.view(), y.view());
        backward(ctx, options, {nullptr, 2, 0}, {nullptr, 2, 0}, z.in(), y.in(), dy.in(), none, {nullptr, 2, 0}, db_alone.span());
        EXPECT_EQ(dw.values(), std::vector<float>(6, 0.0f));
        EXPECT_EQ(db.values(), std::vector<float>(2, 0.0f));
        EXPECT_EQ(dx.values(), std::vector<float>(6, 0.0f));
        EXPECT_EQ(z.values(), (std::vector<float>{1.0f, 2.0f, 1.0f, 2.0f}));
        if (a == identity) {
            EXPECT_EQ(db_alone.values(), (std::vector<float>{4.0f, 6.0f}));
        }
    }
    EXPECT_TRUE(std::isnan(loss(ctx, Loss::mse, {nullptr, 0, 3}, MatrixView<float const>{nullptr, 0, 3})));
}

TEST(AutoencoderOperationKernels, WhatTheBackendLacksIsRefused) {
    Context const ctx = Context::cuda();
    Framed const x(ctx, some_floats(6, 1), 2, 3), y(ctx, 2, 2);
    auto const message = message_of<InvalidArgument>([&] { forward(ctx, {{}, Precision::f64}, x.in(), x.in(), {}, {}, y.view()); });
    EXPECT_NE(message.find("options.precision f64 is not available on the cuda backend"), std::string::npos) << message;
    Buffer<std::int64_t> classes(ctx, 2);
    std::vector<std::int64_t> const numbers{0, 3};
    classes.copy_from_host(numbers.data());
    std::span<std::int64_t const> const given = classes.span();
    EXPECT_NE(message_of<InvalidArgument>([&] { static_cast<void>(loss(ctx, Loss::nll, x.in(), given, y.view())); }).find("gradient"),
              std::string::npos);
    EXPECT_NE(message_of<InvalidArgument>([&] { static_cast<void>(loss(ctx, Loss::nll, x.in(), given)); }).find("classes[1]"),
              std::string::npos);
    EXPECT_TRUE(y.is_untouched());
}

}  // namespace
}  // namespace ca3::test
