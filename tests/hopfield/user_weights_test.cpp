#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace ca3::hopfield {
namespace {

using test::message_of;
using test::view;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

class GivenWeights : public test::OnEveryBackend {
protected:
    template <class T>
    [[nodiscard]] Memory given(std::vector<T> const& weights, std::int64_t d, std::vector<double> const& bias = {},
                               bool keep_diagonal = false) const {
        return Memory::from_weights(context(), view(weights, d, d), bias, {.rule = Rule::weights, .keep_diagonal = keep_diagonal});
    }
};
CA3_ON_EVERY_BACKEND(GivenWeights);

TEST_P(GivenWeights, OfAnyTypeMakeTheSameMemory) {
    std::int64_t const d = 37, B = 9;
    test::Random random(1);
    std::vector<std::int32_t> integers;
    for (std::int64_t k = 0; k < d * d; ++k) integers.push_back(static_cast<std::int32_t>(random.between(-1000, 1000)));
    std::vector<float> const floats(integers.begin(), integers.end());
    std::vector<double> const doubles(integers.begin(), integers.end());
    auto const cues = test::random_states(B, d, 0.2, 2);
    for (bool const keep : {false, true}) {
        auto const expected = given(integers, d, {}, keep).recall(view(cues, B, d), {.max_sweeps = 7});
        EXPECT_TRUE(test::same_recall(expected, given(floats, d, {}, keep).recall(view(cues, B, d), {.max_sweeps = 7})));
        EXPECT_TRUE(test::same_recall(expected, given(doubles, d, {}, keep).recall(view(cues, B, d), {.max_sweeps = 7})));
    }
}

TEST_P(GivenWeights, AreReadThroughTheirStride) {
    std::vector<std::int32_t> const wide{0, 1, 99, 1, 0, 99};
    auto const m = Memory::from_weights(context(), MatrixView<std::int32_t const>(wide.data(), 2, 2, 3));
    EXPECT_EQ(m.weights(), (std::vector<double>{0, 1, 1, 0}));
}

// h is an integer and so is exactly -h: comparing the double b with it is real arithmetic.
TEST_P(GivenWeights, AnyBiasDecidesAsRealArithmeticWould) {
    std::int64_t const d = 24;
    test::Random random(3);
    std::vector<std::int32_t> w;
    for (std::int64_t k = 0; k < d * d; ++k) w.push_back(static_cast<std::int32_t>(random.between(-3, 3)));
    for (int round = 0; round < 40; ++round) {
        auto const s = test::random_states(1, d, 0.2, static_cast<std::uint64_t>(round));
        std::vector<double> h(static_cast<std::size_t>(d), 0.0), bias;
        for (std::size_t i = 0; i < s.size(); ++i)
            for (std::size_t j = 0; j < s.size(); ++j) h[i] += i == j ? 0 : w[i * s.size() + j] * s[j];
        for (double const field : h) {
            std::vector<double> const choices{-field,
                                              std::nextafter(-field, infinity),
                                              std::nextafter(-field, -infinity),
                                              -field + 0.5,
                                              -field - 0.5,
                                              random.normal() * 10,
                                              1e18 * random.normal(),
                                              0.1 - field};
            bias.push_back(random.pick(choices));
        }
        auto const m = given(w, d, bias);
        for (Tie const tie : {Tie::keep, Tie::plus, Tie::minus, Tie::zero}) {
            auto const swept = m.recall(view(s, 1, d), {.tie = tie, .max_sweeps = 1}).states;
            for (std::size_t i = 0; i < s.size(); ++i) {
                int const tied = tie == Tie::keep ? s[i] : tie == Tie::plus ? 1 : tie == Tie::minus ? -1 : 0;
                int const expected = bias[i] > -h[i] ? 1 : bias[i] < -h[i] ? -1 : tied;
                ASSERT_EQ(swept[i], expected) << "field " << h[i] << ", bias " << bias[i];
            }
        }
    }
}

// Every weight moves by at most half a unit, and fields are exact sums of the moved ones: below 2^60 units they fit the 64-bit significand
// of long double without rounding.
TEST_P(GivenWeights, RealOnesAreRoundedOnceToTheResolution) {
    std::int64_t const d = 31;
    test::Random random(4);
    std::vector<double> w;
    for (std::int64_t k = 0; k < d * d; ++k) w.push_back(random.normal() * std::exp2(static_cast<double>(random.between(-40, 3))));
    auto const m = given(w, d, {}, true);
    auto const grid = m.weights();
    double const unit = m.resolution();
    ASSERT_GT(unit, 0);
    for (std::size_t k = 0; k < w.size(); ++k) {
        EXPECT_EQ(grid[k] / unit, std::nearbyint(grid[k] / unit));
        ASSERT_LE(std::abs(w[k] - grid[k]), 0.5 * unit * (1 + 1e-9));
    }
    EXPECT_GT(m.field_bound(), 0);
    EXPECT_LE(m.field_bound(), static_cast<double>(d) * unit);
    EXPECT_LT(unit, 1e-14) << "64 bits leave a finer grid than that for fields below 2^8";
    auto const states = test::random_states(5, d, 0.1, 5);
    auto const fields = m.fields(view(states, 5, d));
    for (std::size_t b = 0; b < 5; ++b)
        for (std::size_t i = 0; i < static_cast<std::size_t>(d); ++i) {
            long double sum = 0, real = 0;
            for (std::size_t j = 0; j < static_cast<std::size_t>(d); ++j) {
                sum += static_cast<long double>(grid[i * static_cast<std::size_t>(d) + j]) * states[b * static_cast<std::size_t>(d) + j];
                real += static_cast<long double>(w[i * static_cast<std::size_t>(d) + j]) * states[b * static_cast<std::size_t>(d) + j];
            }
            ASSERT_EQ(fields[b * static_cast<std::size_t>(d) + i], static_cast<double>(sum));
            ASSERT_LE(std::abs(static_cast<double>(real - sum)), m.field_bound());
        }
}

TEST_P(GivenWeights, OfTheLargestIntegersStayExact) {
    std::int64_t const d = 40;
    std::vector<std::int32_t> const w(static_cast<std::size_t>(d * d), std::numeric_limits<std::int32_t>::min());
    std::vector<std::int8_t> const ones(static_cast<std::size_t>(d), 1);
    auto const m = given(w, d);
    EXPECT_EQ(m.fields(view(ones, 1, d))[0], -39.0 * 0x1p31);
    EXPECT_EQ(m.energy(view(ones, 1, d))[0], 0.5 * 40 * 39 * 0x1p31);
    auto const r = m.recall(view(ones, 1, d));
    EXPECT_EQ(r.results[0].status, Status::two_cycle);
    EXPECT_EQ(r.results[0].flips, 80);
}

TEST_P(GivenWeights, OfExtremeMagnitudesGiveTheSignOfTheLargest) {
    for (double const scale : {1e300, 1.0, 1e-200}) {
        std::vector<double> const w{0, scale, scale, 0};
        std::vector<std::int8_t> const s{1, -1};
        auto const m = given(w, 2);
        EXPECT_EQ(m.recall(view(s, 1, 2), {.max_sweeps = 1}).states, (std::vector<std::int8_t>{-1, 1})) << scale;
        EXPECT_EQ(m.weights(), w) << scale;
        EXPECT_EQ(m.fields(view(s, 1, 2)), (std::vector<double>{-scale, scale})) << scale;
    }
    std::vector<double> const mixed{0, 1e300, 1e-300, 1e300, 0, 1, 1e-300, 1, 0};
    auto const m = given(mixed, 3);
    std::vector<std::int8_t> const s{-1, 1, 1};
    EXPECT_EQ(m.recall(view(s, 1, 3), {.max_sweeps = 1}).states[1], -1);
    EXPECT_GT(m.field_bound(), 1.0) << "1 is far below the grid that 1e300 asks for";
}

// The finest grid is 2^-1000, so that its inverse is a number: weights near the smallest double are rounded, and the bound says so.
TEST_P(GivenWeights, BelowTheFinestGridAreRoundedWithinTheirBound) {
    for (double const scale : {1e-300, 5e-324}) {
        std::vector<double> const w{0, scale, scale, 0};
        auto const m = given(w, 2);
        EXPECT_TRUE(test::all_near(w, m.weights(), m.field_bound()));
        EXPECT_GT(m.field_bound(), 0);
        EXPECT_LT(m.field_bound(), 1e-300);
    }
}

TEST_P(GivenWeights, WhoseSumsOverflowAreRefusedOrRight) {
    std::vector<double> const w{0, 1.7e308, 1.7e308, 1.7e308, 0, 1.7e308, 1.7e308, 1.7e308, 0};
    std::vector<std::int8_t> const s{-1, 1, 1};
    try {
        EXPECT_EQ(given(w, 3).recall(view(s, 1, 3), {.max_sweeps = 1}).states, (std::vector<std::int8_t>{1, 1, 1}));
    } catch (Error const&) {
    }
}

TEST_P(GivenWeights, OfZeroLeaveEverythingToTies) {
    std::vector<double> const w(9, 0.0);
    std::vector<std::int8_t> const s{1, -1, 0};
    auto const m = given(w, 3);
    EXPECT_TRUE(m.symmetric());
    EXPECT_EQ(m.recall(view(s, 1, 3)).states, s);
    EXPECT_EQ(m.recall(view(s, 1, 3), {.tie = Tie::plus}).states, (std::vector<std::int8_t>{1, 1, 1}));
    EXPECT_EQ(m.energy(view(s, 1, 3)), std::vector<double>{0});
}

TEST_P(GivenWeights, ThatAreNotFiniteAreRefused) {
    for (double const bad : {nan, infinity, -infinity})
        for (std::size_t const at : {0, 1, 2, 3}) {
            std::vector<double> w{0, 1, 1, 0};
            w[at] = bad;
            auto const message = message_of<InvalidArgument>([&] { (void)given(w, 2); });
            EXPECT_NE(message.find("weights(" + std::to_string(at / 2) + ", " + std::to_string(at % 2) + ")"), std::string::npos)
                << message;
            std::vector<float> const f(w.begin(), w.end());
            EXPECT_THROW((void)given(f, 2), InvalidArgument);
            std::vector<double> const bias{0, bad};
            EXPECT_NE(message_of<InvalidArgument>([&] {
                          (void)given(std::vector<double>{0, 1, 1, 0}, 2, bias);
                      }).find("bias"),
                      std::string::npos);
        }
}

TEST_P(GivenWeights, OfTheWrongShapeAreRefused) {
    std::vector<double> const w(6, 1.0);
    auto const message =
        message_of<InvalidArgument>([&] { (void)Memory::from_weights(context(), MatrixView<double const>(w.data(), 2, 3)); });
    EXPECT_NE(message.find("(2 x 3)"), std::string::npos) << message;
    EXPECT_THROW((void)Memory::from_weights(context(), MatrixView<double const>(nullptr, 0, 0)), InvalidArgument);
    EXPECT_THROW((void)Memory::from_weights(context(), MatrixView<double const>(nullptr, 2, 2)), InvalidArgument);
    std::vector<double> const bias{1};
    EXPECT_THROW((void)Memory::from_weights(context(), MatrixView<double const>(w.data(), 2, 2), bias), InvalidArgument);
    EXPECT_THROW((void)Memory::from_weights(context(), MatrixView<double const>(w.data(), 2, 2), {}, {}), InvalidArgument)
        << "another rule";
}

// Asymmetry in the last bit of one entry is asymmetry; on the diagonal there is none.
TEST_P(GivenWeights, AreSymmetricOnlyWhenExactlySo) {
    std::vector<double> w{5, 0.1, 0.1, -7};
    EXPECT_TRUE(given(w, 2, {}, true).symmetric());
    w[1] = std::nextafter(0.1, 1.0);
    EXPECT_FALSE(given(w, 2, {}, true).symmetric());
}

}  // namespace
}  // namespace ca3::hopfield
