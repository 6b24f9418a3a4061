#pragma once

#include "hopfield/backend.hpp"

#include <optional>
#include <span>

namespace ca3::hopfield {

/// What the user gave: enough to make the Model again.
struct Source {
    MemoryOptions options;
    std::int64_t neurons = 0;
    std::int64_t patterns = 0;
    std::vector<std::int8_t> pattern;  ///< P x d
    std::vector<double> weights;       ///< d x d: Storkey's, or given by the user; else empty
    std::vector<double> bias;          ///< d, or empty
};

struct BuiltModel {
    Model model;
    double field_bound = 0.0;             ///< see Memory::field_bound
    std::vector<std::int64_t> dependent;  ///< pseudo-inverse
};

/// @throws Overflow when the fields would leave 64-bit integers, OutOfMemory
[[nodiscard]] BuiltModel build_model(Context const&, Source const&);

/// tau and bias alone, after a change of source.bias. @throws InvalidArgument for a rule that has no common unit (exponential)
void set_thresholds(std::span<double const> bias, Model& model);

/// E of every state, B values; NaN for asymmetric weights. @param overlaps B x P with the stored patterns
[[nodiscard]] std::vector<double> energies(Context const&, Source const&, Model const&, MatrixView<std::int8_t const> states,
                                           std::int32_t const* overlaps);

}  // namespace ca3::hopfield
