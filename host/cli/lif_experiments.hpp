#pragma once

#include "report.hpp"

#include <ca3/lif/network.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

/// The experiments with spiking neurons, each as a function of its options, and what they share.
namespace ca3::cli {

struct LifTraceOptions {
    std::vector<double> v_in{0.8, 1.5};
    double tau_m_ms = 20.0;
    double refractory_ms = 2.0;
    double on_ms = 20.0;
    double off_ms = 150.0;
    double ms = 200.0;
    std::vector<double> steps_ms{0.1, 0.5, 1.0, 2.0};  ///< the figure shows the longest
};
nlohmann::json run_lif_trace(Environment const&, LifTraceOptions const&);

struct FiCurveOptions {
    double tau_m_ms = 20.0;
    double refractory_ms = 2.0;
    double most = 5.0;  ///< v_in = 0 ... most
    std::int64_t points = 51;
    double step_ms = 0.1;
    double ms = 5000.0;
};
nlohmann::json run_fi_curve(Environment const&, FiCurveOptions const&);

struct PscOptions {
    double tau_s_ms = 5.0;
    double rate_hz = 40.0;  ///< of the train that is filtered
    double step_ms = 0.1;
    double ms = 300.0;
};
nlohmann::json run_psc(Environment const&, PscOptions const&);

struct PopulationsOptions {
    std::int64_t sources = 60;    ///< N
    std::int64_t targets = 40;    ///< M
    std::string weights;          ///< NPY file, M x N; empty: drawn
    double mean_weight_ms = 0.5;  ///< of the normal distribution that they are drawn from
    double sd_weight_ms = 1.0;
    double v_in_low = 1.05;  ///< inputs of X, evenly spaced
    double v_in_high = 2.5;
    double tau_m_ms = 20.0;
    double refractory_ms = 2.0;
    double tau_s_ms = 10.0;
    double step_ms = 0.1;
    double ms = 1000.0;
};
nlohmann::json run_populations(Environment const&, PopulationsOptions const&);

struct HodgkinHuxleyOptions {
    std::vector<double> currents_nA{-0.1, 0.1, 0.6};
    double area_cm2 = 1e-5;
    double phase_ms = 200.0;  ///< of each current; as long without one before the first
    double step_ms = 0.025;
};
nlohmann::json run_hodgkin_huxley(Environment const&, HodgkinHuxleyOptions const&);

// ---- shared ----------------------------------------------------------------------------------------------------------

/// As a callback of CLI::App: runs an experiment, then writes the file of --json.
template <class Run, class ExperimentOptions>
void run_lif_command(Options const& options, Run&& run, ExperimentOptions const& experiment) {
    write_json(options, run(Environment{.options = options, .context = make_context(options), .part_of_tour = true}, experiment));
}

/// Report::finish for a report called `name` of a command "lif <command>": its JSON, with `members` added at the top, also as
/// OUT/<name>.json.
nlohmann::json finish_lif(Report&, Options const&, std::string const& name, std::string const& command,
                          nlohmann::json const& members = nlohmann::json::object());

/// "1.2e-15" in the text, the number in the JSON.
[[nodiscard]] Cell scientific(double x);
/// "%g"
[[nodiscard]] std::string plain(double x);

/// Time constants and the like of an option must be numbers above 0, which "nan" and "inf" are not.
[[nodiscard]] CLI::Validator positive_number();
[[nodiscard]] CLI::Validator number_from_zero();
[[nodiscard]] CLI::Validator share();  ///< from 0 to 1

/// Mean rate between the first and the last spike (1/s); 0 for fewer than two. @param steps of one neuron's spikes, rising
[[nodiscard]] double regular_rate_hz(std::vector<std::int64_t> const& steps, double step_ms);
/// Steps of each neuron's spikes.
[[nodiscard]] std::vector<std::vector<std::int64_t>> by_neuron(lif::SpikeTrain const&, std::int64_t neurons);
/// Column of traces, samples x neurons.
[[nodiscard]] std::vector<double> column(lif::Traces const&, std::size_t neuron);

/// Time from reset to threshold in normal form, tau_m ln(v_in / (v_in - 1)); infinite for v_in <= 1.
[[nodiscard]] double time_to_threshold_ms(double v_in, double tau_m_ms);

/// Spikes of one population for a raster.
struct PopulationSpikes {
    std::string name;
    std::int64_t neurons = 0;
    lif::SpikeTrain train{};
};

/// Length of the last part of a run to be shown: the longest of 500, 200, 100 and 50 ms in which the neurons spike at most 12 times in the
/// mean. @param ms that the spikes were recorded for
[[nodiscard]] double shown_ms(std::vector<PopulationSpikes> const&, double ms);
/// A tick for each spike with from < time <= to; populations from the top down. Of many spikes those of one neuron in k are shown.
[[nodiscard]] Panel raster_panel(std::vector<PopulationSpikes> const&, double step_ms, double from_ms, double to_ms);
/// Rates by population in a hundred bins.
[[nodiscard]] Panel rate_panel(std::vector<PopulationSpikes> const&, double step_ms, double from_ms, double to_ms);

}  // namespace ca3::cli
