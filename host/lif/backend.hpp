#pragma once

#include <ca3/lif/operations.hpp>

#include "lif/neuron.hpp"
#include "lif/poisson_table.hpp"

#include <vector>

/// The operations of every backend, side by side. Arguments are checked by api.cpp.
namespace ca3::lif {

template <class Real>
struct StepTask {
    Kind kind;
    std::vector<Coefficients<Real>> coefficients;  ///< one, or one for each neuron
    NeuronArrays<Real> neurons;
    NeuronInput<Real> input;
    std::uint8_t* spiked;
};
/// The array of state variable k, in the order of Kind.
template <class Real>
[[nodiscard]] Real* variable(NeuronArrays<Real> const& n, Kind kind, int k) {
    bool const alpha = kind == Kind::alpha || kind == Kind::alpha_one;
    Real* const in_order[2][4] = {{n.current_ex, n.current_in, nullptr, nullptr}, {n.current_ex, n.slope_ex, n.current_in, n.slope_in}};
    return in_order[alpha ? 1 : 0][k];
}

struct PoissonCounts {
    PoissonTable const& table;
    std::uint64_t seed;
    std::uint32_t stimulus;
    std::uint32_t step;
    std::int64_t first;
    std::span<std::int32_t> counts;
};

namespace reference {
template <class Real>
void step(Context const&, StepTask<Real> const&);
void poisson(Context const&, PoissonCounts const&);
void deliver(Context const&, SynapseRows const&, std::span<std::uint32_t const> spiked, std::int64_t step, ArrivalRing const&);
}  // namespace reference
namespace cpu {
template <class Real>
void step(Context const&, StepTask<Real> const&);
void poisson(Context const&, PoissonCounts const&);
void deliver(Context const&, SynapseRows const&, std::span<std::uint32_t const> spiked, std::int64_t step, ArrivalRing const&);
}  // namespace cpu
namespace cuda {
template <class Real>
void step(Context const&, StepTask<Real> const&);
void poisson(Context const&, PoissonCounts const&);
void deliver(Context const&, SynapseRows const&, std::span<std::uint32_t const> spiked, std::int64_t step, ArrivalRing const&);
}  // namespace cuda

}  // namespace ca3::lif
