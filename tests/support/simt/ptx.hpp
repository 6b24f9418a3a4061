#pragma once

#include "tests/support/simt/intrinsics.hpp"
#include "tests/support/simt/warp.hpp"

/// kernels/common/ptx.cuh for the executor: same signatures, same contracts. warp.cpp holds the matrix products.
namespace ca3::ptx {

inline void mma(simt::Collective operation, int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    simt::MmaArgument argument{a, b, d};
    simt::exchange(operation, 0xFFFFFFFFu, &argument);
}
inline void mma_m16n8k32_s8(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    mma(simt::Collective::mma_m16n8k32_s8, d, a, b);
}
inline void mma_m16n8k32_u8s8(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    mma(simt::Collective::mma_m16n8k32_u8s8, d, a, b);
}
inline void mma_m16n8k32_s8u8(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    mma(simt::Collective::mma_m16n8k32_s8u8, d, a, b);
}
inline void mma_m16n8k256_b1_and(int (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    mma(simt::Collective::mma_m16n8k256_b1_and, d, a, b);
}

inline void mma(simt::Collective operation, float (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    simt::RealMmaArgument argument{a, b, d};
    simt::exchange(operation, 0xFFFFFFFFu, &argument);
}
inline void mma_m16n8k8_tf32(float (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    mma(simt::Collective::mma_m16n8k8_tf32, d, a, b);
}
inline void mma_m16n8k16_bf16(float (&d)[4], unsigned const (&a)[4], unsigned const (&b)[2]) {
    mma(simt::Collective::mma_m16n8k16_bf16, d, a, b);
}

inline unsigned tf32_of(float x) {
    unsigned const bits = std::bit_cast<unsigned>(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFFFFFFu;
    return (bits & 0x7F800000u) == 0x7F800000u ? bits : (bits + 0x1000u) & ~0x1FFFu;
}
inline unsigned bf16_of(float x) {
    unsigned const bits = std::bit_cast<unsigned>(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFFu;
    return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}
inline unsigned bf16x2_of(float low, float high) {
    return bf16_of(low) | bf16_of(high) << 16;
}

inline int dp4a_s8(unsigned a, unsigned b, int c) {
    return __dp4a(static_cast<int>(a), static_cast<int>(b), c);
}
inline int dp4a_u8s8(unsigned a, unsigned b, int c) {
    unsigned sum = static_cast<unsigned>(c);
    for (int i = 0; i < 32; i += 8) sum += static_cast<unsigned>(static_cast<int>(a >> i & 0xFFu) * static_cast<std::int8_t>(b >> i));
    return static_cast<int>(sum);
}

inline void load_matrices(simt::Collective operation, unsigned (&r)[4], void const* row) {
    if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) simt::fault("ldmatrix: the row is not aligned to 16 bytes");
    if (!simt::is_shared(row, 16)) simt::fault("ldmatrix: the row is not in shared memory");
    simt::LdmatrixArgument argument;
    std::memcpy(argument.row, row, 16);
    simt::exchange(operation, 0xFFFFFFFFu, &argument);
    std::memcpy(r, argument.result, 16);
}
inline void ldmatrix_x4(unsigned (&r)[4], void const* row) {
    load_matrices(simt::Collective::ldmatrix_x4, r, row);
}
inline void ldmatrix_x4_transposed(unsigned (&r)[4], void const* row) {
    load_matrices(simt::Collective::ldmatrix_x4_transposed, r, row);
}

inline void cp_async_16(void* shared, void const* global, int bytes = 16) {
    simt::copy_async(shared, global, bytes);
}
inline void cp_async_commit() {
    simt::copy_async_commit();
}
template <int Pending>
void cp_async_wait() {
    static_assert(Pending >= 0);
    simt::copy_async_wait(Pending);
}

inline void grid_dependency_wait() {
    simt::current->waited = true;
}
inline void grid_dependents_launch() {
    if (!simt::current->waited) simt::fault("the next launch may start before this one has waited");
}

inline unsigned cluster_rank() {
    return simt::block.rank;
}
inline void cluster_arrive() {
    simt::cluster_arrive();
}
inline void cluster_wait() {
    simt::cluster_wait();
}
template <class T>
T* cluster_map(T* shared, unsigned rank) {
    return static_cast<T*>(simt::cluster_map(shared, rank));
}

inline unsigned lane_id() {
    return simt::current->lane;
}
inline unsigned lane_mask_below() {
    return (1u << simt::current->lane) - 1u;
}

}  // namespace ca3::ptx
