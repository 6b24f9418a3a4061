#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace ca3 {

/// Allocates on 64-byte boundaries: a cache line, and one AVX-512 register.
template <class T>
struct AlignedAllocator {
    using value_type = T;
    AlignedAllocator() = default;
    template <class U>
    AlignedAllocator(AlignedAllocator<U> const&) {}
    [[nodiscard]] T* allocate(std::size_t count) { return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{64})); }
    void deallocate(T* pointer, std::size_t) noexcept { ::operator delete (pointer, std::align_val_t{64}); }
    bool operator==(AlignedAllocator const&) const = default;
};

template <class T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace ca3
