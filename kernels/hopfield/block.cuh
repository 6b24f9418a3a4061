#pragma once

#include "kernels/common/launch.cuh"

#include <cstdint>

/// Reductions over a block whose threads are a multiple of 32. Every thread gets the result; all threads must call.
/// `scratch` is shared memory for 32 values that nothing else uses.
namespace ca3::hopfield::cuda {

template <class T, class Combine>
__device__ T block_reduce(T value, T* scratch, Combine combine) {
    for (int distance = 16; distance > 0; distance /= 2) value = combine(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
    int const warps = static_cast<int>(blockDim.x / 32);
    __syncthreads();  // the values of the call before may still be read
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
    __syncthreads();
    value = scratch[0];
    for (int warp = 1; warp < warps; ++warp) value = combine(value, scratch[warp]);
    return value;
}

__device__ inline std::int64_t block_sum(std::int64_t value, std::int64_t* scratch) {
    return block_reduce(value, scratch, [](std::int64_t a, std::int64_t b) { return a + b; });
}

__device__ inline std::int64_t block_min(std::int64_t value, std::int64_t* scratch) {
    return block_reduce(value, scratch, [](std::int64_t a, std::int64_t b) { return a < b ? a : b; });
}

__device__ inline std::int64_t block_max(std::int64_t value, std::int64_t* scratch) {
    return block_reduce(value, scratch, [](std::int64_t a, std::int64_t b) { return a > b ? a : b; });
}

}  // namespace ca3::hopfield::cuda
