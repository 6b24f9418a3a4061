#include "commands.hpp"
#include "lif_experiments.hpp"

#include <ca3/lif/network.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

namespace ca3::cli {
namespace {

using lif::Integration;

/// Rate of a neuron for each input, from the intervals between its spikes.
std::vector<double> simulate(Environment const& environment, FiCurveOptions const& o, std::vector<double> const& v_in,
                             Integration integration) {
    lif::Network network(environment.context, {.step_ms = o.step_ms, .seed = environment.options.seed, .precision = lif::Precision::f64});
    auto parameters = lif::normal_form(o.tau_m_ms, o.refractory_ms);
    parameters.synapse = lif::Synapse::delta;  // no current decays, so that steps may be longer than its time constant
    parameters.integration = integration;
    parameters.I_e_pA = v_in;
    auto const neurons = static_cast<std::int64_t>(v_in.size());
    auto const population = network.add_population("neurons", neurons, parameters);
    auto const spikes = network.record_spikes(population);
    network.run(o.ms);
    std::vector<double> rates;
    for (auto const& steps : by_neuron(network.spikes(spikes), neurons)) rates.push_back(regular_rate_hz(steps, o.step_ms));
    return rates;
}

/// 1 / (tau_ref + time to threshold), in spikes per second.
double formula_hz(FiCurveOptions const& o, double v_in) {
    return v_in > 1.0 ? 1e3 / (o.refractory_ms + time_to_threshold_ms(v_in, o.tau_m_ms)) : 0.0;
}

/// The same where both times last whole steps: spikes are on the grid.
double formula_on_grid_hz(FiCurveOptions const& o, double v_in) {
    if (v_in <= 1.0) return 0.0;
    double const rise = std::ceil(time_to_threshold_ms(v_in, o.tau_m_ms) / o.step_ms - 1e-9);
    return 1e3 / (o.step_ms * (rise + std::round(o.refractory_ms / o.step_ms)));
}

}  // namespace

nlohmann::json run_fi_curve(Environment const& environment, FiCurveOptions const& o) {
    Report report(environment, "fi-curve", "N2", "Rate of the LIF neuron against its input");
    report.line("normal form, tau_m = " + plain(o.tau_m_ms) + " ms, tau_ref = " + plain(o.refractory_ms) + " ms, steps of " +
                plain(o.step_ms) + " ms, " + plain(o.ms) + " ms");
    std::vector<double> v_in, formula;
    for (std::int64_t k = 0; k < o.points; ++k) {
        v_in.push_back(o.most * static_cast<double>(k) / static_cast<double>(std::max<std::int64_t>(1, o.points - 1)));
        formula.push_back(formula_hz(o, v_in.back()));
    }
    auto const exact = simulate(environment, o, v_in, Integration::exact);
    auto const euler = simulate(environment, o, v_in, Integration::forward_euler);

    Table table{.columns = {"v_in", "G(v_in)", "G on the grid", "exact", "forward Euler"}};
    double worst = 0.0, worst_on_grid = 0.0;
    std::size_t const rows = 25, every = std::max<std::size_t>(1, (v_in.size() + rows - 1) / rows);
    for (std::size_t k = 0; k < v_in.size(); ++k) {
        double const grid = formula_on_grid_hz(o, v_in[k]);
        if (exact[k] > 0.0) {  // a rate below two spikes in the time simulated is not seen
            worst = std::max(worst, std::abs(exact[k] / formula[k] - 1.0));
            worst_on_grid = std::max(worst_on_grid, std::abs(exact[k] / grid - 1.0));
        }
        if (k % every == 0) table.add({Cell(v_in[k], 2), Cell(formula[k], 3), Cell(grid, 3), Cell(exact[k], 3), Cell(euler[k], 3)});
    }
    report.table("rates", "Spikes per second; G(v_in) = 1 / (tau_ref - tau_m ln(1 - 1 / v_in)) for v_in > 1, else 0", table);
    report.line("largest relative distance of the exact rate: " + fixed(100.0 * worst, 2) + " % from G, " + scientific(worst_on_grid).text +
                " from G with both times in whole steps");
    report.result("v_in", v_in);
    report.result("formula_hz", formula);
    report.result("exact_hz", exact);
    report.result("euler_hz", euler);
    report.result("worst_relative", worst);
    report.result("worst_relative_on_grid", worst_on_grid);
    Series curve{.name = "1 / (tau_ref - tau_m ln(1 - 1 / v_in))", .style = Series::Style::line};
    constexpr int dense = 2000;
    for (int k = 0; k <= dense; ++k) curve.x.push_back(o.most * k / dense), curve.y.push_back(formula_hz(o, curve.x.back()));
    report.figure("fi-curve", {Panel{.title = "Tuning curve, steps of " + plain(o.step_ms) + " ms",
                                     .x_label = "v_in (threshold 1)",
                                     .y_label = "spikes per second",
                                     .series = {curve,
                                                {.name = "exact", .x = v_in, .y = exact, .style = Series::Style::points},
                                                {.name = "forward Euler", .x = v_in, .y = euler, .style = Series::Style::points}},
                                     .key = "inside bottom right"}});
    return finish_lif(report, environment.options, "fi-curve", "fi-curve");
}

void add_lif_fi_curve(CLI::App& lif, Options const& options) {
    auto* command = lif.add_subcommand("fi-curve", "N2: rate against constant input, exact and Euler, against the formula");
    auto o = std::make_shared<FiCurveOptions>();
    command->add_option("--tau-m", o->tau_m_ms, "Membrane time constant (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--tau-ref", o->refractory_ms, "Refractory time (ms)")->check(number_from_zero())->capture_default_str();
    command->add_option("--most", o->most, "Largest input")->check(positive_number())->capture_default_str();
    command->add_option("--points", o->points, "Inputs from 0 to --most")->check(CLI::Range(1, 1000000))->capture_default_str();
    command->add_option("--step-ms", o->step_ms, "Time step (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--ms", o->ms, "Duration (ms)")->check(positive_number())->capture_default_str();
    command->callback([&options, o] { run_lif_command(options, run_fi_curve, *o); });
}

}  // namespace ca3::cli
