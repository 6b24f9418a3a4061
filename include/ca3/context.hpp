#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct CUstream_st;  // cudaStream_t is a pointer to this; no CUDA header is needed to pass one

namespace ca3 {

enum class Backend {
    reference,  ///< plain loops: the definition and the oracle
    cpu,        ///< SIMD and threads
    cuda,       ///< one NVIDIA GPU
};

/// Instruction sets of the CPU backend, in rising order. Results do not depend on the choice.
enum class InstructionSet {
    automatic,         ///< the best that this machine has
    portable,          ///< standard C++
    avx2,              ///< AVX2, BMI2 and FMA
    avx512_vnni,       ///< AVX-512 F, BW, DQ, VL and VNNI
    avx512_vpopcntdq,  ///< the same with VPOPCNTDQ
};

[[nodiscard]] std::string_view to_string(Backend) noexcept;
[[nodiscard]] std::string_view to_string(InstructionSet) noexcept;

/// Those that this machine can run, in rising order; `portable` is always the first.
[[nodiscard]] std::vector<InstructionSet> supported_instruction_sets();

struct CpuOptions {
    int threads = 0;  ///< 0: one per core that the process may use
    InstructionSet instruction_set = InstructionSet::automatic;
};

struct CudaOptions {
    int device = 0;
    std::optional<CUstream_st*> stream;  ///< a stream to borrow (nullptr: the default stream); empty: the context makes its own
};

/// What the CUDA runtime says of one GPU.
struct DeviceInfo {
    int index = 0;
    std::string name;
    int compute_major = 0;
    int compute_minor = 0;
    int multiprocessors = 0;
    std::uint64_t memory_bytes = 0;
    std::uint64_t l2_bytes = 0;
};

/// The GPUs that can be used, and where there are none the reason why.
struct DeviceList {
    std::vector<DeviceInfo> devices;
    std::string reason;  ///< empty when `devices` is not
};

[[nodiscard]] DeviceList cuda_devices() noexcept;

namespace detail {
struct ContextState;
}

/// A backend and its resources: threads, or a GPU and a stream.
///
/// A Context is a handle: copies share the resources, which live until the last copy and the last model made with it are gone.
/// One context serves one thread at a time; two contexts never share mutable state.
class Context {
public:
    [[nodiscard]] static Context reference();
    /// @throws InvalidArgument for negative `threads` or an instruction set that this machine lacks
    [[nodiscard]] static Context cpu(CpuOptions options = {});
    /// @throws DeviceUnavailable where there is no usable GPU; NotCompiled in a build without CUDA
    [[nodiscard]] static Context cuda(CudaOptions options = {});
    /// A usable GPU, else the CPU. `describe()` says which and why.
    [[nodiscard]] static Context best();

    [[nodiscard]] Backend backend() const noexcept;
    [[nodiscard]] int threads() const noexcept;                     ///< 1 on the reference; on CUDA those of the host part
    [[nodiscard]] InstructionSet instruction_set() const noexcept;  ///< never `automatic`
    [[nodiscard]] int device() const noexcept;                      ///< -1 unless CUDA
    [[nodiscard]] CUstream_st* stream() const noexcept;             ///< nullptr unless CUDA
    [[nodiscard]] std::string describe() const;

    /// Waits for all work given to this context. Errors of earlier asynchronous work surface here as DeviceError.
    void synchronize() const;

    [[nodiscard]] detail::ContextState& state() const noexcept { return *state_; }

private:
    explicit Context(std::shared_ptr<detail::ContextState> state) : state_(std::move(state)) {}

    std::shared_ptr<detail::ContextState> state_;
};

}  // namespace ca3
