#include "support/compare.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/digits.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <vector>

/// Whole trainings: against plain definitions, and against themselves for any threads, instruction sets and interruptions.
namespace ca3::autoencoder {
namespace {

constexpr std::int64_t width = 25;

/// N x 25 values in [0, 1].
std::vector<float> images(std::int64_t count, std::uint64_t seed = 1) {
    std::vector<float> x(static_cast<std::size_t>(count * width));
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(
            random::uniform(seed, random::Purpose::user, 0, 0, i) > 0.6 ? random::uniform(seed, random::Purpose::user, 1, 0, i) : 0.0);
    return x;
}

Samples view(std::vector<float> const& x, std::int64_t columns = width) {
    return MatrixView<float const>(x.data(), static_cast<std::int64_t>(x.size()) / columns, columns);
}

/// A layer of every kind.
Architecture every_kind() {
    return {width,
            {33, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.2}},
            {17, prelu},
            {9, arctan, {.bias = false}},
            {3, gaussian},
            {9, unit_sphere},
            {17, leaky_relu, {.tied_to = 2}},
            {33, {Activation::Kind::prelu, 0.25, true}},
            {width, sigmoid}};
}

FitOptions every_option(std::vector<float> const& test) {
    return {.epochs = 4,
            .batch = 7,
            .optimizer = AdamW{.learning_rate = 2e-3, .l1 = 1e-4},
            .loss = Loss::bce,
            .penalties = {{1, 1e-4, Reduction::sum}},
            .kl_scale = 0.1,
            .schedule = {.kind = Schedule::Kind::cosine},
            .clip_norm = 0.5,
            .corrupt = {GaussianNoise{0.2}, SaltAndPepper{0.1}},
            .test = view(test)};
}

std::vector<double> numbers(Model const& model) {
    std::vector<double> all;
    for (auto const& [name, tensor] : model.parameters().tensors)
        for (std::int64_t i = 0; i < tensor.size(); ++i)
            all.push_back(tensor.dtype == io::DType::f32   ? static_cast<double>(tensor.as<float>()[i])
                          : tensor.dtype == io::DType::f64 ? tensor.as<double>()[i]
                                                           : static_cast<double>(tensor.as<std::int64_t>()[i]));
    return all;
}

void expect_same(History const& a, History const& b) {
    ASSERT_EQ(a.epochs.size(), b.epochs.size());
    for (std::size_t e = 0; e < a.epochs.size(); ++e) {
        EXPECT_EQ(a.epochs[e].epoch, b.epochs[e].epoch);
        EXPECT_EQ(a.epochs[e].train_loss, b.epochs[e].train_loss) << "epoch " << e;
        EXPECT_TRUE(test::same_bits(a.epochs[e].test_loss, b.epochs[e].test_loss)) << "epoch " << e;
        EXPECT_EQ(a.epochs[e].learning_rate, b.epochs[e].learning_rate);
    }
    EXPECT_EQ(a.stop, b.stop);
}

// ---- the same bits ---------------------------------------------------------------------------------------------------

TEST(Training, IsBitIdenticalForAnyThreadsAndInstructionSet) {
    auto const train = images(40), held = images(11, 2);
    std::optional<std::vector<double>> expected;
    History first;
    for (auto const set : supported_instruction_sets())
        for (int const threads : {1, 2, 3}) {
            Model model(Context::cpu({threads, set}), every_kind(), {.seed = 5});
            History const history = model.fit(view(train), every_option(held));
            if (!expected) {
                expected = numbers(model);
                first = history;
                continue;
            }
            EXPECT_EQ(*expected, numbers(model)) << to_string(set) << " " << threads;
            expect_same(first, history);
        }
}

TEST(Training, OfAWiderNetworkIsBitIdenticalForAnyThreads) {
    Images const digits = synthetic_digits(130, 3);
    std::optional<std::vector<double>> expected;
    for (int const threads : {1, 2, 5}) {
        Model model(Context::cpu({threads}), {784, {70, relu}, {10, identity}, {70, relu}, {784, sigmoid}}, {.seed = 5});
        (void)model.fit(digits, {.epochs = 2, .batch = 64});
        if (!expected) expected = numbers(model);
        EXPECT_EQ(*expected, numbers(model)) << threads;
    }
}

TEST(Training, ResumedFromACheckpointEqualsNoInterruption) {
    auto const train = images(40), held = images(11, 2);
    auto const file = (std::filesystem::temp_directory_path() / ("ca3_resume_" + std::to_string(::getpid()))).string();
    for (bool const on_cpu : {false, true}) {
        Context const context = on_cpu ? Context::cpu({2}) : Context::reference();
        for (Optimizer const& optimizer : {Optimizer(Adam{}), Optimizer(Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true})}) {
            FitOptions options = every_option(held);
            options.optimizer = optimizer;
            Model whole(context, every_kind(), {.seed = 5});
            History const expected = whole.fit(view(train), options);

            Model begun(context, every_kind(), {.seed = 5});
            FitOptions part = options;
            part.checkpoint = file;
            part.on_epoch = [](EpochReport const& report) { return report.epoch < 2; };
            EXPECT_EQ(Stop::callback, begun.fit(view(train), part).stop);

            Model resumed(context, every_kind(), {.seed = 99});
            resumed.load_checkpoint(file);
            EXPECT_EQ(2, resumed.epochs_trained());
            options.resume = true;
            options.seed = 5;
            History const history = resumed.fit(view(train), options);
            EXPECT_EQ(numbers(whole), numbers(resumed));
            expect_same(expected, history);
        }
    }
    std::filesystem::remove(file);
}

TEST(Training, ManyAtOnceEqualOneAfterTheOther) {
    auto const train = images(40), held = images(11, 2);
    FitOptions const options = every_option(held);
    std::vector<Variant> const variants{{1, 0.0}, {2, 5e-3}, {3, 1e-4}};
    Ensemble const ensemble = fit_many(Context::cpu({2}), every_kind(), variants, view(train), options);
    ASSERT_EQ(3u, ensemble.models.size());
    for (std::size_t i = 0; i < variants.size(); ++i) {
        Model alone(Context::cpu({2}), every_kind(), {.seed = variants[i].seed});
        FitOptions own = options;
        AdamW optimizer = std::get<AdamW>(options.optimizer);
        if (variants[i].learning_rate > 0.0) optimizer.learning_rate = variants[i].learning_rate;
        own.optimizer = optimizer;
        History const history = alone.fit(view(train), own);
        EXPECT_EQ(numbers(alone), numbers(ensemble.models[i])) << i;
        expect_same(history, ensemble.histories[i]);
    }
}

// ---- cpu and reference -----------------------------------------------------------------------------------------------

/// The cpu backend rounds as plain f32 loops do, in another order. Both are compared with f64: the cpu may be at most four times as far
/// from it as those loops, plus 32 roundings of the largest element.
TEST(Training, GradientsOfTheCpuAreAsGoodAsPlainLoopsInF32) {
    for (std::int64_t const rows : {1, 2, 31, 33, 40}) {
        auto const x = images(rows);
        for (bool const training : {false, true}) {
            if (training && rows == 1) continue;  // no batch statistics of one row
            Objective const objective{.loss = Loss::bce, .penalties = {{1, 1e-3, Reduction::mean}}, .kl_scale = 0.3};
            auto const of = [&](Context const& context, Precision precision) {
                return Model(context, every_kind(), {.seed = 7, .precision = precision}).gradients(view(x), objective, {}, training, 4);
            };
            Gradients const exact = of(Context::reference(), Precision::f64), plain = of(Context::reference(), Precision::f32),
                            fast = of(Context::cpu({2}), Precision::f32);
            EXPECT_NEAR(exact.loss, fast.loss, 1e-6 * std::abs(exact.loss));
            auto const compare = [&](std::vector<double> const& a, std::vector<double> const& b, std::vector<double> const& c,
                                     char const* what) {
                double plain_error = 0.0, error = 0.0, largest = 0.0;
                for (std::size_t i = 0; i < a.size(); ++i) {
                    plain_error = std::max(plain_error, std::abs(a[i] - b[i]));
                    error = std::max(error, std::abs(a[i] - c[i]));
                    largest = std::max(largest, std::abs(a[i]));
                }
                // A bias before batch normalisation has gradient 0 but for rounding, of the size of what cancels.
                EXPECT_LE(error, 4.0 * plain_error + 32.0 * 0x1p-24 * largest + 1e-9) << what << " rows " << rows;
            };
            for (std::size_t k = 0; k < exact.parameters.size(); ++k)
                compare(exact.parameters[k], plain.parameters[k], fast.parameters[k], "parameter");
            compare(exact.inputs, plain.inputs, fast.inputs, "inputs");
        }
    }
}

/// Training does not keep all that the gradient of the input needs up to date.
TEST(Training, GradientsOfTheInputAreThoseOfTheTrainedNetwork) {
    auto const x = images(8);
    Architecture const net{width, {40, sigmoid}, {width, sigmoid}};
    Model trained(Context::cpu({2}), net, {.seed = 1}), exact(Context::reference(), net, {.seed = 1, .precision = Precision::f64});
    (void)trained.fit(view(x), {.epochs = 5, .batch = 4, .optimizer = Adam{0.05}});
    exact.set_parameters(trained.parameters());
    Gradients const a = exact.gradients(view(x)), b = trained.gradients(view(x));
    // 25 x 40 and 40 x 25 products of numbers below 1 with rounding 2^-24, in gradients of size 1e-3.
    EXPECT_TRUE(test::all_near(a.inputs, b.inputs, 1e-8));
}

/// Gradients of a sigmoid network are off by at most some 100 roundings here, and each step of SGD with rate 0.5 adds that to a map that
/// does not stretch much: after 20 steps below 20 x 100 x 0.5 x 2^-24 = 6e-5 for weights of size 1.
TEST(Training, StepsOfTheCpuFollowTheReferenceInF64) {
    auto const train = images(31), held = images(8, 2);
    Architecture const net{width, {7, sigmoid}, {width, sigmoid}};
    for (Optimizer const& optimizer : {Optimizer(Sgd{.learning_rate = 0.5}),
                                       Optimizer(Sgd{.learning_rate = 0.2, .momentum = 0.5, .dampening = 0.1, .weight_decay = 0.01}),
                                       Optimizer(Sgd{.learning_rate = 0.2, .momentum = 0.5, .nesterov = true, .l1 = 0.001})}) {
        FitOptions const options{.epochs = 5, .batch = 8, .optimizer = optimizer, .test = view(held)};
        Model exact(Context::reference(), net, {.seed = 1, .precision = Precision::f64}), fast(Context::cpu({2}), net, {.seed = 1});
        History const a = exact.fit(view(train), options), b = fast.fit(view(train), options);
        EXPECT_TRUE(test::all_near(numbers(exact), numbers(fast), 6e-5));
        for (std::size_t e = 0; e < a.epochs.size(); ++e) {
            EXPECT_NEAR(a.epochs[e].train_loss, b.epochs[e].train_loss, 1e-6);
            EXPECT_NEAR(a.epochs[e].test_loss, b.epochs[e].test_loss, 1e-6);
        }
    }
}

/// More samples than are computed at a time, so that the shares of the threads move.
TEST(Training, OutputsOfManySamplesAreThoseOfEach) {
    Architecture const net{width, {300, hyperbolic_tangent}, {3, identity}, {300, hyperbolic_tangent}, {width, sigmoid}};
    auto const x = images(700);
    Model const alone(Context::cpu({1}), net, {.seed = 1});
    for (int const threads : {2, 3, 7}) {
        Model const model(Context::cpu({threads}), net, {.seed = 1});
        for (std::int64_t const count : {257, 300, 511, 513, 700}) {
            Samples const some = MatrixView<float const>(x.data(), count, width);
            auto const y = model.reconstruct(some), code = model.encode(some);
            EXPECT_EQ(y, model.decode(MatrixView<float const>(code.data(), count, 3))) << threads << " " << count;
            for (std::int64_t const r : {std::int64_t{0}, std::int64_t{255}, count - 1}) {
                auto const one = alone.reconstruct(MatrixView<float const>(x.data() + r * width, 1, width));
                EXPECT_TRUE(std::equal(one.begin(), one.end(), y.begin() + r * width)) << threads << " " << count << " row " << r;
            }
        }
    }
}

TEST(Training, EvaluationIsTheMeanOverTheSamplesWhateverTheBatch) {
    auto const x = images(29);
    for (bool const on_cpu : {false, true}) {
        Model const model(on_cpu ? Context::cpu({2}) : Context::reference(), {width, {7, sigmoid}, {width, sigmoid}}, {.seed = 1});
        auto const y = model.reconstruct(view(x));
        double sum = 0.0;
        for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow(static_cast<double>(y[i]) - static_cast<double>(x[i]), 2);
        for (std::int64_t const batch : {1, 7, 29, 100})
            EXPECT_NEAR(sum / static_cast<double>(x.size()), model.evaluate(view(x), {}, {}, batch), 1e-7);
    }
}

// ---- what fit does ---------------------------------------------------------------------------------------------------

TEST(Training, TrainLossIsTheMeanOfTheBatchesBeforeTheirUpdates) {
    auto const train = images(10);
    Model model(Context::cpu({1}), {width, {7, sigmoid}, {width, sigmoid}}, {.seed = 1});
    // With rate 0 every batch meets the same network: batches of 4, 4 and 2 count alike.
    double expected = 0.0;
    for (std::int64_t k = 0; k < 3; ++k) {
        std::int64_t const rows = k < 2 ? 4 : 2;
        expected += model.evaluate(MatrixView<float const>(train.data() + k * 4 * width, rows, width)) / 3.0;
    }
    History const history = model.fit(view(train), {.epochs = 1, .batch = 4, .optimizer = Sgd{0.0}, .shuffle = false});
    EXPECT_NEAR(expected, history.epochs[0].train_loss, 1e-9);
}

TEST(Training, TakesTheOrderThatIsGiven) {
    auto const train = images(12);
    std::vector<std::int64_t> order(12);
    std::iota(order.rbegin(), order.rend(), 0);
    std::vector<float> reversed;
    for (auto const i : order) reversed.insert(reversed.end(), train.begin() + i * width, train.begin() + (i + 1) * width);
    Architecture const net{width, {7, sigmoid}, {width, sigmoid}};
    Model a(Context::cpu({1}), net, {.seed = 1}), b(Context::cpu({1}), net, {.seed = 1});
    (void)a.fit(view(train), {.epochs = 2, .batch = 5, .order = {order.data(), 1, 12}});
    (void)b.fit(view(reversed), {.epochs = 2, .batch = 5, .shuffle = false});
    EXPECT_EQ(numbers(a), numbers(b));
}

TEST(Training, SchedulesFollowPyTorch) {
    auto const train = images(4);
    auto const rates = [&](Schedule const& schedule) {
        Model model(Context::cpu({1}), {width, {2, sigmoid}, {width, sigmoid}}, {});
        std::vector<double> list;
        for (auto const& epoch : model.fit(view(train), {.epochs = 5, .batch = 4, .optimizer = Sgd{0.8}, .schedule = schedule}).epochs)
            list.push_back(epoch.learning_rate);
        return list;
    };
    using Kind = Schedule::Kind;
    EXPECT_TRUE(test::all_near(std::vector{0.8, 0.8, 0.4, 0.4, 0.2}, rates({.kind = Kind::step, .every = 2, .gamma = 0.5}), 1e-15));
    EXPECT_TRUE(test::all_near(std::vector{0.8, 0.8 * (0.5 + std::sqrt(0.125)), 0.4, 0.8 * (0.5 - std::sqrt(0.125)), 0.0},
                               rates({.kind = Kind::cosine, .period = 4}), 1e-15));
    EXPECT_TRUE(test::all_near(std::vector{0.8, 0.8, 0.8, 0.8, 0.8}, rates({}), 0.0));
}

TEST(Training, StopsEarlyWhenTheTestLossNoLongerFalls) {
    auto const train = images(8);
    Model model(Context::cpu({1}), {width, {2, sigmoid}, {width, sigmoid}}, {});
    // Rate 0: the first epoch is the best, and two more do not better it.
    History const history =
        model.fit(view(train), {.epochs = 50, .batch = 4, .optimizer = Sgd{0.0}, .test = view(train), .early_stop = {.patience = 2}});
    EXPECT_EQ(Stop::early, history.stop);
    EXPECT_EQ(3u, history.epochs.size());
}

TEST(Training, ClippingBoundsTheStep) {
    auto const train = images(8);
    Architecture const net{width, {5, sigmoid}, {width, sigmoid}};
    for (bool const on_cpu : {false, true}) {
        Model model(on_cpu ? Context::cpu({2}) : Context::reference(), net, {.seed = 4});
        auto const before = numbers(model);
        (void)model.fit(view(train), {.epochs = 1, .batch = 8, .optimizer = Sgd{1.0}, .clip_norm = 1e-3});
        auto const after = numbers(model);
        double square = 0.0;
        for (std::size_t i = 0; i < before.size(); ++i) square += std::pow(after[i] - before[i], 2);
        // |step| = lr max_norm norm / (norm + 1e-6), rounded to the grid of the parameters.
        EXPECT_NEAR(1e-3, std::sqrt(square), 1e-5);
    }
}

TEST(Training, RunningStatisticsFollowTheBatches) {
    std::vector<float> const x{0.0f, 0.5f, 1.0f, 0.25f};  // mean 7/16, unbiased variance 0.1822917
    for (bool const on_cpu : {false, true}) {
        Model model(on_cpu ? Context::cpu({2}) : Context::reference(), {1, {1, identity, {.bias = false, .batch_norm = true}}, {1}}, {});
        auto parameters = model.parameters();
        parameters.tensors.at("encoder.0.weight").as<float>()[0] = 2.0f;
        model.set_parameters(parameters);
        (void)model.fit(view(x, 1), {.epochs = 1, .batch = 4, .optimizer = Sgd{0.0}});
        parameters = model.parameters();
        EXPECT_NEAR(0.1 * 2.0 * 0.4375, parameters.tensors.at("encoder.1.running_mean").as<float>()[0], 1e-7);
        EXPECT_NEAR(0.9 + 0.1 * 4.0 * 0.18229167, parameters.tensors.at("encoder.1.running_var").as<float>()[0], 1e-6);
        EXPECT_EQ(1, parameters.tensors.at("encoder.1.num_batches_tracked").as<std::int64_t>()[0]);
    }
}

// ---- what must not be ------------------------------------------------------------------------------------------------

class Refusal : public testing::TestWithParam<bool> {
protected:
    [[nodiscard]] Model model(Architecture const& net = {width, {5, sigmoid}, {width, sigmoid}}) const {
        return Model(GetParam() ? Context::cpu({2}) : Context::reference(), net, {.seed = 3});
    }
    std::vector<float> x_ = images(9);
};

INSTANTIATE_TEST_SUITE_P(Backends, Refusal, testing::Bool(),
                         [](testing::TestParamInfo<bool> const& backend) { return backend.param ? "cpu" : "reference"; });

TEST_P(Refusal, OfDataNamesWhatIsWrong) {
    auto m = model();
    auto const before = numbers(m);
    auto const message = [&](Samples samples, FitOptions const& options) {
        return test::message_of<InvalidArgument>([&] { (void)m.fit(samples, options); });
    };
    EXPECT_EQ("Model::fit: train must hold at least 1 sample, has shape (0 x 0)", message({}, {}));
    EXPECT_EQ("Model::fit: train must have 25 columns, has shape (45 x 5)", message(view(x_, 5), {}));
    EXPECT_EQ("Model::fit: batch is 10, more than the 9 samples", message(view(x_), {.batch = 10}));
    auto bad = x_;
    bad[30] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ("Model::fit: train: sample 1, value 5 is nan; all must be finite", message(view(bad), {.batch = 3}));
    bad[30] = -std::numeric_limits<float>::infinity();
    EXPECT_EQ("Model::fit: train: sample 1, value 5 is -inf; all must be finite", message(view(bad), {.batch = 3}));
    bad[30] = 1.5f;
    EXPECT_EQ("Model::fit: targets: binary cross-entropy takes targets in [0, 1]; sample 1, value 5 is 1.500000",
              message(view(bad), {.batch = 3, .loss = Loss::bce}));
    std::vector<std::int64_t> const order{0, 3, 9};
    EXPECT_EQ("Model::fit: order: entry (0, 2) is 9, no number of the 9 samples",
              message(view(x_), {.batch = 3, .order = {order.data(), 1, 3}}));
    EXPECT_EQ(before, numbers(m));
}

TEST_P(Refusal, OfTargetsNamesWhatIsWrong) {
    auto m = model({width, {4, identity}});
    std::vector<std::int64_t> const classes{0, 1, 2, 3, 4, -100, 0, 0, 0};
    auto const message = [&](FitOptions options) {
        options.batch = 3;
        return test::message_of<InvalidArgument>([&] { (void)m.fit(view(x_), options); });
    };
    EXPECT_EQ("Model::fit: targets are needed: the network has 25 inputs and 4 outputs, so that the inputs cannot be their own targets",
              message({}));
    EXPECT_EQ("Model::fit: targets: class numbers must be in [0, 4), or -100 to leave a sample out; number 4 is 4",
              message({.loss = Loss::cross_entropy, .targets = std::span(classes)}));
    EXPECT_EQ("Model::fit: targets: class numbers go with cross_entropy and nll, not with mse", message({.targets = std::span(classes)}));
    EXPECT_EQ("Model::fit: targets must hold a class for each of the 9 samples, holds 2",
              message({.loss = Loss::nll, .targets = std::span(classes).first(2)}));
}

TEST_P(Refusal, OfOneSampleForBatchNormalisation) {
    auto m = model({width, {5, relu, {.batch_norm = true}}, {width, sigmoid}});
    EXPECT_EQ(
        "Model::fit: batch normalisation cannot train on a batch of one sample; 9 samples in batches of 4 leave one (drop_last leaves it "
        "out)",
        test::message_of<InvalidArgument>([&] { (void)m.fit(view(x_), {.batch = 4}); }));
    EXPECT_EQ(2, (m.fit(view(x_), {.epochs = 2, .batch = 4, .drop_last = true}).epochs.back().epoch));
}

/// Weights of 1e30 meet a rate of 1e30: the second step's loss is infinite.
TEST_P(Refusal, OfNonFiniteLossesLeavesTheModelAsBeforeTheStep) {
    Architecture const net{width, {5, identity}, {width, identity}};
    FitOptions const options{.epochs = 3, .batch = 3, .optimizer = Sgd{1e18}, .shuffle = false};
    auto m = model(net);
    std::optional<NonFinite> error;
    try {
        (void)m.fit(view(x_), options);
    } catch (NonFinite const& e) {
        error = e;
    }
    ASSERT_TRUE(error);
    EXPECT_EQ(1, error->epoch);
    EXPECT_GE(error->step, 2);
    EXPECT_GE(error->layer, 0);
    EXPECT_NE(std::string::npos, std::string(error->what()).find("epoch 1, step " + std::to_string(error->step)));
    // The steps before it alone, on a model of the same seed.
    auto same = model(net);
    std::vector<float> const some(x_.begin(), x_.begin() + (error->step - 1) * 3 * width);
    FitOptions once = options;
    once.epochs = 1;
    (void)same.fit(view(some), once);
    EXPECT_EQ(numbers(same), numbers(m));
}

TEST_P(Refusal, OfOutputsThatLeaveTheUnitInterval) {
    auto m = model({width, {5, identity}, {width, identity}});
    std::string const message = test::message_of<NonFinite>([&] { (void)m.fit(view(x_), {.batch = 3, .loss = Loss::bce}); });
    EXPECT_NE(std::string::npos, message.find("leaves [0, 1]")) << message;
}

TEST_P(Refusal, OfDecodingWithoutADecoder) {
    auto const m = model({width, {4, identity}});
    EXPECT_EQ("Model::decode: this network has no decoder: all its 1 layers belong to the encoder",
              test::message_of<InvalidArgument>([&] { (void)m.decode(view(x_)); }));
}

}  // namespace
}  // namespace ca3::autoencoder
