#include <ca3/lif/description.hpp>

#include <ca3/error.hpp>

#include "io/source.hpp"
#include "lif/description_entries.hpp"

#include <utility>

namespace ca3::lif {
namespace {

using namespace description;

/// What `make` returns; what it throws gets the place in front.
template <class Make>
auto at(std::string const& place, Make&& make) {
    try {
        return make();
    } catch (InvalidArgument const& error) {
        throw InvalidArgument(place + ": " + error.what());
    } catch (Overflow const& error) {
        throw Overflow(place + ": " + error.what());
    } catch (OutOfMemory const& error) {
        throw OutOfMemory(place, error.requested_bytes, error.free_bytes);
    }
}

Population add(Network& network, PopulationEntry&& entry) {
    if (auto const* source = std::get_if<PoissonSource>(&entry.model))
        return network.add_poisson_source(std::move(entry.name), entry.neurons, source->rate_hz, source->start_ms, source->stop_ms);
    if (auto const* source = std::get_if<SpikeSource>(&entry.model))
        return network.add_spike_source(std::move(entry.name), source->times_ms);
    if (auto* neuron = std::get_if<HodgkinHuxleyParameters>(&entry.model))
        return network.add_population(std::move(entry.name), entry.neurons, *neuron, std::move(entry.initial_v_mV));
    return network.add_population(std::move(entry.name), entry.neurons, std::get<LifParameters>(std::move(entry.model)),
                                  std::move(entry.initial_v_mV));
}

Stimulus add(Network& network, Population population, StimulusEntry&& entry) {
    if (auto const* poisson = std::get_if<PoissonStimulus>(&entry.stimulus)) return network.add_poisson(population, *poisson);
    if (auto const* step = std::get_if<StepCurrent>(&entry.stimulus)) return network.add_current(population, *step);
    return network.add_current(population, std::get<CurrentArray>(std::move(entry.stimulus)));
}

Recorder add(Network& network, Population population, RecorderEntry&& entry) {
    if (auto* traces = std::get_if<RecordTraces>(&entry.recorder)) return network.record_traces(population, std::move(*traces));
    return network.record_spikes(population, std::get<RecordSpikes>(entry.recorder));
}

}  // namespace

DescribedNetwork parse_network(Context const& context, std::string_view json, std::string const& name, NetworkOverrides overrides) {
    Description content = read_description(json, name, overrides);
    std::string const root = name + ": ";
    DescribedNetwork out{.network = at(root + "$", [&] { return Network(context, content.options); })};
    std::vector<Population> populations;
    for (PopulationEntry& entry : content.populations)
        populations.push_back(at(root + entry.path, [&] { return add(out.network, std::move(entry)); }));
    for (ProjectionEntry& entry : content.projections) {
        at(root + entry.path, [&] {
            return out.network.connect(populations[entry.source], populations[entry.target], std::move(entry.rule),
                                       std::move(entry.synapse));
        });
    }
    for (StimulusEntry& entry : content.stimuli)
        at(root + entry.path, [&] { return add(out.network, populations[entry.population], std::move(entry)); });
    for (RecorderEntry& entry : content.recorders) {
        Population const population = populations[entry.population];
        std::string kind = entry.kind;
        Recorder const recorder = at(root + entry.path, [&] { return add(out.network, population, std::move(entry)); });
        out.recordings.push_back({recorder, std::move(kind), population});
    }
    return out;
}

DescribedNetwork read_network(Context const& context, std::string const& path, NetworkOverrides overrides) {
    auto const source = io::open_file(path);
    std::string text(source->size(), '\0');
    source->read(0, std::as_writable_bytes(std::span(text)));
    return parse_network(context, text, path, overrides);
}

}  // namespace ca3::lif
