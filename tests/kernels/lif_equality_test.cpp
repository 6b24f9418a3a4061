// Spiking networks on the CUDA engine, its launchers and kernels run by the host executor, against the reference: random ones, and those of
// the field. A failure prints the case; CA3_CASE=123 runs it alone.
#include "support/lif_cases.hpp"
#include "support/simt/executor.hpp"

#include <ca3/lif/models.hpp>

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace ca3::test {
namespace {

using namespace lif;

#ifdef CA3_SANITIZED
constexpr std::int64_t cases_per_test = 25, cases_run = 3, work = 1'000;
#else
constexpr std::int64_t cases_per_test = 25, cases_run = cases_per_test, work = 10'000;
#endif

class LifRandomNetworks : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(TwoHundred, LifRandomNetworks, testing::Range<std::int64_t>(0, 200, cases_per_test));

TEST_P(LifRandomNetworks, OnTheExecutorEqualTheReference) {
    for_each_lif_case(GetParam(), cases_run, work, [&](LifCase const& c) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE(describe(c));
        auto const run = [&](Context const& context, bool in_two_parts) {
            auto network = make_network(context, c);
            if (in_two_parts) network.run(c.ms(c.cut));
            network.run(c.ms(in_two_parts ? c.steps - c.cut : c.steps));
            return outcome_of(network, c);
        };
        auto const expected = run(Context::reference(), false);
        simt::Scope const scope({.order = c.number % 2 == 0 ? simt::Order::random : simt::Order::descending,
                                 .seed = static_cast<std::uint64_t>(c.number),
                                 .compute_capability = c.number % 4 < 2 ? 80 : 90,
                                 .shared_bytes = c.number % 5 == 1 ? 20 * 1024 : 0,  // too little for the sums of most networks
                                 .multiprocessors = c.number % 5 < 3 ? 1 : 2});
        ASSERT_TRUE(same_outcome(expected, run(Context::cuda(), c.number % 3 == 0)));
    });
}

/// With one multiprocessor all steps are one launch, with two each is a launch of its own.
constexpr int launch_forms[] = {1, 2};

/// Global numbers of all spikes, step by step.
std::vector<std::int64_t> spikes_of(Context const& context, Model model, double scale, double ms, int weight_bits) {
    auto net = make_model(context, model, {.scale = scale}, {.seed = 4, .weight_bits = weight_bits});
    std::vector<Recorder> recorders;
    for (std::int64_t p = 0; p < net.populations(); ++p) recorders.push_back(net.record_spikes(static_cast<lif::Population>(p)));
    net.run(ms);
    std::vector<std::int64_t> all;
    for (std::size_t p = 0; p < recorders.size(); ++p) {
        auto const train = net.spikes(recorders[p]);
        for (std::size_t k = 0; k < train.steps.size(); ++k) {
            all.push_back(train.steps[k]);
            all.push_back(train.neurons[k] + net.first_neuron(static_cast<lif::Population>(p)));
        }
    }
    return all;
}

TEST(LifModelsOnTheExecutor, SpikeAsOnTheReference) {
#ifdef CA3_SANITIZED
    constexpr double shorter = 0.1;
#else
    constexpr double shorter = 1.0;
#endif
    for (int const bits : {16, 32}) {
        auto const expected = spikes_of(Context::reference(), Model::potjans_diesmann, 0.05, 200.0 * shorter, bits);
        EXPECT_GT(expected.size(), 40u);
        for (int const multiprocessors : launch_forms) {
            simt::Scope const scope({.multiprocessors = multiprocessors});
            EXPECT_EQ(expected, spikes_of(Context::cuda(), Model::potjans_diesmann, 0.05, 200.0 * shorter, bits))
                << bits << " bits, " << multiprocessors << " multiprocessors";
        }
    }
    for (auto const& [model, scale] : {std::pair{Model::cuba, 0.25}, {Model::coba, 0.25}, {Model::brunel_b, 0.05}}) {
        auto const expected = spikes_of(Context::reference(), model, scale, 100.0 * shorter, 0);
        for (int const multiprocessors : launch_forms) {
            simt::Scope const scope({.multiprocessors = multiprocessors});
            EXPECT_EQ(expected, spikes_of(Context::cuda(), model, scale, 100.0 * shorter, 0))
                << to_string(model) << ", " << multiprocessors << " multiprocessors";
        }
    }
}

TEST(LifCheckpoint, MovesBetweenTheExecutorAndTheCpu) {
    auto const network = [](Context const& context) { return make_model(context, Model::potjans_diesmann, {.scale = 0.05}, {.seed = 4}); };
    std::string const path = testing::TempDir() + "ca3_lif_executor_checkpoint.npz";
    auto whole = network(Context::reference());
    whole.run(80.0);
    auto first = network(Context::cpu({.threads = 2}));
    first.run(60.0);
    ASSERT_GT(first.times().spikes, 50) << "what is still on its way would be nothing";
    first.save(path);
    auto second = network(Context::cuda());
    second.load(path);
    second.run(10.0);
    second.save(path);
    auto third = network(Context::cpu({.threads = 1}));
    third.load(path);
    third.run(10.0);
    for (std::int64_t p = 0; p < whole.populations(); ++p) {
        EXPECT_EQ(whole.spike_counts(static_cast<lif::Population>(p)), third.spike_counts(static_cast<lif::Population>(p)));
        EXPECT_EQ(whole.voltages_mV(static_cast<lif::Population>(p)), third.voltages_mV(static_cast<lif::Population>(p)));
    }
    std::remove(path.c_str());
}

}  // namespace
}  // namespace ca3::test
