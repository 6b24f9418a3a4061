#include "autoencoder/training_cases.hpp"
#include "io/files.hpp"
#include "support/compare.hpp"

#include <ca3/digits.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

/// Whole trainings: against plain definitions, and against themselves for any threads, instruction sets and interruptions.
namespace ca3::autoencoder::training_test {
namespace {

/// A layer of every kind.
Architecture every_kind() {
    return {width,
            {33, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.2}},
            {17, prelu, {.unit_sphere = true, .dropout = 0.1}},
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

/// The sums of large batches are made in halves of the rows; those of the last batch of each epoch are not.
TEST(Training, OfLargeBatchesIsBitIdenticalForAnyThreadsAndInstructionSet) {
    auto const train = images(333), held = images(11, 2);
    for (double const clip : {0.0, 0.5}) {
        std::optional<std::vector<double>> expected;
        History first;
        FitOptions options = every_option(held);
        options.batch = 150;
        options.clip_norm = clip;
        for (auto const set : supported_instruction_sets())
            for (int const threads : {1, 2, 3, 4}) {
                Model model(Context::cpu({threads, set}), every_kind(), {.seed = 5});
                History const history = model.fit(view(train), options);
                if (!expected) {
                    expected = numbers(model);
                    first = history;
                    continue;
                }
                EXPECT_EQ(*expected, numbers(model)) << to_string(set) << " " << threads;
                expect_same(first, history);
            }
    }
}

TEST(Training, OfAWiderNetworkIsBitIdenticalForAnyThreads) {
    Images const digits = synthetic_digits(310, 3);
    for (std::int64_t const batch : {64, 300}) {
        std::optional<std::vector<double>> expected;
        for (int const threads : {1, 2, 5}) {
            Model model(Context::cpu({threads}), {784, {70, relu}, {10, identity}, {70, relu}, {784, sigmoid}}, {.seed = 5});
            (void)model.fit(digits, {.epochs = 2, .batch = batch});
            if (!expected) expected = numbers(model);
            EXPECT_EQ(*expected, numbers(model)) << batch << " " << threads;
        }
    }
}

TEST(Training, ResumedFromACheckpointEqualsNoInterruption) {
    auto const train = images(40), held = images(11, 2);
    io::test::Folder const folder;
    std::string const file = folder / "file";
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

/// Widths that fill no register: a sigmoid gives 1/2 beside the units that there are, which no penalty may count in the norm. SGD with rate
/// 1 takes 6 steps of at most clip_norm here, each off by some 100 roundings of weights of size 1.
TEST(Training, ClippingSeesThePenaltiesOfTheUnitsAlone) {
    auto const train = images(24);
    for (Reduction const reduction : {Reduction::sum, Reduction::mean})
        for (bool const normalised : {false, true}) {
            Architecture const net{width, {7, sigmoid, {.batch_norm = normalised}}, {width, sigmoid}};
            FitOptions const options{
                .epochs = 2, .batch = 8, .optimizer = Sgd{1.0}, .penalties = {{0, 0.1, reduction}, {1, 0.1, reduction}}, .clip_norm = 0.1};
            Model exact(Context::reference(), net, {.seed = 1, .precision = Precision::f64}), fast(Context::cpu({2}), net, {.seed = 1});
            (void)exact.fit(view(train), options);
            (void)fast.fit(view(train), options);
            EXPECT_TRUE(test::all_near(numbers(exact), numbers(fast), 6 * 100 * 0x1p-24));
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

}  // namespace
}  // namespace ca3::autoencoder::training_test
