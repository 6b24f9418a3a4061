#include <ca3/autoencoder.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

/// The gradients of the reference in f64 against central differences (f(p + h) - f(p - h)) / 2h with h = 1e-5. Their error is at most
/// h^2 |f'''| / 6 + eps |f| / h: with |f| < 10 and |f'''| < 100, which these small networks keep, below 2e-9 + 3e-10. Where a kink (ReLU,
/// L1) lay between p - h and p + h the difference would be off by about 1e-1, so that a wrong gradient and a kink would both be seen.
namespace ca3::autoencoder {
namespace {

constexpr double h = 1e-5;
constexpr double bound = 1e-8;

struct Case {
    std::string name;
    Architecture architecture;
    Objective objective{};
    bool by_class = false;
    bool logits = false;  ///< targets are class probabilities
};

std::vector<float> samples(std::int64_t count, std::uint64_t seed) {
    std::vector<float> x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(std::round(random::uniform(seed, random::Purpose::user, 0, 0, i) * 512.0) / 512.0);
    return x;
}

class Gradient : public testing::TestWithParam<Case> {
protected:
    static constexpr std::int64_t rows = 5;

    Gradient() : model_(Context::reference(), GetParam().architecture, {.seed = 11, .precision = Precision::f64}) {
        inputs_ = samples(rows * model_.inputs(), 1);
        values_ = samples(rows * model_.outputs(), 2);
        for (std::int64_t r = 0; r < rows; ++r) classes_.push_back(r == 3 ? -100 : r % model_.outputs());
        if (GetParam().by_class)
            targets_ = Targets(std::span<std::int64_t const>(classes_));
        else
            targets_ = Targets(Samples(MatrixView<float const>(values_.data(), rows, model_.outputs())));
    }

    [[nodiscard]] Gradients at(Model const& model, bool training) const {
        return model.gradients(MatrixView<float const>(inputs_.data(), rows, model.inputs()), GetParam().objective, targets_, training, 3);
    }

    /// Every parameter of `model_` moved up and down.
    void compare_parameters(bool training) {
        Gradients const analytic = at(model_, training);
        io::Tensors const centre = model_.parameters();
        std::size_t number = 0;
        for (auto const& tensor : tensors(GetParam().architecture)) {
            if (tensor.role >= Tensor::Role::running_mean) continue;
            auto const& expected = analytic.parameters[number++];
            for (std::size_t i = 0; i < expected.size(); ++i) {
                auto const moved = [&](double by) {
                    io::Tensors copy = centre;
                    copy.tensors.at(tensor.name).as<double>()[i] += by;
                    model_.set_parameters(copy);
                    return at(model_, training).loss;
                };
                double const difference = (moved(h) - moved(-h)) / (2.0 * h);
                ASSERT_NEAR(expected[i], difference, bound) << tensor.name << " element " << i;
            }
        }
        model_.set_parameters(centre);
    }

    Model model_;
    std::vector<float> inputs_;
    std::vector<float> values_;
    std::vector<std::int64_t> classes_;
    Targets targets_;
};

TEST_P(Gradient, OfEveryParameterAgreesWithCentralDifferences) {
    compare_parameters(false);
}

TEST_P(Gradient, OfEveryParameterAgreesWithCentralDifferencesInTraining) {
    compare_parameters(true);
}

/// Inputs are floats: moved by 2^-9, which leaves them exact. The error of the difference is then at most (2^-9)^2 |f'''| / 6 < 7e-5 for
/// |f'''| < 100; the networks here stay below 5e-6.
TEST_P(Gradient, OfEveryInputAgreesWithCentralDifferences) {
    Gradients const analytic = at(model_, true);
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        constexpr float step = 0x1p-9f;
        auto const moved = [&](float by) {
            float const kept = inputs_[i];
            inputs_[i] += by;
            double const loss = at(model_, true).loss;
            inputs_[i] = kept;
            return loss;
        };
        double const difference = (moved(step) - moved(-step)) / (2.0 * static_cast<double>(step));
        ASSERT_NEAR(analytic.inputs[i], difference, 7e-5) << "input " << i;
    }
}

std::vector<Case> cases() {
    std::vector<Case> list;
    auto const with = [&](std::string name, Activation activation, LayerOptions options = {}) {
        list.push_back({std::move(name), {4, {3, activation, options}, {4, sigmoid}}});
    };
    with("identity", identity);
    with("sigmoid", sigmoid);
    with("tanh", hyperbolic_tangent);
    with("arctan", arctan);
    with("relu", relu);
    with("leaky_relu", leaky_relu);
    with("prelu", prelu);
    with("prelu_per_unit", {Activation::Kind::prelu, 0.25, true});
    with("softmax", softmax);
    with("log_softmax", log_softmax);
    with("unit_sphere", unit_sphere);
    with("gaussian", gaussian);
    with("dropout", hyperbolic_tangent, {.dropout = 0.4});
    with("batch_norm", hyperbolic_tangent, {.batch_norm = true});
    with("no_bias", sigmoid, {.bias = false});
    // Weights of size 1 keep what is projected away from 0, where derivatives grow without bound.
    auto const on_sphere = [&](std::string name, Activation activation, LayerOptions options = {}) {
        options.unit_sphere = true;
        options.initialiser = {.kind = Initialiser::Kind::normal, .scale = 1.0};
        with("sphere_after_" + name, activation, options);
    };
    on_sphere("identity", identity);
    on_sphere("sigmoid", sigmoid);
    on_sphere("tanh", hyperbolic_tangent);
    on_sphere("arctan", arctan);
    on_sphere("relu", relu);
    on_sphere("leaky_relu", leaky_relu);
    on_sphere("prelu", prelu);
    on_sphere("prelu_per_unit", {Activation::Kind::prelu, 0.25, true});
    on_sphere("softmax", softmax);
    on_sphere("log_softmax", log_softmax);
    on_sphere("unit_sphere", unit_sphere);
    on_sphere("gaussian", gaussian);
    on_sphere("prelu_before_dropout", prelu, {.dropout = 0.4});
    on_sphere("sigmoid_of_batch_norm", sigmoid, {.batch_norm = true});
    list.push_back({"sphere_last", {4, {5, hyperbolic_tangent}, {3, prelu, {.unit_sphere = true}}}});
    list.push_back({"tied", {4, {3, sigmoid}, {4, sigmoid, {.tied_to = 0}}}});
    list.push_back({"tied_twice", {4, {3, sigmoid}, {4, hyperbolic_tangent, {.tied_to = 0}}, {3, sigmoid}, {4, sigmoid, {.tied_to = 0}}}});
    list.push_back({"one_unit", {1, {1, sigmoid}, {1, sigmoid}}});

    auto const loss = [&](std::string name, Loss kind, Activation last, bool by_class = false) {
        list.push_back({std::move(name), {4, {5, hyperbolic_tangent}, {3, last}}, {.loss = kind}, by_class});
    };
    loss("mse", Loss::mse, identity);
    loss("l1", Loss::l1, identity);
    loss("bce", Loss::bce, sigmoid);
    loss("bce_with_logits", Loss::bce_with_logits, identity);
    loss("cross_entropy_class", Loss::cross_entropy, identity, true);
    loss("cross_entropy_probabilities", Loss::cross_entropy, identity);
    loss("nll", Loss::nll, log_softmax, true);

    Architecture const two{4, {5, hyperbolic_tangent, {.dropout = 0.3}}, {4, sigmoid}};
    list.push_back({"penalty_sum", two, {.penalties = {{0, 0.05, Reduction::sum}}}});
    list.push_back({"penalty_mean", two, {.penalties = {{0, 0.5, Reduction::mean}, {1, 0.25, Reduction::mean}}}});
    Architecture const spherical{4, {5, hyperbolic_tangent}, {3, prelu, {.unit_sphere = true, .dropout = 0.3}}, {4, sigmoid}};
    list.push_back({"penalty_on_sphere", spherical, {.penalties = {{1, 0.5, Reduction::mean}}}});
    Architecture const variational_sphere{4, {5, hyperbolic_tangent}, {3, gaussian, {.unit_sphere = true}}, {4, sigmoid}};
    list.push_back({"divergence_on_sphere", variational_sphere, {.loss = Loss::bce, .kl_scale = 0.7}});
    Architecture const variational{4, {5, relu}, {2, gaussian}, {5, relu}, {4, sigmoid}};
    list.push_back({"divergence_mean", variational, {.loss = Loss::bce, .kl_scale = 0.7}});
    list.push_back({"divergence_sum", variational, {.loss = Loss::bce, .kl_scale = 0.2, .kl_reduction = Reduction::sum}});
    list.push_back({"everything",
                    {4,
                     {6, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.2}},
                     {5, prelu},
                     {4, arctan, {.bias = false}},
                     {2, gaussian},
                     {4, unit_sphere},
                     {5, leaky_relu, {.tied_to = 2}},
                     {4, softmax}},
                    {.loss = Loss::bce, .penalties = {{1, 0.01, Reduction::sum}}, .kl_scale = 0.5}});
    return list;
}

INSTANTIATE_TEST_SUITE_P(Cases, Gradient, testing::ValuesIn(cases()),
                         [](testing::TestParamInfo<Case> const& one) { return one.param.name; });

}  // namespace
}  // namespace ca3::autoencoder
