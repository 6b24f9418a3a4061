#pragma once

#include <cstdint>

/// CUDA's built-in vector types, as far as the kernels use them, with the alignment that vector loads rely on.
struct dim3 {
    unsigned x = 1;
    unsigned y = 1;
    unsigned z = 1;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define CA3_SIMT_VECTORS(base, T)                                           \
    struct base##1 {                                                        \
        T x;                                                                \
    };                                                                      \
    struct alignas(2 * sizeof(T)) base##2 {                                 \
        T x, y;                                                             \
    };                                                                      \
    struct base##3 {                                                        \
        T x, y, z;                                                          \
    };                                                                      \
    struct alignas(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) base##4 {       \
        T x, y, z, w;                                                       \
    };                                                                      \
    [[maybe_unused]] constexpr base##1 make_##base##1(T x) {                \
        return {x};                                                         \
    }                                                                       \
    [[maybe_unused]] constexpr base##2 make_##base##2(T x, T y) {           \
        return {x, y};                                                      \
    }                                                                       \
    [[maybe_unused]] constexpr base##3 make_##base##3(T x, T y, T z) {      \
        return {x, y, z};                                                   \
    }                                                                       \
    [[maybe_unused]] constexpr base##4 make_##base##4(T x, T y, T z, T w) { \
        return {x, y, z, w};                                                \
    }

CA3_SIMT_VECTORS(char, signed char)
CA3_SIMT_VECTORS(uchar, unsigned char)
CA3_SIMT_VECTORS(short, short)
CA3_SIMT_VECTORS(ushort, unsigned short)
CA3_SIMT_VECTORS(int, int)
CA3_SIMT_VECTORS(uint, unsigned)
CA3_SIMT_VECTORS(longlong, long long)
CA3_SIMT_VECTORS(ulonglong, unsigned long long)
CA3_SIMT_VECTORS(float, float)
CA3_SIMT_VECTORS(double, double)
#undef CA3_SIMT_VECTORS
