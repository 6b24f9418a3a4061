#pragma once

#include <ca3/context.hpp>

#include "outer_product/backend.hpp"

#include <cstdint>

/// Counting agreements over packed bits: the inner part of the CPU backend, one form per instruction set.
///
/// Columns of the patterns are packed to bits (1 for -1) and laid out in groups of 8: `bits[(group * words + k) * 8 + lane]` holds patterns
/// 64k ... 64k + 63 of column 8 * group + lane, zero past the last pattern and past the last column.
namespace ca3::outer_product::cpu {

inline constexpr std::int64_t group_columns = 8;
inline constexpr std::int64_t tile_side = 64;
inline constexpr std::int64_t tile_groups = tile_side / group_columns;

/// Counts a panel of 8 x 64: panel[r * tile_side + c] = w (or the number of agreements for uint8) of column r of the group `rows` and
/// column c of the `tile_groups` groups from `columns` on: with n differing bits, patterns - 2n (or patterns - n).
template <class T>
using PanelKernel = void (*)(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel);

/// What a differing pattern takes off an entry.
template <class T>
inline constexpr std::int64_t step = holds_agreements<T> ? 1 : 2;

/// Byte counters take 8 per word: so many words before they must be emptied.
inline constexpr std::int64_t words_per_byte_counter = 31;

template <class T>
void count_portable(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel);
#if defined(__x86_64__)
template <class T>
void count_avx2(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel);
template <class T>
void count_avx512_bw(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel);
template <class T>
void count_avx512_vpopcntdq(std::uint64_t const* rows, std::uint64_t const* columns, std::int64_t words, std::int64_t patterns, T* panel);
#endif

template <class T>
[[nodiscard]] PanelKernel<T> panel_kernel(InstructionSet set) noexcept {
#if defined(__x86_64__)
    switch (set) {
        case InstructionSet::avx512_vpopcntdq:
            return count_avx512_vpopcntdq<T>;
        case InstructionSet::avx512_vnni:
            return count_avx512_bw<T>;
        case InstructionSet::avx2:
            return count_avx2<T>;
        case InstructionSet::portable:
        case InstructionSet::automatic:
            break;
    }
#else
    static_cast<void>(set);
#endif
    return count_portable<T>;
}

}  // namespace ca3::outer_product::cpu
