// How many threads small steps take: simulated times.
#include "autoencoder/cpu_threads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace ca3::autoencoder::cpu {
namespace {

/// Runs trials until `steps` are done. seconds(threads): of a step.
struct Simulation {
    std::function<double(int)> seconds;
    ThreadChoice choice;
    double spent = 0.0;
    std::int64_t done = 0;
    int last = 0;

    void run(std::int64_t steps, std::int64_t portion = 1 << 30) {
        for (std::int64_t const end = done + steps; done < end;) {
            auto const [threads, most] = choice.next();
            ASSERT_GE(threads, 1);
            ASSERT_LE(threads, choice.most());
            ASSERT_GE(most, 1);
            std::int64_t const count = std::min({most, portion, end - done});
            double const each = seconds(threads);
            if (count > ThreadChoice::warm) choice.took(count, each * static_cast<double>(count - ThreadChoice::warm));
            spent += each * static_cast<double>(count);
            done += count;
            last = threads;
        }
    }
};

TEST(ThreadChoice, OneThreadHasNoChoice) {
    ThreadChoice choice(1);
    EXPECT_EQ(choice.next().threads, 1);
    choice.took(100, 1.0);
    EXPECT_EQ(choice.next().threads, 1);
    EXPECT_GT(choice.next().steps, 1000000);
}

TEST(ThreadChoice, TheFasterNumberStays) {
    Simulation near{[](int threads) { return threads == 2 ? 6e-5 : 1e-4; }, ThreadChoice(2)};
    near.run(100000);
    EXPECT_EQ(near.last, 2);
    EXPECT_LT(near.spent, 1.02 * 100000 * 6e-5);  // what trials cost
    Simulation far{[](int threads) { return threads == 2 ? 1.4e-4 : 1e-4; }, ThreadChoice(2)};
    far.run(100000);
    EXPECT_EQ(far.last, 1);
    EXPECT_LT(far.spent, 1.02 * 100000 * 1e-4);
}

TEST(ThreadChoice, ItFollowsAMachineThatChanges) {
    bool together = true;
    Simulation s{[&](int threads) { return threads == 1 ? 1e-4 : together ? 6e-5 : 1.4e-4; }, ThreadChoice(2)};
    for (int change = 0; change < 4; ++change) {
        s.run(20000);
        EXPECT_EQ(s.last, together ? 2 : 1);
        together = !together;
    }
}

/// Alone a step becomes longer than what is tried; the way back to two threads stays open.
TEST(ThreadChoice, ItDoesNotStayAloneWithLongSteps) {
    bool near = false;
    Simulation s{[&](int threads) { return near ? (threads == 2 ? 2.2e-4 : 4e-4) : (threads == 2 ? 1.9e-4 : 1.5e-4); }, ThreadChoice(2)};
    s.run(20000);
    EXPECT_EQ(s.last, 1);
    near = true;
    s.run(20000);
    EXPECT_EQ(s.last, 2);
}

/// Halves and doubles of 64 reach the best number, those of 7 a neighbour of it.
TEST(ThreadChoice, ItFindsItsWayAmongMany) {
    auto const time = [](int best) {
        return [best](int threads) { return 1e-6 * (static_cast<double>(best) / threads + static_cast<double>(threads) / best); };
    };
    for (int const best : {1, 4, 16, 64}) {
        Simulation s{time(best), ThreadChoice(64)};
        s.run(400000);
        EXPECT_EQ(s.last, best);
    }
    Simulation odd{time(3), ThreadChoice(7)};
    odd.run(400000);
    EXPECT_TRUE(odd.last == 2 || odd.last == 4) << odd.last;
}

TEST(ThreadChoice, LongStepsAreNotTried) {
    int fewer = 0;
    Simulation s{[&](int threads) {
                     fewer += threads < 8 ? 1 : 0;
                     return 3e-3;
                 },
                 ThreadChoice(8)};
    s.run(5000);
    EXPECT_EQ(fewer, 0);
}

TEST(ThreadChoice, PortionsOfAnyLengthServe) {
    for (std::int64_t const portion : {1, 2, 3, 7, 8, 100}) {
        Simulation s{[](int threads) { return threads == 2 ? 1.4e-4 : 1e-4; }, ThreadChoice(2)};
        s.run(30000, portion);
        EXPECT_EQ(s.last, portion > ThreadChoice::warm ? 1 : 2) << portion;
    }
}

}  // namespace
}  // namespace ca3::autoencoder::cpu
