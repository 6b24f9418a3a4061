#include "autoencoder/batch.hpp"
#include "autoencoder/reference_layers.hpp"
#include "autoencoder/reference_values.hpp"
#include "core/elementary.hpp"
#include "core/philox.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace ca3::autoencoder::reference {
namespace {

using Kind = Activation::Kind;

template <class T>
void normalise(Numbers<T> const& net, PlannedLayer const& p, std::int64_t rows, Trace<T>& trace, Mode const& mode) {
    trace.normalised = trace.before;
    trace.scale.resize(static_cast<std::size_t>(p.linear));
    for (std::int64_t u = 0; u < p.linear; ++u) {
        auto mean = net.buffers[static_cast<std::size_t>(p.mean.offset + u)];
        auto variance = net.buffers[static_cast<std::size_t>(p.variance.offset + u)];
        if (mode.training) std::tie(mean, variance) = moments(p, rows, trace.linear, u);
        T const scale = T(1) / std::sqrt(variance + T(1e-5));
        trace.scale[static_cast<std::size_t>(u)] = scale;
        for (std::int64_t r = 0; r < rows; ++r) {
            auto const at = static_cast<std::size_t>(r * p.linear + u);
            trace.normalised[at] = (trace.linear[at] - mean) * scale;
            trace.before[at] = trace.normalised[at] * net.parameters[static_cast<std::size_t>(p.gamma.offset + u)] +
                               net.parameters[static_cast<std::size_t>(p.beta.offset + u)];
        }
    }
}

template <class T>
void activate(Numbers<T> const& net, int l, std::int64_t rows, Trace<T>& trace, Mode const& mode) {
    auto const& p = net.layer(l);
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
                    T const e = mode.training ? static_cast<T>(normal_quantile(random::draw(
                                                    mode.seed, random::Purpose::latent, static_cast<std::uint32_t>(l), mode.step, index)))
                                              : T(0);
                    trace.noise[static_cast<std::size_t>(index)] = e;
                    y[u] = mode.training ? z[u] + e * std::exp(z[p.out + u] / 2) : z[u];
                }
                break;
            default:
                for (std::int64_t u = 0; u < p.out; ++u) y[u] = activated(p.activation.kind, net.slope(p, u), z[u]);
        }
    }
}

template <class T>
void drop(Numbers<T> const& net, int l, std::int64_t rows, Trace<T>& trace, Mode const& mode) {
    auto const& p = net.layer(l);
    auto const dropped = static_cast<std::uint64_t>(p.dropout * 0x1p32);
    trace.keep.resize(trace.active.size());
    for (std::int64_t i = 0; i < rows * p.out; ++i) {
        auto const at = static_cast<std::size_t>(i);
        auto const u = random::draw(mode.seed, random::Purpose::dropout, static_cast<std::uint32_t>(l), mode.step, at);
        trace.keep[at] = u < dropped ? T(0) : static_cast<T>(1.0 / (1.0 - p.dropout));
        trace.out[at] = trace.active[at] * trace.keep[at];
    }
}

}  // namespace

template <class T>
std::pair<T, T> moments(PlannedLayer const& p, std::int64_t rows, std::vector<T> const& z, std::int64_t u) {
    double sum = 0.0, squares = 0.0;
    for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(z[static_cast<std::size_t>(r * p.linear + u)]);
    double const mean = sum / static_cast<double>(rows);
    for (std::int64_t r = 0; r < rows; ++r) {
        double const d = static_cast<double>(z[static_cast<std::size_t>(r * p.linear + u)]) - mean;
        squares += d * d;
    }
    return {static_cast<T>(mean), static_cast<T>(squares / static_cast<double>(rows))};
}

template <class T>
Trace<T> layer_forward(Numbers<T> const& net, int l, std::int64_t rows, std::vector<T> const& x, Mode const& mode) {
    auto const& p = net.layer(l);
    Trace<T> trace;
    trace.linear.resize(static_cast<std::size_t>(rows * p.linear));
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t u = 0; u < p.linear; ++u) {
            T sum = p.bias.exists() ? net.parameters[static_cast<std::size_t>(p.bias.offset + u)] : T(0);
            for (std::int64_t i = 0; i < p.in; ++i) sum += x[static_cast<std::size_t>(r * p.in + i)] * net.weight(l, u, i);
            trace.linear[static_cast<std::size_t>(r * p.linear + u)] = sum;
        }
    trace.before = trace.linear;
    if (p.batch_norm()) normalise(net, p, rows, trace, mode);
    activate(net, l, rows, trace, mode);
    if (p.unit_sphere) {
        trace.activated = trace.active;
        for (std::int64_t r = 0; r < rows; ++r)
            activate_row(Kind::unit_sphere, p.out, trace.activated.data() + r * p.out, trace.active.data() + r * p.out);
    }
    trace.out = trace.active;
    if (p.dropout > 0.0 && mode.training) drop(net, l, rows, trace, mode);
    return trace;
}

template std::pair<float, float> moments(PlannedLayer const&, std::int64_t, std::vector<float> const&, std::int64_t);
template std::pair<double, double> moments(PlannedLayer const&, std::int64_t, std::vector<double> const&, std::int64_t);
template Trace<float> layer_forward(Numbers<float> const&, int, std::int64_t, std::vector<float> const&, Mode const&);
template Trace<double> layer_forward(Numbers<double> const&, int, std::int64_t, std::vector<double> const&, Mode const&);

}  // namespace ca3::autoencoder::reference
