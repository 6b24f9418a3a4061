// Corruptions: what they do, by hand and by their distributions.
#include <ca3/autoencoder/data.hpp>
#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include "lif/statistics.hpp"
#include "support/compare.hpp"
#include "support/poison.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

namespace ca3::autoencoder {
namespace {

using random::Purpose;
using test::contains;
using test::message_of;

using Values = std::vector<float>;
using Corruptions = std::vector<Corruption>;

Values corrupted(Corruptions const& list, Values x, std::int64_t rows, std::int64_t width, std::uint64_t seed = 1, std::uint32_t step = 0) {
    corrupt(list, seed, step, {x.data(), rows, width});
    return x;
}

Values some_values(std::int64_t count, std::uint64_t seed) {
    test::Random random(seed);
    Values x;
    for (std::int64_t i = 0; i < count; ++i) x.push_back(static_cast<float>(random.uniform()));
    return x;
}

bool same_floats(Values const& a, Values const& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// ---- noise ---------------------------------------------------------------------------------------------------------------------------

// The normal distribution by three of its properties. n draws of standard deviation sigma: the mean has standard error sigma / sqrt(n), the
// variance sigma^2 sqrt(2 / n); fixed seed, 5 of them.
TEST(Noise, IsNormalWithTheGivenDeviation) {
    constexpr std::int64_t n = 400000;
    constexpr double sigma = 0.75;
    auto const x = corrupted({GaussianNoise{sigma}}, Values(n, 0.25f), 500, 800);
    double sum = 0.0, squares = 0.0;
    std::vector<double> standard;
    for (float const value : x) {
        double const e = static_cast<double>(value) - 0.25;
        sum += e;
        squares += e * e;
        standard.push_back(e / sigma);
    }
    double const mean = sum / n, variance = squares / n - mean * mean;
    EXPECT_NEAR(mean, 0.0, 5 * sigma / std::sqrt(n));
    EXPECT_NEAR(variance, sigma * sigma, 5 * sigma * sigma * std::sqrt(2.0 / n));
    EXPECT_LT(test::kolmogorov_distance(standard, test::normal_cdf), test::kolmogorov_limit(n));
}

// Neighbours, in a row and in a column, and the same value in the next step do not follow each other: n products of independent standard
// normals have mean 0 and variance 1.
TEST(Noise, IsUncorrelated) {
    constexpr std::int64_t rows = 300, width = 300, n = rows * width;
    auto const x = corrupted({GaussianNoise{1.0}}, Values(n), rows, width, 3, 5);
    auto const next = corrupted({GaussianNoise{1.0}}, Values(n), rows, width, 3, 6);
    double in_row = 0.0, in_column = 0.0, in_time = 0.0;
    for (std::size_t i = 0; i + 1 < x.size(); ++i) in_row += static_cast<double>(x[i]) * x[i + 1];
    for (std::size_t i = 0; i + width < x.size(); ++i) in_column += static_cast<double>(x[i]) * x[i + width];
    for (std::size_t i = 0; i < x.size(); ++i) in_time += static_cast<double>(x[i]) * next[i];
    for (double const sum : {in_row, in_column, in_time}) EXPECT_LT(std::abs(sum), 5 * std::sqrt(static_cast<double>(n)));
}

TEST(Noise, IsNotClamped) {
    auto const x = corrupted({GaussianNoise{1.0}}, Values(1000, 0.0f), 10, 100);
    EXPECT_LT(*std::min_element(x.begin(), x.end()), -2.0f);
    EXPECT_GT(*std::max_element(x.begin(), x.end()), 2.0f);
}

TEST(Draws, DependOnSeedStepRowElementAndPlace) {
    Corruptions const once{GaussianNoise{1.0}};
    auto const x = corrupted(once, Values(50), 2, 25, 1, 0);
    EXPECT_TRUE(same_floats(x, corrupted(once, Values(50), 2, 25, 1, 0)));
    std::set<float> values(x.begin(), x.end());
    EXPECT_EQ(values.size(), x.size()) << "rows and elements differ";
    for (auto const& other : {corrupted(once, Values(50), 2, 25, 2, 0), corrupted(once, Values(50), 2, 25, 1, 1),
                              corrupted({BitFlips{0.0}, GaussianNoise{1.0}}, Values(50), 2, 25, 1, 0)})
        for (float const value : other) EXPECT_TRUE(values.insert(value).second);
}

// The definition, with the library's public draws: place 1 of the list, index = row * width + column.
TEST(Draws, AreThoseThatTheHeaderNames) {
    constexpr std::int64_t rows = 3, width = 37;
    auto const x = some_values(rows * width, 1);
    auto const y = corrupted({GaussianNoise{0.0}, SaltAndPepper{0.5}}, x, rows, width, 77, 9);
    for (std::size_t i = 0; i < x.size(); ++i) {
        double const u = random::uniform(77, Purpose::noise, 1, 9, i);
        EXPECT_EQ(y[i], u < 0.25 ? 0.0f : u < 0.5 ? 1.0f : x[i]) << i;
    }
    auto const z = corrupted({GaussianNoise{0.0}, BitFlips{0.3}}, x, rows, width, 77, 9);
    for (std::size_t i = 0; i < x.size(); ++i)
        EXPECT_EQ(z[i], random::uniform(77, Purpose::noise, 1, 9, i) < 0.3 ? 1.0f - x[i] : x[i]) << i;
}

TEST(Draws, OfEarlierRowsDoNotDependOnHowManyFollow) {
    Corruptions const list{GaussianNoise{0.3},       SaltAndPepper{0.2},  OccludedRectangle{2, 2, -1, -1, 0.5, 5},
                           Rotation{40.0, false, 5}, PixelPermutation{3}, BitFlips{0.1}};
    auto const x = some_values(9 * 25, 2);
    auto const all = corrupted(list, x, 9, 25);
    for (std::int64_t rows = 0; rows < 9; ++rows) {
        Values const part(x.begin(), x.begin() + rows * 25);
        EXPECT_TRUE(same_floats(corrupted(list, part, rows, 25), Values(all.begin(), all.begin() + rows * 25))) << rows;
    }
}

// ---- values that are replaced ----------------------------------------------------------------------------------------------------------

TEST(SaltAndPepperNoise, HasTheGivenSharesOfZerosAndOnes) {
    constexpr std::int64_t n = 200000;
    for (double const share : {0.05, 0.4, 0.75}) {
        auto const x = corrupted({SaltAndPepper{share}}, Values(n, 0.5f), 200, 1000);
        std::int64_t const zeros = std::count(x.begin(), x.end(), 0.0f), ones = std::count(x.begin(), x.end(), 1.0f);
        EXPECT_EQ(zeros + ones + std::count(x.begin(), x.end(), 0.5f), n);
        double const half = n * share / 2;
        EXPECT_LT(test::chi_square({zeros, ones, n - zeros - ones}, {half, half, n - 2 * half}), test::chi_square_limit(2)) << share;
    }
}

TEST(SaltAndPepperNoise, OfShareOneLeavesNothing) {
    auto const x = corrupted({SaltAndPepper{1.0}}, Values(10000, 0.5f), 100, 100);
    std::int64_t const ones = std::count(x.begin(), x.end(), 1.0f);
    EXPECT_EQ(ones + std::count(x.begin(), x.end(), 0.0f), 10000);
    EXPECT_NEAR(static_cast<double>(ones), 5000.0, 5 * std::sqrt(10000 * 0.25));
}

TEST(BitFlipNoise, FlipsTheGivenShare) {
    constexpr std::int64_t n = 200000;
    auto const x = corrupted({BitFlips{0.1}}, Values(n, 0.25f), 200, 1000);
    std::int64_t const flipped = std::count(x.begin(), x.end(), 0.75f);
    EXPECT_EQ(flipped + std::count(x.begin(), x.end(), 0.25f), n);
    EXPECT_NEAR(static_cast<double>(flipped), 0.1 * n, 5 * std::sqrt(n * 0.1 * 0.9));
}

TEST(BitFlipNoise, OfShareOneFlipsAll) {
    auto const x = some_values(1001, 4);
    auto const y = corrupted({BitFlips{1.0}}, x, 7, 143);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], 1.0f - x[i]);
}

// ---- rectangles ------------------------------------------------------------------------------------------------------------------------

TEST(Rectangle, AtAGivenPlaceByHand) {
    Values const x{1, 2,  3,  4,  //
                   5, 6,  7,  8,  //
                   9, 10, 11, 12};
    Values const expected{1, 2,  3,  4,  //
                          5, -1, -1, 8,  //
                          9, -1, -1, 12};
    EXPECT_EQ(corrupted({OccludedRectangle{.height = 2, .width = 2, .row = 1, .column = 1, .value = -1.0, .image_width = 4}}, x, 1, 12),
              expected);
    EXPECT_EQ(corrupted({OccludedRectangle{.height = 3, .width = 4, .value = 0.0, .image_width = 4}}, x, 1, 12), Values(12, 0.0f))
        << "there is one place for a rectangle as large as the image";
}

// 3 x 4 places of a 2 x 3 rectangle in a 4 x 6 image, each as likely as the others.
TEST(Rectangle, LiesAnywhereWithEqualProbability) {
    constexpr std::int64_t n = 24000;
    auto const x = corrupted({OccludedRectangle{.height = 2, .width = 3, .value = 0.0, .image_width = 6}}, Values(n * 24, 1.0f), n, 24);
    std::vector<std::int64_t> counts(12, 0);
    for (std::int64_t r = 0; r < n; ++r) {
        auto const begin = x.begin() + r * 24;
        ASSERT_EQ(std::count(begin, begin + 24, 0.0f), 6);
        std::int64_t const corner = std::find(begin, begin + 24, 0.0f) - begin;
        for (std::int64_t const offset : {0, 1, 2, 6, 7, 8}) ASSERT_EQ(begin[corner + offset], 0.0f) << r;
        ++counts[static_cast<std::size_t>(corner / 6 * 4 + corner % 6)];
    }
    EXPECT_LT(test::chi_square(counts, std::vector<double>(12, n / 12.0)), test::chi_square_limit(11));
}

TEST(Rectangle, MayBeFixedInOneDirectionOnly) {
    auto const x = corrupted({OccludedRectangle{.height = 1, .width = 1, .row = 2, .column = -1, .value = 0.0, .image_width = 5}},
                             Values(100 * 20, 1.0f), 100, 20);
    std::set<std::int64_t> columns;
    for (std::int64_t r = 0; r < 100; ++r) {
        auto const begin = x.begin() + r * 20;
        std::int64_t const place = std::find(begin, begin + 20, 0.0f) - begin;
        EXPECT_EQ(place / 5, 2);
        columns.insert(place % 5);
    }
    EXPECT_EQ(columns.size(), 5u);
}

// ---- rotations -------------------------------------------------------------------------------------------------------------------------

TEST(Rotations, ByQuarterTurnsByHand) {
    Values const x{1, 2, 3,  //
                   4, 5, 6,  //
                   7, 8, 9};
    auto const turned = [&](double degrees) { return corrupted({Rotation{degrees, true, 3}}, x, 1, 9); };
    Values const quarter{3, 6, 9,  //
                         2, 5, 8,  //
                         1, 4, 7};
    Values const half{9, 8, 7,  //
                      6, 5, 4,  //
                      3, 2, 1};
    Values const three_quarters{7, 4, 1,  //
                                8, 5, 2,  //
                                9, 6, 3};
    EXPECT_EQ(turned(90.0), quarter) << "anticlockwise";
    EXPECT_EQ(turned(180.0), half);
    EXPECT_EQ(turned(270.0), three_quarters);
    EXPECT_EQ(turned(-90.0), three_quarters);
    EXPECT_EQ(turned(-270.0), quarter);
    EXPECT_EQ(turned(360.0), x);
    EXPECT_EQ(turned(360.0 * 1e6 + 90.0), quarter);
}

// The centre of an image of even size lies between pixels: a half turn still maps pixels onto pixels.
TEST(Rotations, OfImagesOfEvenAndUnequalSides) {
    Values const x{1, 2, 3, 4,  //
                   5, 6, 7, 8};
    Values const half{8, 7, 6, 5,  //
                      4, 3, 2, 1};
    EXPECT_EQ(corrupted({Rotation{180.0, true, 4}}, x, 1, 8), half);
    // Quarter turn of 2 x 4: (row, column) takes (column - 1, 2 - row) where that is inside: the middle columns.
    Values const quarter{0, 3, 7, 0,  //
                         0, 2, 6, 0};
    EXPECT_EQ(corrupted({Rotation{90.0, true, 4}}, x, 1, 8), quarter);
}

// One pixel of 1 at the centre of 3 x 3, turned by 45 degrees: the centre stays; the edge pixels at distance 1 look at points
// (+-sqrt(1/2), +-sqrt(1/2)) from the centre, whose bilinear weight is (1 - sqrt(1/2))^2; the corners at sqrt(2) look at distance
// sqrt(2) along an axis: weight 0.
TEST(Rotations, By45DegreesOfAPointByHand) {
    auto const x = corrupted({Rotation{45.0, true, 3}}, {0, 0, 0, 0, 1, 0, 0, 0, 0}, 1, 9);
    double const edge = (1.0 - std::sqrt(0.5)) * (1.0 - std::sqrt(0.5));
    std::vector<double> const expected{0, edge, 0, edge, 1, edge, 0, edge, 0};
    EXPECT_TRUE(test::all_near(expected, std::vector<double>(x.begin(), x.end()), 1e-6));
}

// A linear image a + b x + c y stays linear under bilinear sampling: inside, the turned image is that of the turned coefficients. f32
// coordinates of at most 14 have errors below 4e-6, times |b| + |c| = 0.1.
TEST(Rotations, OfALinearImageTurnsItsGradient) {
    constexpr std::int64_t w = 28;
    double const degrees = 33.0, angle = degrees * std::acos(-1.0) / 180.0, b = 0.07, c = -0.03;
    Values x;
    for (std::int64_t i = 0; i < w; ++i)
        for (std::int64_t j = 0; j < w; ++j)
            x.push_back(static_cast<float>(b * (static_cast<double>(j) - 13.5) + c * (13.5 - static_cast<double>(i))));
    auto const y = corrupted({Rotation{degrees, true, w}}, x, 1, w * w);
    double const turned_b = b * std::cos(angle) - c * std::sin(angle), turned_c = b * std::sin(angle) + c * std::cos(angle);
    for (std::int64_t i = 6; i < w - 6; ++i)
        for (std::int64_t j = 6; j < w - 6; ++j)
            EXPECT_NEAR(y[static_cast<std::size_t>(i * w + j)],
                        turned_b * (static_cast<double>(j) - 13.5) + turned_c * (13.5 - static_cast<double>(i)), 1e-6);
}

// The angle of each image, read from a linear image: uniform on +-degrees.
TEST(Rotations, HaveUniformAngles) {
    constexpr std::int64_t w = 5, n = 20000;
    Values x;
    for (std::int64_t r = 0; r < n; ++r)
        for (std::int64_t i = 0; i < w; ++i)
            for (std::int64_t j = 0; j < w; ++j) x.push_back(static_cast<float>(j - 2));
    auto const y = corrupted({Rotation{30.0, false, w}}, x, n, w * w);
    std::vector<double> angles;
    for (std::int64_t r = 0; r < n; ++r) {
        float const* const image = y.data() + r * w * w;
        // x turned by t is x cos(t) + y sin(t): one step right from the centre, and one step up
        angles.push_back(std::atan2(image[1 * w + 2], image[2 * w + 3]) * 180.0 / std::acos(-1.0));
    }
    EXPECT_LE(*std::max_element(angles.begin(), angles.end()), 30.0001);
    EXPECT_GE(*std::min_element(angles.begin(), angles.end()), -30.0001);
    auto const uniform = [](double a) { return std::clamp((a + 30.0) / 60.0, 0.0, 1.0); };
    EXPECT_LT(test::kolmogorov_distance(angles, uniform), test::kolmogorov_limit(n) + 1e-5);
}

// ---- permutations ----------------------------------------------------------------------------------------------------------------------

TEST(Permutations, AreTheSameForAllRowsStepsAndPlacesAndLoseNothing) {
    constexpr std::int64_t width = 100;
    Values numbers;
    for (std::int64_t r = 0; r < 3; ++r)
        for (std::int64_t j = 0; j < width; ++j) numbers.push_back(static_cast<float>(j));
    auto const x = corrupted({PixelPermutation{5}}, numbers, 3, width, 1, 0);
    EXPECT_TRUE(same_floats(x, corrupted({BitFlips{0.0}, PixelPermutation{5}}, numbers, 3, width, 8, 11)));
    EXPECT_FALSE(same_floats(x, corrupted({PixelPermutation{6}}, numbers, 3, width)));
    for (int r = 1; r < 3; ++r) EXPECT_TRUE(std::equal(x.begin(), x.begin() + width, x.begin() + r * width));
    EXPECT_EQ(std::set<float>(x.begin(), x.end()).size(), 100u);
    EXPECT_FALSE(same_floats(x, numbers));
}

// ---- what changes nothing --------------------------------------------------------------------------------------------------------------

TEST(IdentityParameters, LeaveEveryBit) {
    float const nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    Values const x{-0.0f, 0.0f, nan, infinity, 1e-45f, -3.5f};
    for (Corruption const& c : Corruptions{GaussianNoise{0.0}, SaltAndPepper{0.0}, BitFlips{0.0}, Rotation{0.0, false, 3},
                                           Rotation{0.0, true, 3}, OccludedRectangle{.height = 0, .width = 2, .image_width = 3},
                                           OccludedRectangle{.height = 1, .width = 0, .image_width = 3}})
        EXPECT_TRUE(same_floats(x, corrupted({c}, x, 1, 6))) << c.index();
    EXPECT_TRUE(same_floats(x, corrupted({}, x, 1, 6)));
    EXPECT_TRUE(same_floats(x, corrupted({PixelPermutation{9}}, x, 6, 1)));
}

TEST(Corrupt, TakesNoSamplesAndNoValues) {
    Corruptions const list{GaussianNoise{0.5}, BitFlips{0.5}, PixelPermutation{1}};
    EXPECT_NO_THROW(corrupt(list, 1, 0, {nullptr, 0, 12}));
    EXPECT_NO_THROW(corrupt(list, 1, 0, {nullptr, 3, 0}));
}

TEST(Corrupt, WritesNothingBetweenTheRows) {
    Corruptions const list{GaussianNoise{0.5},       SaltAndPepper{0.3}, BitFlips{0.5}, OccludedRectangle{2, 2, -1, -1, 0.0, 5},
                           Rotation{20.0, false, 5}, PixelPermutation{1}};
    auto const x = some_values(7 * 35, 6);
    test::Guarded<float> const guarded(Context::reference(), x, 7, 35);
    corrupt(list, 4, 2, guarded.view());
    EXPECT_TRUE(guarded.guards_intact());
    EXPECT_TRUE(same_floats(guarded.values(), corrupted(list, x, 7, 35, 4, 2))) << "the stride is no part of the result";
}

TEST(Corrupt, AppliesTheListInItsOrder) {
    Values const x{0.25f, 0.5f};
    Corruption const flip = BitFlips{1.0},
                     white = OccludedRectangle{.height = 1, .width = 1, .row = 0, .column = 0, .value = 1.0, .image_width = 2};
    EXPECT_EQ(corrupted({flip, white}, x, 1, 2), (Values{1.0f, 0.5f}));
    EXPECT_EQ(corrupted({white, flip}, x, 1, 2), (Values{0.0f, 0.5f}));
}

TEST(Corrupt, RefusesParametersOutsideTheirDomainAndTouchesNothing) {
    double const nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
    struct Wrong {
        Corruption corruption;
        char const* named;
    };
    std::int64_t const most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
    std::vector<Wrong> const all{{GaussianNoise{-0.1}, "sigma"},
                                 {GaussianNoise{nan}, "sigma"},
                                 {GaussianNoise{infinity}, "sigma"},
                                 {GaussianNoise{1e39}, "sigma"},
                                 {SaltAndPepper{-0.01}, "share"},
                                 {SaltAndPepper{1.01}, "share"},
                                 {SaltAndPepper{nan}, "share"},
                                 {BitFlips{-0.01}, "share"},
                                 {BitFlips{1.01}, "share"},
                                 {BitFlips{nan}, "share"},
                                 {OccludedRectangle{.height = 4, .width = 1, .image_width = 4}, "height"},
                                 {OccludedRectangle{.height = -1, .width = 1, .image_width = 4}, "height"},
                                 {OccludedRectangle{.height = 1, .width = 5, .image_width = 4}, "width"},
                                 {OccludedRectangle{.height = 1, .width = least, .image_width = 4}, "width"},
                                 {OccludedRectangle{.height = 2, .width = 1, .row = 2, .image_width = 4}, "row"},
                                 {OccludedRectangle{.height = 2, .width = 1, .row = -2, .image_width = 4}, "row"},
                                 {OccludedRectangle{.height = 2, .width = 2, .column = 3, .image_width = 4}, "column"},
                                 {OccludedRectangle{.height = 2, .width = 2, .column = most, .image_width = 4}, "column"},
                                 {OccludedRectangle{.height = 1, .width = 1, .value = nan, .image_width = 4}, "value"},
                                 {OccludedRectangle{.height = 1, .width = 1, .image_width = 5}, "image_width"},
                                 {OccludedRectangle{.height = 1, .width = 1, .image_width = 0}, "image_width"},
                                 {Rotation{nan, false, 4}, "degrees"},
                                 {Rotation{infinity, true, 4}, "degrees"},
                                 {Rotation{30.0, false, -4}, "image_width"},
                                 {Rotation{30.0, false, 24}, "image_width"}};
    for (auto const& [corruption, named] : all) {
        Values x(12, 0.5f);
        Corruptions const list{BitFlips{1.0}, corruption};
        auto const message = message_of<InvalidArgument>([&] { corrupt(list, 1, 0, {x.data(), 1, 12}); });
        EXPECT_TRUE(contains(message, named) && contains(message, "corruption 1")) << message;
        EXPECT_EQ(x, Values(12, 0.5f));
    }
}

TEST(Corrupt, RefusesMalformedViews) {
    float x[4] = {};
    Corruptions const list{BitFlips{0.5}};
    EXPECT_THROW(corrupt(list, 0, 0, {nullptr, 2, 2}), InvalidArgument);
    EXPECT_THROW(corrupt(list, 0, 0, {x, -1, 2}), InvalidArgument);
    EXPECT_THROW(corrupt(list, 0, 0, {x, 2, 2, 1}), InvalidArgument);
}

}  // namespace
}  // namespace ca3::autoencoder
