#include "kernels/autoencoder/chain.hpp"

#include "core/state.hpp"
#include "kernels/autoencoder/chain_columns.cuh"
#include "kernels/autoencoder/elementary.cuh"
#include "kernels/autoencoder/samples.cuh"

#include <limits>

/// Rows of the batch through all layers and back. Shared memory: a ring of pieces of the weight, and the cluster's rows of the operand.
namespace ca3::autoencoder::cuda {

namespace {

using namespace chain;

constexpr int threads = chain_threads;

struct Chain {
    ChainJob const& job;
    unsigned model;
    std::int32_t first_row, rows;  ///< of the cluster; of the batch
    std::uint16_t* ring;
    std::uint16_t* operand;
    float loss;

    /// Starts the copy of the cluster's rows of the operand, up to a whole piece. @returns halves from row to row
    [[nodiscard]] __device__ __forceinline__ int start_operand(Matrix<std::uint16_t const> const& from, std::int32_t columns) const {
        int const width = (columns + piece_side - 1) / piece_side * piece_side, pitch = width + 8;
        start_rows<chain_rows>(operand, pitch, {from.of(model), from.ld, rows, columns}, first_row, width);
        return pitch;
    }

    /// end(place, sums, begin(place)) for 64 columns after the other: begin before their products, of which `sums` are the results.
    template <bool along, class Begin, class End>
    __device__ __forceinline__ void multiply(Columns<along>& c, int pitch, Begin const& begin, End const& end) const {
        auto const warp = static_cast<std::int32_t>(threadIdx.x) / 32;
        std::uint16_t const* const left = operand + warp / warps_n * 16 * pitch;
        std::uint16_t const* const right = ring + warp % warps_n * 16 * (along ? piece_pitch : 1);
        int slot = 0;
        for (std::int32_t column = c.first; column < c.last; column += piece_side) {
            bool const works = column + warp % warps_n * 16 < c.last;
            Place const at = place_of(first_row, column);
            auto const held = works ? begin(at) : decltype(begin(at)){};
            float sums[2][2][4] = {};  // of every second 16 of the depth
            for (std::int32_t k = 0; k < c.depth; k += piece_side) {
                ptx::cp_async_wait<stages - 2>();
                __syncthreads();  // this piece is complete, and the place of the one before it is free
                c.start(ring);
                if (works) multiply_piece<along>(sums, left + k, pitch, right + slot * piece_halves);
                slot = slot + 1 < stages ? slot + 1 : 0;
            }
            if (!works) continue;
#pragma unroll
            for (int e = 0; e < 8; ++e) sums[0][e / 4][e % 4] += sums[1][e / 4][e % 4];
            end(at, sums[0], held);
        }
    }
    template <bool along>
    static __device__ __forceinline__ void multiply_piece(float (&sums)[2][2][4], std::uint16_t const* left, int pitch,
                                                          std::uint16_t const* right) {
        constexpr int steps = piece_side / 16;
        unsigned a[steps][4], b[steps][2][2];
#pragma unroll
        for (int s = 0; s < steps; ++s) {
            read_left<true>(a[s], left + 16 * s, pitch);
            read_right<along>(b[s], right + 16 * s * (along ? 1 : piece_pitch), piece_pitch);
        }
#pragma unroll
        for (int s = 0; s < steps; ++s) {
            ptx::mma_m16n8k16_bf16(sums[s % 2][0], a[s], b[s][0]);
            ptx::mma_m16n8k16_bf16(sums[s % 2][1], a[s], b[s][1]);
        }
    }

    /// The block's share of the cluster's rows of the batch, as they were given: a warp makes half a row.
    __device__ __forceinline__ void gather(StepEntry const& step) const {
        std::int32_t const own = chain_rows / job.blocks, first = first_row + static_cast<std::int32_t>(ptx::cluster_rank()) * own;
        for (std::int32_t i = static_cast<std::int32_t>(threadIdx.x) / 32; i < 2 * own; i += threads / 32)
            if (first + i / 2 < rows) gather_half(step, first + i / 2, i % 2);
    }
    __device__ __forceinline__ void gather_half(StepEntry const& step, std::int32_t row, std::int32_t half) const {
        std::int64_t const sample = job.order ? job.order.of(model)[step.begin + row] : step.begin + row;
        bool const own_targets = job.targets.bytes != nullptr || job.targets.values != nullptr;
        auto const for_fours = [&](std::int64_t width, auto const& f) {
            for (std::int64_t c = 4 * (half * 32 + static_cast<std::int32_t>(threadIdx.x) % 32); c < width; c += 2 * 4 * 32)
                f(c, static_cast<std::int32_t>(width - c < 4 ? width - c : 4));
        };
        float* const target = job.target.of(model) + row * job.target.ld;
        for_fours(job.inputs.width, [&](std::int64_t c, std::int32_t count) {
            Four const x = sample_values(job.inputs, sample, c, count);
            if (!own_targets) store_padded(target + c, x);
            *reinterpret_cast<uint2*>(job.input.of(model) + row * job.input.ld + c) =
                make_uint2(ptx::bf16x2_of(x.x[0], x.x[1]), ptx::bf16x2_of(x.x[2], x.x[3]));
        });
        if (own_targets)
            for_fours(job.targets.width,
                      [&](std::int64_t c, std::int32_t count) { store_padded(target + c, sample_values(job.targets, sample, c, count)); });
    }

    /// Keeps the gradient of a layer: rounded, and its sums over 16 rows.
    __device__ __forceinline__ void keep_gradient(ChainLayer const& layer, Place const& at, Values const& gradient) const {
        store_rounded(layer.gradient, model, gradient, at, rows, layer.out);
        std::int64_t const array = (at.row - static_cast<std::int32_t>(threadIdx.x) % 32 / 4) / 16;
#pragma unroll
        for (int j = 0; j < 2; ++j)
#pragma unroll
            for (int e = 0; e < 2; ++e) {
                std::int32_t const column = at.column + 8 * j + e;
                float sum = gradient[j][e] + gradient[j][e + 2];
#pragma unroll
                for (int distance = 4; distance < 32; distance *= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, distance);
                if (threadIdx.x % 32 < 4 && column < layer.out) job.parts.of(model)[array * job.part + layer.part + column] = sum;
            }
    }

    struct Bias {
        float x[2][2];
    };
    [[nodiscard]] __device__ __forceinline__ Bias bias_of(ChainLayer const& layer, Place const& at) const {
        Bias bias{};
        if (layer.bias < 0) return bias;
        float const* const from = job.update.parameters.of(model) + layer.bias;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            std::int32_t const column = at.column + j / 2 * 8 + j % 2;
            if (column < layer.out) bias.x[j / 2][j % 2] = from[column];
        }
        return bias;
    }

    /// z += bias, y = activation(z)
    __device__ __forceinline__ void activate(ChainLayer const& layer, Values& z, Bias const& bias, Values& y) const {
        with_kind(layer.activation.kind, [&](auto kind) {
#pragma unroll
            for (int e = 0; e < 8; ++e) {
                float& x = z[e / 4][e % 4];
                x += bias.x[e / 4][e % 2];
                y[e / 4][e % 4] = activated_as<kind()>(layer.activation, model, 0, x, true);
            }
        });
    }

    __device__ __forceinline__ void hidden_layer(ChainLayer const& layer, Columns<true>& c, int pitch) const {
        multiply(
            c, pitch, [&](Place const& at) { return bias_of(layer, at); },
            [&](Place const& at, Values& z, Bias const& bias) {
                Values y;
                activate(layer, z, bias, y);
                if (layer.kept && differentiates_before(layer.activation.kind))
                    store_pairs(layer.kept, model, z, at, rows, layer.out);
                else if (layer.kept)
                    store_pairs(layer.kept, model, y, at, rows, layer.out);
                store_rounded(layer.active, model, y, at, rows, layer.out);
            });
    }

    struct BiasAndTarget {
        Bias bias;
        Values target;
    };
    /// With the loss and its gradient.
    __device__ __forceinline__ void last_layer(ChainLayer const& layer, Columns<true>& c, int pitch) {
        float const share = static_cast<float>(1.0 / (static_cast<double>(rows) * static_cast<double>(layer.out)));
        multiply(
            c, pitch,
            [&](Place const& at) {
                BiasAndTarget held{bias_of(layer, at), {}};
                load_pairs(held.target, job.target, model, at, rows, layer.out);
                return held;
            },
            [&](Place const& at, Values& z, BiasAndTarget const& held) {
                Values y;
                activate(layer, z, held.bias, y);
                Values slope;
                with_loss(job.loss, [&](auto l) {
#pragma unroll
                    for (int e = 0; e < 8; ++e) {
                        auto const [value, derivative] = compared_as<l()>(y[e / 4][e % 4], held.target[e / 4][e % 4]);
                        bool const there = at.row + e % 4 / 2 * 8 < rows && at.column + e / 4 * 8 + e % 2 < layer.out;
                        if (there) loss += value;
                        slope[e / 4][e % 4] = there ? derivative * share : 0.0f;
                    }
                });
                with_kind(layer.activation.kind, [&](auto kind) {
#pragma unroll
                    for (int e = 0; e < 8; ++e) {
                        float& g = slope[e / 4][e % 4];
                        bool const there = at.row + e % 4 / 2 * 8 < rows && at.column + e / 4 * 8 + e % 2 < layer.out;
                        g = there ? differentiated_as<kind()>(layer.activation, model, 0, g, z[e / 4][e % 4], y[e / 4][e % 4], true) : 0.0f;
                    }
                });
                keep_gradient(layer, at, slope);
            });
    }

    /// From the gradient of a layer to that of the layer below.
    __device__ __forceinline__ void layer_below(ChainLayer const& below, Columns<false>& c, int pitch) const {
        struct Kept {
            Values x;
        };
        multiply(
            c, pitch,
            [&](Place const& at) {
                Kept kept{};
                if (below.kept) load_pairs(kept.x, below.kept, model, at, rows, below.out);
                return kept;
            },
            [&](Place const& at, Values& g, Kept const& kept) {
                with_kind(below.activation.kind, [&](auto kind) {
#pragma unroll
                    for (int e = 0; e < 8; ++e) {
                        float const x = kept.x[e / 4][e % 4];
                        float& to = g[e / 4][e % 4];  // 0 in rows that there are none of
                        to = differentiated_as<kind()>(below.activation, model, 0, to, x, x, true);
                    }
                });
                keep_gradient(below, at, g);
            });
    }

    /// Between layers: what the blocks of the cluster have written is there for all of them. `next` starts what does not wait for it.
    template <class F>
    __device__ __forceinline__ void meet(F const& next) const {
        ptx::cluster_arrive();
        __syncthreads();  // the ring and the operand are free
        next();
        ptx::cluster_wait();
    }

    __device__ __forceinline__ void run(Columns<true>& forwards) {
        for (int l = 0; l < job.count; ++l) {
            ChainLayer const& layer = job.layers[l];
            int const pitch = start_operand(l == 0 ? job.input : job.layers[l - 1].active, layer.in);
            ptx::cp_async_commit();
            ptx::cp_async_wait<0>();
            if (l + 1 == job.count) {
                last_layer(layer, forwards, pitch);
                break;
            }
            hidden_layer(layer, forwards, pitch);
            forwards = Columns<true>(job, job.layers[l + 1], model);
            meet([&] { forwards.start_first(ring); });
        }
        for (int l = job.count - 1; l > 0; --l) {
            ChainLayer const& layer = job.layers[l];
            Columns<false> backwards(job, layer, model);
            meet([&] { backwards.start_first(ring); });
            int const pitch = start_operand(layer.gradient, layer.out);
            ptx::cp_async_commit();
            ptx::cp_async_wait<0>();
            layer_below(job.layers[l - 1], backwards, pitch);
        }
        ptx::cp_async_wait<0>();
    }
};

__global__ void __launch_bounds__(threads, 2) chain_kernel(__grid_constant__ ChainJob const job) {
    unsigned const model = blockIdx.z;
    auto* const ring = dynamic_shared<std::uint16_t>();
    Columns<true> input(job, job.layers[0], model);
    if (!job.settled) begin_in_turn();
    input.start_first(ring);
    if (job.settled) begin_in_turn();
    StepEntry const step = job.step.entry(model);
    auto const first_row = static_cast<std::int32_t>(blockIdx.x) / job.blocks * chain_rows;
    float loss = 0.0f;
    if (first_row < step.rows) {
        Chain chain{job, model, first_row, step.rows, ring, ring + stages * piece_halves, 0.0f};
        if (job.inputs.width > 0) {
            chain.gather(step);
            ptx::cluster_arrive();
            ptx::cluster_wait();
        }
        chain.run(input);
        loss = chain.loss;
    } else {
        ptx::cp_async_wait<0>();
    }
    __syncthreads();  // shared memory is free
    double const sum = block_sum<threads>(static_cast<double>(loss), dynamic_shared<double>());
    if (threadIdx.x == 0) job.partial.of(model)[blockIdx.x] = sum;
}

/// Clusters of so many blocks that the device has room for at once: all blocks of a cluster run in one GPC, where a multiprocessor or two
/// may be left over. The host executor has no GPCs.
std::int64_t resident_clusters([[maybe_unused]] int blocks, [[maybe_unused]] std::size_t bytes) {
#ifdef CA3_SIMT
    return std::numeric_limits<std::int64_t>::max();
#else
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = static_cast<unsigned>(blocks);
    cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = bytes;
    config.attrs = &cluster;
    config.numAttrs = 1;
    allow_shared_memory(reinterpret_cast<void const*>(chain_kernel), bytes);
    int count = 0;
    check(cudaOccupancyMaxActiveClusters(&count, chain_kernel, &config), "cudaOccupancyMaxActiveClusters");
    return count;
#endif
}

}  // namespace

int chain_blocks(Context const& context, std::int64_t batch, std::int64_t width) {
    ca3::cuda::CurrentDevice const current(context.device());
    std::int64_t const room = context.state().device.multiprocessors, clusters = chain_clusters(batch);
    std::size_t const bytes = chain_bytes(width);
    int blocks = most_chain_blocks;
    while (blocks > 1 && (clusters * blocks > room || clusters > resident_clusters(blocks, bytes))) blocks /= 2;
    return blocks;
}

std::size_t chain_bytes(std::int64_t width) {
    std::int64_t const pitch = (width + piece_side - 1) / piece_side * piece_side + 8;
    return static_cast<std::size_t>(stages * piece_halves + chain_rows * pitch) * sizeof(std::uint16_t);
}

void launch_chain(Context const& context, CUstream_st* stream, int models, std::int64_t batch, ChainJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    std::int64_t width = 0;
    for (int l = 0; l < job.count; ++l) {
        width = job.layers[l].in > width ? job.layers[l].in : width;
        width = job.layers[l].out > width ? job.layers[l].out : width;
    }
    launch(chain_kernel,
           {.grid = dim3(static_cast<unsigned>(chain_clusters(batch) * job.blocks), 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .shared_bytes = chain_bytes(width),
            .stream = stream,
            .cluster = job.blocks,
            .overlap = job.step.overlap && job.inputs.width == 0},  // else it is the first one of a step
           job);
}

}  // namespace ca3::autoencoder::cuda
