#include "lif_recording.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ca3::cli {
namespace {

using Spike = std::pair<std::int64_t, std::int64_t>;  ///< step, neuron

std::vector<Spike> pairs(lif::SpikeTrain const& train, std::int64_t first_neuron) {
    std::vector<Spike> out;
    out.reserve(train.steps.size());
    for (std::size_t k = 0; k < train.steps.size(); ++k) out.emplace_back(train.steps[k], first_neuron + train.neurons[k]);
    return out;
}

/// The spikes of both, each once.
lif::SpikeTrain united(lif::SpikeTrain const& a, lif::SpikeTrain const& b) {
    std::vector<Spike> all;
    auto const left = pairs(a, 0), right = pairs(b, 0);
    std::set_union(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(all));
    lif::SpikeTrain out;
    for (auto const& [step, neuron] : all) out.steps.push_back(step), out.neurons.push_back(neuron);
    return out;
}

template <class T>
io::Array array_of(io::DType dtype, std::vector<std::int64_t> shape, std::vector<T> const& values) {
    io::Array array{.dtype = dtype, .shape = std::move(shape), .data = {}};
    array.data.resize(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(array.data.data(), values.data(), array.data.size());
    return array;
}

template <class T>
io::Array vector_of(io::DType dtype, std::vector<T> const& values) {
    return array_of(dtype, {static_cast<std::int64_t>(values.size())}, values);
}

lif::Population population_at(std::size_t number) {
    return lif::Population{static_cast<std::int32_t>(number)};
}

}  // namespace

Recording::Recording(lif::Network const& network, Recorders const& recorders) : spikes_(static_cast<std::size_t>(network.populations())) {
    for (std::size_t k = 0; k < recorders.size(); ++k) {
        auto const& r = recorders[k];
        if (r.kind != "spikes") {
            traces_[k] = network.traces(r.recorder);
            continue;
        }
        auto& held = spikes_[static_cast<std::size_t>(r.population)];
        auto train = network.spikes(r.recorder);
        held = held ? united(*held, train) : std::move(train);
    }
}

bool Recording::holds_spikes() const {
    return std::ranges::any_of(spikes_, [](auto const& train) { return train.has_value(); });
}

std::vector<PopulationSpikes> Recording::populations(lif::Network const& network) const {
    std::vector<PopulationSpikes> out;
    for (std::size_t p = 0; p < spikes_.size(); ++p)
        if (spikes_[p]) out.push_back({network.name(population_at(p)), network.size(population_at(p)), *spikes_[p]});
    return out;
}

std::map<std::string, io::Array> Recording::arrays(lif::Network const& network) const {
    std::vector<Spike> all;
    std::vector<std::int64_t> offsets;
    for (std::size_t p = 0; p < spikes_.size(); ++p) {
        auto const first = network.first_neuron(population_at(p));
        offsets.push_back(first);
        if (!spikes_[p]) continue;
        auto const spikes = pairs(*spikes_[p], first);
        all.insert(all.end(), spikes.begin(), spikes.end());
    }
    offsets.push_back(network.neurons());
    std::ranges::sort(all);
    std::vector<double> times;
    std::vector<std::int64_t> steps, ids;
    for (auto const& [step, id] : all) {
        times.push_back(static_cast<double>(step) * network.options().step_ms);
        steps.push_back(step);
        ids.push_back(id);
    }
    std::map<std::string, io::Array> out{{"times_ms", vector_of(io::DType::f64, times)},
                                         {"steps", vector_of(io::DType::i64, steps)},
                                         {"ids", vector_of(io::DType::i64, ids)},
                                         {"population_offsets", vector_of(io::DType::i64, offsets)}};
    for (auto const& [k, traces] : traces_) {
        auto const samples = static_cast<std::int64_t>(traces.times_ms.size());
        auto const neurons = samples == 0 ? 0 : static_cast<std::int64_t>(traces.values.size()) / samples;
        std::string const name = "trace_" + std::to_string(k);
        out[name + "_times_ms"] = vector_of(io::DType::f64, traces.times_ms);
        out[name + "_values"] = array_of(io::DType::f64, {samples, neurons}, traces.values);
    }
    return out;
}

}  // namespace ca3::cli
