#include "tests/support/simt/executor.hpp"
#include "tests/support/simt/shared_memory.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

/// cp.async. A copy happens as late as it may, when it is waited for or the thread ends, so that a missing wait shows; with
/// Order::descending as early, so that one that was begun before its source was written does.
namespace ca3::simt {

namespace {

struct Copy {
    void* to;
    void const* from;
    int bytes;
};

struct Pending {
    std::vector<Copy> copies;
    std::vector<std::size_t> group_ends;  ///< in `copies`, oldest first
};

std::array<std::array<Pending, 1024>, max_cluster> pending;  // by rank and thread; each thread touches only its own

Pending& own() {
    return pending[block.rank][32 * current->warp + current->lane];
}

void make(Copy const& copy) {
    std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.bytes));
    std::memset(static_cast<unsigned char*>(copy.to) + copy.bytes, 0, static_cast<std::size_t>(16 - copy.bytes));
}

void make(Pending& thread, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) make(thread.copies[i]);
    thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace

void copy_async(void* shared, void const* global, int bytes) {
    if (reinterpret_cast<std::uintptr_t>(shared) % 16 != 0) fault("cp.async: the destination is not aligned to 16 bytes");
    if (reinterpret_cast<std::uintptr_t>(global) % 16 != 0) fault("cp.async: the source is not aligned to 16 bytes");
    if (!is_shared(shared, 16)) fault("cp.async: the destination is not in shared memory");
    if (bytes < 0 || bytes > 16) fault("cp.async: a source of " + std::to_string(bytes) + " bytes, not 0 to 16");
    if (options().order == Order::descending) return make({shared, global, bytes});
    std::memset(shared, poison, 16);
    own().copies.push_back({shared, global, bytes});
}

void copy_async_commit() {
    own().group_ends.push_back(own().copies.size());
}

void copy_async_wait(int groups) {
    Pending& thread = own();
    auto const left = static_cast<std::size_t>(groups);
    if (thread.group_ends.size() <= left) return;
    std::size_t const done = thread.group_ends.size() - left;
    std::size_t const count = thread.group_ends[done - 1];
    make(thread, count);
    thread.group_ends.erase(thread.group_ends.begin(), thread.group_ends.begin() + static_cast<std::ptrdiff_t>(done));
    for (std::size_t& end : thread.group_ends) end -= count;
}

void finish_copies() {
    Pending& thread = own();
    if (!thread.copies.empty()) make(thread, thread.copies.size());
}

void drop_copies() noexcept {
    Pending& thread = own();
    thread.copies.clear();
    thread.group_ends.clear();
}

}  // namespace ca3::simt
