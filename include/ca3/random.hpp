#pragma once

#include <array>
#include <cstdint>

namespace ca3::random {

/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC11): the bijection itself.
[[nodiscard]] std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept;

/// What a draw is for. Two purposes never share a number.
enum class Purpose : std::uint32_t {
    user = 0,
    visit_order = 1,  ///< asynchronous update: one key per state, sweep and neuron
    glauber = 2,      ///< finite temperature: one draw per state, sweep and neuron
    pattern = 3,      ///< random patterns
    corruption = 4,   ///< noise on cues
    digit = 5,        ///< synthetic digits
    shuffle = 6,      ///< subsets and permutations
    synapse = 7,      ///< a synapse's other end, weight and delay
    out_degree = 8,   ///< sources of a fixed total number of synapses
    selection = 9,    ///< choice without repetition, and of pairs with a probability
    initial_voltage = 10,
    poisson = 11,      ///< counts of a step: the upper 16 bits of a uniform number
    poisson_low = 12,  ///< the lower 16 bits
    spike = 13,        ///< spikes of Poisson sources
    initial_weight = 14,
    epoch_order = 15,
    dropout = 16,
    noise = 17,       ///< corruption of training samples; element: place in the list of corruptions
    test_noise = 18,  ///< the same for test samples
    latent = 19,      ///< sampling of a variational code
};

/// 32 uniform bits, a pure function of its arguments: the same on every backend, in any order of evaluation.
/// `element` is the object (a state of a batch), `index` the position inside it (a neuron), `step` the time.
[[nodiscard]] std::uint32_t bits(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step,
                                 std::uint64_t index) noexcept;

/// Uniform on [0, 1), a multiple of 2^-32.
[[nodiscard]] double uniform(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t index) noexcept;

}  // namespace ca3::random
