#include "bench/autoencoder_cublas.hpp"

#include "autoencoder/cuda_library.hpp"
#include "bench/measure.hpp"
#include "kernels/autoencoder/graph.hpp"
#include "kernels/autoencoder/library.hpp"

#include <ca3/matrix.hpp>
#include <ca3/random.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace ca3::bench {
namespace {

using namespace ca3::autoencoder;

struct Shape {
    std::int64_t batch, in, out;

    [[nodiscard]] double flops() const { return 2.0 * static_cast<double>(batch) * static_cast<double>(in) * static_cast<double>(out); }
};

std::int64_t padded(std::int64_t columns, std::int64_t multiple) {
    return (columns + multiple - 1) / multiple * multiple;
}

/// Of a layer, on the device: its input, its weight, and room for two outputs.
class ForwardProduct {
public:
    ForwardProduct(Context const& context, Precision precision, Shape const& shape)
        : context_(context),
          precision_(precision),
          shape_(shape),
          input_(random(shape.batch, shape.in, 1)),
          weight_(random(shape.out, shape.in, 2)),
          ours_(context, shape.batch * out_ld()),
          theirs_(context, shape.batch * out_ld()),
          entry_(context, 1),
          at_(context, 1),
          library_(context) {
        cuda::StepEntry const entry{.rows = static_cast<std::int32_t>(shape.batch)};
        std::int64_t const first = 0;
        entry_.copy_from_host(&entry);
        at_.copy_from_host(&first);
        if (precision != Precision::bf16) return;
        rounded_input_ = rounded(input_, shape.batch);
        rounded_weight_ = rounded(weight_, shape.out);
    }

    void ours() const {
        cuda::launch_forward(context_, context_.stream(), precision_, 1, shape_.batch,
                             {.step = step(),
                              .in = static_cast<std::int32_t>(shape_.in),
                              .out = static_cast<std::int32_t>(shape_.out),
                              .input = {input_.data(), 0, in_ld()},
                              .weight = {weight_.data(), 0, in_ld()},
                              .active = {ours_.data(), 0, out_ld()}});
    }
    void theirs() const {
        bool const bf16 = precision_ == Precision::bf16;
        auto const factor = [&](Buffer<float> const& values, Buffer<std::uint16_t> const& in_bf16, bool transposed) {
            return bf16 ? cuda::Factor{in_bf16.data(), rounded_ld(), transposed} : cuda::Factor{values.data(), in_ld(), transposed};
        };
        library_.multiply(precision_, {.rows = shape_.batch,
                                       .columns = shape_.out,
                                       .depth = shape_.in,
                                       .left = factor(input_, rounded_input_, false),
                                       .right = factor(weight_, rounded_weight_, true),
                                       .out = theirs_.data(),
                                       .out_ld = out_ld()});
    }

    /// Products of n terms in [-1, 1]: f32 sums part by at most n 6e-8 of n in any order, tf32's operands by 2^-10 of each product, by
    /// which two ways of rounding them may part.
    [[nodiscard]] bool agree() const {
        ours();
        theirs();
        std::vector<float> a(static_cast<std::size_t>(ours_.size())), b(a.size());
        ours_.copy_to_host(a.data());
        theirs_.copy_to_host(b.data());
        auto const terms = static_cast<double>(shape_.in);
        double const bound = terms * (terms * 6e-8 + (precision_ == Precision::tf32 ? 0x1p-10 : 0.0));
        for (std::int64_t r = 0; r < shape_.batch; ++r)
            for (std::int64_t c = 0; c < shape_.out; ++c) {
                auto const i = static_cast<std::size_t>(r * out_ld() + c);
                if (!(std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])) <= bound)) return false;
            }
        return true;
    }

private:
    [[nodiscard]] std::int64_t in_ld() const { return padded(shape_.in, 4); }
    [[nodiscard]] std::int64_t out_ld() const { return padded(shape_.out, 4); }
    [[nodiscard]] std::int64_t rounded_ld() const { return padded(shape_.in, 8); }
    [[nodiscard]] cuda::StepView step() const { return {{entry_.data(), 1}, at_.data(), nullptr}; }

    [[nodiscard]] Buffer<float> random(std::int64_t rows, std::int64_t columns, std::uint64_t seed) const {
        std::int64_t const ld = padded(columns, 4);
        std::vector<float> values(static_cast<std::size_t>(rows * ld));
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<float>(2.0 * random::uniform(seed, random::Purpose::user, 0, 0, i) - 1.0);
        Buffer<float> buffer(context_, rows * ld);
        buffer.copy_from_host(values.data());
        return buffer;
    }
    [[nodiscard]] Buffer<std::uint16_t> rounded(Buffer<float> const& from, std::int64_t rows) const {
        Buffer<std::uint16_t> to(context_, rows * rounded_ld());
        cuda::launch_round(
            context_, context_.stream(), 1,
            {.step = step(), .rows = rows, .columns = shape_.in, .from = {from.data(), 0, in_ld()}, .to = {to.data(), 0, rounded_ld()}});
        return to;
    }

    Context context_;
    Precision precision_;
    Shape shape_;
    Buffer<float> input_, weight_, ours_, theirs_;
    Buffer<std::uint16_t> rounded_input_, rounded_weight_;
    Buffer<cuda::StepEntry> entry_;
    Buffer<std::int64_t> at_;
    cuda::ProductLibrary library_;
};

/// Some launches as one graph.
class Repeated {
public:
    Repeated(Context const& context, int runs, std::function<void()> const& work) : context_(context), graph_(context), runs_(runs) {
        bool const recorded = graph_.record([&] {
            for (int k = 0; k < runs; ++k) work();
        });
        if (!recorded) throw std::runtime_error("the context's stream cannot be recorded");
        static_cast<void>(seconds());
    }
    /// Of one run.
    [[nodiscard]] double seconds() const {
        return duration_of([&] {
                   graph_.replay();
                   context_.synchronize();
               }).wall /
               runs_;
    }

private:
    Context context_;
    cuda::StepGraph graph_;
    int runs_;
};

void measure(benchmark::State& state, Precision precision, Shape const& shape) {
    Context const context = Context::cuda();
    ForwardProduct const product(context, precision, shape);
    if (!product.agree()) return state.SkipWithError("our product differs from that of cuBLAS");
    int const runs = static_cast<int>(std::clamp(2e10 / shape.flops(), 20.0, 400.0));
    Repeated const ours(context, runs, [&] { product.ours(); }), theirs(context, runs, [&] { product.theirs(); });
    std::vector<double> our_times, their_times;
    for (auto _ : state) {
        our_times.push_back(ours.seconds());
        their_times.push_back(theirs.seconds());
        state.SetIterationTime(our_times.back());
    }
    double const mine = median(our_times), yardstick = median(their_times);
    state.counters["ours_us"] = 1e6 * mine;
    state.counters["cublas_us"] = 1e6 * yardstick;
    state.counters["times_cublas"] = yardstick / mine;
    state.counters["GFLOP_per_second"] = shape.flops() / mine * 1e-9;
    state.SetLabel(context.describe());
}

}  // namespace

void add_forward_products(std::string const& name, Architecture const& architecture, std::int64_t batch) {
    if (!cuda::has_library()) return;
    std::set<std::pair<std::int64_t, std::int64_t>> known;
    std::int64_t in = architecture.inputs;
    for (auto const& layer : architecture.layers) {
        Shape const shape{batch, in, layer.units};
        in = layer.units;
        if (!known.insert({shape.in, shape.out}).second) continue;
        for (Precision const precision : {Precision::f32, Precision::tf32, Precision::bf16}) {
            std::string const title = "autoencoder/" + name + "/forward_product/" + std::to_string(shape.in) + "x" +
                                      std::to_string(shape.out) + "/batch:" + std::to_string(batch) + "/cuda/" +
                                      std::string(to_string(precision));
            benchmark::RegisterBenchmark(title.c_str(), [=](benchmark::State& state) { measure(state, precision, shape); })
                ->UseManualTime()
                ->Unit(benchmark::kMicrosecond)
                ->Iterations(9);
        }
    }
}

}  // namespace ca3::bench
