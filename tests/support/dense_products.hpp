#pragma once

#include <ca3/autoencoder/model.hpp>
#include <ca3/context.hpp>

#include <cstdint>

namespace ca3::test {

/// Checks, element by element, the four products of one linear layer (in -> out, batch rows) against f64: outputs, gradients with respect
/// to weights, biases and inputs. The bounds follow from the roundings of the operands in `precision` and of sums in f32.
void expect_products_within_rounding(Context const&, Precision, std::int64_t batch, std::int64_t in, std::int64_t out);

}  // namespace ca3::test
