#include <ca3/hopfield.hpp>
#include <ca3/random.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

// Recall against a simulation written here from the description alone, for rules that have an integer matrix.
namespace ca3::hopfield {
namespace {

using test::view;

struct Network {
    std::int64_t d = 0;
    std::vector<std::int64_t> w;  ///< d x d
    std::vector<double> bias;     ///< d
};

std::vector<std::size_t> visits(RecallOptions const& o, std::size_t d, std::uint32_t state, std::uint32_t sweep) {
    std::vector<std::pair<std::uint64_t, std::size_t>> keys;
    std::uint32_t const element = o.update == Update::shared ? 0xFFFFFFFF : state;
    for (std::size_t i = 0; i < d; ++i)
        keys.emplace_back(o.update == Update::sequential ? i : random::bits(o.seed, random::Purpose::visit_order, element, sweep, i), i);
    std::sort(keys.begin(), keys.end());
    std::vector<std::size_t> order;
    for (auto const& [key, i] : keys) order.push_back(i);
    return order;
}

struct Outcome {
    std::vector<std::int8_t> state;
    Status status = Status::sweep_limit;
    std::int32_t sweeps = 0;
    std::int64_t flips = 0;
};

Outcome relax(Network const& n, std::vector<std::int8_t> const& s, std::uint32_t number, std::vector<std::uint8_t> const& clamp,
              RecallOptions const& o) {
    auto const d = static_cast<std::size_t>(n.d);
    auto const next = [&](std::vector<std::int8_t> const& from, std::size_t i) -> std::int8_t {
        if (clamp[i] != 0) return from[i];
        std::int64_t h = 0;
        for (std::size_t j = 0; j < d; ++j) h += n.w[i * d + j] * from[j];
        double const field = static_cast<double>(h) + n.bias[i];  // exact: small integers and halves
        if (field > 0) return 1;
        if (field < 0) return -1;
        return o.tie == Tie::keep ? from[i] : o.tie == Tie::plus ? std::int8_t{1} : o.tie == Tie::minus ? std::int8_t{-1} : std::int8_t{0};
    };
    Outcome result{s};
    std::vector<std::vector<std::int8_t>> history{s};
    while (result.sweeps < o.max_sweeps && result.status == Status::sweep_limit) {
        auto& state = result.state;
        auto const before = state;
        if (o.update == Update::synchronous) {
            for (std::size_t i = 0; i < d; ++i) state[i] = next(before, i);
        } else {
            for (std::size_t const i : visits(o, d, number, static_cast<std::uint32_t>(result.sweeps))) state[i] = next(state, i);
        }
        std::int64_t changes = 0;  // a sweep visits each neuron once, so this counts every flip
        for (std::size_t i = 0; i < d; ++i) changes += state[i] != before[i];
        ++result.sweeps;
        result.flips += changes;
        history.push_back(state);
        if (changes == 0) {
            result.status = Status::fixed_point;
        } else if (o.update == Update::synchronous && history.size() >= 3 && state == history[history.size() - 3]) {
            result.status = Status::two_cycle;
        }
    }
    return result;
}

class Textbook : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(Textbook);

TEST_P(Textbook, RecallIsWhatTheDescriptionSays) {
    test::Random random(20);
    for (int round = 0; round < 300; ++round) {
        std::int64_t const d = random.between(1, 40), P = random.between(0, 12), B = random.between(1, 6);
        auto const seed = random.bits();
        bool const keep = random.chance(0.4), hebbian = random.chance(0.5);
        auto const patterns = test::random_patterns(P, d, seed);
        Network n{d, std::vector<std::int64_t>(static_cast<std::size_t>(d * d), 0), std::vector<double>(static_cast<std::size_t>(d), 0.0)};
        std::vector<std::int32_t> given(n.w.size());
        for (std::int64_t i = 0; i < d; ++i)
            for (std::int64_t j = 0; j < d; ++j) {
                auto const k = static_cast<std::size_t>(i * d + j);
                given[k] = static_cast<std::int32_t>(random.between(-2, 2));
                for (std::int64_t mu = 0; mu < P; ++mu)
                    n.w[k] += patterns[static_cast<std::size_t>(mu * d + i)] * patterns[static_cast<std::size_t>(mu * d + j)];
                if (!hebbian) n.w[k] = given[k];
                if (i == j && !keep) n.w[k] = 0;
            }
        std::vector<double> bias;
        if (random.chance(0.5)) {
            for (auto& b : n.bias) b = 0.5 * static_cast<double>(random.between(-4, 4));
            bias = n.bias;
        }
        Memory m = hebbian ? Memory(context(), {.form = random.chance(0.5) ? Form::dense : Form::factored, .keep_diagonal = keep})
                           : Memory::from_weights(context(), view(given, d, d), bias, {.rule = Rule::weights, .keep_diagonal = keep});
        if (hebbian) {
            m.store(view(patterns, P, d));
            m.set_bias(bias);
        }
        auto const cues = test::random_states(B, d, random.chance(0.5) ? 0.3 : 0.0, seed + 1);
        bool const clamped = random.chance(0.3);
        std::vector<std::uint8_t> clamp(static_cast<std::size_t>(B * d), 0);
        for (auto& c : clamp) c = clamped && random.chance(0.2) ? 1 : 0;
        RecallOptions options{.update = static_cast<Update>(random.between(0, 3)),
                              .tie = static_cast<Tie>(random.between(0, 3)),
                              .max_sweeps = random.between(1, 12),
                              .seed = seed,
                              .first_state = static_cast<std::uint32_t>(random.between(0, 1000))};
        if (clamped) options.clamp = view(clamp, B, d);
        auto const recall = m.recall(view(cues, B, d), options);
        for (std::int64_t b = 0; b < B; ++b) {
            auto const cue = test::row(cues, b, d);
            auto const mask = test::row(clamp, b, d);
            auto const outcome = relax(n, {cue.begin(), cue.end()}, options.first_state + static_cast<std::uint32_t>(b),
                                       {mask.begin(), mask.end()}, options);
            auto const& result = recall.results[static_cast<std::size_t>(b)];
            SCOPED_TRACE("round " + std::to_string(round) + ", state " + std::to_string(b) + ", " + std::string(to_string(options.update)));
            ASSERT_TRUE(test::same_values(std::span<std::int8_t const>(outcome.state), test::row(recall.states, b, d)));
            ASSERT_EQ(result.status, outcome.status);
            ASSERT_EQ(result.sweeps, outcome.sweeps);
            ASSERT_EQ(result.flips, outcome.flips);
        }
    }
}

}  // namespace
}  // namespace ca3::hopfield
