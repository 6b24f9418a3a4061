#include "autoencoder_data.hpp"
#include "autoencoder_history.hpp"
#include "commands.hpp"
#include "report.hpp"
#include "whole_file.hpp"

#include <ca3/error.hpp>
#include <ca3/io/idx.hpp>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

namespace ca3::cli {
namespace {

using autoencoder::Description;
using autoencoder::Model;

enum class Task { encode, decode, reconstruct, activations, evaluate, gradient };

struct Arguments {
    Task task = Task::encode;
    std::string name;
    std::string model, config, result, targets;
    int layer = 0;
    std::int64_t batch = 256;
    std::optional<ca3::Loss> loss{};
    Precision precision = Precision::f32;
};

struct Subject {
    Model model;
    autoencoder::Objective objective{};
};

Subject load(Options const& options, Arguments const& a) {
    autoencoder::ModelOptions const model_options{.seed = options.seed, .precision = a.precision};
    if (a.config.empty()) {
        Subject subject{.model = Model::load(make_context(options), a.model, model_options)};
        if (a.loss) subject.objective.loss = *a.loss;
        return subject;
    }
    Description const d = autoencoder::read_description(a.config);
    return {.model = Model::load(make_context(options), a.model, d.architecture, model_options),
            .objective = {.loss = a.loss.value_or(d.fit.loss),
                          .penalties = d.fit.penalties,
                          .kl_scale = d.fit.kl_scale,
                          .kl_reduction = d.fit.kl_reduction}};
}

/// The samples of an NPY file, or the test images of a folder (of the synthetic digits).
SampleArray load_samples(Options const& options) {
    std::error_code ignored;
    if (options.data.empty()) return to_samples(load_images(options).test, "synthetic digits (test)");
    if (std::filesystem::is_directory(options.data, ignored))
        return to_samples(io::read_mnist(options.data, io::Split::test), options.data + " (test)");
    return read_samples(options.data);
}

void write_rows(std::string const& file, std::vector<float> const& values, std::int64_t rows) {
    io::Array array{.dtype = io::DType::f32, .shape = {rows, static_cast<std::int64_t>(values.size()) / rows}, .data = {}};
    array.data.resize(values.size() * sizeof(float));
    std::memcpy(array.data.data(), values.data(), array.data.size());
    io::write_npy(file, array);
}

std::vector<float> apply(Subject const& s, Arguments const& a, SampleArray const& x, TargetArray const& targets, double& loss) {
    switch (a.task) {
        case Task::encode:
            return s.model.encode(x.view());
        case Task::decode:
            return s.model.decode(x.view());
        case Task::reconstruct:
            return s.model.reconstruct(x.view());
        case Task::activations:
            return s.model.activations(x.view(), a.layer);
        case Task::evaluate:
            loss = s.model.evaluate(x.view(), s.objective, targets.view(), a.batch);
            return {};
        case Task::gradient: {
            auto const gradients = s.model.gradients(x.view(), s.objective, targets.view());
            loss = gradients.loss;
            return {gradients.inputs.begin(), gradients.inputs.end()};
        }
    }
    return {};
}

void run(Options const& options, Arguments const& a) {
    check_apart({{"--result", a.result}, {"--json", options.json}},
                {{"--model", a.model}, {"--config", a.config}, {"--data", options.data}, {"--targets", a.targets}});
    for (auto const& file : {a.result, options.json}) check_can_write(file);
    Subject const subject = load(options, a);
    Model const& model = subject.model;
    SampleArray const samples = load_samples(options);
    bool const codes = a.task == Task::decode;
    samples.check_width(codes ? model.code() : model.inputs(), codes ? "the network's code" : "the network's input");
    TargetArray const targets = a.targets.empty() ? TargetArray{} : read_targets(a.targets);
    double loss = std::numeric_limits<double>::quiet_NaN();
    auto const begin = std::chrono::steady_clock::now();
    std::vector<float> const values = apply(subject, a, samples, targets, loss);
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - begin;
    if (!a.result.empty()) write_rows(a.result, values, samples.rows);

    bool const has_loss = a.task == Task::evaluate || a.task == Task::gradient;
    auto json = json_header("autoencoder " + a.name);
    json.update(environment_members(model.context(), model.options().precision, model.options().seed));
    json["model"] = a.model;
    json["data"] = samples.name;
    json["samples"] = samples.rows;
    json["epochs"] = nlohmann::json::array();  // nothing is trained
    json["seconds"] = seconds.count();
    json["samples_per_second"] = static_cast<double>(samples.rows) / seconds.count();
    if (has_loss) json.update({{"loss", loss}, {"loss_function", to_string(subject.objective.loss)}});
    if (!a.result.empty()) json.update({{"result", a.result}, {"width", static_cast<std::int64_t>(values.size()) / samples.rows}});
    write_json(options, json);
    if (!options.prints_text()) return;
    std::cout << widths_text(model.architecture()) << ", " << samples.rows << " samples of " << samples.name << ", "
              << model.context().describe() << '\n';
    if (has_loss) std::cout << to_string(subject.objective.loss) << " loss: " << fixed(loss, 8) << '\n';
    if (!a.result.empty()) std::cout << a.result << ": float32, " << samples.rows << " x " << json["width"] << '\n';
}

}  // namespace

void add_autoencoder_apply(CLI::App& autoencoder, Options const& options) {
    auto add = [&](Task task, char const* name, char const* description) {
        auto* command = autoencoder.add_subcommand(name, description);
        auto a = std::make_shared<Arguments>();
        a->task = task;
        a->name = name;
        command->add_option("--model", a->model, "A trained network")->type_name("M.safetensors")->required();
        command->add_option("--config", a->config, "Its architecture, for a state_dict that does not say it")->type_name("CONFIG.json");
        if (task != Task::evaluate)
            command->add_option("--result", a->result, "Where the result goes, float32, one row for each sample")
                ->type_name("Y.npy")
                ->required();
        if (task == Task::activations)
            command->add_option("--layer", a->layer, "Number of the layer, from 0")->check(whole_number(0))->required();
        if (task == Task::evaluate || task == Task::gradient) {
            command->add_option("--targets", a->targets, "What outputs are compared with (default: the samples)")->type_name("T.npy");
            add_loss(*command, a->loss);
        }
        if (task == Task::evaluate)
            command->add_option("--batch", a->batch, "Samples of a batch; matters to penalties that are sums")
                ->check(whole_number(1))
                ->capture_default_str();
        add_precision(*command, a->precision);
        command->callback([&options, a] { run(options, *a); });
    };
    add(Task::encode, "encode", "Codes of samples");
    add(Task::decode, "decode", "Outputs for codes");
    add(Task::reconstruct, "reconstruct", "Outputs for samples");
    add(Task::activations, "activations", "Outputs of one layer");
    add(Task::evaluate, "evaluate", "Mean loss over samples");
    add(Task::gradient, "gradient", "Gradient of the mean loss with respect to the samples, as one batch");
}

}  // namespace ca3::cli
