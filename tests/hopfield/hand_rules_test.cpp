#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <cmath>

// Every other rule, worked out on paper.
namespace ca3::hopfield {
namespace {

using test::all_near;
using test::view;
using States = std::vector<std::int8_t>;

class RulesByHand : public test::OnEveryBackend {
protected:
    [[nodiscard]] Memory memory(States const& patterns, std::int64_t count, MemoryOptions options) const {
        Memory result(context(), options);
        result.store(view(patterns, count, static_cast<std::int64_t>(patterns.size()) / count));
        return result;
    }
    template <class T>
    [[nodiscard]] Memory given(std::vector<T> const& weights, std::vector<double> const& bias = {}, bool keep_diagonal = false) const {
        auto const d = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(weights.size()))));
        return Memory::from_weights(context(), view(weights, d, d), bias, {.rule = Rule::weights, .keep_diagonal = keep_diagonal});
    }
    [[nodiscard]] static Recall recall(Memory const& memory, States const& cue, RecallOptions options = {}) {
        return memory.recall(view(cue, static_cast<std::int64_t>(cue.size()) / memory.neurons(), memory.neurons()), options);
    }
};
CA3_ON_EVERY_BACKEND(RulesByHand);

// ---- pseudo-inverse ---------------------------------------------------------------------------------------------------

// Two orthogonal patterns of four neurons: W = (x x^T + y y^T) / 4, that is 1/2 inside the pairs (0,1) and (2,3), 0 across.
TEST_P(RulesByHand, PseudoInverseOfOrthogonalPatternsIsTheirProjector) {
    auto const m = memory({1, 1, 1, 1, 1, 1, -1, -1}, 2, {.rule = Rule::pseudo_inverse, .keep_diagonal = true});
    std::vector<double> const half{.5, .5, 0, 0, .5, .5, 0, 0, 0, 0, .5, .5, 0, 0, .5, .5};
    EXPECT_TRUE(all_near(half, m.weights(), 1e-15));
    States const s{1, -1, 1, 1};
    EXPECT_TRUE(all_near(std::vector<double>{0, 0, 1, 1}, m.fields(view(s, 1, 4)), 1e-14));
    EXPECT_NEAR(m.energy(view(s, 1, 4))[0], -1.0, 1e-14);
}

TEST_P(RulesByHand, PseudoInverseWithoutDiagonalCouplesThePairs) {
    auto const m = memory({1, 1, 1, 1, 1, 1, -1, -1}, 2, {.rule = Rule::pseudo_inverse});
    States const s{1, -1, 1, 1};
    EXPECT_TRUE(all_near(std::vector<double>{-.5, .5, .5, .5}, m.fields(view(s, 1, 4)), 1e-14));
    EXPECT_NEAR(m.energy(view(s, 1, 4))[0], 0.0, 1e-14);
    auto const r = recall(m, s);
    EXPECT_EQ(r.results[0].status, Status::two_cycle);
    EXPECT_EQ(r.results[0].flips, 4);
    EXPECT_EQ(recall(m, s, {.update = Update::sequential}).states, (States{-1, -1, 1, 1}));
}

// One pattern of three neurons with ridge 1: W = x x^T / (3 + 1).
TEST_P(RulesByHand, RidgeShrinksThePseudoInverse) {
    auto const m = memory({1, 1, -1}, 1, {.rule = Rule::pseudo_inverse, .keep_diagonal = true, .ridge = 1.0});
    EXPECT_TRUE(all_near(std::vector<double>{.25, .25, -.25, .25, .25, -.25, -.25, -.25, .25}, m.weights(), 1e-15));
}

// ---- Storkey ----------------------------------------------------------------------------------------------------------

// d = 3, x = (1,1,-1) on W = 0 gives x x^T / 3. For y = (1,-1,1), with h_ij = sum of w_ik y_k over k other than i and j:
// h_01 = w_02 y_2 = -1/3, h_10 = w_12 y_2 = -1/3, h_02 = w_01 y_1 = -1/3, h_20 = w_21 y_1 = 1/3, h_12 = w_10 y_0 = 1/3, h_21 = w_20 y_0 =
// -1/3; w_01 = 1/3 + (-1 + 1/3 - 1/3) / 3 = 0, w_02 = -1/3 + (1 - 1/3 + 1/3) / 3 = 0, w_12 = -1/3 + (-1 - 1/3 - 1/3) / 3 = -8/9.
TEST_P(RulesByHand, StorkeyUsesTheOldWeightsForTheWholePattern) {
    auto const first = memory({1, 1, -1}, 1, {.rule = Rule::storkey});
    EXPECT_TRUE(all_near(std::vector<double>{0, 1 / 3., -1 / 3., 1 / 3., 0, -1 / 3., -1 / 3., -1 / 3., 0}, first.weights(), 1e-15));
    auto const both = memory({1, 1, -1, 1, -1, 1}, 2, {.rule = Rule::storkey});
    EXPECT_TRUE(all_near(std::vector<double>{0, 0, 0, 0, 0, -8 / 9., 0, -8 / 9., 0}, both.weights(), 1e-14));
    EXPECT_TRUE(both.symmetric());
}

// ---- dense associative ------------------------------------------------------------------------------------------------

// One pattern (1,1,1), s = (1,1,-1): the overlaps without neuron i are 0, 0, 2, so degree 3 gives F(1) - F(-1) = 2 and F(3) - F(1) = 26.
TEST_P(RulesByHand, DegreeThreeWeighsTheThirdPowers) {
    auto const m = memory({1, 1, 1}, 1, {.rule = Rule::dense_associative, .degree = 3});
    States const s{1, 1, -1};
    EXPECT_EQ(m.fields(view(s, 1, 3)), (std::vector<double>{1, 1, 13}));
    EXPECT_EQ(m.energy(view(s, 1, 3)), std::vector<double>{-1});
    auto const r = recall(m, s);
    EXPECT_EQ(r.states, (States{1, 1, 1}));
    EXPECT_EQ(r.results[0].energy, -27.0);
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.results[0].flips, 1);
}

// An even degree cannot tell a pattern from its complement; an odd one can. s = (-1,-1,-1): rest = -2, F(-1) - F(-3).
TEST_P(RulesByHand, OddDegreesTellThePatternFromItsComplement) {
    States const s{-1, -1, -1};
    auto const odd = memory({1, 1, 1}, 1, {.rule = Rule::dense_associative, .degree = 3});
    EXPECT_EQ(odd.fields(view(s, 1, 3)), (std::vector<double>{13, 13, 13}));
    EXPECT_EQ(recall(odd, s).states, (States{1, 1, 1}));
    auto const even = memory({1, 1, 1}, 1, {.rule = Rule::dense_associative, .degree = 4});
    EXPECT_EQ(even.fields(view(s, 1, 3)), (std::vector<double>{-40, -40, -40}));
    EXPECT_EQ(recall(even, s).states, s);
}

// An unknown neuron adds nothing to the overlap: s = (0,1,1), rest = 2 for neuron 0 and 1 for the others: 26/2, (F(2) - F(0))/2 = 4.
TEST_P(RulesByHand, DenseAssociativeFieldsOfUnknownBits) {
    auto const m = memory({1, 1, 1}, 1, {.rule = Rule::dense_associative, .degree = 3});
    States const s{0, 1, 1};
    EXPECT_EQ(m.fields(view(s, 1, 3)), (std::vector<double>{13, 4, 4}));
    EXPECT_EQ(recall(m, s).states, (States{1, 1, 1}));
}

// Degree 3, x = (1,1,1), bias b: h + b decides.
TEST_P(RulesByHand, BiasAddsToDenseAssociativeFields) {
    auto m = memory({1, 1, 1}, 1, {.rule = Rule::dense_associative, .degree = 3});
    m.set_bias(std::vector<double>{-1, -1.5, -13.5});
    States const s{1, 1, -1};
    EXPECT_EQ(m.fields(view(s, 1, 3)), (std::vector<double>{0, -0.5, -0.5}));
    EXPECT_EQ(recall(m, s, {.tie = Tie::zero, .max_sweeps = 1}).states, (States{0, -1, -1}));
    EXPECT_EQ(m.energy(view(s, 1, 3)), std::vector<double>{-1 + 1 + 1.5 - 13.5});
}

TEST_P(RulesByHand, ExponentialWeighsExponentials) {
    auto const m = memory({1, 1, 1}, 1, {.rule = Rule::exponential, .beta = 0.5});
    States const s{1, 1, -1};
    std::vector<double> const expected{(std::exp(.5) - std::exp(-.5)) / 2, (std::exp(.5) - std::exp(-.5)) / 2,
                                       (std::exp(1.5) - std::exp(.5)) / 2};
    EXPECT_TRUE(all_near(expected, m.fields(view(s, 1, 3)), 1e-12));
    EXPECT_NEAR(m.energy(view(s, 1, 3))[0], -std::exp(0.5), 1e-14);
    EXPECT_EQ(recall(m, s).states, (States{1, 1, 1}));
    EXPECT_EQ(recall(m, {-1, -1, -1}).states, (States{1, 1, 1})) << "exp grows everywhere: every field points to the pattern";
}

// ---- weights given by the user ----------------------------------------------------------------------------------------

TEST_P(RulesByHand, IsingCouplingsAndFields) {
    std::vector<std::int32_t> const J{7, 2, -1, 2, 7, 3, -1, 3, 7};
    auto const m = given(J, {0.5, 0, -4});
    States const s{1, -1, 1};
    // h = (-2 - 1 + .5, 2 + 3, -1 - 3 - 4); E = -(J01 s0 s1 + J02 s0 s2 + J12 s1 s2) - b.s = -(-2 - 1 - 3) - (.5 - 4)
    EXPECT_EQ(m.fields(view(s, 1, 3)), (std::vector<double>{-2.5, 5, -8}));
    EXPECT_EQ(m.energy(view(s, 1, 3)), std::vector<double>{9.5});
    EXPECT_EQ(m.weights(), (std::vector<double>{0, 2, -1, 2, 0, 3, -1, 3, 0}));
    EXPECT_EQ(m.resolution(), 1.0);
    EXPECT_EQ(m.field_bound(), 0.0);
    auto const kept = given(J, {0.5, 0, -4}, true);
    EXPECT_EQ(kept.fields(view(s, 1, 3)), (std::vector<double>{4.5, -2, -1}));
    EXPECT_EQ(kept.energy(view(s, 1, 3)), std::vector<double>{9.5 - 10.5});
}

// Antisymmetric weights turn (1,1) through all four states: no fixed point, no two-cycle, no energy.
TEST_P(RulesByHand, AsymmetricWeightsHaveNoEnergy) {
    auto const m = given(std::vector<std::int32_t>{0, 1, -1, 0});
    EXPECT_FALSE(m.symmetric());
    auto const r = recall(m, {1, 1}, {.max_sweeps = 10});
    EXPECT_EQ(r.results[0].status, Status::sweep_limit);
    EXPECT_EQ(r.results[0].sweeps, 10);
    EXPECT_EQ(r.results[0].flips, 10);
    EXPECT_EQ(r.states, (States{-1, -1})) << "10 = 2 mod 4";
    EXPECT_TRUE(std::isnan(r.results[0].energy));
    States const s{1, 1};
    auto const message = test::message_of<InvalidArgument>([&] { (void)m.energy(view(s, 1, 2)); });
    EXPECT_NE(message.find("symmetric"), std::string::npos) << message;
}

TEST_P(RulesByHand, AsymmetricWeightsAreReadRowByNeuron) {
    auto const m = given(std::vector<std::int32_t>{0, 1, 0, 0, 0, 1, 1, 0, 0});  // neuron i listens to i + 1
    EXPECT_EQ(recall(m, {1, -1, -1}, {.max_sweeps = 1}).states, (States{-1, -1, 1}));
    States const s{1, -1, 0};
    EXPECT_EQ(m.fields(view(s, 1, 3)), (std::vector<double>{-1, 0, 1}));
}

// The diagonal alone does not make weights asymmetric, nor does a difference in it.
TEST_P(RulesByHand, CanonicalTwoCyclesWithGivenWeights) {
    auto const attract = recall(given(std::vector<std::int32_t>{0, 1, 1, 0}), {1, -1});
    EXPECT_EQ(attract.results[0].status, Status::two_cycle);
    EXPECT_EQ(attract.results[0].sweeps, 2);
    EXPECT_EQ(attract.results[0].nearest, -1);
    auto const repel = recall(given(std::vector<std::int32_t>{0, -1, -1, 0}), {-1, -1});
    EXPECT_EQ(repel.results[0].status, Status::two_cycle);
    EXPECT_EQ(recall(given(std::vector<std::int32_t>{2, 1, 1, 2}, {}, true), {1, -1}).results[0].status, Status::fixed_point)
        << "a strong diagonal holds";
}

TEST_P(RulesByHand, RealWeightsOnOneGridAreExact) {
    std::vector<double> const w{0, 0.375, -0.25, 0.375, 0, 1024, -0.25, 1024, 0};
    auto const m = given(w);
    EXPECT_EQ(m.weights(), w);
    EXPECT_EQ(m.field_bound(), 0.0);
    States const s{1, 1, 1};
    EXPECT_EQ(m.fields(view(s, 1, 3)), (std::vector<double>{0.125, 1024.375, 1023.75}));
    std::vector<float> const f(w.begin(), w.end());
    EXPECT_EQ(given(f).weights(), w);
}

// 0.1 + 0.2 - 0.3 of the three doubles is 2^-54 exactly, not 0: the grid keeps it.
TEST_P(RulesByHand, SumsOfRealWeightsAreNotRoundedOnTheWay) {
    std::vector<double> const w{0, 0.1, 0.2, -0.3, 0.1, 0, 0, 0, 0.2, 0, 0, 0, -0.3, 0, 0, 0};
    auto const m = given(w);
    ASSERT_EQ(m.field_bound(), 0.0);
    States const s{-1, 1, 1, 1};
    double const exact = 0x1p-55;  // 0.1 = ...9999a 2^-56, 0.2 = ...9999a 2^-55, 0.3 = ...33333 2^-54
    long double const sum = static_cast<long double>(0.1) + 0.2 - 0.3;
    EXPECT_EQ(m.fields(view(s, 1, 4))[0], static_cast<double>(sum));
    EXPECT_GE(static_cast<double>(sum), exact);
    EXPECT_EQ(recall(m, s, {.max_sweeps = 1}).states[0], 1);
}

TEST_P(RulesByHand, PatternsStoredBesideGivenWeightsAreOnlyCompared) {
    auto m = given(std::vector<std::int32_t>{0, 1, 1, 0});
    States const patterns{1, 1, -1, -1};
    m.store(view(patterns, 2, 2));
    EXPECT_EQ(m.weights(), (std::vector<double>{0, 1, 1, 0}));
    auto const r = recall(m, {-1, -1});
    EXPECT_EQ(r.results[0].nearest, 1);
    EXPECT_EQ(r.results[0].overlap, 2);
    EXPECT_FALSE(r.results[0].spurious);
}

TEST_P(RulesByHand, CapacityIsTheTabulatedFormula) {
    EXPECT_EQ(capacity(784), 41);
    EXPECT_EQ(capacity(1024), 51);  // 1024 / 20
    EXPECT_EQ(capacity(2), 1);
}

}  // namespace
}  // namespace ca3::hopfield
