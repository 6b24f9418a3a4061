// Who is connected to whom.
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
    [[nodiscard]] Connections connected(std::int64_t sources, std::int64_t targets, Rule const& rule, SynapseParameters const& synapse = {},
                                        NetworkOptions options = {}) const {
        return test::connected(context(), sources, targets, rule, synapse, options);
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

}  // namespace
}  // namespace ca3::test
