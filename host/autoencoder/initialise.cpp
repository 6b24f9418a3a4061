#include "autoencoder/plan.hpp"

#include "core/elementary.hpp"
#include "core/philox.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::autoencoder {
namespace {

using Kind = Initialiser::Kind;

/// torch.nn.init.calculate_gain; PReLU as the leaky ReLU that it begins as.
double gain_of(Activation const& activation) {
    switch (activation.kind) {
        case Activation::Kind::tanh:
            return 5.0 / 3.0;
        case Activation::Kind::relu:
            return std::sqrt(2.0);
        case Activation::Kind::leaky_relu:
        case Activation::Kind::prelu:
            return std::sqrt(2.0 / (1.0 + activation.slope * activation.slope));
        default:
            return 1.0;
    }
}

struct Distribution {
    bool normal = false;
    double scale = 0.0;  ///< bound of the uniform one, standard deviation of the normal one
};

Distribution weight_distribution(PlannedLayer const& layer) {
    Initialiser const& initialiser = layer.initialiser;
    auto const in = static_cast<double>(layer.in), out = static_cast<double>(layer.linear);
    double const kaiming =
        (initialiser.gain > 0.0 ? initialiser.gain : gain_of(layer.activation)) / std::sqrt(initialiser.fan_out ? out : in);
    double const xavier = (initialiser.gain > 0.0 ? initialiser.gain : 1.0) * std::sqrt(2.0 / (in + out));
    switch (initialiser.kind) {
        case Kind::kaiming_uniform:
            return {false, std::sqrt(3.0) * kaiming};
        case Kind::kaiming_normal:
            return {true, kaiming};
        case Kind::xavier_uniform:
            return {false, std::sqrt(3.0) * xavier};
        case Kind::xavier_normal:
            return {true, xavier};
        case Kind::uniform:
            return {false, initialiser.scale};
        case Kind::normal:
            return {true, initialiser.scale};
        default:
            return {false, 1.0 / std::sqrt(in)};
    }
}

Distribution bias_distribution(PlannedLayer const& layer) {
    Kind const kind = layer.initialiser.kind;
    if (kind == Kind::uniform || kind == Kind::normal) return weight_distribution(layer);
    return {false, 1.0 / std::sqrt(static_cast<double>(layer.in))};
}

double drawn(Distribution const& distribution, std::uint32_t u) {
    double const unit = distribution.normal ? normal_quantile(u) : (static_cast<double>(u) + 0.5) * 0x1p-31 - 1.0;
    return static_cast<double>(static_cast<float>(distribution.scale * unit));
}

}  // namespace

State initial_state(Plan const& plan, std::uint64_t seed) {
    State state;
    state.parameters.assign(static_cast<std::size_t>(plan.parameters), 0.0);
    state.buffers.assign(static_cast<std::size_t>(plan.buffers), 0.0);
    state.batches.assign(static_cast<std::size_t>(plan.counts), 0);
    for (std::size_t t = 0; t < plan.tensors.size(); ++t) {
        auto const& [tensor, place, buffer] = plan.tensors[t];
        PlannedLayer const& layer = plan.layers[static_cast<std::size_t>(tensor.layer)];
        double* const begin = (buffer ? state.buffers : state.parameters).data() + place.offset;
        switch (tensor.role) {
            case Tensor::Role::weight:
            case Tensor::Role::bias: {
                auto const distribution = tensor.role == Tensor::Role::weight ? weight_distribution(layer) : bias_distribution(layer);
                for (std::int64_t i = 0; i < place.size; ++i)
                    begin[i] = drawn(distribution, random::draw(seed, random::Purpose::initial_weight, static_cast<std::uint32_t>(t), 0,
                                                                static_cast<std::uint64_t>(i)));
                break;
            }
            case Tensor::Role::slope:
                std::fill_n(begin, place.size, static_cast<double>(static_cast<float>(layer.activation.slope)));
                break;
            case Tensor::Role::gamma:
            case Tensor::Role::running_variance:
                std::fill_n(begin, place.size, 1.0);
                break;
            default:
                break;
        }
    }
    return state;
}

}  // namespace ca3::autoencoder
