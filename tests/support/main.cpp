#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace {

/// Tests that were skipped because there is no GPU.
int skipped_for_a_gpu(testing::UnitTest const& run) {
    int count = 0;
    for (int s = 0; s < run.total_test_suite_count(); ++s) {
        testing::TestSuite const& suite = *run.GetTestSuite(s);
        for (int t = 0; t < suite.total_test_count(); ++t) {
            testing::TestResult const& result = *suite.GetTestInfo(t)->result();
            for (int p = 0; p < result.total_part_count(); ++p)
                count +=
                    result.GetTestPartResult(p).skipped() && std::string_view(result.GetTestPartResult(p).message()).starts_with("no GPU");
        }
    }
    return count;
}

/// CA3_REQUIRE_GPU=1 turns every skip for want of a GPU into a failure; a run without a test fails, unless it is one part of several.
class Strict : public testing::EmptyTestEventListener {
    void OnTestProgramEnd(testing::UnitTest const& run) override {
        std::cout << "tests run " << run.successful_test_count() + run.failed_test_count() << ", skipped " << run.skipped_test_count()
                  << '\n';
    }
};

}  // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    testing::UnitTest::GetInstance()->listeners().Append(new Strict);
    int const result = RUN_ALL_TESTS();
    auto const& run = *testing::UnitTest::GetInstance();
    char const* strict = std::getenv("CA3_REQUIRE_GPU");
    if (strict != nullptr && strict[0] == '1' && skipped_for_a_gpu(run) > 0) return 1;
    bool const listed = testing::GTEST_FLAG(list_tests), part = std::getenv("GTEST_TOTAL_SHARDS") != nullptr;
    if (!listed && !part && run.successful_test_count() + run.failed_test_count() + run.skipped_test_count() == 0) return 1;
    return result;
}
