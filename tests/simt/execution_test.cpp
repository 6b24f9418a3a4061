#include "kernels/common/launch.cuh"
#include "kernels/common/ptx.cuh"
#include "tests/simt/orders.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace ca3;

template <class F>
std::string message_of(F const& f) {
    try {
        f();
    } catch (Error const& e) {
        return e.what();
    }
    return "nothing was thrown";
}

struct Place {
    uint3 thread, block;
    bool operator<(Place const& o) const {
        auto const key = [](Place const& p) { return std::tuple(p.block.z, p.block.y, p.block.x, p.thread.z, p.thread.y, p.thread.x); };
        return key(*this) < key(o);
    }
};

__global__ void list_places(unsigned* next, Place* out, unsigned room) {
    unsigned const slot = atomicAdd(next, 1u);
    if (slot < room) out[slot] = {threadIdx, blockIdx};
}

TEST(Execution, EveryThreadOfEveryBlockRunsOnceInEveryOrder) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        unsigned count = 0;
        std::vector<Place> places(3 * 2 * 2 * 5 * 4 * 3);
        launch(list_places, {.grid = {3, 2, 2}, .block = {5, 4, 3}}, &count, places.data(), static_cast<unsigned>(places.size()));
        EXPECT_EQ(count, places.size());
        EXPECT_EQ(std::set<Place>(places.begin(), places.end()).size(), places.size());
        for (Place const& p : places) {
            EXPECT_TRUE(p.thread.x < 5 && p.thread.y < 4 && p.thread.z < 3 && p.block.x < 3 && p.block.y < 2 && p.block.z < 2);
        }
    }
}

__global__ void write_linear(unsigned* out) {
    unsigned const thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    out[thread] = 32 * (thread / 32) + simt::current->lane;
}

TEST(Execution, LanesFollowTheLinearThreadIndex) {
    std::vector<unsigned> out(7 * 5 * 3);
    launch(write_linear, {.block = {7, 5, 3}}, out.data());
    for (unsigned i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], i);
}

__global__ void count_threads(unsigned* out) {
    atomicAdd(out, blockDim.x * gridDim.x == 0 ? 0u : 1u);
}

TEST(Execution, BlocksOf1024ThreadsAndManyBlocksRun) {
    unsigned count = 0;
    launch(count_threads, {.grid = 9, .block = 1024}, &count);
    EXPECT_EQ(count, 9u * 1024);
    launch(count_threads, {.grid = 5000, .block = 1}, &count);
    EXPECT_EQ(count, 9u * 1024 + 5000);
}

TEST(Execution, AnEmptyGridRunsNothing) {
    unsigned count = 0;
    launch(count_threads, {.grid = {0, 3, 3}, .block = 64}, &count);
    launch(count_threads, {.grid = {3, 3, 0}, .block = 64}, &count);
    EXPECT_EQ(count, 0u);
}

__global__ void convert(double x, long long n, double* out) {
    *out = x + static_cast<double>(n);
}

TEST(Execution, ArgumentsBecomeTheKernelsParameterTypes) {
    double out = 0;
    launch(convert, {}, 0.5f, 3, &out);
    EXPECT_EQ(out, 3.5);
}

TEST(Execution, WhatAGpuRefusesIsRefused) {
    unsigned count = 0;
    EXPECT_THROW(launch(count_threads, {.block = 1025}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.block = {1, 1, 65}}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.block = {0, 1, 1}}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.grid = {1, 65536, 1}}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.grid = {0x80000000u, 1, 1}}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.shared_bytes = 163 * 1024 + 1}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.cluster = 2}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.grid = 2, .cooperative = true}, &count), DeviceError);
    EXPECT_THROW(launch(count_threads, {.stream = reinterpret_cast<CUstream_st*>(&count)}, &count), DeviceError);
    EXPECT_EQ(count, 0u);
}

TEST(Execution, AnErrorNamesTheLineOfTheLaunch) {
    unsigned count = 0;
    std::string const line = std::to_string(__LINE__ + 1);
    EXPECT_NE(message_of([&] { launch(count_threads, {.block = 2000}, &count); }).find("execution_test.cpp:" + line), std::string::npos);
}

// ---- barriers ----------------------------------------------------------------------------------------------------------

__global__ void rotate_through_shared(int const* in, int* out, int rounds) {
    __shared__ int values[256];
    unsigned const t = threadIdx.x;
    int value = in[t];
    for (int round = 0; round < rounds; ++round) {
        values[t] = value;
        __syncthreads();
        value = values[(t + 1) % blockDim.x];
        __syncthreads();
    }
    out[t] = value;
}

TEST(Barrier, EveryThreadSeesWhatAllWroteBefore) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        for (unsigned const threads : {1u, 31u, 32u, 33u, 256u}) {
            std::vector<int> in(threads);
            std::vector<int> out(threads);
            for (unsigned i = 0; i < threads; ++i) in[i] = static_cast<int>(i);
            launch(rotate_through_shared, {.block = threads}, in.data(), out.data(), 5);
            for (unsigned i = 0; i < threads; ++i) EXPECT_EQ(out[i], static_cast<int>((i + 5) % threads));
        }
    }
}

__global__ void return_early(int* reached, unsigned leave_from) {
    if (threadIdx.x >= leave_from) return;
    __syncthreads();
    atomicAdd(reached, 1);
    if (threadIdx.x % 2 == 0) return;
    __syncthreads();
    atomicAdd(reached, 1000);
}

TEST(Barrier, ThreadsThatHaveReturnedAreNotWaitedFor) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        int reached = 0;
        launch(return_early, {.block = 200}, &reached, 101u);
        EXPECT_EQ(reached, 101 + 1000 * 50);
    }
}

__global__ void vote(int* out, unsigned from) {
    int const predicate = threadIdx.x >= from;
    int const count = __syncthreads_count(predicate);
    int const any = __syncthreads_or(predicate);
    int const all = __syncthreads_and(predicate);
    out[threadIdx.x] = count * 4 + any * 2 + all;
}

TEST(Barrier, VotesCountAllThreads) {
    for (unsigned const from : {0u, 1u, 40u, 70u}) {
        std::vector<int> out(70);
        launch(vote, {.block = 70}, out.data(), from);
        int const count = static_cast<int>(70 - from);
        for (int const value : out) EXPECT_EQ(value, count * 4 + (count > 0 ? 2 : 0) + (count == 70 ? 1 : 0));
    }
}

// ---- faults ------------------------------------------------------------------------------------------------------------

__global__ void wait_for_a_shuffle_that_never_comes() {
    if (threadIdx.x == 5) {
        __shfl_sync(0xFFFFFFFFu, 1, 0);
    } else {
        __syncthreads();
    }
}

TEST(Fault, ABarrierThatCannotCompleteIsReported) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::string const message = message_of([] { launch(wait_for_a_shuffle_that_never_comes, {.block = 64}); });
        EXPECT_NE(message.find("block (0, 0, 0) cannot go on: 63 of 64 running threads wait at __syncthreads"), std::string::npos)
            << message;
        EXPECT_NE(message.find("thread (5, 0, 0) waits in __shfl_sync with mask 0xFFFFFFFF for thread (0, 0, 0)"), std::string::npos)
            << message;
    }
}

__global__ void cross_masks(unsigned lane_mask) {
    if (threadIdx.x == 0) __syncwarp(3u);
    if (threadIdx.x == 1) __syncwarp(lane_mask);
    if (threadIdx.x == 2) __syncwarp(5u);
}

TEST(Fault, MasksThatDisagreeAreReported) {
    EXPECT_NE(message_of([] { launch(cross_masks, {.block = 3}, 6u); }).find("cannot go on"), std::string::npos);
}

__global__ void leave_before_the_shuffle() {
    if (threadIdx.x == 7) return;
    __shfl_xor_sync(0xFFFFFFFFu, 1, 1);
}

TEST(Fault, ACollectiveWhoseLaneHasEndedIsReported) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::string const message = message_of([] { launch(leave_before_the_shuffle, {.grid = 2, .block = 32}); });
        EXPECT_NE(message.find("ended"), std::string::npos) << message;
        EXPECT_NE(message.find("__shfl_xor_sync"), std::string::npos) << message;
    }
}

__global__ void shuffle_outside_of_the_mask() {
    __shfl_sync(0xFFFFFFFEu, 1, 1);
}

TEST(Fault, AMaskWithoutTheCallerIsReported) {
    std::string const message = message_of([] { launch(shuffle_outside_of_the_mask, {.grid = {1, 4, 1}, .block = 32}); });
    EXPECT_NE(message.find("block (0, 0, 0), thread (0, 0, 0): __shfl_sync: the mask does not name the calling lane 0"), std::string::npos)
        << message;
}

__global__ void mix_barriers() {
    if (threadIdx.x == 0) {
        __syncthreads();
    } else {
        __syncthreads_or(1);
    }
}

TEST(Fault, DifferentKindsOfBarriersAreReported) {
    EXPECT_NE(message_of([] { launch(mix_barriers, {.block = 2}); }).find("another kind of __syncthreads"), std::string::npos);
}

__global__ void trap_in_one_thread(unsigned thread) {
    if (blockIdx.x == 1 && threadIdx.x == thread) __trap();
    __syncthreads();
}

TEST(Fault, ATrapNamesBlockAndThread) {
    std::string const message = message_of([] { launch(trap_in_one_thread, {.grid = 3, .block = 96}, 77u); });
    EXPECT_NE(message.find("block (1, 0, 0), thread (77, 0, 0): __trap()"), std::string::npos) << message;
}

/// Counts its living copies, in every thread of the block.
struct Witness {
    explicit Witness(std::atomic<int>* count) : count_(count) { ++*count_; }
    ~Witness() { --*count_; }
    Witness(Witness const&) = delete;
    Witness& operator=(Witness const&) = delete;
    std::atomic<int>* count_;
};

__global__ void throw_while_others_wait(std::atomic<int>* living, std::atomic<int>* started) {
    Witness const witness(living);
    ++*started;
    auto const owned = std::make_unique<std::vector<int>>(100);
    if (threadIdx.x == 40) throw std::runtime_error("thrown by a thread");
    __syncwarp();
    __syncthreads();
}

TEST(Fault, AnExceptionReachesTheLauncherAndUnwindsAllThreads) {
    for (auto const& options : test::thread_orders()) {
        simt::Scope const scope(options);
        std::atomic<int> living = 0;
        std::atomic<int> started = 0;
        EXPECT_THROW(launch(throw_while_others_wait, {.block = 128}, &living, &started), std::runtime_error);
        EXPECT_GT(started, 0);
        EXPECT_EQ(living, 0);
        unsigned count = 0;
        launch(count_threads, {.block = 128}, &count);  // and the executor is as before
        EXPECT_EQ(count, 128u);
    }
}

__global__ void launch_from_a_kernel(unsigned* count) {
    launch(count_threads, {.block = 1}, count);
}

TEST(Fault, AKernelCannotLaunch) {
    unsigned count = 0;
    EXPECT_THROW(launch(launch_from_a_kernel, {}, &count), DeviceError);
}

TEST(Execution, HostThreadsTakeTurns) {
    std::vector<std::vector<int>> out(3, std::vector<int>(64));
    std::vector<std::thread> threads;
    for (auto& mine : out) {
        threads.emplace_back([&mine] {
            std::vector<int> in(64);
            for (int i = 0; i < 64; ++i) in[static_cast<std::size_t>(i)] = i;
            for (int repeat = 0; repeat < 20; ++repeat) launch(rotate_through_shared, {.block = 64}, in.data(), mine.data(), 3);
        });
    }
    for (auto& thread : threads) thread.join();
    for (auto const& mine : out) {
        for (int i = 0; i < 64; ++i) EXPECT_EQ(mine[static_cast<std::size_t>(i)], (i + 3) % 64);
    }
}

__global__ void add(int* x, int y) {
    *x += y;
}

TEST(Execution, RecordedLaunchesRunWhenTheyAreCalled) {
    int x = 0;
    std::vector<std::function<void()>> launches;
    {
        simt::Recording recording;
        for (int const y : {1, 10}) launch(add, {}, &x, y);
        EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaErrorInvalidResourceHandle);
        launches = std::move(recording).launches();
    }
    EXPECT_EQ(x, 0);
    ASSERT_EQ(launches.size(), 2u);
    for (int k = 0; k < 3; ++k) launches[1]();
    launches[0]();
    EXPECT_EQ(x, 31);
    launch(add, {}, &x, 100);
    EXPECT_EQ(x, 131);
}

__global__ void wait_but(unsigned thread, bool early) {
    if (early) ptx::grid_dependents_launch();
    if (threadIdx.x != thread) ptx::grid_dependency_wait();
    if (threadIdx.x != thread) ptx::grid_dependents_launch();
}

TEST(Execution, OverlappingLaunchesWaitInEveryThread) {
    LaunchConfig const overlapping{.grid = {2}, .block = {40}, .overlap = true};
    EXPECT_NO_THROW(launch(wait_but, overlapping, 40u, false));
    std::string message = message_of([&] { launch(wait_but, overlapping, 33u, false); });
    EXPECT_NE(message.find("thread (33, 0, 0): the thread ended without having waited"), std::string::npos) << message;
    EXPECT_NO_THROW(launch(wait_but, {.grid = {2}, .block = {40}}, 33u, false));
    message = message_of([&] { launch(wait_but, overlapping, 40u, true); });
    EXPECT_NE(message.find("the next launch may start before this one has waited"), std::string::npos) << message;
}

}  // namespace
