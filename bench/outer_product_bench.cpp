// X^T X of P patterns of d neurons: ours as exact integers against oneDNN in f32, on the same threads of the same program.
// Every iteration runs both, one after the other, so that the ratio of the medians is not that of two moods of the machine.
#include <ca3/context.hpp>
#include <ca3/outer_product.hpp>

#include "bench/limits.hpp"
#include "bench/measure.hpp"

#include <benchmark/benchmark.h>
#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

using ca3::Context;
using ca3::InstructionSet;
using ca3::MatrixView;

/// X^T X by oneDNN.
struct Baseline {
    std::int64_t p, d;
    std::vector<float> x, w;

    Baseline(std::vector<std::int8_t> const& patterns, std::int64_t p_, std::int64_t d_)
        : p(p_), d(d_), x(patterns.begin(), patterns.end()), w(static_cast<std::size_t>(d_ * d_)) {}

    void run(int threads) {
        omp_set_num_threads(threads);
        if (dnnl_sgemm('T', 'N', d, d, p, 1.0F, x.data(), d, x.data(), d, 0.0F, w.data(), d) != dnnl_success) std::abort();
    }
};

/// Both agree off the diagonal; f32 is exact below 2^24.
template <class T>
bool agrees(ca3::Matrix<T> const& ours, Baseline const& f32) {
    for (std::int64_t i = 0; i < f32.d; ++i) {
        for (std::int64_t j = 0; j < f32.d; ++j) {
            std::int64_t const element = ours.row(i)[j];
            std::int64_t const weight = std::is_same_v<T, std::uint8_t> ? 2 * element - f32.p : element;
            if (i != j && static_cast<float>(weight) != f32.w[static_cast<std::size_t>(i * f32.d + j)]) return false;
        }
    }
    return true;
}

template <class T>
void accumulate(benchmark::State& state, InstructionSet set, bool with_baseline) {
    std::int64_t const d = state.range(0), p = state.range(1);
    auto const context = Context::cpu({.threads = static_cast<int>(state.range(2)), .instruction_set = set});
    std::vector<std::int8_t> patterns(static_cast<std::size_t>(p * d));
    std::mt19937_64 random(7);
    for (auto& x : patterns) x = (random() & 1) != 0 ? 1 : -1;
    ca3::Matrix<T> weights(context, d, d);
    auto const ours = [&] {
        ca3::outer_product::accumulate(context, {}, MatrixView<std::int8_t const>(patterns.data(), p, d), weights.view());
    };

    Baseline baseline(patterns, p, with_baseline ? d : 0);
    ours();
    if (with_baseline) {
        baseline.run(context.threads());
        if (!agrees(weights, baseline)) return state.SkipWithError("the results differ");
    }

    ca3::bench::Comparison comparison;
    for (auto _ : state) {
        auto const median = comparison.round(1, ours, [&] {
            if (with_baseline) baseline.run(context.threads());
        });
        state.SetIterationTime(median.wall);
    }

    double const time = comparison.ours.median().wall;
    std::size_t const bytes = static_cast<std::size_t>(d * d) * sizeof(T);
    // One 512-bit word holds 64 patterns of 8 pairs of columns; of the d^2 pairs the lower triangle is counted.
    double const words = static_cast<double>((p + 63) / 64) * static_cast<double>(d) * static_cast<double>(d + 1) / 2 / 8;
    double const popcount_seconds = words / std::max(ca3::bench::popcount_words_per_second(context.threads()), 1.0);
    double const write_seconds = static_cast<double>(bytes) / ca3::bench::write_bytes_per_second(context.threads(), bytes);
    state.counters["median_ms"] = 1e3 * time;
    state.counters["popcount_limit_share"] = popcount_seconds / time;
    state.counters["write_limit_share"] = write_seconds / time;
    state.counters["binding_limit_share"] = std::max(popcount_seconds, write_seconds) / time;
    if (with_baseline) {
        state.counters["onednn_f32_ms"] = 1e3 * comparison.baseline.median().wall;
        state.counters["times_onednn_f32"] = comparison.wall_ratio();
        state.counters["times_onednn_f32_cpu"] = comparison.cpu_ratio();
    }
    state.SetLabel(context.describe());
}

template <class T>
void add(std::string const& name, InstructionSet set, std::int64_t d, std::int64_t p, int threads, bool with_baseline) {
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { accumulate<T>(state, set, with_baseline); })
        ->ArgNames({"d", "P", "threads"})
        ->Args({d, p, threads})
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(d > 2048 ? 21 : 101);
}

}  // namespace

int main(int argc, char** argv) {
    int const threads = Context::cpu().threads();
    for (int const t : {1, threads}) {
        add<std::int16_t>("outer_product/i16", InstructionSet::automatic, 4096, 512, t, true);
        if (threads == 1) break;
    }
    add<std::uint8_t>("outer_product/u8", InstructionSet::automatic, 4096, 255, threads, true);
    add<std::int32_t>("outer_product/i32", InstructionSet::automatic, 4096, 512, threads, true);
    add<std::uint8_t>("outer_product/u8", InstructionSet::automatic, 784, 41, threads, true);
    add<std::uint8_t>("outer_product/u8", InstructionSet::automatic, 16384, 255, threads, false);
    for (InstructionSet const set : ca3::supported_instruction_sets())
        add<std::int16_t>("outer_product/i16/" + std::string(to_string(set)), set, 4096, 512, threads, false);
    benchmark::AddCustomContext("ca3", Context::cpu().describe());
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
