#include "support/dense_operations.hpp"
#include "support/roundings.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::test {

using namespace autoencoder;

namespace {

struct StepInputs {
    explicit StepInputs(StepCase const& c)
        : gradient(some_floats(c.rows * c.cols, 7)),
          parameters(some_floats(c.rows * c.cols, 8)),
          first(some_floats(c.rows * c.cols, 9, -0.1, 0.1)),
          second(some_floats(c.rows * c.cols, 10, 0.0, 0.1)) {
        if (!parameters.empty()) parameters.back() = 0.0f;  // l1 leaves it alone
    }
    std::vector<float> gradient, parameters, first, second;
};

}  // namespace

std::string describe(StepCase const& c) {
    return "optimizer " + std::to_string(c.optimizer.index()) + ", t " + std::to_string(c.t) + ", " + std::to_string(c.rows) + " x " +
           std::to_string(c.cols) + ", gap " + std::to_string(c.place.gap) + ", offset " + std::to_string(c.place.offset);
}

std::vector<StepCase> step_cases() {
    std::vector<Optimizer> const optimizers{
        Sgd{.learning_rate = 0.1},
        Sgd{.learning_rate = 0.1, .weight_decay = 0.1, .l1 = 0.01},
        Sgd{.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.25, .weight_decay = 0.1},
        Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true},
        Adam{.learning_rate = 0.01},
        Adam{.learning_rate = 0.01, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.1, .l1 = 0.01},
        AdamW{.learning_rate = 0.01, .weight_decay = 0.5, .l1 = 0.01},
    };
    std::vector<StepCase> cases;
    for (auto const& optimizer : optimizers)
        for (std::int64_t const t : {1, 2, 1000})
            for (auto const& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 4113}, {3, 15}, {37, 33}})
                for (Placement const place : {Placement{}, Placement{3, 1}}) cases.push_back({optimizer, t, rows, cols, place});
    return cases;
}

StepNumbers step_numbers(Context const& context, StepCase const& c) {
    StepInputs const x(c);
    Framed const gradient(context, x.gradient, c.rows, c.cols, c.place), parameters(context, x.parameters, c.rows, c.cols, c.place);
    Framed const first(context, x.first, c.rows, c.cols, c.place), second(context, x.second, c.rows, c.cols, c.place);
    if (auto const* const sgd = std::get_if<Sgd>(&c.optimizer))
        sgd_step(context, *sgd, c.t, gradient.in(), parameters.view(), sgd->momentum > 0.0 ? first.view() : MatrixView<float>());
    if (auto const* const adam = std::get_if<Adam>(&c.optimizer))
        adam_step(context, *adam, c.t, gradient.in(), parameters.view(), first.view(), second.view());
    if (auto const* const adamw = std::get_if<AdamW>(&c.optimizer))
        adamw_step(context, *adamw, c.t, gradient.in(), parameters.view(), first.view(), second.view());
    context.synchronize();
    EXPECT_EQ(gradient.values(), x.gradient);
    return {parameters.values(), first.values(), second.values(),
            gradient.is_framed() && parameters.is_framed() && first.is_framed() && second.is_framed()};
}

testing::AssertionResult near_definition(StepCase const& c, StepNumbers const& n) {
    StepInputs const x(c);
    if (!n.framed) return testing::AssertionFailure() << "something was written around the matrices";
    auto const t = static_cast<double>(c.t);
    for (std::int64_t i = 0; i < c.rows * c.cols; ++i) {
        double g = at(x.gradient, i), p = at(x.parameters, i), m = at(x.first, i), v = at(x.second, i);
        double const sign = p > 0.0 ? 1.0 : p < 0.0 ? -1.0 : 0.0, size = std::abs(p);
        double bound = 0.0, moved = 0.0;  // of the parameter; of what is taken from it
        std::visit(
            [&](auto const& o) {
                using O = std::decay_t<decltype(o)>;
                bool const decoupled = std::is_same_v<O, AdamW>;
                double const rounded = std::abs(g) + o.weight_decay * size + o.l1;
                g += (decoupled ? 0.0 : o.weight_decay * p) + o.l1 * sign;
                if constexpr (std::is_same_v<O, Sgd>) {
                    double const before = std::abs(m);
                    if (o.momentum > 0.0) {
                        m = c.t == 1 ? g : o.momentum * m + (1.0 - o.dampening) * g;
                        g = o.nesterov ? g + o.momentum * m : m;
                    }
                    moved = o.learning_rate * (2.0 * rounded + before);
                } else {
                    if (decoupled) p *= 1.0 - o.learning_rate * o.weight_decay;
                    m = o.beta1 * m + (1.0 - o.beta1) * g;
                    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
                    double const denominator = std::sqrt(v) / std::sqrt(1.0 - std::pow(o.beta2, t)) + o.epsilon;
                    double const rate = o.learning_rate / (1.0 - std::pow(o.beta1, t));
                    // v has the error of g twice over.
                    moved =
                        rate * (rounded + std::abs(at(x.first, i)) + std::abs(m) * (1.0 + 2.0 * rounded * std::abs(g) / v)) / denominator;
                    p -= rate * m / denominator;
                }
                if constexpr (std::is_same_v<O, Sgd>) p -= o.learning_rate * g;
                bound = gamma_of(3) * size + gamma_of(12) * moved;
            },
            c.optimizer);
        std::string const where = " of element " + std::to_string(i);
        if (auto ok = within(p, at(n.parameters, i), bound, "parameter" + where); !ok) return ok;
        double const scale = std::abs(at(x.gradient, i)) + 1.0;
        if (auto ok = within(m, at(n.first, i), gamma_of(8) * scale, "first moment" + where); !ok) return ok;
        if (auto ok = within(v, at(n.second, i), gamma_of(12) * scale * scale, "second moment" + where); !ok) return ok;
    }
    return testing::AssertionSuccess();
}

namespace {

/// weight and bias of every layer, in this order
std::vector<std::vector<float>> tensors_of(Model const& model) {
    std::vector<std::vector<float>> list;
    auto const all = model.parameters();
    for (auto const& tensor : tensors(model.architecture())) {
        auto const& array = all.tensors.at(tensor.name);
        list.emplace_back(array.as<float>(), array.as<float>() + array.size());
    }
    return list;
}

}  // namespace

Trainings trained_both_ways(Context const& context, std::int64_t width, std::int64_t code, std::int64_t batch) {
    Adam const adam{.learning_rate = 3e-3};
    auto samples = some_floats(batch * width, 11, 0.0, 1.0);
    for (float& x : samples) x = x < 0.5f ? 0.0f : x;
    Model model(context, {width, {code, relu}, {width, sigmoid}}, {.seed = 7});
    auto const begin = tensors_of(model);
    auto const history = model.fit(MatrixView<float const>(samples.data(), batch, width),
                                   {.epochs = 1, .batch = batch, .optimizer = adam, .loss = Loss::mse, .shuffle = false});
    Trainings out{.model_loss = history.epochs.front().train_loss};
    for (auto const& tensor : tensors_of(model)) out.model.insert(out.model.end(), tensor.begin(), tensor.end());

    struct Parameter {
        Parameter(Context const& on, std::vector<float> const& from, std::int64_t rows)
            : cols(static_cast<std::int64_t>(from.size()) / rows),
              value(on, from, rows, cols),
              gradient(on, rows, cols),
              first(on, std::vector<float>(from.size()), rows, cols),
              second(on, std::vector<float>(from.size()), rows, cols) {}
        std::int64_t cols;
        Framed value, gradient, first, second;
    };
    std::vector<Parameter> p;
    for (std::size_t i = 0; i < begin.size(); ++i) p.emplace_back(context, begin[i], i == 0 ? code : i == 2 ? width : 1);
    Framed const x(context, samples, batch, width), hidden(context, batch, code), y(context, batch, width), dy(context, batch, width),
        dhidden(context, batch, code);
    DenseOptions const encoder{relu}, decoder{sigmoid};
    forward(context, encoder, x.in(), p[0].value.in(), p[1].value.span(), {}, hidden.view());
    forward(context, decoder, hidden.in(), p[2].value.in(), p[3].value.span(), {}, y.view());
    out.operations_loss = loss(context, Loss::mse, y.in(), x.in(), dy.view());
    backward(context, decoder, hidden.in(), p[2].value.in(), {}, y.in(), dy.in(), dhidden.view(), p[2].gradient.view(),
             p[3].gradient.span());
    backward(context, encoder, x.in(), p[0].value.in(), {}, hidden.in(), dhidden.in(), {}, p[0].gradient.view(), p[1].gradient.span());
    for (auto const& parameter : p)
        adam_step(context, adam, 1, parameter.gradient.in(), parameter.value.view(), parameter.first.view(), parameter.second.view());
    for (auto const& parameter : p) {
        auto const values = parameter.value.values();
        out.operations.insert(out.operations.end(), values.begin(), values.end());
    }
    return out;
}

}  // namespace ca3::test
