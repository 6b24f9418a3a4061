#pragma once

#include "tests/support/simt/executor.hpp"
#include "tests/support/simt/fiber.hpp"

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

/// What the executor knows of the running block and of its cluster. Sets of lanes are 32-bit masks.
///
/// The sources that include this are compiled without ThreadSanitizer: fibers share this state by taking turns, which the tool is told
/// nothing of.
namespace ca3::simt {

struct Lane : Thread {
    Lane() = default;
    ~Lane() { destroy(fiber); }
    Lane(Lane const&) = delete;
    Lane& operator=(Lane const&) = delete;

    Fiber fiber;
    Collective operation{};
    unsigned mask = 0;         ///< of the collective that it waits in
    void* argument = nullptr;  ///< on the lane's stack
    unsigned lanes_met = 0;    ///< result of __syncwarp for ThreadSanitizer: which of each lane's two clocks to join
    bool clock_parity = false;
    bool arrived = false;        ///< at the cluster's barrier, for which it has not waited yet
    unsigned cluster_phase = 0;  ///< in which it arrived
    char clocks[2] = {};         ///< addresses that ThreadSanitizer keeps clocks for
};

struct Warp {
    Lane** lanes = nullptr;  ///< 32, of which `existing` may be read
    unsigned existing = 0;
    unsigned alive = 0;
    unsigned ready = 0;
    unsigned asleep = 0;  ///< ready again when no other lane of the warp is
    unsigned in_collective = 0;
    unsigned at_barrier = 0;
    unsigned at_cluster_barrier = 0;
};

inline constexpr int max_threads = 1024;
inline constexpr int max_warps = max_threads / 32;

/// The threads of one block and what they wait for. Put aside while another block of the cluster runs.
struct BlockThreads {
    std::array<Lane*, max_threads> lanes{};
    std::array<Warp, max_warps> warps{};
    int threads = 0;
    int warp_count = 0;
    int alive = 0;
    std::int64_t sleeps = 0;

    int at_barrier = 0;
    Barrier barrier_kind{};
    unsigned barrier_true = 0;  ///< predicates so far
    unsigned barrier_result = 0;
    bool barrier_parity = false;
};

struct BlockState : BlockThreads {
    std::array<std::vector<std::unique_ptr<Lane>>, max_cluster> pools;  ///< by rank; fibers live to the end of the process
    std::array<std::array<char, 2>, max_cluster> barrier_clocks{};

    std::array<BlockThreads, max_cluster> aside;  ///< by rank; that of the running block is out of date
    unsigned first_index = 0;                     ///< blockIdx.x of rank 0
    int cluster_alive = 0;                        ///< threads of the cluster
    int cluster_arrived = 0;
    unsigned cluster_phase = 0;
    char cluster_clocks[2] = {};

    Fiber scheduler;
    std::exception_ptr error;
    bool cancelled = false;
    std::uint64_t random = 0;
    Launch const* launch = nullptr;
    Options options;
    void (*body)(void const*) = nullptr;  ///< of the kernel
    void const* context = nullptr;
};

extern BlockState state;

/// The next number of the stream that Options::seed names.
[[nodiscard]] std::uint64_t draw();

/// A fiber for each thread of a cluster of the launch. (scheduler.cpp) @throws std::bad_alloc
void prepare_threads(Launch const& launch);

/// Runs one cluster of state.launch, most often of one block. (scheduler.cpp) @throws what a thread threw, KernelFault
void run_cluster(std::uint64_t number);

/// Goes from the running block to another one of the cluster. (cluster.cpp)
void turn_to(unsigned rank);

/// Fills what a block of a cluster must not rely on: before it goes on its static shared variables, after it has ended all of its shared
/// memory. Not under ThreadSanitizer, to which these would be races. (cluster.cpp)
void poison_for_cluster(bool ended);

/// All threads of the cluster have arrived. (cluster.cpp)
void release_cluster_barrier();

/// "(x, y, z)"
[[nodiscard]] std::string text(uint3 const& index);

/// Gives each lane of `mask`, which all wait in `operation`, its result. (warp.cpp)
void complete(Collective operation, Warp& warp, unsigned mask);

/// What keeps the block from going on, in words. (diagnosis.cpp)
[[nodiscard]] std::string deadlock();

}  // namespace ca3::simt
