#include "core/cuda.hpp"
#include "lif/backend.hpp"
#include "lif/checks.hpp"
#include "lif/coefficients.hpp"
#include "lif/connect.hpp"

#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

/// The operations: checked here, done by a backend.
namespace ca3::lif {

namespace {

/// The kind of the network, but for equal time constants, where the caller's arrays decide between one current and two.
template <class Real>
Kind kind_of(LifParameters const& p, NeuronArrays<Real> const& n) {
    Kind const kind = kind_of(p);
    if (n.current_in == nullptr) return kind;
    if (kind == Kind::exponential_one) return Kind::exponential;
    if (kind == Kind::alpha_one) return Kind::alpha;
    return kind;
}

template <class Real>
StepTask<Real> make_task(LifParameters const& p, double step_ms, NeuronArrays<Real> const& n, NeuronInput<Real> const& input,
                         std::uint8_t* spiked) {
    std::string const where = "lif::step";
    if (!(std::isfinite(step_ms) && step_ms > 0.0)) refuse(where, "step_ms must be positive, is " + text(step_ms));
    if (n.count < 0) refuse(where, "neurons.count must not be negative, is " + std::to_string(n.count));
    check(p, n.count, step_ms, where);
    if (!(std::isfinite(input.unit) && input.unit > 0.0)) refuse(where, "input.unit must be positive, is " + text(input.unit));
    StepTask<Real> task{.kind = kind_of(p, n), .coefficients = {}, .neurons = n, .input = input, .spiked = spiked};
    if (n.count == 0) return task;
    if (n.v == nullptr || n.refractory_steps == nullptr || spiked == nullptr)
        refuse(where, "neurons.v, neurons.refractory_steps and spiked must not be null");
    for (int k = 0; k < variables_of(task.kind); ++k) {
        if (variable(n, task.kind, k) == nullptr) {
            refuse(where, "neurons lacks an array that " + std::string(to_string(p.synapse)) + " synapses need" +
                              (n.current_in == nullptr ? "; one current for both signs asks for equal time constants" : ""));
        }
    }
    if (channels_of(task.kind) == 1 && input.in != nullptr) refuse(where, "input.in must be null where there is one current");
    bool const shared = p.C_m_pF.is_shared() && p.tau_m_ms.is_shared() && p.E_L_mV.is_shared() && p.v_threshold_mV.is_shared() &&
                        p.v_reset_mV.is_shared() && p.refractory_ms.is_shared() && p.tau_syn_ex_ms.is_shared() &&
                        p.tau_syn_in_ms.is_shared() && p.I_e_pA.is_shared() && p.E_ex_mV.is_shared() && p.E_in_mV.is_shared();
    for (std::int64_t i = 0; i < (shared ? 1 : n.count); ++i)
        task.coefficients.push_back(make_coefficients<Real>(p, i, step_ms, input.unit));
    return task;
}

/// A plan of nothing but the projection.
Plan make_plan(ConnectOptions const& c, char const* function) {
    std::string const where = function;
    if (!(std::isfinite(c.step_ms) && c.step_ms > 0.0)) refuse(where, "step_ms must be positive, is " + text(c.step_ms));
    if (!(std::isfinite(c.unit) && c.unit > 0.0)) refuse(where, "unit must be positive, is " + text(c.unit));
    if (c.sources < 0 || c.sources > most_neurons) refuse(where, "sources must be from 0 to 2^31 - 1, is " + std::to_string(c.sources));
    if (c.targets < 0 || c.targets > most_neurons) refuse(where, "targets must be from 0 to 2^31 - 1, is " + std::to_string(c.targets));
    if (c.same_population && c.sources != c.targets) refuse(where, "sources and targets differ, but same_population is set");
    Plan plan;
    plan.options.seed = c.seed;
    plan.options.step_ms = c.step_ms;
    plan.populations.resize(c.same_population ? 1 : 2);
    plan.populations[0].count = c.sources;
    plan.populations.back().count = c.targets;
    plan.populations.back().unit = c.unit;
    std::int32_t const target = c.same_population ? 0 : 1;
    plan.projections.resize(std::size_t{c.projection} + 1);  // its number keys the draws
    plan.projections.back() = make_projection(0, target, c.sources, c.targets, c.rule, c.synapse, c.step_ms, where);
    auto const& p = plan.projections.back();
    double largest = p.given_weights.empty() ? std::max(std::abs(p.weight.smallest()), std::abs(p.weight.largest())) : 0.0;
    for (double const w : p.given_weights) largest = std::max(largest, std::abs(w));
    if (largest / c.unit > 2147483647.0)
        throw Overflow(where + ": the largest weight, " + text(largest) + ", exceeds 31 bits on a grid of " + text(c.unit));
    return plan;
}

template <class T>
void copy_to(Context const& context, T* to, std::vector<T> const& from) {
    detail::copy_in(context, to, from.data(), from.size() * sizeof(T));
}

}  // namespace

template <class Real>
void step(Context const& context, LifParameters const& p, double step_ms, NeuronArrays<Real> const& n, NeuronInput<Real> const& input,
          std::uint8_t* spiked) {
    auto const task = make_task(p, step_ms, n, input, spiked);
    if (n.count == 0) return;
    switch (context.backend()) {
        case Backend::reference:
            return reference::step(context, task);
        case Backend::cpu:
            return cpu::step(context, task);
        case Backend::cuda:
            return cuda::step(context, task);
    }
}
template void step(Context const&, LifParameters const&, double, NeuronArrays<float> const&, NeuronInput<float> const&, std::uint8_t*);
template void step(Context const&, LifParameters const&, double, NeuronArrays<double> const&, NeuronInput<double> const&, std::uint8_t*);

void poisson(Context const& context, double mean, std::uint64_t seed, std::uint32_t stimulus, std::uint32_t step, std::int64_t first,
             std::span<std::int32_t> counts) {
    PoissonTable const table(mean, "lif::poisson");
    auto const n = static_cast<std::int64_t>(counts.size());
    if (first < 0 || n > most_neurons || first > most_neurons - n)
        refuse("lif::poisson", "first must be from 0 to 2^31 - 1 less the counts, is " + std::to_string(first));
    if (counts.empty()) return;
    PoissonCounts const task{.table = table, .seed = seed, .stimulus = stimulus, .step = step, .first = first, .counts = counts};
    switch (context.backend()) {
        case Backend::reference:
            return reference::poisson(context, task);
        case Backend::cpu:
            return cpu::poisson(context, task);
        case Backend::cuda:
            return cuda::poisson(context, task);
    }
}

void deliver(Context const& context, SynapseRows const& rows, std::span<std::uint32_t const> spiked, std::int64_t step,
             ArrivalRing const& ring) {
    std::string const where = "lif::deliver";
    if (step < 0) refuse(where, "step must not be negative, is " + std::to_string(step));
    if (ring.slots < 2) refuse(where, "ring.slots must be at least 2, is " + std::to_string(ring.slots));
    if (spiked.empty()) return;
    if (rows.offset == nullptr || rows.target == nullptr || rows.weight == nullptr || rows.delay == nullptr || ring.data == nullptr)
        refuse(where, "rows and ring must not have null arrays");
    switch (context.backend()) {
        case Backend::reference:
            return reference::deliver(context, rows, spiked, step, ring);
        case Backend::cpu:
            return cpu::deliver(context, rows, spiked, step, ring);
        case Backend::cuda:
            return cuda::deliver(context, rows, spiked, step, ring);
    }
}

void connect_offsets(Context const&, ConnectOptions const& options, std::span<std::int64_t> offset) {
    auto const plan = make_plan(options, "lif::connect_offsets");
    if (static_cast<std::int64_t>(offset.size()) != options.sources + 1) {
        refuse("lif::connect_offsets",
               "offset must have " + std::to_string(options.sources + 1) + " entries, has " + std::to_string(offset.size()));
    }
    std::fill(offset.begin(), offset.end(), 0);
    for (auto const& c : all_connections(plan, options.projection)) ++offset[static_cast<std::size_t>(c.source) + 1];
    std::partial_sum(offset.begin(), offset.end(), offset.begin());
}

void connect(Context const& context, ConnectOptions const& options, std::int32_t* target, std::int32_t* weight, std::uint16_t* delay) {
    auto const plan = make_plan(options, "lif::connect");
    auto list = all_connections(plan, options.projection);
    if (list.empty()) return;
    if (target == nullptr || weight == nullptr || delay == nullptr) refuse("lif::connect", "target, weight and delay must not be null");
    std::sort(list.begin(), list.end(), [](Connection const& a, Connection const& b) {
        return std::tie(a.source, a.target, a.delay_steps, a.weight) < std::tie(b.source, b.target, b.delay_steps, b.weight);
    });
    std::vector<std::int32_t> targets, weights;
    std::vector<std::uint16_t> delays;
    for (auto const& c : list) {
        targets.push_back(static_cast<std::int32_t>(c.target));
        weights.push_back(on_grid(c.weight, options.unit));
        delays.push_back(static_cast<std::uint16_t>(c.delay_steps));
    }
    copy_to(context, target, targets);
    copy_to(context, weight, weights);
    copy_to(context, delay, delays);
}

}  // namespace ca3::lif
