#include "core/region.hpp"

#include <ca3/error.hpp>

#include "core/memory_limit.hpp"

#include <sys/mman.h>

#include <utility>

namespace ca3 {

namespace {
constexpr std::size_t huge_page = std::size_t{2} << 20;
}

Region::Region(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    mapped_ = bytes + huge_page;
    mapping_ =
        mapped_ < bytes ? MAP_FAILED : mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ == MAP_FAILED) {
        mapping_ = nullptr;
        throw OutOfMemory("Region", bytes, available_host_bytes());
    }
    auto const address = reinterpret_cast<std::uintptr_t>(mapping_);
    data_ = static_cast<std::byte*>(mapping_) + ((address + huge_page - 1) / huge_page * huge_page - address);
#ifdef MADV_HUGEPAGE
    static_cast<void>(madvise(data_, bytes, MADV_HUGEPAGE));
#endif
}

Region::~Region() {
    reset();
}

Region::Region(Region&& o) noexcept
    : data_(std::exchange(o.data_, nullptr)),
      bytes_(std::exchange(o.bytes_, 0)),
      mapping_(std::exchange(o.mapping_, nullptr)),
      mapped_(std::exchange(o.mapped_, 0)) {}

Region& Region::operator=(Region&& o) noexcept {
    if (this != &o) {
        reset();
        data_ = std::exchange(o.data_, nullptr);
        bytes_ = std::exchange(o.bytes_, 0);
        mapping_ = std::exchange(o.mapping_, nullptr);
        mapped_ = std::exchange(o.mapped_, 0);
    }
    return *this;
}

void Region::reset() noexcept {
    if (mapping_ != nullptr) munmap(mapping_, mapped_);
    mapping_ = nullptr;
}

}  // namespace ca3
