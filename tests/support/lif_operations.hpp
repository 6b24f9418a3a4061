#pragma once

#include <ca3/context.hpp>
#include <ca3/lif/neuron.hpp>

#include <cstdint>
#include <vector>

/// Runs of the operations of spiking networks on a context's memory, for comparison between backends.
namespace ca3::test {

/// Voltages, currents, rests and spikes of some steps of `count` neurons under random input, as numbers in one list.
[[nodiscard]] std::vector<double> stepped_neurons(Context const&, lif::Synapse, bool one_current, bool each_its_own, bool f64,
                                                  std::int64_t count);

/// Counts of Poisson stimuli, with watched memory around them.
[[nodiscard]] std::vector<std::int32_t> poisson_numbers(Context const&, double mean, std::int64_t first, std::int64_t count);

/// The ring after a projection was drawn and some of its sources spiked at three steps.
[[nodiscard]] std::vector<std::int32_t> delivered_sums(Context const&, std::int64_t sources, std::int64_t targets);

}  // namespace ca3::test
