#pragma once

#include "tests/support/simt/language.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

/// Functions of a single thread.

// ---- integers ----------------------------------------------------------------------------------------------------------

inline int __popc(unsigned x) {
    return std::popcount(x);
}
inline int __popcll(unsigned long long x) {
    return std::popcount(x);
}
inline int __clz(int x) {
    return std::countl_zero(static_cast<unsigned>(x));
}
inline int __clzll(long long x) {
    return std::countl_zero(static_cast<unsigned long long>(x));
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
    return __builtin_ffsll(x);
}
inline unsigned __brev(unsigned x) {
    unsigned out = 0;
    for (int i = 0; i < 32; ++i) out |= (x >> i & 1u) << (31 - i);
    return out;
}
inline unsigned long long __brevll(unsigned long long x) {
    return static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32 | __brev(static_cast<unsigned>(x >> 32));
}

inline int __mulhi(int a, int b) {
    return static_cast<int>(static_cast<std::int64_t>(a) * b >> 32);
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
__extension__ inline long long __mul64hi(long long a, long long b) {
    return static_cast<long long>(static_cast<__int128>(a) * b >> 64);
}
__extension__ inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}

/// c + sum over the four bytes of a_i b_i, modulo 2^32.
inline int __dp4a(int a, int b, int c) {
    unsigned sum = static_cast<unsigned>(c);
    for (int i = 0; i < 32; i += 8) sum += static_cast<unsigned>(static_cast<std::int8_t>(a >> i) * static_cast<std::int8_t>(b >> i));
    return static_cast<int>(sum);
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
    for (int i = 0; i < 32; i += 8) c += (a >> i & 0xFFu) * (b >> i & 0xFFu);
    return c;
}

/// Byte i of the result is byte (selector >> 4i & 7) of (high:low), or its sign replicated where bit 3 of the selector's nibble is set.
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector) {
    std::uint64_t const source = static_cast<std::uint64_t>(high) << 32 | low;
    unsigned out = 0;
    for (unsigned i = 0; i < 4; ++i) {
        unsigned const nibble = selector >> (4 * i) & 0xFu;
        unsigned const byte = static_cast<unsigned>(source >> (8 * (nibble & 7u))) & 0xFFu;
        out |= ((nibble & 8u) == 0 ? byte : (byte & 0x80u) != 0 ? 0xFFu : 0u) << (8 * i);
    }
    return out;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return static_cast<unsigned>((static_cast<std::uint64_t>(high) << 32 | low) << (shift & 31u) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return static_cast<unsigned>((static_cast<std::uint64_t>(high) << 32 | low) >> (shift & 31u));
}

template <class A, class B>
requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr auto min(A a, B b) {
    using T = std::common_type_t<A, B>;
    return static_cast<T>(b) < static_cast<T>(a) ? static_cast<T>(b) : static_cast<T>(a);
}
template <class A, class B>
requires std::is_arithmetic_v<A> && std::is_arithmetic_v<B>
constexpr auto max(A a, B b) {
    using T = std::common_type_t<A, B>;
    return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
}

// ---- floating point, rounded to nearest even as the host does -----------------------------------------------------------

inline double __fma_rn(double a, double b, double c) {
    return std::fma(a, b, c);
}
inline float __fmaf_rn(float a, float b, float c) {
    return std::fma(a, b, c);
}
inline double __dadd_rn(double a, double b) {
    return a + b;
}
inline double __dsub_rn(double a, double b) {
    return a - b;
}
inline double __dmul_rn(double a, double b) {
    return a * b;
}
inline double __ddiv_rn(double a, double b) {
    return a / b;
}
inline float __fadd_rn(float a, float b) {
    return a + b;
}
inline float __fsub_rn(float a, float b) {
    return a - b;
}
inline float __fmul_rn(float a, float b) {
    return a * b;
}
inline float __fdiv_rn(float a, float b) {
    return a / b;
}
inline long long __double2ll_rn(double x) {
    return std::llrint(x);
}
inline int __double2int_rn(double x) {
    return static_cast<int>(std::lrint(x));
}
inline int __float2int_rn(float x) {
    return static_cast<int>(std::lrint(x));
}
inline int __float_as_int(float x) {
    return std::bit_cast<int>(x);
}
inline unsigned __float_as_uint(float x) {
    return std::bit_cast<unsigned>(x);
}
inline float __int_as_float(int x) {
    return std::bit_cast<float>(x);
}
inline float __uint_as_float(unsigned x) {
    return std::bit_cast<float>(x);
}
inline long long __double_as_longlong(double x) {
    return std::bit_cast<long long>(x);
}
inline double __longlong_as_double(long long x) {
    return std::bit_cast<double>(x);
}

// ---- memory ------------------------------------------------------------------------------------------------------------

template <class T>
T __ldg(T const* p) {
    return *p;
}
template <class T>
T __ldcs(T const* p) {
    return *p;
}
template <class T>
T __ldcg(T const* p) {
    return *p;
}
template <class T>
void __stcs(T* p, std::type_identity_t<T> value) {
    *p = value;
}
template <class T>
void __stcg(T* p, std::type_identity_t<T> value) {
    *p = value;
}

// Threads take turns on one host thread, so that fences have nothing to do.
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

namespace ca3::simt {

template <class T, class F>
T atomic_update(T* address, F const& change) {
    preempt();
    T before = __atomic_load_n(address, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(address, &before, change(before), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return before;
}

template <class T>
concept AtomicInteger = std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>;

template <class T>
concept OrderedInteger = AtomicInteger<T> || std::is_same_v<T, long long>;

}  // namespace ca3::simt

// The types that CUDA has, save floating point: sums in an unspecified order are not reproducible.
template <ca3::simt::AtomicInteger T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
    ca3::simt::preempt();
    return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
template <ca3::simt::AtomicInteger T>
requires(sizeof(T) == 4) T atomicSub(T* address, std::type_identity_t<T> value) {
    ca3::simt::preempt();
    return __atomic_fetch_sub(address, value, __ATOMIC_RELAXED);
}
template <ca3::simt::AtomicInteger T>
T atomicAnd(T* address, std::type_identity_t<T> value) {
    ca3::simt::preempt();
    return __atomic_fetch_and(address, value, __ATOMIC_RELAXED);
}
template <ca3::simt::AtomicInteger T>
T atomicOr(T* address, std::type_identity_t<T> value) {
    ca3::simt::preempt();
    return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}
template <ca3::simt::AtomicInteger T>
T atomicXor(T* address, std::type_identity_t<T> value) {
    ca3::simt::preempt();
    return __atomic_fetch_xor(address, value, __ATOMIC_RELAXED);
}
template <ca3::simt::AtomicInteger T>
T atomicExch(T* address, std::type_identity_t<T> value) {
    ca3::simt::preempt();
    return __atomic_exchange_n(address, value, __ATOMIC_RELAXED);
}
template <ca3::simt::OrderedInteger T>
T atomicMin(T* address, std::type_identity_t<T> value) {
    return ca3::simt::atomic_update(address, [value](T before) { return value < before ? value : before; });
}
template <ca3::simt::OrderedInteger T>
T atomicMax(T* address, std::type_identity_t<T> value) {
    return ca3::simt::atomic_update(address, [value](T before) { return before < value ? value : before; });
}
inline unsigned atomicInc(unsigned* address, unsigned limit) {
    return ca3::simt::atomic_update(address, [limit](unsigned before) { return before >= limit ? 0u : before + 1u; });
}
inline unsigned atomicDec(unsigned* address, unsigned limit) {
    return ca3::simt::atomic_update(address, [limit](unsigned before) { return before == 0 || before > limit ? limit : before - 1u; });
}
/// @returns the old value; equal to `expected` exactly when `value` was stored
template <ca3::simt::AtomicInteger T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
    ca3::simt::preempt();
    __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
