#include "commands.hpp"
#include "lif_experiments.hpp"

#include <ca3/error.hpp>
#include <ca3/lif/network.hpp>
#include <ca3/random.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

namespace ca3::cli {
namespace {

/// h(t) = t^n exp(-t / tau) / (n! tau^(n + 1)), whose integral is 1.
double filter(int n, double t, double tau) {
    if (t < 0.0) return 0.0;
    double const x = t / tau;
    return std::pow(x, n) * std::exp(-x) / (std::tgamma(n + 1.0) * tau);
}

double filtered(int n, std::vector<double> const& spikes_ms, double t, double tau) {
    double sum = 0.0;
    for (double const spike : spikes_ms) sum += filter(n, t - spike, tau);
    return sum;
}

/// Spikes of a Poisson process on the grid, from the seed.
std::vector<double> random_train(Options const& options, PscOptions const& o) {
    std::vector<double> times;
    auto const steps = static_cast<std::int64_t>(std::llround(o.ms / o.step_ms));
    for (std::int64_t k = 1; k <= steps; ++k) {
        double const u = random::uniform(options.seed, random::Purpose::user, 0, 0, static_cast<std::uint64_t>(k));
        if (u < -std::expm1(-1e-3 * o.rate_hz * o.step_ms)) times.push_back(static_cast<double>(k) * o.step_ms);
    }
    return times;
}

/// The synaptic currents of two neurons, of which one gets a single spike and the other a train, both one step after they were sent.
struct Currents {
    std::vector<double> times_ms;
    std::vector<double> single;
    std::vector<double> train;
};

Currents simulate(Environment const& environment, PscOptions const& o, int n, std::vector<std::vector<double>> const& sent_ms) {
    bool const alpha = n == 1;
    lif::Network network(environment.context, {.step_ms = o.step_ms, .seed = environment.options.seed, .precision = lif::Precision::f64});
    auto const source = network.add_spike_source("source", sent_ms);
    auto const target = network.add_population("target", 2,
                                               lif::LifParameters{.synapse = alpha ? lif::Synapse::alpha : lif::Synapse::exponential,
                                                                  .v_threshold_mV = 1e6,
                                                                  .tau_syn_ex_ms = o.tau_s_ms,
                                                                  .tau_syn_in_ms = 2.0 * o.tau_s_ms});
    // The weight is the peak of the current, that of h being 1 / tau for n = 0 and 1 / (e tau) for n = 1.
    double const weight = (alpha ? 1.0 / std::numbers::e : 1.0) / o.tau_s_ms;
    network.connect(source, target, lif::OneToOne{}, {.weight = weight, .delay_ms = o.step_ms});
    auto const recorder = network.record_traces(target, {.neurons = {0, 1}, .variable = lif::Variable::excitatory});
    network.run(o.step_ms * std::ceil((o.ms + 25.0 * o.tau_s_ms) / o.step_ms));  // until e^-25 is left of the last spike
    auto const traces = network.traces(recorder);
    return {traces.times_ms, column(traces, 0), column(traces, 1)};
}

/// By the trapezoidal rule, whose error for a jump to 1 / tau is below (step / tau)^2 / 12; samples right of the jump count half.
double area(Currents const& c, std::vector<double> const& values, double step_ms, std::vector<double> const& jumps_ms, double jump) {
    double sum = 0.0;
    for (double const v : values) sum += v;
    double inside = 0.0;
    for (double const t : jumps_ms) inside += t <= c.times_ms.back() ? 1.0 : 0.0;
    return step_ms * (sum - 0.5 * inside * jump);
}

}  // namespace

nlohmann::json run_psc(Environment const& environment, PscOptions const& o) {
    auto const& options = environment.options;
    if (o.ms < o.step_ms) throw InvalidArgument("lif psc: --ms must be a step at least");
    Report report(environment, "psc", "N3", "Post-synaptic currents: h(t) = t^n exp(-t / tau_s) / (n! tau_s^(n + 1))");
    auto const train = random_train(options, o);
    double const single_ms = o.step_ms;
    std::vector<double> arrivals(train.size());
    std::transform(train.begin(), train.end(), arrivals.begin(), [&](double t) { return t + o.step_ms; });
    report.line("tau_s = " + plain(o.tau_s_ms) + " ms, steps of " + plain(o.step_ms) + " ms; one spike, and a train of " +
                std::to_string(train.size()) + " at " + plain(o.rate_hz) + " per second for " + plain(o.ms) + " ms");

    Table table{
        .columns = {"n", "current", "computed by", "area of h", "area of s / spikes", "peak of h at (ms)", "largest error, of peak"}};
    Panel kernels{.title = "One spike", .x_label = "time (ms)", .y_label = "h(t) (1/ms)", .key = "top right"};
    Panel sums{.title = "A spike train filtered", .x_label = "time (ms)", .y_label = "s(t) (1/ms)", .key = "top right"};
    kernels.x_range = {{0.0, 8.0 * o.tau_s_ms}};
    sums.x_range = {{0.0, o.ms}};
    for (int n = 0; n <= 2; ++n) {
        bool const simulated = n < 2;
        Currents c = simulate(environment, o, std::min(n, 1), {{single_ms}, train});
        double const arrival = single_ms + o.step_ms;
        double worst = 0.0, peak = 0.0, peak_ms = 0.0;
        for (std::size_t k = 0; k < c.times_ms.size(); ++k) {
            // A hair later, so that rounding does not put the sample of an arrival before it.
            double const t = c.times_ms[k] + 1e-9 * o.step_ms;
            double const h = filter(n, t - arrival, o.tau_s_ms), s = filtered(n, arrivals, t, o.tau_s_ms);
            if (!simulated) c.single[k] = h, c.train[k] = s;
            worst = std::max({worst, std::abs(c.single[k] - h), std::abs(c.train[k] - s)});
            if (c.single[k] > peak) peak = c.single[k], peak_ms = c.times_ms[k] - arrival;
        }
        double const jump = n == 0 ? 1.0 / o.tau_s_ms : 0.0;
        double const one = area(c, c.single, o.step_ms, {arrival}, jump);
        double const all = area(c, c.train, o.step_ms, arrivals, jump) / static_cast<double>(train.size());
        table.add({n,
                   n == 0   ? "exponential"
                   : n == 1 ? "alpha"
                            : "second order",
                   simulated ? "network" : "formula", Cell(one, 6), Cell(train.empty() ? std::nan("") : all, 6), Cell(peak_ms, 2),
                   simulated ? scientific(worst / peak) : Cell("-")});
        report.result("n" + std::to_string(n), {{"area", one}, {"area_of_train", all}, {"peak_ms", peak_ms}, {"error", worst / peak}});
        std::string const name = "n = " + std::to_string(n) + (simulated ? "" : " (formula)");
        Series h{.name = name, .style = Series::Style::line}, s{.name = name, .style = Series::Style::line};
        for (std::size_t k = 0; k < c.times_ms.size() && c.times_ms[k] <= std::max(o.ms, 10.0 * o.tau_s_ms); ++k) {
            h.x.push_back(c.times_ms[k] - arrival), h.y.push_back(c.single[k]);
            s.x.push_back(c.times_ms[k]), s.y.push_back(c.train[k]);
        }
        kernels.series.push_back(std::move(h));
        sums.series.push_back(std::move(s));
    }
    report.table("filters", "Areas by the trapezoidal rule; errors against the formula, f64, weights of 32 bits", table);
    report.result("spikes", train.size());
    Series spikes{.name = "spikes", .style = Series::Style::points};
    for (double const t : arrivals) spikes.x.push_back(t), spikes.y.push_back(0.0);
    sums.series.push_back(std::move(spikes));
    report.figure("psc", {kernels, sums});
    return finish_lif(report, options, "psc", "psc");
}

void add_lif_psc(CLI::App& lif, Options const& options) {
    auto* command = lif.add_subcommand("psc", "N3: post-synaptic currents and filtered spike trains, against the formula");
    auto o = std::make_shared<PscOptions>();
    command->add_option("--tau-s", o->tau_s_ms, "Synaptic time constant (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--rate", o->rate_hz, "Rate of the train (spikes per second)")->check(positive_number())->capture_default_str();
    command->add_option("--step-ms", o->step_ms, "Time step (ms)")->check(positive_number())->capture_default_str();
    command->add_option("--ms", o->ms, "Duration of the train (ms)")->check(positive_number())->capture_default_str();
    command->callback([&options, o] { run_lif_command(options, run_psc, *o); });
}

}  // namespace ca3::cli
