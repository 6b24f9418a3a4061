#include "hopfield/backend.hpp"
#include "kernels/hopfield/product.cuh"

namespace ca3::hopfield::cuda {

namespace {

template <class T>
struct StoreOverlap {
    static constexpr bool needs_row_sums = false;
    static constexpr bool counts_changes = false;

    MatrixView<T> out;

    __device__ int operator()(std::int64_t b, std::int64_t mu, std::int64_t sum, int) const {
        out.data[b * out.stride + mu] = static_cast<T>(sum);
        return 0;
    }
    __device__ int eight(std::int64_t b, std::int64_t mu, int const (&sums)[8], int) const {
#pragma unroll
        for (int k = 0; k < 8; ++k) {
            if (mu + k < out.cols) out.data[b * out.stride + mu + k] = sums[k];
        }
        return 0;
    }
};

}  // namespace

void overlaps(Context const& context, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states,
              MatrixView<std::int32_t> out) {
    product(context, states, patterns, StoreOverlap<std::int32_t>{out});
}

}  // namespace ca3::hopfield::cuda
