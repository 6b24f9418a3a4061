#include "autoencoder/reference_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ca3::autoencoder::reference {
namespace {

using Kind = Activation::Kind;

/// Value and derivative.
template <class T>
std::pair<T, T> elementwise_loss(Loss loss, T x, T t) {
    switch (loss) {
        case Loss::l1:
            return {std::abs(x - t), x == t ? T(0) : std::copysign(T(1), x - t)};
        case Loss::bce: {
            T const value = (t - T(1)) * std::max(std::log1p(-x), T(-100)) - t * std::max(std::log(x), T(-100));
            return {x >= T(0) && x <= T(1) ? value : std::numeric_limits<T>::quiet_NaN(), (x - t) / std::max((T(1) - x) * x, T(1e-12))};
        }
        case Loss::bce_with_logits:
            return {(T(1) - t) * x + std::max(-x, T(0)) + std::log1p(std::exp(-std::abs(x))), T(1) / (T(1) + std::exp(-x)) - t};
        default:
            return {(x - t) * (x - t), T(2) * (x - t)};
    }
}

template <class T>
double probability_loss(Numbers<T> const& net, std::vector<T> const& x, std::vector<float> const& target, Pass<T>& pass) {
    std::int64_t const outputs = net.plan.outputs();
    auto const share = static_cast<T>(1.0 / static_cast<double>(pass.rows));
    double sum = 0.0;
    std::vector<T> y(static_cast<std::size_t>(outputs));
    for (std::int64_t r = 0; r < pass.rows; ++r) {
        float const* const t = target.data() + r * outputs;
        exponentiate(Kind::log_softmax, x.data() + r * outputs, y.data(), outputs);
        T total = 0;
        for (std::int64_t u = 0; u < outputs; ++u) total += static_cast<T>(t[u]);
        for (std::int64_t u = 0; u < outputs; ++u) {
            T const log = y[static_cast<std::size_t>(u)];
            sum -= static_cast<double>(t[u]) * static_cast<double>(log);
            pass.gradient[static_cast<std::size_t>(r * outputs + u)] = (std::exp(log) * total - static_cast<T>(t[u])) * share;
        }
    }
    return sum / static_cast<double>(pass.rows);
}

}  // namespace

template <class T>
double value_loss(Numbers<T> const& net, BatchMaker const& maker, Objective const& objective, std::int64_t begin, std::vector<T> const& x,
                  Pass<T>& pass) {
    std::int64_t const outputs = net.plan.outputs();
    std::vector<float> target(x.size());
    maker.targets(begin, 0, pass.rows, target.data(), outputs);
    if (objective.loss == Loss::cross_entropy) return probability_loss(net, x, target, pass);
    auto const share = static_cast<T>(1.0 / static_cast<double>(x.size()));
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        auto const [value, slope] = elementwise_loss(objective.loss, x[i], static_cast<T>(target[i]));
        sum += static_cast<double>(value);
        pass.gradient[i] = slope * share;
    }
    return sum / static_cast<double>(x.size());
}

template <class T>
double class_loss(Numbers<T> const& net, Data const& data, Objective const& objective, std::int64_t begin, std::vector<T> const& x,
                  Pass<T>& pass) {
    std::int64_t const outputs = net.plan.outputs();
    auto const class_of = [&](std::int64_t r) { return data.targets.classes[static_cast<std::size_t>(data.row(begin + r))]; };
    std::int64_t counted = 0;
    for (std::int64_t r = 0; r < pass.rows; ++r) counted += class_of(r) == ignored_class ? 0 : 1;
    auto const share = static_cast<T>(1.0 / static_cast<double>(counted));
    double sum = 0.0;
    std::vector<T> y(static_cast<std::size_t>(outputs));
    for (std::int64_t r = 0; r < pass.rows; ++r) {
        if (class_of(r) == ignored_class) continue;
        T const* const row = x.data() + r * outputs;
        T* const gradient = pass.gradient.data() + r * outputs;
        auto const c = static_cast<std::size_t>(class_of(r));
        if (objective.loss == Loss::nll) {
            sum -= static_cast<double>(row[c]);
        } else {
            exponentiate(Kind::log_softmax, row, y.data(), outputs);
            sum -= static_cast<double>(y[c]);
            for (std::int64_t u = 0; u < outputs; ++u) gradient[u] = std::exp(y[static_cast<std::size_t>(u)]) * share;
        }
        gradient[c] -= share;
    }
    return sum / static_cast<double>(counted);
}

template <class T>
double divergence(Numbers<T> const& net, int l, Objective const& objective, Pass<T> const& pass) {
    auto const& p = net.layer(l);
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

template double value_loss(Numbers<float> const&, BatchMaker const&, Objective const&, std::int64_t, std::vector<float> const&,
                           Pass<float>&);
template double value_loss(Numbers<double> const&, BatchMaker const&, Objective const&, std::int64_t, std::vector<double> const&,
                           Pass<double>&);
template double class_loss(Numbers<float> const&, Data const&, Objective const&, std::int64_t, std::vector<float> const&, Pass<float>&);
template double class_loss(Numbers<double> const&, Data const&, Objective const&, std::int64_t, std::vector<double> const&, Pass<double>&);
template double divergence(Numbers<float> const&, int, Objective const&, Pass<float> const&);
template double divergence(Numbers<double> const&, int, Objective const&, Pass<double> const&);

}  // namespace ca3::autoencoder::reference
