#include "hopfield/backend.hpp"
#include "kernels/common/check.cuh"
#include "kernels/hopfield/product.cuh"

namespace ca3::hopfield::cuda {

namespace {

/// The sign of h(b, i) = sum over j of w(i, j) s(b, j) - threshold(i). Agreement counts c stand for w = 2c - stored.
template <class Weight>
struct TakeSign {
    static constexpr bool needs_row_sums = std::is_same_v<Weight, std::uint8_t>;
    static constexpr bool counts_changes = true;

    SignUpdateOptions options;
    MatrixView<Weight const> weights;
    std::int64_t stored;
    std::int32_t const* threshold;
    MatrixView<std::int8_t const> in;
    MatrixView<std::int8_t> out;
    std::int32_t* changed;

    /// @returns 1 when the neuron changes
    __device__ int operator()(std::int64_t b, std::int64_t i, std::int64_t sum, int row_sum) const {
        std::int8_t const s = in.data[b * in.stride + i];
        std::int64_t h = needs_row_sums ? 2 * sum - stored * row_sum : sum;
        if (options.zero_diagonal) {
            std::int64_t const w = weights.data[i * weights.stride + i];
            h -= (needs_row_sums ? 2 * w - stored : w) * s;
        }
        if (threshold != nullptr) h -= threshold[i];
        std::int8_t next = s;
        if (h != 0) {
            next = h > 0 ? 1 : -1;
        } else if (options.tie != Tie::keep) {
            next = options.tie == Tie::plus ? 1 : options.tie == Tie::minus ? -1 : 0;
        }
        out.data[b * out.stride + i] = next;
        return next != s ? 1 : 0;
    }

    __device__ void finish_row(std::int64_t b, int changes) const {
        if (changed != nullptr && changes != 0) atomicAdd(changed + b, changes);
    }
};

}  // namespace

template <class T>
void sign_update(Context const& context, SignUpdateOptions options, MatrixView<T const> weights, std::int64_t stored,
                 std::int32_t const* threshold, MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out,
                 std::int32_t* changed) {
    if (states_in.rows == 0) return;
    if (changed != nullptr) {
        check(cudaMemsetAsync(changed, 0, static_cast<std::size_t>(states_in.rows) * sizeof *changed, context.stream()), "cudaMemsetAsync");
    }
    product(context, states_in, weights, TakeSign<T>{options, weights, stored, threshold, states_in, states_out, changed});
}

template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::uint8_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int8_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int16_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int32_t const>, std::int64_t, std::int32_t const*,
                          MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);

}  // namespace ca3::hopfield::cuda
