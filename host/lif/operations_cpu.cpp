#include "core/aligned.hpp"
#include "core/philox_fill.hpp"
#include "core/state.hpp"
#include "lif/backend.hpp"
#include "lif/cpu_kernels.hpp"

#include <algorithm>

/// The operations with the kernels of the network's engine.
namespace ca3::lif::cpu {

namespace {

constexpr std::int64_t neurons_at_once = 1024;

/// Some neurons at a time, in padded copies of the caller's arrays: the kernels run over the end of theirs.
template <class Real>
struct Scratch {
    AlignedVector<Real> v, s[most_variables], ext;
    AlignedVector<std::uint16_t> rest;
    AlignedVector<Sum<Real>> in[2];
    AlignedVector<std::uint32_t> spikes;

    Scratch() {
        auto const n = static_cast<std::size_t>(neurons_at_once + padding);
        v.resize(n);
        for (auto& x : s) x.resize(n);
        ext.resize(n);
        rest.resize(n);
        for (auto& x : in) x.resize(n);
        spikes.resize(n);
    }
};

template <class Real>
void step_some(StepTask<Real> const& t, std::int64_t first, std::int64_t count, Update<Real> update, Scratch<Real>& own) {
    auto const copy = [&](auto const* from, auto& to) { std::copy(from + first, from + first + count, to.begin()); };
    copy(t.neurons.v, own.v);
    copy(t.neurons.refractory_steps, own.rest);
    for (int k = 0; k < variables_of(t.kind); ++k) copy(variable(t.neurons, t.kind, k), own.s[k]);
    InputSum<Real> const* const in[2] = {t.input.ex, t.input.in};
    for (int k = 0; k < 2; ++k) {
        std::fill(own.in[k].begin(), own.in[k].end(), 0);
        if (in[k] != nullptr) copy(in[k], own.in[k]);
    }
    if (t.input.external_pA != nullptr) copy(t.input.external_pA, own.ext);
    bool const shared = t.coefficients.size() == 1;
    UpdateTask<Real> task{.count = count,
                          .coefficients = t.coefficients.data() + (shared ? 0 : first),
                          .shared = shared,
                          .v = own.v.data(),
                          .rest = own.rest.data(),
                          .ext = t.input.external_pA != nullptr ? own.ext.data() : nullptr,
                          .first_id = 0,
                          .spikes = own.spikes.data()};
    for (int k = 0; k < variables_of(t.kind); ++k) task.s[k] = own.s[k].data();
    for (int k = 0; k < channels_of(t.kind); ++k) task.in[k] = own.in[k].data();
    std::int64_t const spikes = update(task);

    auto const back = [&](auto const& from, auto* to) { std::copy(from.begin(), from.begin() + count, to + first); };
    back(own.v, t.neurons.v);
    back(own.rest, t.neurons.refractory_steps);
    for (int k = 0; k < variables_of(t.kind); ++k) back(own.s[k], variable(t.neurons, t.kind, k));
    std::fill(t.spiked + first, t.spiked + first + count, std::uint8_t{0});
    for (std::int64_t k = 0; k < spikes; ++k) t.spiked[first + own.spikes[static_cast<std::size_t>(k)]] = 1;
}

}  // namespace

template <class Real>
void step(Context const& context, StepTask<Real> const& t) {
    std::vector<Scratch<Real>> scratch(static_cast<std::size_t>(pool(context).size()));
    auto const update = kernels_for(context.instruction_set()).update<Real>(t.kind);
    pool(context).run((t.neurons.count + neurons_at_once - 1) / neurons_at_once, [&](std::int64_t k, int thread) {
        std::int64_t const first = k * neurons_at_once;
        step_some(t, first, std::min(neurons_at_once, t.neurons.count - first), update, scratch[static_cast<std::size_t>(thread)]);
    });
}
template void step(Context const&, StepTask<float> const&);
template void step(Context const&, StepTask<double> const&);

void poisson(Context const& context, PoissonCounts const& t) {
    auto const n = static_cast<std::int64_t>(t.counts.size());
    pool(context).run((n + neurons_at_once - 1) / neurons_at_once, [&](std::int64_t k, int) {
        std::int64_t const first = k * neurons_at_once, count = std::min(neurons_at_once, n - first);
        std::int32_t* const counts = t.counts.data() + first;
        std::fill(counts, counts + count, 0);
        kernels_for(context.instruction_set())
            .poisson<float>()({.seed = t.seed,
                               .stimulus = t.stimulus,
                               .step = t.step,
                               .first = t.first + first,
                               .count = count,
                               .tables = &t.table,
                               .table_of = nullptr,
                               .weight = 1,
                               .in = counts},
                              random::fill_for(context.instruction_set()));
    });
}

void deliver(Context const&, SynapseRows const& rows, std::span<std::uint32_t const> spiked, std::int64_t step, ArrivalRing const& ring) {
    std::int64_t const now = step % ring.slots;
    for (std::uint32_t const source : spiked) {
        for (std::int64_t k = rows.offset[source]; k < rows.offset[source + 1]; ++k) {
            std::int64_t const slot = now + rows.delay[k];
            ring.data[(slot >= ring.slots ? slot - ring.slots : slot) * ring.neurons + rows.target[k]] += rows.weight[k];
        }
    }
}

}  // namespace ca3::lif::cpu
