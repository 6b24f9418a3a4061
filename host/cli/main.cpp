#include "commands.hpp"

#include <ca3/error.hpp>
#include <ca3/version.hpp>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

namespace {

enum ExitCode { success = 0, failure = 1, usage = 2 };

int fail(ExitCode code, std::string message) {
    // Names of files and of what is in them may hold anything: line ends, and what a terminal obeys.
    std::ranges::replace_if(
        message, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
    std::cerr << "ca3: error: " << message << std::endl;
    return code;
}

/// The program has no use for empty words; they come from variables that a shell does not know.
void refuse_empty_words(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        std::string_view const word = argv[i], before = argv[i - 1];
        bool const named = word.starts_with("--") && word.find('=') == word.size() - 1;
        if (!word.empty() && !named) continue;
        std::string const who = named                     ? std::string(word.substr(0, word.size() - 1))
                                : before.starts_with("-") ? std::string(before)
                                                          : "argument " + std::to_string(i);
        throw CLI::ValidationError(who, "expected something, found nothing");
    }
}

void add_commands(CLI::App& app, ca3::cli::Options const& options) {
    using namespace ca3::cli;
    add_info(app, options);
    add_demo(app, options);
    auto& hopfield = *app.add_subcommand("hopfield", "Hopfield memories: your own data, and the experiments");
    hopfield.require_subcommand(1);
    add_hopfield_store(hopfield, options);
    add_hopfield_recall(hopfield, options);
    add_hopfield_capacity(hopfield, options);
    add_hopfield_one_step(hopfield, options);
    add_hopfield_error_curve(hopfield, options);
    add_hopfield_noise_sweep(hopfield, options);
    add_hopfield_restore(hopfield, options);
    add_hopfield_toy(hopfield, options);
    add_hopfield_letters(hopfield, options);
    add_hopfield_overlaps(hopfield, options);
    auto& lif = *app.add_subcommand("lif", "Spiking neurons: networks of your own and of the field, and the experiments");
    lif.require_subcommand(1);
    add_lif_run(lif, options);
    add_lif_trace(lif, options);
    add_lif_fi_curve(lif, options);
    add_lif_psc(lif, options);
    add_lif_populations(lif, options);
    add_lif_hodgkin_huxley(lif, options);
    auto& autoencoder = *app.add_subcommand("autoencoder", "Dense networks: your own data, and the experiments");
    autoencoder.require_subcommand(1);
    add_autoencoder_train(autoencoder, options);
    add_autoencoder_apply(autoencoder, options);
    add_autoencoder_experiments(autoencoder, options);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("CA3: associative memories, spiking networks and autoencoders, on NVIDIA GPUs and on the CPU", "ca3");
    app.set_version_flag("--version", "ca3 " CA3_VERSION_STRING);
    app.fallthrough();
    app.require_subcommand(1);
    std::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is an error like any other
    ca3::cli::Options options;
    try {
        ca3::cli::add_global_options(app, options);
        add_commands(app, options);
        refuse_empty_words(argc, argv);
        app.parse(argc, argv);
    } catch (CLI::Success const& e) {  // --help and --version
        app.exit(e);
    } catch (CLI::ParseError const& e) {
        return fail(usage, std::string(e.what()) + " (ca3 --help lists the commands and options)");
    } catch (std::bad_alloc const&) {
        return fail(failure, "out of memory");
    } catch (std::exception const& e) {
        return fail(failure, e.what());
    }
    if (!std::cout.flush()) return fail(failure, "could not write to standard output");
    return success;
}
