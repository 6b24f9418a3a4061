#include "options.hpp"

#include <charconv>

namespace ca3::cli {

CLI::Validator whole_number(std::uint64_t least) {
    auto const wanted = "whole number from " + std::to_string(least) + " on";
    return {[least, wanted](std::string const& text) {
                std::uint64_t n = 0;
                auto const* const end = text.data() + text.size();
                auto const [stop, error] = std::from_chars(text.data(), end, n);
                bool const plain = error == std::errc() && stop == end && (text[0] != '0' || text.size() == 1);
                return plain && n >= least ? std::string() : "'" + text + "' is not a " + wanted;
            },
            "FROM " + std::to_string(least)};
}

void add_global_options(CLI::App& app, Options& o) {
    std::vector<std::pair<std::string, InstructionSet>> sets{{"automatic", InstructionSet::automatic}};
    for (auto set : {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512_vnni, InstructionSet::avx512_vpopcntdq})
        sets.emplace_back(to_string(set), set);

    auto add = [&](auto* option) { return option->group("Global options (before or after the command)"); };
    add(app.add_option("--backend", o.backend, "auto: a usable GPU, else the CPU"))
        ->check(CLI::IsMember({"auto", "reference", "cpu", "cuda"}))
        ->capture_default_str();
    add(app.add_option("--threads", o.threads, "Threads of the CPU backend; 0: one per core"))->check(whole_number(0));
    add(add_choice(app, "--instruction-set", o.instruction_set, sets, "Instruction set of the CPU backend"));
    add(app.add_option("--device", o.device, "Number of the GPU"))->check(whole_number(0));
    add(app.add_option("--seed", o.seed, "Seed of everything random"))->check(whole_number(0))->capture_default_str();
    add(app.add_option(
            "--data", o.data,
            "Folder with the four MNIST files, plain or .gz (ca3 autoencoder train, encode and the like: or samples in X.npy); without "
            "it synthetic digits are used"))
        ->type_name("DIR");
    add(app.add_option("--out", o.out, "Folder for figures and tables"))->type_name("DIR")->capture_default_str();
    add(app.add_option("--json", o.json, "Write the results to this file; -: to standard output, in place of the text"))->type_name("FILE");
    add(app.add_flag("--quiet", o.quiet, "Print nothing but errors"));
}

Context make_context(Options const& o) {
    CpuOptions const cpu{.threads = o.threads, .instruction_set = o.instruction_set};
    if (o.backend == "reference") return Context::reference();
    if (o.backend == "cpu") return Context::cpu(cpu);
    if (o.backend == "cuda") return Context::cuda({.device = o.device, .stream = {}});
    return cuda_devices().devices.empty() ? Context::cpu(cpu) : Context::cuda({.device = o.device, .stream = {}});
}

}  // namespace ca3::cli
