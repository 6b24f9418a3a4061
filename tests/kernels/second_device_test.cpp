#include "support/compare.hpp"
#include "support/hopfield_cases.hpp"
#include "support/poison.hpp"
#include "support/random_patterns.hpp"
#include "support/simt/executor.hpp"
#include "support/simt/runtime.hpp"

#include <ca3/outer_product.hpp>

#include <gtest/gtest.h>

/// Work on a device that is not the caller's current one. The executor refuses streams of other devices.
namespace ca3::test {
namespace {

class SecondDevice : public testing::TestWithParam<int> {
protected:
    SecondDevice() : scope_({.compute_capability = GetParam(), .devices = 2}) {}
    ~SecondDevice() override {
        int device = -1;
        EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
        EXPECT_EQ(device, 0);
    }

private:
    simt::Scope const scope_;

protected:
    Context const cuda = Context::cuda({.device = 1});
};
INSTANTIATE_TEST_SUITE_P(Capabilities, SecondDevice, testing::Values(80, 90));

TEST_P(SecondDevice, RecallsAsTheReference) {
    Context const reference = Context::reference();
    for_each_hopfield_case(0, 100, 10'000, [&](HopfieldCase const& c) {
        SCOPED_TRACE(describe(c));
        hopfield::Memory const expected = make_memory(reference, c);
        EXPECT_TRUE(same_answers(expected, recall(expected, c), make_memory(cuda, c), c));
    });
}

TEST_P(SecondDevice, OperatesOnItsOwnMemory) {
    std::int64_t const d = 48, P = 5, B = 3;
    Context const reference = Context::reference();
    auto const patterns = random_patterns(P, d, 1), states = random_states(B, d, 0.2, 2);
    std::vector<std::int32_t> const weights(static_cast<std::size_t>(d * d), 3);
    std::vector<std::int8_t> const bytes(static_cast<std::size_t>(d * d), 3);
    std::vector<float> const queries(states.begin(), states.end()), memories(patterns.begin(), patterns.end());
    auto const run = [&](Context const& context) {
        Guarded const x(context, patterns, P, d, 0), s(context, states, B, d, 0), narrow(context, bytes, d, d, 0);
        Guarded const w(context, weights, d, d);
        Guarded const q(context, queries, B, d), m(context, memories, P, d);
        Guarded<std::int32_t> const overlaps(context, B, P), changed(context, 1, B, 0);
        Guarded<std::int64_t> const energy(context, 1, B, 0);
        Guarded<std::int8_t> const updated(context, B, d);
        Guarded<float> const mean(context, B, d);
        hopfield::overlaps(context, x.const_view(), s.const_view(), overlaps.view());
        hopfield::sign_update(context, {}, narrow.const_view(), {}, s.const_view(), updated.view(), changed.span());
        hopfield::energy(context, w.const_view(), {}, s.const_view(), energy.span());
        hopfield::softmax_update(context, 0.5, m.const_view(), q.const_view(), mean.view());
        context.synchronize();
        return std::tuple(overlaps.values(), updated.values(), changed.values(), energy.values(), mean.values().size());
    };
    EXPECT_EQ(run(reference), run(cuda));
}

TEST_P(SecondDevice, AccumulatesAsTheReference) {
    std::int64_t const d = 70;
    auto const patterns = random_patterns(300, d, 3);
    auto const run = [&](Context const& context) {
        outer_product::Weights weights(context, d);
        weights.add({patterns.data(), 200, d});
        weights.add({patterns.data() + 200 * d, 100, d});
        weights.remove({patterns.data(), 50, d});
        std::vector<float> out(static_cast<std::size_t>(d * d));
        weights.read({}, {out.data(), d, d});
        return out;
    };
    EXPECT_EQ(run(Context::reference()), run(cuda));
}

}  // namespace
}  // namespace ca3::test
