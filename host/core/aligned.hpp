#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace ca3 {

/// `bytes` on a 64-byte boundary (a cache line, and one AVX-512 register); in huge pages from 2 MiB on, where the system has them.
/// @throws std::bad_alloc
[[nodiscard]] void* allocate_aligned(std::size_t bytes);
void release_aligned(void* pointer, std::size_t bytes) noexcept;

template <class T>
struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(AlignedAllocator<U> const&) {}
    [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(allocate_aligned(count * sizeof(T))); }
    void deallocate(T* pointer, std::size_t count) noexcept { release_aligned(pointer, count * sizeof(T)); }
    bool operator==(AlignedAllocator const&) const = default;
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace ca3
