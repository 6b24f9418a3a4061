#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/poison.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

// The tests' own tools, so that a failing test means a failing library.
namespace ca3::test {
namespace {

TEST(RandomNumbers, EqualSplitMix64) {
    Random random(1234567);  // the first outputs of the reference implementation for this seed
    EXPECT_EQ(random.bits(), 6457827717110365317u);
    EXPECT_EQ(random.bits(), 3203168211198807973u);
    EXPECT_EQ(random.bits(), 9817491932198370423u);
}

TEST(RandomNumbers, StayInsideTheirRange) {
    Random random(5);
    std::set<std::int64_t> seen;
    for (int n = 0; n < 1000; ++n) {
        seen.insert(random.between(-2, 2));
        double const u = random.uniform();
        ASSERT_TRUE(u >= 0 && u < 1);
    }
    EXPECT_EQ(seen, (std::set<std::int64_t>{-2, -1, 0, 1, 2}));
    EXPECT_EQ(random.between(7, 7), 7);
    EXPECT_FALSE(random.chance(0));
    EXPECT_TRUE(random.chance(1));
}

TEST(RandomPatterns, AreSignsAndDependOnTheSeedAlone) {
    auto const patterns = random_patterns(20, 50, 3);
    EXPECT_EQ(patterns, random_patterns(20, 50, 3));
    EXPECT_NE(patterns, random_patterns(20, 50, 4));
    for (auto const value : patterns) ASSERT_TRUE(value == 1 || value == -1);
    auto const plus = std::count(patterns.begin(), patterns.end(), 1);
    EXPECT_NEAR(static_cast<double>(plus), 500, 5 * std::sqrt(250.0));
}

TEST(RandomPatterns, HoldTheShareOfZerosAskedFor) {
    auto const states = random_states(20, 50, 0.25, 3);
    EXPECT_NEAR(static_cast<double>(std::count(states.begin(), states.end(), 0)), 250, 5 * std::sqrt(187.5));
    auto const none = random_states(20, 50, 0, 3);
    EXPECT_EQ(std::count(none.begin(), none.end(), 0), 0);
}

TEST(RandomPatterns, FlipExactlySoManyElements) {
    auto const pattern = random_patterns(1, 33, 1);
    for (std::int64_t const flips : {0, 1, 16, 33}) {
        auto const noisy = with_flips(pattern, flips, 2);
        std::int64_t different = 0;
        for (std::size_t i = 0; i < pattern.size(); ++i) different += pattern[i] != noisy[i];
        EXPECT_EQ(different, flips);
    }
}

TEST(RandomPermutation, HoldsEveryNumberOnce) {
    auto order = random_permutation(100, 9);
    EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
    std::sort(order.begin(), order.end());
    for (std::int64_t k = 0; k < 100; ++k) EXPECT_EQ(order[static_cast<std::size_t>(k)], k);
}

TEST(Comparison, SeesEveryField) {
    hopfield::Recall const original{.states = {1, -1},
                                    .batch = 1,
                                    .neurons = 2,
                                    .results = {{.status = hopfield::Status::fixed_point,
                                                 .sweeps = 2,
                                                 .flips = 3,
                                                 .energy = -1,
                                                 .nearest = 0,
                                                 .overlap = 2,
                                                 .spurious = false}},
                                    .trace = {{.sweep = 0, .energy = {1.0}, .overlap = {2}}},
                                    .form = "factored"};
    EXPECT_TRUE(same_recall(original, original));
    auto const differs = [&](auto change) {
        auto other = original;
        change(other);
        return !same_recall(original, other);
    };
    EXPECT_TRUE(differs([](auto& r) { r.states[1] = 1; }));
    EXPECT_TRUE(differs([](auto& r) { r.batch = 2; }));
    EXPECT_TRUE(differs([](auto& r) { r.neurons = 1; }));
    EXPECT_TRUE(differs([](auto& r) { r.results.clear(); }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].status = hopfield::Status::two_cycle; }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].sweeps = 1; }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].flips = 1; }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].energy = std::nextafter(-1.0, 0.0); }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].energy = std::nan(""); }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].nearest = 1; }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].overlap = 0; }));
    EXPECT_TRUE(differs([](auto& r) { r.results[0].spurious = true; }));
    EXPECT_TRUE(differs([](auto& r) { r.trace.clear(); }));
    EXPECT_TRUE(differs([](auto& r) { r.trace[0].sweep = 1; }));
    EXPECT_TRUE(differs([](auto& r) { r.trace[0].energy[0] = 2; }));
    EXPECT_TRUE(differs([](auto& r) { r.trace[0].overlap[0] = 1; }));
    EXPECT_FALSE(differs([](auto& r) { r.form = "dense"; }));
}

TEST(Comparison, TellsZerosApartAndTakesAnyNaN) {
    EXPECT_FALSE(same_bits(0.0, -0.0));
    EXPECT_TRUE(same_bits(std::nan("1"), -std::nan("2")));
    EXPECT_FALSE(same_bits(1.0, std::nextafter(1.0, 2.0)));
    std::vector<double> const one{1.0}, close{1.0 + 1e-9}, nan{std::nan("")};
    EXPECT_TRUE(all_near(one, close, 1e-8));
    EXPECT_FALSE(all_near(one, close, 1e-10));
    EXPECT_FALSE(all_near(one, nan, 1e300));
    EXPECT_FALSE(all_near(one, {}, 1.0));
    EXPECT_TRUE(same_values(std::vector<int>{1, 2}, std::vector<int>{1, 2}));
    EXPECT_FALSE(same_values(std::vector<int>{1, 2}, std::vector<int>{1, 3}));
    EXPECT_FALSE(same_values(std::vector<int>{1, 2}, std::vector<int>{1}));
}

class GuardedMatrix : public OnEveryBackend {};
CA3_ON_EVERY_BACKEND(GuardedMatrix);

TEST_P(GuardedMatrix, SeesEveryWriteOutsideItsElements) {
    std::vector<std::int16_t> const values{1, 2, 3, 4, 5, 6};
    Guarded<std::int16_t> const clean(context(), values, 2, 3, 2, 4);
    EXPECT_TRUE(clean.guards_intact());
    EXPECT_EQ(clean.values(), values);
    if (context().backend() == Backend::cuda) return;  // the rest writes from the host
    for (std::ptrdiff_t const offset : {-4, -1, 3, 4, 8, 9, 13}) {
        Guarded<std::int16_t> const hit(context(), values, 2, 3, 2, 4);
        hit.view().data[offset] = 0;
        EXPECT_FALSE(hit.guards_intact()) << offset;
    }
    for (std::ptrdiff_t const offset : {0, 2, 5, 7}) {
        Guarded<std::int16_t> const inside(context(), values, 2, 3, 2, 4);
        inside.view().data[offset] = 0;
        EXPECT_TRUE(inside.guards_intact()) << offset;
    }
}

TEST_P(GuardedMatrix, IsPoisonUntilWritten) {
    Guarded<std::int8_t> const matrix(context(), 2, 3);
    EXPECT_TRUE(matrix.untouched());
    for (auto const value : matrix.values()) EXPECT_EQ(static_cast<std::uint8_t>(value), poison_byte);
    if (context().backend() == Backend::cuda) return;
    matrix.view()(1, 2) = 1;
    EXPECT_FALSE(matrix.untouched());
}

TEST(Backends, HoldTheReferenceAndEveryInstructionSet) {
    auto const names = backend_names();
    EXPECT_EQ(names.front(), "reference");
    EXPECT_EQ(names.back(), "cuda");
    EXPECT_EQ(names.size(), supported_instruction_sets().size() + 2);
    EXPECT_EQ(cpu_contexts().size(), 2 * supported_instruction_sets().size());
}

}  // namespace
}  // namespace ca3::test
