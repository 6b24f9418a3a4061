#pragma once

#include <ca3/autoencoder/layers.hpp>
#include <ca3/autoencoder/model.hpp>
#include <ca3/autoencoder/training.hpp>
#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <span>

/// What a Model is made of, on memory that the caller owns: host memory for the reference and the CPU, device memory for CUDA. Operations
/// run on the context's stream and synchronise only where they say so; temporaries are ordered on it and end with the call's work.
///
/// Rows of a view may be any stride apart and begin at any float. On CUDA a matrix whose rows do not begin at multiples of 16 bytes is
/// copied on the way. What is written must overlap nothing else. Sums are f32 (losses f64), each in one order: the same bits from run to
/// run, on the CPU for every number of threads and instruction set too. With f32 a step made of these operations gives the numbers of
/// Model::fit. Entries are not checked: NaN and infinities go through.
/// All throw InvalidArgument naming the argument, and OutOfMemory, before anything is written; DeviceError where a call into CUDA fails,
/// which may be that of earlier work.
namespace ca3::autoencoder {

struct DenseOptions {
    /// All but prelu, whose slope is a parameter of its own (leaky_relu has a fixed one), and gaussian.
    Activation activation{};
    Precision precision = Precision::f32;  ///< of the products. CUDA: f32, tf32x3, tf32, bf16; others: f32
};

/// z = x W^T + b, y = f(z). With no inputs z = b; an empty batch writes nothing.
/// @param input x, B x in @param weight W, out x in @param bias out values, or empty: none
/// @param pre_activation z, B x out, or empty: not kept. backward asks for it with arctan, leaky_relu and unit_sphere
/// @param output y, B x out
void forward(Context const&, DenseOptions const&, MatrixView<float const> input, MatrixView<float const> weight,
             std::span<float const> bias, MatrixView<float> pre_activation, MatrixView<float> output);

/// The gradients of that layer: dz = f'(z) dy, dx = dz W, dW = dz^T x, db = column sums of dz. All are replaced, not added to; with an
/// empty batch dW and db are 0.
/// @param weight W, out x in; read for dx alone @param pre_activation z, B x out; may be empty but for arctan, leaky_relu and unit_sphere
/// @param output y, B x out; may be empty for identity, arctan and leaky_relu
/// @param output_gradient dy, B x out
/// @param input_gradient dx, B x in, or empty @param weight_gradient dW, out x in @param bias_gradient db, out values, or empty
void backward(Context const&, DenseOptions const&, MatrixView<float const> input, MatrixView<float const> weight,
              MatrixView<float const> pre_activation, MatrixView<float const> output, MatrixView<float const> output_gradient,
              MatrixView<float> input_gradient, MatrixView<float> weight_gradient, std::span<float> bias_gradient);

/// The mean loss of a batch, and its gradient. See Loss. Synchronises. NaN for an empty batch, as in PyTorch.
/// @param output B x C @param target B x C; probabilities for cross_entropy, and not for nll
/// @param gradient B x C, with respect to `output`, or empty
[[nodiscard]] double loss(Context const&, Loss, MatrixView<float const> output, MatrixView<float const> target,
                          MatrixView<float> gradient = {});
/// The same against classes, for cross_entropy and nll. NaN when no class counts.
/// @param classes B numbers in [0, C), or -100: not counted
[[nodiscard]] double loss(Context const&, Loss, MatrixView<float const> output, std::span<std::int64_t const> classes,
                          MatrixView<float> gradient = {});

/// Step t = 1, 2, ... of an optimizer, in place, element by element; all views have the shape of `gradient`. Moments begin as zeros.
void adam_step(Context const&, Adam const& optimizer, std::int64_t t, MatrixView<float const> gradient, MatrixView<float> parameters,
               MatrixView<float> first_moment, MatrixView<float> second_moment);
void adamw_step(Context const&, AdamW const& optimizer, std::int64_t t, MatrixView<float const> gradient, MatrixView<float> parameters,
                MatrixView<float> first_moment, MatrixView<float> second_moment);
/// @param momentum written at t = 1, so that it may begin as anything; empty for an optimizer without momentum
void sgd_step(Context const&, Sgd const& optimizer, std::int64_t t, MatrixView<float const> gradient, MatrixView<float> parameters,
              MatrixView<float> momentum);

/// The same for vectors.
void adam_step(Context const&, Adam const& optimizer, std::int64_t t, std::span<float const> gradient, std::span<float> parameters,
               std::span<float> first_moment, std::span<float> second_moment);
void adamw_step(Context const&, AdamW const& optimizer, std::int64_t t, std::span<float const> gradient, std::span<float> parameters,
                std::span<float> first_moment, std::span<float> second_moment);
void sgd_step(Context const&, Sgd const& optimizer, std::int64_t t, std::span<float const> gradient, std::span<float> parameters,
              std::span<float> momentum);

}  // namespace ca3::autoencoder
