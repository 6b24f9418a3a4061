#include "core/state.hpp"
#include "kernels/autoencoder/elementary.cuh"

#include <algorithm>

/// Updates from gradients that were kept: of what has no kernel of its own, of tied weights, and after clipping.
namespace ca3::autoencoder::cuda {

namespace {

constexpr int threads = 256;

/// f(offset) for the thread's share of a range.
template <class F>
__device__ __forceinline__ void for_elements(Range const& range, F const& f) {
    std::int64_t const count = std::int64_t{range.rows} * range.columns;
    for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += std::int64_t{gridDim.x} * threads)
        f(range.offset + i / range.columns * range.ld + i % range.columns);
}

__global__ void __launch_bounds__(threads) update_kernel(StepView view, UpdateView update, Range const* ranges) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = view.entry(model);
    bool finite = true;
    for_elements(ranges[blockIdx.y],
                 [&](std::int64_t at) { finite = update_parameter(update, step, model, at, update.gradients.of(model)[at]) && finite; });
    if (!finite) flag_bad(view, model);
}

__global__ void __launch_bounds__(threads) square_kernel(UpdateView update, Range const* ranges, int count, Span<double> partial) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    double sum = 0.0;
    for (int i = 0; i < count; ++i)
        for_elements(ranges[i], [&](std::int64_t at) {
            auto const g = static_cast<double>(update.gradients.of(model)[at]);
            sum += g * g;
        });
    __shared__ double room[threads / 32];
    sum = block_sum<threads>(sum, room);
    if (threadIdx.x == 0) partial.of(model)[blockIdx.x] = sum;
}

/// torch.nn.utils.clip_grad_norm_
__global__ void clip_kernel(double most, Span<double> partial, float* scale) {
    begin_in_turn();
    double total = 0.0;
    for (int i = 0; i < sum_blocks; ++i) total += partial.of(blockIdx.z)[i];
    double const factor = most / (sqrt(total) + clip_epsilon);
    scale[blockIdx.z] = static_cast<float>(factor < 1.0 ? factor : factor == factor ? 1.0 : factor);
}

}  // namespace

void launch_update(Context const& context, CUstream_st* stream, int models, StepView const& step, UpdateView const& update,
                   Range const* ranges, int count, std::int64_t elements) {
    ca3::cuda::CurrentDevice const current(context.device());
    auto const blocks = static_cast<unsigned>(std::clamp<std::int64_t>((elements + threads - 1) / threads, 1, 256));
    launch(update_kernel,
           {.grid = dim3(blocks, static_cast<unsigned>(count), static_cast<unsigned>(models)),
            .block = dim3(threads),
            .stream = stream,
            .overlap = step.overlap},
           step, update, ranges);
}

void launch_clip(Context const& context, CUstream_st* stream, int models, UpdateView const& update, Range const* ranges, int count,
                 double most, Span<double> partial, float* scale) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(square_kernel, {.grid = dim3(sum_blocks, 1, static_cast<unsigned>(models)), .block = dim3(threads), .stream = stream}, update,
           ranges, count, partial);
    launch(clip_kernel, {.grid = dim3(1, 1, static_cast<unsigned>(models)), .block = dim3(1), .stream = stream}, most, partial, scale);
}

void copy_on_device(Context const& context, float* to, float const* from, std::int64_t count) {
    if (count == 0) return;
    ca3::cuda::CurrentDevice const current(context.device());
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(count) * sizeof(float), cudaMemcpyDeviceToDevice, context.stream()),
          "cudaMemcpyAsync");
}

}  // namespace ca3::autoencoder::cuda
