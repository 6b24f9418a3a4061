#pragma once

#include "tests/support/simt/executor.hpp"
#include "tests/support/simt/fiber.hpp"

#include <array>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

/// What the executor knows of the running block. Sets of lanes are 32-bit masks.
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
    char clocks[2] = {};  ///< addresses that ThreadSanitizer keeps clocks for
};

struct Warp {
    Lane** lanes = nullptr;  ///< 32, of which `existing` may be read
    unsigned existing = 0;
    unsigned alive = 0;
    unsigned ready = 0;
    unsigned asleep = 0;  ///< ready again when no other lane of the warp is
    unsigned in_collective = 0;
    unsigned at_barrier = 0;
};

inline constexpr int max_threads = 1024;
inline constexpr int max_warps = max_threads / 32;

struct BlockState {
    std::vector<std::unique_ptr<Lane>> pool;  ///< fibers live from their first use to the end of the process
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
    char barrier_clocks[2] = {};

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

/// A fiber for each thread of a block of the launch. (scheduler.cpp) @throws std::bad_alloc
void prepare_threads(Launch const& launch);

/// Runs one block of state.launch. (scheduler.cpp) @throws what a thread threw, KernelFault
void run_block(std::uint64_t number);

/// "(x, y, z)"
[[nodiscard]] std::string text(uint3 const& index);

/// Gives each lane of `mask`, which all wait in `operation`, its result. (warp.cpp)
void complete(Collective operation, Warp& warp, unsigned mask);

/// What keeps the block from going on, in words. (diagnosis.cpp)
[[nodiscard]] std::string deadlock();

}  // namespace ca3::simt
