#include "commands.hpp"
#include "report.hpp"
#include "sign_array.hpp"

#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>
#include <ca3/io/npy.hpp>

#include <chrono>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>

namespace ca3::cli {
namespace {

using hopfield::Memory;
using hopfield::Status;
using hopfield::Tie;
using hopfield::Update;

struct Arguments {
    std::string memory, cues, clamp, result;
    bool binary = false;
    bool zero_unknown = false;
    hopfield::RecallOptions recall;
};

/// An array whose element k is value(k).
template <class T, class F>
io::Array array_of(io::DType dtype, std::vector<std::int64_t> shape, F&& value) {
    io::Array array{.dtype = dtype, .shape = std::move(shape), .data = {}};
    array.data.resize(static_cast<std::size_t>(array.size()) * sizeof(T));
    for (std::int64_t k = 0; k < array.size(); ++k) {
        T const element = value(static_cast<std::size_t>(k));
        std::memcpy(array.data.data() + static_cast<std::size_t>(k) * sizeof(T), &element, sizeof(T));
    }
    return array;
}

std::map<std::string, io::Array> to_arrays(hopfield::Recall const& recall, std::int64_t patterns) {
    auto const& r = recall.results;
    std::int64_t const batch = recall.batch, points = static_cast<std::int64_t>(recall.trace.size());
    std::map<std::string, io::Array> out;
    out["states"] = array_of<std::int8_t>(io::DType::i8, {batch, recall.neurons}, [&](auto k) { return recall.states[k]; });
    out["status"] = array_of<std::int8_t>(io::DType::i8, {batch}, [&](auto k) { return static_cast<std::int8_t>(r[k].status); });
    out["sweeps"] = array_of<std::int32_t>(io::DType::i32, {batch}, [&](auto k) { return r[k].sweeps; });
    out["flips"] = array_of<std::int64_t>(io::DType::i64, {batch}, [&](auto k) { return r[k].flips; });
    out["energy"] = array_of<double>(io::DType::f64, {batch}, [&](auto k) { return r[k].energy; });
    out["nearest"] = array_of<std::int32_t>(io::DType::i32, {batch}, [&](auto k) { return r[k].nearest; });
    out["overlap"] = array_of<std::int32_t>(io::DType::i32, {batch}, [&](auto k) { return r[k].overlap; });
    if (points == 0) return out;
    auto const b = static_cast<std::size_t>(batch), bp = b * static_cast<std::size_t>(patterns);
    out["trace_energy"] = array_of<double>(io::DType::f64, {points, batch}, [&](auto k) { return recall.trace[k / b].energy[k % b]; });
    out["trace_overlap"] =
        array_of<std::int32_t>(io::DType::i32, {points, batch, patterns}, [&](auto k) { return recall.trace[k / bp].overlap[k % bp]; });
    return out;
}

void summarise(Options const& options, Arguments const& a, Memory const& memory, hopfield::Recall const& recall, double seconds) {
    std::map<Status, std::int64_t> count;
    std::int64_t exact = 0, sweeps = 0;
    for (auto const& r : recall.results) {
        ++count[r.status];
        exact += r.spurious ? 0 : 1;
        sweeps += r.sweeps;
    }
    if (options.prints_text()) {
        Table table{
            .columns = {"cues", "fixed point", "two-cycle", "sweep limit", "a stored pattern", "spurious", "sweeps, mean", "seconds"}};
        double const mean = recall.batch == 0 ? 0.0 : static_cast<double>(sweeps) / static_cast<double>(recall.batch);
        table.add({recall.batch, count[Status::fixed_point], count[Status::two_cycle], count[Status::sweep_limit], exact,
                   recall.batch - exact, Cell(mean, 2), Cell(seconds, 3)});
        std::cout << memory.patterns() << " patterns of " << memory.neurons() << " neurons, " << memory.context().describe() << '\n';
        print(std::cout, table);
        std::cout << "written to " << a.result << '\n';
    }
    auto json = json_header("hopfield recall");
    json["seed"] = options.seed;
    json["cues"] = recall.batch;
    json["neurons"] = recall.neurons;
    json["patterns"] = memory.patterns();
    json["fixed_points"] = count[Status::fixed_point];
    json["two_cycles"] = count[Status::two_cycle];
    json["sweep_limits"] = count[Status::sweep_limit];
    json["recalled_exactly"] = exact;
    json["sweeps"] = sweeps;
    json["form"] = recall.form;
    json["seconds"] = seconds;
    write_json(options, json);
}

void run(Options const& options, Arguments const& a) {
    Memory const memory = Memory::load(make_context(options), a.memory);
    auto const cues =
        to_signs(io::read_npy(a.cues), {.name = a.cues, .binary = a.binary, .zero_allowed = true, .zero_unknown = a.zero_unknown});
    if (cues.cols != memory.neurons())
        throw InvalidArgument(a.cues + ": the cues have " + std::to_string(cues.cols) + " elements each, the memory has " +
                              std::to_string(memory.neurons()) + " neurons");
    hopfield::RecallOptions recall_options = a.recall;
    recall_options.seed = options.seed;
    SignArray mask;
    std::vector<std::uint8_t> clamp;
    if (!a.clamp.empty()) {
        mask = to_mask(io::read_npy(a.clamp), a.clamp);
        if (mask.cols != cues.cols || (mask.rows != 1 && mask.rows != cues.rows))
            throw InvalidArgument(a.clamp + ": expected 1 or " + std::to_string(cues.rows) + " rows of " + std::to_string(cues.cols) +
                                  ", it has " + std::to_string(mask.rows) + " of " + std::to_string(mask.cols));
        clamp.assign(mask.values.begin(), mask.values.end());
        recall_options.clamp = {clamp.data(), mask.rows, mask.cols};
    }
    auto const begin = std::chrono::steady_clock::now();
    auto const recall = memory.recall(cues.view(), recall_options);
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - begin;
    io::write_npz(a.result, to_arrays(recall, memory.patterns()));
    summarise(options, a, memory, recall, seconds.count());
}

}  // namespace

void add_hopfield_recall(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("recall", "Relax the cues of an NPY file in a memory");
    auto a = std::make_shared<Arguments>();
    auto& r = a->recall;
    command->add_option("--memory", a->memory, "A memory made by ca3 hopfield store")->type_name("M.safetensors")->required();
    command->add_option("--cues", a->cues, "B x d (or N x H x W) of -1, +1 and, where unknown, 0")->type_name("C.npy")->required();
    command->add_option("--result", a->result, "states, status, sweeps, flips, energy, nearest, overlap")->type_name("R.npz")->required();
    command->add_flag("--binary", a->binary, "The cues hold 0 and 1: 0 becomes -1");
    command->add_flag("--zero-unknown", a->zero_unknown, "0 means unknown even in cues without a single -1");
    add_choice(
        *command, "--update", r.update,
        {{"sync", Update::synchronous}, {"async", Update::asynchronous}, {"shared", Update::shared}, {"sequential", Update::sequential}},
        "All neurons at once (default), or one by one: in a random order of each state's own, in one shared by all, in index order");
    add_choice(*command, "--tie", r.tie, {{"keep", Tie::keep}, {"plus", Tie::plus}, {"minus", Tie::minus}, {"zero", Tie::zero}},
               "What a neuron becomes whose field is 0 (default: keep)");
    command->add_option("--max-sweeps", r.max_sweeps, "Sweeps after which a state is given up")->capture_default_str();
    command->add_option("--temperature", r.temperature, "Glauber dynamics at this temperature; 0: none")->capture_default_str();
    command->add_option("--clamp", a->clamp, "d or B x d, nonzero: the neuron keeps its cue")->type_name("K.npy");
    command->add_flag("--trace", r.trace,
                      "Also write trace_energy (T x B) and trace_overlap (T x B x P): before the first and after every sweep");
    command->callback([&options, a] { run(options, *a); });
}

}  // namespace ca3::cli
