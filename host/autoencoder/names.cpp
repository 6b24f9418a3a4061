#include <ca3/autoencoder/model.hpp>

namespace ca3 {

std::string_view to_string(Activation::Kind kind) noexcept {
    switch (kind) {
        case Activation::Kind::identity:
            return "identity";
        case Activation::Kind::sigmoid:
            return "sigmoid";
        case Activation::Kind::tanh:
            return "tanh";
        case Activation::Kind::arctan:
            return "arctan";
        case Activation::Kind::relu:
            return "relu";
        case Activation::Kind::leaky_relu:
            return "leaky_relu";
        case Activation::Kind::prelu:
            return "prelu";
        case Activation::Kind::softmax:
            return "softmax";
        case Activation::Kind::log_softmax:
            return "log_softmax";
        case Activation::Kind::unit_sphere:
            return "unit_sphere";
        case Activation::Kind::gaussian:
            return "gaussian";
    }
    return "unknown";
}

std::string_view to_string(Initialiser::Kind kind) noexcept {
    switch (kind) {
        case Initialiser::Kind::pytorch:
            return "pytorch";
        case Initialiser::Kind::kaiming_uniform:
            return "kaiming_uniform";
        case Initialiser::Kind::kaiming_normal:
            return "kaiming_normal";
        case Initialiser::Kind::xavier_uniform:
            return "xavier_uniform";
        case Initialiser::Kind::xavier_normal:
            return "xavier_normal";
        case Initialiser::Kind::uniform:
            return "uniform";
        case Initialiser::Kind::normal:
            return "normal";
    }
    return "unknown";
}

std::string_view to_string(Loss loss) noexcept {
    switch (loss) {
        case Loss::mse:
            return "mse";
        case Loss::l1:
            return "l1";
        case Loss::bce:
            return "bce";
        case Loss::bce_with_logits:
            return "bce_with_logits";
        case Loss::cross_entropy:
            return "cross_entropy";
        case Loss::nll:
            return "nll";
    }
    return "unknown";
}

std::string_view to_string(Precision precision) noexcept {
    switch (precision) {
        case Precision::f32:
            return "f32";
        case Precision::tf32x3:
            return "tf32x3";
        case Precision::tf32:
            return "tf32";
        case Precision::bf16:
            return "bf16";
        case Precision::f64:
            return "f64";
    }
    return "unknown";
}

namespace autoencoder {

std::string_view to_string(Stop stop) noexcept {
    switch (stop) {
        case Stop::finished:
            return "finished";
        case Stop::early:
            return "early";
        case Stop::callback:
            return "callback";
    }
    return "unknown";
}

}  // namespace autoencoder
}  // namespace ca3
