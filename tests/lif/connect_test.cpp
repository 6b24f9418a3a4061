// Who is connected to whom, with which weight and delay: as `connections` tells, and as spikes find out.
#include "lif/probe.hpp"
#include "lif/statistics.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

using Connections = std::vector<Connection>;

class Connect : public OnEveryBackend {
protected:
    /// The synapses from one population to another, or (targets = -1) within one, after the network has been built.
    [[nodiscard]] Connections connected(std::int64_t sources, std::int64_t targets, Rule const& rule, SynapseParameters const& synapse = {},
                                        NetworkOptions options = {}) const {
        Network network(context(), options);
        auto const from = network.add_population("sources", sources, counter());
        auto const to = targets < 0 ? from : network.add_population("targets", targets, counter());
        auto const projection = network.connect(from, to, rule, synapse);
        network.build();
        return network.connections(projection);
    }
};
CA3_ON_EVERY_BACKEND(Connect);

bool in_order(Connections const& list) {
    return std::is_sorted(list.begin(), list.end(), [](Connection const& a, Connection const& b) {
        return std::tie(a.source, a.target, a.delay_steps, a.weight) < std::tie(b.source, b.target, b.delay_steps, b.weight);
    });
}

std::vector<std::int64_t> out_degrees(Connections const& list, std::int64_t sources) {
    std::vector<std::int64_t> result(static_cast<std::size_t>(sources), 0);
    for (auto const& c : list) ++result.at(static_cast<std::size_t>(c.source));
    return result;
}
std::vector<std::int64_t> in_degrees(Connections const& list, std::int64_t targets) {
    std::vector<std::int64_t> result(static_cast<std::size_t>(targets), 0);
    for (auto const& c : list) ++result.at(static_cast<std::size_t>(c.target));
    return result;
}
/// [source * targets + target]
std::vector<std::int64_t> pair_counts(Connections const& list, std::int64_t sources, std::int64_t targets) {
    std::vector<std::int64_t> result(static_cast<std::size_t>(sources * targets), 0);
    for (auto const& c : list) ++result.at(static_cast<std::size_t>(c.source * targets + c.target));
    return result;
}
std::int64_t autapses(Connections const& list) {
    return std::count_if(list.begin(), list.end(), [](Connection const& c) { return c.source == c.target; });
}
/// Pairs that are connected more than once.
std::int64_t multapses(Connections const& list, std::int64_t sources, std::int64_t targets) {
    auto const counts = pair_counts(list, sources, targets);
    return std::count_if(counts.begin(), counts.end(), [](std::int64_t n) { return n > 1; });
}

std::vector<double> same_for_all(std::size_t cells, double value) {
    return std::vector<double>(cells, value);
}

// ---- numbers and exclusions --------------------------------------------------------------------------------------------

// With both kinds allowed, 60 neurons and 20 synapses each, neither is missing: about 20 autapses and 180 multapses are expected.
TEST_P(Connect, DegreesAreExactAndExclusionsHold) {
    std::int64_t const n = 60, degree = 20;
    for (bool const allow_autapses : {true, false})
        for (bool const allow_multapses : {true, false})
            for (int const kind : {0, 1, 2}) {
                SCOPED_TRACE(testing::Message() << kind << ", autapses " << allow_autapses << ", multapses " << allow_multapses);
                Rule const rule = kind == 0   ? Rule(FixedInDegree{degree, allow_autapses, allow_multapses})
                                  : kind == 1 ? Rule(FixedOutDegree{degree, allow_autapses, allow_multapses})
                                              : Rule(FixedTotalNumber{n * degree, allow_autapses, allow_multapses});
                auto const list = connected(n, -1, rule);
                EXPECT_EQ(static_cast<std::int64_t>(list.size()), n * degree);
                EXPECT_TRUE(in_order(list));
                std::vector<std::int64_t> const all_equal(static_cast<std::size_t>(n), degree);
                if (kind == 0) {
                    EXPECT_EQ(in_degrees(list, n), all_equal);
                    EXPECT_NE(out_degrees(list, n), all_equal);
                }
                if (kind == 1) {
                    EXPECT_EQ(out_degrees(list, n), all_equal);
                    EXPECT_NE(in_degrees(list, n), all_equal);
                }
                EXPECT_EQ(autapses(list) > 0, allow_autapses);
                EXPECT_EQ(multapses(list, n, n) > 0, allow_multapses);
            }
}

// Between two populations equal numbers are different neurons.
TEST_P(Connect, AutapsesAreOfOnePopulationOnly) {
    for (auto const& rule : {Rule(FixedInDegree{20, false, true}), Rule(FixedOutDegree{20, false, false}),
                             Rule(FixedTotalNumber{900, false, true}), Rule(Bernoulli{0.5, false}), Rule(AllToAll{false})})
        EXPECT_GT(autapses(connected(30, 30, rule)), 0) << "rule " << rule.index();
}

// As many as there are, each once: nothing is left to chance.
TEST_P(Connect, WithoutMultapsesEveryPairCanBeTaken) {
    std::int64_t const n = 33, m = 17;
    for (auto const& rule : {Rule(FixedInDegree{n, true, false}), Rule(FixedOutDegree{m, true, false}),
                             Rule(FixedTotalNumber{n * m, true, false}), Rule(Bernoulli{1.0}), Rule(AllToAll{})})
        EXPECT_EQ(pair_counts(connected(n, m, rule), n, m), std::vector<std::int64_t>(static_cast<std::size_t>(n * m), 1))
            << "rule " << rule.index();
    std::vector<std::int64_t> others(static_cast<std::size_t>(n * n), 1);
    for (std::int64_t i = 0; i < n; ++i) others[static_cast<std::size_t>(i * n + i)] = 0;
    for (auto const& rule : {Rule(FixedInDegree{n - 1, false, false}), Rule(FixedOutDegree{n - 1, false, false}),
                             Rule(FixedTotalNumber{n * (n - 1), false, false}), Rule(Bernoulli{1.0, false}), Rule(AllToAll{false})})
        EXPECT_EQ(pair_counts(connected(n, -1, rule), n, n), others) << "rule " << rule.index();
}

TEST_P(Connect, NoSynapsesAndNoNeuronsAreLegal) {
    for (auto const& [sources, targets] : {std::pair{0, 0}, {0, 5}, {5, 0}, {5, 7}}) {
        std::vector<Rule> rules{FixedInDegree{0},    FixedOutDegree{0},
                                FixedTotalNumber{0}, Bernoulli{0.0},
                                Pairs{{}, {}},       Rows{std::vector<std::int64_t>(static_cast<std::size_t>(sources) + 1, 0), {}}};
        if (sources == 0 || targets == 0) rules.insert(rules.end(), {AllToAll{}, Bernoulli{0.5}});
        if (sources == 0) rules.emplace_back(FixedOutDegree{3});
        if (targets == 0) rules.emplace_back(FixedInDegree{3});
        if (sources == targets) rules.emplace_back(OneToOne{});
        for (auto const& rule : rules)
            EXPECT_TRUE(connected(sources, targets, rule).empty()) << sources << ", " << targets << ", " << rule.index();
    }
    EXPECT_TRUE(connected(1, -1, AllToAll{false}).empty());
    Network empty(context());
    empty.run(1.0);
    EXPECT_DOUBLE_EQ(empty.time_ms(), 1.0);
}

TEST_P(Connect, OneToOneAndAllToAllAreWhatTheirNamesSay) {
    auto const diagonal = connected(300, 300, OneToOne{}, {.weight = 2.0, .delay_ms = 0.7});
    ASSERT_EQ(diagonal.size(), 300u);
    for (std::int64_t i = 0; i < 300; ++i)
        EXPECT_EQ(diagonal[static_cast<std::size_t>(i)], (Connection{.source = i, .target = i, .weight = 2.0, .delay_steps = 7}));
    EXPECT_EQ(connected(41, -1, OneToOne{}).size(), 41u) << "of a population with itself: autapses";
    EXPECT_EQ(connected(41, -1, AllToAll{}).size(), 41u * 41u);
}

// ---- given lists and values ----------------------------------------------------------------------------------------------

TEST_P(Connect, PairsAreTakenAsTheyStand) {
    Pairs const pairs{{3, 0, 3, 1, 3, 0, 0}, {1, 2, 1, 0, 0, 2, 2}};
    std::vector<double> const weights{1, 2, 3, 4, 5, 6, -7}, delays{0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.1};
    auto const list = connected(4, 3, pairs, {.weight = Distribution::given(weights), .delay_ms = Distribution::given(delays)});
    EXPECT_EQ(list, (Connections{{0, 2, -7, 1}, {0, 2, 2, 2}, {0, 2, 6, 2}, {1, 0, 4, 4}, {3, 0, 5, 5}, {3, 1, 1, 1}, {3, 1, 3, 3}}));
}

TEST_P(Connect, RowsMayBeUnsortedAndHoldDuplicates) {
    Rows const rows{{0, 4, 4, 5}, {4, 1, 4, 0, 2}};
    std::vector<double> const weights{10, 20, 30, 40, 50}, delays{0.3, 0.2, 0.1, 0.2, 0.9};
    auto const list = connected(3, 5, rows, {.weight = Distribution::given(weights), .delay_ms = Distribution::given(delays)});
    EXPECT_EQ(list, (Connections{{0, 0, 40, 2}, {0, 1, 20, 2}, {0, 4, 30, 1}, {0, 4, 10, 3}, {2, 2, 50, 9}}));
}

TEST_P(Connect, OneToOneTakesValuesByNeuron) {
    auto const list =
        connected(3, 3, OneToOne{}, {.weight = Distribution::given({1.5, -2, 0}), .delay_ms = Distribution::given({0.1, 0.3, 100.0})});
    EXPECT_EQ(list, (Connections{{0, 0, 1.5, 1}, {1, 1, -2, 3}, {2, 2, 0, 1000}}));
}

// targets x sources, row-major; the diagonal is in the matrix even where it is not used.
TEST_P(Connect, AllToAllTakesAMatrix) {
    auto const list =
        connected(3, 2, AllToAll{},
                  {.weight = Distribution::given({1, 2, 3, 4, 5, 6}), .delay_ms = Distribution::given({0.1, 0.2, 0.3, 0.4, 0.5, 0.6})});
    EXPECT_EQ(list, (Connections{{0, 0, 1, 1}, {0, 1, 4, 4}, {1, 0, 2, 2}, {1, 1, 5, 5}, {2, 0, 3, 3}, {2, 1, 6, 6}}));
    auto const within = connected(3, -1, AllToAll{false}, {.weight = Distribution::given({1, 2, 3, 4, 5, 6, 7, 8, 9})});
    EXPECT_EQ(within, (Connections{{0, 1, 4, 10}, {0, 2, 7, 10}, {1, 0, 2, 10}, {1, 2, 8, 10}, {2, 0, 3, 10}, {2, 1, 6, 10}}));
}

// ---- uniformity ------------------------------------------------------------------------------------------------------------

// Both ends independent and uniform: every pair alike.
TEST_P(Connect, FixedTotalNumberIsUniformOverPairs) {
    std::int64_t const n = 9, m = 13, count = 60000;
    auto const counts = pair_counts(connected(n, m, FixedTotalNumber{count}, {}, {.seed = 41}), n, m);
    auto const pairs = static_cast<std::size_t>(n * m);
    EXPECT_LT(chi_square(counts, same_for_all(pairs, static_cast<double>(count) / static_cast<double>(pairs))),
              chi_square_limit(pairs - 1));

    auto within = pair_counts(connected(n, -1, FixedTotalNumber{count, false, true}, {}, {.seed = 42}), n, n);
    for (std::int64_t i = n - 1; i >= 0; --i) {
        EXPECT_EQ(within[static_cast<std::size_t>(i * n + i)], 0);
        within.erase(within.begin() + i * n + i);
    }
    EXPECT_LT(chi_square(within, same_for_all(72, static_cast<double>(count) / 72)), chi_square_limit(71));
}

// Out-degrees of a fixed total number are binomial: variance N / n (1 - 1 / n).
TEST_P(Connect, FixedTotalNumberHasBinomialDegrees) {
    std::int64_t const n = 400, m = 300, count = 40000;
    auto const list = connected(n, m, FixedTotalNumber{count}, {}, {.seed = 43});
    EXPECT_LT(chi_square(out_degrees(list, n), same_for_all(400, 100.0)), chi_square_limit(399));
    EXPECT_LT(chi_square(in_degrees(list, m), same_for_all(300, 400.0 / 3)), chi_square_limit(299));
    // Nor are they more even than that: chi-square is below k - 2 sqrt(k x) with probability below exp(-x) (Laurent, Massart 2000).
    EXPECT_GT(chi_square(out_degrees(list, n), same_for_all(400, 100.0)), 399 - 2 * std::sqrt(399 * 13.82));
}

TEST_P(Connect, FixedDegreesDrawTheirPartnersUniformly) {
    std::int64_t const n = 23, m = 3000;
    auto const in = connected(n, m, FixedInDegree{10}, {}, {.seed = 44});
    EXPECT_LT(chi_square(out_degrees(in, n), same_for_all(23, 30000.0 / 23)), chi_square_limit(22));
    auto const out = connected(m, n, FixedOutDegree{10}, {}, {.seed = 45});
    EXPECT_LT(chi_square(in_degrees(out, n), same_for_all(23, 30000.0 / 23)), chi_square_limit(22));
    // Of 23 sources, two draws are the same with probability 1/23: among 10 draws 45 / 23 times.
    std::int64_t equal = 0;
    for (auto const k : pair_counts(in, n, m)) equal += k * (k - 1) / 2;
    double const expected = 3000 * 45.0 / 23;
    EXPECT_NEAR(static_cast<double>(equal), expected, 5 * std::sqrt(expected));
}

// K of n without repetition: each is taken with probability q = K / n, two of them with q (K - 1) / (n - 1). The sum over sources of
// (count - mean)^2 / (m q (1 - q)) (n - 1) / n is chi-square with n - 1 degrees of freedom.
TEST_P(Connect, FixedDegreesWithoutMultapsesChooseUniformSubsets) {
    std::int64_t const n = 19, m = 4000, K = 7;
    double const q = static_cast<double>(K) / static_cast<double>(n), mean = static_cast<double>(m) * q;
    auto const check = [&](std::vector<std::int64_t> const& degrees, std::vector<std::int64_t> const& pairs, bool source_major) {
        EXPECT_LT(chi_square(degrees, same_for_all(19, mean)) / (1 - q) * 18 / 19, chi_square_limit(18));
        std::vector<std::int64_t> together;
        std::vector<double> expected;
        for (std::int64_t a = 0; a < n; ++a)
            for (std::int64_t b = 0; b < a; ++b) {
                std::int64_t both = 0;
                for (std::int64_t t = 0; t < m; ++t) {
                    auto const at = [&](std::int64_t s) { return pairs[static_cast<std::size_t>(source_major ? s * m + t : t * n + s)]; };
                    both += at(a) * at(b);
                }
                together.push_back(both);
                expected.push_back(static_cast<double>(m) * q * static_cast<double>(K - 1) / static_cast<double>(n - 1));
            }
        for (std::size_t k = 0; k < together.size(); ++k)
            EXPECT_NEAR(static_cast<double>(together[k]), expected[k], 5.5 * std::sqrt(expected[k]));
    };
    auto const in = connected(n, m, FixedInDegree{K, true, false}, {}, {.seed = 46});
    check(out_degrees(in, n), pair_counts(in, n, m), true);
    auto const out = connected(m, n, FixedOutDegree{K, true, false}, {}, {.seed = 47});
    check(in_degrees(out, n), pair_counts(out, m, n), false);
}

// 12 of 35 pairs, by 2000 seeds: each is taken with probability 12 / 35, and the counts are as in the test above.
TEST_P(Connect, FixedTotalNumberWithoutMultapsesChoosesUniformSubsets) {
    std::int64_t const n = 5, m = 7, K = 12, seeds = 2000;
    std::vector<std::int64_t> sums(35, 0);
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
        Network network(context(), {.seed = static_cast<std::uint64_t>(seed)});
        auto const from = network.add_population("sources", n, counter()), to = network.add_population("targets", m, counter());
        auto const counts = pair_counts(network.connections(network.connect(from, to, FixedTotalNumber{K, true, false}, {})), n, m);
        for (std::size_t k = 0; k < 35; ++k) sums[k] += counts[k];
    }
    double const q = 12.0 / 35;
    EXPECT_LT(chi_square(sums, same_for_all(35, q * static_cast<double>(seeds))) / (1 - q) * 34 / 35, chi_square_limit(34));
}

// The number is binomial over all pairs, within 5 standard deviations; so are the degrees.
TEST_P(Connect, BernoulliConnectsEveryPairWithItsProbability) {
    for (auto const& [n, m, p] :
         {std::tuple{200, 300, 0.1}, {300, 200, 0.5}, {150, 150, 0.97}, {2000, 3000, 1e-4}, {1, 40000, 0.02}, {40000, 1, 0.02}}) {
        SCOPED_TRACE(testing::Message() << n << " x " << m << ", p = " << p);
        auto const list = connected(n, m, Bernoulli{p}, {}, {.seed = 48});
        double const pairs = static_cast<double>(n) * m;
        EXPECT_NEAR(static_cast<double>(list.size()), p * pairs, 5 * std::sqrt(p * (1 - p) * pairs));
        EXPECT_TRUE(in_order(list));
        if (pairs < 1e6) {
            EXPECT_EQ(multapses(list, n, m), 0);
        }
        if (n < 2 || m < 2 || p < 1e-3) continue;
        EXPECT_LT(chi_square(out_degrees(list, n), same_for_all(static_cast<std::size_t>(n), p * m)) / (1 - p),
                  chi_square_limit(static_cast<std::size_t>(n)));
        EXPECT_LT(chi_square(in_degrees(list, m), same_for_all(static_cast<std::size_t>(m), p * n)) / (1 - p),
                  chi_square_limit(static_cast<std::size_t>(m)));
    }
    auto const within = connected(200, -1, Bernoulli{0.3, false}, {}, {.seed = 49});
    EXPECT_EQ(autapses(within), 0);
    EXPECT_NEAR(static_cast<double>(within.size()), 0.3 * 200 * 199, 5 * std::sqrt(0.21 * 200 * 199));
    auto const with = connected(2000, -1, Bernoulli{0.01, true}, {}, {.seed = 50});
    EXPECT_NEAR(static_cast<double>(autapses(with)), 20.0, 5 * std::sqrt(20.0));
}

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
TEST_P(Connect, WeightsAreDistributedAsAsked) {
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
TEST_P(Connect, NormalWeightsHaveTheirTails) {
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
TEST_P(Connect, WeightDelayAndPartnersAreIndependent) {
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

TEST_P(Connect, WeightsAreWithinHalfAUnitOfThoseGiven) {
    std::vector<double> const weights{1.0, -0.3, 87.80849352920843, 1e-3, 0.0, 99.9};
    for (int const bits : {16, 32}) {
        Network network(context(), {.weight_bits = bits});
        auto const from = network.add_population("sources", 6, counter()), to = network.add_population("targets", 6, counter());
        auto const projection = network.connect(from, to, OneToOne{}, {.weight = Distribution::given(weights)});
        double const unit = network.weight_resolution(to);
        EXPECT_LE(unit, 100.0 * std::exp2(bits == 16 ? -14 : -30)) << "the largest weight uses its bits";
        auto const list = network.connections(projection);
        for (std::size_t k = 0; k < 6; ++k) EXPECT_NEAR(list[k].weight, weights[k], unit / 2);
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

TEST_P(Connect, DelaysAreDrawnAgainBelowHalfAStepAndRounded) {
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

// ---- the same network everywhere ----------------------------------------------------------------------------------------------

TEST_P(Connect, SeedDecidesAndTheBackendDoesNot) {
    SynapseParameters const synapse{.weight = Distribution::normal(1.0, 0.2), .delay_ms = Distribution::normal(1.5, 0.75)};
    for (auto const& rule : {Rule(FixedTotalNumber{2000}), Rule(FixedTotalNumber{2000, false, false}), Rule(FixedInDegree{20}),
                             Rule(FixedInDegree{20, false, false}), Rule(FixedOutDegree{20}), Rule(FixedOutDegree{20, false, false}),
                             Rule(Bernoulli{0.2}), Rule(Bernoulli{0.2, false}), Rule(AllToAll{}), Rule(OneToOne{})}) {
        SCOPED_TRACE(testing::Message() << "rule " << rule.index());
        auto const of = [&](Context const& backend, std::uint64_t seed) {
            Network network(backend, {.seed = seed});
            auto const population = network.add_population("population", 101, counter());
            auto const projection = network.connect(population, population, rule, synapse);
            auto const before = network.connections(projection);
            network.build();
            EXPECT_EQ(before, network.connections(projection)) << "before and after it is built";
            return before;
        };
        auto const first = of(context(), 1);
        EXPECT_EQ(first, of(Context::reference(), 1));
        EXPECT_NE(first, of(context(), 2));
        EXPECT_NE(first, of(context(), (1ULL << 32) + 1)) << "all 64 bits of the seed count";
    }
}

TEST_P(Connect, ProjectionsAreIndependentOfOneAnother) {
    auto const make = [&](bool others) {
        Network network(context(), {.seed = 61});
        auto const a = network.add_population("a", 50, counter()), b = network.add_population("b", 50, counter());
        auto const first = network.connect(a, b, FixedInDegree{10}, {.weight = Distribution::normal(1.0, 0.2)});
        auto const second = network.connect(a, b, FixedInDegree{10}, {.weight = Distribution::normal(1.0, 0.2)});
        if (others) network.connect(b, a, Bernoulli{0.5}, {.weight = 3.0});
        return std::pair{network.connections(first), network.connections(second)};
    };
    auto const [first, second] = make(false);
    EXPECT_NE(first, second);
    EXPECT_EQ(first, make(true).first) << "what is connected later changes nothing";
}

// ---- what the network does with them ------------------------------------------------------------------------------------------

struct Delivery {
    Precision precision;
    int bits;
    Distribution weight;  ///< such that sums of up to 200 of them are exact in the state
};

// Source i spikes once, alone: what then arrives at a target in a step is the sum of the weights of its synapses from i with that delay.
TEST_P(Connect, SpikesFindTheConnectionsThatAreReported) {
    std::int64_t const n = 23, m = 37, longest = 45;
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
                network.connect(sources, targets, rule, {.weight = delivery.weight, .delay_ms = Distribution::normal(1.5, 0.75, 0.0, 4.5)});
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
TEST_P(Connect, SignOfAWeightChoosesTheCurrent) {
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
// More than 2^24 = 4096^2 synapses, state in f32, weights that 16 bits hold to 2^-12: 4 bytes each. Else 8.
TEST(WeightBits, ManySynapsesAreStoredInFourBytesWhereThatLosesNothing) {
    struct Case {
        Precision precision;
        Distribution weight;
        int bits;
    };
    for (auto const& c : {Case{Precision::f32, Distribution(0.5), 16},
                          {Precision::f32, Distribution::normal(1.0, 0.1), 16},
                          {Precision::f64, Distribution(0.5), 32},
                          {Precision::f32, Distribution::lognormal(0.0, 2.0), 32}}) {
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
