#include "autoencoder/backend.hpp"
#include "autoencoder/cpu_kernels.hpp"
#include "autoencoder/cuda_memory.hpp"
#include "autoencoder/cuda_models.hpp"
#include "kernels/autoencoder/operations.hpp"

#include <array>
#include <cstdint>
#include <optional>

/// The operations with the launchers of models. These want rows that begin at multiples of 16 bytes: what does not is copied on the way.
namespace ca3::autoencoder::cuda {
namespace {

using Kind = Activation::Kind;

constexpr std::int64_t piece = 4;  ///< floats in 16 bytes

bool is_aligned(MatrixView<float const> x) {
    return reinterpret_cast<std::uintptr_t>(x.data) % (piece * sizeof(float)) == 0 && (x.rows <= 1 || x.stride % piece == 0);
}

/// As launchers take it. Those that only read take some matrices as if they might be written.
Matrix<float> matrix(MatrixView<float const> x) {
    return {const_cast<float*>(x.data), 0, x.rows <= 1 ? padded_row<float>(x.cols) : x.stride};
}

/// A matrix with aligned rows: the caller's own, or one in its place. Its memory goes back in the order of the stream.
class Aligned {
public:
    /// `copied`: what the caller's holds is wanted, and it is not written. Always in its place where x is left out.
    Aligned(Context const& context, MatrixView<float const> x, bool copied) : view_(const_cast<float*>(x.data), x.rows, x.cols, x.stride) {
        // Launchers write whole fours: into what follows a row's end too.
        if (x.data != nullptr && is_aligned(x) && (copied || x.cols % piece == 0)) return;
        own_ = Buffer<float>(context, x.rows * padded_row<float>(x.cols));
        view_ = {own_.data(), x.rows, x.cols, padded_row<float>(x.cols)};
        if (copied) launch_copy(context, x, view_);
    }

    [[nodiscard]] Matrix<float> matrix() const { return cuda::matrix(view_); }
    void copy_to(Context const& context, MatrixView<float> to) const {
        if (to.data != nullptr && to.data != view_.data) launch_copy(context, view_, to);
    }

private:
    Buffer<float> own_;
    MatrixView<float> view_;
};

/// A step of `rows` rows, for the launches of one call.
class Step {
public:
    Step(Context const& context, StepEntry const& entry) : memory_(context, 1) { launch_begin(context, entry, memory_.data()); }
    [[nodiscard]] StepView view() const { return OperationStep::view(memory_.data()); }

private:
    Buffer<OperationStep> memory_;
};

StepEntry rows_of(std::int64_t rows) {
    return {.rows = static_cast<std::int32_t>(rows)};
}

ActivationView activation_view(Activation const& activation) {
    return {.kind = activation.kind, .slope = static_cast<float>(activation.slope)};
}

}  // namespace

void forward(Context const& context, ForwardTask const& t) {
    std::int64_t const rows = t.output.rows, out = t.output.cols;
    bool const by_row = !is_elementwise(t.activation.kind);
    MatrixView<float> const nowhere(nullptr, rows, out);
    bool const keeps = by_row || t.pre_activation.data != nullptr;
    Aligned const input(context, t.input, true), weight(context, t.weight, true);
    std::optional<Aligned> before, active;
    if (keeps) before.emplace(context, t.pre_activation.data != nullptr ? t.pre_activation : nowhere, false);
    if (!by_row) active.emplace(context, t.output, false);
    Step const step(context, rows_of(rows));

    launch_forward(context, context.stream(), t.precision, 1, rows,
                   {.step = step.view(),
                    .in = static_cast<std::int32_t>(t.input.cols),
                    .out = static_cast<std::int32_t>(out),
                    .input = input.matrix(),
                    .weight = weight.matrix(),
                    .bias = {t.bias, 0},
                    .activation = activation_view(t.activation),
                    .before = keeps ? before->matrix() : Matrix<float>(),
                    .active = by_row ? Matrix<float>() : active->matrix()});
    if (keeps) before->copy_to(context, t.pre_activation);
    if (!by_row) return active->copy_to(context, t.output);
    launch_activate(context, context.stream(), 1, rows,
                    {.step = step.view(),
                     .linear = static_cast<std::int32_t>(out),
                     .out = static_cast<std::int32_t>(out),
                     .activation = activation_view(t.activation),
                     .before = before->matrix(),
                     .active = matrix(t.output)});
}

void backward(Context const& context, BackwardTask const& t) {
    std::int64_t const rows = t.input.rows, in = t.input.cols, out = t.weight.rows;
    bool const hands_down = t.input_gradient.data != nullptr, is_identity = t.activation.kind == Kind::identity;
    MatrixView<float const> const dy(t.output_gradient.data, rows, out, t.output_gradient.stride);
    Aligned const input(context, t.input, true);
    Aligned const dz(context, is_identity ? dy : MatrixView<float const>(nullptr, rows, out), is_identity);
    std::optional<Aligned> weight, input_gradient;
    if (hands_down) {
        weight.emplace(context, t.weight, true);
        input_gradient.emplace(context, t.input_gradient, false);
    }
    Aligned const weight_gradient(context, t.weight_gradient, false);
    Step const step(context, rows_of(rows));

    if (!is_identity && !dy.empty()) {
        // The kernel reads both where it needs one.
        MatrixView<float const> const z = t.pre_activation.data != nullptr ? t.pre_activation : t.output;
        MatrixView<float const> const y = t.output.data != nullptr ? t.output : z;
        launch_activation_gradient(context, context.stream(), 1, rows,
                                   {.step = step.view(),
                                    .linear = static_cast<std::int32_t>(out),
                                    .out = static_cast<std::int32_t>(out),
                                    .activation = activation_view(t.activation),
                                    .before = matrix(z),
                                    .active = matrix(y),
                                    .gradient = matrix(dy),
                                    .linear_gradient = dz.matrix()});
    }
    BackwardJob job{.step = step.view(), .update = {.gradients = {t.bias_gradient, 0}}, .input = {}, .weight = {}};
    if (hands_down)
        job.input = {.linear = static_cast<std::int32_t>(out),
                     .in = static_cast<std::int32_t>(in),
                     .linear_gradient = dz.matrix(),
                     .weight = weight->matrix(),
                     .out = input_gradient->matrix()};
    job.weight[0] = {.linear = static_cast<std::int32_t>(out),
                     .in = static_cast<std::int32_t>(in),
                     .linear_gradient = dz.matrix(),
                     .input = input.matrix(),
                     .bias = t.bias_gradient != nullptr ? 0 : -1,
                     .elsewhere = weight_gradient.matrix()};
    launch_backward(context, context.stream(), t.precision, 1, rows, job);
    // The bias comes with the weight's first tiles, of which there are none without inputs.
    if (in == 0 && t.bias_gradient != nullptr)
        launch_column_sums(
            context, context.stream(), 1,
            {.step = step.view(), .columns = static_cast<std::int32_t>(out), .values = dz.matrix(), .sums = {t.bias_gradient, 0}});
    if (hands_down) input_gradient->copy_to(context, t.input_gradient);
    weight_gradient.copy_to(context, t.weight_gradient);
}

double loss(Context const& context, LossTask const& t) {
    std::int64_t const rows = t.output.rows;
    bool const by_row = is_by_row(t.kind);
    StepEntry entry = rows_of(rows);
    entry.counted = t.counted;
    Buffer<double> partial(context, sum_blocks);
    Step const step(context, entry);
    launch_loss(context, context.stream(), 1,
                {.step = step.view(),
                 .kind = t.kind,
                 .out = static_cast<std::int32_t>(t.output.cols),
                 .output = matrix(t.output),
                 .target = matrix(t.target),
                 .classes = t.classes,
                 .gradient = matrix(t.gradient),
                 .partial = {partial.data(), 0}});
    std::array<double, sum_blocks> parts{};
    partial.copy_to_host(parts.data());
    double sum = 0.0;
    for (double const part : parts) sum += part;
    return sum / (by_row ? static_cast<double>(t.counted) : static_cast<double>(rows) * static_cast<double>(t.output.cols));
}

void step(Context const& context, StepTask const& t) {
    cpu::UpdateNumbers const u = cpu::update_numbers(t.rule, t.step);
    launch_step(context, update_view(t.rule),
                {.rate = u.rate, .unroot2 = u.unroot2, .shrink = u.shrink, .first_step = u.first_step ? 1 : 0},
                {.gradient = t.gradient, .parameters = t.parameters, .first = t.first, .second = t.second});
}

}  // namespace ca3::autoencoder::cuda
