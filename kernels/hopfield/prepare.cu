#include "kernels/common/device.cuh"
#include "kernels/hopfield/fragments.cuh"
#include "kernels/hopfield/prepared.cuh"

#include <algorithm>
#include <limits>

namespace ca3::hopfield::cuda {

namespace {

template <class T>
Buffer<T> upload(Context const& context, std::vector<T> const& values) {
    if (values.empty()) return {};
    Buffer<T> buffer(context, static_cast<std::int64_t>(values.size()));
    buffer.copy_from_host(values.data());
    return buffer;
}

/// Patterns as bits, in both layouts.
void upload_patterns(Context const& context, Model const& model, PreparedOnDevice& out) {
    std::int64_t const d = model.neurons, P = model.patterns;
    out.model.neuron_words = (d + 31) / 32;
    if (d == 0 || P == 0) return;
    out.rows = Buffer<std::uint32_t>(context, P * out.model.neuron_words);
    out.columns = Buffer<std::uint32_t>(context, (P + 31) / 32 * d);
    Buffer<std::int8_t> const pattern = upload(context, model.pattern);
    MatrixView<std::int8_t const> const view(pattern.data(), P, d);
    pack_rows(context, view, Bit::positive, out.rows.data());
    pack_columns(context, view, out.columns.data());
    out.model.rows = out.rows.data();
    out.model.columns = out.columns.data();
}

void upload_weights(Context const& context, Model const& model, PreparedOnDevice& out) {
    std::int64_t const d = model.neurons;
    out.model.weight_type = static_cast<WeightType>(model.weights.index());
    std::visit(
        [&](auto const& weights) {
            if (weights.empty()) return;
            std::int64_t const bytes = static_cast<std::int64_t>(weights.size() * sizeof(weights[0]));
            out.weights = Buffer<unsigned char>(context, bytes);
            out.weights.copy_from_host(reinterpret_cast<unsigned char const*>(weights.data()));
            out.model.weights = out.model.weights_transposed = out.weights.data();
            if (model.symmetric) return;
            out.weights_transposed = Buffer<unsigned char>(context, bytes);
            transpose(context, d, sizeof(weights[0]), out.weights.data(), out.weights_transposed.data());
            out.model.weights_transposed = out.weights_transposed.data();
        },
        model.weights);
}

/// What relax_tile needs, where its 32-bit sums hold four times a field with room to spare for thresholds.
void make_fragments(Context const& context, Model const& model, PreparedOnDevice& out) {
    constexpr std::int64_t largest_field = std::int64_t{1} << 27, beyond_every_field = std::int64_t{1} << 29;
    DeviceModel& view = out.model;
    bool const factored = model.kind == Kind::hebbian;
    bool const dense = model.kind == Kind::dense && view.weight_type <= WeightType::s16;
    auto const fits = [](std::int64_t value) { return std::abs(value) < largest_field; };
    if (!(factored || dense) || model.neurons == 0 || !fits(model.field_limit) || !std::ranges::all_of(model.diagonal, fits)) return;

    std::vector<int2> limits(static_cast<std::size_t>((model.neurons + 63) / 64 * 64), make_int2(0, 0));
    for (std::size_t i = 0; i < static_cast<std::size_t>(model.neurons); ++i) {
        if (!model.tau.empty()) limits[i].x = static_cast<int>(std::clamp(model.tau[i], -beyond_every_field, beyond_every_field));
        if (!model.diagonal.empty()) limits[i].y = static_cast<int>(model.diagonal[i]);
    }
    view.limits = (out.limits = upload(context, limits)).data();
    auto const device = device_limits(context.device());
    bool const has_warpgroups = device.compute_major == 9 && device.compute_minor == 0;
    if (dense) {
        out.weight_fragments = make_weight_fragments(context, view.weight_type, view.weights, view.neurons);
        view.weight_fragments = out.weight_fragments.data();
        bool const signed_bytes = view.weight_type == WeightType::s8 || (view.weight_type == WeightType::u8 && view.patterns <= 127);
        if (has_warpgroups && signed_bytes) {
            out.weight_blocks = make_weight_blocks(context, view.weight_type, view.weights, view.neurons, view.patterns);
            view.weight_blocks = out.weight_blocks.data();
        }
    } else {
        out.overlap_fragments = make_overlap_fragments(context, view.rows, view.patterns, view.neurons);
        out.field_fragments = make_field_fragments(context, view.columns, view.patterns, view.neurons);
        out.pattern_ones = count_ones(context, view.rows, view.patterns, view.neurons);
        if (has_warpgroups && view.patterns > 0) {
            out.overlap_blocks = make_overlap_blocks(context, view.rows, view.patterns, view.neurons);
            out.field_blocks = make_field_blocks(context, view.columns, view.patterns, view.neurons);
            view.overlap_blocks = out.overlap_blocks.data();
            view.field_blocks = out.field_blocks.data();
        }
        view.overlap_fragments = out.overlap_fragments.data();
        view.field_fragments = out.field_fragments.data();
        view.pattern_ones = out.pattern_ones.data();
    }
}

}  // namespace

std::unique_ptr<Prepared> prepare(Context const& context, Model const& model) {
    if (model.neurons > std::numeric_limits<std::int32_t>::max()) {
        throw Overflow("hopfield: at most 2^31 - 1 neurons, are " + std::to_string(model.neurons));
    }
    auto out = std::make_unique<PreparedOnDevice>();
    DeviceModel& view = out->model;
    view.kind = model.kind;
    view.neurons = model.neurons;
    view.patterns = model.patterns;
    view.p = model.p;
    view.q = model.q;
    view.unit = model.unit;
    view.field_limit = model.field_limit;
    upload_patterns(context, model, *out);
    if (model.kind == Kind::dense) upload_weights(context, model, *out);

    view.kernel = (out->kernel = upload(context, model.kernel)).data();
    view.table = (out->table = upload(context, model.table)).data();
    view.table_size = out->table.size();
    view.diagonal = (out->diagonal = upload(context, model.diagonal)).data();
    view.tau = (out->tau = upload(context, model.tau)).data();
    view.bias = (out->bias = upload(context, model.bias)).data();
    make_fragments(context, model, *out);
    return out;
}

}  // namespace ca3::hopfield::cuda
