// outer_product::accumulate gives the integers of the definition, on every backend, instruction set and thread count.
#include "outer_product/oracle.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ca3::test {
namespace {

using outer_product::AccumulateOptions;
using outer_product::Diagonal;
using outer_product::Operation;

// Sanitizers slow the comparisons down more than the library: with them every kernel is run, but on fewer sizes.
#ifdef CA3_SANITIZED
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

std::vector<NamedContext> all_contexts() {
    std::vector<NamedContext> contexts{{"reference", Context::reference()}};
    for (auto const& each : cpu_contexts())
        if (!sanitized || each.context.threads() > 1) contexts.push_back(each);
    if (!cuda_devices().devices.empty()) contexts.push_back({"cuda", Context::cuda()});
    return contexts;
}

class Accumulate : public OnEveryBackend {};

// Two patterns of five neurons; by columns (1,1) (1,-1) (-1,-1) (1,1) (-1,1), whose products are the entries.
std::vector<std::int8_t> const two_patterns{1, 1,  -1, 1, -1,  //
                                            1, -1, -1, 1, 1};

TEST_P(Accumulate, TwoPatternsByHand) {
    Accumulation<std::int16_t> sum(context(), two_patterns, 2, 5);
    sum.run({});
    EXPECT_TRUE(same_values(std::vector<std::int16_t>{0,  0,  -2, 2,  0,   //
                                                      0,  0,  0,  0,  -2,  //
                                                      -2, 0,  0,  -2, 0,   //
                                                      2,  0,  -2, 0,  0,   //
                                                      0,  -2, 0,  0,  0},
                            sum.weights.values()));
}

TEST_P(Accumulate, TwoPatternsByHandWithTheDiagonal) {
    Accumulation<std::int32_t> sum(context(), two_patterns, 2, 5);
    sum.run({.diagonal = Diagonal::keep});
    EXPECT_TRUE(same_values(std::vector<std::int32_t>{2,  0,  -2, 2,  0,   //
                                                      0,  2,  0,  0,  -2,  //
                                                      -2, 0,  2,  -2, 0,   //
                                                      2,  0,  -2, 2,  0,   //
                                                      0,  -2, 0,  0,  2},
                            sum.weights.values()));
}

TEST_P(Accumulate, TwoPatternsByHandAsAgreements) {
    Accumulation<std::uint8_t> sum(context(), two_patterns, 2, 5);
    sum.run({});
    EXPECT_TRUE(same_values(std::vector<std::uint8_t>{2, 1, 0, 2, 1,  //
                                                      1, 2, 1, 1, 0,  //
                                                      0, 1, 2, 0, 1,  //
                                                      2, 1, 0, 2, 1,  //
                                                      1, 0, 1, 1, 2},
                            sum.weights.values()));
}

TEST_P(Accumulate, RemovingTheSecondPatternByHandLeavesTheFirst) {
    std::vector<std::int8_t> const second(two_patterns.begin() + 5, two_patterns.end());
    std::vector<std::int32_t> const both{0, 0, -2, 2, 0, 0, 0, 0, 0, -2, -2, 0, 0, -2, 0, 2, 0, -2, 0, 0, 0, -2, 0, 0, 0};
    Accumulation<std::int32_t> sum(context(), second, 1, 5, both);
    sum.run({.operation = Operation::remove, .stored = 2});
    EXPECT_TRUE(same_values(std::vector<std::int32_t>{0,  1,  -1, 1,  -1,  //
                                                      1,  0,  -1, 1,  -1,  //
                                                      -1, -1, 0,  -1, 1,   //
                                                      1,  1,  -1, 0,  -1,  //
                                                      -1, -1, 1,  -1, 0},
                            sum.weights.values()));
}

template <class T>
void expect_definition(std::vector<std::int8_t> const& patterns, std::vector<std::int32_t> const& weights, std::int64_t p, std::int64_t d) {
    if (p > std::numeric_limits<T>::max()) return;
    for (auto const& [name, context] : all_contexts()) {
        for (Diagonal const diagonal : {Diagonal::zero, Diagonal::keep}) {
            if (sanitized && (diagonal == Diagonal::keep) != (p % 2 == 0)) continue;
            Accumulation<T> sum(context, patterns, p, d);
            sum.run({.diagonal = diagonal});
            ASSERT_TRUE(same_values(stored_as<T>(weights, d, p, diagonal), sum.weights.values()))
                << name << ", d = " << d << ", P = " << p << ", " << 8 * sizeof(T) << " bits";
            ASSERT_TRUE(sum.weights.guards_intact()) << name << ", d = " << d << ", P = " << p;
            ASSERT_EQ(sum.patterns.values(), patterns) << name << " changed its input";
        }
    }
}

void expect_definition(std::int64_t p, std::int64_t d) {
    auto const patterns = random_patterns(p, d, static_cast<std::uint64_t>(1000 * p + d));
    auto const weights = sum_of_products(patterns, p, d);
    expect_definition<std::uint8_t>(patterns, weights, p, d);
    expect_definition<std::int16_t>(patterns, weights, p, d);
    expect_definition<std::int32_t>(patterns, weights, p, d);
}

TEST(AccumulateSizes, OddNumbersOfNeuronsAndPatternsGiveTheDefinition) {
    for (std::int64_t const d : {1, 2, 31, 32, 33, 63, 64, 65, 127, 129}) {
        if (sanitized && d % 2 == 0) continue;
        for (std::int64_t const p : {0, 1, 7, 63, 64, 65, 255, 256}) expect_definition(p, d);
    }
}

TEST(AccumulateSizes, SeveralTilesGiveTheDefinition) {
    for (std::int64_t const p : {1, 65, 255}) {
        expect_definition(p, 257);
        if (sanitized) continue;
        expect_definition(p, 255);
        expect_definition(p, 256);
    }
    if (!sanitized) expect_definition(7, 1000);
}

// Byte counters are emptied every 31 words of 64 patterns: one pattern fewer, as many, one more, and three rounds.
TEST(AccumulateSizes, MorePatternsThanAByteCountsGiveTheDefinition) {
    for (std::int64_t const p : {1983, 1984, 1985, 4100}) expect_definition(p, 33);
}

TEST(AccumulateSizes, IdenticalPatternsFillEveryCounter) {
    std::int64_t const d = 65, p = 32767;
    std::vector<std::int8_t> patterns(static_cast<std::size_t>(p * d));
    for (std::size_t k = 0; k < patterns.size(); ++k) patterns[k] = k % d % 3 == 0 ? std::int8_t{-1} : std::int8_t{1};
    for (auto const& [name, context] : cpu_contexts()) {
        Accumulation<std::int16_t> sum(context, patterns, p, d);
        sum.run({.diagonal = Diagonal::keep});
        auto const weights = sum.weights.values();
        for (std::int64_t i = 0; i < d; ++i)
            for (std::int64_t j = 0; j < d; ++j)
                ASSERT_EQ(weights[static_cast<std::size_t>(i * d + j)], (i % 3 == 0) == (j % 3 == 0) ? p : -p)
                    << name << ' ' << i << ' ' << j;
    }
}

// Matrices too large for the caches are written past them where rows are aligned, and through them elsewhere.
template <class T>
void expect_definition_past_the_caches(std::int64_t d, std::int64_t gap) {
    std::int64_t const p = 3;
    auto const patterns = random_patterns(p, d, 5);
    auto const expected = stored_as<T>(sum_of_products(patterns, p, d), d, p);
    for (auto const& [name, context] : cpu_contexts()) {
        if (sanitized && name != cpu_contexts().back().name) continue;
        Accumulation<T> sum(context, patterns, p, d, gap);
        sum.run({});
        ASSERT_TRUE(same_values(expected, sum.weights.values())) << name;
        ASSERT_TRUE(sum.weights.guards_intact()) << name;
    }
}
TEST(AccumulateSizes, MatricesLargerThanTheCachesGiveTheDefinition) {
    expect_definition_past_the_caches<std::int16_t>(2112, 0);
    expect_definition_past_the_caches<std::uint8_t>(2961, 15);
    expect_definition_past_the_caches<std::int32_t>(1501, 3);
}

template <class T>
void random_case(Random& random, NamedContext const& where) {
    std::int64_t const d = random.between(1, 140);
    std::int64_t const stored = random.between(0, 60);
    std::int64_t const changed = random.between(0, random.chance(0.5) ? 5 : 70);
    bool const remove = changed <= stored && random.chance(0.5);
    Diagonal const diagonal = random.chance(0.5) ? Diagonal::zero : Diagonal::keep;
    auto const old = random_patterns(stored, d, random.bits());
    auto const patterns =
        remove ? std::vector<std::int8_t>(old.end() - changed * d, old.end()) : random_patterns(changed, d, random.bits());
    auto all = old;
    if (remove) {
        all.resize(static_cast<std::size_t>((stored - changed) * d));
    } else {
        all.insert(all.end(), patterns.begin(), patterns.end());
    }
    std::int64_t const after = remove ? stored - changed : stored + changed;

    Accumulation<T> sum(where.context, patterns, changed, d, stored_as<T>(sum_of_products(old, stored, d), d, stored, diagonal));
    sum.run({.operation = remove ? Operation::remove : Operation::add, .diagonal = diagonal, .stored = stored});

    ASSERT_TRUE(same_values(stored_as<T>(sum_of_products(all, after, d), d, after, diagonal), sum.weights.values()))
        << where.name << ", d = " << d << ", stored " << stored << (remove ? " - " : " + ") << changed;
    ASSERT_TRUE(sum.weights.guards_intact()) << where.name;
}

TEST(AccumulateRandom, ManyCasesGiveTheDefinition) {
    Random random(20);
    auto const contexts = all_contexts();
    for (int k = 0; k < (sanitized ? 500 : 4000) && !testing::Test::HasFatalFailure(); ++k) {
        auto const& where = contexts[static_cast<std::size_t>(k) % contexts.size()];
        switch (random.between(0, 2)) {
            case 0:
                random_case<std::uint8_t>(random, where);
                break;
            case 1:
                random_case<std::int16_t>(random, where);
                break;
            default:
                random_case<std::int32_t>(random, where);
        }
    }
}

TEST_P(Accumulate, AddingAndRemovingIsTheIdentity) {
    std::int64_t const d = 77;
    auto const old = random_patterns(30, d, 1);
    auto const patterns = random_patterns(100, d, 2);
    auto const before = stored_as<std::int16_t>(sum_of_products(old, 30, d), d, 30);
    Accumulation<std::int16_t> sum(context(), patterns, 100, d, before);
    sum.run({.stored = 30});
    EXPECT_NE(sum.weights.values(), before);
    sum.run({.operation = Operation::remove, .stored = 130});
    EXPECT_TRUE(same_values(before, sum.weights.values()));
}

TEST_P(Accumulate, RemovingAllLeavesZeros) {
    auto const patterns = random_patterns(40, 70, 3);
    Accumulation<std::uint8_t> sum(context(), patterns, 40, 70);
    sum.run({});
    sum.run({.operation = Operation::remove, .stored = 40});
    EXPECT_TRUE(same_values(std::vector<std::uint8_t>(70 * 70), sum.weights.values()));
}

TEST_P(Accumulate, NoPatternsOnNothingGiveZeros) {
    Accumulation<std::int32_t> sum(context(), {}, 0, 67);
    sum.run({});
    EXPECT_TRUE(same_values(std::vector<std::int32_t>(67 * 67), sum.weights.values()));
    EXPECT_TRUE(sum.weights.guards_intact());
}

TEST_P(Accumulate, NoPatternsLeaveTheWeightsAsTheyAre) {
    auto const old = random_patterns(9, 67, 4);
    auto const before = stored_as<std::int16_t>(sum_of_products(old, 9, 67), 67, 9, Diagonal::keep);
    Accumulation<std::int16_t> sum(context(), {}, 0, 67, before);
    sum.run({.diagonal = Diagonal::keep, .stored = 9});
    EXPECT_TRUE(same_values(before, sum.weights.values()));
}

TEST_P(Accumulate, NoNeuronsAreNoWork) {
    EXPECT_NO_THROW(outer_product::accumulate(context(), {}, MatrixView<std::int8_t const>(nullptr, 5, 0), MatrixView<std::int16_t>()));
    EXPECT_NO_THROW(outer_product::accumulate(context(), {}, MatrixView<std::int8_t const>(), MatrixView<std::uint8_t>()));
}

TEST_P(Accumulate, TheFormerDiagonalDoesNotCount) {
    auto const old = random_patterns(6, 65, 5);
    auto const patterns = random_patterns(2, 65, 6);
    auto before = stored_as<std::int16_t>(sum_of_products(old, 6, 65), 65, 6);
    for (std::size_t i = 0; i < 65; ++i) before[i * 65 + i] = static_cast<std::int16_t>(-30000 + 900 * static_cast<int>(i));
    auto all = old;
    all.insert(all.end(), patterns.begin(), patterns.end());
    Accumulation<std::int16_t> sum(context(), patterns, 2, 65, before);
    sum.run({.diagonal = Diagonal::keep, .stored = 6});
    EXPECT_TRUE(same_values(stored_as<std::int16_t>(sum_of_products(all, 8, 65), 65, 8, Diagonal::keep), sum.weights.values()));
}

// Squares of the entries of X^T X and of X X^T have the same sum, the trace of (X^T X)^2.
TEST_P(Accumulate, SquaresSumToThoseOfTheOverlaps) {
    std::int64_t const p = 300, d = 333;
    auto const patterns = random_patterns(p, d, 7);
    Accumulation<std::int32_t> sum(context(), patterns, p, d);
    sum.run({.diagonal = Diagonal::keep});
    std::int64_t squares = 0;
    for (std::int64_t const w : sum.weights.values()) squares += w * w;
    std::int64_t expected = 0;
    for (std::int64_t mu = 0; mu < p; ++mu) {
        for (std::int64_t nu = 0; nu < p; ++nu) {
            std::int64_t overlap = 0;
            for (std::int64_t i = 0; i < d; ++i)
                overlap += patterns[static_cast<std::size_t>(mu * d + i)] * patterns[static_cast<std::size_t>(nu * d + i)];
            expected += overlap * overlap;
        }
    }
    EXPECT_EQ(squares, expected);
}

TEST_P(Accumulate, WeightsAreSymmetricAndHaveTheParityOfTheNumberOfPatterns) {
    for (std::int64_t const p : {12, 13}) {
        std::int64_t const d = 150;
        Accumulation<std::int32_t> sum(context(), random_patterns(p, d, 8), p, d);
        sum.run({.diagonal = Diagonal::keep});
        auto const w = sum.weights.values();
        for (std::int64_t i = 0; i < d; ++i) {
            for (std::int64_t j = 0; j < d; ++j) {
                auto const entry = w[static_cast<std::size_t>(i * d + j)];
                ASSERT_EQ(entry, w[static_cast<std::size_t>(j * d + i)]);
                ASSERT_EQ((entry - p) % 2, 0);
                ASSERT_LE(std::abs(entry), p);
            }
        }
    }
}

TEST_P(Accumulate, NegatedPatternsGiveTheSameWeights) {
    auto patterns = random_patterns(20, 90, 9);
    Accumulation<std::int16_t> sum(context(), patterns, 20, 90);
    sum.run({});
    for (std::size_t k = 0; k < 90 * 7; ++k) patterns[k] = static_cast<std::int8_t>(-patterns[k]);
    Accumulation<std::int16_t> negated(context(), patterns, 20, 90);
    negated.run({});
    EXPECT_TRUE(same_values(sum.weights.values(), negated.weights.values()));
}

TEST_P(Accumulate, TwoRunsAreEqual) {
    auto const patterns = random_patterns(129, 257, 10);
    Accumulation<std::int16_t> first(context(), patterns, 129, 257);
    Accumulation<std::int16_t> second(context(), patterns, 129, 257);
    first.run({});
    second.run({});
    EXPECT_TRUE(same_values(first.weights.values(), second.weights.values()));
}

CA3_ON_EVERY_BACKEND(Accumulate);

}  // namespace
}  // namespace ca3::test
