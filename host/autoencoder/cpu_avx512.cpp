#include "autoencoder/cpu_inline.hpp"
#include "autoencoder/cpu_kernels.hpp"
#include "core/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

// GCC 12 takes the undefined pass-through operands inside its own intrinsics for uninitialised variables.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,bmi2,fma,prfchw")

namespace ca3::autoencoder::cpu {
namespace {
namespace avx512 {

struct Float16 {
    static constexpr std::int64_t width = 16;
    static constexpr int sums = 28;  ///< registers for a tile of sums
    static constexpr int strip = 2;  ///< vectors side by side in it
    static constexpr std::int64_t transposed = 16;
    __m512 x;

    Float16() = default;
    CA3_ALWAYS_INLINE Float16(__m512 y) : x(y) {}
    CA3_ALWAYS_INLINE explicit Float16(float y) : x(_mm512_set1_ps(y)) {}
    static CA3_ALWAYS_INLINE Float16 load(float const* p) { return _mm512_loadu_ps(p); }
    CA3_ALWAYS_INLINE void store(float* p) const { _mm512_storeu_ps(p, x); }
    /// 1 in the first n lanes, else 0
    static CA3_ALWAYS_INLINE Float16 first(std::int64_t n) {
        auto const mask = static_cast<__mmask16>(n >= 16 ? 0xFFFF : n <= 0 ? 0 : (1 << n) - 1);
        return _mm512_maskz_mov_ps(mask, _mm512_set1_ps(1.0f));
    }
    [[nodiscard]] CA3_ALWAYS_INLINE float total() const {
        alignas(64) float lane[16];
        _mm512_store_ps(lane, x);
        float sum = 0.0f;
        for (float const y : lane) sum += y;
        return sum;
    }
    static void transpose(float const* from, float* to);
    /// Bit i: p[i] is not zero. 32 elements
    static CA3_ALWAYS_INLINE std::uint32_t nonzero(float const* p) {
        __m512 const zero = _mm512_setzero_ps();
        unsigned const low = _mm512_cmp_ps_mask(_mm512_loadu_ps(p), zero, _CMP_NEQ_UQ);
        unsigned const high = _mm512_cmp_ps_mask(_mm512_loadu_ps(p + 16), zero, _CMP_NEQ_UQ);
        return low | high << 16;
    }
    /// Writes base + i for those of the first n (at most 16) that are not zero. @return how many
    static CA3_ALWAYS_INLINE std::int64_t append(std::uint32_t const* flags, std::int64_t n, std::uint32_t base, std::uint32_t* list) {
        auto const mask = static_cast<__mmask16>(n >= 16 ? 0xFFFF : (1 << n) - 1);
        __m512i const f = _mm512_maskz_loadu_epi32(mask, flags);
        __mmask16 const set = _mm512_mask_test_epi32_mask(mask, f, f);
        __m512i const lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        __m512i const number = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(base)), lane);
        std::int64_t const count = __builtin_popcount(set);
        // Compressed in a register: compressing into memory is slow on some processors.
        _mm512_mask_storeu_epi32(list, static_cast<__mmask16>((1u << count) - 1u), _mm512_maskz_compress_epi32(set, number));
        return count;
    }
};
CA3_ALWAYS_INLINE Float16 operator+(Float16 a, Float16 b) {
    return _mm512_add_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float16 operator-(Float16 a, Float16 b) {
    return _mm512_sub_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float16 operator*(Float16 a, Float16 b) {
    return _mm512_mul_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float16 operator/(Float16 a, Float16 b) {
    return _mm512_div_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float16 fused(Float16 a, Float16 b, Float16 c) {
    return _mm512_fmadd_ps(a.x, b.x, c.x);
}
CA3_ALWAYS_INLINE Float16 square_root(Float16 a) {
    return _mm512_sqrt_ps(a.x);
}
CA3_ALWAYS_INLINE Float16 absolute(Float16 a) {
    return _mm512_abs_ps(a.x);
}
CA3_ALWAYS_INLINE Float16 copy_sign(Float16 a, Float16 sign) {
    constexpr int pick = 0xD8;  // third operand chooses: 0: first, 1: second
    __m512i const bit = _mm512_set1_epi32(static_cast<int>(0x80000000u));
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(a.x), _mm512_castps_si512(sign.x), bit, pick));
}
CA3_ALWAYS_INLINE __mmask16 less(Float16 a, Float16 b) {
    return _mm512_cmp_ps_mask(a.x, b.x, _CMP_LT_OQ);
}
CA3_ALWAYS_INLINE __mmask16 equal(Float16 a, Float16 b) {
    return _mm512_cmp_ps_mask(a.x, b.x, _CMP_EQ_OQ);
}
CA3_ALWAYS_INLINE Float16 select(__mmask16 m, Float16 yes, Float16 no) {
    return _mm512_mask_mov_ps(no.x, m, yes.x);
}
/// 2^n for an n that a shift by 0x1.8p23 left in the low bits
CA3_ALWAYS_INLINE Float16 power_of_two(Float16 shifted) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_castps_si512(shifted.x), _mm512_set1_epi32(127)), 23));
}
/// x = 2^e m, m in [sqrt(1/2), sqrt(2)), for normal positive x
CA3_ALWAYS_INLINE void split(Float16 x, Float16& e, Float16& m) {
    __m512i const bits = _mm512_castps_si512(x.x);
    __m512i const exponent = _mm512_srai_epi32(_mm512_sub_epi32(bits, _mm512_set1_epi32(0x3F3504F3)), 23);
    e = _mm512_cvtepi32_ps(exponent);
    m = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(exponent, 23)));
}

CA3_ALWAYS_INLINE __m512 low(__m512 a, __m512 b) {
    return _mm512_shuffle_ps(a, b, 0x44);
}
CA3_ALWAYS_INLINE __m512 high(__m512 a, __m512 b) {
    return _mm512_shuffle_ps(a, b, 0xEE);
}

/// 16 rows of 16, both with 32 floats from row to row.
void Float16::transpose(float const* from, float* to) {
    __m512 r[16], t[16];
    for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(from + panel * i);
    for (int i = 0; i < 8; ++i) {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; ++i) {  // r[4 i + j]: column 4 k + j of rows 4 i ... 4 i + 3 in 128-bit lane k
        r[4 * i] = low(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = high(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = low(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = high(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int j = 0; j < 4; ++j) {
        __m512 const a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88), b = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xDD);
        __m512 const c = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88), d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xDD);
        _mm512_storeu_ps(to + panel * j, _mm512_shuffle_f32x4(a, c, 0x88));
        _mm512_storeu_ps(to + panel * (4 + j), _mm512_shuffle_f32x4(b, d, 0x88));
        _mm512_storeu_ps(to + panel * (8 + j), _mm512_shuffle_f32x4(a, c, 0xDD));
        _mm512_storeu_ps(to + panel * (12 + j), _mm512_shuffle_f32x4(b, d, 0xDD));
    }
}

#include "autoencoder/cpu_elementary_inl.hpp"
#include "autoencoder/cpu_gemm_inl.hpp"
#include "autoencoder/cpu_generic_inl.hpp"

}  // namespace avx512
}  // namespace

constexpr Kernels avx512_kernels = avx512::kernels_of<avx512::Float16>();

}  // namespace ca3::autoencoder::cpu

CA3_TARGET_END

#endif
