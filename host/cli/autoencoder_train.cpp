#include "autoencoder_data.hpp"
#include "autoencoder_history.hpp"
#include "commands.hpp"
#include "lif_experiments.hpp"
#include "report.hpp"
#include "whole_file.hpp"

#include <ca3/error.hpp>
#include <ca3/io/idx.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>

namespace ca3::cli {
namespace {

using autoencoder::Description;
using autoencoder::FitOptions;
using autoencoder::Model;

struct Arguments {
    std::string config, targets, test, test_targets, init, order, model, history, checkpoint, resume;
    std::int64_t checkpoint_every = 1;
    std::optional<std::int64_t> epochs, batch;
    std::optional<Precision> precision;
    bool seed = false;  ///< --seed was given: then it comes before the configuration's
};

/// All that a training reads; FitOptions hold views of it.
struct TrainingData {
    SampleArray train, test;
    TargetArray targets, test_targets;
    OrderArray order;
};

bool takes_classes(ca3::Loss loss) {
    return loss == ca3::Loss::cross_entropy || loss == ca3::Loss::nll;
}

SampleArray read_split(std::string const& folder, io::Split split) {
    return to_samples(io::read_mnist(folder, split), folder + (split == io::Split::train ? " (train)" : " (test)"));
}

TrainingData load(Options const& options, Arguments const& a, ca3::Loss loss) {
    TrainingData data;
    if (std::error_code ignored; options.data.empty() || std::filesystem::is_directory(options.data, ignored)) {
        if (options.data.empty()) {
            ImageSplits const images = load_images(options);
            data.train = to_samples(images.train, images.name + " (train)");
            data.test = to_samples(images.test, images.name + " (test)");
        } else {
            data.train = read_split(options.data, io::Split::train);
            data.test = read_split(options.data, io::Split::test);
        }
    } else {
        data.train = read_samples(options.data);
    }
    if (!a.test.empty()) data.test = read_samples(a.test);
    if (!a.targets.empty()) {
        data.targets = read_targets(a.targets);
    } else if (takes_classes(loss)) {
        data.targets.classes = data.train.labels;
    }
    if (!a.test_targets.empty()) {
        data.test_targets = read_targets(a.test_targets);
    } else if (takes_classes(loss)) {
        data.test_targets.classes = data.test.labels;
    }
    if (!a.order.empty()) data.order = read_order(a.order);
    return data;
}

void check_targets(TargetArray const& targets, SampleArray const& samples, std::int64_t outputs, std::string const& file) {
    if (!targets.given()) return;
    if (targets.count() != samples.rows)
        throw InvalidArgument(file + ": expected targets for the " + std::to_string(samples.rows) + " samples of " + samples.name +
                              ", found " + std::to_string(targets.count()));
    if (targets.classes.empty()) targets.samples.check_width(outputs, "the network's output");
}

void check(TrainingData const& data, Model const& model, Arguments const& a) {
    data.train.check_width(model.inputs(), "the network's input");
    if (data.test.rows > 0) data.test.check_width(model.inputs(), "the network's input");
    check_targets(data.targets, data.train, model.outputs(), a.targets);
    if (!a.test_targets.empty() && data.test.rows == 0)
        throw InvalidArgument("--test-targets are given, but no test samples: --test is missing");
    check_targets(data.test_targets, data.test, model.outputs(), a.test_targets);
    if (data.targets.given() && data.test.rows > 0 && !data.test_targets.given())
        throw InvalidArgument("--targets are given, and so are test samples: --test-targets is missing");
}

nlohmann::json config_json(std::string const& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return nlohmann::json::parse(text.str());  // has been read before
}

nlohmann::json history_json(Options const& options, nlohmann::json const& config, Model const& model, FitOptions const& fit,
                            TrainingData const& data, autoencoder::History const& history, std::int64_t per_epoch) {
    auto json = json_header("autoencoder train");
    json.update(environment_members(model.context(), model.options().precision, model.options().seed));
    json["context"] = model.context().describe();
    json["config"] = config;
    json["data"] = options.data.empty() ? data.train.name : options.data;
    json["samples"] = data.train.rows;
    json["test_samples"] = data.test.rows;
    json["widths"] = widths_text(model.architecture());
    json["parameters"] = autoencoder::parameter_count(model.architecture());
    json["batch"] = fit.batch;
    json["loss"] = to_string(fit.loss);
    json["optimizer"] = to_json(fit.optimizer);
    json["stop"] = to_string(history.stop);
    json["samples_per_second"] = samples_per_second(history, per_epoch);
    json["epochs"] = to_json(history);
    return json;
}

/// Model and history get their names once both are complete.
void write(Arguments const& a, Model const& model, nlohmann::json const& history) {
    WholeFile model_file(a.model);
    model.save(model_file.temporary().string());
    if (!a.history.empty()) {
        WholeFile history_file(a.history);
        history_file.write(dump(history));
        history_file.commit();
    }
    model_file.commit();
}

void run(Options const& options, Arguments const& a) {
    Description description = autoencoder::read_description(a.config);
    FitOptions& fit = description.fit;
    if (!a.checkpoint.empty()) {
        fit.checkpoint = a.checkpoint;
        fit.checkpoint_every = a.checkpoint_every;
    }
    std::string const resume = a.resume.empty() && fit.resume ? fit.checkpoint : a.resume;
    if (fit.resume && resume.empty()) throw InvalidArgument(a.config + ": $.resume: asks for 'checkpoint', the file to go on from");
    check_apart({{"--model", a.model}, {"--history", a.history}, {"the checkpoint", fit.checkpoint}, {"--json", options.json}},
                {{"the configuration", a.config},
                 {"--data", options.data},
                 {"--targets", a.targets},
                 {"--test", a.test},
                 {"--test-targets", a.test_targets},
                 {"--order", a.order}});
    // The model may take the place of what it began with, and a checkpoint that of the one it goes on from.
    check_apart({{"--history", a.history}, {"the checkpoint", fit.checkpoint}, {"--json", options.json}}, {{"--init", a.init}});
    check_apart({{"--model", a.model}, {"--history", a.history}, {"--json", options.json}}, {{"the checkpoint to resume", resume}});
    for (auto const& file : {a.model, a.history, fit.checkpoint, options.json}) check_can_write(file);
    nlohmann::json const config = config_json(a.config);
    if (a.seed || !config.contains("seed")) description.options.seed = options.seed;
    if (a.seed) fit.seed.reset();
    if (a.precision) description.options.precision = *a.precision;
    if (a.epochs) fit.epochs = *a.epochs;
    if (a.batch) fit.batch = *a.batch;
    TrainingData const data = load(options, a, fit.loss);
    Context const context = make_context(options);
    Model model = a.init.empty() ? Model(context, description.architecture, description.options)
                                 : Model::load(context, a.init, description.architecture, description.options);
    check(data, model, a);
    fit.targets = data.targets.view();
    if (data.test.rows > 0) fit.test = data.test.view();
    fit.test_targets = data.test_targets.view();
    fit.order = data.order.view();
    if (!resume.empty()) {
        model.load_checkpoint(resume);
        fit.resume = true;
    }

    autoencoder::History history;
    {
        TrainingProgress const progress(options.prints_text(), "training", fit);
        history = model.fit(data.train.view(), fit);
    }
    std::int64_t const per_epoch = data.order.rows > 0 ? data.order.cols : data.train.rows;
    auto const json = history_json(options, config, model, fit, data, history, per_epoch);
    write(a, model, json);
    write_json(options, json);
    if (!options.prints_text()) return;
    std::cout << widths_text(model.architecture()) << ", " << json["parameters"] << " parameters, " << training_text(fit) << "\nseed "
              << model.options().seed << ", " << data.train.name << " (" << data.train.rows << " x " << data.train.cols << "), "
              << model.context().describe() << ", " << to_string(model.options().precision) << "\n\n";
    print(std::cout, epoch_table(history, per_epoch));
    std::cout << '\n'
              << to_string(history.stop) << " after epoch " << model.epochs_trained() << ", "
              << plain(std::round(samples_per_second(history, per_epoch))) << " samples per second\nwritten: " << a.model;
    for (std::string const& file : {a.history, fit.checkpoint})
        if (!file.empty()) std::cout << ", " << file;
    std::cout << '\n';
}

}  // namespace

void add_autoencoder_train(CLI::App& autoencoder, Options const& options) {
    auto* command = autoencoder.add_subcommand("train", "Train a network described in JSON on --data (X.npy, or a folder with MNIST)");
    auto a = std::make_shared<Arguments>();
    command->add_option("config", a->config, "Network and training (see README, Trainings as JSON)")->type_name("CONFIG.json")->required();
    auto file = [&](char const* name, std::string& value, char const* description, char const* type) {
        return command->add_option(name, value, description)->type_name(type);
    };
    file("--model", a->model, "Where the trained network goes: safetensors, a PyTorch state_dict", "M.safetensors")->required();
    file("--history", a->history, "Where losses and times of the epochs go", "H.json");
    file("--targets", a->targets, "What outputs are compared with: floats (N x outputs) or classes (N); default: the samples", "T.npy");
    file("--test", a->test, "Samples for the test loss (default: the test split of a folder)", "X.npy");
    file("--test-targets", a->test_targets, "Their targets", "T.npy");
    file("--init", a->init, "Parameters to begin with", "W.safetensors");
    file("--order", a->order, "Sample numbers of the epochs (E x M integers), in place of shuffling", "ORDER.npy");
    auto* checkpoint = file("--checkpoint", a->checkpoint, "File for parameters, optimizer and history, renewed as it trains", "FILE");
    command->add_option("--checkpoint-every", a->checkpoint_every, "Epochs between checkpoints")
        ->check(whole_number(1))
        ->needs(checkpoint)
        ->capture_default_str();
    file("--resume", a->resume, "Go on from this checkpoint as if there had been no interruption; --epochs counts from the first start",
         "FILE");
    command->add_option("--epochs", a->epochs, "Passes over the samples (default: the configuration's)")->check(whole_number(1));
    command->add_option("--batch", a->batch, "Samples of a step (default: the configuration's)")->check(whole_number(1));
    add_choice(*command, "--precision", a->precision,
               {{"f32", std::optional(Precision::f32)},
                {"tf32x3", std::optional(Precision::tf32x3)},
                {"tf32", std::optional(Precision::tf32)},
                {"bf16", std::optional(Precision::bf16)},
                {"f64", std::optional(Precision::f64)}},
               "Of matrix products (default: the configuration's, else f32)");
    command->callback([&options, a, command] {
        a->seed = command->get_parent()->get_parent()->get_option("--seed")->count() > 0;
        run(options, *a);
    });
}

}  // namespace ca3::cli
