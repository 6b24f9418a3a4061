#include "autoencoder_experiments.hpp"
#include "autoencoder_history.hpp"
#include "commands.hpp"
#include "lif_experiments.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <memory>

namespace ca3::cli {
namespace {

struct Experiment {
    char const* id;
    char const* title;
    nlohmann::json (*run)(Environment const&, ProtocolChoice const&);
    char const* variant_option = nullptr;  ///< "--variant" or the word that fits better
    std::vector<std::string> variants{};
    char const* hidden = nullptr;  ///< what --hidden is, where it is one
    char const* levels_option = nullptr;
    char const* levels = nullptr;
    bool images = true;
    bool shares = false;  ///< levels lie in [0, 1]
    bool trains = true;   ///< step by step
};

std::vector<Experiment> const& experiments() {
    static std::vector<Experiment> const all{
        {.id = "A1",
         .title = "784-n-784 sigmoid; n = 10, 50, 100, 200, 400",
         .run = run_sigmoid_widths,
         .hidden = "Hidden units, such as 200 or 10,50 (default: all of the protocol)"},
        {.id = "A2",
         .title = "Salt and pepper on A1's net, against a Hopfield memory",
         .run = run_salt_and_pepper,
         .hidden = "Hidden units (default: 200)",
         .levels_option = "--noise",
         .levels = "Shares of pixels set to 0 or 1 (default: 0, 0.05, ..., 0.75)",
         .shares = true},
        {.id = "A3", .title = "Sensory preconditioning: 4-3-4, then ridge readouts", .run = run_preconditioning, .images = false},
        {.id = "A4",
         .title = "784-512-256-128-30-128-256-784 ReLU against PCA, by digit",
         .run = run_against_pca,
         .hidden = "Numbers of the code (default: 30)"},
        {.id = "A5",
         .title = "784-h-784 ReLU; h = 64, 128, 256; filters; strange images",
         .run = run_relu_widths,
         .hidden = "Hidden units, such as 64 or 64,128 (default: all of the protocol)"},
        {.id = "A6",
         .title = "Sparse code: 784-1156-784 ReLU with a penalty on the hidden units",
         .run = run_sparse,
         .hidden = "Hidden units (default: 1156)",
         .levels_option = "--penalty",
         .levels = "Scales of the sum of the hidden units (default: 4e-6,1.5e-6,0.6e-6)"},
        {.id = "A7",
         .title = "Denoising: 784-256-784 ReLU, normal noise on the input",
         .run = run_denoising,
         .hidden = "Hidden units (default: 256)",
         .levels_option = "--noise",
         .levels = "Standard deviations (default: 0.3,0.5,0.8,0.9)"},
        {.id = "A8",
         .title = "Manifold: 784-64-8-64-784 ReLU, noise on the code",
         .run = run_manifold,
         .hidden = "Numbers of the code (default: 8)",
         .levels_option = "--noise",
         .levels = "Standard deviations on the code (default: 0.1,0.5,0.8,500)"},
        {.id = "A10",
         .title = "784-32-784: mean squared error against binary cross-entropy",
         .run = run_losses,
         .variant_option = "--loss",
         .variants = {"mse", "bce"},
         .hidden = "Hidden units (default: 32)"},
        {.id = "A11",
         .title = "784-2-784: ReLU, ReLU with Kaiming's start, PReLU in the bottleneck",
         .run = run_bottleneck,
         .variant_option = "--activation",
         .variants = {"relu", "kaiming", "prelu"}},
        {.id = "A12",
         .title = "Deep PReLU nets with codes of 2 and 3 numbers, and on the sphere",
         .run = run_deep_latent,
         .variant_option = "--variant",
         .variants = {"2", "3", "sphere", "sphere-prelu", "wide", "wide-sphere"}},
        {.id = "A14",
         .title = "A12's sphere without digit 6, without 0 and 1, with shuffled pixels",
         .run = run_left_out,
         .variant_option = "--variant",
         .variants = {"no6", "no01", "shuffled"}},
        {.id = "A15",
         .title = "Five strings of 8 bits through 3 units, untied and tied",
         .run = run_tied_strings,
         .variant_option = "--variant",
         .variants = {"untied", "tied"},
         .images = false},
        {.id = "A16",
         .title = "PCA and NMF to two components",
         .run = run_linear_codes,
         .variant_option = "--variant",
         .variants = {"pca", "nmf"},
         .trains = false},
        {.id = "M1",
         .title = "Mirror symmetry of 6 bits (Rumelhart, Hinton, Williams 1986)",
         .run = run_mirror_symmetry,
         .variant_option = "--variant",
         .variants = {"mean-plain-default", "mean-momentum-default", "sum-momentum-u0.3"},
         .images = false},
        {.id = "M2", .title = "Classification toy: 6-10-5-3, log-softmax", .run = run_classification_toy, .images = false},
    };
    return all;
}

/// Those of the table that wait for parts that are not built yet.
std::vector<std::pair<std::string, std::string>> const& unbuilt() {
    static std::vector<std::pair<std::string, std::string>> const all{
        {"A9", "convolutions, pooling and unpooling"},
        {"A13", "fine-tuning on noisy, hidden and turned images as a series"},
        {"A17", "sampling from a variational code"},
        {"M3", "the regression protocols"},
        {"M4", "curves of gradients by depth"},
        {"M5", "adversarial steps and training"},
        {"M6", "recurrent networks and adversarial pairs"},
    };
    return all;
}

std::string ids() {
    std::string text;
    for (auto const& e : experiments()) text += (text.empty() ? "" : ", ") + std::string(e.id);
    return text;
}

void list(Options const& options) {
    auto json = json_header("autoencoder run");
    for (auto const& e : experiments()) json["experiments"].push_back({{"id", e.id}, {"title", e.title}});
    write_json(options, json);
    if (!options.prints_text()) return;
    for (auto const& e : experiments()) std::cout << "  " << std::left << std::setw(6) << e.id << e.title << '\n';
    std::cout << "\nca3 autoencoder run A1 --help lists the options of one. Not built yet:";
    for (auto const& [id, what] : unbuilt()) std::cout << (id == "A9" ? " " : ", ") << id;
    std::cout << '\n';
}

[[noreturn]] void refuse(std::string const& name) {
    auto const asked = CLI::detail::to_lower(name);
    auto const later = std::ranges::find_if(unbuilt(), [&](auto const& e) { return CLI::detail::to_lower(e.first) == asked; });
    if (later != unbuilt().end())
        throw NotCompiled("experiment " + later->first + " is not built yet: it needs " + later->second + ". There are " + ids());
    throw InvalidArgument("there is no experiment '" + name + "'. There are " + ids());
}

void add_experiment(CLI::App& run, Experiment const& e, Options const& options) {
    auto* command = run.add_subcommand(e.id, e.title)->ignore_case();
    auto c = std::make_shared<ProtocolChoice>();
    auto const of_training = [&e](std::string const& description) {
        return e.trains ? description + "in place of the protocol's" : "Without effect: nothing is trained step by step";
    };
    command->add_option("--epochs", c->epochs, of_training("Passes over the samples, "))->check(whole_number(1));
    command->add_option("--batch", c->batch, of_training("Samples of a step, "))->check(whole_number(1));
    command->add_option("--learning-rate", c->learning_rate, of_training("A rate "))->check(positive_number());
    add_precision(*command, c->precision);
    if (e.images) {
        command->add_option("--train-images", c->train_images, "Only the first so many")->check(whole_number(1));
        command->add_option("--test-images", c->test_images, "Only the first so many")->check(whole_number(1));
    }
    if (e.hidden != nullptr)
        command->add_option("--hidden", c->hidden, e.hidden)->delimiter(',')->check(whole_number(1))->type_name("N,N,...");
    if (e.levels_option != nullptr)
        command->add_option(e.levels_option, c->levels, e.levels)
            ->delimiter(',')
            ->check(e.shares ? share() : number_from_zero())
            ->type_name("X,X,...");
    if (e.variant_option != nullptr)
        command->add_option(e.variant_option, c->variants, "Only these variants (default: all side by side)")
            ->delimiter(',')
            ->check(CLI::IsMember(e.variants));
    command->callback([&options, c, e] { e.run(Environment{.options = options, .context = make_context(options)}, *c); });
}

}  // namespace

void add_autoencoder_experiments(CLI::App& autoencoder, Options const& options) {
    auto* run = autoencoder.add_subcommand("run", "Run an experiment by its protocol: A1 ... A16, M1, M2; without a name: list them");
    run->require_subcommand(0, 1);
    for (auto const& e : experiments()) add_experiment(*run, e, options);
    auto name = std::make_shared<std::string>();
    run->add_option("experiment", *name, "Its name")->type_name("NAME");
    // Before options that no experiment of this name has are found to be unknown.
    run->parse_complete_callback([run, name] {
        if (name->empty()) return;
        if (run->get_subcommands().empty()) refuse(*name);
        throw CLI::ExtrasError({*name});
    });
    run->callback([&options, run] {
        if (run->get_subcommands().empty()) list(options);
    });
}

}  // namespace ca3::cli
