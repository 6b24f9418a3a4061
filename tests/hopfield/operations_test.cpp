#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/poison.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

// The free functions, on memory with poison around it.
namespace ca3::hopfield {
namespace {

using test::Guarded;
using test::message_of;
using test::same_values;
using States = std::vector<std::int8_t>;

std::vector<std::int64_t> const odd_sizes{0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 500};

class Operations : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Operations);

// ---- overlaps ---------------------------------------------------------------------------------------------------------

TEST_P(Operations, OverlapsByHand) {
    Guarded<std::int8_t> const patterns(context(), States{1, 1, -1, 1, -1, 0}, 2, 3),
        states(context(), States{1, 1, 1, -1, 0, 1, 0, 0, 0}, 3, 3);
    Guarded<std::int32_t> const out(context(), 3, 2);
    overlaps(context(), patterns.const_view(), states.const_view(), out.view());
    context().synchronize();
    EXPECT_EQ(out.values(), (std::vector<std::int32_t>{1, 0, -2, -1, 0, 0}));
    EXPECT_TRUE(out.guards_intact());
}

TEST_P(Operations, OverlapsOfOddSizesEqualTheirDefinition) {
    auto const ctx = context();
    test::Random random(1);
    for (std::int64_t const d : odd_sizes)
        for (auto const& [P, B] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {5, 3}, {17, 33}, {0, 4}, {4, 0}, {65, 9}}) {
            double const zeros = random.chance(0.5) ? 0.3 : 0.0;
            auto const x = test::random_states(P, d, zeros, random.bits()), s = test::random_states(B, d, zeros, random.bits());
            Guarded<std::int8_t> const patterns(ctx, x, P, d, 5), states(ctx, s, B, d, 1);
            Guarded<std::int32_t> const out(ctx, B, P, 2);
            overlaps(ctx, patterns.const_view(), states.const_view(), out.view());
            ctx.synchronize();
            std::vector<std::int32_t> expected;
            for (std::int64_t b = 0; b < B; ++b)
                for (std::int64_t mu = 0; mu < P; ++mu) {
                    std::int32_t sum = 0;
                    for (std::int64_t i = 0; i < d; ++i)
                        sum += x[static_cast<std::size_t>(mu * d + i)] * s[static_cast<std::size_t>(b * d + i)];
                    expected.push_back(sum);
                }
            ASSERT_TRUE(same_values(expected, out.values())) << "P " << P << ", B " << B << ", d " << d;
            ASSERT_TRUE(out.guards_intact());
            ASSERT_TRUE(patterns.guards_intact() && states.guards_intact());
            ASSERT_EQ(patterns.values(), x);
            ASSERT_EQ(states.values(), s);
        }
}

TEST_P(Operations, OverlapsRefuseShapesThatDoNotFit) {
    auto const ctx = context();
    Guarded<std::int8_t> const patterns(ctx, 2, 3), states(ctx, 4, 3), narrow(ctx, 4, 2);
    Guarded<std::int32_t> const out(ctx, 4, 2), wrong(ctx, 2, 4);
    auto const message = message_of<InvalidArgument>([&] { overlaps(ctx, patterns.const_view(), narrow.const_view(), out.view()); });
    EXPECT_NE(message.find("states"), std::string::npos) << message;
    EXPECT_NE(message.find("(4 x 2)"), std::string::npos) << message;
    EXPECT_NE(message_of<InvalidArgument>([&] { overlaps(ctx, patterns.const_view(), states.const_view(), wrong.view()); }).find("out"),
              std::string::npos);
    EXPECT_THROW(overlaps(ctx, {nullptr, 2, 3}, states.const_view(), out.view()), InvalidArgument);
    EXPECT_THROW(overlaps(ctx, {patterns.const_view().data, 2, -3}, states.const_view(), out.view()), InvalidArgument);
    EXPECT_THROW(overlaps(ctx, {patterns.const_view().data, 2, 3, 1}, states.const_view(), out.view()), InvalidArgument);
    EXPECT_TRUE(out.untouched());
    std::int64_t const huge = std::int64_t{1} << 31;
    EXPECT_THROW(overlaps(ctx, {patterns.const_view().data, 0, huge}, {states.const_view().data, 0, huge}, {out.view().data, 0, 0}),
                 Overflow);
}

// ---- sign_update ------------------------------------------------------------------------------------------------------

std::int8_t decide(std::int64_t h, std::int8_t old, Tie tie) {
    if (h != 0) return h > 0 ? std::int8_t{1} : std::int8_t{-1};
    return tie == Tie::keep ? old : tie == Tie::plus ? std::int8_t{1} : tie == Tie::minus ? std::int8_t{-1} : std::int8_t{0};
}

TEST_P(Operations, SignUpdateByHand) {
    auto const ctx = context();
    // h = (-1 + 1, 2, 1 - 2) for s = (1, 1, -1) with the diagonal, thresholds (0, 3, -1).
    Guarded<std::int16_t> const w(ctx, std::vector<std::int16_t>{-1, 0, -1, 1, 1, 0, 1, 0, 2}, 3, 3);
    Guarded<std::int8_t> const in(ctx, States{1, 1, -1}, 1, 3);
    Guarded<std::int32_t> const threshold(ctx, std::vector<std::int32_t>{0, 3, -1}, 1, 3, 0);
    auto const run = [&](SignUpdateOptions options, bool with_threshold) {
        Guarded<std::int8_t> const out(ctx, 1, 3);
        Guarded<std::int32_t> const changed(ctx, 1, 1, 0);
        std::span<std::int32_t const> const none;
        sign_update(ctx, options, w.const_view(), with_threshold ? std::span<std::int32_t const>(threshold.span()) : none, in.const_view(),
                    out.view(), changed.span());
        ctx.synchronize();
        EXPECT_TRUE(out.guards_intact());
        EXPECT_TRUE(changed.guards_intact());
        auto result = out.values();
        result.push_back(static_cast<std::int8_t>(changed.values()[0]));
        return result;
    };
    EXPECT_EQ(run({.tie = Tie::keep}, false), (States{1, 1, -1, 0}));
    EXPECT_EQ(run({.tie = Tie::minus}, false), (States{-1, 1, -1, 1}));
    EXPECT_EQ(run({.tie = Tie::zero}, false), (States{0, 1, -1, 1}));
    EXPECT_EQ(run({.tie = Tie::plus}, true), (States{1, -1, 1, 2})) << "h - threshold = (0, -1, 0)";
    EXPECT_EQ(run({.tie = Tie::zero}, true), (States{0, -1, 0, 3}));
    EXPECT_EQ(run({.zero_diagonal = true}, false), (States{1, 1, 1, 1})) << "h = (1, 1, 1)";
}

/// Both matrices, with and without diagonal, thresholds and counts, on odd sizes, against the definition.
template <class T>
void check_sign_update(Context const& ctx, std::int64_t low, std::int64_t high, std::int64_t stored) {
    test::Random random(2);
    for (std::int64_t const d : odd_sizes)
        for (std::int64_t const B : {0, 1, 5, 17}) {
            std::vector<T> weights;
            for (std::int64_t k = 0; k < d * d; ++k) weights.push_back(static_cast<T>(random.between(low, high)));
            auto const s = test::random_states(B, d, random.chance(0.5) ? 0.2 : 0.0, random.bits());
            std::vector<std::int32_t> theta;
            for (std::int64_t i = 0; i < d; ++i)
                theta.push_back(static_cast<std::int32_t>(random.between(-3, 3) * (random.chance(0.1) ? 700000000 : 1)));
            SignUpdateOptions const options{.tie = static_cast<Tie>(random.between(0, 3)), .zero_diagonal = random.chance(0.5)};
            bool const with_threshold = random.chance(0.7), with_count = random.chance(0.7);
            Guarded<T> const w(ctx, weights, d, d, 7);
            Guarded<std::int8_t> const in(ctx, s, B, d, 2), out(ctx, B, d, 9);
            Guarded<std::int32_t> const threshold(ctx, theta, 1, d, 0), changed(ctx, 1, B, 0);
            std::span<std::int32_t const> const thresholds =
                with_threshold ? std::span<std::int32_t const>(threshold.span()) : std::span<std::int32_t const>();
            std::span<std::int32_t> const counts = with_count ? changed.span() : std::span<std::int32_t>();
            if constexpr (std::is_same_v<T, std::uint8_t>) {
                sign_update(ctx, options, w.const_view(), stored, thresholds, in.const_view(), out.view(), counts);
            } else {
                sign_update(ctx, options, w.const_view(), thresholds, in.const_view(), out.view(), counts);
            }
            ctx.synchronize();
            States expected;
            std::vector<std::int32_t> expected_counts;
            for (std::int64_t b = 0; b < B; ++b) {
                std::int32_t count = 0;
                for (std::int64_t i = 0; i < d; ++i) {
                    std::int64_t h = with_threshold ? -std::int64_t{theta[static_cast<std::size_t>(i)]} : 0;
                    for (std::int64_t j = 0; j < d; ++j) {
                        std::int64_t value = weights[static_cast<std::size_t>(i * d + j)];
                        if (std::is_same_v<T, std::uint8_t>) value = 2 * value - stored;
                        if (!(options.zero_diagonal && i == j)) h += value * s[static_cast<std::size_t>(b * d + j)];
                    }
                    std::int8_t const old = s[static_cast<std::size_t>(b * d + i)];
                    expected.push_back(decide(h, old, options.tie));
                    count += expected.back() != old;
                }
                expected_counts.push_back(count);
            }
            ASSERT_TRUE(same_values(expected, out.values())) << "d " << d << ", B " << B << ", tie " << to_string(options.tie);
            if (with_count) {
                ASSERT_TRUE(same_values(expected_counts, changed.values())) << "d " << d << ", B " << B;
            } else {
                ASSERT_TRUE(changed.untouched());
            }
            ASSERT_TRUE(out.guards_intact() && changed.guards_intact());
            ASSERT_EQ(in.values(), s);
            ASSERT_EQ(w.values(), weights);
        }
}

TEST_P(Operations, SignUpdateWithInt8EqualsItsDefinition) {
    check_sign_update<std::int8_t>(context(), -128, 127, 0);
}
TEST_P(Operations, SignUpdateWithInt16EqualsItsDefinition) {
    check_sign_update<std::int16_t>(context(), -32768, 32767, 0);
}
TEST_P(Operations, SignUpdateWithInt32EqualsItsDefinition) {
    check_sign_update<std::int32_t>(context(), std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max(), 0);
}
TEST_P(Operations, SignUpdateWithSmallWeightsMeetsTies) {
    check_sign_update<std::int8_t>(context(), -1, 1, 0);
    check_sign_update<std::int16_t>(context(), -1, 1, 0);
    check_sign_update<std::int32_t>(context(), -1, 1, 0);
}
TEST_P(Operations, SignUpdateWithAgreementCountsEqualsItsDefinition) {
    check_sign_update<std::uint8_t>(context(), 0, 255, 255);
    check_sign_update<std::uint8_t>(context(), 0, 6, 6);
    check_sign_update<std::uint8_t>(context(), 0, 1, 1);
    check_sign_update<std::uint8_t>(context(), 0, 255, 0);
}

// All weights and states of one sign: the largest fields there are. d 2^31 needs 64 bits from d = 2 on.
TEST_P(Operations, SignUpdateDoesNotOverflow) {
    auto const ctx = context();
    std::int64_t const d = 300;
    auto const count = static_cast<std::size_t>(d);
    Guarded<std::int32_t> const w(ctx, std::vector<std::int32_t>(count * count, std::numeric_limits<std::int32_t>::min()), d, d);
    Guarded<std::int8_t> const in(ctx, States(count, -1), 1, d), out(ctx, 1, d);
    Guarded<std::int32_t> const theta(ctx, std::vector<std::int32_t>(count, std::numeric_limits<std::int32_t>::min()), 1, d, 0);
    sign_update(ctx, {}, w.const_view(), theta.span(), in.const_view(), out.view(), {});
    ctx.synchronize();
    EXPECT_EQ(out.values(), States(count, 1));
}

TEST_P(Operations, SignUpdateRefusesShapesThatDoNotFit) {
    auto const ctx = context();
    Guarded<std::int8_t> const w(ctx, States(9, 1), 3, 3), wide(ctx, States(12, 1), 3, 4), in(ctx, States(6, 1), 2, 3), out(ctx, 2, 3),
        small(ctx, 1, 3);
    Guarded<std::uint8_t> const counts(ctx, std::vector<std::uint8_t>(9, 1), 3, 3);
    Guarded<std::int32_t> const two(ctx, 1, 2, 0), three(ctx, 1, 3, 0);
    EXPECT_NE(
        message_of<InvalidArgument>([&] { sign_update(ctx, {}, wide.const_view(), {}, in.const_view(), out.view(), {}); }).find("weights"),
        std::string::npos);
    EXPECT_NE(message_of<InvalidArgument>([&] {
                  sign_update(ctx, {}, w.const_view(), {}, in.const_view(), small.view(), {});
              }).find("states_out"),
              std::string::npos);
    EXPECT_NE(message_of<InvalidArgument>([&] {
                  sign_update(ctx, {}, w.const_view(), two.span(), in.const_view(), out.view(), {});
              }).find("threshold"),
              std::string::npos);
    EXPECT_NE(message_of<InvalidArgument>([&] {
                  sign_update(ctx, {}, w.const_view(), {}, in.const_view(), out.view(), three.span());
              }).find("changed"),
              std::string::npos);
    for (std::int64_t const stored : {-1, 256}) {
        EXPECT_NE(message_of<InvalidArgument>([&] {
                      sign_update(ctx, {}, counts.const_view(), stored, {}, in.const_view(), out.view(), {});
                  }).find("stored"),
                  std::string::npos);
    }
    EXPECT_THROW(sign_update(ctx, {.tie = static_cast<Tie>(9)}, w.const_view(), {}, in.const_view(), out.view(), {}), InvalidArgument);
    EXPECT_TRUE(out.untouched());
    EXPECT_NE(
        message_of<InvalidArgument>([&] { sign_update(ctx, {}, w.const_view(), {}, in.const_view(), in.view(), {}); }).find("overlaps"),
        std::string::npos);
    EXPECT_EQ(in.values(), States(6, 1));
}

// ---- energy -----------------------------------------------------------------------------------------------------------

TEST_P(Operations, EnergyByHand) {
    auto const ctx = context();
    // s = (1,-1): s W s = 3 - 2 2 + 5 = 4, threshold . s = 10 - 1: -4 + 18. s = (0,1): -5 + 2. s = 0: 0.
    Guarded<std::int32_t> const w(ctx, std::vector<std::int32_t>{3, 2, 2, 5}, 2, 2), theta(ctx, std::vector<std::int32_t>{10, 1}, 1, 2, 0);
    Guarded<std::int8_t> const s(ctx, States{1, -1, 0, 1, 0, 0}, 3, 2);
    Guarded<std::int64_t> const with(ctx, 1, 3, 0), without(ctx, 1, 3, 0);
    energy(ctx, w.const_view(), theta.span(), s.const_view(), with.span());
    energy(ctx, w.const_view(), {}, s.const_view(), without.span());
    ctx.synchronize();
    EXPECT_EQ(with.values(), (std::vector<std::int64_t>{14, -3, 0}));
    EXPECT_EQ(without.values(), (std::vector<std::int64_t>{-4, -5, 0}));
    EXPECT_TRUE(with.guards_intact() && without.guards_intact());
}

TEST_P(Operations, EnergyOfOddSizesEqualsItsDefinition) {
    auto const ctx = context();
    test::Random random(3);
    for (std::int64_t const d : odd_sizes)
        for (std::int64_t const B : {0, 1, 19}) {
            bool const large = random.chance(0.5);
            std::vector<std::int32_t> w, theta;
            for (std::int64_t k = 0; k < d * d; ++k)
                w.push_back(static_cast<std::int32_t>(large ? random.between(-2147483648, 2147483647) : random.between(-5, 5)));
            for (std::int64_t i = 0; i < d; ++i) theta.push_back(static_cast<std::int32_t>(random.between(-2147483648, 2147483647)));
            auto const s = test::random_states(B, d, 0.2, random.bits());
            Guarded<std::int32_t> const weights(ctx, w, d, d, 3), thresholds(ctx, theta, 1, d, 0);
            Guarded<std::int8_t> const states(ctx, s, B, d, 4);
            Guarded<std::int64_t> const out(ctx, 1, B, 0);
            energy(ctx, weights.const_view(), thresholds.span(), states.const_view(), out.span());
            ctx.synchronize();
            std::vector<std::int64_t> expected;
            for (std::int64_t b = 0; b < B; ++b) {
                std::int64_t sum = 0;
                for (std::int64_t i = 0; i < d; ++i) {
                    std::int64_t const si = s[static_cast<std::size_t>(b * d + i)];
                    sum += 2 * si * theta[static_cast<std::size_t>(i)];
                    for (std::int64_t j = 0; j < d; ++j)
                        sum -= si * w[static_cast<std::size_t>(i * d + j)] * s[static_cast<std::size_t>(b * d + j)];
                }
                expected.push_back(sum);
            }
            ASSERT_TRUE(same_values(expected, out.values())) << "d " << d << ", B " << B;
            ASSERT_TRUE(out.guards_intact());
            ASSERT_EQ(weights.values(), w);
        }
}

TEST_P(Operations, EnergyRefusesShapesThatDoNotFit) {
    auto const ctx = context();
    Guarded<std::int32_t> const w(ctx, std::vector<std::int32_t>(4, 1), 2, 2), three(ctx, 1, 3, 0);
    Guarded<std::int8_t> const s(ctx, States(4, 1), 2, 2), wide(ctx, States(6, 1), 2, 3);
    Guarded<std::int64_t> const two(ctx, 1, 2, 0), one(ctx, 1, 1, 0);
    EXPECT_THROW(energy(ctx, w.const_view(), {}, wide.const_view(), two.span()), InvalidArgument);
    EXPECT_THROW(energy(ctx, w.const_view(), three.span(), s.const_view(), two.span()), InvalidArgument);
    EXPECT_THROW(energy(ctx, w.const_view(), {}, s.const_view(), one.span()), InvalidArgument);
    EXPECT_TRUE(two.untouched() && one.untouched());
}

// ---- softmax_update ---------------------------------------------------------------------------------------------------

std::vector<double> softmax_by_definition(double beta, std::vector<float> const& X, std::vector<float> const& q, std::size_t P,
                                          std::size_t B, std::size_t d) {
    std::vector<double> out(B * d, 0.0);
    for (std::size_t b = 0; b < B; ++b) {
        std::vector<long double> score(P, 0.0L);
        for (std::size_t mu = 0; mu < P; ++mu)
            for (std::size_t i = 0; i < d; ++i) score[mu] += static_cast<long double>(X[mu * d + i]) * q[b * d + i];
        long double largest = -HUGE_VALL, total = 0;
        for (auto& value : score) largest = std::max(largest, value *= beta);
        for (auto& value : score) total += value = std::exp(value - largest);
        for (std::size_t i = 0; i < d; ++i) {
            long double sum = 0;
            for (std::size_t mu = 0; mu < P; ++mu) sum += score[mu] * X[mu * d + i];
            out[b * d + i] = static_cast<double>(sum / total);
        }
    }
    return out;
}

// Two patterns, scores beta (2, 0) with beta = ln(3)/2: weights 3/4 and 1/4.
TEST_P(Operations, SoftmaxUpdateByHand) {
    auto const ctx = context();
    Guarded<float> const X(ctx, std::vector<float>{2, 0, 0, 4}, 2, 2), q(ctx, std::vector<float>{1, 0}, 1, 2), out(ctx, 1, 2);
    softmax_update(ctx, std::log(3.0) / 2, X.const_view(), q.const_view(), out.view());
    ctx.synchronize();
    EXPECT_NEAR(out.values()[0], 1.5, 4e-6);
    EXPECT_NEAR(out.values()[1], 1.0, 4e-6);
    EXPECT_TRUE(out.guards_intact());
}

TEST_P(Operations, SoftmaxUpdateEqualsItsDefinition) {
    auto const ctx = context();
    test::Random random(4);
    for (std::int64_t const d : {1, 3, 32, 65, 257})
        for (auto const& [P, B] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {2, 5}, {31, 3}, {100, 17}, {3, 0}}) {
            std::vector<float> X, q;
            float largest = 0;
            for (std::int64_t k = 0; k < P * d; ++k) {
                X.push_back(static_cast<float>(random.normal()));
                largest = std::max(largest, std::abs(X.back()));
            }
            for (std::int64_t k = 0; k < B * d; ++k) q.push_back(static_cast<float>(random.normal()));
            Guarded<float> const patterns(ctx, X, P, d, 3), queries(ctx, q, B, d, 1), out(ctx, B, d, 2);
            for (double const beta : {0.0, 0.125, 1.0, -0.5, 40.0}) {
                softmax_update(ctx, beta, patterns.const_view(), queries.const_view(), out.view());
                ctx.synchronize();
                auto const expected = softmax_by_definition(beta, X, q, static_cast<std::size_t>(P), static_cast<std::size_t>(B),
                                                            static_cast<std::size_t>(d));
                auto const values = out.values();
                for (std::size_t k = 0; k < expected.size(); ++k)
                    ASSERT_NEAR(values[k], expected[k], 1e-6 * largest) << "beta " << beta << ", d " << d << ", P " << P;
                ASSERT_TRUE(out.guards_intact());
            }
            ASSERT_EQ(patterns.values(), X);
            ASSERT_EQ(queries.values(), q);
        }
}

// A stored pattern is the fixed point of sharp recall; scores of 10^4 must not overflow.
TEST_P(Operations, SharpSoftmaxReturnsTheNearestPattern) {
    auto const ctx = context();
    std::int64_t const d = 100, P = 20;
    auto const signs = test::random_patterns(P, d, 5);
    std::vector<float> const X(signs.begin(), signs.end());
    Guarded<float> const patterns(ctx, X, P, d), out(ctx, P, d);
    softmax_update(ctx, 100.0, patterns.const_view(), patterns.const_view(), out.view());
    ctx.synchronize();
    EXPECT_EQ(out.values(), X);
}

TEST_P(Operations, SoftmaxUpdateRefusesShapesThatDoNotFit) {
    auto const ctx = context();
    Guarded<float> const X(ctx, std::vector<float>(6, 1), 2, 3), q(ctx, std::vector<float>(3, 1), 1, 3),
        narrow(ctx, std::vector<float>(2, 1), 1, 2), out(ctx, 1, 3);
    EXPECT_THROW(softmax_update(ctx, 1.0, X.const_view(), narrow.const_view(), out.view()), InvalidArgument);
    EXPECT_THROW(softmax_update(ctx, 1.0, X.const_view(), q.const_view(), narrow.view()), InvalidArgument);
    EXPECT_THROW(softmax_update(ctx, 1.0, {X.const_view().data, 0, 3}, q.const_view(), out.view()), InvalidArgument);
    for (double const beta : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
        EXPECT_NE(message_of<InvalidArgument>([&] { softmax_update(ctx, beta, X.const_view(), q.const_view(), out.view()); }).find("beta"),
                  std::string::npos);
    }
    EXPECT_TRUE(out.untouched());
}

}  // namespace
}  // namespace ca3::hopfield
