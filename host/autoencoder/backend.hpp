#pragma once

#include "autoencoder/engine.hpp"

#include <ca3/autoencoder/operations.hpp>

/// The operations, one declaration per backend; those of models are in engine.hpp. operations.cpp checks arguments: shapes fit, nothing
/// that is written overlaps, and there is something to write. What is left out is null.
namespace ca3::autoencoder {

struct ForwardTask {
    Activation activation{};
    Precision precision{};
    MatrixView<float const> input;   ///< B x in
    MatrixView<float const> weight;  ///< out x in
    float const* bias = nullptr;
    MatrixView<float> pre_activation;
    MatrixView<float> output;  ///< B x out, not empty
};

struct BackwardTask {
    Activation activation{};
    Precision precision{};
    MatrixView<float const> input;
    MatrixView<float const> weight;
    MatrixView<float const> pre_activation;
    MatrixView<float const> output;
    MatrixView<float const> output_gradient;  ///< B x out
    MatrixView<float> input_gradient;
    MatrixView<float> weight_gradient;
    float* bias_gradient = nullptr;
};

struct LossTask {
    Loss kind{};
    MatrixView<float const> output;  ///< B x C, not empty
    MatrixView<float const> target;
    std::int64_t const* classes = nullptr;  ///< where the target is null; each is in [0, C), or not counted
    std::int64_t counted = 0;               ///< rows whose class counts; B without classes
    MatrixView<float> gradient;
};

/// An optimizer's step. Not empty.
struct StepTask {
    UpdateRule rule{};
    std::int64_t step = 1;
    MatrixView<float const> gradient;
    MatrixView<float> parameters;
    MatrixView<float> first;   ///< where rule.has_first()
    MatrixView<float> second;  ///< where rule.has_second()
};

namespace reference {
void forward(Context const&, ForwardTask const&);
void backward(Context const&, BackwardTask const&);
[[nodiscard]] double loss(Context const&, LossTask const&);
void step(Context const&, StepTask const&);
}  // namespace reference
namespace cpu {
void forward(Context const&, ForwardTask const&);
void backward(Context const&, BackwardTask const&);
[[nodiscard]] double loss(Context const&, LossTask const&);
void step(Context const&, StepTask const&);
}  // namespace cpu
namespace cuda {
void forward(Context const&, ForwardTask const&);
void backward(Context const&, BackwardTask const&);
[[nodiscard]] double loss(Context const&, LossTask const&);
void step(Context const&, StepTask const&);
}  // namespace cuda

}  // namespace ca3::autoencoder
