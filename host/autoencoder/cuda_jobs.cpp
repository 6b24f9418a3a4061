#include "autoencoder/batch.hpp"
#include "autoencoder/cpu_kernels.hpp"
#include "autoencoder/cuda_models.hpp"
#include "core/check.hpp"
#include "core/cuda.hpp"

#include <algorithm>
#include <bit>

/// What an engine is asked for: steps of training, evaluations, gradients, outputs.
namespace ca3::autoencoder::cuda {
/// Entries of one model after the other.
void DeviceModels::prepare(Steps& steps, std::vector<StepEntry> const& entries, int models) const {
    auto const all = static_cast<std::int64_t>(entries.size()), count = all / models;
    if (count > steps.capacity || models != steps.models) {
        steps = {};
        std::int64_t const capacity =
            static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(count, 16))));
        steps.entries = Buffer<StepEntry>(context_, capacity * models);
        steps.losses = Buffer<double>(context_, capacity * models);
        steps.at = Buffer<std::int64_t>(context_, models);
        steps.first_bad = Buffer<unsigned long long>(context_, models);
        steps.models = models;
        steps.capacity = capacity;
    }
    std::vector<StepEntry> apart;
    if (models > 1 && count < steps.capacity) {
        apart.resize(static_cast<std::size_t>(steps.capacity * (models - 1) + count));
        for (int m = 0; m < models; ++m) std::copy_n(entries.begin() + m * count, count, apart.begin() + m * steps.capacity);
    }
    std::vector<StepEntry> const& from = apart.empty() ? entries : apart;
    auto const& state = context_.state();
    ca3::cuda::copy_to_device(state, steps.entries.data(), from.data(), from.size() * sizeof(StepEntry));
    ca3::cuda::fill(state, steps.at.data(), 0, static_cast<std::size_t>(models) * sizeof(std::int64_t));
    static_assert(no_bad_step == ~0ULL);
    ca3::cuda::fill(state, steps.first_bad.data(), 0xFF, static_cast<std::size_t>(models) * sizeof(unsigned long long));
}

std::vector<double> DeviceModels::losses_of(Steps const& steps, std::int64_t count) const {
    std::vector<double> losses(static_cast<std::size_t>(steps.capacity * (steps.models - 1) + count));
    ca3::cuda::copy_to_host(context_.state(), losses.data(), steps.losses.data(), losses.size() * sizeof(double));
    return losses;
}

UpdateView update_view(UpdateRule const& rule) {
    cpu::UpdateNumbers const u = cpu::update_numbers(rule, 2);
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
            .epsilon = u.epsilon};
}

UpdateView DeviceModels::update_view(UpdateRule const& rule) const {
    UpdateView view = cuda::update_view(rule);
    view.parameters = {parameters_.data(), stride_};
    view.first = {first_.data(), stride_};
    view.second = {second_.data(), stride_};
    view.gradients = {gradients_.data(), stride_};
    view.scale = rule.clip_norm > 0.0 ? clip_scale_.data() : nullptr;
    return view;
}

void DeviceModels::want_data(ManyJob const& job) {
    bool const known = train_data_ != nullptr && train_data_->has_id_of(job.data);
    if (job.first != 0 && train_data_ != nullptr && (known || train_data_->is_of(job.data))) return;
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

std::vector<StepEntry> DeviceModels::entries_of(ManyJob const& job) const {
    std::vector<StepEntry> entries;
    for (std::size_t m = 0; m < job.members.size(); ++m) {
        Member const& member = job.members[m];
        UpdateRule rule = job.rule;
        rule.learning_rate = member.learning_rate;
        Data data = job.data;
        data.rows = member.rows;
        for (std::int64_t k = job.first; k < job.last; ++k) {
            cpu::UpdateNumbers const u = cpu::update_numbers(rule, steps_[m] + k - job.first + 1);
            std::int64_t const begin = job.batches.begin(k), rows = job.batches.size(k);
            entries.push_back({.begin = begin,
                               .number = 0,
                               .counted = data.counted(begin, rows),
                               .rows = static_cast<std::int32_t>(rows),
                               .random_step = static_cast<std::uint32_t>(job.random_step + k),
                               .rate = u.rate,
                               .unroot2 = u.unroot2,
                               .shrink = u.shrink,
                               .first_step = u.first_step ? 1 : 0});
        }
    }
    return entries;
}

/// The launches of a step are recorded for as long as they stay the same. Recording takes about as long as four steps: it waits until that
/// many have been asked for. (Several steps in one graph gain no more than a hundredth on an H200.)
void DeviceModels::run_steps(Pass const& pass, std::int64_t count) {
    Recorded now{.objective = *pass.objective,
                 .rule = pass.rule,
                 .clip_norm = pass.clip_norm,
                 .batch = pass.batch,
                 .data = pass.data->number(),
                 .order = pass.data->order(),
                 .seeds = pass.data->seeds(),
                 .step = pass.step,
                 .losses = train_steps_.losses.data(),
                 .terms = train_steps_.terms.data(),
                 .term_count = train_steps_.terms.size(),
                 .work = work_.data(),
                 .work_rows = batch_,
                 .partials = partials_.data(),
                 .halves = pass.chain != nullptr ? chain_.halves.data() : nullptr};
    if (!(now == recorded_)) {
        graph_.reset();
        recorded_ = std::move(now);
        unrecorded_ = 0;
    }
    if (graph_ == nullptr && unrecorded_ + count > 4) {
        auto graph = std::make_unique<StepGraph>(context_);
        if (graph->record([&] { enqueue(pass, train_steps_); })) {
            graph_ = std::move(graph);
            ++recordings_;
        }
    }
    for (std::int64_t k = 0; k < count; ++k)
        if (graph_ != nullptr)
            graph_->replay();
        else
            enqueue(pass, train_steps_);
    unrecorded_ += count;
}

std::vector<std::int64_t> DeviceModels::train(ManyJob const& job) {
    auto const members = static_cast<int>(job.members.size());
    require(members == models_, "autoencoder: CUDA", [] { return std::string("one member for each model"); });
    std::int64_t const count = job.last - job.first;
    if (count <= 0) return std::vector<std::int64_t>(job.members.size(), 0);
    fit(job.batches.batch, true);
    want_moments(job.rule);
    want_data(job);
    prepare(train_steps_, entries_of(job), members);
    Pass pass{.objective = &job.objective,
              .data = train_data_.get(),
              .step = train_steps_.view(tuning_.overlap),
              .batch = job.batches.batch,
              .models = members,
              .training = true,
              .gradients = true,
              .update = true,
              .rule = update_view(job.rule),
              .clip_norm = job.rule.clip_norm};
    if (std::optional<ClusterJob> const whole = cluster_job(pass, train_steps_, count)) {
        launch_cluster(context_, context_.stream(), precision_, members, *whole);
    } else {
        std::optional<ChainJob> chain = chain_job(pass);
        if (chain) pass.chain = &*chain;
        set_terms(pass, train_steps_);
        if (chain) {
            chain->finish = finish_job(pass, train_steps_);
            round_weights(pass);
        }
        run_steps(pass, count);
    }

    std::vector<double> const losses = losses_of(train_steps_, count);
    std::vector<unsigned long long> first_bad(static_cast<std::size_t>(members));
    train_steps_.first_bad.copy_to_host(first_bad.data());
    std::vector<std::int64_t> done;
    for (int m = 0; m < members; ++m) {
        auto const bad = first_bad[static_cast<std::size_t>(m)];
        done.push_back(bad == no_bad_step ? count : static_cast<std::int64_t>(bad));
        std::copy_n(losses.begin() + m * train_steps_.capacity, count, job.members[static_cast<std::size_t>(m)].losses);
        steps_[static_cast<std::size_t>(m)] += count;
    }
    return done;
}

double DeviceModels::evaluate(Data const& data, Objective const& objective, Batches const& batches) {
    std::int64_t const count = batches.count();
    if (count == 0) return MeanLoss().value();
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
                           .counted = data.counted(batches.begin(k), batches.size(k)),
                           .rows = static_cast<std::int32_t>(batches.size(k))});
    prepare(other_steps_, entries, 1);
    Pass const pass{.objective = &objective, .data = test_data_.get(), .step = other_steps_.view(tuning_.overlap), .batch = batches.batch};
    set_terms(pass, other_steps_);
    for (std::int64_t k = 0; k < count; ++k) enqueue(pass, other_steps_);
    std::vector<double> const losses = losses_of(other_steps_, count);
    if (data.id == 0) test_data_.reset();
    MeanLoss mean;
    for (std::int64_t k = 0; k < count; ++k) mean.add(losses[static_cast<std::size_t>(k)], entries[static_cast<std::size_t>(k)].counted);
    return mean.value();
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
    if (job.data.by_class()) {
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
    prepare(other_steps_,
            {{.counted = made.counted(0, job.rows),
              .rows = static_cast<std::int32_t>(job.rows),
              .random_step = static_cast<std::uint32_t>(job.random_step)}},
            1);
    Pass const pass{.objective = &job.objective,
                    .data = &on_device,
                    .step = other_steps_.view(),
                    .batch = job.rows,
                    .training = job.training,
                    .gradients = true,
                    .input_gradient = job.inputs != nullptr,
                    .rule = update_view({})};
    set_terms(pass, other_steps_);
    enqueue(pass, other_steps_);
    double const loss = losses_of(other_steps_, 1).front();
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
        prepare(other_steps_, {{.rows = static_cast<std::int32_t>(n)}}, 1);
        pass.step = other_steps_.view();
        forward_layers(pass, first, last, false);
        ca3::cuda::copy_to_host(context_.state(), out_rows.data(), to.data, static_cast<std::size_t>(n * to.ld) * sizeof(float));
        for (std::int64_t r = 0; r < n; ++r) std::copy_n(out_rows.data() + r * to.ld, width, out + (done + r) * width);
    }
}

}  // namespace ca3::autoencoder::cuda
