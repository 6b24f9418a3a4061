#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace {

/// CA3_REQUIRE_GPU=1 turns every skip into a failure; a run without a test fails, unless it is one part of several.
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
    if (strict != nullptr && strict[0] == '1' && run.skipped_test_count() > 0) return 1;
    bool const listed = testing::GTEST_FLAG(list_tests), part = std::getenv("GTEST_TOTAL_SHARDS") != nullptr;
    if (!listed && !part && run.successful_test_count() + run.failed_test_count() + run.skipped_test_count() == 0) return 1;
    return result;
}
