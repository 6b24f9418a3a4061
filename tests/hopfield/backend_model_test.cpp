#include "hopfield/backend.hpp"
#include "kernels/hopfield_cases.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <tuple>

// The CPU's backend functions on models made of random integers, which the rules alone would never give.
namespace ca3::test {
namespace {

using hopfield::Kind;
using hopfield::Model;
using hopfield::Update;

void expect_cpu_equals_reference(Model const& model, OwnedJob const& given) {
    Context const reference = Context::reference();
    auto const definition = hopfield::reference::prepare(reference, model);
    OwnedJob expected(given);
    hopfield::reference::relax(reference, model, *definition, expected.job);
    MatrixView<std::int8_t const> const states(given.states.data(), given.job.batch, model.neurons);
    std::vector<std::int32_t> overlaps(static_cast<std::size_t>(given.job.batch * model.patterns), -7);
    hopfield::reference::pattern_overlaps(reference, model, *definition, states, overlaps.data());
    for (auto const& [name, cpu] : cpu_contexts()) {
        SCOPED_TRACE(describe(model, given.job) + " on " + name);
        auto const prepared = hopfield::cpu::prepare(cpu, model);
        for (int repetition = 0; repetition < 2; ++repetition) {  // what one call leaves in `prepared` must not reach the next
            OwnedJob actual(given);
            hopfield::cpu::relax(cpu, model, *prepared, actual.job);
            ASSERT_TRUE(same_values(expected.states, actual.states));
            ASSERT_TRUE(same_values(expected.sweeps, actual.sweeps));
            ASSERT_TRUE(same_values(expected.flips, actual.flips));
            ASSERT_EQ(expected.status, actual.status);
        }
        std::vector<std::int32_t> out(overlaps.size(), -9);
        hopfield::cpu::pattern_overlaps(cpu, model, *prepared, states, out.data());
        ASSERT_TRUE(same_values(overlaps, out));
    }
}

class BackendModel : public testing::TestWithParam<std::tuple<Kind, Update>> {
protected:
    [[nodiscard]] Kind kind() const { return std::get<0>(GetParam()); }
    [[nodiscard]] Update update() const { return std::get<1>(GetParam()); }
    [[nodiscard]] std::uint64_t seed() const {
        return 1000 + 100 * static_cast<std::uint64_t>(kind()) + static_cast<std::uint64_t>(update());
    }
};
INSTANTIATE_TEST_SUITE_P(KindsAndUpdates, BackendModel,
                         testing::Combine(testing::Values(Kind::hebbian, Kind::centred, Kind::projection, Kind::power, Kind::exponential,
                                                          Kind::dense),
                                          testing::Values(Update::synchronous, Update::asynchronous, Update::shared, Update::sequential)));

TEST_P(BackendModel, RelaxesAsDefinedOnSmallRandomModels) {
    Random random(seed());
    for (int round = 0; round < 60 && !HasFatalFailure(); ++round) {
        Model const model = random_model(kind(), random.between(0, 20), random.between(0, 9), random);
        expect_cpu_equals_reference(model, random_job(model, random.between(0, 9), update(), random));
    }
}

TEST_P(BackendModel, RelaxesAsDefinedAtEveryOddSize) {
    Random random(seed() + 1);
    for (std::int64_t const d : odd_sizes()) {
        Model const model = random_model(kind(), d, random.between(1, 20), random);
        expect_cpu_equals_reference(model, random_job(model, random.between(1, 5), update(), random));
        if (HasFatalFailure()) return;
    }
    for (std::int64_t const n : odd_sizes()) {
        Model const states = random_model(kind(), random.between(1, 30), random.between(1, 6), random);
        expect_cpu_equals_reference(states, random_job(states, n, update(), random));
        Model const patterns = random_model(kind(), random.between(1, 30), n, random);
        expect_cpu_equals_reference(patterns, random_job(patterns, random.between(1, 4), update(), random));
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace ca3::test
