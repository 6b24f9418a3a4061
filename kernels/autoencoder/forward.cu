#include "core/state.hpp"
#include "kernels/autoencoder/product.cuh"

namespace ca3::autoencoder::cuda {

namespace {

template <Precision precision, class Shape>
__global__ void __launch_bounds__(Shape::threads, Shape::blocks) forward_kernel(ForwardJob job) {
    using S = Sums<Shape, precision, true, true>;
    unsigned const model = blockIdx.z;
    std::int32_t const tiles_n = (job.out + Shape::side - 1) / Shape::side;
    std::int32_t const first_row = static_cast<std::int32_t>(blockIdx.x) / tiles_n * Shape::side;
    std::int32_t const first_column = static_cast<std::int32_t>(blockIdx.x) % tiles_n * Shape::side;
    Loader<Shape, true> const weight({job.weight.of(model), job.weight.ld, job.out}, first_column, job.in);
    if (!job.settled) begin_in_turn();
    start_b(weight, job.in);
    if (job.settled) begin_in_turn();
    StepEntry const step = job.step.entry(model);
    if (first_row >= step.rows) {
        ptx::cp_async_commit();
        ptx::cp_async_wait<0>();
        if (job.loss.partial && threadIdx.x == 0) job.loss.partial.of(model)[blockIdx.x] = 0.0;
        return;
    }

    S sums;
    Loader<Shape, true> const input({job.input.of(model), job.input.ld, step.rows}, first_row, job.in);
    multiply_tile<Shape, precision>(
        sums, input, weight, job.in,
        [&](S& to) {
            float const* const bias = job.bias && S::part() == 0 ? job.bias.of(model) + first_column : nullptr;
            std::int32_t const columns = job.out - first_column;
            to.set([&](std::int32_t column) { return bias != nullptr && column < columns ? bias[column] : 0.0f; });
        },
        [](float const*) {});

    float share = 0.0f;
    if (job.loss.partial) share = static_cast<float>(1.0 / (static_cast<double>(step.rows) * static_cast<double>(job.out)));
    float loss = 0.0f;
    for_tile<Shape>(sums, first_row, first_column, step.rows, job.out,
                    [&](std::int32_t row, std::int32_t column, Four const& z, std::int32_t count) {
                        if (job.before) store_padded(job.before.of(model) + row * job.before.ld + column, z);
                        if (!job.active) return;
                        Four const y = activated(job.activation, model, column, z, count);
                        store_padded(job.active.of(model) + row * job.active.ld + column, y);
                        if (!job.loss.partial) return;
                        Four const t = load_padded(job.loss.target.of(model) + row * job.loss.target.ld + column);
                        FourCompared const c = compared(job.loss.kind, y, t);
#pragma unroll
                        for (int j = 0; j < 4; ++j)
                            if (j < count) loss += c.value.x[j];
                        Four const slope = make_four([&](int j) { return c.slope.x[j] * share; });
                        Four const gradient = differentiated(job.activation, model, column, slope, z, y, count);
                        if (job.loss.gradient) store_padded(job.loss.gradient.of(model) + row * job.loss.gradient.ld + column, gradient);
                    });
    if (!job.loss.partial) return;
    __syncthreads();  // shared memory is free
    double const sum = block_sum<Shape::threads>(static_cast<double>(loss), dynamic_shared<double>());
    if (threadIdx.x == 0) job.loss.partial.of(model)[blockIdx.x] = sum;
}

template <Precision precision, class Shape>
void launch_shape(Context const& context, CUstream_st* stream, int models, std::int64_t batch, ForwardJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(forward_kernel<precision, Shape>,
           {.grid = dim3(static_cast<unsigned>(tiles_of(batch, job.out, Shape::side)), 1, static_cast<unsigned>(models)),
            .block = dim3(Shape::threads),
            .shared_bytes = Shape::shared_bytes,
            .stream = stream,
            .overlap = job.step.overlap},
           job);
}

bool large(Context const& context, std::int64_t batch, std::int64_t out) {
    return has_large_tiles(context, tiles_of(batch, out, 64));
}

template <Precision precision>
void launch_precision(Context const& context, CUstream_st* stream, int models, std::int64_t batch, ForwardJob const& job) {
    if (large(context, batch, job.out)) return launch_shape<precision, TileShape<64>>(context, stream, models, batch, job);
    if (job.deep && has_deep_tiles<precision>(context, tiles_of(batch, job.out, 32), job.in))
        return launch_shape<precision, DeepTile<precision>>(context, stream, models, batch, job);
    launch_shape<precision, TileShape<32>>(context, stream, models, batch, job);
}

}  // namespace

std::int64_t loss_tiles(Context const& context, std::int64_t batch, std::int64_t out) {
    return tiles_of(batch, out, large(context, batch, out) ? 64 : 32);
}

void launch_forward(Context const& context, CUstream_st* stream, Precision precision, int models, std::int64_t batch,
                    ForwardJob const& job) {
    with_precision(precision, [&](auto p) { launch_precision<p()>(context, stream, models, batch, job); });
}

}  // namespace ca3::autoencoder::cuda
