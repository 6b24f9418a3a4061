#include "support/backends.hpp"
#include "support/hopfield_cases.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

// The fast backends against the reference, bit for bit, on random cases. A failure prints the case and how to run it alone, such as
//     CA3_SEED=20261121 CA3_CASE=1234 hopfield_test --gtest_filter='*EqualsTheReference*'
namespace ca3::hopfield {
namespace {

constexpr std::int64_t cases_per_test = 500;

class RandomCases : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(TenThousand, RandomCases, testing::Range<std::int64_t>(0, 10000, cases_per_test));

TEST_P(RandomCases, CpuEqualsTheReference) {
    Context const reference = Context::reference();
    test::for_each_hopfield_case(GetParam(), cases_per_test, 1'000'000, [&](test::HopfieldCase const& c) {
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
    test::for_each_hopfield_case(GetParam(), cases_per_test, 1'000'000, [&](test::HopfieldCase const& c) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE(test::describe(c));
        Memory const expected = test::make_memory(reference, c);
        ASSERT_TRUE(test::same_answers(expected, test::recall(expected, c), test::make_memory(cuda, c), c));
    });
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
