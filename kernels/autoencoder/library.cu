#include "kernels/autoencoder/library.hpp"

#include "core/state.hpp"
#include "kernels/autoencoder/elementary.cuh"
#include "kernels/common/ptx.cuh"

namespace ca3::autoencoder::cuda {

namespace {

// A block takes a piece of a row, each thread four neighbours.
constexpr int threads = 128;
constexpr std::int64_t piece = 4 * threads;

struct Place {
    std::int64_t row;
    std::int64_t column;
    std::int32_t count;  ///< of neighbours that there are; below 1: none
};
__device__ __forceinline__ Place place_of(std::int64_t columns) {
    std::int64_t const pieces = (columns + piece - 1) / piece;
    std::int64_t const column = std::int64_t{blockIdx.x} % pieces * piece + 4 * std::int64_t{threadIdx.x}, left = columns - column;
    return {std::int64_t{blockIdx.x} / pieces, column, static_cast<std::int32_t>(left < 4 ? left : 4)};
}

__global__ void __launch_bounds__(threads) bias_kernel(ForwardJob job) {
    unsigned const model = blockIdx.z;
    auto const [row, column, count] = place_of(job.out);
    if (row >= job.step.entry(model).rows || count < 1) return;
    Matrix<float> const product = job.before ? job.before : job.active;
    Four z = load_four(product.of(model) + row * product.ld + column, count);
    Four y{};
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        if (j >= count) continue;
        if (job.bias) z.x[j] += job.bias.of(model)[column + j];
        y.x[j] = activated(job.activation, model, column + j, z.x[j]);
    }
    if (job.before) store_four(job.before.of(model) + row * job.before.ld + column, z, count);
    if (job.active) store_four(job.active.of(model) + row * job.active.ld + column, y, count);
}

__global__ void __launch_bounds__(threads) round_kernel(RoundJob job) {
    unsigned const model = blockIdx.z;
    auto const [row, column, count] = place_of(job.columns);
    if (count < 1) return;
    Four x{};
    if (!job.of_batch || row < job.step.entry(model).rows) x = load_four(job.from.of(model) + row * job.from.ld + column, count);
    // Whole fours: what they have beyond the last column lies in the row's padding.
    *reinterpret_cast<uint2*>(job.to.of(model) + row * job.to.ld + column) =
        make_uint2(ptx::bf16x2_of(x.x[0], x.x[1]), ptx::bf16x2_of(x.x[2], x.x[3]));
}

__global__ void __launch_bounds__(threads) clear_kernel(ClearJob job) {
    unsigned const model = blockIdx.z;
    auto const [row, column, count] = place_of(job.columns);
    if (row < job.step.entry(model).rows || count < 1) return;
    store_four(job.values.of(model) + row * job.values.ld + column, Four{}, count);
}

LaunchConfig for_pieces(std::int64_t rows, std::int64_t columns, int models, CUstream_st* stream) {
    return {.grid = dim3(static_cast<unsigned>(rows * ((columns + piece - 1) / piece)), 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .stream = stream};
}

}  // namespace

void launch_bias(Context const& context, CUstream_st* stream, int models, std::int64_t batch, ForwardJob const& job) {
    if (!job.bias && !job.active) return;
    ca3::cuda::CurrentDevice const current(context.device());
    launch(bias_kernel, for_pieces(batch, job.out, models, stream), job);
}

void launch_round(Context const& context, CUstream_st* stream, int models, RoundJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(round_kernel, for_pieces(job.rows, job.columns, models, stream), job);
}

void launch_clear(Context const& context, CUstream_st* stream, int models, ClearJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(clear_kernel, for_pieces(job.rows, job.columns, models, stream), job);
}

}  // namespace ca3::autoencoder::cuda
