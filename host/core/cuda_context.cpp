#include <ca3/error.hpp>

#include "core/cuda.hpp"

#include <cuda_runtime_api.h>

#include <string>

namespace ca3::cuda {

namespace {

constexpr int oldest_compute_major = 8;  // mma.sync on 8-bit integers and cp.async

#define CA3_CHECK_RUNTIME(call) check_runtime((call), #call, __FILE__, __LINE__)

void check_runtime(cudaError_t code, char const* what, char const* file, int line) {
    if (code == cudaSuccess) return;
    cudaGetLastError();
    throw DeviceError(code, cudaGetErrorName(code), std::string(what) + ": " + cudaGetErrorString(code), file, line);
}

int attribute(cudaDeviceAttr name, int device) {
    int value = 0;
    CA3_CHECK_RUNTIME(cudaDeviceGetAttribute(&value, name, device));
    return value;
}

DeviceInfo device_info(int index) {
    cudaDeviceProp properties{};
    CA3_CHECK_RUNTIME(cudaGetDeviceProperties(&properties, index));
    return {.index = index,
            .name = properties.name,
            .compute_major = properties.major,
            .compute_minor = properties.minor,
            .multiprocessors = properties.multiProcessorCount,
            .memory_bytes = properties.totalGlobalMem,
            .l2_bytes = static_cast<std::uint64_t>(properties.l2CacheSize)};
}

std::string capability(DeviceInfo const& device) {
    return std::to_string(device.compute_major) + "." + std::to_string(device.compute_minor);
}

DeviceList list_devices() {
    int count = 0;
    cudaError_t const code = cudaGetDeviceCount(&count);  // leaves the count untouched on failure
    if (code != cudaSuccess) {
        cudaGetLastError();
        return {.devices = {}, .reason = std::string(cudaGetErrorName(code)) + ": " + cudaGetErrorString(code)};
    }
    DeviceList list;
    std::string too_old;
    for (int i = 0; i < count; ++i) {
        DeviceInfo device = device_info(i);
        if (device.compute_major >= oldest_compute_major) {
            list.devices.push_back(std::move(device));
        } else {
            too_old += " GPU " + std::to_string(i) + " (" + device.name + ") has compute capability " + capability(device) + ".";
        }
    }
    if (list.devices.empty()) {
        list.reason = too_old.empty() ? "the CUDA driver reports no GPU"
                                      : "compute capability " + std::to_string(oldest_compute_major) + ".0 is needed." + too_old;
    }
    return list;
}

}  // namespace

CurrentDevice::CurrentDevice(int device) : former_(device), device_(device) {
    if (cudaGetDevice(&former_) != cudaSuccess) {
        cudaGetLastError();
        former_ = device;
    }
    if (former_ != device) CA3_CHECK_RUNTIME(cudaSetDevice(device));
}

CurrentDevice::~CurrentDevice() {
    if (former_ != device_) cudaSetDevice(former_);
}

DeviceList devices() noexcept {
    try {
        return list_devices();
    } catch (std::exception const& e) {
        return {.devices = {}, .reason = e.what()};
    }
}

void open(CudaOptions const& options, detail::ContextState& state) {
    DeviceList const list = devices();
    if (list.devices.empty()) throw DeviceUnavailable("Context::cuda: no usable GPU: " + list.reason);
    DeviceInfo const* wanted = nullptr;
    std::string usable;
    for (DeviceInfo const& device : list.devices) {
        if (device.index == options.device) wanted = &device;
        usable += " " + std::to_string(device.index);
    }
    if (wanted == nullptr) {
        throw DeviceUnavailable("Context::cuda: device " + std::to_string(options.device) + " is not a usable GPU; usable:" + usable);
    }
    CurrentDevice const current(wanted->index);
    if (options.stream) {
        state.stream = *options.stream;
        state.owns_stream = false;
    } else {
        cudaError_t const code = cudaStreamCreateWithFlags(&state.stream, cudaStreamNonBlocking);
        if (code != cudaSuccess) {
            state.stream = nullptr;
            cudaGetLastError();
            throw DeviceUnavailable("Context::cuda: device " + std::to_string(wanted->index) + ": " + cudaGetErrorString(code));
        }
        state.owns_stream = true;
    }
    state.device = *wanted;
}

void close(detail::ContextState& state) noexcept {
    if (!state.owns_stream) return;
    try {
        CurrentDevice const current(state.device.index);
        cudaStreamSynchronize(state.stream);
        cudaStreamDestroy(state.stream);
        cudaGetLastError();
    } catch (Error const&) {
        // The device is gone, and its streams with it.
    }
    state.stream = nullptr;
    state.owns_stream = false;
}

void* allocate(detail::ContextState const& state, std::size_t bytes) {
    if (bytes == 0) return nullptr;
    CurrentDevice const current(state.device.index);
    void* pointer = nullptr;
    bool const pooled = attribute(cudaDevAttrMemoryPoolsSupported, state.device.index) != 0;
    cudaError_t const code = pooled ? cudaMallocAsync(&pointer, bytes, state.stream) : cudaMalloc(&pointer, bytes);
    if (code == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        std::size_t free_bytes = 0;
        std::size_t total_bytes = 0;
        if (cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) cudaGetLastError();
        throw OutOfMemory("GPU " + std::to_string(state.device.index), bytes, free_bytes);
    }
    CA3_CHECK_RUNTIME(code);
    return pointer;
}

std::uint64_t free_bytes(detail::ContextState const& state) {
    CurrentDevice const current(state.device.index);
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    CA3_CHECK_RUNTIME(cudaMemGetInfo(&free_bytes, &total_bytes));
    return free_bytes;
}

void release(detail::ContextState const& state, void* pointer) noexcept {
    if (pointer == nullptr) return;
    try {
        CurrentDevice const current(state.device.index);
        bool const pooled = attribute(cudaDevAttrMemoryPoolsSupported, state.device.index) != 0;
        CA3_CHECK_RUNTIME(pooled ? cudaFreeAsync(pointer, state.stream) : cudaFree(pointer));
    } catch (Error const&) {
        // An error of earlier asynchronous work surfaces here too; the next call that may throw reports it.
    }
}

void copy_to_device(detail::ContextState const& state, void* to, void const* from, std::size_t bytes) {
    if (bytes == 0) return;
    CurrentDevice const current(state.device.index);
    CA3_CHECK_RUNTIME(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, state.stream));
    // Pageable memory is staged before the call returns, but pinned memory is read later.
    CA3_CHECK_RUNTIME(cudaStreamSynchronize(state.stream));
}

void copy_to_host(detail::ContextState const& state, void* to, void const* from, std::size_t bytes) {
    CurrentDevice const current(state.device.index);
    if (bytes != 0) CA3_CHECK_RUNTIME(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, state.stream));
    CA3_CHECK_RUNTIME(cudaStreamSynchronize(state.stream));
}

void synchronize(detail::ContextState const& state) {
    CurrentDevice const current(state.device.index);
    CA3_CHECK_RUNTIME(cudaStreamSynchronize(state.stream));
}

void fill(detail::ContextState const& state, void* to, unsigned char value, std::size_t bytes) {
    if (bytes == 0) return;
    CurrentDevice const current(state.device.index);
    CA3_CHECK_RUNTIME(cudaMemsetAsync(to, value, bytes, state.stream));
}

}  // namespace ca3::cuda
