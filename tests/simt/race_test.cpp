#include "kernels/common/launch.cuh"
#include "tests/simt/orders.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <vector>

/// Kernels that lack a barrier. Without ThreadSanitizer the orders give different results; with it the race itself is reported.
namespace {

using namespace ca3;

enum class Missing { nothing, barrier, warp_barrier, barrier_before_reuse };

template <Missing missing>
__global__ void neighbour_across_warps(int* out) {
    __shared__ int values[128];
    unsigned const t = threadIdx.x;
    values[t] = static_cast<int>(t);
    if (missing != Missing::barrier) __syncthreads();
    out[t] = values[127 - t];
}

template <Missing missing>
__global__ void neighbour_in_a_warp(int* out) {
    __shared__ int values[32];
    unsigned const t = threadIdx.x;
    values[t] = static_cast<int>(t);
    if (missing != Missing::warp_barrier) __syncwarp();
    out[t] = values[31 - t];
}

template <Missing missing>
__global__ void reuse_of_a_buffer(int* out) {
    __shared__ int values[64];
    unsigned const t = threadIdx.x;
    int sum = 0;
    for (int round = 0; round < 3; ++round) {
        values[t] = static_cast<int>(t) * round;
        __syncthreads();
        sum += values[(t + 32) % 64];
        if (missing != Missing::barrier_before_reuse) __syncthreads();
    }
    out[t] = sum;
}

std::set<std::vector<int>> results(void (*kernel)(int*), unsigned threads) {
    std::set<std::vector<int>> out;
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::vector<int> each(threads);
        launch(kernel, {.block = threads}, each.data());
        out.insert(each);
    }
    return out;
}

TEST(Race, CorrectKernelsGiveOneResult) {
    EXPECT_EQ(results(neighbour_across_warps<Missing::nothing>, 128).size(), 1u);
    EXPECT_EQ(results(neighbour_in_a_warp<Missing::nothing>, 32).size(), 1u);
    EXPECT_EQ(results(reuse_of_a_buffer<Missing::nothing>, 64).size(), 1u);
}

#ifdef __SANITIZE_THREAD__

void expect_race(void (*kernel)(int*), unsigned threads) {
    EXPECT_EXIT(
        {
            std::vector<int> out(threads);
            launch(kernel, {.block = threads}, out.data());
            std::exit(0);  // the tool's own code replaces this one when it has reported something
        },
        [](int status) { return status != 0; }, "data race");
}

TEST(RaceDeathTest, AMissingBarrierIsADataRace) {
    expect_race(neighbour_across_warps<Missing::barrier>, 128);
    expect_race(neighbour_in_a_warp<Missing::warp_barrier>, 32);
    expect_race(reuse_of_a_buffer<Missing::barrier_before_reuse>, 64);
}

#else

TEST(Race, AMissingBarrierGivesDifferentResults) {
    EXPECT_GT(results(neighbour_across_warps<Missing::barrier>, 128).size(), 1u);
    EXPECT_GT(results(neighbour_in_a_warp<Missing::warp_barrier>, 32).size(), 1u);
    EXPECT_GT(results(reuse_of_a_buffer<Missing::barrier_before_reuse>, 64).size(), 1u);
}

#endif

__global__ void hand_over(int* flag, int* out, unsigned from, unsigned to) {
    if (threadIdx.x == to) {
        while (atomicAdd(flag, 0) == 0) __nanosleep(20);
        *out = atomicAdd(flag, 0);
    } else if (threadIdx.x == from) {
        atomicExch(flag, 9);
    }
}

TEST(Race, AThreadThatSleepsLetsTheOthersRun) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        for (unsigned const from : {1u, 2u, 40u}) {
            for (unsigned const to : {0u, 3u, 63u}) {
                int flag = 0;
                int out = 0;
                launch(hand_over, {.block = 64}, &flag, &out, from, to);
                EXPECT_EQ(out, 9);
            }
        }
    }
}

TEST(Race, SleepingForWhatNeverComesIsAFault) {
    int flag = 0;
    int out = 0;
    EXPECT_THROW(launch(hand_over, {.block = 64}, &flag, &out, 64u, 0u), simt::KernelFault);
}

}  // namespace
