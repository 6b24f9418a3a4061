#include "autoencoder/plan.hpp"

#include <ca3/error.hpp>

#include "core/check.hpp"

#include <cmath>
#include <string>

namespace ca3::autoencoder {
namespace {

constexpr char const* function = "autoencoder::Architecture";
constexpr std::int64_t most_units = std::int64_t{1} << 31;
constexpr std::int64_t most_weights = std::int64_t{1} << 40;

std::string layer_name(std::size_t l) {
    return "layer " + std::to_string(l);
}

void check_layer(std::size_t l, Layer const& layer) {
    require(layer.units >= 1 && layer.units <= most_units, function,
            [&] { return layer_name(l) + ": units must be in [1, 2^31], are " + std::to_string(layer.units); });
    auto const kind = layer.activation.kind;
    require(kind >= Activation::Kind::identity && kind <= Activation::Kind::gaussian, function,
            [&] { return layer_name(l) + ": activation is none that there is"; });
    require(std::isfinite(layer.activation.slope), function, [&] { return layer_name(l) + ": the activation's slope must be finite"; });
    double const dropout = layer.options.dropout;
    require(dropout >= 0.0 && dropout < 1.0, function,
            [&] { return layer_name(l) + ": dropout must be in [0, 1), is " + number_text(dropout); });
    Initialiser const& initialiser = layer.options.initialiser;
    require(initialiser.kind >= Initialiser::Kind::pytorch && initialiser.kind <= Initialiser::Kind::normal, function,
            [&] { return layer_name(l) + ": initialiser is none that there is"; });
    require(std::isfinite(initialiser.gain) && initialiser.gain >= 0.0, function,
            [&] { return layer_name(l) + ": the initialiser's gain must be finite and not negative"; });
    require(std::isfinite(initialiser.scale) && initialiser.scale >= 0.0, function,
            [&] { return layer_name(l) + ": the initialiser's scale must be finite and not negative"; });
}

void check_tie(std::size_t l, PlannedLayer const& layer, std::vector<PlannedLayer> const& before) {
    require(layer.tied_to >= 0 && layer.tied_to < static_cast<int>(l), function,
            [&] { return layer_name(l) + ": tied_to must name an earlier layer, names layer " + std::to_string(layer.tied_to); });
    auto const& other = before[static_cast<std::size_t>(layer.tied_to)];
    require(other.tied_to < 0, function,
            [&] { return layer_name(l) + ": tied_to names layer " + std::to_string(layer.tied_to) + ", which is tied itself"; });
    require(other.in == layer.linear && other.linear == layer.in, function, [&] {
        return layer_name(l) + ": its weight " + shape(layer.linear, layer.in) + " is not the transpose of layer " +
               std::to_string(layer.tied_to) + "'s " + shape(other.linear, other.in);
    });
}

int narrowest(std::vector<PlannedLayer> const& layers) {
    std::size_t best = 0;
    for (std::size_t l = 1; l < layers.size(); ++l)
        if (layers[l].out < layers[best].out) best = l;
    return static_cast<int>(best) + 1;
}

/// Gives tensors their names and places.
class Layout {
public:
    explicit Layout(Plan& plan) : plan_(plan) {}

    void add(int l, LayerOptions const& options) {
        bool const decoder = l >= plan_.encoder_layers;
        if (l == plan_.encoder_layers) module_ = 0;
        stem_ = decoder ? "decoder." : "encoder.";
        PlannedLayer& layer = plan_.layers[static_cast<std::size_t>(l)];
        layer_ = l;
        if (layer.tied_to >= 0)
            layer.weight = plan_.layers[static_cast<std::size_t>(layer.tied_to)].weight;
        else
            layer.weight = place("weight", {layer.linear, layer.in}, Tensor::Role::weight);
        if (options.bias) layer.bias = place("bias", {layer.linear}, Tensor::Role::bias);
        ++module_;
        if (options.batch_norm) {
            layer.gamma = place("weight", {layer.linear}, Tensor::Role::gamma);
            layer.beta = place("bias", {layer.linear}, Tensor::Role::beta);
            layer.mean = place("running_mean", {layer.linear}, Tensor::Role::running_mean);
            layer.variance = place("running_var", {layer.linear}, Tensor::Role::running_variance);
            place("num_batches_tracked", {}, Tensor::Role::batches);
            ++module_;
        }
        if (layer.activation.kind == Activation::Kind::prelu)
            layer.slope = place("weight", {layer.activation.per_unit ? layer.linear : 1}, Tensor::Role::slope);
        if (layer.activation.kind != Activation::Kind::identity) ++module_;
        if (layer.unit_sphere) ++module_;
        if (layer.dropout > 0.0) ++module_;
    }

private:
    Place place(char const* suffix, std::vector<std::int64_t> sizes, Tensor::Role role) {
        bool const count = role == Tensor::Role::batches;
        bool const buffer = count || role == Tensor::Role::running_mean || role == Tensor::Role::running_variance;
        std::int64_t size = 1;
        for (auto const n : sizes) size *= n;
        std::int64_t& end = count ? plan_.counts : buffer ? plan_.buffers : plan_.parameters;
        Place const at{end, size};
        end += size;
        plan_.tensors.push_back({{stem_ + std::to_string(module_) + "." + suffix, std::move(sizes), role, layer_}, at, buffer});
        return at;
    }

    Plan& plan_;
    std::string stem_;
    int module_ = 0;
    int layer_ = 0;
};

}  // namespace

Plan make_plan(Architecture const& architecture) {
    require(architecture.inputs >= 1 && architecture.inputs <= most_units, function,
            [&] { return "inputs must be in [1, 2^31], are " + std::to_string(architecture.inputs); });
    require(!architecture.layers.empty(), function, [] { return std::string("layers is empty: at least one is needed"); });
    require(architecture.layers.size() <= 4096, function,
            [&] { return "at most 4096 layers, not " + std::to_string(architecture.layers.size()); });
    Plan plan;
    plan.inputs = architecture.inputs;
    std::int64_t width = architecture.inputs, weights = 0;
    for (std::size_t l = 0; l < architecture.layers.size(); ++l) {
        Layer const& given = architecture.layers[l];
        check_layer(l, given);
        PlannedLayer layer;
        layer.in = width;
        layer.out = given.units;
        layer.linear = given.activation.kind == Activation::Kind::gaussian ? 2 * given.units : given.units;
        layer.activation = given.activation;
        layer.unit_sphere = given.options.unit_sphere;
        layer.dropout = given.options.dropout;
        layer.tied_to = given.options.tied_to;
        layer.initialiser = given.options.initialiser;
        if (layer.tied_to != -1) check_tie(l, layer, plan.layers);
        require(layer.linear <= most_weights / layer.in && weights <= most_weights - layer.linear * layer.in, function,
                [&] { return layer_name(l) + ": more than 2^40 weights"; });
        weights += layer.linear * layer.in;
        plan.layers.push_back(layer);
        width = layer.out;
    }
    int const count = static_cast<int>(plan.layers.size());
    require(architecture.encoder_layers == -1 || (architecture.encoder_layers >= 1 && architecture.encoder_layers <= count), function, [&] {
        return "encoder_layers must be -1 or in [1, " + std::to_string(count) + "], is " + std::to_string(architecture.encoder_layers);
    });
    plan.encoder_layers = architecture.encoder_layers == -1 ? narrowest(plan.layers) : architecture.encoder_layers;
    Layout layout(plan);
    for (int l = 0; l < count; ++l) layout.add(l, architecture.layers[static_cast<std::size_t>(l)].options);
    return plan;
}

Architecture::Architecture(std::initializer_list<Layer> input_and_layers) {
    require(input_and_layers.size() > 0, function, [] { return std::string("the list is empty: it begins with the width of the input"); });
    Layer const& input = *input_and_layers.begin();
    require(input == Layer(input.units), function, [] { return std::string("the first entry is the input: it has a width only"); });
    inputs = input.units;
    layers.assign(input_and_layers.begin() + 1, input_and_layers.end());
}

std::vector<Tensor> tensors(Architecture const& architecture) {
    std::vector<Tensor> list;
    for (auto& planned : make_plan(architecture).tensors) list.push_back(std::move(planned.tensor));
    return list;
}

std::int64_t parameter_count(Architecture const& architecture) {
    return make_plan(architecture).parameters;
}

}  // namespace ca3::autoencoder
