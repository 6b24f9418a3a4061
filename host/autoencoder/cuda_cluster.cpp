#include "autoencoder/cuda_models.hpp"

#include "core/state.hpp"

#include <algorithm>

/// Which trainings go as one launch, a cluster of blocks for each model, and how a net lies in its blocks.
namespace ca3::autoencoder::cuda {
namespace {

std::int32_t rounded(std::int32_t x, std::int32_t to) {
    return (x + to - 1) / to * to;
}

/// Gives places in shared memory, one after the other.
class Places {
public:
    std::int32_t take(std::int32_t floats) {
        std::int32_t const at = end_;
        end_ += rounded(floats, 4);
        return at;
    }
    ClusterLayout::Matrix take(ClusterJob const& job, std::int32_t floats) {
        ClusterLayout::Matrix m{.weight = take(floats)};
        if (job.has_first) m.first = take(floats);
        if (job.has_second) m.second = take(floats);
        return m;
    }
    [[nodiscard]] std::int32_t end() const { return end_; }

private:
    std::int32_t end_ = 0;
};

/// Slices of at most this many columns are a block's fair share of work: fewer blocks are not worth their longer steps.
constexpr std::int32_t fair_slice = 128;
/// More than a layout may need in any block, so that its places fit 32 bits.
constexpr std::int64_t most_rows = 1024, most_hidden = 256, most_width = std::int64_t{1} << 13;

}  // namespace

ClusterLayout cluster_layout(ClusterJob const& job, Precision precision, std::int64_t batch, int blocks, bool ahead) {
    std::int32_t const piece = precision == Precision::bf16 ? 16 : 8;  // of the depth of a product
    auto const ld_of = [piece](std::int32_t columns) {
        std::int32_t const ld = rounded(columns, piece);
        return ld % 16 == 0 ? ld + 8 : ld;
    };
    auto const slice_of = [blocks](std::int32_t width) { return rounded((width + blocks - 1) / blocks, 4); };
    ClusterLayout x{.blocks = blocks, .in_slice = slice_of(job.in), .out_slice = slice_of(job.out)};
    x.rows = rounded(static_cast<std::int32_t>(batch), piece);
    x.ld_in = ld_of(x.in_slice);
    x.ld_hidden = ld_of(job.hidden);
    x.ld_out = ld_of(x.out_slice);
    Places places;
    x.weight1 = places.take(job, job.hidden * x.ld_in);
    x.bias1 = places.take(job, job.hidden);
    x.weight2 = places.take(job, rounded(x.out_slice, piece) * x.ld_hidden);
    x.bias2 = places.take(job, x.out_slice);
    x.input[0] = places.take(x.rows * x.ld_in);
    x.input[1] = ahead ? places.take(x.rows * x.ld_in) : x.input[0];
    if (job.targets.bytes != nullptr || job.targets.values != nullptr) {
        x.target[0] = places.take(x.rows * x.ld_out);
        x.target[1] = ahead ? places.take(x.rows * x.ld_out) : x.target[0];
    }
    x.part = places.take(x.rows * x.ld_hidden);
    x.active = places.take(x.rows * x.ld_hidden);
    x.hidden_gradient = places.take(x.rows * x.ld_hidden);
    if (differentiates_before(job.activation1.kind)) x.before = places.take(x.rows * x.ld_hidden);
    x.output = places.take(x.rows * x.ld_out);
    x.sums = places.take(2 * (1 + cluster_threads / 32));
    x.floats = places.end();
    return x;
}

/// The number of blocks follows from the net, the batch and the device, not from how many models there are.
std::optional<ClusterJob> DeviceModels::cluster_job(Pass const& pass, Steps const& steps, std::int64_t count) const {
    DeviceInfo const& device = context_.state().device;
    if (!tuning_.cluster || device.compute_major < 9 || !has_clusters(context_)) return std::nullopt;
    if (layers() != 2 || !loss_at_once(pass) || !updates_at_once(pass) || !is_simple(pass, 0) || planned(0).batch_norm())
        return std::nullopt;
    if (is_by_row(pass.objective->loss) || pass.data->by_class() || pass.data->corrupts()) return std::nullopt;
    std::int64_t const in = plan_.inputs, hidden = planned(0).out, out = plan_.outputs();
    if (pass.batch > most_rows || hidden > most_hidden || std::max(in, out) > most_width) return std::nullopt;
    ClusterJob job{.step = pass.step,
                   .count = count,
                   .losses = {steps.losses.data(), steps.capacity},
                   .in = static_cast<std::int32_t>(in),
                   .hidden = static_cast<std::int32_t>(hidden),
                   .out = static_cast<std::int32_t>(out),
                   .weight1 = places(0).weight,
                   .bias1 = places(0).bias,
                   .weight2 = places(1).weight,
                   .bias2 = places(1).bias,
                   .weight1_ld = places(0).weight_ld,
                   .weight2_ld = places(1).weight_ld,
                   .activation1 = activation_view(0),
                   .activation2 = activation_view(1),
                   .loss = pass.objective->loss,
                   .update = pass.rule,
                   .has_first = pass.rule.kind == UpdateRule::Kind::adam || pass.rule.momentum,
                   .has_second = pass.rule.kind == UpdateRule::Kind::adam,
                   .inputs = pass.data->inputs(),
                   .order = pass.data->order()};
    if (pass.data->has_targets()) job.targets = pass.data->targets();
    std::size_t const limit = most_cluster_bytes(context_);
    for (int blocks = 1; blocks <= most_cluster_blocks; blocks *= 2)
        for (bool const ahead : {true, false}) {
            job.layout = cluster_layout(job, precision_, pass.batch, blocks, ahead);
            bool const fair = blocks == most_cluster_blocks || std::max(job.layout.in_slice, job.layout.out_slice) <= fair_slice;
            if (fair && job.layout.bytes() <= limit) return job;
        }
    return std::nullopt;
}

}  // namespace ca3::autoencoder::cuda
