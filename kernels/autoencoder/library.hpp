#pragma once

#include "kernels/autoencoder/views.hpp"

/// What goes before and after a product that a library computes, of which these kernels know nothing.
namespace ca3::autoencoder::cuda {

/// ForwardJob from where its product stands in `before` (in `active` where there is no `before`): adds the bias, and applies the
/// activation where there is an `active`. No loss. In place. Asynchronous.
void launch_bias(Context const&, CUstream_st*, int models, std::int64_t batch, ForwardJob const&);

/// to = from in bf16, to nearest, ties to even.
struct RoundJob {
    StepView step;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    bool of_batch = false;  ///< rows past the step's become zeros
    Matrix<float const> from;
    Matrix<std::uint16_t> to;  ///< rows at multiples of 8 bytes
};
void launch_round(Context const&, CUstream_st*, int models, RoundJob const&);

/// Zeros in the rows of a batch that a step has none for, up to `rows`: a product that goes over all of them must not see what was there.
struct ClearJob {
    StepView step;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    Matrix<float> values;
};
void launch_clear(Context const&, CUstream_st*, int models, ClearJob const&);

}  // namespace ca3::autoencoder::cuda
