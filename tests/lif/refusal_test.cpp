// Bad input: a typed error that names the argument, and a network that goes on as if nothing had been asked of it.
#include <ca3/error.hpp>

#include "lif/probe.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

/// A call that must throw InvalidArgument, with these words in its message.
struct Bad {
    std::function<void(Network&)> call;
    std::vector<std::string> words;
};

// The populations of the network below.
constexpr Population neurons{0}, jumping{1}, source{2}, noise{3}, nobody{99};

class Refusal : public OnEveryBackend {
protected:
    struct Living {
        Network network;
        Recorder spikes{}, trace{};
    };
    /// Five exponential neurons and three with delta synapses, both kinds of sources, projections, stimuli and recorders.
    [[nodiscard]] Living living() const {
        Living result{Network(context(), {.seed = 4})};
        auto& network = result.network;
        network.add_population("neurons", 5, LifParameters{.I_e_pA = 450.0}, Distribution::uniform(-70.0, -55.0));
        network.add_population("jumping", 3, LifParameters{.synapse = Synapse::delta});
        network.add_spike_source("source", {{0.5, 1.5}, {2.0}, {}, {0.1}});
        network.add_poisson_source("noise", 6, 300.0);
        network.connect(source, neurons, FixedInDegree{3}, {.weight = Distribution::normal(300.0, 30.0), .delay_ms = 0.3});
        network.connect(noise, jumping, Bernoulli{0.5}, {.weight = 2.0, .delay_ms = 1.0});
        network.connect(neurons, neurons, AllToAll{}, {.weight = -20.0, .delay_ms = Distribution::normal(1.0, 0.5)});
        network.add_poisson(jumping, {.rate_hz = 1e4, .weight = 0.5});
        network.add_current(neurons, StepCurrent{.amplitude_pA = 50.0, .start_ms = 1.0});
        result.spikes = network.record_spikes(neurons);
        result.trace = network.record_traces(jumping, {.neurons = {0, 2}});
        return result;
    }
    static void expect_same(Living const& expected, Living const& actual) {
        Network const &a = expected.network, &b = actual.network;
        EXPECT_EQ(a.populations(), b.populations());
        EXPECT_EQ(a.projections(), b.projections());
        EXPECT_EQ(a.neurons(), b.neurons());
        EXPECT_EQ(a.time_ms(), b.time_ms());
        EXPECT_EQ(a.spikes(expected.spikes).steps, b.spikes(actual.spikes).steps);
        EXPECT_EQ(a.spikes(expected.spikes).neurons, b.spikes(actual.spikes).neurons);
        EXPECT_EQ(a.traces(expected.trace).values, b.traces(actual.trace).values);
        for (auto const population : {neurons, jumping, source, noise}) {
            EXPECT_EQ(a.spike_counts(population), b.spike_counts(population));
            EXPECT_EQ(a.voltages_mV(population), b.voltages_mV(population));
        }
    }
    /// Each alone, before anything is built and after a run; then both networks go on.
    void expect_refused(std::vector<Bad> const& list) const {
        auto untouched = living(), touched = living();
        for (std::size_t k = 0; k < list.size(); ++k) {
            SCOPED_TRACE(testing::Message() << "number " << k);
            auto const message = message_of<InvalidArgument>([&] { list[k].call(touched.network); });
            for (auto const& word : list[k].words) EXPECT_NE(message.find(word), std::string::npos) << word << " in: " << message;
        }
        auto const late = touched.network.add_population("late", 1, LifParameters{});
        untouched.network.add_population("late", 1, LifParameters{});
        EXPECT_EQ(touched.network.size(late), 1) << "nothing has built it";
        untouched.network.run(8.0);
        touched.network.run(8.0);
        expect_same(untouched, touched);
        for (std::size_t k = 0; k < list.size(); ++k) EXPECT_THROW(list[k].call(touched.network), InvalidArgument) << "number " << k;
        untouched.network.run(7.0);
        touched.network.run(7.0);
        EXPECT_FALSE(touched.network.spikes(touched.spikes).steps.empty());
        expect_same(untouched, touched);
    }
};
CA3_ON_EVERY_BACKEND(Refusal);

// ---- populations ---------------------------------------------------------------------------------------------------------------

Bad bad_lif(LifParameters const& parameters, std::vector<std::string> words) {
    return {[=](Network& network) { network.add_population("x", 3, parameters); }, std::move(words)};
}
Bad bad_start(Distribution const& v, std::vector<std::string> words) {
    words.emplace_back("initial_v_mV");
    return {[=](Network& network) { network.add_population("x", 3, LifParameters{}, v); }, std::move(words)};
}

TEST_P(Refusal, OfNeuronParameters) {
    std::vector<Bad> bad;
    struct Field {
        Value LifParameters::*member;
        char const* name;
        std::vector<double> values;
    };
    std::vector<double> const not_positive{0.0, -1.0, nan, inf}, not_finite{nan, inf, -inf};
    for (auto const& [member, name, values] : {Field{&LifParameters::C_m_pF, "C_m_pF", not_positive},
                                               {&LifParameters::tau_m_ms, "tau_m_ms", not_positive},
                                               {&LifParameters::tau_syn_ex_ms, "tau_syn_ex_ms", not_positive},
                                               {&LifParameters::tau_syn_in_ms, "tau_syn_in_ms", not_positive},
                                               {&LifParameters::refractory_ms, "refractory_ms", {-0.1, nan, inf, 6553.6}},
                                               {&LifParameters::E_L_mV, "E_L_mV", not_finite},
                                               {&LifParameters::v_threshold_mV, "v_threshold_mV", not_finite},
                                               {&LifParameters::v_reset_mV, "v_reset_mV", not_finite},
                                               {&LifParameters::I_e_pA, "I_e_pA", not_finite},
                                               {&LifParameters::E_ex_mV, "E_ex_mV", not_finite},
                                               {&LifParameters::E_in_mV, "E_in_mV", not_finite}}) {
        LifParameters p;
        double const usual = (p.*member)[0];
        for (double const value : values) {
            p.*member = value;
            bad.push_back(bad_lif(p, {"\"x\"", name}));
            p.*member = std::vector<double>{usual, usual, value};
            bad.push_back(bad_lif(p, {"\"x\"", name, "neuron 2"}));
        }
        for (std::size_t const count : {0, 1, 2, 4}) {
            p.*member = std::vector<double>(count, usual);
            bad.push_back(bad_lif(p, {name, "3 neurons", std::to_string(count)}));
        }
    }
    bad.push_back(bad_lif({.v_threshold_mV = -70.0, .v_reset_mV = -70.0}, {"v_threshold_mV", "v_reset_mV", "-70"}));
    bad.push_back(bad_lif({.v_threshold_mV = -71.0, .v_reset_mV = -70.0}, {"v_threshold_mV", "-71", "-70"}));
    bad.push_back(bad_lif({.v_reset_mV = std::vector<double>{-70, -55, -70}}, {"v_threshold_mV", "neuron 1"}));
    // Forward Euler with a step of 0.1 ms.
    for (double const tau : {0.1, 0.05}) {
        LifParameters p{.integration = Integration::forward_euler};
        p.tau_syn_in_ms = tau;
        bad.push_back(bad_lif(p, {"tau_syn_in_ms", "Euler"}));
        p.synapse = Synapse::delta;
        p.tau_m_ms = tau;
        bad.push_back(bad_lif(p, {"tau_m_ms", "Euler"}));
    }
    expect_refused(bad);
}

TEST_P(Refusal, OfHodgkinHuxleyParameters) {
    std::vector<Bad> bad;
    using P = HodgkinHuxleyParameters;
    struct Field {
        double P::*member;
        char const* name;
        std::vector<double> values;
    };
    for (auto const& [member, name, values] : {Field{&P::C_m_pF, "C_m_pF", {0.0, -1.0, nan}},
                                               {&P::g_Na_nS, "g_Na_nS", {-1.0, nan}},
                                               {&P::g_K_nS, "g_K_nS", {-1.0, inf}},
                                               {&P::g_L_nS, "g_L_nS", {-1.0, nan}},
                                               {&P::E_Na_mV, "E_Na_mV", {nan}},
                                               {&P::E_K_mV, "E_K_mV", {inf}},
                                               {&P::E_L_mV, "E_L_mV", {nan}},
                                               {&P::v_threshold_mV, "v_threshold_mV", {nan}},
                                               {&P::tau_syn_ex_ms, "tau_syn_ex_ms", {0.0, -1.0, nan}},
                                               {&P::tau_syn_in_ms, "tau_syn_in_ms", {0.0, inf}},
                                               {&P::I_e_pA, "I_e_pA", {nan}}})
        for (double const value : values) {
            P p;
            p.*member = value;
            bad.push_back({[=](Network& network) { network.add_population("x", 3, p); }, {"\"x\"", name}});
        }
    expect_refused(bad);
}

TEST_P(Refusal, OfPopulations) {
    auto const sized = [](std::int64_t n) { return [n](Network& network) { network.add_population("x", n, LifParameters{}); }; };
    auto const noisy = [](Value const& rate, double start = 0.0, double stop = forever) {
        return [=](Network& network) { network.add_poisson_source("x", 3, rate, start, stop); };
    };
    auto const told = [](std::vector<double> const& times) {
        return [=](Network& network) { network.add_spike_source("x", {{1.0}, times}); };
    };
    expect_refused({{sized(-1), {"\"x\"", "neurons", "-1"}},
                    {sized(std::int64_t{1} << 31), {"2147483648"}},
                    {sized(std::numeric_limits<std::int64_t>::max()), {"neurons"}},
                    {[](Network& network) { network.add_population("jumping", 1, LifParameters{}); }, {"jumping", "name"}},
                    {[](Network& network) { network.add_poisson_source("source", 1, 1.0); }, {"source", "name"}},
                    {[](Network& network) { network.add_spike_source("neurons", {}); }, {"neurons", "name"}},
                    bad_start(inf, {}),
                    bad_start(Distribution::given({-65.0, -65.0}), {"3 neurons", "2"}),
                    bad_start(Distribution::given({-65.0, nan, -65.0}), {"1"}),
                    bad_start(Distribution::normal(nan, 1.0), {}),
                    bad_start(Distribution::normal(-60.0, -1.0), {"-1"}),
                    bad_start(Distribution::normal(-60.0, 1.0, -50.0, -55.0), {"-50"}),
                    bad_start(Distribution::normal(-60.0, 1.0, 0.0, 1.0), {}),
                    bad_start(Distribution::uniform(-50.0, -60.0), {"-60"}),
                    bad_start(Distribution::lognormal(1000.0, 1.0), {}),
                    {noisy(-1.0), {"rate_hz", "-1"}},
                    {noisy(nan), {"rate_hz"}},
                    {noisy(inf), {"rate_hz"}},
                    {noisy(std::vector<double>{1.0, 2.0}), {"rate_hz", "3 neurons"}},
                    {noisy(std::vector<double>{1.0, -2.0, 1.0}), {"rate_hz", "neuron 1"}},
                    {noisy(1.0, -1.0), {"start_ms", "-1"}},
                    {noisy(1.0, 2.0, 1.0), {"stop_ms", "start_ms"}},
                    {noisy(1.0, 0.05), {"start_ms", "0.05"}},
                    {noisy(1.0, 0.0, nan), {"stop_ms"}},
                    {told({0.0}), {"times_ms[1]", "0"}},
                    {told({-0.1}), {"times_ms[1]", "-0.1"}},
                    {told({0.25}), {"times_ms[1]", "0.25"}},
                    {told({nan}), {"times_ms[1]"}},
                    {told({inf}), {"times_ms[1]"}},
                    {told({3.0, 0.1, 3.0}), {"times_ms[1]", "two spikes", "3"}},
                    {told({1e300}), {"times_ms[1]"}}});
}

// ---- stimuli -------------------------------------------------------------------------------------------------------------------

TEST_P(Refusal, OfStimuli) {
    auto const poisson = [](PoissonStimulus const& s, Population to = neurons) {
        return [=](Network& network) { network.add_poisson(to, s); };
    };
    auto const step = [](StepCurrent const& s, Population to = neurons) { return [=](Network& network) { network.add_current(to, s); }; };
    auto const array = [](CurrentArray const& s, Population to = neurons) { return [=](Network& network) { network.add_current(to, s); }; };
    std::vector<Bad> bad{{poisson({.rate_hz = -1.0, .weight = 1.0}), {"\"neurons\"", "rate_hz", "-1"}},
                         {poisson({.rate_hz = nan, .weight = 1.0}), {"rate_hz"}},
                         {poisson({.rate_hz = inf, .weight = 1.0}), {"rate_hz"}},
                         {poisson({.rate_hz = 1.1e10, .weight = 1.0}), {"rate_hz", "1000000"}},
                         {poisson({.rate_hz = std::vector<double>(4, 1.0), .weight = 1.0}), {"rate_hz", "5 neurons", "4"}},
                         {poisson({.rate_hz = std::vector<double>{1, 1, nan, 1, 1}, .weight = 1.0}), {"rate_hz", "neuron 2"}},
                         {poisson({.rate_hz = 1.0, .weight = nan}), {"weight"}},
                         {poisson({.rate_hz = 1.0, .weight = 1e300}), {"weight", "1e+300"}},
                         {poisson({.rate_hz = 1.0, .weight = 1.0}, source), {"\"source\""}},
                         {poisson({.rate_hz = 1.0, .weight = 1.0}, noise), {"\"noise\""}},
                         {poisson({.rate_hz = 1.0, .weight = 1.0}, nobody), {"population 99"}},
                         {step({.amplitude_pA = nan}), {"amplitude_pA"}},
                         {step({.amplitude_pA = std::vector<double>{1.0, 2.0}}), {"amplitude_pA", "5 neurons", "2"}},
                         {step({.amplitude_pA = std::vector<double>{1, 2, 3, 4, inf}}), {"amplitude_pA", "neuron 4"}},
                         {step({.amplitude_pA = 1.0}, source), {"\"source\""}},
                         {step({.amplitude_pA = 1.0}, nobody), {"population 99"}},
                         {array({.values_pA = {1.0, nan}}), {"values_pA[1]"}},
                         {array({.values_pA = {1.0}, .interval_ms = -0.1}), {"interval_ms", "-0.1"}},
                         {array({.values_pA = {1.0}, .interval_ms = 0.15}), {"interval_ms", "0.15"}},
                         {array({.values_pA = {1.0}, .interval_ms = nan}), {"interval_ms"}},
                         {array({.values_pA = {1.0}, .start_ms = -1.0}), {"start_ms"}},
                         {array({.values_pA = {1.0}}, noise), {"\"noise\""}}};
    for (auto const& [start, stop, name] : {std::tuple{-0.1, forever, "start_ms"},
                                            {0.05, forever, "start_ms"},
                                            {nan, forever, "start_ms"},
                                            {inf, forever, "start_ms"},
                                            {0.0, 0.05, "stop_ms"},
                                            {2.0, 1.0, "stop_ms"},
                                            {0.0, nan, "stop_ms"},
                                            {0.0, -inf, "stop_ms"}}) {
        bad.push_back({poisson({.rate_hz = 1.0, .weight = 1.0, .start_ms = start, .stop_ms = stop}), {name}});
        bad.push_back({step({.amplitude_pA = 1.0, .start_ms = start, .stop_ms = stop}), {name}});
    }
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    for (auto const& range : {Range{-1, 2}, Range{0, 6}, Range{3, 3}, Range{6, -1}, Range{0, -2}, Range{most, most}, Range{1, most}}) {
        bad.push_back({poisson({.rate_hz = 1.0, .weight = 1.0, .neurons = range}), {"neurons", "5"}});
        bad.push_back({step({.amplitude_pA = 1.0, .neurons = range}), {"neurons", "5"}});
        bad.push_back({array({.values_pA = {1.0}, .neurons = range}), {"neurons", "5"}});
        bad.push_back({[=](Network& network) { network.record_spikes(neurons, {.neurons = range}); }, {"neurons", "5"}});
    }
    expect_refused(bad);
}

// ---- recorders, runs, what does not exist ----------------------------------------------------------------------------------------

TEST_P(Refusal, OfRecorders) {
    auto const trace = [](RecordTraces const& r, Population of = neurons) {
        return [=](Network& network) { network.record_traces(of, r); };
    };
    auto const spikes = [](RecordSpikes const& r, Population of = neurons) {
        return [=](Network& network) { network.record_spikes(of, r); };
    };
    expect_refused({{trace({.neurons = {0, 5}}), {"\"neurons\"", "neurons[1]", "5"}},
                    {trace({.neurons = {-1}}), {"neurons[0]", "-1"}},
                    {trace({.neurons = {0}, .interval_ms = 0.15}), {"interval_ms", "0.15"}},
                    {trace({.neurons = {0}, .interval_ms = -0.1}), {"interval_ms", "-0.1"}},
                    {trace({.neurons = {0}, .interval_ms = nan}), {"interval_ms"}},
                    {trace({.neurons = {0}}, source), {"\"source\""}},
                    {trace({.neurons = {0}}, noise), {"\"noise\""}},
                    {trace({.neurons = {0}}, nobody), {"population 99"}},
                    {trace({.neurons = {0}, .variable = Variable::excitatory}, jumping), {"\"jumping\"", "variable"}},
                    {spikes({.start_ms = 0.05}), {"start_ms"}},
                    {spikes({.start_ms = 2.0, .stop_ms = 1.0}), {"stop_ms"}},
                    {spikes({}, nobody), {"population 99"}},
                    {spikes({}, Population{-1}), {"population -1"}}});
}

TEST_P(Refusal, OfRunsAndHandles) {
    auto const run = [](double ms) { return [ms](Network& network) { network.run(ms); }; };
    auto const set = [](std::vector<double> const& v) { return [=](Network& network) { network.set_voltages_mV(neurons, v); }; };
    expect_refused({{run(0.05), {"duration_ms", "0.05"}},
                    {run(1.00001), {"duration_ms"}},
                    {run(-1.0), {"duration_ms", "-1"}},
                    {run(nan), {"duration_ms"}},
                    {run(inf), {"duration_ms"}},
                    {run(4.294967296e8), {"duration_ms", "2^32"}},
                    {[](Network& n) { static_cast<void>(n.spikes(Recorder{1})); }, {"recorder 1", "traces"}},
                    {[](Network& n) { static_cast<void>(n.traces(Recorder{0})); }, {"recorder 0", "spikes"}},
                    {[](Network& n) { static_cast<void>(n.spikes(Recorder{2})); }, {"recorder 2"}},
                    {[](Network& n) { static_cast<void>(n.traces(Recorder{-1})); }, {"recorder -1"}},
                    {[](Network& n) { static_cast<void>(n.connections(Projection{3})); }, {"projection 3"}},
                    {[](Network& n) { static_cast<void>(n.connections(Projection{-1})); }, {"projection -1"}},
                    {[](Network& n) { static_cast<void>(n.spike_counts(nobody)); }, {"spike_counts", "population 99"}},
                    {[](Network& n) { static_cast<void>(n.rate_hz(nobody)); }, {"rate_hz", "population 99"}},
                    {[](Network& n) { static_cast<void>(n.voltages_mV(nobody)); }, {"voltages_mV", "population 99"}},
                    {[](Network& n) { static_cast<void>(n.name(nobody)); }, {"name", "population 99"}},
                    {[](Network& n) { static_cast<void>(n.size(nobody)); }, {"size", "population 99"}},
                    {[](Network& n) { static_cast<void>(n.first_neuron(nobody)); }, {"first_neuron", "population 99"}},
                    {[](Network& n) { static_cast<void>(n.weight_resolution(nobody)); }, {"weight_resolution", "population 99"}},
                    {[](Network& n) { n.set_voltages_mV(nobody, {}); }, {"set_voltages_mV", "population 99"}},
                    {set({1, 2, 3, 4}), {"voltages", "5", "4"}},
                    {set({1, 2, nan, 4, 5}), {"2"}},
                    {set({1, 2, 3, inf, 5}), {"3"}},
                    {set({1, 2, 3, 4, 1e39}), {"4"}}});  // beyond f32
}

TEST(RefusalOfOptions, NamesThem) {
    auto const of = [](NetworkOptions const& options) {
        return message_of<InvalidArgument>([&] { Network(Context::reference(), options); });
    };
    for (double const step : {0.0, -0.1, nan, inf, 1e-9, 1e4}) EXPECT_NE(of({.step_ms = step}).find("step_ms"), std::string::npos) << step;
    for (int const bits : {-1, 8, 24, 64}) EXPECT_NE(of({.weight_bits = bits}).find("weight_bits"), std::string::npos) << bits;
    EXPECT_NE(of({.precision = Precision::f64, .weight_bits = 16}).find("weight_bits"), std::string::npos);
}

TEST(RefusalOfTrains, NamesWhatDoesNotFit) {
    EXPECT_THROW(static_cast<void>(mean_cv_isi({{1, 2}, {0}}, 1)), InvalidArgument);
    EXPECT_THROW(static_cast<void>(mean_cv_isi({{1}, {1}}, 1)), InvalidArgument);
    EXPECT_THROW(static_cast<void>(mean_cv_isi({{1}, {-1}}, 1)), InvalidArgument);
    EXPECT_THROW(static_cast<void>(mean_cv_isi({}, -1)), InvalidArgument);
}

}  // namespace
}  // namespace ca3::test
