#include "autoencoder/cpu_inline.hpp"
#include "autoencoder/cpu_kernels.hpp"
#include "core/target.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

// GCC 12 takes the undefined pass-through operands inside its own intrinsics for uninitialised variables.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,bmi2,fma,prfchw")

namespace ca3::autoencoder::cpu {
namespace {
namespace bf16 {

/// 16 sums, or as the operand of a product 16 pairs of bf16.
struct Pairs16 {
    static constexpr std::int64_t width = 16;
    static constexpr int sums = 28;  ///< registers for a tile of sums
    static constexpr int strip = 2;  ///< vectors side by side in it
    __m512 x;

    Pairs16() = default;
    CA3_ALWAYS_INLINE Pairs16(__m512 y) : x(y) {}
    CA3_ALWAYS_INLINE explicit Pairs16(float y) : x(_mm512_set1_ps(y)) {}
    static CA3_ALWAYS_INLINE Pairs16 load(float const* p) { return _mm512_loadu_ps(p); }
    CA3_ALWAYS_INLINE void store(float* p) const { _mm512_storeu_ps(p, x); }
};

CA3_ALWAYS_INLINE __m512bh pairs(Pairs16 a) {
    return reinterpret_cast<__m512bh>(a.x);
}
/// sum + (second of a) (second of b), then + (first of a) (first of b), both fused.
CA3_ALWAYS_INLINE Pairs16 fused(Pairs16 a, Pairs16 b, Pairs16 sum) {
    return _mm512_dpbf16_ps(sum.x, pairs(a), pairs(b));
}

#include "autoencoder/cpu_gemm_inl.hpp"

/// 16 numbers of `low`, then 16 of `high`, rounded to nearest, ties to even; below 2^-126 to 0.
CA3_ALWAYS_INLINE __m512i rounded(__m512 low, __m512 high) {
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

/// The first n of 32 numbers and zeros.
CA3_ALWAYS_INLINE __m512i rounded(float const* x, std::int64_t n) {
    auto const mask = n >= panel ? ~0u : n <= 0 ? 0u : (1u << n) - 1u;
    return rounded(_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), x),
                   _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), x + 16));
}

void pair_columns(std::int64_t rows, std::int64_t columns, float const* from, std::int64_t from_panel, float* to) {
    for (std::int64_t r = 0; r < rows; ++r, from += panel, to += panel) {
        _mm512_storeu_si512(to, rounded(from, columns));
        _mm512_storeu_si512(to + 16, columns > panel ? rounded(from + from_panel, columns - panel) : _mm512_setzero_si512());
    }
}

void pair_rows(std::int64_t rows, float const* from, float* to) {
    alignas(64) static constexpr auto turns = [] {
        std::array<std::uint16_t, 32> order{};
        for (std::size_t i = 0; i < 32; ++i) order[i] = static_cast<std::uint16_t>(i / 2 + 16 * (i % 2));
        return order;
    }();
    __m512i const order = _mm512_load_si512(turns.data());
    for (std::int64_t r = 0; r < rows; r += 2, from += 2 * panel, to += panel)
        for (std::int64_t c = 0; c < panel; c += 16) {
            __m512 const second = r + 1 < rows ? _mm512_loadu_ps(from + panel + c) : _mm512_setzero_ps();
            _mm512_storeu_si512(to + c, _mm512_permutexvar_epi16(order, rounded(_mm512_loadu_ps(from + c), second)));
        }
}

void pair_transposed(std::int64_t rows, std::int64_t columns, float const* from, float* to) {
    alignas(64) float pair[panel * panel];
    for (std::int64_t r = 0; r < rows; ++r) _mm512_store_si512(pair + panel * r, rounded(from + panel * r, columns));
    avx512_kernels.transpose(rows, (columns + 1) / 2, pair, to);
}

/// Not by comparisons of floats: a pair whose second is zero looks like a number below 2^-126.
void nonzero_rows(std::int64_t rows, float const* a, std::int64_t first, std::uint32_t* const* list, std::int64_t* count) {
    constexpr std::int64_t groups = panel / zero_group;
    __m512i const magnitude = _mm512_set1_epi32(0x7FFF7FFF);
    std::fill_n(count, groups, 0);
    for (std::int64_t r = 0; r < rows; ++r, a += panel) {
        std::uint32_t const low = _mm512_test_epi32_mask(_mm512_loadu_si512(a), magnitude);
        std::uint32_t const high = _mm512_test_epi32_mask(_mm512_loadu_si512(a + 16), magnitude);
        std::uint32_t const set = low | high << 16;
        for (std::int64_t g = 0; g < groups; ++g) {
            list[g][count[g]] = static_cast<std::uint32_t>(first + r);
            count[g] += (set >> (zero_group * g) & ((1u << zero_group) - 1u)) != 0 ? 1 : 0;
        }
    }
}

Kernels kernels() {
    Kernels k = avx512_kernels;
    k.together = 2;
    k.pair_columns = &pair_columns;
    k.pair_rows = &pair_rows;
    k.pair_transposed = &pair_transposed;
    k.tile_rows = Pairs16::sums / Pairs16::strip;
    k.product = &product<Pairs16>;
    k.transposed_product = &transposed_product<Pairs16>;
    k.nonzero_rows = &nonzero_rows;
    k.listed_product = &listed_product<Pairs16>;
    k.listed_transposed_product = &listed_transposed_product<Pairs16>;
    return k;
}

}  // namespace bf16
}  // namespace
}  // namespace ca3::autoencoder::cpu

CA3_TARGET_END

#endif

namespace ca3::autoencoder::cpu {

Kernels const* kernels_for(InstructionSet set, Precision precision) noexcept {
    if (precision == Precision::f32) return &kernels_for(set);
#if defined(__x86_64__)
    if (precision == Precision::bf16 && set >= InstructionSet::avx512_vnni && __builtin_cpu_supports("avx512bf16")) {
        static Kernels const kernels = bf16::kernels();
        return &kernels;
    }
#endif
    return nullptr;
}

}  // namespace ca3::autoencoder::cpu
