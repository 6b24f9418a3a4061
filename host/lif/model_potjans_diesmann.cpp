#include <ca3/error.hpp>

#include "lif/model_networks.hpp"

#include <cmath>
#include <limits>
#include <string>

namespace ca3::lif {
namespace {

// Parameters and rules of INM-6/microcircuit-PD14-model (network_params, stimulus_params, helpers).
constexpr std::size_t populations = 8;
using PerPopulation = std::array<double, populations>;

constexpr std::array<char const*, populations> names{"L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"};
constexpr PerPopulation full_neurons{20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948};
/// [target][source]
constexpr std::array<PerPopulation, populations> probability{{{0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0},
                                                              {0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0},
                                                              {0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0},
                                                              {0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0},
                                                              {0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0},
                                                              {0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0},
                                                              {0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252},
                                                              {0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443}}};
constexpr PerPopulation external_in_degree{1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100};
constexpr double external_rate_hz = 8.0;

constexpr double C_m_pF = 250.0, tau_m_ms = 10.0, tau_syn_ms = 0.5;
/// Current whose postsynaptic potential peaks at 1 mV with these three (Hanuschkin et al. 2010, equation 5).
constexpr double pA_per_mV = 585.3899568613896;
constexpr double J_pA = 0.15 * pA_per_mV;
constexpr double g = -4.0;
constexpr double relative_weight_sd = 0.1;

constexpr double excitatory_delay_ms = 1.5, inhibitory_delay_ms = 0.75, relative_delay_sd = 0.5;

/// Initial voltages close to the stationary state ("optimized").
constexpr PerPopulation v0_mean_mV{-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43};
constexpr PerPopulation v0_sd_mV{5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48};
/// Rates of the full network, from which the lost input of a smaller one is computed.
constexpr PerPopulation full_rates_hz{0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829};

constexpr bool excitatory(std::size_t population) {
    return population % 2 == 0;
}

/// Mean weight at full scale; L4E to L23E is doubled.
constexpr double weight_pA(std::size_t target, std::size_t source) {
    if (target == 0 && source == 2) return 2.0 * J_pA;
    return excitatory(source) ? J_pA : g * J_pA;
}

Distribution weight_distribution(double mean) {
    double const none = std::numeric_limits<double>::infinity(), sd = relative_weight_sd * std::abs(mean);
    return mean > 0.0 ? Distribution::normal(mean, sd, 0.0, none) : Distribution::normal(mean, sd, -none, 0.0);
}

}  // namespace

std::array<std::array<double, 8>, 8> potjans_diesmann_synapses() {
    std::array<PerPopulation, populations> numbers{};
    for (std::size_t target = 0; target < populations; ++target) {
        for (std::size_t source = 0; source < populations; ++source) {
            // The ratio of logarithms as NEST's script takes it: log1p would make two of the numbers larger by one.
            double const pairs = full_neurons[source] * full_neurons[target];
            numbers[target][source] = std::log(1.0 - probability[target][source]) / std::log((pairs - 1.0) / pairs);
        }
    }
    return numbers;
}

std::array<double, 8> potjans_diesmann_currents_pA(ModelOptions const& options) {
    auto const synapses = potjans_diesmann_synapses();
    double const per_spike = 1e-3 * tau_syn_ms;  // mean current of one spike per second and pA
    double const lost = 1.0 - std::sqrt(options.scale);
    PerPopulation currents{};
    for (std::size_t target = 0; target < populations; ++target) {
        double const external = per_spike * external_rate_hz * external_in_degree[target] * J_pA;
        double recurrent = 0.0;
        for (std::size_t source = 0; source < populations; ++source)
            recurrent += per_spike * weight_pA(target, source) * synapses[target][source] / full_neurons[target] * full_rates_hz[source];
        currents[target] = options.drive == Drive::dc ? external + lost * recurrent : lost * (recurrent + external);
    }
    return currents;
}

Network potjans_diesmann(Context const& context, ModelOptions const& options, NetworkOptions const& network_options) {
    auto const synapses = potjans_diesmann_synapses();
    auto const currents_pA = potjans_diesmann_currents_pA(options);
    double const s = options.scale, weight_factor = 1.0 / std::sqrt(s);
    Network network(context, network_options);
    std::array<Population, populations> population{};
    for (std::size_t p = 0; p < populations; ++p) {
        LifParameters const parameters{.synapse = Synapse::exponential,
                                       .C_m_pF = C_m_pF,
                                       .tau_m_ms = tau_m_ms,
                                       .E_L_mV = -65.0,
                                       .v_threshold_mV = -50.0,
                                       .v_reset_mV = -65.0,
                                       .refractory_ms = 2.0,
                                       .tau_syn_ex_ms = tau_syn_ms,
                                       .tau_syn_in_ms = tau_syn_ms,
                                       .I_e_pA = currents_pA[p]};
        population[p] = network.add_population(names[p], scaled(full_neurons[p], s, "neurons of a population"), parameters,
                                               Distribution::normal(v0_mean_mV[p], v0_sd_mV[p]));
        if (options.drive != Drive::poisson) continue;
        network.add_poisson(population[p],
                            {.rate_hz = external_rate_hz * std::nearbyint(external_in_degree[p] * s), .weight = J_pA * weight_factor});
    }
    for (std::size_t target = 0; target < populations; ++target) {
        for (std::size_t source = 0; source < populations; ++source) {
            auto const count = static_cast<std::int64_t>(std::nearbyint(synapses[target][source] * s * s));
            if (count == 0) continue;
            double const delay = excitatory(source) ? excitatory_delay_ms : inhibitory_delay_ms;
            network.connect(population[source], population[target], FixedTotalNumber{.count = count},
                            {.weight = weight_distribution(weight_pA(target, source) * weight_factor),
                             .delay_ms = Distribution::normal(delay, relative_delay_sd * delay)});
        }
    }
    return network;
}

}  // namespace ca3::lif
