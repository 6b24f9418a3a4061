#pragma once

#include <ca3/error.hpp>
#include <ca3/io/npy.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string_view>
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

/// The text of an error is for one line of a terminal.
inline void check(std::exception const& error) {
    std::string_view const text(error.what());
    if (text.size() > 1000) std::abort();
    for (char const c : text)
        if (c >= 0 && c < ' ') std::abort();
}

/// The same for a reader of what people write, which may refuse what it understands too.
template <class Read>
void read_or_refuse_in_one_line(Read&& read) {
    try {
        read();
    } catch (FormatError const& error) {
        check(error);
    } catch (InvalidArgument const& error) {
        check(error);
    }
}

}  // namespace ca3::io::fuzz
