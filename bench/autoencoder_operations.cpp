#include "bench/autoencoder_operations.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/matrix.hpp>
#include <ca3/random.hpp>

#include "bench/limits.hpp"
#include "bench/measure.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace ca3::bench {
namespace {

using namespace ca3::autoencoder;

constexpr std::int64_t rows = 256, in = 784, out = 512;

std::vector<float> numbers(std::int64_t count, std::uint32_t stream) {
    std::vector<float> list(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < list.size(); ++i)
        list[i] = static_cast<float>(random::uniform(1, random::Purpose::user, stream, 0, i)) - 0.5f;
    return list;
}

/// A layer with all that goes in and comes out.
class Layer {
public:
    explicit Layer(Context const& context) : context_(context) {
        fill(input_, 0);
        fill(weight_, 1);
        fill(output_gradient_, 2);
        std::vector<float> const zeros(static_cast<std::size_t>(out * in), 0.0f);
        for (Matrix<float>* const m : {&parameters_, &first_, &second_}) *m = made(out, in, zeros);
        bias_ = made(1, out, numbers(out, 3));
        forward();
    }

    void forward() {
        autoencoder::forward(context_, options_, input_.const_view(), weight_.const_view(), {bias_.data(), out}, {}, output_.view());
    }
    void backward() {
        autoencoder::backward(context_, options_, input_.const_view(), weight_.const_view(), {}, output_.const_view(),
                              output_gradient_.const_view(), input_gradient_.view(), weight_gradient_.view(), {bias_gradient_.data(), out});
    }
    double loss() { return autoencoder::loss(context_, Loss::mse, output_.const_view(), output_gradient_.const_view(), gradient_.view()); }
    void adam() { adam_step(context_, Adam{}, ++steps_, weight_.const_view(), parameters_.view(), first_.view(), second_.view()); }
    void wait() { context_.synchronize(); }

    [[nodiscard]] std::vector<std::vector<float>> results() {
        forward();
        backward();
        loss_ = loss();
        adam();
        std::vector<std::vector<float>> list;
        for (Matrix<float> const* const m : {&output_, &input_gradient_, &weight_gradient_, &bias_gradient_, &gradient_, &parameters_}) {
            list.emplace_back(static_cast<std::size_t>(m->rows() * m->cols()));
            m->copy_to_host(list.back().data());
        }
        list.push_back({static_cast<float>(loss_)});
        return list;
    }

private:
    [[nodiscard]] Matrix<float> made(std::int64_t r, std::int64_t c, std::vector<float> const& values) const {
        Matrix<float> m(context_, r, c);
        m.copy_from_host(values.data());
        return m;
    }
    void fill(Matrix<float>& m, std::uint32_t stream) const { m = made(m.rows(), m.cols(), numbers(m.rows() * m.cols(), stream)); }

    Context context_;
    DenseOptions options_{.activation = sigmoid};
    Matrix<float> input_{context_, rows, in}, weight_{context_, out, in}, output_{context_, rows, out};
    Matrix<float> output_gradient_{context_, rows, out}, input_gradient_{context_, rows, in}, weight_gradient_{context_, out, in};
    Matrix<float> bias_, bias_gradient_{context_, 1, out}, gradient_{context_, rows, out};
    Matrix<float> parameters_, first_, second_;
    std::int64_t steps_ = 0;
    double loss_ = 0.0;
};

/// Sums of at most 784 products of numbers below 1/2 are off by 784 roundings of the sum of their sizes, 784 / 4; all else is off by less.
bool agree(std::vector<std::vector<float>> const& a, std::vector<std::vector<float>> const& b) {
    double const bound = 784 * 0x1p-24 * 784 / 4;
    for (std::size_t k = 0; k < a.size(); ++k)
        for (std::size_t i = 0; i < a[k].size(); ++i)
            if (!(std::abs(static_cast<double>(a[k][i]) - static_cast<double>(b[k][i])) <= bound)) return false;
    return true;
}

struct Operation {
    char const* name;
    std::function<void(Layer&)> run;
    double flops = 0.0;  ///< of products
    double bytes = 0.0;  ///< read and written, where there are none
};

std::vector<Operation> operations() {
    constexpr double products = 2.0 * rows * in * out, floats = sizeof(float);
    static std::vector<Corruption> const noise{GaussianNoise{0.3}};
    static std::vector<float> images = numbers(rows * in, 0);
    return {{"forward", [](Layer& layer) { layer.forward(); }, products},
            {"backward", [](Layer& layer) { layer.backward(); }, 2.0 * products},
            {"loss", [](Layer& layer) { benchmark::DoNotOptimize(layer.loss()); }, 0.0, 3.0 * rows * out * floats},
            {"adam_step", [](Layer& layer) { layer.adam(); }, 0.0, 7.0 * in * out * floats},
            {"corrupt", [](Layer&) { corrupt(noise, 1, 0, MatrixView<float>(images.data(), rows, in)); }, 0.0, 2.0 * rows * in * floats}};
}

void measure(benchmark::State& state, Context const& context, Operation const& operation) {
    Layer layer(context);
    if (!agree(layer.results(), Layer(Context::reference()).results())) return state.SkipWithError("differs from the reference");
    constexpr int repeats = 32;
    std::vector<double> times;
    for (auto _ : state) {
        auto const d = duration_of([&] {
            for (int k = 0; k < repeats; ++k) operation.run(layer);
            layer.wait();
        });
        times.push_back(d.wall / repeats);
        state.SetIterationTime(times.back());
    }
    double const each = median(times);
    if (operation.flops > 0.0) state.counters["GFLOP_per_second"] = operation.flops / each * 1e-9;
    if (operation.flops > 0.0 && context.backend() == Backend::cpu)
        state.counters["fma_peak_share"] = operation.flops / each / fma_flops_per_second(context.threads());
    if (operation.bytes > 0.0) state.counters["GB_per_second"] = operation.bytes / each * 1e-9;
    state.SetLabel(context.describe());
}

}  // namespace

void add_operations(Context const& context) {
    bool const on_gpu = context.backend() == Backend::cuda;
    for (Operation const& operation : operations()) {
        if (on_gpu && std::string(operation.name) == "corrupt") continue;  // of host memory
        std::string const where = on_gpu ? "cuda" : "threads:" + std::to_string(context.threads());
        benchmark::RegisterBenchmark(("autoencoder/" + std::string(operation.name) + "/256x784x512/" + where).c_str(),
                                     [=](benchmark::State& state) { measure(state, context, operation); })
            ->UseManualTime()
            ->Unit(benchmark::kMicrosecond)
            ->Iterations(9);
    }
}

}  // namespace ca3::bench
