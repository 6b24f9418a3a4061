// What the backends are made of: elementary functions, streams of random numbers, tables of distributions.
#include <ca3/error.hpp>

#include "core/elementary.hpp"
#include "core/philox_fill.hpp"
#include "lif/poisson_table.hpp"
#include "lif/sampler.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace ca3 {
namespace {

using lif::DelaySampler;
using lif::Distribution;
using lif::PoissonTable;
using lif::Sampler;
using test::Random;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

#ifdef CA3_SANITIZED
constexpr std::int64_t samples = 20'000;
#else
constexpr std::int64_t samples = 400'000;
#endif

double between(Random& random, double low, double high) {
    return low + (high - low) * random.uniform();
}

// ---- exp and log -----------------------------------------------------------------------------------------------------------------

TEST(Exponential, IsWithinItsErrorInDoublePrecision) {
    Random random(1);
    auto const check = [](double x) {
        long double const exact = std::exp(static_cast<long double>(x));
        ASSERT_LT(std::abs(exponential(x) - exact), 4e-16L * exact) << x;
    };
    for (std::int64_t k = 0; k < samples; ++k) {
        check(between(random, -708, 709));
        check(between(random, -1, 1));
        check(std::ldexp(between(random, -1, 1), static_cast<int>(random.between(-60, 0))));
    }
    for (double const x : {-708.0, 709.0, 0.0, -0.0, std::numbers::ln2 / 2, -std::numbers::ln2 / 2, 1.0}) check(x);
    for (int n = -1021; n < 1023; ++n)  // where the nearest power of two changes
        for (int k = -2; k <= 2; ++k) check((n + 0.5) * std::numbers::ln2 + k * 1e-13);
    EXPECT_EQ(exponential(0.0), 1.0);
}

TEST(Exponential, IsWithinItsErrorInSinglePrecision) {
    Random random(2);
    auto const check = [](float x) {
        double const exact = std::exp(static_cast<double>(x));
        ASSERT_LT(std::abs(exponential(x) - exact), 1.2e-7 * exact) << x;
    };
    for (std::int64_t k = 0; k < samples; ++k) {
        check(static_cast<float>(between(random, -87, 88)));
        check(static_cast<float>(between(random, -1, 1)));
    }
    for (float const x : {-87.0f, 88.0f, 0.0f, -0.0f, 0.34657359f, -0.34657359f}) check(x);
    EXPECT_EQ(exponential(0.0f), 1.0f);
}

TEST(Exponential, IsCutOffOutsideItsRange) {
    for (double const x : {-708.0000001, -745.0, -1e300, -inf}) EXPECT_EQ(exponential(x), 0.0) << x;
    for (double const x : {709.0000001, 800.0, 1e300, inf}) EXPECT_EQ(exponential(x), exponential(709.0)) << x;
    for (float const x : {-87.00001f, -100.0f, -1e38f, -std::numeric_limits<float>::infinity()}) EXPECT_EQ(exponential(x), 0.0f) << x;
    for (float const x : {88.00001f, 89.0f, 1e38f, std::numeric_limits<float>::infinity()})
        EXPECT_EQ(exponential(x), exponential(88.0f)) << x;
    EXPECT_TRUE(std::isnan(exponential(nan)));
    EXPECT_TRUE(std::isnan(exponential(std::numeric_limits<float>::quiet_NaN())));
}

// The polynomial's error, below an ulp, may turn neighbours around; what lies further apart than two relative errors rises.
TEST(Exponential, Rises) {
    Random random(3);
    for (std::int64_t k = 0; k < samples; ++k) {
        double const x = between(random, -708, 708), step = 1e-15 * std::max(1.0, std::abs(x));
        ASSERT_LE(exponential(x), exponential(x + step)) << x;
        auto const y = static_cast<float>(between(random, -87, 87));
        ASSERT_LE(exponential(y), exponential(y + 3e-7f * std::max(1.0f, std::abs(y)))) << y;
    }
}

TEST(Logarithm, IsWithinItsError) {
    Random random(4);
    auto const check = [](double x) {
        long double const exact = std::log(static_cast<long double>(x));
        ASSERT_LE(std::abs(logarithm(x) - exact), 1e-15L * std::abs(exact)) << x;
    };
    for (std::int64_t k = 0; k < samples; ++k) {
        check(std::ldexp(between(random, 0.5, 1.0), static_cast<int>(random.between(-1021, 1024))));
        check(between(random, 0.5, 2.0));
        check(1.0 + std::ldexp(between(random, -1, 1), -static_cast<int>(random.between(1, 50))));
        check((static_cast<double>(random.bits() >> 32) + 0.5) * 0x1p-32);  // what quantiles ask for
    }
    for (double const x : {std::numeric_limits<double>::min(), std::numeric_limits<double>::max(), 1.0, std::numbers::e,
                           std::numbers::sqrt2, 1 / std::numbers::sqrt2})
        check(x);
    for (double const root : {std::numbers::sqrt2, 1 / std::numbers::sqrt2})  // where the exponent is split off
        for (double x = root, y = root, k = 0; k < 5; ++k, x = std::nextafter(x, 0.0), y = std::nextafter(y, 9.0)) {
            check(x);
            check(y);
        }
    EXPECT_EQ(logarithm(1.0), 0.0);
}

// ---- normal quantiles --------------------------------------------------------------------------------------------------------------

/// x - y where Phi(y) = (u + 1/2) / 2^32, over |y|: a step of Newton from x, in long double. Phi is taken from the nearer tail, and around
/// its middle from erf, so that nothing cancels.
long double quantile_error(std::uint32_t u, double x) {
    long double const q = (static_cast<long double>(u) + 0.5L) * 0x1p-32L - 0.5L, y = x;
    long double const root = std::numbers::sqrt2_v<long double>;
    long double const excess = std::abs(q) < 0.25L ? std::erf(y / root) / 2 - q
                               : q < 0             ? std::erfc(-y / root) / 2 - (q + 0.5L)
                                                   : (0.5L - q) - std::erfc(y / root) / 2;
    long double const density = std::exp(-y * y / 2) / std::sqrt(2 * std::numbers::pi_v<long double>);
    return excess / density / std::abs(y);
}

std::vector<std::uint32_t> interesting_numbers() {
    Random random(5);
    std::vector<std::uint32_t> result;
    for (std::int64_t k = 0; k < samples; ++k) result.push_back(static_cast<std::uint32_t>(random.bits()));
    // Both ends, the middle, and |p - 1/2| = 0.425, where the formula changes.
    for (double const p : {0.0, 0.075, 0.5, 0.925, 1.0}) {
        auto const centre = static_cast<std::int64_t>(p * 0x1p32);
        for (std::int64_t k = -3000; k <= 3000; ++k)
            if (centre + k >= 0 && centre + k <= 0xFFFFFFFF) result.push_back(static_cast<std::uint32_t>(centre + k));
    }
    return result;
}

TEST(NormalQuantile, IsWithinItsError) {
    for (auto const u : interesting_numbers()) ASSERT_LT(std::abs(quantile_error(u, normal_quantile(u))), 1e-15L) << u;
}

TEST(NormalQuantile, RisesAndIsOdd) {
    for (auto const u : interesting_numbers()) {
        if (u < 0xFFFFFFFFu) {
            ASSERT_LT(normal_quantile(u), normal_quantile(u + 1)) << u;
        }
        ASSERT_NEAR(normal_quantile(u), -normal_quantile(~u), 2e-15 * std::abs(normal_quantile(u))) << u;
    }
    EXPECT_LT(normal_quantile(0xFFFFFFFFu), 6.4);
    EXPECT_GT(normal_quantile(0), -6.4);
}

// ---- Philox in vectors ---------------------------------------------------------------------------------------------------------------

TEST(PhiloxFill, EqualsSingleBlocksOnEveryInstructionSet) {
    using namespace random;
    for (auto const set : supported_instruction_sets()) {
        Fill const fill = fill_for(set);
        for (std::uint64_t const first :
             {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{12345}, (std::uint64_t{1} << 32) - 70, (std::uint64_t{1} << 32) - 16,
              (std::uint64_t{1} << 32) - 1, std::uint64_t{1} << 32, (std::uint64_t{1} << 40) - 5, (std::uint64_t{1} << 56) - 100})
            for (std::int64_t const blocks : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 70})
                for (std::uint64_t const seed : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{0x0123456789ABCDEF}}) {
                    auto const element = static_cast<std::uint32_t>(first * 7 + 3);
                    std::uint32_t const step = blocks % 2 == 0 ? 0u : 0xFFFFFFFFu;
                    std::vector<std::uint32_t> words(static_cast<std::size_t>(4 * blocks) + 8, 0xA5A5A5A5u);
                    fill(seed, Purpose::synapse, element, step, first, blocks, words.data() + 4);
                    for (std::int64_t i = 0; i < blocks; ++i) {
                        auto const block = draw_block(seed, Purpose::synapse, element, step, first + static_cast<std::uint64_t>(i));
                        for (std::size_t w = 0; w < 4; ++w)
                            ASSERT_EQ(words[4 + 4 * static_cast<std::size_t>(i) + w], block.word[w])
                                << to_string(set) << ", first " << first << ", block " << i << " of " << blocks;
                    }
                    for (std::size_t w = 0; w < 4; ++w) {
                        ASSERT_EQ(words[w], 0xA5A5A5A5u) << "before the blocks";
                        ASSERT_EQ(words[words.size() - 1 - w], 0xA5A5A5A5u) << "after them";
                    }
                }
    }
}

// ---- tables of Poisson numbers -----------------------------------------------------------------------------------------------------

/// P(N <= k) for k = 0, 1, ... until it is 1 to 64 bits.
std::vector<long double> poisson_cdf(long double mean) {
    auto const last = static_cast<std::int64_t>(mean + 12 * std::sqrt(mean) + 40);
    std::vector<long double> result;
    long double sum = 0;
    for (std::int64_t k = 0; k <= last; ++k) {
        auto const x = static_cast<long double>(k);
        sum += std::exp(x * std::log(mean) - mean - std::lgamma(x + 1));
        result.push_back(sum);
    }
    return result;
}

// A threshold is 2^32 P(N <= k), rounded: 1/2. What doubles lose in sums of 25,000 terms, and the reference in exponents of 10^6, is
// below 10^-11 of 2^32: 0.05.
TEST(PoissonTables, HoldTheDistributionFunction) {
    for (double const mean : {1e-6, 1e-4, 0.01, 0.3, std::numbers::ln2, 1.0, 2.32, 7.5, 15.9, 16.0, 22.0, 23.0, 40.0, 1e3, 12345.6, 1e5}) {
        SCOPED_TRACE(testing::Message() << "mean " << mean);
        PoissonTable const table(mean, "rate");
        auto const cdf = poisson_cdf(mean);
        EXPECT_TRUE(std::is_sorted(table.thresholds.begin(), table.thresholds.end()));
        EXPECT_EQ(table.most(), table.base + static_cast<std::int32_t>(table.thresholds.size()));
        ASSERT_FALSE(table.thresholds.empty());
        ASSERT_LT(static_cast<std::size_t>(table.most()), cdf.size());
        for (std::size_t k = 0; k < cdf.size(); ++k) {
            auto const at = static_cast<std::int64_t>(k) - table.base;
            long double const exact = 0x1p32L * std::min(cdf[k], 1.0L);
            if (at < 0)
                ASSERT_LT(exact, 0.55L) << "left out below: " << k;
            else if (at >= static_cast<std::int64_t>(table.thresholds.size()))
                ASSERT_GT(exact, 0x1p32L - 0.55L) << "left out above: " << k;
            else
                ASSERT_NEAR(static_cast<double>(table.thresholds[static_cast<std::size_t>(at)]), static_cast<double>(exact), 0.55) << k;
        }
        EXPECT_EQ(table.base > 0, mean >= 23.0) << "2^32 exp(-mean) is above or below 1/2";
    }
}

TEST(PoissonTables, CountWhatTheyHold) {
    PoissonTable const none(0.0, "rate");
    for (std::uint32_t const u : {0u, 1u << 31, 0xFFFFFFFFu}) EXPECT_EQ(none.count(u), 0);
    EXPECT_EQ(none.most(), 0);

    PoissonTable const half(std::numbers::ln2, "rate");  // P(0) = 1/2, P(1) = ln(2) / 2
    EXPECT_EQ(half.count(0), 0);
    EXPECT_EQ(half.count((1u << 31) - 1), 0);
    EXPECT_EQ(half.count(1u << 31), 1);
    auto const two = static_cast<std::uint32_t>(std::llround(0x1p31 * (1 + std::numbers::ln2)));
    EXPECT_EQ(half.count(two - 1), 1);
    EXPECT_EQ(half.count(two), 2);
    EXPECT_EQ(half.count(0xFFFFFFFFu), half.most());

    Random random(6);
    for (double const mean : {1e-6, 0.7, 12.0, 100.0, 54321.0, 1e6}) {
        PoissonTable const table(mean, "rate");
        EXPECT_EQ(table.count(0), table.base) << mean;
        EXPECT_EQ(table.count(0xFFFFFFFFu), table.most()) << mean;
        double sum = 0;
        for (int k = 0; k < 2000; ++k) {
            auto const u = static_cast<std::uint32_t>(random.bits());
            std::int64_t plain = table.base;
            for (auto const threshold : table.thresholds) plain += u >= threshold;
            ASSERT_EQ(table.count(u), plain);
            sum += static_cast<double>(plain);
        }
        EXPECT_NEAR(sum / 2000, mean, 5 * std::sqrt(mean / 2000)) << mean;
    }
    for (double const mean : {-1.0, -1e-300, nan, inf, 1.0000001e6}) EXPECT_THROW(PoissonTable(mean, "rate"), InvalidArgument) << mean;
}

// ---- distributions -----------------------------------------------------------------------------------------------------------------

// Rounded to steps, half of one up; drawn again below half a step, which restricts the uniform number.
TEST(DelaySamplers, RoundWhatTheDistributionGives) {
    Random random(7);
    for (double const step : {0.1, 0.125, 1.0})
        for (auto const& d : {Distribution::normal(1.5, 0.75), Distribution::normal(0.75, 0.375), Distribution::normal(0.0, 0.4),
                              Distribution::normal(2.0, 1.0, 1.0, 2.5), Distribution::normal(3.0, 0.001), Distribution::normal(2.0, 0.0),
                              Distribution::uniform(0.0, 2.0), Distribution::uniform(1.0, 400.0), Distribution::uniform(0.6, 0.6),
                              Distribution::lognormal(0.3, 0.5), Distribution::lognormal(3.0, 0.7)}) {
            DelaySampler const delays(d, step, "delay");
            auto restricted = d;
            restricted.low = std::max(d.low, step / 2);
            Sampler const plain(restricted, "plain");
            auto const rounded = [&](std::uint32_t u) {
                return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(plain(u) / step + 0.5)));
            };
            auto const check = [&](std::uint32_t u) { ASSERT_EQ(delays(u), rounded(u)) << u << ", step " << step; };
            EXPECT_EQ(delays.shortest(), rounded(0));
            EXPECT_EQ(delays.longest(), rounded(0xFFFFFFFFu));
            for (std::int64_t k = 0; k < samples / 20; ++k) check(static_cast<std::uint32_t>(random.bits()));
            for (std::int64_t bucket = 0; bucket <= 256; ++bucket)
                for (std::int64_t k = -2; k < 2; ++k) check(static_cast<std::uint32_t>((bucket << 24) + k));
            for (std::int64_t value = delays.shortest() + 1; value <= std::min(delays.longest(), delays.shortest() + 60); ++value) {
                std::uint64_t low = 0, high = std::uint64_t{1} << 32;  // the first number that gives this many steps
                while (low < high) {
                    std::uint64_t const middle = (low + high) / 2;
                    if (rounded(static_cast<std::uint32_t>(middle)) >= value)
                        high = middle;
                    else
                        low = middle + 1;
                }
                for (std::int64_t k = -1; k <= 1; ++k) check(static_cast<std::uint32_t>(static_cast<std::int64_t>(low) + k));
            }
        }
    DelaySampler const constant(2.5, 0.1, "delay");
    EXPECT_FALSE(constant.is_random());
    EXPECT_EQ(constant(0), 25);
    EXPECT_EQ(constant(0xFFFFFFFFu), 25);
}

// A truncated distribution rises with the number, from its lower to its upper bound.
TEST(Samplers, RiseAndStayInsideTheirTruncation) {
    Random random(8);
    for (auto const& d : {Distribution::normal(0.0, 1.0), Distribution::normal(5.0, 2.0, 0.0, inf),
                          Distribution::normal(0.0, 1.0, 2.0, 2.5), Distribution::uniform(-3.0, 1e6), Distribution::lognormal(1.0, 2.0)}) {
        Sampler const sampler(d, "x");
        EXPECT_EQ(sampler.smallest(), sampler(0));
        EXPECT_EQ(sampler.largest(), sampler(0xFFFFFFFFu));
        EXPECT_GE(sampler.smallest(), d.low);
        EXPECT_LE(sampler.largest(), d.high);
        for (std::int64_t k = 0; k < samples / 10; ++k) {
            auto const u = static_cast<std::uint32_t>(random.bits() | 1u);
            ASSERT_LE(sampler(u - 1), sampler(u)) << u;
        }
    }
}

}  // namespace
}  // namespace ca3
