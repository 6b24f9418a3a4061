#include "core/target.hpp"
#include "outer_product/cpu_tile.hpp"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

// Past all includes, so that inline functions of the standard library are not compiled for this instruction set.
CA3_TARGET_BEGIN("avx2,bmi2,fma")

namespace ca3::outer_product::cpu {

namespace {

constexpr std::int64_t lanes = group_columns;
constexpr int block_rows = 4;

/// Adds the number of bits set in each byte of `x` (W. Mula: a table of 16 counts, looked up by shuffle).
inline void add_byte_counts(__m256i& counters, __m256i x, __m256i table, __m256i low_nibbles) {
    __m256i const low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, low_nibbles));
    __m256i const high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low_nibbles));
    counters = _mm256_add_epi8(counters, _mm256_add_epi8(low, high));
}

inline __m256i load(std::uint64_t const* from) {
    return _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from));
}

/// Differing bits of 4 neighbouring columns with a group of 8.
void differences(std::uint64_t const* rows, std::uint64_t const* group, std::int64_t words, std::int64_t (&total)[block_rows][lanes]) {
    __m256i const table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    __m256i const low_nibbles = _mm256_set1_epi8(0x0F);
    __m256i sum[block_rows][2];
    for (auto& row : sum) row[0] = row[1] = _mm256_setzero_si256();
    for (std::int64_t begin = 0; begin < words; begin += words_per_byte_counter) {
        std::int64_t const end = std::min(words, begin + words_per_byte_counter);
        __m256i counters[block_rows][2];
        for (auto& row : counters) row[0] = row[1] = _mm256_setzero_si256();
        for (std::int64_t k = begin; k < end; ++k) {
            __m256i const left = load(group + k * lanes);
            __m256i const right = load(group + k * lanes + 4);
#pragma GCC unroll 4
            for (int r = 0; r < block_rows; ++r) {
                __m256i const word = _mm256_set1_epi64x(static_cast<long long>(rows[k * lanes + r]));
                add_byte_counts(counters[r][0], _mm256_xor_si256(word, left), table, low_nibbles);
                add_byte_counts(counters[r][1], _mm256_xor_si256(word, right), table, low_nibbles);
            }
        }
        for (int r = 0; r < block_rows; ++r)
            for (int half = 0; half < 2; ++half)
                sum[r][half] = _mm256_add_epi64(sum[r][half], _mm256_sad_epu8(counters[r][half], _mm256_setzero_si256()));
    }
    for (int r = 0; r < block_rows; ++r)
        for (int half = 0; half < 2; ++half) _mm256_storeu_si256(reinterpret_cast<__m256i*>(total[r] + 4 * half), sum[r][half]);
}

}  // namespace

template <class T>
void count_avx2(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel) {
    for (std::int64_t r = 0; r < group_columns; r += block_rows) {
        for (std::int64_t g = 0; g < tile_groups; ++g) {
            std::int64_t total[block_rows][lanes];
            differences(rows + r, columns + g * words * lanes, words, total);
            for (int i = 0; i < block_rows; ++i)
                for (std::int64_t lane = 0; lane < lanes; ++lane)
                    panel[(r + i) * tile_side + g * lanes + lane] = static_cast<T>(patterns - step<T> * total[i][lane]);
        }
    }
}

template void count_avx2(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::uint8_t*);
template void count_avx2(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int16_t*);
template void count_avx2(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int32_t*);

}  // namespace ca3::outer_product::cpu

CA3_TARGET_END
#endif
