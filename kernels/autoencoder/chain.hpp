#pragma once

#include "kernels/autoencoder/views.hpp"

#include <cstddef>
#include <cstdint>

/// Training steps in bf16 as two launches: the first takes rows of the batch through all layers and back, the second makes the gradients of
/// all weights, updates them and ends the step.
///
/// A cluster of blocks has chain_rows rows of the batch to itself: its blocks share out the columns of each layer, and a barrier of the
/// cluster stands where else a launch would end. A cluster has as many blocks as the device has room for, at most most_chain_blocks.
/// Operands of products are kept in bf16, rounded once to nearest, ties to even, so that they are the numbers that other kernels make of
/// the same floats when they read them. Sums, activations and updates are in f32.
namespace ca3::autoencoder::cuda {

inline constexpr int chain_threads = 256;  ///< of a block
inline constexpr int most_chain_blocks = 8;
inline constexpr int chain_rows = 32;
inline constexpr int most_chain_layers = 12;

/// A layer with an elementwise activation that has no parameters of its own.
struct ChainLayer {
    std::int32_t in = 0;
    std::int32_t out = 0;
    std::int64_t rounded = 0;     ///< place of the weight among the rounded ones
    std::int64_t rounded_ld = 0;  ///< a multiple of 8
    std::int64_t weight = 0;      ///< offset in the parameters
    std::int64_t weight_ld = 0;
    std::int64_t bias = -1;       ///< or -1
    std::int64_t part = 0;        ///< of the bias' gradient, in ChainJob::parts
    std::int64_t first_tile = 0;  ///< of the weight's, among those of all layers
    ActivationView activation;
    Matrix<float> kept;              ///< what the derivative of the activation looks at, or none
    Matrix<std::uint16_t> active;    ///< rows x out; of the last layer none
    Matrix<std::uint16_t> gradient;  ///< rows x out: with respect to what the activation is applied to
};

struct ChainJob {
    StepView step;
    int blocks = 1;  ///< of a cluster
    int count = 0;   ///< layers
    ChainLayer layers[most_chain_layers];
    Matrix<std::uint16_t> input;
    Matrix<float> target;            ///< in place: what the loss compares with
    SampleView inputs;               ///< none: `input` and `target` are there; else they are made of these
    SampleView targets;              ///< none: the inputs
    Span<std::int64_t const> order;  ///< none: the samples as they lie
    Span<std::uint16_t> weights;     ///< rounded
    UpdateView update;
    Loss loss{};
    Span<double> partial;   ///< one sum of the loss for each block
    Span<float> parts;      ///< sums over 16 rows of the gradients, one array after the other
    std::int64_t part = 0;  ///< floats of such an array
    std::int64_t tiles = 0;
    unsigned* ended = nullptr;  ///< one for each model: blocks of the second launch that have ended, 0 between steps
    FinishJob finish;
    bool settled = false;  ///< as in ForwardJob
};

/// Clusters of the first launch, for batches of up to `batch` rows.
[[nodiscard]] CA3_HOST_DEVICE constexpr std::int64_t chain_clusters(std::int64_t batch) {
    return (batch + chain_rows - 1) / chain_rows;
}
/// Blocks of each. It follows from the batch, the widest layer and the device, not from how many models there are; no number depends on it
/// but in the order in which the loss is added.
[[nodiscard]] int chain_blocks(Context const& context, std::int64_t batch, std::int64_t width);
/// Shared memory that a block of the first launch takes when no layer has more than `width` inputs or outputs.
[[nodiscard]] std::size_t chain_bytes(std::int64_t width);
/// The same of the second launch.
[[nodiscard]] std::size_t chain_update_bytes();
/// Tiles of a weight with so many rows and columns.
[[nodiscard]] std::int64_t chain_tiles(std::int64_t rows, std::int64_t columns);

/// Loss, its parts, and the gradients in each layer. Asynchronous; deterministic: every sum has one order. Needs compute capability 9.0.
void launch_chain(Context const& context, CUstream_st* stream, int models, std::int64_t batch, ChainJob const& job);
/// The update of all weights and biases, the rounded weights, and the end of the step. The same of everything else.
void launch_chain_update(Context const& context, CUstream_st* stream, int models, ChainJob const& job);

}  // namespace ca3::autoencoder::cuda
