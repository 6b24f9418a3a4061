#include "tests/support/simt/block_state.hpp"
#include "tests/support/simt/executor.hpp"
#include "tests/support/simt/runtime.hpp"
#include "tests/support/simt/shared_memory.hpp"

#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

/// From a launch to its blocks.
namespace ca3::simt {

Block block;

namespace {

Options in_force;
std::mutex one_launch;
std::map<std::string, std::int64_t> launches_made;  // under one_launch
thread_local bool in_launch = false;
thread_local Recording* recording = nullptr;

[[noreturn]] void refuse(cudaError_t code, std::string const& what, Launch const& launch) {
    throw DeviceError(code, cudaGetErrorName(code), "kernel launch: " + what, launch.where.file_name(),
                      static_cast<int>(launch.where.line()));
}

void validate(Launch const& launch) {
    auto const shape = [](dim3 const& d) { return text(uint3{d.x, d.y, d.z}); };
    std::uint64_t const threads = std::uint64_t{launch.block.x} * launch.block.y * launch.block.z;
    if (threads == 0 || threads > max_threads || launch.block.x > 1024 || launch.block.y > 1024 || launch.block.z > 64) {
        refuse(cudaErrorInvalidConfiguration, "a block of " + shape(launch.block) + " threads", launch);
    }
    if (launch.grid.x > 0x7FFFFFFFu || launch.grid.y > 65535 || launch.grid.z > 65535) {
        refuse(cudaErrorInvalidConfiguration, "a grid of " + shape(launch.grid) + " blocks", launch);
    }
    int limit = 0;
    cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0);
    if (launch.shared_bytes > static_cast<std::size_t>(limit)) {
        refuse(
            cudaErrorInvalidValue,
            std::to_string(launch.shared_bytes) + " bytes of dynamic shared memory, more than the " + std::to_string(limit) + " of a block",
            launch);
    }
    bool const one_block = launch.grid.x == 1 && launch.grid.y == 1 && launch.grid.z == 1;
    if (launch.cooperative && !one_block)
        refuse(cudaErrorNotSupported, "the host executor has no cooperative launches of several blocks", launch);
    if (launch.cluster > 1 && in_force.compute_capability < 90)
        refuse(cudaErrorNotSupported, "clusters need compute capability 9.0", launch);
    if (launch.cluster < 1 || launch.cluster > max_cluster || launch.grid.x % static_cast<unsigned>(launch.cluster) != 0) {
        refuse(cudaErrorInvalidConfiguration,
               "clusters of " + std::to_string(launch.cluster) + " blocks in a grid of " + shape(launch.grid) + " blocks", launch);
    }
    if (!is_stream(launch.stream))
        refuse(cudaErrorInvalidResourceHandle, "the stream does not exist or is not of the current device", launch);
}

void run_grid(Launch const& launch) {
    auto const cluster = static_cast<unsigned>(launch.cluster);
    std::uint64_t const blocks = std::uint64_t{launch.grid.x / cluster} * launch.grid.y * launch.grid.z;  // or clusters
    if (in_force.blocks == Order::random) {
        std::vector<std::uint64_t> order(blocks);
        std::iota(order.begin(), order.end(), 0);
        for (std::uint64_t i = blocks; i > 1; --i) std::swap(order[i - 1], order[draw() % i]);
        for (std::uint64_t const number : order) run_cluster(number);
        return;
    }
    for (std::uint64_t i = 0; i < blocks; ++i) run_cluster(in_force.blocks == Order::descending ? blocks - 1 - i : i);
}

}  // namespace

std::string text(uint3 const& index) {
    return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " + std::to_string(index.z) + ")";
}

Options const& options() noexcept {
    return in_force;
}

std::map<std::string, std::int64_t> launches() {
    std::lock_guard const lock(one_launch);
    return launches_made;
}

Scope::Scope(Options options) : before_(in_force) {
    in_force = options;
}
Scope::~Scope() {
    in_force = before_;
}

Recording::Recording() {
    if (recording != nullptr) fault("a recording within a recording");
    recording = this;
}
Recording::~Recording() {
    recording = nullptr;
}
bool is_recording() noexcept {
    return recording != nullptr;
}
void keep(std::function<void()> launch) {
    recording->launches_.push_back(std::move(launch));
}

KernelFault::KernelFault(std::string const& what, std::source_location const& launched)
    : DeviceError(cudaErrorLaunchFailure, "cudaErrorLaunchFailure", what, launched.file_name(), static_cast<int>(launched.line())) {}

void fault(std::string const& what) {
    if (current == nullptr) throw KernelFault(what + " (outside of a kernel)", std::source_location::current());
    throw KernelFault("block " + text(block.index) + ", thread " + text(current->index) + ": " + what, state.launch->where);
}

void run(Launch const& launch, void (*body)(void const*), void const* context) {
    validate(launch);
    if (in_launch) refuse(cudaErrorNotSupported, "a kernel cannot launch another one", launch);
    std::lock_guard const lock(one_launch);
    ++launches_made[launch.where.file_name()];
    struct Running {
        Running() { in_launch = true; }
        ~Running() {
            in_launch = false;
            current = nullptr;
        }
    } const running;
    adopt_host_thread(state.scheduler);
    preemptive = in_force.order == Order::random;
    state.options = in_force;
    state.random = in_force.seed;
    state.launch = &launch;
    state.body = body;
    state.context = context;
    block.size = launch.block;
    block.grid = launch.grid;
    block.rank = 0;
    block.cluster = static_cast<unsigned>(launch.cluster);
    prepare_threads(launch);
    SharedMemory const shared(launch.shared_bytes, launch.cluster);
    run_grid(launch);
    if (std::string const damage = damaged_guard(); !damage.empty()) throw KernelFault(damage, launch.where);
}

}  // namespace ca3::simt
