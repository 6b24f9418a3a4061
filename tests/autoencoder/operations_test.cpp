#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/dense_operations.hpp"

#include <ca3/autoencoder.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

/// The operations of dense layers: by hand, against their definitions in f64, and as the steps of a model.
namespace ca3::autoencoder {
namespace {

using test::DenseCase;
using test::Framed;
using test::Placement;
using Kind = Activation::Kind;

std::vector<Activation> const activations{identity,   sigmoid, hyperbolic_tangent, arctan,     relu,
                                          leaky_relu, softmax, log_softmax,        unit_sphere};

class DenseOperations : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(DenseOperations);

// ---- by hand --------------------------------------------------------------------------------------------------------

/// x = (1, 2), W = ((1, -1), (1/2, 1/4)), b = (1/2, 0): z = (-1/2, 1). All numbers are exact.
TEST_P(DenseOperations, ALayerByHand) {
    auto const ctx = context();
    Framed const x(ctx, {1.0f, 2.0f}, 1, 2), w(ctx, {1.0f, -1.0f, 0.5f, 0.25f}, 2, 2), b(ctx, {0.5f, 0.0f}, 1, 2);
    Framed const dy(ctx, {2.0f, 4.0f}, 1, 2);
    Framed const z(ctx, 1, 2), y(ctx, 1, 2), dx(ctx, 1, 2), dw(ctx, 2, 2), db(ctx, 1, 2);
    DenseOptions const leaky{.activation = {Kind::leaky_relu, 0.25}};
    forward(ctx, leaky, x.in(), w.in(), b.span(), z.view(), y.view());
    backward(ctx, leaky, x.in(), w.in(), z.in(), y.in(), dy.in(), dx.view(), dw.view(), db.span());
    ctx.synchronize();
    EXPECT_EQ(z.values(), (std::vector<float>{-0.5f, 1.0f}));
    EXPECT_EQ(y.values(), (std::vector<float>{-0.125f, 1.0f}));
    EXPECT_EQ(db.values(), (std::vector<float>{0.5f, 4.0f})) << "dz = (2 / 4, 4)";
    EXPECT_EQ(dw.values(), (std::vector<float>{0.5f, 1.0f, 4.0f, 8.0f}));
    EXPECT_EQ(dx.values(), (std::vector<float>{2.5f, 0.5f})) << "1/2 (1, -1) + 4 (1/2, 1/4)";
}

TEST_P(DenseOperations, LossesByHand) {
    auto const ctx = context();
    Framed const x(ctx, {0.5f, 2.0f}, 1, 2), t(ctx, {0.0f, 1.0f}, 1, 2), g(ctx, 1, 2);
    EXPECT_EQ(loss(ctx, Loss::mse, x.in(), t.in(), g.view()), 0.625);
    EXPECT_EQ(g.values(), (std::vector<float>{0.5f, 1.0f}));
    EXPECT_EQ(loss(ctx, Loss::l1, x.in(), t.in(), g.view()), 0.75);
    EXPECT_EQ(g.values(), (std::vector<float>{0.5f, 0.5f}));
    Framed const half(ctx, {0.5f, 0.5f}, 1, 2);
    EXPECT_NEAR(loss(ctx, Loss::bce, half.in(), t.in(), g.view()), std::log(2.0), 1e-7);
    EXPECT_EQ(g.values(), (std::vector<float>{1.0f, -1.0f})) << "(x - t) / (x (1 - x)) / 2";
    Framed const zero(ctx, {0.0f, 0.0f}, 1, 2);
    EXPECT_NEAR(loss(ctx, Loss::bce_with_logits, zero.in(), t.in(), g.view()), std::log(2.0), 1e-7);
    EXPECT_EQ(g.values(), (std::vector<float>{0.25f, -0.25f}));
    EXPECT_NEAR(loss(ctx, Loss::cross_entropy, zero.in(), t.in(), g.view()), std::log(2.0), 1e-7);
    EXPECT_EQ(g.values(), (std::vector<float>{0.5f, -0.5f}));
    Buffer<std::int64_t> classes(ctx, 1);
    std::int64_t const one = 1, ignored = -100;
    classes.copy_from_host(&one);
    std::span<std::int64_t const> const numbers = classes.span();
    EXPECT_EQ(loss(ctx, Loss::nll, x.in(), numbers, g.view()), -2.0);
    EXPECT_EQ(g.values(), (std::vector<float>{0.0f, -1.0f}));
    classes.copy_from_host(&ignored);
    EXPECT_TRUE(std::isnan(loss(ctx, Loss::nll, x.in(), numbers, g.view()))) << "0 / 0: no row counts";
    EXPECT_EQ(g.values(), (std::vector<float>{0.0f, 0.0f}));
}

TEST_P(DenseOperations, StepsByHand) {
    auto const ctx = context();
    auto const after = [&](auto&& step) {
        std::vector<float> seen;
        Framed const g(ctx, {0.5f}, 1, 1), p(ctx, {1.0f}, 1, 1), m(ctx, {0.0f}, 1, 1), v(ctx, {0.0f}, 1, 1);
        for (std::int64_t t = 1; t <= 2; ++t) {
            step(t, g, p, m, v);
            ctx.synchronize();
            seen.push_back(p.values()[0]);
        }
        return seen;
    };
    auto const sgd = after([&](std::int64_t t, Framed const& g, Framed const& p, Framed const& m, Framed const&) {
        sgd_step(ctx, {.learning_rate = 0.125, .momentum = 0.5}, t, g.in(), p.view(), m.view());
    });
    EXPECT_EQ(sgd, (std::vector<float>{0.9375f, 0.84375f})) << "m = 1/2, then 1/4 + 1/2";
    // The gradient stays: m / (1 - beta1^t) = g and v / (1 - beta2^t) = g^2, so that each step is lr g / |g|.
    auto const adam = after([&](std::int64_t t, Framed const& g, Framed const& p, Framed const& m, Framed const& v) {
        adam_step(ctx, {.learning_rate = 0.125}, t, g.span(), p.span(), m.span(), v.span());
    });
    EXPECT_NEAR(adam[0], 0.875f, 1e-6f);
    EXPECT_NEAR(adam[1], 0.75f, 1e-6f);
    auto const adamw = after([&](std::int64_t t, Framed const& g, Framed const& p, Framed const& m, Framed const& v) {
        adamw_step(ctx, {.learning_rate = 0.125, .weight_decay = 2.0}, t, g.in(), p.view(), m.view(), v.view());
    });
    EXPECT_NEAR(adamw[0], 0.75f - 0.125f, 1e-6f) << "1 - lr weight_decay = 3/4 first";
    EXPECT_NEAR(adamw[1], 0.625f * 0.75f - 0.125f, 1e-6f);
}

// ---- against definitions --------------------------------------------------------------------------------------------

std::vector<DenseCase> dense_cases() {
    std::vector<DenseCase> cases;
    for (auto const& a : activations) {
        for (auto const& [batch, in, out] :
             {std::array<std::int64_t, 3>{1, 1, 1}, {1, 33, 2}, {31, 5, 16}, {33, 65, 17}, {70, 31, 33}, {2, 3, 257}})
            for (Placement const place : {Placement{}, Placement{3, 1}})
                cases.push_back({.batch = batch, .in = in, .out = out, .activation = a, .bias = in != 5, .place = place});
        cases.push_back({.batch = 130, .in = 64, .out = 96, .activation = a, .place = {4, 4}});
    }
    return cases;
}

TEST_P(DenseOperations, LayersAreNearTheirDefinition) {
    for (auto const& c : dense_cases()) ASSERT_TRUE(near_definition(c, dense_numbers(context(), c))) << describe(c);
}

TEST_P(DenseOperations, LossesAreNearTheirDefinition) {
    for (auto const& c : test::loss_cases()) ASSERT_TRUE(near_definition(c, loss_numbers(context(), c))) << describe(c);
}

TEST_P(DenseOperations, StepsAreNearTheirDefinition) {
    for (auto const& c : test::step_cases()) ASSERT_TRUE(near_definition(c, step_numbers(context(), c))) << describe(c);
}

/// Gradients are slopes: of L = sum of dy y as f64 differences of the whole definition, to some 1e-8 of L's terms, and f32's 1e-5.
TEST_P(DenseOperations, GradientsAreSlopes) {
    for (auto const& a : activations) {
        DenseCase const c{.batch = 3, .in = 4, .out = 5, .activation = a};
        auto const n = dense_numbers(context(), c);
        auto const floats = [](std::vector<float> const& x) { return std::vector<double>(x.begin(), x.end()); };
        auto x = floats(test::some_floats(12, 1)), w = floats(test::some_floats(20, 2, -2.0, 2.0)), b = floats(test::some_floats(5, 3));
        auto const dy = floats(test::some_floats(15, 4));
        auto const value = [&] {
            double sum = 0.0;
            for (std::size_t r = 0; r < 3; ++r) {
                std::vector<double> z;
                double total = 0.0, squares = 0.0;
                for (std::size_t o = 0; o < 5; ++o) {
                    double at = b[o];
                    for (std::size_t i = 0; i < 4; ++i) at += x[r * 4 + i] * w[o * 4 + i];
                    z.push_back(at);
                    total += std::exp(at);
                    squares += at * at;
                }
                for (std::size_t o = 0; o < 5; ++o) {
                    double const at = z[o];
                    double y = at;
                    if (a.kind == Kind::sigmoid) y = 1.0 / (1.0 + std::exp(-at));
                    if (a.kind == Kind::tanh) y = std::tanh(at);
                    if (a.kind == Kind::arctan) y = std::atan(at);
                    if (a.kind == Kind::relu) y = std::max(at, 0.0);
                    if (a.kind == Kind::leaky_relu) y = at > 0.0 ? at : 0.01 * at;
                    if (a.kind == Kind::softmax) y = std::exp(at) / total;
                    if (a.kind == Kind::log_softmax) y = at - std::log(total);
                    if (a.kind == Kind::unit_sphere) y = at / std::sqrt(squares);
                    sum += dy[r * 5 + o] * y;
                }
            }
            return sum;
        };
        auto const compare = [&](std::vector<double>& variables, std::vector<float> const& gradient, char const* what) {
            ASSERT_EQ(variables.size(), gradient.size());
            for (std::size_t i = 0; i < variables.size(); ++i) {
                double const h = 1e-6, kept = variables[i];
                variables[i] = kept + h;
                double const above = value();
                variables[i] = kept - h;
                double const slope = (above - value()) / (2.0 * h);
                variables[i] = kept;
                ASSERT_NEAR(slope, static_cast<double>(gradient[i]), 1e-5) << what << " " << i << ", " << describe(c);
            }
        };
        compare(x, n.input_gradient, "input");
        compare(w, n.weight_gradient, "weight");
        compare(b, n.bias_gradient, "bias");
    }
}

TEST(DenseOperationsOnTheCpu, AnyThreadsAndInstructionSetGiveTheSameBits) {
    auto const& contexts = test::cpu_contexts();
    Context const three = Context::cpu({.threads = 3});
    for (auto const& c : dense_cases()) {
        auto const expected = dense_numbers(contexts.front().context, c);
        for (auto const& [name, context] : contexts) EXPECT_EQ(expected, dense_numbers(context, c)) << name << ", " << describe(c);
        EXPECT_EQ(expected, dense_numbers(three, c)) << describe(c);
    }
    for (auto const& c : test::loss_cases()) {
        auto const expected = loss_numbers(contexts.front().context, c);
        for (auto const& [name, context] : contexts) EXPECT_EQ(expected, loss_numbers(context, c)) << name << ", " << describe(c);
        EXPECT_EQ(expected, loss_numbers(three, c)) << describe(c);
    }
    for (auto const& c : test::step_cases()) {
        auto const expected = step_numbers(contexts.front().context, c).parameters;
        for (auto const& [name, context] : contexts)
            EXPECT_EQ(expected, step_numbers(context, c).parameters) << name << ", " << describe(c);
    }
}

/// Each sum has one order and each product one rounding, in a model as here: no bound is needed.
TEST_P(DenseOperations, AStepOfAModelIsMadeOfThem) {
    for (auto const& [width, code, batch] : {std::array<std::int64_t, 3>{784, 30, 64}, {33, 7, 5}, {33, 7, 151}, {784, 30, 130}}) {
        auto const t = test::trained_both_ways(context(), width, code, batch);
        EXPECT_TRUE(test::same_values(t.model, t.operations)) << width << " " << batch;
        EXPECT_NEAR(t.model_loss, t.operations_loss, 1e-6 * t.model_loss);
    }
}

// ---- nothing, and what goes through ---------------------------------------------------------------------------------

TEST_P(DenseOperations, NothingIsHandled) {
    auto const ctx = context();
    MatrixView<float> const none;
    for (auto const& a : activations) {
        DenseOptions const options{a};
        Framed const w(ctx, test::some_floats(6, 1), 2, 3), b(ctx, {1.0f, 2.0f}, 1, 2), dw(ctx, 2, 3), db(ctx, 1, 2);
        Framed const dx(ctx, 4, 3), dy(ctx, {1.0f, 2.0f, 3.0f, 4.0f}, 2, 2), z(ctx, 2, 2), y(ctx, 2, 2), db_alone(ctx, 1, 2);
        // No rows.
        forward(ctx, options, {nullptr, 0, 3}, w.in(), b.span(), none, {nullptr, 0, 2});
        backward(ctx, options, {nullptr, 0, 3}, w.in(), none, none, {nullptr, 0, 2}, none, dw.view(), db.span());
        // No units.
        backward(ctx, options, {dx.in().data, 4, 3}, {nullptr, 0, 3}, none, none, {nullptr, 4, 0}, none, {nullptr, 0, 3}, {});
        backward(ctx, options, {w.in().data, 2, 3}, {nullptr, 0, 3}, none, none, {nullptr, 2, 0}, {dx.view().data, 2, 3}, {nullptr, 0, 3},
                 {});
        // No inputs.
        forward(ctx, options, {nullptr, 2, 0}, {nullptr, 2, 0}, b.span(), z.view(), y.view());
        backward(ctx, options, {nullptr, 2, 0}, {nullptr, 2, 0}, z.in(), y.in(), dy.in(), none, {nullptr, 2, 0}, db_alone.span());
        ctx.synchronize();
        EXPECT_EQ(dw.values(), std::vector<float>(6, 0.0f));
        EXPECT_EQ(db.values(), std::vector<float>(2, 0.0f));
        auto const first = dx.values();
        EXPECT_EQ(std::vector<float>(first.begin(), first.begin() + 6), std::vector<float>(6, 0.0f));
        EXPECT_EQ(z.values(), (std::vector<float>{1.0f, 2.0f, 1.0f, 2.0f}));
        EXPECT_EQ(y.values()[1], y.values()[3]);
        if (a.kind == Kind::identity) {
            EXPECT_EQ(db_alone.values(), (std::vector<float>{4.0f, 6.0f}));
        }
        EXPECT_TRUE(dx.is_framed() && dw.is_framed() && z.is_framed() && y.is_framed());
    }
    EXPECT_TRUE(std::isnan(loss(ctx, Loss::mse, {nullptr, 0, 3}, MatrixView<float const>{nullptr, 0, 3})));
    EXPECT_TRUE(std::isnan(loss(ctx, Loss::nll, {nullptr, 0, 3}, std::span<std::int64_t const>())));
    adam_step(ctx, {}, 1, MatrixView<float const>{nullptr, 0, 3}, {nullptr, 0, 3}, {nullptr, 0, 3}, {nullptr, 0, 3});
    sgd_step(ctx, {}, 1, std::span<float const>(), {}, {});
}

TEST_P(DenseOperations, NumbersThatAreNotFiniteGoThrough) {
    auto const ctx = context();
    float const nan = std::numeric_limits<float>::quiet_NaN();
    for (auto const& a : activations) {
        Framed const x(ctx, {1.0f, nan}, 2, 1), w(ctx, {1.0f, 2.0f}, 2, 1), y(ctx, 2, 2);
        forward(ctx, {a}, x.in(), w.in(), {}, {}, y.view());
        ctx.synchronize();
        auto const values = y.values();
        EXPECT_TRUE(std::isfinite(values[0]) && std::isfinite(values[1]));
        EXPECT_TRUE(std::isnan(values[2]) && std::isnan(values[3])) << to_string(a.kind);
    }
}

/// Columns of one matrix interleave without sharing a float.
TEST_P(DenseOperations, ColumnsOfOneMatrixMayBeReadAndWritten) {
    auto const ctx = context();
    Framed const both(ctx, {1.0f, 0.0f, 2.0f, 0.0f, 3.0f, 0.0f}, 3, 2), w(ctx, {2.0f}, 1, 1);
    MatrixView<float> const left(both.view().data, 3, 1, 2), right(both.view().data + 1, 3, 1, 2);
    forward(ctx, {}, left, w.in(), {}, {}, right);
    ctx.synchronize();
    EXPECT_EQ(both.values(), (std::vector<float>{1.0f, 2.0f, 2.0f, 4.0f, 3.0f, 6.0f}));
}

}  // namespace
}  // namespace ca3::autoencoder
