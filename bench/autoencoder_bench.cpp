// Dense autoencoders: steps per second of training and of inference, and the share of the peak of fused products that is reached.
//
//   autoencoder_bench [options of Google Benchmark]
//   autoencoder_bench --turns NET BATCH [--infer] [--no-zeros] [--bf16] [--threads N] [--steps N]
//
// Nets as in bench/peers/autoencoder_torch.py: deep, mid, thin, wide. --turns answers each line that it reads with "<median ms> <least ms>"
// of about N steps (whole epochs), three times over, for a driver that alternates with another program (bench/peers/autoencoder_turns.py).
// Training is MSE and Adam on synthetic digits that lie in memory as bytes. Before a net is timed its first loss is compared with the
// reference's in f64. In a build with cuBLAS, forward_product is the product of each layer beside cublasGemmEx in the same precision; the
// net `large` is there for that alone, about where the engine leaves a layer to cuBLAS.
// The environment variable CA3_TUNING chooses among ways of computing on a GPU (CONTRIBUTING.md).
#include <ca3/autoencoder.hpp>
#include <ca3/context.hpp>
#include <ca3/error.hpp>

#include "bench/autoencoder_cublas.hpp"
#include "bench/limits.hpp"
#include "bench/measure.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace ca3;
using namespace ca3::autoencoder;

Architecture net(std::string const& name) {
    if (name == "deep")
        return {784, {512, relu}, {256, relu}, {128, relu}, {30, relu}, {128, relu}, {256, relu}, {512, relu}, {784, sigmoid}};
    if (name == "mid") return {784, {200, sigmoid}, {784, sigmoid}};
    if (name == "thin") return {784, {30, sigmoid}, {784, sigmoid}};
    if (name == "wide") return {784, {1156, relu}, {784, relu}};
    if (name == "large") return {1024, {1024, relu}, {2048, relu}, {2048, relu}, {4096, relu}, {4096, relu}};
    throw InvalidArgument("no net " + name + ", there are deep, mid, thin, wide");
}

/// Two for each product: forward, weights' gradient, and inputs' gradient of all layers but the first.
double flops_of_step(Architecture const& architecture, std::int64_t batch, bool training) {
    double sum = 0.0;
    std::int64_t in = architecture.inputs;
    bool first = true;
    for (auto const& layer : architecture.layers) {
        sum += (training ? (first ? 4.0 : 6.0) : 2.0) * static_cast<double>(in) * static_cast<double>(layer.units);
        in = layer.units;
        first = false;
    }
    return sum * static_cast<double>(batch);
}

bool no_zeros = false;  ///< --no-zeros: every pixel at least 1 / 255

/// As many images as MNIST has, of which an epoch is made.
Images const& digits() {
    static Images const images = [] {
        Images all = synthetic_digits(60000, 1);
        if (no_zeros)
            for (auto& pixel : all.pixels) pixel = std::max<std::uint8_t>(pixel, 1);
        return all;
    }();
    return images;
}

/// A net, its data, and runs of steps.
class Work {
public:
    Work(std::string const& name, std::int64_t batch, bool training, Context const& context, Precision precision = Precision::f32)
        : architecture_(net(name)),
          batch_(batch),
          training_(training),
          precision_(precision),
          model_(context, architecture_, {.seed = 1, .precision = precision}) {}

    [[nodiscard]] double flops() const { return flops_of_step(architecture_, batch_, training_); }

    [[nodiscard]] bool agrees() const {
        Model const exact(Context::reference(), architecture_, {.seed = 1, .precision = Precision::f64});
        std::int64_t const rows = std::min<std::int64_t>(batch_, 8);
        Samples const some = MatrixView<std::uint8_t const>(digits().pixels.data(), rows, 784);
        double const a = exact.evaluate(some), b = model_.evaluate(some);
        return std::abs(a - b) <= (precision_ == Precision::f32 || precision_ == Precision::tf32x3 ? 1e-5 : 1e-2) * a;
    }

    /// Seconds of each of about `steps` steps. Training runs whole epochs, whose mean counts; not the first, in which the images
    /// go to a GPU.
    double seconds(std::int64_t steps) {
        if (!training_) {
            Samples const some = MatrixView<std::uint8_t const>(digits().pixels.data(), batch_, 784);
            auto const d = bench::duration_of([&] {
                for (std::int64_t k = 0; k < steps; ++k) benchmark::DoNotOptimize(model_.reconstruct(some));
            });
            return d.wall / static_cast<double>(steps);
        }
        std::int64_t const batches = (digits().count + batch_ - 1) / batch_;
        std::int64_t const epochs = std::max<std::int64_t>(1, steps / batches);
        auto const history = model_.fit(digits(), {.epochs = epochs + 1, .batch = batch_, .optimizer = Adam{}});
        double sum = 0.0;
        for (std::size_t e = 1; e < history.epochs.size(); ++e) sum += history.epochs[e].seconds;
        return sum / static_cast<double>(epochs * batches);
    }

private:
    Architecture architecture_;
    std::int64_t batch_;
    bool training_;
    Precision precision_;
    Model model_;
};

void measure(benchmark::State& state, std::string const& name, std::int64_t batch, bool training, int threads, Precision precision) {
    auto const context = threads > 0 ? Context::cpu({.threads = threads}) : Context::cuda();
    Work work(name, batch, training, context, precision);
    if (!work.agrees()) return state.SkipWithError("the loss differs from the reference's");
    std::int64_t const steps = std::max<std::int64_t>(16, static_cast<std::int64_t>(2e10 / work.flops()) / 16 * 16);
    (void)work.seconds(steps);
    std::vector<double> times;
    for (auto _ : state) {
        double const each = work.seconds(steps);
        times.push_back(each);
        state.SetIterationTime(each);
    }
    double const median = bench::median(times);
    state.counters["steps_per_second"] = 1.0 / median;
    state.counters["epochs_of_60000_per_second"] = 1.0 / (median * std::ceil(60000.0 / static_cast<double>(batch)));
    state.counters["GFLOP_per_second"] = work.flops() / median * 1e-9;
    bool const pairs = precision == Precision::bf16;
    if (threads > 0)
        state.counters[pairs ? "bf16_peak_share" : "fma_peak_share"] =
            work.flops() / median / (pairs ? bench::bf16_flops_per_second(threads) : bench::fma_flops_per_second(threads));
    state.SetLabel(context.describe());
}

void add(std::string const& name, std::int64_t batch, bool training, int threads, Precision precision = Precision::f32) {
    std::string const title = "autoencoder/" + name + (training ? "/train" : "/infer") + "/batch:" + std::to_string(batch) +
                              (threads > 0 ? "/threads:" + std::to_string(threads) : "/cuda") +
                              (threads > 0 && precision == Precision::f32 ? "" : "/" + std::string(to_string(precision)));
    benchmark::RegisterBenchmark(title.c_str(), [=](benchmark::State& state) { measure(state, name, batch, training, threads, precision); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond)
        ->Iterations(9);
}

bool has_bf16(Context const& context) {
    try {
        (void)Model(context, {1, {1, identity}}, {.precision = Precision::bf16});
        return true;
    } catch (InvalidArgument const&) {
        return false;
    }
}

int answer_lines(int argc, char** argv) {
    if (argc < 4) {
        std::cerr << "autoencoder_bench --turns NET BATCH [--infer] [--no-zeros] [--bf16] [--threads N] [--steps N]" << std::endl;
        return 2;
    }
    bool infer = false;
    Precision precision = Precision::f32;
    int threads = 0;
    std::int64_t steps = 48;
    for (int i = 4; i < argc; ++i) {
        if (std::strcmp(argv[i], "--infer") == 0) infer = true;
        if (std::strcmp(argv[i], "--no-zeros") == 0) no_zeros = true;
        if (std::strcmp(argv[i], "--bf16") == 0) precision = Precision::bf16;
        if (std::strcmp(argv[i], "--threads") == 0 && i + 1 < argc) threads = std::atoi(argv[++i]);
        if (std::strcmp(argv[i], "--steps") == 0 && i + 1 < argc) steps = std::atoll(argv[++i]);
    }
    Work work(argv[2], std::atoll(argv[3]), !infer, Context::cpu({.threads = threads}), precision);
    if (!work.agrees()) {
        std::cerr << "autoencoder_bench: the loss differs from the reference's" << std::endl;
        return 1;
    }
    (void)work.seconds(steps);
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::vector<double> times;
        for (int k = 0; k < 3; ++k) times.push_back(work.seconds(steps) * 1e3);
        std::cout << bench::median(times) << ' ' << *std::min_element(times.begin(), times.end()) << std::endl;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 1 && std::strcmp(argv[1], "--turns") == 0) return answer_lines(argc, argv);
        int const threads = Context::cpu().threads();
        bool const gpu = !cuda_devices().devices.empty(), bf16 = has_bf16(Context::cpu());
        for (int const t : {1, threads, 0}) {
            if (t == 0 && !gpu) continue;
            for (Precision const precision : {Precision::f32, Precision::tf32x3, Precision::tf32, Precision::bf16}) {
                if (t > 0 && precision != Precision::f32 && !(bf16 && precision == Precision::bf16)) continue;
                add("deep", 256, true, t, precision);
                add("deep", 64, true, t, precision);
                add("mid", 1000, true, t, precision);
                add("thin", 64, true, t, precision);
                add("wide", 256, true, t, precision);
                add("deep", 256, false, t, precision);
            }
        }
#ifdef CA3_HAVE_CUBLAS
        std::vector<std::pair<std::string, std::int64_t>> const shapes{{"deep", 256}, {"deep", 64},   {"mid", 1000},   {"thin", 64},
                                                                       {"wide", 256}, {"large", 512}, {"large", 1024}, {"large", 4096}};
        for (auto const& [name, batch] : shapes)
            if (gpu) bench::add_forward_products(name, net(name), batch);
#endif
        benchmark::AddCustomContext("ca3", Context::best().describe());
        char const* const tuning = std::getenv("CA3_TUNING");
        benchmark::AddCustomContext("CA3_TUNING", tuning != nullptr ? tuning : "");
        benchmark::Initialize(&argc, argv);
        if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
        benchmark::RunSpecifiedBenchmarks();
        benchmark::Shutdown();
        return 0;
    } catch (std::exception const& e) {
        std::cerr << "autoencoder_bench: " << e.what() << std::endl;
        return 1;
    }
}
