#include "commands.hpp"
#include "experiments.hpp"
#include "letters.hpp"

#include <array>
#include <memory>

namespace ca3::cli {
namespace {

constexpr std::array<char const*, 4> names{"A", "B", "C", "E"};
constexpr std::int64_t published_gram[4][4] = {{36, 0, 0, 8}, {0, 36, 0, 4}, {0, 0, 36, 8}, {8, 4, 8, 36}};
/// The published run: a damaged B comes back with these errors to A, B, C and E, whichever way it was damaged and updated.
constexpr std::int64_t published_errors[4] = {18, 0, 18, 16};

SignArray lose_last(SignArray const& x, std::int64_t count) {
    SignArray out = x;
    for (std::int64_t r = 0; r < x.rows; ++r)
        for (std::int64_t i = x.cols - count; i < x.cols; ++i) out.values[static_cast<std::size_t>(r * x.cols + i)] = -1;
    return out;
}

Table gram_table(std::vector<std::vector<std::int64_t>> const& g) {
    Table table{.columns = {"overlap", "A", "B", "C", "E", "published"}};
    for (std::size_t a = 0; a < 4; ++a) {
        std::string published;
        for (auto const v : published_gram[a]) published += (published.empty() ? "" : " ") + std::to_string(v);
        table.add({names[a], g[a][0], g[a][1], g[a][2], g[a][3], published});
    }
    return table;
}

struct Recalled {
    std::string update;
    SignArray states;
};

/// The network of H7: field W x - b with b the column mean; the library keeps 4 W.
hopfield::Memory letter_memory(Context const& context, SignArray const& x) {
    hopfield::Memory memory(context);
    memory.store(x.view());
    std::vector<double> bias(static_cast<std::size_t>(x.cols), 0.0);
    for (std::int64_t i = 0; i < x.rows * x.cols; ++i) bias[static_cast<std::size_t>(i % x.cols)] -= x.values[static_cast<std::size_t>(i)];
    memory.set_bias(bias);
    return memory;
}

std::vector<Recalled> recall_both_ways(hopfield::Memory const& memory, SignArray const& cues, LettersOptions const& o, std::uint64_t seed,
                                       std::uint32_t draw) {
    return {{"synchronous, " + std::to_string(o.steps) + " steps", synchronous_steps(memory, cues, o.steps)},
            {"asynchronous, " + std::to_string(o.sweeps) + " sweeps",
             states_of(memory.recall(
                 cues.view(), {.update = hopfield::Update::asynchronous, .max_sweeps = o.sweeps, .seed = seed, .first_state = 4 * draw}))}};
}

}  // namespace

nlohmann::json run_letters(Environment const& environment, LettersOptions const& o) {
    auto const& options = environment.options;
    Report report(environment, "letters", "H8", "The letters A, B, C, E as 6 x 6 images");
    SignArray const x = letters();
    report.table("gram", "Overlaps of the letters", gram_table(gram(x)));
    report.result("gram", gram(x));
    auto const memory = letter_memory(environment.context, x);

    std::vector<std::pair<std::string, SignArray>> const damages{{"noise p = " + fixed(o.noise, 1), reset(x, o.noise, options.seed, 0)},
                                                                 {"last 12 set to -1", lose_last(x, 12)}};
    Table table{.columns = {"cue", "damage", "bits wrong", "update", "A", "B", "C", "E", "published"}};
    ImageGrid grid{.title = "Letters: damaged, and recalled",
                   .columns = {"stored", "noise", "synchr.", "asynchr.", "last 12 at -1", "synchr.", "asynchr."},
                   .row_labels = {names.begin(), names.end()},
                   .rows = std::vector<std::vector<Tile>>(4),
                   .legend = sign_legend(false, true),
                   .scale = 16};
    for (std::int64_t n = 0; n < 4; ++n) grid.rows[static_cast<std::size_t>(n)].push_back(sign_tile(x, n, letter_width));
    bool as_published = true;
    nlohmann::json all = nlohmann::json::array();
    for (auto const& [damage, cues] : damages) {
        for (std::int64_t n = 0; n < 4; ++n) grid.rows[static_cast<std::size_t>(n)].push_back(compared_tile(cues, n, letter_width, x, n));
        for (auto const& [update, states] : recall_both_ways(memory, cues, o, options.seed, 0)) {
            for (std::int64_t n = 0; n < 4; ++n) {
                grid.rows[static_cast<std::size_t>(n)].push_back(compared_tile(states, n, letter_width, x, n));
                std::array<std::int64_t, 4> e{};
                for (std::int64_t m = 0; m < 4; ++m) e[static_cast<std::size_t>(m)] = errors(states, n, x, m);
                bool const is_b = n == 1;
                for (std::size_t m = 0; is_b && m < 4; ++m) as_published = as_published && e[m] == published_errors[m];
                table.add({names[static_cast<std::size_t>(n)], damage, errors(cues, n, x, n), update, e[0], e[1], e[2], e[3],
                           is_b ? "18 0 18 16" : "-"});
                all.push_back({{"cue", names[static_cast<std::size_t>(n)]}, {"damage", damage}, {"update", update}, {"errors", e}});
            }
        }
    }
    report.table("recall", "Errors after recall, to each letter (published: own letter 0, others 18, 18, 16)", table);
    report.line(std::string("The letter B comes back ") + (as_published ? "as published in all four cases" : "otherwise than published"));
    report.result("errors", all);
    report.result("as_published", as_published);

    Table statistics{.columns = {"update", "A", "B", "C", "E"}};
    std::array<std::array<std::int64_t, 4>, 2> exact{};
    for (std::int64_t trial = 0; trial < o.trials; ++trial) {
        auto const draw = static_cast<std::uint32_t>(trial);
        auto const recalled = recall_both_ways(memory, reset(x, o.noise, options.seed, draw), o, options.seed, draw);
        for (std::size_t way = 0; way < 2; ++way)
            for (std::int64_t n = 0; n < 4; ++n)
                exact[way][static_cast<std::size_t>(n)] += errors(recalled[way].states, n, x, n) == 0 ? 1 : 0;
    }
    for (std::size_t way = 0; way < 2; ++way) {
        std::vector<Cell> row{way == 0 ? "synchronous" : "asynchronous"};
        for (auto const count : exact[way]) row.emplace_back(static_cast<double>(count) / static_cast<double>(o.trials), 3);
        statistics.add(row);
    }
    report.table("statistics", "Share recalled exactly over " + std::to_string(o.trials) + " draws of noise p = " + fixed(o.noise, 2),
                 statistics);
    report.figure("letters", grid);
    return report.finish();
}

void add_hopfield_letters(CLI::App& hopfield, Options const& options) {
    auto* command = hopfield.add_subcommand("letters", "H8: the letters A, B, C, E as 6 x 6 images");
    auto o = std::make_shared<LettersOptions>();
    command->add_option("--noise", o->noise, "Probability that a pixel is reset at random")
        ->check(CLI::Range(0.0, 1.0))
        ->capture_default_str();
    command->add_option("--steps", o->steps, "Synchronous steps")->check(whole_number(1))->capture_default_str();
    command->add_option("--sweeps", o->sweeps, "Asynchronous sweeps")->check(whole_number(1))->capture_default_str();
    command->add_option("--trials", o->trials, "Draws of noise")->check(whole_number(1))->capture_default_str();
    command->callback([&options, o] { run_letters({options, make_context(options)}, *o); });
}

}  // namespace ca3::cli
