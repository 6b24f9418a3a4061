#include "autoencoder/batch_kernels.hpp"
#include "core/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

// GCC 12 takes the undefined pass-through operands inside its own intrinsics for uninitialised variables.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,bmi2,fma")

namespace ca3::autoencoder {
namespace {
namespace avx512 {

/// Masks travel as integers of 32 bits: GCC 12 may spill a narrow mask register and read it back wider.
struct Mask {
    unsigned m;
};
inline bool any(Mask a) {
    return a.m != 0;
}

struct Words16 {
    __m512i x = _mm512_setzero_si512();

    Words16() = default;
    Words16(__m512i y) : x(y) {}
    explicit Words16(std::uint32_t n) : x(_mm512_set1_epi32(static_cast<int>(n))) {}
    static Words16 load(std::uint32_t const* p) { return _mm512_loadu_si512(p); }
};
inline Words16 operator^(Words16 a, Words16 b) {
    return _mm512_xor_si512(a.x, b.x);
}
inline Words16 operator+(Words16 a, Words16 b) {
    return _mm512_add_epi32(a.x, b.x);
}
inline Words16 operator-(Words16 a, Words16 b) {
    return _mm512_sub_epi32(a.x, b.x);
}
template <int by>
inline Words16 shift_left(Words16 a) {
    return _mm512_slli_epi32(a.x, by);
}
template <int by>
inline Words16 arithmetic_shift_right(Words16 a) {
    return _mm512_srai_epi32(a.x, by);
}
inline Mask at_most(Words16 a, Words16 b) {
    return {_cvtmask16_u32(_mm512_cmple_epu32_mask(a.x, b.x))};
}

struct Float16 {
    using Words = Words16;
    static constexpr int width = 16;
    __m512 x = _mm512_setzero_ps();

    Float16() = default;
    Float16(__m512 y) : x(y) {}
    explicit Float16(float y) : x(_mm512_set1_ps(y)) {}
    static Float16 load(float const* p) { return _mm512_loadu_ps(p); }
    static Float16 load_bytes(std::uint8_t const* p) {
        return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(p))));
    }
    void store(float* p) const { _mm512_storeu_ps(p, x); }
};
inline Float16 operator+(Float16 a, Float16 b) {
    return _mm512_add_ps(a.x, b.x);
}
inline Float16 operator-(Float16 a, Float16 b) {
    return _mm512_sub_ps(a.x, b.x);
}
inline Float16 operator*(Float16 a, Float16 b) {
    return _mm512_mul_ps(a.x, b.x);
}
inline Float16 operator-(Float16 a) {
    return _mm512_xor_ps(a.x, _mm512_set1_ps(-0.0f));
}
inline Float16 fused(Float16 a, Float16 b, Float16 c) {
    return _mm512_fmadd_ps(a.x, b.x, c.x);
}
inline Float16 from_unsigned(Words16 a) {
    return _mm512_cvtepu32_ps(a.x);
}
inline Float16 from_signed(Words16 a) {
    return _mm512_cvtepi32_ps(a.x);
}
inline Words16 word_of(Float16 a) {
    return _mm512_castps_si512(a.x);
}
inline Float16 real_of(Words16 a) {
    return _mm512_castsi512_ps(a.x);
}
inline Float16 square_root(Float16 a) {
    return _mm512_sqrt_ps(a.x);
}
inline Float16 at_least_zero(Float16 a) {
    return _mm512_max_ps(a.x, _mm512_setzero_ps());
}
inline Mask at_least(Float16 a, Float16 b) {
    return {_cvtmask16_u32(_mm512_cmp_ps_mask(a.x, b.x, _CMP_GE_OQ))};
}
inline Float16 select(Mask m, Float16 yes, Float16 no) {
    return _mm512_mask_mov_ps(no.x, static_cast<__mmask16>(m.m), yes.x);
}
inline Float16 with_sign_of(Words16 upper, Float16 a) {
    return _mm512_or_ps(a.x, _mm512_castsi512_ps(_mm512_andnot_si512(upper.x, _mm512_set1_epi32(static_cast<int>(0x80000000u)))));
}

#include "autoencoder/normal_inl.hpp"

#include "autoencoder/batch_generic_inl.hpp"

/// turned_pixel for sixteen columns at once. Images of fewer than 2^30 values.
void rotate(float const* image, std::int64_t height, std::int64_t width, Turn turn, float* to) {
    if (height * width >= std::int64_t{1} << 30) return portable_batch_kernels().rotate(image, height, width, turn, to);
    __m512 const centre_x = _mm512_set1_ps(0.5f * static_cast<float>(width - 1));
    __m512 const centre_y = _mm512_set1_ps(0.5f * static_cast<float>(height - 1));
    __m512 const cosine = _mm512_set1_ps(turn.cosine), minus_cosine = _mm512_set1_ps(-turn.cosine), sine = _mm512_set1_ps(turn.sine);
    __m512i const w = _mm512_set1_epi32(static_cast<int>(width)), h = _mm512_set1_epi32(static_cast<int>(height));
    __m512i const one = _mm512_set1_epi32(1);
    __m512 const none = _mm512_setzero_ps();
    for (std::int64_t i = 0; i < height; ++i) {
        __m512 const y = _mm512_sub_ps(centre_y, _mm512_set1_ps(static_cast<float>(i)));
        __m512 const from_row_x = _mm512_fmadd_ps(sine, y, centre_x), from_row_y = _mm512_fmadd_ps(minus_cosine, y, centre_y);
        for (std::int64_t j = 0; j < width; j += 16) {
            __m512i const columns = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(j)),
                                                     _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
            __m512 const x = _mm512_sub_ps(_mm512_cvtepi32_ps(columns), centre_x);
            __m512 const from_x = _mm512_fmadd_ps(cosine, x, from_row_x), from_y = _mm512_fmadd_ps(sine, x, from_row_y);
            __m512 const floor_x = _mm512_roundscale_ps(from_x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
            __m512 const floor_y = _mm512_roundscale_ps(from_y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
            __m512 const dx = _mm512_sub_ps(from_x, floor_x), dy = _mm512_sub_ps(from_y, floor_y);
            __m512i const column = _mm512_cvttps_epi32(floor_x), row = _mm512_cvttps_epi32(floor_y);
            __m512i const next_column = _mm512_add_epi32(column, one), next_row = _mm512_add_epi32(row, one);
            auto const inside = [](__m512i a, __m512i count) { return _cvtmask16_u32(_mm512_cmplt_epu32_mask(a, count)); };
            unsigned const left = inside(column, w), right = inside(next_column, w), above = inside(row, h), below = inside(next_row, h);
            __m512i const at = _mm512_add_epi32(_mm512_mullo_epi32(row, w), column);
            __m512i const under = _mm512_add_epi32(at, w);
            auto const pixels = [&](unsigned mask, __m512i index) {
                return _mm512_mask_i32gather_ps(none, static_cast<__mmask16>(mask), index, image, 4);
            };
            __m512 const a = pixels(above & left, at), b = pixels(above & right, _mm512_add_epi32(at, one));
            __m512 const c = pixels(below & left, under), d = pixels(below & right, _mm512_add_epi32(under, one));
            __m512 const top = _mm512_fmadd_ps(dx, _mm512_sub_ps(b, a), a), bottom = _mm512_fmadd_ps(dx, _mm512_sub_ps(d, c), c);
            unsigned const lanes = width - j < 16 ? (1u << (width - j)) - 1u : 0xFFFFu;
            _mm512_mask_storeu_ps(to + i * width + j, static_cast<__mmask16>(lanes), _mm512_fmadd_ps(dy, _mm512_sub_ps(bottom, top), top));
        }
    }
}

constexpr BatchKernels table{from_bytes<Float16>, add_noise<Float16>, salt_and_pepper<Float16>, flip<Float16>, rotate};

}  // namespace avx512
}  // namespace
}  // namespace ca3::autoencoder

CA3_TARGET_END

namespace ca3::autoencoder {
BatchKernels const& avx512_batch_kernels() {
    return avx512::table;
}
}  // namespace ca3::autoencoder

#endif
