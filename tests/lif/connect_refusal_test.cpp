// Projections that cannot be: typed errors before anything is made.
#include <ca3/error.hpp>

#include "lif/probe.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr Population five{0}, three{1}, four_sources{2}, nobody_at_all{3}, unknown{99};

struct Bad {
    Population from, to;
    Rule rule;
    SynapseParameters synapse;
    std::vector<std::string> words;  ///< of the message
};

class ConnectRefusal : public OnEveryBackend {
protected:
    [[nodiscard]] Network network(NetworkOptions options = {}) const {
        Network result(context(), options);
        result.add_population("five", 5, LifParameters{.I_e_pA = 500.0});
        result.add_population("three", 3, counter());
        result.add_spike_source("four", {{0.1}, {0.2}, {0.3}, {0.4}});
        result.add_population("none", 0, LifParameters{});
        result.connect(four_sources, three, AllToAll{}, {.weight = 1.0, .delay_ms = 0.2});
        return result;
    }
    void expect_refused(std::vector<Bad> const& list) const {
        auto touched = network(), untouched = network();
        for (std::size_t k = 0; k < list.size(); ++k) {
            auto const& bad = list[k];
            SCOPED_TRACE(testing::Message() << "number " << k);
            auto const message = message_of<InvalidArgument>([&] { touched.connect(bad.from, bad.to, bad.rule, bad.synapse); });
            for (auto const& word : bad.words) EXPECT_NE(message.find(word), std::string::npos) << word << " in: " << message;
        }
        EXPECT_EQ(touched.projections(), 1);
        for (auto* each : {&touched, &untouched}) {
            each->connect(five, five, AllToAll{}, {.weight = 100.0, .delay_ms = 0.5});
            each->run(20.0);
        }
        for (auto const population : {five, three}) {
            EXPECT_EQ(touched.voltages_mV(population), untouched.voltages_mV(population));
            EXPECT_EQ(touched.spike_counts(population), untouched.spike_counts(population));
        }
        EXPECT_EQ(touched.connections(Projection{1}), untouched.connections(Projection{1}));
        auto const built = message_of<InvalidArgument>([&] { touched.connect(five, five, AllToAll{}, {}); });
        EXPECT_NE(built.find("built"), std::string::npos) << built;
    }
};
CA3_ON_EVERY_BACKEND(ConnectRefusal);

TEST_P(ConnectRefusal, OfRules) {
    std::int64_t const huge = std::int64_t{1} << 40;
    expect_refused(
        {// degrees above what there is
         {five, three, FixedInDegree{6, true, false}, {}, {"five -> three", "rule.count", "in-degree of 6", "5 sources", "multapses"}},
         {five, five, FixedInDegree{5, false, false}, {}, {"rule.count", "in-degree of 5", "4 sources"}},
         {five, three, FixedOutDegree{4, true, false}, {}, {"rule.count", "out-degree of 4", "3 targets", "multapses"}},
         {five, five, FixedOutDegree{5, false, false}, {}, {"rule.count", "out-degree of 5", "4 targets"}},
         {five, three, FixedTotalNumber{16, true, false}, {}, {"rule.count", "16", "15 pairs", "multapses"}},
         {five, five, FixedTotalNumber{21, false, false}, {}, {"rule.count", "21", "20 pairs"}},
         {nobody_at_all, five, FixedInDegree{1}, {}, {"rule.count", "0 sources"}},
         {five, nobody_at_all, FixedOutDegree{1}, {}, {"rule.count", "0 targets"}},
         {nobody_at_all, five, FixedTotalNumber{1}, {}, {"rule.count", "0 pairs"}},
         {five, three, FixedInDegree{-1}, {}, {"rule.count", "-1"}},
         {five, three, FixedOutDegree{-1}, {}, {"rule.count", "-1"}},
         {five, three, FixedTotalNumber{-1}, {}, {"rule.count", "-1"}},
         {five, three, FixedInDegree{huge}, {}, {"rule.count", std::to_string(huge)}},
         {five, three, FixedOutDegree{huge}, {}, {"rule.count", std::to_string(huge)}},
         // probabilities
         {five, three, Bernoulli{-0.1}, {}, {"rule.p", "-0.1"}},
         {five, three, Bernoulli{1.1}, {}, {"rule.p", "1.1"}},
         {five, three, Bernoulli{nan}, {}, {"rule.p"}},
         // lists
         {five, three, OneToOne{}, {}, {"one-to-one", "5 sources", "3 targets"}},
         {five, three, Pairs{{0, 1}, {0}}, {}, {"rule.source", "rule.target", "2", "1"}},
         {five, three, Pairs{{0, 5}, {0, 0}}, {}, {"rule.source[1]", "5"}},
         {five, three, Pairs{{0, -1}, {0, 0}}, {}, {"rule.source[1]", "-1"}},
         {five, three, Pairs{{0, 1}, {3, 0}}, {}, {"rule.target[0]", "3"}},
         {five, three, Pairs{{0, 1}, {0, -2}}, {}, {"rule.target[1]", "-2"}},
         {five, three, Rows{{0, 0, 0, 0, 0}, {}}, {}, {"rule.offset", "6 entries", "5"}},
         {five, three, Rows{{}, {}}, {}, {"rule.offset"}},
         {five, three, Rows{{1, 1, 1, 1, 1, 1}, {0}}, {}, {"rule.offset", "entry 0"}},
         {five, three, Rows{{0, 2, 1, 2, 2, 2}, {0, 1}}, {}, {"rule.offset", "entry 2"}},
         {five, three, Rows{{0, -1, 0, 0, 0, 1}, {0}}, {}, {"rule.offset", "entry 1"}},
         {five, three, Rows{{0, 1, 1, 1, 1, 3}, {0, 1}}, {}, {"rule.offset", "2", "3"}},
         {five, three, Rows{{0, 1, 1, 1, 1, 2}, {0, 3}}, {}, {"rule.target[1]", "3"}},
         // partners
         {five, four_sources, AllToAll{}, {}, {"five -> four", "source of spikes"}},
         {unknown, three, AllToAll{}, {}, {"source", "population 99"}},
         {three, unknown, AllToAll{}, {}, {"target", "population 99"}},
         {Population{-1}, three, AllToAll{}, {}, {"source", "population -1"}}});
}

TEST_P(ConnectRefusal, OfWeights) {
    std::vector<Bad> bad;
    auto const add = [&](Rule const& rule, Distribution const& weight, std::vector<std::string> words) {
        words.emplace_back("weight");
        words.emplace_back("five -> three");
        bad.push_back({five, three, rule, {.weight = weight}, std::move(words)});
    };
    add(AllToAll{}, nan, {});
    add(AllToAll{}, -inf, {});
    add(AllToAll{}, 1e19, {"1e+19", "grid"});
    add(AllToAll{}, Distribution::normal(nan, 1.0), {});
    add(AllToAll{}, Distribution::normal(1.0, inf), {});
    add(AllToAll{}, Distribution::normal(1.0, -0.5), {"-0.5"});
    add(AllToAll{}, Distribution::normal(1.0, 1e18), {"grid"});
    add(AllToAll{}, Distribution::normal(1.0, 0.5, 2.0, 1.0), {"2", "1"});
    add(AllToAll{}, Distribution::normal(1.0, 0.5, nan, 1.0), {});
    add(AllToAll{}, Distribution::normal(1.0, 0.5, 5.0, 6.0), {"[5, 6]"});  // 8 standard deviations away
    add(AllToAll{}, Distribution::uniform(2.0, 1.0), {"2", "1"});
    add(AllToAll{}, Distribution::uniform(-1e19, 1.0), {"grid"});
    add(AllToAll{}, Distribution::lognormal(0.0, -1.0), {"-1"});
    add(AllToAll{}, Distribution::lognormal(0.0, 1e3), {});
    add(AllToAll{}, Distribution::lognormal(40.0, 1.0), {"grid"});
    add(AllToAll{}, Distribution::given(std::vector<double>(14, 1.0)), {"15", "14"});
    add(AllToAll{}, Distribution::given({}), {"15", "0"});
    add(Pairs{{0, 1}, {0, 1}}, Distribution::given({1.0}), {"2", "1"});
    add(Pairs{{0, 1}, {0, 1}}, Distribution::given({1.0, nan}), {"1"});
    add(Pairs{{0, 1}, {0, 1}}, Distribution::given({1.0, -1e19}), {"value 1", "-1e+19", "grid"});
    for (Rule const& rule : {Rule(FixedInDegree{2}), Rule(FixedOutDegree{2}), Rule(FixedTotalNumber{2}), Rule(Bernoulli{0.5})})
        add(rule, Distribution::given({1.0, 1.0}), {"takes no given values"});
    expect_refused(bad);
}

TEST_P(ConnectRefusal, OfDelays) {
    std::vector<Bad> bad;
    auto const add = [&](Distribution const& delay, std::vector<std::string> words) {
        words.emplace_back("delay");
        words.emplace_back("five -> three");
        bad.push_back({five, three, Pairs{{0, 1}, {0, 1}}, {.delay_ms = delay}, std::move(words)});
    };
    add(0.0, {"65535", "0 steps"});
    add(-0.1, {"65535"});
    add(0.05, {"0.05", "multiple"});
    add(6553.6, {"65535", "65536"});
    add(1e300, {});
    add(nan, {});
    add(inf, {});
    add(Distribution::normal(1.0, -1.0), {"-1"});
    add(Distribution::normal(6553.0, 1.0), {"65535"});
    add(Distribution::normal(-10.0, 0.1), {});  // nothing is left above half a step
    add(Distribution::uniform(1.0, 7000.0), {"65535"});
    add(Distribution::uniform(-2.0, -1.0), {});
    add(Distribution::lognormal(20.0, 1.0), {"65535"});
    add(Distribution::given({1.0, 0.0}), {"delay_ms[1]", "65535"});
    add(Distribution::given({-0.1, 1.0}), {"delay_ms[0]"});
    add(Distribution::given({1.0, 0.25}), {"delay_ms[1]", "0.25"});
    add(Distribution::given({6553.6, 1.0}), {"delay_ms[0]", "65536"});
    add(Distribution::given({1.0, nan}), {"delay_ms[1]"});
    add(Distribution::given({1.0}), {"2", "1"});
    for (Rule const& rule : {Rule(FixedInDegree{2}), Rule(FixedOutDegree{2}), Rule(FixedTotalNumber{2}), Rule(Bernoulli{0.5})})
        bad.push_back({five, three, rule, {.delay_ms = Distribution::given({1.0, 1.0})}, {"delay_ms", "takes no given values"}});
    expect_refused(bad);
}

// ---- what is known only when all is described ----------------------------------------------------------------------------------

TEST_P(ConnectRefusal, OfMoreMemoryThanThereIs) {
    auto net = network({.precision = Precision::f64});
    std::int64_t const synapses = 10'000'000'000'000;
    net.connect(five, three, FixedTotalNumber{synapses}, {.weight = 1.0});
    for (int attempt = 0; attempt < 2; ++attempt) try {
            attempt == 0 ? net.build() : net.run(1.0);
            ADD_FAILURE() << "nothing was thrown";
        } catch (OutOfMemory const& error) {
            EXPECT_GE(error.requested_bytes, static_cast<std::uint64_t>(8 * synapses));
            EXPECT_GT(error.requested_bytes, error.free_bytes);
            EXPECT_TRUE(contains(error.what(), std::to_string(error.requested_bytes))) << error.what();
        }
    EXPECT_EQ(net.time_ms(), 0.0);
    EXPECT_EQ(net.times().synapses, 0);
    EXPECT_NO_THROW(net.add_population("more", 1, LifParameters{})) << "it is not built";
}

// Of two projections the larger weight decides on the grid, and the other one is lost on it.
TEST_P(ConnectRefusal, OfWeightsThatOneGridCannotHold) {
    struct Case {
        NetworkOptions options;
        double large, small;
    };
    for (auto const& c : {Case{{.weight_bits = 16}, 1024.0, 0.26}, Case{{.weight_bits = 32}, 0x1p40, 1.5},
                          Case{{.precision = Precision::f64}, 0x1p50, 1.5}}) {
        auto net = network(c.options);
        net.connect(five, five, Pairs{{0}, {1}}, {.weight = c.large});
        net.connect(four_sources, five, Pairs{{3}, {2}}, {.weight = -c.small});
        std::ostringstream largest;
        largest << c.large;
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto const message = message_of<Overflow>([&] { attempt == 0 ? net.build() : net.run(1.0); });
            EXPECT_TRUE(contains(message, "projection 2 (four -> five)")) << message;
            EXPECT_TRUE(contains(message, largest.str())) << message;
        }
        EXPECT_EQ(net.time_ms(), 0.0);
        EXPECT_NO_THROW(net.add_population("more", 1, LifParameters{})) << "it is not built";
    }
}

// So may the weight of a stimulus.
TEST_P(ConnectRefusal, OfStimuliThatTheGridCannotHold) {
    auto net = network({.weight_bits = 16});
    net.connect(five, five, Pairs{{0}, {1}}, {.weight = 1024.0});
    net.add_poisson(five, {.rate_hz = 100.0, .weight = 0.01});
    auto const message = message_of<Overflow>([&] { net.build(); });
    EXPECT_TRUE(contains(message, "five")) << message;
    EXPECT_TRUE(contains(message, "1024")) << message;
    EXPECT_TRUE(contains(message, "0.01")) << message;
}

// After the build the grid stands.
TEST_P(ConnectRefusal, OfStimuliThatTheBuiltGridCannotHold) {
    auto net = network();
    auto untouched = network();
    for (auto* each : {&net, &untouched}) each->run(1.0);
    double const unit = net.weight_resolution(three);
    auto const off_grid = message_of<InvalidArgument>([&] { net.add_poisson(three, {.rate_hz = 100.0, .weight = 1.5 * unit}); });
    EXPECT_TRUE(contains(off_grid, "weight")) << off_grid;
    EXPECT_TRUE(contains(off_grid, "grid")) << off_grid;
    // Some 2000 spikes of 2^20 units each are as much as 31 bits hold.
    auto const too_much = message_of<Overflow>([&] { net.add_poisson(three, {.rate_hz = 2e7, .weight = 0x1p20 * unit}); });
    EXPECT_TRUE(contains(too_much, "grid")) << too_much;
    for (auto* each : {&net, &untouched}) each->run(1.0);
    EXPECT_EQ(net.voltages_mV(three), untouched.voltages_mV(three));
    net.add_poisson(three, {.rate_hz = 1e4, .weight = 0x1p20 * unit});
    net.run(1.0);
    EXPECT_NE(net.voltages_mV(three), untouched.voltages_mV(three));
}

}  // namespace
}  // namespace ca3::test
