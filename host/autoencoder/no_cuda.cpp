#include "autoencoder/engine.hpp"

#include <ca3/error.hpp>

namespace ca3::autoencoder::cuda {

namespace {
[[noreturn]] void not_compiled() {
    throw NotCompiled("ca3 was built without CUDA: autoencoder::Model");
}
}  // namespace

std::unique_ptr<Engine> make_engine(Context const&, Plan const&, Precision) {
    not_compiled();
}

std::unique_ptr<Group> make_group(Context const&, Plan const&, Precision, int) {
    not_compiled();
}

}  // namespace ca3::autoencoder::cuda
