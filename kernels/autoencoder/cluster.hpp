#pragma once

#include "kernels/autoencoder/views.hpp"

#include <cstddef>
#include <cstdint>

/// Training of nets with one hidden layer, each in a cluster of blocks that keeps it in shared memory from the first step to the last.
///
/// The blocks share out the columns of the input and the units of the output; every block has all of the hidden layer. Matrices in shared
/// memory have rows of `ld` floats, and the element (r, c) stands at r ld + (c ^ (r & 4)): with ld an odd multiple of 8 both a column of
/// rows and a row of columns that a warp reads as fragments meet different banks.
namespace ca3::autoencoder::cuda {

/// How a net lies in the blocks of its cluster. Places are in floats from the begin of a block's shared memory; -1: there is no such
/// matrix.
struct ClusterLayout {
    std::int32_t blocks = 1;
    std::int32_t in_slice = 0;   ///< columns of the input in a block, at most
    std::int32_t out_slice = 0;  ///< units of the output
    std::int32_t rows = 0;       ///< of a batch, rounded up to a piece of depth
    std::int32_t ld_in = 0, ld_hidden = 0, ld_out = 0;

    struct Matrix {
        std::int32_t weight = -1, first = -1, second = -1;
    };
    Matrix weight1, bias1;  ///< hidden x in_slice; hidden
    Matrix weight2, bias2;  ///< out_slice x hidden; out_slice
    std::int32_t input[2] = {-1, -1},
                 target[2] = {-1, -1};  ///< rows x in_slice, rows x out_slice: this batch and the next one, or one place
    std::int32_t part = -1;             ///< rows x hidden: what the block has of a sum over the slices
    std::int32_t before = -1;           ///< rows x hidden: what the activation is applied to, where its derivative looks at that
    std::int32_t active = -1, hidden_gradient = -1;
    std::int32_t output = -1;  ///< rows x out_slice: the linear map, then the gradient with respect to it
    std::int32_t sums = -1;    ///< doubles
    std::int32_t floats = 0;

    [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(floats) * sizeof(float); }
};

/// All steps of a job, of all models.
struct ClusterJob {
    StepView step;
    std::int64_t count = 0;
    Span<double> losses;
    std::int32_t in = 0, hidden = 0, out = 0;
    std::int64_t weight1 = -1, bias1 = -1, weight2 = -1, bias2 = -1;  ///< offsets in the parameters; a bias may be -1
    std::int64_t weight1_ld = 0, weight2_ld = 0;
    ActivationView activation1, activation2;
    Loss loss{};
    UpdateView update;
    bool has_first = false, has_second = false;  ///< moments that the update reads and writes
    SampleView inputs;
    SampleView targets;              ///< none: the inputs
    Span<std::int64_t const> order;  ///< none: the samples as they lie
    ClusterLayout layout;
};

inline constexpr int cluster_threads = 512;  ///< of a block
inline constexpr int most_cluster_blocks = 8;

/// The layout of a job (whose own is not read) for batches of up to `batch` rows, for clusters of `blocks` blocks.
/// @param ahead whether a batch is read while the one before it is in use, which changes no result
[[nodiscard]] ClusterLayout cluster_layout(ClusterJob const& job, Precision precision, std::int64_t batch, int blocks, bool ahead);

/// Whether the build's code for the device is made for compute capability 9.0 or later, not translated from that for an earlier one.
[[nodiscard]] bool has_clusters(Context const& context);
/// Shared memory that a block may have.
[[nodiscard]] std::size_t most_cluster_bytes(Context const& context);

/// Runs the job: afterwards parameters, moments, losses and first_bad are those of its last step. Asynchronous. Deterministic: every sum
/// has one order, which depends on the layout; a model's numbers depend neither on how many models there are nor on where a job begins or
/// ends. Needs compute capability 9.0.
void launch_cluster(Context const& context, CUstream_st* stream, Precision precision, int models, ClusterJob const& job);

}  // namespace ca3::autoencoder::cuda
