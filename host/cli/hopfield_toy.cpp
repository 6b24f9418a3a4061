#include "commands.hpp"
#include "experiments.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

namespace ca3::cli {
namespace {

constexpr std::int64_t P = 4, d = 16;

/// Four orthogonal vectors of length 16: halves, half-blocks, alternating by one, alternating by two.
SignArray toy_patterns() {
    SignArray x{P, d, {}};
    for (std::int64_t const run : {8, 4, 1, 2})
        for (std::int64_t i = 0; i < d; ++i) x.values.push_back(static_cast<std::int8_t>(i / run % 2 == 0 ? 1 : -1));
    return x;
}

/// The published network W = X^T X / 4 - I with field W x - b, b the column mean. The library keeps 4 W, so the bias is -4 b = -(column
/// sum).
hopfield::Memory toy_memory(Context const& context, SignArray const& x) {
    hopfield::Memory memory(context);
    memory.store(x.view());
    std::vector<double> bias(d, 0.0);
    for (std::int64_t i = 0; i < d; ++i)
        for (std::int64_t mu = 0; mu < P; ++mu) bias[static_cast<std::size_t>(i)] -= x.view()(mu, i);
    memory.set_bias(bias);
    return memory;
}

/// Largest |X W - 3 X|, with W as the memory computes with it.
double eigen_deviation(hopfield::Memory const& memory, SignArray const& x) {
    auto const w = memory.weights();
    double worst = 0.0;
    for (std::int64_t mu = 0; mu < P; ++mu) {
        for (std::int64_t j = 0; j < d; ++j) {
            double sum = 0.0;
            for (std::int64_t i = 0; i < d; ++i) sum += x.view()(mu, i) * w[static_cast<std::size_t>(i * d + j)] / P;
            worst = std::max(worst, std::abs(sum - 3.0 * x.view()(mu, j)));
        }
    }
    return worst;
}

std::int64_t single_errors_repaired(hopfield::Memory const& memory, SignArray const& x, int steps) {
    std::int64_t repaired = 0;
    for (std::int64_t k = 0; k < d; ++k) {
        SignArray cues = x;
        for (std::int64_t mu = 0; mu < P; ++mu) {
            auto& value = cues.values[static_cast<std::size_t>(mu * d + k)];
            value = static_cast<std::int8_t>(-value);
        }
        SignArray const after = synchronous_steps(memory, cues, steps);
        for (std::int64_t mu = 0; mu < P; ++mu) repaired += errors(after, mu, x, mu) == 0 ? 1 : 0;
    }
    return repaired;
}

struct Bin {
    std::int64_t trials = 0, exact = 0, errors = 0;
};

}  // namespace

nlohmann::json run_toy(Environment const& environment, ToyOptions const& o) {
    auto const& options = environment.options;
    Report report(environment, "toy", "H7", "Four orthogonal patterns of length 16");
    SignArray const x = toy_patterns();
    auto const memory = toy_memory(environment.context, x);

    double const deviation = eigen_deviation(memory, x);
    auto const energy = memory.energy(x.view());
    std::int64_t const repaired = single_errors_repaired(memory, x, o.steps);
    Table identities{.columns = {"", "published", "measured"}};
    identities.add({"X W = 3 X, largest deviation", "0", Cell(deviation, 1)});
    identities.add({"errors after recall from 1 error", "0", repaired == P * d ? "0" : "not always 0"});
    identities.add({"cues with 1 error repaired, of all 64", "-", repaired});
    identities.add({"energy of the patterns, -x W x / 2 + b x", "-", Cell(energy[0] / P, 1)});
    report.table("identities", "W = X^T X / 4 - I, bias the column mean, " + std::to_string(o.steps) + " synchronous steps", identities);
    report.result("eigen_deviation", deviation);
    report.result("single_errors_repaired", repaired);
    report.result("pattern_energies", {energy[0] / P, energy[1] / P, energy[2] / P, energy[3] / P});

    std::vector<Bin> bins(d + 1);
    ImageGrid grid{.title = "Noise p = " + fixed(o.noise, 1) + ", then " + std::to_string(o.steps) + " synchronous steps",
                   .columns = {"stored", "perturbed", "recalled"},
                   .row_labels = {"halves", "half-blocks", "alternating 1", "alternating 2"},
                   .rows = {},
                   .legend = sign_legend(false, true),
                   .scale = 16};
    Table example{.columns = {"pattern", "errors before", "after", "energy before", "after"}};
    for (std::int64_t trial = 0; trial < o.trials; ++trial) {
        SignArray const cues = reset(x, o.noise, options.seed, static_cast<std::uint32_t>(trial));
        SignArray const after = synchronous_steps(memory, cues, o.steps);
        for (std::int64_t mu = 0; mu < P; ++mu) {
            auto& bin = bins[static_cast<std::size_t>(errors(cues, mu, x, mu))];
            auto const left = errors(after, mu, x, mu);
            ++bin.trials, bin.exact += left == 0 ? 1 : 0, bin.errors += left;
        }
        if (trial != 0) continue;
        auto const before_energy = memory.energy(cues.view()), after_energy = memory.energy(after.view());
        for (std::int64_t mu = 0; mu < P; ++mu) {
            auto const k = static_cast<std::size_t>(mu);
            example.add({grid.row_labels[k], errors(cues, mu, x, mu), errors(after, mu, x, mu), Cell(before_energy[k] / P, 1),
                         Cell(after_energy[k] / P, 1)});
            grid.rows.push_back({sign_tile(x, mu, d), compared_tile(cues, mu, d, x, mu), compared_tile(after, mu, d, x, mu)});
        }
    }
    report.table("example", "One draw: each bit reset at random with p = " + fixed(o.noise, 2), example);

    Table table{.columns = {"errors before", "trials", "recalled exactly", "errors after, mean"}};
    Series share{.name = "recalled exactly"};
    for (std::size_t k = 0; k < bins.size(); ++k) {
        if (bins[k].trials == 0) continue;
        auto const n = static_cast<double>(bins[k].trials);
        table.add({static_cast<std::int64_t>(k), bins[k].trials, Cell(static_cast<double>(bins[k].exact) / n, 3),
                   Cell(static_cast<double>(bins[k].errors) / n, 2)});
        share.x.push_back(static_cast<double>(k)), share.y.push_back(static_cast<double>(bins[k].exact) / n);
    }
    report.table("statistics", std::to_string(o.trials) + " draws of all four patterns", table);
    report.figure("toy", grid);
    report.figure("toy-recall", {Panel{.title = "Four orthogonal patterns, d = 16",
                                       .x_label = "bits wrong in the cue",
                                       .y_label = "share of cues recalled exactly",
                                       .series = {share},
                                       .y_range = {{-0.03, 1.03}},
                                       .whole_x = true,
                                       .key = "top right"}});
    return report.finish();
}

void add_hopfield_toy(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("toy", "H7: four orthogonal patterns of length 16");
    auto o = std::make_shared<ToyOptions>();
    command->add_option("--noise", o->noise, "Probability that a bit is reset at random")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    command->add_option("--steps", o->steps, "Synchronous steps")->check(whole_number(1))->capture_default_str();
    command->add_option("--trials", o->trials, "Draws of noise")->check(whole_number(1))->capture_default_str();
    command->callback([&options, o] { run_toy({options, make_context(options)}, *o); });
}

}  // namespace ca3::cli
