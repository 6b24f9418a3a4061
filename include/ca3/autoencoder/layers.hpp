#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace ca3 {

/// What a layer does to its linear map z, elementwise unless said otherwise. Definitions and gradients are those of PyTorch.
struct Activation {
    enum class Kind : std::uint8_t {
        identity,
        sigmoid,  ///< 1 / (1 + e^-z)
        tanh,
        arctan,
        relu,         ///< max(z, 0), gradient 0 at 0
        leaky_relu,   ///< z > 0 ? z : slope z
        prelu,        ///< z > 0 ? z : a z with a learned slope a
        softmax,      ///< over the units
        log_softmax,  ///< over the units
        unit_sphere,  ///< z / max(|z|, 1e-12), |z| the Euclidean norm over the units
        gaussian,     ///< variational code: the linear map has 2n units (mu, log sigma^2); y = mu + e sigma in training, mu otherwise
    };
    Kind kind = Kind::identity;
    double slope = 0.01;    ///< leaky_relu: the slope; prelu: the initial one (PyTorch: 0.25)
    bool per_unit = false;  ///< prelu: one slope for each unit instead of one for the layer

    bool operator==(Activation const&) const = default;
};

inline constexpr Activation identity{Activation::Kind::identity};
inline constexpr Activation sigmoid{Activation::Kind::sigmoid};
inline constexpr Activation hyperbolic_tangent{Activation::Kind::tanh};
inline constexpr Activation arctan{Activation::Kind::arctan};
inline constexpr Activation relu{Activation::Kind::relu};
inline constexpr Activation leaky_relu{Activation::Kind::leaky_relu};
inline constexpr Activation prelu{Activation::Kind::prelu, 0.25};
inline constexpr Activation softmax{Activation::Kind::softmax};
inline constexpr Activation log_softmax{Activation::Kind::log_softmax};
inline constexpr Activation unit_sphere{Activation::Kind::unit_sphere};
inline constexpr Activation gaussian{Activation::Kind::gaussian};

[[nodiscard]] std::string_view to_string(Activation::Kind) noexcept;

/// How the weight (out x in) of a layer begins; fan_in = in, fan_out = out. Biases begin uniform on +-1/sqrt(fan_in), as torch.nn.Linear's.
struct Initialiser {
    enum class Kind : std::uint8_t {
        pytorch,          ///< torch.nn.Linear: uniform on +-1/sqrt(fan_in)
        kaiming_uniform,  ///< +-sqrt(3) gain / sqrt(fan)
        kaiming_normal,   ///< standard deviation gain / sqrt(fan)
        xavier_uniform,   ///< +-sqrt(3) gain sqrt(2 / (fan_in + fan_out))
        xavier_normal,    ///< standard deviation gain sqrt(2 / (fan_in + fan_out))
        uniform,          ///< +-scale, biases too
        normal,           ///< standard deviation scale, biases too
    };
    Kind kind = Kind::pytorch;
    double gain = 0.0;     ///< 0: Kaiming takes that of torch.nn.init.calculate_gain for the layer's activation, Xavier 1
    double scale = 0.1;    ///< of `uniform` and `normal`
    bool fan_out = false;  ///< Kaiming: fan_out in place of fan_in

    bool operator==(Initialiser const&) const = default;
};

[[nodiscard]] std::string_view to_string(Initialiser::Kind) noexcept;

namespace autoencoder {

struct LayerOptions {
    bool bias = true;
    bool batch_norm = false;   ///< between the linear map and the activation: momentum 0.1, eps 1e-5, gamma and beta learned
    bool unit_sphere = false;  ///< whatever the activation: its result a becomes a / max(|a|, 1e-12), |a| the Euclidean norm over the units
    double dropout = 0.0;      ///< share of the outputs set to 0 in training, the others scaled by 1 / (1 - share)
    int tied_to = -1;          ///< number of an earlier layer whose transposed weight this one uses (one parameter); -1: its own
    Initialiser initialiser{};

    bool operator==(LayerOptions const&) const = default;
};

/// Linear map y = x W^T + b, batch normalisation if asked for, activation, projection on the unit sphere if asked for, dropout: in this
/// order. Activity penalties see the projected values; the divergence of a gaussian layer is that of its code before the projection.
struct Layer {
    Layer(std::int64_t n, Activation a = {}, LayerOptions o = {}) : units(n), activation(a), options(o) {}

    std::int64_t units;  ///< of the output
    Activation activation;
    LayerOptions options;

    bool operator==(Layer const&) const = default;
};

/// {784, {256, relu}, {784, sigmoid}}: the width of the input, then the layers.
struct Architecture {
    Architecture() = default;
    /// The first entry is the input: only its width counts. @throws InvalidArgument when it has an activation or options
    Architecture(std::initializer_list<Layer> input_and_layers);
    Architecture(std::int64_t input_width, std::vector<Layer> list) : inputs(input_width), layers(std::move(list)) {}

    std::int64_t inputs = 0;
    std::vector<Layer> layers;
    /// Layers of the encoder; its last one's output is the code. -1: up to the narrowest layer (the first of equals), all where the last
    /// one is the narrowest.
    int encoder_layers = -1;

    bool operator==(Architecture const&) const = default;
};

/// A parameter or buffer: its name in the state_dict of
///
///     class Net(nn.Module):
///         def __init__(self): self.encoder = nn.Sequential(...); self.decoder = nn.Sequential(...)
///
/// whose Sequentials list, layer by layer, nn.Linear, nn.BatchNorm1d (if any), the activation module (none for identity; for
/// unit_sphere and gaussian, which PyTorch has no module for, one of your own), one for LayerOptions::unit_sphere (if asked for) and
/// nn.Dropout (if any). So {n, identity, {.unit_sphere = true}} has the names of {n, unit_sphere}.
struct Tensor {
    enum class Role : std::uint8_t { weight, bias, slope, gamma, beta, running_mean, running_variance, batches };
    std::string name;
    std::vector<std::int64_t> shape;  ///< weight (out x in), all others (units); batches: scalar
    Role role = Role::weight;
    int layer = 0;

    bool operator==(Tensor const&) const = default;
};

/// In the order of PyTorch's state_dict. @throws InvalidArgument for an architecture that is none
[[nodiscard]] std::vector<Tensor> tensors(Architecture const&);
/// Trained numbers. @throws InvalidArgument
[[nodiscard]] std::int64_t parameter_count(Architecture const&);

}  // namespace autoencoder
}  // namespace ca3
