#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/hopfield_cases.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <tuple>

// The fast backends against the reference, bit for bit, on random cases. A failure prints the case and how to run it alone, such as
//     CA3_SEED=20261121 CA3_CASE=1234 hopfield_test --gtest_filter='*EqualsTheReference*'
namespace ca3::hopfield {
namespace {

constexpr std::int64_t cases_per_test = 500;
#if defined(CA3_SANITIZED)
constexpr std::int64_t cases_run = 50;  // instrumented code takes ten times as long
#else
constexpr std::int64_t cases_run = cases_per_test;
#endif

class RandomCases : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(TenThousand, RandomCases, testing::Range<std::int64_t>(0, 10000, cases_per_test));

TEST_P(RandomCases, CpuEqualsTheReference) {
    Context const reference = Context::reference();
    test::for_each_hopfield_case(GetParam(), cases_run, 500'000, [&](test::HopfieldCase const& c) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE(test::describe(c));
        Memory const expected = test::make_memory(reference, c);
        Recall const expected_recall = test::recall(expected, c);
        for (auto const& [name, context] : test::cpu_contexts())
            ASSERT_TRUE(test::same_answers(expected, expected_recall, test::make_memory(context, c), c)) << name;
    });
}

TEST_P(RandomCases, CudaEqualsTheReference) {
    auto const found = cuda_devices();
    if (found.devices.empty()) GTEST_SKIP() << "no GPU: " << found.reason;
    static Context const cuda = Context::cuda();
    Context const reference = Context::reference();
    test::for_each_hopfield_case(GetParam(), cases_run, 500'000, [&](test::HopfieldCase const& c) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE(test::describe(c));
        Memory const expected = test::make_memory(reference, c);
        ASSERT_TRUE(test::same_answers(expected, test::recall(expected, c), test::make_memory(cuda, c), c));
    });
}

struct Large {
    std::int64_t d, P, B;
    double noise;  ///< share of bits in which patterns differ from a common prototype; 0.5: independent
    MemoryOptions options;
    RecallOptions recall;
};

/// Beyond what ten thousand cases can afford: many tiles of neurons, patterns and states, overlaps of several bytes.
std::vector<Large> large_cases() {
    std::vector<Large> cases;
    for (Update const update : {Update::synchronous, Update::asynchronous, Update::shared})
        for (auto const& [d, P, B, noise] :
             {std::tuple<int, int, int, double>{784, 41, 130, 0.1}, {1000, 3, 70, 0.0}, {1025, 130, 20, 0.5}, {513, 300, 20, 0.3}}) {
            cases.push_back({d, P, B, noise, {}, {.update = update, .max_sweeps = 3, .seed = 1}});
            cases.push_back(
                {d, P, B / 2, noise, {.form = Form::dense, .keep_diagonal = true}, {.update = update, .tie = Tie::zero, .max_sweeps = 3}});
            cases.push_back({d, P, 10, noise, {.centre = true}, {.update = update, .max_sweeps = 2}});
            cases.push_back(
                {d, std::min(P, 60), 10, noise, {.rule = Rule::pseudo_inverse, .ridge = 0.1}, {.update = update, .max_sweeps = 2}});
            cases.push_back({d, std::min(P, 60), 10, noise, {.rule = Rule::dense_associative}, {.update = update, .max_sweeps = 1}});
        }
    cases.push_back({4097, 12, 5, 0.02, {}, {.max_sweeps = 2}});
    cases.push_back({2600, 30, 9, 0.2, {}, {.update = Update::sequential, .max_sweeps = 2, .temperature = 30.0}});
    return cases;
}

TEST(LargeCases, CpuEqualsTheReference) {
    Context const reference = Context::reference();
    for (auto const& large : large_cases()) {
        auto const& [d, P, B, noise, options, recall] = large;
        SCOPED_TRACE(testing::Message() << to_string(options.rule) << ' ' << to_string(options.form) << (options.centre ? " centred" : "")
                                        << ", d " << d << ", P " << P << ", B " << B << ", noise " << noise << ", "
                                        << to_string(recall.update));
        test::Random random(static_cast<std::uint64_t>(d + P));
        auto patterns = test::random_patterns(P, d, random.bits());
        for (std::size_t k = static_cast<std::size_t>(d); k < patterns.size() && noise < 0.5; ++k) {
            std::int8_t const prototype = patterns[k % static_cast<std::size_t>(d)];
            patterns[k] = random.chance(noise) ? static_cast<std::int8_t>(-prototype) : prototype;
        }
        std::vector<std::int8_t> cues;
        for (std::int64_t b = 0; b < B; ++b) {
            auto const cue = b % 3 == 0 ? test::random_states(1, d, 0.3, random.bits())
                                        : test::with_flips(test::row(patterns, b % P, d), d * (b % 7) / 10, random.bits());
            cues.insert(cues.end(), cue.begin(), cue.end());
        }
        auto const answer = [&, d = d, P = P, B = B](Context const& context) {
            Memory memory(context, options);
            memory.store(test::view(patterns, P, d));
            return memory.recall(test::view(cues, B, d), recall);
        };
        auto const expected = answer(reference);
        for (auto const& [name, context] : test::cpu_contexts()) ASSERT_TRUE(test::same_recall(expected, answer(context))) << name;
    }
}

// All patterns are x or -x, so the overlaps of x are +-d and every field is P d or nearly so: 32,767 = 7 * 31 * 151 is the last that 16
// bits hold.
TEST(LargeCases, FieldsMayPassSixteenBits) {
    Context const reference = Context::reference();
    for (auto const& [d, P] : {std::pair<std::int64_t, std::int64_t>{151, 217},
                               {217, 151},
                               {1057, 31},
                               {256, 128},
                               {128, 256},
                               {1024, 32},
                               {1023, 32},
                               {1025, 32},
                               {331, 99},
                               {364, 90},
                               {655, 50},
                               {656, 50},
                               {255, 257},
                               {257, 255},
                               {300, 300}}) {
        test::Random random(static_cast<std::uint64_t>(1000 * d + P));
        auto const x = test::random_patterns(1, d, random.bits());
        std::vector<std::int8_t> patterns;
        for (std::int64_t mu = 0; mu < P; ++mu)
            for (auto const value : x) patterns.push_back(static_cast<std::int8_t>(mu % 3 == 1 ? -value : value));
        std::vector<std::int8_t> cues(x);
        for (auto const value : x) cues.push_back(static_cast<std::int8_t>(-value));
        for (std::int64_t const flips : {std::int64_t{1}, d / 2, d - 1}) {
            auto const cue = test::with_flips(x, flips, random.bits());
            cues.insert(cues.end(), cue.begin(), cue.end());
        }
        for (auto const& [form, keep] : {std::pair{Form::factored, false}, {Form::factored, true}, {Form::dense, false}})
            for (Update const update : {Update::synchronous, Update::shared}) {
                SCOPED_TRACE(testing::Message() << "d " << d << ", P " << P << ", " << to_string(form) << ", " << to_string(update));
                auto const answer = [&, d = d, P = P, form = form, keep = keep](Context const& context) {
                    Memory memory(context, {.form = form, .keep_diagonal = keep});
                    memory.store(test::view(patterns, P, d));
                    return memory.recall(test::view(cues, 5, d), {.update = update, .max_sweeps = 2});
                };
                auto const expected = answer(reference);
                for (auto const& [name, context] : test::cpu_contexts()) ASSERT_TRUE(test::same_recall(expected, answer(context))) << name;
            }
    }
}

// One pattern of d neurons and its cue with bits flipped or unknown come back in one sweep, without a reference that would take d^2 steps.
TEST(LargeCases, OnePatternOfManyNeuronsComesBack) {
    for (std::int64_t const d : {32766, 32767, 32768, 32769, 65537, 200000}) {
        auto const x = test::random_patterns(1, d, static_cast<std::uint64_t>(d));
        auto cues = test::with_flips(x, d / 3, 1);
        auto zeros = x;
        for (std::size_t i = 0; i < zeros.size(); i += 2) zeros[i] = 0;
        cues.insert(cues.end(), zeros.begin(), zeros.end());
        for (auto const& [name, context] : test::cpu_contexts()) {
            Memory memory(context, {.form = Form::factored});
            memory.store(test::view(x, 1, d));
            for (Update const update : {Update::synchronous, Update::sequential}) {
                auto const r = memory.recall(test::view(cues, 2, d), {.update = update, .max_sweeps = 5});
                for (std::size_t b = 0; b < 2; ++b) {
                    ASSERT_FALSE(r.results[b].spurious) << "d " << d << ", state " << b << ", " << name << ", " << to_string(update);
                    EXPECT_EQ(r.results[b].flips, b == 0 ? d / 3 : (d + 1) / 2);
                    EXPECT_EQ(r.results[b].sweeps, 2);
                    EXPECT_EQ(r.results[b].energy, -0.5 * static_cast<double>(d) * static_cast<double>(d - 1));
                }
            }
        }
    }
}

// The generator itself: it must reach every corner that it is there for.
TEST(RandomCaseGenerator, ReachesEveryCorner) {
    std::array<int, 6> rules{};
    std::array<int, 4> updates{}, ties{};
    std::array<int, 3> forms{}, statuses{};
    int centred = 0, diagonal = 0, biased = 0, warm = 0, clamped = 0, clamped_all = 0, empty = 0, no_patterns = 0, unknown = 0, traced = 0,
        wide = 0;
    std::set<std::int64_t> sizes;
    Context const reference = Context::reference();
    for (std::int64_t number = 0; number < 2000; ++number) {
        auto const c = test::hopfield_case(number);
        ASSERT_TRUE(c.neurons >= 1 && c.neurons <= 300 && c.patterns >= 0 && c.patterns <= 258 && c.batch >= 0 && c.batch <= 70);
        ++rules[static_cast<std::size_t>(c.options.rule)];
        ++updates[static_cast<std::size_t>(c.recall.update)];
        ++ties[static_cast<std::size_t>(c.recall.tie)];
        ++forms[static_cast<std::size_t>(c.options.form)];
        centred += c.options.centre;
        diagonal += c.options.keep_diagonal;
        biased += !c.bias.empty();
        warm += c.recall.temperature > 0;
        clamped += c.clamp_rows == 1;
        clamped_all += c.clamp_rows > 1;
        empty += c.batch == 0;
        no_patterns += c.patterns == 0;
        unknown += std::count(c.cues.begin(), c.cues.end(), 0) > 0;
        traced += c.recall.trace;
        wide += c.neurons > 128;
        sizes.insert(c.neurons);
        if (number < 500) {
            auto const memory = test::make_memory(reference, c);
            for (auto const& result : test::recall(memory, c).results) ++statuses[static_cast<std::size_t>(result.status)];
        }
    }
    for (int const n : rules) EXPECT_GT(n, 100);
    for (int const n : updates) EXPECT_GT(n, 400);
    for (int const n : ties) EXPECT_GT(n, 400);
    for (int const n : forms) EXPECT_GT(n, 100);
    for (int const n : statuses) EXPECT_GT(n, 100);
    for (int const n : {centred, diagonal, biased, warm, clamped, clamped_all, unknown, traced, wide}) EXPECT_GT(n, 40);
    for (int const n : {empty, no_patterns}) EXPECT_GT(n, 5);
    EXPECT_GT(sizes.size(), 100u);
}

TEST(RandomCaseGenerator, IsAFunctionOfTheNumber) {
    for (std::int64_t number = 0; number < 50; ++number) {
        auto const a = test::hopfield_case(number), b = test::hopfield_case(number);
        EXPECT_EQ(test::describe(a), test::describe(b));
        EXPECT_EQ(a.pattern, b.pattern);
        EXPECT_EQ(a.cues, b.cues);
        EXPECT_EQ(a.clamp, b.clamp);
        EXPECT_EQ(a.real, b.real);
    }
}

}  // namespace
}  // namespace ca3::hopfield
