#include "autoencoder/batch.hpp"
#include "autoencoder/reference_loss.hpp"
#include "autoencoder/reference_update.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::autoencoder::reference {
namespace {

template <class T>
class Network final : public Engine {
public:
    explicit Network(Plan plan) : net_{std::move(plan)} {}

    void put(State const& state) override {
        net_.parameters.assign(state.parameters.begin(), state.parameters.end());
        net_.buffers.assign(state.buffers.begin(), state.buffers.end());
        moments_.first.assign(state.first.begin(), state.first.end());
        moments_.second.assign(state.second.begin(), state.second.end());
        moments_.steps = state.steps;
    }
    void get(State& state) const override {
        state.parameters.assign(net_.parameters.begin(), net_.parameters.end());
        state.buffers.assign(net_.buffers.begin(), net_.buffers.end());
        state.first.assign(moments_.first.begin(), moments_.first.end());
        state.second.assign(moments_.second.begin(), moments_.second.end());
        state.steps = moments_.steps;
    }
    void keep() override { get(kept_); }
    void take_back() override { put(kept_); }

    std::int64_t train(TrainJob const& job) override {
        BatchMaker const maker(job.data, net_.plan.inputs, InstructionSet::portable);
        for (std::int64_t k = job.first; k < job.last; ++k) {
            Mode const mode{true, job.data.seed, static_cast<std::uint32_t>(job.random_step + k)};
            Pass<T> pass = run(maker, job.data, job.objective, job.batches.begin(k), job.batches.size(k), 0, mode);
            if (!std::isfinite(pass.loss)) return k - job.first;
            job.losses[k - job.first] = pass.loss;
            std::vector<T> gradient = backward<T>(net_, job.objective, pass, mode, nullptr);
            update_statistics(net_, pass);
            update(job.rule, net_, moments_, gradient);
            if (!all_finite(net_.parameters)) return k - job.first;
        }
        return job.last - job.first;
    }

    double evaluate(Data const& data, Objective const& objective, Batches const& batches) override {
        BatchMaker const maker(data, net_.plan.inputs, InstructionSet::portable);
        MeanLoss mean;
        for (std::int64_t k = 0; k < batches.count(); ++k) {
            Pass<T> const pass = run(maker, data, objective, batches.begin(k), batches.size(k), batches.begin(k), {});
            mean.add(pass.loss, data.counted(batches.begin(k), batches.size(k)));
        }
        return mean.value();
    }

    double gradients(GradientJob const& job) override {
        BatchMaker const maker(job.data, net_.plan.inputs, InstructionSet::portable);
        Mode const mode{job.training, job.data.seed, static_cast<std::uint32_t>(job.random_step)};
        Pass<T> pass = run(maker, job.data, job.objective, job.begin, job.rows, 0, mode);
        std::vector<T> inputs;
        std::vector<T> const gradient = backward(net_, job.objective, pass, mode, &inputs);
        if (job.parameters != nullptr) job.parameters->assign(gradient.begin(), gradient.end());
        if (job.inputs != nullptr) job.inputs->assign(inputs.begin(), inputs.end());
        return pass.loss;
    }

    void forward(Data const& data, std::int64_t begin, std::int64_t count, int first, int last, float* out) override {
        BatchMaker const maker(data, net_.plan.width_after(first - 1), InstructionSet::portable);
        constexpr std::int64_t rows = 256;
        for (std::int64_t done = 0; done < count; done += rows) {
            std::int64_t const n = std::min(rows, count - done);
            std::vector<T> x = batch_input(maker, begin, done, n, done, 0, net_.plan.width_after(first - 1));
            for (int l = first; l <= last; ++l) x = layer_forward(net_, l, n, x, {}).out;
            std::transform(x.begin(), x.end(), out + done * net_.plan.width_after(last), [](T value) { return static_cast<float>(value); });
        }
    }

private:
    static std::vector<T> batch_input(BatchMaker const& maker, std::int64_t begin, std::int64_t first, std::int64_t rows,
                                      std::int64_t number, std::uint32_t step, std::int64_t width) {
        std::vector<float> x(static_cast<std::size_t>(rows * width));
        maker.make(begin, first, rows, number, step, x.data(), width);
        return {x.begin(), x.end()};
    }

    /// @param number of the batch's first row in the streams of the corruptions
    Pass<T> run(BatchMaker const& maker, Data const& data, Objective const& objective, std::int64_t begin, std::int64_t rows,
                std::int64_t number, Mode const& mode) const {
        Pass<T> pass;
        pass.rows = rows;
        pass.input = batch_input(maker, begin, 0, rows, number, mode.step, net_.plan.inputs);
        std::vector<T> const* x = &pass.input;
        for (int l = 0; l < net_.count(); ++l) {
            pass.traces.push_back(layer_forward(net_, l, rows, *x, mode));
            x = &pass.traces.back().out;
        }
        pass.gradient.assign(x->size(), T(0));
        pass.loss =
            data.by_class() ? class_loss(net_, data, objective, begin, *x, pass) : value_loss(net_, maker, objective, begin, *x, pass);
        for (auto const& penalty : objective.penalties) {
            auto const& y = pass.traces[static_cast<std::size_t>(penalty.layer)].active;
            double sum = 0.0;
            for (T const value : y) sum += std::abs(static_cast<double>(value));
            pass.loss += penalty.scale * (penalty.reduction == Reduction::sum ? sum : sum / static_cast<double>(y.size()));
        }
        for (int l = 0; l < net_.count(); ++l)
            if (net_.layer(l).activation.kind == Activation::Kind::gaussian) pass.loss += divergence(net_, l, objective, pass);
        return pass;
    }

    static bool all_finite(std::vector<T> const& list) {
        return std::all_of(list.begin(), list.end(), [](T x) { return std::isfinite(x); });
    }

    Numbers<T> net_;
    Moments<T> moments_;
    State kept_;
};

}  // namespace

std::unique_ptr<Engine> make_engine(Context const&, Plan const& plan, Precision precision) {
    if (precision == Precision::f64) return std::make_unique<Network<double>>(plan);
    return std::make_unique<Network<float>>(plan);
}

}  // namespace ca3::autoencoder::reference
