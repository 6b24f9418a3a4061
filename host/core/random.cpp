#include <ca3/random.hpp>

#include "core/philox.hpp"

namespace ca3::random {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept {
    Block const out = philox(Block{{counter[0], counter[1], counter[2], counter[3]}}, key[0], key[1]);
    return {out.word[0], out.word[1], out.word[2], out.word[3]};
}

std::uint32_t bits(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t index) noexcept {
    return draw(seed, purpose, element, step, index);
}

double uniform(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t index) noexcept {
    return draw(seed, purpose, element, step, index) * 0x1p-32;
}

}  // namespace ca3::random
