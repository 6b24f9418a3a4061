/// The AVX-512 kernels of single states: in and out of bit planes, comparison, overlaps, readings, and 64-bit fields; see
/// cpu_avx512_inl.hpp.
namespace ca3::hopfield::cpu {

namespace {

namespace avx512 {

// A mask as an integer, moved by hand: GCC 12 may spill a mask to memory and read it back wider than it was stored.
inline std::uint32_t bits_of(__mmask16 mask) {
    std::uint32_t bits;
    asm("kmovw %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}
inline std::uint32_t bits_of(__mmask32 mask) {
    std::uint32_t bits;
    asm("kmovd %1, %0" : "=r"(bits) : "k"(mask));
    return bits;
}

Entries pack(std::int8_t const* state, std::int64_t d, Bits bits) {
    __m512i const one = _mm512_set1_epi8(1);
    std::uint64_t unknown = 0, zeros = 0;
    for (std::int64_t w = 0; 64 * w < d; ++w) {
        std::uint64_t const valid = valid_bits(d, w);
        __m512i const s = _mm512_maskz_loadu_epi8(valid, state + 64 * w);
        std::uint64_t const nonzero = _mm512_test_epi8_mask(s, s);
        unknown |= _mm512_cmpgt_epu8_mask(_mm512_abs_epi8(s), one);
        zeros |= nonzero ^ valid;
        bits.nonzero[w] = nonzero;
        bits.plus[w] = nonzero & ~_mm512_movepi8_mask(s);
    }
    return {.known = unknown == 0, .full = zeros == 0};
}

void unpack(Bits bits, std::int64_t d, std::int8_t* state) {
    for (std::int64_t w = 0; 64 * w < d; ++w) {
        __m512i const minus = _mm512_movm_epi8(bits.nonzero[w]);
        _mm512_mask_storeu_epi8(state + 64 * w, valid_bits(d, w), _mm512_mask_mov_epi8(minus, bits.plus[w], _mm512_set1_epi8(1)));
    }
}

Difference compare(Bits next, Bits now, Bits before, std::int64_t words) {
    __m512i changes = _mm512_setzero_si512(), differs = changes;
    for (std::int64_t w = 0; w < words; w += 8) {
        auto const valid = static_cast<__mmask8>(words - w >= 8 ? 0xFF : (1 << (words - w)) - 1);
        auto const load = [&](std::uint64_t const* plane) { return _mm512_maskz_loadu_epi64(valid, plane + w); };
        __m512i const plus = load(next.plus), nonzero = load(next.nonzero);
        __m512i const changed = _mm512_or_si512(_mm512_xor_si512(plus, load(now.plus)), _mm512_xor_si512(nonzero, load(now.nonzero)));
        changes = _mm512_add_epi64(changes, popcount64(changed));
        differs = _mm512_or_si512(differs, _mm512_xor_si512(plus, load(before.plus)));
        differs = _mm512_or_si512(differs, _mm512_xor_si512(nonzero, load(before.nonzero)));
    }
    return {.changes = _mm512_reduce_add_epi64(changes), .as_before = _mm512_reduce_or_epi64(differs) == 0};
}

Reading read_off(Packed const& packed, Bits state, std::int64_t diagonal, std::int32_t const* m) {
    __m512i squares = _mm512_setzero_si512(), best = _mm512_set1_epi32(std::numeric_limits<std::int32_t>::min());
    for (std::int64_t mu = 0; mu < packed.P; mu += 16) {
        auto const valid = static_cast<__mmask16>(packed.P - mu >= 16 ? 0xFFFF : (1 << (packed.P - mu)) - 1);
        __m512i const even = _mm512_maskz_loadu_epi32(valid, m + mu), odd = _mm512_srli_epi64(even, 32);
        squares = _mm512_add_epi64(squares, _mm512_add_epi64(_mm512_mul_epi32(even, even), _mm512_mul_epi32(odd, odd)));
        best = _mm512_mask_max_epi32(best, valid, best, even);
    }
    Reading reading;
    reading.form = _mm512_reduce_add_epi64(squares);
    std::int32_t const largest = _mm512_reduce_max_epi32(best);
    for (std::int64_t mu = 0; mu < packed.P; mu += 16) {
        auto const valid = static_cast<__mmask16>(packed.P - mu >= 16 ? 0xFFFF : (1 << (packed.P - mu)) - 1);
        __mmask16 const equal = _mm512_mask_cmpeq_epi32_mask(valid, _mm512_maskz_loadu_epi32(valid, m + mu), _mm512_set1_epi32(largest));
        if (equal == 0) continue;
        reading.nearest = static_cast<std::int32_t>(mu + std::countr_zero(bits_of(equal)));
        reading.overlap = largest;
        break;
    }
    std::int64_t present = 0;
    for (std::int64_t w = 0; w < packed.words; ++w) present += std::popcount(state.nonzero[w]);
    reading.form -= diagonal * present;
    return reading;
}

template <int S, bool full>
void overlap_octet(Packed const& packed, std::int64_t octet, Bits const* states, __m512i (&differ)[S]) {
    std::uint64_t const* const x = packed.pattern_bits.data() + octet * packed.words * 8;
#pragma GCC unroll 16
    for (int b = 0; b < S; ++b) differ[b] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (std::int64_t w = 0; w < packed.words; ++w) {
        __m512i const patterns = _mm512_load_si512(x + 8 * w);
#pragma GCC unroll 16
        for (int b = 0; b < S; ++b) {
            __m512i const plus = _mm512_set1_epi64(static_cast<long long>(states[b].plus[w]));
            __m512i bits = _mm512_xor_si512(patterns, plus);
            if constexpr (!full) bits = _mm512_and_si512(bits, _mm512_set1_epi64(static_cast<long long>(states[b].nonzero[w])));
            differ[b] = _mm512_add_epi64(differ[b], popcount64(bits));
        }
    }
}

template <int S, bool full>
void overlap_tile(Packed const& packed, Bits const* states, std::int32_t* out, std::int64_t stride) {
    __m256i present[S];
#pragma GCC unroll 16
    for (int b = 0; b < S; ++b) {
        std::int64_t count = packed.d;
        if constexpr (!full) {
            count = 0;
            for (std::int64_t w = 0; w < packed.words; ++w) count += std::popcount(states[b].nonzero[w]);
        }
        present[b] = _mm256_set1_epi32(static_cast<int>(count));
    }
    for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
        __m512i differ[S];
        overlap_octet<S, full>(packed, octet, states, differ);
        std::int64_t const left = packed.P - 8 * octet;
        auto const mask = static_cast<__mmask8>(left >= 8 ? 0xFF : (1 << left) - 1);
#pragma GCC unroll 16
        for (int b = 0; b < S; ++b) {
            __m256i const twice = _mm256_slli_epi32(_mm512_cvtepi64_epi32(differ[b]), 1);
            _mm256_mask_storeu_epi32(out + b * stride + 8 * octet, mask, _mm256_sub_epi32(present[b], twice));
        }
    }
}

void overlaps(Packed const& packed, Bits const* states, int count, bool full, std::int32_t* out, std::int64_t stride) {
    int b = 0;
    for (; b + 4 <= count; b += 4) {
        full ? overlap_tile<4, true>(packed, states + b, out + b * stride, stride)
             : overlap_tile<4, false>(packed, states + b, out + b * stride, stride);
    }
    for (; b + 2 <= count; b += 2) {
        full ? overlap_tile<2, true>(packed, states + b, out + b * stride, stride)
             : overlap_tile<2, false>(packed, states + b, out + b * stride, stride);
    }
    if (b < count) {
        full ? overlap_tile<1, true>(packed, states + b, out + b * stride, stride)
             : overlap_tile<1, false>(packed, states + b, out + b * stride, stride);
    }
}

/// The 16 sums of +-a of four patterns, modulo 2^64: entry e holds +a_k where bit k of e is set. Patterns past `count` are zero.
inline void build_sums(std::int64_t const* a, std::int64_t count, std::int64_t* table) {
    std::int64_t four[4] = {};
    for (std::int64_t k = 0; k < std::min<std::int64_t>(4, count); ++k) four[k] = a[k];
    __m512i low = _mm512_set1_epi64(-(four[0] + four[1] + four[2] + four[3]));
    low = _mm512_mask_add_epi64(low, 0xAA, low, _mm512_set1_epi64(2 * four[0]));
    low = _mm512_mask_add_epi64(low, 0xCC, low, _mm512_set1_epi64(2 * four[1]));
    low = _mm512_mask_add_epi64(low, 0xF0, low, _mm512_set1_epi64(2 * four[2]));
    _mm512_store_si512(table, low);
    _mm512_store_si512(table + 8, _mm512_add_epi64(low, _mm512_set1_epi64(2 * four[3])));
}

/// 64 neurons at a time, whose sums stay in registers; vpermi2q looks four patterns up for eight neurons.
void sum_patterns(Packed const& packed, std::int64_t const* a, std::int64_t constant, std::int64_t* scratch, std::int64_t* fields) {
    constexpr int registers = 8;
    for (std::int64_t quad = 0; quad < 2 * packed.octets; ++quad) build_sums(a + 4 * quad, packed.P - 4 * quad, scratch + 16 * quad);
    for (std::int64_t first = 0; first < packed.d; first += 8 * registers) {
        std::uint64_t const valid = valid_bits(packed.d, first / 64);
        __m512i sum[registers];
#pragma GCC unroll 8
        for (int v = 0; v < registers; ++v) sum[v] = _mm512_set1_epi64(constant);
        for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
            std::int64_t const* const table = scratch + 32 * octet;
            __m512i const t0 = _mm512_load_si512(table), t1 = _mm512_load_si512(table + 8), t2 = _mm512_load_si512(table + 16),
                          t3 = _mm512_load_si512(table + 24);
            __m512i const bits = _mm512_maskz_loadu_epi8(valid, packed.octet_index.data() + octet * packed.d + first);
            alignas(64) std::uint8_t index[64];
            _mm512_store_si512(index, bits);
#pragma GCC unroll 8
            for (int v = 0; v < registers; ++v) {
                __m512i const eight = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(index + 8 * v)));
                sum[v] = _mm512_add_epi64(sum[v], _mm512_permutex2var_epi64(t0, eight, t1));
                sum[v] = _mm512_add_epi64(sum[v], _mm512_permutex2var_epi64(t2, _mm512_srli_epi64(eight, 4), t3));
            }
        }
#pragma GCC unroll 8
        for (int v = 0; v < registers; ++v)
            _mm512_mask_storeu_epi64(fields + first + 8 * v, static_cast<__mmask8>(valid >> (8 * v)), sum[v]);
    }
}

std::int64_t decide_fields(FieldDecision const& a) {
    __m512i const zero = _mm512_setzero_si512(), plus = _mm512_set1_epi64(1), minus = _mm512_set1_epi64(-1);
    __m512i const on_tie = a.tie == Tie::plus ? plus : a.tie == Tie::minus ? minus : zero;
    __m512i changes = zero;
    for (std::int64_t i = 0; i < a.d; i += 8) {
        auto const valid = static_cast<__mmask8>(a.d - i >= 8 ? 0xFF : (1 << (a.d - i)) - 1);
        __m512i const s = _mm512_cvtepi8_epi64(_mm_maskz_loadu_epi8(valid, a.now + i));
        __m512i h = _mm512_maskz_loadu_epi64(valid, a.fields + i);
        if (a.diagonal != nullptr) h = _mm512_sub_epi64(h, _mm512_mullo_epi64(s, _mm512_maskz_loadu_epi64(valid, a.diagonal + i)));
        h = _mm512_add_epi64(h, h);
        if (a.tau != nullptr) h = _mm512_sub_epi64(h, _mm512_maskz_loadu_epi64(valid, a.tau + i));
        __m512i const sign = _mm512_max_epi64(_mm512_min_epi64(h, plus), minus);
        __m512i const next = _mm512_mask_mov_epi64(sign, _mm512_cmpeq_epi64_mask(h, zero), a.tie == Tie::keep ? s : on_tie);
        changes = _mm512_mask_add_epi64(changes, _mm512_mask_cmpneq_epi64_mask(valid, next, s), changes, plus);
        _mm_mask_storeu_epi8(a.next + i, valid, _mm512_cvtepi64_epi8(next));
    }
    return _mm512_reduce_add_epi64(changes);
}

}  // namespace avx512

}  // namespace

}  // namespace ca3::hopfield::cpu
