#include "hopfield/backend.hpp"
#include "kernels/common/device.cuh"
#include "kernels/common/launch.cuh"

#include <algorithm>
#include <cmath>

namespace ca3::hopfield::cuda {

namespace {

constexpr int threads = 256;
constexpr int queries_per_block = 4;

/// out_b = sum over mu of p_mu x_mu, p = softmax(beta X q_b), for four queries at once so that each pattern is read once for all of them.
/// `scores` holds 4 P doubles for each block, in device memory, or is null: then they are in shared memory.
__global__ void __launch_bounds__(threads)
    softmax_kernel(double beta, MatrixView<float const> patterns, MatrixView<float const> queries, MatrixView<float> out, double* slices) {
    std::int64_t const P = patterns.rows, d = patterns.cols;
    double* const scores = slices == nullptr ? dynamic_shared<double>() : slices + std::int64_t{blockIdx.x} * queries_per_block * P;
    int const warp = static_cast<int>(threadIdx.x / 32), lane = static_cast<int>(threadIdx.x % 32);

    for (std::int64_t first = std::int64_t{blockIdx.x} * queries_per_block; first < queries.rows;
         first += std::int64_t{gridDim.x} * queries_per_block) {
        auto const row = [&](int t) { return min(first + t, queries.rows - 1); };
        for (std::int64_t mu = warp; mu < P; mu += threads / 32) {
            double score[queries_per_block] = {};
            for (std::int64_t i = lane; i < d; i += 32) {
                double const x = patterns.data[mu * patterns.stride + i];
#pragma unroll
                for (int t = 0; t < queries_per_block; ++t) score[t] = fma(x, double{queries.data[row(t) * queries.stride + i]}, score[t]);
            }
#pragma unroll
            for (int t = 0; t < queries_per_block; ++t) {
                for (int distance = 16; distance > 0; distance /= 2) score[t] += __shfl_xor_sync(0xFFFFFFFFu, score[t], distance);
                if (lane == 0) scores[t * P + mu] = beta * score[t];
            }
        }
        __syncthreads();
        if (warp < queries_per_block) {  // a warp for each query
            double* const score = scores + warp * P;
            double largest = -INFINITY, total = 0;
            for (std::int64_t mu = lane; mu < P; mu += 32) largest = fmax(largest, score[mu]);
            for (int distance = 16; distance > 0; distance /= 2) largest = fmax(largest, __shfl_xor_sync(0xFFFFFFFFu, largest, distance));
            for (std::int64_t mu = lane; mu < P; mu += 32) total += score[mu] = exp(score[mu] - largest);
            for (int distance = 16; distance > 0; distance /= 2) total += __shfl_xor_sync(0xFFFFFFFFu, total, distance);
            for (std::int64_t mu = lane; mu < P; mu += 32) score[mu] /= total;
        }
        __syncthreads();
        for (std::int64_t i = threadIdx.x; i < d; i += threads) {
            double sum[queries_per_block] = {};
            for (std::int64_t mu = 0; mu < P; ++mu) {
                double const x = patterns.data[mu * patterns.stride + i];
#pragma unroll
                for (int t = 0; t < queries_per_block; ++t) sum[t] = fma(x, scores[t * P + mu], sum[t]);
            }
#pragma unroll
            for (int t = 0; t < queries_per_block; ++t) {
                if (first + t < queries.rows) out.data[(first + t) * out.stride + i] = static_cast<float>(sum[t]);
            }
        }
        __syncthreads();  // the scores are written again
    }
}

}  // namespace

void softmax_update(Context const& context, double beta, MatrixView<float const> patterns, MatrixView<float const> queries,
                    MatrixView<float> out) {
    if (queries.rows == 0 || queries.cols == 0) return;
    auto const limits = device_limits(context.device());
    std::int64_t const groups = (queries.rows + queries_per_block - 1) / queries_per_block;
    std::int64_t const bytes = patterns.rows * queries_per_block * static_cast<std::int64_t>(sizeof(double));
    bool const on_chip = bytes <= limits.shared_bytes_per_block;
    std::int64_t const blocks = on_chip ? groups : std::min<std::int64_t>(groups, 4 * limits.multiprocessors);
    Buffer<double> slices;
    if (!on_chip) slices = Buffer<double>(context, blocks * queries_per_block * patterns.rows);
    launch(context, softmax_kernel,
           {.grid = dim3(static_cast<unsigned>(blocks)),
            .block = dim3(threads),
            .shared_bytes = static_cast<std::size_t>(on_chip ? bytes : 0)},
           beta, patterns, queries, out, slices.data());
}

}  // namespace ca3::hopfield::cuda
