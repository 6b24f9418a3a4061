#include "autoencoder/engine.hpp"

#include <ca3/error.hpp>

namespace ca3::autoencoder::cuda {

std::unique_ptr<Engine> make_engine(Context const&, Plan const&, Precision) {
    throw NotCompiled("autoencoder: this build of CA3 has no CUDA");
}

}  // namespace ca3::autoencoder::cuda
