#pragma once

#include "hopfield/backend.hpp"

#include <span>

/// From real numbers to the integers that the backends compute with.
namespace ca3::hopfield {

/// Largest |H| that a model may produce: 2 H and any tau fit 64 bits with room to spare.
inline constexpr std::int64_t largest_field = std::int64_t{1} << 59;

/// Writes W (d x d, finite) into a dense model: exactly when every entry is an integer multiple of one power of two and the fields stay
/// inside largest_field, else rounded to the finest power of two for which they do. Sets weights, unit, symmetric, field_limit and,
/// unless `keep_diagonal`, diagonal. Returns the largest error of a field, 0 when exact.
double put_on_grid(std::span<double const> weights, bool keep_diagonal, Model& model);

/// tau_i such that 2 H + ... decides as H * unit + bias_i does in real arithmetic: -2 bias/unit when bias/unit is an integer, else the odd
/// integer between.
[[nodiscard]] std::vector<std::int64_t> thresholds_from_bias(std::span<double const> bias, double unit);

/// Probabilities of following the field at temperature T > 0 (in units of the energy), tabulated over |field|. Integer fields of a model
/// with unit 1 fall on entries exactly up to T = 5,461; past that, and for other fields, the field is rounded to the table's step,
/// at most T * 12 / 65535, which moves a probability by less than 5e-5.
[[nodiscard]] Glauber glauber_table(double temperature, double unit);

}  // namespace ca3::hopfield
