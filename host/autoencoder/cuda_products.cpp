#include "autoencoder/cuda_models.hpp"

#include "autoencoder/cuda_memory.hpp"

#include <algorithm>

/// Layers whose products are the library's: each product is a call of its own, and what our kernels do in the same launch stands in
/// launches before and after it.
///
/// One call for each model, not one for all of a group: with another number of products cuBLAS may choose another algorithm, and a model
/// would no longer have the numbers that it has alone. Products of this size fill the device one by one.
namespace ca3::autoencoder::cuda {
namespace {

/// bf16 values of a model, so that each one's begin at multiples of 256 bytes: places alike for the library.
std::int64_t padded_model(std::int64_t values) {
    return (values + 127) / 128 * 128;
}

}  // namespace

bool DeviceModels::by_library(Pass const& pass, int l) const {
    return takes_library(pass.batch, planned(l).in, planned(l).linear, precision_);
}

/// For batches of up to `batch` rows: the rule that takes one takes every larger one too.
void DeviceModels::want_library(std::int64_t batch) {
    std::int64_t left = 0, right = 0;
    for (PlannedLayer const& p : plan_.layers) {
        if (!takes_library(batch, p.in, p.linear, precision_)) continue;
        std::int64_t const in = padded_row<std::uint16_t>(p.in), linear = padded_row<std::uint16_t>(p.linear);
        left = std::max({left, batch * in, batch * linear});
        right = std::max({right, batch * in, p.linear * in});
    }
    if (left == 0) return;
    if (library_ == nullptr) library_ = std::make_unique<ProductLibrary>(context_);
    if (precision_ != Precision::bf16) return;
    rounded_left_ = {};
    rounded_right_ = {};
    rounded_left_ = Buffer<std::uint16_t>(context_, padded_model(left) * models_);
    rounded_right_ = Buffer<std::uint16_t>(context_, padded_model(right) * models_);
}

/// out = left right, of each model. Where the precision is bf16, both are rounded first.
void DeviceModels::library_product(Pass const& pass, LibraryFactor const& left, LibraryFactor const& right, Matrix<float> const& out) {
    auto const rounded = [&](LibraryFactor const& factor, Buffer<std::uint16_t> const& room) {
        if (precision_ != Precision::bf16) return Matrix<std::uint16_t>();
        Matrix<std::uint16_t> const to(room.data(), room.size() / models_, padded_row<std::uint16_t>(factor.columns));
        launch_round(context_, context_.stream(), pass.models,
                     {.step = pass.step,
                      .rows = factor.rows,
                      .columns = factor.columns,
                      .of_batch = factor.of_batch,
                      .from = factor.values,
                      .to = to});
        return to;
    };
    Matrix<std::uint16_t> const left_rounded = rounded(left, rounded_left_), right_rounded = rounded(right, rounded_right_);
    for (unsigned model = 0; model < static_cast<unsigned>(pass.models); ++model) {
        auto const factor = [&](LibraryFactor const& of, Matrix<std::uint16_t> const& in_bf16) {
            return in_bf16 ? Factor{in_bf16.of(model), in_bf16.ld, of.transposed}
                           : Factor{of.values.of(model), of.values.ld, of.transposed};
        };
        library_->multiply(precision_, {.rows = left.transposed ? left.columns : left.rows,
                                        .columns = right.transposed ? right.rows : right.columns,
                                        .depth = left.transposed ? left.rows : left.columns,
                                        .left = factor(left, left_rounded),
                                        .right = factor(right, right_rounded),
                                        .out = out.of(model),
                                        .out_ld = out.ld});
    }
}

/// Rows past the step's hold what the product makes of former batches; nothing reads them.
void DeviceModels::library_forward(Pass const& pass, ForwardJob const& job) {
    library_product(pass, {.values = job.input, .rows = pass.batch, .columns = job.in, .of_batch = true},
                    {.values = job.weight, .rows = job.out, .columns = job.in, .transposed = true}, job.before ? job.before : job.active);
    launch_bias(context_, context_.stream(), pass.models, pass.batch, job);
}

/// Both gradients of layer l, from that of its linear map, and the update of its weight and bias where updates come at once.
void DeviceModels::library_backward(Pass const& pass, int l, InputGradientJob const& input) {
    PlannedLayer const& p = planned(l);
    LayerPlaces const& at = places(l);
    LayerSpace const& s = space(l);
    Matrix<float> const z = matrix(s.linear_gradient, s.linear_ld), x = output(pass, l - 1);
    LibraryFactor const gradient_factor{.values = z, .rows = pass.batch, .columns = p.linear, .of_batch = true};
    if (input.out) library_product(pass, gradient_factor, {.values = input.weight, .rows = p.linear, .columns = p.in}, input.out);

    // This product goes over all rows.
    if (precision_ != Precision::bf16) {
        launch_clear(context_, context_.stream(), pass.models, {pass.step, pass.batch, p.linear, z});
        launch_clear(context_, context_.stream(), pass.models, {pass.step, pass.batch, p.in, x});
    }
    LibraryFactor transposed = gradient_factor;
    transposed.transposed = true;
    library_product(
        pass, transposed, {.values = x, .rows = pass.batch, .columns = p.in, .of_batch = true},
        p.tied_to >= 0 ? matrix(s.weight_gradient, s.in_ld) : Matrix<float>(gradients_.data() + at.weight, stride_, at.weight_ld));
    if (at.bias >= 0)
        launch_column_sums(context_, context_.stream(), pass.models,
                           {.step = pass.step, .columns = static_cast<std::int32_t>(p.linear), .values = z, .sums = gradient(at.bias)});
    if (!updates_at_once(pass)) return;
    // The weight's range, and after it the bias's.
    auto const weight =
        std::find_if(tensors_.begin(), tensors_.end(), [&](DeviceTensor const& tensor) { return tensor.range.offset == at.weight; });
    launch_update(context_, context_.stream(), pass.models, pass.step, pass.rule, all_ranges_.data() + (weight - tensors_.begin()),
                  at.bias >= 0 ? 2 : 1, p.linear * p.in);
}

}  // namespace ca3::autoencoder::cuda
