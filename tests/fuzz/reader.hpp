#pragma once

#include <ca3/error.hpp>
#include <ca3/io/npy.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace ca3::io::fuzz {

[[nodiscard]] inline std::vector<std::byte> to_bytes(std::uint8_t const* data, std::size_t size) {
    auto const* first = reinterpret_cast<std::byte const*>(data);
    return {first, first + size};
}

/// What a reader promises of each array that it returns.
inline void check(Array const& array) {
    if (static_cast<std::uint64_t>(array.size()) * size_of(array.dtype) != array.data.size()) std::abort();
}

/// A reader may refuse, with the exception for it; every other exception is a finding.
template <class Read>
void read_or_refuse(Read&& read) {
    try {
        read();
    } catch (FormatError const&) {
    }
}

}  // namespace ca3::io::fuzz
