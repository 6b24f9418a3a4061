#pragma once

#include <cstddef>
#include <cstdint>

namespace ca3 {

/// A range of addresses whose memory comes only where it is touched, in huge pages where the system has them. Zero at first. Move-only.
class Region {
public:
    Region() = default;
    /// @throws OutOfMemory when the system has no room for the addresses
    explicit Region(std::size_t bytes);
    ~Region();
    Region(Region&&) noexcept;
    Region& operator=(Region&&) noexcept;

    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

private:
    void reset() noexcept;

    std::byte* data_ = nullptr;  ///< aligned to a huge page
    std::size_t bytes_ = 0;
    void* mapping_ = nullptr;
    std::size_t mapped_ = 0;
};

}  // namespace ca3
