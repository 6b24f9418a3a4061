#include "hopfield/backend.hpp"
#include "hopfield/tie.hpp"
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
    bool out_aligned;  ///< rows of `out` begin at multiples of 8 bytes

    /// @returns 1 when the neuron changes
    __device__ int operator()(std::int64_t b, std::int64_t i, std::int64_t sum, int row_sum) const {
        std::int8_t const s = in.data[b * in.stride + i];
        std::int8_t const next = decide(needs_row_sums ? 2 * sum - stored * row_sum : sum, i, s);
        out.data[b * out.stride + i] = next;
        return next != s ? 1 : 0;
    }

    __device__ int eight(std::int64_t b, std::int64_t i, int const (&sums)[8], int row_sum) const {
        std::int8_t const* const from = in.data + b * in.stride + i;  // a multiple of 8, as product_warpgroup sees to
        std::int8_t* const to = out.data + b * out.stride + i;
        bool const whole = i + 8 <= weights.rows;
        std::uint64_t before = 0, after = 0;
        if (whole) {
            before = *reinterpret_cast<std::uint64_t const*>(from);
        } else {
            for (int k = 0; i + k < weights.rows; ++k) before |= std::uint64_t{static_cast<std::uint8_t>(from[k])} << (8 * k);
        }
        int changes = 0;
#pragma unroll
        for (int k = 0; k < 8; ++k) {
            if (!whole && i + k >= weights.rows) continue;
            auto const s = static_cast<std::int8_t>(before >> (8 * k));
            int const sum = needs_row_sums ? 2 * sums[k] - static_cast<int>(stored) * row_sum : sums[k];
            std::int8_t const next = decide(sum, i + k, s);
            after |= std::uint64_t{static_cast<std::uint8_t>(next)} << (8 * k);
            changes += next != s;
        }
        if (whole && out_aligned) {
            *reinterpret_cast<std::uint64_t*>(to) = after;
        } else {
            for (int k = 0; k < 8 && i + k < weights.rows; ++k) to[k] = static_cast<std::int8_t>(after >> (8 * k));
        }
        return changes;
    }

    __device__ void finish_row(std::int64_t b, int changes) const {
        if (changed != nullptr && changes != 0) atomicAdd(changed + b, changes);
    }

private:
    /// @tparam Integer holds the sum and w_ii
    template <class Integer>
    __device__ std::int8_t decide(Integer sum, std::int64_t i, std::int8_t s) const {
        if (options.zero_diagonal) {
            auto const w = static_cast<Integer>(weights.data[i * weights.stride + i]);
            sum -= (needs_row_sums ? 2 * w - static_cast<Integer>(stored) : w) * s;
        }
        std::int32_t const limit = threshold == nullptr ? 0 : threshold[i];
        if (sum > limit) return 1;
        if (sum < limit) return -1;
        return on_tie(options.tie, s);
    }
};

}  // namespace

template <class T>
void sign_update(Context const& context, SignUpdateOptions options, MatrixView<T const> weights, std::int64_t stored,
                 std::int32_t const* threshold, MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out,
                 std::int32_t* changed) {
    if (states_in.rows == 0) return;
    if (changed != nullptr) {
        ca3::cuda::fill(context.state(), changed, 0, static_cast<std::size_t>(states_in.rows) * sizeof *changed);
    }
    bool const out_aligned = reinterpret_cast<std::uintptr_t>(states_out.data) % 8 == 0 && states_out.stride % 8 == 0;
    product(context, states_in, weights, TakeSign<T>{options, weights, stored, threshold, states_in, states_out, changed, out_aligned});
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
