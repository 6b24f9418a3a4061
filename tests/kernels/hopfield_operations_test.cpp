#include "kernels/hopfield_cases.hpp"
#include "support/compare.hpp"
#include "support/poison.hpp"
#include "support/simt/executor.hpp"
#include "support/simt/runtime.hpp"

#include <gtest/gtest.h>

#include <cmath>

/// The operations on device memory give the integers of the definition and write nothing else.
namespace ca3::test {

namespace {

struct Shape {
    std::int64_t d, other, batch;  // neurons; patterns where there are some; states
};

/// Each odd size once for each extent, the others small.
std::vector<Shape> odd_shapes() {
    std::vector<Shape> shapes;
    for (std::int64_t const size : odd_sizes()) {
        shapes.push_back({size, 3, 2});
        shapes.push_back({5, size, 3});
        shapes.push_back({7, 2, size});
    }
    shapes.push_back({130, 140, 131});
    shapes.push_back({192, 1, 1});
    shapes.push_back({600, 2, 2});     // more steps along k than stages
    shapes.push_back({3, 260, 1600});  // more than eight tiles of states, the last of them fewer, and two of patterns
    return shapes;
}

/// The device as sm_80, for the portable kernels, and as sm_90, for those of warpgroup products.
template <class Body>
void on_each_capability(Body const& body) {
    for (int const capability : {80, 90}) {
        SCOPED_TRACE(testing::Message() << "compute capability " << capability);
        simt::Options options = simt::options();
        options.compute_capability = capability;
        simt::Scope const scope(options);
        body();
    }
}

/// Rows that begin at multiples of 16 bytes (copied asynchronously) and rows that do not.
std::int64_t gap_of(std::int64_t cols, bool aligned) {
    return aligned ? (16 - cols % 16) % 16 : 3;
}

TEST(HopfieldOverlapsKernel, IsTheProductOfStatesAndPatterns) {
    Context const cuda = Context::cuda();
    for (auto const& [d, P, B] : odd_shapes()) {
        for (bool const aligned : {false, true}) {
            SCOPED_TRACE(testing::Message() << "d " << d << ", P " << P << ", B " << B << ", aligned " << aligned);
            auto const patterns = random_states(P, d, 0.1, 1), states = random_states(B, d, 0.2, 2);
            std::vector<std::int32_t> expected(static_cast<std::size_t>(B * P));
            hopfield::reference::overlaps(Context::reference(), view(patterns, P, d), view(states, B, d), {expected.data(), B, P});

            Guarded const device_patterns(cuda, patterns, P, d, gap_of(d, aligned)), device_states(cuda, states, B, d, gap_of(d, aligned));
            on_each_capability([&] {
                Guarded<std::int32_t> const out(cuda, B, P);
                hopfield::cuda::overlaps(cuda, device_patterns.const_view(), device_states.const_view(), out.view());
                cuda.synchronize();

                EXPECT_TRUE(same_values(expected, out.values()));
                EXPECT_TRUE(out.guards_intact());
                EXPECT_TRUE(same_values(states, device_states.values()));
            });
        }
    }
}

TEST(HopfieldPatternOverlapsKernel, IsTheProductOfStatesAndPatterns) {
    Context const cuda = Context::cuda();
    Random random(3);
    for (auto const& [d, P, B] : odd_shapes()) {
        SCOPED_TRACE(testing::Message() << "d " << d << ", P " << P << ", B " << B);
        auto const model = random_model(hopfield::Kind::hebbian, d, P, random);
        std::int64_t const stride = d + 2;
        auto const states = random_states(B, stride, 0.2, 4);
        MatrixView<std::int8_t const> const states_view(states.data(), B, d, stride);
        std::vector<std::int32_t> expected(static_cast<std::size_t>(B * P), -1), actual(static_cast<std::size_t>(B * P), -2);
        hopfield::reference::overlaps(Context::reference(), view(model.pattern, P, d), states_view, {expected.data(), B, P});

        auto const prepared = hopfield::cuda::prepare(cuda, model);
        hopfield::cuda::pattern_overlaps(cuda, model, *prepared, states_view, actual.data());

        EXPECT_TRUE(same_values(expected, actual));
    }
}

TEST(HopfieldPatternOverlapsKernel, SplitsTheStatesWhereMemoryIsShort) {
    std::int64_t const d = 40, P = 5, B = 100;
    Context const cuda = Context::cuda();
    Random random(4);
    auto const model = random_model(hopfield::Kind::hebbian, d, P, random);
    auto const states = random_states(B, d, 0.2, random.bits());
    std::vector<std::int32_t> expected(static_cast<std::size_t>(B * P), -1), actual(static_cast<std::size_t>(B * P), -2);
    hopfield::reference::overlaps(Context::reference(), view(model.pattern, P, d), view(states, B, d), {expected.data(), B, P});

    auto const prepared = hopfield::cuda::prepare(cuda, model);
    simt::Scope const scope({.memory_bytes = simt::allocations().bytes + 2000});
    hopfield::cuda::pattern_overlaps(cuda, model, *prepared, view(states, B, d), actual.data());

    EXPECT_TRUE(same_values(expected, actual));
}

template <class T>
class HopfieldSignUpdateKernel : public testing::Test {};
using WeightTypes = testing::Types<std::uint8_t, std::int8_t, std::int16_t, std::int32_t>;
TYPED_TEST_SUITE(HopfieldSignUpdateKernel, WeightTypes);

/// Weights over the whole range of T, or of -2 ... 2, which makes ties.
template <class T>
std::vector<T> random_weights(std::int64_t d, bool small, Random& random) {
    std::vector<T> weights(static_cast<std::size_t>(d * d));
    auto const low = small && std::is_signed_v<T> ? -2 : std::int64_t{std::numeric_limits<T>::min()};
    auto const high = small ? 2 : std::int64_t{std::numeric_limits<T>::max()};
    for (T& w : weights) w = static_cast<T>(random.between(low, high));
    return weights;
}

TYPED_TEST(HopfieldSignUpdateKernel, TakesTheSignOfTheFieldAndCountsTheChanges) {
    using T = TypeParam;
    Context const cuda = Context::cuda();
    Random random(5);
    for (auto const& [d, unused, B] : odd_shapes()) {
        for (int variant = 0; variant < 4; ++variant) {
            bool const aligned = variant % 2 == 0, small = variant < 2;
            hopfield::SignUpdateOptions const options{.tie = static_cast<hopfield::Tie>(random.between(0, 3)),
                                                      .zero_diagonal = random.chance(0.5)};
            std::int64_t const stored = std::is_same_v<T, std::uint8_t> ? (small ? 2 : 255) : 0;
            SCOPED_TRACE(testing::Message() << "d " << d << ", B " << B << ", variant " << variant << ", tie " << to_string(options.tie)
                                            << ", zero_diagonal " << options.zero_diagonal);
            auto const weights = random_weights<T>(d, small, random);
            auto const states = random_states(B, d, random.chance(0.5) ? 0.0 : 0.3, random.bits());
            std::vector<std::int32_t> threshold(static_cast<std::size_t>(d));
            for (auto& value : threshold) value = static_cast<std::int32_t>(random.between(-2, 2));
            bool const has_threshold = random.chance(0.5), wants_changed = random.chance(0.8);
            std::vector<std::int8_t> expected(static_cast<std::size_t>(B * d));
            std::vector<std::int32_t> expected_changed(static_cast<std::size_t>(B));
            hopfield::reference::sign_update<T>(Context::reference(), options, view(weights, d, d), stored,
                                                has_threshold ? threshold.data() : nullptr, view(states, B, d), {expected.data(), B, d},
                                                expected_changed.data());

            Guarded const device_weights(cuda, weights, d, d, gap_of(d * static_cast<std::int64_t>(sizeof(T)), aligned));
            Guarded const in(cuda, states, B, d, gap_of(d, aligned)), device_threshold(cuda, threshold, 1, d, 0);
            on_each_capability([&] {
                Guarded<std::int8_t> const out(cuda, B, d, gap_of(d, random.chance(0.5)));
                Guarded<std::int32_t> const changed(cuda, 1, B, 0);
                hopfield::cuda::sign_update<T>(cuda, options, device_weights.const_view(), stored,
                                               has_threshold ? device_threshold.const_view().data : nullptr, in.const_view(), out.view(),
                                               wants_changed ? changed.view().data : nullptr);
                cuda.synchronize();

                ASSERT_TRUE(same_values(expected, out.values()));
                EXPECT_TRUE(out.guards_intact());
                if (wants_changed) {
                    EXPECT_TRUE(same_values(expected_changed, changed.values()));
                    EXPECT_TRUE(changed.guards_intact());
                } else {
                    EXPECT_TRUE(changed.untouched());
                }
            });
        }
    }
}

TEST(HopfieldEnergyKernel, IsTheQuadraticFormTwice) {
    Context const cuda = Context::cuda();
    Random random(6);
    for (auto const& [d, unused, B] : odd_shapes()) {
        SCOPED_TRACE(testing::Message() << "d " << d << ", B " << B);
        auto const weights = random_weights<std::int32_t>(d, false, random), threshold = random_weights<std::int32_t>(1, false, random);
        std::vector<std::int32_t> const thresholds(static_cast<std::size_t>(d), threshold[0]);
        auto const states = random_states(B, d, 0.2, random.bits());
        bool const has_threshold = random.chance(0.5);
        std::vector<std::int64_t> expected(static_cast<std::size_t>(B));
        hopfield::reference::energy(Context::reference(), view(weights, d, d), has_threshold ? thresholds.data() : nullptr,
                                    view(states, B, d), expected.data());

        Guarded const device_weights(cuda, weights, d, d), device_threshold(cuda, thresholds, 1, d, 0);
        Guarded const device_states(cuda, states, B, d);
        Guarded<std::int64_t> const out(cuda, 1, B, 0);
        hopfield::cuda::energy(cuda, device_weights.const_view(), has_threshold ? device_threshold.const_view().data : nullptr,
                               device_states.const_view(), out.view().data);
        cuda.synchronize();

        EXPECT_TRUE(same_values(expected, out.values()));
        EXPECT_TRUE(out.guards_intact());
    }
}

TEST(HopfieldEnergyKernel, TakesMoreColumnsThanOneChunkHolds) {
    std::int64_t const d = 4099, B = 2;
    Context const cuda = Context::cuda();
    Random random(8);
    auto const row = random_states(1, 2 * d, 0.0, random.bits());
    std::vector<std::int32_t> weights(static_cast<std::size_t>(d * d)), thresholds(static_cast<std::size_t>(d));
    for (std::int64_t k = 0; k < d * d; ++k) weights[static_cast<std::size_t>(k)] = row[static_cast<std::size_t>(k % (2 * d - 1))];
    for (auto& value : thresholds) value = static_cast<std::int32_t>(random.between(-9, 9));
    auto const states = random_states(B, d, 0.2, random.bits());
    std::vector<std::int64_t> expected(static_cast<std::size_t>(B));
    hopfield::reference::energy(Context::reference(), view(weights, d, d), thresholds.data(), view(states, B, d), expected.data());

    Guarded const device_weights(cuda, weights, d, d), device_threshold(cuda, thresholds, 1, d, 0);
    Guarded const device_states(cuda, states, B, d);
    for (auto const order : {simt::Order::ascending, simt::Order::descending}) {
        simt::Scope const scope({.order = order});
        Guarded<std::int64_t> const out(cuda, 1, B, 0);
        hopfield::cuda::energy(cuda, device_weights.const_view(), device_threshold.const_view().data, device_states.const_view(),
                               out.view().data);
        EXPECT_TRUE(same_values(expected, out.values()));
    }
}

/// Against the reference, within what hopfield.hpp promises.
void expect_softmax(double beta, std::int64_t d, std::int64_t P, std::int64_t B, Random& random) {
    SCOPED_TRACE(testing::Message() << "beta " << beta << ", d " << d << ", P " << P << ", B " << B);
    Context const cuda = Context::cuda();
    std::vector<float> patterns(static_cast<std::size_t>(P * d)), queries(static_cast<std::size_t>(B * d));
    for (float& x : patterns) x = static_cast<float>(random.normal());
    for (float& x : queries) x = static_cast<float>(random.normal());
    std::vector<float> expected(static_cast<std::size_t>(B * d));
    hopfield::reference::softmax_update(Context::reference(), beta, view(patterns, P, d), view(queries, B, d), {expected.data(), B, d});

    Guarded const device_patterns(cuda, patterns, P, d), device_queries(cuda, queries, B, d);
    Guarded<float> const out(cuda, B, d);
    hopfield::cuda::softmax_update(cuda, beta, device_patterns.const_view(), device_queries.const_view(), out.view());
    cuda.synchronize();

    double largest = 0;
    for (float const x : patterns) largest = std::max(largest, std::fabs(double{x}));
    auto const actual = out.values();
    EXPECT_TRUE(
        all_near(std::vector<double>(expected.begin(), expected.end()), std::vector<double>(actual.begin(), actual.end()), 1e-6 * largest));
    EXPECT_TRUE(out.guards_intact());
}

TEST(HopfieldSoftmaxKernel, IsTheMeanOfThePatternsUnderTheSoftmax) {
    Random random(7);
    for (auto const& [d, P, B] : odd_shapes()) expect_softmax(0.7, d, P, B, random);
}

TEST(HopfieldSoftmaxKernel, DoesNotOverflowWhereEveryScoreIsLarge) {
    Random random(9);
    for (double const beta : {1000.0, -1000.0}) expect_softmax(beta, 65, 33, 5, random);
}

/// More queries than slices, so that each serves several.
TEST(HopfieldSoftmaxKernel, KeepsScoresInDeviceMemoryWhereSharedMemoryIsShort) {
    Random random(10);
    for (auto const order : {simt::Order::ascending, simt::Order::descending}) {
        simt::Scope const scope({.order = order, .blocks = order, .shared_bytes = 1000});
        for (std::int64_t const B : {1, 4, 33, 131}) expect_softmax(0.7, 33, 65, B, random);
    }
}

}  // namespace

}  // namespace ca3::test
