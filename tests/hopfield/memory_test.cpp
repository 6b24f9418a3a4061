#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

// The model as an owner: storing, removing, options, and what it refuses.
namespace ca3::hopfield {
namespace {

using test::contains;
using test::message_of;
using test::view;
using States = std::vector<std::int8_t>;

constexpr Rule stored_rules[] = {Rule::hebbian, Rule::pseudo_inverse, Rule::storkey, Rule::dense_associative, Rule::exponential};

class MemoryModel : public test::OnEveryBackend {
protected:
    std::int64_t const d = 45, P = 11, B = 13;
    States const patterns = test::random_patterns(P, d, 1);
    States const cues = test::random_states(B, d, 0.2, 2);

    [[nodiscard]] Memory memory(MemoryOptions options = {}) const {
        Memory result(context(), options);
        result.store(view(patterns, P, d));
        return result;
    }
    [[nodiscard]] Recall recall(Memory const& m) const {
        return m.recall(view(cues, B, d), {.update = Update::asynchronous, .max_sweeps = 20, .seed = 3, .trace = true});
    }
};
CA3_ON_EVERY_BACKEND(MemoryModel);

// ---- store and remove -------------------------------------------------------------------------------------------------

TEST_P(MemoryModel, StoredInPartsIsStoredAtOnce) {
    for (Rule const rule : stored_rules) {
        Memory parts(context(), {.rule = rule});
        parts.store({patterns.data(), 4, d});
        (void)recall(parts);  // what was prepared for four patterns must not survive
        parts.store({nullptr, 0, d});
        auto const report = parts.store({patterns.data() + 4 * d, P - 4, d});
        EXPECT_EQ(report.stored, P);
        EXPECT_EQ(parts.patterns(), P);
        EXPECT_EQ(parts.stored_patterns(), patterns);
        EXPECT_TRUE(test::same_recall(recall(memory({.rule = rule})), recall(parts))) << to_string(rule);
    }
}

TEST_P(MemoryModel, RemovingEqualsStoringTheRest) {
    for (Rule const rule : stored_rules)
        for (std::int64_t const index : {std::int64_t{0}, std::int64_t{5}, P - 1}) {
            auto m = memory({.rule = rule});
            (void)recall(m);
            m.remove(index);
            States rest = patterns;
            rest.erase(rest.begin() + index * d, rest.begin() + (index + 1) * d);
            Memory expected(context(), {.rule = rule});
            expected.store(view(rest, P - 1, d));
            EXPECT_EQ(m.patterns(), P - 1);
            EXPECT_EQ(m.stored_patterns(), rest);
            EXPECT_TRUE(test::same_recall(recall(expected), recall(m))) << to_string(rule) << ' ' << index;
        }
}

TEST_P(MemoryModel, RemovingEverythingLeavesAnEmptyMemoryOfTheSameSize) {
    for (Rule const rule : stored_rules) {
        auto m = memory({.rule = rule});
        for (std::int64_t mu = 0; mu < P; ++mu) m.remove(0);
        EXPECT_EQ(m.patterns(), 0);
        EXPECT_EQ(m.neurons(), d);
        EXPECT_EQ(recall(m).states, cues) << to_string(rule);
        EXPECT_THROW(m.remove(0), InvalidArgument);
        m.store(view(patterns, P, d));
        EXPECT_TRUE(test::same_recall(recall(memory({.rule = rule})), recall(m))) << to_string(rule);
    }
}

TEST_P(MemoryModel, StridedPatternsAreTheSamePatterns) {
    std::int64_t const stride = d + 3;
    States wide(static_cast<std::size_t>(P * stride), 9);
    for (std::int64_t mu = 0; mu < P; ++mu) std::copy_n(patterns.begin() + mu * d, d, wide.begin() + mu * stride);
    Memory m(context());
    m.store({wide.data(), P, d, stride});
    EXPECT_EQ(m.stored_patterns(), patterns);
}

TEST_P(MemoryModel, KeepsItsOwnCopyOfEverything) {
    auto copy = patterns;
    Memory m(context());
    m.store(view(copy, P, d));
    std::fill(copy.begin(), copy.end(), std::int8_t{0});
    EXPECT_TRUE(test::same_recall(recall(memory()), recall(m)));
}

TEST_P(MemoryModel, ReportsRepetitionsAcrossCalls) {
    Memory m(context());
    EXPECT_TRUE(m.store(view(patterns, P, d)).duplicates.empty());
    States more(patterns.begin() + 2 * d, patterns.begin() + 3 * d);
    for (auto const value : States(patterns.begin(), patterns.begin() + d)) more.push_back(static_cast<std::int8_t>(-value));
    auto const report = m.store(view(more, 2, d));
    EXPECT_EQ(report.duplicates, (std::vector<std::pair<std::int64_t, std::int64_t>>{{2, P}}));
    EXPECT_EQ(report.complements, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, P + 1}}));
}

TEST_P(MemoryModel, MovesWithEverythingItHolds) {
    auto m = memory();
    auto const expected = recall(m);
    Memory moved(std::move(m));
    EXPECT_TRUE(test::same_recall(expected, recall(moved)));
    Memory assigned(context(), {.rule = Rule::storkey});
    assigned = std::move(moved);
    EXPECT_TRUE(test::same_recall(expected, recall(assigned)));
    EXPECT_EQ(assigned.options().rule, Rule::hebbian);
    EXPECT_EQ(assigned.context().backend(), context().backend());
    static_assert(!std::is_copy_constructible_v<Memory>);
}

// ---- what it refuses, and that it is then as before -------------------------------------------------------------------

TEST_P(MemoryModel, RefusesOptionsOfAnotherRule) {
    struct Wrong {
        MemoryOptions options;
        char const* named;
    };
    for (auto const& [options, named] :
         {Wrong{{.rule = Rule::pseudo_inverse, .form = Form::dense}, "form"}, Wrong{{.rule = Rule::storkey, .centre = true}, "centre"},
          Wrong{{.rule = Rule::hebbian, .ridge = 0.1}, "ridge"}, Wrong{{.rule = Rule::exponential, .degree = 4}, "degree"},
          Wrong{{.rule = Rule::dense_associative, .beta = 2.0}, "beta"},
          Wrong{{.rule = Rule::exponential, .keep_diagonal = true}, "keep_diagonal"}}) {
        auto const& o = options;
        auto const message = message_of<InvalidArgument>([&] { Memory const m(context(), o); });
        EXPECT_TRUE(contains(message, named)) << message;
    }
}

TEST_P(MemoryModel, RefusesOptionsOutsideTheirDomain) {
    double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
    for (double const ridge : {-1e-9, nan, infinity})
        EXPECT_THROW(Memory(context(), {.rule = Rule::pseudo_inverse, .ridge = ridge}), InvalidArgument);
    for (int const degree : {1, 0, -3})
        EXPECT_THROW(Memory(context(), {.rule = Rule::dense_associative, .degree = degree}), InvalidArgument);
    for (double const beta : {0.0, -1.0, nan, infinity})
        EXPECT_THROW(Memory(context(), {.rule = Rule::exponential, .beta = beta}), InvalidArgument);
    EXPECT_THROW(Memory(context(), {.rule = static_cast<Rule>(77)}), InvalidArgument);
    EXPECT_THROW(Memory(context(), {.form = static_cast<Form>(-1)}), InvalidArgument);
    EXPECT_THROW(Memory(context(), {.rule = Rule::weights}), InvalidArgument) << "there are no weights";
}

TEST_P(MemoryModel, RefusesPatternsThatAreNoPatternsAndStaysAsItWas) {
    for (Rule const rule : stored_rules) {
        auto m = memory({.rule = rule});
        auto const before = recall(m);
        auto bad = patterns;
        for (int const entry : {0, 2, -2, 127, -128}) {
            bad[static_cast<std::size_t>(3 * d + 7)] = static_cast<std::int8_t>(entry);
            auto const message = message_of<InvalidArgument>([&] { m.store(view(bad, P, d)); });
            EXPECT_TRUE(contains(message, "patterns(3, 7) is " + std::to_string(entry))) << message;
        }
        auto const message = message_of<InvalidArgument>([&] { m.store({patterns.data(), 1, d - 1}); });
        EXPECT_TRUE(contains(message, "(1 x 44)") && contains(message, "45")) << message;
        EXPECT_THROW(m.store({nullptr, 2, d}), InvalidArgument);
        EXPECT_THROW(m.store({patterns.data(), -1, d}), InvalidArgument);
        EXPECT_THROW(m.store({patterns.data(), 2, d, d - 1}), InvalidArgument);
        for (std::int64_t const index :
             {std::int64_t{-1}, P, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()})
            EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { m.remove(index); }), std::to_string(index)));
        EXPECT_EQ(m.patterns(), P);
        EXPECT_EQ(m.stored_patterns(), patterns);
        EXPECT_TRUE(test::same_recall(before, recall(m))) << to_string(rule);
    }
}

TEST_P(MemoryModel, RefusesPatternsWithoutNeurons) {
    Memory m(context());
    EXPECT_THROW(m.store({nullptr, 0, 0}), InvalidArgument);
    EXPECT_THROW(m.store({nullptr, 3, 0}), InvalidArgument);
    EXPECT_EQ(m.neurons(), 0);
}

TEST_P(MemoryModel, RefusesCuesBeforeTheFirstPattern) {
    Memory const m(context());
    EXPECT_THROW((void)m.recall(view(cues, B, d)), InvalidArgument);
    EXPECT_THROW((void)m.energy(view(cues, B, d)), InvalidArgument);
    EXPECT_THROW((void)m.overlaps(view(cues, B, d)), InvalidArgument);
    EXPECT_THROW((void)m.fields(view(cues, B, d)), InvalidArgument);
}

TEST_P(MemoryModel, RefusesCuesThatAreNoStates) {
    auto const m = memory();
    auto bad = cues;
    bad[static_cast<std::size_t>(5 * d + 44)] = 3;
    for (auto const& call :
         std::initializer_list<std::function<void()>>{[&] { (void)m.recall(view(bad, B, d)); }, [&] { (void)m.energy(view(bad, B, d)); },
                                                      [&] { (void)m.overlaps(view(bad, B, d)); }, [&] { (void)m.fields(view(bad, B, d)); }})
        EXPECT_TRUE(contains(message_of<InvalidArgument>(call), "(5, 44) is 3"));
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)m.recall({cues.data(), B, d + 1}); }), "(13 x 46)"));
    EXPECT_THROW((void)m.recall({nullptr, B, d}), InvalidArgument);
    EXPECT_THROW((void)m.recall({cues.data(), -1, d}), InvalidArgument);
}

TEST_P(MemoryModel, RefusesRecallOptionsOutsideTheirDomain) {
    auto const m = memory();
    auto const refused = [&](RecallOptions const& options) {
        return message_of<InvalidArgument>([&] { (void)m.recall(view(cues, B, d), options); });
    };
    EXPECT_TRUE(contains(refused({.max_sweeps = -1}), "max_sweeps"));
    EXPECT_TRUE(contains(refused({.max_sweeps = std::int64_t{1} << 31}), "max_sweeps"));
    for (double const T : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        EXPECT_TRUE(contains(refused({.temperature = T}), "temperature"));
    EXPECT_TRUE(contains(refused({.update = static_cast<Update>(4)}), "update"));
    EXPECT_TRUE(contains(refused({.tie = static_cast<Tie>(-1)}), "tie"));
    std::vector<std::uint8_t> const clamp(static_cast<std::size_t>(2 * d), 0);
    EXPECT_TRUE(contains(refused({.clamp = view(clamp, 2, d)}), "clamp")) << "neither one row nor B";
    EXPECT_TRUE(contains(refused({.clamp = view(clamp, 1, d + 1)}), "clamp"));
    EXPECT_TRUE(contains(refused({.clamp = {nullptr, 1, d}}), "clamp"));
    EXPECT_TRUE(contains(refused({.first_state = 0xFFFFFFFF}), "first_state"));
}

TEST_P(MemoryModel, RefusesBiasesThatDoNotFit) {
    auto m = memory();
    auto const before = recall(m);
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { m.set_bias(std::vector<double>(44, 0.0)); }), "45"));
    std::vector<double> bad(45, 0.0);
    for (double const value : {std::nan(""), HUGE_VAL}) {
        bad[7] = value;
        EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { m.set_bias(bad); }), "bias[7]"));
    }
    EXPECT_TRUE(m.bias().empty());
    EXPECT_TRUE(test::same_recall(before, recall(m)));
    Memory empty(context());
    EXPECT_THROW(empty.set_bias(std::vector<double>{1}), InvalidArgument);
}

TEST_P(MemoryModel, KeepsItsBiasThroughStoreAndRemove) {
    auto m = memory();
    std::vector<double> const bias(static_cast<std::size_t>(d), 2.5);
    m.set_bias(bias);
    m.store({patterns.data(), 2, d});
    m.remove(0);
    EXPECT_EQ(m.bias(), bias);
}

TEST_P(MemoryModel, RefusesMatricesOfRulesWithoutOne) {
    for (Rule const rule : {Rule::dense_associative, Rule::exponential}) {
        auto const message = message_of<InvalidArgument>([&] { (void)memory({.rule = rule}).weights(); });
        EXPECT_TRUE(contains(message, std::string(to_string(rule)))) << message;
    }
}

TEST_P(MemoryModel, RefusesPowersBeyondEveryRangeAndStaysAsItWas) {
    Memory m(context(), {.rule = Rule::dense_associative, .degree = 1000});
    EXPECT_THROW(m.store(view(patterns, P, d)), Overflow);
    EXPECT_EQ(m.patterns(), 0);
    EXPECT_EQ(m.neurons(), 0);
}

TEST_P(MemoryModel, TakesHugeSweepLimits) {
    auto const m = memory();
    auto const r = m.recall(view(cues, B, d), {.update = Update::sequential, .max_sweeps = std::numeric_limits<std::int32_t>::max()});
    for (auto const& result : r.results) EXPECT_EQ(result.status, Status::fixed_point);
}

TEST_P(MemoryModel, FormIsNamedInTheRecall) {
    EXPECT_TRUE(contains(recall(memory({.form = Form::factored})).form, "factored"));
    EXPECT_TRUE(contains(recall(memory({.form = Form::dense})).form, "dense"));
}

}  // namespace
}  // namespace ca3::hopfield
