// The CUDA engine of autoencoders on the host executor, against the reference.
#include "autoencoder/cuda_models.hpp"
#include "support/compare.hpp"
#include "support/simt/executor.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace ca3::autoencoder {
namespace {

/// Values in [0, 1], a third of them 0.
std::vector<float> samples(std::int64_t rows, std::int64_t width, std::uint64_t seed = 1) {
    std::vector<float> x(static_cast<std::size_t>(rows * width));
    for (std::size_t i = 0; i < x.size(); ++i) {
        double const u = random::uniform(seed, random::Purpose::user, 0, 0, i);
        x[i] = u < 1.0 / 3.0 ? 0.0f : static_cast<float>(u);
    }
    return x;
}
Samples view(std::vector<float> const& x, std::int64_t width) {
    return MatrixView<float const>(x.data(), static_cast<std::int64_t>(x.size()) / width, width);
}

std::vector<double> flat(std::vector<std::vector<double>> const& lists) {
    std::vector<double> all;
    for (auto const& list : lists) all.insert(all.end(), list.begin(), list.end());
    return all;
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

double largest(auto const& x) {
    double most = 0.0;
    for (auto const value : x) most = std::max(most, std::abs(static_cast<double>(value)));
    return most;
}
/// Largest difference over the largest magnitude.
double distance(auto const& a, auto const& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0.0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    return most / std::max(largest(a), 1e-30);
}

struct Case {
    std::string name;
    Architecture architecture;
    FitOptions options{};
    bool by_class = false;
    bool by_targets = false;
    Precision precision = Precision::f32;
};

constexpr std::int64_t rows = 35;

/// Data for a case, held for as long as the views are.
struct CaseData {
    explicit CaseData(Case const& c) : inputs(samples(rows, c.architecture.inputs)) {
        std::int64_t const outputs = c.architecture.layers.back().units;
        values = samples(rows, outputs, 2);
        for (std::int64_t r = 0; r < rows; ++r) classes.push_back(r % 5 == 3 ? -100 : r % outputs);
        if (c.by_class) targets = Targets(std::span<std::int64_t const>(classes));
        if (c.by_targets) targets = Targets(view(values, outputs));
    }
    std::vector<float> inputs, values;
    std::vector<std::int64_t> classes;
    Targets targets;
};

struct Trained {
    Gradients gradients;
    Gradients training_gradients;
    std::vector<float> outputs;
    std::vector<float> parameters;
    std::vector<double> losses;  ///< of training, of tests, of evaluations
};

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

bool operator==(Trained const& a, Trained const& b) {
    return a.gradients.parameters == b.gradients.parameters && a.training_gradients.parameters == b.training_gradients.parameters &&
           a.gradients.inputs == b.gradients.inputs && a.outputs == b.outputs && a.parameters == b.parameters && a.losses == b.losses;
}

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

struct Bounds {
    double outputs, gradients, parameters, losses;
};
/// Sums of n terms in f32 in another order part by at most n 6e-8 of the sum of the magnitudes; n < 40 in a layer, and three layers follow
/// each other: 1e-5 of the largest number leaves a factor of two or more. A step of Adam divides by the size of the gradient itself, so
/// what is relatively wrong by more moves by more: 6 steps of 3e-3 in parameters of some 0.3, of which 1e-3 are allowed.
constexpr Bounds f32{1e-5, 1e-5, 6e-5, 1e-5};

void compare(Case const& c, Bounds const& bounds = f32) {
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

/// A layer of every kind, and all that a fit can do.
Case everything() {
    Case c{"everything",
           {25,
            {33, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.2}},
            {17, prelu},
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
/// The common case: every launch does several things at once.
Case usual() {
    return {"usual",
            {49, {40, relu}, {12, hyperbolic_tangent}, {40, sigmoid}, {49, sigmoid}},
            {.epochs = 2, .batch = 16, .optimizer = Adam{3e-3}, .corrupt = {GaussianNoise{0.2}}}};
}

TEST(AutoencoderKernels, EverythingTogetherIsAsOnTheReference) {
    compare(everything());
    compare(usual());
}

TEST(AutoencoderKernels, NoOrderOfWarpsOrBlocksChangesABit) {
    for (auto c : {everything(), usual()})
        for (Precision const precision : {Precision::f32, Precision::tf32}) {
            c.precision = precision;
            Trained const once = trained(Context::cuda(), c);
            EXPECT_TRUE(once == trained(Context::cuda(), c)) << c.name;
            for (auto const order : {simt::Order::descending, simt::Order::random}) {
                simt::Scope const scope({.order = order, .blocks = order, .seed = 5});
                EXPECT_TRUE(once == trained(Context::cuda(), c)) << c.name << ", " << to_string(precision);
            }
        }
}

/// tf32 keeps 11 bits, rounded: 2^-12 of each operand, 5e-4 of a product; three layers forwards and three backwards. bf16 keeps 8: eight
/// times as much. tf32x3 leaves out products of 2^-22 and rounds what is left to 2^-22: as f32. Parameters move by 6 steps of 0.1
/// gradients.
TEST(AutoencoderKernels, TensorCoresKeepTheirBits) {
    for (int const multiprocessors : {1, 1000})
        for (auto const& [precision, share] :
             {std::pair{Precision::tf32x3, 1e-5}, std::pair{Precision::tf32, 3e-3}, std::pair{Precision::bf16, 2.4e-2}}) {
            simt::Scope const scope({.multiprocessors = multiprocessors});
            Case c{std::string(to_string(precision)),
                   {65, {33, hyperbolic_tangent}, {17, arctan}, {65, sigmoid}},
                   {.epochs = 2, .batch = 16, .optimizer = Sgd{.learning_rate = 1.0}}};
            c.precision = precision;
            compare(c, {share, share, share, share});
            // And they are used: not all is as in f32.
            if (precision == Precision::tf32x3) continue;
            Trained const rounded = trained(Context::cuda(), c);
            c.precision = Precision::f32;
            EXPECT_GT(distance(trained(Context::cuda(), c).outputs, rounded.outputs), share / 300.0);
        }
}

TEST(AutoencoderKernels, DoublePrecisionIsRefused) {
    std::string const message = test::message_of<InvalidArgument>([] {
        Model const m(Context::cuda(), {3, {3}}, {.precision = Precision::f64});
    });
    EXPECT_NE(message.find("precision f64 is not available on the cuda backend"), std::string::npos) << message;
}

/// One wrong value would move the loss by some 1e-4.
TEST(AutoencoderKernels, CorruptionsAreThoseOfTheReference) {
    OccludedRectangle const placed{.height = 2, .width = 3, .row = 1, .column = 2, .value = 0.5, .image_width = 7};
    OccludedRectangle const drawn{.height = 3, .width = 2, .value = 0.25, .image_width = 7};
    std::vector<std::vector<Corruption>> const lists{
        {GaussianNoise{0.3}},
        {SaltAndPepper{0.4}},
        {BitFlips{0.3}},
        {placed},
        {drawn},
        {Rotation{.degrees = 40.0, .image_width = 7}},
        {Rotation{.degrees = 90.0, .fixed = true, .image_width = 7}},
        {PixelPermutation{4}},
        {PixelPermutation{4}, GaussianNoise{0.1}, Rotation{.image_width = 7}, drawn, PixelPermutation{5}, BitFlips{0.1}}};
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows * 49));
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(random::bits(1, random::Purpose::user, 0, 0, i));
    auto const floats = samples(rows, 49);
    for (Samples const& x : {Samples(MatrixView<std::uint8_t const>(bytes.data(), rows, 49)), view(floats, 49)})
        for (auto const& list : lists) {
            auto const losses = [&](Context const& context) {
                Model model(context, {49, {49}}, {.seed = 3});
                auto const history = model.fit(x, {.epochs = 2, .batch = 16, .optimizer = Sgd{0.01}, .corrupt = list, .test = x});
                return std::vector<double>{history.epochs[0].train_loss, history.epochs[1].train_loss, history.epochs[1].test_loss};
            };
            EXPECT_LT(distance(losses(Context::reference()), losses(Context::cuda())), 1e-6)
                << list.size() << " of kind " << list[0].index();
        }
}

TEST(AutoencoderKernels, AnInterruptionChangesNothing) {
    for (auto c : {everything(), usual()}) {
        CaseData const data(c);
        Samples const x = view(data.inputs, c.architecture.inputs);
        c.options.epochs = 3;
        Model whole(Context::cuda(), c.architecture, {.seed = 3}), parts(Context::cuda(), c.architecture, {.seed = 3});
        whole.fit(x, c.options);
        c.options.epochs = 1;
        parts.fit(x, c.options);
        static_cast<void>(parts.evaluate(x));
        c.options.epochs = 3;
        c.options.resume = true;
        parts.fit(x, c.options);
        EXPECT_EQ(parameters(whole), parameters(parts)) << c.name;
    }
}

TEST(AutoencoderKernels, ANumberThatIsNotFiniteStopsBeforeItsStep) {
    auto x = samples(rows, 19);
    auto const outcome = [&](Context const& context, double rate) {
        Model model(context, {19, {9, relu}, {19}}, {.seed = 3});
        try {
            model.fit(view(x, 19), {.epochs = 40, .batch = 5, .optimizer = Sgd{.learning_rate = rate}});
        } catch (NonFinite const& e) {
            return std::pair{std::vector<std::int64_t>{e.epoch, e.step, e.layer}, parameters(model)};
        }
        ADD_FAILURE() << "nothing was thrown";
        return std::pair{std::vector<std::int64_t>{}, parameters(model)};
    };
    for (double const rate : {1e4, 1e30}) {
        auto const expected = outcome(Context::reference(), rate), actual = outcome(Context::cuda(), rate);
        EXPECT_EQ(expected.first, actual.first);
        EXPECT_LT(distance(expected.second, actual.second), 1e-3);  // numbers that have grown to some 1e38
    }
}

/// Models with seeds, rates and orders of their own, side by side and each alone.
TEST(AutoencoderKernels, ModelsSideBySideAreAsAlone) {
    for (auto const& c : {everything(), usual()}) {
        CaseData const data(c);
        Plan const plan = make_plan(c.architecture);
        Objective const objective{.loss = c.options.loss, .penalties = c.options.penalties, .kl_scale = c.options.kl_scale};
        UpdateRule rule = rule_of(c.options.optimizer);
        rule.clip_norm = c.options.clip_norm;
        Batches const batches{16, rows - 1};
        Data const inputs{.inputs = view(data.inputs, c.architecture.inputs), .corruptions = c.options.corrupt};
        std::vector<std::vector<std::int64_t>> orders;
        std::vector<std::vector<double>> losses(3, std::vector<double>(3)), alone = losses;
        std::vector<Member> members;
        for (std::uint64_t m = 0; m < 3; ++m) orders.push_back(epoch_order(rows, m, 0));
        for (std::size_t m = 0; m < 3; ++m)
            members.push_back(
                {.rows = orders[m], .seed = m, .learning_rate = 1e-3 * static_cast<double>(m + 1), .losses = losses[m].data()});
        auto const job = [&](std::span<Member const> some) {
            return ManyJob{.data = inputs, .members = some, .objective = objective, .rule = rule, .batches = batches, .last = 3};
        };
        cuda::DeviceModels together(Context::cuda(), plan, Precision::f32, 3);
        for (int m = 0; m < 3; ++m) together.put(m, initial_state(plan, static_cast<std::uint64_t>(m)));
        EXPECT_EQ(together.train(job(members)), std::vector<std::int64_t>(3, 3));
        for (int m = 0; m < 3; ++m) {
            auto const i = static_cast<std::size_t>(m);
            cuda::DeviceModels one(Context::cuda(), plan, Precision::f32, 1);
            one.put(0, initial_state(plan, i));
            Member member = members[i];
            member.losses = alone[i].data();
            EXPECT_EQ(one.train(job({&member, 1})), std::vector<std::int64_t>(1, 3));
            State a, b;
            together.get(m, a);
            one.get(0, b);
            EXPECT_EQ(a.parameters, b.parameters) << c.name << ", model " << m;
            EXPECT_EQ(a.buffers, b.buffers);
            EXPECT_EQ(a.second, b.second);
            EXPECT_EQ(losses[i], alone[i]);
        }
    }
}

/// Through the public functions: the same bits as one after the other.
TEST(AutoencoderKernels, FitManyTrainsEachModelAsFitDoes) {
    Images const digits = synthetic_digits(40, 3);
    std::vector<float> x;
    for (std::int64_t n = 0; n < digits.count; ++n)
        for (std::int64_t i = 0; i < 33; ++i)
            x.push_back(static_cast<float>(digits.pixels[static_cast<std::size_t>(n * 784 + 300 + i)]) / 255.0f);
    Samples const samples = MatrixView<float const>(x.data(), digits.count, 33);
    Architecture const net{33, {5, sigmoid, {.dropout = 0.1}}, {33, sigmoid}};
    FitOptions const options{.epochs = 2, .batch = 16, .corrupt = {GaussianNoise{0.1}}, .test = samples};
    std::vector<Variant> const variants{{1, 0.0}, {2, 0.02}, {3, 0.05}};
    Ensemble const together = fit_many(Context::cuda(), net, variants, samples, options);
    for (std::size_t m = 0; m < variants.size(); ++m) {
        Model one(Context::cuda(), net, {.seed = variants[m].seed});
        FitOptions own = options;
        if (variants[m].learning_rate > 0.0) own.optimizer = Adam{variants[m].learning_rate};
        History const history = one.fit(samples, own);
        EXPECT_EQ(one.reconstruct(samples), together.models[m].reconstruct(samples)) << m;
        for (std::size_t e = 0; e < history.epochs.size(); ++e) {
            EXPECT_EQ(history.epochs[e].train_loss, together.histories[m].epochs[e].train_loss);
            EXPECT_EQ(history.epochs[e].test_loss, together.histories[m].epochs[e].test_loss);
        }
    }
}

}  // namespace
}  // namespace ca3::autoencoder
