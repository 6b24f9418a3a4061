#pragma once

#include <ca3/random.hpp>

#include "core/host_device.hpp"

#include <cstdint>

/// Philox 4x32-10 for host and device, and the layout of its counter (see ca3/random.hpp). Random123 is the oracle in the tests.
namespace ca3::random {

struct Block {
    std::uint32_t word[4];
};

CA3_HOST_DEVICE inline Block philox(Block counter, std::uint32_t key0, std::uint32_t key1) {
    for (int round = 0; round < 10; ++round) {
        std::uint64_t const a = std::uint64_t{0xD2511F53u} * counter.word[0];
        std::uint64_t const b = std::uint64_t{0xCD9E8D57u} * counter.word[2];
        counter = {{static_cast<std::uint32_t>(b >> 32) ^ counter.word[1] ^ key0, static_cast<std::uint32_t>(b),
                    static_cast<std::uint32_t>(a >> 32) ^ counter.word[3] ^ key1, static_cast<std::uint32_t>(a)}};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

/// The four words for indices 4 * block ... 4 * block + 3. `block` < 2^56.
CA3_HOST_DEVICE inline Block draw_block(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step,
                                        std::uint64_t block) {
    Block const counter{{static_cast<std::uint32_t>(block), element, step,
                         static_cast<std::uint32_t>(purpose) | static_cast<std::uint32_t>(block >> 32) << 8}};
    return philox(counter, static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
}

CA3_HOST_DEVICE inline std::uint32_t draw(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step,
                                          std::uint64_t index) {
    return draw_block(seed, purpose, element, step, index >> 2).word[index & 3];
}

}  // namespace ca3::random
