#pragma once

#include "autoencoder/engine.hpp"

#include <cstdint>
#include <utility>
#include <vector>

/// The definition: plain loops over row-major arrays, in float or double.
namespace ca3::autoencoder::reference {

/// What a layer leaves behind for its gradient. All B x units, row-major.
template <class T>
struct Trace {
    std::vector<T> linear;      ///< z
    std::vector<T> normalised;  ///< batch normalisation before gamma and beta
    std::vector<T> scale;       ///< 1 / sqrt(variance + eps), one for each unit
    std::vector<T> before;      ///< what the activation is applied to
    std::vector<T> activated;   ///< its result, where that is projected
    std::vector<T> active;      ///< its result, projected if asked for
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

/// A forward pass and its loss.
template <class T>
struct Pass {
    std::int64_t rows = 0;
    std::vector<T> input;
    std::vector<Trace<T>> traces;
    std::vector<T> gradient;  ///< of the loss with respect to the output
    double loss = 0.0;
};

/// A network: its tensors lie where the plan says.
template <class T>
struct Numbers {
    Plan plan;
    std::vector<T> parameters{};
    std::vector<T> buffers{};

    [[nodiscard]] int count() const { return static_cast<int>(plan.layers.size()); }
    [[nodiscard]] PlannedLayer const& layer(int l) const { return plan.layers[static_cast<std::size_t>(l)]; }
    /// W of layer l: unit u, input i.
    [[nodiscard]] T weight(int l, std::int64_t u, std::int64_t i) const {
        auto const& p = layer(l);
        T const* const w = parameters.data() + p.weight.offset;
        return p.tied_to < 0 ? w[u * p.in + i] : w[i * p.linear + u];
    }
    [[nodiscard]] T slope(PlannedLayer const& p, std::int64_t u) const {
        if (!p.slope.exists()) return static_cast<T>(p.activation.slope);
        return parameters[static_cast<std::size_t>(p.slope.offset + (p.slope.size == 1 ? 0 : u))];
    }
};

// reference_forward.cpp

/// Layer l for x, rows x its inputs.
template <class T>
Trace<T> layer_forward(Numbers<T> const& net, int l, std::int64_t rows, std::vector<T> const& x, Mode const& mode);
/// Mean and biased variance of unit u over the batch.
template <class T>
std::pair<T, T> moments(PlannedLayer const& p, std::int64_t rows, std::vector<T> const& z, std::int64_t u);

// reference_backward.cpp

/// Gradient of every parameter, and of the input where `inputs` is not null.
template <class T>
std::vector<T> backward(Numbers<T> const& net, Objective const& objective, Pass<T> const& pass, Mode const& mode, std::vector<T>* inputs);

}  // namespace ca3::autoencoder::reference
