// The CUDA engine of autoencoders on the host executor, against the reference.
#include "autoencoder/cuda_models.hpp"
#include "kernels/autoencoder_cases.hpp"
#include "support/compare.hpp"
#include "support/simt/executor.hpp"

#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ca3::autoencoder::test {
namespace {

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
    std::string const message = ca3::test::message_of<InvalidArgument>([] {
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

/// Through the public functions: the same bits as one after the other, and again where both go on.
TEST(AutoencoderKernels, FitManyTrainsEachModelAsFitDoes) {
    Images const digits = synthetic_digits(40, 3);
    std::vector<float> x;
    for (std::int64_t n = 0; n < digits.count; ++n)
        for (std::int64_t i = 0; i < 33; ++i)
            x.push_back(static_cast<float>(digits.pixels[static_cast<std::size_t>(n * 784 + 300 + i)]) / 255.0f);
    Samples const samples = MatrixView<float const>(x.data(), digits.count, 33);
    Architecture const net{33, {5, sigmoid, {.batch_norm = true, .dropout = 0.1}}, {33, sigmoid}};
    FitOptions const options{.epochs = 2, .batch = 16, .corrupt = {GaussianNoise{0.1}}, .test = samples};
    std::vector<Variant> const variants{{1, 0.0}, {2, 0.02}, {3, 0.05}};
    Ensemble together = fit_many(Context::cuda(), net, variants, samples, options);
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
        own.seed = variants[m].seed;
        own.epochs = 3;
        own.resume = true;
        EXPECT_EQ(2, together.models[m].epochs_trained());
        EXPECT_EQ(one.fit(samples, own).epochs.back().train_loss, together.models[m].fit(samples, own).epochs.back().train_loss);
        for (auto const& [name, tensor] : one.parameters().tensors)
            EXPECT_EQ(tensor.data, together.models[m].parameters().tensors.at(name).data) << name;
    }
}

}  // namespace
}  // namespace ca3::autoencoder::test
