#include <ca3/digits.hpp>
#include <ca3/error.hpp>

#include "io/digit_strokes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <span>

namespace ca3 {
namespace {

constexpr std::size_t area = 28 * 28;

std::span<std::uint8_t const> image(Images const& images, std::size_t n) {
    return std::span(images.pixels).subspan(n * area, area);
}

/// FNV-1a.
std::uint64_t hash(std::span<std::uint8_t const> bytes) {
    std::uint64_t value = 0xCBF29CE484222325;
    for (std::uint8_t const byte : bytes) value = (value ^ byte) * 0x100000001B3;
    return value;
}

std::int64_t distance(std::span<std::uint8_t const> a, std::span<std::uint8_t const> b) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

TEST(SyntheticDigits, AreTheSameOnEveryMachine) {
    EXPECT_EQ(hash(synthetic_digits(100, 0).pixels), 13590404938166577997U);
    EXPECT_EQ(hash(synthetic_digits(100, 0xFEDCBA9876543210).pixels), 16939724738538668140U);
}

TEST(SyntheticDigits, AnImageDependsOnlyOnItsNumberAndTheSeed) {
    Images const many = synthetic_digits(40, 5);
    Images const few = synthetic_digits(13, 5);
    EXPECT_TRUE(std::ranges::equal(few.pixels, std::span(many.pixels).first(13 * area)));
    EXPECT_NE(synthetic_digits(13, 6).pixels, few.pixels);
}

TEST(SyntheticDigits, LabelsRunThroughTheDigits) {
    Images const images = synthetic_digits(23);
    EXPECT_EQ(images.count, 23);
    EXPECT_EQ(images.rows, 28);
    EXPECT_EQ(images.cols, 28);
    ASSERT_EQ(images.labels.size(), 23U);
    for (std::size_t i = 0; i < 23; ++i) EXPECT_EQ(images.labels[i], i % 10);
}

TEST(SyntheticDigits, EveryImageIsADifferentOne) {
    Images const images = synthetic_digits(2000, 1);
    std::set<std::uint64_t> hashes;
    for (std::size_t n = 0; n < 2000; ++n) hashes.insert(hash(image(images, n)));
    EXPECT_EQ(hashes.size(), 2000U);
}

TEST(SyntheticDigits, AreCentredInkOnAnEmptyMargin) {
    Images const images = synthetic_digits(2000, 2);
    for (std::size_t n = 0; n < 2000; ++n) {
        auto const pixels = image(images, n);
        double ink = 0, x = 0, y = 0;
        std::size_t left = 28, right = 0, top = 28, bottom = 0;
        for (std::size_t i = 0; i < area; ++i) {
            ink += pixels[i];
            x += pixels[i] * (static_cast<double>(i % 28) + 0.5);
            y += pixels[i] * (static_cast<double>(i / 28) + 0.5);
            if (pixels[i] == 0) continue;
            left = std::min(left, i % 28);
            right = std::max(right, i % 28);
            top = std::min(top, i / 28);
            bottom = std::max(bottom, i / 28);
        }
        // The box is 20 pixels; the soft edge may touch one more on either side.
        EXPECT_LE(right - left + 1, 22U) << n;
        EXPECT_LE(bottom - top + 1, 22U) << n;
        EXPECT_GE(std::max(right - left, bottom - top) + 1, 16U) << n;
        // Placed by the line's centre of mass, moved by at most 1.2; overlapping ink moves the pixels' own centre a little more.
        EXPECT_NEAR(x / ink, 14.0, 2.5) << n;
        EXPECT_NEAR(y / ink, 14.0, 2.5) << n;
        EXPECT_EQ(*std::ranges::max_element(pixels), 255) << n;
        EXPECT_GT(ink / 255, 20.0) << n;
        EXPECT_LT(ink / 255, 250.0) << n;
    }
}

TEST(SyntheticDigits, ANearestNeighbourTellsThemApart) {
    std::size_t constexpr known = 1000;
    std::size_t constexpr asked = 300;
    Images const images = synthetic_digits(known + asked, 3);
    std::size_t right = 0;
    for (std::size_t n = known; n < known + asked; ++n) {
        std::size_t nearest = 0;
        std::int64_t best = std::numeric_limits<std::int64_t>::max();
        for (std::size_t k = 0; k < known; ++k) {
            std::int64_t const d = distance(image(images, n), image(images, k));
            if (d < best) {
                best = d;
                nearest = k;
            }
        }
        right += images.labels[nearest] == images.labels[n] ? 1 : 0;
    }
    // MNIST itself gives about 0.87 with a thousand known images.
    EXPECT_GT(static_cast<double>(right) / asked, 0.9);
}

TEST(SyntheticDigits, WaysToWriteADigitAddUpToEight) {
    for (int digit = 0; digit < 10; ++digit) {
        unsigned sum = 0;
        for (auto const& glyph : digits::ways_to_write(digit)) {
            sum += glyph.frequency;
            for (auto const& stroke : glyph.strokes) EXPECT_GE(stroke.size(), 2U);
        }
        EXPECT_EQ(sum, 8U) << digit;
    }
}

TEST(SyntheticDigits, CountsOutsideTheRangeAreRefused) {
    EXPECT_EQ(synthetic_digits(0).count, 0);
    EXPECT_TRUE(synthetic_digits(0).pixels.empty());
    EXPECT_THROW(static_cast<void>(synthetic_digits(-1)), InvalidArgument);
    EXPECT_THROW(static_cast<void>(synthetic_digits(std::numeric_limits<std::int64_t>::max())), InvalidArgument);
}

}  // namespace
}  // namespace ca3
