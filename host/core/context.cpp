#include <ca3/context.hpp>
#include <ca3/error.hpp>

#include "core/cuda.hpp"
#include "core/state.hpp"

#include <algorithm>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace ca3 {

namespace {

/// Cores that this process may use (its affinity), which in a container are fewer than the machine has.
int usable_cores() {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::shared_ptr<detail::ContextState> make_cpu_state(CpuOptions const& options) {
    if (options.threads < 0) {
        throw InvalidArgument("Context::cpu: threads must be 0 (all cores) or positive, is " + std::to_string(options.threads));
    }
    constexpr int most_threads = 4096;
    if (options.threads > most_threads) {
        throw InvalidArgument("Context::cpu: threads must be at most " + std::to_string(most_threads) + ", is " +
                              std::to_string(options.threads));
    }
    auto const supported = supported_instruction_sets();
    auto const wanted = options.instruction_set == InstructionSet::automatic ? supported.back() : options.instruction_set;
    if (std::find(supported.begin(), supported.end(), wanted) == supported.end()) {
        throw InvalidArgument("Context::cpu: this machine lacks the instruction set " + std::string(to_string(wanted)) + "; it has up to " +
                              std::string(to_string(supported.back())));
    }
    auto state = std::make_shared<detail::ContextState>();
    state->backend = Backend::cpu;
    state->instruction_set = wanted;
    state->pool = std::make_unique<ThreadPool>(options.threads == 0 ? usable_cores() : options.threads);
    return state;
}

}  // namespace

namespace detail {

ContextState::~ContextState() {
    if (backend == Backend::cuda) cuda::close(*this);
}

}  // namespace detail

std::string_view to_string(Backend backend) noexcept {
    switch (backend) {
        case Backend::reference:
            return "reference";
        case Backend::cpu:
            return "cpu";
        case Backend::cuda:
            return "cuda";
    }
    return "unknown";
}

std::string_view to_string(InstructionSet set) noexcept {
    switch (set) {
        case InstructionSet::automatic:
            return "automatic";
        case InstructionSet::portable:
            return "portable";
        case InstructionSet::avx2:
            return "avx2";
        case InstructionSet::avx512_vnni:
            return "avx512_vnni";
        case InstructionSet::avx512_vpopcntdq:
            return "avx512_vpopcntdq";
    }
    return "unknown";
}

std::vector<InstructionSet> supported_instruction_sets() {
    std::vector<InstructionSet> sets{InstructionSet::portable};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))) return sets;
    sets.push_back(InstructionSet::avx2);
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))) {
        return sets;
    }
    sets.push_back(InstructionSet::avx512_vnni);
    if (__builtin_cpu_supports("avx512vpopcntdq")) sets.push_back(InstructionSet::avx512_vpopcntdq);
#endif
    return sets;
}

DeviceList cuda_devices() noexcept {
    return cuda::devices();
}

Context Context::reference() {
    auto state = std::make_shared<detail::ContextState>();
    state->pool = std::make_unique<ThreadPool>(1);
    return Context(std::move(state));
}

Context Context::cpu(CpuOptions options) {
    return Context(make_cpu_state(options));
}

Context Context::cuda(CudaOptions options) {
    auto state = make_cpu_state({});
    cuda::open(options, *state);
    state->backend = Backend::cuda;
    return Context(std::move(state));
}

Context Context::best() {
    auto const list = cuda_devices();
    std::string remark = list.reason;
    if (!list.devices.empty()) {
        try {
            return cuda({});
        } catch (Error const& error) {
            remark = error.what();
        }
    }
    auto state = make_cpu_state({});
    state->remark = "no usable GPU: " + remark;
    return Context(std::move(state));
}

Backend Context::backend() const noexcept {
    return state_->backend;
}
int Context::threads() const noexcept {
    return state_->pool->size();
}
InstructionSet Context::instruction_set() const noexcept {
    return state_->instruction_set;
}
int Context::device() const noexcept {
    return state_->device.index;
}
CUstream_st* Context::stream() const noexcept {
    return state_->stream;
}

std::string Context::describe() const {
    std::string text(to_string(backend()));
    if (backend() == Backend::cuda) {
        auto const& gpu = state_->device;
        text += ": device " + std::to_string(gpu.index) + ", " + gpu.name + ", compute capability " + std::to_string(gpu.compute_major) +
                "." + std::to_string(gpu.compute_minor) + ", " + std::to_string(gpu.multiprocessors) + " multiprocessors, " +
                std::to_string(gpu.memory_bytes >> 20) + " MiB";
    } else if (backend() == Backend::cpu) {
        text +=
            ": " + std::to_string(threads()) + (threads() == 1 ? " thread, " : " threads, ") + std::string(to_string(instruction_set()));
    }
    if (!state_->remark.empty()) text += " (" + state_->remark + ")";
    return text;
}

void Context::synchronize() const {
    if (backend() == Backend::cuda) cuda::synchronize(*state_);
}

}  // namespace ca3
