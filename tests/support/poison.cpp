#include "support/poison.hpp"

#include <algorithm>

namespace ca3::test {

std::int64_t first_touched(std::span<std::uint8_t const> bytes) noexcept {
    auto const found = std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != poison_byte; });
    return found == bytes.end() ? -1 : found - bytes.begin();
}

}  // namespace ca3::test
