#include "autoencoder/reference_loss.hpp"

#include "autoencoder/reference_values.hpp"

#include <cmath>

namespace ca3::autoencoder::reference {
namespace {

template <class T>
double probability_loss(Numbers<T> const& net, std::vector<T> const& x, std::vector<float> const& target, Pass<T>& pass) {
    std::int64_t const outputs = net.plan.outputs();
    auto const share = static_cast<T>(1.0 / static_cast<double>(pass.rows));
    double sum = 0.0;
    std::vector<T> y(static_cast<std::size_t>(outputs));
    for (std::int64_t r = 0; r < pass.rows; ++r) {
        std::int64_t const at = r * outputs;
        probability_loss_row(outputs, share, x.data() + at, target.data() + at, y.data(), pass.gradient.data() + at, sum);
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
    std::int64_t const counted = data.counted(begin, pass.rows);
    auto const share = static_cast<T>(1.0 / static_cast<double>(counted));
    double sum = 0.0;
    std::vector<T> y(static_cast<std::size_t>(outputs));
    for (std::int64_t r = 0; r < pass.rows; ++r) {
        if (class_of(r) == ignored_class) continue;
        std::int64_t const at = r * outputs;
        class_loss_row(objective.loss, outputs, class_of(r), share, x.data() + at, y.data(), pass.gradient.data() + at, sum);
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
