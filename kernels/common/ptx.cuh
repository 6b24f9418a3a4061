#pragma once

#ifdef CA3_SIMT
#include "tests/support/simt/ptx.hpp"  // the same functions, by definition over the lanes of a warp
#else

#include <cuda_runtime.h>

/// The only inline PTX of the portable kernels. Fragment layouts are those of the PTX ISA, "Matrix Fragments for mma"; with
/// g = lane / 4 and t = lane % 4 a lane holds (bytes and bits in rising order of k, the lowest in the lowest bits):
///
///   m16n8k32, 8 bit    a[0] = A(g, 4t .. 4t+3)      a[1] = A(g+8, 4t ..)     a[2] = A(g, 16+4t ..)     a[3] = A(g+8, 16+4t ..)
///                      b[0] = B(4t .. 4t+3, g)      b[1] = B(16+4t .., g)
///   m16n8k256, 1 bit   a[0] = A(g, 32t .. 32t+31)   a[1] = A(g+8, 32t ..)    a[2] = A(g, 128+32t ..)   a[3] = A(g+8, 128+32t ..)
///                      b[0] = B(32t .. 32t+31, g)   b[1] = B(128+32t .., g)
///   m16n8k8, tf32      a[0] = A(g, t)               a[1] = A(g+8, t)         a[2] = A(g, t+4)          a[3] = A(g+8, t+4)
///                      b[0] = B(t, g)               b[1] = B(t+4, g)
///   m16n8k16, bf16     a[0] = A(g, 2t .. 2t+1)      a[1] = A(g+8, 2t ..)     a[2] = A(g, 8+2t ..)      a[3] = A(g+8, 8+2t ..)
///                      b[0] = B(2t .. 2t+1, g)      b[1] = B(8+2t .., g)
///   all                d[0] = D(g, 2t)              d[1] = D(g, 2t+1)        d[2] = D(g+8, 2t)         d[3] = D(g+8, 2t+1)
///
/// A is M x K by rows and B is K x N by columns, so both are read along k. All 32 lanes must call together. Integers in D wrap
/// modulo 2^32; sums of floats are f32, in an order that is the hardware's own.
/// Tensor cores for these types and asynchronous copies begin with sm_80; below that the functions trap.
namespace ca3::ptx {

// ---- warp matrix products: d += A B ----------------------------------------------------------------------------------

__device__ __forceinline__ void mma_m16n8k32_s8(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

/// A unsigned, B signed.
__device__ __forceinline__ void mma_m16n8k32_u8s8(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

/// A signed, B unsigned.
__device__ __forceinline__ void mma_m16n8k32_s8u8(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

/// d += popcount(A and B) along k. Native from sm_80 through sm_90, emulated by later GPUs.
__device__ __forceinline__ void mma_m16n8k256_b1_and(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

__device__ __forceinline__ void mma_m16n8k8_tf32(float (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

// ---- the types of the tensor cores -------------------------------------------------------------------------------------

/// x as the bits of a float with 10 bits of fraction, rounded to nearest, ties away from zero.
__device__ __forceinline__ unsigned tf32_of(float x) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    unsigned y;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
    return y;
#else
    __trap();
    return 0;
#endif
}

/// Two bf16, rounded to nearest, ties to even: `low` in the lower half.
__device__ __forceinline__ unsigned bf16x2_of(float low, float high) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    unsigned y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
#else
    __trap();
    return 0;
#endif
}

// ---- four 8-bit products of one thread: c + sum of a_i b_i, modulo 2^32 ------------------------------------------------

__device__ __forceinline__ int dp4a_s8(unsigned a, unsigned b, int c) {
    int d;
    asm("dp4a.s32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}

/// a unsigned, b signed.
__device__ __forceinline__ int dp4a_u8s8(unsigned a, unsigned b, int c) {
    int d;
    asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}

// ---- shared memory -----------------------------------------------------------------------------------------------------

/// The address of `pointer`, which must point into shared memory, in the shared window.
__device__ __forceinline__ unsigned shared_address(void const* pointer) {
    return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

/// Loads four matrices of 8 rows of 16 bytes. Lane 8m + r gives the address of row r of matrix m (16-byte aligned, in shared memory);
/// lane l receives in r[m] the bytes 4 (l % 4) ... + 3 of row l / 4 of matrix m. All 32 lanes must call together.
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], void const* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/// The same with each matrix transposed, as 8 x 8 halves: lane l receives in r[m] the halves l / 4 of rows 2 (l % 4) and 2 (l % 4) + 1.
__device__ __forceinline__ void ldmatrix_x4_transposed(unsigned (&r)[4], void const* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

/// Starts a copy of 16 bytes from global to shared memory, both 16-byte aligned; of the source only the first `bytes` (0 to 16) are
/// read, the rest of the destination becomes zero. The destination is undefined until cp_async_wait (and, for other threads, a barrier).
__device__ __forceinline__ void cp_async_16(void* shared, void const* global, int bytes = 16) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(shared)), "l"(__cvta_generic_to_global(global)), "r"(bytes)
                 : "memory");
#else
    __trap();
#endif
}

/// Closes the group of the copies that this thread has started since the last commit.
__device__ __forceinline__ void cp_async_commit() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" : : : "memory");
#else
    __trap();
#endif
}

/// Waits until at most `Pending` of this thread's youngest groups are unfinished.
template <int Pending>
__device__ __forceinline__ void cp_async_wait() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" : : "n"(Pending) : "memory");
#else
    __trap();
#endif
}

// ---- launches that overlap (LaunchConfig::overlap); before sm_90 nothing -----------------------------------------------

/// Waits until the launches before this one are done and what they wrote is seen.
__device__ __forceinline__ void grid_dependency_wait() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" : : : "memory");
#endif
}

/// Lets the next launch start as soon as all blocks have called this or ended. What it may do before its own wait is its own affair.
__device__ __forceinline__ void grid_dependents_launch() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" : : : "memory");
#endif
}

// ---- clusters of blocks, sm_90 and later; a block that was launched without one is a cluster of its own -----------------

/// The block's number among those of its cluster.
__device__ __forceinline__ unsigned cluster_rank() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
    unsigned rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
#else
    __trap();
    return 0;
#endif
}

/// All threads of the cluster that have not ended arrive, then wait for each other. What a thread wrote to shared or global memory before
/// it arrived is seen by all after they have waited. Before the first such barrier and after the end of a block its memory is not mapped.
__device__ __forceinline__ void cluster_arrive() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.release;" : : : "memory");
#else
    __trap();
#endif
}
__device__ __forceinline__ void cluster_wait() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.wait.acquire;" : : : "memory");
#else
    __trap();
#endif
}

/// Where what lies at `shared`, in dynamic shared memory, lies in the block with this rank.
template <class T>
__device__ __forceinline__ T* cluster_map(T* shared, unsigned rank) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
    unsigned long long there;
    asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(shared), "r"(rank));
    return reinterpret_cast<T*>(there);
#else
    __trap();
    return shared;
#endif
}

// ---- the lane ----------------------------------------------------------------------------------------------------------

__device__ __forceinline__ unsigned lane_id() {
    unsigned lane;
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    return lane;
}

/// The lanes below the calling one.
__device__ __forceinline__ unsigned lane_mask_below() {
    unsigned mask;
    asm("mov.u32 %0, %%lanemask_lt;" : "=r"(mask));
    return mask;
}

}  // namespace ca3::ptx
#endif
