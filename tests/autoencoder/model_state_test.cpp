#include "autoencoder/training_cases.hpp"
#include "io/files.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

/// What a model keeps from call to call: counts, the optimizer, and the numbers of its last finished step when something is thrown.
namespace ca3::autoencoder::training_test {
namespace {

class ModelKeeps : public test::OnEveryBackend {
protected:
    [[nodiscard]] Model model(Architecture const& net = {width, {5, sigmoid}, {width, sigmoid}}) const {
        return Model(context(), net, {.seed = 3});
    }
    std::vector<float> x_ = images(12);
};
CA3_ON_EVERY_BACKEND(ModelKeeps);

TEST_P(ModelKeeps, CountsOfBatchesThatNoFloatHolds) {
    std::int64_t const before = (1 << 24) + 1;
    auto m = model({width, {5, relu, {.batch_norm = true}}, {width, sigmoid}});
    auto const count = [&m] { return m.parameters().tensors.at("encoder.1.num_batches_tracked").as<std::int64_t>()[0]; };
    auto tensors = m.parameters();
    tensors.tensors.at("encoder.1.num_batches_tracked").as<std::int64_t>()[0] = before;
    m.set_parameters(tensors);
    EXPECT_EQ(before, count());
    (void)m.fit(view(x_), {.epochs = 2, .batch = 4});
    EXPECT_EQ(before + 6, count());
}

TEST_P(ModelKeeps, WhatItHadBeforeACallbackThrew) {
    FitOptions const once{.epochs = 1, .batch = 4};
    auto expected = model();
    (void)expected.fit(view(x_), once);

    FitOptions options{.epochs = 3, .batch = 4};
    options.on_epoch = [](EpochReport const&) -> bool { throw std::runtime_error("stop"); };
    auto m = model();
    EXPECT_THROW((void)m.fit(view(x_), options), std::runtime_error);
    EXPECT_EQ(numbers(expected), numbers(m));
    EXPECT_EQ(1, m.epochs_trained());

    options.on_epoch = {};
    options.on_progress = [](std::int64_t, std::int64_t) { throw std::runtime_error("stop"); };  // after the first 8 steps or sooner
    auto other = model();
    EXPECT_THROW((void)other.fit(view(x_), options), std::runtime_error);
    EXPECT_EQ(numbers(expected), numbers(other));  // the 3 steps of an epoch
    EXPECT_EQ(0, other.epochs_trained());
}

/// The numbers of steps in the random streams have 32 bits.
TEST_P(ModelKeeps, TrainingUpToStepsThatHaveNoNumber) {
    io::test::Folder const folder;
    auto m = model();
    (void)m.fit(view(x_), {.epochs = 1, .batch = 4});
    m.save_checkpoint(folder / "file");
    auto file = io::read_safetensors(folder / "file");
    std::string& progress = file.metadata.at("progress");
    std::string const batches = R"("batches":)";
    progress.replace(progress.find(batches), batches.size() + 1, batches + std::to_string((std::int64_t{1} << 32) - 4));
    io::write_safetensors(folder / "file", file);
    m.load_checkpoint(folder / "file");

    auto same = model();
    (void)same.fit(view(x_), {.epochs = 2, .batch = 4});  // nothing of it is drawn
    EXPECT_EQ(2, m.fit(view(x_), {.epochs = 2, .batch = 4, .resume = true}).epochs.back().epoch);
    EXPECT_EQ(numbers(same), numbers(m));
    std::string const message = test::message_of<Overflow>([&] { (void)m.fit(view(x_), {.epochs = 3, .batch = 4, .resume = true}); });
    EXPECT_NE(std::string::npos, message.find("2^32 steps")) << message;
    EXPECT_EQ(numbers(same), numbers(m));
}

TEST_P(ModelKeeps, ThatItsTrainingHasStopped) {
    FitOptions options{.epochs = 9, .batch = 4, .optimizer = Sgd{0.0}, .early_stop = {.patience = 2}};
    auto m = model();
    EXPECT_EQ(3u, m.fit(view(x_), options).epochs.size());
    options.resume = true;
    History const again = m.fit(view(x_), options);
    EXPECT_EQ(3u, again.epochs.size());
    EXPECT_EQ(Stop::early, again.stop);
    options.early_stop.patience = 4;
    EXPECT_EQ(5u, m.fit(view(x_), options).epochs.size());
    options.test = view(x_);  // of which the epochs before have no loss
    EXPECT_EQ(9u, m.fit(view(x_), options).epochs.size());
    EXPECT_EQ(Stop::finished, m.fit(view(x_), options).stop);
}

// ---- many at once ----------------------------------------------------------------------------------------------------

TEST_P(ModelKeeps, TheOptimizerOfATrainingOfMany) {
    std::vector<Variant> const variants{{3, 0.0}, {4, 5e-3}};
    Architecture const net{width, {5, relu, {.batch_norm = true, .dropout = 0.2}}, {width, sigmoid}};
    FitOptions options{.epochs = 2, .batch = 4, .corrupt = {GaussianNoise{0.1}}};
    Ensemble many = fit_many(context(), net, variants, view(x_), options);
    for (std::size_t i = 0; i < variants.size(); ++i) {
        FitOptions own = options;
        own.epochs = 4;
        own.seed = variants[i].seed;
        own.optimizer = Adam{.learning_rate = variants[i].learning_rate > 0.0 ? variants[i].learning_rate : 1e-3};
        Model alone(context(), net, {.seed = variants[i].seed});
        History const whole = alone.fit(view(x_), own);
        own.resume = true;
        EXPECT_EQ(2, many.models[i].epochs_trained());
        expect_same(whole, many.models[i].fit(view(x_), own));
        EXPECT_EQ(numbers(alone), numbers(many.models[i])) << i;
    }
}

TEST_P(ModelKeeps, LearningRatesOfVariantsInTheirDomain) {
    Architecture const net{width, {5, sigmoid}, {width, sigmoid}};
    for (double const rate : {-1e-3, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        std::vector<Variant> const variants{{1, 0.0}, {2, rate}};
        std::string const message =
            test::message_of<InvalidArgument>([&] { (void)fit_many(context(), net, variants, view(x_), {.batch = 4}); });
        EXPECT_NE(std::string::npos, message.find("variants[1].learning_rate must be finite and not negative")) << message;
    }
}

// ---- classes that do not count ---------------------------------------------------------------------------------------

TEST_P(ModelKeeps, TheMeanOverSamplesThatCountWhateverTheBatch) {
    auto const m = model({width, {4, identity}});
    std::vector<std::int64_t> const classes{0, -100, -100, 1, -100, -100, 3, 2, -100, 0, -100, -100};
    std::vector<std::int64_t> const none(12, -100);
    Objective const objective{.loss = Loss::cross_entropy};
    double const expected = m.evaluate(view(x_), objective, std::span(classes), 12);
    double sum = 0.0;
    for (std::size_t i = 0; i < classes.size(); ++i) {
        if (classes[i] < 0) continue;
        std::vector<float> const one(x_.begin() + static_cast<std::ptrdiff_t>(i) * width,
                                     x_.begin() + static_cast<std::ptrdiff_t>(i + 1) * width);
        sum += m.evaluate(view(one), objective, std::span(classes).subspan(i, 1));
    }
    // A row's loss does not depend on its batch; five of them, below 4, are added in f64.
    constexpr double bound = 5 * 5 * 4 * 0x1p-53;
    EXPECT_NEAR(expected, sum / 5.0, bound);
    for (std::int64_t const batch : {1, 2, 5}) EXPECT_NEAR(expected, m.evaluate(view(x_), objective, std::span(classes), batch), bound);
    EXPECT_TRUE(std::isnan(m.evaluate(view(x_), objective, std::span(none), 5)));
}

}  // namespace
}  // namespace ca3::autoencoder::training_test
