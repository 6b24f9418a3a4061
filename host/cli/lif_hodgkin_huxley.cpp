#include "commands.hpp"
#include "lif_experiments.hpp"

#include <ca3/error.hpp>
#include <ca3/lif/network.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

namespace ca3::cli {
namespace {

using lif::HodgkinHuxleyParameters;

constexpr double uF_per_cm2 = 1.0;
/// Where a rise of the voltage counts as a spike: strong currents leave little of its height.
constexpr double spike_mV = -30.0;

HodgkinHuxleyParameters neuron_of(double area_cm2) {
    HodgkinHuxleyParameters p;
    double const factor = area_cm2 * uF_per_cm2 * 1e6 / p.C_m_pF;
    p.C_m_pF *= factor, p.g_Na_nS *= factor, p.g_K_nS *= factor, p.g_L_nS *= factor;
    p.v_threshold_mV = spike_mV;
    return p;
}

/// Stationary gates at a voltage, with the rates of 1952 in today's sign convention.
struct Gates {
    double m, h, n;
};

double linear_over_saturation(double x) {
    return std::abs(x) < 1e-9 ? 1.0 + x / 2.0 : x / -std::expm1(-x);
}

Gates stationary_gates(double v) {
    auto const share = [](double alpha, double beta) { return alpha / (alpha + beta); };
    return {.m = share(linear_over_saturation((v + 40.0) / 10.0), 4.0 * std::exp(-(v + 65.0) / 18.0)),
            .h = share(0.07 * std::exp(-(v + 65.0) / 20.0), 1.0 / (1.0 + std::exp(-(v + 35.0) / 10.0))),
            .n = share(0.1 * linear_over_saturation((v + 55.0) / 10.0), 0.125 * std::exp(-(v + 65.0) / 80.0))};
}

/// Voltage at which the stationary currents cancel, by bisection.
double resting_voltage(HodgkinHuxleyParameters const& p) {
    double low = p.E_K_mV, high = p.E_L_mV;
    for (int k = 0; k < 100; ++k) {
        double const v = 0.5 * (low + high);
        auto const [m, h, n] = stationary_gates(v);
        double const outward =
            p.g_Na_nS * m * m * m * h * (v - p.E_Na_mV) + p.g_K_nS * n * n * n * n * (v - p.E_K_mV) + p.g_L_nS * (v - p.E_L_mV);
        (outward > 0.0 ? high : low) = v;
    }
    return 0.5 * (low + high);
}

lif::NetworkOptions network_options(Environment const& environment, HodgkinHuxleyOptions const& o) {
    return {.step_ms = o.step_ms, .seed = environment.options.seed, .precision = lif::Precision::f64};
}

struct Run {
    lif::Traces voltage;
    std::vector<std::int64_t> spikes;  ///< steps
};

/// No current for one phase, then each of the currents for one.
Run simulate(Environment const& environment, HodgkinHuxleyOptions const& o) {
    lif::Network network(environment.context, network_options(environment, o));
    auto const population = network.add_population("neuron", 1, neuron_of(o.area_cm2));
    std::vector<double> values{0.0};
    for (double const nA : o.currents_nA) values.push_back(1e3 * nA);
    network.add_current(population, lif::CurrentArray{.values_pA = values, .interval_ms = o.phase_ms});
    auto const voltage = network.record_traces(population, {.neurons = {0}});
    auto const spikes = network.record_spikes(population);
    network.run(o.phase_ms * static_cast<double>(values.size()));
    return {network.traces(voltage), network.spikes(spikes).steps};
}

/// Rate for each of many constant currents, from the last half of a second's spikes.
std::vector<double> rates_hz(Environment const& environment, HodgkinHuxleyOptions const& o, std::vector<double> const& currents_nA) {
    lif::Network network(environment.context, network_options(environment, o));
    auto const neurons = static_cast<std::int64_t>(currents_nA.size());
    auto const population = network.add_population("neurons", neurons, neuron_of(o.area_cm2));
    std::vector<double> pA(currents_nA.size());
    std::transform(currents_nA.begin(), currents_nA.end(), pA.begin(), [](double nA) { return 1e3 * nA; });
    network.add_current(population, lif::StepCurrent{.amplitude_pA = pA});
    auto const spikes = network.record_spikes(population, {.start_ms = 500.0});
    network.run(o.step_ms * std::round(1000.0 / o.step_ms));
    std::vector<double> out;
    for (auto const& steps : by_neuron(network.spikes(spikes), neurons)) out.push_back(regular_rate_hz(steps, o.step_ms));
    return out;
}

void add_rest(Report& report, HodgkinHuxleyOptions const& o, Run const& run) {
    double rest = std::nan("");
    for (std::size_t k = 0; k < run.voltage.times_ms.size() && run.voltage.times_ms[k] < o.phase_ms - 0.5 * o.step_ms; ++k)
        rest = run.voltage.values[k];
    double const expected = resting_voltage(neuron_of(o.area_cm2));
    auto const [m, h, n] = stationary_gates(rest);
    Table table{.columns = {"at rest", "1952", "measured"}};
    table.add({"V (mV), where stationary currents cancel", Cell(expected, 4), Cell(rest, 4)});
    table.add({"m at this V", "0.053", Cell(m, 4)});
    table.add({"h at this V", "0.596", Cell(h, 4)});
    table.add({"n at this V", "0.318", Cell(n, 4)});
    report.table("rest", "Resting state, after " + plain(o.phase_ms) + " ms without current", table);
    report.result("rest_mV", rest);
    report.result("expected_rest_mV", expected);
}

/// "0, -0.1, 0.1, 0.6 nA for 200 ms each"
std::string currents_text(HodgkinHuxleyOptions const& o) {
    constexpr std::size_t most = 8;
    std::string text = "0";
    for (std::size_t k = 0; k < std::min(most, o.currents_nA.size()); ++k) text += ", " + plain(o.currents_nA[k]);
    return text + (o.currents_nA.size() > most ? ", ... nA for " : " nA for ") + plain(o.phase_ms) + " ms each";
}

}  // namespace

nlohmann::json run_hodgkin_huxley(Environment const& environment, HodgkinHuxleyOptions const& o) {
    Report report(environment, "hodgkin-huxley", "N5", "The Hodgkin-Huxley neuron, its current stepped");
    double const uA_per_cm2 = 1e-3 / o.area_cm2;  // of one nA
    report.line("squid axon of 1952, " + plain(o.area_cm2) + " cm2, so that 0.1 nA are " + plain(0.1 * uA_per_cm2) +
                " uA/cm2; Runge-Kutta of fourth order, steps of " + plain(o.step_ms) + " ms; a spike is a rise through " + plain(spike_mV) +
                " mV");
    Run const run = simulate(environment, o);
    add_rest(report, o, run);

    Table table{.columns = {"current (nA)", "uA/cm2", "spikes", "rate of the last half (1/s)", "CV of its intervals", "published"}};
    auto phases = nlohmann::json::array();
    for (std::size_t k = 0; k < o.currents_nA.size(); ++k) {
        double const begin = o.phase_ms * static_cast<double>(k + 1), middle = begin + 0.5 * o.phase_ms, end = begin + o.phase_ms;
        std::int64_t all = 0;
        lif::SpikeTrain late;
        for (auto const step : run.spikes) {
            double const t = static_cast<double>(step) * o.step_ms;
            all += t > begin && t <= end ? 1 : 0;
            if (t > middle && t <= end) late.steps.push_back(step), late.neurons.push_back(0);
        }
        double const current = o.currents_nA[k], rate = regular_rate_hz(late.steps, o.step_ms), cv = lif::mean_cv_isi(late, 1);
        bool const protocol = o.currents_nA == HodgkinHuxleyOptions{}.currents_nA;
        char const* published = !protocol ? "-" : k == 0 ? "silent" : k == 1 ? "regular spiking" : "regular, faster";
        table.add({plain(current), Cell(current * uA_per_cm2, 1), all, Cell(rate, 2), Cell(cv, 3), published});
        phases.push_back({{"current_nA", current}, {"spikes", all}, {"rate_hz", rate}});
    }
    report.table("phases", "One neuron, each current for " + plain(o.phase_ms) + " ms", table);
    report.result("phases", phases);

    std::vector<double> currents;
    for (int k = 0; k <= 80; ++k) currents.push_back((0.02 * k) / (uA_per_cm2 * 1e-2));  // to 160 uA/cm2
    auto const rates = rates_hz(environment, o, currents);
    auto const first = std::find_if(rates.begin(), rates.end(), [](double r) { return r > 0.0; });
    if (first != rates.end())
        report.line("constant current from rest: lasting spikes from " +
                    plain(currents[static_cast<std::size_t>(first - rates.begin())] * uA_per_cm2) + " uA/cm2 on, at " + fixed(*first, 1) +
                    " per second");
    report.result("currents_nA", currents);
    report.result("rates_hz", rates);
    Panel voltage{.title = currents_text(o), .x_label = "time (ms)", .y_label = "V (mV)", .key = "off"};
    voltage.series = {{.name = "V", .x = run.voltage.times_ms, .y = run.voltage.values, .style = Series::Style::line}};
    for (std::size_t k = 0; k < o.currents_nA.size(); ++k) voltage.marks.emplace_back(o.phase_ms * static_cast<double>(k + 1), "");
    Panel tuning{.title = "Rises through " + plain(spike_mV) + " mV after 0.5 s of constant current",
                 .x_label = "current (nA)",
                 .y_label = "spikes per second",
                 .key = "off"};
    tuning.series = {{.name = "rate", .x = currents, .y = rates}};
    report.figure("hodgkin-huxley", {voltage, tuning});
    return finish_lif(report, environment.options, "hodgkin-huxley", "hodgkin-huxley");
}

void add_lif_hodgkin_huxley(CLI::App& lif, Options const& options) {
    auto* command = lif.add_subcommand("hodgkin-huxley", "N5: a Hodgkin-Huxley neuron, its current stepped, and its resting state");
    auto o = std::make_shared<HodgkinHuxleyOptions>();
    command->add_option("--currents", o->currents_nA, "Currents, one after the other (nA)")->expected(1, 100)->capture_default_str();
    command->add_option("--area", o->area_cm2, "Membrane of the neuron (cm2)")->check(positive_number())->capture_default_str();
    command->add_option("--phase-ms", o->phase_ms, "Duration of each current (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--step-ms", o->step_ms, "Time step (ms)")->check(positive_number())->capture_default_str();
    command->callback([&options, o] { run_lif_command(options, run_hodgkin_huxley, *o); });
}

}  // namespace ca3::cli
