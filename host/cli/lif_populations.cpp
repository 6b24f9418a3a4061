#include "commands.hpp"
#include "lif_experiments.hpp"
#include "sign_array.hpp"

#include <ca3/error.hpp>
#include <ca3/io/npy.hpp>
#include <ca3/lif/network.hpp>
#include <ca3/random.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

namespace ca3::cli {
namespace {

/// M x N, row-major: w_ij joins source j to target i.
struct Weights {
    std::int64_t targets = 0;
    std::int64_t sources = 0;
    std::vector<double> values;
};

Weights draw(Options const& options, PopulationsOptions const& o) {
    Weights w{.targets = o.targets, .sources = o.sources, .values = {}};
    for (std::int64_t k = 0; k < w.targets * w.sources; ++k) {
        auto const uniform = [&](std::uint32_t step) {
            return random::uniform(options.seed, random::Purpose::user, 0, step, static_cast<std::uint64_t>(k));
        };
        double const normal = std::sqrt(-2.0 * std::log(1.0 - uniform(0))) * std::cos(2.0 * std::numbers::pi * uniform(1));
        w.values.push_back(o.mean_weight_ms + o.sd_weight_ms * normal);
    }
    return w;
}

Weights load(Options const& options, PopulationsOptions const& o) {
    if (o.weights.empty()) return draw(options, o);
    auto const array = io::read_npy(o.weights);
    if (array.shape.size() != 2 || array.size() == 0)
        throw InvalidArgument(o.weights + ": expected a matrix, targets x sources, it has " + std::to_string(array.shape.size()) +
                              " dimensions and " + std::to_string(array.size()) + " elements");
    return {array.shape[0], array.shape[1], to_doubles(array, o.weights)};
}

/// Inputs of X, evenly spaced.
std::vector<double> inputs(PopulationsOptions const& o, std::int64_t sources) {
    std::vector<double> v_in;
    for (std::int64_t j = 0; j < sources; ++j)
        v_in.push_back(o.v_in_low +
                       (o.v_in_high - o.v_in_low) * static_cast<double>(j) / static_cast<double>(std::max<std::int64_t>(1, sources - 1)));
    return v_in;
}

/// Targets whose current is followed.
constexpr std::int64_t most_traced = 100;

struct Result {
    PopulationSpikes x, y;
    double rate_x_hz, rate_y_hz;
    lif::Traces current;  ///< s
    lif::Traces voltage;
};

Result simulate(Environment const& environment, PopulationsOptions const& o, Weights const& w) {
    lif::Network network(environment.context, {.step_ms = o.step_ms, .seed = environment.options.seed, .precision = lif::Precision::f64});
    auto parameters = lif::normal_form(o.tau_m_ms, o.refractory_ms);
    parameters.synapse = lif::Synapse::exponential;
    parameters.tau_syn_ex_ms = parameters.tau_syn_in_ms = o.tau_s_ms;
    auto driven = parameters;
    driven.I_e_pA = inputs(o, w.sources);
    auto const x = network.add_population("X", w.sources, driven, lif::Distribution::uniform(0.0, 1.0));
    auto const y = network.add_population("Y", w.targets, parameters);
    std::vector<double> jumps;
    for (double const value : w.values) jumps.push_back(value / o.tau_s_ms);
    network.connect(x, y, lif::AllToAll{}, {.weight = lif::Distribution::given(std::move(jumps)), .delay_ms = o.step_ms});
    std::vector<std::int64_t> traced;
    for (std::int64_t i = 0; i < std::min(w.targets, most_traced); ++i) traced.push_back(i);
    auto const spikes_x = network.record_spikes(x), spikes_y = network.record_spikes(y);
    // Both time constants are equal, so that one current holds inputs of both signs.
    auto const current = network.record_traces(y, {.neurons = traced, .variable = lif::Variable::excitatory});
    auto const voltage = network.record_traces(y, {.neurons = traced});
    network.run(o.ms);
    return {.x = {"X", w.sources, network.spikes(spikes_x)},
            .y = {"Y", w.targets, network.spikes(spikes_y)},
            .rate_x_hz = network.rate_hz(x),
            .rate_y_hz = network.rate_hz(y),
            .current = network.traces(current),
            .voltage = network.traces(voltage)};
}

/// Mean of s over the second half against sum_j w_ij r_j over the same time: the filter has unit area, whatever the trains are.
struct MeanCurrents {
    std::vector<double> measured;
    std::vector<double> expected;
};

MeanCurrents mean_currents(PopulationsOptions const& o, Weights const& w, Result const& r) {
    MeanCurrents out;
    auto const last = static_cast<std::int64_t>(std::llround(o.ms / o.step_ms)), first = last / 2;
    std::vector<double> rate(static_cast<std::size_t>(w.sources), 0.0);  // per ms
    for (std::size_t k = 0; k < r.x.train.steps.size(); ++k)
        if (r.x.train.steps[k] >= first && r.x.train.steps[k] < last)  // they arrive a step later
            rate[static_cast<std::size_t>(r.x.train.neurons[k])] += 1.0 / (o.step_ms * static_cast<double>(last - first));
    for (std::int64_t i = 0; i < std::min(w.targets, most_traced); ++i) {
        double expected = 0.0, sum = 0.0, count = 0.0;
        for (std::int64_t j = 0; j < w.sources; ++j)
            expected += w.values[static_cast<std::size_t>(i * w.sources + j)] * rate[static_cast<std::size_t>(j)];
        auto const s = column(r.current, static_cast<std::size_t>(i));
        for (std::size_t k = 0; k < s.size(); ++k)
            if (r.current.times_ms[k] > (static_cast<double>(first) + 0.5) * o.step_ms) sum += s[k], count += 1.0;
        out.measured.push_back(sum / count);
        out.expected.push_back(expected);
    }
    return out;
}

std::vector<Panel> panels(PopulationsOptions const& o, Result const& r, MeanCurrents const& mean) {
    double const from = std::max(0.0, o.ms - 300.0);
    Panel one{
        .title = "Y, neuron 0", .x_label = "time (ms)", .y_label = "threshold = 1", .x_range = {{from, o.ms}}, .key = "inside top right"};
    one.series = {{.name = "s", .x = r.current.times_ms, .y = column(r.current, 0), .style = Series::Style::line},
                  {.name = "v", .x = r.voltage.times_ms, .y = column(r.voltage, 0), .style = Series::Style::line}};
    auto const [low, high] = std::minmax_element(mean.expected.begin(), mean.expected.end());
    Panel means{.title = "Mean current", .x_label = "sum of w_ij r_j", .y_label = "mean of s_i", .key = "inside top left"};
    means.series = {{.name = "equal", .x = {*low, *high}, .y = {*low, *high}, .style = Series::Style::line},
                    {.name = "neurons of Y", .x = mean.expected, .y = mean.measured, .style = Series::Style::points}};
    return {raster_panel({r.x, r.y}, o.step_ms, from, o.ms), one, means};
}

}  // namespace

nlohmann::json run_populations(Environment const& environment, PopulationsOptions const& o) {
    auto const& options = environment.options;
    Weights const w = load(options, o);
    Report report(environment, "populations", "N4", "Two LIF populations joined by a weight matrix",
                  o.weights.empty() ? "drawn weights" : o.weights);
    report.line("X, " + std::to_string(w.sources) + " neurons with inputs " + plain(o.v_in_low) + " to " + plain(o.v_in_high) + ", to Y, " +
                std::to_string(w.targets) + " neurons; tau_s ds/dt = -s, s_i += w_ij / tau_s, tau_s = " + plain(o.tau_s_ms) +
                " ms; tau_m dv/dt = s - v, tau_m = " + plain(o.tau_m_ms) + " ms");
    Result const r = simulate(environment, o, w);
    auto const cv_x = lif::mean_cv_isi(r.x.train, w.sources), cv_y = lif::mean_cv_isi(r.y.train, w.targets);
    Table table{.columns = {"population", "neurons", "spikes", "rate (1/s)", "CV of intervals"}};
    table.add({"X", w.sources, static_cast<std::int64_t>(r.x.train.steps.size()), Cell(r.rate_x_hz, 2), Cell(cv_x, 3)});
    table.add({"Y", w.targets, static_cast<std::int64_t>(r.y.train.steps.size()), Cell(r.rate_y_hz, 2), Cell(cv_y, 3)});
    report.table("populations", plain(o.ms) + " ms", table);

    auto const mean = mean_currents(o, w, r);
    double worst = 0.0, scale = 0.0;
    for (std::size_t i = 0; i < mean.measured.size(); ++i) {
        worst = std::max(worst, std::abs(mean.measured[i] - mean.expected[i]));
        scale = std::max(scale, std::abs(mean.expected[i]));
    }
    report.line("mean of s_i against sum_j w_ij r_j in the second half: largest difference " + fixed(worst, 4) + ", largest mean " +
                fixed(scale, 3) + "; what begins and ends within tau_s of the edges explains up to " +
                fixed(2.0 * o.tau_s_ms / o.ms * scale, 3));
    report.result("rate_x_hz", r.rate_x_hz);
    report.result("rate_y_hz", r.rate_y_hz);
    report.result("mean_current", mean.measured);
    report.result("expected_current", mean.expected);
    report.figure("populations", panels(o, r, mean));
    return finish_lif(report, options, "populations", "populations");
}

void add_lif_populations(CLI::App& lif, Options const& options) {
    auto* command = lif.add_subcommand("populations", "N4: two populations, joined by a weight matrix, with exponential synapses");
    auto o = std::make_shared<PopulationsOptions>();
    auto const size = CLI::Range(std::int64_t{1}, std::int64_t{100000});
    auto* weights =
        command->add_option("--weights", o->weights, "M x N matrix of w_ij (ms): neurons of Y by neurons of X")->type_name("W.npy");
    command->add_option("--x", o->sources, "Neurons of X")->check(size)->capture_default_str()->excludes(weights);
    command->add_option("--y", o->targets, "Neurons of Y")->check(size)->capture_default_str()->excludes(weights);
    command->add_option("--mean-weight", o->mean_weight_ms, "Mean of drawn weights (ms)")->capture_default_str()->excludes(weights);
    command->add_option("--sd-weight", o->sd_weight_ms, "Their standard deviation (ms)")->capture_default_str()->excludes(weights);
    command->add_option("--v-low", o->v_in_low, "Input of the first neuron of X")->capture_default_str();
    command->add_option("--v-high", o->v_in_high, "Input of the last")->capture_default_str();
    command->add_option("--tau-m", o->tau_m_ms, "Membrane time constant (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--tau-ref", o->refractory_ms, "Refractory time (ms)")->check(number_from_zero())->capture_default_str();
    command->add_option("--tau-s", o->tau_s_ms, "Synaptic time constant (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--step-ms", o->step_ms, "Time step (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--ms", o->ms, "Duration (ms)")->check(positive_number())->capture_default_str();
    command->callback([&options, o] { run_lif_command(options, run_populations, *o); });
}

}  // namespace ca3::cli
