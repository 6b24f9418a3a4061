#include "core/philox.hpp"
#include "core/state.hpp"
#include "kernels/autoencoder/rows.cuh"

/// Activations and their gradients on their own: for layers whose activation looks at a whole row, or that have more to them than one.
namespace ca3::autoencoder::cuda {

namespace {

using Kind = Activation::Kind;

constexpr int threads = 128;  // a warp for each row

/// The factor of dropout: 0 or 1 / (1 - share).
__device__ __forceinline__ float kept(LayerJob const& job, std::uint64_t seed, std::uint32_t step, std::int64_t index) {
    auto const dropped = static_cast<std::uint64_t>(job.dropout * 0x1p32);
    std::uint32_t const u = random::draw(seed, random::Purpose::dropout, job.layer, step, static_cast<std::uint64_t>(index));
    return u < dropped ? 0.0f : static_cast<float>(1.0 / (1.0 - job.dropout));
}

__device__ __forceinline__ void sample(LayerJob const& job, StepEntry const& step, unsigned model, std::int64_t r, float const* z,
                                       float* y) {
    unsigned const lane = threadIdx.x % 32;
    for (std::int32_t u = static_cast<std::int32_t>(lane); u < job.out; u += 32) {
        if (!job.training) {
            y[u] = z[u];
            continue;
        }
        auto const index = static_cast<std::uint64_t>(r * job.out + u);
        auto const e = static_cast<float>(
            normal_quantile(random::draw(job.seeds[model], random::Purpose::latent, job.layer, step.random_step, index)));
        job.noise.of(model)[r * job.noise.ld + u] = e;
        y[u] =
            static_cast<float>(static_cast<double>(z[u]) + static_cast<double>(e) * exponential(0.5 * static_cast<double>(z[job.out + u])));
    }
}

/// y = z / max(|z|, 1e-12)
__device__ __forceinline__ void project(std::int32_t n, float const* z, float* y) {
    float const norm = norm_of(n, z), divisor = norm < least_norm ? least_norm : norm;
    for (auto u = static_cast<std::int32_t>(threadIdx.x % 32); u < n; u += 32) y[u] = z[u] / divisor;
}

__global__ void __launch_bounds__(threads) activate_kernel(LayerJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const r = std::int64_t{blockIdx.x} * (threads / 32) + threadIdx.x / 32;
    if (r >= step.rows) return;
    auto const lane = static_cast<std::int32_t>(threadIdx.x % 32);
    float const* const z = job.before.of(model) + r * job.before.ld;
    float* const y = job.active.of(model) + r * job.active.ld;
    if (is_elementwise(job.activation.kind)) {
        for (std::int32_t u = lane; u < job.out; u += 32) y[u] = activated(job.activation, model, u, z[u]);
    } else if (job.activation.kind == Kind::gaussian) {
        sample(job, step, model, r, z, y);
    } else if (job.activation.kind == Kind::unit_sphere) {
        project(job.out, z, y);
    } else {
        Shifted const s = shifted(job.out, z);
        for (std::int32_t u = lane; u < job.out; u += 32) {
            float const log = (z[u] - s.most) - s.log_sum;
            y[u] = job.activation.kind == Kind::softmax ? static_cast<float>(exponential(static_cast<double>(log))) : log;
        }
    }
}

__global__ void __launch_bounds__(threads) project_kernel(LayerJob job) {
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const r = std::int64_t{blockIdx.x} * (threads / 32) + threadIdx.x / 32;
    if (r >= step.rows) return;
    project(job.out, job.activated.of(model) + r * job.activated.ld, job.active.of(model) + r * job.active.ld);
}

__global__ void __launch_bounds__(threads) drop_kernel(LayerJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const r = std::int64_t{blockIdx.x} * (threads / 32) + threadIdx.x / 32;
    if (r >= step.rows) return;
    for (auto u = static_cast<std::int32_t>(threadIdx.x % 32); u < job.out; u += 32)
        job.dropped.of(model)[r * job.dropped.ld + u] =
            job.active.of(model)[r * job.active.ld + u] * kept(job, job.seeds[model], step.random_step, r * job.out + u);
}

/// The gradient with respect to the layer's active values: dropout undone, penalties added.
__device__ __forceinline__ float active_gradient(LayerJob const& job, StepEntry const& step, unsigned model, std::int64_t r,
                                                 std::int32_t u) {
    float g = job.gradient.of(model)[r * job.gradient.ld + u];
    if (job.dropped) g *= kept(job, job.seeds[model], step.random_step, r * job.out + u);
    if (job.penalised) {
        float const y = job.active.of(model)[r * job.active.ld + u];
        double const elements = static_cast<double>(step.rows) * static_cast<double>(job.out);
        auto const scale = static_cast<float>(job.penalty_sum + job.penalty_mean / elements);
        g += y > 0.0f ? scale : y < 0.0f ? -scale : 0.0f;
    }
    return g;
}

__device__ void gaussian_gradient(LayerJob const& job, StepEntry const& step, unsigned model, std::int64_t r, float const* z, float* gz) {
    auto const share = static_cast<float>(job.kl_sum ? job.kl_scale : job.kl_scale / static_cast<double>(step.rows));
    for (auto u = static_cast<std::int32_t>(threadIdx.x % 32); u < job.out; u += 32) {
        float const g = active_gradient(job, step, model, r, u);
        double const sigma = exponential(0.5 * static_cast<double>(z[job.out + u]));
        double const sampled =
            job.training ? static_cast<double>(g) * static_cast<double>(job.noise.of(model)[r * job.noise.ld + u]) * sigma * 0.5 : 0.0;
        gz[job.out + u] = static_cast<float>(sampled + static_cast<double>(share) * (sigma * sigma - 1.0) * 0.5);
        gz[u] = g + share * z[u];
    }
}

/// From the gradient of y = z / max(|z|, 1e-12) to that of z. gz may be the job's gradient: each lane reads what it writes.
__device__ void projected_gradient(LayerJob const& job, StepEntry const& step, unsigned model, std::int64_t r, float const* z,
                                   float const* y, float* gz) {
    auto const lane = static_cast<std::int32_t>(threadIdx.x % 32);
    double sum = 0.0;
    for (std::int32_t u = lane; u < job.out; u += 32)
        sum += static_cast<double>(active_gradient(job, step, model, r, u)) * static_cast<double>(y[u]);
    auto const along = static_cast<float>(warp_sum(sum));
    float const norm = norm_of(job.out, z);
    bool const small = !(norm > least_norm);
    for (std::int32_t u = lane; u < job.out; u += 32) {
        float const g = active_gradient(job, step, model, r, u);
        gz[u] = (small ? g : g - y[u] * along) / (small ? least_norm : norm);
    }
}

/// softmax, log_softmax
__device__ void softmax_gradient(LayerJob const& job, StepEntry const& step, unsigned model, std::int64_t r, float const* y, float* gz) {
    auto const lane = static_cast<std::int32_t>(threadIdx.x % 32);
    bool const logarithmic = job.activation.kind == Kind::log_softmax;
    double sum = 0.0;
    for (std::int32_t u = lane; u < job.out; u += 32) {
        auto const g = static_cast<double>(active_gradient(job, step, model, r, u));
        sum += logarithmic ? g : g * static_cast<double>(y[u]);
    }
    sum = warp_sum(sum);
    for (std::int32_t u = lane; u < job.out; u += 32) {
        float const g = active_gradient(job, step, model, r, u);
        gz[u] = logarithmic ? g - static_cast<float>(exponential(static_cast<double>(y[u])) * sum) : y[u] * (g - static_cast<float>(sum));
    }
}

__global__ void __launch_bounds__(threads) project_gradient_kernel(LayerJob job) {
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const r = std::int64_t{blockIdx.x} * (threads / 32) + threadIdx.x / 32;
    if (r >= step.rows) return;
    projected_gradient(job, step, model, r, job.activated.of(model) + r * job.activated.ld, job.active.of(model) + r * job.active.ld,
                       job.gradient.of(model) + r * job.gradient.ld);
}

__global__ void __launch_bounds__(threads) activation_gradient_kernel(LayerJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const r = std::int64_t{blockIdx.x} * (threads / 32) + threadIdx.x / 32;
    if (r >= step.rows) return;
    float const* const z = job.before.of(model) + r * job.before.ld;
    float const* const y = job.active.of(model) + r * job.active.ld;
    float* const gz = job.linear_gradient.of(model) + r * job.linear_gradient.ld;
    if (job.activation.kind == Kind::gaussian) return gaussian_gradient(job, step, model, r, z, gz);
    if (job.activation.kind == Kind::unit_sphere) return projected_gradient(job, step, model, r, z, y, gz);
    if (!is_elementwise(job.activation.kind)) return softmax_gradient(job, step, model, r, y, gz);
    for (auto u = static_cast<std::int32_t>(threadIdx.x % 32); u < job.out; u += 32) {
        float const g = active_gradient(job, step, model, r, u);
        if (job.slope_part) job.slope_part.of(model)[r * job.slope_part.ld + u] = z[u] > 0.0f ? 0.0f : g * z[u];
        gz[u] = differentiated(job.activation, model, u, g, z[u], y[u]);
    }
}

// ---- sums for the loss -------------------------------------------------------------------------------------------------------------

__global__ void __launch_bounds__(threads) absolute_sum_kernel(LayerJob job, Span<double> partial) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const count = std::int64_t{step.rows} * job.out;
    double sum = 0.0;
    for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += std::int64_t{sum_blocks} * threads)
        sum += static_cast<double>(absolute(job.active.of(model)[i / job.out * job.active.ld + i % job.out]));
    __shared__ double room[threads / 32];
    sum = block_sum<threads>(sum, room);
    if (threadIdx.x == 0) partial.of(model)[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(threads) divergence_kernel(LayerJob job, Span<double> partial) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    std::int64_t const count = std::int64_t{step.rows} * job.out;
    double sum = 0.0;
    for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += std::int64_t{sum_blocks} * threads) {
        float const* const z = job.before.of(model) + i / job.out * job.before.ld + i % job.out;
        auto const mu = static_cast<double>(z[0]), log = static_cast<double>(z[job.out]);
        sum += 0.5 * (exponential(log) + mu * mu - log - 1.0);
    }
    __shared__ double room[threads / 32];
    sum = block_sum<threads>(sum, room);
    if (threadIdx.x == 0) partial.of(model)[blockIdx.x] = sum;
}

LaunchConfig a_warp_for_each_row(std::int64_t rows, int models, CUstream_st* stream) {
    return {.grid = dim3(static_cast<unsigned>((rows + threads / 32 - 1) / (threads / 32)), 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .stream = stream};
}
LaunchConfig for_sums(int models, CUstream_st* stream) {
    return {.grid = dim3(sum_blocks, 1, static_cast<unsigned>(models)), .block = dim3(threads), .stream = stream};
}

}  // namespace

void launch_activate(Context const& context, CUstream_st* stream, int models, std::int64_t batch, LayerJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(activate_kernel, a_warp_for_each_row(batch, models, stream), job);
}
void launch_project(Context const& context, CUstream_st* stream, int models, std::int64_t batch, LayerJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(project_kernel, a_warp_for_each_row(batch, models, stream), job);
}
void launch_drop(Context const& context, CUstream_st* stream, int models, std::int64_t batch, LayerJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(drop_kernel, a_warp_for_each_row(batch, models, stream), job);
}
void launch_project_gradient(Context const& context, CUstream_st* stream, int models, std::int64_t batch, LayerJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(project_gradient_kernel, a_warp_for_each_row(batch, models, stream), job);
}
void launch_activation_gradient(Context const& context, CUstream_st* stream, int models, std::int64_t batch, LayerJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(activation_gradient_kernel, a_warp_for_each_row(batch, models, stream), job);
}
void launch_absolute_sum(Context const& context, CUstream_st* stream, int models, LayerJob const& job, Span<double> partial) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(absolute_sum_kernel, for_sums(models, stream), job, partial);
}
void launch_divergence(Context const& context, CUstream_st* stream, int models, LayerJob const& job, Span<double> partial) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(divergence_kernel, for_sums(models, stream), job, partial);
}

}  // namespace ca3::autoencoder::cuda
