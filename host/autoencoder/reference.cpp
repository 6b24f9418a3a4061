#include "autoencoder/batch.hpp"
#include "autoencoder/reference_values.hpp"
#include "core/elementary.hpp"
#include "core/philox.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

/// The definition: plain loops over row-major arrays, in float or double.
namespace ca3::autoencoder::reference {
namespace {

using Kind = Activation::Kind;

/// What a layer leaves behind for its gradient. All B x units, row-major.
template <class T>
struct Trace {
    std::vector<T> linear;      ///< z
    std::vector<T> normalised;  ///< batch normalisation before gamma and beta
    std::vector<T> scale;       ///< 1 / sqrt(variance + eps), one for each unit
    std::vector<T> before;      ///< what the activation is applied to
    std::vector<T> active;      ///< its result
    std::vector<T> noise;       ///< gaussian: e
    std::vector<T> keep;        ///< dropout: 0 or 1 / (1 - share)
    std::vector<T> out;
};

/// How a forward pass is made.
struct Mode {
    bool training = false;
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
};

template <class T>
class Network final : public Engine {
public:
    explicit Network(Plan plan) : plan_(std::move(plan)) {}

    void put(State const& state) override {
        parameters_.assign(state.parameters.begin(), state.parameters.end());
        buffers_.assign(state.buffers.begin(), state.buffers.end());
        first_.assign(state.first.begin(), state.first.end());
        second_.assign(state.second.begin(), state.second.end());
        steps_ = state.steps;
    }
    void get(State& state) const override {
        state.parameters.assign(parameters_.begin(), parameters_.end());
        state.buffers.assign(buffers_.begin(), buffers_.end());
        state.first.assign(first_.begin(), first_.end());
        state.second.assign(second_.begin(), second_.end());
        state.steps = steps_;
    }
    void keep() override { get(kept_); }
    void take_back() override { put(kept_); }

    std::int64_t train(TrainJob const& job) override {
        BatchMaker const maker(job.data, plan_.inputs, InstructionSet::portable);
        for (std::int64_t k = job.first; k < job.last; ++k) {
            Mode const mode{true, job.data.seed, static_cast<std::uint32_t>(job.random_step + k)};
            Pass pass = run(maker, job.data, job.objective, job.batches.begin(k), job.batches.size(k), 0, mode);
            if (!std::isfinite(pass.loss)) return k - job.first;
            job.losses[k - job.first] = pass.loss;
            std::vector<T> gradient = backward(job.objective, pass, mode, nullptr);
            update_statistics(pass);
            update(job.rule, gradient);
            if (!all_finite(parameters_)) return k - job.first;
        }
        return job.last - job.first;
    }

    double evaluate(Data const& data, Objective const& objective, Batches const& batches) override {
        BatchMaker const maker(data, plan_.inputs, InstructionSet::portable);
        double sum = 0.0;
        for (std::int64_t k = 0; k < batches.count(); ++k) {
            Pass const pass = run(maker, data, objective, batches.begin(k), batches.size(k), batches.begin(k), {});
            sum += pass.loss * static_cast<double>(batches.size(k));
        }
        return sum;
    }

    double gradients(GradientJob const& job) override {
        BatchMaker const maker(job.data, plan_.inputs, InstructionSet::portable);
        Mode const mode{job.training, job.data.seed, static_cast<std::uint32_t>(job.random_step)};
        Pass pass = run(maker, job.data, job.objective, job.begin, job.rows, 0, mode);
        std::vector<T> inputs;
        std::vector<T> const gradient = backward(job.objective, pass, mode, &inputs);
        if (job.parameters != nullptr) job.parameters->assign(gradient.begin(), gradient.end());
        if (job.inputs != nullptr) job.inputs->assign(inputs.begin(), inputs.end());
        return pass.loss;
    }

    void forward(Data const& data, std::int64_t begin, std::int64_t count, int first, int last, float* out) override {
        BatchMaker const maker(data, plan_.width_after(first - 1), InstructionSet::portable);
        constexpr std::int64_t rows = 256;
        for (std::int64_t done = 0; done < count; done += rows) {
            std::int64_t const n = std::min(rows, count - done);
            std::vector<T> x = batch_input(maker, begin, done, n, done, 0, plan_.width_after(first - 1));
            for (int l = first; l <= last; ++l) x = layer_forward(l, n, x, {}).out;
            std::transform(x.begin(), x.end(), out + done * plan_.width_after(last), [](T value) { return static_cast<float>(value); });
        }
    }

private:
    /// A forward pass and its loss.
    struct Pass {
        std::int64_t rows = 0;
        std::vector<T> input;
        std::vector<Trace<T>> traces;
        std::vector<T> gradient;  ///< of the loss with respect to the output
        double loss = 0.0;
    };

    // ---- forward ---------------------------------------------------------------------------------------------------------

    static std::vector<T> batch_input(BatchMaker const& maker, std::int64_t begin, std::int64_t first, std::int64_t rows,
                                      std::int64_t number, std::uint32_t step, std::int64_t width) {
        std::vector<float> x(static_cast<std::size_t>(rows * width));
        maker.make(begin, first, rows, number, step, x.data(), width);
        return {x.begin(), x.end()};
    }

    /// @param number of the batch's first row in the streams of the corruptions
    Pass run(BatchMaker const& maker, Data const& data, Objective const& objective, std::int64_t begin, std::int64_t rows,
             std::int64_t number, Mode const& mode) const {
        Pass pass;
        pass.rows = rows;
        pass.input = batch_input(maker, begin, 0, rows, number, mode.step, plan_.inputs);
        std::vector<T> const* x = &pass.input;
        for (int l = 0; l < count(); ++l) {
            pass.traces.push_back(layer_forward(l, rows, *x, mode));
            x = &pass.traces.back().out;
        }
        pass.gradient.assign(x->size(), T(0));
        pass.loss = data.targets.given && !data.targets.classes.empty() ? class_loss(data, objective, begin, *x, pass)
                                                                        : value_loss(maker, data, objective, begin, *x, pass);
        for (auto const& penalty : objective.penalties) {
            auto const& y = pass.traces[static_cast<std::size_t>(penalty.layer)].active;
            double sum = 0.0;
            for (T const value : y) sum += std::abs(static_cast<double>(value));
            pass.loss += penalty.scale * (penalty.reduction == Reduction::sum ? sum : sum / static_cast<double>(y.size()));
        }
        for (int l = 0; l < count(); ++l)
            if (layer(l).activation.kind == Kind::gaussian) pass.loss += divergence(l, objective, pass);
        return pass;
    }

    /// W of layer l: unit u, input i.
    [[nodiscard]] T weight(int l, std::int64_t u, std::int64_t i) const {
        auto const& p = layer(l);
        T const* const w = parameters_.data() + p.weight.offset;
        return p.tied_to < 0 ? w[u * p.in + i] : w[i * p.linear + u];
    }

    Trace<T> layer_forward(int l, std::int64_t rows, std::vector<T> const& x, Mode const& mode) const {
        auto const& p = layer(l);
        Trace<T> trace;
        trace.linear.resize(static_cast<std::size_t>(rows * p.linear));
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t u = 0; u < p.linear; ++u) {
                T sum = p.bias.exists() ? parameters_[static_cast<std::size_t>(p.bias.offset + u)] : T(0);
                for (std::int64_t i = 0; i < p.in; ++i) sum += x[static_cast<std::size_t>(r * p.in + i)] * weight(l, u, i);
                trace.linear[static_cast<std::size_t>(r * p.linear + u)] = sum;
            }
        trace.before = trace.linear;
        if (p.batch_norm()) normalise(p, rows, trace, mode);
        activate(l, rows, trace, mode);
        trace.out = trace.active;
        if (p.dropout > 0.0 && mode.training) drop(l, rows, trace, mode);
        return trace;
    }

    void normalise(PlannedLayer const& p, std::int64_t rows, Trace<T>& trace, Mode const& mode) const {
        trace.normalised = trace.before;
        trace.scale.resize(static_cast<std::size_t>(p.linear));
        for (std::int64_t u = 0; u < p.linear; ++u) {
            auto mean = buffers_[static_cast<std::size_t>(p.mean.offset + u)];
            auto variance = buffers_[static_cast<std::size_t>(p.variance.offset + u)];
            if (mode.training) std::tie(mean, variance) = moments(p, rows, trace.linear, u);
            T const scale = T(1) / std::sqrt(variance + T(1e-5));
            trace.scale[static_cast<std::size_t>(u)] = scale;
            for (std::int64_t r = 0; r < rows; ++r) {
                auto const at = static_cast<std::size_t>(r * p.linear + u);
                trace.normalised[at] = (trace.linear[at] - mean) * scale;
                trace.before[at] = trace.normalised[at] * parameters_[static_cast<std::size_t>(p.gamma.offset + u)] +
                                   parameters_[static_cast<std::size_t>(p.beta.offset + u)];
            }
        }
    }

    /// Mean and biased variance of unit u over the batch.
    static std::pair<T, T> moments(PlannedLayer const& p, std::int64_t rows, std::vector<T> const& z, std::int64_t u) {
        double sum = 0.0, squares = 0.0;
        for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(z[static_cast<std::size_t>(r * p.linear + u)]);
        double const mean = sum / static_cast<double>(rows);
        for (std::int64_t r = 0; r < rows; ++r) {
            double const d = static_cast<double>(z[static_cast<std::size_t>(r * p.linear + u)]) - mean;
            squares += d * d;
        }
        return {static_cast<T>(mean), static_cast<T>(squares / static_cast<double>(rows))};
    }

    [[nodiscard]] T slope(PlannedLayer const& p, std::int64_t u) const {
        if (!p.slope.exists()) return static_cast<T>(p.activation.slope);
        return parameters_[static_cast<std::size_t>(p.slope.offset + (p.slope.size == 1 ? 0 : u))];
    }

    void activate(int l, std::int64_t rows, Trace<T>& trace, Mode const& mode) const {
        auto const& p = layer(l);
        trace.active.resize(static_cast<std::size_t>(rows * p.out));
        if (p.activation.kind == Kind::gaussian) trace.noise.resize(trace.active.size());
        for (std::int64_t r = 0; r < rows; ++r) {
            T const* const z = trace.before.data() + r * p.linear;
            T* const y = trace.active.data() + r * p.out;
            switch (p.activation.kind) {
                case Kind::softmax:
                case Kind::log_softmax:
                case Kind::unit_sphere:
                    activate_row(p.activation.kind, p.out, z, y);
                    break;
                case Kind::gaussian:
                    for (std::int64_t u = 0; u < p.out; ++u) {
                        auto const index = static_cast<std::uint64_t>(r * p.out + u);
                        T const e = mode.training
                                        ? static_cast<T>(normal_quantile(random::draw(mode.seed, random::Purpose::latent,
                                                                                      static_cast<std::uint32_t>(l), mode.step, index)))
                                        : T(0);
                        trace.noise[static_cast<std::size_t>(index)] = e;
                        y[u] = mode.training ? z[u] + e * std::exp(z[p.out + u] / 2) : z[u];
                    }
                    break;
                default:
                    for (std::int64_t u = 0; u < p.out; ++u) y[u] = activated(p.activation.kind, slope(p, u), z[u]);
            }
        }
    }

    void drop(int l, std::int64_t rows, Trace<T>& trace, Mode const& mode) const {
        auto const& p = layer(l);
        auto const dropped = static_cast<std::uint64_t>(p.dropout * 0x1p32);
        trace.keep.resize(trace.active.size());
        for (std::int64_t i = 0; i < rows * p.out; ++i) {
            auto const at = static_cast<std::size_t>(i);
            auto const u = random::draw(mode.seed, random::Purpose::dropout, static_cast<std::uint32_t>(l), mode.step, at);
            trace.keep[at] = u < dropped ? T(0) : static_cast<T>(1.0 / (1.0 - p.dropout));
            trace.out[at] = trace.active[at] * trace.keep[at];
        }
    }

    // ---- losses ----------------------------------------------------------------------------------------------------------

    /// Fills pass.gradient. @return the mean loss
    double value_loss(BatchMaker const& maker, Data const& data, Objective const& objective, std::int64_t begin, std::vector<T> const& x,
                      Pass& pass) const {
        std::int64_t const outputs = plan_.outputs();
        std::vector<float> target(x.size());
        maker.targets(begin, 0, pass.rows, target.data(), outputs);
        (void)data;
        if (objective.loss == Loss::cross_entropy) return probability_loss(x, target, pass);
        auto const share = static_cast<T>(1.0 / static_cast<double>(x.size()));
        double sum = 0.0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            auto const [value, slope] = elementwise_loss(objective.loss, x[i], static_cast<T>(target[i]));
            sum += static_cast<double>(value);
            pass.gradient[i] = slope * share;
        }
        return sum / static_cast<double>(x.size());
    }

    double probability_loss(std::vector<T> const& x, std::vector<float> const& target, Pass& pass) const {
        std::int64_t const outputs = plan_.outputs();
        auto const share = static_cast<T>(1.0 / static_cast<double>(pass.rows));
        double sum = 0.0;
        std::vector<T> y(static_cast<std::size_t>(outputs));
        for (std::int64_t r = 0; r < pass.rows; ++r) {
            probability_loss_row(outputs, share, x.data() + r * outputs, target.data() + r * outputs, y.data(),
                                 pass.gradient.data() + r * outputs, sum);
        }
        return sum / static_cast<double>(pass.rows);
    }

    double class_loss(Data const& data, Objective const& objective, std::int64_t begin, std::vector<T> const& x, Pass& pass) const {
        std::int64_t const outputs = plan_.outputs();
        auto const class_of = [&](std::int64_t r) { return data.targets.classes[static_cast<std::size_t>(data.row(begin + r))]; };
        std::int64_t counted = 0;
        for (std::int64_t r = 0; r < pass.rows; ++r) counted += class_of(r) == ignored_class ? 0 : 1;
        auto const share = static_cast<T>(1.0 / static_cast<double>(counted));
        double sum = 0.0;
        std::vector<T> y(static_cast<std::size_t>(outputs));
        for (std::int64_t r = 0; r < pass.rows; ++r) {
            if (class_of(r) == ignored_class) continue;
            class_loss_row(objective.loss, outputs, class_of(r), share, x.data() + r * outputs, y.data(),
                           pass.gradient.data() + r * outputs, sum);
        }
        return sum / static_cast<double>(counted);
    }

    /// kl_scale KL of a gaussian layer.
    double divergence(int l, Objective const& objective, Pass const& pass) const {
        auto const& p = layer(l);
        auto const& z = pass.traces[static_cast<std::size_t>(l)].before;
        double sum = 0.0;
        for (std::int64_t r = 0; r < pass.rows; ++r)
            for (std::int64_t u = 0; u < p.out; ++u) {
                auto const mu = static_cast<double>(z[static_cast<std::size_t>(r * p.linear + u)]);
                auto const log = static_cast<double>(z[static_cast<std::size_t>(r * p.linear + p.out + u)]);
                sum += 0.5 * (std::exp(log) + mu * mu - log - 1.0);
            }
        return kl_share(objective, pass.rows) * sum;
    }
    static double kl_share(Objective const& objective, std::int64_t rows) {
        return objective.kl_reduction == Reduction::sum ? objective.kl_scale : objective.kl_scale / static_cast<double>(rows);
    }

    // ---- backward --------------------------------------------------------------------------------------------------------

    /// Gradient of every parameter, and of the input where `inputs` is not null.
    std::vector<T> backward(Objective const& objective, Pass const& pass, Mode const& mode, std::vector<T>* inputs) const {
        std::vector<T> gradient(parameters_.size(), T(0));
        std::vector<T> g = pass.gradient;  // with respect to the output of layer l
        for (int l = count() - 1; l >= 0; --l) {
            auto const& trace = pass.traces[static_cast<std::size_t>(l)];
            auto const& x = l == 0 ? pass.input : pass.traces[static_cast<std::size_t>(l) - 1].out;
            for (std::size_t i = 0; i < trace.keep.size(); ++i) g[i] *= trace.keep[i];
            add_penalties(objective, l, trace, g);
            g = activation_backward(objective, l, pass.rows, trace, g, gradient, mode);
            if (layer(l).batch_norm()) normalise_backward(layer(l), pass.rows, trace, g, gradient, mode);
            linear_backward(l, pass.rows, x, g, gradient);
            if (l > 0 || inputs != nullptr) g = input_gradient(l, pass.rows, g);
        }
        if (inputs != nullptr) *inputs = std::move(g);
        return gradient;
    }

    void add_penalties(Objective const& objective, int l, Trace<T> const& trace, std::vector<T>& g) const {
        for (auto const& penalty : objective.penalties) {
            if (penalty.layer != l) continue;
            auto const scale = static_cast<T>(
                penalty.reduction == Reduction::sum ? penalty.scale : penalty.scale / static_cast<double>(trace.active.size()));
            for (std::size_t i = 0; i < g.size(); ++i)
                if (trace.active[i] != T(0)) g[i] += std::copysign(scale, trace.active[i]) * (scale < T(0) ? T(-1) : T(1));
        }
    }

    std::vector<T> activation_backward(Objective const& objective, int l, std::int64_t rows, Trace<T> const& trace, std::vector<T> const& g,
                                       std::vector<T>& gradient, Mode const& mode) const {
        auto const& p = layer(l);
        std::vector<T> out(static_cast<std::size_t>(rows * p.linear));
        for (std::int64_t r = 0; r < rows; ++r) {
            T const* const gy = g.data() + r * p.out;
            T const* const z = trace.before.data() + r * p.linear;
            T const* const y = trace.active.data() + r * p.out;
            T* const gz = out.data() + r * p.linear;
            switch (p.activation.kind) {
                case Kind::softmax:
                case Kind::log_softmax:
                case Kind::unit_sphere:
                    differentiate_row(p.activation.kind, p.out, z, y, gy, gz);
                    break;
                case Kind::gaussian: {
                    auto const share = static_cast<T>(kl_share(objective, rows));
                    for (std::int64_t u = 0; u < p.out; ++u) {
                        T const e = trace.noise[static_cast<std::size_t>(r * p.out + u)];
                        gz[u] = gy[u] + share * z[u];
                        gz[p.out + u] = (mode.training ? gy[u] * e * std::exp(z[p.out + u] / 2) / 2 : T(0)) +
                                        share * (std::exp(z[p.out + u]) - T(1)) / 2;
                    }
                    break;
                }
                default:
                    for (std::int64_t u = 0; u < p.out; ++u) gz[u] = gy[u] * derivative(p.activation.kind, slope(p, u), z[u], y[u]);
            }
            if (p.slope.exists())
                for (std::int64_t u = 0; u < p.out; ++u)
                    if (!(z[u] > T(0))) gradient[static_cast<std::size_t>(p.slope.offset + (p.slope.size == 1 ? 0 : u))] += gy[u] * z[u];
        }
        return out;
    }

    /// g: from the output of the batch normalisation to its input.
    void normalise_backward(PlannedLayer const& p, std::int64_t rows, Trace<T> const& trace, std::vector<T>& g, std::vector<T>& gradient,
                            Mode const& mode) const {
        for (std::int64_t u = 0; u < p.linear; ++u) {
            T sum = 0, product = 0;
            for (std::int64_t r = 0; r < rows; ++r) {
                auto const at = static_cast<std::size_t>(r * p.linear + u);
                sum += g[at];
                product += g[at] * trace.normalised[at];
            }
            gradient[static_cast<std::size_t>(p.beta.offset + u)] += sum;
            gradient[static_cast<std::size_t>(p.gamma.offset + u)] += product;
            T const scale = parameters_[static_cast<std::size_t>(p.gamma.offset + u)] * trace.scale[static_cast<std::size_t>(u)];
            auto const n = static_cast<T>(rows);
            for (std::int64_t r = 0; r < rows; ++r) {
                auto const at = static_cast<std::size_t>(r * p.linear + u);
                g[at] = scale * (mode.training ? g[at] - sum / n - trace.normalised[at] * product / n : g[at]);
            }
        }
    }

    void linear_backward(int l, std::int64_t rows, std::vector<T> const& x, std::vector<T> const& g, std::vector<T>& gradient) const {
        auto const& p = layer(l);
        for (std::int64_t u = 0; u < p.linear; ++u) {
            T bias = 0;
            for (std::int64_t r = 0; r < rows; ++r) bias += g[static_cast<std::size_t>(r * p.linear + u)];
            if (p.bias.exists()) gradient[static_cast<std::size_t>(p.bias.offset + u)] += bias;
            for (std::int64_t i = 0; i < p.in; ++i) {
                T sum = 0;
                for (std::int64_t r = 0; r < rows; ++r)
                    sum += g[static_cast<std::size_t>(r * p.linear + u)] * x[static_cast<std::size_t>(r * p.in + i)];
                gradient[static_cast<std::size_t>(p.weight.offset + (p.tied_to < 0 ? u * p.in + i : i * p.linear + u))] += sum;
            }
        }
    }

    [[nodiscard]] std::vector<T> input_gradient(int l, std::int64_t rows, std::vector<T> const& g) const {
        auto const& p = layer(l);
        std::vector<T> out(static_cast<std::size_t>(rows * p.in));
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t i = 0; i < p.in; ++i) {
                T sum = 0;
                for (std::int64_t u = 0; u < p.linear; ++u) sum += g[static_cast<std::size_t>(r * p.linear + u)] * weight(l, u, i);
                out[static_cast<std::size_t>(r * p.in + i)] = sum;
            }
        return out;
    }

    // ---- updates ---------------------------------------------------------------------------------------------------------

    /// Running mean and unbiased variance, momentum 0.1.
    void update_statistics(Pass const& pass) {
        for (int l = 0; l < count(); ++l) {
            auto const& p = layer(l);
            if (!p.batch_norm()) continue;
            for (std::int64_t u = 0; u < p.linear; ++u) {
                auto const [mean, variance] = moments(p, pass.rows, pass.traces[static_cast<std::size_t>(l)].linear, u);
                auto const unbiased =
                    static_cast<T>(static_cast<double>(variance) * static_cast<double>(pass.rows) / static_cast<double>(pass.rows - 1));
                T& running_mean = buffers_[static_cast<std::size_t>(p.mean.offset + u)];
                T& running_variance = buffers_[static_cast<std::size_t>(p.variance.offset + u)];
                running_mean = T(0.9) * running_mean + T(0.1) * mean;
                running_variance = T(0.9) * running_variance + T(0.1) * unbiased;
            }
            buffers_[static_cast<std::size_t>(p.batches.offset)] += T(1);
        }
    }

    void update(UpdateRule const& rule, std::vector<T>& gradient) {
        if (rule.has_first()) first_.resize(parameters_.size());
        if (rule.has_second()) second_.resize(parameters_.size());
        if (rule.clip_norm > 0.0) clip(rule.clip_norm, gradient);
        ++steps_;
        for (std::size_t i = 0; i < parameters_.size(); ++i)
            if (rule.kind == UpdateRule::Kind::adam)
                adam(rule, steps_, gradient[i], parameters_[i], first_[i], second_[i]);
            else
                sgd(rule, steps_, gradient[i], parameters_[i], rule.has_first() ? &first_[i] : nullptr);
    }

    /// torch.nn.utils.clip_grad_norm_: the norm of the tensors' norms.
    void clip(double most, std::vector<T>& gradient) const {
        double total = 0.0;
        for (auto const& planned : plan_.tensors) {
            if (planned.buffer) continue;
            for (std::int64_t i = 0; i < planned.place.size; ++i) {
                auto const g = static_cast<double>(gradient[static_cast<std::size_t>(planned.place.offset + i)]);
                total += g * g;
            }
        }
        auto const factor = static_cast<T>(std::min(most / (std::sqrt(total) + 1e-6), 1.0));
        for (T& g : gradient) g *= factor;
    }

    static bool all_finite(std::vector<T> const& list) {
        return std::all_of(list.begin(), list.end(), [](T x) { return std::isfinite(x); });
    }

    [[nodiscard]] int count() const { return static_cast<int>(plan_.layers.size()); }
    [[nodiscard]] PlannedLayer const& layer(int l) const { return plan_.layers[static_cast<std::size_t>(l)]; }

    Plan plan_;
    std::vector<T> parameters_;
    std::vector<T> buffers_;
    std::vector<T> first_;
    std::vector<T> second_;
    std::int64_t steps_ = 0;
    State kept_;
};

}  // namespace

std::unique_ptr<Engine> make_engine(Context const&, Plan const& plan, Precision precision) {
    if (precision == Precision::f64) return std::make_unique<Network<double>>(plan);
    return std::make_unique<Network<float>>(plan);
}

}  // namespace ca3::autoencoder::reference
