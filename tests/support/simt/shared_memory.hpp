#pragma once

#include <cstddef>

namespace ca3::simt {

/// The dynamic shared memory of one launch, apart for each block of a cluster; each block finds it poisoned.
class SharedMemory {
public:
    SharedMemory(std::size_t dynamic_bytes, int cluster);
    ~SharedMemory();
    SharedMemory(SharedMemory const&) = delete;
    SharedMemory& operator=(SharedMemory const&) = delete;
};

/// The memory of the block with this rank is in use from now on.
void use_shared_memory(unsigned rank);

/// Fills static and dynamic shared memory with the pattern.
void poison_shared_memory();
void poison_static_memory();

/// The guard behind dynamic shared memory is damaged. Always false under AddressSanitizer, which has reported it already.
[[nodiscard]] bool shared_memory_overrun();

/// Asynchronous copies of the calling thread: makes all of them; forgets all of them.
void finish_copies();
void drop_copies() noexcept;

}  // namespace ca3::simt
