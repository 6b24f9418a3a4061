#pragma once

#include "kernels/autoencoder/elementary.cuh"

/// What a warp does with one row. Every lane gets the result; sums are f64 in one order.
namespace ca3::autoencoder::cuda {

/// The largest z and ln sum exp(z - largest). NaN wins over every number.
struct Shifted {
    float most;
    float log_sum;
};

__device__ __forceinline__ Shifted shifted(std::int32_t n, float const* z) {
    auto const lane = static_cast<std::int32_t>(threadIdx.x % 32);
    float most = z[0];
    for (std::int32_t u = lane; u < n; u += 32)
        if (!(z[u] <= most)) most = z[u];
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) {
        float const other = __shfl_xor_sync(0xFFFFFFFFu, most, distance);
        if (other != other || other > most) most = other;
    }
    double sum = 0.0;
    for (std::int32_t u = lane; u < n; u += 32) sum += exponential(static_cast<double>(z[u] - most));
    sum = warp_sum(sum);
    bool const finite = sum - sum == 0.0;
    return {most, finite ? static_cast<float>(logarithm(sum)) : static_cast<float>(sum)};
}

__device__ __forceinline__ float norm_of(std::int32_t n, float const* z) {
    double sum = 0.0;
    for (auto u = static_cast<std::int32_t>(threadIdx.x % 32); u < n; u += 32) sum += static_cast<double>(z[u]) * static_cast<double>(z[u]);
    return static_cast<float>(sqrt(warp_sum(sum)));
}

}  // namespace ca3::autoencoder::cuda
