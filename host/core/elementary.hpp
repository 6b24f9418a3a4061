#pragma once

#include "core/host_device.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

/// exp, log and normal quantiles by polynomials in explicit fma, so that every machine, compiler and GPU gives the same bits.
namespace ca3 {

CA3_HOST_DEVICE inline double fused(double a, double b, double c) {
#ifdef __CUDA_ARCH__
    return __fma_rn(a, b, c);
#else
    return std::fma(a, b, c);
#endif
}
CA3_HOST_DEVICE inline float fused(float a, float b, float c) {
#ifdef __CUDA_ARCH__
    return __fmaf_rn(a, b, c);
#else
    return std::fma(a, b, c);
#endif
}

namespace detail {

CA3_HOST_DEVICE inline double double_of(std::uint64_t bits) {
#ifdef __CUDA_ARCH__
    return __longlong_as_double(static_cast<long long>(bits));
#else
    return std::bit_cast<double>(bits);
#endif
}
CA3_HOST_DEVICE inline std::uint64_t bits_of(double x) {
#ifdef __CUDA_ARCH__
    return static_cast<std::uint64_t>(__double_as_longlong(x));
#else
    return std::bit_cast<std::uint64_t>(x);
#endif
}
CA3_HOST_DEVICE inline float float_of(std::uint32_t bits) {
#ifdef __CUDA_ARCH__
    return __uint_as_float(bits);
#else
    return std::bit_cast<float>(bits);
#endif
}
CA3_HOST_DEVICE inline std::uint32_t bits_of(float x) {
#ifdef __CUDA_ARCH__
    return __float_as_uint(x);
#else
    return std::bit_cast<std::uint32_t>(x);
#endif
}

}  // namespace detail

/// e^x. Relative error below 4e-16 on [-708, 709]; below it is 0, above the value at 709; NaN stays NaN.
/// e^x = 2^n e^r with |r| <= ln(2) / 2, e^r by Taylor's series to r^13 (remainder r^14 / 14! < 5e-18).
CA3_HOST_DEVICE inline double exponential(double x) {
    double const clamped = x < -708.0 ? -708.0 : (x > 709.0 ? 709.0 : x);
    constexpr double shift = 0x1.8p52;  // adding it leaves the nearest integer in the lowest bits
    double const shifted = fused(clamped, 1.4426950408889634, shift);
    double const n = shifted - shift;
    double r = fused(n, -0x1.62e42fefa38p-1, clamped);  // ln(2) in two parts, the first with 11 zero bits at the end
    r = fused(n, -0x1.ef35793c7673p-45, r);
    double p = 1.6059043836821613e-10;
    p = fused(p, r, 2.08767569878681e-09);
    p = fused(p, r, 2.505210838544172e-08);
    p = fused(p, r, 2.755731922398589e-07);
    p = fused(p, r, 2.7557319223985893e-06);
    p = fused(p, r, 2.48015873015873e-05);
    p = fused(p, r, 0.0001984126984126984);
    p = fused(p, r, 0.001388888888888889);
    p = fused(p, r, 0.008333333333333333);
    p = fused(p, r, 0.041666666666666664);
    p = fused(p, r, 0.16666666666666666);
    p = fused(p, r, 0.5);
    p = fused(p, r, 1.0);
    p = fused(p, r, 1.0);
    double const power = detail::double_of((detail::bits_of(shifted) + 1023) << 52);  // 2^n: n is in the low bits of `shifted`
    return x < -708.0 ? 0.0 : p * power;
}

/// The same in f32. Relative error below 1.2e-7 on [-87, 88]; below it is 0, above the value at 88. Remainder r^8 / 8! < 6e-9.
CA3_HOST_DEVICE inline float exponential(float x) {
    float const clamped = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
    constexpr float shift = 0x1.8p23f;
    float const shifted = fused(clamped, 1.44269504f, shift);
    float const n = shifted - shift;
    float r = fused(n, -0x1.62e4p-1f, clamped);
    r = fused(n, -0x1.7f7d1cp-20f, r);
    float p = 1.98412698e-4f;
    p = fused(p, r, 1.38888889e-3f);
    p = fused(p, r, 8.33333333e-3f);
    p = fused(p, r, 4.16666667e-2f);
    p = fused(p, r, 1.66666667e-1f);
    p = fused(p, r, 0.5f);
    p = fused(p, r, 1.0f);
    p = fused(p, r, 1.0f);
    float const power = detail::float_of((detail::bits_of(shifted) + 127) << 23);
    return x < -87.0f ? 0.0f : p * power;
}

/// Natural logarithm of a normal, positive x. Relative error below 1e-15. x = 2^e m with m in [sqrt(1/2), sqrt(2)) and
/// ln m = 2 artanh((m - 1) / (m + 1)), whose series ends at s^21 (next term below 1e-18).
CA3_HOST_DEVICE inline double logarithm(double x) {
    std::uint64_t const bits = detail::bits_of(x);
    std::uint64_t const offset = bits - 0x3FE6A09E667F3BCDull;  // sqrt(1/2)
    auto const e = static_cast<std::int64_t>(offset) >> 52;
    double const m = detail::double_of(bits - (static_cast<std::uint64_t>(e) << 52));
    double const s = (m - 1.0) / (m + 1.0);
    double const q = s * s;
    double p = 1.0 / 21.0;
    p = fused(p, q, 1.0 / 19.0);
    p = fused(p, q, 1.0 / 17.0);
    p = fused(p, q, 1.0 / 15.0);
    p = fused(p, q, 1.0 / 13.0);
    p = fused(p, q, 1.0 / 11.0);
    p = fused(p, q, 1.0 / 9.0);
    p = fused(p, q, 1.0 / 7.0);
    p = fused(p, q, 1.0 / 5.0);
    p = fused(p, q, 1.0 / 3.0);
    p = fused(p * q, 2.0 * s, 2.0 * s);
    return fused(static_cast<double>(e), 0.6931471805599453, p);
}

/// The x with Phi(x) = (u + 1/2) / 2^32: standard normal for a uniform 32-bit u, |x| <= 6.3. Wichura's AS 241 (Applied Statistics 37, 1988,
/// 477), relative error below 1e-15; rises with u.
CA3_HOST_DEVICE inline double normal_quantile(std::uint32_t u) {
    double const p = (static_cast<double>(u) + 0.5) * 0x1p-32;
    double const q = p - 0.5;
    if (q <= 0.425 && q >= -0.425) {
        double const r = fused(-q, q, 0.180625);
        double a = 2.5090809287301226727e+3;
        a = fused(a, r, 3.3430575583588128105e+4);
        a = fused(a, r, 6.7265770927008700853e+4);
        a = fused(a, r, 4.5921953931549871457e+4);
        a = fused(a, r, 1.3731693765509461125e+4);
        a = fused(a, r, 1.9715909503065514427e+3);
        a = fused(a, r, 1.3314166789178437745e+2);
        a = fused(a, r, 3.3871328727963666080e0);
        double b = 5.2264952788528545610e+3;
        b = fused(b, r, 2.8729085735721942674e+4);
        b = fused(b, r, 3.9307895800092710610e+4);
        b = fused(b, r, 2.1213794301586595867e+4);
        b = fused(b, r, 5.3941960214247511077e+3);
        b = fused(b, r, 6.8718700749205790830e+2);
        b = fused(b, r, 4.2313330701600911252e+1);
        b = fused(b, r, 1.0);
        return q * a / b;
    }
    double const r = std::sqrt(-logarithm(q < 0.0 ? p : 1.0 - p)) - 1.6;  // below 5 - 1.6 for 32 bits
    double c = 7.74545014278341407640e-4;
    c = fused(c, r, 2.27238449892691845833e-2);
    c = fused(c, r, 2.41780725177450611770e-1);
    c = fused(c, r, 1.27045825245236838258e0);
    c = fused(c, r, 3.64784832476320460504e0);
    c = fused(c, r, 5.76949722146069140550e0);
    c = fused(c, r, 4.63033784615654529590e0);
    c = fused(c, r, 1.42343711074968357734e0);
    double d = 1.05075007164441684324e-9;
    d = fused(d, r, 5.47593808499534494600e-4);
    d = fused(d, r, 1.51986665636164571966e-2);
    d = fused(d, r, 1.48103976427480074590e-1);
    d = fused(d, r, 6.89767334985100004550e-1);
    d = fused(d, r, 1.67638483018380384940e0);
    d = fused(d, r, 2.05319162663775882187e0);
    d = fused(d, r, 1.0);
    return q < 0.0 ? -c / d : c / d;
}

}  // namespace ca3
