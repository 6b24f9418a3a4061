#pragma once

#include <cstddef>

namespace ca3::simt {

/// The dynamic shared memory of one launch; each block finds it poisoned.
class SharedMemory {
public:
    explicit SharedMemory(std::size_t dynamic_bytes);
    ~SharedMemory();
    SharedMemory(SharedMemory const&) = delete;
    SharedMemory& operator=(SharedMemory const&) = delete;
};

/// Fills static and dynamic shared memory with the pattern.
void poison_shared_memory();

/// The guard behind dynamic shared memory is damaged. Always false under AddressSanitizer, which has reported it already.
[[nodiscard]] bool shared_memory_overrun();

/// Asynchronous copies of the calling thread: makes all of them; forgets all of them.
void finish_copies();
void drop_copies() noexcept;

}  // namespace ca3::simt
