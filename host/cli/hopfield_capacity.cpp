#include "commands.hpp"
#include "experiments.hpp"
#include "progress.hpp"

#include <ca3/error.hpp>

#include <cmath>
#include <memory>

namespace ca3::cli {
namespace {

using hopfield::Memory;

/// P(Z < -m) for Z the sum of n independent signs: the exact one-step error of a bit with m = d - 1, n = (P - 1)(d - 1), zero diagonal,
/// ties keeping the bit (a field of 0 changes nothing).
double below(std::int64_t n, std::int64_t m) {
    auto log_choose = [&](std::int64_t k) {
        auto const a = static_cast<double>(n), b = static_cast<double>(k);
        return std::lgamma(a + 1) - std::lgamma(b + 1) - std::lgamma(a - b + 1) - a * std::log(2.0);
    };
    double sum = 0.0;
    for (std::int64_t k = (n - m + 1) / 2 - 1; k >= 0; --k) {
        double const term = std::exp(log_choose(k));
        sum += term;
        if (term < 1e-17 * sum || (sum == 0.0 && n - 2 * k > 60 * static_cast<std::int64_t>(std::sqrt(static_cast<double>(n)) + 1))) break;
    }
    return sum;
}

struct OneStep {
    double bit_error = 0.0;  ///< share of bits that one synchronous step changes
    double stable = 0.0;     ///< share of patterns that it leaves alone
};

OneStep one_step(Memory const& memory, SignArray const& patterns) {
    SignArray const after = synchronous_steps(memory, patterns, 1);
    OneStep out;
    for (std::int64_t i = 0; i < patterns.rows; ++i) {
        auto const wrong = errors(patterns, i, after, i);
        out.bit_error += static_cast<double>(wrong) / static_cast<double>(patterns.rows * patterns.cols);
        out.stable += (wrong == 0 ? 1.0 : 0.0) / static_cast<double>(patterns.rows);
    }
    return out;
}

Table formula_table(std::int64_t neurons) {
    Table table{.columns = {"d", "C", "published"}};
    for (std::int64_t d : {std::int64_t{16}, std::int64_t{36}, std::int64_t{100}, std::int64_t{784}, std::int64_t{4096}})
        table.add({d, hopfield::capacity(d), d == 784 ? Cell(41) : Cell(std::nan(""), 0)});
    if (neurons != 784) table.add({neurons, hopfield::capacity(neurons), Cell(std::nan(""), 0)});
    return table;
}

std::vector<std::int64_t> counts(std::int64_t d, std::int64_t c) {
    std::vector<std::int64_t> out;
    for (std::int64_t p : {c / 4, c / 2, 3 * c / 4, c, 3 * c / 2, 2 * c, 3 * c, 4 * c, 6 * c, 8 * c})
        if (p >= 2 && p <= d && (out.empty() || p > out.back())) out.push_back(p);
    return out;
}

}  // namespace

nlohmann::json run_capacity(Environment const& environment, CapacityOptions const& o) {
    auto const& options = environment.options;
    std::int64_t const d = o.neurons, c = hopfield::capacity(d);
    Dataset const digits = load_digits(options, o.digits);
    bool const with_digits = digits.train.neurons() == d;
    Report report(environment, "capacity", "H1", "Capacity of the outer-product rule, C = floor(d / (2 log2 d))",
                  "random patterns" + (with_digits ? " and " + digits.name + " " + join(o.digits) : ""));
    report.table("capacity", "Patterns that d neurons hold with few errors", formula_table(d));
    report.result("neurons", d);
    report.result("capacity", c);
    if (d == 784) report.result("published", 41);

    Table table{.columns = {"P", "P/d", "random: bits wrong", "exact theory", "patterns stable"}};
    if (with_digits) table.columns.insert(table.columns.end(), {"digits: bits wrong", "patterns stable"});
    Series measured{.name = "random patterns, measured", .style = Series::Style::points};
    Series theory{.name = "exact binomial theory", .style = Series::Style::line};
    Series stable{.name = "random patterns"}, digit_error{.name = "digits (centred), measured"}, digit_stable{.name = "digits (centred)"};
    auto const levels = counts(d, c);
    Progress progress(options.prints_text(), "capacity", static_cast<std::int64_t>(levels.size()) * o.sets);
    for (auto const p : levels) {
        std::vector<double> error, share, derror, dshare;
        for (std::int64_t set = 0; set < o.sets; ++set) {
            auto const draw = static_cast<std::uint32_t>(set);
            SignArray const patterns = random_signs(p, d, options.seed, draw);
            Memory memory(environment.context);
            memory.store(patterns.view());
            OneStep const r = one_step(memory, patterns);
            error.push_back(r.bit_error), share.push_back(r.stable);
            if (with_digits && p <= digits.train.count()) {
                SignArray const images = sample(digits.train, p, options.seed, draw).signs;
                Memory centred(environment.context, {.centre = true});
                centred.store(images.view());
                OneStep const i = one_step(centred, images);
                derror.push_back(i.bit_error), dshare.push_back(i.stable);
            }
            progress.advance();
        }
        double const x = static_cast<double>(p) / static_cast<double>(d), expected = below((p - 1) * (d - 1), d - 1);
        auto const m = statistics(error).mean, s = statistics(share).mean;
        auto const dm = derror.empty() ? std::nan("") : statistics(derror).mean,
                   ds = dshare.empty() ? std::nan("") : statistics(dshare).mean;
        std::vector<Cell> row{p, Cell(x, 3), Cell(m, 6), Cell(expected, 6), Cell(s, 3)};
        if (with_digits) row.insert(row.end(), {Cell(dm, 6), Cell(ds, 3)});
        table.add(row);
        measured.x.push_back(x), measured.y.push_back(m > 0 ? m : std::nan(""));
        stable.x.push_back(x), stable.y.push_back(s);
        if (with_digits) digit_error.x.push_back(x), digit_error.y.push_back(dm), digit_stable.x.push_back(x), digit_stable.y.push_back(ds);
    }
    for (int i = 0; i <= 100 && !levels.empty(); ++i) {
        std::int64_t const p = std::max<std::int64_t>(2, levels.front() + (levels.back() - levels.front()) * i / 100);
        theory.x.push_back(static_cast<double>(p) / static_cast<double>(d));
        theory.y.push_back(std::max(below((p - 1) * (d - 1), d - 1), 1e-30));
    }
    report.table("one_step", "One synchronous step from stored patterns, mean of " + std::to_string(o.sets) + " sets", table);
    report.line("The formula is for uncorrelated patterns; images of digits overlap, and are held far less well.");

    std::pair<double, std::string> const mark{static_cast<double>(c) / static_cast<double>(d), "C = " + std::to_string(c)};
    Panel left{.title = "One step from stored patterns, d = " + std::to_string(d),
               .x_label = "patterns per neuron, P/d",
               .y_label = "share of bits wrong",
               .series = {measured, theory},
               .y_range = {{1e-7, 1.0}},
               .log_y = true,
               .key = "bottom right",
               .marks = {mark}};
    Panel right{.title = "Stored patterns that are fixed points",
                .x_label = "patterns per neuron, P/d",
                .y_label = "share of patterns",
                .series = {stable},
                .y_range = {{-0.03, 1.03}},
                .key = "top right",
                .marks = {mark}};
    if (with_digits) left.series.push_back(digit_error), right.series.push_back(digit_stable);
    report.figure("capacity", {left, right});
    return report.finish();
}

void add_hopfield_capacity(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("capacity", "H1: patterns that a Hebbian memory holds, formula and measurement");
    auto o = std::make_shared<CapacityOptions>();
    command->add_option("--neurons", o->neurons, "d of the measurement")->check(CLI::Range(4, 20000))->capture_default_str();
    command->add_option("--sets", o->sets, "Random sets per point")->check(whole_number(1))->capture_default_str();
    add_digit_options(*command, o->digits);
    command->callback([&options, o] { run_capacity({options, make_context(options)}, *o); });
}

}  // namespace ca3::cli
