#pragma once

#include "tests/support/simt/executor.hpp"

/// CUDA's language extensions as g++ can read them. `extern __shared__` does not exist here: kernels call ca3::dynamic_shared.
/// (No __noinline__: libstdc++ spells an attribute that way.)
#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __align__(n) __attribute__((aligned(n)))

// A variable of static storage suffices, since blocks run one after another. The tag becomes part of the symbol's name, by which the
// executor finds and poisons the variable; g++ 12 ignores section attributes in templates. `used`: it is written from outside.
#define __shared__ static __attribute__((abi_tag("ca3_simt_shared"), used))

#define threadIdx (::ca3::simt::current->index)
#define blockIdx (::ca3::simt::block.index)
#define blockDim (::ca3::simt::block.size)
#define gridDim (::ca3::simt::block.grid)

inline constexpr int warpSize = 32;

inline void __syncthreads() {
    ca3::simt::barrier(ca3::simt::Barrier::sync, false);
}
inline int __syncthreads_count(int predicate) {
    return static_cast<int>(ca3::simt::barrier(ca3::simt::Barrier::count, predicate != 0));
}
inline int __syncthreads_or(int predicate) {
    return ca3::simt::barrier(ca3::simt::Barrier::any, predicate != 0) != 0;
}
inline int __syncthreads_and(int predicate) {
    return ca3::simt::barrier(ca3::simt::Barrier::all, predicate == 0) == 0;
}

inline void __nanosleep(unsigned) {
    ca3::simt::sleep();
}
[[noreturn]] inline void __trap() {
    ca3::simt::fault("__trap()");
}
