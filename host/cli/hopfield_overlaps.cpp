#include "commands.hpp"
#include "continuous.hpp"
#include "experiments.hpp"
#include "letters.hpp"
#include "lif_experiments.hpp"

#include <ca3/error.hpp>

#include <cmath>
#include <memory>

namespace ca3::cli {
namespace {

using hopfield::Memory;
using hopfield::Update;

struct Patterns {
    SignArray signs;
    std::vector<std::string> names;
    std::string data;
};

Patterns load(Options const& options, OverlapsOptions const& o) {
    if (o.letters) return {letters(), {"A", "B", "C", "E"}, "letters"};
    Dataset const digits = load_digits(options, o.digits);
    Patterns out{.signs = {0, digits.train.neurons(), {}}, .names = {}, .data = digits.name + ", one image of each digit"};
    // One image of each digit, in their order.
    for (int const digit : o.digits) {
        std::vector<std::int64_t> rows;
        for (std::int64_t i = 0; i < digits.train.count(); ++i)
            if (digits.train.labels[static_cast<std::size_t>(i)] == digit) rows.push_back(i);
        if (rows.empty()) continue;
        auto const pick = choose(static_cast<std::int64_t>(rows.size()), 1, options.seed, static_cast<std::uint32_t>(digit))[0];
        auto const image = select(digits.train, {rows[static_cast<std::size_t>(pick)]});
        out.signs.values.insert(out.signs.values.end(), image.signs.values.begin(), image.signs.values.end());
        out.names.push_back(std::to_string(digit));
        ++out.signs.rows;
    }
    return out;
}

/// Energy changes from sweep to sweep over a batch of cues.
struct EnergyChanges {
    std::int64_t falls = 0, stays = 0, rises = 0, two_cycles = 0;
};

EnergyChanges energy_changes(hopfield::Recall const& recall) {
    EnergyChanges out;
    for (std::size_t t = 1; t < recall.trace.size(); ++t) {
        for (std::size_t b = 0; b < recall.trace[t].energy.size(); ++b) {
            if (static_cast<std::int64_t>(t) > recall.results[b].sweeps) continue;  // it had stopped
            double const before = recall.trace[t - 1].energy[b], after = recall.trace[t].energy[b];
            ++(after < before ? out.falls : after > before ? out.rises : out.stays);
        }
    }
    for (auto const& r : recall.results) out.two_cycles += r.status == hopfield::Status::two_cycle ? 1 : 0;
    return out;
}

std::vector<Series> overlap_series(Patterns const& patterns) {
    std::vector<Series> out;
    for (auto const& name : patterns.names) out.push_back({.name = name});
    return out;
}

/// Overlap of the first cue with every pattern, by sweep.
Table overlap_table(hopfield::Recall const& recall, Patterns const& patterns, std::vector<Series>& series) {
    Table table{.columns = {"sweep"}};
    table.columns.insert(table.columns.end(), patterns.names.begin(), patterns.names.end());
    table.columns.push_back("energy");
    for (auto const& point : recall.trace) {
        std::vector<Cell> row{point.sweep};
        for (std::size_t mu = 0; mu < series.size(); ++mu) {
            double const m = static_cast<double>(point.overlap[mu]) / static_cast<double>(patterns.signs.cols);
            row.emplace_back(m, 3);
            series[mu].x.push_back(static_cast<double>(point.sweep)), series[mu].y.push_back(m);
        }
        row.emplace_back(point.energy[0], 1);
        table.add(row);
        if (point.sweep > recall.results[0].sweeps) break;
    }
    return table;
}

void add_continuous(Report& report, Memory const& memory, Patterns const& patterns, SignArray const& cues, OverlapsOptions const& o) {
    using hopfield::Rule;
    if (o.rule.rule == Rule::dense_associative || o.rule.rule == Rule::exponential) {
        report.line("Continuous dynamics dx/dt = kappa (W x + b) are left out: this rule has no weights W");
        return;
    }
    Trajectory const path = integrate(memory, patterns.signs, cues, {.kappa = o.kappa, .dt = o.dt, .time = o.time});
    Table table{.columns = {"time"}};
    table.columns.insert(table.columns.end(), patterns.names.begin(), patterns.names.end());
    Panel panel{.title = "Continuous dynamics, dx/dt = kappa (W x + b), |x| <= 1",
                .x_label = "time (largest eigenvalue of W = 1, kappa = " + fixed(o.kappa, 2) + ")",
                .y_label = "overlap per neuron, x . pattern / d",
                .series = overlap_series(patterns),
                .key = "outside right title 'pattern'"};
    std::size_t const every = std::max<std::size_t>(1, path.time.size() / 10);
    for (std::size_t t = 0; t < path.time.size(); ++t) {
        std::vector<Cell> row{Cell(path.time[t], 2)};
        for (std::size_t mu = 0; mu < panel.series.size(); ++mu) {
            panel.series[mu].style = Series::Style::line;
            panel.series[mu].x.push_back(path.time[t]), panel.series[mu].y.push_back(path.overlap[t][mu]);
            row.emplace_back(path.overlap[t][mu], 3);
        }
        if (t % every == 0 || t + 1 == path.time.size()) table.add(row);
    }
    report.table("continuous",
                 "Continuous dynamics dx/dt = kappa (W x + b), kappa = " + fixed(o.kappa, 2) + ", Euler steps of " + fixed(o.dt, 3) +
                     ", x kept within -1..1, W scaled to largest eigenvalue 1",
                 table);
    report.result("continuous_errors", path.final_errors);
    report.line("signs of the final x: " + std::to_string(path.final_errors) + " of " + std::to_string(patterns.signs.cols) +
                " differ from pattern " + patterns.names[0]);
    report.figure("overlaps-continuous", {panel});
}

}  // namespace

nlohmann::json run_overlaps(Environment const& environment, OverlapsOptions const& o) {
    auto const& options = environment.options;
    Patterns const patterns = load(options, o);
    if (patterns.signs.rows == 0) throw InvalidArgument("--digits: none of these digits is there");
    Report report(environment, "overlaps", "H9", "Overlap with every stored pattern, energy, and continuous dynamics", patterns.data);
    Memory memory(environment.context, o.rule.memory_options());
    memory.store(patterns.signs.view());
    auto const d = patterns.signs.cols;
    auto const flips = static_cast<std::int64_t>(std::floor(static_cast<double>(d) * o.noise));
    SignArray const first = flip({1, d, {patterns.signs.values.begin(), patterns.signs.values.begin() + d}}, flips, options.seed, 0);
    report.line("rule: " + o.rule.describe() + "; cue: pattern " + patterns.names[0] + " with " + std::to_string(flips) + " of " +
                std::to_string(d) + " bits flipped");

    std::vector<Panel> panels;
    for (auto const& [name, update] : {std::pair{"synchronous", Update::synchronous}, std::pair{"asynchronous", Update::asynchronous}}) {
        auto const recall = memory.recall(first.view(), {.update = update, .max_sweeps = o.sweeps, .seed = options.seed, .trace = true});
        auto series = overlap_series(patterns);
        report.table(name, std::string("Overlap per neuron by sweep, ") + name, overlap_table(recall, patterns, series));
        panels.push_back({.title = std::string("Overlaps, ") + name,
                          .x_label = "sweep",
                          .y_label = "overlap per neuron",
                          .series = series,
                          .whole_x = true,
                          .key = "outside right title 'pattern'"});
    }
    report.figure("overlaps", panels);
    add_continuous(report, memory, patterns, first, o);

    SignArray cues = random_signs(o.cues, d, options.seed, 0);
    for (std::int64_t b = 0; b < o.cues; b += 2) {  // half of them random, half noisy patterns
        std::int64_t const mu = b / 2 % patterns.signs.rows;
        auto const from = patterns.signs.values.begin() + mu * d;
        std::copy(from, from + d, cues.values.begin() + b * d);
    }
    cues = flip(cues, flips, options.seed, 1);
    Table table{.columns = {"update", "energy falls", "stays", "rises", "two-cycles", "published"}};
    std::vector<Panel> energies;
    for (auto const& [name, update] : {std::pair{"asynchronous", Update::asynchronous}, std::pair{"synchronous", Update::synchronous}}) {
        auto const recall = memory.recall(cues.view(), {.update = update, .max_sweeps = o.sweeps, .seed = options.seed, .trace = true});
        auto const c = energy_changes(recall);
        table.add({name, c.falls, c.stays, c.rises, c.two_cycles, update == Update::asynchronous ? "never rises" : "-"});
        report.result(name, {{"falls", c.falls}, {"stays", c.stays}, {"rises", c.rises}, {"two_cycles", c.two_cycles}});
        Panel panel{
            .title = std::string("Energy of 12 cues, ") + name, .x_label = "sweep", .y_label = "energy", .whole_x = true, .key = "off"};
        for (std::size_t b = 0; b < std::min<std::size_t>(12, static_cast<std::size_t>(o.cues)); ++b) {
            Series s{.name = std::to_string(b)};
            for (auto const& point : recall.trace) s.x.push_back(static_cast<double>(point.sweep)), s.y.push_back(point.energy[b]);
            panel.series.push_back(s);
        }
        energies.push_back(panel);
    }
    report.table("energy", "Energy from sweep to sweep, " + std::to_string(o.cues) + " cues (noisy patterns and random states)", table);
    report.figure("overlaps-energy", energies);
    return report.finish();
}

void add_hopfield_overlaps(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("overlaps", "H9: overlaps and energy during recall, and continuous dynamics");
    auto o = std::make_shared<OverlapsOptions>();
    command->add_flag("--letters", o->letters, "Store the letters of H8 in place of digits");
    command->add_option("--noise", o->noise, "Share of bits flipped in the cue")->check(CLI::Range(0.0, 1.0))->capture_default_str();
    command->add_option("--cues", o->cues, "Cues of the energy table")->check(whole_number(1))->capture_default_str();
    command->add_option("--max-sweeps", o->sweeps, "Sweeps at most")->check(whole_number(1))->capture_default_str();
    command->add_option("--kappa", o->kappa, "Rate of the continuous dynamics")->check(positive_number())->capture_default_str();
    command->add_option("--dt", o->dt, "Euler step")->check(positive_number())->capture_default_str();
    command->add_option("--time", o->time, "Duration of the continuous dynamics")->check(positive_number())->capture_default_str();
    add_digit_options(*command, o->digits);
    add_rule_options(*command, o->rule);
    command->get_option("--rule")->description("How patterns are stored (default: pseudo-inverse)");
    command->callback([&options, o] { run_overlaps({options, make_context(options)}, *o); });
}

}  // namespace ca3::cli
