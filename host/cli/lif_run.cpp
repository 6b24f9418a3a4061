#include "commands.hpp"
#include "lif_recording.hpp"
#include "progress.hpp"
#include "whole_file.hpp"

#include <ca3/error.hpp>
#include <ca3/lif/models.hpp>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>

namespace ca3::cli {
namespace {

using lif::Drive;
using lif::Precision;

struct Arguments {
    std::string network, model;
    lif::ModelOptions model_options{};
    lif::NetworkOverrides overrides{};
    double ms = 0.0;
    double presim_ms = 0.0;
    bool record = true;
    std::string result, load, save;
};

/// A network, and what is known of it.
struct Subject {
    lif::Network network;
    std::string name;  ///< of the files in OUT
    std::string title;
    nlohmann::json about;
    Recording::Recorders recorders{};
    lif::ModelReference reference{};
    std::vector<std::string> notes{};
};

Subject from_model(Context const& context, Arguments const& a) {
    auto const model = lif::model_from_name(a.model);
    auto const& o = a.model_options;
    lif::NetworkOptions options;
    options.step_ms = a.overrides.step_ms.value_or(options.step_ms);
    options.seed = a.overrides.seed.value_or(options.seed);
    options.precision = a.overrides.precision.value_or(options.precision);
    options.weight_bits = a.overrides.weight_bits.value_or(options.weight_bits);
    Subject subject{.network = lif::make_model(context, model, o, options),
                    .name = "run-" + a.model,
                    .title = a.model + ", scale " + plain(o.scale),
                    .about = {{"model", a.model}, {"scale", o.scale}}};
    if (model == lif::Model::potjans_diesmann) {
        char const* drive = o.drive == Drive::dc ? "dc" : "poisson";
        subject.about["drive"] = drive;
        subject.title += std::string(", drive ") + drive;
    }
    if (o.scale == 1.0) subject.reference = lif::reference_of(model, o.drive);
    if (o.drive == Drive::dc && o.scale < 0.2)
        subject.notes.emplace_back("below a scale of 0.2 the dc drive leaves most populations below the threshold: they may fall silent");
    return subject;
}

Subject from_file(Context const& context, Arguments const& a) {
    auto described = lif::read_network(context, a.network, a.overrides);
    std::string const file = std::filesystem::path(a.network).filename().string();
    return {.network = std::move(described.network),
            .name = "run-" + std::filesystem::path(a.network).stem().string(),  // never the name of the network's own file
            .title = file,
            .about = {{"network", a.network}},
            .recorders = std::move(described.recordings)};
}

/// Without recorders of its own the network gets one for the spikes of each population.
void add_recorders(Subject& subject, bool record) {
    if (!record || !subject.recorders.empty()) return;
    for (std::int64_t p = 0; p < subject.network.populations(); ++p) {
        lif::Population const population{static_cast<std::int32_t>(p)};
        subject.recorders.push_back({subject.network.record_spikes(population), "spikes", population});
    }
}

void simulate(Options const& options, lif::Network& network, std::string const& label, double ms) {
    constexpr std::int64_t parts = 1000;
    Progress progress(options.prints_text(), label, parts);
    std::int64_t shown = 0;
    network.run(ms, [&](double done_ms) {
        for (auto const reached = static_cast<std::int64_t>(done_ms / ms * parts); shown < reached; ++shown) progress.advance();
        return true;
    });
}

/// Of the last run alone.
lif::RunTimes since(lif::RunTimes const& before, lif::RunTimes after) {
    after.wall_seconds -= before.wall_seconds;
    after.update_seconds -= before.update_seconds;
    after.stimulus_seconds -= before.stimulus_seconds;
    after.delivery_seconds -= before.delivery_seconds;
    after.exchange_seconds -= before.exchange_seconds;
    after.biological_ms -= before.biological_ms;
    after.spikes -= before.spikes;
    after.synaptic_events -= before.synaptic_events;
    return after;
}

struct PopulationResult {
    std::string name;
    std::int64_t neurons = 0;
    std::int64_t spikes = 0;
    double rate_hz = 0.0;
    double cv_isi = 0.0;
    double cv_compared = 0.0;  ///< of the neurons that the reference's CV is of
};

/// The spikes of the neurons that have at least so many.
lif::SpikeTrain of_active(lif::SpikeTrain const& train, std::int64_t neurons, std::int64_t least) {
    std::vector<std::int64_t> counts(static_cast<std::size_t>(neurons), 0);
    for (auto const neuron : train.neurons) ++counts[static_cast<std::size_t>(neuron)];
    lif::SpikeTrain out;
    for (std::size_t k = 0; k < train.steps.size(); ++k) {
        if (counts[static_cast<std::size_t>(train.neurons[k])] < least) continue;
        out.steps.push_back(train.steps[k]);
        out.neurons.push_back(train.neurons[k]);
    }
    return out;
}

std::vector<PopulationResult> population_results(Subject const& subject, Recording const& recording, double ms) {
    auto const& network = subject.network;
    double const none = std::numeric_limits<double>::quiet_NaN();
    std::vector<PopulationResult> out;
    for (std::int64_t p = 0; p < network.populations(); ++p) {
        lif::Population const population{static_cast<std::int32_t>(p)};
        PopulationResult r{.name = network.name(population), .neurons = network.size(population)};
        for (auto const count : network.spike_counts(population)) r.spikes += count;
        r.rate_hz = 1e3 * static_cast<double>(r.spikes) / (static_cast<double>(r.neurons) * ms);
        auto const& train = recording.spikes(static_cast<std::size_t>(p));
        r.cv_isi = train ? lif::mean_cv_isi(*train, r.neurons) : none;
        r.cv_compared = train ? lif::mean_cv_isi(of_active(*train, r.neurons, subject.reference.least_spikes), r.neurons) : none;
        out.push_back(std::move(r));
    }
    return out;
}

nlohmann::json to_json(std::vector<PopulationResult> const& populations, lif::ModelReference const& reference) {
    auto out = nlohmann::json::array();
    for (auto const& r : populations) {
        std::size_t const p = out.size();
        out.push_back({{"name", r.name}, {"neurons", r.neurons}, {"spikes", r.spikes}, {"rate_hz", r.rate_hz}, {"cv_isi", r.cv_isi}});
        if (!reference.rate_hz.empty()) out[p]["reference_rate_hz"] = reference.rate_hz[p];
        if (!reference.cv_isi.empty()) out[p].update({{"cv_isi_compared", r.cv_compared}, {"reference_cv_isi", reference.cv_isi[p]}});
    }
    return out;
}

Table population_table(std::vector<PopulationResult> const& populations, lif::ModelReference const& reference) {
    Table table{.columns = {"population", "neurons", "spikes", "rate (1/s)", "CV of intervals"}};
    bool const rates = !reference.rate_hz.empty(), cvs = !reference.cv_isi.empty();
    if (rates) table.columns.emplace_back("reference rate");
    if (cvs) {
        table.columns.emplace_back("CV, " + std::to_string(reference.least_spikes) + " spikes or more");
        table.columns.emplace_back("reference CV");
    }
    for (std::size_t p = 0; p < populations.size(); ++p) {
        auto const& r = populations[p];
        std::vector<Cell> row{r.name, r.neurons, r.spikes, Cell(r.rate_hz, 3), Cell(r.cv_isi, 3)};
        if (rates) row.emplace_back(reference.rate_hz[p], 3);
        if (cvs) {
            row.emplace_back(r.cv_compared, 3);
            row.emplace_back(reference.cv_isi[p], 3);
        }
        table.add(row);
    }
    return table;
}

Table time_table(lif::RunTimes const& t) {
    Table table{.columns = {"part", "seconds", "share", "real-time factor"}};
    double const biological = t.biological_ms * 1e-3;
    auto add = [&](char const* part, double seconds) {
        table.add({part, Cell(seconds, 3), Cell(seconds / t.wall_seconds, 3), Cell(seconds / biological, 4)});
    };
    add("neuron update", t.update_seconds);
    add("stimulus", t.stimulus_seconds);
    add("delivery", t.delivery_seconds);
    add("exchange", t.exchange_seconds);
    add("all", t.wall_seconds);
    return table;
}

nlohmann::json members(Subject const& subject, lif::RunTimes const& t, Arguments const& a) {
    auto const& network = subject.network;
    auto const& o = network.options();
    nlohmann::json json = subject.about;
    json["seed"] = o.seed;
    json["backend"] = to_string(network.context().backend());
    json["instruction_set"] = to_string(network.context().instruction_set());
    json["threads"] = network.context().threads();
    json["step_ms"] = o.step_ms;
    json["precision"] = o.precision == Precision::f64 ? "f64" : "f32";
    json["weight_bits"] = t.weight_bits;
    json["neurons"] = network.neurons();
    json["synapses"] = t.synapses;
    json["build_seconds"] = t.build_seconds;
    json["wall_seconds"] = t.wall_seconds;
    json["update_seconds"] = t.update_seconds;
    json["stimulus_seconds"] = t.stimulus_seconds;
    json["delivery_seconds"] = t.delivery_seconds;
    json["exchange_seconds"] = t.exchange_seconds;
    json["presim_ms"] = a.presim_ms;
    json["biological_ms"] = t.biological_ms;
    json["real_time_factor"] = t.real_time_factor();
    json["bytes_resident"] = t.bytes_resident;
    json["spikes"] = t.spikes;
    json["synaptic_events"] = t.synaptic_events;
    return json;
}

std::string built_text(lif::Network const& network, lif::RunTimes const& t) {
    return std::to_string(network.neurons()) + " neurons, " + std::to_string(t.synapses) + " synapses with weights of " +
           std::to_string(t.weight_bits) + " bits, " + fixed(static_cast<double>(t.bytes_resident) / (1024.0 * 1024.0), 1) +
           " MiB, built in " + fixed(t.build_seconds, 2) + " s; steps of " + plain(network.options().step_ms) + " ms, state in " +
           (network.options().precision == Precision::f64 ? "f64" : "f32");
}

nlohmann::json run(Environment const& environment, Arguments const& a) {
    Subject subject = a.model.empty() ? from_file(environment.context, a) : from_model(environment.context, a);
    auto& network = subject.network;
    Options options = environment.options;
    options.seed = network.options().seed;  // the file's, where it has one
    Environment const own{.options = options, .context = environment.context, .part_of_tour = true};
    for (auto const& file : {a.result, a.save, options.json}) check_can_write(file);
    add_recorders(subject, a.record);
    network.build();
    if (!a.load.empty()) network.load(a.load);
    Report report(own, subject.name, "N6", subject.title);
    for (auto const& note : subject.notes) report.line(note);
    report.line(built_text(network, network.times()));
    if (a.presim_ms > 0.0) simulate(options, network, "settling", a.presim_ms);
    network.reset_spike_counts();
    network.clear_recordings();
    double const begin_ms = network.time_ms();
    auto const before = network.times();
    simulate(options, network, "running", a.ms);
    auto const times = since(before, network.times());
    if (!a.save.empty()) network.save(a.save);

    Recording const recording(network, subject.recorders);
    if (!a.result.empty()) io::write_npz(a.result, recording.arrays(network));
    auto const populations = population_results(subject, recording, a.ms);
    report.table("populations", plain(a.ms) + " ms from " + plain(begin_ms) + " ms on", population_table(populations, subject.reference));
    if (!subject.reference.rate_hz.empty()) report.line("reference: " + std::string(subject.reference.source));
    report.table("times", "Real-time factor " + fixed(times.real_time_factor(), 4) + ": seconds for each second of the network",
                 time_table(times));
    report.line(std::to_string(times.spikes) + " spikes, " + std::to_string(times.synaptic_events) + " synaptic events, " +
                plain(static_cast<double>(times.synaptic_events) / times.wall_seconds) + " events per second");
    if (recording.holds_spikes()) {
        auto const spikes = recording.populations(network);
        double const to = network.time_ms(), from = std::max(begin_ms, to - shown_ms(spikes, a.ms)), step = network.options().step_ms;
        report.figure(subject.name, {raster_panel(spikes, step, from, to), rate_panel(spikes, step, from, to)});
    }
    for (auto const* file : {&a.result, &a.save})
        if (!file->empty()) report.line("written to " + *file);
    auto json = members(subject, times, a);
    json["populations"] = to_json(populations, subject.reference);
    return finish_lif(report, options, subject.name, "run", json);
}

}  // namespace

void add_lif_run(CLI::App& lif, Options const& options) {
    auto* command = lif.add_subcommand("run", "N6: run a network described in JSON, or one of the field's");
    auto a = std::make_shared<Arguments>();
    std::vector<std::string> models;
    for (auto const model : lif::all_models()) models.emplace_back(lif::to_string(model));
    auto* network = command->add_option("network", a->network, "A network (see README, Networks as JSON)")->type_name("NETWORK.json");
    auto* model = command->add_option("--model", a->model, "A published network")->check(CLI::IsMember(models))->excludes(network);
    command->add_option("--scale", a->model_options.scale, "Size of the model, 1: as published")
        ->check(positive_number())
        ->needs(model)
        ->capture_default_str();
    add_choice(*command, "--drive", a->model_options.drive, {{"poisson", Drive::poisson}, {"dc", Drive::dc}},
               "Background input of potjans-diesmann (default: poisson)")
        ->needs(model);
    command->add_option("--ms", a->ms, "Time to run, a multiple of the step")->check(positive_number())->required();
    command->add_option("--presim-ms", a->presim_ms, "Time to run before it that is left out of all results")->check(number_from_zero());
    command->add_option("--step-ms", a->overrides.step_ms, "Time step (default: the file's, else 0.1)")->check(positive_number());
    add_choice(*command, "--precision", a->overrides.precision,
               {{"f32", std::optional(Precision::f32)}, {"f64", std::optional(Precision::f64)}},
               "Of the neurons' state (default: the file's, else f32)");
    command->add_option("--weight-bits", a->overrides.weight_bits, "16 or 32; 0: chosen by size and rounding")
        ->check(CLI::IsMember({0, 16, 32}));
    auto* no_record = command->add_flag("!--no-record", a->record, "Record nothing but what NETWORK.json asks for");
    command->add_option("--result", a->result, "times_ms, steps, ids, population_offsets of all spikes recorded; traces")
        ->type_name("R.npz")
        ->excludes(no_record);
    command->add_option("--load", a->load, "Go on from this checkpoint of the same network")->type_name("CHECKPOINT");
    command->add_option("--save", a->save, "Write a checkpoint at the end")->type_name("CHECKPOINT");
    command->callback([&options, a, command] {
        if (a->network.empty() && a->model.empty()) throw CLI::ValidationError("lif run", "give NETWORK.json or --model");
        // Asked for, not left at its default: then it comes before the file's.
        if (command->get_parent()->get_parent()->get_option("--seed")->count() > 0 || !a->model.empty()) a->overrides.seed = options.seed;
        run_lif_command(options, run, *a);
    });
}

}  // namespace ca3::cli
