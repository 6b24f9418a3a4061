#pragma once

#include "core/thread_pool.hpp"

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>

/// Sums in f64 for what autoencoders are compared with. Products and sums are rounded one by one and their order is fixed, so that the bits
/// depend neither on the instruction set nor on the number of threads.
namespace ca3::autoencoder {

/// Samples that the product takes at a time; columns of its tiles and of the panels they are packed in.
inline constexpr std::int64_t samples_at_once = 256;
inline constexpr std::int64_t tile_columns = 112;
inline constexpr std::int64_t left_panel = 8;
inline constexpr std::int64_t right_panel = 16;

struct BaselineKernels {
    /// Sixteen sums, of the elements i = 0 ... 15 mod 16, which are then halved pairwise.
    double (*dot)(double const* x, double const* y, std::int64_t count);
    /// y += a x
    void (*add_scaled)(double a, double const* x, double* y, std::int64_t count);
    /// c (8 x 16, rows `stride` apart) += a^T b with a: count x 8, b: count x 16, both aligned to 64 bytes.
    void (*add_product)(double const* a, double const* b, std::int64_t count, double* c, std::int64_t stride);
};
[[nodiscard]] BaselineKernels const& baseline_kernels_for(InstructionSet set);

/// (X - 1 mean^T)^T (X - 1 mean^T), d x d with both triangles. Threads divide the tiles of the result, never the samples.
void centred_product(ThreadPool& pool, InstructionSet set, MatrixView<double const> samples, double const* mean, double* out);

/// Means of the columns.
void column_means(ThreadPool& pool, MatrixView<double const> samples, double* means);

/// @throws InvalidArgument naming the first element that is not finite (or, if so asked, negative)
void require_finite(ThreadPool& pool, MatrixView<double const> samples, char const* function, char const* argument,
                    bool non_negative = false);

}  // namespace ca3::autoencoder
