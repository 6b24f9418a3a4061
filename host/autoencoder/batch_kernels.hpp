#pragma once

#include "autoencoder/corruption.hpp"

#include <ca3/context.hpp>

#include <cstdint>

/// The loops over the values of a batch that exist once for each instruction set, all with the bits of corruption.hpp's definitions.
namespace ca3::autoencoder {

struct BatchKernels {
    /// to[i] = from[i] / 255, rounded once.
    void (*from_bytes)(std::uint8_t const* from, std::int64_t count, float* to);
    /// Draw i belongs to value i.
    void (*add_noise)(float* values, std::uint32_t const* draws, std::int64_t count, float sigma);
    void (*salt_and_pepper)(float* values, std::uint32_t const* draws, std::int64_t count, std::uint32_t threshold);
    void (*flip)(float* values, std::uint32_t const* draws, std::int64_t count, std::uint32_t last);
    void (*rotate)(float const* image, std::int64_t height, std::int64_t width, Turn turn, float* to);
};

[[nodiscard]] BatchKernels const& portable_batch_kernels();
[[nodiscard]] BatchKernels const& avx2_batch_kernels();
[[nodiscard]] BatchKernels const& avx512_batch_kernels();
[[nodiscard]] BatchKernels const& batch_kernels_for(InstructionSet set);

}  // namespace ca3::autoencoder
