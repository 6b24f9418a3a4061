#pragma once

#include <ca3/lif/description.hpp>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What a description says, before a network is made of it: the calls of Network's functions, each with its place in the text.
namespace ca3::lif::description {

struct PoissonSource {
    Value rate_hz = 0.0;
    double start_ms = 0.0;
    double stop_ms = forever;
};
struct SpikeSource {
    std::vector<std::vector<double>> times_ms;
};

/// Populations are numbered in the order of the text.
struct PopulationEntry {
    std::string path;
    std::string name;
    std::int64_t neurons = 0;
    std::variant<LifParameters, HodgkinHuxleyParameters, PoissonSource, SpikeSource> model{};
    Distribution initial_v_mV = std::numeric_limits<double>::quiet_NaN();
};
struct ProjectionEntry {
    std::string path;
    std::size_t source = 0;
    std::size_t target = 0;
    Rule rule{};
    SynapseParameters synapse{};
};
struct StimulusEntry {
    std::string path;
    std::size_t population = 0;
    std::variant<PoissonStimulus, StepCurrent, CurrentArray> stimulus{};
};
struct RecorderEntry {
    std::string path;
    std::size_t population = 0;
    std::string kind;
    std::variant<RecordSpikes, RecordTraces> recorder{};
};

struct Description {
    NetworkOptions options{};
    std::vector<PopulationEntry> populations{};
    std::vector<ProjectionEntry> projections{};
    std::vector<StimulusEntry> stimuli{};
    std::vector<RecorderEntry> recorders{};
};

/// Its memory is a small multiple of the text's. @throws as parse_network, save for what Network would throw
[[nodiscard]] Description read_description(std::string_view json, std::string const& name, NetworkOverrides const& = {});

}  // namespace ca3::lif::description
