#include "hopfield/backend.hpp"
#include "kernels/common/launch.cuh"

#include <algorithm>

namespace ca3::hopfield::cuda {

namespace {

constexpr int threads = 256;
constexpr int states_per_block = 8;
constexpr int chunk = 2048;  // columns of W whose states are in shared memory, 8 bytes for 8 states

/// twice_energy(b) += -sum over i, j of s_i w_ij s_j + 2 sum over i of threshold_i s_i. A block takes 8 states, a warp a row of W;
/// blocks with the same blockIdx.x share the rows out.
__global__ void __launch_bounds__(threads) energy_kernel(MatrixView<std::int32_t const> weights, std::int32_t const* threshold,
                                                         MatrixView<std::int8_t const> states, unsigned long long* twice_energy) {
    std::int8_t* const shared = dynamic_shared<std::int8_t>();
    std::int64_t const d = states.cols, first = std::int64_t{blockIdx.x} * states_per_block;
    int const lane = static_cast<int>(threadIdx.x % 32);
    auto const state = [&](int t, std::int64_t i) {
        return first + t < states.rows ? states.data[(first + t) * states.stride + i] : std::int8_t{0};
    };

    std::int64_t total[states_per_block] = {};
    for (std::int64_t begin = 0; begin < d; begin += chunk) {
        int const width = static_cast<int>(min(d - begin, std::int64_t{chunk}));
        __syncthreads();
        for (int n = static_cast<int>(threadIdx.x); n < width * states_per_block; n += threads) {
            int const t = n / width, j = n % width;
            shared[j * states_per_block + t] = state(t, begin + j);
        }
        __syncthreads();
        std::int64_t const warps = std::int64_t{gridDim.y} * (threads / 32);
        for (std::int64_t i = std::int64_t{blockIdx.y} * (threads / 32) + threadIdx.x / 32; i < d; i += warps) {
            std::int64_t row[states_per_block] = {};
            for (int j = lane; j < width; j += 32) {
                std::int64_t const w = weights.data[i * weights.stride + begin + j];
#pragma unroll
                for (int t = 0; t < states_per_block; ++t) row[t] += w * shared[j * states_per_block + t];
            }
#pragma unroll
            for (int t = 0; t < states_per_block; ++t) {
                std::int64_t const s = state(t, i);
                total[t] -= s * row[t];
                if (threshold != nullptr && lane == 0 && begin == 0) total[t] += 2 * s * threshold[i];
            }
        }
    }
#pragma unroll
    for (int t = 0; t < states_per_block; ++t) {
        for (int distance = 16; distance > 0; distance /= 2) total[t] += __shfl_xor_sync(0xFFFFFFFFu, total[t], distance);
        if (lane == 0 && first + t < states.rows) atomicAdd(twice_energy + first + t, static_cast<unsigned long long>(total[t]));
    }
}

}  // namespace

void energy(Context const& context, MatrixView<std::int32_t const> weights, std::int32_t const* threshold,
            MatrixView<std::int8_t const> states, std::int64_t* twice_energy) {
    if (states.rows == 0) return;
    ca3::cuda::fill(context.state(), twice_energy, 0, static_cast<std::size_t>(states.rows) * sizeof *twice_energy);
    std::int64_t const groups = (states.rows + states_per_block - 1) / states_per_block;
    std::int64_t const rows_each = threads / 32 * 4;
    std::int64_t const shares =
        std::clamp<std::int64_t>((states.cols + rows_each - 1) / rows_each, 1, std::max<std::int64_t>(1024 / groups, 1));
    launch(context, energy_kernel,
           {.grid = dim3(static_cast<unsigned>(groups), static_cast<unsigned>(shares)),
            .block = dim3(threads),
            .shared_bytes = chunk * states_per_block},
           weights, threshold, states, reinterpret_cast<unsigned long long*>(twice_energy));
}

}  // namespace ca3::hopfield::cuda
