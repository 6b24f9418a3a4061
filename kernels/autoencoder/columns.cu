#include "core/state.hpp"
#include "kernels/autoencoder/elementary.cuh"

/// What goes down the columns of a batch: batch normalisation and sums.
namespace ca3::autoencoder::cuda {

namespace {

// A block takes 32 columns, each by 8 threads whose sums are added in their order.
constexpr int columns = 32;
constexpr int parts = 8;
constexpr int threads = columns * parts;

/// Sum over the rows of value(row), for the thread's column; all 8 threads of a column get it. Contains barriers.
template <class F>
__device__ double column_sum(std::int32_t rows, bool there, double (&room)[parts][columns], F const& value) {
    unsigned const column = threadIdx.x % columns, part = threadIdx.x / columns;
    double sum = 0.0;
    if (there)
        for (auto r = static_cast<std::int32_t>(part); r < rows; r += parts) sum += value(r);
    __syncthreads();
    room[part][column] = sum;
    __syncthreads();
    double total = 0.0;
    for (int p = 0; p < parts; ++p) total += room[p][column];
    return total;
}

__global__ void __launch_bounds__(threads) normalise_kernel(NormJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    auto const u = static_cast<std::int32_t>(blockIdx.x * columns + threadIdx.x % columns);
    bool const there = u < job.units;
    float* const z = job.linear.of(model) + (there ? u : 0);
    std::int64_t const ld = job.linear.ld;
    __shared__ double room[parts][columns];
    float mean = 0.0f, variance = 1.0f;
    if (job.training) {
        double const rows = static_cast<double>(step.rows);
        double const centre = column_sum(step.rows, there, room, [&](std::int32_t r) { return static_cast<double>(z[r * ld]); }) / rows;
        double const squares = column_sum(step.rows, there, room, [&](std::int32_t r) {
            double const d = static_cast<double>(z[r * ld]) - centre;
            return d * d;
        });
        mean = static_cast<float>(centre);
        variance = static_cast<float>(squares / rows);
    } else if (there) {
        mean = job.running_mean.of(model)[u];
        variance = job.running_variance.of(model)[u];
    }
    if (!there) return;
    float const scale = 1.0f / square_root(variance + batch_norm_epsilon), gamma = job.gamma.of(model)[u], beta = job.beta.of(model)[u];
    if (threadIdx.x < columns) {
        if (job.training) {
            job.mean.of(model)[u] = mean;
            job.variance.of(model)[u] = variance;
        }
        job.scale.of(model)[u] = scale;
    }
    float* const before = job.before.of(model) + u;
    for (auto r = static_cast<std::int32_t>(threadIdx.x / columns); r < step.rows; r += parts) {
        float const x = (z[r * ld] - mean) * scale;
        z[r * ld] = x;
        before[r * job.before.ld] = x * gamma + beta;
    }
}

__global__ void __launch_bounds__(threads) normalise_gradient_kernel(NormJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    auto const u = static_cast<std::int32_t>(blockIdx.x * columns + threadIdx.x % columns);
    bool const there = u < job.units;
    float const* const x = job.linear.of(model) + (there ? u : 0);
    float* const g = job.gradient.of(model) + (there ? u : 0);
    std::int64_t const ld = job.linear.ld, gradient_ld = job.gradient.ld;
    __shared__ double room[parts][columns];
    auto const sum =
        static_cast<float>(column_sum(step.rows, there, room, [&](std::int32_t r) { return static_cast<double>(g[r * gradient_ld]); }));
    auto const product = static_cast<float>(column_sum(
        step.rows, there, room, [&](std::int32_t r) { return static_cast<double>(g[r * gradient_ld]) * static_cast<double>(x[r * ld]); }));
    if (!there) return;
    if (threadIdx.x < columns) {
        job.beta_gradient.of(model)[u] = sum;
        job.gamma_gradient.of(model)[u] = product;
    }
    float const each = 1.0f / static_cast<float>(step.rows), scale = job.gamma.of(model)[u] * job.scale.of(model)[u];
    for (auto r = static_cast<std::int32_t>(threadIdx.x / columns); r < step.rows; r += parts) {
        float const own = g[r * gradient_ld];
        float const pulled = job.training ? own - each * sum - x[r * ld] * (each * product) : own;
        g[r * gradient_ld] = scale * pulled;
    }
}

/// Running mean and unbiased variance.
__global__ void __launch_bounds__(threads) statistics_kernel(NormJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    auto const u = static_cast<std::int32_t>(blockIdx.x * threads + threadIdx.x);
    if (u >= job.units) return;
    auto const rows = static_cast<float>(step.rows);
    float& mean = job.running_mean.of(model)[u];
    float& variance = job.running_variance.of(model)[u];
    constexpr float kept = 1.0f - batch_norm_momentum;
    mean = kept * mean + batch_norm_momentum * job.mean.of(model)[u];
    variance = kept * variance + batch_norm_momentum * (job.variance.of(model)[u] * (rows / (rows - 1.0f)));
}

__global__ void __launch_bounds__(threads) column_sums_kernel(ColumnJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    auto const u = static_cast<std::int32_t>(blockIdx.x * columns + threadIdx.x % columns);
    bool const there = u < job.columns;
    float const* const x = job.values.of(model) + (there ? u : 0);
    __shared__ double room[parts][columns];
    double const sum = column_sum(step.rows, there, room, [&](std::int32_t r) { return static_cast<double>(x[r * job.values.ld]); });
    if (there && threadIdx.x < columns) job.sums.of(model)[u] = static_cast<float>(sum);
}

/// All columns together, by one block.
__global__ void __launch_bounds__(threads) total_kernel(ColumnJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const count = std::int64_t{step.rows} * job.columns;
    double sum = 0.0;
    for (std::int64_t i = threadIdx.x; i < count; i += threads)
        sum += static_cast<double>(job.values.of(model)[i / job.columns * job.values.ld + i % job.columns]);
    __shared__ double room[threads / 32];
    sum = block_sum<threads>(sum, room);
    if (threadIdx.x == 0) job.sums.of(model)[0] = static_cast<float>(sum);
}

__global__ void __launch_bounds__(threads) transpose_kernel(TransposeJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    __shared__ float tile[columns][columns + 1];
    std::int32_t const tiles = (job.columns + columns - 1) / columns;
    std::int32_t const first_row = static_cast<std::int32_t>(blockIdx.x) / tiles * columns;
    std::int32_t const first_column = static_cast<std::int32_t>(blockIdx.x) % tiles * columns;
    auto const x = static_cast<std::int32_t>(threadIdx.x % columns);
    for (auto y = static_cast<std::int32_t>(threadIdx.x / columns); y < columns; y += parts)
        if (first_row + y < job.rows && first_column + x < job.columns)
            tile[y][x] = job.from.of(model)[(first_row + y) * job.from.ld + first_column + x];
    __syncthreads();
    for (auto y = static_cast<std::int32_t>(threadIdx.x / columns); y < columns; y += parts) {
        if (first_column + y >= job.columns || first_row + x >= job.rows) continue;
        float* const to = job.to.of(model) + (first_column + y) * job.to.ld + first_row + x;
        *to = job.add ? *to + tile[x][y] : tile[x][y];
    }
}

LaunchConfig for_columns(std::int64_t count, int models, CUstream_st* stream) {
    return {.grid = dim3(static_cast<unsigned>((count + columns - 1) / columns), 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .stream = stream};
}

}  // namespace

void launch_normalise(Context const& context, CUstream_st* stream, int models, NormJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(normalise_kernel, for_columns(job.units, models, stream), job);
}
void launch_normalise_gradient(Context const& context, CUstream_st* stream, int models, NormJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(normalise_gradient_kernel, for_columns(job.units, models, stream), job);
}
void launch_statistics(Context const& context, CUstream_st* stream, int models, NormJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(statistics_kernel,
           {.grid = dim3(static_cast<unsigned>((job.units + threads - 1) / threads), 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .stream = stream},
           job);
}
void launch_column_sums(Context const& context, CUstream_st* stream, int models, ColumnJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    if (!job.total) return launch(column_sums_kernel, for_columns(job.columns, models, stream), job);
    launch(total_kernel, {.grid = dim3(1, 1, static_cast<unsigned>(models)), .block = dim3(threads), .stream = stream}, job);
}
void launch_transpose(Context const& context, CUstream_st* stream, int models, TransposeJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    std::int64_t const tiles = std::int64_t{(job.rows + columns - 1) / columns} * ((job.columns + columns - 1) / columns);
    launch(transpose_kernel,
           {.grid = dim3(static_cast<unsigned>(tiles), 1, static_cast<unsigned>(models)), .block = dim3(threads), .stream = stream}, job);
}

}  // namespace ca3::autoencoder::cuda
