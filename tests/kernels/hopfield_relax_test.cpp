#include "kernels/hopfield/relax.cuh"
#include "kernels/hopfield_cases.hpp"
#include "support/compare.hpp"
#include "support/simt/executor.hpp"

#include <gtest/gtest.h>

#include <array>

/// The relaxation kernels give the states, statuses, sweeps and flips of the definition.
namespace ca3::test {

namespace {

using hopfield::Kind;
using hopfield::Model;
using hopfield::Update;

using hopfield::cuda::Path;

#ifdef CA3_SANITIZED
constexpr std::array<std::int64_t, 1> many_neurons{1057};
constexpr int crowded_rounds = 1;
#else
constexpr std::array<std::int64_t, 3> many_neurons{511, 513, 1057};
constexpr int crowded_rounds = 3;
#endif

/// @param shared_bytes that a block may have while relaxing; 0: as many as usual
void expect_relaxes_as_defined(Model const& model, OwnedJob const& given, int shared_bytes = 0) {
    SCOPED_TRACE(describe(model, given.job));
    Context const reference = Context::reference(), cuda = Context::cuda();
    OwnedJob expected(given);
    auto const definition = hopfield::reference::prepare(reference, model);
    hopfield::reference::relax(reference, model, *definition, expected.job);

    auto const expect_on = [&](Path path, char const* name) {
        SCOPED_TRACE(name);
        OwnedJob actual(given);
        auto const prepared = hopfield::cuda::prepare(cuda, model);
        {
            simt::Options options = simt::options();
            options.shared_bytes = shared_bytes;
            simt::Scope const scope(options);
            hopfield::cuda::relax_by(path, cuda, *prepared, actual.job);
        }

        EXPECT_TRUE(same_values(expected.states, actual.states));
        EXPECT_TRUE(same_values(expected.sweeps, actual.sweeps));
        EXPECT_TRUE(same_values(expected.flips, actual.flips));
        EXPECT_EQ(expected.status, actual.status);
    };
    expect_on(Path::single, "single");
    if (given.job.update != Update::synchronous) return;  // the other paths serve synchronous update alone
    expect_on(Path::tile, "tile");
    simt::Options hopper = simt::options();
    hopper.compute_capability = 90;
    simt::Scope const scope(hopper);
    expect_on(Path::automatic, "automatic on sm_90");
}

class HopfieldRelaxKernel : public testing::TestWithParam<std::tuple<Kind, Update>> {
protected:
    [[nodiscard]] Kind kind() const { return std::get<0>(GetParam()); }
    [[nodiscard]] Update update() const { return std::get<1>(GetParam()); }
    [[nodiscard]] std::uint64_t seed() const { return 100 * static_cast<std::uint64_t>(kind()) + static_cast<std::uint64_t>(update()); }
};

TEST_P(HopfieldRelaxKernel, FollowsTheDefinitionOnSmallRandomCases) {
    Random random(seed());
    for (int round = 0; round < 40 && !HasFailure(); ++round) {
        Model const model = random_model(kind(), random.between(0, 12), random.between(0, 6), random);
        expect_relaxes_as_defined(model, random_job(model, random.between(0, 5), update(), random));
    }
}

TEST_P(HopfieldRelaxKernel, FollowsTheDefinitionAtEveryOddNumberOfNeurons) {
    Random random(seed() + 1);
    for (std::int64_t const d : odd_sizes()) {
        Model const model = random_model(kind(), d, random.between(1, 8), random);
        expect_relaxes_as_defined(model, random_job(model, random.between(1, 3), update(), random));
    }
}

/// More words than a warp has lanes, more than one step of the widest products.
TEST_P(HopfieldRelaxKernel, FollowsTheDefinitionForManyNeurons) {
    Random random(seed() + 7);
    for (std::int64_t const d : many_neurons) {
        Model const model = random_model(kind(), d, random.between(3, 12), random);
        expect_relaxes_as_defined(model, random_job(model, random.between(1, 3), update(), random));
    }
}

/// Rows of a tile are refilled, and none is lost or done twice.
TEST_P(HopfieldRelaxKernel, FollowsTheDefinitionForEveryOddNumberOfStates) {
    Random random(seed() + 3);
    for (std::int64_t const B : odd_sizes()) {
        Model const model = random_model(kind(), random.between(1, 40), random.between(1, 5), random);
        expect_relaxes_as_defined(model, random_job(model, B, update(), random));
    }
}

TEST_P(HopfieldRelaxKernel, SplitsTheBatchWhereMemoryIsShort) {
    Random random(seed() + 4);
    Model const model = random_model(kind(), 20, 4, random);
    OwnedJob const job = random_job(model, 150, update(), random);
    simt::Scope const small({.memory_bytes = 12'000});
    expect_relaxes_as_defined(model, job);
}

/// More states than workspaces, so that each serves several.
TEST_P(HopfieldRelaxKernel, KeepsStatesInDeviceMemoryWhereSharedMemoryIsShort) {
    Random random(seed() + 6);
    for (int round = 0; round < crowded_rounds; ++round) {
        Model const model = random_model(kind(), random.between(60, 140), random.between(10, 40), random);
        expect_relaxes_as_defined(model, random_job(model, random.between(10, 40), update(), random), 400);
    }
}

TEST_P(HopfieldRelaxKernel, DoesNotDependOnTheOrderOfWarpsAndBlocks) {
    Random random(seed() + 5);
    for (auto const order : {simt::Order::descending, simt::Order::random}) {
        simt::Scope const scope({.order = order, .blocks = order, .seed = seed()});
        for (int round = 0; round < 5; ++round) {
            Model const model = random_model(kind(), random.between(1, 150), random.between(1, 40), random);
            expect_relaxes_as_defined(model, random_job(model, random.between(1, 4), update(), random));
        }
    }
}

TEST_P(HopfieldRelaxKernel, FollowsTheDefinitionAtEveryOddNumberOfPatterns) {
    Random random(seed() + 2);
    for (std::int64_t const P : odd_sizes()) {
        Model const model = random_model(kind(), random.between(1, 20), P, random);
        expect_relaxes_as_defined(model, random_job(model, 2, update(), random));
    }
}

std::string name_of(testing::TestParamInfo<std::tuple<Kind, Update>> const& info) {
    static constexpr char const* kinds[] = {"hebbian", "centred", "projection", "power", "exponential", "dense"};
    return kinds[static_cast<int>(std::get<0>(info.param))] + ("_" + std::string(to_string(std::get<1>(info.param))));
}

INSTANTIATE_TEST_SUITE_P(Kinds, HopfieldRelaxKernel,
                         testing::Combine(testing::Values(Kind::hebbian, Kind::centred, Kind::projection, Kind::power, Kind::exponential,
                                                          Kind::dense),
                                          testing::Values(Update::synchronous, Update::asynchronous, Update::shared, Update::sequential)),
                         name_of);

// The tiles' sums of 32 bits hold 2 (H + D s) - 2 D s - tau only while these are small.
TEST(HopfieldTiles, AreNotTakenWhereTheirSumsWouldOverflow) {
    Random random(1);
    for (std::int64_t const large : {std::int64_t{1} << 27, std::int64_t{1} << 29, std::int64_t{1} << 30, std::int64_t{1} << 40}) {
        Model model = random_model(Kind::dense, 40, 3, random);
        model.weights = std::vector<std::int8_t>(40 * 40, 1);
        model.symmetric = true;
        model.diagonal.resize(40);
        model.tau.resize(40);
        for (std::size_t i = 0; i < 40; ++i) {
            model.diagonal[i] = i % 2 == 0 ? large - 1 : -large;
            model.tau[i] = 2 * (i % 3 == 0 ? large : -large) + random.between(-9, 9);
        }
        for (bool const small_diagonal : {false, true}) {
            if (small_diagonal) std::fill(model.diagonal.begin(), model.diagonal.end(), 1);  // thresholds alone may be of any size
            OwnedJob job = random_job(model, 5, Update::synchronous, random);
            job.job.max_sweeps = 5;
            job.job.glauber = nullptr;
            expect_relaxes_as_defined(model, job);
        }
    }
}

// A block that serves several states must not take the last but one state of one for that of the next.
TEST(HopfieldTwoCycle, IsNotTakenFromTheStateBefore) {
    Model model;
    model.neurons = 100;
    model.patterns = 1;
    model.pattern = random_patterns(1, 100, 1);
    model.diagonal.assign(100, 1);
    model.field_limit = 100;
    OwnedJob owned(40, 100);
    for (std::int64_t b = 0; b < 40; ++b) {
        auto const cue = with_flips(model.pattern, 5, static_cast<std::uint64_t>(b));
        std::copy(cue.begin(), cue.end(), owned.states.begin() + 100 * b);
    }
    owned.job.max_sweeps = 10;

    expect_relaxes_as_defined(model, OwnedJob(owned), 400);
}

TEST(HopfieldTwoCycle, IsFoundForTwoNeuronsThatFollowEachOther) {  // N = 2, w_12 = w_21 = 1, s = (1, -1)
    Model model;
    model.kind = Kind::dense;
    model.neurons = 2;
    model.weights = std::vector<std::int8_t>{0, 1, 1, 0};
    model.field_limit = 2;
    OwnedJob owned(1, 2);
    owned.states = {1, -1};
    owned.job.max_sweeps = 100;
    OwnedJob run(owned);

    Context const cuda = Context::cuda();
    hopfield::cuda::relax(cuda, model, *hopfield::cuda::prepare(cuda, model), run.job);

    EXPECT_EQ(run.status[0], hopfield::Status::two_cycle);
    EXPECT_EQ(run.sweeps[0], 2);
    EXPECT_EQ(run.flips[0], 4);
    EXPECT_EQ(run.states, (std::vector<std::int8_t>{1, -1}));
}

}  // namespace

}  // namespace ca3::test
