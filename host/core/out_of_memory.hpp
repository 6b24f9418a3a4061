#pragma once

#include <ca3/error.hpp>

#include "core/memory_limit.hpp"

#include <new>
#include <stdexcept>

namespace ca3 {

/// What body() returns; std::bad_alloc and std::length_error become OutOfMemory.
/// @param where the public function that the error names
auto translate_bad_alloc(char const* where, auto&& body) -> decltype(body()) {
    try {
        return body();
    } catch (std::bad_alloc const&) {
        throw OutOfMemory(where, 0, available_host_bytes());
    } catch (std::length_error const&) {
        throw OutOfMemory(where, 0, available_host_bytes());
    }
}

}  // namespace ca3
