#include "tests/support/simt/runtime.hpp"

#include "tests/support/simt/executor.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>

struct CUstream_st {
    int device;
};

namespace ca3::simt {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t zone_bytes = 0;  // the tool's own red zones surround the block
#else
constexpr std::size_t zone_bytes = 256;
#endif
constexpr unsigned char zone = 0xA5;
constexpr std::size_t alignment = 256;  // as cudaMalloc promises

struct MemoryBlock {
    std::size_t bytes;  ///< asked for, zones not counted
    int device;
};

/// All devices: their memory, by address, and their streams.
struct Devices {
    std::mutex mutex;
    std::map<unsigned char*, MemoryBlock> blocks;
    std::set<cudaStream_t> streams;

    [[nodiscard]] std::uint64_t bytes_on(int device) const {
        std::uint64_t sum = 0;
        for (auto const& [pointer, held] : blocks) sum += held.device == device ? held.bytes : 0;
        return sum;
    }

    ~Devices() {
        for (auto const& [pointer, held] : blocks) std::free(pointer - zone_bytes);
        for (cudaStream_t stream : streams) std::unique_ptr<CUstream_st> const ended(stream);
    }
};

Devices& all() {
    static Devices instance;
    return instance;
}

thread_local cudaError_t last_error = cudaSuccess;
thread_local int current_device = 0;

bool is_device(int index) {
    return index >= 0 && index < options().devices;
}

cudaError_t result(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

bool intact(unsigned char const* begin) {
    return std::all_of(begin, begin + zone_bytes, [](unsigned char byte) { return byte == zone; });
}

std::string damage(unsigned char const* pointer, std::size_t bytes) {
    std::string const block = "device memory of " + std::to_string(bytes) + " bytes";
    if (!intact(pointer - zone_bytes)) return "a write before the begin of " + block;
    if (!intact(pointer + bytes)) return "a write past the end of " + block;
    return {};
}

struct SharedLimits {
    int block;
    int multiprocessor;
};

SharedLimits shared_limits() {
    if (int const bytes = options().shared_bytes; bytes > 0) return {bytes, bytes + 1024};
    switch (options().compute_capability) {
        case 75:
            return {64 * 1024, 64 * 1024};
        case 80:
            return {163 * 1024, 164 * 1024};
        case 90:
            return {227 * 1024, 228 * 1024};
        default:
            return {99 * 1024, 100 * 1024};
    }
}

}  // namespace

Allocations allocations() {
    std::lock_guard const lock(all().mutex);
    std::uint64_t bytes = 0;
    for (auto const& [pointer, held] : all().blocks) bytes += held.bytes;
    return {static_cast<std::int64_t>(all().blocks.size()), bytes};
}

std::string damaged_guard() {
    std::lock_guard const lock(all().mutex);
    for (auto const& [pointer, held] : all().blocks) {
        if (std::string found = damage(pointer, held.bytes); !found.empty()) return found;
    }
    return {};
}

bool is_stream(cudaStream_t stream) {
    if (is_recording()) return false;
    std::lock_guard const lock(all().mutex);
    return stream == nullptr || (all().streams.contains(stream) && stream->device == current_device);
}

cudaError_t blocks_per_multiprocessor(int* blocks, int threads, std::size_t shared_bytes) {
    if (threads < 1 || threads > 1024) return result(cudaErrorInvalidValue);
    int const by_threads = std::min(32, 2048 / ((threads + 31) / 32 * 32));
    auto const by_memory = static_cast<std::size_t>(shared_limits().multiprocessor) / (shared_bytes + 1024);
    *blocks = std::min(by_threads, static_cast<int>(by_memory));
    return cudaSuccess;
}

}  // namespace ca3::simt

using namespace ca3::simt;

cudaError_t cudaGetLastError() {
    cudaError_t const error = last_error;
    last_error = cudaSuccess;
    return error;
}

cudaError_t cudaPeekAtLastError() {
    return last_error;
}

char const* cudaGetErrorName(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "cudaSuccess";
        case cudaErrorInvalidValue:
            return "cudaErrorInvalidValue";
        case cudaErrorMemoryAllocation:
            return "cudaErrorMemoryAllocation";
        case cudaErrorInvalidConfiguration:
            return "cudaErrorInvalidConfiguration";
        case cudaErrorInvalidDevice:
            return "cudaErrorInvalidDevice";
        case cudaErrorInvalidResourceHandle:
            return "cudaErrorInvalidResourceHandle";
        case cudaErrorLaunchFailure:
            return "cudaErrorLaunchFailure";
        case cudaErrorNotSupported:
            return "cudaErrorNotSupported";
    }
    return "cudaErrorUnknown";
}

char const* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorInvalidValue:
            return "invalid argument";
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorInvalidConfiguration:
            return "invalid configuration argument";
        case cudaErrorInvalidDevice:
            return "invalid device ordinal";
        case cudaErrorInvalidResourceHandle:
            return "invalid resource handle";
        case cudaErrorLaunchFailure:
            return "unspecified launch failure";
        case cudaErrorNotSupported:
            return "operation not supported";
    }
    return "unknown error";
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = options().devices;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int index) {
    if (!is_device(index)) return result(cudaErrorInvalidDevice);
    *properties = {.name = "host executor",
                   .totalGlobalMem = options().memory_bytes,
                   .major = options().compute_capability / 10,
                   .minor = options().compute_capability % 10,
                   .multiProcessorCount = options().multiprocessors,
                   .l2CacheSize = 1 << 20};
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int* index) {
    *index = current_device;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int index) {
    if (!is_device(index)) return result(cudaErrorInvalidDevice);
    current_device = index;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int index) {
    if (!is_device(index)) return result(cudaErrorInvalidDevice);
    switch (attribute) {
        case cudaDevAttrMaxSharedMemoryPerBlock:
            *value = 48 * 1024;
            return cudaSuccess;
        case cudaDevAttrMultiProcessorCount:
            *value = options().multiprocessors;
            return cudaSuccess;
        case cudaDevAttrComputeCapabilityMajor:
            *value = options().compute_capability / 10;
            return cudaSuccess;
        case cudaDevAttrComputeCapabilityMinor:
            *value = options().compute_capability % 10;
            return cudaSuccess;
        case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
            *value = shared_limits().multiprocessor;
            return cudaSuccess;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin:
            *value = shared_limits().block;
            return cudaSuccess;
        case cudaDevAttrCooperativeLaunch:
            *value = options().multiprocessors == 1;
            return cudaSuccess;
        case cudaDevAttrMemoryPoolsSupported:
            *value = 1;
            return cudaSuccess;
    }
    return result(cudaErrorInvalidValue);
}

cudaError_t cudaFuncSetAttribute(void const*, cudaFuncAttribute, int) {
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
    std::lock_guard const lock(all().mutex);
    std::uint64_t const used = all().bytes_on(current_device);
    *total_bytes = options().memory_bytes;
    *free_bytes = used < *total_bytes ? *total_bytes - used : 0;
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    auto made = std::make_unique<CUstream_st>(current_device);
    std::lock_guard const lock(all().mutex);
    all().streams.insert(made.get());
    *stream = made.release();
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    std::lock_guard const lock(all().mutex);
    if (all().streams.erase(stream) == 0) return result(cudaErrorInvalidResourceHandle);
    std::unique_ptr<CUstream_st> const ended(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return is_stream(stream) ? cudaSuccess : result(cudaErrorInvalidResourceHandle);
}
cudaError_t cudaDeviceSynchronize() {
    return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
    std::lock_guard const lock(all().mutex);
    std::uint64_t const total = options().memory_bytes;
    *pointer = nullptr;
    if (bytes == 0) return cudaSuccess;
    if (bytes > total || all().bytes_on(current_device) > total - bytes) return result(cudaErrorMemoryAllocation);
    void* memory = nullptr;
    if (posix_memalign(&memory, alignment, bytes + 2 * zone_bytes) != 0) return result(cudaErrorMemoryAllocation);
    auto* const begin = static_cast<unsigned char*>(memory);
    std::memset(begin, zone, zone_bytes);
    std::memset(begin + zone_bytes, poison, bytes);
    std::memset(begin + zone_bytes + bytes, zone, zone_bytes);
    all().blocks.emplace(begin + zone_bytes, MemoryBlock{bytes, current_device});
    *pointer = begin + zone_bytes;
    return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
    *pointer = nullptr;
    return is_stream(stream) ? cudaMalloc(pointer, bytes) : result(cudaErrorInvalidResourceHandle);
}

cudaError_t cudaFree(void* pointer) {
    if (pointer == nullptr) return cudaSuccess;
    std::lock_guard const lock(all().mutex);
    auto const found = all().blocks.find(static_cast<unsigned char*>(pointer));
    if (found == all().blocks.end()) return result(cudaErrorInvalidValue);
    bool const clean = damage(found->first, found->second.bytes).empty();
    std::free(found->first - zone_bytes);
    all().blocks.erase(found);
    return clean ? cudaSuccess : result(cudaErrorLaunchFailure);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
    return is_stream(stream) ? cudaFree(pointer) : result(cudaErrorInvalidResourceHandle);
}

cudaError_t cudaMemcpy(void* to, void const* from, std::size_t bytes, cudaMemcpyKind) {
    if (bytes != 0) std::memcpy(to, from, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    return is_stream(stream) ? cudaMemcpy(to, from, bytes, kind) : result(cudaErrorInvalidResourceHandle);
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, void const* from, std::size_t from_pitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
    if (height != 0 && (width > to_pitch || width > from_pitch)) return result(cudaErrorInvalidValue);
    for (std::size_t row = 0; row < height; ++row) {
        cudaError_t const error = cudaMemcpyAsync(static_cast<unsigned char*>(to) + row * to_pitch,
                                                  static_cast<unsigned char const*>(from) + row * from_pitch, width, kind, stream);
        if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
    if (bytes != 0) std::memset(to, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
    return is_stream(stream) ? cudaMemset(to, value, bytes) : result(cudaErrorInvalidResourceHandle);
}

cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width, std::size_t height, cudaStream_t stream) {
    if (height != 0 && width > pitch) return result(cudaErrorInvalidValue);
    for (std::size_t row = 0; row < height; ++row) {
        cudaError_t const error = cudaMemsetAsync(static_cast<unsigned char*>(to) + row * pitch, value, width, stream);
        if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
}
