#include "io/files.hpp"
#include "support/backends.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

/// LayerOptions::unit_sphere: what an activation gives, projected. Its gradients are in gradient_test.cpp.
namespace ca3::autoencoder {
namespace {

constexpr LayerOptions projected{.bias = false, .unit_sphere = true};

std::vector<float> samples(std::int64_t count, std::int64_t width) {
    std::vector<float> x(static_cast<std::size_t>(count * width));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random::uniform(1, random::Purpose::user, 0, 0, i));
    return x;
}
Samples view(std::vector<float> const& x, std::int64_t width) {
    return MatrixView<float const>(x.data(), static_cast<std::int64_t>(x.size()) / width, width);
}

/// Its first layer's weight is the identity.
Model passing(Context const& context, Architecture const& net) {
    Model model(context, net, {.seed = 3});
    auto tensors = model.parameters();
    auto& weight = tensors.tensors.at("encoder.0.weight");
    for (std::int64_t i = 0; i < weight.size(); ++i) weight.as<float>()[i] = i % (net.inputs + 1) == 0 ? 1.0f : 0.0f;
    model.set_parameters(tensors);
    return model;
}

class OnUnitSphere : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(OnUnitSphere);

/// PReLU with slope 1/4 makes (-16, 3) of it (-4, 3), ReLU (0, 3): the projection is that of the activation's result. A quotient of two
/// floats is rounded once, and the norms 5, 10 and 0.5 are exact.
TEST_P(OnUnitSphere, WhatTheActivationGivesIsProjected) {
    std::vector<float> const x{-16.0f, 3.0f, 6.0f, 8.0f, 0.0f, 0.0f, 0.0f, -2.0f};
    auto const outputs = [&](Activation const& activation, LayerOptions const& options = projected) {
        return passing(context(), {2, {2, activation, options}}).activations(view(x, 2), 0);
    };
    EXPECT_EQ(outputs(prelu), (std::vector<float>{-4.0f / 5.0f, 3.0f / 5.0f, 0.6f, 0.8f, 0.0f, 0.0f, 0.0f, -1.0f}));
    EXPECT_EQ(outputs(relu), (std::vector<float>{0.0f, 1.0f, 0.6f, 0.8f, 0.0f, 0.0f, 0.0f, 0.0f}));
    auto const of_identity = outputs(identity);
    EXPECT_EQ(of_identity, outputs(unit_sphere, {.bias = false}));
    EXPECT_FLOAT_EQ(of_identity[0], -16.0f / std::sqrt(265.0f));
}

/// For a layer of two units with inputs x = a = (3, 4) and outputs y = (0.6, 0.8), targets 0 and the mean of squares: g = y, which points
/// along y, so that nothing is left of the gradient. With target (1, 0), g = (-0.4, 0.8), g . y = 0.4, and dL/da = (g - 0.4 y) / 5 =
/// (-0.128, 0.096). Values of size 1 in f32 are off by some 2^-24.
TEST_P(OnUnitSphere, TheGradientIsThatOfTheDirection) {
    std::vector<float> const x{3.0f, 4.0f}, none{0.0f, 0.0f}, first{1.0f, 0.0f};
    Model const model = passing(context(), {2, {2, prelu, projected}});
    auto const inputs = [&](std::vector<float> const& targets) {
        return model.gradients(view(x, 2), {}, Targets(view(targets, 2))).inputs;
    };
    for (double const g : inputs(none)) EXPECT_NEAR(g, 0.0, 1e-7);
    EXPECT_NEAR(inputs(first)[0], -0.128, 1e-7);
    EXPECT_NEAR(inputs(first)[1], 0.096, 1e-7);
}

/// As torch.nn.functional.normalize: below 1e-12 the divisor is that constant. Here |a| = 5e-13 and y = (0.3, 0.4), g = y for targets 0.
TEST_P(OnUnitSphere, BelowTheLeastNormItIsAConstantFactor) {
    std::vector<float> const x{3e-13f, 4e-13f}, none{0.0f, 0.0f};
    Model const model = passing(context(), {2, {2, prelu, projected}});
    auto const y = model.reconstruct(view(x, 2));
    EXPECT_FLOAT_EQ(y[0], 0.3f);
    EXPECT_FLOAT_EQ(y[1], 0.4f);
    auto const g = model.gradients(view(x, 2), {}, Targets(view(none, 2))).inputs;
    EXPECT_NEAR(g[0], 0.3e12, 1e6);
    EXPECT_NEAR(g[1], 0.4e12, 1e6);
}

TEST_P(OnUnitSphere, CodesAndActivationsAreOfLengthOne) {
    auto const x = samples(37, 19);
    Model const model(context(),
                      {19,
                       {9, prelu, {.batch_norm = true, .unit_sphere = true, .dropout = 0.5}},
                       {3, prelu, {.unit_sphere = true}},
                       {9, hyperbolic_tangent},
                       {19, sigmoid}},
                      {.seed = 5});
    for (int const layer : {0, 1}) {
        auto const y = model.activations(view(x, 19), layer);
        auto const n = static_cast<std::size_t>(layer == 0 ? 9 : 3);
        for (std::size_t r = 0; r < 37; ++r) {
            double square = 0.0;
            for (std::size_t u = 0; u < n; ++u) square += std::pow(static_cast<double>(y[r * n + u]), 2);
            // A sum of nine squares in f32 is off by 9 2^-24 at most, twice its root and twice a quotient by 2 2^-24 each.
            EXPECT_NEAR(square, 1.0, 16.0 * 0x1p-24) << "layer " << layer << " row " << r;
        }
    }
    auto const code = model.encode(view(x, 19));
    EXPECT_EQ(code, model.activations(view(x, 19), 1));
    auto const decoded = model.decode(view(code, 3)), whole = model.reconstruct(view(x, 19));
    for (std::size_t i = 0; i < whole.size(); ++i) ASSERT_NEAR(decoded[i], whole[i], 2e-6) << i;
}

/// Of an identity it is the activation unit_sphere, in training too.
TEST_P(OnUnitSphere, AfterNoActivationItIsTheActivationOfThatName) {
    auto const x = samples(35, 19);
    auto const trained = [&](Layer const& code) {
        Model model(context(), {19, {9, relu}, code, {9, relu}, {19, sigmoid}}, {.seed = 5});
        auto const history = model.fit(view(x, 19), {.epochs = 3, .batch = 8, .penalties = {{1, 1e-3, Reduction::sum}}});
        return std::pair(history.epochs.back().train_loss, model.reconstruct(view(x, 19)));
    };
    EXPECT_EQ(trained({3, unit_sphere}), trained({3, identity, {.unit_sphere = true}}));
    EXPECT_EQ(trained({3, unit_sphere, {.dropout = 0.2}}), trained({3, identity, {.unit_sphere = true, .dropout = 0.2}}));
}

/// sum |y| of y = (-0.8, 0.6).
TEST_P(OnUnitSphere, PenaltiesSeeWhatIsProjected) {
    std::vector<float> const x{-16.0f, 3.0f};
    Model const model = passing(context(), {2, {2, prelu, projected}});
    Targets const itself(view(x, 2));
    double const plain = model.evaluate(view(x, 2), {}, itself);
    EXPECT_NEAR(model.evaluate(view(x, 2), {.penalties = {{0, 10.0, Reduction::sum}}}, itself) - plain, 14.0, 1e-5 * plain);
}

/// mu = (3, 4), ln sigma^2 = (0, 0): y = (0.6, 0.8), but the divergence is (9 + 16) / 2.
TEST_P(OnUnitSphere, TheDivergenceIsThatOfTheCodeBeforeIt) {
    Model model(context(), {2, {2, gaussian, {.unit_sphere = true}}}, {.seed = 3});
    auto tensors = model.parameters();
    auto& weight = tensors.tensors.at("encoder.0.weight");
    std::fill_n(weight.as<float>(), weight.size(), 0.0f);
    float* const bias = tensors.tensors.at("encoder.0.bias").as<float>();
    for (int i = 0; i < 4; ++i) bias[i] = i < 2 ? 3.0f + static_cast<float>(i) : 0.0f;
    model.set_parameters(tensors);
    std::vector<float> const x{0.6f, 0.8f};
    EXPECT_EQ(model.encode(view(x, 2)), x);
    EXPECT_NEAR(model.evaluate(view(x, 2), {.kl_scale = 1.0}), 12.5, 1e-5);
}

// encoder: Linear, PReLU, the projection, Dropout, Linear, the projection; decoder: Linear.
TEST(UnitSphere, IsAModuleAfterTheActivation) {
    std::vector<std::string> names;
    for (auto const& tensor : tensors({6, {5, prelu, {.unit_sphere = true, .dropout = 0.5}}, {2, {}, {.unit_sphere = true}}, {6}}))
        names.push_back(tensor.name);
    EXPECT_EQ(names, (std::vector<std::string>{"encoder.0.weight", "encoder.0.bias", "encoder.1.weight", "encoder.4.weight",
                                               "encoder.4.bias", "decoder.0.weight", "decoder.0.bias"}));
    // Without an activation it stands where the activation of that name stands.
    EXPECT_EQ(tensors({6, {3, {}, {.unit_sphere = true}}, {6, relu}, {6}}), tensors({6, {3, unit_sphere}, {6, relu}, {6}}));
}

TEST(UnitSphere, ComesBackFromAFile) {
    io::test::Folder const folder;
    std::string const file = folder / "file";
    auto const x = samples(7, 6);
    Model const model(Context::reference(), {6, {3, prelu, {.unit_sphere = true}}, {6}}, {.seed = 3});
    model.save(file);
    Model const loaded = Model::load(Context::reference(), file);
    EXPECT_EQ(loaded.architecture(), model.architecture());
    EXPECT_EQ(loaded.reconstruct(view(x, 6)), model.reconstruct(view(x, 6)));
}

}  // namespace
}  // namespace ca3::autoencoder
