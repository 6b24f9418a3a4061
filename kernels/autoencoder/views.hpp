#pragma once

#include "autoencoder/corruption.hpp"
#include "autoencoder/engine.hpp"

#include <ca3/autoencoder/layers.hpp>
#include <ca3/autoencoder/training.hpp>
#include <ca3/context.hpp>

#include "core/host_device.hpp"

#include <cstdint>
#include <type_traits>

/// Dense networks in device memory, as launchers and kernels see them.
///
/// Many models of one architecture lie side by side: what differs from model to model is a Span with the distance to the next one's, and
/// every kernel takes the model's number from blockIdx.z. Matrices are row-major; their rows, and those of the parameters, begin at
/// multiples of 16 bytes and are padded up to there with numbers that mean nothing.
namespace ca3::autoencoder::cuda {

/// A value as a type, for what is chosen at compile time.
template <auto value>
struct Constant {
    [[nodiscard]] CA3_HOST_DEVICE constexpr auto operator()() const { return value; }
};

/// An array of each model.
template <class T>
struct Span {
    T* data = nullptr;
    std::int64_t stride = 0;

    [[nodiscard]] CA3_HOST_DEVICE T* of(unsigned model) const { return data + static_cast<std::int64_t>(model) * stride; }
    [[nodiscard]] CA3_HOST_DEVICE explicit operator bool() const { return data != nullptr; }
    [[nodiscard]] CA3_HOST_DEVICE Span at(std::int64_t offset) const { return {data + offset, stride}; }
    bool operator==(Span const&) const = default;
};

template <class T>
struct Matrix {
    T* data = nullptr;
    std::int64_t stride = 0;  ///< from one model's to the next
    std::int64_t ld = 0;      ///< from one row to the next

    CA3_HOST_DEVICE constexpr Matrix() {}
    CA3_HOST_DEVICE constexpr Matrix(T* d, std::int64_t s, std::int64_t l) : data(d), stride(s), ld(l) {}
    template <class U>
    requires(std::is_same_v<T, U const>) CA3_HOST_DEVICE constexpr Matrix(Matrix<U> o) : data(o.data), stride(o.stride), ld(o.ld) {}

    [[nodiscard]] CA3_HOST_DEVICE T* of(unsigned model) const { return data + static_cast<std::int64_t>(model) * stride; }
    [[nodiscard]] CA3_HOST_DEVICE explicit operator bool() const { return data != nullptr; }
};

/// What changes from step to step. Made by the host for all steps of a job.
struct StepEntry {
    std::int64_t begin = 0;    ///< of the batch, in the order of the samples
    std::int64_t number = 0;   ///< of its first row in the streams of the corruptions
    std::int64_t counted = 0;  ///< rows whose class counts
    std::int32_t rows = 0;
    std::uint32_t random_step = 0;
    float rate = 0.0f;     ///< Adam: lr / (1 - beta1^t)
    float unroot2 = 1.0f;  ///< Adam: 1 / sqrt(1 - beta2^t)
    float shrink = 1.0f;   ///< AdamW: factor of the parameter
    std::int32_t first_step = 0;
};

/// Where every model is in its job. A step's last kernel moves `at`, so that all launches of a step are the same from step to step.
struct StepView {
    Span<StepEntry const> entries;
    std::int64_t* at = nullptr;               ///< one for each model
    unsigned long long* first_bad = nullptr;  ///< one for each model: the first step with a loss or an update that is not finite
    bool overlap = false;                     ///< launches start while those ahead of them end; not the first one of a step

    [[nodiscard]] CA3_HOST_DEVICE StepEntry const& entry(unsigned model) const { return entries.of(model)[at[model]]; }
    bool operator==(StepView const&) const = default;
};

inline constexpr unsigned long long no_bad_step = ~0ULL;

// ---- batches -----------------------------------------------------------------------------------------------------------------------

/// CorruptionStep without its vector.
struct DeviceCorruption {
    CorruptionStep::Kind kind{};
    std::uint32_t element = 0;
    float sigma = 0.0f;
    std::uint32_t threshold = 0;
    OccludedRectangle rectangle{};
    std::int64_t image_width = 0;
    std::int64_t image_height = 0;
    double degrees = 0.0;
    bool fixed = false;
    std::int64_t const* permutation = nullptr;
};

/// Samples as they were given: bytes or floats.
struct SampleView {
    std::uint8_t const* bytes = nullptr;
    float const* values = nullptr;
    std::int64_t width = 0;
};

struct BatchJob {
    StepView step;
    SampleView inputs;
    SampleView targets;              ///< none: no targets are written
    Span<std::int64_t const> order;  ///< none: the samples as they lie
    Matrix<float const> former;      ///< not none: what `move` is applied to, in place of the samples
    DeviceCorruption move{};         ///< rotation or permutation
    bool moves = false;
    DeviceCorruption const* list = nullptr;  ///< then these, value by value
    int count = 0;
    std::uint64_t const* seeds = nullptr;  ///< one for each model
    std::uint32_t purpose = 0;
    Matrix<float> out;
    Matrix<std::uint16_t> rounded;  ///< `out` in bf16 too, or none; rows at multiples of 8 bytes
    Matrix<float> target_out;
};

// ---- products ----------------------------------------------------------------------------------------------------------------------

/// An elementwise activation; slopes are those of leaky_relu or learned ones (which stand in the parameters).
struct ActivationView {
    Activation::Kind kind{};
    float slope = 0.0f;
    Span<float const> slopes;  ///< learned
    bool per_unit = false;
};

/// Whether the derivative looks at what the activation is applied to, not at its value.
[[nodiscard]] CA3_HOST_DEVICE constexpr bool differentiates_before(Activation::Kind kind) {
    return kind == Activation::Kind::arctan || kind == Activation::Kind::leaky_relu || kind == Activation::Kind::prelu;
}

struct LossView {
    Loss kind{};
    Matrix<float const> target;
    Matrix<float> gradient;  ///< with respect to what the last layer's activation is applied to; none: loss only
    Span<double> partial;    ///< one sum for each tile; none: no loss here
};

/// active = activation(input W^T + bias), and in the last layer its loss.
struct ForwardJob {
    StepView step;
    std::int32_t in = 0;
    std::int32_t out = 0;
    Matrix<float const> input;
    Matrix<float const> weight;
    Span<float const> bias;
    ActivationView activation;
    Matrix<float> before;  ///< of the activation; or none
    Matrix<float> active;  ///< or none: the linear map only
    LossView loss;
    bool deep = false;     ///< deep tiles where they are worth their while
    bool settled = false;  ///< the launch ahead does not write `weight`
};

/// How a gradient becomes an update. See UpdateRule.
struct UpdateView {
    UpdateRule::Kind kind{};
    bool momentum = false;
    bool nesterov = false;
    bool plain = false;  ///< Adam without decay, l1 or clipping
    float weight_decay = 0.0f;
    float l1 = 0.0f;
    float beta1 = 0.0f;
    float gain1 = 0.0f;
    float beta2 = 0.0f;
    float gain2 = 0.0f;
    float epsilon = 0.0f;
    Span<float> parameters;
    Span<float> first;
    Span<float> second;
    Span<float> gradients;         ///< where they are kept before the update
    float const* scale = nullptr;  ///< clipping: factor of the gradients, one for each model
    bool operator==(UpdateView const&) const = default;
};

/// out = dz W, times the derivative of the activation below if there is one.
struct InputGradientJob {
    std::int32_t linear = 0;
    std::int32_t in = 0;
    Matrix<float const> linear_gradient;
    Matrix<float const> weight;
    ActivationView activation;
    Matrix<float const> before;  ///< of the layer below, where the derivative needs it
    Matrix<float const> active;
    Matrix<float> out;  ///< none: no such job
};

/// dW = dz^T x and db = column sums of dz: either into UpdateView::gradients, or the update itself.
struct WeightGradientJob {
    std::int32_t linear = 0;
    std::int32_t in = 0;
    Matrix<float const> linear_gradient;
    Matrix<float const> input;
    std::int64_t weight = -1;  ///< offset in the parameters; -1: no such job
    std::int64_t bias = -1;    ///< or -1
    std::int64_t ld = 0;
    bool update = false;      ///< in place of keeping the gradient
    Matrix<float> elsewhere;  ///< for a gradient of W^T: written here
};

/// What one launch does.
struct BackwardJob {
    StepView step;
    UpdateView update;
    InputGradientJob input;
    WeightGradientJob weight[2];
    bool deep = false;     ///< as in ForwardJob
    bool settled = false;  ///< the launch ahead does not write `input.weight`
};

/// Both run with `batch` rows at most. Asynchronous; deterministic: every sum has one order.
void launch_forward(Context const&, CUstream_st*, Precision, int models, std::int64_t batch, ForwardJob const&);
void launch_backward(Context const&, CUstream_st*, Precision, int models, std::int64_t batch, BackwardJob const&);
/// Partial sums of the loss that launch_forward writes.
[[nodiscard]] std::int64_t loss_tiles(Context const&, std::int64_t batch, std::int64_t out);

void launch_batch(Context const&, CUstream_st*, int models, std::int64_t batch, BatchJob const&);

// ---- what has kernels of its own ---------------------------------------------------------------------------------------------------

/// One layer's activation on its own, forwards or backwards, and the parts of the loss that need more than one value.
struct LayerJob {
    StepView step;
    std::int32_t linear = 0;
    std::int32_t out = 0;
    std::uint32_t layer = 0;
    bool training = false;
    ActivationView activation;
    std::uint64_t const* seeds = nullptr;
    double dropout = 0.0;
    Matrix<float> before;
    Matrix<float> activated;  ///< the activation's result before its projection, or none
    Matrix<float> active;
    Matrix<float> dropped;   ///< active after dropout, or none
    Matrix<float> noise;     ///< gaussian
    Matrix<float> gradient;  ///< with respect to the output
    Matrix<float> linear_gradient;
    Matrix<float> slope_part;
    double kl_scale = 0.0;
    bool kl_sum = false;
    double penalty_sum = 0.0;   ///< of the scales of its activity penalties that sum
    double penalty_mean = 0.0;  ///< of those that average
    bool penalised = false;
};
void launch_activate(Context const&, CUstream_st*, int models, std::int64_t batch, LayerJob const&);
/// active = activated / max(|activated|, 1e-12), row by row
void launch_project(Context const&, CUstream_st*, int models, std::int64_t batch, LayerJob const&);
void launch_drop(Context const&, CUstream_st*, int models, std::int64_t batch, LayerJob const&);
/// `gradient` becomes that with respect to `activated`: dropout undone, penalties added, the projection undone.
void launch_project_gradient(Context const&, CUstream_st*, int models, std::int64_t batch, LayerJob const&);
void launch_activation_gradient(Context const&, CUstream_st*, int models, std::int64_t batch, LayerJob const&);

/// Sums over a block's values in a fixed order, into one place of `partial` for each of `sum_blocks` blocks.
inline constexpr int sum_blocks = 32;
/// |active|, for penalties
void launch_absolute_sum(Context const&, CUstream_st*, int models, LayerJob const&, Span<double> partial);
/// Kullback-Leibler, without its factor
void launch_divergence(Context const&, CUstream_st*, int models, LayerJob const&, Span<double> partial);

struct RowLossJob {
    StepView step;
    Loss kind{};
    std::int32_t out = 0;
    Matrix<float const> output;
    Matrix<float const> target;             ///< probabilities or values
    std::int64_t const* classes = nullptr;  ///< of all samples, or null
    Span<std::int64_t const> order;
    Matrix<float> gradient;  ///< with respect to the output, or none
    Span<double> partial;    ///< sum_blocks
};
/// Losses as a kernel of their own: gradients with respect to the output.
void launch_loss(Context const&, CUstream_st*, int models, RowLossJob const&);

struct NormJob {
    StepView step;
    std::int32_t units = 0;
    bool training = false;
    Matrix<float> linear;    ///< z, becomes the normalised values
    Matrix<float> before;    ///< gamma times them plus beta
    Matrix<float> gradient;  ///< backwards: in and out
    Span<float const> gamma;
    Span<float const> beta;
    Span<float> gamma_gradient;
    Span<float> beta_gradient;
    Span<float> running_mean;
    Span<float> running_variance;
    Span<float> mean;      ///< of the batch
    Span<float> variance;  ///< of the batch
    Span<float> scale;     ///< 1 / sqrt(variance + eps)
};
void launch_normalise(Context const&, CUstream_st*, int models, NormJob const&);
void launch_normalise_gradient(Context const&, CUstream_st*, int models, NormJob const&);
void launch_statistics(Context const&, CUstream_st*, int models, NormJob const&);

struct ColumnJob {
    StepView step;
    std::int32_t columns = 0;
    Matrix<float const> values;
    Span<float> sums;  ///< one for each column, or one for all
    bool total = false;
};
void launch_column_sums(Context const&, CUstream_st*, int models, ColumnJob const&);

/// to = from^T, rows x columns of `from`; or `to` += from^T.
struct TransposeJob {
    std::int32_t rows = 0;
    std::int32_t columns = 0;
    Matrix<float const> from;
    Matrix<float> to;
    bool add = false;
};
void launch_transpose(Context const&, CUstream_st*, int models, TransposeJob const&);

/// A matrix in the parameters.
struct Range {
    std::int64_t offset = 0;
    std::int32_t rows = 0;
    std::int32_t columns = 0;
    std::int64_t ld = 0;
};
/// Updates parameters from UpdateView::gradients.
void launch_update(Context const&, CUstream_st*, int models, StepView const&, UpdateView const&, Range const* ranges, int count,
                   std::int64_t elements);
/// Writes the factor that clips the norm of all gradients.
void launch_clip(Context const&, CUstream_st*, int models, UpdateView const&, Range const* ranges, int count, double most,
                 Span<double> partial, float* scale);

/// Stream-ordered.
void copy_on_device(Context const&, float* to, float const* from, std::int64_t count);

/// A part of the loss: factor times the sum of `count` partial sums.
struct LossTerm {
    enum class Share : std::uint8_t { one, rows, elements, counted };
    std::int64_t offset = 0;
    std::int64_t count = 0;
    double scale = 1.0;
    Share share = Share::one;  ///< what it is divided by
    std::int64_t width = 1;    ///< for elements: of a row
    bool operator==(LossTerm const&) const = default;
};
struct FinishJob {
    StepView step;
    LossTerm const* terms = nullptr;
    int count = 0;
    Span<double const> partial;
    Span<double> losses;
};
/// Writes the loss of the step and moves on to the next.
void launch_finish(Context const&, CUstream_st*, int models, FinishJob const&);

}  // namespace ca3::autoencoder::cuda
