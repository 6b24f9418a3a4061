#include "core/target.hpp"
#include "outer_product/cpu_tile.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

// Past all includes, so that inline functions of the standard library are not compiled for this instruction set.
CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi2,fma")

namespace ca3::outer_product::cpu {

namespace {

constexpr std::int64_t lanes = group_columns;
constexpr int block_rows = 8;    // one group, whose words share a cache line
constexpr int block_groups = 2;  // 16 accumulators

using Sums = __m512i[block_rows][block_groups];

/// patterns - step n, narrowed from 64 bits to T, to the places of a block in a panel.
template <class T>
inline void store_block(Sums const& differing, std::int64_t patterns, T* panel) {
    __m512i const all = _mm512_set1_epi64(patterns);
    for (int r = 0; r < block_rows; ++r) {
        for (int g = 0; g < block_groups; ++g) {
            __m512i const n = step<T> == 1 ? differing[r][g] : _mm512_add_epi64(differing[r][g], differing[r][g]);
            __m512i const value = _mm512_sub_epi64(all, n);
            void* const to = panel + r * tile_side + g * lanes;
            if constexpr (sizeof(T) == 1) _mm512_mask_cvtepi64_storeu_epi8(to, 0xFF, value);
            if constexpr (sizeof(T) == 2) _mm512_mask_cvtepi64_storeu_epi16(to, 0xFF, value);
            if constexpr (sizeof(T) == 4) _mm512_mask_cvtepi64_storeu_epi32(to, 0xFF, value);
        }
    }
}

inline __m512i broadcast(std::uint64_t word) {
    return _mm512_set1_epi64(static_cast<long long>(word));
}

/// Differing bits by a table of 16 counts, looked up by shuffle: for CPUs that cannot count bits in vectors.
inline void differences_by_table(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, Sums& sum) {
    __m512i const table = _mm512_set4_epi32(0x04030302, 0x03020201, 0x03020201, 0x02010100);
    __m512i const low_nibbles = _mm512_set1_epi8(0x0F);
    for (auto& row : sum)
        for (auto& value : row) value = _mm512_setzero_si512();
    for (std::int64_t begin = 0; begin < words; begin += words_per_byte_counter) {
        std::int64_t const end = std::min(words, begin + words_per_byte_counter);
        Sums counters;
        for (auto& row : counters)
            for (auto& value : row) value = _mm512_setzero_si512();
        for (std::int64_t k = begin; k < end; ++k) {
            __m512i const group[block_groups] = {_mm512_loadu_si512(columns + k * lanes),
                                                 _mm512_loadu_si512(columns + (words + k) * lanes)};
#pragma GCC unroll 8
            for (int r = 0; r < block_rows; ++r) {
                __m512i const word = broadcast(rows[k * lanes + r]);
#pragma GCC unroll 2
                for (int g = 0; g < block_groups; ++g) {
                    __m512i const x = _mm512_xor_si512(word, group[g]);
                    __m512i const low = _mm512_shuffle_epi8(table, _mm512_and_si512(x, low_nibbles));
                    __m512i const high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(x, 4), low_nibbles));
                    counters[r][g] = _mm512_add_epi8(counters[r][g], _mm512_add_epi8(low, high));
                }
            }
        }
        for (int r = 0; r < block_rows; ++r)
            for (int g = 0; g < block_groups; ++g)
                sum[r][g] = _mm512_add_epi64(sum[r][g], _mm512_sad_epu8(counters[r][g], _mm512_setzero_si512()));
    }
}

}  // namespace

template <class T>
void count_avx512_bw(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel) {
    Sums sum;
    for (std::int64_t g = 0; g < tile_groups; g += block_groups) {
        differences_by_table(rows, columns + g * words * lanes, words, sum);
        store_block(sum, patterns, panel + g * lanes);
    }
}

template void count_avx512_bw(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::uint8_t*);
template void count_avx512_bw(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int16_t*);
template void count_avx512_bw(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int32_t*);

CA3_TARGET_END
CA3_TARGET_BEGIN("avx512vpopcntdq,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi2,fma")

namespace {

inline void differences_by_popcount(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, Sums& sum) {
    for (auto& row : sum)
        for (auto& value : row) value = _mm512_setzero_si512();
    for (std::int64_t k = 0; k < words; ++k) {
        __m512i const group[block_groups] = {_mm512_loadu_si512(columns + k * lanes), _mm512_loadu_si512(columns + (words + k) * lanes)};
#pragma GCC unroll 8
        for (int r = 0; r < block_rows; ++r) {
            __m512i const word = broadcast(rows[k * lanes + r]);
#pragma GCC unroll 2
            for (int g = 0; g < block_groups; ++g)
                sum[r][g] = _mm512_add_epi64(sum[r][g], _mm512_popcnt_epi64(_mm512_xor_si512(word, group[g])));
        }
    }
}

}  // namespace

template <class T>
void count_avx512_vpopcntdq(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel) {
    Sums sum;
    for (std::int64_t g = 0; g < tile_groups; g += block_groups) {
        differences_by_popcount(rows, columns + g * words * lanes, words, sum);
        store_block(sum, patterns, panel + g * lanes);
    }
}

template void count_avx512_vpopcntdq(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::uint8_t*);
template void count_avx512_vpopcntdq(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int16_t*);
template void count_avx512_vpopcntdq(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int32_t*);

}  // namespace ca3::outer_product::cpu

CA3_TARGET_END
#endif
