#include "support/lif_operations.hpp"

#include "support/poison.hpp"

#include <ca3/lif/operations.hpp>

#include <gtest/gtest.h>

#include <random>

namespace ca3::test {

namespace {

using namespace lif;

LifParameters parameters(Synapse synapse, bool one_current, bool each_its_own, std::int64_t count) {
    LifParameters p;
    p.synapse = synapse;
    p.tau_syn_in_ms = one_current ? 2.0 : 5.0;
    p.I_e_pA = 300.0;
    p.refractory_ms = 0.5;
    if (each_its_own) {
        std::vector<double> tau, threshold;
        for (std::int64_t i = 0; i < count; ++i) {
            tau.push_back(8.0 + 0.25 * static_cast<double>(i % 16));
            threshold.push_back(-56.0 + 0.1 * static_cast<double>(i % 7));
        }
        p.tau_m_ms = tau;
        p.v_threshold_mV = threshold;
    }
    return p;
}

template <class Real>
std::vector<double> run(Context const& context, Synapse synapse, bool one_current, bool each_its_own, std::int64_t count) {
    using Input = InputSum<Real>;
    auto const n = static_cast<std::size_t>(count);
    bool const two = !one_current && synapse != Synapse::delta;
    LifParameters const p = parameters(synapse, one_current, each_its_own, count);
    std::vector<Real> const zeros(n, 0);
    Guarded<Real> v(context, zeros, 1, count), ex(context, zeros, 1, count), in(context, zeros, 1, count),
        slope_ex(context, zeros, 1, count), slope_in(context, zeros, 1, count);
    Guarded<std::uint16_t> rest(context, std::vector<std::uint16_t>(n, 0), 1, count);
    Guarded<std::uint8_t> spiked(context, 1, count);
    std::mt19937 random(7);
    std::vector<double> all;
    for (int step = 0; step < 40; ++step) {
        std::vector<Input> plus(n), minus(n);
        std::vector<Real> current(n);
        for (std::size_t i = 0; i < n; ++i) {
            plus[i] = static_cast<Input>(random() % 400);
            minus[i] = -static_cast<Input>(random() % 200);
            current[i] = static_cast<Real>(random() % 100);
        }
        Guarded<Input> const input_ex(context, plus, 1, count), input_in(context, minus, 1, count);
        Guarded<Real> const ext(context, current, 1, count);
        double const unit = synapse == Synapse::delta ? 0x1p-7 : 0x1p-3;
        lif::step<Real>(context, p, 0.1,
                        {.count = count,
                         .v = v.span().data(),
                         .current_ex = ex.span().data(),
                         .current_in = two || synapse == Synapse::conductance ? in.span().data() : nullptr,
                         .slope_ex = slope_ex.span().data(),
                         .slope_in = slope_in.span().data(),
                         .refractory_steps = rest.span().data()},
                        {.ex = input_ex.span().data(),
                         .in = two || synapse == Synapse::conductance ? input_in.span().data() : nullptr,
                         .unit = unit,
                         .external_pA = step % 3 == 0 ? nullptr : ext.span().data()},
                        spiked.span().data());
        for (auto const* values : {&v, &ex, &in, &slope_ex, &slope_in}) {
            for (Real const x : values->values()) all.push_back(x);
            EXPECT_TRUE(values->guards_intact());
        }
        for (auto const x : rest.values()) all.push_back(x);
        for (auto const x : spiked.values()) all.push_back(x);
        EXPECT_TRUE(rest.guards_intact());
        EXPECT_TRUE(spiked.guards_intact());
    }
    return all;
}

}  // namespace

std::vector<double> stepped_neurons(Context const& context, Synapse synapse, bool one_current, bool each_its_own, bool f64,
                                    std::int64_t count) {
    return f64 ? run<double>(context, synapse, one_current, each_its_own, count)
               : run<float>(context, synapse, one_current, each_its_own, count);
}

std::vector<std::int32_t> poisson_numbers(Context const& context, double mean, std::int64_t first, std::int64_t count) {
    Guarded<std::int32_t> counts(context, 1, count);
    poisson(context, mean, 11, 2, 77, first, counts.span());
    EXPECT_TRUE(counts.guards_intact());
    return counts.values();
}

std::vector<std::int32_t> delivered_sums(Context const& context, std::int64_t sources, std::int64_t targets) {
    ConnectOptions const options{.sources = sources,
                                 .targets = targets,
                                 .rule = Bernoulli{0.3},
                                 .synapse = {.weight = Distribution::normal(1.0, 0.5), .delay_ms = Distribution::normal(1.0, 0.5)},
                                 .unit = 0x1p-10,
                                 .seed = 5};
    std::vector<std::int64_t> offset(static_cast<std::size_t>(sources) + 1);
    connect_offsets(context, options, offset);
    std::int64_t const synapses = offset.back();
    Guarded<std::int64_t> const offsets(context, offset, 1, sources + 1);
    Guarded<std::int32_t> target(context, 1, synapses), weight(context, 1, synapses);
    Guarded<std::uint16_t> delay(context, 1, synapses);
    connect(context, options, target.span().data(), weight.span().data(), delay.span().data());
    for (auto const* list : {&target, &weight}) EXPECT_TRUE(list->guards_intact());

    constexpr std::int64_t slots = 64;
    Guarded<std::int32_t> ring(context, std::vector<std::int32_t>(static_cast<std::size_t>(slots * targets), 0), 1, slots * targets);
    SynapseRows const rows{.sources = sources,
                           .offset = offsets.span().data(),
                           .target = target.span().data(),
                           .weight = weight.span().data(),
                           .delay = delay.span().data()};
    for (std::int64_t const step : {0, 50, 63}) {
        std::vector<std::uint32_t> spikes;
        for (std::int64_t s = step % 3; s < sources; s += 2) spikes.push_back(static_cast<std::uint32_t>(s));
        auto const count = static_cast<std::int64_t>(spikes.size());
        Guarded<std::uint32_t> const spiked(context, spikes, 1, count);
        deliver(context, rows, std::span<std::uint32_t const>(spiked.span()), step,
                {.data = ring.span().data(), .neurons = targets, .slots = slots});
        EXPECT_EQ(spiked.values(), spikes);
    }
    EXPECT_TRUE(ring.guards_intact());
    return ring.values();
}

}  // namespace ca3::test
