#include "core/philox_fill.hpp"

#include "core/target.hpp"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ca3::random {

namespace {

void fill_portable(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t first_block,
                   std::int64_t blocks, std::uint32_t* out) {
    for (std::int64_t i = 0; i < blocks; ++i) {
        Block const block = draw_block(seed, purpose, element, step, first_block + static_cast<std::uint64_t>(i));
        std::memcpy(out + 4 * i, block.word, sizeof block.word);
    }
}

/// Whole groups of blocks whose numbers share their upper 32 bits go to `group`, the rest to the portable form.
template <int width, class Group>
void fill_by_groups(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t first_block,
                    std::int64_t blocks, std::uint32_t* out, Group group) {
    std::int64_t i = 0;
    while (i < blocks) {
        std::uint64_t const block = first_block + static_cast<std::uint64_t>(i);
        if (blocks - i >= width && (block >> 32) == ((block + width - 1) >> 32)) {
            group(block, out + 4 * i);
            i += width;
        } else {
            fill_portable(seed, purpose, element, step, block, 1, out + 4 * i);
            ++i;
        }
    }
}

}  // namespace

}  // namespace ca3::random

#if defined(__x86_64__)
// GCC 12 takes the undefined pass-through operands inside its own intrinsics for uninitialised variables.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

CA3_TARGET_BEGIN("avx2")
namespace ca3::random {
namespace {
namespace avx2 {

struct Lanes {
    __m256i w0, w1, w2, w3;
};

/// As philox_avx512_inl.hpp, on four counters.
inline Lanes rounds(Lanes c, std::uint32_t key0, std::uint32_t key1) {
    __m256i const a = _mm256_set1_epi64x(0xD2511F53), b = _mm256_set1_epi64x(0xCD9E8D57);
    for (int round = 0; round < 10; ++round) {
        __m256i const p0 = _mm256_mul_epu32(c.w0, a), p2 = _mm256_mul_epu32(c.w2, b);
        c.w0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p2, 32), c.w1), _mm256_set1_epi64x(key0));
        c.w1 = p2;
        c.w2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c.w3), _mm256_set1_epi64x(key1));
        c.w3 = p0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return c;
}

void group(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t first, std::uint32_t* out) {
    auto const key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
    std::uint32_t const last = static_cast<std::uint32_t>(purpose) | static_cast<std::uint32_t>(first >> 32) << 8;
    __m256i const even = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<std::uint32_t>(first)), _mm256_setr_epi64x(0, 2, 4, 6));
    __m256i const odd = _mm256_add_epi64(even, _mm256_set1_epi64x(1));
    __m256i const w1 = _mm256_set1_epi64x(element), w2 = _mm256_set1_epi64x(step), w3 = _mm256_set1_epi64x(last);
    Lanes const x = rounds({even, w1, w2, w3}, key0, key1), y = rounds({odd, w1, w2, w3}, key0, key1);
    auto const joined = [&](__m256i e, __m256i o) { return _mm256_blend_epi32(e, _mm256_slli_epi64(o, 32), 0xAA); };
    __m256i const r0 = joined(x.w0, y.w0), r1 = joined(x.w1, y.w1), r2 = joined(x.w2, y.w2), r3 = joined(x.w3, y.w3);
    __m256i const a = _mm256_unpacklo_epi32(r0, r1), b = _mm256_unpackhi_epi32(r0, r1);
    __m256i const c = _mm256_unpacklo_epi32(r2, r3), d = _mm256_unpackhi_epi32(r2, r3);
    // 128-bit lane k of p_j: block 4 k + j.
    __m256i const p[4] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c), _mm256_unpacklo_epi64(b, d),
                          _mm256_unpackhi_epi64(b, d)};
    auto* const to = reinterpret_cast<__m128i*>(out);
    for (int j = 0; j < 4; ++j) {
        _mm_storeu_si128(to + j, _mm256_castsi256_si128(p[j]));
        _mm_storeu_si128(to + 4 + j, _mm256_extracti128_si256(p[j], 1));
    }
}

}  // namespace avx2

void fill_avx2(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t first_block,
               std::int64_t blocks, std::uint32_t* out) {
    fill_by_groups<8>(seed, purpose, element, step, first_block, blocks, out,
                      [&](std::uint64_t block, std::uint32_t* to) { avx2::group(seed, purpose, element, step, block, to); });
}

}  // namespace
}  // namespace ca3::random
CA3_TARGET_END

CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl")
namespace ca3::random {
namespace {

#include "core/philox_avx512_inl.hpp"

void group_avx512(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t first, std::uint32_t* out) {
    PhiloxWords const words = by_block(philox_words(seed, purpose, element, step, first));
    for (int j = 0; j < 4; ++j) _mm512_storeu_si512(out + 16 * j, words.word[j]);
}

void fill_avx512(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t first_block,
                 std::int64_t blocks, std::uint32_t* out) {
    fill_by_groups<16>(seed, purpose, element, step, first_block, blocks, out,
                       [&](std::uint64_t block, std::uint32_t* to) { group_avx512(seed, purpose, element, step, block, to); });
}

}  // namespace
}  // namespace ca3::random
CA3_TARGET_END
#endif

namespace ca3::random {

Fill fill_for(InstructionSet set) noexcept {
#if defined(__x86_64__)
    switch (set) {
        case InstructionSet::avx2:
            return fill_avx2;
        case InstructionSet::avx512_vnni:
        case InstructionSet::avx512_vpopcntdq:
            return fill_avx512;
        case InstructionSet::automatic:
        case InstructionSet::portable:
            break;
    }
#endif
    return fill_portable;
}

}  // namespace ca3::random
