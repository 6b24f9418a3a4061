#include <ca3/error.hpp>

#include "lif/engine.hpp"

namespace ca3::lif::cuda {

std::unique_ptr<Engine> make_engine(Context const&, Plan const&) {
    throw NotCompiled("ca3 was built without CUDA: lif::Network");
}

}  // namespace ca3::lif::cuda
