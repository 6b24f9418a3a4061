#pragma once

#include "core/host_device.hpp"
#include "core/philox.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ca3::lif {

/// The largest mean of a Poisson number; its table then has some 60,000 entries.
inline constexpr double most_poisson_mean = 1e6;

/// Inverse distribution function of a Poisson number, in integers: the number for a uniform 32-bit u is base + #{k : u >= thresholds[k]},
/// where thresholds[k] is 2^32 P(N <= base + k) rounded, as long as that is below 2^32.
struct PoissonTable {
    std::int32_t base = 0;
    std::vector<std::uint32_t> thresholds;
    std::vector<std::int32_t> guide;  ///< [u >> 24], 257 entries: thresholds whose upper byte lies below

    /// @throws InvalidArgument for a mean that is negative, NaN or above most_poisson_mean
    PoissonTable(double mean, std::string const& argument);

    [[nodiscard]] std::int32_t count(std::uint32_t u) const;
    /// The same from the upper 16 bits; -1 where the lower ones decide.
    [[nodiscard]] std::int32_t count_of_upper(std::uint32_t upper) const;
    [[nodiscard]] std::int32_t most() const { return base + static_cast<std::int32_t>(thresholds.size()); }
};

/// The number of `neuron` at `step`: one Philox block serves eight neurons with 16 bits each, and a second one is asked for the lower 16
/// bits where the upper ones do not decide.
/// @param stimulus number of the stimulus
CA3_HOST_DEVICE inline std::uint32_t half_of(random::Block const& block, std::uint32_t neuron) {
    return block.word[(neuron & 7u) >> 1] >> ((neuron & 1u) * 16u) & 0xFFFFu;
}
CA3_HOST_DEVICE inline std::uint32_t poisson_uniform(std::uint64_t seed, std::uint32_t stimulus, std::uint32_t step, std::uint32_t neuron) {
    auto const upper = random::draw_block(seed, random::Purpose::poisson, stimulus, step, neuron >> 3);
    auto const lower = random::draw_block(seed, random::Purpose::poisson_low, stimulus, step, neuron >> 3);
    return half_of(upper, neuron) << 16 | half_of(lower, neuron);
}

}  // namespace ca3::lif
