#pragma once

#include <cuda_runtime.h>

/// A barrier of all blocks of a cooperative launch: one counter in global memory that only rises.
namespace ca3::lif::cuda {

/// A load that no cache of this multiprocessor answers.
__device__ __forceinline__ unsigned load_fresh(unsigned const* address) {
    unsigned value;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(__cvta_generic_to_global(address)) : "memory");
    return value;
}

/// Waits until every block has come here for the `round`-th time (from 1). What a block wrote before is seen by all after.
__device__ __forceinline__ void wait_for_all_blocks(unsigned* arrivals, unsigned round) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        asm volatile("red.release.gpu.global.add.u32 [%0], 1;" : : "l"(__cvta_generic_to_global(arrivals)) : "memory");
        while (load_fresh(arrivals) < round * gridDim.x) {
        }
        __threadfence();
    }
    __syncthreads();
}

}  // namespace ca3::lif::cuda
