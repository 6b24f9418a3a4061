#include "core/thread_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

namespace ca3 {
namespace {

class Pool : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, Pool, testing::Values(1, 2, 3, 8));

TEST_P(Pool, HasTheSizeAskedFor) {
    EXPECT_EQ(ThreadPool(GetParam()).size(), GetParam());
}

TEST_P(Pool, CallsEveryIndexOnce) {
    ThreadPool pool(GetParam());
    for (std::int64_t const count : {0, 1, 2, 7, 1000}) {
        std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
        pool.run(count, [&](std::int64_t index, int) { ++calls[static_cast<std::size_t>(index)]; });
        for (auto const& n : calls) EXPECT_EQ(n, 1);
    }
}

TEST_P(Pool, NumbersItsThreadsBelowItsSize) {
    ThreadPool pool(GetParam());
    std::atomic<bool> inside{true};
    pool.run(1000, [&](std::int64_t, int thread) {
        if (thread < 0 || thread >= pool.size()) inside = false;
    });
    EXPECT_TRUE(inside);
}

TEST_P(Pool, NeverRunsTwoTasksUnderOneThreadNumber) {
    ThreadPool pool(GetParam());
    std::vector<std::atomic<int>> busy(static_cast<std::size_t>(GetParam()));
    std::atomic<bool> shared{false};
    pool.run(2000, [&](std::int64_t, int thread) {
        auto& mine = busy[static_cast<std::size_t>(thread)];
        if (mine.fetch_add(1) != 0) shared = true;
        mine.fetch_sub(1);
    });
    EXPECT_FALSE(shared);
}

TEST_P(Pool, NegativeCountRunsNothing) {
    ThreadPool pool(GetParam());
    pool.run(-5, [](std::int64_t, int) { FAIL(); });
}

TEST_P(Pool, PassesAnExceptionOnAndWorksAfterwards) {
    ThreadPool pool(GetParam());
    for (int round = 0; round < 20; ++round) {
        EXPECT_THROW(pool.run(100,
                              [&](std::int64_t index, int) {
                                  if (index == 3 * round % 100) throw std::runtime_error("from a task");
                              }),
                     std::runtime_error);
        std::atomic<std::int64_t> sum{0};
        pool.run(100, [&](std::int64_t index, int) { sum += index; });
        EXPECT_EQ(sum, 4950);
    }
}

TEST_P(Pool, PassesOneOfManyExceptionsOn) {
    ThreadPool pool(GetParam());
    EXPECT_THROW(pool.run(100, [](std::int64_t index, int) { throw std::out_of_range(std::to_string(index)); }), std::out_of_range);
}

TEST_P(Pool, EndsAllTasksBeforeItThrows) {
    ThreadPool pool(GetParam());
    std::atomic<int> running{0};
    try {
        pool.run(64, [&](std::int64_t index, int) {
            ++running;
            std::atomic<int> spin{0};
            while (spin < 1000) ++spin;
            --running;
            if (index == 0) throw std::runtime_error("first");
        });
    } catch (std::runtime_error const&) {
        EXPECT_EQ(running, 0);
    }
}

TEST_P(Pool, MayBeUsedThousandsOfTimes) {
    ThreadPool pool(GetParam());
    std::atomic<std::int64_t> calls{0};
    for (int round = 0; round < 5000; ++round) pool.run(3, [&](std::int64_t, int) { ++calls; });
    EXPECT_EQ(calls, 15000);
}

}  // namespace
}  // namespace ca3
