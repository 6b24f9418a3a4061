// Orders and choices of samples.
#include <ca3/autoencoder/data.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include "lif/statistics.hpp"
#include "support/compare.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

namespace ca3::autoencoder {
namespace {

using random::Purpose;
using test::contains;
using test::message_of;

// ---- orders ----------------------------------------------------------------------------------------------------------------------------

TEST(EpochOrder, VisitsEverySampleOnce) {
    for (std::int64_t const n : {0, 1, 2, 3, 1023, 1024, 1025, 60000}) {
        auto order = epoch_order(n, 7, 3);
        ASSERT_EQ(std::ssize(order), n);
        std::sort(order.begin(), order.end());
        for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
    }
}

TEST(EpochOrder, IsAFunctionOfSeedAndEpoch) {
    EXPECT_EQ(epoch_order(1000, 1, 2), epoch_order(1000, 1, 2));
    EXPECT_NE(epoch_order(1000, 1, 2), epoch_order(1000, 1, 3));
    EXPECT_NE(epoch_order(1000, 1, 2), epoch_order(1000, 2, 2));
}

// By the definition with 64-bit draws: element i changes places with element floor(draw (i + 1) / 2^64).
TEST(EpochOrder, IsDurstenfeldsShuffleOfThePublicDraws) {
    std::vector<std::int64_t> expected(2500);
    for (std::uint64_t i = 0; i < 2500; ++i) {
        auto const word = [&](std::uint64_t k) { return std::uint64_t{random::bits(11, Purpose::epoch_order, 0, 4, 2 * i + k)}; };
        // floor((high 2^32 + low) n / 2^64) without 128 bits, n < 2^32
        std::uint64_t const n = i + 1, j = (word(1) * n + (word(0) * n >> 32)) >> 32;
        expected[i] = static_cast<std::int64_t>(i);
        std::swap(expected[i], expected[j]);
    }
    EXPECT_EQ(epoch_order(2500, 11, 4), expected);
}

TEST(EpochOrder, GivesEveryOrderOfFourWithEqualProbability) {
    constexpr std::uint32_t n = 24000;
    std::map<std::vector<std::int64_t>, std::int64_t> counts;
    for (std::uint32_t epoch = 0; epoch < n; ++epoch) ++counts[epoch_order(4, 5, epoch)];
    ASSERT_EQ(counts.size(), 24u);
    std::vector<std::int64_t> observed;
    observed.reserve(counts.size());
    for (auto const& [order, count] : counts) observed.push_back(count);
    EXPECT_LT(test::chi_square(observed, std::vector<double>(24, n / 24.0)), test::chi_square_limit(23));
}

TEST(EpochOrder, RefusesNegativeCounts) {
    EXPECT_TRUE(contains(message_of<InvalidArgument>([] { (void)epoch_order(-1, 0, 0); }), "count"));
}

// ---- labels ----------------------------------------------------------------------------------------------------------------------------

Images four_images() {
    return {.count = 4, .rows = 1, .cols = 2, .pixels = {1, 2, 3, 4, 5, 6, 7, 8}, .labels = {3, 0, 3, 255}};
}

TEST(Labels, ChooseImagesInTheirOrder) {
    int const labels[] = {3, 7};
    auto const with = with_labels(four_images(), labels), without = without_labels(four_images(), labels);
    EXPECT_EQ(with.count, 2);
    EXPECT_EQ(with.pixels, (std::vector<std::uint8_t>{1, 2, 5, 6}));
    EXPECT_EQ(with.labels, (std::vector<std::uint8_t>{3, 3}));
    EXPECT_EQ(without.count, 2);
    EXPECT_EQ(without.pixels, (std::vector<std::uint8_t>{3, 4, 7, 8}));
    EXPECT_EQ(without.labels, (std::vector<std::uint8_t>{0, 255}));
    EXPECT_EQ(with.rows, 1);
    EXPECT_EQ(with.cols, 2);
}

TEST(Labels, ThatNoImageHasChooseNone) {
    int const strange[] = {-1, 256, 9, 3 + 256};
    EXPECT_EQ(with_labels(four_images(), strange).count, 0);
    EXPECT_EQ(without_labels(four_images(), strange).count, 4);
    EXPECT_EQ(with_labels(four_images(), {}).count, 0);
    EXPECT_EQ(without_labels({}, {}).count, 0);
}

TEST(Labels, AreAskedForAndFit) {
    int const labels[] = {3};
    auto images = four_images();
    images.labels.clear();
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)with_labels(images, labels); }), "labels"));
    images = four_images();
    images.pixels.pop_back();
    EXPECT_TRUE(contains(message_of<InvalidArgument>([&] { (void)without_labels(images, labels); }), "pixels"));
    images = four_images();
    images.count = -4;
    EXPECT_THROW((void)with_labels(images, labels), InvalidArgument);
}

}  // namespace
}  // namespace ca3::autoencoder
