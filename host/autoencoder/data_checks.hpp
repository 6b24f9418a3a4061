#pragma once

#include "autoencoder/engine.hpp"

#include <string>

namespace ca3::autoencoder {

/// Samples of this width, at least `least` of them, all finite. @throws InvalidArgument
void check_samples(Samples const& samples, std::int64_t width, std::int64_t least, char const* function, std::string const& argument);

/// Targets that fit the outputs and the loss: values in [0, 1] for bce and bce_with_logits, class numbers in range.
/// @param inputs the targets where none are given @throws InvalidArgument
void check_targets(Targets const& targets, Samples const& inputs, Objective const& objective, Plan const& plan, char const* function,
                   std::string const& argument);

/// Sample numbers in [0, count). @throws InvalidArgument
void check_order(MatrixView<std::int64_t const> order, std::int64_t count, char const* function);

/// Penalties that name layers. @throws InvalidArgument
void check_objective(Objective const& objective, Plan const& plan, char const* function);

}  // namespace ca3::autoencoder
