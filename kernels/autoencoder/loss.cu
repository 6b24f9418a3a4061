#include "autoencoder/batch.hpp"
#include "core/state.hpp"
#include "kernels/autoencoder/finish.cuh"
#include "kernels/autoencoder/rows.cuh"

/// Losses as kernels of their own, and the end of a step.
namespace ca3::autoencoder::cuda {

namespace {

constexpr int threads = 128;
constexpr int row_warps = threads / 32;

__device__ __forceinline__ void write_gradient(RowLossJob const& job, unsigned model, std::int64_t at, float g) {
    if (job.gradient) job.gradient.of(model)[at] = g;
}

/// One value each.
__device__ double value_losses(RowLossJob const& job, StepEntry const& step, unsigned model) {
    std::int64_t const count = std::int64_t{step.rows} * job.out;
    auto const share = static_cast<float>(1.0 / static_cast<double>(count));
    double sum = 0.0;
    for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += std::int64_t{sum_blocks} * threads) {
        std::int64_t const r = i / job.out, u = i % job.out;
        auto const [value, slope] =
            compared(job.kind, job.output.of(model)[r * job.output.ld + u], job.target.of(model)[r * job.target.ld + u]);
        sum += static_cast<double>(value);
        write_gradient(job, model, r * job.gradient.ld + u, slope * share);
    }
    return sum;
}

/// Of a row and its class: on lane 0, 0 on the others.
__device__ double class_loss(RowLossJob const& job, unsigned model, std::int64_t c, float share, float const* x,
                             std::int64_t gradient_row) {
    auto const lane = static_cast<std::int32_t>(threadIdx.x % 32);
    if (c == ignored_class) {
        for (std::int32_t u = lane; u < job.out; u += 32) write_gradient(job, model, gradient_row + u, 0.0f);
        return 0.0;
    }
    if (job.kind == Loss::nll) {
        for (std::int32_t u = lane; u < job.out; u += 32) write_gradient(job, model, gradient_row + u, u == c ? -share : 0.0f);
        return lane == 0 ? -static_cast<double>(x[c]) : 0.0;
    }
    Shifted const s = shifted(job.out, x);
    for (std::int32_t u = lane; u < job.out; u += 32) {
        float const g = share * static_cast<float>(exponential(static_cast<double>((x[u] - s.most) - s.log_sum)));
        write_gradient(job, model, gradient_row + u, u == c ? g - share : g);
    }
    return lane == 0 ? -static_cast<double>((x[c] - s.most) - s.log_sum) : 0.0;
}

__device__ double probability_loss(RowLossJob const& job, unsigned model, float share, float const* x, float const* t,
                                   std::int64_t gradient_row) {
    auto const lane = static_cast<std::int32_t>(threadIdx.x % 32);
    Shifted const s = shifted(job.out, x);
    double total = 0.0, loss = 0.0;
    for (std::int32_t u = lane; u < job.out; u += 32) total += static_cast<double>(t[u]);
    total = warp_sum(total);
    for (std::int32_t u = lane; u < job.out; u += 32) {
        auto const log = static_cast<double>((x[u] - s.most) - s.log_sum);
        loss -= static_cast<double>(t[u]) * log;
        write_gradient(job, model, gradient_row + u, share * static_cast<float>(exponential(log) * total - static_cast<double>(t[u])));
    }
    return loss;
}

__device__ double row_losses(RowLossJob const& job, StepEntry const& step, unsigned model) {
    auto const share = static_cast<float>(1.0 / static_cast<double>(job.classes != nullptr ? step.counted : step.rows));
    double sum = 0.0;
    for (std::int64_t r = std::int64_t{blockIdx.x} * row_warps + threadIdx.x / 32; r < step.rows; r += sum_blocks * row_warps) {
        float const* const x = job.output.of(model) + r * job.output.ld;
        std::int64_t const gradient_row = r * job.gradient.ld;
        if (job.classes != nullptr) {
            std::int64_t const sample = job.order ? job.order.of(model)[step.begin + r] : step.begin + r;
            sum += class_loss(job, model, job.classes[sample], share, x, gradient_row);
        } else {
            sum += probability_loss(job, model, share, x, job.target.of(model) + r * job.target.ld, gradient_row);
        }
    }
    return sum;
}

__global__ void __launch_bounds__(threads, 4) loss_kernel(RowLossJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    bool const by_row = is_by_row(job.kind);
    double sum = by_row ? row_losses(job, step, model) : value_losses(job, step, model);
    __shared__ double room[row_warps];
    sum = block_sum<threads>(sum, room);
    if (threadIdx.x == 0) job.partial.of(model)[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(threads) finish_kernel(FinishJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    __shared__ double room[threads / 32];
    finish_step<threads>(job, step, model, room);
}

}  // namespace

void launch_loss(Context const& context, CUstream_st* stream, int models, RowLossJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(
        loss_kernel,
        {.grid = dim3(sum_blocks, 1, static_cast<unsigned>(models)), .block = dim3(threads), .stream = stream, .overlap = job.step.overlap},
        job);
}

void launch_finish(Context const& context, CUstream_st* stream, int models, FinishJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(finish_kernel,
           {.grid = dim3(1, 1, static_cast<unsigned>(models)), .block = dim3(threads), .stream = stream, .overlap = job.step.overlap}, job);
}

}  // namespace ca3::autoencoder::cuda
