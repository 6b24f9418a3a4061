#pragma once

#include "tests/support/simt/language.hpp"

#include <cstring>
#include <type_traits>

/// Warp collectives. Lanes named in the mask wait for each other, wherever in the code they are, as from sm_70 on; a lane that is not in
/// its own mask, or a mask that names a lane which has ended, is a fault. Only __syncwarp orders memory.
namespace ca3::simt {

template <class T>
T shuffle(Collective operation, unsigned mask, T value, int lane, int width) {
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "shuffles move 4 or 8 bytes");
    ShuffleArgument argument{0, lane, width};
    std::memcpy(&argument.value, &value, sizeof(T));
    exchange(operation, mask, &argument);
    std::memcpy(&value, &argument.value, sizeof(T));
    return value;
}

inline unsigned word(Collective operation, unsigned mask, std::uint64_t value) {
    WordArgument argument{value, 0};
    exchange(operation, mask, &argument);
    return argument.result;
}

template <class T>
std::uint64_t bits(T value) {
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "matches compare 4 or 8 bytes");
    std::uint64_t out = 0;
    std::memcpy(&out, &value, sizeof(T));
    return out;
}

}  // namespace ca3::simt

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
    ca3::simt::word(ca3::simt::Collective::sync, mask, 0);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
    return ca3::simt::shuffle(ca3::simt::Collective::shuffle, mask, value, lane, width);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32) {
    return ca3::simt::shuffle(ca3::simt::Collective::shuffle_up, mask, value, static_cast<int>(distance), width);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32) {
    return ca3::simt::shuffle(ca3::simt::Collective::shuffle_down, mask, value, static_cast<int>(distance), width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
    return ca3::simt::shuffle(ca3::simt::Collective::shuffle_xor, mask, value, lane_mask, width);
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return ca3::simt::word(ca3::simt::Collective::ballot, mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate) {
    return ca3::simt::word(ca3::simt::Collective::any, mask, predicate != 0) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
    return ca3::simt::word(ca3::simt::Collective::all, mask, predicate == 0) == 0;
}

template <class T>
unsigned __match_any_sync(unsigned mask, T value) {
    return ca3::simt::word(ca3::simt::Collective::match_any, mask, ca3::simt::bits(value));
}
template <class T>
unsigned __match_all_sync(unsigned mask, T value, int* equal) {
    unsigned const result = ca3::simt::word(ca3::simt::Collective::match_all, mask, ca3::simt::bits(value));
    *equal = result != 0;
    return result;
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value) {
    return ca3::simt::word(ca3::simt::Collective::reduce_add, mask, value);
}
inline int __reduce_add_sync(unsigned mask, int value) {
    return static_cast<int>(ca3::simt::word(ca3::simt::Collective::reduce_add, mask, static_cast<unsigned>(value)));
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned value) {
    return ca3::simt::word(ca3::simt::Collective::reduce_min_unsigned, mask, value);
}
inline int __reduce_min_sync(unsigned mask, int value) {
    return static_cast<int>(ca3::simt::word(ca3::simt::Collective::reduce_min, mask, static_cast<unsigned>(value)));
}
inline unsigned __reduce_max_sync(unsigned mask, unsigned value) {
    return ca3::simt::word(ca3::simt::Collective::reduce_max_unsigned, mask, value);
}
inline int __reduce_max_sync(unsigned mask, int value) {
    return static_cast<int>(ca3::simt::word(ca3::simt::Collective::reduce_max, mask, static_cast<unsigned>(value)));
}
inline unsigned __reduce_and_sync(unsigned mask, unsigned value) {
    return ca3::simt::word(ca3::simt::Collective::reduce_and, mask, value);
}
inline unsigned __reduce_or_sync(unsigned mask, unsigned value) {
    return ca3::simt::word(ca3::simt::Collective::reduce_or, mask, value);
}
inline unsigned __reduce_xor_sync(unsigned mask, unsigned value) {
    return ca3::simt::word(ca3::simt::Collective::reduce_xor, mask, value);
}

/// CUDA promises no more than that the caller is in it.
inline unsigned __activemask() {
    return 1u << ca3::simt::current->lane;
}
