// How batches are made: every instruction set gives the bits of the scalar definitions, however rows are divided; and those definitions
// against what they stand for.
#include "autoencoder/batch.hpp"
#include "support/poison.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <string>

namespace ca3::autoencoder {
namespace {

constexpr std::int64_t odd_widths[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 784, 785, 2047, 2049};

/// A data set, both as bytes and as floats.
struct Set {
    Set(std::int64_t n, std::int64_t d) : count(n), width(d) {
        test::Random random(17);
        for (std::int64_t i = 0; i < n * d; ++i) {
            bytes.push_back(static_cast<std::uint8_t>(random.between(0, 255)));
            floats.push_back(static_cast<float>(random.normal()));
        }
        bytes.push_back(0);  // so that data() is a pointer where there are no values
        floats.push_back(0.0f);
    }
    [[nodiscard]] Samples as_bytes() const { return MatrixView<std::uint8_t const>(bytes.data(), count, width); }
    [[nodiscard]] Samples as_floats() const { return MatrixView<float const>(floats.data(), count, width); }

    std::int64_t count;
    std::int64_t width;
    std::vector<std::uint8_t> bytes;
    std::vector<float> floats;
};

/// Every kind of corruption that fits the width, alone and all together.
std::vector<std::vector<Corruption>> corruption_lists(std::int64_t width) {
    std::int64_t const image_width = width % 28 == 0 && width > 0 ? 28 : std::max<std::int64_t>(width, 1);
    std::int64_t const height = width / image_width;
    std::vector<Corruption> const all{
        GaussianNoise{0.5},
        SaltAndPepper{0.3},
        BitFlips{0.2},
        OccludedRectangle{(height + 1) / 2, (image_width + 1) / 2 * height / std::max<std::int64_t>(height, 1), -1, -1, 0.25, image_width},
        Rotation{50.0, false, image_width},
        PixelPermutation{3},
        SaltAndPepper{1.0},
        BitFlips{1.0}};
    std::vector<std::vector<Corruption>> lists{{}, all};
    for (auto const& c : all) lists.push_back({c});
    return lists;
}

bool same_floats(std::vector<float> const& a, std::vector<float> const& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

std::vector<float> made(BatchMaker const& maker, std::int64_t begin, std::int64_t first, std::int64_t rows, std::int64_t number,
                        std::int64_t width) {
    std::vector<float> out(static_cast<std::size_t>(rows * width));
    maker.make(begin, first, rows, number, 5, out.data(), width);
    return out;
}

// ---- the rows --------------------------------------------------------------------------------------------------------------------------

TEST(CleanBatch, OfBytesIsTheQuotientRoundedOnce) {
    std::vector<std::uint8_t> bytes(256);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    Data data;
    data.inputs = MatrixView<std::uint8_t const>(bytes.data(), 1, 256);
    for (auto const set : supported_instruction_sets()) {
        std::vector<float> out(256);
        BatchMaker(data, 256, set).clean(0, 0, 1, out.data(), 256);
        for (int i = 0; i < 256; ++i)
            EXPECT_EQ(out[static_cast<std::size_t>(i)], static_cast<float>(i / 255.0)) << to_string(set) << ' ' << i;
    }
}

TEST(CleanBatch, HoldsTheRowsThatTheListNames) {
    Set const set(10, 19);
    std::vector<std::int64_t> const rows{3, 9, 0, 3, 7, 1, 8};
    for (auto const instructions : supported_instruction_sets())
        for (bool const as_bytes : {true, false}) {
            Data data;
            data.inputs = as_bytes ? set.as_bytes() : set.as_floats();
            data.rows = rows;
            test::Guarded<float> const out(Context::reference(), 4, 19);
            BatchMaker(data, 19, instructions).clean(2, 1, 4, out.view().data, out.view().stride);
            EXPECT_TRUE(out.guards_intact());
            auto const values = out.values();
            for (std::int64_t r = 0; r < 4; ++r)
                for (std::int64_t j = 0; j < 19; ++j) {
                    auto const at = static_cast<std::size_t>(rows[static_cast<std::size_t>(3 + r)] * 19 + j);
                    EXPECT_EQ(values[static_cast<std::size_t>(r * 19 + j)],
                              as_bytes ? static_cast<float>(set.bytes[at]) / 255.0f : set.floats[at]);
                }
        }
}

TEST(CleanBatch, ReadsStridedSamples) {
    Set const set(6, 20);
    Data data;
    data.inputs = MatrixView<std::uint8_t const>(set.bytes.data() + 2, 6, 17, 20);
    auto const out = made(BatchMaker(data, 17, InstructionSet::portable), 1, 0, 5, 0, 17);
    for (std::size_t r = 0; r < 5; ++r)
        for (std::size_t j = 0; j < 17; ++j) EXPECT_EQ(out[r * 17 + j], static_cast<float>(set.bytes[(r + 1) * 20 + 2 + j]) / 255.0f);
}

TEST(Targets, AreTheCleanInputsUnlessGiven) {
    Set const set(8, 21), other(8, 5);
    std::vector<std::int64_t> const rows{7, 6, 5, 4};
    Data data;
    data.inputs = set.as_bytes();
    data.rows = rows;
    data.corruptions = {BitFlips{1.0}};
    std::vector<float> targets(3 * 21), clean(3 * 21);
    BatchMaker const maker(data, 21, InstructionSet::portable);
    maker.targets(0, 1, 3, targets.data(), 21);
    maker.clean(0, 1, 3, clean.data(), 21);
    EXPECT_TRUE(same_floats(targets, clean));
    data.targets = Targets(other.as_floats());
    std::vector<float> given(3 * 5);
    BatchMaker(data, 21, InstructionSet::portable).targets(0, 1, 3, given.data(), 5);
    for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t j = 0; j < 5; ++j) EXPECT_EQ(given[r * 5 + j], other.floats[static_cast<std::size_t>(rows[1 + r] * 5) + j]);
}

TEST(Batch, SaysWhetherItCorrupts) {
    Set const set(1, 4);
    Data data;
    data.inputs = set.as_bytes();
    EXPECT_FALSE(BatchMaker(data, 4, InstructionSet::portable).corrupts());
    data.corruptions = {GaussianNoise{0.0}, BitFlips{0.0}};
    EXPECT_FALSE(BatchMaker(data, 4, InstructionSet::portable).corrupts());
    data.corruptions.push_back(PixelPermutation{1});
    EXPECT_TRUE(BatchMaker(data, 4, InstructionSet::portable).corrupts());
}

// ---- one result, however it is made -----------------------------------------------------------------------------------------------------

TEST(Batch, HasTheSameBitsOnEveryInstructionSet) {
    for (std::int64_t const width : odd_widths) {
        Set const set(9, width);
        for (auto const& list : corruption_lists(width)) {
            if (width == 0 && !list.empty()) continue;  // images of no pixels are refused
            for (bool const as_bytes : {true, false}) {
                Data data;
                data.inputs = as_bytes ? set.as_bytes() : set.as_floats();
                data.corruptions = list;
                data.seed = 0x0123456789ABCDEF;
                auto const expected = made(BatchMaker(data, width, InstructionSet::portable), 2, 1, 6, 3, width);
                for (auto const instructions : supported_instruction_sets()) {
                    BatchMaker const maker(data, width, instructions);
                    EXPECT_TRUE(same_floats(expected, made(maker, 2, 1, 6, 3, width)))
                        << to_string(instructions) << ", width " << width << ", " << list.size() << " corruptions, the first of kind "
                        << (list.empty() ? -1 : static_cast<int>(list[0].index()));
                    test::Guarded<float> const out(Context::reference(), 6, width);
                    maker.make(2, 1, 6, 3, 5, out.view().data, out.view().stride);
                    EXPECT_TRUE(out.guards_intact());
                    EXPECT_TRUE(same_floats(expected, out.values())) << "with a stride";
                }
            }
        }
    }
}

TEST(Batch, HasTheSameBitsHoweverItsRowsAreDivided) {
    for (std::int64_t const width : {17, 784}) {
        Set const set(40, width);
        for (auto const& list : corruption_lists(width)) {
            Data data;
            data.inputs = set.as_bytes();
            data.corruptions = list;
            for (auto const instructions : supported_instruction_sets()) {
                BatchMaker const maker(data, width, instructions);
                auto const whole = made(maker, 3, 0, 37, 100, width);
                for (std::int64_t const step : {1, 5, 36}) {
                    std::vector<float> parts;
                    for (std::int64_t r = 0; r < 37; r += step) {
                        auto const part = made(maker, 3, r, std::min(step, 37 - r), 100 + r, width);
                        parts.insert(parts.end(), part.begin(), part.end());
                    }
                    EXPECT_TRUE(same_floats(whole, parts)) << to_string(instructions) << ' ' << width << ' ' << step;
                }
            }
        }
    }
}

// The number of a block of four draws passes 2^32 between these rows.
TEST(Batch, HasTheSameBitsFarOutInTheStream) {
    constexpr std::int64_t width = 784;
    Set const set(8, width);
    Data data;
    data.inputs = set.as_floats();
    data.corruptions = {GaussianNoise{1.0}};
    std::int64_t const number = (std::int64_t{1} << 34) / width - 3;
    auto const expected = made(BatchMaker(data, width, InstructionSet::portable), 0, 0, 8, number, width);
    for (auto const instructions : supported_instruction_sets()) {
        EXPECT_TRUE(same_floats(expected, made(BatchMaker(data, width, instructions), 0, 0, 8, number, width))) << to_string(instructions);
    }
    auto const near = made(BatchMaker(data, width, InstructionSet::portable), 0, 0, 8, 0, width);
    EXPECT_FALSE(same_floats(expected, near));
}

TEST(Batch, TakesDrawsOfThePurposeAsked) {
    Set const set(3, 50);
    Data data;
    data.inputs = set.as_floats();
    data.corruptions = {GaussianNoise{1.0}};
    auto const training = made(BatchMaker(data, 50, InstructionSet::portable), 0, 0, 3, 0, 50);
    data.noise = random::Purpose::test_noise;
    auto const test = made(BatchMaker(data, 50, InstructionSet::portable), 0, 0, 3, 0, 50);
    for (std::size_t i = 0; i < training.size(); ++i) EXPECT_NE(training[i], test[i]);
}

TEST(Corrupt, IsWhatATrainingStepDoes) {
    Set const set(12, 784);
    Data data;
    data.inputs = set.as_floats();
    data.seed = 99;
    data.corruptions = corruption_lists(784)[1];
    auto const expected = made(BatchMaker(data, 784, InstructionSet::portable), 0, 0, 12, 0, 784);
    std::vector<float> x(set.floats.begin(), set.floats.end() - 1);
    corrupt(data.corruptions, 99, 5, {x.data(), 12, 784});
    EXPECT_TRUE(same_floats(expected, x));
}

// ---- the definitions that all backends share --------------------------------------------------------------------------------------------

// Against Wichura's AS 241 in f64 (relative error below 1e-15). |x| = (1 - y) q(w). 1 - y has one rounding: 0.6e-7. w has an absolute
// error below 2.4e-7 (its own, and two roundings of its argument), of which q takes d ln q / dw, largest at w = 0 with pi / 12: 0.7e-7. The
// polynomials err by 1.4e-7; their last two fma and the product round by 0.6e-7 each. In all 4.5e-7.
TEST(NormalFloat, IsTheQuantile) {
    double worst = 0.0;
    auto const check = [&](std::uint32_t u) {
        double const expected = normal_quantile(u), found = normal_float(u);
        ASSERT_TRUE(std::isfinite(found)) << u;
        worst = std::max(worst, std::abs(found / expected - 1.0));
    };
    for (std::uint64_t u = 0; u < (std::uint64_t{1} << 32); u += 20011) check(static_cast<std::uint32_t>(u));
    for (std::uint32_t k = 0; k < 20000; ++k)
        for (std::uint32_t const u : {k, 0x7FFFFFFFu - k, 0x80000000u + k, 0xFFFFFFFFu - k}) check(u);
    EXPECT_LT(worst, 4.5e-7);
}

TEST(NormalFloat, IsOdd) {
    for (std::uint64_t u = 0; u < (std::uint64_t{1} << 31); u += 10007) {
        auto const draw = static_cast<std::uint32_t>(u);
        ASSERT_EQ(normal_float(draw), -normal_float(~draw)) << u;
    }
    EXPECT_LT(normal_float(0x7FFFFFFFu), 0.0f);
    EXPECT_GT(normal_float(0x80000000u), 0.0f);
}

// Phi(-x) = 2^-33: x = 6.3379..., by bisection of erfc; and the smallest, sqrt(2 pi) 2^-33.
TEST(NormalFloat, EndsWhereTheDrawsEnd) {
    double low = 6.0, high = 7.0;
    for (int i = 0; i < 60; ++i) {
        double const middle = (low + high) / 2;
        (0.5 * std::erfc(middle / std::sqrt(2.0)) > 0x1p-33 ? low : high) = middle;
    }
    EXPECT_NEAR(normal_float(0xFFFFFFFFu) / low, 1.0, 4.5e-7);
    EXPECT_NEAR(normal_float(0x80000000u) / (std::sqrt(2 * std::acos(-1.0)) * 0x1p-33), 1.0, 4.5e-7);
}

TEST(Turn, OfMultiplesOf90DegreesIsExact) {
    for (int k = -9; k <= 9; ++k) {
        Turn const turn = turn_of(90.0 * k);
        int const quarter = ((k % 4) + 4) % 4;
        EXPECT_EQ(turn.cosine, (std::vector<float>{1, 0, -1, 0})[static_cast<std::size_t>(quarter)]) << k;
        EXPECT_EQ(turn.sine, (std::vector<float>{0, 1, 0, -1})[static_cast<std::size_t>(quarter)]) << k;
    }
}

// Rounded from f64: half a unit in the last place of f32, 2^-25 for values below 1, and what f64 adds.
TEST(Turn, IsCosineAndSine) {
    for (int k = -2000; k <= 2000; ++k) {
        double const degrees = 0.37 * k;
        double const angle = degrees * std::acos(-1.0) / 180.0;
        EXPECT_NEAR(turn_of(degrees).cosine, std::cos(angle), 0x1p-25 + 1e-13) << degrees;
        EXPECT_NEAR(turn_of(degrees).sine, std::sin(angle), 0x1p-25 + 1e-13) << degrees;
    }
}

TEST(Angle, IsSymmetricAboutTheMiddleOfTheDraws) {
    EXPECT_EQ(angle_of(0, 30.0), -30.0 * (1.0 - 0x1p-32));
    EXPECT_EQ(angle_of(0xFFFFFFFFu, 30.0), 30.0 * (1.0 - 0x1p-32));
    EXPECT_EQ(angle_of(0x80000000u, 64.0), 0x1p-26);
    for (std::uint32_t const u : {5u, 12345678u, 0x7FFFFFFFu}) EXPECT_EQ(angle_of(u, 64.0), -angle_of(~u, 64.0));
}

TEST(Place, IsOneOfCount) {
    EXPECT_EQ(place_of(0, 15), 0);
    EXPECT_EQ(place_of(0xFFFFFFFFu, 15), 14);
    EXPECT_EQ(place_of(0x80000000u, 15), 7);
    EXPECT_EQ(place_of(0xFFFFFFFFu, 1), 0);
}

}  // namespace
}  // namespace ca3::autoencoder
