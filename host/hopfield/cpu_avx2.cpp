#include "core/target.hpp"
#include "hopfield/cpu_relax.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstdlib>
#include <cstring>
#include <limits>

CA3_TARGET_BEGIN("avx2,bmi2,popcnt,fma")

#include "hopfield/cpu_generic_inl.hpp"

/// The AVX2 kernels. X^T m runs on vpshufb: four patterns give 16 partial sums of +-m, whose low and high bytes are two tables.
namespace ca3::hopfield::cpu {

namespace {

namespace avx2 {

/// Bits set in each 64-bit lane: a table of 16 nibbles, then a sum of bytes (Mula).
inline __m256i popcount64(__m256i bits) {
    __m256i const table = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    __m256i const nibble = _mm256_set1_epi8(15);
    __m256i const low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, nibble));
    __m256i const high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble));
    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

void overlaps(Packed const& packed, Bits const* states, int count, bool, std::int32_t* out, std::int64_t stride) {
    for (int b = 0; b < count; ++b) {
        std::int64_t present = 0;
        for (std::int64_t w = 0; w < packed.words; ++w) present += std::popcount(states[b].nonzero[w]);
        for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
            std::uint64_t const* const x = packed.pattern_bits.data() + octet * packed.words * 8;
            __m256i first = _mm256_setzero_si256(), second = first;
            for (std::int64_t w = 0; w < packed.words; ++w) {
                __m256i const plus = _mm256_set1_epi64x(static_cast<long long>(states[b].plus[w]));
                __m256i const mask = _mm256_set1_epi64x(static_cast<long long>(states[b].nonzero[w]));
                auto const differ = [&](std::int64_t k) {
                    __m256i const patterns = _mm256_load_si256(reinterpret_cast<__m256i const*>(x + 8 * w + k));
                    return popcount64(_mm256_and_si256(_mm256_xor_si256(patterns, plus), mask));
                };
                first = _mm256_add_epi64(first, differ(0));
                second = _mm256_add_epi64(second, differ(4));
            }
            alignas(32) std::int64_t differ[8];
            _mm256_store_si256(reinterpret_cast<__m256i*>(differ), first);
            _mm256_store_si256(reinterpret_cast<__m256i*>(differ + 4), second);
            for (int k = 0; k < 8 && 8 * octet + k < packed.P; ++k) {
                out[b * stride + 8 * octet + k] = static_cast<std::int32_t>(present - 2 * differ[k]);
            }
        }
    }
}

/// Low and high bytes of the 16 sums of +-m of four patterns: entry e holds +m_k where bit k of e is set.
void build_nibble_table(std::int32_t const* m, std::uint8_t* low, std::uint8_t* high) {
    std::int32_t sum[16];
    sum[0] = -(m[0] + m[1] + m[2] + m[3]);
    for (int k = 0; k < 4; ++k) {
        for (int e = 0; e < 1 << k; ++e) sum[(1 << k) + e] = sum[e] + 2 * m[k];
    }
    for (int e = 0; e < 16; ++e) {
        low[e] = static_cast<std::uint8_t>(sum[e]);
        high[e] = static_cast<std::uint8_t>(sum[e] >> 8);
    }
}

/// One bit per neuron of a chunk from two registers of 16-bit masks in the order that unpacking leaves them in.
inline std::uint32_t mask_bits(__m256i low, __m256i high) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_packs_epi16(low, high)));
}

/// Where h - D s is above and equal to zero in a chunk.
struct Decision {
    std::uint32_t above, equal;
};

inline Decision decide_chunk(__m256i low, __m256i high, short diagonal, std::uint32_t plus, std::uint32_t minus) {
    auto const compare = [&](short against) {
        __m256i const level = _mm256_set1_epi16(against);
        return Decision{mask_bits(_mm256_cmpgt_epi16(low, level), _mm256_cmpgt_epi16(high, level)),
                        mask_bits(_mm256_cmpeq_epi16(low, level), _mm256_cmpeq_epi16(high, level))};
    };
    Decision const up = compare(diagonal), down = compare(static_cast<short>(-diagonal)), zero = compare(0);
    std::uint32_t const unknown = ~(plus | minus);
    return {(up.above & plus) | (down.above & minus) | (zero.above & unknown),
            (up.equal & plus) | (down.equal & minus) | (zero.equal & unknown)};
}

constexpr int block_chunks = 4;  ///< chunks of 32 neurons whose sums stay in registers

void sum_block(Packed const& packed, std::uint8_t const* tables, std::int64_t first_neuron, int chunks, __m256i (&low_sum)[block_chunks],
               __m256i (&high_sum)[block_chunks]) {
    __m256i const nibble = _mm256_set1_epi8(15);
    for (int n = 0; n < block_chunks; ++n) low_sum[n] = high_sum[n] = _mm256_setzero_si256();
    for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
        __m256i table[4];
        for (int t = 0; t < 4; ++t)
            table[t] = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<__m128i const*>(tables + 64 * octet + 16 * t)));
        std::uint8_t const* const index = packed.octet_index.data() + octet * packed.d + first_neuron;
        for (int n = 0; n < chunks; ++n) {
            __m256i const eight = _mm256_loadu_si256(reinterpret_cast<__m256i const*>(index + 32 * n));
            __m256i const four[2] = {_mm256_and_si256(eight, nibble), _mm256_and_si256(_mm256_srli_epi16(eight, 4), nibble)};
            for (int half = 0; half < 2; ++half) {
                __m256i const low = _mm256_shuffle_epi8(table[2 * half], four[half]);
                __m256i const high = _mm256_shuffle_epi8(table[2 * half + 1], four[half]);
                low_sum[n] = _mm256_add_epi16(low_sum[n], _mm256_unpacklo_epi8(low, high));
                high_sum[n] = _mm256_add_epi16(high_sum[n], _mm256_unpackhi_epi8(low, high));
            }
        }
    }
}

std::uint32_t half_word(std::uint64_t const* plane, std::int64_t chunk) {
    return static_cast<std::uint32_t>(plane[chunk / 2] >> (chunk % 2 * 32));
}

void sweep_one(SweepArguments const& sweep) {
    constexpr std::int64_t reach = 32767;  // of 16-bit fields
    Packed const& packed = *sweep.packed;
    auto* const tables = reinterpret_cast<std::uint8_t*>(sweep.scratch);
    std::int32_t* const m = sweep.m;
    overlaps(packed, sweep.states, 1, sweep.full, m, overlap_stride(packed));
    std::int64_t total = sweep.diagonal;
    for (std::int64_t mu = 0; mu < packed.P; ++mu) total += std::abs(m[mu]);
    if (total > reach) return Generic::hebbian_sweep(sweep);
    for (std::int64_t quad = 0; quad < 2 * packed.octets; ++quad)
        build_nibble_table(m + 4 * quad, tables + 32 * quad, tables + 32 * quad + 16);
    Bits const s = *sweep.states, next = *sweep.next;
    std::int64_t const chunks = ceil_div(packed.d, 32);
    for (std::int64_t first = 0; first < chunks; first += block_chunks) {
        int const count = static_cast<int>(std::min<std::int64_t>(block_chunks, chunks - first));
        __m256i low[block_chunks], high[block_chunks];
        sum_block(packed, tables, 32 * first, count, low, high);
        for (int n = 0; n < count; n += 2) {
            std::int64_t const chunk = first + n, w = chunk / 2;
            Decision part[2] = {};
            for (int k = 0; k < 2 && n + k < count; ++k) {
                std::uint32_t const plus = half_word(s.plus, chunk + k), nonzero = half_word(s.nonzero, chunk + k);
                part[k] = decide_chunk(low[n + k], high[n + k], static_cast<short>(sweep.diagonal), plus, nonzero & ~plus);
            }
            std::uint64_t const valid = valid_bits(packed.d, w);
            std::uint64_t const above = (part[0].above | std::uint64_t{part[1].above} << 32) & valid;
            std::uint64_t const equal = (part[0].equal | std::uint64_t{part[1].equal} << 32) & valid;
            next.plus[w] = next_plus(sweep.tie, above, equal, s.plus[w]);
            next.nonzero[w] = next_nonzero(sweep.tie, equal, s.nonzero[w], valid);
        }
    }
}

void hebbian_sweep(SweepArguments const& arguments) {
    for (int b = 0; b < arguments.count; ++b) {
        SweepArguments one = arguments;
        one.states += b;
        one.next += b;
        one.m += b * overlap_stride(*one.packed);
        one.count = 1;
        sweep_one(one);
    }
}

std::int64_t sweep_scratch(Packed const& packed) {
    return std::max(packed.octets * 64, Generic::sweep_scratch(packed)) + 64;
}

/// 32 neurons (half a panel) by S states. vpmaddubsw adds pairs of products of at most 255 and 2 * 127: 64 of them fit 16 bits.
template <int S, bool is_signed>
void dense_tile(std::uint8_t const* panel, std::int64_t padded, std::int8_t const* states, std::int32_t* fields,
                std::int64_t field_stride) {
    __m256i const ones = _mm256_set1_epi16(1);
    __m256i sum[S][4];
#pragma GCC unroll 8
    for (int b = 0; b < S; ++b) {
#pragma GCC unroll 8
        for (int v = 0; v < 4; ++v) sum[b][v] = _mm256_setzero_si256();
    }
    constexpr std::int64_t run = 4 * 64;
    for (std::int64_t first = 0; first < padded; first += run) {
        __m256i part[S][4];
#pragma GCC unroll 8
        for (int b = 0; b < S; ++b) {
#pragma GCC unroll 8
            for (int v = 0; v < 4; ++v) part[b][v] = _mm256_setzero_si256();
        }
        for (std::int64_t j = first; j < std::min(padded, first + run); j += 4) {
#pragma GCC unroll 8
            for (int v = 0; v < 4; ++v) {
                __m256i const weights = _mm256_load_si256(reinterpret_cast<__m256i const*>(panel + j * panel_rows + 32 * v));
#pragma GCC unroll 8
                for (int b = 0; b < S; ++b) {
                    std::int32_t four;
                    std::memcpy(&four, states + b * padded + j, 4);
                    __m256i const s = _mm256_set1_epi32(four);
                    part[b][v] =
                        _mm256_add_epi16(part[b][v], is_signed ? _mm256_maddubs_epi16(s, weights) : _mm256_maddubs_epi16(weights, s));
                }
            }
        }
#pragma GCC unroll 8
        for (int b = 0; b < S; ++b) {
#pragma GCC unroll 8
            for (int v = 0; v < 4; ++v) sum[b][v] = _mm256_add_epi32(sum[b][v], _mm256_madd_epi16(part[b][v], ones));
        }
    }
#pragma GCC unroll 8
    for (int b = 0; b < S; ++b) {
#pragma GCC unroll 8
        for (int v = 0; v < 4; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(fields + b * field_stride + 8 * v), sum[b][v]);
    }
}

template <bool is_signed>
void dense_panels(DenseArguments const& a) {
    std::int64_t const padded = a.packed->padded;
    for (std::int64_t half = 0; half < 2 * a.panels; ++half) {
        std::uint8_t const* const panel = a.packed->panel.data() + (a.first_panel + half / 2) * padded * panel_rows + half % 2 * 128;
        std::int32_t* const fields = a.fields + half * 32;
        std::int64_t b = 0;
        for (; b + 2 <= a.count; b += 2)
            dense_tile<2, is_signed>(panel, padded, a.states + b * padded, fields + b * a.field_stride, a.field_stride);
        if (b < a.count) dense_tile<1, is_signed>(panel, padded, a.states + b * padded, fields + b * a.field_stride, a.field_stride);
    }
}

void dense_fields(DenseArguments const& arguments) {
    arguments.packed->row_sum.empty() ? dense_panels<false>(arguments) : dense_panels<true>(arguments);
}

}  // namespace avx2

constexpr Kernels kernel_table{.sweep_states = 1,
                               .sweep_scratch = avx2::sweep_scratch,
                               .hebbian_sweep = avx2::hebbian_sweep,
                               .overlaps = avx2::overlaps,
                               .dense_fields = avx2::dense_fields,
                               .decide_dense = Generic::decide_dense,
                               .sum_patterns = Generic::sum_patterns,
                               .decide_fields = Generic::decide_fields,
                               .pack = Generic::pack_state,
                               .unpack = Generic::unpack_state,
                               .compare = Generic::compare,
                               .dot = Generic::dot,
                               .read_off = Generic::read_off};

}  // namespace

}  // namespace ca3::hopfield::cpu

CA3_TARGET_END

namespace ca3::hopfield::cpu {
Kernels const& avx2_kernels() {
    return kernel_table;
}
}  // namespace ca3::hopfield::cpu

#endif
