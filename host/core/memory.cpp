#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include "core/cuda.hpp"
#include "core/state.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace ca3::detail {

namespace {
constexpr std::size_t alignment = 64;
}

std::int64_t checked_product(std::int64_t rows, std::int64_t cols) {
    if (rows < 0 || cols < 0) {
        throw InvalidArgument("Matrix: shape (" + std::to_string(rows) + " x " + std::to_string(cols) + ") is negative");
    }
    std::int64_t product = 0;
    if (__builtin_mul_overflow(rows, cols, &product) || product > (std::int64_t{1} << 62)) {
        throw Overflow("Matrix: shape (" + std::to_string(rows) + " x " + std::to_string(cols) + ") has more than 2^62 elements");
    }
    return product;
}

void* allocate_host(std::size_t bytes) {
    void* pointer = nullptr;
    if (posix_memalign(&pointer, alignment, std::max<std::size_t>(bytes, 1)) != 0) throw std::bad_alloc();
    return pointer;
}

void release_host(void* pointer) noexcept {
    std::free(pointer);
}

void* allocate(Context const& context, std::int64_t count, std::size_t element_bytes) {
    if (count < 0) throw InvalidArgument("Buffer: count " + std::to_string(count) + " is negative");
    if (count == 0) return nullptr;
    std::size_t bytes = 0;
    if (__builtin_mul_overflow(static_cast<std::size_t>(count), element_bytes, &bytes)) {
        throw Overflow("Buffer: " + std::to_string(count) + " elements of " + std::to_string(element_bytes) +
                       " bytes exceed the address space");
    }
    if (context.backend() == Backend::cuda) return cuda::allocate(context.state(), bytes);
    try {
        return allocate_host(bytes);
    } catch (std::bad_alloc const&) {
        throw OutOfMemory("Buffer", bytes, 0);
    }
}

void release(Context const& context, void* pointer) noexcept {
    if (context.backend() == Backend::cuda) {
        cuda::release(context.state(), pointer);
    } else {
        release_host(pointer);
    }
}

void copy_in(Context const& context, void* to, void const* from_host, std::size_t bytes) {
    if (bytes == 0) return;
    if (context.backend() == Backend::cuda) {
        cuda::copy_to_device(context.state(), to, from_host, bytes);
    } else {
        std::memcpy(to, from_host, bytes);
    }
}

void copy_out(Context const& context, void* to_host, void const* from, std::size_t bytes) {
    if (bytes == 0) return;
    if (context.backend() == Backend::cuda) {
        cuda::copy_to_host(context.state(), to_host, from, bytes);
    } else {
        std::memcpy(to_host, from, bytes);
    }
}

}  // namespace ca3::detail
