#include "autoencoder/training_cases.hpp"
#include "support/compare.hpp"

#include <ca3/digits.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

/// Small batches of large networks, of which threads share the panels of each layer, not the rows (cpu::Pass::worth_panels).
namespace ca3::autoencoder::training_test {
namespace {

/// Of widths that two, three and four threads share well, or else they share the rows.
Architecture large() {
    return {784,
            {768, relu},
            {30, Activation{Activation::Kind::prelu, 0.25, true}},
            {768, arctan, {.bias = false}},
            {768, hyperbolic_tangent},
            {784, sigmoid}};
}

TEST(TrainingByPanels, IsBitIdenticalForAnyThreadsAndInstructionSet) {
    Images const digits = synthetic_digits(62, 3);
    auto const sets = supported_instruction_sets();
    // Batches of which threads transpose the gradients, all or some, and none (cpu::Pass::worth_turning).
    for (auto const& [loss, batch, clip] : {std::tuple{Loss::mse, 31, 0.0}, {Loss::l1, 48, 0.01}, {Loss::bce, 37, 0.0}}) {
        FitOptions options{.epochs = 2, .batch = batch, .loss = loss, .clip_norm = clip};
        if (loss == Loss::l1) options.corrupt = {SaltAndPepper{0.2}};
        Model one(Context::cpu({1, sets.back()}), large(), {.seed = 5});
        History const first = one.fit(digits, options);
        for (auto const set : sets)
            for (int const threads : {1, 2, 3, 4}) {
                if (set != sets.back() && threads != 2) continue;
                Model model(Context::cpu({threads, set}), large(), {.seed = 5});
                History const history = model.fit(digits, options);
                EXPECT_EQ(numbers(one), numbers(model)) << to_string(loss) << " " << to_string(set) << " " << threads;
                expect_same(first, history);
            }
    }
}

/// A training that transposes gradients leaves the transposed weights as they are; whoever reads them next sees the trained ones.
TEST(TrainingByPanels, GradientsAndOtherBatchesReadTheTrainedWeights) {
    Images const digits = synthetic_digits(155, 3);
    auto some = images(251);
    some.resize(8 * 784);
    Model one(Context::cpu({1}), large(), {.seed = 5}), two(Context::cpu({2}), large(), {.seed = 5});
    int epochs = 0;
    auto const go_on = [&](std::int64_t batch) {
        ++epochs;
        for (Model* const model : {&one, &two})
            (void)model->fit(digits, {.epochs = epochs, .batch = batch, .seed = 1, .resume = epochs > 1});
    };
    go_on(31);
    EXPECT_EQ(one.gradients(view(some, 784)).inputs, two.gradients(view(some, 784)).inputs);
    for (std::int64_t const batch : {37, 155}) {  // by panels, by rows
        go_on(31);
        go_on(batch);
        EXPECT_EQ(numbers(one), numbers(two)) << batch;
    }
}

/// Gradients that are sums in halves, one of which may come from another thread in memory that held another matrix. Each parameter is off
/// by at most half a unit of its last place, 2^-29 below 1/16; the norm is cut to 0.01 norm / (norm + 1e-6), norm at least 0.01.
TEST(TrainingByPanels, ClippingSeesTheUnitsAlone) {
    Images const digits = synthetic_digits(37, 3);
    Architecture const net{784, {545, relu}, {753, hyperbolic_tangent}, {545, relu}, {784, sigmoid}};
    for (std::int64_t const batch : {31, 37})  // with gradients transposed, and with weights
        for (int const threads : {1, 2, 3, 4}) {
            Model model(Context::cpu({threads}), net, {.seed = 4});
            auto const before = numbers(model);
            (void)model.fit(digits, {.epochs = 1, .batch = batch, .drop_last = true, .optimizer = Sgd{1.0}, .clip_norm = 0.01});
            auto const after = numbers(model);
            double square = 0.0;
            for (std::size_t i = 0; i < before.size(); ++i) square += std::pow(after[i] - before[i], 2);
            EXPECT_NEAR(0.01, std::sqrt(square), std::sqrt(static_cast<double>(before.size())) * 0x1p-29 + 1e-6) << batch << " " << threads;
        }
}

}  // namespace
}  // namespace ca3::autoencoder::training_test
