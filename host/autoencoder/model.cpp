#include "autoencoder/data_checks.hpp"
#include "autoencoder/model_state.hpp"
#include "core/check.hpp"
#include "core/out_of_memory.hpp"

#include <cmath>
#include <new>
#include <utility>

namespace ca3::autoencoder {
namespace {

std::unique_ptr<Engine> make_engine(Context const& context, Plan const& plan, Precision precision) {
    try {
        switch (context.backend()) {
            case Backend::reference:
                return reference::make_engine(context, plan, precision);
            case Backend::cpu:
                return cpu::make_engine(context, plan, precision);
            default:
                return cuda::make_engine(context, plan, precision);
        }
    } catch (std::bad_alloc const&) {
        throw OutOfMemory("autoencoder::Model", static_cast<std::uint64_t>(plan.parameters) * 16, 0);
    }
}

std::vector<float> run_layers(ModelState const& state, Samples const& inputs, int first, int last, char const* function,
                              char const* argument) {
    check_samples(inputs, state.plan.width_after(first - 1), 0, function, argument);
    Data const data{.inputs = inputs, .targets = {}};
    return translate_bad_alloc(function, [&] {
        std::vector<float> out(static_cast<std::size_t>(inputs.count() * state.plan.width_after(last)));
        if (inputs.count() > 0) state.engine->forward(data, 0, inputs.count(), first, last, out.data());
        return out;
    });
}

}  // namespace

std::unique_ptr<ModelState> make_model_state(Context context, Architecture architecture, ModelOptions options) {
    Plan plan = make_plan(architecture);
    auto engine = make_engine(context, plan, options.precision);
    return std::make_unique<ModelState>(
        ModelState{std::move(context), std::move(architecture), options, std::move(plan), std::move(engine)});
}

std::unique_ptr<ModelState> make_initial_model(Context context, Architecture architecture, ModelOptions options) {
    auto model = make_model_state(std::move(context), std::move(architecture), options);
    translate_bad_alloc("autoencoder::Model", [&] { model->put(initial_state(model->plan, options.seed)); });
    return model;
}

Model ModelState::to_model(std::unique_ptr<ModelState> state) {
    return Model(std::move(state));
}

State ModelState::get() const {
    State state;
    engine->get(state);
    state.batches = batches;
    return state;
}

void ModelState::put(State const& state) {
    std::vector<std::int64_t> counts = state.batches;
    engine->put(state);
    batches = std::move(counts);
}

Model::Model(Context context, Architecture architecture, ModelOptions options)
    : state_(make_initial_model(std::move(context), std::move(architecture), options)) {}
Model::Model(std::unique_ptr<ModelState> state) : state_(std::move(state)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

std::vector<float> Model::reconstruct(Samples inputs) const {
    int const last = static_cast<int>(state_->plan.layers.size()) - 1;
    return run_layers(*state_, inputs, 0, last, "Model::reconstruct", "inputs");
}

std::vector<float> Model::encode(Samples inputs) const {
    return run_layers(*state_, inputs, 0, state_->plan.encoder_layers - 1, "Model::encode", "inputs");
}

std::vector<float> Model::decode(Samples codes) const {
    constexpr char const* function = "Model::decode";
    int const count = static_cast<int>(state_->plan.layers.size());
    require(state_->plan.encoder_layers < count, function,
            [&] { return "this network has no decoder: all its " + std::to_string(count) + " layers belong to the encoder"; });
    return run_layers(*state_, codes, state_->plan.encoder_layers, count - 1, function, "codes");
}

std::vector<float> Model::activations(Samples inputs, int layer) const {
    constexpr char const* function = "Model::activations";
    int const count = static_cast<int>(state_->plan.layers.size());
    require(layer >= 0 && layer < count, function,
            [&] { return "layer must be in [0, " + std::to_string(count) + "), is " + std::to_string(layer); });
    return run_layers(*state_, inputs, 0, layer, function, "inputs");
}

double Model::evaluate(Samples inputs, Objective const& objective, Targets targets, std::int64_t batch) const {
    constexpr char const* function = "Model::evaluate";
    check_samples(inputs, state_->plan.inputs, 1, function, "inputs");
    check_objective(objective, state_->plan, function);
    check_targets(targets, inputs, objective, state_->plan, function, "targets");
    require(batch >= 1, function, [&] { return "batch must be at least 1, is " + std::to_string(batch); });
    Data const data{.inputs = inputs, .targets = targets};
    return translate_bad_alloc(function, [&] { return state_->engine->evaluate(data, objective, {batch, inputs.count()}); });
}

Gradients Model::gradients(Samples inputs, Objective const& objective, Targets targets, bool training, std::int64_t step) const {
    constexpr char const* function = "Model::gradients";
    Plan const& plan = state_->plan;
    check_samples(inputs, plan.inputs, 1, function, "inputs");
    check_objective(objective, plan, function);
    check_targets(targets, inputs, objective, plan, function, "targets");
    require(step >= 0, function, [&] { return "step must not be negative, is " + std::to_string(step); });
    Data const data{.inputs = inputs, .targets = targets, .seed = state_->options.seed};
    return translate_bad_alloc(function, [&] {
        Gradients out;
        std::vector<double> flat;
        out.loss = state_->engine->gradients({.data = data,
                                              .objective = objective,
                                              .rows = inputs.count(),
                                              .training = training,
                                              .random_step = step,
                                              .parameters = &flat,
                                              .inputs = &out.inputs});
        for (auto const& planned : plan.tensors)
            if (!planned.buffer)
                out.parameters.emplace_back(flat.begin() + planned.place.offset, flat.begin() + planned.place.offset + planned.place.size);
        return out;
    });
}

Context const& Model::context() const noexcept {
    return state_->context;
}
Architecture const& Model::architecture() const noexcept {
    return state_->architecture;
}
ModelOptions const& Model::options() const noexcept {
    return state_->options;
}
std::int64_t Model::inputs() const noexcept {
    return state_->plan.inputs;
}
std::int64_t Model::outputs() const noexcept {
    return state_->plan.outputs();
}
std::int64_t Model::code() const noexcept {
    return state_->plan.width_after(state_->plan.encoder_layers - 1);
}
std::int64_t Model::epochs_trained() const noexcept {
    return state_->progress.epochs;
}

io::Tensors Model::parameters() const {
    return translate_bad_alloc("Model::parameters", [&] { return to_tensors(state_->plan, state_->get(), state_->options.precision); });
}

void Model::set_parameters(io::Tensors const& tensors) {
    constexpr char const* function = "Model::set_parameters";
    translate_bad_alloc(function, [&] {
        State state = state_->get();
        take_tensors(state_->plan, tensors, state, function);
        state.first.clear();
        state.second.clear();
        state.steps = 0;
        state_->put(state);
    });
    state_->progress = {};
}

}  // namespace ca3::autoencoder
