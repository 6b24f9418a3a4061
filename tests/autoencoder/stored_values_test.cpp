#include "support/compare.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/digits.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

/// 100 steps of two trainings, against losses that the f64 reference gave on 2026-11-26, when tests/peers/autoencoder_steps.py found it to
/// agree with PyTorch 2.15 in f64 to 1e-14. In f32 a loss may be off by the rounding of its mean (1e-7) and by what 100 steps make of
/// rounding in the gradients: below 2e-6 of the loss for PyTorch's own f32 in that script, for which 1e-5 is allowed here.
namespace ca3::autoencoder {
namespace {

struct Stored {
    Architecture architecture;
    FitOptions fit;
    std::array<double, 5> losses;  ///< of epochs 1, 3, 5, 7, 10
};

std::vector<double> losses(Context const& context, Stored const& stored, Precision precision) {
    static Images const digits = synthetic_digits(200, 1);
    Model model(context, stored.architecture, {.seed = 7, .precision = precision});
    History const history = model.fit(digits, stored.fit);
    std::vector<double> list;
    for (std::size_t const e : {0, 2, 4, 6, 9}) list.push_back(history.epochs[e].train_loss);
    return list;
}

void expect_stored(Stored const& stored) {
    std::vector<double> const exact = losses(Context::reference(), stored, Precision::f64);
    std::vector<double> const fast = losses(Context::cpu({2}), stored, Precision::f32);
    for (std::size_t i = 0; i < exact.size(); ++i) {
        // libm's exponentials may differ in the last bit from machine to machine.
        EXPECT_NEAR(stored.losses[i], exact[i], 1e-10 * exact[i]);
        EXPECT_NEAR(stored.losses[i], fast[i], 1e-5 * exact[i]);
    }
}

TEST(StoredValues, SigmoidAutoencoderOfFiftyUnits) {
    expect_stored({{784, {50, sigmoid}, {784, sigmoid}},
                   {.epochs = 10, .batch = 20, .optimizer = Adam{1e-2}},
                   {0.1171120915110051, 0.0639786310082355, 0.06068483229920418, 0.05775565584527707, 0.05374208529513854}});
}

TEST(StoredValues, NetworkWithALayerOfEveryKind) {
    expect_stored({{784,
                    {20, hyperbolic_tangent, {.batch_norm = true, .dropout = 0.25}},
                    {16, prelu},
                    {9, arctan},
                    {3, gaussian},
                    {9, unit_sphere},
                    {16, {Activation::Kind::prelu, 0.25, true}, {.tied_to = 2}},
                    {20, leaky_relu},
                    {20, relu},
                    {20, softmax},
                    {20, log_softmax},
                    {784, sigmoid}},
                   {.epochs = 10,
                    .batch = 20,
                    .optimizer = AdamW{3e-3},
                    .loss = Loss::bce,
                    .penalties = {{7, 1e-5}},
                    .kl_scale = 0.1,
                    .clip_norm = 1.0},
                   {0.740750323871697, 0.2875042228431736, 0.251897943823238, 0.2470045593412168, 0.2452351409590619}});
}

}  // namespace
}  // namespace ca3::autoencoder
