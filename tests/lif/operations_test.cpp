#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/lif_operations.hpp"

#include <ca3/error.hpp>
#include <ca3/lif.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

class LifOperations : public OnEveryBackend {};

TEST_P(LifOperations, StepIsThatOfTheReferenceOnOddSizes) {
#ifdef CA3_SANITIZED
    std::vector<std::int64_t> const counts{1, 17, 529};
#else
    std::vector<std::int64_t> const counts{1, 15, 17, 1024, 1041};
#endif
    for (std::int64_t const count : counts) {
        for (Synapse const synapse : {Synapse::delta, Synapse::exponential, Synapse::alpha, Synapse::conductance}) {
            for (int const variant : {0, 1, 2, 3, 4, 5, 6, 7}) {
                bool const one = (variant & 1) != 0 && synapse != Synapse::conductance, own = (variant & 2) != 0, f64 = (variant & 4) != 0;
                ASSERT_TRUE(same_values(stepped_neurons(Context::reference(), synapse, one, own, f64, count),
                                        stepped_neurons(context(), synapse, one, own, f64, count)))
                    << to_string(synapse) << ", variant " << variant << ", " << count << " neurons";
            }
        }
    }
}

TEST_P(LifOperations, PoissonNumbersAreThoseOfTheReferenceInAnyRange) {
    for (double const mean : {0.0, 1e-4, 0.7, 2.3, 40.0, 3e4}) {
        for (std::int64_t const first : {0, 1, 127, 1000}) {
            for (std::int64_t const count : {0, 1, 9, 129, 1500}) {
                ASSERT_TRUE(
                    same_values(poisson_numbers(Context::reference(), mean, first, count), poisson_numbers(context(), mean, first, count)))
                    << "mean " << mean << ", from " << first << ", " << count;
            }
        }
    }
}

TEST_P(LifOperations, DeliveryIsThatOfTheReference) {
    EXPECT_TRUE(same_values(delivered_sums(Context::reference(), 33, 70), delivered_sums(context(), 33, 70)));
}

TEST_P(LifOperations, ConnectDrawsTheProjectionOfANetwork) {
    ConnectOptions const options{.sources = 40,
                                 .targets = 30,
                                 .rule = FixedInDegree{7},
                                 .synapse = {.weight = Distribution::normal(2.0, 0.3), .delay_ms = Distribution::normal(1.5, 0.7)},
                                 .unit = 0x1p-20,
                                 .seed = 9};
    Network net(context(), {.seed = 9, .precision = Precision::f64});
    auto const a = net.add_population("a", 40, LifParameters{});
    auto const b = net.add_population("b", 30, LifParameters{});
    auto const projection = net.connect(a, b, options.rule, options.synapse);
    auto const expected = net.connections(projection);

    std::vector<std::int64_t> offset(41);
    connect_offsets(context(), options, offset);
    ASSERT_EQ(offset.back(), 210);
    Buffer<std::int32_t> target(context(), 210), weight(context(), 210);
    Buffer<std::uint16_t> delay(context(), 210);
    connect(context(), options, target.data(), weight.data(), delay.data());
    std::vector<std::int32_t> targets(210), weights(210);
    std::vector<std::uint16_t> delays(210);
    target.copy_to_host(targets.data());
    weight.copy_to_host(weights.data());
    delay.copy_to_host(delays.data());
    for (std::int64_t s = 0; s < 40; ++s) {
        for (std::int64_t k = offset[static_cast<std::size_t>(s)]; k < offset[static_cast<std::size_t>(s) + 1]; ++k) {
            auto const i = static_cast<std::size_t>(k);
            ASSERT_EQ(expected[i].source, s);
            ASSERT_EQ(expected[i].target, targets[i]);
            ASSERT_EQ(expected[i].delay_steps, delays[i]);
            // Both are the same weight, each rounded to its grid.
            ASSERT_NEAR(expected[i].weight, weights[i] * 0x1p-20, 0x1p-21 + net.weight_resolution(b) / 2);
        }
    }
}

CA3_ON_EVERY_BACKEND(LifOperations);

TEST(LifOperationsRefuse, WhatDoesNotFit) {
    auto const context = Context::reference();
    float v = 0;
    std::uint16_t rest = 0;
    std::uint8_t spiked = 0;
    NeuronArrays<float> neurons{.count = 1, .v = &v, .refractory_steps = &rest};
    auto const step_with = [&](LifParameters const& p, double h, NeuronArrays<float> const& n) {
        return message_of<InvalidArgument>([&] { lif::step<float>(context, p, h, n, {}, &spiked); });
    };
    EXPECT_NE(step_with({}, 0.0, neurons).find("step_ms"), std::string::npos);
    EXPECT_NE(step_with({}, 0.1, neurons).find("array"), std::string::npos);
    EXPECT_NE(step_with({.tau_m_ms = 0.0}, 0.1, neurons).find("tau_m_ms"), std::string::npos);
    EXPECT_NE(step_with({.synapse = Synapse::delta}, 0.1, {.count = -1}).find("count"), std::string::npos);
    EXPECT_NE(message_of<InvalidArgument>([&] { poisson(context, -1.0, 1, 0, 0, 0, {}); }).find("negative"), std::string::npos);
    EXPECT_NE(message_of<InvalidArgument>([&] { deliver(context, {}, {}, -1, {.slots = 2}); }).find("step"), std::string::npos);
    std::vector<std::int64_t> offset(3);
    EXPECT_NE(message_of<InvalidArgument>([&] {
                  connect_offsets(context, {.sources = 5, .targets = 5, .rule = OneToOne{}}, offset);
              }).find("6 entries"),
              std::string::npos);
    EXPECT_NE(message_of<Overflow>([&] {
                  connect_offsets(context, {.sources = 2, .targets = 2, .rule = OneToOne{}, .synapse = {.weight = 1e6}, .unit = 1e-6},
                                  offset);
              }).find("31 bits"),
              std::string::npos);
}

}  // namespace
}  // namespace ca3::test
