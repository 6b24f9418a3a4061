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

CA3_TARGET_BEGIN("avx2,bmi2,fma")

namespace ca3::autoencoder::cpu {
namespace {
namespace avx2 {

#include "autoencoder/cpu_lists_inl.hpp"

struct Float8 : ValueByValue<8> {
    static constexpr std::int64_t width = 8;
    static constexpr int sums = 12;  ///< registers for a tile of sums
    static constexpr int strip = 2;  ///< vectors side by side in it
    static constexpr std::int64_t transposed = 8;
    __m256 x;

    Float8() = default;
    CA3_ALWAYS_INLINE Float8(__m256 y) : x(y) {}
    CA3_ALWAYS_INLINE explicit Float8(float y) : x(_mm256_set1_ps(y)) {}
    static CA3_ALWAYS_INLINE Float8 load(float const* p) { return _mm256_loadu_ps(p); }
    CA3_ALWAYS_INLINE void store(float* p) const { _mm256_storeu_ps(p, x); }
    /// 1 in the first n lanes, else 0
    static CA3_ALWAYS_INLINE Float8 first(std::int64_t n) {
        __m256i const lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        __m256i const count = _mm256_set1_epi32(static_cast<int>(std::clamp<std::int64_t>(n, 0, 8)));
        return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(count, lane)), _mm256_set1_ps(1.0f));
    }
    [[nodiscard]] CA3_ALWAYS_INLINE float total() const {
        alignas(32) float lane[8];
        _mm256_store_ps(lane, x);
        float sum = 0.0f;
        for (float const y : lane) sum += y;
        return sum;
    }
};
CA3_ALWAYS_INLINE Float8 operator+(Float8 a, Float8 b) {
    return _mm256_add_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float8 operator-(Float8 a, Float8 b) {
    return _mm256_sub_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float8 operator*(Float8 a, Float8 b) {
    return _mm256_mul_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float8 operator/(Float8 a, Float8 b) {
    return _mm256_div_ps(a.x, b.x);
}
CA3_ALWAYS_INLINE Float8 fused(Float8 a, Float8 b, Float8 c) {
    return _mm256_fmadd_ps(a.x, b.x, c.x);
}
CA3_ALWAYS_INLINE Float8 square_root(Float8 a) {
    return _mm256_sqrt_ps(a.x);
}
CA3_ALWAYS_INLINE Float8 absolute(Float8 a) {
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.x);
}
CA3_ALWAYS_INLINE Float8 copy_sign(Float8 a, Float8 sign) {
    __m256 const bit = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(bit, a.x), _mm256_and_ps(bit, sign.x));
}
CA3_ALWAYS_INLINE Float8 less(Float8 a, Float8 b) {
    return _mm256_cmp_ps(a.x, b.x, _CMP_LT_OQ);
}
CA3_ALWAYS_INLINE Float8 equal(Float8 a, Float8 b) {
    return _mm256_cmp_ps(a.x, b.x, _CMP_EQ_OQ);
}
CA3_ALWAYS_INLINE Float8 select(Float8 mask, Float8 yes, Float8 no) {
    return _mm256_blendv_ps(no.x, yes.x, mask.x);
}
/// 2^n for an n that a shift by 0x1.8p23 left in the low bits
CA3_ALWAYS_INLINE Float8 power_of_two(Float8 shifted) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_castps_si256(shifted.x), _mm256_set1_epi32(127)), 23));
}
/// x = 2^e m, m in [sqrt(1/2), sqrt(2)), for normal positive x
CA3_ALWAYS_INLINE void split(Float8 x, Float8& e, Float8& m) {
    __m256i const bits = _mm256_castps_si256(x.x);
    __m256i const exponent = _mm256_srai_epi32(_mm256_sub_epi32(bits, _mm256_set1_epi32(0x3F3504F3)), 23);
    e = _mm256_cvtepi32_ps(exponent);
    m = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(exponent, 23)));
}

#include "autoencoder/cpu_elementary_inl.hpp"
#include "autoencoder/cpu_gemm_inl.hpp"
#include "autoencoder/cpu_generic_inl.hpp"

}  // namespace avx2
}  // namespace

constexpr Kernels avx2_kernels = avx2::kernels_of<avx2::Float8>();

}  // namespace ca3::autoencoder::cpu

CA3_TARGET_END

#endif
