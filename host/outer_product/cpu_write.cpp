#include "outer_product/cpu_write.hpp"

#include "outer_product/cpu_tile.hpp"

#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace ca3::outer_product::cpu {

namespace {

constexpr std::size_t vector_bytes = 16;  // every 64-bit CPU has such vectors

template <class T>
struct Vector {
    typedef T Type __attribute__((vector_size(vector_bytes)));
};

template <class T, std::size_t... Lane>
[[nodiscard]] auto zip_low(typename Vector<T>::Type a, typename Vector<T>::Type b, std::index_sequence<Lane...>) {
    return __builtin_shufflevector(a, b, (Lane / 2 + Lane % 2 * sizeof...(Lane))...);
}
template <class T, std::size_t... Lane>
[[nodiscard]] auto zip_high(typename Vector<T>::Type a, typename Vector<T>::Type b, std::index_sequence<Lane...>) {
    return __builtin_shufflevector(a, b, (sizeof...(Lane) / 2 + Lane / 2 + Lane % 2 * sizeof...(Lane))...);
}

/// n x n elements, n to a vector: log2(n) rounds of interleaving row r with row r + n / 2.
template <class T>
void transpose_block(T const* in, T* out) noexcept {
    constexpr int n = vector_bytes / sizeof(T);
    constexpr auto lanes = std::make_index_sequence<n>{};
    typename Vector<T>::Type rows[n];
    for (int r = 0; r < n; ++r) std::memcpy(&rows[r], in + r * tile_side, vector_bytes);
    for (int round = 1; round < n; round *= 2) {
        typename Vector<T>::Type next[n];
        for (int r = 0; r < n / 2; ++r) {
            next[2 * r] = zip_low<T>(rows[r], rows[r + n / 2], lanes);
            next[2 * r + 1] = zip_high<T>(rows[r], rows[r + n / 2], lanes);
        }
        for (int r = 0; r < n; ++r) rows[r] = next[r];
    }
    for (int r = 0; r < n; ++r) std::memcpy(out + r * tile_side, &rows[r], vector_bytes);
}

/// Wide enough for the sum of two T.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 4, std::int64_t, std::int32_t>;

template <class T>
[[nodiscard]] bool possible(Wide<T> value, Wide<T> patterns) noexcept {
    if constexpr (holds_agreements<T>) return 0 <= value && value <= patterns;
    return (-patterns <= value) & (value <= patterns) & (((value ^ patterns) & 1) == 0);
}

template <class T, Operation operation>
[[nodiscard]] bool update(T const* from, T* to, std::int64_t count, Wide<T> before, Wide<T> after) noexcept {
    int strange = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        auto const old = static_cast<Wide<T>>(to[i]);
        auto const sum = static_cast<Wide<T>>(operation == Operation::add ? old + from[i] : old - from[i]);
        strange |= static_cast<int>(!(operation == Operation::add ? possible<T>(old, before) : possible<T>(sum, after)));
        to[i] = static_cast<T>(sum);
    }
    return strange == 0;
}

}  // namespace

template <class T>
void transpose_tile(T const* in, T* out) noexcept {
    constexpr std::int64_t n = vector_bytes / sizeof(T);
    for (std::int64_t r = 0; r < tile_side; r += n)
        for (std::int64_t c = 0; c < tile_side; c += n) transpose_block(in + c * tile_side + r, out + r * tile_side + c);
}

template <class T>
void write_row(T const* from, T* to, std::int64_t count, bool streaming) noexcept {
    std::size_t const bytes = static_cast<std::size_t>(count) * sizeof(T);
#if defined(__SSE2__)
    if (streaming && reinterpret_cast<std::uintptr_t>(to) % vector_bytes == 0 && bytes % vector_bytes == 0) {
        auto const* const source = reinterpret_cast<char const*>(from);
        auto* const target = reinterpret_cast<char*>(to);
        for (std::size_t i = 0; i < bytes; i += vector_bytes) {
            __m128i const value = _mm_load_si128(reinterpret_cast<__m128i const*>(source + i));
            _mm_stream_si128(reinterpret_cast<__m128i*>(target + i), value);
        }
        return;
    }
#else
    static_cast<void>(streaming);
#endif
    std::memcpy(to, from, bytes);
}

void finish_streaming() noexcept {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

template <class T>
bool update_row(Update const& update_, T const* from, T* to, std::int64_t count) noexcept {
    auto const before = static_cast<Wide<T>>(update_.before);
    auto const after = static_cast<Wide<T>>(update_.after);
    if (update_.operation == Operation::add) return update<T, Operation::add>(from, to, count, before, after);
    return update<T, Operation::remove>(from, to, count, before, after);
}

template void transpose_tile(std::uint8_t const*, std::uint8_t*) noexcept;
template void transpose_tile(std::int16_t const*, std::int16_t*) noexcept;
template void transpose_tile(std::int32_t const*, std::int32_t*) noexcept;
template void write_row(std::uint8_t const*, std::uint8_t*, std::int64_t, bool) noexcept;
template void write_row(std::int16_t const*, std::int16_t*, std::int64_t, bool) noexcept;
template void write_row(std::int32_t const*, std::int32_t*, std::int64_t, bool) noexcept;
template bool update_row(Update const&, std::uint8_t const*, std::uint8_t*, std::int64_t) noexcept;
template bool update_row(Update const&, std::int16_t const*, std::int16_t*, std::int64_t) noexcept;
template bool update_row(Update const&, std::int32_t const*, std::int32_t*, std::int64_t) noexcept;

}  // namespace ca3::outer_product::cpu
