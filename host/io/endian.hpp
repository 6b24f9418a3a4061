#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

/// Integers in a stated byte order, whatever the order of this machine.
namespace ca3::io {

template <std::unsigned_integral T>
[[nodiscard]] T load_little(std::span<std::byte const> bytes, std::size_t at) noexcept {
    T value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
        value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 | std::to_integer<T>(bytes[at + i]));
    return value;
}

template <std::unsigned_integral T>
[[nodiscard]] T load_big(std::span<std::byte const> bytes, std::size_t at) noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 | std::to_integer<T>(bytes[at + i]));
    return value;
}

/// Appends to a container of std::byte.
template <std::unsigned_integral T>
void append_little(auto& to, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) to.push_back(static_cast<std::byte>(value >> (8 * i)));
}

template <std::unsigned_integral T>
void append_big(auto& to, T value) {
    for (std::size_t i = sizeof(T); i-- > 0;) to.push_back(static_cast<std::byte>(value >> (8 * i)));
}

}  // namespace ca3::io
