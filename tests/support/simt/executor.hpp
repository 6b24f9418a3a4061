#pragma once

#include <ca3/error.hpp>

#include "tests/support/simt/types.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

struct CUstream_st;

/// A host executor for CUDA's execution model, for tests. The kernels' own sources, compiled by g++ with CA3_SIMT=1, run on it.
///
/// Every thread of a block is a fiber with a stack of its own; blocks run one after another, on the launching thread, and a launch is done
/// when it returns. A thread runs until it waits (barrier, warp collective) or ends, then another one of its warp runs, then another warp.
/// Which one is a choice (Options::order): a kernel that lacks a barrier gives different results under different orders.
///
/// Memory that CUDA leaves undefined is filled with `poison`: static and dynamic shared memory at the start of each block, device memory
/// when allocated, the destination of an asynchronous copy until it is waited for, the value of a shuffle from a lane that takes no part.
///
/// Under AddressSanitizer dynamic shared and device memory are heap blocks of the exact size, and static shared arrays have red zones, save
/// those of inline functions and templates with external linkage (g++ gives such variables none): keep kernels in anonymous namespaces.
/// Under ThreadSanitizer each thread of a block is a thread to the tool, with no order between threads but what barriers, __syncwarp and
/// atomics make, so that a missing barrier is reported as a data race whether it changes a result or not. Blocks are ordered one after
/// another there: races between blocks are not seen.
///
/// The blocks of a cluster run together: each until its threads wait, then another one. A block finds poison in the dynamic shared memory
/// of one that has ended, and in its own static shared variables whenever another block has run: kernels for clusters use dynamic memory.
///
/// Not modelled: cooperative launches of more than one block, grid-wide barriers, wgmma, TMA. A thread that spins on memory which
/// another one shall write hangs, unless it calls __nanosleep.
namespace ca3::simt {

inline constexpr unsigned char poison = 0xCB;
inline constexpr int max_cluster = 16;  ///< blocks

enum class Order {
    ascending,   ///< lowest first
    descending,  ///< highest first; asynchronous copies happen at once, else when they are waited for
    random,      ///< seeded; threads also change at collectives and atomics
};

struct Options {
    Order order = Order::ascending;   ///< of the warps of a block and the lanes of a warp, anew after each barrier
    Order blocks = Order::ascending;  ///< of the blocks of a grid
    std::uint64_t seed = 0;
    int compute_capability = 80;                          ///< that the device claims
    std::uint64_t memory_bytes = std::uint64_t{4} << 30;  ///< of each device; more is OutOfMemory
    int shared_bytes = 0;                                 ///< that a block may have at most; 0: as the compute capability says
    int devices = 1;                                      ///< alike; a stream serves only while its own device is current
    int multiprocessors = 2;                              ///< that the device claims; one of 1 takes cooperative launches
};

/// The options in force. Process-wide, as the device is.
[[nodiscard]] Options const& options() noexcept;

/// Sets the options until the end of the scope.
class Scope {
public:
    explicit Scope(Options options);
    ~Scope();
    Scope(Scope const&) = delete;
    Scope& operator=(Scope const&) = delete;

private:
    Options before_;
};

/// What a GPU would answer with undefined behaviour, a hang or an error, found by the executor. The message names block and thread.
class KernelFault : public DeviceError {
public:
    KernelFault(std::string const& what, std::source_location const& launched);
};

struct Launch {
    dim3 grid;
    dim3 block;
    std::size_t shared_bytes = 0;
    CUstream_st* stream = nullptr;
    int cluster = 1;
    bool cooperative = false;
    bool overlap = false;  ///< a thread that ends without ptx::grid_dependency_wait is a fault
    std::source_location where;
};

/// Runs body(context) once for every thread of the grid. Serialised between host threads.
/// An exception thrown by a thread ends the launch and is thrown here; the stacks of the other threads are unwound.
/// @throws KernelFault  @throws DeviceError for a launch that a GPU would refuse
void run(Launch const& launch, void (*body)(void const* context), void const* context);

template <class F>
void run(Launch const& launch, F const& body) {
    run(
        launch, [](void const* context) { (*static_cast<F const*>(context))(); }, &body);
}

/// For as long as one lives, launches of its thread are kept in place of being run, with the arguments that they were given; every other
/// call that takes a stream is refused. Like the capture of a CUDA graph.
class Recording {
public:
    Recording();
    ~Recording();
    Recording(Recording const&) = delete;
    Recording& operator=(Recording const&) = delete;

    /// What was kept, each to be run any number of times.
    [[nodiscard]] std::vector<std::function<void()>> launches() && { return std::move(launches_); }

private:
    friend void keep(std::function<void()> launch);
    std::vector<std::function<void()>> launches_;
};
[[nodiscard]] bool is_recording() noexcept;
void keep(std::function<void()> launch);

/// Runs body() as a launch does, or keeps it for later. What `body` refers to it holds by value.
template <class F>
void submit(Launch const& launch, F const& body) {
    if (is_recording())
        keep([launch, body] { run(launch, body); });
    else
        run(launch, body);
}

/// Launches of this process, by the source file that asked for them.
[[nodiscard]] std::map<std::string, std::int64_t> launches();

// ---- what a running thread sees ----------------------------------------------------------------------------------------

struct Thread {
    uint3 index{};
    unsigned lane = 0;
    unsigned warp = 0;
    bool waited = false;  ///< for the launches before
};

struct Block {
    uint3 index{};
    dim3 size;
    dim3 grid;
    unsigned rank = 0;  ///< in its cluster
    unsigned cluster = 1;
};

extern Thread* current;  ///< null outside of kernels
extern Block block;
extern bool preemptive;  ///< Order::random is in force

[[noreturn]] void fault(std::string const& what);

[[nodiscard]] void* dynamic_shared();
/// `bytes` at `pointer` lie in the static or dynamic shared memory of the running block.
[[nodiscard]] bool is_shared(void const* pointer, std::size_t bytes);

/// Lets other threads run: whichever the order names, perhaps the caller again; all others that can, before the caller goes on.
void yield();
void sleep();
inline void preempt() {
    if (preemptive) yield();
}

enum class Barrier : std::uint8_t { sync, count, all, any };

/// Waits for all threads of the block that have not ended. @returns the number of threads with a true predicate
unsigned barrier(Barrier kind, bool predicate);

/// The barrier of the cluster, for all of its threads that have not ended.
void cluster_arrive();
void cluster_wait();
/// Where what lies at `pointer`, in dynamic shared memory of the running block, lies in that of the block with this rank.
[[nodiscard]] void* cluster_map(void const* pointer, unsigned rank);

enum class Collective : std::uint8_t {
    sync,
    shuffle,
    shuffle_up,
    shuffle_down,
    shuffle_xor,
    ballot,
    all,
    any,
    match_any,
    match_all,
    reduce_add,
    reduce_min,
    reduce_max,
    reduce_min_unsigned,
    reduce_max_unsigned,
    reduce_and,
    reduce_or,
    reduce_xor,
    ldmatrix_x4,
    ldmatrix_x4_transposed,
    mma_m16n8k32_s8,
    mma_m16n8k32_u8s8,
    mma_m16n8k32_s8u8,
    mma_m16n8k256_b1_and,
    mma_m16n8k8_tf32,
    mma_m16n8k16_bf16,
};

[[nodiscard]] char const* to_string(Collective) noexcept;

/// Waits until all lanes in `mask` have called with the same mask and operation, then gives each its result.
/// @param argument the operation's operands and, on return, its result; one of the structs below
void exchange(Collective operation, unsigned mask, void* argument);

struct ShuffleArgument {
    std::uint64_t value;
    int lane;  ///< source (shuffle), distance (up, down) or mask (xor)
    int width;
};
struct WordArgument {
    std::uint64_t value;
    unsigned result;  ///< ballot of nonzero values; match: lanes with the same value; reduce: the result
};
struct LdmatrixArgument {
    unsigned row[4];  ///< read by the lane that names it
    unsigned result[4];
};
struct MmaArgument {
    unsigned const* a;
    unsigned const* b;
    int* d;
};
struct RealMmaArgument {
    unsigned const* a;
    unsigned const* b;
    float* d;
};

void copy_async(void* shared, void const* global, int bytes);
void copy_async_commit();
void copy_async_wait(int pending);

}  // namespace ca3::simt
