#include "core/target.hpp"
#include "lif/cpu_kernels.hpp"
#include "lif/neuron.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <initializer_list>

// GCC 12 takes the undefined pass-through operands inside its own intrinsics for uninitialised variables.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,bmi2,fma")

namespace ca3::lif::cpu {
namespace {
namespace avx512 {

#include "core/philox_avx512_inl.hpp"
#include "lif/neuron_step_inl.hpp"

template <class V>
V exponential_f32(V x);
template <class V>
V exponential_f64(V x);

/// Masks travel as integers of 32 bits: GCC 12 may spill a narrow mask register and read it back wider.
struct Mask {
    unsigned m;
    int width;

    [[nodiscard]] unsigned bits() const { return m; }
};
inline Mask both(Mask a, Mask b) {
    return {a.m & b.m, a.width};
}
inline Mask neither(Mask a) {
    return {~a.m & ((1u << a.width) - 1u), a.width};
}

struct Steps16 {
    __m512i x = _mm512_setzero_si512();

    Steps16() = default;
    Steps16(__m512i y) : x(y) {}
    explicit Steps16(std::int32_t n) : x(_mm512_set1_epi32(n)) {}
    static Steps16 load(std::uint16_t const* p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<__m256i const*>(p))); }
    void store(std::uint16_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(x)); }
};
inline Mask is_zero(Steps16 a) {
    return {_cvtmask16_u32(_mm512_testn_epi32_mask(a.x, a.x)), 16};
}
inline Steps16 one_less(Steps16 a) {
    return _mm512_max_epi32(_mm512_sub_epi32(a.x, _mm512_set1_epi32(1)), _mm512_setzero_si512());
}
inline Steps16 select(Mask m, Steps16 yes, Steps16 no) {
    return _mm512_mask_mov_epi32(no.x, static_cast<__mmask16>(m.m), yes.x);
}

struct Float16 {
    using Scalar = float;
    using Steps = Steps16;
    static constexpr int width = 16;
    __m512 x = _mm512_setzero_ps();

    Float16() = default;
    Float16(__m512 y) : x(y) {}
    explicit Float16(double y) : x(_mm512_set1_ps(static_cast<float>(y))) {}
    static Float16 load(float const* p) { return _mm512_loadu_ps(p); }
    void store(float* p) const { _mm512_storeu_ps(p, x); }
    static Float16 load_sums(std::int32_t const* p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }
    static void clear_sums(std::int32_t* p) { _mm512_storeu_si512(p, _mm512_setzero_si512()); }
    static Float16 power_of_two(Float16 shifted) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_castps_si512(shifted.x), _mm512_set1_epi32(127)), 23));
    }
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
inline Float16 operator/(Float16 a, Float16 b) {
    return _mm512_div_ps(a.x, b.x);
}
inline Float16 operator-(Float16 a) {
    return _mm512_xor_ps(a.x, _mm512_set1_ps(-0.0f));
}
inline Float16 fused(Float16 a, Float16 b, Float16 c) {
    return _mm512_fmadd_ps(a.x, b.x, c.x);
}
inline Mask at_least(Float16 a, Float16 b) {
    return {_cvtmask16_u32(_mm512_cmp_ps_mask(a.x, b.x, _CMP_GE_OQ)), 16};
}
inline Mask less(Float16 a, Float16 b) {
    return {_cvtmask16_u32(_mm512_cmp_ps_mask(a.x, b.x, _CMP_LT_OQ)), 16};
}
inline Float16 select(Mask m, Float16 yes, Float16 no) {
    return _mm512_mask_mov_ps(no.x, static_cast<__mmask16>(m.m), yes.x);
}
inline Float16 exponential(Float16 a) {
    return exponential_f32(a);
}

struct Steps8 {
    __m256i x = _mm256_setzero_si256();

    Steps8() = default;
    Steps8(__m256i y) : x(y) {}
    explicit Steps8(std::int32_t n) : x(_mm256_set1_epi32(n)) {}
    static Steps8 load(std::uint16_t const* p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<__m128i const*>(p))); }
    void store(std::uint16_t* p) const { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtepi32_epi16(x)); }
};
inline Mask is_zero(Steps8 a) {
    return {_cvtmask8_u32(_mm256_testn_epi32_mask(a.x, a.x)), 8};
}
inline Steps8 one_less(Steps8 a) {
    return _mm256_max_epi32(_mm256_sub_epi32(a.x, _mm256_set1_epi32(1)), _mm256_setzero_si256());
}
inline Steps8 select(Mask m, Steps8 yes, Steps8 no) {
    return _mm256_mask_mov_epi32(no.x, static_cast<__mmask8>(m.m), yes.x);
}

struct Double8 {
    using Scalar = double;
    using Steps = Steps8;
    static constexpr int width = 8;
    __m512d x = _mm512_setzero_pd();

    Double8() = default;
    Double8(__m512d y) : x(y) {}
    explicit Double8(double y) : x(_mm512_set1_pd(y)) {}
    static Double8 load(double const* p) { return _mm512_loadu_pd(p); }
    void store(double* p) const { _mm512_storeu_pd(p, x); }
    static Double8 load_sums(std::int64_t const* p) { return _mm512_cvtepi64_pd(_mm512_loadu_si512(p)); }
    static void clear_sums(std::int64_t* p) { _mm512_storeu_si512(p, _mm512_setzero_si512()); }
    static Double8 power_of_two(Double8 shifted) {
        return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_add_epi64(_mm512_castpd_si512(shifted.x), _mm512_set1_epi64(1023)), 52));
    }
};
inline Double8 operator+(Double8 a, Double8 b) {
    return _mm512_add_pd(a.x, b.x);
}
inline Double8 operator-(Double8 a, Double8 b) {
    return _mm512_sub_pd(a.x, b.x);
}
inline Double8 operator*(Double8 a, Double8 b) {
    return _mm512_mul_pd(a.x, b.x);
}
inline Double8 operator/(Double8 a, Double8 b) {
    return _mm512_div_pd(a.x, b.x);
}
inline Double8 operator-(Double8 a) {
    return _mm512_xor_pd(a.x, _mm512_set1_pd(-0.0));
}
inline Double8 fused(Double8 a, Double8 b, Double8 c) {
    return _mm512_fmadd_pd(a.x, b.x, c.x);
}
inline Mask at_least(Double8 a, Double8 b) {
    return {_cvtmask8_u32(_mm512_cmp_pd_mask(a.x, b.x, _CMP_GE_OQ)), 8};
}
inline Mask less(Double8 a, Double8 b) {
    return {_cvtmask8_u32(_mm512_cmp_pd_mask(a.x, b.x, _CMP_LT_OQ)), 8};
}
inline Double8 select(Mask m, Double8 yes, Double8 no) {
    return _mm512_mask_mov_pd(no.x, static_cast<__mmask8>(m.m), yes.x);
}
inline Double8 exponential(Double8 a) {
    return exponential_f64(a);
}

#include "lif/cpu_generic_inl.hpp"

/// Adds counts[i] * weight to in[i] for the neurons [from, to) of a group.
inline void add_counts(std::uint16_t const* counts, std::int32_t weight, std::int64_t from, std::int64_t to, std::int32_t* in) {
    __m512i const w = _mm512_set1_epi32(weight);
    for (std::int64_t i = from / 16 * 16; i < to; i += 16) {
        unsigned lanes = 0xFFFFu;
        if (i < from) lanes &= 0xFFFFu << (from - i);
        if (to - i < 16) lanes &= (1u << (to - i)) - 1u;
        auto const mask = static_cast<__mmask16>(lanes);
        __m512i const n = _mm512_cvtepu16_epi32(_mm256_load_si256(reinterpret_cast<__m256i const*>(counts + i)));
        __m512i const sums = _mm512_add_epi32(_mm512_maskz_loadu_epi32(mask, in + i), _mm512_mullo_epi32(n, w));
        _mm512_mask_storeu_epi32(in + i, mask, sums);
    }
}
inline void add_counts(std::uint16_t const* counts, std::int32_t weight, std::int64_t from, std::int64_t to, std::int64_t* in) {
    for (std::int64_t i = from; i < to; ++i) in[i] += static_cast<std::int64_t>(counts[i]) * weight;
}

/// Sixteen blocks give the upper halves of 128 neurons. A count is the number of thresholds whose upper half lies below; where one is equal
/// the lower halves decide, which is rare.
template <class Real>
void add_poisson(PoissonTask<Real> const& t, random::Fill fill) {
    constexpr std::size_t most_thresholds = 48;
    constexpr std::int64_t group = 128;
    PoissonTable const& table = *t.tables;
    if (t.table_of != nullptr || table.thresholds.size() > most_thresholds || table.base > 60000 ||
        t.first + t.count > std::int64_t{0x7FFFFFFF} - group) {
        return add_poisson_each(t, fill);
    }
    __m512i upper[most_thresholds];
    int thresholds = 0;
    // Thresholds in the last of the 65,536 cells are never below an upper half: there the lower halves decide.
    for (std::uint32_t const threshold : table.thresholds)
        if (threshold >> 16 != 0xFFFFu) upper[thresholds++] = _mm512_set1_epi16(static_cast<short>(threshold >> 16));
    __m512i const base = _mm512_set1_epi16(static_cast<short>(table.base)), one = _mm512_set1_epi16(1), last_cell = _mm512_set1_epi16(-1);
    std::int64_t const end = t.first + t.count;
    for (std::int64_t begin = t.first / group * group; begin < end; begin += group) {
        PhiloxWords const u = philox_words(t.seed, random::Purpose::poisson, t.stimulus, t.step, static_cast<std::uint64_t>(begin / 8));
        PhiloxWords counts;
        __m512i distance[4];  // 0 where the upper half is that of a threshold
        for (int j = 0; j < 4; ++j) {
            counts.word[j] = base;
            distance[j] = _mm512_xor_si512(u.word[j], last_cell);
        }
        for (int k = 0; k < thresholds; ++k) {
            for (int j = 0; j < 4; ++j) {
                counts.word[j] = _mm512_mask_add_epi16(counts.word[j], _mm512_cmpgt_epu16_mask(u.word[j], upper[k]), counts.word[j], one);
                distance[j] = _mm512_min_epu16(distance[j], _mm512_xor_si512(u.word[j], upper[k]));
            }
        }
        unsigned undecided[4];
        for (int j = 0; j < 4; ++j) undecided[j] = _cvtmask32_u32(_mm512_testn_epi16_mask(distance[j], distance[j]));
        alignas(64) std::uint16_t count[group];
        PhiloxWords const in_order = by_block(counts);
        for (int j = 0; j < 4; ++j) _mm512_store_si512(count + 32 * j, in_order.word[j]);
        if ((undecided[0] | undecided[1] | undecided[2] | undecided[3]) != 0) {
            for (int j = 0; j < 4; ++j) {
                for (unsigned lanes = undecided[j]; lanes != 0; lanes &= lanes - 1) {
                    int const lane = std::countr_zero(lanes);
                    std::int64_t const i = lane / 2 * 8 + 2 * j + lane % 2;
                    count[i] = static_cast<std::uint16_t>(
                        table.count(poisson_uniform(t.seed, t.stimulus, t.step, static_cast<std::uint32_t>(begin + i))));
                }
            }
        }
        add_counts(count, t.weight, std::max<std::int64_t>(t.first - begin, 0), std::min(group, end - begin), t.in + (begin - t.first));
    }
}

template <Kind kind>
constexpr Update<float> sixteen = update_vectors<kind, Float16>;
template <Kind kind>
constexpr Update<double> eight = update_vectors<kind, Double8>;

constexpr Kernels table{
    .update_f32 = {sixteen<Kind::delta>, sixteen<Kind::exponential>, sixteen<Kind::exponential_one>, sixteen<Kind::alpha>,
                   sixteen<Kind::alpha_one>, sixteen<Kind::conductance>, sixteen<Kind::hodgkin_huxley>},
    .update_f64 = {eight<Kind::delta>, eight<Kind::exponential>, eight<Kind::exponential_one>, eight<Kind::alpha>, eight<Kind::alpha_one>,
                   eight<Kind::conductance>, eight<Kind::hodgkin_huxley>},
    .poisson_f32 = add_poisson<float>,
    .poisson_f64 = add_poisson<double>};

}  // namespace avx512
}  // namespace
}  // namespace ca3::lif::cpu

CA3_TARGET_END

namespace ca3::lif::cpu {
Kernels const& avx512_kernels() {
    return avx512::table;
}
}  // namespace ca3::lif::cpu

#endif
