#include "lif/backend.hpp"
#include "lif/neuron_step.hpp"

/// The operations in plain loops.
namespace ca3::lif::reference {

namespace {

template <Kind kind, class Real>
void step_all(StepTask<Real> const& t) {
    for (std::int64_t i = 0; i < t.neurons.count; ++i) {
        Real s[most_variables] = {};
        for (int k = 0; k < variables_of(kind); ++k) s[k] = variable(t.neurons, kind, k)[i];
        Real const in[2] = {t.input.ex == nullptr ? Real(0) : static_cast<Real>(t.input.ex[i]),
                            t.input.in == nullptr ? Real(0) : static_cast<Real>(t.input.in[i])};
        Real const ext = t.input.external_pA == nullptr ? Real(0) : t.input.external_pA[i];
        std::int32_t rest = t.neurons.refractory_steps[i];
        auto const& c = t.coefficients[t.coefficients.size() == 1 ? 0 : static_cast<std::size_t>(i)];
        t.spiked[i] = advance<kind>(c, t.neurons.v[i], s, rest, ext, in);
        t.neurons.refractory_steps[i] = static_cast<std::uint16_t>(rest);
        for (int k = 0; k < variables_of(kind); ++k) variable(t.neurons, kind, k)[i] = s[k];
    }
}

}  // namespace

template <class Real>
void step(Context const&, StepTask<Real> const& t) {
    switch (t.kind) {
        case Kind::delta:
            return step_all<Kind::delta>(t);
        case Kind::exponential:
            return step_all<Kind::exponential>(t);
        case Kind::exponential_one:
            return step_all<Kind::exponential_one>(t);
        case Kind::alpha:
            return step_all<Kind::alpha>(t);
        case Kind::alpha_one:
            return step_all<Kind::alpha_one>(t);
        case Kind::conductance:
            return step_all<Kind::conductance>(t);
        case Kind::hodgkin_huxley:
        case Kind::spike_source:
        case Kind::poisson_source:
            break;
    }
}
template void step(Context const&, StepTask<float> const&);
template void step(Context const&, StepTask<double> const&);

void poisson(Context const&, PoissonCounts const& t) {
    for (std::size_t i = 0; i < t.counts.size(); ++i) {
        std::uint32_t const u =
            poisson_uniform(t.seed, t.stimulus, t.step, static_cast<std::uint32_t>(t.first + static_cast<std::int64_t>(i)));
        t.counts[i] = t.table.base;
        for (std::uint32_t const threshold : t.table.thresholds) t.counts[i] += u >= threshold;
    }
}

void deliver(Context const&, SynapseRows const& rows, std::span<std::uint32_t const> spiked, std::int64_t step, ArrivalRing const& ring) {
    for (std::uint32_t const source : spiked) {
        for (std::int64_t k = rows.offset[source]; k < rows.offset[source + 1]; ++k)
            ring.data[(step + rows.delay[k]) % ring.slots * ring.neurons + rows.target[k]] += rows.weight[k];
    }
}

}  // namespace ca3::lif::reference
