#include "kernels/autoencoder/cluster.hpp"

#include "core/state.hpp"
#include "kernels/autoencoder/cluster_product.cuh"
#include "kernels/autoencoder/samples.cuh"
#include "kernels/common/device.cuh"

namespace ca3::autoencoder::cuda {

namespace {

constexpr int threads = cluster_threads;

__device__ __forceinline__ std::int32_t thread() {
    return static_cast<std::int32_t>(threadIdx.x);
}

/// Columns of the input or units of the output that a block has.
struct Slice {
    std::int32_t first, count;

    __device__ __forceinline__ Slice(std::int32_t width, std::int32_t slice, unsigned rank) {
        first = static_cast<std::int32_t>(rank) * slice;
        count = width - first < 0 ? 0 : width - first < slice ? width - first : slice;
    }
};

/// A block's part of a training.
template <Precision precision>
struct Trainer {
    ClusterJob const& job;
    ClusterLayout const& layout;
    unsigned model, rank;
    float* shared;
    Slice in, out;

    __device__ __forceinline__ explicit Trainer(ClusterJob const& j)
        : job(j),
          layout(j.layout),
          model(blockIdx.z),
          rank(ptx::cluster_rank()),
          shared(dynamic_shared<float>()),
          in(j.in, j.layout.in_slice, rank),
          out(j.out, j.layout.out_slice, rank) {}

    // ---- between global and shared memory ----

    /// f(place in shared memory, offset in the parameters) for all parameters of the block.
    template <class F>
    __device__ __forceinline__ void for_matrix(ClusterLayout::Matrix const& x, std::int32_t ld, std::int32_t rows, std::int32_t columns,
                                               std::int64_t offset, std::int64_t global_ld, F const& f) const {
        for (std::int32_t i = thread(); i < rows * columns; i += threads)
            f(x, shared_place(ld, i / columns, i % columns), offset + i / columns * global_ld + i % columns);
    }
    template <class F>
    __device__ __forceinline__ void for_parameters(bool hidden_bias, F const& f) const {
        for_matrix(layout.weight1, layout.ld_in, job.hidden, in.count, job.weight1 + in.first, job.weight1_ld, f);
        for_matrix(layout.weight2, layout.ld_hidden, out.count, job.hidden, job.weight2 + out.first * job.weight2_ld, job.weight2_ld, f);
        if (job.bias1 >= 0 && hidden_bias) for_matrix(layout.bias1, 0, 1, job.hidden, job.bias1, 0, f);
        if (job.bias2 >= 0) for_matrix(layout.bias2, 0, 1, out.count, job.bias2 + out.first, 0, f);
    }
    __device__ __forceinline__ void load() const {
        for_parameters(true, [this](ClusterLayout::Matrix const& x, std::int32_t place, std::int64_t offset) {
            shared[x.weight + place] = job.update.parameters.of(model)[offset];
            if (job.has_first) shared[x.first + place] = job.update.first.of(model)[offset];
            if (job.has_second) shared[x.second + place] = job.update.second.of(model)[offset];
        });
    }
    __device__ __forceinline__ void store() const {
        for_parameters(rank == 0, [this](ClusterLayout::Matrix const& x, std::int32_t place, std::int64_t offset) {
            job.update.parameters.of(model)[offset] = shared[x.weight + place];
            if (job.has_first) job.update.first.of(model)[offset] = shared[x.first + place];
            if (job.has_second) job.update.second.of(model)[offset] = shared[x.second + place];
        });
    }
    __device__ __forceinline__ void load_samples(SampleView const& samples, StepEntry const& step, Slice const& slice, float* to,
                                                 std::int32_t ld) const {
        std::int32_t const fours = (slice.count + 3) / 4;
#pragma unroll 4
        for (std::int32_t i = thread(); i < step.rows * fours; i += threads) {
            std::int32_t const r = i / fours, c = i % fours * 4;
            std::int64_t const sample = job.order ? job.order.of(model)[step.begin + r] : step.begin + r;
            std::int32_t const count = slice.count - c < 4 ? slice.count - c : 4;
            store_four(to + shared_place(ld, r, c), sample_values(samples, sample, slice.first + c, count), count);
        }
    }
    __device__ __forceinline__ void load_batch(std::int64_t k) const {
        StepEntry const& step = job.step.entries.of(model)[k];
        load_samples(job.inputs, step, in, shared + layout.input[k % 2], layout.ld_in);
        if (layout.target[0] >= 0) load_samples(job.targets, step, out, shared + layout.target[k % 2], layout.ld_out);
    }

    // ---- a step ----

    /// Adds what the blocks have of a sum and gives f(place, column, sum, count) to all of them, in `to`: each block does a share of the
    /// fours. Zeros beyond the last row and column.
    template <class F>
    __device__ __forceinline__ void reduce(StepEntry const& step, std::int32_t to, F const& f) const {
        auto const blocks = static_cast<unsigned>(layout.blocks);
        std::int32_t const fours = (job.hidden + 3) / 4;
        for (std::int32_t i = static_cast<std::int32_t>(rank) * threads + thread(); i < layout.rows * fours; i += layout.blocks * threads) {
            std::int32_t const r = i / fours, c = i % fours * 4, place = shared_place(layout.ld_hidden, r, c);
            Four result{};
            if (r < step.rows) {
                Four parts[most_cluster_blocks] = {};  // all on their way together
#pragma unroll
                for (int block = 0; block < most_cluster_blocks; ++block)
                    if (block < layout.blocks)
                        read_vector(parts[block].x, ptx::cluster_map(shared + layout.part + place, static_cast<unsigned>(block)));
                Four sum = parts[0];
#pragma unroll
                for (int block = 1; block < most_cluster_blocks; ++block)
#pragma unroll
                    for (int j = 0; j < 4; ++j) sum.x[j] += parts[block].x[j];
                std::int32_t const count = job.hidden - c < 4 ? job.hidden - c : 4;
                result = f(place, c, sum, count);
#pragma unroll
                for (int j = 0; j < 4; ++j)
                    if (j >= count) result.x[j] = 0.0f;
            }
            for (unsigned block = 0; block < blocks; ++block) store_four(ptx::cluster_map(shared + to + place, block), result, 4);
        }
    }

    /// Of the outputs that the block has: their loss, summed for each thread, and the gradient with respect to the linear map in place of
    /// it.
    __device__ __forceinline__ float output_gradient(StepEntry const& step, float const* target, std::int32_t target_ld) const {
        std::int32_t const fours = (out.count + 3) / 4;
        float const share = static_cast<float>(1.0 / (static_cast<double>(step.rows) * static_cast<double>(job.out)));
        float loss = 0.0f;
#pragma unroll 1
        for (std::int32_t i = thread(); i < layout.rows * fours; i += threads) {
            std::int32_t const r = i / fours, c = i % fours * 4;
            std::int32_t const count = out.count - c < 4 ? out.count - c : 4;
            float* const at = shared + layout.output + shared_place(layout.ld_out, r, c);
            Four gradient{};
            if (r < step.rows) {
                Four const z = load_four(at, count), t = load_four(target + shared_place(target_ld, r, c), count);
                Four const bias = load_four(shared + layout.bias2.weight + c, count);
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    float const x = z.x[j] + bias.x[j], y = activated(job.activation2, model, out.first + c + j, x);
                    auto const [value, slope] = compared(job.loss, y, t.x[j]);
                    if (j < count) loss += value;
                    gradient.x[j] = differentiated(job.activation2, model, out.first + c + j, slope * share, x, y);
                }
            }
            store_four(at, gradient, count);
        }
        return loss;
    }

    /// @returns whether the parameter stayed finite
    __device__ __forceinline__ bool update(ClusterLayout::Matrix const& x, StepEntry const& step, std::int32_t place, float g) const {
        float m = job.has_first ? shared[x.first + place] : 0.0f, v = job.has_second ? shared[x.second + place] : 0.0f;
        float p = shared[x.weight + place];
        with_rule(job.update, [&](auto rule) { update_value<rule()>(job.update, step, 1.0f, g, p, m, v); });
        shared[x.weight + place] = p;
        if (job.has_first) shared[x.first + place] = m;
        if (job.has_second) shared[x.second + place] = v;
        return is_finite(p);
    }

    /// Updates `units` rows of a weight, and their biases, from the gradient dz with respect to the linear map and its input x.
    __device__ __forceinline__ bool update_layer(StepEntry const& step, ClusterLayout::Matrix const& weight, std::int32_t weight_ld,
                                                 ClusterLayout::Matrix const* bias, SharedOperand<false> const& dz,
                                                 SharedOperand<false> const& x) const {
        bool finite = true;
        if (bias != nullptr)
            for (std::int32_t unit = threads - 1 - thread(); unit < dz.extent; unit += threads) {  // the last warps have fewer tiles
                float sum = 0.0f;
#pragma unroll 8
                for (std::int32_t r = 0; r < step.rows; ++r) sum += dz(unit, r);
                finite = update(*bias, step, unit, sum) && finite;
            }
        multiply_shared<precision>(dz, x, step.rows, [&](std::int32_t row, std::int32_t column, float g) {
            finite = update(weight, step, shared_place(weight_ld, row, column), g) && finite;
        });
        return finite;
    }

    __device__ __forceinline__ void flag(std::int64_t k) const {
        atomicMin(job.step.first_bad + model, static_cast<unsigned long long>(k));
    }

    /// Step k. Between two barriers of the cluster no block writes what another one reads: `part` is read between the first and the second
    /// and between the third and the fourth; `active` is written there and read from the second to the third, `hidden_gradient` from the
    /// fourth on.
    __device__ __forceinline__ void step(std::int64_t k) const {
        StepEntry const step = job.step.entries.of(model)[k];
        bool const ahead = layout.input[0] != layout.input[1];
        if (k == 0 || !ahead) load_batch(k);
        __syncthreads();  // and the last step's updates are done
        float* const part = shared + layout.part;
        float const* const input = shared + layout.input[k % 2];
        float const* const target = layout.target[0] >= 0 ? shared + layout.target[k % 2] : input;
        std::int32_t const target_ld = layout.target[0] >= 0 ? layout.ld_out : layout.ld_in;
        float const* const active = shared + layout.active;
        auto const keep_part = [&](std::int32_t row, std::int32_t column, float sum) {
            part[shared_place(layout.ld_hidden, row, column)] = sum;
        };

        multiply_shared<precision>(SharedOperand<true>{input, layout.ld_in, step.rows},
                                   SharedOperand<true>{shared + layout.weight1.weight, layout.ld_in, job.hidden}, in.count, keep_part);
        ptx::cluster_arrive();
        ptx::cluster_wait();
        reduce(step, layout.active, [&](std::int32_t place, std::int32_t c, Four z, std::int32_t count) {
            Four y{};
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                z.x[j] += j < count ? shared[layout.bias1.weight + c + j] : 0.0f;
                y.x[j] = activated(job.activation1, model, c + j, z.x[j]);
            }
            if (layout.before >= 0) store_four(shared + layout.before + place, z, 4);
            return y;
        });
        ptx::cluster_arrive();
        ptx::cluster_wait();

        multiply_shared<precision>(SharedOperand<true>{active, layout.ld_hidden, step.rows},
                                   SharedOperand<true>{shared + layout.weight2.weight, layout.ld_hidden, out.count}, job.hidden,
                                   [&](std::int32_t row, std::int32_t column, float sum) {
                                       shared[layout.output + shared_place(layout.ld_out, row, column)] = sum;
                                   });
        __syncthreads();
        auto* const sums = reinterpret_cast<double*>(shared + layout.sums);
        double const loss = block_sum<threads>(static_cast<double>(output_gradient(step, target, target_ld)), sums + 1);
        if (thread() == 0) sums[0] = loss;  // read after the next barrier of the cluster

        multiply_shared<precision>(SharedOperand<true>{shared + layout.output, layout.ld_out, step.rows},
                                   SharedOperand<false>{shared + layout.weight2.weight, layout.ld_hidden, job.hidden}, out.count,
                                   keep_part);
        __syncthreads();  // all have read the weight
        ptx::cluster_arrive();
        bool finite = update_layer(step, layout.weight2, layout.ld_hidden, job.bias2 >= 0 ? &layout.bias2 : nullptr,
                                   {shared + layout.output, layout.ld_out, out.count}, {active, layout.ld_hidden, job.hidden});
        if (ahead && k + 1 < job.count) load_batch(k + 1);
        ptx::cluster_wait();
        reduce(step, layout.hidden_gradient, [&](std::int32_t place, std::int32_t c, Four const& g, std::int32_t) {
            Four z{}, dz{};
            if (layout.before >= 0) z = load_four(shared + layout.before + place, 4);
            Four const y = load_four(active + place, 4);
#pragma unroll
            for (int j = 0; j < 4; ++j) dz.x[j] = differentiated(job.activation1, model, c + j, g.x[j], z.x[j], y.x[j]);
            return dz;
        });
        if (rank == 0 && thread() == 0) finish(step, k);
        ptx::cluster_arrive();
        ptx::cluster_wait();

        finite = update_layer(step, layout.weight1, layout.ld_in, job.bias1 >= 0 ? &layout.bias1 : nullptr,
                              {shared + layout.hidden_gradient, layout.ld_hidden, job.hidden}, {input, layout.ld_in, in.count}) &&
                 finite;
        if (!finite) flag(k);
        if (!ahead) __syncthreads();  // all have read the batch
    }

    __device__ __forceinline__ void finish(StepEntry const& step, std::int64_t k) const {
        double sum = 0.0;
        for (unsigned block = 0; block < static_cast<unsigned>(layout.blocks); ++block)
            sum += *ptx::cluster_map(reinterpret_cast<double const*>(shared + layout.sums), block);
        double const loss = sum * (1.0 / (static_cast<double>(step.rows) * static_cast<double>(job.out)));
        job.losses.of(model)[k] = loss;
        if (!(loss - loss == 0.0)) flag(k);
    }
};

template <Precision precision>
__global__ void __launch_bounds__(threads, 1) cluster_kernel(__grid_constant__ ClusterJob const job) {
    Trainer<precision> const trainer(job);
    for (std::int32_t i = thread(); i < job.layout.floats; i += threads) trainer.shared[i] = 0.0f;
    __syncthreads();
    trainer.load();
    for (std::int64_t k = 0; k < job.count; ++k) trainer.step(k);
    __syncthreads();
    trainer.store();
}

template <Precision precision>
void launch_precision(Context const& context, CUstream_st* stream, int models, ClusterJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(cluster_kernel<precision>,
           {.grid = dim3(static_cast<unsigned>(job.layout.blocks), 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .shared_bytes = job.layout.bytes(),
            .stream = stream,
            .cluster = job.layout.blocks},
           job);
}

}  // namespace

bool has_clusters([[maybe_unused]] Context const& context) {
#ifdef CA3_SIMT
    return true;
#else
    ca3::cuda::CurrentDevice const current(context.device());
    return compiled_for(reinterpret_cast<void const*>(cluster_kernel<Precision::bf16>)) >= 90;
#endif
}

std::size_t most_cluster_bytes(Context const& context) {
    return static_cast<std::size_t>(device_limits(context.device()).shared_bytes_per_block);
}

void launch_cluster(Context const& context, CUstream_st* stream, Precision precision, int models, ClusterJob const& job) {
    switch (precision) {
        case Precision::tf32x3:
            return launch_precision<Precision::tf32x3>(context, stream, models, job);
        case Precision::tf32:
            return launch_precision<Precision::tf32>(context, stream, models, job);
        case Precision::bf16:
            return launch_precision<Precision::bf16>(context, stream, models, job);
        default:
            return launch_precision<Precision::f32>(context, stream, models, job);
    }
}

}  // namespace ca3::autoencoder::cuda
