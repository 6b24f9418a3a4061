#include "autoencoder/training_cases.hpp"
#include "support/compare.hpp"

#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

/// What a model refuses, and that it is left as it was.
namespace ca3::autoencoder::training_test {
namespace {

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
    EXPECT_EQ("Model::fit: targets: binary cross-entropy takes targets in [0, 1]; sample 1, value 5 is 1.5",
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

/// A rate of 1e18: after a step or two the loss is infinite.
TEST_P(Refusal, OfNonFiniteLossesLeavesTheModelAsBeforeTheStep) {
    Architecture const net{width, {5, identity, {.batch_norm = true}}, {width, identity}};
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

/// A batch of 2^20 rows has 2^40 hidden units, 4 TiB of f32.
TEST(MemoryOfAModel, ThatThereIsNotIsNamed) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers end the program where new would throw";
#endif
    Model m(Context::cpu({2}), {1, {1 << 20, relu}, {1}}, {.seed = 3});
    std::vector<std::uint8_t> const x(1 << 20, 255);
    MatrixView<std::uint8_t const> const all(x.data(), 1 << 20, 1), first(x.data(), 1, 1);
    auto const before = m.reconstruct(first);
    std::string const message = test::message_of<OutOfMemory>([&] { (void)m.fit(all, {.epochs = 1, .batch = 1 << 20}); });
    EXPECT_NE(std::string::npos, message.find("Model::fit")) << message;
    EXPECT_EQ(before, m.reconstruct(first));
}

TEST_P(Refusal, OfDecodingWithoutADecoder) {
    auto const m = model({width, {4, identity}});
    EXPECT_EQ("Model::decode: this network has no decoder: all its 1 layers belong to the encoder",
              test::message_of<InvalidArgument>([&] { (void)m.decode(view(x_)); }));
}

}  // namespace
}  // namespace ca3::autoencoder::training_test
