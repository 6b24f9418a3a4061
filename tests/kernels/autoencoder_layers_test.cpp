// Layers, losses and optimizers of the CUDA engine on the host executor, one by one, against the reference.
#include "kernels/autoencoder_cases.hpp"
#include "support/simt/executor.hpp"

#include <gtest/gtest.h>

namespace ca3::autoencoder::test {
namespace {

std::vector<Case> layer_cases() {
    FitOptions const usual{.epochs = 2, .batch = 16, .optimizer = Adam{3e-3}};
    FitOptions const descent{.epochs = 2, .batch = 16, .optimizer = Sgd{.learning_rate = 0.1}};
    std::vector<Case> cases;
    auto const add = [&](std::string name, Layer layer) {
        cases.push_back({std::move(name), {19, {9, arctan}, std::move(layer), {19}}, usual});
    };
    add("identity", {11});
    add("sigmoid", {11, sigmoid});
    add("tanh", {11, hyperbolic_tangent});
    add("arctan", {11, arctan});
    add("relu", {11, relu});
    add("leaky_relu", {11, leaky_relu});
    add("prelu", {11, prelu});
    add("prelu_per_unit", {11, {Activation::Kind::prelu, 0.25, true}});
    add("softmax", {11, softmax});
    add("log_softmax", {11, log_softmax});
    add("unit_sphere", {11, unit_sphere});
    add("gaussian", {11, gaussian});
    add("without_bias", {11, relu, {.bias = false}});
    add("batch_norm", {11, hyperbolic_tangent, {.bias = false, .batch_norm = true}});
    add("batch_norm_before_softmax", {11, softmax, {.bias = false, .batch_norm = true}});
    // What batch normalisation takes away again, like a bias before it, has no gradient but rounding errors, of which Adam would make
    // steps.
    cases.push_back({"batch_norm_with_bias", {19, {9, arctan}, {11, relu, {.batch_norm = true}}, {19}}, descent});
    add("dropout", {11, relu, {.dropout = 0.3}});
    add("dropout_after_gaussian", {11, gaussian, {.dropout = 0.3}});
    auto const add_projected = [&](std::string name, Activation activation, LayerOptions options = {}) {
        options.unit_sphere = true;
        add(std::move(name) + "_on_sphere", {11, activation, options});
    };
    add_projected("identity", identity);
    add_projected("sigmoid", sigmoid);
    add_projected("tanh", hyperbolic_tangent);
    add_projected("arctan", arctan);
    add_projected("relu", relu);
    add_projected("leaky_relu", leaky_relu);
    add_projected("prelu", prelu);
    add_projected("prelu_per_unit", {Activation::Kind::prelu, 0.25, true});
    add_projected("softmax", softmax);
    add_projected("log_softmax", log_softmax);
    add_projected("unit_sphere", unit_sphere);
    add_projected("gaussian", gaussian);
    add_projected("prelu_with_dropout", prelu, {.dropout = 0.3});
    add_projected("batch_norm", prelu, {.bias = false, .batch_norm = true});
    cases.push_back({"one_layer_on_sphere", {19, {19, prelu, {.unit_sphere = true}}}, usual});
    for (std::int64_t const units : {1, 3, 31, 33})
        cases.push_back({"sphere_of_" + std::to_string(units), {19, {9, arctan}, {units, prelu, {.unit_sphere = true}}, {19}}, usual});
    cases.push_back({"tied", {19, {9, sigmoid}, {5, arctan}, {9, relu, {.tied_to = 1}}, {19, sigmoid, {.tied_to = 0}}}, usual});
    cases.push_back({"one_layer", {19, {19, sigmoid}}, usual});
    cases.push_back({"last_with_dropout", {19, {9, relu}, {19, sigmoid, {.dropout = 0.2}}}, usual});
    cases.push_back({"last_with_batch_norm", {19, {9, relu}, {19, sigmoid, {.batch_norm = true}}}, descent});
    cases.push_back({"last_with_slope", {19, {9, relu}, {19, prelu}}, usual});
    return cases;
}

std::vector<Case> loss_cases() {
    FitOptions const usual{.epochs = 2, .batch = 16, .optimizer = Sgd{.learning_rate = 0.05, .momentum = 0.9}};
    std::vector<Case> cases;
    auto const add = [&](std::string name, Layer last, Loss loss, bool by_class, bool by_targets, auto&& change) {
        Case c{std::move(name), {19, {9, hyperbolic_tangent}, std::move(last)}, usual, by_class, by_targets};
        c.options.loss = loss;
        change(c.options);
        cases.push_back(std::move(c));
    };
    auto const nothing = [](FitOptions&) {};
    add("mse", {19, sigmoid}, Loss::mse, false, false, nothing);
    add("mse_to_targets", {7, sigmoid}, Loss::mse, false, true, nothing);
    add("l1", {19}, Loss::l1, false, false, nothing);
    add("bce", {19, sigmoid}, Loss::bce, false, false, nothing);
    add("bce_with_logits", {19}, Loss::bce_with_logits, false, true, nothing);
    add("cross_entropy_of_classes", {7}, Loss::cross_entropy, true, false, nothing);
    add("cross_entropy_of_values", {19}, Loss::cross_entropy, false, false, nothing);
    add("nll", {7, log_softmax}, Loss::nll, true, false, nothing);
    add("penalties", {19, sigmoid}, Loss::mse, false, false, [](FitOptions& o) {
        o.penalties = {{0, 1e-3, Reduction::sum}, {0, 1e-2, Reduction::mean}, {1, -1e-2, Reduction::mean}};
    });
    add("penalties_on_sphere", {19, prelu, {.unit_sphere = true, .dropout = 0.2}}, Loss::mse, false, false, [](FitOptions& o) {
        o.penalties = {{1, 1e-3, Reduction::sum}, {1, -1e-2, Reduction::mean}};
    });
    add("classes_on_sphere", {7, hyperbolic_tangent, {.unit_sphere = true}}, Loss::cross_entropy, true, false, nothing);
    add("kl_on_sphere", {19, gaussian, {.unit_sphere = true}}, Loss::mse, false, false, [](FitOptions& o) { o.kl_scale = 1e-2; });
    add("kl_summed", {19, gaussian}, Loss::mse, false, false, [](FitOptions& o) {
        o.kl_scale = 1e-2;
        o.kl_reduction = Reduction::sum;
    });
    return cases;
}

std::vector<Case> optimizer_cases() {
    std::vector<Case> cases;
    auto const add = [&](std::string name, Optimizer optimizer, double clip = 0.0) {
        Case c{std::move(name), {19, {9, prelu}, {19, sigmoid}}, {.epochs = 2, .batch = 16, .optimizer = optimizer}};
        c.options.clip_norm = clip;
        cases.push_back(std::move(c));
    };
    add("sgd", Sgd{.learning_rate = 0.1});
    add("momentum", Sgd{.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 1e-3, .l1 = 1e-4});
    add("nesterov", Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true});
    add("adam", Adam{3e-3});
    add("adam_with_decay", Adam{.learning_rate = 3e-3, .weight_decay = 1e-2, .l1 = 1e-3});
    add("adamw", AdamW{.learning_rate = 3e-3, .l1 = 1e-4});
    add("clipped", Adam{3e-3}, 1e-3);
    add("clipped_sgd", Sgd{.learning_rate = 0.5}, 1e-2);
    return cases;
}

TEST(AutoencoderKernels, LayersAreThoseOfTheReference) {
    for (auto const& c : layer_cases()) compare(c);
}
TEST(AutoencoderKernels, LossesAreThoseOfTheReference) {
    for (auto const& c : loss_cases()) compare(c);
}
TEST(AutoencoderKernels, OptimizersAreThoseOfTheReference) {
    for (auto const& c : optimizer_cases()) compare(c);
}

TEST(AutoencoderKernels, SizesThatAreNoMultiplesOfATile) {
    for (std::int64_t const batch : {1, 2, 31, 33})
        for (std::int64_t const hidden : {1, 5, 33, 65}) {
            simt::Scope const scope({.multiprocessors = batch % 31 == 2 ? 1 : 1000});  // large tiles, small tiles
            std::int64_t const width = hidden == 5 ? 65 : 33;
            compare({"batch " + std::to_string(batch) + ", hidden " + std::to_string(hidden),
                     {width, {hidden, leaky_relu}, {width, sigmoid}},
                     {.epochs = batch < 3 ? 1 : 2, .batch = batch, .optimizer = Sgd{.learning_rate = 1.0}}});
        }
}

}  // namespace
}  // namespace ca3::autoencoder::test
