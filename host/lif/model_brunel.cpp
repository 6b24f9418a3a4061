#include "lif/model_networks.hpp"

namespace ca3::lif {

Network brunel(Context const& context, double g, double eta, ModelOptions const& options, NetworkOptions const& network_options) {
    constexpr double tau_ms = 20.0, threshold_mV = 20.0, delay_ms = 1.5;
    constexpr double full_weight_mV = 0.1, full_in_degree = 1000.0;  // of excitatory synapses
    auto const excitatory_in_degree = scaled(full_in_degree, options.scale, "excitatory synapses");
    auto const inhibitory_in_degree = scaled(full_in_degree / 4.0, options.scale, "inhibitory synapses");
    // J C is what stays, so the external rate at which the mean input reaches the threshold, theta / (J C_E tau) = 10 Hz, does too.
    double const weight_mV = full_weight_mV * full_in_degree / static_cast<double>(excitatory_in_degree);
    double const threshold_rate_hz = 1e3 * threshold_mV / (weight_mV * tau_ms);  // of all external synapses together

    LifParameters const neuron{.synapse = Synapse::delta,
                               .tau_m_ms = tau_ms,
                               .E_L_mV = 0.0,
                               .v_threshold_mV = threshold_mV,
                               .v_reset_mV = 10.0,
                               .refractory_ms = 2.0};
    Network network(context, network_options);
    auto const e = network.add_population("E", scaled(10000.0, options.scale, "excitatory neurons"), neuron);
    auto const i = network.add_population("I", scaled(2500.0, options.scale, "inhibitory neurons"), neuron);
    for (auto const target : {e, i}) {
        network.connect(e, target, FixedInDegree{.count = excitatory_in_degree}, {.weight = weight_mV, .delay_ms = delay_ms});
        network.connect(i, target, FixedInDegree{.count = inhibitory_in_degree}, {.weight = -g * weight_mV, .delay_ms = delay_ms});
        network.add_poisson(target, {.rate_hz = eta * threshold_rate_hz, .weight = weight_mV});
    }
    return network;
}

}  // namespace ca3::lif
