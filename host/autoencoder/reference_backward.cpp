#include "autoencoder/reference_layers.hpp"
#include "autoencoder/reference_loss.hpp"
#include "autoencoder/reference_values.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::autoencoder::reference {
namespace {

using Kind = Activation::Kind;

template <class T>
void add_penalties(Objective const& objective, int l, Trace<T> const& trace, std::vector<T>& g) {
    for (auto const& penalty : objective.penalties) {
        if (penalty.layer != l) continue;
        auto const scale =
            static_cast<T>(penalty.reduction == Reduction::sum ? penalty.scale : penalty.scale / static_cast<double>(trace.active.size()));
        for (std::size_t i = 0; i < g.size(); ++i)
            if (trace.active[i] != T(0)) g[i] += std::copysign(scale, trace.active[i]) * (scale < T(0) ? T(-1) : T(1));
    }
}

template <class T>
std::vector<T> activation_backward(Numbers<T> const& net, Objective const& objective, int l, std::int64_t rows, Trace<T> const& trace,
                                   std::vector<T> const& g, std::vector<T>& gradient, Mode const& mode) {
    auto const& p = net.layer(l);
    std::vector<T> out(static_cast<std::size_t>(rows * p.linear));
    for (std::int64_t r = 0; r < rows; ++r) {
        T const* const gy = g.data() + r * p.out;
        T const* const z = trace.before.data() + r * p.linear;
        T const* const y = (p.unit_sphere ? trace.activated : trace.active).data() + r * p.out;
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
                    gz[p.out + u] =
                        (mode.training ? gy[u] * e * std::exp(z[p.out + u] / 2) / 2 : T(0)) + share * (std::exp(z[p.out + u]) - T(1)) / 2;
                }
                break;
            }
            default:
                for (std::int64_t u = 0; u < p.out; ++u) gz[u] = gy[u] * derivative(p.activation.kind, net.slope(p, u), z[u], y[u]);
        }
        if (p.slope.exists())
            for (std::int64_t u = 0; u < p.out; ++u)
                if (!(z[u] > T(0))) gradient[static_cast<std::size_t>(p.slope.offset + (p.slope.size == 1 ? 0 : u))] += gy[u] * z[u];
    }
    return out;
}

/// g: from the output of the batch normalisation to its input.
template <class T>
void normalise_backward(Numbers<T> const& net, PlannedLayer const& p, std::int64_t rows, Trace<T> const& trace, std::vector<T>& g,
                        std::vector<T>& gradient, Mode const& mode) {
    for (std::int64_t u = 0; u < p.linear; ++u) {
        T sum = 0, product = 0;
        for (std::int64_t r = 0; r < rows; ++r) {
            auto const at = static_cast<std::size_t>(r * p.linear + u);
            sum += g[at];
            product += g[at] * trace.normalised[at];
        }
        gradient[static_cast<std::size_t>(p.beta.offset + u)] += sum;
        gradient[static_cast<std::size_t>(p.gamma.offset + u)] += product;
        T const scale = net.parameters[static_cast<std::size_t>(p.gamma.offset + u)] * trace.scale[static_cast<std::size_t>(u)];
        auto const n = static_cast<T>(rows);
        for (std::int64_t r = 0; r < rows; ++r) {
            auto const at = static_cast<std::size_t>(r * p.linear + u);
            g[at] = scale * (mode.training ? g[at] - sum / n - trace.normalised[at] * product / n : g[at]);
        }
    }
}

template <class T>
void linear_backward(Numbers<T> const& net, int l, std::int64_t rows, std::vector<T> const& x, std::vector<T> const& g,
                     std::vector<T>& gradient) {
    auto const& p = net.layer(l);
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

template <class T>
std::vector<T> input_gradient(Numbers<T> const& net, int l, std::int64_t rows, std::vector<T> const& g) {
    auto const& p = net.layer(l);
    std::vector<T> out(static_cast<std::size_t>(rows * p.in));
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < p.in; ++i) {
            T sum = 0;
            for (std::int64_t u = 0; u < p.linear; ++u) sum += g[static_cast<std::size_t>(r * p.linear + u)] * net.weight(l, u, i);
            out[static_cast<std::size_t>(r * p.in + i)] = sum;
        }
    return out;
}

}  // namespace

template <class T>
std::vector<T> backward(Numbers<T> const& net, Objective const& objective, Pass<T> const& pass, Mode const& mode, std::vector<T>* inputs) {
    std::vector<T> gradient(net.parameters.size(), T(0));
    std::vector<T> g = pass.gradient;  // with respect to the output of layer l
    for (int l = net.count() - 1; l >= 0; --l) {
        auto const& trace = pass.traces[static_cast<std::size_t>(l)];
        auto const& x = l == 0 ? pass.input : pass.traces[static_cast<std::size_t>(l) - 1].out;
        for (std::size_t i = 0; i < trace.keep.size(); ++i) g[i] *= trace.keep[i];
        add_penalties(objective, l, trace, g);
        if (net.layer(l).unit_sphere)
            for (std::int64_t r = 0, n = net.layer(l).out; r < pass.rows; ++r)
                differentiate_row(Kind::unit_sphere, n, trace.activated.data() + r * n, trace.active.data() + r * n, g.data() + r * n,
                                  g.data() + r * n);
        g = activation_backward(net, objective, l, pass.rows, trace, g, gradient, mode);
        if (net.layer(l).batch_norm()) normalise_backward(net, net.layer(l), pass.rows, trace, g, gradient, mode);
        linear_backward(net, l, pass.rows, x, g, gradient);
        if (l > 0 || inputs != nullptr) g = input_gradient(net, l, pass.rows, g);
    }
    if (inputs != nullptr) *inputs = std::move(g);
    return gradient;
}

template std::vector<float> backward(Numbers<float> const&, Objective const&, Pass<float> const&, Mode const&, std::vector<float>*);
template std::vector<double> backward(Numbers<double> const&, Objective const&, Pass<double> const&, Mode const&, std::vector<double>*);

}  // namespace ca3::autoencoder::reference
