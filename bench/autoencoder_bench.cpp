// Dense autoencoders: steps per second of training and of inference, and the share of the peak of fused products that is reached.
//
//   autoencoder_bench [options of Google Benchmark]
//   autoencoder_bench --turns NET BATCH [--infer] [--no-zeros] [--bf16] [--threads N] [--steps N]
//
// Nets as in bench/peers/autoencoder_torch.py: deep, mid, thin, wide. --turns answers each line that it reads with "<median ms> <least ms>"
// of about N steps (whole epochs), three times over, for a driver that alternates with another program (bench/peers/autoencoder_turns.py).
// Training is MSE and Adam on synthetic digits that lie in memory as bytes. Before a net is timed, two steps of it are compared with the
// reference's in f64. many is 64 models of `thin` at once, which is not compared (tests do). The operations are timed by themselves too. In
// a build with cuBLAS, forward_product is the product of each layer beside cublasGemmEx in the same precision; the net `large` is there for
// that alone, about where the engine leaves a layer to cuBLAS. The environment variable CA3_TUNING chooses among ways of computing on a GPU
// (CONTRIBUTING.md).
#include <ca3/autoencoder.hpp>
#include <ca3/context.hpp>
#include <ca3/error.hpp>

#include "bench/autoencoder_cublas.hpp"
#include "bench/autoencoder_operations.hpp"
#include "bench/limits.hpp"
#include "bench/measure.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <string>
#include <tuple>
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
        : name_(name),
          architecture_(net(name)),
          batch_(batch),
          training_(training),
          precision_(precision),
          model_(context, architecture_, {.seed = 1, .precision = precision}) {}

    [[nodiscard]] double flops() const { return flops_of_step(architecture_, batch_, training_); }

    /// The mean loss of two training steps (of two batches, without training) in the way that is timed; the second sees an update.
    /// Products of 784 terms are off by 784 roundings at most; where operands are rounded to 8 bits (11 in tf32) each is off by 2^-8 more,
    /// of which two or three pass through the layers.
    [[nodiscard]] bool agrees() const {
        bool const short_products = precision_ == Precision::bf16 || precision_ == Precision::tf32;
        double const bound = short_products ? 3 * 0x1p-8 : 784 * 0x1p-24;
        static std::map<std::tuple<std::string, std::int64_t, bool>, double> expected;
        auto& exact = expected[{name_, batch_, training_}];
        if (exact == 0.0) exact = loss_of_two(Model(Context::reference(), architecture_, {.seed = 1, .precision = Precision::f64}));
        return std::abs(loss_of_two(Model(model_.context(), architecture_, {.seed = 1, .precision = precision_})) - exact) <= bound * exact;
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
    [[nodiscard]] double loss_of_two(Model model) const {
        Samples const some = MatrixView<std::uint8_t const>(digits().pixels.data(), 2 * batch_, 784);
        if (!training_) return model.evaluate(some, {}, {}, batch_);
        return model.fit(some, {.epochs = 1, .batch = batch_, .optimizer = Adam{}, .shuffle = false}).epochs[0].train_loss;
    }

    std::string name_;
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

/// Models of `thin` at once, two epochs of each, by the wall.
void measure_many(benchmark::State& state, Context const& context, Precision precision) {
    constexpr std::int64_t models = 64, batch = 64, epochs = 2;
    std::vector<Variant> variants;
    for (std::uint64_t m = 0; m < models; ++m) variants.push_back({.seed = m});
    std::vector<double> times;
    for (auto _ : state) {
        auto const d = bench::duration_of([&] {
            benchmark::DoNotOptimize(
                fit_many(context, net("thin"), variants, digits(), {.epochs = epochs, .batch = batch}, {.precision = precision}));
        });
        times.push_back(d.wall);
        state.SetIterationTime(d.wall);
    }
    auto const steps = static_cast<double>(models * epochs * ((digits().count + batch - 1) / batch));
    state.counters["steps_per_second"] = steps / bench::median(times);
    state.SetLabel(context.describe());
}

void add_many(int threads, Precision precision) {
    auto const context = threads > 0 ? Context::cpu({.threads = threads}) : Context::cuda();
    std::string const title = "autoencoder/many/train/batch:64/" +
                              (threads > 0 ? "threads:" + std::to_string(threads) : "cuda/" + std::string(to_string(precision)));
    benchmark::RegisterBenchmark(title.c_str(), [=](benchmark::State& state) { measure_many(state, context, precision); })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond)
        ->Iterations(3);
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
        std::string const option = argv[i];
        if (option == "--infer")
            infer = true;
        else if (option == "--no-zeros")
            no_zeros = true;
        else if (option == "--bf16")
            precision = Precision::bf16;
        else if (option == "--threads" && i + 1 < argc)
            threads = std::stoi(argv[++i]);
        else if (option == "--steps" && i + 1 < argc)
            steps = std::stoll(argv[++i]);
        else
            throw InvalidArgument("--turns has no option " + option);
    }
    std::int64_t const batch = std::stoll(argv[3]);
    if (batch < 1 || 2 * batch > digits().count) throw InvalidArgument("BATCH must be in [1, 30000]");
    Work work(argv[2], batch, !infer, Context::cpu({.threads = threads}), precision);
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
                if (t == 0 || (t == threads && precision == Precision::f32)) add_many(t, precision);
            }
            bench::add_operations(t > 0 ? Context::cpu({.threads = t}) : Context::cuda());
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
