// Spiking networks of the field: real-time factor, events per second, and the share of two limits that is reached.
//
// A network is built once, runs for 100 ms, and then for windows whose median counts. Before that it is checked that it fires at all, for
// the smallest ones that the reference spikes alike, and on a GPU that the CPU does. Environment: CA3_BENCH_GIB (memory that networks may
// take; 12).
#include <ca3/context.hpp>
#include <ca3/lif/models.hpp>

#include "bench/limits.hpp"
#include "bench/measure.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using ca3::Context;
using ca3::InstructionSet;
using ca3::lif::Model;
using ca3::lif::Network;

struct Case {
    Model model;
    double scale;
    double window_ms;
    int windows;
    int threads = 0;
    InstructionSet set = InstructionSet::automatic;
    ca3::lif::Drive drive = ca3::lif::Drive::poisson;
    bool cuda = false;
};

std::vector<std::int64_t> counts(Network const& network) {
    std::vector<std::int64_t> all;
    for (std::int64_t p = 0; p < network.populations(); ++p) {
        auto const mine = network.spike_counts(static_cast<ca3::lif::Population>(p));
        all.insert(all.end(), mine.begin(), mine.end());
    }
    return all;
}

/// Spikes of the first 20 ms are those of another backend.
bool agrees(Case const& c, Context const& context, Context const& expected) {
    auto ours = make_model(context, c.model, {.scale = c.scale, .drive = c.drive}, {});
    auto other = make_model(expected, c.model, {.scale = c.scale, .drive = c.drive}, {.weight_bits = ours.options().weight_bits});
    ours.run(20.0);
    other.run(20.0);
    return counts(ours) == counts(other);
}

void simulate(benchmark::State& state, Case const& c) {
    auto const context = c.cuda ? Context::cuda() : Context::cpu({.threads = c.threads, .instruction_set = c.set});
    auto network = make_model(context, c.model, {.scale = c.scale, .drive = c.drive}, {});
    network.build();
    constexpr std::int64_t small = std::int64_t{1} << 22;
    if (network.times().synapses < small && !agrees(c, context, Context::reference()))
        return state.SkipWithError("the spikes differ from the reference's");
    if (c.cuda && !agrees(c, context, Context::cpu())) return state.SkipWithError("the spikes differ from the CPU's");
    network.run(100.0);
    if (network.times().spikes == 0) return state.SkipWithError("no neuron spikes");

    auto const before = network.times();
    ca3::bench::Durations durations;
    for (auto _ : state) {
        auto const d = ca3::bench::duration_of([&] { network.run(c.window_ms); });
        durations.add(d);
        state.SetIterationTime(d.wall);
    }
    auto const after = network.times();
    double const wall = durations.median().wall, seconds = c.window_ms * 1e-3;
    double const all = after.wall_seconds - before.wall_seconds, biological = (after.biological_ms - before.biological_ms) * 1e-3;
    double const events = static_cast<double>(after.synaptic_events - before.synaptic_events) / biological;  // per biological second
    double const bytes = static_cast<double>(after.bytes_resident) / static_cast<double>(std::max<std::int64_t>(after.synapses, 1));
    state.counters["real_time_factor"] = wall / seconds;
    state.counters["update_rtf"] = (after.update_seconds - before.update_seconds) / biological;
    state.counters["stimulus_rtf"] = (after.stimulus_seconds - before.stimulus_seconds) / biological;
    state.counters["delivery_rtf"] = (after.delivery_seconds - before.delivery_seconds) / biological;
    state.counters["exchange_rtf"] = (after.exchange_seconds - before.exchange_seconds) / biological;
    state.counters["events_per_second"] = events * biological / all;
    state.counters["bytes_per_synapse"] = bytes;
    state.counters["build_seconds"] = after.build_seconds;
    state.counters["synapses"] = static_cast<double>(after.synapses);
    state.counters["neurons"] = static_cast<double>(network.neurons());
    state.counters["spikes_per_second_and_neuron"] =
        static_cast<double>(after.spikes - before.spikes) / biological / static_cast<double>(network.neurons());
    state.SetLabel(context.describe());
    state.counters["microseconds_per_step"] = wall / seconds * network.options().step_ms * 1e3;
    if (c.cuda) return;
    // Of the delivery: what the additions and the reading of synapses would take alone.
    auto const neurons_each = static_cast<std::size_t>(network.neurons() / context.threads() + 1);
    double const add_limit = events / ca3::bench::scattered_adds_per_second(context.threads(), neurons_each);
    double const read_limit =
        events * (after.weight_bits == 16 ? 4.0 : 8.0) / ca3::bench::scattered_read_bytes_per_second(context.threads(), 192);
    double const delivery = (after.delivery_seconds - before.delivery_seconds) / biological;
    state.counters["add_limit_share"] = add_limit / delivery;
    state.counters["read_limit_share"] = read_limit / delivery;
}

void add(Case const& c) {
    std::string name = "lif/" + std::string(to_string(c.model)) + (c.drive == ca3::lif::Drive::dc ? "-dc" : "") +
                       "/scale:" + std::to_string(c.scale).substr(0, c.scale < 0.1 ? 5 : 4) +
                       (c.cuda ? "/cuda" : "/threads:" + std::to_string(c.threads));
    if (c.set != InstructionSet::automatic) name += "/" + std::string(to_string(c.set));
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { simulate(state, c); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(c.windows);
}

}  // namespace

int main(int argc, char** argv) {
    int const threads = Context::cpu().threads();
    char const* const limit = std::getenv("CA3_BENCH_GIB");
    double const gibibytes = limit != nullptr ? std::atof(limit) : 12.0;
    add({Model::potjans_diesmann, 1.0, 1000.0, 11, threads});
    add({Model::potjans_diesmann, 1.0, 1000.0, 5, threads, InstructionSet::automatic, ca3::lif::Drive::dc});
    if (threads > 1) add({Model::potjans_diesmann, 1.0, 1000.0, 5, 1});
    for (int const t : {1, threads}) {
        add({Model::potjans_diesmann, 0.1, 1000.0, 11, t});
        add({Model::cuba, 1.0, 1000.0, 11, t});
        add({Model::coba, 1.0, 1000.0, 11, t});
        add({Model::brunel_b, 1.0, 500.0, 11, t});
        if (threads == 1) break;
    }
    for (double const scale : {0.1, 3.0, 5.0, 9.0}) {
        double const bytes = 1.56e7 * scale * scale * 5.0;  // 12,500 neurons with 1,250 inputs each, at scale 1
        if (bytes < gibibytes * 0x1p30) add({Model::brunel_b, scale, scale > 4.0 ? 50.0 : 200.0, 5, threads});
    }
    for (InstructionSet const set : ca3::supported_instruction_sets()) add({Model::potjans_diesmann, 0.1, 500.0, 5, threads, set});
    if (!ca3::cuda_devices().devices.empty()) {
        for (double const scale : {0.1, 1.0})
            add({.model = Model::potjans_diesmann, .scale = scale, .window_ms = 1000.0, .windows = 11, .cuda = true});
        add({.model = Model::potjans_diesmann,
             .scale = 1.0,
             .window_ms = 1000.0,
             .windows = 5,
             .drive = ca3::lif::Drive::dc,
             .cuda = true});
        for (Model const model : {Model::cuba, Model::coba, Model::brunel_a})
            add({.model = model, .scale = 1.0, .window_ms = 1000.0, .windows = 5, .cuda = true});
        for (double const scale : {1.0, 3.0, 9.0})
            add({.model = Model::brunel_b, .scale = scale, .window_ms = 200.0, .windows = 5, .cuda = true});
    }
    benchmark::AddCustomContext("ca3", Context::best().describe());
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
