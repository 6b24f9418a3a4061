#include "autoencoder/cpu_kernels.hpp"
#include "autoencoder/training_cases.hpp"
#include "io/files.hpp"
#include "support/compare.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/digits.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

/// Models whose products are bf16 on the CPU: near f64 within derived bounds, the same bits for any threads, with and without interruption.
namespace ca3::autoencoder {
namespace {

using training_test::numbers;
using training_test::view;

bool available(InstructionSet set) {
    return cpu::kernels_for(set, Precision::bf16) != nullptr;
}

std::vector<float> values(std::int64_t count, std::uint64_t seed) {
    std::vector<float> x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random::uniform(seed, random::Purpose::user, 0, 0, i));
    return x;
}

TEST(Bf16, IsRefusedWhereTheProcessorOrTheInstructionSetLacksIt) {
    for (auto const set : supported_instruction_sets()) {
        Context const context = Context::cpu({1, set});
        auto const refused = [&](Precision precision) {
            return test::message_of<InvalidArgument>([&] { (void)Model(context, {3, {3, relu}}, {.precision = precision}); });
        };
        EXPECT_NE(refused(Precision::tf32)
                      .find(available(set) ? "precision tf32 is not available on the cpu backend; f32 and bf16 are"
                                           : "precision tf32 is not available on the cpu backend; f32 is"),
                  std::string::npos);
        if (available(set)) continue;
        EXPECT_NE(refused(Precision::bf16)
                      .find("precision bf16 is not available on the cpu backend, instruction set " + std::string(to_string(set)) +
                            ", without AVX-512 BF16; f32 is"),
                  std::string::npos);
    }
    EXPECT_FALSE(available(InstructionSet::avx2));
}

class CpuBf16Model : public testing::Test {
protected:
    void SetUp() override {
        if (!available(Context::cpu().instruction_set())) GTEST_SKIP() << "this processor has no AVX-512 BF16";
    }
    static Model model(Architecture const& net, int threads = 2, std::uint64_t seed = 5) {
        return Model(Context::cpu({threads}), net, {.seed = seed, .precision = Precision::bf16});
    }
};

// ---- near f64 --------------------------------------------------------------------------------------------------------

/// A matrix whose elements a computation missed by at most `error`.
struct Rough {
    std::int64_t rows, columns;
    std::vector<double> value, error;

    Rough(std::int64_t r, std::int64_t c) : rows(r), columns(c), value(static_cast<std::size_t>(r * c)), error(value.size(), 0.0) {}
    [[nodiscard]] std::size_t at(std::int64_t r, std::int64_t c) const { return static_cast<std::size_t>(r * columns + c); }
    [[nodiscard]] Rough transposed() const {
        Rough t(columns, rows);
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < columns; ++c) t.value[t.at(c, r)] = value[at(r, c)], t.error[t.at(c, r)] = error[at(r, c)];
        return t;
    }
};

constexpr double u = 0x1p-24;      ///< unit roundoff of f32
constexpr double coarse = 0x1p-8;  ///< and of bf16

double gamma(double n) {
    return n * u / (1.0 - n * u);
}

/// a b + bias. Operands that are off by ea and eb, then rounded, have a product that misses a b by at most
/// (|a| + ea) (|b| + eb) (1 + coarse)^2 - |a b|; to this the sum of k + 2 summands adds gamma(k + 2) times their absolute values.
Rough product(Rough const& a, Rough const& b, std::vector<double> const& bias = {}) {
    Rough c(a.rows, b.columns);
    for (std::int64_t r = 0; r < a.rows; ++r)
        for (std::int64_t o = 0; o < b.columns; ++o) {
            double sum = bias.empty() ? 0.0 : bias[static_cast<std::size_t>(o)], size = std::abs(sum), missed = 0.0;
            for (std::int64_t i = 0; i < a.columns; ++i) {
                double const x = a.value[a.at(r, i)], y = b.value[b.at(i, o)];
                double const largest =
                    (std::abs(x) + a.error[a.at(r, i)]) * (std::abs(y) + b.error[b.at(i, o)]) * std::pow(1.0 + coarse, 2);
                sum += x * y;
                missed += largest - std::abs(x * y);
                size += largest;
            }
            c.value[c.at(r, o)] = sum;
            c.error[c.at(r, o)] = missed + gamma(static_cast<double>(a.columns) + 2.0) * size;
        }
    return c;
}

Rough exact(std::int64_t rows, std::int64_t columns, std::vector<double> values) {
    Rough x(rows, columns);
    x.value = std::move(values);
    return x;
}

/// A bias is summed in f32.
Rough column_sums(Rough const& g) {
    Rough sums(1, g.columns);
    for (std::int64_t c = 0; c < g.columns; ++c) {
        double size = 0.0;
        for (std::int64_t r = 0; r < g.rows; ++r) {
            sums.value[sums.at(0, c)] += g.value[g.at(r, c)];
            sums.error[sums.at(0, c)] += g.error[g.at(r, c)];
            size += std::abs(g.value[g.at(r, c)]) + g.error[g.at(r, c)];
        }
        sums.error[sums.at(0, c)] += gamma(static_cast<double>(g.rows)) * size;
    }
    return sums;
}

void expect_within(Rough const& expected, std::vector<double> const& got, char const* what) {
    ASSERT_EQ(expected.value.size(), got.size()) << what;
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(expected.value[i], got[i], expected.error[i]) << what << " " << i;
}

struct Shape {
    std::int64_t width, code, rows;
};

class CpuBf16Step : public CpuBf16Model, public testing::WithParamInterface<Shape> {
protected:
    /// Two linear layers and the mean squared error of the input.
    static Architecture net() {
        Architecture two{GetParam().width, {GetParam().code, identity}, {GetParam().width, identity}};
        two.encoder_layers = 1;
        return two;
    }
    struct Step {
        double loss = 0.0, loss_error = 0.0;
        std::vector<Rough> parameters;  ///< gradients
        Rough inputs{0, 0};
    };
    static Step expected(Model const& model, std::vector<float> const& x) {
        auto const [width, code, rows] = GetParam();
        auto const tensors = model.parameters().tensors;
        auto const all = [&](char const* name) {
            io::Array const& t = tensors.at(name);
            return std::vector<double>(t.as<float>(), t.as<float>() + t.size());
        };
        Rough const input = exact(rows, width, {x.begin(), x.end()}), first = exact(code, width, all("encoder.0.weight")),
                    second = exact(width, code, all("decoder.0.weight"));
        Rough const hidden = product(input, first.transposed(), all("encoder.0.bias")),
                    output = product(hidden, second.transposed(), all("decoder.0.bias"));
        // d = y - x, 2 d and 2 d / n each round once, and so does 1 / n.
        Rough gradient(rows, width);
        Step step;
        double const share = 1.0 / static_cast<double>(rows * width);
        for (std::size_t i = 0; i < gradient.value.size(); ++i) {
            double const d = output.value[i] - input.value[i], e = output.error[i];
            gradient.value[i] = 2.0 * d * share;
            gradient.error[i] = 2.0 * share * (e + gamma(4.0) * (std::abs(d) + e));
            step.loss += d * d * share;
            // 16 partial sums of d d in f32
            double const largest = std::pow(std::abs(d) + e, 2);
            step.loss_error += share * (largest - d * d + gamma(static_cast<double>(width)) * largest);
        }
        Rough const below = product(gradient, second);
        step.parameters = {product(below.transposed(), input), column_sums(below), product(gradient.transposed(), hidden),
                           column_sums(gradient)};
        step.inputs = product(below, first);
        return step;
    }
};

TEST_P(CpuBf16Step, GradientsAreWithinTheRoundingOfTheirOperands) {
    auto const [width, code, rows] = GetParam();
    auto const x = values(rows * width, 3);
    Model const ours = model(net());
    Step const step = expected(ours, x);
    Gradients const got = ours.gradients(view(x, width));
    EXPECT_NEAR(step.loss, got.loss, step.loss_error);
    ASSERT_EQ(4u, got.parameters.size());
    char const* const names[] = {"encoder weight", "encoder bias", "decoder weight", "decoder bias"};
    for (std::size_t k = 0; k < 4; ++k) expect_within(step.parameters[k], got.parameters[k], names[k]);
    expect_within(step.inputs, got.inputs, "inputs");
    Model const plain(Context::cpu({2}), net(), {.seed = 5});
    EXPECT_NE(plain.gradients(view(x, width)).parameters[2], got.parameters[2]) << "operands are rounded";
}

/// p - rate g with one rounding of the fused product, of f32's rate and of what is kept.
TEST_P(CpuBf16Step, OfTrainingMovesTheMasterWeightsByTheGradient) {
    auto const [width, code, rows] = GetParam();
    auto const x = values(rows * width, 3);
    Model trained = model(net());
    Step const step = expected(trained, x);
    auto const before = trained.parameters().tensors;
    double const rate = 0.25;
    History const history =
        trained.fit(view(x, width), {.epochs = 1, .batch = rows, .optimizer = Sgd{.learning_rate = rate}, .shuffle = false});
    EXPECT_NEAR(step.loss, history.epochs.front().train_loss, step.loss_error);
    auto const after = trained.parameters().tensors;
    char const* const names[] = {"encoder.0.weight", "encoder.0.bias", "decoder.0.weight", "decoder.0.bias"};
    for (std::size_t k = 0; k < 4; ++k) {
        Rough const& g = step.parameters[k];
        for (std::size_t i = 0; i < g.value.size(); ++i) {
            auto const p = static_cast<double>(before.at(names[k]).as<float>()[i]);
            double const moved = p - rate * g.value[i], missed = rate * g.error[i];
            ASSERT_NEAR(moved, static_cast<double>(after.at(names[k]).as<float>()[i]), missed + u * (std::abs(moved) + missed))
                << names[k] << " " << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CpuBf16Step,
                         testing::Values(Shape{1, 1, 1}, Shape{31, 33, 2}, Shape{33, 31, 31}, Shape{32, 32, 33}, Shape{127, 17, 255},
                                         Shape{257, 127, 37}));

// ---- the same bits ---------------------------------------------------------------------------------------------------

constexpr std::int64_t width = 25;

/// Every kind of layer, products of odd sizes.
Architecture every_kind() {
    return {width,
            {33, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.2}},
            {17, prelu},
            {9, arctan, {.bias = false}},
            {3, gaussian},
            {9, unit_sphere},
            {17, leaky_relu, {.tied_to = 2}},
            {67, {Activation::Kind::prelu, 0.25, true}},
            {width, sigmoid}};
}

FitOptions every_option(std::vector<float> const& test) {
    return {.epochs = 4,
            .batch = 33,
            .optimizer = AdamW{.learning_rate = 2e-3, .l1 = 1e-4},
            .loss = Loss::bce,
            .penalties = {{1, 1e-4, Reduction::sum}},
            .kl_scale = 0.1,
            .clip_norm = 0.5,
            .corrupt = {GaussianNoise{0.2}, SaltAndPepper{0.1}},
            .test = view(test, width)};
}

TEST_F(CpuBf16Model, TrainsToTheSameBitsOnAnyThreadsAndInstructionSet) {
    auto const held = values(11 * width, 2);
    for (std::int64_t const batch : {7, 150}) {
        auto const train = values((2 * batch + 66) * width, 1);
        FitOptions options = every_option(held);
        options.batch = batch;
        std::vector<double> expected;
        std::vector<double> losses;
        for (auto const set : supported_instruction_sets())
            for (int const threads : {1, 2, 3}) {
                if (!available(set)) continue;
                Model trained(Context::cpu({threads, set}), every_kind(), {.seed = 5, .precision = Precision::bf16});
                std::vector<double> own;
                for (auto const& epoch : trained.fit(view(train, width), options).epochs)
                    own.insert(own.end(), {epoch.train_loss, epoch.test_loss});
                if (expected.empty()) expected = numbers(trained), losses = own;
                EXPECT_EQ(expected, numbers(trained)) << to_string(set) << " " << threads << ", batch " << batch;
                EXPECT_EQ(losses, own) << to_string(set) << " " << threads << ", batch " << batch;
            }
    }
}

/// Digits have pixels that are zero, which the products leave out; one step for each batch of odd size.
TEST_F(CpuBf16Model, TrainsAWiderNetworkToTheSameBitsOnAnyThreads) {
    Images const digits = synthetic_digits(310, 3);
    for (std::int64_t const batch : {63, 299}) {
        std::vector<double> expected;
        for (int const threads : {1, 2, 5}) {
            Model trained = model({784, {70, relu}, {10, identity}, {70, relu}, {784, sigmoid}}, threads);
            auto const history = trained.fit(digits, {.epochs = 4, .batch = batch});
            EXPECT_LT(history.epochs.back().train_loss, history.epochs.front().train_loss);
            if (expected.empty()) expected = numbers(trained);
            EXPECT_EQ(expected, numbers(trained)) << threads << ", batch " << batch;
        }
    }
}

TEST_F(CpuBf16Model, ResumedFromACheckpointEqualsNoInterruption) {
    auto const train = values(80 * width, 1), held = values(11 * width, 2);
    io::test::Folder const folder;
    std::string const file = folder / "file";
    FitOptions options = every_option(held);
    Model whole = model(every_kind());
    History const expected = whole.fit(view(train, width), options);

    Model begun = model(every_kind());
    FitOptions part = options;
    part.checkpoint = file;
    part.on_epoch = [](EpochReport const& report) { return report.epoch < 2; };
    EXPECT_EQ(Stop::callback, begun.fit(view(train, width), part).stop);

    Model resumed = model(every_kind(), 1, 99);
    resumed.load_checkpoint(file);
    options.resume = true;
    options.seed = 5;
    History const history = resumed.fit(view(train, width), options);
    EXPECT_EQ(numbers(whole), numbers(resumed));
    ASSERT_EQ(expected.epochs.size(), history.epochs.size());
    EXPECT_EQ(expected.epochs.back().train_loss, history.epochs.back().train_loss);
    EXPECT_EQ(expected.epochs.back().test_loss, history.epochs.back().test_loss);
}

/// The step at which numbers came up that are not finite is taken back, and so are the copies that the products read.
TEST_F(CpuBf16Model, AThrowLeavesTheModelAsItWasBeforeTheStep) {
    auto const x = values(20 * width, 1);
    Architecture const net{width, {9, relu}, {width, identity}};
    FitOptions options{.epochs = 1, .batch = 20, .optimizer = Sgd{.learning_rate = 1e12}, .shuffle = false};
    Model once = model(net), twice = model(net);
    (void)once.fit(view(x, width), options);
    options.epochs = 2;
    EXPECT_THROW((void)twice.fit(view(x, width), options), NonFinite);
    EXPECT_EQ(numbers(once), numbers(twice));
    EXPECT_EQ(once.reconstruct(view(x, width)), twice.reconstruct(view(x, width)));
}

// ---- what does not train ---------------------------------------------------------------------------------------------

TEST_F(CpuBf16Model, ReconstructsDecodesItsCodesAndEvaluatesAlike) {
    Architecture const net{width, {300, hyperbolic_tangent}, {3, identity}, {301, hyperbolic_tangent}, {width, sigmoid}};
    auto const x = values(513 * width, 1);
    std::vector<float> expected;
    for (int const threads : {1, 2, 3}) {
        Model const ours = model(net, threads);
        auto const y = ours.reconstruct(view(x, width)), code = ours.encode(view(x, width));
        if (expected.empty()) expected = y;
        EXPECT_EQ(expected, y) << threads;
        EXPECT_EQ(y, ours.decode(view(code, 3))) << threads;
        double sum = 0.0;
        for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow(static_cast<double>(y[i]) - static_cast<double>(x[i]), 2);
        // The squares below 1 are rounded, and so are their sums in f32: at most 25 of them in each row.
        for (std::int64_t const batch : {1, 7, 256})
            EXPECT_NEAR(sum / static_cast<double>(x.size()), ours.evaluate(view(x, width), {}, {}, batch), gamma(28.0)) << batch;
    }
    Model const plain(Context::cpu({2}), net, {.seed = 5});
    EXPECT_NE(plain.reconstruct(view(x, width)), expected);
}

/// The copies that the products read follow the parameters.
TEST_F(CpuBf16Model, ComputesWithTheParametersThatItIsGiven) {
    auto const x = values(40 * width, 1);
    Model trained = model(every_kind()), given = model(every_kind(), 2, 6);
    (void)trained.fit(view(x, width), {.epochs = 3, .batch = 9});
    given.set_parameters(trained.parameters());
    EXPECT_EQ(trained.reconstruct(view(x, width)), given.reconstruct(view(x, width)));
    Gradients const a = trained.gradients(view(x, width)), b = given.gradients(view(x, width));
    EXPECT_EQ(a.parameters, b.parameters);
    EXPECT_EQ(a.inputs, b.inputs);
}

}  // namespace
}  // namespace ca3::autoencoder
