#pragma once

#include "kernels/common/check.cuh"

namespace ca3 {

/// What a launcher needs to know to size its grid and its shared memory.
struct DeviceLimits {
    int compute_major = 0;
    int compute_minor = 0;
    int multiprocessors = 0;
    int shared_bytes_per_block = 0;           ///< the most that a block may ask for (opt-in), static and dynamic together
    int shared_bytes_per_multiprocessor = 0;  ///< each resident block takes 1 KiB more than it asks for
};

/// Limits of one device. Cheap: attribute reads only, no synchronisation. @throws DeviceError
inline DeviceLimits device_limits(int device) {
    auto const read = [device](cudaDeviceAttr attribute) {
        int value = 0;
        check(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
        return value;
    };
    return {.compute_major = read(cudaDevAttrComputeCapabilityMajor),
            .compute_minor = read(cudaDevAttrComputeCapabilityMinor),
            .multiprocessors = read(cudaDevAttrMultiProcessorCount),
            .shared_bytes_per_block = read(cudaDevAttrMaxSharedMemoryPerBlockOptin),
            .shared_bytes_per_multiprocessor = read(cudaDevAttrMaxSharedMemoryPerMultiprocessor)};
}

}  // namespace ca3
