#include "kernels/common/launch.cuh"
#include "kernels/common/ptx.cuh"
#include "support/compare.hpp"
#include "tests/simt/orders.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

/// Clusters of blocks on the executor.
namespace {

using namespace ca3;

std::vector<simt::Options> cluster_orders() {
    auto orders = test::thread_orders();
    for (auto& options : orders) options.compute_capability = 90;
    return orders;
}

std::string message_of(auto const& f) {
    return test::message_of<DeviceError>(f);
}

/// Every thread tells all blocks its number; each adds up what it was told, three times over.
__global__ void all_to_all(unsigned* out, int rounds) {
    auto* const told = dynamic_shared<unsigned>();  // blocks x threads
    unsigned const rank = ptx::cluster_rank(), blocks = gridDim.x / 2;
    unsigned sum = rank * blockDim.x + threadIdx.x;
    for (int round = 0; round < rounds; ++round) {
        ptx::cluster_arrive();  // all blocks run, and have read what they were told
        ptx::cluster_wait();
        for (unsigned block = 0; block < blocks; ++block) *ptx::cluster_map(told + rank * blockDim.x + threadIdx.x, block) = sum + block;
        ptx::cluster_arrive();
        ptx::cluster_wait();
        sum = 0;
        for (unsigned i = 0; i < blocks * blockDim.x; ++i) sum += told[i];
    }
    out[(blockIdx.y * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x] = sum;
}

TEST(Cluster, BlocksReadWhatOthersWroteBeforeTheBarrier) {
    constexpr unsigned threads = 40;
    for (unsigned const blocks : {1u, 2u, 8u, 16u})
        for (auto const& options : cluster_orders()) {
            simt::Scope const scope(options);
            std::vector<unsigned> out(2 * blocks * 3 * threads);
            launch(all_to_all,
                   {.grid = {2 * blocks, 3},
                    .block = threads,
                    .shared_bytes = blocks * threads * sizeof(unsigned),
                    .cluster = static_cast<int>(blocks)},
                   out.data(), 3);
            std::vector<unsigned> sums(blocks * threads);
            for (unsigned i = 0; i < sums.size(); ++i) sums[i] = i;
            for (int round = 0; round < 3; ++round) {
                unsigned sum = 0;
                for (unsigned const s : sums) sum += s;
                for (unsigned i = 0; i < sums.size(); ++i) sums[i] = sum + i / threads * static_cast<unsigned>(sums.size());
            }
            for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], sums[i % sums.size()]);
        }
}

/// The second half of each block ends at once.
__global__ void leave_before_the_barrier(int* reached) {
    if (threadIdx.x >= 32 || ptx::cluster_rank() == 2) return;
    ptx::cluster_arrive();
    ptx::cluster_wait();
    atomicAdd(reached, 1);
}

TEST(Cluster, ThreadsThatHaveEndedAreNotWaitedFor) {
    for (auto const& options : cluster_orders()) {
        simt::Scope const scope(options);
        int reached = 0;
        launch(leave_before_the_barrier, {.grid = 4, .block = 64, .cluster = 4}, &reached);
        EXPECT_EQ(reached, 3 * 32);
    }
}

/// A thread may do other work between arriving and waiting, and so may all threads of its block together.
__global__ void work_while_waiting(int* out) {
    auto* const shared = dynamic_shared<int>();
    if (threadIdx.x == 0) shared[0] = 10 + static_cast<int>(ptx::cluster_rank());
    ptx::cluster_arrive();
    shared[1 + threadIdx.x] = 1;
    __syncthreads();
    int sum = 0;
    for (unsigned t = 0; t < blockDim.x; ++t) sum += shared[1 + t];
    ptx::cluster_wait();
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum + *ptx::cluster_map(shared, 1 - ptx::cluster_rank());
    ptx::cluster_arrive();
    ptx::cluster_wait();
}

TEST(Cluster, ArrivingDoesNotWait) {
    for (auto const& options : cluster_orders()) {
        simt::Scope const scope(options);
        std::vector<int> out(2 * 50);
        launch(work_while_waiting, {.grid = 2, .block = 50, .shared_bytes = 51 * sizeof(int), .cluster = 2}, out.data());
        for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], 50 + (i < 50 ? 11 : 10));
    }
}

/// Block 0 reads from block 1, which does not wait for it.
__global__ void read_from_the_dead(unsigned* out) {
    auto* const shared = dynamic_shared<unsigned>();
    shared[0] = 1;
    ptx::cluster_arrive();
    ptx::cluster_wait();
    if (ptx::cluster_rank() == 1) return;
    for (int i = 0; i < 10; ++i) __nanosleep(1);
    *out = *ptx::cluster_map(shared, 1);
}

TEST(Cluster, MemoryOfABlockThatHasEndedIsPoison) {
    simt::Scope const scope({.compute_capability = 90});
    unsigned out = 0;
    launch(read_from_the_dead, {.grid = 2, .block = 1, .shared_bytes = 4, .cluster = 2}, &out);
    EXPECT_EQ(out, 0xCBCBCBCBu);
}

__global__ void one_does_not_arrive() {
    if (blockIdx.x == 1 && threadIdx.x == 3) {
        __syncthreads();
    } else {
        ptx::cluster_arrive();
        ptx::cluster_wait();
    }
}
__global__ void arrive_twice() {
    ptx::cluster_arrive();
    ptx::cluster_arrive();
}
__global__ void wait_only() {
    ptx::cluster_wait();
}
__global__ void map_too_far(int* global) {
    static_cast<void>(ptx::cluster_map(global != nullptr ? global : dynamic_shared<int>(), 2));
}

TEST(Cluster, WhatAGpuWouldHangOnIsReported) {
    for (auto const& options : cluster_orders()) {
        simt::Scope const scope(options);
        std::string const message = message_of([] { launch(one_does_not_arrive, {.grid = 2, .block = 8, .cluster = 2}); });
        EXPECT_NE(message.find("15 of 16 running threads of the cluster have arrived at its barrier"), std::string::npos) << message;
    }
    simt::Scope const scope({.compute_capability = 90});
    auto const faults = [](auto kernel, std::string const& text) {
        std::string const message = message_of([&] { launch(kernel, {.grid = 2, .block = 8, .cluster = 2}); });
        EXPECT_NE(message.find(text), std::string::npos) << message;
    };
    faults(arrive_twice, "barrier.cluster.arrive: the thread has not waited");
    faults(wait_only, "barrier.cluster.wait: the thread has not arrived");
    int global = 0;
    auto const map = [](int* pointer) { launch(map_too_far, {.grid = 2, .block = 1, .shared_bytes = 4, .cluster = 2}, pointer); };
    EXPECT_NE(message_of([&] { map(nullptr); }).find("no block 2 in a cluster of 2"), std::string::npos);
    EXPECT_NE(message_of([&] { map(&global); }).find("not to dynamic shared memory"), std::string::npos);
    int reached = 0;  // and the executor serves again
    launch(leave_before_the_barrier, {.grid = 4, .block = 64, .cluster = 4}, &reached);
    EXPECT_EQ(reached, 96);
}

TEST(Cluster, LaunchesThatAGpuWouldRefuseAreRefused) {
    int reached = 0;
    EXPECT_THROW(launch(leave_before_the_barrier, {.grid = 2, .block = 8, .cluster = 2}, &reached), DeviceError);  // compute capability 8.0
    simt::Scope const scope({.compute_capability = 90});
    EXPECT_THROW(launch(leave_before_the_barrier, {.grid = 3, .block = 8, .cluster = 2}, &reached), DeviceError);
    EXPECT_THROW(launch(leave_before_the_barrier, {.grid = 32, .block = 8, .cluster = 32}, &reached), DeviceError);
    EXPECT_THROW(launch(leave_before_the_barrier, {.grid = 2, .block = 8, .cluster = 0}, &reached), DeviceError);
    EXPECT_EQ(reached, 0);
}

}  // namespace
