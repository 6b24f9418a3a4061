#include "commands.hpp"
#include "report.hpp"

#include <ca3/context.hpp>
#include <ca3/version.hpp>

#include <iostream>

namespace ca3::cli {
namespace {

std::string gib(std::uint64_t bytes) {
    return fixed(static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0), 1) + " GiB";
}

void run(Options const& options) {
    DeviceList const gpus = cuda_devices();
    Context const cpu = Context::cpu({.threads = options.threads, .instruction_set = options.instruction_set});
    Context const chosen = make_context(options);
    auto json = json_header("info");
    std::string sets;
    for (auto set : supported_instruction_sets()) {
        sets += (sets.empty() ? "" : ", ") + std::string(to_string(set));
        json["instruction_sets"].push_back(to_string(set));
    }

    Table table{.columns = {"backend", "usable", "what"}};
    table.add({"reference", "yes", "plain loops, one thread"});
    table.add({"cpu", "yes",
               std::to_string(cpu.threads()) + (cpu.threads() == 1 ? " thread, " : " threads, ") +
                   std::string(to_string(cpu.instruction_set()))});
    json["backends"]["reference"] = {{"usable", true}};
    json["backends"]["cpu"] = {{"usable", true}, {"threads", cpu.threads()}, {"instruction_set", to_string(cpu.instruction_set())}};
    json["backends"]["cuda"] = {{"usable", !gpus.devices.empty()}, {"reason", gpus.reason}, {"devices", nlohmann::json::array()}};
    for (auto const& gpu : gpus.devices) {
        std::string const capability = std::to_string(gpu.compute_major) + "." + std::to_string(gpu.compute_minor);
        table.add({"cuda", "yes",
                   "device " + std::to_string(gpu.index) + ": " + gpu.name + ", compute capability " + capability + ", " +
                       std::to_string(gpu.multiprocessors) + " multiprocessors, " + gib(gpu.memory_bytes)});
        json["backends"]["cuda"]["devices"].push_back({{"index", gpu.index},
                                                       {"name", gpu.name},
                                                       {"compute_capability", capability},
                                                       {"multiprocessors", gpu.multiprocessors},
                                                       {"memory_bytes", gpu.memory_bytes},
                                                       {"l2_bytes", gpu.l2_bytes}});
    }
    if (gpus.devices.empty()) table.add({"cuda", "no", gpus.reason});
    json["chosen"] = {{"backend", to_string(chosen.backend())}, {"description", chosen.describe()}};

    if (options.prints_text()) {
        std::cout << "ca3 " CA3_VERSION_STRING "\n\n";
        print(std::cout, table);
        std::cout << "\nInstruction sets here: " << sets << "\n--backend " << options.backend << " uses: " << chosen.describe() << '\n';
    }
    write_json(options, json);
}

}  // namespace

void add_info(CLI::App& app, Options const& options) {
    auto* command = app.add_subcommand("info", "What this machine offers: backends, instruction sets, GPUs, and why not");
    command->callback([&options] { run(options); });
}

}  // namespace ca3::cli
