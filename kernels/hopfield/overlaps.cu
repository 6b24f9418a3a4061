#include "hopfield/backend.hpp"
#include "kernels/hopfield/product.cuh"

namespace ca3::hopfield::cuda {

namespace {

struct StoreOverlap {
    static constexpr bool needs_row_sums = false;
    static constexpr bool counts_changes = false;

    std::int32_t* out;
    std::int64_t stride;

    __device__ int operator()(std::int64_t b, std::int64_t mu, std::int64_t sum, int) const {
        out[b * stride + mu] = static_cast<std::int32_t>(sum);
        return 0;
    }
};

}  // namespace

void overlaps(Context const& context, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states,
              MatrixView<std::int32_t> out) {
    product(context, states, patterns, StoreOverlap{out.data, out.stride});
}

}  // namespace ca3::hopfield::cuda
