/// The AVX-512 kernels of the dense form; see cpu_avx512_inl.hpp.
namespace ca3::hopfield::cpu {

namespace {

namespace avx512 {

/// 64 neurons (four registers) by S states of the dense product.
template <int S, bool is_signed>
void dense_tile(std::uint8_t const* panel, std::int64_t padded, std::int8_t const* states, std::int32_t* fields,
                std::int64_t field_stride) {
    __m512i sum[S][4];
#pragma GCC unroll 16
    for (int b = 0; b < S; ++b) {
#pragma GCC unroll 16
        for (int v = 0; v < 4; ++v) sum[b][v] = _mm512_setzero_si512();
    }
    for (std::int64_t j = 0; j < padded; j += 4) {
        __m512i weights[4];
#pragma GCC unroll 16
        for (int v = 0; v < 4; ++v) weights[v] = _mm512_load_si512(panel + j * panel_rows + 64 * v);
#pragma GCC unroll 8
        for (int b = 0; b < S; ++b) {
            std::int32_t four;
            std::memcpy(&four, states + b * padded + j, 4);
            __m512i const s = _mm512_set1_epi32(four);
#pragma GCC unroll 4
            for (int v = 0; v < 4; ++v) {
                sum[b][v] = is_signed ? _mm512_dpbusd_epi32(sum[b][v], s, weights[v]) : _mm512_dpbusd_epi32(sum[b][v], weights[v], s);
            }
        }
    }
#pragma GCC unroll 16
    for (int b = 0; b < S; ++b) {
#pragma GCC unroll 16
        for (int v = 0; v < 4; ++v) _mm512_storeu_si512(fields + b * field_stride + 16 * v, sum[b][v]);
    }
}

template <bool is_signed>
void dense_panels(DenseArguments const& a) {
    std::int64_t const padded = a.packed->padded;
    for (std::int64_t p = 0; p < a.panels; ++p) {
        std::uint8_t const* const panel = a.packed->panel.data() + (a.first_panel + p) * padded * panel_rows;
        std::int64_t b = 0;
        for (; b + 6 <= a.count; b += 6) {
            dense_tile<6, is_signed>(panel, padded, a.states + b * padded, a.fields + b * a.field_stride + p * panel_rows, a.field_stride);
        }
        for (; b < a.count; ++b) {
            dense_tile<1, is_signed>(panel, padded, a.states + b * padded, a.fields + b * a.field_stride + p * panel_rows, a.field_stride);
        }
    }
}

void dense_fields(DenseArguments const& arguments) {
    arguments.packed->row_sum.empty() ? dense_panels<false>(arguments) : dense_panels<true>(arguments);
}

std::int32_t dot(std::int8_t const* x, std::int32_t const* a, std::int64_t n) {
    __m512i sum = _mm512_setzero_si512();
    for (std::int64_t k = 0; k < n; k += 16) {
        auto const valid = static_cast<__mmask16>(n - k >= 16 ? 0xFFFF : (1 << (n - k)) - 1);
        __m512i const factor = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(valid, x + k));
        sum = _mm512_add_epi32(sum, _mm512_mullo_epi32(factor, _mm512_maskz_loadu_epi32(valid, a + k)));
    }
    return _mm512_reduce_add_epi32(sum);
}

/// 16 neurons at a time; see DenseDecision.
std::int64_t decide_dense(DenseDecision const& a) {
    __m512i const scale = _mm512_set1_epi32(a.scale), shift = _mm512_set1_epi32(a.shift), zero = _mm512_setzero_si512();
    __m512i const minus = _mm512_set1_epi32(-1), plus = _mm512_set1_epi32(1);
    __m512i const on_tie = a.tie == Tie::plus ? plus : a.tie == Tie::minus ? minus : zero;
    __m512i changes = zero;
    for (std::int64_t i = 0; i < a.d; i += 16) {
        auto const valid = static_cast<__mmask16>(a.d - i >= 16 ? 0xFFFF : (1 << (a.d - i)) - 1);
        __m512i const s = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(valid, a.now + i));
        __m512i h = _mm512_sub_epi32(_mm512_mullo_epi32(scale, _mm512_maskz_loadu_epi32(valid, a.fields + i)), shift);
        if (a.offset != nullptr) h = _mm512_sub_epi32(h, _mm512_maskz_loadu_epi32(valid, a.offset + i));
        if (a.diagonal != nullptr) h = _mm512_sub_epi32(h, _mm512_mullo_epi32(s, _mm512_maskz_loadu_epi32(valid, a.diagonal + i)));
        __m512i next = _mm512_mask_mov_epi32(a.tie == Tie::keep ? s : on_tie, _mm512_cmpgt_epi32_mask(h, zero), plus);
        next = _mm512_mask_mov_epi32(next, _mm512_cmplt_epi32_mask(h, zero), minus);
        changes = _mm512_mask_add_epi32(changes, _mm512_mask_cmpneq_epi32_mask(valid, next, s), changes, plus);
        _mm_mask_storeu_epi8(a.next + i, valid, _mm512_cvtepi32_epi8(next));
    }
    return _mm512_reduce_add_epi32(changes);
}

}  // namespace avx512

}  // namespace

}  // namespace ca3::hopfield::cpu
