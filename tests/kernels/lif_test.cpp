// The CUDA engine of spiking networks on the host executor: its launchers and kernels themselves, one launch a step.
#include "support/compare.hpp"
#include "support/lif_operations.hpp"
#include "support/simt/executor.hpp"

#include <ca3/error.hpp>
#include <ca3/lif.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ca3::test {
namespace {

using namespace lif;

TEST(LifKernels, CubaSpikesAsOnTheReference) {
    auto const trains = [](Context const& context) {
        Network net = make_model(context, Model::cuba, {.scale = 0.05}, {.seed = 3});
        std::vector<Recorder> recorders;
        for (std::int64_t p = 0; p < net.populations(); ++p) recorders.push_back(net.record_spikes(static_cast<lif::Population>(p)));
        net.run(30.0);
        std::vector<std::int64_t> all;
        for (Recorder const r : recorders) {
            SpikeTrain const train = net.spikes(r);
            all.insert(all.end(), train.steps.begin(), train.steps.end());
            all.insert(all.end(), train.neurons.begin(), train.neurons.end());
        }
        return all;
    };
    auto const expected = trains(Context::reference());
    ASSERT_GT(expected.size(), 20u);
    EXPECT_TRUE(same_values(expected, trains(Context::cuda())));
}

TEST(LifKernels, StepsWithMoreSpikesThanAreListedAtATimeAreDelivered) {
    auto const counts = [](Context const& context) {
        Network net(context, {.seed = 3});
        std::vector<std::vector<double>> times(1300);
        for (std::size_t i = 0; i < times.size(); ++i) times[i] = {0.5, 1.0 + 0.1 * static_cast<double>(i % 3)};
        auto const sources = net.add_spike_source("sources", times);
        auto const targets = net.add_population("targets", 200, LifParameters{.synapse = Synapse::delta, .refractory_ms = 0.0});
        net.connect(sources, targets, FixedInDegree{30}, {.weight = Distribution::normal(1.0, 0.5), .delay_ms = 0.1});
        net.run(3.0);
        auto const v = net.voltages_mV(targets);
        auto const n = net.spike_counts(targets);
        std::vector<double> all(v.begin(), v.end());
        all.insert(all.end(), n.begin(), n.end());
        return all;
    };
    auto const expected = counts(Context::reference());
    for (int const multiprocessors : {1, 2}) {
        simt::Scope const scope({.multiprocessors = multiprocessors});
        EXPECT_TRUE(same_values(expected, counts(Context::cuda()))) << multiprocessors << " multiprocessors";
    }
}

TEST(LifKernels, ANetworkTooLargeForTheDeviceIsRefusedWithItsBytes) {
    simt::Scope const scope({.memory_bytes = 1 << 20});
    Network net(Context::cuda());
    auto const neurons = net.add_population("neurons", 1000, LifParameters{});
    net.connect(neurons, neurons, FixedInDegree{1000}, {});
    try {
        net.build();
        FAIL() << "nothing was thrown";
    } catch (OutOfMemory const& e) {
        EXPECT_GE(e.requested_bytes, 4'000'000u);
        EXPECT_LE(e.free_bytes, 1u << 20);
        EXPECT_NE(std::string(e.what()).find("Network::build: 1000 neurons"), std::string::npos) << e.what();
    }
}

TEST(LifKernels, OperationsAreThoseOfTheReference) {
    for (Synapse const synapse : {Synapse::delta, Synapse::exponential, Synapse::alpha, Synapse::conductance}) {
        for (int const variant : {0, 1, 2, 7}) {
            bool const one = (variant & 1) != 0 && synapse != Synapse::conductance, own = (variant & 2) != 0, f64 = (variant & 4) != 0;
            for (std::int64_t const count : {1, 33, 257}) {
                ASSERT_TRUE(same_values(stepped_neurons(Context::reference(), synapse, one, own, f64, count),
                                        stepped_neurons(Context::cuda(), synapse, one, own, f64, count)))
                    << to_string(synapse) << ", variant " << variant << ", " << count << " neurons";
            }
        }
    }
    for (double const mean : {0.0, 0.7, 2.3, 3e4})
        EXPECT_TRUE(same_values(poisson_numbers(Context::reference(), mean, 5, 300), poisson_numbers(Context::cuda(), mean, 5, 300)));
    for (auto const order : {simt::Order::ascending, simt::Order::random}) {
        simt::Scope const scope({.order = order, .seed = 3});
        EXPECT_TRUE(same_values(delivered_sums(Context::reference(), 33, 70), delivered_sums(Context::cuda(), 33, 70)));
    }
}

}  // namespace
}  // namespace ca3::test
