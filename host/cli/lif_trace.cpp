#include "commands.hpp"
#include "lif_experiments.hpp"

#include <ca3/error.hpp>
#include <ca3/lif/network.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

namespace ca3::cli {
namespace {

using lif::Integration;

struct Run {
    lif::Traces voltage;
    std::vector<std::vector<std::int64_t>> spikes;  ///< by v_in
};

/// One neuron for each v_in.
Run simulate(Environment const& environment, LifTraceOptions const& o, Integration integration, double step_ms) {
    lif::Network network(environment.context, {.step_ms = step_ms, .seed = environment.options.seed, .precision = lif::Precision::f64});
    auto parameters = lif::normal_form(o.tau_m_ms, o.refractory_ms);
    parameters.synapse = lif::Synapse::delta;  // no current decays, so that steps may be longer than its time constant
    parameters.integration = integration;
    auto const neurons = static_cast<std::int64_t>(o.v_in.size());
    auto const population = network.add_population("neurons", neurons, parameters);
    // In normal form C_m = tau_m: a current of v_in pA drives the voltage towards v_in mV.
    network.add_current(population, lif::StepCurrent{.amplitude_pA = o.v_in, .start_ms = o.on_ms, .stop_ms = o.off_ms});
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < neurons; ++i) all.push_back(i);
    auto const voltage = network.record_traces(population, {.neurons = all});
    auto const spikes = network.record_spikes(population);
    network.run(o.ms);
    return {network.traces(voltage), by_neuron(network.spikes(spikes), neurons)};
}

/// The solution in continuous time, with spikes where the voltage reaches the threshold.
double solution(LifTraceOptions const& o, double v_in, double t) {
    double const rise = time_to_threshold_ms(v_in, o.tau_m_ms);
    auto const after_onset = [&](double u) {
        if (u > rise) u = std::fmod(u - rise, rise + o.refractory_ms) - o.refractory_ms;
        return u <= 0.0 ? 0.0 : v_in * (1.0 - std::exp(-u / o.tau_m_ms));
    };
    if (t <= o.on_ms) return 0.0;
    if (t <= o.off_ms) return after_onset(t - o.on_ms);
    return after_onset(o.off_ms - o.on_ms) * std::exp(-(t - o.off_ms) / o.tau_m_ms);
}

/// Largest distance from the solution, up to the first spike.
double deviation(LifTraceOptions const& o, Run const& run, std::size_t neuron, double step_ms) {
    auto const& spikes = run.spikes[neuron];
    double const end = spikes.empty() ? o.ms : (static_cast<double>(spikes[0]) - 0.5) * step_ms;
    double worst = 0.0;
    auto const v = column(run.voltage, neuron);
    for (std::size_t k = 0; k < v.size() && run.voltage.times_ms[k] < end; ++k)
        worst = std::max(worst, std::abs(v[k] - solution(o, o.v_in[neuron], run.voltage.times_ms[k])));
    return worst;
}

std::string spike_text(std::vector<std::int64_t> const& steps, double step_ms) {
    std::string text;
    for (std::size_t k = 0; k < std::min<std::size_t>(3, steps.size()); ++k)
        text += (k == 0 ? "" : ", ") + plain(static_cast<double>(steps[k]) * step_ms);
    return steps.empty() ? "none" : text + (steps.size() > 3 ? ", ..." : "");
}

Panel trace_panel(LifTraceOptions const& o, Run const& exact, Run const& euler, std::size_t neuron, double step_ms) {
    Panel panel{.title = "v_in = " + plain(o.v_in[neuron]) + ", steps of " + plain(step_ms) + " ms",
                .x_label = "time (ms)",
                .y_label = "v (threshold 1, reset 0)",
                .key = "outside bottom center horizontal"};
    Series formula{.name = "v_in (1 - exp(-t / tau))", .style = Series::Style::line};
    for (int k = 0; k <= 2000; ++k) {
        double const t = o.ms * k / 2000;
        formula.x.push_back(t), formula.y.push_back(solution(o, o.v_in[neuron], t));
    }
    panel.series = {
        formula,
        {.name = "exact", .x = exact.voltage.times_ms, .y = column(exact.voltage, neuron), .style = Series::Style::points},
        {.name = "forward Euler", .x = euler.voltage.times_ms, .y = column(euler.voltage, neuron), .style = Series::Style::dashed}};
    return panel;
}

}  // namespace

nlohmann::json run_lif_trace(Environment const& environment, LifTraceOptions const& o) {
    if (!(o.on_ms < o.off_ms) || !(o.off_ms < o.ms)) throw InvalidArgument("lif trace: --on, --off and --ms must rise");
    Report report(environment, "trace", "N1", "Membrane voltage of the LIF neuron in normal form for a step of input");
    report.line("tau_m dv/dt = v_in - v, tau_m = " + plain(o.tau_m_ms) + " ms, refractory for " + plain(o.refractory_ms) +
                " ms; v_in from " + plain(o.on_ms) + " to " + plain(o.off_ms) + " ms");
    Table table{.columns = {"integration", "step (ms)", "v_in", "largest error of v", "spikes", "first spikes (ms)"}};
    auto results = nlohmann::json::array();
    std::vector<Panel> panels;
    double const longest = *std::max_element(o.steps_ms.begin(), o.steps_ms.end());
    for (double const step : o.steps_ms) {
        Run const exact = simulate(environment, o, Integration::exact, step);
        Run const euler = simulate(environment, o, Integration::forward_euler, step);
        for (auto const& [name, run] : {std::pair{"exact", &exact}, std::pair{"forward Euler", &euler}}) {
            for (std::size_t i = 0; i < o.v_in.size(); ++i) {
                auto const& spikes = run->spikes[i];
                double const worst = deviation(o, *run, i, step);
                table.add({name, plain(step), plain(o.v_in[i]), scientific(worst), static_cast<std::int64_t>(spikes.size()),
                           spike_text(spikes, step)});
                results.push_back(
                    {{"integration", name}, {"step_ms", step}, {"v_in", o.v_in[i]}, {"error", worst}, {"spike_steps", spikes}});
            }
        }
        if (step != longest || !panels.empty()) continue;
        for (std::size_t i = 0; i < o.v_in.size(); ++i) panels.push_back(trace_panel(o, exact, euler, i, step));
    }
    report.table("error", "Distance from v(t) = v_in (1 - exp(-t / tau_m)) up to the first spike, f64", table);
    report.result("runs", results);
    for (double const v_in : o.v_in) {
        if (v_in <= 1.0) continue;
        double const rise = time_to_threshold_ms(v_in, o.tau_m_ms);
        report.line("v_in = " + plain(v_in) + ": by the formula spikes at " + fixed(o.on_ms + rise, 2) + " ms, then every " +
                    fixed(rise + o.refractory_ms, 2) + " ms; on the grid at the end of the step in which the threshold is reached");
    }
    report.figure("trace", panels);
    return finish_lif(report, environment.options, "trace", "trace");
}

void add_lif_trace(CLI::App& lif, Options const& options) {
    auto* command = lif.add_subcommand("trace", "N1: membrane voltage for a step of input, exact and Euler, against the formula");
    auto o = std::make_shared<LifTraceOptions>();
    command->add_option("--v-in", o->v_in, "Inputs, one neuron for each")->expected(1, 100)->capture_default_str();
    command->add_option("--tau-m", o->tau_m_ms, "Membrane time constant (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--tau-ref", o->refractory_ms, "Refractory time (ms)")->check(number_from_zero())->capture_default_str();
    command->add_option("--on", o->on_ms, "Begin of the input (ms)")->check(number_from_zero())->capture_default_str();
    command->add_option("--off", o->off_ms, "End of the input (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--ms", o->ms, "Duration (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--step-ms", o->steps_ms, "Steps to compare (ms)")
        ->expected(1, 20)
        ->check(positive_number())
        ->capture_default_str();
    command->callback([&options, o] { run_lif_command(options, run_lif_trace, *o); });
}

}  // namespace ca3::cli
