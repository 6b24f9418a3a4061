// Layers whose products are cuBLAS's, on the host executor, where a stand-in of its interface multiplies in plain loops.
#include "autoencoder/cuda_library.hpp"
#include "autoencoder/cuda_models.hpp"
#include "support/simt/executor.hpp"
#include "support/simt/include/cublas_v2.h"

#include <ca3/autoencoder.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace ca3::autoencoder {
namespace {

using cuda::library_rule;
using cuda::LibraryRule;

/// The rule of a scope.
class Rule {
public:
    explicit Rule(LibraryRule rule) : former_(library_rule) { library_rule = rule; }
    ~Rule() { library_rule = former_; }
    Rule(Rule const&) = delete;
    Rule& operator=(Rule const&) = delete;

private:
    LibraryRule former_;
};
constexpr LibraryRule all_layers{.flops = 0.0, .least = 1};

std::vector<float> samples(std::int64_t rows, std::int64_t width, std::uint64_t seed = 1) {
    std::vector<float> x(static_cast<std::size_t>(rows * width));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random::uniform(seed, random::Purpose::user, 0, 0, i));
    return x;
}
Samples view(std::vector<float> const& x, std::int64_t width) {
    return MatrixView<float const>(x.data(), static_cast<std::int64_t>(x.size()) / width, width);
}

double distance(auto const& a, auto const& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0.0, size = 1e-30;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
        size = std::max(size, std::abs(static_cast<double>(a[i])));
    }
    return most / size;
}

// ---- networks ----------------------------------------------------------------------------------------------------------------------

constexpr std::int64_t rows = 35;  // batches of 16, 16 and 3

struct Case {
    std::string name;
    Architecture architecture;
    FitOptions options{};
    Precision precision = Precision::f32;
    LibraryRule rule = all_layers;
};

struct Trained {
    std::vector<float> outputs, parameters;
    std::vector<double> gradients, losses;
    std::int64_t products = 0;
    bool operator==(Trained const&) const = default;
};

Trained trained(Context const& context, Case const& c, std::int64_t count = rows) {
    auto const inputs = samples(count, c.architecture.inputs);
    Samples const x = view(inputs, c.architecture.inputs);
    Trained out;
    out.products = simt::library_products();
    Model model(context, c.architecture, {.seed = 3, .precision = context.backend() == Backend::cuda ? c.precision : Precision::f32});
    Objective const objective{.loss = c.options.loss, .penalties = c.options.penalties, .kl_scale = c.options.kl_scale};
    auto const reconstructed = model.reconstruct(x);
    out.outputs = reconstructed;
    for (bool const training : {false, true}) {
        auto const g = model.gradients(x, objective, {}, training, 5);
        for (auto const& list : g.parameters) out.gradients.insert(out.gradients.end(), list.begin(), list.end());
        out.gradients.insert(out.gradients.end(), g.inputs.begin(), g.inputs.end());
        out.losses.push_back(g.loss);
    }
    FitOptions options = c.options;
    options.test = x;
    auto const history = model.fit(x, options);
    for (auto const& epoch : history.epochs) out.losses.insert(out.losses.end(), {epoch.train_loss, epoch.test_loss});
    out.losses.push_back(model.evaluate(x, objective, {}, 7));
    auto const tensors = model.parameters();
    for (auto const& tensor : autoencoder::tensors(c.architecture)) {
        if (tensor.role == Tensor::Role::batches) continue;
        std::int64_t size = 1;
        for (auto const n : tensor.shape) size *= n;
        float const* const values = tensors.tensors.at(tensor.name).as<float>();
        out.parameters.insert(out.parameters.end(), values, values + size);
    }
    out.products = simt::library_products() - out.products;
    return out;
}

struct Bounds {
    double outputs, gradients, parameters, losses;
};
/// As in autoencoder_test.cpp: sums of fewer than 70 terms in f32, up to four layers.
constexpr Bounds f32{2e-5, 2e-5, 1e-4, 2e-5};

void compare(Case const& c, Bounds const& bounds = f32) {
    SCOPED_TRACE(c.name);
    Rule const rule(c.rule);
    Trained const expected = trained(Context::reference(), c), actual = trained(Context::cuda(), c);
    EXPECT_LT(distance(expected.outputs, actual.outputs), bounds.outputs);
    EXPECT_LT(distance(expected.gradients, actual.gradients), bounds.gradients);
    EXPECT_LT(distance(expected.parameters, actual.parameters), bounds.parameters);
    EXPECT_LT(distance(expected.losses, actual.losses), bounds.losses);
    EXPECT_GT(actual.products, 0);
}

std::vector<Case> cases() {
    FitOptions const adam{.epochs = 2, .batch = 16, .optimizer = Adam{3e-3}};
    FitOptions const descent{.epochs = 2, .batch = 16, .optimizer = Sgd{.learning_rate = 0.1, .momentum = 0.9}};
    std::vector<Case> all{
        {"one layer", {19, {19, sigmoid}}, adam},
        {"usual", {49, {40, relu}, {13, hyperbolic_tangent}, {40, sigmoid}, {49, sigmoid}}, adam},
        {"slopes", {19, {9, arctan}, {11, leaky_relu}, {7, prelu}, {19, {Activation::Kind::prelu, 0.25, true}}}, adam},
        {"rows", {19, {9, softmax}, {11, unit_sphere}, {19, sigmoid}}, adam},
        {"gaussian", {19, {9, relu}, {5, gaussian}, {19, sigmoid}}, adam},
        {"without bias", {19, {9, relu, {.bias = false}}, {19, {}, {.bias = false}}}, descent},
        {"batch norm and dropout", {19, {9, hyperbolic_tangent, {.bias = false, .batch_norm = true, .dropout = 0.3}}, {19, sigmoid}}, adam},
        {"tied", {19, {9, sigmoid}, {5, arctan}, {9, relu, {.tied_to = 1}}, {19, sigmoid, {.tied_to = 0}}}, adam},
        {"decay", {33, {65, relu}, {33}}, {.epochs = 2, .batch = 16, .optimizer = AdamW{.learning_rate = 3e-3, .l1 = 1e-4}}},
        {"clipped", {33, {65, relu}, {33}}, {.epochs = 2, .batch = 16, .optimizer = Sgd{.learning_rate = 0.5}, .clip_norm = 1e-2}},
    };
    Case penalised{"penalties", {19, {9, hyperbolic_tangent}, {19, sigmoid}}, descent};
    penalised.options.loss = Loss::bce;
    penalised.options.penalties = {{0, 1e-3, Reduction::sum}, {1, -1e-2, Reduction::mean}};
    all.push_back(penalised);
    return all;
}

TEST(AutoencoderLibrary, NetworksAreThoseOfTheReference) {
    for (auto const& c : cases()) compare(c);
}

/// Where the library has some layers, our kernels have the others.
TEST(AutoencoderLibrary, LayersOfBothKindsGoTogether) {
    std::vector<std::pair<std::string, Architecture>> const nets{
        {"outer", {49, {40, relu}, {13, leaky_relu}, {40, sigmoid}, {49, sigmoid}}},
        {"inner", {13, {40, relu}, {49, arctan}, {40, prelu}, {13, sigmoid}}},
        {"first", {49, {40, leaky_relu}, {13, relu}, {49, sigmoid}}},
        {"last", {49, {13, arctan}, {40, relu}, {49, sigmoid}}},
        {"every other", {49, {40, relu}, {13, leaky_relu}, {13, relu}, {40, sigmoid}, {49}}}};
    for (auto const& [name, net] : nets) {
        Case c{name, net, {.epochs = 2, .batch = 16, .optimizer = Adam{3e-3}}};
        c.rule = {.flops = 0.0, .least = 16};
        compare(c);
    }
}

TEST(AutoencoderLibrary, EachProductOfATrainingStepIsOne) {
    Rule const rule(all_layers);
    auto const inputs = samples(rows, 19);
    Model model(Context::cuda(), {19, {9, relu}, {5, relu}, {19}}, {.seed = 3});
    std::int64_t const before = simt::library_products();
    model.fit(view(inputs, 19), {.epochs = 2, .batch = 16});
    EXPECT_EQ(simt::library_products() - before, 2 * 3 * (3 + 2 + 3));  // epochs, steps; forward, input and weight gradients
}

TEST(AutoencoderLibrary, WhatTheRuleDoesNotTakeStaysWithOurKernels) {
    Case c{"small", {49, {40, relu}, {49, sigmoid}}, {.epochs = 1, .batch = 16}};
    EXPECT_EQ(trained(Context::cuda(), c).products, 0);
    Rule const rule(all_layers);
    c.precision = Precision::tf32x3;
    EXPECT_EQ(trained(Context::cuda(), c).products, 0);
}

/// tf32 keeps 11 bits: 2^-12 of each operand, 5e-4 of a product; three layers forwards and three backwards. bf16 keeps 8.
TEST(AutoencoderLibrary, PrecisionsKeepTheirBits) {
    for (auto const& [precision, share] : {std::pair{Precision::tf32, 3e-3}, std::pair{Precision::bf16, 2.4e-2}}) {
        Case c{std::string(to_string(precision)),
               {65, {33, hyperbolic_tangent}, {17, arctan}, {65, sigmoid}},
               {.epochs = 2, .batch = 16, .optimizer = Sgd{.learning_rate = 1.0}}};
        c.precision = precision;
        compare(c, {share, share, share, share});
        Rule const rule(all_layers);
        Trained const rounded = trained(Context::cuda(), c);
        c.precision = Precision::f32;
        EXPECT_GT(distance(trained(Context::cuda(), c).outputs, rounded.outputs), share / 300.0);
    }
}

/// A batch of 3 rows is trained in memory that one of 16 has left full of numbers that are not finite: none of them may come back.
TEST(AutoencoderLibrary, AShortBatchForgetsTheOneBefore) {
    Rule const rule(all_layers);
    Plan const plan = make_plan({19, {9, sigmoid}, {19}});
    for (Precision const precision : {Precision::f32, Precision::tf32, Precision::bf16}) {
        cuda::DeviceModels models(Context::cuda(), plan, precision, 1);
        auto const state_after = [&](std::vector<float> const& inputs) {
            Data const data{.inputs = view(inputs, 19)};
            double loss = 0.0;
            Member const member{.learning_rate = 0.1, .losses = &loss};
            Batches const batches{16, static_cast<std::int64_t>(inputs.size()) / 19};
            UpdateRule const update{.kind = UpdateRule::Kind::sgd};
            models.put(0, initial_state(plan, 1));
            auto const done =
                models.train({.data = data, .members = {&member, 1}, .objective = {}, .rule = update, .batches = batches, .last = 1});
            EXPECT_EQ(done.front(), std::isfinite(loss) ? 1 : 0);
            State state;
            models.get(0, state);
            return state.parameters;
        };
        auto const clean = state_after(samples(3, 19));
        auto const spoilt = state_after(std::vector<float>(16 * 19, std::numeric_limits<float>::quiet_NaN()));
        EXPECT_TRUE(std::isnan(spoilt.front()));
        EXPECT_EQ(state_after(samples(3, 19)), clean) << to_string(precision);
    }
}

TEST(AutoencoderLibrary, NoOrderOfWarpsOrBlocksChangesABit) {
    Rule const rule(all_layers);
    for (auto c : cases()) {
        if (c.name != "usual" && c.name != "tied" && c.name != "batch norm and dropout") continue;
        for (Precision const precision : {Precision::f32, Precision::bf16}) {
            c.precision = precision;
            Trained const once = trained(Context::cuda(), c);
            simt::Scope const scope({.order = simt::Order::random, .blocks = simt::Order::random, .seed = 5});
            EXPECT_TRUE(once == trained(Context::cuda(), c)) << c.name << ", " << to_string(precision);
        }
    }
}

TEST(AutoencoderLibrary, AnInterruptionChangesNothing) {
    Rule const rule(all_layers);
    Architecture const net{49, {40, relu, {.dropout = 0.1}}, {13, hyperbolic_tangent}, {49, sigmoid}};
    auto const inputs = samples(rows, 49);
    Samples const x = view(inputs, 49);
    FitOptions options{.epochs = 3, .batch = 16, .corrupt = {GaussianNoise{0.1}}};
    Model whole(Context::cuda(), net, {.seed = 3}), parts(Context::cuda(), net, {.seed = 3});
    whole.fit(x, options);
    options.epochs = 1;
    parts.fit(x, options);
    static_cast<void>(parts.evaluate(x));
    options.epochs = 3;
    options.resume = true;
    parts.fit(x, options);
    EXPECT_EQ(whole.reconstruct(x), parts.reconstruct(x));
}

TEST(AutoencoderLibrary, ModelsSideBySideAreAsAlone) {
    Rule const rule(all_layers);
    Architecture const net{33, {5, sigmoid, {.dropout = 0.1}}, {33, sigmoid}};
    auto const inputs = samples(rows, 33);
    Samples const x = view(inputs, 33);
    FitOptions const options{.epochs = 2, .batch = 16, .corrupt = {GaussianNoise{0.1}}};
    std::vector<Variant> const variants{{1, 0.0}, {2, 0.02}, {3, 0.05}};
    for (Precision const precision : {Precision::f32, Precision::bf16}) {
        Ensemble const together = fit_many(Context::cuda(), net, variants, x, options, {.precision = precision});
        for (std::size_t m = 0; m < variants.size(); ++m) {
            Model one(Context::cuda(), net, {.seed = variants[m].seed, .precision = precision});
            FitOptions own = options;
            if (variants[m].learning_rate > 0.0) own.optimizer = Adam{variants[m].learning_rate};
            one.fit(x, own);
            EXPECT_EQ(one.reconstruct(x), together.models[m].reconstruct(x)) << m << ", " << to_string(precision);
        }
    }
}

TEST(AutoencoderLibrary, ANumberThatIsNotFiniteStopsTheTraining) {
    Rule const rule(all_layers);
    auto const inputs = samples(rows, 19);
    Model model(Context::cuda(), {19, {9, relu}, {19}}, {.seed = 3});
    EXPECT_THROW(model.fit(view(inputs, 19), {.epochs = 40, .batch = 5, .optimizer = Sgd{.learning_rate = 1e30}}), NonFinite);
}

}  // namespace
}  // namespace ca3::autoencoder
