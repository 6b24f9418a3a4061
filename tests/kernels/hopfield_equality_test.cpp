#include "support/compare.hpp"
#include "support/hopfield_cases.hpp"
#include "support/simt/executor.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string_view>
#include <vector>

// The kernels against the reference, bit for bit: the cases of hopfield/backend_equality_test.cpp on the host executor. Each runs as on
// compute capability 8.0, and where warpgroup products may serve it as on 9.0 too. A failure prints the case and how to run it alone.
namespace ca3::test {
namespace {

constexpr std::int64_t cases_per_test = 500;
#ifdef CA3_SANITIZED
constexpr std::int64_t cases_taken = 25;
#else
constexpr std::int64_t cases_taken = cases_per_test;
#endif
constexpr std::int64_t work = 500'000;

std::vector<int> capabilities_for(HopfieldCase const& c) {
    bool const packed = c.recall.update == hopfield::Update::synchronous && c.recall.temperature == 0;
    return packed ? std::vector<int>{80, 90} : std::vector<int>{80};
}

simt::Options options_for(HopfieldCase const& c, int capability) {
    simt::Order const order = c.number % 2 == 0 ? simt::Order::ascending : simt::Order::descending;
    return {.order = order, .blocks = order, .compute_capability = capability};
}

std::int64_t launches_from(std::string_view file, std::map<std::string, std::int64_t> const& launches) {
    std::int64_t count = 0;
    for (auto const& [name, number] : launches) count += name.ends_with(file) ? number : 0;
    return count;
}

class HopfieldKernels : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(TenThousand, HopfieldKernels, testing::Range<std::int64_t>(0, 10000, cases_per_test));

TEST_P(HopfieldKernels, CudaEqualsTheReference) {
    Context const reference = Context::reference(), cuda = Context::cuda();
    for_each_hopfield_case(GetParam(), cases_taken, work, [&](HopfieldCase const& c) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE(describe(c));
        hopfield::Memory const expected = make_memory(reference, c);
        hopfield::Recall const expected_recall = recall(expected, c);
        for (int const capability : capabilities_for(c)) {
            simt::Scope const scope(options_for(c, capability));
            ASSERT_TRUE(same_answers(expected, expected_recall, make_memory(cuda, c), c)) << "compute capability " << capability;
        }
    });
}

// What the cases above are worth: they reach every relaxation that relax() chooses from.
TEST(HopfieldKernelCases, ReachEveryRelaxation) {
    Context const cuda = Context::cuda();
    auto const before = simt::launches();
    for_each_hopfield_case(0, 800, work / 50, [&](HopfieldCase const& c) {
        for (int const capability : capabilities_for(c)) {
            simt::Scope const scope(options_for(c, capability));
            (void)recall(make_memory(cuda, c), c);
        }
    });

    for (char const* const file : {"relax_single.cu", "relax_packed.cu", "relax_tile.cu", "relax_warpgroup.cu", "pattern_overlaps.cu"}) {
        EXPECT_GT(launches_from(file, simt::launches()) - launches_from(file, before), 10) << file;
    }
}

}  // namespace
}  // namespace ca3::test
