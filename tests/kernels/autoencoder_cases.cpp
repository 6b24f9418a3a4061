#include "kernels/autoencoder_cases.hpp"

#include <ca3/random.hpp>

namespace ca3::autoencoder::test {
namespace {

std::vector<double> flat(std::vector<std::vector<double>> const& lists) {
    std::vector<double> all;
    for (auto const& list : lists) all.insert(all.end(), list.begin(), list.end());
    return all;
}

}  // namespace

std::vector<float> samples(std::int64_t count, std::int64_t width, std::uint64_t seed) {
    std::vector<float> x(static_cast<std::size_t>(count * width));
    for (std::size_t i = 0; i < x.size(); ++i) {
        double const u = random::uniform(seed, random::Purpose::user, 0, 0, i);
        x[i] = u < 1.0 / 3.0 ? 0.0f : static_cast<float>(u);
    }
    return x;
}
Samples view(std::vector<float> const& x, std::int64_t width) {
    return MatrixView<float const>(x.data(), static_cast<std::int64_t>(x.size()) / width, width);
}

std::vector<float> parameters(Model const& model) {
    std::vector<float> all;
    auto const state = model.parameters();
    for (auto const& tensor : tensors(model.architecture())) {
        if (tensor.role == Tensor::Role::batches) continue;
        std::int64_t size = 1;
        for (auto const n : tensor.shape) size *= n;
        float const* const values = state.tensors.at(tensor.name).as<float>();
        all.insert(all.end(), values, values + size);
    }
    return all;
}

CaseData::CaseData(Case const& c) : inputs(samples(rows, c.architecture.inputs)) {
    std::int64_t const outputs = c.architecture.layers.back().units;
    values = samples(rows, outputs, 2);
    for (std::int64_t r = 0; r < rows; ++r) classes.push_back(r % 5 == 3 ? -100 : r % outputs);
    if (c.by_class) targets = Targets(std::span<std::int64_t const>(classes));
    if (c.by_targets) targets = Targets(view(values, outputs));
}

Trained trained(Context const& context, Case const& c) {
    CaseData const data(c);
    Samples const x = view(data.inputs, c.architecture.inputs);
    Precision const precision = context.backend() == Backend::cuda ? c.precision : Precision::f32;
    Model model(context, c.architecture, {.seed = 3, .precision = precision});
    Objective const objective{
        .loss = c.options.loss, .penalties = c.options.penalties, .kl_scale = c.options.kl_scale, .kl_reduction = c.options.kl_reduction};
    Trained out;
    out.outputs = model.reconstruct(x);
    out.gradients = model.gradients(x, objective, data.targets);
    out.training_gradients = model.gradients(x, objective, data.targets, true, 5);
    FitOptions options = c.options;
    options.targets = data.targets;
    options.test = x;
    options.test_targets = data.targets;
    auto const history = model.fit(x, options);
    for (auto const& epoch : history.epochs) {
        out.losses.push_back(epoch.train_loss);
        out.losses.push_back(epoch.test_loss);
    }
    out.losses.push_back(out.gradients.loss);
    out.losses.push_back(out.training_gradients.loss);
    out.losses.push_back(model.evaluate(x, objective, data.targets, 7));
    out.parameters = parameters(model);
    return out;
}

bool Trained::operator==(Trained const& other) const {
    return gradients.parameters == other.gradients.parameters && training_gradients.parameters == other.training_gradients.parameters &&
           gradients.inputs == other.gradients.inputs && outputs == other.outputs && parameters == other.parameters &&
           losses == other.losses;
}

void compare(Case const& c, Bounds const& bounds) {
    SCOPED_TRACE(c.name);
    Trained const expected = trained(Context::reference(), c), actual = trained(Context::cuda(), c);
    auto const near = [](Gradients const& a, Gradients const& b, double bound) {
        EXPECT_LT(distance(flat(a.parameters), flat(b.parameters)), bound);
        EXPECT_LT(distance(a.inputs, b.inputs), bound);
    };
    EXPECT_LT(distance(expected.outputs, actual.outputs), bounds.outputs);
    near(expected.gradients, actual.gradients, bounds.gradients);
    near(expected.training_gradients, actual.training_gradients, bounds.gradients);
    EXPECT_LT(distance(expected.parameters, actual.parameters), bounds.parameters);
    EXPECT_LT(distance(expected.losses, actual.losses), bounds.losses);
    EXPECT_GT(largest(actual.losses), 0.0);
}

Case everything() {
    Case c{"everything",
           {25,
            {33, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.2}},
            {17, prelu, {.unit_sphere = true}},
            {9, arctan, {.bias = false}},
            {3, gaussian},
            {9, unit_sphere},
            {17, leaky_relu, {.tied_to = 2}},
            {33, {Activation::Kind::prelu, 0.25, true}},
            {25, sigmoid}},
           {.epochs = 2,
            .batch = 15,
            .optimizer = AdamW{.learning_rate = 2e-3, .l1 = 1e-4},
            .loss = Loss::bce,
            .penalties = {{1, 1e-4, Reduction::sum}},
            .kl_scale = 0.1,
            .clip_norm = 0.5,
            .corrupt = {GaussianNoise{0.2}, SaltAndPepper{0.1}}}};
    return c;
}

Case usual() {
    return {"usual",
            {49, {40, relu}, {12, hyperbolic_tangent}, {40, sigmoid}, {49, sigmoid}},
            {.epochs = 2, .batch = 16, .optimizer = Adam{3e-3}, .corrupt = {GaussianNoise{0.2}}}};
}

}  // namespace ca3::autoencoder::test
