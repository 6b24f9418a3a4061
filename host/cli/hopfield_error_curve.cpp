#include "commands.hpp"
#include "experiments.hpp"
#include "progress.hpp"

#include <ca3/error.hpp>

#include <memory>

namespace ca3::cli {
namespace {

/// First `count` rows.
SignArray head(SignArray const& a, std::int64_t count) {
    return {count, a.cols, HostVector<std::int8_t>(a.values.begin(), a.values.begin() + count * a.cols)};
}

void add(Series& series, double x, std::vector<double> const& values) {
    auto const s = statistics(values);
    series.x.push_back(x);
    series.y.push_back(s.mean);
    series.low.push_back(s.mean - s.deviation);
    series.high.push_back(s.mean + s.deviation);
}

/// "rises", "falls" or "stays" between the first and the last point.
std::string trend(Series const& s) {
    double const change = s.y.back() - s.y.front();
    return change > 1e-9 ? "rises" : change < -1e-9 ? "falls" : "stays";
}

}  // namespace

nlohmann::json run_error_curve(Environment const& environment, ErrorCurveOptions const& o) {
    auto const& options = environment.options;
    Dataset const digits = load_digits(options, o.digits);
    std::int64_t const c = hopfield::capacity(digits.train.neurons()), most = o.most == 0 ? c : o.most;
    if (most < 2) throw InvalidArgument("--most must be at least 2, is " + std::to_string(most));
    std::string const name = name_with_rule("error-curve", o.rule);
    Report report(environment, name, o.rule.rule == hopfield::Rule::pseudo_inverse ? "H3/H5" : "H3",
                  "Train and test error against the number stored, one synchronous step", digits.name + " " + join(o.digits));

    // Each set is stored image by image: the training sets of one curve contain each other, the test set stays the same.
    std::vector<std::vector<double>> train(static_cast<std::size_t>(most + 1)), test = train;
    Progress progress(options.prints_text(), "error-curve", o.sets * most);
    for (std::int64_t set = 0; set < o.sets; ++set) {
        auto const draw = static_cast<std::uint32_t>(2 * set);
        SignArray const stored = sample(digits.train, most, options.seed, draw).signs;
        SignArray const others = sample(digits.test, std::min(most, digits.test.count()), options.seed, draw + 1).signs;
        hopfield::Memory memory(environment.context, o.rule.memory_options());
        for (std::int64_t p = 1; p <= most; ++p) {
            memory.store({stored.view().row(p - 1), 1, stored.cols});
            progress.advance();
            if (p < 2) continue;
            SignArray const now = head(stored, p);
            train[static_cast<std::size_t>(p)].push_back(mse(synchronous_steps(memory, now, 1), now));
            test[static_cast<std::size_t>(p)].push_back(mse(synchronous_steps(memory, others, 1), others));
        }
    }

    Series train_curve{.name = "stored images (train)"}, test_curve{.name = "other images (test)"};
    Table table{.columns = {"P", "train MSE", "sd", "test MSE", "sd"}};
    for (std::int64_t p = 2; p <= most; ++p) {
        auto const& a = train[static_cast<std::size_t>(p)];
        auto const& b = test[static_cast<std::size_t>(p)];
        add(train_curve, static_cast<double>(p), a);
        add(test_curve, static_cast<double>(p), b);
        if (p == 2 || p == most || p % 5 == 0)
            table.add({p, Cell(statistics(a).mean, 4), Cell(statistics(a).deviation, 4), Cell(statistics(b).mean, 4),
                       Cell(statistics(b).deviation, 4)});
    }
    report.line("rule: " + o.rule.describe());
    report.table("mse", "Mean of " + std::to_string(o.sets) + " random sets; MSE of +-1 pixels is 4 times the share that is wrong", table);
    Table claims{.columns = {"", "published", "measured"}};
    claims.add({"training error with P", "rises", trend(train_curve)});
    claims.add({"test error with P", "falls", trend(test_curve)});
    report.table("claims", "From P = 2 to P = " + std::to_string(most), claims);
    report.result("rule", o.rule.describe());
    report.result("P", train_curve.x);
    report.result("train_mse", train_curve.y);
    report.result("test_mse", test_curve.y);
    report.figure(name, {Panel{.title = "One synchronous step, " + o.rule.describe(),
                               .x_label = "images stored, P",
                               .y_label = "MSE (pixels are +-1), mean and sd of " + std::to_string(o.sets) + " sets",
                               .series = {train_curve, test_curve},
                               .x_range = {{0.0, static_cast<double>(most) + 1}},
                               .y_range = {{0.0, 1.15 * std::max(*std::max_element(train_curve.high.begin(), train_curve.high.end()),
                                                                 *std::max_element(test_curve.high.begin(), test_curve.high.end())) +
                                                     1e-3}},
                               .key = "top right"}});
    return report.finish();
}

void add_hopfield_error_curve(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("error-curve", "H3, H5: train and test error against the number of images stored");
    auto o = std::make_shared<ErrorCurveOptions>();
    command->add_option("--most", o->most, "Largest number stored; 0: the capacity, 41 for 784 pixels")
        ->check(whole_number(0))
        ->capture_default_str();
    command->add_option("--sets", o->sets, "Random training sets")->check(whole_number(1))->capture_default_str();
    add_digit_options(*command, o->digits);
    add_rule_options(*command, o->rule);
    command->callback([&options, o] { run_error_curve({options, make_context(options)}, *o); });
}

}  // namespace ca3::cli
