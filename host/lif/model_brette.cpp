#include "lif/model_networks.hpp"

#include <algorithm>

namespace ca3::lif {
namespace {

// pynest/examples/brette_et_al_2007/{cuba,coba}.py of NEST.
constexpr double full_excitatory = 3200.0, full_inhibitory = 800.0;
constexpr std::int64_t excitatory_in_degree = 64, inhibitory_in_degree = 16;
constexpr double stimulus_rate_hz = 300.0, stimulus_start_ms = 1.0, stimulus_stop_ms = 51.0;
constexpr std::int64_t stimulated_neurons = 50;
constexpr double delay_ms = 0.1;

struct Variant {
    LifParameters neuron;
    Distribution initial_v_mV;
    double excitatory_weight;
    double inhibitory_weight;
};

Variant cuba() {
    return {.neuron = {.synapse = Synapse::exponential,
                       .C_m_pF = 200.0,
                       .tau_m_ms = 20.0,
                       .E_L_mV = -49.0,
                       .v_threshold_mV = -50.0,
                       .v_reset_mV = -60.0,
                       .refractory_ms = 5.0,
                       .tau_syn_ex_ms = 5.0,
                       .tau_syn_in_ms = 10.0},
            .initial_v_mV = -49.0,  // above the threshold: everything spikes in the first step
            .excitatory_weight = 16.2,
            .inhibitory_weight = -139.5};
}

Variant coba() {
    return {.neuron = {.synapse = Synapse::conductance,
                       .C_m_pF = 200.0,
                       .tau_m_ms = 20.0,  // leak of 10 nS
                       .E_L_mV = -60.0,
                       .v_threshold_mV = -50.0,
                       .v_reset_mV = -60.0,
                       .refractory_ms = 5.0,
                       .tau_syn_ex_ms = 5.0,
                       .tau_syn_in_ms = 10.0,
                       .E_ex_mV = 0.0,
                       .E_in_mV = -80.0},
            .initial_v_mV = -60.0,
            .excitatory_weight = 6.0,
            .inhibitory_weight = -67.0};
}

}  // namespace

Network brette(Context const& context, Synapse synapse, ModelOptions const& options, NetworkOptions const& network_options) {
    Variant const variant = synapse == Synapse::conductance ? coba() : cuba();
    Network network(context, network_options);
    auto const excitatory = scaled(full_excitatory, options.scale, "excitatory neurons");
    auto const inhibitory = scaled(full_inhibitory, options.scale, "inhibitory neurons");
    auto const e = network.add_population("E", excitatory, variant.neuron, variant.initial_v_mV);
    auto const i = network.add_population("I", inhibitory, variant.neuron, variant.initial_v_mV);
    double const delay = std::max(delay_ms, network_options.step_ms);
    for (auto const target : {e, i}) {
        network.connect(e, target, FixedInDegree{.count = excitatory_in_degree}, {.weight = variant.excitatory_weight, .delay_ms = delay});
        network.connect(i, target, FixedInDegree{.count = inhibitory_in_degree}, {.weight = variant.inhibitory_weight, .delay_ms = delay});
    }
    network.add_poisson(e, {.rate_hz = stimulus_rate_hz,
                            .weight = variant.excitatory_weight,
                            .start_ms = stimulus_start_ms,
                            .stop_ms = stimulus_stop_ms,
                            .neurons = {.first = 0, .count = std::min(stimulated_neurons, excitatory)}});
    return network;
}

}  // namespace ca3::lif
