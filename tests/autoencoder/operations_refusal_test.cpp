#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/dense_operations.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// What the operations of dense layers do not take.
namespace ca3::autoencoder {
namespace {

using test::Framed;
using test::message_of;
using Kind = Activation::Kind;

class DenseOperationsRefuse : public test::OnEveryBackend {
protected:
    void SetUp() override {
        test::OnEveryBackend::SetUp();
        if (IsSkipped()) return;
        parts_ = std::make_unique<Parts>(context());
    }
    struct Parts {
        explicit Parts(Context const& c)
            : x(c, test::some_floats(12, 1), 4, 3),
              w(c, test::some_floats(6, 2), 2, 3),
              narrow(c, test::some_floats(8, 1), 4, 2),
              y(c, 4, 2),
              z(c, 4, 2),
              dx(c, 4, 3),
              dw(c, 2, 3),
              b(c, 1, 2) {}
        Framed x, w, narrow, y, z, dx, dw, b;
        [[nodiscard]] bool untouched() const {
            return y.is_untouched() && z.is_untouched() && dx.is_untouched() && dw.is_untouched() && b.is_untouched();
        }
    };
    /// The message names all of these, and nothing was written.
    void expect(std::function<void(Parts&)> const& action, std::vector<std::string> const& words) {
        auto const message = message_of<InvalidArgument>([&] { action(*parts_); });
        context().synchronize();
        for (auto const& word : words) EXPECT_NE(message.find(word), std::string::npos) << word << " is missing: " << message;
        EXPECT_TRUE(parts_->untouched()) << message;
    }

private:
    std::unique_ptr<Parts> parts_;
};
CA3_ON_EVERY_BACKEND(DenseOperationsRefuse);

TEST_P(DenseOperationsRefuse, WhatDoesNotFitForwards) {
    auto const ctx = context();
    auto const with = [&](DenseOptions const& options, auto&& x, auto&& w, std::span<float const> b, auto&& z, auto&& y) {
        return [=](Parts&) { forward(ctx, options, x, w, b, z, y); };
    };
    MatrixView<float> const none;
    expect([&](Parts& p) { with({}, p.narrow.in(), p.w.in(), {}, none, p.y.view())(p); },
           {"autoencoder::forward", "weight", "(2 x 3)", "(4 x 2)"});
    expect([&](Parts& p) { with({}, p.x.in(), p.w.in(), {}, none, p.dx.view())(p); }, {"output", "(4 x 2)", "(4 x 3)"});
    expect([&](Parts& p) { with({}, p.x.in(), p.w.in(), {}, none, none)(p); }, {"output", "(4 x 2)", "(0 x 0)"});
    expect([&](Parts& p) { with({}, p.x.in(), p.w.in(), {}, p.dx.view(), p.y.view())(p); }, {"pre_activation", "(4 x 2)", "(4 x 3)"});
    expect([&](Parts& p) { with({}, p.x.in(), p.w.in(), p.x.span(), none, p.y.view())(p); }, {"bias", "2 values", "3"});
    expect([&](Parts& p) { with({}, p.x.in(), p.w.in(), {}, none, MatrixView<float>(nullptr, 4, 2))(p); }, {"output", "null"});
    expect([&](Parts& p) { with({}, MatrixView<float const>(p.x.in().data, 4, 3, 2), p.w.in(), {}, none, p.y.view())(p); },
           {"input", "stride 2"});
    expect([&](Parts& p) { with({}, MatrixView<float const>(p.x.in().data, -4, 3), p.w.in(), {}, none, p.y.view())(p); },
           {"input", "(-4 x 3)"});
    expect([&](Parts& p) { with({}, p.x.in(), p.w.in(), {}, p.y.view(), p.y.view())(p); }, {"pre_activation", "overlaps output"});
    expect([&](Parts& p) { with({}, p.x.in(), p.w.in(), {}, none, MatrixView<float>(p.x.view().data + 11, 4, 2))(p); },
           {"output", "overlaps input"});
    expect(
        [&](Parts& p) {
            auto const* const between = reinterpret_cast<float const*>(reinterpret_cast<char const*>(p.x.in().data) + 1);
            with({}, MatrixView<float const>(between, 4, 3), p.w.in(), {}, none, p.y.view())(p);
        },
        {"input", "multiple of 4 bytes"});
    expect([&](Parts& p) { with({prelu}, p.x.in(), p.w.in(), {}, none, p.y.view())(p); }, {"options.activation", "prelu"});
    expect([&](Parts& p) { with({gaussian}, p.x.in(), p.w.in(), {}, none, p.y.view())(p); }, {"options.activation", "gaussian"});
    expect([&](Parts& p) { with({{Kind::leaky_relu, NAN}}, p.x.in(), p.w.in(), {}, none, p.y.view())(p); }, {"slope"});
    expect([&](Parts& p) { with({{}, Precision::f64}, p.x.in(), p.w.in(), {}, none, p.y.view())(p); }, {"precision f64"});
    if (ctx.backend() != Backend::cuda)
        expect(
            [&](Parts& p) {
                with({{}, Precision::tf32}, p.x.in(), p.w.in(), {}, none, p.y.view())(p);
            },
            {"precision tf32", to_string(ctx.backend()).data()});
}

TEST_P(DenseOperationsRefuse, WhatDoesNotFitBackwards) {
    auto const ctx = context();
    MatrixView<float> const none;
    expect([&](Parts& p) { backward(ctx, {sigmoid}, p.x.in(), p.w.in(), none, none, p.narrow.in(), none, p.dw.view(), {}); },
           {"autoencoder::backward", "output must be (4 x 2)", "sigmoid"});
    expect([&](Parts& p) { backward(ctx, {arctan}, p.x.in(), p.w.in(), none, p.narrow.in(), p.narrow.in(), none, p.dw.view(), {}); },
           {"pre_activation must be (4 x 2)", "arctan"});
    expect([&](Parts& p) { backward(ctx, {}, p.x.in(), p.w.in(), none, none, p.x.in(), none, p.dw.view(), {}); },
           {"output_gradient", "(4 x 2)", "(4 x 3)"});
    expect([&](Parts& p) { backward(ctx, {}, p.x.in(), p.w.in(), none, none, p.narrow.in(), p.y.view(), p.dw.view(), {}); },
           {"input_gradient", "(4 x 3)", "(4 x 2)"});
    expect([&](Parts& p) { backward(ctx, {}, p.x.in(), p.w.in(), none, none, p.narrow.in(), none, p.dx.view(), {}); },
           {"weight_gradient", "(2 x 3)", "(4 x 3)"});
    expect([&](Parts& p) { backward(ctx, {}, p.x.in(), p.w.in(), none, none, p.narrow.in(), none, p.dw.view(), p.dw.span()); },
           {"bias_gradient", "2 values", "3"});
    expect([&](Parts& p) { backward(ctx, {}, p.x.in(), p.w.in(), none, none, p.narrow.in(), p.x.view(), p.dw.view(), {}); },
           {"input_gradient", "overlaps input"});
    expect([&](Parts& p) { backward(ctx, {}, p.x.in(), p.w.in(), none, none, p.narrow.in(), none, p.w.view(), {}); },
           {"weight_gradient", "overlaps weight"});
}

TEST_P(DenseOperationsRefuse, LossesThatDoNotFit) {
    auto const ctx = context();
    Buffer<std::int64_t> classes(ctx, 4);
    std::vector<std::int64_t> const numbers{0, 1, -100, 2};
    classes.copy_from_host(numbers.data());
    std::span<std::int64_t const> const given = classes.span();
    auto const run = [&](Loss kind, auto const& x, auto const& t, MatrixView<float> g) { static_cast<void>(loss(ctx, kind, x, t, g)); };
    expect([&](Parts& p) { run(Loss::mse, p.narrow.in(), p.x.in(), p.y.view()); }, {"autoencoder::loss", "target", "(4 x 2)", "(4 x 3)"});
    expect([&](Parts& p) { run(Loss::mse, p.narrow.in(), p.narrow.in(), p.dx.view()); }, {"gradient", "(4 x 2)", "(4 x 3)"});
    expect([&](Parts& p) { run(Loss::mse, p.narrow.in(), p.narrow.in(), p.narrow.view()); }, {"gradient", "overlaps output"});
    expect([&](Parts& p) { run(Loss::nll, p.narrow.in(), p.narrow.in(), p.y.view()); }, {"nll", "classes"});
    expect([&](Parts& p) { run(Loss::mse, p.narrow.in(), given, p.y.view()); }, {"classes", "mse"});
    expect([&](Parts& p) { run(Loss::nll, p.narrow.in(), given.first(3), p.y.view()); }, {"classes", "(4 x 2)", "3"});
    expect([&](Parts& p) { run(Loss::nll, p.narrow.in(), given, p.y.view()); }, {"classes[3]", "[0, 2)", "is 2"});
    auto const* const between = reinterpret_cast<std::int64_t const*>(reinterpret_cast<std::uintptr_t>(given.data()) + 4);
    expect([&](Parts& p) { run(Loss::nll, p.narrow.in(), std::span(between, 4), p.y.view()); }, {"classes", "multiple of 8 bytes"});
    expect([&](Parts& p) { run(static_cast<Loss>(9), p.narrow.in(), p.narrow.in(), p.y.view()); }, {"loss"});
}

TEST_P(DenseOperationsRefuse, StepsThatDoNotFit) {
    auto const ctx = context();
    expect([&](Parts& p) { adam_step(ctx, {}, 0, p.narrow.in(), p.y.view(), p.z.view(), p.z.view()); },
           {"autoencoder::adam_step", "t must", "0"});
    expect([&](Parts& p) { adam_step(ctx, {}, 1, p.narrow.in(), p.y.view(), p.z.view(), p.z.view()); },
           {"first_moment", "overlaps second_moment"});
    expect([&](Parts& p) { adam_step(ctx, {}, 1, p.narrow.in(), p.y.view(), p.z.view(), p.dx.view()); },
           {"second_moment", "gradient (4 x 2)", "(4 x 3)"});
    expect([&](Parts& p) { adamw_step(ctx, {.beta1 = 1.0}, 1, p.narrow.in(), p.y.view(), p.z.view(), p.b.view()); }, {"beta1"});
    expect([&](Parts& p) { adamw_step(ctx, {}, 1, p.narrow.in(), p.dx.view(), p.z.view(), p.b.view()); },
           {"parameters", "(4 x 2)", "(4 x 3)"});
    expect([&](Parts& p) { sgd_step(ctx, {.momentum = 0.5}, 1, p.narrow.in(), p.y.view(), {}); }, {"momentum", "(4 x 2)", "(0 x 0)"});
    expect([&](Parts& p) { sgd_step(ctx, {.nesterov = true}, 1, p.narrow.in(), p.y.view(), {}); }, {"nesterov"});
    expect([&](Parts& p) { sgd_step(ctx, {}, 1, p.y.in(), p.y.view(), {}); }, {"parameters", "overlaps gradient"});
    expect([&](Parts& p) { sgd_step(ctx, {.learning_rate = -1.0}, 1, p.narrow.in(), p.y.view(), {}); }, {"learning_rate"});
}

}  // namespace
}  // namespace ca3::autoencoder
