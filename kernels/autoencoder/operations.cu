#include "core/state.hpp"
#include "kernels/autoencoder/elementary.cuh"
#include "kernels/autoencoder/operations.hpp"

#include <algorithm>

/// On matrices of the caller, whose rows may begin at any float.
namespace ca3::autoencoder::cuda {

namespace {

constexpr int threads = 256;

__global__ void begin_kernel(StepEntry entry, OperationStep* to) {
    to->entry = entry;
    to->at = 0;
    to->first_bad = no_bad_step;
}

/// f(row, column) for the thread's share of the elements.
template <class F>
__device__ __forceinline__ void for_elements(std::int64_t rows, std::int64_t cols, F const& f) {
    for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < rows * cols; i += std::int64_t{gridDim.x} * threads)
        f(i / cols, i % cols);
}

__global__ void __launch_bounds__(threads) copy_kernel(MatrixView<float const> from, MatrixView<float> to) {
    for_elements(to.rows, to.cols, [&](std::int64_t r, std::int64_t c) { to.data[r * to.stride + c] = from.data[r * from.stride + c]; });
}

__global__ void __launch_bounds__(threads) step_kernel(UpdateView update, StepEntry step, ParametersView x) {
    for_elements(x.gradient.rows, x.gradient.cols, [&](std::int64_t r, std::int64_t c) {
        float* const p = x.parameters.data + r * x.parameters.stride + c;
        float* const first = x.first.data != nullptr ? x.first.data + r * x.first.stride + c : nullptr;
        float* const second = x.second.data != nullptr ? x.second.data + r * x.second.stride + c : nullptr;
        float value = *p, m = first != nullptr ? *first : 0.0f, v = second != nullptr ? *second : 0.0f;
        float const g = x.gradient.data[r * x.gradient.stride + c];
        with_rule(update, [&](auto rule) { update_value<rule()>(update, step, 1.0f, g, value, m, v); });
        *p = value;
        if (first != nullptr) *first = m;
        if (second != nullptr) *second = v;
    });
}

LaunchConfig for_matrix(std::int64_t rows, std::int64_t cols) {
    constexpr std::int64_t most = 4096;
    return {.grid = dim3(static_cast<unsigned>(std::min(most, (rows * cols + threads - 1) / threads))), .block = dim3(threads)};
}

}  // namespace

void launch_begin(Context const& context, StepEntry const& entry, OperationStep* to) {
    launch(context, begin_kernel, {}, entry, to);
}

void launch_copy(Context const& context, MatrixView<float const> from, MatrixView<float> to) {
    launch(context, copy_kernel, for_matrix(to.rows, to.cols), from, to);
}

void launch_step(Context const& context, UpdateView const& update, StepEntry const& step, ParametersView const& views) {
    launch(context, step_kernel, for_matrix(views.gradient.rows, views.gradient.cols), update, step, views);
}

}  // namespace ca3::autoencoder::cuda
