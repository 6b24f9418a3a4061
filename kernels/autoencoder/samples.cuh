#pragma once

#include "kernels/autoencoder/elementary.cuh"

namespace ca3::autoencoder::cuda {

/// Values column ... column + count - 1 of a sample: bytes / 255, or the floats that were given.
__device__ __forceinline__ Four sample_values(SampleView const& samples, std::int64_t row, std::int64_t column, std::int32_t count) {
    std::int64_t const at = row * samples.width + column;
    bool const whole = samples.width % 4 == 0;  // so every four is aligned
    Four four{};
    if (samples.bytes != nullptr) {
        unsigned char b[4] = {};
        if (whole) {
            uchar4 const v = *reinterpret_cast<uchar4 const*>(samples.bytes + at);
            b[0] = v.x;
            b[1] = v.y;
            b[2] = v.z;
            b[3] = v.w;
        } else {
#pragma unroll
            for (int j = 0; j < 4; ++j)
                if (j < count) b[j] = samples.bytes[at + j];
        }
#pragma unroll
        for (int j = 0; j < 4; ++j) four.x[j] = static_cast<float>(b[j]) / 255.0f;
    } else if (whole) {
        read_vector(four.x, samples.values + at);
    } else {
#pragma unroll
        for (int j = 0; j < 4; ++j)
            if (j < count) four.x[j] = samples.values[at + j];
    }
    return four;
}

}  // namespace ca3::autoencoder::cuda
