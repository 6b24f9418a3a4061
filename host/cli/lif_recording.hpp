#pragma once

#include "lif_experiments.hpp"

#include <ca3/io/npy.hpp>
#include <ca3/lif/description.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ca3::cli {

/// What the recorders of a network hold.
class Recording {
public:
    using Recorders = std::vector<lif::DescribedNetwork::Recording>;

    Recording(lif::Network const&, Recorders const&);

    /// Spikes of a population, those of several recorders once; empty when none records them.
    [[nodiscard]] std::optional<lif::SpikeTrain> const& spikes(std::size_t population) const { return spikes_[population]; }
    [[nodiscard]] bool holds_spikes() const;
    /// For a raster: the populations whose spikes are recorded.
    [[nodiscard]] std::vector<PopulationSpikes> populations(lif::Network const&) const;

    /// times_ms, steps, ids (global, by time, then id), population_offsets; trace_<k>_times_ms and trace_<k>_values (samples x neurons) for
    /// recorder number k, where it records traces.
    [[nodiscard]] std::map<std::string, io::Array> arrays(lif::Network const&) const;

private:
    std::vector<std::optional<lif::SpikeTrain>> spikes_;  ///< by population
    std::map<std::size_t, lif::Traces> traces_;           ///< by number of the recorder
};

}  // namespace ca3::cli
