// The CUDA engine of spiking networks on the host executor: its launchers and kernels themselves, one launch a step.
#include "support/compare.hpp"
#include "support/simt/executor.hpp"

#include <ca3/lif.hpp>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ca3::test
