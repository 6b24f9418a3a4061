// Recall from Hopfield memories, in state-sweeps per second (sweeps that a state took part in, summed over the batch), against
// sign(S W) in f32 through oneDNN on the same threads of the same program. Every iteration runs both, one after the other.
//
//   hopfield_bench [--data DIR] [--rounds N] [options of Google Benchmark]
//
// DIR is a folder of MNIST (else the environment's CA3_DATA, else synthetic digits). A table follows on the standard error output.
//
// Ours is the whole call: checks, copies of the cues, relaxation, energies, nearest patterns. The baseline is the bare sweep of a batch
// whose states and weights are in place, nothing else; its rate in a relaxation would be that of its sweep at best.
#include <ca3/context.hpp>
#include <ca3/error.hpp>
#include <ca3/hopfield.hpp>
#include <ca3/outer_product.hpp>

#include "bench/limits.hpp"
#include "bench/measure.hpp"
#include "bench/onednn_sign.hpp"
#include "bench/workload.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace ca3::hopfield;
using ca3::Context;
using ca3::bench::Comparison;
using ca3::bench::OneDnnSign;
using ca3::bench::Workload;

enum class Source { random, digits };
enum class Baseline {
    none,
    exact,  ///< f32, which must give the same states
    timed,  ///< f32, for its time: the fields of the rule are no integers, so single neurons may differ
};

struct Case {
    std::string name;
    Source source;
    std::int64_t d, P, B;
    MemoryOptions memory;
    RecallOptions recall;
    Baseline baseline;
    std::string baseline_name = "onednn_f32";
};

struct Settings {
    std::string data;
    std::int64_t rounds = 0;  ///< 0: 15 for small cases, 9 for large ones
};

/// What the table shows of a case.
struct Row {
    std::string name;
    double rate, baseline_rate, wall_ratio, cpu_ratio, limit_share;
};

std::vector<Row> table;
constexpr int repeats = 5;

Workload workload_of(Case const& c, Settings const& settings) {
    if (c.source == Source::random) return ca3::bench::random_workload(c.d, c.P, c.B);
    auto const side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(c.d))));
    return ca3::bench::digits_workload(side, c.P, c.B, settings.data);
}

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

/// Seconds that one state-sweep takes on all threads at the rates that loops of nothing but its instructions reach; 0: not known.
struct Limit {
    double overlaps = 0;  ///< xor, count, add: 8 patterns by 64 neurons
    double fields = 0;    ///< factored: look-up and addition for 6 patterns by 32 neurons; dense: 16 neurons by 4 products

    [[nodiscard]] double seconds() const { return overlaps + fields; }
};

Limit factored_limit(Case const& c, Context const& context) {
    if (context.instruction_set() != ca3::InstructionSet::avx512_vpopcntdq) return {};
    auto const words = static_cast<double>(ceil_div(c.P, 8) * ceil_div(c.d, 64));
    auto const lookups = static_cast<double>(ceil_div(c.P, 6) * ceil_div(c.d, 32));
    return {words / ca3::bench::popcount_words_per_second(context.threads()), lookups / ca3::bench::lookups_per_second(context.threads())};
}

Limit dense_limit(Case const& c, Context const& context) {
    if (context.instruction_set() < ca3::InstructionSet::avx512_vnni) return {};
    return {0, static_cast<double>(c.d) * static_cast<double>(c.d) / 64 / ca3::bench::byte_products_per_second(context.threads())};
}

Limit limit_of(Case const& c, Context const& context) {
    if (c.memory.rule != Rule::hebbian || c.memory.centre || c.recall.update != Update::synchronous) return {};
    return c.memory.form == Form::dense ? dense_limit(c, context) : factored_limit(c, context);
}

void report(benchmark::State& state, Case const& c, Context const& context, Comparison const& comparison, double state_sweeps,
            Limit const& limit) {
    auto const ours = comparison.ours.median();
    auto const rate = state_sweeps / ours.wall;
    Row row{
        c.name + " " + std::to_string(c.d) + "/" + std::to_string(c.P) + "/" + std::to_string(c.B), rate, 0, 0, 0, limit.seconds() * rate};
    auto& counters = state.counters;
    counters["ms"] = 1e3 * ours.wall;
    counters["cpu_ms"] = 1e3 * ours.cpu;
    counters["sweeps_per_state"] = state_sweeps / static_cast<double>(c.B);
    counters["state_sweeps_per_s"] = rate;
    if (limit.seconds() > 0) {
        counters["limit_share"] = row.limit_share;
        counters["limit_share_of_cpu"] = limit.seconds() * context.threads() * state_sweeps / ours.cpu;
        counters["limit_overlaps_ns"] = 1e9 * limit.overlaps;
        counters["limit_fields_ns"] = 1e9 * limit.fields;
    }
    if (c.baseline != Baseline::none) {
        auto const baseline = comparison.baseline.median();
        // The baseline's run is one sweep of the batch.
        double const scale = state_sweeps / static_cast<double>(c.B);
        row.baseline_rate = static_cast<double>(c.B) / baseline.wall;
        row.wall_ratio = comparison.wall_ratio() * scale;
        row.cpu_ratio = comparison.cpu_ratio() * scale;
        std::string const times = "times_" + c.baseline_name;
        counters[c.baseline_name + "_ms"] = 1e3 * baseline.wall;
        counters[c.baseline_name + "_cpu_ms"] = 1e3 * baseline.cpu;
        counters[c.baseline_name + "_state_sweeps_per_s"] = row.baseline_rate;
        counters[times] = row.wall_ratio;
        counters[times + "_lower_quartile"] = ca3::bench::quantile(comparison.wall_ratios, 0.25) * scale;
        counters[times + "_upper_quartile"] = ca3::bench::quantile(comparison.wall_ratios, 0.75) * scale;
        counters[times + "_cpu"] = row.cpu_ratio;
    }
    table.push_back(row);
}

void recall(benchmark::State& state, Case const& c, Settings const& settings) {
    auto const context = Context::cpu();
    Workload const work = workload_of(c, settings);
    Memory memory(context, c.memory);
    memory.store(work.patterns());

    Recall const first = memory.recall(work.cues(), c.recall);
    std::vector<std::int32_t> sweeps;
    double state_sweeps = 0;
    for (Result const& r : first.results) {
        sweeps.push_back(r.sweeps);
        state_sweeps += r.sweeps;
    }
    std::optional<OneDnnSign<float>> baseline;
    if (c.baseline != Baseline::none) {
        baseline.emplace(ca3::bench::hebbian_weights(context, work), work.cues(), context.threads());
        if (c.baseline == Baseline::exact && !agrees(*baseline, sweeps, first.view()))
            return state.SkipWithError("the states differ from those of f32");
        baseline->sweep();
    }

    Limit const limit = limit_of(c, context);
    Comparison comparison;
    for (auto _ : state) {
        auto const median = comparison.round(
            repeats, [&] { benchmark::DoNotOptimize(memory.recall(work.cues(), c.recall)); },
            [&] {
                if (baseline) baseline->sweep();
            });
        state.SetIterationTime(median.wall);
    }
    state.SetLabel(first.form);
    report(state, c, context, comparison, state_sweeps, limit);
}

/// hopfield::sign_update with agreement counts, against oneDNN in f32 or in int8, which has the operands of ours.
template <class Element>
void update_signs(benchmark::State& state, Case const& c, Settings const& settings) {
    auto const context = Context::cpu();
    Workload const work = workload_of(c, settings);
    ca3::Matrix<std::uint8_t> agreements(context, c.d, c.d);
    ca3::outer_product::accumulate(context, {}, work.patterns(), agreements.view());
    std::vector<std::int8_t> out(work.cue.size());
    auto const ours = [&] {
        sign_update(context, {.tie = Tie::keep, .zero_diagonal = true}, agreements.const_view(), c.P, {}, work.cues(),
                    ca3::MatrixView<std::int8_t>(out.data(), c.B, c.d), {});
    };
    ours();
    OneDnnSign<Element> baseline(ca3::bench::hebbian_weights(context, work), work.cues(), context.threads());
    std::vector<std::int32_t> const once(static_cast<std::size_t>(c.B), 1);
    if (!agrees(baseline, once, {out.data(), c.B, c.d})) return state.SkipWithError("the states differ from those of oneDNN");

    Limit const limit = dense_limit(c, context);
    Comparison comparison;
    for (auto _ : state) state.SetIterationTime(comparison.round(repeats, ours, [&] { baseline.sweep(); }).wall);
    report(state, c, context, comparison, static_cast<double>(c.B), limit);
}

void add(Case const& c, Settings const& settings, void (*body)(benchmark::State&, Case const&, Settings const&) = recall) {
    std::int64_t const rounds = settings.rounds > 0 ? settings.rounds : c.d > 1024 ? 9 : 15;
    benchmark::RegisterBenchmark(c.name.c_str(),
                                 [=](benchmark::State& state) {
                                     try {
                                         body(state, c, settings);
                                     } catch (std::exception const& e) {
                                         state.SkipWithError(e.what());
                                     }
                                 })
        ->ArgNames({"d", "P", "B"})
        ->Args({c.d, c.P, c.B})
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(rounds);
}

void add_cases(Settings const& settings) {
    RecallOptions const once{.max_sweeps = 1}, full{};
    auto const both = [&](std::string const& name, Source source, std::int64_t d, std::int64_t P, std::int64_t B, MemoryOptions memory,
                          Baseline baseline) {
        add({name + "/one_sweep", source, d, P, B, memory, once, baseline}, settings);
        add({name + "/relax", source, d, P, B, memory, full, baseline}, settings);
    };
    MemoryOptions const factored{.form = Form::factored}, dense{.form = Form::dense};
    both("hopfield/factored/random", Source::random, 784, 41, 8192, factored, Baseline::exact);
    both("hopfield/factored/digits", Source::digits, 784, 41, 8192, factored, Baseline::exact);
    both("hopfield/factored/random", Source::random, 4096, 100, 4096, factored, Baseline::exact);
    both("hopfield/factored/digits", Source::digits, 4096, 100, 4096, factored, Baseline::exact);
    both("hopfield/dense/random", Source::random, 2048, 100, 4096, dense, Baseline::exact);
    add({"hopfield/sign_update/f32", Source::random, 2048, 100, 4096, dense, once, Baseline::exact}, settings, update_signs<float>);
    add({"hopfield/sign_update/int8", Source::random, 2048, 100, 4096, dense, once, Baseline::exact, "onednn_int8"}, settings,
        update_signs<std::int8_t>);

    both("hopfield/centred/digits", Source::digits, 784, 41, 2048, {.centre = true}, Baseline::timed);
    both("hopfield/pseudo_inverse/digits", Source::digits, 784, 41, 2048, {.rule = Rule::pseudo_inverse, .ridge = 0.01}, Baseline::timed);
    both("hopfield/dense_associative/digits", Source::digits, 784, 41, 2048, {.rule = Rule::dense_associative, .degree = 3},
         Baseline::none);
    for (Update const update : {Update::asynchronous, Update::shared, Update::sequential}) {
        std::string const name = "hopfield/" + std::string(to_string(update));
        add({name + "/factored", Source::random, 784, 41, 1024, factored, {.update = update}, Baseline::none}, settings);
        add({name + "/dense", Source::random, 784, 41, 1024, dense, {.update = update}, Baseline::none}, settings);
    }
}

void print_table() {
    std::fprintf(stderr, "\n%-56s %12s %12s %8s %8s %8s\n", "state-sweeps per second (d/P/B)", "ours", "oneDNN", "ratio", "of CPU",
                 "of limit");
    for (Row const& row : table) {
        std::fprintf(stderr, "%-56s %12.0f", row.name.c_str(), row.rate);
        auto const number = [](int width, int digits, double value) {
            value > 0 ? std::fprintf(stderr, "%*.*f", width, digits, value) : std::fprintf(stderr, "%*s", width, "-");
        };
        number(13, 0, row.baseline_rate);
        number(9, 2, row.wall_ratio);
        number(9, 2, row.cpu_ratio);
        number(9, 2, row.limit_share);
        std::fputc('\n', stderr);
    }
}

/// Takes our own options out of argv.
Settings read_settings(int& argc, char** argv) {
    Settings settings;
    if (char const* const folder = std::getenv("CA3_DATA")) settings.data = folder;
    int kept = 1;
    for (int k = 1; k < argc; ++k) {
        std::string_view const option = argv[k];
        if (k + 1 < argc && option == "--data") {
            settings.data = argv[++k];
        } else if (k + 1 < argc && option == "--rounds") {
            settings.rounds = std::atoll(argv[++k]);
        } else {
            argv[kept++] = argv[k];
        }
    }
    argc = kept;
    return settings;
}

}  // namespace

int main(int argc, char** argv) {
    Settings const settings = read_settings(argc, argv);
    benchmark::AddCustomContext("ca3", Context::cpu().describe());
    benchmark::AddCustomContext("digits", settings.data.empty() ? "synthetic" : "MNIST");
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    add_cases(settings);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    print_table();
    return 0;
}
