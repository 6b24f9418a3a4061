#include "autoencoder_experiments.hpp"
#include "commands.hpp"
#include "experiments.hpp"

#include <chrono>
#include <iostream>
#include <memory>

namespace ca3::cli {
namespace {

using hopfield::Memory;

/// Digits recalled from half of their pixels by the pseudo-inverse.
nlohmann::json recall_digits(Environment const& environment, std::int64_t per_digit) {
    auto const& options = environment.options;
    std::vector<int> const all{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    Dataset const digits = load_digits(options, all);
    Report report(environment, "demo-recall", "", "Digits recalled from half of their pixels", digits.name);

    std::vector<std::int64_t> rows;
    std::vector<std::int64_t> count(10, 0);
    for (auto const row : choose(digits.train.count(), digits.train.count(), options.seed, 0)) {
        auto& n = count[static_cast<std::size_t>(digits.train.labels[static_cast<std::size_t>(row)])];
        if (n++ < per_digit) rows.push_back(row);
    }
    std::stable_sort(rows.begin(), rows.end(), [&](auto a, auto b) {
        return digits.train.labels[static_cast<std::size_t>(a)] < digits.train.labels[static_cast<std::size_t>(b)];
    });
    SignImages const images = select(digits.train, rows);
    Memory memory(environment.context, {.rule = hopfield::Rule::pseudo_inverse});
    auto const stored = memory.store(images.signs.view());
    report.line(std::to_string(stored.stored) + " digits stored, rank " + std::to_string(stored.rank) +
                "; pseudo-inverse, asynchronous update");

    std::vector<Loss> const losses{Loss::alternate, Loss::left, Loss::right, Loss::top, Loss::bottom};
    Table table{.columns = {"digit", "stored"}};
    ImageGrid grid{.title = "Recalled from half of the pixels, " + std::to_string(images.count()) + " digits stored",
                   .row_labels = {"stored"},
                   .rows = std::vector<std::vector<Tile>>(1),
                   .legend = sign_legend(true, true)};
    std::vector<std::int64_t> first;  // of each digit
    for (std::int64_t i = 0; i < images.count(); ++i)
        if (i == 0 || images.labels[static_cast<std::size_t>(i)] != images.labels[static_cast<std::size_t>(i - 1)]) first.push_back(i);
    for (auto const i : first) grid.rows[0].push_back(sign_tile(images.signs, i, images.width));

    std::vector<std::vector<std::int64_t>> exact(losses.size(), std::vector<std::int64_t>(10, 0));
    for (std::size_t k = 0; k < losses.size(); ++k) {
        SignArray const cues = lose_half(images.signs, images.width, losses[k]);
        SignArray const states = states_of(memory.recall(cues.view(), {.update = hopfield::Update::asynchronous, .seed = options.seed}));
        for (std::int64_t i = 0; i < images.count(); ++i)
            exact[k][static_cast<std::size_t>(images.labels[static_cast<std::size_t>(i)])] +=
                errors(states, i, images.signs, i) == 0 ? 1 : 0;
        table.columns.push_back(to_string(losses[k]));
        if (losses[k] != Loss::alternate && losses[k] != Loss::bottom) continue;
        for (int line = 0; line < 2; ++line) grid.rows.emplace_back(), grid.row_labels.emplace_back(line == 0 ? "cue" : "recalled");
        for (auto const i : first) {
            grid.rows[grid.rows.size() - 2].push_back(sign_tile(cues, i, images.width));
            grid.rows.back().push_back(compared_tile(states, i, images.width, images.signs, i));
        }
    }
    std::vector<Cell> total{"all", images.count()};
    for (std::size_t digit = 0; digit < 10; ++digit) {
        std::vector<Cell> row{std::to_string(digit), std::min(count[digit], per_digit)};
        for (auto const& e : exact) row.emplace_back(e[digit]);
        table.add(row);
    }
    for (std::size_t k = 0; k < losses.size(); ++k) {
        std::int64_t sum = 0;
        for (auto const n : exact[k]) sum += n;
        total.emplace_back(sum);
        report.result(to_string(losses[k]), {{"stored", images.count()}, {"recalled_exactly", sum}});
    }
    table.add(total);
    report.table("recalled", "Recalled exactly, to the last pixel, from a cue that lacks", table);
    report.figure("demo-recall", grid);
    return report.finish();
}

/// H5: H2 to H4 with the pseudo-inverse.
std::vector<nlohmann::json> run_pseudo_inverse(Environment const& environment) {
    RuleChoice const rule{.rule = hopfield::Rule::pseudo_inverse};
    OneStepOptions one_step;
    ErrorCurveOptions curve;
    NoiseSweepOptions noise;
    one_step.rule = curve.rule = noise.rule = rule;
    curve.sets = noise.sets = 2;
    noise.levels = 25;
    return {run_one_step(environment, one_step), run_error_curve(environment, curve), run_noise_sweep(environment, noise)};
}

void run(Options const& options, std::int64_t per_digit) {
    auto const begin = std::chrono::steady_clock::now();
    Environment const environment{.options = options, .context = make_context(options), .part_of_tour = true};
    auto json = json_header("demo");
    json["seed"] = options.seed;
    json["recall"] = recall_digits(environment, per_digit);
    json["H1"] = run_capacity(environment, {.sets = 2});
    json["H2"] = run_one_step(environment, {});
    json["H3"] = run_error_curve(environment, {.sets = 2});
    json["H4"] = run_noise_sweep(environment, {.sets = 2, .levels = 25});
    for (auto const& h5 : run_pseudo_inverse(environment)) json["H5"].push_back(h5);
    json["H6"] = run_restore(environment, {});
    json["H7"] = run_toy(environment, {.trials = 200});
    json["H8"] = run_letters(environment, {.trials = 200});
    json["H9"] = run_overlaps(environment, {.cues = 50});
    json["A10"] = run_losses(environment, {.epochs = 3, .variants = {"mse"}});
    write_json(options, json);
    std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - begin;
    if (options.prints_text())
        std::cout << "A short tour in " << fixed(seconds.count(), 1)
                  << " s; ca3 hopfield --help, ca3 lif --help and ca3 autoencoder run list the experiments in full. Figures are in "
                  << options.out << ".\n";
}

}  // namespace

void add_demo(CLI::App& app, Options const& options) {
    auto* command =
        app.add_subcommand("demo", "A short tour: digits recalled from half their pixels, then the experiments H1 to H9, and A10");
    auto per_digit = std::make_shared<std::int64_t>(10);
    command->add_option("--per-digit", *per_digit, "Images stored of each digit")->check(whole_number(1))->capture_default_str();
    command->callback([&options, per_digit] { run(options, *per_digit); });
}

}  // namespace ca3::cli
