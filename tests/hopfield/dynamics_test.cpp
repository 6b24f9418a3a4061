#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

// What the dynamics must do whatever the patterns.
namespace ca3::hopfield {
namespace {

using test::view;
using States = std::vector<std::int8_t>;

constexpr Update one_by_one[] = {Update::asynchronous, Update::shared, Update::sequential};
constexpr Update every_update[] = {Update::synchronous, Update::asynchronous, Update::shared, Update::sequential};
constexpr Tie every_tie[] = {Tie::keep, Tie::plus, Tie::minus, Tie::zero};

class Dynamics : public test::OnEveryBackend {
protected:
    [[nodiscard]] Memory memory(States const& patterns, std::int64_t P, MemoryOptions options = {}) const {
        Memory result(context(), options);
        result.store(view(patterns, P, static_cast<std::int64_t>(patterns.size()) / P));
        return result;
    }
    [[nodiscard]] Memory random_couplings(std::int64_t d, bool keep_diagonal, std::uint64_t seed) const {
        test::Random random(seed);
        std::vector<std::int32_t> w(static_cast<std::size_t>(d * d));
        for (std::int64_t i = 0; i < d; ++i)
            for (std::int64_t j = i; j < d; ++j)
                w[static_cast<std::size_t>(i * d + j)] = w[static_cast<std::size_t>(j * d + i)] =
                    static_cast<std::int32_t>(i == j ? random.between(0, 9) : random.between(-9, 9));
        return Memory::from_weights(context(), view(w, d, d), {}, {.rule = Rule::weights, .keep_diagonal = keep_diagonal});
    }
};
CA3_ON_EVERY_BACKEND(Dynamics);

// All neurons but i are clamped, so the sweep is the visit of i alone. E(after) - E(before) = -2 |h_i| - 2 w_ii when it flips, and it flips
// exactly when h_i s_i < 0 (h_i with the diagonal's term). Integer weights and half-integer biases: every number is exact.
TEST_P(Dynamics, AFlipLowersTheEnergyByTwiceTheFieldAndTheSelfCoupling) {
    std::int64_t const d = 21;
    test::Random random(1);
    for (bool const keep : {false, true})
        for (std::uint64_t seed = 0; seed < 4; ++seed) {
            Memory m =
                seed % 2 == 0 ? memory(test::random_patterns(6, d, seed), 6, {.keep_diagonal = keep}) : random_couplings(d, keep, seed);
            std::vector<double> bias;
            for (std::int64_t i = 0; i < d; ++i) bias.push_back(0.5 * static_cast<double>(random.between(-6, 6)));
            m.set_bias(bias);
            auto const w = m.weights();
            auto const s = test::random_patterns(1, d, 50 + seed);
            auto const h = m.fields(view(s, 1, d));
            double const before = m.energy(view(s, 1, d))[0];
            for (std::int64_t i = 0; i < d; ++i) {
                auto const I = static_cast<std::size_t>(i);
                std::vector<std::uint8_t> clamp(static_cast<std::size_t>(d), 1);
                clamp[I] = 0;
                for (Update const update : every_update) {
                    auto const r = m.recall(view(s, 1, d), {.update = update, .max_sweeps = 1, .clamp = view(clamp, 1, d)});
                    bool const flips = h[I] * s[I] < 0;
                    ASSERT_EQ(r.results[0].flips, flips ? 1 : 0);
                    double const change = flips ? -2 * std::abs(h[I]) - 2 * w[static_cast<std::size_t>(i * d + i)] : 0.0;
                    ASSERT_EQ(r.results[0].energy - before, change) << "neuron " << i;
                }
            }
        }
}

TEST_P(Dynamics, AsyncUpdateNeverRaisesEnergy) {
    std::int64_t const d = 60, B = 8;
    auto const cues = test::random_states(B, d, 0.2, 3);
    for (Update const update : one_by_one)
        for (bool const keep : {false, true})
            for (Tie const tie : {Tie::keep, Tie::plus, Tie::minus})
                for (int rule = 0; rule < 3; ++rule) {
                    Memory const m =
                        rule == 0   ? memory(test::random_patterns(25, d, 4), 25, {.keep_diagonal = keep})
                        : rule == 1 ? random_couplings(d, keep, 5)
                                    : memory(test::random_patterns(40, d, 6), 40, {.rule = Rule::pseudo_inverse, .keep_diagonal = keep});
                    auto const r = m.recall(view(cues, B, d), {.update = update, .tie = tie, .max_sweeps = 200, .seed = 7, .trace = true});
                    double const slack = rule == 2 ? 1e-9 : 0.0;  // the pseudo-inverse's energies are rounded to f64
                    // A tied 0 becoming +-1 under a positive self-coupling gains -1/2 w_ii: never a loss.
                    for (std::size_t t = 1; t < r.trace.size(); ++t)
                        for (std::size_t b = 0; b < static_cast<std::size_t>(B); ++b)
                            ASSERT_LE(r.trace[t].energy[b], r.trace[t - 1].energy[b] + slack);
                    for (auto const& result : r.results) EXPECT_EQ(result.status, Status::fixed_point);
                }
}

TEST_P(Dynamics, DenseAssociativeAsyncUpdateNeverRaisesEnergy) {
    std::int64_t const d = 31, B = 6, P = 60;
    auto const patterns = test::random_patterns(P, d, 8);
    auto const cues = test::random_patterns(B, d, 9);
    for (Update const update : one_by_one)
        for (int degree = 2; degree <= 5; ++degree) {
            auto const r = memory(patterns, P, {.rule = Rule::dense_associative, .degree = degree})
                               .recall(view(cues, B, d), {.update = update, .max_sweeps = 100, .trace = true});
            for (std::size_t t = 1; t < r.trace.size(); ++t)
                for (std::size_t b = 0; b < static_cast<std::size_t>(B); ++b) ASSERT_LE(r.trace[t].energy[b], r.trace[t - 1].energy[b]);
            for (auto const& result : r.results) EXPECT_EQ(result.status, Status::fixed_point);
        }
}

TEST_P(Dynamics, ReportedEnergyIsThatOfTheFinalState) {
    std::int64_t const d = 45, B = 10, P = 9;
    auto const patterns = test::random_patterns(P, d, 10);
    auto const cues = test::random_states(B, d, 0.2, 11);
    for (Rule const rule : {Rule::hebbian, Rule::pseudo_inverse, Rule::storkey, Rule::dense_associative, Rule::exponential})
        for (Update const update : every_update) {
            Memory m = memory(patterns, P, {.rule = rule});
            if (rule != Rule::exponential) m.set_bias(std::vector<double>(static_cast<std::size_t>(d), 0.25));
            auto const r = m.recall(view(cues, B, d), {.update = update, .max_sweeps = 5, .seed = 12, .trace = true});
            auto const again = m.energy(r.view());
            auto const overlaps = m.overlaps(r.view());
            for (std::size_t b = 0; b < static_cast<std::size_t>(B); ++b) {
                EXPECT_TRUE(test::same_bits(r.results[b].energy, again[b])) << to_string(rule);
                EXPECT_TRUE(test::same_bits(r.trace.back().energy[b], again[b])) << to_string(rule);
                auto const first = overlaps.begin() + static_cast<std::ptrdiff_t>(b) * P;
                auto const best = std::max_element(first, first + P);
                EXPECT_EQ(r.results[b].nearest, best - first);
                EXPECT_EQ(r.results[b].overlap, *best);
            }
            EXPECT_EQ(r.trace.front().energy, m.energy(view(cues, B, d)));
            EXPECT_EQ(r.trace.front().overlap, m.overlaps(view(cues, B, d)));
            EXPECT_EQ(r.trace.back().overlap, overlaps);
        }
}

// Symmetric weights: L(t) = -s(t) W s(t-1) - b (s(t) + s(t-1)) falls until the state is one or two sweeps old. Ties must not matter: h is
// odd for even d and odd P, or plus and minus stand for a bias of +-1/2 that no integer field can equal.
TEST_P(Dynamics, SynchronousLimitCyclesHaveLengthAtMostTwo) {
    std::int64_t const B = 24;
    std::int64_t cycles = 0;
    auto const ends = [&](Memory const& m, Tie tie, std::uint64_t seed) {
        auto const cues = test::random_patterns(B, m.neurons(), seed);
        for (auto const& result : m.recall(view(cues, B, m.neurons()), {.tie = tie, .max_sweeps = 5000}).results) {
            EXPECT_NE(result.status, Status::sweep_limit);
            cycles += result.status == Status::two_cycle;
        }
    };
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
        ends(memory(test::random_patterns(21, 60, seed), 21), Tie::keep, 100 + seed);
        ends(memory(test::random_patterns(20, 45, seed), 20), Tie::plus, 200 + seed);
        ends(random_couplings(33, seed % 2 == 0, seed), Tie::minus, 300 + seed);
    }
    EXPECT_GT(cycles, 20) << "two-cycles are common at this load; none would mean that they are not found";
}

// W positive semidefinite, as X^T X with its diagonal is: s(t+1) W s(t+1) cannot fall, so no two-cycle. d and P odd: no field is 0.
TEST_P(Dynamics, KeptDiagonalAlwaysEndsInAFixedPoint) {
    std::int64_t const B = 32;
    for (std::uint64_t seed = 0; seed < 6; ++seed)
        for (Form const form : {Form::factored, Form::dense}) {
            auto const m = memory(test::random_patterns(31, 63, seed), 31, {.form = form, .keep_diagonal = true});
            auto const cues = test::random_patterns(B, 63, 400 + seed);
            for (auto const& result : m.recall(view(cues, B, 63), {.max_sweeps = 1000}).results)
                EXPECT_EQ(result.status, Status::fixed_point);
        }
}

TEST_P(Dynamics, FixedPointsStayAndTwoCyclesReturn) {
    std::int64_t const d = 60, P = 21, B = 30;
    auto const m = memory(test::random_patterns(P, d, 13), P);
    auto const cues = test::random_patterns(B, d, 14);
    auto const ended = m.recall(view(cues, B, d), {.max_sweeps = 1000});
    auto const one_more = m.recall(ended.view(), {.max_sweeps = 1});
    auto const two_more = m.recall(ended.view(), {.max_sweeps = 2});
    EXPECT_EQ(two_more.states, ended.states);
    for (std::size_t b = 0; b < static_cast<std::size_t>(B); ++b) {
        bool const cycle = ended.results[b].status == Status::two_cycle;
        EXPECT_EQ(two_more.results[b].status, ended.results[b].status);
        EXPECT_EQ(one_more.results[b].flips == 0, !cycle);
    }
}

TEST_P(Dynamics, SweepsAddUp) {
    std::int64_t const d = 40, P = 12, B = 10;
    auto const m = memory(test::random_patterns(P, d, 15), P);
    auto const cues = test::random_states(B, d, 0.1, 16);
    auto const whole = m.recall(view(cues, B, d), {.max_sweeps = 6});
    auto states = cues;
    std::vector<std::int64_t> flips(static_cast<std::size_t>(B), 0);
    for (int t = 0; t < 6; ++t) {
        auto const step = m.recall(view(states, B, d), {.max_sweeps = 1});
        for (std::size_t b = 0; b < flips.size(); ++b)
            if (t < whole.results[b].sweeps) flips[b] += step.results[b].flips;
        for (std::int64_t b = 0; b < B; ++b)
            if (t < whole.results[static_cast<std::size_t>(b)].sweeps) std::copy_n(step.states.begin() + b * d, d, states.begin() + b * d);
    }
    EXPECT_EQ(states, whole.states);
    for (std::size_t b = 0; b < flips.size(); ++b) EXPECT_EQ(flips[b], whole.results[b].flips);
}

// ---- symmetries -------------------------------------------------------------------------------------------------------

template <class Values>
Values negated(Values values) {
    for (auto& v : values) v = static_cast<std::int8_t>(-v);
    return values;
}

void expect_same_course(Recall const& a, Recall const& b) {
    ASSERT_EQ(a.results.size(), b.results.size());
    for (std::size_t k = 0; k < a.results.size(); ++k) {
        EXPECT_EQ(a.results[k].status, b.results[k].status);
        EXPECT_EQ(a.results[k].sweeps, b.results[k].sweeps);
        EXPECT_EQ(a.results[k].flips, b.results[k].flips);
        EXPECT_EQ(a.results[k].energy, b.results[k].energy);
    }
}

TEST_P(Dynamics, NegatedCuesGiveNegatedStates) {
    std::int64_t const d = 50, P = 12, B = 12;
    for (bool const keep : {false, true}) {
        auto const m = memory(test::random_patterns(P, d, 17), P, {.keep_diagonal = keep});
        auto const cues = test::random_states(B, d, 0.2, 18);
        auto const minus = negated(cues);
        for (Update const update : every_update)
            for (Tie const tie : {Tie::keep, Tie::zero}) {
                RecallOptions const options{.update = update, .tie = tie, .max_sweeps = 30, .seed = 19};
                auto const a = m.recall(view(cues, B, d), options), b = m.recall(view(minus, B, d), options);
                EXPECT_EQ(b.states, negated(a.states)) << to_string(update) << ' ' << to_string(tie);
                expect_same_course(a, b);
            }
    }
}

// With even P fields are often 0, and sgn(0) = +1 prefers one sign: the symmetry must break somewhere, and plus and minus must mirror each
// other.
TEST_P(Dynamics, TiesToPlusBreakTheSymmetryAndMirrorTiesToMinus) {
    std::int64_t const d = 51, P = 12, B = 20;
    auto const m = memory(test::random_patterns(P, d, 20), P);
    auto const cues = test::random_states(B, d, 0.2, 21);
    auto const flipped = negated(cues);
    for (Update const update : every_update) {
        RecallOptions const plus{.update = update, .tie = Tie::plus, .max_sweeps = 30, .seed = 22},
            minus{.update = update, .tie = Tie::minus, .max_sweeps = 30, .seed = 22};
        auto const a = m.recall(view(cues, B, d), plus), b = m.recall(view(flipped, B, d), plus), c = m.recall(view(flipped, B, d), minus);
        EXPECT_NE(b.states, negated(a.states)) << to_string(update);
        EXPECT_EQ(c.states, negated(a.states)) << to_string(update);
        expect_same_course(a, c);
    }
}

// s_i -> g_i s_i with patterns x_i -> g_i x_i: the couplings become g_i w_ij g_j and nothing else changes.
TEST_P(Dynamics, GaugeTransformationsCarryOver) {
    std::int64_t const d = 47, P = 10, B = 10;
    auto const g = test::random_patterns(1, d, 23);
    auto const transformed = [&](auto values) {
        for (std::size_t k = 0; k < values.size(); ++k) values[k] = static_cast<std::int8_t>(values[k] * g[k % g.size()]);
        return values;
    };
    auto const patterns = test::random_patterns(P, d, 24);
    auto const cues = test::random_states(B, d, 0.2, 25);
    auto const gauged_patterns = transformed(patterns), gauged_cues = transformed(cues);
    for (Rule const rule : {Rule::hebbian, Rule::pseudo_inverse, Rule::dense_associative, Rule::exponential}) {
        auto const m = memory(patterns, P, {.rule = rule}), gauged = memory(gauged_patterns, P, {.rule = rule});
        for (Update const update : every_update)
            for (Tie const tie : {Tie::keep, Tie::zero}) {
                RecallOptions const options{.update = update, .tie = tie, .max_sweeps = 30, .seed = 26};
                auto const a = m.recall(view(cues, B, d), options), b = gauged.recall(view(gauged_cues, B, d), options);
                EXPECT_EQ(b.states, transformed(a.states)) << to_string(rule) << ' ' << to_string(update);
                expect_same_course(a, b);
            }
    }
}

TEST_P(Dynamics, NamesOfNeuronsDoNotMatterToSynchronousUpdate) {
    std::int64_t const d = 67, P = 10, B = 10;
    auto const order = test::random_permutation(d, 27);
    auto const permuted = [&](auto const& values) {
        auto result = values;
        for (std::size_t k = 0; k < values.size(); ++k) {
            auto const D = static_cast<std::size_t>(d);
            result[k / D * D + static_cast<std::size_t>(order[k % D])] = values[k];
        }
        return result;
    };
    auto const patterns = test::random_patterns(P, d, 28);
    auto const cues = test::random_states(B, d, 0.2, 29);
    auto const other_patterns = permuted(patterns), other_cues = permuted(cues);
    for (Rule const rule : {Rule::hebbian, Rule::pseudo_inverse, Rule::dense_associative, Rule::exponential})
        for (Tie const tie : every_tie) {
            auto const a = memory(patterns, P, {.rule = rule}).recall(view(cues, B, d), {.tie = tie, .max_sweeps = 30});
            auto const b = memory(other_patterns, P, {.rule = rule}).recall(view(other_cues, B, d), {.tie = tie, .max_sweeps = 30});
            EXPECT_EQ(b.states, permuted(a.states)) << to_string(rule) << ' ' << to_string(tie);
            expect_same_course(a, b);
        }
}

// Crosstalk cancels in sums over patterns: their order cannot matter, nor which batch a state is in.
TEST_P(Dynamics, OrderOfPatternsDoesNotMatter) {
    std::int64_t const d = 40, P = 17, B = 10;
    auto const patterns = test::random_patterns(P, d, 30);
    auto const order = test::random_permutation(P, 31);
    States shuffled;
    for (auto const mu : order) shuffled.insert(shuffled.end(), patterns.begin() + mu * d, patterns.begin() + (mu + 1) * d);
    auto const cues = test::random_states(B, d, 0.2, 32);
    for (Rule const rule : {Rule::hebbian, Rule::dense_associative, Rule::exponential})
        for (Update const update : every_update) {
            RecallOptions const options{.update = update, .max_sweeps = 30, .seed = 33};
            auto const a = memory(patterns, P, {.rule = rule}).recall(view(cues, B, d), options);
            auto const b = memory(shuffled, P, {.rule = rule}).recall(view(cues, B, d), options);
            EXPECT_EQ(a.states, b.states);
            for (std::size_t k = 0; k < a.results.size(); ++k) EXPECT_EQ(a.results[k].overlap, b.results[k].overlap);
        }
}

}  // namespace
}  // namespace ca3::hopfield
