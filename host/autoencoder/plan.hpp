#pragma once

#include <ca3/autoencoder/layers.hpp>
#include <ca3/autoencoder/training.hpp>

#include "core/host_device.hpp"

#include <cstdint>
#include <vector>

namespace ca3::autoencoder {

// Constants of PyTorch's definitions; the reference has its own.
inline constexpr float batch_norm_epsilon = 1e-5f;  ///< beside the variance
inline constexpr float batch_norm_momentum = 0.1f;  ///< of the running statistics
inline constexpr float least_norm = 1e-12f;         ///< that a row is divided by (torch.nn.functional.normalize)
inline constexpr double clip_epsilon = 1e-6;        ///< beside the norm of all gradients (torch.nn.utils.clip_grad_norm_)

/// Looks at each value by itself.
[[nodiscard]] CA3_HOST_DEVICE constexpr bool is_elementwise(Activation::Kind kind) {
    return kind <= Activation::Kind::prelu;
}
/// Looks at a row of outputs, not at each by itself.
[[nodiscard]] CA3_HOST_DEVICE constexpr bool is_by_row(Loss loss) {
    return loss == Loss::cross_entropy || loss == Loss::nll;
}

/// Where a tensor lies in a State.
struct Place {
    std::int64_t offset = -1;  ///< in State::parameters, State::buffers or State::batches; -1: there is none
    std::int64_t size = 0;

    [[nodiscard]] bool exists() const { return offset >= 0; }
};

/// A layer with all that follows from the architecture.
struct PlannedLayer {
    std::int64_t in = 0;
    std::int64_t linear = 0;  ///< units of the linear map: 2 `out` for gaussian, else `out`
    std::int64_t out = 0;
    Activation activation{};
    bool unit_sphere = false;  ///< after the activation
    double dropout = 0.0;
    int tied_to = -1;
    Initialiser initialiser{};
    Place weight;  ///< linear x in, row-major; of a tied layer that of the other: in x linear
    Place bias;
    Place slope;  ///< 1 or `out`
    Place gamma;
    Place beta;
    Place mean;      ///< running, in the buffers
    Place variance;  ///< running, in the buffers

    [[nodiscard]] bool batch_norm() const { return gamma.exists(); }
    /// A linear map, an activation of each value by itself, and nothing else.
    [[nodiscard]] bool is_plain() const { return is_elementwise(activation.kind) && !batch_norm() && !unit_sphere && dropout == 0.0; }
};

/// A tensor of the state_dict and where it lies.
struct PlannedTensor {
    Tensor tensor;
    Place place;
    bool buffer = false;
};

struct Plan {
    std::int64_t inputs = 0;
    std::vector<PlannedLayer> layers;
    int encoder_layers = 0;
    std::vector<PlannedTensor> tensors;  ///< in the order of the state_dict; tied weights once
    std::int64_t parameters = 0;
    std::int64_t buffers = 0;
    std::int64_t counts = 0;  ///< of batches: one for each layer with batch normalisation

    [[nodiscard]] std::int64_t outputs() const { return layers.back().out; }
    [[nodiscard]] std::int64_t width_after(int layer) const { return layer < 0 ? inputs : layers[static_cast<std::size_t>(layer)].out; }
};

/// @throws InvalidArgument
[[nodiscard]] Plan make_plan(Architecture const&);

/// All numbers that training changes, in double, which holds every float. Tensors one after the other, row-major as in PyTorch.
struct State {
    std::vector<double> parameters;
    std::vector<double> buffers;
    std::vector<std::int64_t> batches;  ///< that layers with batch normalisation have seen; engines leave them to who holds the model
    std::vector<double> first;          ///< momentum or first moments, or empty
    std::vector<double> second;         ///< second moments, or empty
    std::int64_t steps = 0;             ///< updates made by the optimizer whose moments these are
};

/// Parameters as the initialisers say (rounded to float), buffers as PyTorch's; no moments.
/// A weight's element i (row-major) takes draw i of Purpose::initial_weight with element = the tensor's number in `plan.tensors`.
[[nodiscard]] State initial_state(Plan const&, std::uint64_t seed);

}  // namespace ca3::autoencoder
