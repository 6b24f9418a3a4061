#pragma once

#include "autoencoder/engine.hpp"

/// Checks of what users give. Errors are InvalidArgument("<function>: <member> must be ..., is ..."). Those of data: data_checks.hpp.
namespace ca3::autoencoder {

/// All that can be said of options without the samples and what belongs to them (targets, order).
void check_fit_options(FitOptions const&, Plan const&, char const* function);

void check_rule(UpdateRule const&, char const* function);

}  // namespace ca3::autoencoder
