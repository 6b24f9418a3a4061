#include <ca3/error.hpp>

#include "autoencoder/file.hpp"
#include "autoencoder/tensors.hpp"
#include "core/out_of_memory.hpp"

/// Model::save and Model::load.
namespace ca3::autoencoder {
namespace {

/// A model with the numbers of a file. Its tensors are known to fit before memory is taken for the model.
std::unique_ptr<ModelState> make_loaded(Context context, Architecture architecture, ModelOptions options, io::Tensors const& tensors,
                                        std::string const& path) {
    bool const checkpoint = tensors.metadata.contains(progress_key);
    Plan const plan = make_plan(architecture);
    check_tensors(plan, tensors, path, checkpoint);
    auto model = make_model_state(std::move(context), std::move(architecture), options);
    State state = blank_state(plan);
    take_tensors(plan, tensors, state, path, checkpoint);
    model->put(state);
    return model;
}

}  // namespace

State blank_state(Plan const& plan) {
    State state;
    state.parameters.resize(static_cast<std::size_t>(plan.parameters));
    state.buffers.resize(static_cast<std::size_t>(plan.buffers));
    state.batches.resize(static_cast<std::size_t>(plan.counts));
    return state;
}

std::map<std::string, std::string> metadata_of(ModelState const& model) {
    return {{"format", "pt"},
            {"ca3", "autoencoder"},
            {architecture_key, to_json(model.architecture)},
            {"precision", std::string(to_string(model.options.precision))},
            {"seed", std::to_string(model.options.seed)}};
}

std::string const& metadata(io::Tensors const& file, char const* key, std::string const& path, char const* otherwise) {
    auto const found = file.metadata.find(key);
    if (found == file.metadata.end()) throw FormatError(path, 0, std::string("metadata '") + key + "' is missing: " + otherwise);
    return found->second;
}

Architecture architecture_of(io::Tensors const& file, std::string const& path) {
    auto const& text = metadata(file, architecture_key, path, "not a model saved by ca3; a state_dict needs its architecture");
    return as_format_error(path, architecture_key, [&] { return parse_architecture(text, architecture_key); });
}

void Model::save(std::string const& path) const {
    translate_bad_alloc("Model::save", [&] {
        auto tensors = to_tensors(state_->plan, state_->get(), state_->options.precision);
        tensors.metadata = metadata_of(*state_);
        io::write_safetensors(path, tensors);
    });
}

Model Model::load(Context context, std::string const& path, ModelOptions options) {
    return translate_bad_alloc("Model::load", [&] {
        auto const tensors = io::read_safetensors(path);
        return Model(make_loaded(std::move(context), architecture_of(tensors, path), options, tensors, path));
    });
}

Model Model::load(Context context, std::string const& path, Architecture architecture, ModelOptions options) {
    return translate_bad_alloc("Model::load", [&] {
        auto const tensors = io::read_safetensors(path);
        return Model(make_loaded(std::move(context), std::move(architecture), options, tensors, path));
    });
}

}  // namespace ca3::autoencoder
