#include <ca3/autoencoder/description.hpp>

#include <ca3/error.hpp>

#include "autoencoder/description_entries.hpp"
#include "autoencoder/plan.hpp"

/// Architectures as JSON, both ways.
namespace ca3::autoencoder {
namespace description {
namespace {

using io::Members;
using io::Node;

// ---- reading ---------------------------------------------------------------------------------------------------------

Activation as_activation(Node const& node, Unused unused) {
    using Kind = Activation::Kind;
    std::optional<Members> members;
    Kind const kind = named(node, members, Kind::gaussian);
    Activation activation = kind == Kind::prelu ? prelu : Activation{kind};
    if (!members) return activation;
    if (kind == Kind::leaky_relu) {
        members->take("slope", "negative_slope", activation.slope, as_number);
    } else if (kind == Kind::prelu) {
        members->take("slope", "init", activation.slope, as_number);
    } else if (unused == Unused::kept) {
        members->take("slope", activation.slope, as_number);
    }
    if (kind == Kind::prelu || unused == Unused::kept) members->take("per_unit", activation.per_unit, as_flag);
    members->close();
    return activation;
}

Initialiser as_initialiser(Node const& node, Unused unused) {
    using Kind = Initialiser::Kind;
    std::optional<Members> members;
    Initialiser initialiser{.kind = named(node, members, Kind::normal)};
    if (!members) return initialiser;
    bool const all = unused == Unused::kept, scaled = initialiser.kind == Kind::uniform || initialiser.kind == Kind::normal;
    bool const kaiming = initialiser.kind == Kind::kaiming_uniform || initialiser.kind == Kind::kaiming_normal;
    if (all || (!scaled && initialiser.kind != Kind::pytorch)) members->take("gain", initialiser.gain, as_number);
    if (initialiser.kind == Kind::normal) {
        members->take("scale", "std", initialiser.scale, as_number);
    } else if (all || scaled) {
        members->take("scale", initialiser.scale, as_number);
    }
    if (all || kaiming) {
        members->take("mode", initialiser.fan_out, [](Node const& mode) {
            return mode.choice<bool>({{"fan_in", false}, {"fan_out", true}});
        });
    }
    members->close();
    return initialiser;
}

Layer read_layer(Node const& node, Unused unused) {
    Members members(node);
    Layer layer(members.at("units").whole());
    members.take("activation", layer.activation, [&](Node const& value) { return as_activation(value, unused); });
    members.take("bias", layer.options.bias, as_flag);
    members.take("batch_norm", layer.options.batch_norm, as_flag);
    members.take("unit_sphere", layer.options.unit_sphere, as_flag);
    members.take("dropout", layer.options.dropout, as_number);
    members.take("tied_to", layer.options.tied_to, as_index);
    members.take("initialiser", "initializer", layer.options.initialiser, [&](Node const& value) { return as_initialiser(value, unused); });
    members.close();
    return layer;
}

}  // namespace

Architecture read_architecture(Members& members, Unused unused) {
    Architecture architecture;
    architecture.inputs = members.at("inputs").whole();
    for (Node const& node : members.at("layers").list()) architecture.layers.push_back(read_layer(node, unused));
    members.take("encoder_layers", architecture.encoder_layers, as_index);
    return architecture;
}

// ---- writing ---------------------------------------------------------------------------------------------------------

namespace {

using Json = nlohmann::ordered_json;

Json to_tree(Activation const& activation) {
    Activation const plain = activation.kind == Activation::Kind::prelu ? prelu : Activation{activation.kind};
    if (activation == plain) return to_string(activation.kind);
    Json tree{{"kind", to_string(activation.kind)}};
    if (activation.slope != plain.slope) tree["slope"] = activation.slope;
    if (activation.per_unit) tree["per_unit"] = true;
    return tree;
}

Json to_tree(Initialiser const& initialiser) {
    Initialiser const plain{.kind = initialiser.kind};
    if (initialiser == plain) return to_string(initialiser.kind);
    Json tree{{"kind", to_string(initialiser.kind)}};
    if (initialiser.gain != plain.gain) tree["gain"] = initialiser.gain;
    if (initialiser.scale != plain.scale) tree["scale"] = initialiser.scale;
    if (initialiser.fan_out) tree["mode"] = "fan_out";
    return tree;
}

/// What differs from the default.
Json to_tree(Layer const& layer) {
    LayerOptions const plain;
    Json tree{{"units", layer.units}, {"activation", to_tree(layer.activation)}};
    if (layer.options.bias != plain.bias) tree["bias"] = layer.options.bias;
    if (layer.options.batch_norm != plain.batch_norm) tree["batch_norm"] = layer.options.batch_norm;
    if (layer.options.unit_sphere != plain.unit_sphere) tree["unit_sphere"] = layer.options.unit_sphere;
    if (layer.options.dropout != plain.dropout) tree["dropout"] = layer.options.dropout;
    if (layer.options.tied_to >= 0) tree["tied_to"] = layer.options.tied_to;
    if (layer.options.initialiser != plain.initialiser) tree["initialiser"] = to_tree(layer.options.initialiser);
    return tree;
}

}  // namespace
}  // namespace description

std::string to_json(Architecture const& architecture) {
    description::Json tree{{"inputs", architecture.inputs}, {"layers", description::Json::array()}};
    for (Layer const& layer : architecture.layers) tree["layers"].push_back(description::to_tree(layer));
    if (architecture.encoder_layers != -1) tree["encoder_layers"] = architecture.encoder_layers;
    return tree.dump();
}

Architecture parse_architecture(std::string_view text, std::string const& document) {
    nlohmann::json const tree = io::parse_tree(text, document);
    io::Members members(io::Node(tree, document, "$"));
    Architecture architecture = description::read_architecture(members, description::Unused::kept);
    members.close();
    try {
        static_cast<void>(make_plan(architecture));
    } catch (InvalidArgument const& error) {
        throw InvalidArgument(document + ": $: " + error.what());
    }
    return architecture;
}

}  // namespace ca3::autoencoder
