#pragma once

#include "core/cuda.hpp"
#include "kernels/common/check.cuh"
#include "kernels/common/ptx.cuh"

#include <cstdint>

/// Warpgroup matrix products of sm_90a, d (64 x N) += A B^T, both along k, B in shared memory and A there too or in registers; on the host
/// executor by definition, from the warp products. Fragments of A and D are those of kernels/common/ptx.cuh, warp w of the group holding
/// the rows 16w ... 16w + 15 of both; d[4j + e] is element e of the tile of columns 8j ... 8j + 7, so that N is twice the size of d.
///
/// Operands in shared memory have rows of 32 bytes (32 elements of 8 bits, 256 of one), cut into blocks of 8 rows of 16 bytes, the rows one
/// after another: block (i, h) holds the bytes 16h ... 16h + 15 of the rows 8i ... 8i + 7 and begins at `start` + 128 i + half_stride * h.
#if defined(CA3_SIMT) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define CA3_HAS_WGMMA 1
#endif

namespace ca3::ptx {

#ifdef CA3_SIMT

struct SharedOperand {
    unsigned char const* start;
    int half_stride;

    [[nodiscard]] SharedOperand advanced(int bytes) const { return {start + bytes, half_stride}; }
};
inline SharedOperand shared_operand(void const* start, int half_stride) {
    return {static_cast<unsigned char const*>(start), half_stride};
}

template <int size, class Multiply>
void by_warp(int (&d)[size], unsigned const (&a)[4], SharedOperand b, Multiply multiply) {
    unsigned char const* const mine = b.start + lane_id() / 4 * 16 + lane_id() % 4 * 4;
    for (int j = 0; j < size / 4; ++j) {
        unsigned const both[2] = {*reinterpret_cast<unsigned const*>(mine + j * 128),
                                  *reinterpret_cast<unsigned const*>(mine + j * 128 + b.half_stride)};
        int tile[4] = {d[4 * j], d[4 * j + 1], d[4 * j + 2], d[4 * j + 3]};
        multiply(tile, a, both);
        for (int e = 0; e < 4; ++e) d[4 * j + e] = tile[e];
    }
}
template <int size, class Multiply>
void by_warp(int (&d)[size], SharedOperand a, SharedOperand b, Multiply multiply) {
    unsigned char const* const mine = a.start + threadIdx.x / 32 % 4 * 256 + lane_id() / 4 * 16 + lane_id() % 4 * 4;
    unsigned fragment[4];
    for (int n = 0; n < 4; ++n) fragment[n] = *reinterpret_cast<unsigned const*>(mine + n % 2 * 128 + n / 2 * a.half_stride);
    by_warp(d, fragment, b, multiply);
}
template <int size, class A>
void wgmma_s8(int (&d)[size], A const& a, SharedOperand b) {
    by_warp(d, a, b, [](auto& tile, auto& x, auto& y) { mma_m16n8k32_s8(tile, x, y); });
}
template <int size, class A>
void wgmma_s8u8(int (&d)[size], A const& a, SharedOperand b) {
    by_warp(d, a, b, [](auto& tile, auto& x, auto& y) { mma_m16n8k32_s8u8(tile, x, y); });
}
template <int size, class A>
void wgmma_b1_and(int (&d)[size], A const& a, SharedOperand b) {
    by_warp(d, a, b, [](auto& tile, auto& x, auto& y) { mma_m16n8k256_b1_and(tile, x, y); });
}
inline void wgmma_fence() {}
inline void wgmma_commit() {}
template <int Pending>
void wgmma_wait() {}
template <int Pending, int size>
void wgmma_wait(int (&)[size]) {}
inline void fence_proxy_async() {}
template <class Kernel>
bool has_wgmma(Context const&, Kernel) {
    return true;
}

#else

/// The matrix descriptor without a swizzle: start address, stride of the two halves of k, stride of groups of 8 rows, all in units of 16
/// bytes.
struct SharedOperand {
    std::uint64_t descriptor;

    [[nodiscard]] __device__ __forceinline__ SharedOperand advanced(int bytes) const {
        return {descriptor + static_cast<std::uint64_t>(bytes >> 4)};
    }
};
__device__ __forceinline__ SharedOperand shared_operand(void const* start, int half_stride) {
    std::uint64_t const address = static_cast<std::uint64_t>(__cvta_generic_to_shared(start));
    return {(address & 0x3FFFF) >> 4 | static_cast<std::uint64_t>(half_stride >> 4) << 16 | std::uint64_t{128 >> 4} << 32};
}

// N = 128 with A in registers, N = 256 with A in shared memory.
#ifdef CA3_HAS_WGMMA
#define CA3_WGMMA_64(shape_and_types)                                                                                                      \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\nwgmma.mma_async.sync.aligned." shape_and_types                                   \
                 " "                                                                                                                       \
                 "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                                                 \
                 " %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                                       \
                 " %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                                       \
                 " %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "                                      \
                 "{%64, %65, %66, %67}, %68, p;\n}"                                                                                        \
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]), "+r"(d[4]), "+r"(d[5]), "+r"(d[6]), "+r"(d[7]), "+r"(d[8]), "+r"(d[9]), \
                   "+r"(d[10]), "+r"(d[11]), "+r"(d[12]), "+r"(d[13]), "+r"(d[14]), "+r"(d[15]), "+r"(d[16]), "+r"(d[17]), "+r"(d[18]),    \
                   "+r"(d[19]), "+r"(d[20]), "+r"(d[21]), "+r"(d[22]), "+r"(d[23]), "+r"(d[24]), "+r"(d[25]), "+r"(d[26]), "+r"(d[27]),    \
                   "+r"(d[28]), "+r"(d[29]), "+r"(d[30]), "+r"(d[31]), "+r"(d[32]), "+r"(d[33]), "+r"(d[34]), "+r"(d[35]), "+r"(d[36]),    \
                   "+r"(d[37]), "+r"(d[38]), "+r"(d[39]), "+r"(d[40]), "+r"(d[41]), "+r"(d[42]), "+r"(d[43]), "+r"(d[44]), "+r"(d[45]),    \
                   "+r"(d[46]), "+r"(d[47]), "+r"(d[48]), "+r"(d[49]), "+r"(d[50]), "+r"(d[51]), "+r"(d[52]), "+r"(d[53]), "+r"(d[54]),    \
                   "+r"(d[55]), "+r"(d[56]), "+r"(d[57]), "+r"(d[58]), "+r"(d[59]), "+r"(d[60]), "+r"(d[61]), "+r"(d[62]), "+r"(d[63])     \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.descriptor))
#define CA3_WGMMA_128(shape_and_types)                                                                                                     \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\nwgmma.mma_async.sync.aligned." shape_and_types                                   \
                 " "                                                                                                                       \
                 "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                                                 \
                 " %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                                       \
                 " %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                                       \
                 " %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "                                       \
                 " %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "                                       \
                 " %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "                                       \
                 " %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "                           \
                 " %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "                      \
                 "%128, %129, p;\n}"                                                                                                       \
                 : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]), "+r"(d[4]), "+r"(d[5]), "+r"(d[6]), "+r"(d[7]), "+r"(d[8]), "+r"(d[9]), \
                   "+r"(d[10]), "+r"(d[11]), "+r"(d[12]), "+r"(d[13]), "+r"(d[14]), "+r"(d[15]), "+r"(d[16]), "+r"(d[17]), "+r"(d[18]),    \
                   "+r"(d[19]), "+r"(d[20]), "+r"(d[21]), "+r"(d[22]), "+r"(d[23]), "+r"(d[24]), "+r"(d[25]), "+r"(d[26]), "+r"(d[27]),    \
                   "+r"(d[28]), "+r"(d[29]), "+r"(d[30]), "+r"(d[31]), "+r"(d[32]), "+r"(d[33]), "+r"(d[34]), "+r"(d[35]), "+r"(d[36]),    \
                   "+r"(d[37]), "+r"(d[38]), "+r"(d[39]), "+r"(d[40]), "+r"(d[41]), "+r"(d[42]), "+r"(d[43]), "+r"(d[44]), "+r"(d[45]),    \
                   "+r"(d[46]), "+r"(d[47]), "+r"(d[48]), "+r"(d[49]), "+r"(d[50]), "+r"(d[51]), "+r"(d[52]), "+r"(d[53]), "+r"(d[54]),    \
                   "+r"(d[55]), "+r"(d[56]), "+r"(d[57]), "+r"(d[58]), "+r"(d[59]), "+r"(d[60]), "+r"(d[61]), "+r"(d[62]), "+r"(d[63]),    \
                   "+r"(d[64]), "+r"(d[65]), "+r"(d[66]), "+r"(d[67]), "+r"(d[68]), "+r"(d[69]), "+r"(d[70]), "+r"(d[71]), "+r"(d[72]),    \
                   "+r"(d[73]), "+r"(d[74]), "+r"(d[75]), "+r"(d[76]), "+r"(d[77]), "+r"(d[78]), "+r"(d[79]), "+r"(d[80]), "+r"(d[81]),    \
                   "+r"(d[82]), "+r"(d[83]), "+r"(d[84]), "+r"(d[85]), "+r"(d[86]), "+r"(d[87]), "+r"(d[88]), "+r"(d[89]), "+r"(d[90]),    \
                   "+r"(d[91]), "+r"(d[92]), "+r"(d[93]), "+r"(d[94]), "+r"(d[95]), "+r"(d[96]), "+r"(d[97]), "+r"(d[98]), "+r"(d[99]),    \
                   "+r"(d[100]), "+r"(d[101]), "+r"(d[102]), "+r"(d[103]), "+r"(d[104]), "+r"(d[105]), "+r"(d[106]), "+r"(d[107]),         \
                   "+r"(d[108]), "+r"(d[109]), "+r"(d[110]), "+r"(d[111]), "+r"(d[112]), "+r"(d[113]), "+r"(d[114]), "+r"(d[115]),         \
                   "+r"(d[116]), "+r"(d[117]), "+r"(d[118]), "+r"(d[119]), "+r"(d[120]), "+r"(d[121]), "+r"(d[122]), "+r"(d[123]),         \
                   "+r"(d[124]), "+r"(d[125]), "+r"(d[126]), "+r"(d[127])                                                                  \
                 : "l"(a.descriptor), "l"(b.descriptor))
#else
#define CA3_WGMMA_64(shape_and_types) __trap()
#define CA3_WGMMA_128(shape_and_types) __trap()
#endif

/// A and B signed; B unsigned; bits, d += popcount(A and B). Asynchronous: a, d and B belong to the product until it is waited for.
__device__ __forceinline__ void wgmma_s8(int (&d)[64], unsigned const (&a)[4], SharedOperand b) {
    CA3_WGMMA_64("m64n128k32.s32.s8.s8");
}
__device__ __forceinline__ void wgmma_s8u8(int (&d)[64], unsigned const (&a)[4], SharedOperand b) {
    CA3_WGMMA_64("m64n128k32.s32.s8.u8");
}
__device__ __forceinline__ void wgmma_b1_and(int (&d)[64], unsigned const (&a)[4], SharedOperand b) {
    CA3_WGMMA_64("m64n128k256.s32.b1.b1.and.popc");
}
__device__ __forceinline__ void wgmma_s8(int (&d)[128], SharedOperand a, SharedOperand b) {
    CA3_WGMMA_128("m64n256k32.s32.s8.s8");
}
__device__ __forceinline__ void wgmma_s8u8(int (&d)[128], SharedOperand a, SharedOperand b) {
    CA3_WGMMA_128("m64n256k32.s32.s8.u8");
}
#undef CA3_WGMMA_64
#undef CA3_WGMMA_128

/// Between ordinary writes to a or d and the product that reads them.
__device__ __forceinline__ void wgmma_fence() {
#ifdef CA3_HAS_WGMMA
    asm volatile("wgmma.fence.sync.aligned;" : : : "memory");
#endif
}
__device__ __forceinline__ void wgmma_commit() {
#ifdef CA3_HAS_WGMMA
    asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory");
#endif
}
/// Waits until at most `Pending` of the warpgroup's youngest groups are unfinished.
template <int Pending>
__device__ __forceinline__ void wgmma_wait() {
#ifdef CA3_HAS_WGMMA
    asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(Pending) : "memory");
#endif
}
/// The same, and no use of d is moved to before it.
template <int Pending, int size>
__device__ __forceinline__ void wgmma_wait(int (&d)[size]) {
    wgmma_wait<Pending>();
#pragma unroll
    for (int n = 0; n < size; ++n) asm volatile("" : "+r"(d[n]) : : "memory");
}
/// Between this thread's ordinary writes to shared memory (before a barrier) and products that read them (after it).
__device__ __forceinline__ void fence_proxy_async() {
#ifdef CA3_HAS_WGMMA
    asm volatile("fence.proxy.async.shared::cta;" : : : "memory");
#endif
}

/// A build without code for sm_90a holds a stub in place of a kernel of warpgroup products, which needs hardly any registers.
template <class... P>
[[nodiscard]] bool has_wgmma(Context const& context, void (*kernel)(P...)) {
    cuda::CurrentDevice const current(context.device());
    cudaFuncAttributes attributes{};
    check(cudaFuncGetAttributes(&attributes, reinterpret_cast<void const*>(kernel)), "cudaFuncGetAttributes");
    return attributes.numRegs > 64;
}

#endif

}  // namespace ca3::ptx
