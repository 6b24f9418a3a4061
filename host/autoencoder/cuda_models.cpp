#include "autoencoder/cuda_models.hpp"

#include "autoencoder/cuda_memory.hpp"
#include "core/cuda.hpp"

#include <algorithm>

namespace ca3::autoencoder::cuda {
namespace {

using Kind = Activation::Kind;

/// From one model to the next: multiples of 256 bytes, so that in every model a matrix is aligned as it is in one that is alone.
std::int64_t padded_model(std::int64_t floats) {
    return (floats + 63) / 64 * 64;
}

Buffer<float> zeros(Context const& context, std::int64_t count) {
    Buffer<float> buffer(context, count);
    if (count > 0) ca3::cuda::fill(context.state(), buffer.data(), 0, static_cast<std::size_t>(count) * sizeof(float));
    return buffer;
}

}  // namespace

DeviceModels::DeviceModels(Context context, Plan plan, Precision precision, int models, Tuning tuning)
    : context_(std::move(context)),
      plan_(std::move(plan)),
      precision_(precision),
      models_(models),
      tuning_(tuning),
      places_(plan_.layers.size()),
      steps_(static_cast<std::size_t>(models), 0) {
    for (auto const& p : plan_.layers) tied_ = tied_ || p.tied_to >= 0;
    lay_out();
    parameters_ = zeros(context_, stride_ * models_);
    gradients_ = zeros(context_, stride_ * models_);
    buffers_ = zeros(context_, plan_.buffers * models_);
    clip_scale_ = Buffer<float>(context_, models_);
}

void DeviceModels::lay_out() {
    std::vector<Range> all, vectors;
    for (auto const& planned : plan_.tensors) {
        if (planned.buffer) continue;
        auto const& shape = planned.tensor.shape;
        std::int64_t const rows = shape.size() == 2 ? shape[0] : 1, columns = planned.place.size / rows;
        Range const range{stride_, static_cast<std::int32_t>(rows), static_cast<std::int32_t>(columns), padded_row<float>(columns)};
        stride_ += rows * range.ld;
        tensors_.push_back({planned.place, range});
        all.push_back(range);
        largest_ = std::max(largest_, planned.place.size);
        LayerPlaces& at = places_[static_cast<std::size_t>(planned.tensor.layer)];
        using Role = Tensor::Role;
        switch (planned.tensor.role) {
            case Role::weight:
                at.weight = range.offset;
                at.weight_ld = range.ld;
                continue;
            case Role::bias:
                at.bias = range.offset;
                continue;
            case Role::gamma:
                at.gamma = range.offset;
                break;
            case Role::beta:
                at.beta = range.offset;
                break;
            default:
                at.slope = range.offset;
        }
        vectors.push_back(range);
        largest_vector_ = std::max(largest_vector_, planned.place.size);
    }
    stride_ = padded_model(stride_);
    all_ranges_ = uploaded(context_, all);
    vector_ranges_ = uploaded(context_, vectors);
    all_count_ = static_cast<int>(all.size());
    vector_count_ = static_cast<int>(vectors.size());
}

void DeviceModels::fit(std::int64_t batch, bool training) {
    if (batch <= batch_ && (for_training_ || !training)) return;
    batch = std::max(batch, batch_);
    training = training || for_training_;
    std::int64_t end = 0, partials = 0;
    auto const take = [&end](std::int64_t floats) {
        std::int64_t const at = end;
        end += padded_row<float>(floats);
        return at;
    };
    input_ld_ = padded_row<float>(plan_.inputs);
    target_ld_ = padded_row<float>(plan_.outputs());
    std::vector<LayerSpace> spaces(plan_.layers.size());
    input_ = take(batch * input_ld_);
    scratch_ = take(batch * input_ld_);
    target_ = take(batch * target_ld_);
    input_gradient_ = training ? take(batch * input_ld_) : -1;
    for (int l = 0; l < layers(); ++l) {
        PlannedLayer const& p = planned(l);
        LayerSpace& s = spaces[static_cast<std::size_t>(l)];
        s.in_ld = padded_row<float>(p.in);
        s.linear_ld = padded_row<float>(p.linear);
        s.out_ld = padded_row<float>(p.out);
        s.before = take(batch * s.linear_ld);
        s.active = take(batch * s.out_ld);
        if (p.unit_sphere) s.activated = take(batch * s.out_ld);
        if (p.batch_norm()) {
            s.normalised = take(batch * s.linear_ld);
            s.mean = take(p.linear);
            s.variance = take(p.linear);
            s.scale = take(p.linear);
        }
        if (p.tied_to >= 0) s.weight = take(p.linear * s.in_ld);
        if (!training) continue;
        if (p.dropout > 0.0) s.dropped = take(batch * s.out_ld);
        if (p.activation.kind == Kind::gaussian) s.noise = take(batch * s.out_ld);
        s.gradient = take(batch * s.out_ld);
        s.linear_gradient = take(batch * s.linear_ld);
        if (p.slope.exists()) s.slope_part = take(batch * s.out_ld);
        if (p.tied_to >= 0) s.weight_gradient = take(p.linear * s.in_ld);
    }
    loss_partials_ =
        std::max<std::int64_t>({sum_blocks, (batch + 31) / 32 * ((plan_.outputs() + 31) / 32), chain_clusters(batch) * most_chain_blocks});
    end = padded_model(end);
    // One part for each gaussian layer, one for each layer's penalty, one for clipping.
    partials = loss_partials_ + sum_blocks * (2 * layers() + 1);
    batch_ = 0;  // in case of a throw
    work_ = {};
    partials_ = {};
    work_ = zeros(context_, end * models_);
    partials_ = Buffer<double>(context_, partials * models_);
    want_library(batch);
    work_stride_ = end;
    partial_stride_ = partials;
    spaces_ = std::move(spaces);
    batch_ = batch;
    for_training_ = training;
}

void DeviceModels::want_moments(UpdateRule const& rule) {
    if (rule.has_first() && !has_first_) first_ = zeros(context_, stride_ * models_);
    if (rule.has_second() && !has_second_) second_ = zeros(context_, stride_ * models_);
    has_first_ = has_first_ || rule.has_first();
    has_second_ = has_second_ || rule.has_second();
}

void DeviceModels::pack(std::vector<double> const& from, float* to) const {
    std::vector<float> host(static_cast<std::size_t>(stride_), 0.0f);
    for (auto const& [place, range] : tensors_)
        for (std::int64_t i = 0; i < place.size; ++i)
            host[static_cast<std::size_t>(range.offset + i / range.columns * range.ld + i % range.columns)] =
                static_cast<float>(from[static_cast<std::size_t>(place.offset + i)]);
    ca3::cuda::copy_to_device(context_.state(), to, host.data(), host.size() * sizeof(float));
}

void DeviceModels::unpack(float const* from, std::vector<double>& to) const {
    std::vector<float> host(static_cast<std::size_t>(stride_));
    ca3::cuda::copy_to_host(context_.state(), host.data(), from, host.size() * sizeof(float));
    to.resize(static_cast<std::size_t>(plan_.parameters));
    for (auto const& [place, range] : tensors_)
        for (std::int64_t i = 0; i < place.size; ++i)
            to[static_cast<std::size_t>(place.offset + i)] =
                static_cast<double>(host[static_cast<std::size_t>(range.offset + i / range.columns * range.ld + i % range.columns)]);
}

void DeviceModels::put(int model, State const& state) {
    pack(state.parameters, parameters_.data() + model * stride_);
    std::vector<float> const buffers(state.buffers.begin(), state.buffers.end());
    ca3::cuda::copy_to_device(context_.state(), buffers_.data() + model * plan_.buffers, buffers.data(), buffers.size() * sizeof(float));
    // Moments are there for all models or for none; a model without them gets zeros, as a first step would.
    auto const put_moments = [&](std::vector<double> const& from, Buffer<float>& to, bool& has) {
        if (from.empty() && models_ == 1) {
            to = {};
            has = false;
        } else if (!from.empty() || has) {
            if (!has) to = zeros(context_, stride_ * models_);
            has = true;
            pack(from.empty() ? std::vector<double>(state.parameters.size(), 0.0) : from, to.data() + model * stride_);
        }
    };
    put_moments(state.first, first_, has_first_);
    put_moments(state.second, second_, has_second_);
    steps_[static_cast<std::size_t>(model)] = state.steps;
}

void DeviceModels::get(int model, State& state) const {
    unpack(parameters_.data() + model * stride_, state.parameters);
    std::vector<float> buffers(static_cast<std::size_t>(plan_.buffers));
    ca3::cuda::copy_to_host(context_.state(), buffers.data(), buffers_.data() + model * plan_.buffers, buffers.size() * sizeof(float));
    state.buffers.assign(buffers.begin(), buffers.end());
    state.first.clear();
    state.second.clear();
    if (has_first_) unpack(first_.data() + model * stride_, state.first);
    if (has_second_) unpack(second_.data() + model * stride_, state.second);
    state.steps = steps_[static_cast<std::size_t>(model)];
}

void DeviceModels::keep() {
    auto const copy = [&](Buffer<float>& to, Buffer<float> const& from) {
        if (to.size() != from.size()) to = Buffer<float>(context_, from.size());
        copy_on_device(context_, to.data(), from.data(), from.size());
    };
    copy(kept_.parameters, parameters_);
    copy(kept_.buffers, buffers_);
    if (has_first_) copy(kept_.first, first_);
    if (has_second_) copy(kept_.second, second_);
    kept_.has_first = has_first_;
    kept_.has_second = has_second_;
    kept_.steps = steps_;
}

void DeviceModels::take_back() {
    copy_on_device(context_, parameters_.data(), kept_.parameters.data(), parameters_.size());
    copy_on_device(context_, buffers_.data(), kept_.buffers.data(), buffers_.size());
    has_first_ = kept_.has_first;
    has_second_ = kept_.has_second;
    if (has_first_) copy_on_device(context_, first_.data(), kept_.first.data(), first_.size());
    if (has_second_) copy_on_device(context_, second_.data(), kept_.second.data(), second_.size());
    steps_ = kept_.steps;
}

}  // namespace ca3::autoencoder::cuda
