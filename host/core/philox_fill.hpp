#pragma once

#include <ca3/context.hpp>

#include "core/philox.hpp"

#include <cstdint>

namespace ca3::random {

/// Writes the words of draw_block(seed, purpose, element, step, first_block + i) to out[4 i] ... for i in [0, blocks).
using Fill = void (*)(std::uint64_t seed, Purpose purpose, std::uint32_t element, std::uint32_t step, std::uint64_t first_block,
                      std::int64_t blocks, std::uint32_t* out);

/// The form for an instruction set.
[[nodiscard]] Fill fill_for(InstructionSet set) noexcept;

}  // namespace ca3::random
