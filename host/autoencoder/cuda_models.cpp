#include "autoencoder/cuda_models.hpp"

#include "autoencoder/batch.hpp"
#include "autoencoder/cpu_kernels.hpp"
#include "core/check.hpp"
#include "core/cuda.hpp"
#include "kernels/autoencoder/graph.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::autoencoder::cuda {
namespace {

using Kind = Activation::Kind;

std::int64_t padded(std::int64_t floats) {
    return (floats + 3) / 4 * 4;
}
/// From one model to the next: multiples of 256 bytes, so that in every model a matrix is aligned as it is in one that is alone.
std::int64_t padded_model(std::int64_t floats) {
    return (floats + 63) / 64 * 64;
}

template <class T>
Buffer<T> uploaded(Context const& context, std::vector<T> const& from) {
    Buffer<T> buffer(context, static_cast<std::int64_t>(from.size()));
    if (!from.empty()) buffer.copy_from_host(from.data());
    return buffer;
}

Buffer<float> zeros(Context const& context, std::int64_t count) {
    Buffer<float> buffer(context, count);
    if (count > 0) ca3::cuda::fill(context.state(), buffer.data(), 0, static_cast<std::size_t>(count) * sizeof(float));
    return buffer;
}

std::int64_t counted_rows(Data const& data, std::span<std::int64_t const> rows, std::int64_t begin, std::int64_t count) {
    if (!data.targets.given || data.targets.classes.empty()) return count;
    std::int64_t counted = 0;
    for (std::int64_t r = begin; r < begin + count; ++r) {
        std::int64_t const sample = rows.empty() ? r : rows[static_cast<std::size_t>(r)];
        counted += data.targets.classes[static_cast<std::size_t>(sample)] == ignored_class ? 0 : 1;
    }
    return counted;
}

}  // namespace

// ---- memory ------------------------------------------------------------------------------------------------------------------------

DeviceModels::DeviceModels(Context context, Plan plan, Precision precision, int models)
    : context_(std::move(context)),
      plan_(std::move(plan)),
      precision_(precision),
      models_(models),
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
        Range const range{stride_, static_cast<std::int32_t>(rows), static_cast<std::int32_t>(columns), padded(columns)};
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
        end += padded(floats);
        return at;
    };
    input_ld_ = padded(plan_.inputs);
    target_ld_ = padded(plan_.outputs());
    std::vector<LayerSpace> spaces(plan_.layers.size());
    input_ = take(batch * input_ld_);
    scratch_ = take(batch * input_ld_);
    target_ = take(batch * target_ld_);
    input_gradient_ = training ? take(batch * input_ld_) : -1;
    for (int l = 0; l < layers(); ++l) {
        PlannedLayer const& p = planned(l);
        LayerSpace& s = spaces[static_cast<std::size_t>(l)];
        s.in_ld = padded(p.in);
        s.linear_ld = padded(p.linear);
        s.out_ld = padded(p.out);
        s.before = take(batch * s.linear_ld);
        s.active = take(batch * s.out_ld);
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
    loss_partials_ = std::max<std::int64_t>(sum_blocks, (batch + 31) / 32 * ((plan_.outputs() + 31) / 32));
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

// ---- jobs --------------------------------------------------------------------------------------------------------------------------

DeviceModels::Steps DeviceModels::steps_of(std::vector<StepEntry> const& entries, int models) const {
    Steps steps;
    steps.count = static_cast<std::int64_t>(entries.size()) / models;
    steps.entries = uploaded(context_, entries);
    steps.at = uploaded(context_, std::vector<std::int64_t>(static_cast<std::size_t>(models), 0));
    steps.first_bad = uploaded(context_, std::vector<unsigned long long>(static_cast<std::size_t>(models), no_bad_step));
    steps.losses = Buffer<double>(context_, steps.count * models);
    return steps;
}

UpdateView DeviceModels::update_view(UpdateRule const& rule) const {
    cpu::UpdateNumbers const u = cpu::update_numbers(rule, 2);  // what does not change from step to step
    return {.kind = rule.kind,
            .momentum = u.momentum,
            .nesterov = u.nesterov,
            .plain = u.weight_decay == 0.0f && u.l1 == 0.0f && !rule.decoupled && rule.clip_norm == 0.0,
            .weight_decay = u.weight_decay,
            .l1 = u.l1,
            .beta1 = u.beta1,
            .gain1 = u.gain1,
            .beta2 = u.beta2,
            .gain2 = u.gain2,
            .epsilon = u.epsilon,
            .parameters = {parameters_.data(), stride_},
            .first = {first_.data(), stride_},
            .second = {second_.data(), stride_},
            .gradients = {gradients_.data(), stride_},
            .scale = rule.clip_norm > 0.0 ? clip_scale_.data() : nullptr};
}

std::vector<std::int64_t> DeviceModels::train(ManyJob const& job) {
    auto const members = static_cast<int>(job.members.size());
    require(members == models_, "autoencoder: CUDA", [] { return std::string("one member for each model"); });
    std::int64_t const count = job.last - job.first;
    if (count <= 0) return std::vector<std::int64_t>(job.members.size(), 0);
    fit(job.batches.batch, true);
    want_moments(job.rule);
    bool const known = train_data_ != nullptr && train_data_->has_id_of(job.data);
    if (job.first == 0 || train_data_ == nullptr || !(known || train_data_->is_of(job.data))) {
        if (!known) {
            train_data_.reset();
            train_data_ = std::make_unique<DeviceData>(context_, job.data, plan_.inputs);
        }
        std::vector<std::span<std::int64_t const>> orders;
        std::vector<std::uint64_t> seeds;
        for (auto const& member : job.members) {
            orders.push_back(member.rows);
            seeds.push_back(member.seed);
        }
        train_data_->set_members(orders, seeds);
    }

    std::vector<StepEntry> entries;
    for (int m = 0; m < members; ++m) {
        Member const& member = job.members[static_cast<std::size_t>(m)];
        UpdateRule rule = job.rule;
        rule.learning_rate = member.learning_rate;
        for (std::int64_t k = job.first; k < job.last; ++k) {
            std::int64_t const t = steps_[static_cast<std::size_t>(m)] + k - job.first + 1;
            cpu::UpdateNumbers const u = cpu::update_numbers(rule, t);
            std::int64_t const begin = job.batches.begin(k), rows = job.batches.size(k);
            entries.push_back({.begin = begin,
                               .number = 0,
                               .counted = counted_rows(job.data, member.rows, begin, rows),
                               .rows = static_cast<std::int32_t>(rows),
                               .random_step = static_cast<std::uint32_t>(job.random_step + k),
                               .rate = u.rate,
                               .unroot2 = u.unroot2,
                               .shrink = u.shrink,
                               .first_step = u.first_step ? 1 : 0});
        }
    }
    Steps const steps = steps_of(entries, members);
    Pass const pass{.objective = &job.objective,
                    .data = train_data_.get(),
                    .step = steps.view(),
                    .batch = job.batches.batch,
                    .models = members,
                    .training = true,
                    .gradients = true,
                    .update = true,
                    .rule = update_view(job.rule),
                    .clip_norm = job.rule.clip_norm};
    add_terms(pass);
    // Recording pays from some steps on; several steps in one graph gain no more than a hundredth (H200).
    StepGraph graph(context_);
    bool const recorded = count > 4 && graph.record([&] { enqueue(pass, steps); });
    for (std::int64_t k = 0; k < count; ++k)
        if (recorded)
            graph.replay();
        else
            enqueue(pass, steps);

    std::vector<double> losses(static_cast<std::size_t>(count * members));
    std::vector<unsigned long long> first_bad(static_cast<std::size_t>(members));
    steps.losses.copy_to_host(losses.data());
    steps.first_bad.copy_to_host(first_bad.data());
    std::vector<std::int64_t> done;
    for (int m = 0; m < members; ++m) {
        auto const bad = first_bad[static_cast<std::size_t>(m)];
        done.push_back(bad == no_bad_step ? count : static_cast<std::int64_t>(bad));
        std::copy_n(losses.begin() + m * count, count, job.members[static_cast<std::size_t>(m)].losses);
        steps_[static_cast<std::size_t>(m)] += count;
    }
    return done;
}

double DeviceModels::evaluate(Data const& data, Objective const& objective, Batches const& batches) {
    std::int64_t const count = batches.count();
    if (count == 0) return 0.0;
    fit(batches.batch, false);
    if (test_data_ == nullptr || !test_data_->has_id_of(data)) {
        test_data_.reset();
        test_data_ = std::make_unique<DeviceData>(context_, data, plan_.inputs);
    }
    std::span<std::int64_t const> const rows = data.rows;
    test_data_->set_members({&rows, 1}, {data.seed});
    std::vector<StepEntry> entries;
    for (std::int64_t k = 0; k < count; ++k)
        entries.push_back({.begin = batches.begin(k),
                           .number = batches.begin(k),
                           .counted = counted_rows(data, data.rows, batches.begin(k), batches.size(k)),
                           .rows = static_cast<std::int32_t>(batches.size(k))});
    Steps const steps = steps_of(entries, 1);
    Pass const pass{.objective = &objective, .data = test_data_.get(), .step = steps.view(), .batch = batches.batch};
    add_terms(pass);
    for (std::int64_t k = 0; k < count; ++k) enqueue(pass, steps);
    std::vector<double> losses(static_cast<std::size_t>(count));
    steps.losses.copy_to_host(losses.data());
    if (data.id == 0) test_data_.reset();
    double sum = 0.0;
    for (std::int64_t k = 0; k < count; ++k) sum += losses[static_cast<std::size_t>(k)] * static_cast<double>(batches.size(k));
    return sum;
}

double DeviceModels::gradients(GradientJob const& job) {
    fit(job.rows, true);
    // The batch is made on the host, so that the device sees one that is whole and clean.
    BatchMaker const maker(job.data, plan_.inputs, context_.instruction_set());
    std::int64_t const width = plan_.inputs;
    std::vector<float> inputs(static_cast<std::size_t>(job.rows * width)), targets;
    maker.make(job.begin, 0, job.rows, 0, static_cast<std::uint32_t>(job.random_step), inputs.data(), width);
    Data made{.inputs = MatrixView<float const>(inputs.data(), job.rows, width), .targets = {}, .seed = job.data.seed};
    std::vector<std::int64_t> classes;
    if (job.data.targets.given && !job.data.targets.classes.empty()) {
        for (std::int64_t r = 0; r < job.rows; ++r)
            classes.push_back(job.data.targets.classes[static_cast<std::size_t>(job.data.row(job.begin + r))]);
        made.targets = Targets(std::span<std::int64_t const>(classes));
    } else if (job.data.targets.given || maker.corrupts()) {
        targets.resize(static_cast<std::size_t>(job.rows * plan_.outputs()));
        maker.targets(job.begin, 0, job.rows, targets.data(), plan_.outputs());
        made.targets = Targets(Samples(MatrixView<float const>(targets.data(), job.rows, plan_.outputs())));
    }
    DeviceData on_device(context_, made, width);
    std::span<std::int64_t const> const rows{};
    on_device.set_members({&rows, 1}, {made.seed});
    Steps const steps = steps_of({{.counted = counted_rows(made, {}, 0, job.rows),
                                   .rows = static_cast<std::int32_t>(job.rows),
                                   .random_step = static_cast<std::uint32_t>(job.random_step)}},
                                 1);
    Pass const pass{.objective = &job.objective,
                    .data = &on_device,
                    .step = steps.view(),
                    .batch = job.rows,
                    .training = job.training,
                    .gradients = true,
                    .input_gradient = job.inputs != nullptr,
                    .rule = update_view({})};
    add_terms(pass);
    enqueue(pass, steps);
    double loss = 0.0;
    steps.losses.copy_to_host(&loss);
    if (job.parameters != nullptr) unpack(gradients_.data(), *job.parameters);
    if (job.inputs != nullptr) {
        std::vector<float> padded_rows(static_cast<std::size_t>(job.rows * input_ld_));
        ca3::cuda::copy_to_host(context_.state(), padded_rows.data(), work_.data() + input_gradient_, padded_rows.size() * sizeof(float));
        job.inputs->clear();
        for (std::int64_t r = 0; r < job.rows; ++r)
            job.inputs->insert(job.inputs->end(), padded_rows.begin() + r * input_ld_, padded_rows.begin() + r * input_ld_ + width);
    }
    return loss;
}

void DeviceModels::forward(Data const& data, std::int64_t begin, std::int64_t count, int first, int last, float* out) {
    if (count == 0) return;
    constexpr std::int64_t most = 1024;
    std::int64_t const rows = std::min(count, most), in = plan_.width_after(first - 1), width = plan_.width_after(last);
    fit(rows, false);
    BatchMaker const maker(data, in, context_.instruction_set());
    Objective const objective{};
    Pass pass{.objective = &objective, .batch = rows};
    Matrix<float> const from = output(pass, first - 1), to = output(pass, last);
    std::vector<float> in_rows(static_cast<std::size_t>(rows * from.ld), 0.0f), out_rows(static_cast<std::size_t>(rows * to.ld));
    for (std::int64_t done = 0; done < count; done += rows) {
        std::int64_t const n = std::min(rows, count - done);
        maker.make(begin, done, n, done, 0, in_rows.data(), from.ld);
        ca3::cuda::copy_to_device(context_.state(), from.data, in_rows.data(), static_cast<std::size_t>(n * from.ld) * sizeof(float));
        Steps const steps = steps_of({{.rows = static_cast<std::int32_t>(n)}}, 1);
        pass.step = steps.view();
        forward_layers(pass, first, last, false);
        ca3::cuda::copy_to_host(context_.state(), out_rows.data(), to.data, static_cast<std::size_t>(n * to.ld) * sizeof(float));
        for (std::int64_t r = 0; r < n; ++r) std::copy_n(out_rows.data() + r * to.ld, width, out + (done + r) * width);
    }
}

}  // namespace ca3::autoencoder::cuda
