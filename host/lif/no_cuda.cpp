#include <ca3/error.hpp>

#include "lif/backend.hpp"
#include "lif/engine.hpp"

namespace ca3::lif::cuda {

namespace {
[[noreturn]] void not_compiled(char const* function) {
    throw NotCompiled(std::string("ca3 was built without CUDA: lif::") + function);
}
}  // namespace

std::unique_ptr<Engine> make_engine(Context const&, Plan const&) {
    not_compiled("Network");
}

template <class Real>
void step(Context const&, StepTask<Real> const&) {
    not_compiled("step");
}
template void step(Context const&, StepTask<float> const&);
template void step(Context const&, StepTask<double> const&);

void poisson(Context const&, PoissonCounts const&) {
    not_compiled("poisson");
}
void deliver(Context const&, SynapseRows const&, std::span<std::uint32_t const>, std::int64_t, ArrivalRing const&) {
    not_compiled("deliver");
}

}  // namespace ca3::lif::cuda
