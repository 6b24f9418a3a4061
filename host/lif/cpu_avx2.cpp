#include "core/target.hpp"
#include "lif/cpu_kernels.hpp"
#include "lif/neuron.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <initializer_list>

CA3_TARGET_BEGIN("avx2,bmi2,fma")

namespace ca3::lif::cpu {
namespace {
namespace avx2 {

#include "lif/neuron_step_inl.hpp"

template <class V>
V exponential_f32(V x);

struct Mask8 {
    __m256i x;

    [[nodiscard]] unsigned bits() const { return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(x))); }
};
inline Mask8 both(Mask8 a, Mask8 b) {
    return {_mm256_and_si256(a.x, b.x)};
}
inline Mask8 neither(Mask8 a) {
    return {_mm256_xor_si256(a.x, _mm256_set1_epi32(-1))};
}

struct Steps8 {
    __m256i x = _mm256_setzero_si256();

    Steps8() = default;
    Steps8(__m256i y) : x(y) {}
    explicit Steps8(std::int32_t n) : x(_mm256_set1_epi32(n)) {}
    static Steps8 load(std::uint16_t const* p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(p))); }
    void store(std::uint16_t* p) const {
        __m256i const packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(x, x), 0xD8);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
    }
};
inline Mask8 is_zero(Steps8 a) {
    return {_mm256_cmpeq_epi32(a.x, _mm256_setzero_si256())};
}
inline Steps8 one_less(Steps8 a) {
    return _mm256_max_epi32(_mm256_sub_epi32(a.x, _mm256_set1_epi32(1)), _mm256_setzero_si256());
}
inline Steps8 select(Mask8 m, Steps8 yes, Steps8 no) {
    return _mm256_blendv_epi8(no.x, yes.x, m.x);
}

struct Float8 {
    using Scalar = float;
    using Steps = Steps8;
    static constexpr int width = 8;
    __m256 x = _mm256_setzero_ps();

    Float8() = default;
    Float8(__m256 y) : x(y) {}
    explicit Float8(double y) : x(_mm256_set1_ps(static_cast<float>(y))) {}
    static Float8 load(float const* p) { return _mm256_loadu_ps(p); }
    void store(float* p) const { _mm256_storeu_ps(p, x); }
    static Float8 load_sums(std::int32_t const* p) { return _mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<__m256i const*>(p))); }
    static void clear_sums(std::int32_t* p) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_setzero_si256()); }
    static Float8 power_of_two(Float8 shifted) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_castps_si256(shifted.x), _mm256_set1_epi32(127)), 23));
    }
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
inline Float8 operator/(Float8 a, Float8 b) {
    return _mm256_div_ps(a.x, b.x);
}
inline Float8 operator-(Float8 a) {
    return _mm256_xor_ps(a.x, _mm256_set1_ps(-0.0f));
}
inline Float8 fused(Float8 a, Float8 b, Float8 c) {
    return _mm256_fmadd_ps(a.x, b.x, c.x);
}
inline Mask8 at_least(Float8 a, Float8 b) {
    return {_mm256_castps_si256(_mm256_cmp_ps(a.x, b.x, _CMP_GE_OQ))};
}
inline Mask8 less(Float8 a, Float8 b) {
    return {_mm256_castps_si256(_mm256_cmp_ps(a.x, b.x, _CMP_LT_OQ))};
}
inline Float8 select(Mask8 m, Float8 yes, Float8 no) {
    return _mm256_blendv_ps(no.x, yes.x, _mm256_castsi256_ps(m.x));
}
inline Float8 exponential(Float8 a) {
    return exponential_f32(a);
}

#include "lif/cpu_generic_inl.hpp"

template <Kind kind>
constexpr Update<float> eight = update_vectors<kind, Float8>;
template <Kind kind>
constexpr Update<double> each = update_each<kind, double>;

constexpr Kernels table{.update_f32 = {eight<Kind::delta>, eight<Kind::exponential>, eight<Kind::exponential_one>, eight<Kind::alpha>,
                                       eight<Kind::alpha_one>, eight<Kind::conductance>, eight<Kind::hodgkin_huxley>},
                        .update_f64 = {each<Kind::delta>, each<Kind::exponential>, each<Kind::exponential_one>, each<Kind::alpha>,
                                       each<Kind::alpha_one>, each<Kind::conductance>, each<Kind::hodgkin_huxley>},
                        .poisson_f32 = add_poisson_each<float>,
                        .poisson_f64 = add_poisson_each<double>};

}  // namespace avx2
}  // namespace
}  // namespace ca3::lif::cpu

CA3_TARGET_END

namespace ca3::lif::cpu {
Kernels const& avx2_kernels() {
    return avx2::table;
}
}  // namespace ca3::lif::cpu

#endif
