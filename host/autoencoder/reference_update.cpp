#include "autoencoder/reference_update.hpp"

#include "autoencoder/reference_values.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::autoencoder::reference {
namespace {

/// torch.nn.utils.clip_grad_norm_: the norm of the tensors' norms.
template <class T>
void clip(Numbers<T> const& net, double most, std::vector<T>& gradient) {
    double total = 0.0;
    for (auto const& planned : net.plan.tensors) {
        if (planned.buffer) continue;
        for (std::int64_t i = 0; i < planned.place.size; ++i) {
            auto const g = static_cast<double>(gradient[static_cast<std::size_t>(planned.place.offset + i)]);
            total += g * g;
        }
    }
    auto const factor = static_cast<T>(std::min(most / (std::sqrt(total) + 1e-6), 1.0));
    for (T& g : gradient) g *= factor;
}

}  // namespace

template <class T>
void update_statistics(Numbers<T>& net, Pass<T> const& pass) {
    for (int l = 0; l < net.count(); ++l) {
        auto const& p = net.layer(l);
        if (!p.batch_norm()) continue;
        for (std::int64_t u = 0; u < p.linear; ++u) {
            auto const [mean, variance] = moments(p, pass.rows, pass.traces[static_cast<std::size_t>(l)].linear, u);
            auto const unbiased =
                static_cast<T>(static_cast<double>(variance) * static_cast<double>(pass.rows) / static_cast<double>(pass.rows - 1));
            T& running_mean = net.buffers[static_cast<std::size_t>(p.mean.offset + u)];
            T& running_variance = net.buffers[static_cast<std::size_t>(p.variance.offset + u)];
            running_mean = T(0.9) * running_mean + T(0.1) * mean;
            running_variance = T(0.9) * running_variance + T(0.1) * unbiased;
        }
    }
}

template <class T>
void update(UpdateRule const& rule, Numbers<T>& net, Moments<T>& moments, std::vector<T>& gradient) {
    if (rule.has_first()) moments.first.resize(net.parameters.size());
    if (rule.has_second()) moments.second.resize(net.parameters.size());
    if (rule.clip_norm > 0.0) clip(net, rule.clip_norm, gradient);
    ++moments.steps;
    for (std::size_t i = 0; i < net.parameters.size(); ++i)
        if (rule.kind == UpdateRule::Kind::adam)
            adam(rule, moments.steps, gradient[i], net.parameters[i], moments.first[i], moments.second[i]);
        else
            sgd(rule, moments.steps, gradient[i], net.parameters[i], rule.momentum != 0.0 ? &moments.first[i] : nullptr);
}

template void update_statistics(Numbers<float>&, Pass<float> const&);
template void update_statistics(Numbers<double>&, Pass<double> const&);
template void update(UpdateRule const&, Numbers<float>&, Moments<float>&, std::vector<float>&);
template void update(UpdateRule const&, Numbers<double>&, Moments<double>&, std::vector<double>&);

}  // namespace ca3::autoencoder::reference
