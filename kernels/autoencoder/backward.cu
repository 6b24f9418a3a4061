#include "core/state.hpp"
#include "kernels/autoencoder/product.cuh"
#include "kernels/autoencoder/update.cuh"

#include <algorithm>

namespace ca3::autoencoder::cuda {

namespace {

/// One tile of dz W. Waits in turn for the launches before.
template <Precision precision, class Shape>
__device__ __forceinline__ void input_gradient_tile(InputGradientJob const& job, StepView const& view, unsigned model, std::int32_t tile,
                                                    bool settled) {
    using S = Sums<Shape, precision, true, false>;
    std::int32_t const tiles_n = (job.in + Shape::side - 1) / Shape::side;
    std::int32_t const first_row = tile / tiles_n * Shape::side, first_column = tile % tiles_n * Shape::side;
    Loader<Shape, false> const weight({job.weight.of(model), job.weight.ld, job.in}, first_column, job.linear);
    if (!settled) begin_in_turn();
    start_b(weight, job.linear);
    if (settled) begin_in_turn();
    StepEntry const step = view.entry(model);
    if (first_row >= step.rows) {
        ptx::cp_async_commit();
        ptx::cp_async_wait<0>();
        return;
    }
    S sums;
    Loader<Shape, true> const gradient({job.linear_gradient.of(model), job.linear_gradient.ld, step.rows}, first_row, job.linear);
    multiply_tile<Shape, precision>(
        sums, gradient, weight, job.linear, [](S& to) { to.set([](int) { return 0.0f; }); }, [](float const*) {});
    struct Below {
        Four z, y;
    };
    for_tile<Shape>(
        sums, first_row, first_column, step.rows, job.in,
        [&](std::int32_t row, std::int32_t column) {
            Below below{};
            if (job.before) below.z = load_padded(job.before.of(model) + row * job.before.ld + column);
            if (job.active) below.y = load_padded(job.active.of(model) + row * job.active.ld + column);
            return below;
        },
        [&](auto const& loop) { with_kind(job.activation.kind, loop); },
        [&](auto kind, std::int32_t row, std::int32_t column, Four const& g, std::int32_t count, Below const& below) {
            Four const out = make_four([&](int j) {
                return differentiated_as<kind()>(job.activation, model, column + j, g.x[j], below.z.x[j], below.y.x[j], j < count);
            });
            store_padded(job.out.of(model) + row * job.out.ld + column, out);
        });
}

/// One tile of dz^T x, and with the first column of tiles the sums of dz's columns.
template <Precision precision, class Shape>
__device__ __forceinline__ void weight_gradient_tile(WeightGradientJob const& job, UpdateView const& update, StepView const& view,
                                                     StepEntry const& step, unsigned model, std::int32_t tile) {
    using S = Sums<Shape, precision, false, false>;
    std::int32_t const tiles_n = (job.in + Shape::side - 1) / Shape::side;
    std::int32_t const first_row = tile / tiles_n * Shape::side, first_column = tile % tiles_n * Shape::side;
    S sums;
    Loader<Shape, false> const gradient({job.linear_gradient.of(model), job.linear_gradient.ld, job.linear}, first_row, step.rows);
    Loader<Shape, false> const input({job.input.of(model), job.input.ld, job.in}, first_column, step.rows);
    start_b(input, step.rows);
    bool const sums_bias = job.bias >= 0 && first_column == 0 && threadIdx.x < Shape::side;
    float bias = 0.0f;
    multiply_tile<Shape, precision>(
        sums, gradient, input, step.rows, [](S& to) { to.set([](int) { return 0.0f; }); },
        [&](float const* a) {
            if (!sums_bias) return;
#pragma unroll 16
            for (int k = 0; k < Shape::depth; ++k) bias += a[k * Shape::pitch_across + threadIdx.x];
        });
    bool finite = true;
    struct Kept {};
    for_tile<Shape>(
        sums, first_row, first_column, job.linear, job.in,
        [&](std::int32_t row, std::int32_t column) {
            return job.update ? load_parameters(update, model, job.weight + row * job.ld + column) : Parameters{};
        },
        [&](auto const& loop) {
            if (job.update)
                with_rule(update, loop);
            else
                loop(Kept());
        },
        [&](auto rule, std::int32_t row, std::int32_t column, Four const& g, std::int32_t count, Parameters x) {
            std::int64_t const at = job.weight + row * job.ld + column;
            if constexpr (!std::is_same_v<decltype(rule), Kept>)
                finite = update_four<rule()>(update, step, model, at, g, count, x) && finite;
            else if (job.elsewhere)
                store_padded(job.elsewhere.of(model) + row * job.elsewhere.ld + column, g);
            else
                store_padded(update.gradients.of(model) + at, g);
        });
    std::int32_t const unit = first_row + static_cast<std::int32_t>(threadIdx.x);
    if (sums_bias && unit < job.linear) {
        if (job.update)
            finite = update_parameter(update, step, model, job.bias + unit, bias) && finite;
        else
            update.gradients.of(model)[job.bias + unit] = bias;
    }
    if (!finite) flag_bad(view, model);
}

/// Blocks [0, first) are tiles of the input's gradient, [first, second) of the first weight's, the rest of the second's.
template <Precision precision, class Shape>
__global__ void __launch_bounds__(Shape::threads, Shape::blocks) backward_kernel(BackwardJob job, std::int32_t first, std::int32_t second) {
    unsigned const model = blockIdx.z;
    auto const block = static_cast<std::int32_t>(blockIdx.x);
    if (block < first) return input_gradient_tile<precision, Shape>(job.input, job.step, model, block, job.settled);
    begin_in_turn();
    StepEntry const step = job.step.entry(model);
    bool const other = block >= second;
    weight_gradient_tile<precision, Shape>(other ? job.weight[1] : job.weight[0], job.update, job.step, step, model,
                                           block - (other ? second : first));
}

std::int64_t tiles(WeightGradientJob const& job, std::int64_t side) {
    return job.weight >= 0 || job.elsewhere ? tiles_of(job.linear, job.in, side) : 0;
}
std::int64_t tiles(InputGradientJob const& job, std::int64_t batch, std::int64_t side) {
    return job.out ? tiles_of(batch, job.in, side) : 0;
}

template <Precision precision, class Shape>
void launch_shape(Context const& context, CUstream_st* stream, int models, std::int64_t batch, BackwardJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    auto const first = static_cast<std::int32_t>(tiles(job.input, batch, Shape::side));
    auto const second = static_cast<std::int32_t>(first + tiles(job.weight[0], Shape::side));
    launch(backward_kernel<precision, Shape>,
           {.grid = dim3(static_cast<unsigned>(second + tiles(job.weight[1], Shape::side)), 1, static_cast<unsigned>(models)),
            .block = dim3(Shape::threads),
            .shared_bytes = Shape::shared_bytes,
            .stream = stream,
            .overlap = job.step.overlap},
           job, first, second);
}

std::int64_t all_tiles(BackwardJob const& job, std::int64_t batch, std::int64_t side) {
    return tiles(job.input, batch, side) + tiles(job.weight[0], side) + tiles(job.weight[1], side);
}

template <Precision precision>
void launch_precision(Context const& context, CUstream_st* stream, int models, std::int64_t batch, BackwardJob const& job) {
    if (has_large_tiles(context, all_tiles(job, batch, 64)))
        return launch_shape<precision, TileShape<64>>(context, stream, models, batch, job);
    std::int64_t const depth = std::max<std::int64_t>(job.input.linear, batch);
    if (job.deep && has_deep_tiles<precision>(context, all_tiles(job, batch, 32), depth))
        return launch_shape<precision, DeepTile<precision>>(context, stream, models, batch, job);
    launch_shape<precision, TileShape<32>>(context, stream, models, batch, job);
}

}  // namespace

void launch_backward(Context const& context, CUstream_st* stream, Precision precision, int models, std::int64_t batch,
                     BackwardJob const& job) {
    with_precision(precision, [&](auto p) { launch_precision<p()>(context, stream, models, batch, job); });
}

}  // namespace ca3::autoencoder::cuda
