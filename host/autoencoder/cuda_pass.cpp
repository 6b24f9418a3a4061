#include "autoencoder/cuda_models.hpp"

#include <algorithm>

/// The launches of a step (cuda_products.cpp has those of layers that are the library's): one for the batch, one for each layer forwards,
/// one for each layer backwards, one for the end; and what a layer has beyond a linear map and an elementwise activation, launch by launch.
namespace ca3::autoencoder::cuda {
namespace {

using Kind = Activation::Kind;

bool activates_at_once(PlannedLayer const& p) {
    return is_elementwise(p.activation.kind) && !p.batch_norm() && !p.unit_sphere;
}
bool is_penalised(Objective const& objective, int l) {
    return std::any_of(objective.penalties.begin(), objective.penalties.end(), [l](ActivityPenalty const& p) { return p.layer == l; });
}

}  // namespace

// ---- views -------------------------------------------------------------------------------------------------------------------------

Matrix<float> DeviceModels::output(Pass const& pass, int l) const {
    if (l < 0) return matrix(input_, input_ld_);
    bool const drops = pass.training && planned(l).dropout > 0.0;
    return matrix(drops ? space(l).dropped : space(l).active, space(l).out_ld);
}

Matrix<float const> DeviceModels::weight(int l) const {
    if (planned(l).tied_to >= 0) return matrix(space(l).weight, space(l).in_ld);
    return Matrix<float const>(parameters_.data() + places(l).weight, stride_, places(l).weight_ld);
}

ActivationView DeviceModels::activation_view(int l) const {
    PlannedLayer const& p = planned(l);
    Span<float> const slopes = parameter(places(l).slope);
    return {.kind = p.activation.kind,
            .slope = static_cast<float>(p.activation.slope),
            .slopes = {slopes.data, slopes.stride},
            .per_unit = p.slope.size > 1};
}

Matrix<float> DeviceModels::target(Pass const& pass) const {
    bool const own = !pass.data->by_class() && (pass.data->has_targets() || pass.data->corrupts());
    return own ? matrix(target_, target_ld_) : Matrix<float>();
}

LossView DeviceModels::loss_view(Pass const& pass) const {
    int const last = layers() - 1;
    Matrix<float> const own = target(pass);
    return {.kind = pass.objective->loss,
            .target = own ? own : matrix(input_, input_ld_),
            .gradient = pass.gradients ? matrix(space(last).linear_gradient, space(last).linear_ld) : Matrix<float>(),
            .partial = partial(0)};
}

LayerJob DeviceModels::layer_job(Pass const& pass, int l) const {
    PlannedLayer const& p = planned(l);
    LayerSpace const& s = space(l);
    LayerJob job{.step = pass.step,
                 .linear = static_cast<std::int32_t>(p.linear),
                 .out = static_cast<std::int32_t>(p.out),
                 .layer = static_cast<std::uint32_t>(l),
                 .training = pass.training,
                 .activation = activation_view(l),
                 .seeds = pass.data != nullptr ? pass.data->seeds() : nullptr,
                 .dropout = p.dropout,
                 .before = matrix(s.before, s.linear_ld),
                 .activated = matrix(s.activated, s.out_ld),
                 .active = matrix(s.active, s.out_ld),
                 .dropped = pass.training ? matrix(s.dropped, s.out_ld) : Matrix<float>(),
                 .noise = matrix(s.noise, s.out_ld),
                 .gradient = matrix(s.gradient, s.out_ld),
                 .linear_gradient = matrix(s.linear_gradient, s.linear_ld),
                 .slope_part = matrix(s.slope_part, s.out_ld),
                 .kl_scale = pass.objective->kl_scale,
                 .kl_sum = pass.objective->kl_reduction == Reduction::sum,
                 .penalised = is_penalised(*pass.objective, l)};
    for (auto const& penalty : pass.objective->penalties)
        if (penalty.layer == l) (penalty.reduction == Reduction::sum ? job.penalty_sum : job.penalty_mean) += penalty.scale;
    return job;
}

/// The layer's activation alone, without what follows it.
LayerJob DeviceModels::activation_job(Pass const& pass, int l) const {
    LayerJob job = layer_job(pass, l);
    if (!planned(l).unit_sphere) return job;
    job.active = job.activated;
    job.dropped = {};
    job.penalised = false;
    return job;
}

NormJob DeviceModels::norm_job(Pass const& pass, int l) const {
    PlannedLayer const& p = planned(l);
    LayerSpace const& s = space(l);
    Span<float> const gamma = parameter(places(l).gamma), beta = parameter(places(l).beta);
    auto const buffer = [&](Place const& place) { return Span<float>{buffers_.data() + place.offset, plan_.buffers}; };
    return {.step = pass.step,
            .units = static_cast<std::int32_t>(p.linear),
            .training = pass.training,
            .linear = matrix(s.normalised, s.linear_ld),
            .before = matrix(s.before, s.linear_ld),
            .gradient = matrix(s.linear_gradient, s.linear_ld),
            .gamma = {gamma.data, gamma.stride},
            .beta = {beta.data, beta.stride},
            .gamma_gradient = gradient(places(l).gamma),
            .beta_gradient = gradient(places(l).beta),
            .running_mean = buffer(p.mean),
            .running_variance = buffer(p.variance),
            .mean = span(s.mean),
            .variance = span(s.variance),
            .scale = span(s.scale)};
}

/// The layer's output comes right out of its product, and so does the gradient of what its activation is applied to.
bool DeviceModels::is_simple(Pass const& pass, int l) const {
    if (by_library(pass, l) || (l + 1 < layers() && by_library(pass, l + 1))) return false;
    PlannedLayer const& p = planned(l);
    bool const drops = pass.training && p.dropout > 0.0;
    return is_elementwise(p.activation.kind) && !p.unit_sphere && !p.slope.exists() && !drops && !is_penalised(*pass.objective, l);
}

bool DeviceModels::loss_at_once(Pass const& pass) const {
    int const last = layers() - 1;
    Loss const loss = pass.objective->loss;
    return !is_by_row(loss) && activates_at_once(planned(last)) && is_simple(pass, last);
}

// ---- a step ------------------------------------------------------------------------------------------------------------------------

void DeviceModels::set_terms(Pass const& pass, Steps& steps) const {
    Objective const& objective = *pass.objective;
    std::vector<LossTerm> terms;
    bool const by_row = is_by_row(objective.loss);
    terms.push_back({.offset = 0,
                     .count = pass.chain != nullptr ? chain_clusters(pass.batch) * pass.chain->blocks
                              : loss_at_once(pass)  ? loss_tiles(context_, pass.batch, plan_.outputs())
                                                    : sum_blocks,
                     .share = pass.data->by_class() ? LossTerm::Share::counted
                              : by_row              ? LossTerm::Share::rows
                                                    : LossTerm::Share::elements,
                     .width = plan_.outputs()});
    for (auto const& penalty : objective.penalties)
        terms.push_back({.offset = loss_partials_ + sum_blocks * penalty.layer,
                         .count = sum_blocks,
                         .scale = penalty.scale,
                         .share = penalty.reduction == Reduction::sum ? LossTerm::Share::one : LossTerm::Share::elements,
                         .width = planned(penalty.layer).out});
    for (int l = 0; l < layers(); ++l)
        if (planned(l).activation.kind == Kind::gaussian)
            terms.push_back({.offset = loss_partials_ + sum_blocks * (layers() + l),
                             .count = sum_blocks,
                             .scale = objective.kl_scale,
                             .share = objective.kl_reduction == Reduction::sum ? LossTerm::Share::one : LossTerm::Share::rows});
    if (terms == steps.terms_there) return;
    steps.terms_there.clear();  // in case of a throw
    auto const count = static_cast<std::int64_t>(terms.size());
    if (steps.terms.size() != count) steps.terms = Buffer<LossTerm>(context_, count);
    steps.terms.copy_from_host(terms.data());
    steps.terms_there = std::move(terms);
}

void DeviceModels::enqueue(Pass const& pass, Steps const& steps) {
    if (pass.chain != nullptr) return enqueue_chain(pass);
    pass.data->make_batch(pass.models, pass.batch, pass.step, matrix(input_, input_ld_), matrix(scratch_, input_ld_), target(pass));
    bool const at_once = loss_at_once(pass);
    forward_layers(pass, 0, layers() - 1, at_once);
    if (!at_once) losses(pass);
    for (int l = 0; l < layers(); ++l) {
        if (is_penalised(*pass.objective, l))
            launch_absolute_sum(context_, context_.stream(), pass.models, layer_job(pass, l), partial(loss_partials_ + sum_blocks * l));
        if (planned(l).activation.kind == Kind::gaussian)
            launch_divergence(context_, context_.stream(), pass.models, layer_job(pass, l),
                              partial(loss_partials_ + sum_blocks * (layers() + l)));
    }
    if (pass.gradients) backward(pass);
    if (pass.update) update(pass);
    launch_finish(context_, context_.stream(), pass.models, finish_job(pass, steps));
}

FinishJob DeviceModels::finish_job(Pass const& pass, Steps const& steps) const {
    return {.step = pass.step,
            .terms = steps.terms.data(),
            .count = static_cast<int>(steps.terms.size()),
            .partial = {partials_.data(), partial_stride_},
            .losses = {steps.losses.data(), steps.capacity}};
}

void DeviceModels::forward_layers(Pass const& pass, int first, int last, bool at_once) {
    for (int l = first; l <= last; ++l) forward_layer(pass, l, at_once && l == layers() - 1);
}

void DeviceModels::forward_layer(Pass const& pass, int l, bool with_loss) {
    PlannedLayer const& p = planned(l);
    LayerSpace const& s = space(l);
    if (p.tied_to >= 0) {
        auto const& other = places(p.tied_to);
        launch_transpose(context_, context_.stream(), pass.models,
                         {.rows = static_cast<std::int32_t>(p.in),
                          .columns = static_cast<std::int32_t>(p.linear),
                          .from = Matrix<float const>(parameters_.data() + other.weight, stride_, other.weight_ld),
                          .to = matrix(s.weight, s.in_ld)});
    }
    Span<float> const bias = parameter(places(l).bias);
    ForwardJob job{.step = pass.step,
                   .in = static_cast<std::int32_t>(p.in),
                   .out = static_cast<std::int32_t>(p.linear),
                   .input = output(pass, l - 1),
                   .weight = weight(l),
                   .bias = {bias.data, bias.stride},
                   .activation = activation_view(l),
                   .deep = tuning_.deep,
                   .settled = pass.step.overlap && p.tied_to < 0};  // of a tied layer the launch ahead has made it
    bool const at_once = activates_at_once(p);
    bool const keeps_before = pass.gradients && (differentiates_before(p.activation.kind) || !is_simple(pass, l));
    if (!at_once || keeps_before) job.before = p.batch_norm() ? matrix(s.normalised, s.linear_ld) : matrix(s.before, s.linear_ld);
    if (at_once) job.active = matrix(s.active, s.out_ld);
    if (with_loss) job.loss = loss_view(pass);
    if (by_library(pass, l))
        library_forward(pass, job);
    else
        launch_forward(context_, context_.stream(), precision_, pass.models, pass.batch, job);
    if (p.batch_norm()) launch_normalise(context_, context_.stream(), pass.models, norm_job(pass, l));
    if (!at_once) launch_activate(context_, context_.stream(), pass.models, pass.batch, activation_job(pass, l));
    if (p.unit_sphere) launch_project(context_, context_.stream(), pass.models, pass.batch, layer_job(pass, l));
    if (pass.training && p.dropout > 0.0) launch_drop(context_, context_.stream(), pass.models, pass.batch, layer_job(pass, l));
}

void DeviceModels::losses(Pass const& pass) {
    int const last = layers() - 1;
    Matrix<float> const own = target(pass);
    launch_loss(context_, context_.stream(), pass.models,
                {.step = pass.step,
                 .kind = pass.objective->loss,
                 .out = static_cast<std::int32_t>(plan_.outputs()),
                 .output = output(pass, last),
                 .target = own ? own : matrix(input_, input_ld_),
                 .classes = pass.data->classes(),
                 .order = pass.data->order(),
                 .gradient = pass.gradients ? matrix(space(last).gradient, space(last).out_ld) : Matrix<float>(),
                 .partial = partial(0)});
}

WeightGradientJob DeviceModels::weight_job(Pass const& pass, int l) const {
    PlannedLayer const& p = planned(l);
    LayerSpace const& s = space(l);
    WeightGradientJob job{.linear = static_cast<std::int32_t>(p.linear),
                          .in = static_cast<std::int32_t>(p.in),
                          .linear_gradient = matrix(s.linear_gradient, s.linear_ld),
                          .input = output(pass, l - 1),
                          .weight = places(l).weight,
                          .bias = places(l).bias,
                          .ld = places(l).weight_ld,
                          .update = updates_at_once(pass)};
    if (p.tied_to >= 0) job.elsewhere = matrix(s.weight_gradient, s.in_ld);
    return job;
}

/// From the gradient of the layer's output to that of its linear map.
void DeviceModels::layer_gradient(Pass const& pass, int l, bool activation_done) {
    if (planned(l).unit_sphere) launch_project_gradient(context_, context_.stream(), pass.models, pass.batch, layer_job(pass, l));
    if (!activation_done) launch_activation_gradient(context_, context_.stream(), pass.models, pass.batch, activation_job(pass, l));
    if (planned(l).batch_norm()) launch_normalise_gradient(context_, context_.stream(), pass.models, norm_job(pass, l));
    vector_gradients(pass, l);
}

void DeviceModels::vector_gradients(Pass const& pass, int l) {
    PlannedLayer const& p = planned(l);
    if (!p.slope.exists()) return;
    launch_column_sums(context_, context_.stream(), pass.models,
                       {.step = pass.step,
                        .columns = static_cast<std::int32_t>(p.out),
                        .values = matrix(space(l).slope_part, space(l).out_ld),
                        .sums = gradient(places(l).slope),
                        .total = p.slope.size == 1});
}

/// A weight may change as soon as its own layer has handed its gradient down. So a layer's weight gradient, with the update, shares the
/// launch of the input gradient of the layer below.
void DeviceModels::backward(Pass const& pass) {
    bool activation_done = loss_at_once(pass);
    int waiting = -1;
    for (int l = layers() - 1; l >= 0; --l) {
        layer_gradient(pass, l, activation_done);
        BackwardJob job{.step = pass.step,
                        .update = pass.rule,
                        .input = {},
                        .weight = {},
                        .deep = tuning_.deep,
                        .settled = pass.step.overlap};  // the launch ahead may change the weight of the layer above, or none
        if (waiting >= 0) job.weight[0] = weight_job(pass, waiting);
        waiting = l;
        if (l > 0 || pass.input_gradient) {
            job.input = {.linear = static_cast<std::int32_t>(planned(l).linear),
                         .in = static_cast<std::int32_t>(planned(l).in),
                         .linear_gradient = matrix(space(l).linear_gradient, space(l).linear_ld),
                         .weight = weight(l),
                         .out = matrix(input_gradient_, input_ld_)};
        }
        if (l > 0) {
            LayerSpace const& below = space(l - 1);
            activation_done = is_simple(pass, l - 1);
            job.input.out = activation_done ? matrix(below.linear_gradient, below.linear_ld) : matrix(below.gradient, below.out_ld);
            if (activation_done) {
                Kind const kind = planned(l - 1).activation.kind;
                job.input.activation = activation_view(l - 1);
                if (differentiates_before(kind))
                    job.input.before = matrix(below.before, below.linear_ld);
                else if (kind != Kind::identity)
                    job.input.active = matrix(below.active, below.out_ld);
            }
        } else {
            job.weight[1] = weight_job(pass, 0);
        }
        if (by_library(pass, l)) {
            library_backward(pass, l, job.input);
            job.input = {};
            job.weight[1] = {};
            waiting = -1;
        }
        launch_backward(context_, context_.stream(), precision_, pass.models, pass.batch, job);
    }
    for (int l = 0; l < layers(); ++l) {
        PlannedLayer const& p = planned(l);
        if (p.tied_to < 0) continue;
        auto const& other = places(p.tied_to);
        launch_transpose(context_, context_.stream(), pass.models,
                         {.rows = static_cast<std::int32_t>(p.linear),
                          .columns = static_cast<std::int32_t>(p.in),
                          .from = matrix(space(l).weight_gradient, space(l).in_ld),
                          .to = Matrix<float>(gradients_.data() + other.weight, stride_, other.weight_ld),
                          .add = true});
    }
}

void DeviceModels::update(Pass const& pass) {
    if (pass.clip_norm > 0.0)
        launch_clip(context_, context_.stream(), pass.models, pass.rule, all_ranges_.data(), all_count_, pass.clip_norm,
                    partial(loss_partials_ + sum_blocks * 2 * layers()), clip_scale_.data());
    if (!updates_at_once(pass))
        launch_update(context_, context_.stream(), pass.models, pass.step, pass.rule, all_ranges_.data(), all_count_, largest_);
    else if (vector_count_ > 0)
        launch_update(context_, context_.stream(), pass.models, pass.step, pass.rule, vector_ranges_.data(), vector_count_,
                      largest_vector_);
    for (int l = 0; l < layers(); ++l)
        if (planned(l).batch_norm()) launch_statistics(context_, context_.stream(), pass.models, norm_job(pass, l));
}

}  // namespace ca3::autoencoder::cuda
