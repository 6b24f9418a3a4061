#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ca3::hopfield {

/// One pattern by Storkey's rule, w_ij += (x_i x_j - x_i h_ji - h_ij x_j) / d, with h from the weights before the pattern
/// (A. Storkey, Increasing the capacity of a Hopfield network without sacrificing functionality, 1997). O(d^2).
/// @param weights d x d, symmetric, in and out
void storkey_add(std::span<double> weights, std::span<std::int8_t const> pattern);

}  // namespace ca3::hopfield
