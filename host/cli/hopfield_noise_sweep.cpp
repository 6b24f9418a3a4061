#include "commands.hpp"
#include "experiments.hpp"
#include "progress.hpp"

#include <cmath>
#include <memory>

namespace ca3::cli {
namespace {

struct Curve {
    Series series;
    std::vector<double> deviation;
};

/// MSE to the clean images by noise level, for each set.
using Errors = std::vector<std::vector<double>>;

void measure(hopfield::Memory const& memory, SignArray const& clean, NoiseSweepOptions const& o, std::uint64_t seed, std::uint32_t set,
             Errors& out, Progress& progress) {
    for (std::int64_t level = 1; level <= o.levels; ++level) {
        double const p = 0.5 * static_cast<double>(level) / static_cast<double>(o.levels);
        auto const flips = static_cast<std::int64_t>(std::floor(static_cast<double>(clean.cols) * p + 1e-9));
        SignArray const cues = flip(clean, flips, seed, set * 1000 + static_cast<std::uint32_t>(level));
        out[static_cast<std::size_t>(level - 1)].push_back(mse(synchronous_steps(memory, cues, o.steps), clean));
        progress.advance();
    }
}

Curve curve(std::string name, Errors const& errors) {
    Curve out{.series = {.name = std::move(name), .style = Series::Style::line}, .deviation = {}};
    for (std::size_t i = 0; i < errors.size(); ++i) {
        auto const s = statistics(errors[i]);
        out.series.x.push_back(0.5 * static_cast<double>(i + 1) / static_cast<double>(errors.size()));
        out.series.y.push_back(s.mean);
        out.series.low.push_back(s.mean - s.deviation);
        out.series.high.push_back(s.mean + s.deviation);
        out.deviation.push_back(s.deviation);
    }
    return out;
}

/// The largest p up to which the error has risen by no more than a tenth of its whole rise.
double flat_until(Series const& s) {
    double const limit = s.y.front() + 0.1 * (s.y.back() - s.y.front());
    double p = 0.0;
    for (std::size_t i = 0; i < s.x.size() && s.y[i] <= limit; ++i) p = s.x[i];
    return p;
}

struct Curves {
    Curve stored, others;
};

Curves sweep(Environment const& environment, Dataset const& digits, NoiseSweepOptions const& o) {
    auto const& options = environment.options;
    Errors stored(static_cast<std::size_t>(o.levels)), others = stored;
    Progress progress(options.prints_text(), "noise-sweep", 2 * o.sets * o.levels);
    for (std::int64_t set = 0; set < o.sets; ++set) {
        auto const draw = static_cast<std::uint32_t>(2 * set);
        SignArray const train = sample(digits.train, o.digits.images, options.seed, draw).signs;
        SignArray const test = sample(digits.test, o.digits.images, options.seed, draw + 1).signs;
        hopfield::Memory memory(environment.context, o.rule.memory_options());
        memory.store(train.view());
        measure(memory, train, o, options.seed, draw, stored, progress);
        measure(memory, test, o, options.seed, draw + 1, others, progress);
    }
    return {curve("stored images", stored), curve("other images (test)", others)};
}

/// H5 beside H4: the same images and the same noise with the outer-product rule.
std::vector<Series> compare_with_hebbian(Environment const& environment, Dataset const& digits, NoiseSweepOptions o, Curves const& own,
                                         Table& claims) {
    if (o.rule.rule == hopfield::Rule::hebbian) return {};
    o.rule = {};
    Curves hebbian = sweep(environment, digits, o);
    auto claim = [&](std::string const& what, Curve const& now, Curve const& before) {
        double const x = now.series.y.front(), y = before.series.y.front();
        claims.add({"error at p = " + fixed(now.series.x.front(), 2) + " against hebbian, " + what, "larger",
                    std::string(x > y   ? "larger"
                                : x < y ? "smaller"
                                        : "equal") +
                        ", " + fixed(x, 3) + " against " + fixed(y, 3)});
    };
    claim("stored images", own.stored, hebbian.stored);
    claim("other images", own.others, hebbian.others);
    hebbian.stored.series.colour = 0;
    hebbian.others.series.colour = 1;
    for (auto* curve : {&hebbian.stored, &hebbian.others}) {
        curve->series.name += ", hebbian";
        curve->series.style = Series::Style::dashed;
        curve->series.low.clear(), curve->series.high.clear();
    }
    return {hebbian.stored.series, hebbian.others.series};
}

}  // namespace

nlohmann::json run_noise_sweep(Environment const& environment, NoiseSweepOptions const& o) {
    auto const& options = environment.options;
    Dataset const digits = load_digits(options, o.digits.digits);
    std::string const n = std::to_string(o.digits.images), steps = std::to_string(o.steps) + (o.steps == 1 ? " step" : " steps");
    std::string const name = name_with_rule("noise-sweep", o.rule);
    Report report(environment, name, o.rule.rule == hopfield::Rule::pseudo_inverse ? "H4/H5" : "H4",
                  "Recall from noisy images: " + n + " stored, exactly floor(d p) pixels flipped, " + steps,
                  digits.name + " " + join(o.digits.digits));
    Curves const own = sweep(environment, digits, o);
    auto const &a = own.stored, &b = own.others;

    Table table{.columns = {"p", "stored MSE", "sd", "test MSE", "sd"}};
    for (std::size_t i = 0; i < a.series.x.size(); ++i) {
        if (i != 0 && (i + 1) % std::max<std::size_t>(1, a.series.x.size() / 10) != 0) continue;
        table.add(
            {Cell(a.series.x[i], 2), Cell(a.series.y[i], 4), Cell(a.deviation[i], 4), Cell(b.series.y[i], 4), Cell(b.deviation[i], 4)});
    }
    report.line("rule: " + o.rule.describe());
    report.table("mse", "MSE to the clean image, mean of " + std::to_string(o.sets) + " sets", table);
    Table claims{.columns = {"", "published", "measured"}};
    claims.add({"flat up to p =, stored images", "about 0.3", Cell(flat_until(a.series), 2)});
    claims.add({"flat up to p =, other images", "about 0.3", Cell(flat_until(b.series), 2)});
    std::vector<Series> series{a.series, b.series};
    for (auto const& s : compare_with_hebbian(environment, digits, o, own, claims)) series.push_back(s);
    report.table("claims", "Flat: up to a tenth of the whole rise", claims);
    report.result("rule", o.rule.describe());
    report.result("p", a.series.x);
    report.result("stored_mse", a.series.y);
    report.result("test_mse", b.series.y);
    report.result("flat_until", {{"stored", flat_until(a.series)}, {"test", flat_until(b.series)}});
    report.figure(name, {Panel{.title = n + " images stored, " + steps + ", " + o.rule.describe(),
                               .x_label = "share of pixels flipped, p",
                               .y_label = "MSE to the clean image (pixels are +-1)",
                               .series = series,
                               .x_range = {{0.0, 0.5}},
                               .y_range = {{0.0, std::nan("")}},
                               .key = "top left"}});
    return report.finish();
}

void add_hopfield_noise_sweep(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("noise-sweep", "H4, H5: error of recall against the share of pixels flipped");
    auto o = std::make_shared<NoiseSweepOptions>();
    command->add_option("--images", o->digits.images, "Images stored, and images tested")->check(whole_number(1))->capture_default_str();
    command->add_option("--sets", o->sets, "Random sets of images")->check(whole_number(1))->capture_default_str();
    command->add_option("--levels", o->levels, "Levels of noise up to p = 0.5")->check(CLI::Range(1, 500))->capture_default_str();
    command->add_option("--steps", o->steps, "Synchronous steps")->check(whole_number(1))->capture_default_str();
    add_digit_options(*command, o->digits.digits);
    add_rule_options(*command, o->rule);
    command->callback([&options, o] { run_noise_sweep({options, make_context(options)}, *o); });
}

}  // namespace ca3::cli
