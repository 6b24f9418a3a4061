#include "autoencoder/batch_kernels.hpp"
#include "core/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

CA3_TARGET_BEGIN("avx2,bmi2,fma")

namespace ca3::autoencoder {
namespace {
namespace avx2 {

struct Mask8 {
    __m256i x;
};
inline bool any(Mask8 a) {
    return _mm256_testz_si256(a.x, a.x) == 0;
}

struct Words8 {
    __m256i x = _mm256_setzero_si256();

    Words8() = default;
    Words8(__m256i y) : x(y) {}
    explicit Words8(std::uint32_t n) : x(_mm256_set1_epi32(static_cast<int>(n))) {}
    static Words8 load(std::uint32_t const* p) { return _mm256_loadu_si256(reinterpret_cast<__m256i const*>(p)); }
};
inline Words8 operator^(Words8 a, Words8 b) {
    return _mm256_xor_si256(a.x, b.x);
}
inline Words8 operator+(Words8 a, Words8 b) {
    return _mm256_add_epi32(a.x, b.x);
}
inline Words8 operator-(Words8 a, Words8 b) {
    return _mm256_sub_epi32(a.x, b.x);
}
template <int by>
inline Words8 shift_left(Words8 a) {
    return _mm256_slli_epi32(a.x, by);
}
template <int by>
inline Words8 arithmetic_shift_right(Words8 a) {
    return _mm256_srai_epi32(a.x, by);
}
inline Mask8 at_most(Words8 a, Words8 b) {
    return {_mm256_cmpeq_epi32(_mm256_min_epu32(a.x, b.x), a.x)};
}

struct Float8 {
    using Words = Words8;
    static constexpr int width = 8;
    __m256 x = _mm256_setzero_ps();

    Float8() = default;
    Float8(__m256 y) : x(y) {}
    explicit Float8(float y) : x(_mm256_set1_ps(y)) {}
    static Float8 load(float const* p) { return _mm256_loadu_ps(p); }
    static Float8 load_bytes(std::uint8_t const* p) {
        return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(p))));
    }
    void store(float* p) const { _mm256_storeu_ps(p, x); }
};
inline Float8 operator+(Float8 a, Float8 b) {
    return _mm256_add_ps(a.x, b.x);
}
inline Float8 operator-(Float8 a, Float8 b) {
    return _mm256_sub_ps(a.x, b.x);
}
inline Float8 operator*(Float8 a, Float8 b) {
    return _mm256_mul_ps(a.x, b.x);
}
inline Float8 operator-(Float8 a) {
    return _mm256_xor_ps(a.x, _mm256_set1_ps(-0.0f));
}
inline Float8 fused(Float8 a, Float8 b, Float8 c) {
    return _mm256_fmadd_ps(a.x, b.x, c.x);
}
/// Two halves of 16 bits are exact; their sum is rounded once.
inline Float8 from_unsigned(Words8 a) {
    __m256 const high = _mm256_cvtepi32_ps(_mm256_srli_epi32(a.x, 16));
    __m256 const low = _mm256_cvtepi32_ps(_mm256_and_si256(a.x, _mm256_set1_epi32(0xFFFF)));
    return _mm256_fmadd_ps(high, _mm256_set1_ps(65536.0f), low);
}
inline Float8 from_signed(Words8 a) {
    return _mm256_cvtepi32_ps(a.x);
}
inline Words8 word_of(Float8 a) {
    return _mm256_castps_si256(a.x);
}
inline Float8 real_of(Words8 a) {
    return _mm256_castsi256_ps(a.x);
}
inline Float8 square_root(Float8 a) {
    return _mm256_sqrt_ps(a.x);
}
inline Float8 at_least_zero(Float8 a) {
    return _mm256_max_ps(a.x, _mm256_setzero_ps());
}
inline Mask8 at_least(Float8 a, Float8 b) {
    return {_mm256_castps_si256(_mm256_cmp_ps(a.x, b.x, _CMP_GE_OQ))};
}
inline Float8 select(Mask8 m, Float8 yes, Float8 no) {
    return _mm256_blendv_ps(no.x, yes.x, _mm256_castsi256_ps(m.x));
}
inline Float8 with_sign_of(Words8 upper, Float8 a) {
    __m256 const sign = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(a.x, _mm256_andnot_ps(_mm256_castsi256_ps(upper.x), sign));
}

#include "autoencoder/normal_inl.hpp"

#include "autoencoder/batch_generic_inl.hpp"

void rotate(float const* image, std::int64_t height, std::int64_t width, Turn turn, float* to) {
    for (std::int64_t i = 0; i < height; ++i)
        for (std::int64_t j = 0; j < width; ++j) to[i * width + j] = turned_pixel(image, height, width, turn, i, j);
}

constexpr BatchKernels table{from_bytes<Float8>, add_noise<Float8>, salt_and_pepper<Float8>, flip<Float8>, rotate};

}  // namespace avx2
}  // namespace
}  // namespace ca3::autoencoder

CA3_TARGET_END

namespace ca3::autoencoder {
BatchKernels const& avx2_batch_kernels() {
    return avx2::table;
}
}  // namespace ca3::autoencoder

#endif
