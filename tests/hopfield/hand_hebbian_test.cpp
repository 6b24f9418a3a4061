#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

// Hebbian cases worked out on paper. One pattern x = (1, 1, -1): W = x x^T, and without its diagonal
//      0  1 -1
//      1  0 -1
//     -1 -1  0
namespace ca3::hopfield {
namespace {

using test::view;
using States = std::vector<std::int8_t>;

class HebbianByHand : public test::OnEveryBackend {
protected:
    [[nodiscard]] Memory memory(States const& patterns, std::int64_t count, MemoryOptions options = {}) const {
        Memory result(context(), options);
        result.store(view(patterns, count, static_cast<std::int64_t>(patterns.size()) / count));
        return result;
    }
    [[nodiscard]] static Recall recall(Memory const& memory, States const& cue, RecallOptions options = {}) {
        return memory.recall(view(cue, static_cast<std::int64_t>(cue.size()) / memory.neurons(), memory.neurons()), options);
    }
    States const x{1, 1, -1};
};
CA3_ON_EVERY_BACKEND(HebbianByHand);

// s = (1, 1, 1): h = (0, 0, -2), so two ties. keep: x at once; the second sweep changes nothing. E = -1/2 x^T W x = -3.
TEST_P(HebbianByHand, KeepLeavesTiedNeuronsAsTheyAre) {
    auto const r = recall(memory(x, 1), {1, 1, 1}, {.tie = Tie::keep});
    EXPECT_EQ(r.states, x);
    EXPECT_EQ(r.results[0].status, Status::fixed_point);
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.results[0].flips, 1);
    EXPECT_EQ(r.results[0].energy, -3.0);
    EXPECT_EQ(r.results[0].nearest, 0);
    EXPECT_EQ(r.results[0].overlap, 3);
    EXPECT_FALSE(r.results[0].spurious);
    EXPECT_TRUE(r.trace.empty());
}

TEST_P(HebbianByHand, PlusRaisesTiedNeurons) {
    auto const r = recall(memory(x, 1), {1, 1, 1}, {.tie = Tie::plus});
    EXPECT_EQ(r.states, x);
    EXPECT_EQ(r.results[0].flips, 1);
    EXPECT_EQ(r.results[0].sweeps, 2);
}

// (1,1,1) -> (-1,-1,-1), whose fields are (0,0,2) -> (-1,-1,1) = -x, a fixed point: 3 + 1 flips, 3 sweeps. -x is no stored pattern.
TEST_P(HebbianByHand, MinusLowersTiedNeurons) {
    auto const r = recall(memory(x, 1), {1, 1, 1}, {.tie = Tie::minus});
    EXPECT_EQ(r.states, (States{-1, -1, 1}));
    EXPECT_EQ(r.results[0].status, Status::fixed_point);
    EXPECT_EQ(r.results[0].sweeps, 3);
    EXPECT_EQ(r.results[0].flips, 4);
    EXPECT_EQ(r.results[0].energy, -3.0);
    EXPECT_EQ(r.results[0].nearest, 0);
    EXPECT_EQ(r.results[0].overlap, -3);
    EXPECT_TRUE(r.results[0].spurious);
}

// (1,1,1) -> (0,0,-1), h = (1,1,0) -> (1,1,0), h = (1,1,-2) -> x: 3 + 3 + 1 changes, and a fourth sweep without any.
TEST_P(HebbianByHand, ZeroForgetsTiedNeurons) {
    auto const r = recall(memory(x, 1), {1, 1, 1}, {.tie = Tie::zero});
    EXPECT_EQ(r.states, x);
    EXPECT_EQ(r.results[0].status, Status::fixed_point);
    EXPECT_EQ(r.results[0].sweeps, 4);
    EXPECT_EQ(r.results[0].flips, 7);
}

// With the diagonal h = x (x . s) = x, so one sweep reaches x; E = -1/2 (x . s)^2 = -9/2.
TEST_P(HebbianByHand, KeptDiagonalCountsInFieldsAndEnergy) {
    auto const m = memory(x, 1, {.keep_diagonal = true});
    auto const r = recall(m, {1, 1, 1}, {.tie = Tie::minus});
    EXPECT_EQ(r.states, x);
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.results[0].flips, 1);
    EXPECT_EQ(r.results[0].energy, -4.5);
    EXPECT_EQ(m.weights(), (std::vector<double>{1, 1, -1, 1, 1, -1, -1, -1, 1}));
    EXPECT_EQ(memory(x, 1).weights(), (std::vector<double>{0, 1, -1, 1, 0, -1, -1, -1, 0}));
}

// Unknown bits count 0: s = (1, 0, 0) has h = (0, 1, -1). keep leaves the first; E of (1,0,0) is 0.
TEST_P(HebbianByHand, UnknownBitsCountNothingAndAreFilledIn) {
    auto const m = memory(x, 1);
    States const cue{1, 0, 0};
    EXPECT_EQ(m.fields(view(cue, 1, 3)), (std::vector<double>{0, 1, -1}));
    EXPECT_EQ(m.energy(view(cue, 1, 3)), std::vector<double>{0});
    EXPECT_EQ(m.overlaps(view(cue, 1, 3)), std::vector<std::int32_t>{1});
    auto const r = recall(m, cue);
    EXPECT_EQ(r.states, x);
    EXPECT_EQ(r.results[0].flips, 2);
    EXPECT_EQ(r.results[0].sweeps, 2);
}

TEST_P(HebbianByHand, NothingKnownStaysNothingKnownUnlessTiesDecide) {
    auto const m = memory(x, 1);
    auto const kept = recall(m, {0, 0, 0});
    EXPECT_EQ(kept.states, (States{0, 0, 0}));
    EXPECT_EQ(kept.results[0].sweeps, 1);
    EXPECT_EQ(kept.results[0].flips, 0);
    EXPECT_EQ(kept.results[0].overlap, 0);
    EXPECT_EQ(kept.results[0].nearest, 0);
    EXPECT_TRUE(kept.results[0].spurious);
    EXPECT_EQ(recall(m, {0, 0, 0}, {.tie = Tie::plus}).states, x) << "(1,1,1) after one sweep, then as above";
}

// Index order from (1, -1, 1): neuron 0 has h = -1 - 1 = -2 -> -1; neuron 1 has -1 - 1 = -2: stays; neuron 2 has 1 + 1 = 2: stays. -x.
TEST_P(HebbianByHand, SequentialUpdateSeesEarlierChanges) {
    auto const r = recall(memory(x, 1), {1, -1, 1}, {.update = Update::sequential});
    EXPECT_EQ(r.states, (States{-1, -1, 1}));
    EXPECT_EQ(r.results[0].flips, 1);
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.results[0].status, Status::fixed_point);
}

// The synchronous update of the same cue sees h = (-2, 0, 0) and, with Tie::zero, goes through
// (-1,0,0), h = (0,-1,1); (0,-1,1), h = (-2,-1,1); (-1,-1,1), h = (-2,-2,2), fixed. Changes 3, 3, 1, 0.
TEST_P(HebbianByHand, SynchronousUpdateSeesTheOldStateOnly) {
    auto const r = recall(memory(x, 1), {1, -1, 1}, {.tie = Tie::zero});
    EXPECT_EQ(r.states, (States{-1, -1, 1}));
    EXPECT_EQ(r.results[0].flips, 7);
    EXPECT_EQ(r.results[0].sweeps, 4);
}

// Two neurons, one pattern (1, 1): w_12 = 1. From (1, -1) both flip for ever.
TEST_P(HebbianByHand, TwoNeuronsChaseEachOther) {
    auto const r = recall(memory({1, 1}, 1), {1, -1}, {.max_sweeps = 50});
    EXPECT_EQ(r.results[0].status, Status::two_cycle);
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.results[0].flips, 4);
    EXPECT_EQ(r.states, (States{1, -1}));
    EXPECT_EQ(r.results[0].energy, 1.0);
    EXPECT_TRUE(r.results[0].spurious);
}

// One pattern (1, -1): w_12 = -1. From (-1, -1), h = (1, 1).
TEST_P(HebbianByHand, TwoNeuronsThatRepelFlipTogether) {
    auto const r = recall(memory({1, -1}, 1), {-1, -1});
    EXPECT_EQ(r.results[0].status, Status::two_cycle);
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.states, (States{-1, -1}));
    EXPECT_EQ(recall(memory({1, -1}, 1), {-1, -1}, {.update = Update::sequential}).states, (States{1, -1}))
        << "one after the other they settle";
}

TEST_P(HebbianByHand, TwoCycleNeedsTwoSweepsToBeSeen) {
    auto const r = recall(memory({1, 1}, 1), {1, -1}, {.max_sweeps = 1});
    EXPECT_EQ(r.results[0].status, Status::sweep_limit);
    EXPECT_EQ(r.results[0].sweeps, 1);
    EXPECT_EQ(r.states, (States{-1, 1}));
}

TEST_P(HebbianByHand, NoSweepsReportOnTheCue) {
    auto const r = recall(memory(x, 1), {1, 1, 1}, {.max_sweeps = 0});
    EXPECT_EQ(r.states, (States{1, 1, 1}));
    EXPECT_EQ(r.results[0].status, Status::sweep_limit);
    EXPECT_EQ(r.results[0].sweeps, 0);
    EXPECT_EQ(r.results[0].flips, 0);
    EXPECT_EQ(r.results[0].energy, 1.0);  // -1/2 (0 + 0 - 2)
    EXPECT_EQ(r.results[0].nearest, 0);
    EXPECT_EQ(r.results[0].overlap, 1);
    EXPECT_TRUE(r.results[0].spurious);
}

TEST_P(HebbianByHand, SweepLimitCutsARelaxationShort) {
    auto const m = memory(x, 1);
    auto const cut = recall(m, {1, 1, 1}, {.max_sweeps = 1});
    EXPECT_EQ(cut.states, x);
    EXPECT_EQ(cut.results[0].status, Status::sweep_limit) << "no sweep without a change was seen";
    EXPECT_EQ(cut.results[0].sweeps, 1);
    EXPECT_FALSE(cut.results[0].spurious);
    auto const fixed = recall(m, x, {.max_sweeps = 1});
    EXPECT_EQ(fixed.results[0].status, Status::fixed_point);
    EXPECT_EQ(fixed.results[0].sweeps, 1);
}

// b = (-3, 0, 0) on s = x: h = (2 - 3, 2, -2). (-1,1,-1): h = (-1, 0, 0), fixed. E = -1/2 (-2) - 3 = -2.
TEST_P(HebbianByHand, BiasShiftsFieldsAndEnergy) {
    auto m = memory(x, 1);
    m.set_bias(std::vector<double>{-3, 0, 0});
    EXPECT_EQ(m.fields(view(x, 1, 3)), (std::vector<double>{-1, 2, -2}));
    auto const r = recall(m, x);
    EXPECT_EQ(r.states, (States{-1, 1, -1}));
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.results[0].energy, -2.0);
    EXPECT_EQ(m.bias(), (std::vector<double>{-3, 0, 0}));
    m.set_bias({});
    EXPECT_TRUE(m.bias().empty());
    EXPECT_EQ(recall(m, x).states, x);
}

// The field of neuron 0 at s = x is 2. Between the two doubles beside -2 lies exactly one tie.
TEST_P(HebbianByHand, BiasDecidesAsRealArithmeticWould) {
    auto m = memory(x, 1);
    auto const first = [&](double bias, Tie tie) {
        m.set_bias(std::vector<double>{bias, 0, 0});
        return recall(m, x, {.tie = tie, .max_sweeps = 1}).states[0];
    };
    EXPECT_EQ(first(-2.0, Tie::keep), 1);
    EXPECT_EQ(first(-2.0, Tie::plus), 1);
    EXPECT_EQ(first(-2.0, Tie::minus), -1);
    EXPECT_EQ(first(-2.0, Tie::zero), 0);
    for (Tie const tie : {Tie::keep, Tie::plus, Tie::minus, Tie::zero}) {
        EXPECT_EQ(first(std::nextafter(-2.0, 0.0), tie), 1);
        EXPECT_EQ(first(std::nextafter(-2.0, -3.0), tie), -1);
        EXPECT_EQ(first(-1.5, tie), 1);
        EXPECT_EQ(first(-2.5, tie), -1);
        EXPECT_EQ(first(1e300, tie), 1);
        EXPECT_EQ(first(-1e300, tie), -1);
    }
    // A field of 0 and the smallest bias there is.
    States const tied{1, 1, 1};
    for (double const sign : {1.0, -1.0}) {
        m.set_bias(std::vector<double>{sign * std::numeric_limits<double>::denorm_min(), 0, 0});
        EXPECT_EQ(recall(m, tied, {.tie = Tie::zero, .max_sweeps = 1}).states[0], static_cast<std::int8_t>(sign));
    }
}

TEST_P(HebbianByHand, ClampedNeuronsKeepTheirCue) {
    auto const m = memory(x, 1);
    std::vector<std::uint8_t> const one{0, 0, 1};
    auto const r = recall(m, {1, 1, 1}, {.tie = Tie::minus, .max_sweeps = 3, .clamp = view(one, 1, 3)});
    EXPECT_EQ(r.states[2], 1);
    // (1,1,1), h_0 = h_1 = 0 -> (-1,-1,1): h_0 = -2, stays.
    EXPECT_EQ(r.states, (States{-1, -1, 1}));
    EXPECT_EQ(r.results[0].status, Status::fixed_point);
    EXPECT_EQ(r.results[0].sweeps, 2);
    EXPECT_EQ(r.results[0].flips, 2);
}

TEST_P(HebbianByHand, ClampMayBeOneRowForAllOrOneForEach) {
    auto const m = memory(x, 1);
    States const cues{1, 1, 1, 1, 1, 1};
    std::vector<std::uint8_t> const each{0, 0, 255, 0, 0, 0};  // any nonzero byte clamps
    auto const r = m.recall(view(cues, 2, 3), {.clamp = view(each, 2, 3)});
    EXPECT_EQ(r.states, (States{1, 1, 1, 1, 1, -1}));
    std::vector<std::uint8_t> const all{0, 0, 1};
    EXPECT_EQ(m.recall(view(cues, 2, 3), {.clamp = view(all, 1, 3)}).states, cues);
}

TEST_P(HebbianByHand, ClampedZeroStaysUnknown) {
    auto const m = memory(x, 1);
    std::vector<std::uint8_t> const clamp{0, 1, 0};
    for (Update const update : {Update::synchronous, Update::asynchronous, Update::shared, Update::sequential}) {
        auto const r = recall(m, {1, 0, 0}, {.update = update, .tie = Tie::plus, .clamp = view(clamp, 1, 3)});
        EXPECT_EQ(r.states, (States{1, 0, -1})) << to_string(update);
    }
}

TEST_P(HebbianByHand, EverythingClampedIsAFixedPoint) {
    auto const m = memory(x, 1);
    std::vector<std::uint8_t> const clamp{1, 1, 1};
    for (Update const update : {Update::synchronous, Update::asynchronous, Update::shared, Update::sequential}) {
        auto const r = recall(m, {-1, 0, 1}, {.update = update, .clamp = view(clamp, 1, 3)});
        EXPECT_EQ(r.states, (States{-1, 0, 1}));
        EXPECT_EQ(r.results[0].sweeps, 1);
        EXPECT_EQ(r.results[0].status, Status::fixed_point);
    }
}

// (1,1,-1,-1) and (1,-1,1,-1): overlap 0 with each other. The state (1,1,1,-1) has overlap 2 with both.
TEST_P(HebbianByHand, NearestIsTheFirstOfEquals) {
    auto const m = memory({1, 1, -1, -1, 1, -1, 1, -1}, 2);
    auto const r = recall(m, {1, 1, 1, -1}, {.max_sweeps = 0});
    EXPECT_EQ(r.results[0].nearest, 0);
    EXPECT_EQ(r.results[0].overlap, 2);
    auto const second = recall(m, {1, -1, 1, -1}, {.max_sweeps = 0});
    EXPECT_EQ(second.results[0].nearest, 1);
    EXPECT_EQ(second.results[0].overlap, 4);
    EXPECT_FALSE(second.results[0].spurious);
}

// The same pattern twice: W = 2 x x^T, and the first copy is the nearest.
TEST_P(HebbianByHand, DuplicatesCountTwice) {
    auto const m = memory({1, 1, -1, 1, 1, -1}, 2);
    EXPECT_EQ(m.weights(), (std::vector<double>{0, 2, -2, 2, 0, -2, -2, -2, 0}));
    auto const r = recall(m, {1, 1, 1});
    EXPECT_EQ(r.results[0].nearest, 0);
    EXPECT_EQ(r.results[0].energy, -6.0);
}

TEST_P(HebbianByHand, EmptyMemoryKnowsNothing) {
    Memory m(context());
    EXPECT_EQ(m.neurons(), 0);
    m.store(MatrixView<std::int8_t const>(nullptr, 0, 3));
    EXPECT_EQ(m.neurons(), 3);
    EXPECT_EQ(m.patterns(), 0);
    auto const r = recall(m, {1, 0, -1});
    EXPECT_EQ(r.states, (States{1, 0, -1}));
    EXPECT_EQ(r.results[0].status, Status::fixed_point);
    EXPECT_EQ(r.results[0].sweeps, 1);
    EXPECT_EQ(r.results[0].energy, 0.0);
    EXPECT_EQ(r.results[0].nearest, -1);
    EXPECT_EQ(r.results[0].overlap, 0);
    EXPECT_TRUE(r.results[0].spurious);
    EXPECT_EQ(recall(m, {1, 0, -1}, {.tie = Tie::minus}).states, (States{-1, -1, -1}));
    EXPECT_EQ(m.weights(), std::vector<double>(9, 0.0));
}

TEST_P(HebbianByHand, NoCuesGiveNoResults) {
    auto const m = memory(x, 1);
    auto const r = m.recall(MatrixView<std::int8_t const>(nullptr, 0, 3), {.trace = true});
    EXPECT_EQ(r.batch, 0);
    EXPECT_EQ(r.neurons, 3);
    EXPECT_TRUE(r.states.empty());
    EXPECT_TRUE(r.results.empty());
    EXPECT_TRUE(m.energy(MatrixView<std::int8_t const>(nullptr, 0, 3)).empty());
    EXPECT_TRUE(m.overlaps(MatrixView<std::int8_t const>(nullptr, 0, 3)).empty());
    EXPECT_TRUE(m.fields(MatrixView<std::int8_t const>(nullptr, 0, 3)).empty());
}

// One neuron: without its diagonal it has no input, with it it keeps itself.
TEST_P(HebbianByHand, OneNeuronIsEnough) {
    auto const m = memory({-1}, 1);
    EXPECT_EQ(recall(m, {1}).states, States{1});
    EXPECT_EQ(recall(m, {1}, {.tie = Tie::minus}).states, States{-1});
    EXPECT_EQ(recall(m, {1}).results[0].overlap, -1);
    EXPECT_EQ(recall(m, {1}).results[0].energy, 0.0);
    auto const kept = memory({-1}, 1, {.keep_diagonal = true});
    EXPECT_EQ(recall(kept, {1}, {.tie = Tie::minus}).states, States{1});
    EXPECT_EQ(recall(kept, {1}).results[0].energy, -0.5);
}

// States of a batch do not see each other.
TEST_P(HebbianByHand, EveryStateRelaxesOnItsOwn) {
    auto const m = memory(x, 1);
    auto const r = recall(m, {1, 1, 1, 1, 1, -1, -1, -1, 1, 1, 0, 0});
    EXPECT_EQ(r.batch, 4);
    EXPECT_EQ(r.states, (States{1, 1, -1, 1, 1, -1, -1, -1, 1, 1, 1, -1}));
    std::vector<std::int32_t> sweeps;
    for (auto const& result : r.results) sweeps.push_back(result.sweeps);
    EXPECT_EQ(sweeps, (std::vector<std::int32_t>{2, 1, 1, 2}));
}

// Trace of (1,1,1) with Tie::zero: (1,1,1) E = 1; (0,0,-1) E = 0; (1,1,0) E = -1; x E = -3; x.
TEST_P(HebbianByHand, TraceHoldsTheCueAndEverySweep) {
    auto const r = recall(memory(x, 1), {1, 1, 1, 1, 1, -1}, {.tie = Tie::zero, .trace = true});
    ASSERT_EQ(r.trace.size(), 5u);
    std::vector<double> energies;
    std::vector<std::int32_t> overlaps;
    for (std::size_t t = 0; t < 5; ++t) {
        EXPECT_EQ(r.trace[t].sweep, static_cast<std::int64_t>(t));
        ASSERT_EQ(r.trace[t].energy.size(), 2u);
        ASSERT_EQ(r.trace[t].overlap.size(), 2u);
        energies.push_back(r.trace[t].energy[0]);
        overlaps.push_back(r.trace[t].overlap[0]);
        EXPECT_EQ(r.trace[t].energy[1], -3.0) << "stopped after its first sweep";
        EXPECT_EQ(r.trace[t].overlap[1], 3);
    }
    EXPECT_EQ(energies, (std::vector<double>{1, 0, -1, -3, -3}));
    EXPECT_EQ(overlaps, (std::vector<std::int32_t>{1, 1, 2, 3, 3}));
    EXPECT_EQ(r.results[0].sweeps, 4);
    EXPECT_EQ(r.results[1].sweeps, 1);
}

// theta = (1 + 1 - 1) / 3 = 1/3; x - theta = (2/3, 2/3, -4/3): W = [[.,4,-8],[4,.,-8],[-8,-8,.]] / 9 off the diagonal.
TEST_P(HebbianByHand, CentringSubtractsTheMeanOfAllElements) {
    auto const m = memory(x, 1, {.centre = true});
    EXPECT_TRUE(test::all_near(std::vector<double>{0, 4 / 9., -8 / 9., 4 / 9., 0, -8 / 9., -8 / 9., -8 / 9., 0}, m.weights(), 1e-15));
    auto const kept = memory(x, 1, {.keep_diagonal = true, .centre = true});
    EXPECT_TRUE(test::all_near(std::vector<double>{4 / 9., 4 / 9., -8 / 9., 4 / 9., 4 / 9., -8 / 9., -8 / 9., -8 / 9., 16 / 9.},
                               kept.weights(), 1e-15));
    // s = (1,1,1): h = (-4, -4, -16) / 9 -> (-1,-1,-1): h = (4, 4, 16) / 9: a two-cycle.
    auto const r = recall(m, {1, 1, 1});
    EXPECT_EQ(r.results[0].status, Status::two_cycle);
    EXPECT_EQ(r.results[0].flips, 6);
    EXPECT_NEAR(r.results[0].energy, 12 / 9., 1e-15);  // -1/2 (-4 - 4 - 16) / 9
}

TEST_P(HebbianByHand, FormsAgree) {
    for (Form const form : {Form::automatic, Form::factored, Form::dense}) {
        auto const r = recall(memory(x, 1, {.form = form}), {1, 1, 1}, {.tie = Tie::zero});
        EXPECT_EQ(r.states, x) << to_string(form);
        EXPECT_EQ(r.results[0].flips, 7);
        EXPECT_FALSE(r.form.empty());
    }
}

TEST_P(HebbianByHand, ResolutionIsOneAndNothingIsRounded) {
    auto const m = memory(x, 1);
    EXPECT_EQ(m.resolution(), 1.0);
    EXPECT_EQ(m.field_bound(), 0.0);
    EXPECT_TRUE(m.symmetric());
}

}  // namespace
}  // namespace ca3::hopfield
