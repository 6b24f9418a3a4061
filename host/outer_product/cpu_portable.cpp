#include "outer_product/cpu_tile.hpp"

#include <algorithm>

namespace ca3::outer_product::cpu {

namespace {

constexpr std::int64_t lanes = group_columns;

/// The number of bits set in each byte.
std::uint64_t byte_counts(std::uint64_t x) noexcept {
    x -= (x >> 1) & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
    return (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
}

std::int64_t sum_of_bytes(std::uint64_t x) noexcept {
    x = (x & 0x00FF00FF00FF00FFu) + ((x >> 8) & 0x00FF00FF00FF00FFu);
    return static_cast<std::int64_t>((x * 0x0001000100010001u) >> 48);
}

/// Differing bits of one column with a group of 8. The loops over lanes are what a compiler turns into vectors.
void differences(std::uint64_t const* column, std::uint64_t const* group, std::int64_t words, std::int64_t (&total)[lanes]) noexcept {
    std::fill(total, total + lanes, 0);
    for (std::int64_t begin = 0; begin < words; begin += words_per_byte_counter) {
        std::int64_t const end = std::min(words, begin + words_per_byte_counter);
        std::uint64_t bytes[lanes] = {};
        for (std::int64_t k = begin; k < end; ++k) {
            std::uint64_t const word = column[k * lanes];
            for (std::int64_t lane = 0; lane < lanes; ++lane) bytes[lane] += byte_counts(word ^ group[k * lanes + lane]);
        }
        for (std::int64_t lane = 0; lane < lanes; ++lane) total[lane] += sum_of_bytes(bytes[lane]);
    }
}

}  // namespace

template <class T>
void count_portable(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel) {
    for (std::int64_t r = 0; r < group_columns; ++r) {
        for (std::int64_t g = 0; g < tile_groups; ++g) {
            std::int64_t total[lanes];
            differences(rows + r, columns + g * words * lanes, words, total);
            for (std::int64_t lane = 0; lane < lanes; ++lane)
                panel[r * tile_side + g * lanes + lane] = static_cast<T>(patterns - step<T> * total[lane]);
        }
    }
}

template void count_portable(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::uint8_t*);
template void count_portable(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int16_t*);
template void count_portable(std::uint64_t const*, std::uint64_t const*, std::int64_t, std::int64_t, std::int32_t*);

}  // namespace ca3::outer_product::cpu
