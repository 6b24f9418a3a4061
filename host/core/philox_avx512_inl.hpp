// Philox 4x32-10 on eight counters at once, for inclusion inside a region of CA3_TARGET_BEGIN("avx512f,...").
//
// Each 64-bit lane holds a word in its lower half; the upper half is what a product left there, which vpmuludq does not read.

struct PhiloxLanes {
    __m512i w0, w1, w2, w3;
};

inline PhiloxLanes philox_rounds(PhiloxLanes c, std::uint32_t key0, std::uint32_t key1) {
    __m512i const a = _mm512_set1_epi64(0xD2511F53), b = _mm512_set1_epi64(0xCD9E8D57);
    for (int round = 0; round < 10; ++round) {
        __m512i const p0 = _mm512_mul_epu32(c.w0, a), p2 = _mm512_mul_epu32(c.w2, b);
        constexpr int exclusive_or = 0x96;
        c.w0 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p2, 32), c.w1, _mm512_set1_epi64(key0), exclusive_or);
        c.w1 = p2;
        c.w2 = _mm512_ternarylogic_epi64(_mm512_srli_epi64(p0, 32), c.w3, _mm512_set1_epi64(key1), exclusive_or);
        c.w3 = p0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return c;
}

/// Word k of sixteen successive blocks.
struct PhiloxWords {
    __m512i word[4];
};

/// Blocks first ... first + 15, which must agree in the upper 32 bits of their number.
inline PhiloxWords philox_words(std::uint64_t seed, random::Purpose purpose, std::uint32_t element, std::uint32_t step,
                                std::uint64_t first) {
    auto const key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
    std::uint32_t const last = static_cast<std::uint32_t>(purpose) | static_cast<std::uint32_t>(first >> 32) << 8;
    __m512i const even =
        _mm512_add_epi64(_mm512_set1_epi64(static_cast<std::uint32_t>(first)), _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14));
    __m512i const odd = _mm512_add_epi64(even, _mm512_set1_epi64(1));
    __m512i const w1 = _mm512_set1_epi64(element), w2 = _mm512_set1_epi64(step), w3 = _mm512_set1_epi64(last);
    PhiloxLanes const x = philox_rounds({even, w1, w2, w3}, key0, key1), y = philox_rounds({odd, w1, w2, w3}, key0, key1);
    auto const joined = [&](__m512i e, __m512i o) { return _mm512_mask_blend_epi32(0xAAAA, e, _mm512_slli_epi64(o, 32)); };
    return {{joined(x.w0, y.w0), joined(x.w1, y.w1), joined(x.w2, y.w2), joined(x.w3, y.w3)}};
}

/// r[i] holds the four words of blocks 4 i ... 4 i + 3, one block after the other.
inline PhiloxWords by_block(PhiloxWords const& w) {
    __m512i const a = _mm512_unpacklo_epi32(w.word[0], w.word[1]), b = _mm512_unpackhi_epi32(w.word[0], w.word[1]);
    __m512i const c = _mm512_unpacklo_epi32(w.word[2], w.word[3]), d = _mm512_unpackhi_epi32(w.word[2], w.word[3]);
    // 128-bit lane k of p_j: block 4 k + j.
    __m512i const p0 = _mm512_unpacklo_epi64(a, c), p1 = _mm512_unpackhi_epi64(a, c);
    __m512i const p2 = _mm512_unpacklo_epi64(b, d), p3 = _mm512_unpackhi_epi64(b, d);
    __m512i const q0 = _mm512_shuffle_i32x4(p0, p1, 0x44), q1 = _mm512_shuffle_i32x4(p0, p1, 0xEE);  // p0[0] p0[1] p1[0] p1[1]; ...
    __m512i const q2 = _mm512_shuffle_i32x4(p2, p3, 0x44), q3 = _mm512_shuffle_i32x4(p2, p3, 0xEE);
    return {{_mm512_shuffle_i32x4(q0, q2, 0x88), _mm512_shuffle_i32x4(q0, q2, 0xDD), _mm512_shuffle_i32x4(q1, q3, 0x88),
             _mm512_shuffle_i32x4(q1, q3, 0xDD)}};
}
