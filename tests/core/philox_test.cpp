#include <Random123/philox.h>
#undef philox4x32  // a macro of Random123

#include <ca3/random.hpp>

#include "core/philox.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace ca3::random {
namespace {

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

// The three vectors that Random123 publishes for philox4x32 with 10 rounds (zeros, ones, digits of pi).
TEST(Philox, GivesThePublishedVectors) {
    EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, EqualsRandom123) {
    test::Random random(1);
    auto const word = [&] { return static_cast<std::uint32_t>(random.bits() >> 32); };
    for (int n = 0; n < 10000; ++n) {
        Counter const counter{word(), word(), word(), word()};
        Key const key{word(), word()};
        r123::Philox4x32 generator;
        auto const expected = generator({{counter[0], counter[1], counter[2], counter[3]}}, {{key[0], key[1]}});
        ASSERT_EQ(philox4x32(counter, key), (Counter{expected[0], expected[1], expected[2], expected[3]}));
    }
}

TEST(Draws, AreTheWordsOfTheDocumentedCounter) {
    std::uint64_t const seed = 0x0123456789ABCDEF;
    std::uint64_t const index = (std::uint64_t{5} << 34) + 4 * 77 + 2;  // block = index / 4 needs more than 32 bits
    std::uint64_t const block = index / 4;
    auto const words =
        philox4x32({static_cast<std::uint32_t>(block), 9, 11, 2u | static_cast<std::uint32_t>(block >> 32) << 8}, {0x89ABCDEF, 0x01234567});
    EXPECT_EQ(bits(seed, Purpose::glauber, 9, 11, index), words[2]);
    EXPECT_EQ(draw_block(seed, Purpose::glauber, 9, 11, block).word[2], words[2]);
}

TEST(Draws, DependOnEveryArgument) {
    std::set<std::uint32_t> values;
    values.insert(bits(1, Purpose::user, 2, 3, 4));
    values.insert(bits(2, Purpose::user, 2, 3, 4));
    values.insert(bits(1 + (std::uint64_t{1} << 32), Purpose::user, 2, 3, 4));
    values.insert(bits(1, Purpose::pattern, 2, 3, 4));
    values.insert(bits(1, Purpose::user, 3, 3, 4));
    values.insert(bits(1, Purpose::user, 2, 4, 4));
    values.insert(bits(1, Purpose::user, 2, 3, 5));
    values.insert(bits(1, Purpose::user, 2, 3, 8));
    values.insert(bits(1, Purpose::user, 2, 3, 4 + (std::uint64_t{1} << 34)));
    EXPECT_EQ(values.size(), 9u);
}

TEST(Draws, UniformIsTheWordOver2To32) {
    for (std::uint64_t index = 0; index < 100; ++index)
        EXPECT_EQ(uniform(7, Purpose::corruption, 1, 2, index), std::ldexp(bits(7, Purpose::corruption, 1, 2, index), -32));
}

// Mean of n uniforms: standard error 1 / sqrt(12 n). Fixed seed; 5 sigma.
TEST(Draws, UniformHasMeanOneHalf) {
    constexpr int n = 100000;
    double sum = 0;
    for (int index = 0; index < n; ++index) sum += uniform(3, Purpose::user, 0, 0, static_cast<std::uint64_t>(index));
    EXPECT_NEAR(sum / n, 0.5, 5 / std::sqrt(12.0 * n));
}

}  // namespace
}  // namespace ca3::random
