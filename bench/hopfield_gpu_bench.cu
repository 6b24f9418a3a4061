// Recall from Hopfield memories on a GPU against sign(S W) through cuBLASLt in f32, tf32, bf16 and int8, in state-sweeps per second.
// All data is on the device; times are the device's, by events. Every iteration runs ours and every baseline, one after the other.
//
// sign_update is the operation; factored and dense are the relaxation that Memory::recall runs, without its copies over the bus, which
// recall_ms holds. Counters ending in _ms are medians.
#include <ca3/error.hpp>
#include <ca3/outer_product.hpp>

#include "bench/hopfield_cublas.hpp"
#include "bench/measure.hpp"
#include "bench/workload.hpp"
#include "hopfield/model.hpp"
#include "kernels/common/check.cuh"
#include "kernels/hopfield/prepared.cuh"
#include "kernels/hopfield/relax.cuh"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>

namespace {

using namespace ca3::hopfield;
using ca3::Buffer;
using ca3::Context;
using ca3::MatrixView;
using ca3::bench::CublasSign;
using ca3::bench::Precision;
using ca3::bench::Workload;

constexpr int runs = 20;

/// cuda::relax on states that are on the device.
class DeviceRelaxation {
public:
    DeviceRelaxation(Context const& context, Workload const& work, Form form, std::int64_t max_sweeps)
        : context_(context),
          prepared_(cuda::prepare(
              context,
              build_model(context, {.options = {.form = form}, .neurons = work.d, .patterns = work.P, .pattern = work.pattern}).model)),
          cues_(context, work.B * work.d),
          states_(context, work.B * work.d),
          status_(context, work.B),
          sweeps_(context, work.B),
          flips_(context, work.B) {
        cues_.copy_from_host(work.cue.data());
        job_.batch = work.B;
        job_.states = states_.data();
        job_.max_sweeps = max_sweeps;
        job_.status = status_.data();
        job_.sweeps = sweeps_.data();
        job_.flips = flips_.data();
    }

    /// The copy of the cues on the device is part of it.
    void run() {
        ca3::check(cudaMemcpyAsync(states_.data(), cues_.data(), static_cast<std::size_t>(cues_.size()), cudaMemcpyDeviceToDevice,
                                   context_.stream()),
                   "cudaMemcpyAsync");
        cuda::DeviceModel const& model = cuda::on_device(*prepared_).model;
        bool const done = cuda::serves_packed(model, job_) && cuda::relax_packed(cuda::Path::automatic, context_, model, job_);
        if (!done) cuda::relax_single(context_, model, job_);
    }

    [[nodiscard]] std::vector<std::int8_t> states() const {
        std::vector<std::int8_t> out(static_cast<std::size_t>(states_.size()));
        states_.copy_to_host(out.data());
        return out;
    }

private:
    Context context_;
    std::unique_ptr<Prepared> prepared_;
    Buffer<std::int8_t> cues_, states_;
    Buffer<Status> status_;
    Buffer<std::int32_t> sweeps_;
    Buffer<std::int64_t> flips_;
    cuda::DeviceJob job_;
};

/// All baselines of a workload, and how long they take.
class Baselines {
public:
    Baselines(Context const& context, Workload const& work) {
        auto const weights = ca3::bench::hebbian_weights(Context::cpu(), work);
        for (Precision const p : {Precision::f32, Precision::tf32, Precision::bf16, Precision::int8}) {
            runs_.emplace(p, Run{std::make_unique<CublasSign>(context, p, weights, work.cues()), {}, {}});
        }
    }

    /// Every baseline gives these states after one sweep of the cues.
    [[nodiscard]] bool give(std::span<std::int8_t const> expected) {
        for (auto& [precision, run] : runs_) {
            run.sign->sweep();
            if (!std::ranges::equal(run.sign->states(), expected)) return false;
        }
        return true;
    }

    void time(Context const& context) {
        for (auto& [precision, run] : runs_) {
            run.sweep_seconds.push_back(ca3::bench::device_seconds(context, runs, [&] { run.sign->sweep(); }));
            run.product_seconds.push_back(ca3::bench::device_seconds(context, runs, [&] { run.sign->multiply(); }));
        }
    }

    /// @param seconds of ours  @param sweeps of a state in that time
    void report(benchmark::State& state, Workload const& work, double seconds, double sweeps) const {
        for (auto const& [precision, run] : runs_) {
            std::string const name = "cublaslt_" + to_string(precision);
            double const theirs = ca3::bench::median(run.sweep_seconds), product = ca3::bench::median(run.product_seconds);
            state.counters[name + "_ms"] = 1e3 * theirs;
            state.counters[name + "_product_tops"] =
                2e-12 * static_cast<double>(work.B) * static_cast<double>(work.d) * static_cast<double>(work.d) / product;
            state.counters["times_" + name] = theirs * sweeps / seconds;
            state.counters["times_" + name + "_product"] = product * sweeps / seconds;
        }
    }

private:
    struct Run {
        std::unique_ptr<CublasSign> sign;
        std::vector<double> sweep_seconds, product_seconds;
    };
    std::map<Precision, Run> runs_;
};

struct Case {
    std::string name;
    bool digits;
    std::int64_t d, P, B;
    Form form;
    std::int64_t max_sweeps;
};

Workload workload_of(Case const& c) {
    if (!c.digits) return ca3::bench::random_workload(c.d, c.P, c.B);
    char const* const folder = std::getenv("CA3_DATA");
    auto const side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(c.d))));
    return ca3::bench::digits_workload(side, c.P, c.B, folder == nullptr ? "" : folder);
}

void relax(benchmark::State& state, Case const& c) {
    auto const context = Context::cuda();
    Workload const work = workload_of(c);
    Memory memory(context, {.form = c.form});
    memory.store(work.patterns());
    RecallOptions const options{.max_sweeps = c.max_sweeps};
    Recall const once = memory.recall(work.cues(), {.max_sweeps = 1}), recalled = memory.recall(work.cues(), options);
    double state_sweeps = 0;
    for (Result const& r : recalled.results) state_sweeps += r.sweeps;
    double const sweeps = state_sweeps / static_cast<double>(c.B);

    DeviceRelaxation ours(context, work, c.form, c.max_sweeps);
    Baselines baselines(context, work);
    ours.run();
    if (ours.states() != recalled.states) return state.SkipWithError("the relaxation differs from that of recall");
    if (!baselines.give(once.states)) return state.SkipWithError("the states differ from those of cuBLASLt");

    std::vector<double> seconds, recall_seconds;
    for (auto _ : state) {
        seconds.push_back(ca3::bench::device_seconds(context, runs, [&] { ours.run(); }));
        recall_seconds.push_back(ca3::bench::duration_of([&] { benchmark::DoNotOptimize(memory.recall(work.cues(), options)); }).wall);
        baselines.time(context);
        state.SetIterationTime(seconds.back());
    }
    double const median = ca3::bench::median(seconds);
    state.counters["ms"] = 1e3 * median;
    state.counters["recall_ms"] = 1e3 * ca3::bench::median(recall_seconds);
    state.counters["sweeps_per_state"] = sweeps;
    state.counters["state_sweeps_per_s"] = state_sweeps / median;
    baselines.report(state, work, median, sweeps);
    state.SetLabel(recalled.form);
}

void update_signs(benchmark::State& state, Case const& c) {
    auto const context = Context::cuda();
    Workload const work = workload_of(c);
    ca3::Matrix<std::int8_t> patterns(context, c.P, c.d), in(context, c.B, c.d), out(context, c.B, c.d);
    ca3::Matrix<std::uint8_t> agreements(context, c.d, c.d);
    patterns.copy_from_host(work.pattern.data());
    in.copy_from_host(work.cue.data());
    ca3::outer_product::accumulate(context, {}, patterns.const_view(), agreements.view());
    auto const ours = [&] {
        sign_update(context, {.zero_diagonal = true}, agreements.const_view(), c.P, {}, in.const_view(), out.view(), {});
    };
    Baselines baselines(context, work);
    ours();
    std::vector<std::int8_t> states(work.cue.size());
    out.copy_to_host(states.data());
    if (!baselines.give(states)) return state.SkipWithError("the states differ from those of cuBLASLt");

    std::vector<double> seconds;
    for (auto _ : state) {
        seconds.push_back(ca3::bench::device_seconds(context, runs, ours));
        baselines.time(context);
        state.SetIterationTime(seconds.back());
    }
    double const median = ca3::bench::median(seconds);
    state.counters["ms"] = 1e3 * median;
    state.counters["tops"] = 2e-12 * static_cast<double>(c.B) * static_cast<double>(c.d) * static_cast<double>(c.d) / median;
    state.counters["state_sweeps_per_s"] = static_cast<double>(c.B) / median;
    baselines.report(state, work, median, 1);
}

void add(Case const& c, void (*body)(benchmark::State&, Case const&) = relax) {
    benchmark::RegisterBenchmark(c.name.c_str(),
                                 [=](benchmark::State& state) {
                                     try {
                                         body(state, c);
                                     } catch (std::exception const& e) {
                                         state.SkipWithError(e.what());
                                     }
                                 })
        ->ArgNames({"d", "P", "B"})
        ->Args({c.d, c.P, c.B})
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(9);
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    try {
        benchmark::AddCustomContext("ca3", Context::cuda().describe());
    } catch (ca3::Error const& e) {
        std::fprintf(stderr, "hopfield_gpu_bench: %s; nothing was measured\n", e.what());
        return 1;
    }
    for (std::int64_t const most : {std::int64_t{1}, std::int64_t{100}}) {
        std::string const how = most == 1 ? "/one_sweep" : "/relax";
        add({"hopfield_gpu/factored/random" + how, false, 784, 41, 8192, Form::factored, most});
        add({"hopfield_gpu/factored/digits" + how, true, 784, 41, 8192, Form::factored, most});
        add({"hopfield_gpu/factored/random" + how, false, 4096, 100, 4096, Form::factored, most});
        add({"hopfield_gpu/factored/digits" + how, true, 4096, 100, 4096, Form::factored, most});
        add({"hopfield_gpu/dense/random" + how, false, 2048, 100, 4096, Form::dense, most});
    }
    for (std::int64_t const d : {2048, 4096, 8192}) add({"hopfield_gpu/sign_update", false, d, 100, 4096, Form::dense, 1}, update_signs);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
