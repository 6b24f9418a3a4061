#include "core/aligned.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace ca3 {

namespace {
constexpr std::size_t huge_page = std::size_t{2} << 20;

constexpr std::align_val_t boundary(std::size_t bytes) {
    return std::align_val_t{bytes < huge_page ? 64 : huge_page};
}
}  // namespace

void* allocate_aligned(std::size_t bytes) {
    void* const pointer = ::operator new(bytes, boundary(bytes));
#ifdef MADV_HUGEPAGE
    if (bytes >= huge_page) static_cast<void>(madvise(pointer, bytes, MADV_HUGEPAGE));
#endif
    return pointer;
}

void release_aligned(void* pointer, std::size_t bytes) noexcept {
    ::operator delete(pointer, boundary(bytes));
}

}  // namespace ca3
