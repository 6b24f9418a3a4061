#pragma once

#include <ca3/lif/models.hpp>

#include <array>
#include <cstdint>

/// The published networks, each in a file of its own; `make_model` chooses.
namespace ca3::lif {

[[nodiscard]] Network potjans_diesmann(Context const&, ModelOptions const&, NetworkOptions const&);
/// @param synapse exponential: CUBA; conductance: COBA
[[nodiscard]] Network brette(Context const&, Synapse synapse, ModelOptions const&, NetworkOptions const&);
/// @param g   inhibitory over excitatory weight  @param eta external rate in units of the rate that reaches the threshold
[[nodiscard]] Network brunel(Context const&, double g, double eta, ModelOptions const&, NetworkOptions const&);

/// `full` times `factor`, rounded. @throws InvalidArgument when nothing is left of it, or it leaves 32 bits
[[nodiscard]] std::int64_t scaled(double full, double factor, char const* what);

/// Numbers of synapses of the full microcircuit before they are rounded, [target][source]:
/// K = ln(1 - C) / ln((N_pre N_post - 1) / (N_pre N_post)), the number of draws with replacement that connects a pair with probability C.
[[nodiscard]] std::array<std::array<double, 8>, 8> potjans_diesmann_synapses();
/// Constant current into each population: in place of the Poisson trains, and of the mean input that scaled weights lose (as in
/// adjust_weights_and_input_to_synapse_scaling of the script, with the rates of the full network).
[[nodiscard]] std::array<double, 8> potjans_diesmann_currents_pA(ModelOptions const&);

}  // namespace ca3::lif
