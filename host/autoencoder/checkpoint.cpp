#include <ca3/error.hpp>

#include "autoencoder/checks.hpp"
#include "autoencoder/description_entries.hpp"
#include "autoencoder/file.hpp"
#include "autoencoder/tensors.hpp"
#include "core/out_of_memory.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

/// Model::save_checkpoint and Model::load_checkpoint: the model's tensors, beside them those of the optimizer ("optimizer.first.<name>",
/// "optimizer.second.<name>") and the history (epochs x 5), and how far the training has come as metadata.
namespace ca3::autoencoder {
namespace {

using namespace description;

constexpr char const* history_name = "history";
constexpr char const* first_stem = "optimizer.first.";
constexpr char const* second_stem = "optimizer.second.";
constexpr std::size_t columns = 5;  // of the history

// ---- progress --------------------------------------------------------------------------------------------------------

/// nlohmann writes the shortest digits that read back as the same double.
std::string to_json(Progress const& progress, std::int64_t steps) {
    nlohmann::ordered_json tree{
        {"epochs", progress.epochs}, {"batches", progress.batches}, {"steps", steps}, {"stop", to_string(progress.history.stop)}};
    if (progress.rule) {
        UpdateRule const& rule = *progress.rule;
        tree["rule"] = {{"kind", rule.kind == UpdateRule::Kind::adam ? "adam" : "sgd"},
                        {"learning_rate", rule.learning_rate},
                        {"momentum", rule.momentum},
                        {"dampening", rule.dampening},
                        {"nesterov", rule.nesterov},
                        {"beta1", rule.beta1},
                        {"beta2", rule.beta2},
                        {"epsilon", rule.epsilon},
                        {"weight_decay", rule.weight_decay},
                        {"l1", rule.l1},
                        {"decoupled", rule.decoupled},
                        {"clip_norm", rule.clip_norm}};
    }
    return tree.dump();
}

UpdateRule as_rule(io::Node const& node) {
    io::Members members(node);
    UpdateRule rule;
    rule.kind = members.at("kind").choice<UpdateRule::Kind>({{"adam", UpdateRule::Kind::adam}, {"sgd", UpdateRule::Kind::sgd}});
    for (auto const& [key, value] :
         {std::pair{"learning_rate", &rule.learning_rate}, std::pair{"momentum", &rule.momentum}, std::pair{"dampening", &rule.dampening},
          std::pair{"beta1", &rule.beta1}, std::pair{"beta2", &rule.beta2}, std::pair{"epsilon", &rule.epsilon},
          std::pair{"weight_decay", &rule.weight_decay}, std::pair{"l1", &rule.l1}, std::pair{"clip_norm", &rule.clip_norm}})
        *value = members.at(key).number();
    rule.nesterov = members.at("nesterov").flag();
    rule.decoupled = members.at("decoupled").flag();
    members.close();
    check_rule(rule, node.path().c_str());
    return rule;
}

/// A number of training steps, or of epochs, which cannot be more.
std::int64_t number_of_steps(io::Node const& node) {
    std::int64_t const number = node.whole();
    if (number > most_training_steps) node.fail("must be at most 2^32, is " + std::to_string(number));
    return number;
}

/// Without the epochs of its history.
Progress parse_progress(std::string const& text, std::int64_t& steps) {
    std::string const document = progress_key;
    nlohmann::json const tree = io::parse_tree(text, document);
    io::Members members(io::Node(tree, document, "$"));
    Progress progress;
    progress.epochs = number_of_steps(members.at("epochs"));
    progress.batches = number_of_steps(members.at("batches"));
    progress.history.stop = named(members.at("stop"), Stop::callback);
    steps = number_of_steps(members.at("steps"));
    if (auto const rule = members.find("rule")) progress.rule = as_rule(*rule);
    members.close();
    return progress;
}

io::Array to_array(std::vector<EpochReport> const& epochs) {
    std::vector<double> values;
    values.reserve(epochs.size() * columns);
    for (EpochReport const& e : epochs)
        values.insert(values.end(), {static_cast<double>(e.epoch), e.train_loss, e.test_loss, e.seconds, e.learning_rate});
    return float_array(values, {static_cast<std::int64_t>(epochs.size()), columns}, Precision::f64);
}

std::vector<EpochReport> to_epochs(io::Array const& array, std::int64_t finished, std::string const& path) {
    auto const fail = [&](std::string const& what) { throw FormatError(path, 0, std::string("tensor '") + history_name + "' " + what); };
    if (array.dtype != io::DType::f64 || array.shape.size() != 2 || array.shape[1] != static_cast<std::int64_t>(columns))
        fail("must be float64 with 5 columns");
    std::vector<EpochReport> epochs(static_cast<std::size_t>(array.shape[0]));
    double before = 0.0;
    for (std::size_t k = 0; k < epochs.size(); ++k) {
        std::array<double, columns> row;
        std::memcpy(row.data(), array.data.data() + k * sizeof row, sizeof row);
        bool const in_order = row[0] > before && row[0] <= static_cast<double>(finished) && row[0] == std::floor(row[0]);
        bool const finite = std::isfinite(row[1]) && std::isfinite(row[3]) && std::isfinite(row[4]);
        if (!in_order || !finite) fail("is out of order or not finite in row " + std::to_string(k));
        before = row[0];
        epochs[k] = {static_cast<std::int64_t>(row[0]), row[1], row[2], row[3], row[4]};
    }
    return epochs;
}

// ---- moments ---------------------------------------------------------------------------------------------------------

template <class Numbers>
auto place_of(PlannedTensor const& planned, Numbers& moments) {
    return std::span(moments).subspan(static_cast<std::size_t>(planned.place.offset), static_cast<std::size_t>(planned.place.size));
}

void add_moments(Plan const& plan, std::vector<double> const& moments, char const* stem, Precision precision, io::Tensors& out) {
    for (auto const& planned : plan.tensors) {
        if (planned.buffer) continue;
        auto const& [name, shape, role, layer] = planned.tensor;
        out.tensors.emplace(stem + name, float_array(place_of(planned, moments), shape, precision));
    }
}

/// Takes the tensors out of the file. @param negative whether the numbers may be
std::vector<double> take_moments(Plan const& plan, std::string const& stem, bool negative, io::Tensors& file, std::string const& path) {
    std::string const origin = path + ": ";
    for (auto const& planned : plan.tensors) {
        if (planned.buffer) continue;
        std::string const name = stem + planned.tensor.name;
        auto const found = file.tensors.find(name);
        if (found == file.tensors.end()) throw InvalidArgument(origin + "missing tensor " + io::quoted(name));
        check_floats(found->second, planned.tensor.shape, origin + name);
    }
    std::vector<double> moments(static_cast<std::size_t>(plan.parameters));
    for (auto const& planned : plan.tensors) {
        if (planned.buffer) continue;
        auto const node = file.tensors.extract(stem + planned.tensor.name);
        auto const out = place_of(planned, moments);
        copy_floats(node.mapped(), out);
        if (!negative && std::ranges::any_of(out, [](double x) { return x < 0.0; }))
            throw InvalidArgument(origin + node.key() + ": a mean of squares must not be negative");
    }
    return moments;
}

/// @throws InvalidArgument that says in what they differ
void require_same(Architecture const& theirs, Architecture const& ours, std::string const& path) {
    auto const refuse = [&](std::string const& what) {
        throw InvalidArgument("Model::load_checkpoint: " + path + " is a checkpoint of another architecture: " + what);
    };
    auto const differ = [&](char const* what, std::int64_t a, std::int64_t b) {
        if (a != b) refuse(std::string(what) + " " + std::to_string(a) + ", this model's " + std::to_string(b));
    };
    differ("its width of input is", theirs.inputs, ours.inputs);
    differ("its number of layers is", std::ssize(theirs.layers), std::ssize(ours.layers));
    for (std::size_t l = 0; l < ours.layers.size(); ++l) {
        std::string const units = "the units of its layer " + std::to_string(l) + " are";
        differ(units.c_str(), theirs.layers[l].units, ours.layers[l].units);
        if (theirs.layers[l] != ours.layers[l]) refuse("layer " + std::to_string(l) + " has other options");
    }
    differ("its encoder_layers are", theirs.encoder_layers, ours.encoder_layers);
}

void read_checkpoint(ModelState& model, std::string const& path) {
    auto file = io::read_safetensors(path);
    auto const& text = metadata(file, progress_key, path, "not a checkpoint");
    require_same(architecture_of(file, path), model.architecture, path);
    State state = blank_state(model.plan);
    Progress progress = as_format_error(path, progress_key, [&] { return parse_progress(text, state.steps); });
    auto const history = file.tensors.extract(history_name);
    if (history.empty()) throw FormatError(path, 0, std::string("tensor '") + history_name + "' is missing");
    progress.history.epochs = to_epochs(history.mapped(), progress.epochs, path);
    bool const has_moments = progress.rule && state.steps > 0;
    if (has_moments && progress.rule->has_first()) state.first = take_moments(model.plan, first_stem, true, file, path);
    if (has_moments && progress.rule->has_second()) state.second = take_moments(model.plan, second_stem, false, file, path);
    take_tensors(model.plan, file, state, path);
    model.put(state);
    model.progress = std::move(progress);
}

}  // namespace

void write_checkpoint(ModelState const& model, std::string const& path) {
    State const state = model.get();
    auto const& rule = model.progress.rule;
    Precision const precision = model.options.precision;
    auto out = to_tensors(model.plan, state, precision);
    bool const has_moments = rule && state.steps > 0;
    if (has_moments && rule->has_first()) add_moments(model.plan, state.first, first_stem, precision, out);
    if (has_moments && rule->has_second()) add_moments(model.plan, state.second, second_stem, precision, out);
    out.tensors.emplace(history_name, to_array(model.progress.history.epochs));
    out.metadata = metadata_of(model);
    out.metadata.emplace(progress_key, to_json(model.progress, rule ? state.steps : 0));
    io::write_safetensors(path, out);
}

void Model::save_checkpoint(std::string const& path) const {
    translate_bad_alloc("Model::save_checkpoint", [&] { write_checkpoint(*state_, path); });
}

void Model::load_checkpoint(std::string const& path) {
    translate_bad_alloc("Model::load_checkpoint", [&] { read_checkpoint(*state_, path); });
}

}  // namespace ca3::autoencoder
