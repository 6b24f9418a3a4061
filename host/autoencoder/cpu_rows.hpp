#pragma once

#include "autoencoder/cpu_kernels.hpp"

#include <cstdint>

/// Functions of whole rows, which lie in panels. Plain loops: they serve narrow layers.
namespace ca3::autoencoder::cpu {

/// Row r of a matrix of `n` columns in panels that are `between` apart.
void gather_row(float const* matrix, std::int64_t between, std::int64_t r, std::int64_t n, float* row);
void scatter_row(float const* row, std::int64_t n, float* matrix, std::int64_t between, std::int64_t r);

/// softmax, log_softmax, unit_sphere: y = f(z), n values.
void activate_row(Activation::Kind, std::int64_t n, float const* z, float* y);
/// gz = gradient with respect to z for g with respect to y. gz may be g.
void differentiate_row(Activation::Kind, std::int64_t n, float const* z, float const* y, float const* g, float* gz);

/// Rows [first, last) of `active` = those of `activated` on the unit sphere, n columns.
void project_rows(std::int64_t first, std::int64_t last, std::int64_t n, std::int64_t between, float const* activated, float* active);
/// The gradient with respect to `active` becomes that with respect to `activated`.
void differentiate_projected_rows(std::int64_t first, std::int64_t last, std::int64_t n, std::int64_t between, float const* activated,
                                  float const* active, float* gradient);

/// mu + e exp(log_variance / 2) for the n units; e as drawn for this layer, row and step.
struct LatentDraw {
    std::uint64_t seed = 0;
    std::uint32_t layer = 0;
    std::uint32_t step = 0;
};
void sample_row(LatentDraw const& draw, std::int64_t row, std::int64_t n, float const* z, float* noise, float* y);
/// Gradient with respect to (mu, log variance), the divergence's included with factor `share`; without noise where `noise` is null.
void differentiate_sample_row(std::int64_t n, float const* z, float const* noise, float share, float const* g, float* gz);
[[nodiscard]] double divergence_of_row(std::int64_t n, float const* z);

/// Cross-entropy or negative log-likelihood of a class; g = share times the gradient. @return the loss
[[nodiscard]] double class_loss_row(Loss, std::int64_t n, std::int64_t c, float share, float const* x, float* g);
/// Cross-entropy against probabilities.
[[nodiscard]] double probability_loss_row(std::int64_t n, float share, float const* x, float const* t, float* g);

}  // namespace ca3::autoencoder::cpu
