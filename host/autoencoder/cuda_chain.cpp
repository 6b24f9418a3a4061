#include "autoencoder/cuda_models.hpp"

#include "autoencoder/cuda_memory.hpp"
#include "core/cuda.hpp"

#include <algorithm>

/// Steps of training in bf16 for which chain.hpp has kernels: all layers with an elementwise activation and nothing else, one of the losses
/// that compare value by value, and an update without clipping.
namespace ca3::autoencoder::cuda {
bool DeviceModels::takes_chain(Pass const& pass) const {
    if (!tuning_.chain || precision_ != Precision::bf16 || context_.state().device.compute_major < 9) return false;
    if (layers() > most_chain_layers || !loss_at_once(pass) || !updates_at_once(pass)) return false;
    for (int l = 0; l < layers(); ++l)
        if (!is_simple(pass, l) || planned(l).batch_norm()) return false;
    return std::max(chain_bytes(widest()), chain_update_bytes()) <= most_cluster_bytes(context_) && has_clusters(context_);
}

/// Units of the widest layer, inputs included.
std::int64_t DeviceModels::widest() const {
    std::int64_t width = plan_.inputs;
    for (auto const& p : plan_.layers) width = std::max(width, p.out);
    return width;
}

/// Memory for the batches that the rest of the working memory has room for.
void DeviceModels::want_chain() {
    if (chain_.batch == batch_) return;
    ChainSpace space;
    space.batch = batch_;
    auto const take = [&space](std::int64_t halves) {
        std::int64_t const at = space.stride;
        space.stride += padded_row<std::uint16_t>(halves);
        return at;
    };
    space.input_ld = padded_row<std::uint16_t>(plan_.inputs);
    space.input = take(batch_ * space.input_ld);
    for (int l = 0; l < layers(); ++l) {
        PlannedLayer const& p = planned(l);
        ChainPlaces places{.part = space.part, .weight_ld = padded_row<std::uint16_t>(p.in), .active_ld = padded_row<std::uint16_t>(p.out)};
        places.weight = take(p.out * places.weight_ld);
        if (l + 1 < layers()) places.active = take(batch_ * places.active_ld);
        places.gradient = take(batch_ * places.active_ld);
        space.part += p.out;
        space.layers.push_back(places);
    }
    space.part_count = chain_clusters(batch_) * (chain_rows / 16);
    chain_ = {};
    space.halves = Buffer<std::uint16_t>(context_, space.stride * models_);
    space.parts = Buffer<float>(context_, space.part * space.part_count * models_);
    space.ended = Buffer<unsigned>(context_, models_);
    ca3::cuda::fill(context_.state(), space.ended.data(), 0, static_cast<std::size_t>(models_) * sizeof(unsigned));
    chain_ = std::move(space);
}

std::optional<ChainJob> DeviceModels::chain_job(Pass const& pass) {
    if (!takes_chain(pass)) return std::nullopt;
    want_chain();
    auto const halves = [this](std::int64_t at, std::int64_t ld) {
        return Matrix<std::uint16_t>(chain_.halves.data() + at, chain_.stride, ld);
    };
    Matrix<float> const own_target = target(pass);
    ChainJob job{.step = pass.step,
                 .blocks = chain_blocks(context_, pass.batch, widest()),
                 .count = layers(),
                 .input = halves(chain_.input, chain_.input_ld),
                 .target = own_target ? own_target : matrix(input_, input_ld_),
                 .weights = {chain_.halves.data(), chain_.stride},
                 .update = pass.rule,
                 .loss = pass.objective->loss,
                 .partial = partial(0),
                 .parts = {chain_.parts.data(), chain_.part * chain_.part_count},
                 .part = chain_.part,
                 .ended = chain_.ended.data(),
                 .settled = pass.step.overlap && pass.data->corrupts()};
    if (!pass.data->corrupts()) {
        job.inputs = pass.data->inputs();
        if (pass.data->has_targets()) job.targets = pass.data->targets();
        job.order = pass.data->order();
    }
    for (int l = 0; l < layers(); ++l) {
        PlannedLayer const& p = planned(l);
        ChainPlaces const& own = chain_.layers[static_cast<std::size_t>(l)];
        ChainLayer& layer = job.layers[l];
        layer = {.in = static_cast<std::int32_t>(p.in),
                 .out = static_cast<std::int32_t>(p.out),
                 .rounded = own.weight,
                 .rounded_ld = own.weight_ld,
                 .weight = places(l).weight,
                 .weight_ld = places(l).weight_ld,
                 .bias = places(l).bias,
                 .part = own.part,
                 .first_tile = job.tiles,
                 .activation = activation_view(l),
                 .gradient = halves(own.gradient, own.active_ld)};
        job.tiles += chain_tiles(p.out, p.in);
        if (l + 1 == layers()) continue;
        layer.active = halves(own.active, own.active_ld);
        Activation::Kind const kind = p.activation.kind;
        if (differentiates_before(kind))
            layer.kept = matrix(space(l).before, space(l).linear_ld);
        else if (kind != Activation::Kind::identity)
            layer.kept = matrix(space(l).active, space(l).out_ld);
    }
    return job;
}

/// Before the first step of a job: from then on each update rounds what it writes.
void DeviceModels::round_weights(Pass const& pass) {
    for (int l = 0; l < layers(); ++l) {
        ChainLayer const& layer = pass.chain->layers[l];
        launch_round(context_, context_.stream(), pass.models,
                     {.rows = layer.out,
                      .columns = layer.in,
                      .from = weight(l),
                      .to = Matrix<std::uint16_t>(chain_.halves.data() + layer.rounded, chain_.stride, layer.rounded_ld)});
    }
}

void DeviceModels::enqueue_chain(Pass const& pass) {
    ChainJob const& job = *pass.chain;
    if (job.inputs.width == 0)
        pass.data->make_batch(pass.models, pass.batch, pass.step, matrix(input_, input_ld_), matrix(scratch_, input_ld_), target(pass),
                              job.input);
    launch_chain(context_, context_.stream(), pass.models, pass.batch, job);
    launch_chain_update(context_, context_.stream(), pass.models, job);
}

}  // namespace ca3::autoencoder::cuda
