// Weights and delays: how they are distributed, on which grid weights lie, and that spikes find them.
#include "lif/probe.hpp"
#include "lif/statistics.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

class SynapseParameter : public OnEveryBackend {
protected:
    [[nodiscard]] std::vector<Connection> connected(std::int64_t sources, std::int64_t targets, Rule const& rule,
                                                    SynapseParameters const& synapse, NetworkOptions options) const {
        return test::connected(context(), sources, targets, rule, synapse, options);
    }
};
CA3_ON_EVERY_BACKEND(SynapseParameter);

// ---- weights ---------------------------------------------------------------------------------------------------------------

struct WeightCase {
    char const* name;
    Distribution distribution;
    double (*cdf)(double);
    double largest_density;
    double low, high;
};

std::vector<WeightCase> weight_cases() {
    // Truncated to [-1, 0.5] standard deviations: Phi(0.5) - Phi(-1) = 0.5328 of the normal distribution is left.
    static double const below = normal_cdf(-1.0), left = normal_cdf(0.5) - normal_cdf(-1.0);
    double const inf = std::numeric_limits<double>::infinity(), peak = 0.3989422804014327;
    return {{"normal", Distribution::normal(87.8, 8.78), [](double x) { return normal_cdf((x - 87.8) / 8.78); }, peak / 8.78, -inf, inf},
            {"normal of both signs", Distribution::normal(0.0, 2.0), [](double x) { return normal_cdf(x / 2); }, peak / 2, -inf, inf},
            {"truncated normal", Distribution::normal(-4.0, 2.0, -6.0, -3.0),
             [](double x) { return (normal_cdf((x + 4) / 2) - below) / left; }, peak / 2 / left, -6.0, -3.0},
            {"normal above 0", Distribution::normal(1.0, 1.0, 0.0, inf), [](double x) { return (normal_cdf(x - 1) - below) / (1 - below); },
             peak / 0.84, 0.0, inf},
            {"uniform", Distribution::uniform(-3.0, 5.0), [](double x) { return (x + 3) / 8; }, 0.125, -3.0, 5.0},
            {"lognormal", Distribution::lognormal(-0.7, 0.9), [](double x) { return x <= 0 ? 0.0 : normal_cdf((std::log(x) + 0.7) / 0.9); },
             // the density has its maximum, exp(sigma^2 / 2 - mu) / (sigma sqrt(2 pi)), at exp(mu - sigma^2)
             peak / 0.9 * std::exp(0.405 + 0.7), 0.0, inf}};
}

// Rounding to the grid moves a weight by half a unit, and so the distribution by at most that times its largest density.
TEST_P(SynapseParameter, WeightsAreDistributedAsAsked) {
    std::int64_t const count = 50000;
    for (auto const& c : weight_cases())
        for (int const bits : {16, 32}) {
            SCOPED_TRACE(testing::Message() << c.name << ", " << bits << " bits");
            Network network(context(), {.seed = 51, .weight_bits = bits});
            auto const from = network.add_population("sources", 100, counter()), to = network.add_population("targets", 100, counter());
            auto const projection = network.connect(from, to, FixedTotalNumber{count}, {.weight = c.distribution});
            double const unit = network.weight_resolution(to);
            EXPECT_EQ(std::exp2(std::round(std::log2(unit))), unit) << "a power of two";
            std::vector<double> weights;
            for (auto const& synapse : network.connections(projection)) {
                weights.push_back(synapse.weight);
                ASSERT_EQ(std::round(synapse.weight / unit) * unit, synapse.weight) << "on the grid";
                ASSERT_GE(synapse.weight, c.low - unit / 2);
                ASSERT_LE(synapse.weight, c.high + unit / 2);
            }
            EXPECT_LT(kolmogorov_distance(weights, c.cdf), kolmogorov_limit(weights.size()) + c.largest_density * unit / 2);
        }
}

// Of the last thousandth on either side too.
TEST_P(SynapseParameter, NormalWeightsHaveTheirTails) {
    std::int64_t const count = 400000;
    auto const list = connected(100, 100, FixedTotalNumber{count}, {.weight = Distribution::normal(10.0, 2.0)}, {.seed = 52});
    for (double const z : {2.0, 3.0, 3.5, 4.0}) {
        std::int64_t below = 0, above = 0;
        for (auto const& c : list) {
            below += c.weight < 10 - 2 * z;
            above += c.weight > 10 + 2 * z;
        }
        double const expected = normal_cdf(-z) * static_cast<double>(count);
        EXPECT_NEAR(static_cast<double>(below), expected, 5 * std::sqrt(expected)) << z;
        EXPECT_NEAR(static_cast<double>(above), expected, 5 * std::sqrt(expected)) << z;
    }
}

// A product of two independent standardised numbers has mean 0 and variance 1.
TEST_P(SynapseParameter, WeightDelayAndPartnersAreIndependent) {
    std::int64_t const count = 60000;
    auto const list = connected(500, 500, FixedTotalNumber{count},
                                {.weight = Distribution::normal(5.0, 1.0), .delay_ms = Distribution::normal(4.0, 1.0)}, {.seed = 53});
    double products[5] = {};
    for (auto const& c : list) {
        double const uniform_sd = 500 / std::sqrt(12.0);
        double const w = c.weight - 5, d = (c.delay_steps - 40) / 10.0, s = (static_cast<double>(c.source) - 249.5) / uniform_sd,
                     t = (static_cast<double>(c.target) - 249.5) / uniform_sd;
        products[0] += w * d;
        products[1] += w * s;
        products[2] += w * t;
        products[3] += d * s;
        products[4] += s * t;
    }
    for (double const sum : products) EXPECT_LT(std::abs(sum), 5 * std::sqrt(static_cast<double>(count)));
}

// The unit is the smallest power of two with which the largest weight w is at most 2^15 - 1 or 2^31 - 1 units, and the sum of the K weights
// that may arrive in one step at most 2^30 units with f32 state (accumulators of 32 bits), 2^62 with f64. So w is at most `limit` units,
// the smaller of both limits (the second one over K), and with half the unit it would be more: limit < 2 w / unit, but for the rounding of
// w / (unit / 2) to an integer, by a half.
TEST_P(SynapseParameter, GridIsAsFineAsWeightsAndTheirSumAllow) {
    std::vector<double> const weights{1.0, -0.3, 87.80849352920843, 1e-3, 0.0, 99.9};
    struct Width {
        Precision precision;
        int bits;
        double most_units, most_sum;
    };
    for (auto const& [precision, bits, most_units, most_sum] :
         {Width{Precision::f32, 16, 0x1p15 - 1, 0x1p30}, Width{Precision::f32, 32, 0x1p31 - 1, 0x1p30},
          Width{Precision::f64, 32, 0x1p31 - 1, 0x1p62}})
        for (std::int64_t const in_degree : {1, 6, 6000}) {
            SCOPED_TRACE(testing::Message() << to_string(precision) << ", " << bits << " bits, in-degree " << in_degree);
            Network network(context(), {.precision = precision, .weight_bits = bits});
            auto const from = network.add_population("sources", 6, counter()), to = network.add_population("targets", 6, counter());
            Pairs pairs;
            std::vector<double> given;
            for (std::int64_t k = 0; k < 6 * in_degree; ++k) {
                pairs.source.push_back(k % 6);
                pairs.target.push_back((k + k / 6) % 6);
                given.push_back(weights[static_cast<std::size_t>(k % 6)]);
            }
            auto const projection = network.connect(from, to, pairs, {.weight = Distribution::given(given)});
            double const unit = network.weight_resolution(to), limit = std::min(most_units, most_sum / static_cast<double>(in_degree));
            EXPECT_EQ(std::exp2(std::round(std::log2(unit))), unit) << "a power of two";
            EXPECT_LE(99.9 / unit, limit + 0.5);
            EXPECT_GT(2 * 99.9 / unit, limit - 0.5);
            for (auto const& c : network.connections(projection))
                ASSERT_NEAR(c.weight, weights[static_cast<std::size_t>(c.source)], unit / 2);
        }
}

// ---- delays ------------------------------------------------------------------------------------------------------------------

/// Probabilities of 1, 2, ... steps for a distribution that is drawn again below half a step (0.05 ms) and outside of [low, high].
std::vector<double> delay_probabilities(double (*cdf)(double), double low, double high, int most) {
    low = std::max(low, 0.05);
    double const mass = cdf(high) - cdf(low);
    std::vector<double> result;
    for (int k = 1; k <= most; ++k) {
        double const from = std::clamp(0.1 * k - 0.05, low, high), to = std::clamp(0.1 * k + 0.05, low, high);
        result.push_back((cdf(to) - cdf(from)) / mass);
    }
    return result;
}

TEST_P(SynapseParameter, DelaysAreDrawnAgainBelowHalfAStepAndRounded) {
    double const inf = std::numeric_limits<double>::infinity();
    struct Case {
        char const* name;
        Distribution distribution;
        double (*cdf)(double);
        double low, high;
    };
    std::vector<Case> const cases{
        {"excitatory delays of the microcircuit", Distribution::normal(1.5, 0.75), [](double x) { return normal_cdf((x - 1.5) / 0.75); },
         -inf, inf},
        {"its inhibitory delays", Distribution::normal(0.75, 0.375), [](double x) { return normal_cdf((x - 0.75) / 0.375); }, -inf, inf},
        {"a third is drawn again", Distribution::normal(0.2, 0.4), [](double x) { return normal_cdf((x - 0.2) / 0.4); }, -inf, inf},
        {"truncated", Distribution::normal(2.0, 1.0, 1.0, 2.5), [](double x) { return normal_cdf(x - 2); }, 1.0, 2.5},
        {"uniform", Distribution::uniform(0.0, 2.0), [](double x) { return std::clamp(x / 2, 0.0, 1.0); }, -inf, inf},
        {"lognormal", Distribution::lognormal(0.3, 0.5), [](double x) { return x <= 0 ? 0.0 : normal_cdf((std::log(x) - 0.3) / 0.5); }, 0.0,
         inf}};
    for (auto const& c : cases) {
        auto const list = connected(100, 100, FixedTotalNumber{60000}, {.delay_ms = c.distribution}, {.seed = 54});
        std::vector<std::int64_t> steps;
        for (auto const& synapse : list) steps.push_back(synapse.delay_steps);
        EXPECT_GE(*std::min_element(steps.begin(), steps.end()), 1);
        auto const fit = fit_of(steps, 1, delay_probabilities(c.cdf, c.low, c.high, 120));
        EXPECT_LT(fit.chi_square, fit.limit) << c.name;
    }
}

// ---- what the network does with them ------------------------------------------------------------------------------------------

struct Delivery {
    Precision precision;
    int bits;
    Distribution weight;  ///< such that sums of up to 200 of them are exact in the state
};

// Source i spikes once, alone: what then arrives at a target in a step is the sum of the weights of its synapses from i with that delay.
TEST_P(SynapseParameter, SpikesFindTheConnectionsThatAreReported) {
    std::int64_t const n = 23, m = 37, longest = 15;
    std::vector<Delivery> const deliveries{{Precision::f64, 32, Distribution::normal(1.0, 3.0)},
                                           {Precision::f32, 16, Distribution::normal(-2.0, 1.0)},
                                           {Precision::f32, 32, Distribution(-0.75)}};
    std::vector<std::int64_t> from, to, offset{0};
    for (std::int64_t k = 0; k < 300; ++k) {
        from.push_back(k * 7 % n);
        to.push_back(k * k % m);
    }
    std::vector<std::int64_t> row_targets;
    for (std::int64_t source = 0; source < n; ++source) {
        for (std::int64_t k = 0; k < source % 5; ++k) row_targets.push_back((source * 31 + k * 17) % m);
        offset.push_back(static_cast<std::int64_t>(row_targets.size()));
    }
    for (auto const& rule : {Rule(FixedTotalNumber{700}), Rule(FixedTotalNumber{300, true, false}), Rule(FixedInDegree{9}),
                             Rule(FixedInDegree{23, true, false}), Rule(FixedOutDegree{30}), Rule(FixedOutDegree{7, true, false}),
                             Rule(Bernoulli{0.4}), Rule(AllToAll{}), Rule(Pairs{from, to}), Rule(Rows{offset, row_targets})})
        for (auto const& delivery : deliveries) {
            SCOPED_TRACE(testing::Message() << "rule " << rule.index() << ", " << to_string(delivery.precision) << ", " << delivery.bits
                                            << " bits");
            Network network(context(), {.seed = 71, .precision = delivery.precision, .weight_bits = delivery.bits});
            std::vector<std::vector<double>> times;
            for (std::int64_t i = 0; i < n; ++i) times.push_back({static_cast<double>(1 + i * longest) * 0.1});
            auto const sources = network.add_spike_source("sources", times);
            auto const targets = network.add_population("targets", m, counter());
            auto const projection =
                network.connect(sources, targets, rule, {.weight = delivery.weight, .delay_ms = Distribution::normal(0.7, 0.35, 0.0, 1.5)});
            auto const recorder = network.record_traces(targets, {.neurons = first_numbers(m)});
            network.run(static_cast<double>((n + 1) * longest) * 0.1);

            std::map<std::tuple<std::int64_t, std::int64_t>, double> arriving;  // at (step, target)
            for (auto const& c : network.connections(projection)) arriving[{1 + c.source * longest + c.delay_steps, c.target}] += c.weight;
            auto const values = network.traces(recorder).values;
            std::size_t at = 0;
            std::vector<double> expected(static_cast<std::size_t>(m), 0.0);
            for (std::int64_t step = 1; step <= (n + 1) * longest; ++step)
                for (std::int64_t target = 0; target < m; ++target, ++at) {
                    if (auto const found = arriving.find({step, target}); found != arriving.end())
                        expected[static_cast<std::size_t>(target)] += found->second;
                    ASSERT_EQ(values[at], expected[static_cast<std::size_t>(target)]) << "step " << step << ", target " << target;
                }
        }
}

// Positive weights go to the excitatory current, negative ones to the inhibitory one, whatever the projection.
TEST_P(SynapseParameter, SignOfAWeightChoosesTheCurrent) {
    LifParameters const parameters{.tau_syn_ex_ms = 2.0, .tau_syn_in_ms = 5.0};
    auto const current = [&](Variable variable) {
        return record(
            context(), {}, 3, parameters, 1.0,
            [](Network& network, Population target) {
                auto const source = network.add_spike_source("source", {{0.5}});
                network.connect(source, target, AllToAll{}, {.weight = Distribution::given({8.0, -4.0, 0.0}), .delay_ms = 0.5});
                network.connect(source, target, Pairs{{0}, {0}}, {.weight = -2.0, .delay_ms = 0.5});
            },
            variable);
    };
    auto const excitatory = current(Variable::excitatory), inhibitory = current(Variable::inhibitory);
    EXPECT_EQ(excitatory.v(0)[9], 8.0);
    EXPECT_EQ(inhibitory.v(0)[9], -2.0);
    EXPECT_EQ(excitatory.v(1)[9], 0.0);
    EXPECT_EQ(inhibitory.v(1)[9], -4.0);
    EXPECT_EQ(excitatory.v(2)[9], 0.0);
    EXPECT_EQ(inhibitory.v(2)[9], 0.0);
}

// ---- the width of a weight -----------------------------------------------------------------------------------------------------

// Delays of up to 4,000 steps: on a GPU the sums of a few neurons for so many steps do not fit shared memory.
TEST_P(SynapseParameter, DelaysMayBeThousandsOfSteps) {
    auto const spikes = [](Context const& on, Precision precision) {
        Network network(on, {.step_ms = 0.1, .seed = 3, .precision = precision});
        std::vector<std::vector<double>> times(40);
        for (std::size_t i = 0; i < times.size(); ++i) times[i] = {0.1 * static_cast<double>(i + 1), 30.0 + 0.1 * static_cast<double>(i)};
        auto const sources = network.add_spike_source("sources", times);
        auto const targets = network.add_population("targets", 600, LifParameters{.synapse = Synapse::delta, .refractory_ms = 0.0});
        network.connect(sources, targets, AllToAll{},
                        {.weight = Distribution::normal(20.0, 4.0), .delay_ms = Distribution::uniform(0.1, 400.0)});
        network.connect(targets, targets, FixedInDegree{2}, {.weight = 8.0, .delay_ms = 123.4});
        auto const recorder = network.record_spikes(targets);
        network.run(250.0);
        network.run(250.0);
        return network.spikes(recorder);
    };
    for (auto const precision : {Precision::f32, Precision::f64}) {
        SpikeTrain const expected = spikes(Context::reference(), precision), actual = spikes(context(), precision);
        EXPECT_GT(expected.steps.size(), 10'000u);
        EXPECT_TRUE(same_values(expected.steps, actual.steps));
        EXPECT_TRUE(same_values(expected.neurons, actual.neurons));
    }
}

// More spikes in a step than a kernel lists at a time, many of some slices and a few of the others.
TEST_P(SynapseParameter, ThousandsMaySpikeInOneStep) {
    auto const spikes = [](Context const& on) {
        Network network(on, {.step_ms = 0.1, .seed = 5});
        std::vector<std::vector<double>> times(4000);
        for (std::size_t i = 0; i < times.size(); ++i) {
            if (i < 2000 || i % 20 == 0) times[i].push_back(0.5);
            if (i >= 2000 || i % 20 == 0) times[i].push_back(0.9);
        }
        auto const sources = network.add_spike_source("sources", times);
        auto const targets = network.add_population("targets", 1500, LifParameters{.synapse = Synapse::delta, .refractory_ms = 0.0});
        network.connect(sources, targets, FixedInDegree{20}, {.weight = Distribution::normal(2.0, 1.0), .delay_ms = 0.1});
        network.connect(targets, targets, FixedInDegree{10}, {.weight = Distribution::normal(3.0, 1.0), .delay_ms = 0.2});
        auto const recorder = network.record_spikes(targets);
        network.run(5.0);
        return network.spikes(recorder);
    };
    SpikeTrain const expected = spikes(Context::reference()), actual = spikes(context());
    EXPECT_GT(expected.steps.size(), 1500u);
    EXPECT_TRUE(same_values(expected.steps, actual.steps));
    EXPECT_TRUE(same_values(expected.neurons, actual.neurons));
}

TEST(WeightBits, FewSynapsesAreStoredInFull) {
    for (auto const precision : precisions) {
        Network network(Context::cpu(), {.precision = precision});
        auto const population = network.add_population("population", 100, counter());
        network.connect(population, population, AllToAll{}, {});
        network.build();
        EXPECT_EQ(network.times().weight_bits, 32);
    }
}

#ifndef CA3_SANITIZED
// More than 2^24 = 4096^2 synapses, state in f32, weights that 16 bits hold to 2^-12 of a typical one: 4 bytes each. Else 8. Of the
// lognormal weights, the largest is exp(6.2) = 500 times the median: 2^15 units for it are 66 for the median.
TEST(WeightBits, ManySynapsesAreStoredInFourBytesWhereThatLosesNothing) {
    struct Case {
        Precision precision;
        Distribution weight;
        int bits;
    };
    for (auto const& c : {Case{Precision::f32, Distribution(0.5), 16},
                          {Precision::f32, Distribution::normal(1.0, 0.1), 16},
                          {Precision::f64, Distribution(0.5), 32},
                          {Precision::f32, Distribution::lognormal(0.0, 1.0), 32}}) {
        Network network(Context::cpu(), {.precision = c.precision});
        auto const population = network.add_population("population", 4097, counter());
        network.connect(population, population, AllToAll{}, {.weight = c.weight, .delay_ms = 1.0});
        network.build();
        auto const times = network.times();
        EXPECT_EQ(times.synapses, 4097 * 4097);
        EXPECT_EQ(times.weight_bits, c.bits);
        double const bytes = static_cast<double>(times.bytes_resident) / static_cast<double>(times.synapses);
        EXPECT_GE(bytes, c.bits == 16 ? 4.0 : 8.0);
        EXPECT_LT(bytes, c.bits == 16 ? 4.5 : 8.5) << "a tenth of a byte for the beginnings of rows, the state and the buffers";
    }
}
#endif

}  // namespace
}  // namespace ca3::test
