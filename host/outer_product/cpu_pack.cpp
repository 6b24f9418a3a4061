#include "outer_product/cpu_pack.hpp"

#include "core/state.hpp"
#include "outer_product/cpu_tile.hpp"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ca3::outer_product::cpu {

namespace {

constexpr std::int64_t word_bits = 64;

/// Bit c is set where the sign of values[c] is; `count` <= 64.
std::uint64_t sign_bits(std::int8_t const* values, std::int64_t count) noexcept {
    std::uint64_t bits = 0;
    std::int64_t c = 0;
#if defined(__SSE2__)
    for (; c + 16 <= count; c += 16) {
        __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(values + c));
        bits |= std::uint64_t{static_cast<std::uint16_t>(_mm_movemask_epi8(bytes))} << c;
    }
#endif
    for (; c + 8 <= count; c += 8) {
        std::uint64_t bytes = 0;
        for (int b = 0; b < 8; ++b) bytes |= std::uint64_t{static_cast<std::uint8_t>(values[c + b])} << (8 * b);
        std::uint64_t const signs = (bytes >> 7) & 0x0101010101010101u;
        bits |= ((signs * 0x0102040810204080u) >> 56) << c;  // the product gathers bit 8i at 56 + i
    }
    for (; c < count; ++c) bits |= std::uint64_t{values[c] < 0} << c;
    return bits;
}

/// Transposes a matrix of bits, row r in bits[r], column c in bit c (H. S. Warren, Hacker's Delight, 7-3).
void transpose(std::uint64_t (&bits)[word_bits]) noexcept {
    std::uint64_t mask = 0x00000000FFFFFFFFu;
    for (int half = 32; half > 0; half /= 2, mask ^= mask << half) {
        for (int block = 0; block < word_bits; block += 2 * half) {
            for (int r = block; r < block + half; ++r) {
                std::uint64_t const swapped = ((bits[r] >> half) ^ bits[r + half]) & mask;
                bits[r] ^= swapped << half;
                bits[r + half] ^= swapped;
            }
        }
    }
}

}  // namespace

PackedColumns pack_columns(Context const& context, MatrixView<std::int8_t const> patterns) {
    std::int64_t const words = (patterns.rows + word_bits - 1) / word_bits;
    std::int64_t const tiles = (patterns.cols + tile_side - 1) / tile_side;
    PackedColumns packed{.words = words, .bits = Buffer<std::uint64_t>(context, detail::checked_product(tiles * tile_side, words))};
    static_assert(tile_side == word_bits);
    pool(context).run(tiles, [&](std::int64_t tile, int) {
        std::int64_t const first = tile * tile_side;
        std::int64_t const columns = std::min(tile_side, patterns.cols - first);
        for (std::int64_t k = 0; k < words; ++k) {
            std::int64_t const rows = std::min(word_bits, patterns.rows - k * word_bits);
            std::uint64_t block[word_bits] = {};
            for (std::int64_t r = 0; r < rows; ++r) block[r] = sign_bits(patterns.row(k * word_bits + r) + first, columns);
            transpose(block);
            for (std::int64_t c = 0; c < tile_side; ++c) {
                std::int64_t const group = (first + c) / group_columns;
                packed.bits.data()[(group * words + k) * group_columns + c % group_columns] = block[c];
            }
        }
    });
    return packed;
}

}  // namespace ca3::outer_product::cpu
