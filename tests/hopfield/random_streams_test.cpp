#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

// What depends on random numbers: Glauber dynamics and the visiting orders.
namespace ca3::hopfield {
namespace {

using test::view;
using States = std::vector<std::int8_t>;

/// Pearson's statistic of counts against probabilities.
double chi_square(std::vector<std::int64_t> const& counts, std::vector<double> const& probabilities) {
    double total = 0, sum = 0;
    for (auto const n : counts) total += static_cast<double>(n);
    for (std::size_t k = 0; k < counts.size(); ++k) {
        double const expected = total * probabilities[k];
        sum += (static_cast<double>(counts[k]) - expected) * (static_cast<double>(counts[k]) - expected) / expected;
    }
    return sum;
}

/// Exceeded with probability below 1e-6 (Laurent, Massart 2000, Lemma 1: P(chi^2 > k + 2 sqrt(k x) + 2x) <= e^-x, x = 13.82).
double chi_square_limit(std::size_t degrees_of_freedom) {
    double const k = static_cast<double>(degrees_of_freedom), x = 6 * std::log(10.0);
    return k + 2 * std::sqrt(k * x) + 2 * x;
}

std::size_t number_of(HostVector<std::int8_t> const& states, std::size_t first, std::size_t d) {
    std::size_t number = 0;
    for (std::size_t i = 0; i < d; ++i) number |= static_cast<std::size_t>(states[first + i] > 0) << i;
    return number;
}

class Glauber : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Glauber);

// One visit of a neuron with P(+1) = 1 / (1 + e^{-2h/T}) is a heat-bath step: it keeps exp(-E/T) / Z, and so does any order of visits. 60
// sweeps at couplings of about T forget the cue; the states of a batch are independent, so their counts are multinomial.
TEST_P(Glauber, OneByOneDynamicsSamplesBoltzmannsDistribution) {
    std::size_t const d = 4, B = 6000;
    std::vector<double> const w{0, 1, -2, 0.5, 1, 0, 0.25, -1, -2, 0.25, 0, 1, 0.5, -1, 1, 0}, bias{0.5, 0, -0.75, 0.25};
    auto const m = Memory::from_weights(context(), view(w, 4, 4), bias);
    States const cues(B * d, 1);
    States all;
    for (int number = 0; number < 16; ++number)
        for (int i = 0; i < 4; ++i) all.push_back((number >> i & 1) != 0 ? std::int8_t{1} : std::int8_t{-1});
    auto const E = m.energy(view(all, 16, 4));
    for (double const T : {1.5, 10.0}) {
        std::vector<double> p;
        double Z = 0;
        for (double const e : E) p.push_back(std::exp(-e / T)), Z += p.back();
        for (double& value : p) value /= Z;
        for (Update const update : {Update::asynchronous, Update::shared, Update::sequential}) {
            auto const r =
                m.recall(view(cues, static_cast<std::int64_t>(B), 4), {.update = update, .max_sweeps = 60, .temperature = T, .seed = 5});
            std::vector<std::int64_t> counts(16, 0);
            for (std::size_t b = 0; b < B; ++b) ++counts[number_of(r.states, b * d, d)];
            EXPECT_LT(chi_square(counts, p), chi_square_limit(15)) << "T = " << T << ", " << to_string(update);
            EXPECT_EQ(r.results[0].status, Status::sweep_limit);
            EXPECT_EQ(r.results[0].sweeps, 60);
        }
    }
}

// One synchronous sweep from a known state: neuron i is +1 with probability 1 / (1 + e^{-2 h_i / T}), independently.
TEST_P(Glauber, OneSweepFollowsTheFieldWithTheLogisticProbability) {
    std::size_t const d = 3, B = 30000;
    std::vector<std::int32_t> const w{0, 1, 2, 1, 0, 0, 2, 0, 0};
    auto const m = Memory::from_weights(context(), view(w, 3, 3));
    States cues;
    for (std::size_t b = 0; b < B; ++b) cues.insert(cues.end(), {1, 1, -1});
    double const T = 1.5;
    std::array<double, 3> const h{-1, 1, 2};
    auto const r = m.recall(view(cues, static_cast<std::int64_t>(B), 3), {.max_sweeps = 1, .temperature = T, .seed = 6});
    std::vector<std::int64_t> counts(8, 0);
    for (std::size_t b = 0; b < B; ++b) ++counts[number_of(r.states, b * d, d)];
    std::vector<double> p(8, 1.0);
    for (std::size_t number = 0; number < 8; ++number)
        for (std::size_t i = 0; i < d; ++i) p[number] *= 1 / (1 + std::exp(((number >> i & 1) != 0 ? -2 : 2) * h[i] / T));
    EXPECT_LT(chi_square(counts, p), chi_square_limit(7));
}

TEST_P(Glauber, FieldsOfZeroGiveEitherSignAlikeWhateverTheTieRule) {
    std::int64_t const B = 10000;
    std::vector<std::int32_t> const w{0};
    auto const m = Memory::from_weights(context(), view(w, 1, 1));
    States const cues(static_cast<std::size_t>(B), 0);
    for (Tie const tie : {Tie::keep, Tie::plus, Tie::minus, Tie::zero})
        for (double const T : {std::numeric_limits<double>::denorm_min(), 1e-300, 1.0, 1e300, std::numeric_limits<double>::max()}) {
            auto const r = m.recall(view(cues, B, 1), {.tie = tie, .max_sweeps = 1, .temperature = T, .seed = 7});
            std::int64_t sum = 0;
            for (auto const s : r.states) {
                ASSERT_NE(s, 0);
                sum += s;
            }
            EXPECT_LT(std::abs(static_cast<double>(sum)), 5 * std::sqrt(static_cast<double>(B))) << to_string(tie) << ", T = " << T;
        }
}

TEST_P(Glauber, TemperaturesAtTheEndsOfTheRangeFreezeAndMelt) {
    std::int64_t const B = 10000;
    std::vector<std::int32_t> const w{0};
    auto const m = Memory::from_weights(context(), view(w, 1, 1), std::vector<double>{-1});
    States const cues(static_cast<std::size_t>(B), 1);
    auto const sum = [&](double T) {
        std::int64_t total = 0;
        for (auto const s : m.recall(view(cues, B, 1), {.max_sweeps = 1, .temperature = T, .seed = 8}).states) total += s;
        return static_cast<double>(total);
    };
    for (double const T : {std::numeric_limits<double>::denorm_min(), 1e-308, 1e-100}) EXPECT_EQ(sum(T), -static_cast<double>(B)) << T;
    for (double const T : {1e100, 1e307, std::numeric_limits<double>::max()})
        EXPECT_LT(std::abs(sum(T)), 5 * std::sqrt(static_cast<double>(B))) << T;
}

// d even, P odd: no field of +-1 states is 0, and e^{-2 |h| / T} is below 2^-32 for |h| >= 1.
TEST_P(Glauber, NearlyZeroTemperatureIsTemperatureZero) {
    std::int64_t const d = 40, P = 7, B = 20;
    auto const patterns = test::random_patterns(P, d, 8);
    auto const cues = test::random_patterns(B, d, 9);
    Memory m(context());
    m.store(view(patterns, P, d));
    for (double const T : {1e-12, 1e-3, 0.05})
        for (Update const update : {Update::asynchronous, Update::shared, Update::sequential}) {
            auto const cold = m.recall(view(cues, B, d), {.update = update, .max_sweeps = 30, .temperature = T, .seed = 10});
            auto const frozen = m.recall(view(cues, B, d), {.update = update, .max_sweeps = 30, .seed = 10});
            EXPECT_EQ(cold.states, frozen.states) << T << ' ' << to_string(update);
            for (std::size_t b = 0; b < static_cast<std::size_t>(B); ++b) {
                EXPECT_EQ(cold.results[b].flips, frozen.results[b].flips);
                EXPECT_EQ(cold.results[b].status, Status::sweep_limit);
                EXPECT_EQ(cold.results[b].sweeps, 30);
            }
        }
}

TEST_P(Glauber, HugeTemperatureForgetsEverything) {
    std::int64_t const d = 50, P = 5, B = 200;
    auto const patterns = test::random_patterns(P, d, 11);
    States cues;
    for (std::int64_t b = 0; b < B; ++b) cues.insert(cues.end(), patterns.begin(), patterns.begin() + d);
    Memory m(context());
    m.store(view(patterns, P, d));
    for (double const T : {1e9, 1e300}) {
        auto const r = m.recall(view(cues, B, d), {.update = Update::asynchronous, .max_sweeps = 2, .temperature = T, .seed = 12});
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < cues.size(); ++k) sum += r.states[k] * cues[k];
        EXPECT_LT(std::abs(static_cast<double>(sum)), 5 * std::sqrt(static_cast<double>(B * d))) << T;
    }
}

TEST_P(Glauber, ClampedNeuronsDoNotMove) {
    std::int64_t const d = 30, B = 10;
    auto const patterns = test::random_patterns(3, d, 13);
    auto const cues = test::random_states(B, d, 0.3, 14);
    std::vector<std::uint8_t> clamp(static_cast<std::size_t>(d), 0);
    for (std::size_t i = 0; i < clamp.size(); i += 3) clamp[i] = 1;
    Memory m(context());
    m.store(view(patterns, 3, d));
    for (Update const update : {Update::synchronous, Update::asynchronous, Update::shared, Update::sequential}) {
        auto const r = m.recall(view(cues, B, d), {.update = update, .max_sweeps = 5, .temperature = 50.0, .clamp = view(clamp, 1, d)});
        for (std::size_t k = 0; k < cues.size(); ++k) {
            if (clamp[k % static_cast<std::size_t>(d)] != 0) {
                ASSERT_EQ(r.states[k], cues[k]);
            }
        }
    }
}

class RandomStreams : public test::OnEveryBackend {
protected:
    void SetUp() override {
        OnEveryBackend::SetUp();
        patterns = test::random_patterns(P, d, 15);
        cues = test::random_states(B, d, 0.2, 16);
    }
    [[nodiscard]] Memory memory() const {
        Memory m(context());
        m.store(view(patterns, P, d));
        return m;
    }
    std::int64_t const d = 37, P = 12, B = 70;
    States patterns, cues;
};
CA3_ON_EVERY_BACKEND(RandomStreams);

TEST_P(RandomStreams, AreAFunctionOfTheSeed) {
    auto const m = memory();
    for (double const T : {0.0, 8.0})
        for (Update const update : {Update::synchronous, Update::asynchronous, Update::shared}) {
            auto const run = [&](std::uint64_t seed) {
                return m.recall(view(cues, B, d), {.update = update, .max_sweeps = 3, .temperature = T, .seed = seed, .trace = true});
            };
            EXPECT_TRUE(test::same_recall(run(1), run(1)));
            if (T > 0 || update != Update::synchronous) {
                EXPECT_NE(run(1).states, run(2).states);
                EXPECT_NE(run(1).states, run(1 + (std::uint64_t{1} << 32)).states) << "all 64 bits of the seed count";
            }
        }
}

TEST_P(RandomStreams, DoNotDependOnTheBatchSplit) {
    auto const m = memory();
    for (double const T : {0.0, 8.0})
        for (Update const update : {Update::synchronous, Update::asynchronous, Update::shared, Update::sequential}) {
            RecallOptions options{.update = update, .max_sweeps = 6, .temperature = T, .seed = 17, .first_state = 1000};
            auto const whole = m.recall(view(cues, B, d), options);
            States states;
            std::size_t at = 0;
            for (std::int64_t const part : {1, 2, 31, 0, 36}) {
                options.first_state = 1000 + static_cast<std::uint32_t>(at);
                auto const r = m.recall({cues.data() + static_cast<std::int64_t>(at) * d, part, d}, options);
                states.insert(states.end(), r.states.begin(), r.states.end());
                for (auto const& result : r.results) {
                    EXPECT_EQ(result.flips, whole.results[at].flips);
                    EXPECT_EQ(result.sweeps, whole.results[at].sweeps);
                    EXPECT_EQ(result.status, whole.results[at].status);
                    ++at;
                }
            }
            ASSERT_EQ(at, static_cast<std::size_t>(B));
            EXPECT_EQ(states, whole.states) << T << ' ' << to_string(update);
        }
}

TEST_P(RandomStreams, GoOnAcrossTheLastStateNumber) {
    auto const m = memory();
    RecallOptions const options{.update = Update::asynchronous, .max_sweeps = 3, .first_state = 0xFFFFFFFF - 69};
    EXPECT_EQ(m.recall(view(cues, B, d), options).batch, B) << "states up to 2^32 - 1";
    RecallOptions beyond = options;
    beyond.first_state += 1;
    EXPECT_THROW((void)m.recall(view(cues, B, d), beyond), InvalidArgument);
}

TEST_P(RandomStreams, StridedCuesAreTheSameCues) {
    auto const m = memory();
    std::int64_t const stride = d + 5;
    States wide(static_cast<std::size_t>(B * stride), 7);
    for (std::int64_t b = 0; b < B; ++b) std::copy_n(cues.begin() + b * d, d, wide.begin() + b * stride);
    auto const before = wide;
    RecallOptions const options{.update = Update::asynchronous, .max_sweeps = 4, .seed = 18};
    EXPECT_TRUE(test::same_recall(m.recall(view(cues, B, d), options), m.recall({wide.data(), B, d, stride}, options)));
    EXPECT_EQ(wide, before);
}

// ---- orders -----------------------------------------------------------------------------------------------------------

/// Whether neuron a is visited before b, read off a network where b copies a: both start at -1, a is driven to +1, so b ends at +1 only if
/// a went first. The third neuron holds still. The order does not depend on the weights, so three such networks tell the whole order of
/// three neurons.
class Orders : public test::OnEveryBackend {
protected:
    [[nodiscard]] std::vector<bool> before(std::size_t a, std::size_t b, std::int64_t batch, RecallOptions options) const {
        std::vector<std::int32_t> w(9, 0);
        w[3 * b + a] = 1;
        std::vector<double> bias(3, 0.0);
        bias[a] = 1;
        auto const m = Memory::from_weights(context(), view(w, 3, 3), bias);
        States const cues(static_cast<std::size_t>(3 * batch), -1);
        options.max_sweeps = 1;
        auto const r = m.recall(view(cues, batch, 3), options);
        std::vector<bool> result;
        for (std::size_t k = 0; k < static_cast<std::size_t>(batch); ++k) result.push_back(r.states[3 * k + b] == 1);
        return result;
    }
    /// 0 ... 5, one number per order of (0, 1, 2).
    [[nodiscard]] std::vector<std::size_t> orders(std::int64_t batch, RecallOptions const& options) const {
        auto const p01 = before(0, 1, batch, options), p02 = before(0, 2, batch, options), p12 = before(1, 2, batch, options);
        std::map<std::array<bool, 3>, std::size_t> const numbers{{{true, true, true}, 0},   {{true, true, false}, 1},
                                                                 {{false, true, true}, 2},  {{false, false, true}, 3},
                                                                 {{true, false, false}, 4}, {{false, false, false}, 5}};
        std::vector<std::size_t> result;
        for (std::size_t k = 0; k < p01.size(); ++k) {
            auto const found = numbers.find({p01[k], p02[k], p12[k]});
            EXPECT_NE(found, numbers.end()) << "no order has these pairs: a neuron was visited twice or not at all";
            if (found != numbers.end()) result.push_back(found->second);
        }
        return result;
    }
};
CA3_ON_EVERY_BACKEND(Orders);

TEST_P(Orders, OfAsynchronousUpdateAreUniformOverAllSix) {
    std::vector<std::int64_t> counts(6, 0);
    for (std::size_t const order : orders(12000, {.update = Update::asynchronous, .seed = 19})) ++counts[order];
    EXPECT_LT(chi_square(counts, std::vector<double>(6, 1 / 6.)), chi_square_limit(5));
}

TEST_P(Orders, OfSharedUpdateAreTheSameForAllStatesAndUniformOverSeeds) {
    std::vector<std::int64_t> counts(6, 0);
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        auto const found = orders(3, {.update = Update::shared, .seed = seed, .first_state = static_cast<std::uint32_t>(seed)});
        ASSERT_EQ(found.size(), 3u);
        EXPECT_EQ(found[0], found[1]);
        EXPECT_EQ(found[0], found[2]);
        ++counts[found[0]];
    }
    EXPECT_LT(chi_square(counts, std::vector<double>(6, 1 / 6.)), chi_square_limit(5));
}

TEST_P(Orders, OfSequentialUpdateIsThatOfTheIndices) {
    for (std::size_t const order : orders(5, {.update = Update::sequential, .seed = 20})) EXPECT_EQ(order, 0u);
}

// A chain: neuron i copies i - 1. In index order the news of neuron 0 runs through all neurons in one sweep, in any other it does not.
TEST_P(Orders, OfSequentialUpdateCarryNewsToTheEnd) {
    std::int64_t const d = 200;
    std::vector<std::int32_t> w(static_cast<std::size_t>(d * d), 0);
    for (std::int64_t i = 1; i < d; ++i) w[static_cast<std::size_t>(i * d + i - 1)] = 1;
    std::vector<double> bias(static_cast<std::size_t>(d), 0.0);
    bias[0] = 1;
    auto const m = Memory::from_weights(context(), view(w, d, d), bias);
    States const cue(static_cast<std::size_t>(d), -1);
    auto const r = m.recall(view(cue, 1, d), {.update = Update::sequential, .max_sweeps = 1});
    EXPECT_EQ(r.states, States(static_cast<std::size_t>(d), 1));
    EXPECT_EQ(r.results[0].flips, d);
    auto const random = m.recall(view(cue, 1, d), {.update = Update::asynchronous, .max_sweeps = 1});
    EXPECT_LT(random.results[0].flips, 20);
    EXPECT_EQ(m.recall(view(cue, 1, d), {.update = Update::synchronous, .max_sweeps = 1}).results[0].flips, 1);
}

TEST_P(Orders, ChangeFromSweepToSweep) {
    std::int64_t const d = 64, B = 1;
    std::vector<std::int32_t> w(static_cast<std::size_t>(d * d), 0);
    for (std::int64_t i = 0; i < d; ++i) w[static_cast<std::size_t>(i * d + (i + d - 1) % d)] = 1;
    auto const m = Memory::from_weights(context(), view(w, d, d));
    for (Update const update : {Update::asynchronous, Update::shared}) {
        // The pattern of moves of a ring in which every neuron copies the one before depends on the order alone: with one order for all
        // sweeps, sweeps from the same state would move alike.
        std::set<HostVector<std::int8_t>> outcomes;
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
            auto const cue = test::random_patterns(B, d, 21);
            outcomes.insert(m.recall(view(cue, B, d), {.update = update, .max_sweeps = 1, .seed = seed}).states);
        }
        EXPECT_EQ(outcomes.size(), 8u);
    }
}

}  // namespace
}  // namespace ca3::hopfield
