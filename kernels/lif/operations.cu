#include "kernels/common/launch.cuh"
#include "kernels/lif/step.cuh"

#include "lif/backend.hpp"

#include <ca3/matrix.hpp>

#include <algorithm>

/// The operations on device memory: a thread for each neuron, a warp for each row of synapses.
namespace ca3::lif::cuda {

namespace {

constexpr unsigned threads = 256;

[[nodiscard]] dim3 blocks_for(std::int64_t items) {
    return dim3(static_cast<unsigned>(std::min<std::int64_t>((items + threads - 1) / threads, 1 << 20)));
}

/// Arrays of neurons, with the state variables in the order of their kind.
template <class Real>
struct StepArrays {
    std::int64_t count;
    Real* v;
    Real* s[most_variables];
    std::uint16_t* rest;
    InputSum<Real> const* in[2];
    Real const* ext;
    std::uint8_t* spiked;
    std::int32_t shared;
};

template <Kind kind, class Real>
__global__ void __launch_bounds__(threads) step_neurons(StepArrays<Real> a, Coefficients<Real> const* coefficients) {
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < a.count;
         i += static_cast<std::int64_t>(gridDim.x) * blockDim.x) {
        Real s[most_variables] = {};
#pragma unroll
        for (int k = 0; k < variables_of(kind); ++k) s[k] = a.s[k][i];
        Real const in[2] = {a.in[0] == nullptr ? Real(0) : static_cast<Real>(a.in[0][i]),
                            a.in[1] == nullptr ? Real(0) : static_cast<Real>(a.in[1][i])};
        std::int32_t rest = a.rest[i];
        Real v = a.v[i];
        a.spiked[i] = advance<kind>(coefficients[a.shared != 0 ? 0 : i], v, s, rest, a.ext == nullptr ? Real(0) : a.ext[i], in);
        a.v[i] = v;
        a.rest[i] = static_cast<std::uint16_t>(rest);
#pragma unroll
        for (int k = 0; k < variables_of(kind); ++k) a.s[k][i] = s[k];
    }
}

template <class Real>
using StepKernel = void (*)(StepArrays<Real>, Coefficients<Real> const*);

template <class Real>
StepKernel<Real> kernel_of(Kind kind) {
    switch (kind) {
        case Kind::exponential:
            return step_neurons<Kind::exponential, Real>;
        case Kind::exponential_one:
            return step_neurons<Kind::exponential_one, Real>;
        case Kind::alpha:
            return step_neurons<Kind::alpha, Real>;
        case Kind::alpha_one:
            return step_neurons<Kind::alpha_one, Real>;
        case Kind::conductance:
            return step_neurons<Kind::conductance, Real>;
        default:
            break;
    }
    return step_neurons<Kind::delta, Real>;
}

__global__ void __launch_bounds__(threads)
    count_poisson(std::uint32_t const* thresholds, DeviceTable table, std::uint64_t seed, std::uint32_t stimulus, std::uint32_t step,
                  std::int64_t first, std::int64_t count, std::int32_t* counts) {
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
         i += static_cast<std::int64_t>(gridDim.x) * blockDim.x) {
        std::uint32_t const u = poisson_uniform(seed, stimulus, step, static_cast<std::uint32_t>(first + i));
        counts[i] = poisson_count(thresholds, table, u & 0xFFFF0000u, [&] { return u & 0xFFFFu; });
    }
}

__global__ void __launch_bounds__(threads)
    deliver_rows(SynapseRows rows, std::uint32_t const* spiked, std::int64_t count, std::int64_t step, ArrivalRing ring) {
    std::int64_t const warp = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
    std::int64_t const warps = static_cast<std::int64_t>(gridDim.x) * blockDim.x / 32, now = step % ring.slots;
    for (std::int64_t k = warp; k < count; k += warps) {
        std::int64_t const source = spiked[k];
        for (std::int64_t j = rows.offset[source] + threadIdx.x % 32; j < rows.offset[source + 1]; j += 32) {
            std::int64_t const slot = now + rows.delay[j];
            atomicAdd(ring.data + (slot >= ring.slots ? slot - ring.slots : slot) * ring.neurons + rows.target[j], rows.weight[j]);
        }
    }
}

}  // namespace

template <class Real>
void step(Context const& context, StepTask<Real> const& t) {
    Buffer<Coefficients<Real>> coefficients(context, static_cast<std::int64_t>(t.coefficients.size()));
    coefficients.copy_from_host(t.coefficients.data());
    StepArrays<Real> arrays{.count = t.neurons.count,
                            .v = t.neurons.v,
                            .s = {},
                            .rest = t.neurons.refractory_steps,
                            .in = {t.input.ex, t.input.in},
                            .ext = t.input.external_pA,
                            .spiked = t.spiked,
                            .shared = t.coefficients.size() == 1};
    for (int k = 0; k < variables_of(t.kind); ++k) arrays.s[k] = variable(t.neurons, t.kind, k);
    launch(context, kernel_of<Real>(t.kind), {.grid = blocks_for(t.neurons.count), .block = dim3(threads)}, arrays, coefficients.data());
}
template void step(Context const&, StepTask<float> const&);
template void step(Context const&, StepTask<double> const&);

void poisson(Context const& context, PoissonCounts const& t) {
    auto padded = t.table.thresholds;
    padded.resize((padded.size() + 3) / 4 * 4, poisson_padding);
    Buffer<std::uint32_t> thresholds(context, static_cast<std::int64_t>(padded.size()));
    if (!padded.empty()) thresholds.copy_from_host(padded.data());
    DeviceTable const table{.base = t.table.base, .count = static_cast<std::int32_t>(t.table.thresholds.size()), .first = 0};
    auto const count = static_cast<std::int64_t>(t.counts.size());
    launch(context, count_poisson, {.grid = blocks_for(count), .block = dim3(threads)}, thresholds.data(), table, t.seed, t.stimulus,
           t.step, t.first, count, t.counts.data());
}

void deliver(Context const& context, SynapseRows const& rows, std::span<std::uint32_t const> spiked, std::int64_t step,
             ArrivalRing const& ring) {
    auto const count = static_cast<std::int64_t>(spiked.size());
    launch(context, deliver_rows, {.grid = blocks_for(count * 32), .block = dim3(threads)}, rows, spiked.data(), count, step, ring);
}

}  // namespace ca3::lif::cuda
