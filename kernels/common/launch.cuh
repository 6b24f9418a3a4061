#pragma once

#include "core/cuda.hpp"
#include "kernels/common/check.cuh"

#include <cstddef>
#include <map>
#include <mutex>
#include <source_location>
#include <string>
#include <utility>

/// How every kernel of this library is launched, and how it reaches its dynamic shared memory. Compiled by nvcc a kernel runs on the
/// GPU; compiled by g++ with CA3_SIMT=1 the same source runs on the host executor of tests/support/simt.
namespace ca3 {

struct LaunchConfig {
    dim3 grid{1, 1, 1};
    dim3 block{1, 1, 1};
    std::size_t shared_bytes = 0;  ///< of dynamic shared memory; more than 48 KiB is allowed first
    CUstream_st* stream = nullptr;
    int cluster = 1;                                               ///< blocks per cluster along x; sm_90 and later
    bool cooperative = false;                                      ///< all blocks resident at once, as a grid-wide barrier needs
    bool overlap = false;                                          ///< may start before the launch ahead of it is done; sm_90 and later
    std::source_location where = std::source_location::current();  ///< named in errors
};

#ifndef CA3_SIMT

/// The compute capability, times 10, that the code of a kernel for the current device was made for.
inline int compiled_for(void const* kernel, std::source_location where = std::source_location::current()) {
    cudaFuncAttributes attributes{};
    check(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes", where);
    return attributes.ptxVersion;
}

#endif

/// Lets blocks of a kernel have so much dynamic shared memory on the current device. What was allowed stays: the attribute is the
/// process's, and another thread may be about to launch the same kernel with more.
inline void allow_shared_memory(void const* kernel, std::size_t bytes, std::source_location where = std::source_location::current()) {
    if (bytes <= 48 * 1024) return;  // needs no leave
    static std::mutex mutex;
    static std::map<std::pair<void const*, int>, std::size_t> allowed;
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice", where);
    std::lock_guard const lock(mutex);
    std::size_t& most = allowed[{kernel, device}];
    if (bytes <= most) return;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
          "cudaFuncSetAttribute(MaxDynamicSharedMemorySize)", where);
    most = bytes;
}

/// Runs `kernel(args...)` on config.stream, whose device must be current. Asynchronous on a GPU; on the host executor done when it returns.
/// With config.overlap all threads of the kernel call ptx::grid_dependency_wait before they touch memory that a launch before wrote.
/// A grid with no blocks is a valid empty launch. Arguments are converted to the kernel's parameter types.
/// @throws DeviceError when the launch is refused (errors of the running kernel surface at the next synchronisation)
template <class... P, class... A>
void launch(void (*kernel)(P...), LaunchConfig const& config, A&&... args) {
    static_assert(sizeof...(P) == sizeof...(A), "launch: the number of arguments differs from the kernel's parameters");
    if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0) return;
#ifdef CA3_SIMT
    simt::Launch const launch{.grid = config.grid,
                              .block = config.block,
                              .shared_bytes = config.shared_bytes,
                              .stream = config.stream,
                              .cluster = config.cluster,
                              .cooperative = config.cooperative,
                              .overlap = config.overlap,
                              .where = config.where};
    [&](P... values) { simt::submit(launch, [=] { kernel(values...); }); }(std::forward<A>(args)...);
#else
    void const* const function = reinterpret_cast<void const*>(kernel);
    allow_shared_memory(function, config.shared_bytes, config.where);
    cudaLaunchAttribute attributes[3];
    unsigned count = 0;
    if (config.cluster > 1) {
        if (config.cluster > 8) {
            check(cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1),
                  "cudaFuncSetAttribute(NonPortableClusterSizeAllowed)", config.where);
        }
        attributes[count].id = cudaLaunchAttributeClusterDimension;
        attributes[count].val.clusterDim.x = static_cast<unsigned>(config.cluster);
        attributes[count].val.clusterDim.y = 1;
        attributes[count].val.clusterDim.z = 1;
        ++count;
    }
    if (config.cooperative) {
        attributes[count].id = cudaLaunchAttributeCooperative;
        attributes[count].val.cooperative = 1;
        ++count;
    }
    if (config.overlap) {
        if (compiled_for(function, config.where) >= 90) {  // else the kernel does not wait
            attributes[count].id = cudaLaunchAttributeProgrammaticStreamSerialization;
            attributes[count].val.programmaticStreamSerializationAllowed = 1;
            ++count;
        }
    }
    cudaLaunchConfig_t launch{};
    launch.gridDim = config.grid;
    launch.blockDim = config.block;
    launch.dynamicSmemBytes = config.shared_bytes;
    launch.stream = config.stream;
    launch.attrs = attributes;
    launch.numAttrs = count;
    [&](P... values) {
        void* pointers[] = {static_cast<void*>(&values)..., nullptr};
        check(cudaLaunchKernelExC(&launch, function, pointers), "kernel launch", config.where);
    }(std::forward<A>(args)...);
#endif
}

/// The same on the context's device and stream, whichever device is current.
template <class... P, class... A>
void launch(Context const& context, void (*kernel)(P...), LaunchConfig config, A&&... args) {
    cuda::CurrentDevice const current(context.device());
    config.stream = context.stream();
    launch(kernel, config, std::forward<A>(args)...);
}

/// The block's dynamic shared memory, LaunchConfig::shared_bytes long and aligned to 128 bytes. Holds nothing defined at the start.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef CA3_SIMT
    return static_cast<T*>(simt::dynamic_shared());
#else
    extern __shared__ __align__(128) unsigned char ca3_dynamic_shared[];
    return reinterpret_cast<T*>(ca3_dynamic_shared);
#endif
}

}  // namespace ca3
