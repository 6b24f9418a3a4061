#pragma once

#include "core/state.hpp"

#include <cstddef>
#include <cstdint>

/// The CUDA runtime as the rest of the host code sees it: cuda_context.cpp, or no_cuda.cpp in a build without CUDA.
namespace ca3::cuda {

[[nodiscard]] DeviceList devices() noexcept;

/// Makes a device current for this thread, and the caller's own again at the end of the scope. Streams are made, used by launches and
/// allocated from only while their own device is current. In builds with CUDA. @throws DeviceError
class CurrentDevice {
public:
    explicit CurrentDevice(int device);
    ~CurrentDevice();
    CurrentDevice(CurrentDevice const&) = delete;
    CurrentDevice& operator=(CurrentDevice const&) = delete;

private:
    int former_;
    int device_;
};

/// Selects the device and makes or borrows the stream. @throws DeviceUnavailable, NotCompiled
void open(CudaOptions const& options, detail::ContextState& state);
void close(detail::ContextState& state) noexcept;

/// Of the context's device. In builds with CUDA. @throws DeviceError
[[nodiscard]] std::uint64_t free_bytes(detail::ContextState const& state);
/// Stream-ordered. @throws OutOfMemory with the bytes asked and free
[[nodiscard]] void* allocate(detail::ContextState const& state, std::size_t bytes);
void release(detail::ContextState const& state, void* pointer) noexcept;

void copy_to_device(detail::ContextState const& state, void* to, void const* from, std::size_t bytes);  ///< `from` may be reused on return
void copy_to_host(detail::ContextState const& state, void* to, void const* from, std::size_t bytes);    ///< synchronises the stream
void synchronize(detail::ContextState const& state);
/// Stream-ordered, for kernels. In builds with CUDA.
void fill(detail::ContextState const& state, void* to, unsigned char value, std::size_t bytes);

}  // namespace ca3::cuda
