#include <ca3/error.hpp>

#include "lif/engine.hpp"

namespace ca3::lif::cuda {

std::unique_ptr<Engine> make_engine(Context const&, Plan const&) {
    throw NotCompiled("lif::Network: its CUDA engine is not part of this version");
}

}  // namespace ca3::lif::cuda
