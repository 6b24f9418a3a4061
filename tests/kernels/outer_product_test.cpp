// The portable kernels of outer_product on the host executor: the launchers and the .cu files themselves, without a GPU.
#include "outer_product/oracle.hpp"
#include "support/compare.hpp"
#include "support/simt/executor.hpp"
#include "support/simt/runtime.hpp"

#include <ca3/error.hpp>

#include <gtest/gtest.h>

namespace ca3::test {
namespace {

using outer_product::Diagonal;
using outer_product::Operation;
using outer_product::Storage;
using outer_product::Weights;

/// A gap of 0 behind rows of whole 16 bytes takes the path of wide stores, any other the path of single elements.
template <class T>
void expect_definition(std::int64_t p, std::int64_t d, std::int64_t gap) {
    auto const patterns = random_patterns(p, d, static_cast<std::uint64_t>(1000 * p + d));
    auto const weights = sum_of_products(patterns, p, d);
    for (Diagonal const diagonal : {Diagonal::zero, Diagonal::keep}) {
        Accumulation<T> sum(Context::cuda(), patterns, p, d, gap);
        sum.run({.diagonal = diagonal});
        ASSERT_TRUE(same_values(stored_as<T>(weights, d, p, diagonal), sum.weights.values()))
            << "d = " << d << ", P = " << p << ", gap " << gap;
        ASSERT_TRUE(sum.weights.guards_intact()) << "d = " << d << ", P = " << p << ", gap " << gap;
        ASSERT_EQ(sum.patterns.values(), patterns);
    }
}

TEST(OuterProductKernels, OddSizesGiveTheDefinition) {
    for (std::int64_t const d : {1, 31, 33, 127, 128, 129}) {
        for (std::int64_t const p : {0, 1, 31, 33, 255}) {
            expect_definition<std::uint8_t>(p, d, 3);
            expect_definition<std::int16_t>(p, d, 3);
            expect_definition<std::int32_t>(p, d, 3);
        }
    }
}

TEST(OuterProductKernels, SeveralStepsOfPatternsGiveTheDefinition) {
    for (std::int64_t const p : {256, 257, 511, 513, 1300}) {
        expect_definition<std::int16_t>(p, 65, 3);
        expect_definition<std::int32_t>(p, 65, 3);
    }
}

TEST(OuterProductKernels, SeveralTilesAndAlignedRowsGiveTheDefinition) {
    for (std::int64_t const d : {256, 257, 400}) {
        for (std::int64_t const gap : {0, 3}) {
            expect_definition<std::uint8_t>(100, d, gap);
            expect_definition<std::int16_t>(100, d, gap);
            expect_definition<std::int32_t>(100, d, gap);
        }
    }
}

template <class T>
void expect_identity(std::int64_t d, std::int64_t gap) {
    auto const old = random_patterns(30, d, 1);
    auto const patterns = random_patterns(70, d, 2);
    auto all = old;
    all.insert(all.end(), patterns.begin(), patterns.end());
    Accumulation<T> sum(Context::cuda(), old, 30, d, gap);
    sum.run({});
    auto const before = sum.weights.values();
    Guarded<std::int8_t> const added(sum.context, patterns, 70, d);
    outer_product::accumulate(sum.context, {.diagonal = Diagonal::keep, .stored = 30}, added.const_view(), sum.weights.view());
    EXPECT_TRUE(same_values(stored_as<T>(sum_of_products(all, 100, d), d, 100, Diagonal::keep), sum.weights.values())) << d << ' ' << gap;
    outer_product::accumulate(sum.context, {.operation = Operation::remove, .stored = 100}, added.const_view(), sum.weights.view());
    EXPECT_TRUE(same_values(before, sum.weights.values())) << d << ' ' << gap;
    EXPECT_TRUE(sum.weights.guards_intact());
}

TEST(OuterProductKernels, AddingAndRemovingIsTheIdentity) {
    for (auto const& [d, gap] : std::vector<std::pair<std::int64_t, std::int64_t>>{{77, 3}, {160, 0}, {272, 0}, {270, 1}}) {
        expect_identity<std::uint8_t>(d, gap);
        expect_identity<std::int16_t>(d, gap);
        expect_identity<std::int32_t>(d, gap);
    }
}

TEST(OuterProductKernels, TheOrderOfWarpsAndBlocksDoesNotMatter) {
    std::int64_t const p = 300, d = 260;
    auto const patterns = random_patterns(p, d, 3);
    auto const expected = stored_as<std::int16_t>(sum_of_products(patterns, p, d), d, p);
    for (std::uint64_t const seed : {1, 2, 3, 4}) {
        simt::Order const order = seed == 1 ? simt::Order::descending : simt::Order::random;
        simt::Scope const scope({.order = order, .blocks = order, .seed = seed});
        Accumulation<std::int16_t> sum(Context::cuda(), patterns, p, d, 0);
        sum.run({});
        EXPECT_TRUE(same_values(expected, sum.weights.values())) << seed;
    }
}

TEST(OuterProductKernels, TheFirstStrangeEntryIsNamedBeforeAnythingIsWritten) {
    std::int64_t const p = 300, d = 130;
    for (int const value : {0, 2, -2, 127, -128}) {
        auto patterns = random_patterns(p, d, 1);
        for (std::int64_t const k : {131 * d + 4, 131 * d + 90, 132 * d, 140 * d + 4, 299 * d + 129})
            patterns[static_cast<std::size_t>(k)] = static_cast<std::int8_t>(value);
        Accumulation<std::int32_t> sum(Context::cuda(), patterns, p, d);
        auto const message = message_of<InvalidArgument>([&] { sum.run({}); });
        EXPECT_NE(message.find("patterns(131, 4) must be -1 or +1, is " + std::to_string(value)), std::string::npos) << message;
        EXPECT_TRUE(sum.weights.untouched());
    }
}

template <class T>
void expect_restored(std::int64_t d, std::int64_t gap, std::int64_t row, std::int64_t column, T value, Operation operation) {
    auto before = stored_as<T>(sum_of_products(random_patterns(4, d, 1), 4, d), d, 4);
    if (row != column) before[static_cast<std::size_t>(row * d + column)] = value;
    auto const stranger = random_patterns(1, d, 2);
    Accumulation<T> sum(Context::cuda(), stranger, 1, d, gap);
    Guarded<T> const weights(sum.context, before, d, d, gap);
    EXPECT_THROW(outer_product::accumulate(sum.context, {.operation = operation, .diagonal = Diagonal::keep, .stored = 4},
                                           sum.patterns.const_view(), weights.view()),
                 InvalidArgument);
    EXPECT_TRUE(same_values(before, weights.values())) << d << ' ' << row << ' ' << column;
    EXPECT_TRUE(weights.guards_intact());
}

TEST(OuterProductKernels, RefusedContentIsRestored) {
    for (auto const& [d, gap] : std::vector<std::pair<std::int64_t, std::int64_t>>{{160, 0}, {131, 3}}) {
        for (auto const& [row, column] :
             std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 1}, {1, 0}, {130, 129}, {5, 130}, {130, 5}}) {
            expect_restored<std::uint8_t>(d, gap, row, column, 5, Operation::add);
            expect_restored<std::int16_t>(d, gap, row, column, 1, Operation::add);
            expect_restored<std::int16_t>(d, gap, row, column, -32768, Operation::add);
            expect_restored<std::int32_t>(d, gap, row, column, 2147483647, Operation::add);
        }
        expect_restored<std::uint8_t>(d, gap, 0, 0, 0, Operation::remove);  // a stranger is removed
        expect_restored<std::int16_t>(d, gap, 0, 0, 0, Operation::remove);
        expect_restored<std::int32_t>(d, gap, 0, 0, 0, Operation::remove);
    }
}

TEST(OuterProductKernels, ModelOnTheDeviceEqualsTheReference) {
    std::int64_t const d = 140, p = 300;
    auto const patterns = random_patterns(p, d, 4);
    auto const fill = [&](Weights& weights) {
        weights.add({patterns.data(), 200, d});
        weights.add({patterns.data() + 200 * d, 100, d});  // u8 becomes i16
        weights.remove({patterns.data() + 50 * d, 60, d});
    };
    Weights on_device(Context::cuda(), d), reference(Context::reference(), d);
    fill(on_device);
    fill(reference);
    EXPECT_EQ(on_device.storage(), Storage::i16);
    std::vector<float> expected(static_cast<std::size_t>(d * d)), actual(expected.size());
    for (bool const centre : {false, true}) {
        reference.read({.scale = 1.0 / 240, .centre = centre}, {expected.data(), d, d});
        on_device.read({.scale = 1.0 / 240, .centre = centre}, {actual.data(), d, d});
        EXPECT_TRUE(same_values(expected, actual));
    }
    EXPECT_EQ(on_device.mean(), reference.mean());
}

TEST(OuterProductKernels, TooLittleMemoryIsReportedAndNothingLeaks) {
    auto const patterns = random_patterns(10, 300, 5);
    auto const before = simt::allocations();
    {
        simt::Scope const scope({.memory_bytes = 300 * 300 + 20000});
        Weights weights(Context::cuda(), 300);
        weights.add({patterns.data(), 5, 300});
        std::vector<std::int8_t> many;
        for (int k = 0; k < 60; ++k) many.insert(many.end(), patterns.begin(), patterns.end());
        EXPECT_THROW(weights.add({many.data(), 600, 300}), OutOfMemory);
        EXPECT_EQ(weights.patterns(), 5);
        EXPECT_EQ(weights.storage(), Storage::u8);
        EXPECT_NO_THROW(weights.remove({patterns.data(), 5, 300}));
    }
    EXPECT_EQ(simt::allocations().count, before.count);
    EXPECT_EQ(simt::damaged_guard(), "");
}

}  // namespace
}  // namespace ca3::test
