// State that is saved, loaded and carried on with: bit for bit the run that was not interrupted. Hostile files change nothing.
#include <ca3/error.hpp>
#include <ca3/io/npy.hpp>
#include <ca3/lif/models.hpp>

#include "lif/probe.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/lif_cases.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

#ifdef CA3_SANITIZED
constexpr std::int64_t cases = 40;
#else
constexpr std::int64_t cases = 200;
#endif

class Folder {
public:
    Folder() {
        std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
        for (char& c : name)
            if (c == '/') c = '_';
        path_ = std::filesystem::path(testing::TempDir()) / ("ca3_lif_" + name);
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    [[nodiscard]] std::string operator/(std::string const& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

std::vector<NamedContext> all_contexts() {
    std::vector<NamedContext> contexts{{"reference", Context::reference()}};
    contexts.insert(contexts.end(), cpu_contexts().begin(), cpu_contexts().end());
    if (!cuda_devices().devices.empty()) contexts.push_back({"cuda", Context::cuda()});
    return contexts;
}

// ---- going on ------------------------------------------------------------------------------------------------------------------

TEST(CheckpointCases, ContinueOnAnotherBackendAsIfUninterrupted) {
    Folder const folder;
    auto const contexts = all_contexts();
    for_each_lif_case(0, cases, 20'000, [&](LifCase const& c) {
        if (testing::Test::HasFatalFailure()) return;
        SCOPED_TRACE(describe(c));
        auto whole = make_network(Context::reference(), c);
        whole.run(c.ms(c.steps));
        auto const expected = outcome_of(whole, c);

        auto const n = static_cast<std::int64_t>(contexts.size());
        auto const& [before, first_context] = contexts[static_cast<std::size_t>(c.number % n)];
        auto const& [after, second_context] = contexts[static_cast<std::size_t>((c.number / n + c.number) % n)];
        auto first = make_network(first_context, c), second = make_network(second_context, c);
        first.run(c.ms(c.cut));
        first.save(folder / "checkpoint.npz");
        if (c.number % 3 == 0) second.run(c.ms(c.steps / 3));  // what it did before does not matter, but for its recordings
        second.clear_recordings();
        second.load(folder / "checkpoint.npz");
        ASSERT_EQ(second.time_ms(), first.time_ms());
        second.run(c.ms(c.steps - c.cut));
        ASSERT_TRUE(same_outcome(expected, joined(outcome_of(first, c), outcome_of(second, c)))) << before << ", then " << after;
        // The one that was saved goes on too.
        first.run(c.ms(c.steps - c.cut));
        ASSERT_TRUE(same_outcome(expected, outcome_of(first, c))) << before;
    });
}

TEST(CheckpointOfTheMicrocircuit, ContinuesOnEveryBackend) {
    Folder const folder;
    ModelOptions const options{.scale = 0.02};
    auto const make = [&](Context const& context, std::vector<Recorder>& recorders) {
        auto network = make_model(context, Model::potjans_diesmann, options, {.seed = 8});
        for (std::int64_t p = 0; p < network.populations(); ++p) recorders.push_back(network.record_spikes(static_cast<Population>(p)));
        return network;
    };
    std::vector<Recorder> recorders;
    auto whole = make(Context::reference(), recorders);
    whole.run(23.7);
    whole.save(folder / "a.npz");
    whole.clear_recordings();
    whole.run(36.3);
    for (auto const& [name, context] : all_contexts()) {
        recorders.clear();
        auto network = make(context, recorders);
        network.load(folder / "a.npz");
        network.run(36.3);
        for (std::size_t p = 0; p < recorders.size(); ++p) {
            auto const expected = whole.spikes(recorders[p]), actual = network.spikes(recorders[p]);
            ASSERT_EQ(expected.steps, actual.steps) << name << ", population " << p;
            ASSERT_EQ(expected.neurons, actual.neurons) << name << ", population " << p;
            ASSERT_EQ(whole.voltages_mV(static_cast<Population>(p)), network.voltages_mV(static_cast<Population>(p))) << name;
            ASSERT_EQ(whole.spike_counts(static_cast<Population>(p)), network.spike_counts(static_cast<Population>(p))) << name;
            ASSERT_EQ(whole.rate_hz(static_cast<Population>(p)), network.rate_hz(static_cast<Population>(p))) << name;
        }
    }
}

void expect_same(Network const& expected, Network const& actual) {
    EXPECT_EQ(expected.time_ms(), actual.time_ms());
    for (int p = 0; p < 5; ++p) {
        EXPECT_EQ(expected.voltages_mV(Population{p}), actual.voltages_mV(Population{p})) << p;
        EXPECT_EQ(expected.spike_counts(Population{p}), actual.spike_counts(Population{p})) << p;
        EXPECT_TRUE(same_bits(expected.rate_hz(Population{p}), actual.rate_hz(Population{p}))) << p;
    }
}

class Checkpoint : public OnEveryBackend {
protected:
    /// Neurons of most kinds, spikes under way for up to 4 ms. The step is one that Hodgkin and Huxley's equations bear.
    [[nodiscard]] Network network(NetworkOptions options = {.step_ms = 0.05, .seed = 6}, double weight = 80.0) const {
        Network result(context(), options);
        auto const a =
            result.add_population("a", 40, LifParameters{.tau_syn_ex_ms = 3.0, .I_e_pA = 420.0}, Distribution::uniform(-70.0, -55.0));
        auto const b = result.add_population("b", 21, LifParameters{.synapse = Synapse::conductance, .I_e_pA = 500.0});
        auto const c = result.add_population("c", 5, HodgkinHuxleyParameters{.I_e_pA = 1500.0});
        auto const d = result.add_poisson_source("d", 30, 200.0);
        result.add_population("e", 0, LifParameters{});
        result.connect(a, a, FixedInDegree{8}, {.weight = weight, .delay_ms = Distribution::uniform(0.1, 4.0)});
        result.connect(a, b, Bernoulli{0.3}, {.weight = -2.0, .delay_ms = 1.5});
        result.connect(d, c, AllToAll{}, {.weight = 30.0, .delay_ms = 0.1});
        result.add_poisson(a, {.rate_hz = 2000.0, .weight = 40.0});
        return result;
    }
    [[nodiscard]] Network running(double ms) const {
        auto result = network();
        result.run(3.0);
        result.reset_spike_counts();
        result.run(ms - 3.0);
        return result;
    }
};
CA3_ON_EVERY_BACKEND(Checkpoint);

TEST_P(Checkpoint, HoldsCountsAndTheirBeginning) {
    Folder const folder;
    auto whole = running(12.0);
    whole.save(folder / "a.npz");
    auto back = network();
    back.load(folder / "a.npz");
    EXPECT_NE(back.spike_counts(Population{0}), std::vector<std::int64_t>(40, 0));
    expect_same(whole, back);
    back.save(folder / "b.npz");
    for (auto* each : {&whole, &back}) each->run(9.0);
    expect_same(whole, back);
    auto again = network();
    again.load(folder / "b.npz");
    again.run(9.0);
    expect_same(whole, again);
}

TEST_P(Checkpoint, MayBeOfANetworkThatHasNotRun) {
    Folder const folder;
    network().save(folder / "a.npz");
    auto fresh = network(), back = network();
    back.run(5.0);
    back.load(folder / "a.npz");
    EXPECT_EQ(back.time_ms(), 0.0);
    for (auto* each : {&fresh, &back}) each->run(10.0);
    expect_same(fresh, back);
}

// A run ends where `progress` says so, or throws, and the rest is what it would have been.
TEST_P(Checkpoint, BrokenOffRunsGoOn) {
    auto whole = network(), stopped = network(), thrown = network();
    whole.run(40.0);
    double reported = 0.0;
    stopped.run(40.0, [&](double done_ms) {
        reported = done_ms;
        return false;
    });
    EXPECT_GT(reported, 0.0);
    EXPECT_LT(reported, 40.0);
    EXPECT_DOUBLE_EQ(stopped.time_ms(), reported);
    auto const left = [](Network const& n) { return static_cast<double>(800 - steps_in(n.time_ms(), 0.05)) * 0.05; };
    stopped.run(left(stopped));
    expect_same(whole, stopped);
    EXPECT_THROW(thrown.run(40.0, [](double) -> bool { throw std::runtime_error("enough"); }), std::runtime_error);
    EXPECT_GT(thrown.time_ms(), 0.0);
    EXPECT_LT(thrown.time_ms(), 40.0);
    thrown.run(left(thrown));
    expect_same(whole, thrown);
    std::vector<double> times;
    network().run(40.0, [&](double done_ms) {
        times.push_back(done_ms);
        return true;
    });
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
    EXPECT_DOUBLE_EQ(times.back(), 40.0);
}

// ---- other networks ------------------------------------------------------------------------------------------------------------

/// Two networks in the middle of a run, and two that are not built, of which one each is made to load what it must not.
class Loading {
public:
    explicit Loading(std::function<Network()> const& make) : built_{make(), make()}, fresh_{make(), make()} {
        for (auto& network : built_) network.run(5.0);
    }
    template <class E>
    void expect_refused(std::string const& path) {
        for (auto* const network : {&built_[0], &fresh_[0]}) {
            std::string const message = message_of<E>([&] { network->load(path); });
            EXPECT_NE(message.find(path), std::string::npos) << message;
        }
    }
    /// Neither has noticed.
    void expect_untouched() {
        for (auto& network : fresh_) EXPECT_NO_THROW(network.add_population("late", 1, LifParameters{})) << "it is not built";
        for (auto* const pair : {built_, fresh_}) {
            for (auto* const network : {&pair[0], &pair[1]}) network->run(6.0);
            expect_same(pair[1], pair[0]);
        }
    }

private:
    Network built_[2], fresh_[2];
};

TEST_P(Checkpoint, OfAnotherNetworkIsRefused) {
    Folder const folder;
    running(7.0).save(folder / "a.npz");
    auto const other = [&](std::function<Network()> const& make) {
        Loading loading(make);
        loading.expect_refused<InvalidArgument>(folder / "a.npz");
        loading.expect_untouched();
    };
    other([&] { return network({.step_ms = 0.05, .seed = 7}); });
    other([&] { return network({.step_ms = 0.025, .seed = 6}); });
    other([&] { return network({.step_ms = 0.05, .seed = 6, .precision = Precision::f64}); });
    other([&] { return network({.step_ms = 0.05, .seed = 6}, 80.5); });
    other([&] {
        auto more = network();
        more.add_population("f", 1, LifParameters{});
        return more;
    });
    other([&] {
        auto more = network();
        more.connect(Population{0}, Population{1}, FixedOutDegree{1}, {.weight = 1.0});
        return more;
    });
}

// ---- hostile files -------------------------------------------------------------------------------------------------------------

using Arrays = std::map<std::string, io::Array>;

template <class T>
void set_element(io::Array& array, std::size_t at, T value) {
    std::memcpy(array.data.data() + at * sizeof(T), &value, sizeof(T));
}

class HostileCheckpoint : public Checkpoint {
protected:
    void SetUp() override {
        Checkpoint::SetUp();
        if (!IsSkipped()) loading = std::make_unique<Loading>([&] { return network(); });
    }
    void TearDown() override {
        if (loading) loading->expect_untouched();
    }
    void expect_file_refused(std::string const& path) { loading->expect_refused<FormatError>(path); }

    std::unique_ptr<Loading> loading;
};
CA3_ON_EVERY_BACKEND(HostileCheckpoint);

TEST_P(HostileCheckpoint, ArraysThatAreMissingOrOfAnotherKindAreRefused) {
    Folder const folder;
    running(7.0).save(folder / "good.npz");
    auto const good = io::read_npz(folder / "good.npz");
    ASSERT_GT(good.size(), 20u);
    for (auto const& [name, array] : good) {
        SCOPED_TRACE(name);
        auto const refused = [&](io::Array const* replacement) {
            auto bad = good;
            if (replacement == nullptr)
                bad.erase(name);
            else
                bad[name] = *replacement;
            io::write_npz(folder / "bad.npz", bad);
            expect_file_refused(folder / "bad.npz");
        };
        refused(nullptr);
        io::Array other{.dtype = array.dtype == io::DType::f64 ? io::DType::i64 : io::DType::f64, .shape = array.shape};
        other.data.resize(static_cast<std::size_t>(array.shape[0]) * 8);
        refused(&other);
        io::Array longer = array;
        ++longer.shape[0];
        longer.data.resize(longer.data.size() + io::size_of(longer.dtype));
        refused(&longer);
        io::Array matrix = array;
        matrix.shape.push_back(1);
        refused(&matrix);
    }
}

TEST_P(HostileCheckpoint, ValuesOutOfTheirRangeAreRefused) {
    Folder const folder;
    running(7.0).save(folder / "good.npz");
    auto const good = io::read_npz(folder / "good.npz");
    auto const refused = [&](std::string const& what, std::function<void(Arrays&)> const& change) {
        SCOPED_TRACE(what);
        auto bad = good;
        change(bad);
        io::write_npz(folder / "bad.npz", bad);
        expect_file_refused(folder / "bad.npz");
    };
    // Neither f64 nor the f32 of the state may turn into infinity or NaN; population 2 has gates.
    for (std::string const name : {"population_0_v", "population_0_s0", "population_0_s1", "population_1_v", "population_1_s1",
                                   "population_2_v", "population_2_s2", "population_2_s4"})
        for (double const value : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1e39})
            refused(name, [&, value](Arrays& a) { set_element(a.at(name), 3, value); });
    for (std::int32_t const rest : {-1, 65536, std::numeric_limits<std::int32_t>::min()})
        refused("refractory steps", [&](Arrays& a) { set_element(a.at("population_0_refractory_steps"), 39, rest); });
    for (std::int64_t const step : {std::int64_t{-1}, std::int64_t{1} << 32, std::numeric_limits<std::int64_t>::max(), std::int64_t{59}})
        refused("step, before or after what has been counted", [&](Arrays& a) { set_element(a.at("step"), 0, step); });
    for (std::int64_t const step : {-1, 141}) refused("counted_from", [&](Arrays& a) { set_element(a.at("counted_from"), 0, step); });
    refused("spike_counts", [&](Arrays& a) { set_element(a.at("spike_counts"), 5, std::int64_t{-1}); });
    refused("version", [&](Arrays& a) { set_element(a.at("version"), 0, std::int64_t{2}); });

    auto const spikes = static_cast<std::size_t>(good.at("history_steps").shape[0]);
    ASSERT_GT(spikes, 4u);
    for (std::size_t const k : {std::size_t{0}, spikes / 2, spikes - 1}) {
        for (std::int64_t const step : {std::int64_t{-1}, std::int64_t{140}, std::numeric_limits<std::int64_t>::min()})
            refused("history_steps", [&](Arrays& a) { set_element(a.at("history_steps"), k, step); });
        for (std::uint32_t const neuron : {96u, 0xFFFFFFFFu})
            refused("history_neurons", [&](Arrays& a) { set_element(a.at("history_neurons"), k, neuron); });
    }
    refused("order", [&](Arrays& a) {
        set_element(a.at("history_steps"), 1, a.at("history_steps").as<std::int64_t>()[0]);
        set_element(a.at("history_neurons"), 1, a.at("history_neurons").as<std::uint32_t>()[0]);
    });
}

TEST_P(HostileCheckpoint, DamagedFilesAreRefused) {
    Folder const folder;
    running(7.0).save(folder / "good.npz");
    std::ifstream in(folder / "good.npz", std::ios::binary);
    std::vector<char> const good((std::istreambuf_iterator<char>(in)), {});
    ASSERT_GT(good.size(), 4000u);
    auto const refused = [&](std::vector<char> const& bytes) {
        std::ofstream(folder / "bad.npz", std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        expect_file_refused(folder / "bad.npz");
    };
    for (std::size_t const length : {std::size_t{0}, std::size_t{1}, std::size_t{30}, good.size() / 3, good.size() / 2, good.size() - 1}) {
        SCOPED_TRACE(testing::Message() << "cut to " << length);
        refused({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)});
    }
    for (auto const& [name, array] : io::read_npz(folder / "good.npz")) {
        if (array.data.empty()) continue;
        SCOPED_TRACE("a bit changed in " + name);
        auto const* const data = reinterpret_cast<char const*>(array.data.data());
        auto bytes = good;
        auto const at = std::search(bytes.begin(), bytes.end(), data, data + array.data.size());
        ASSERT_NE(at, bytes.end());
        at[static_cast<std::ptrdiff_t>(array.data.size() / 2)] ^= 0x10;
        refused(bytes);
    }
    refused({'n', 'o', ' ', 'z', 'i', 'p'});
    loading->expect_refused<FileError>(folder / "missing.npz");
}

TEST_P(Checkpoint, ThatCannotBeWrittenLeavesNothing) {
    Folder const folder;
    auto const net = network();
    EXPECT_THROW(net.save(folder / "no such folder/a.npz"), FileError);
    EXPECT_FALSE(std::filesystem::exists(folder / "no such folder"));
}

}  // namespace
}  // namespace ca3::test
