#include "autoencoder/backend.hpp"

#include <ca3/error.hpp>

#include <string>

namespace ca3::autoencoder::cuda {

namespace {
[[noreturn]] void not_compiled(char const* what = "autoencoder::Model") {
    throw NotCompiled(std::string("ca3 was built without CUDA: ") + what);
}
}  // namespace

std::unique_ptr<Engine> make_engine(Context const&, Plan const&, Precision) {
    not_compiled();
}

std::unique_ptr<Group> make_group(Context const&, Plan const&, Precision, int) {
    not_compiled();
}

void forward(Context const&, ForwardTask const&) {
    not_compiled("autoencoder::forward");
}

void backward(Context const&, BackwardTask const&) {
    not_compiled("autoencoder::backward");
}

double loss(Context const&, LossTask const&) {
    not_compiled("autoencoder::loss");
}

void step(Context const&, StepTask const&) {
    not_compiled("autoencoder::adam_step");
}

}  // namespace ca3::autoencoder::cuda
