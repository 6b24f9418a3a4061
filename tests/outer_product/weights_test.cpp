// outer_product::Weights: storage that widens, exact addition and removal, the textbook matrix.
#include "core/int128.hpp"
#include "outer_product/centred.hpp"
#include "outer_product/oracle.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <ca3/error.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace ca3::test {
namespace {

using outer_product::Diagonal;
using outer_product::ReadOptions;
using outer_product::Storage;
using outer_product::Weights;

class WeightsModel : public OnEveryBackend {};

std::vector<std::int32_t> integers(Weights const& weights, ReadOptions const& options = {}) {
    auto const d = weights.neurons();
    std::vector<std::int32_t> result(static_cast<std::size_t>(d * d), -77);
    weights.read(options, MatrixView<std::int32_t>(result.data(), d, d));
    return result;
}

std::vector<float> reals(Weights const& weights, ReadOptions const& options) {
    auto const d = weights.neurons();
    std::vector<float> result(static_cast<std::size_t>(d * d), -77.0F);
    weights.read(options, MatrixView<float>(result.data(), d, d));
    return result;
}

/// `count` times the same pattern.
std::vector<std::int8_t> repeated(std::vector<std::int8_t> const& pattern, std::int64_t count) {
    std::vector<std::int8_t> result;
    result.reserve(pattern.size() * static_cast<std::size_t>(count));
    for (std::int64_t k = 0; k < count; ++k) result.insert(result.end(), pattern.begin(), pattern.end());
    return result;
}

TEST_P(WeightsModel, HoldsNothingAtFirst) {
    Weights const weights(context(), 33);
    EXPECT_EQ(weights.neurons(), 33);
    EXPECT_EQ(weights.patterns(), 0);
    EXPECT_EQ(weights.storage(), Storage::u8);
    EXPECT_EQ(weights.mean(), 0.0);
    EXPECT_EQ(integers(weights, {.diagonal = Diagonal::keep}), std::vector<std::int32_t>(33 * 33));
    EXPECT_EQ(reals(weights, {.centre = true, .diagonal = Diagonal::keep}), std::vector<float>(33 * 33));
}

TEST_P(WeightsModel, PatternsAddedInPartsSumToTheDefinition) {
    std::int64_t const d = 65;
    auto const patterns = random_patterns(20, d, 1);
    for (Storage const storage : {Storage::automatic, Storage::u8, Storage::i16, Storage::i32}) {
        Weights weights(context(), d, storage);
        weights.add({patterns.data(), 7, d});
        weights.add({patterns.data() + 7 * d, 0, d});
        weights.add({patterns.data() + 7 * d, 13, d});
        EXPECT_EQ(weights.patterns(), 20);
        EXPECT_EQ(weights.storage(), storage == Storage::automatic ? Storage::u8 : storage);
        EXPECT_TRUE(same_values(stored_as<std::int32_t>(sum_of_products(patterns, 20, d), d, 20), integers(weights)));
        EXPECT_TRUE(same_values(sum_of_products(patterns, 20, d), integers(weights, {.diagonal = Diagonal::keep})));
    }
}

TEST_P(WeightsModel, RowsMayBeApart) {
    std::int64_t const d = 40;
    auto const patterns = random_patterns(6, d + 9, 1);
    std::vector<std::int8_t> packed;
    for (std::int64_t mu = 0; mu < 6; ++mu)
        packed.insert(packed.end(), patterns.begin() + mu * (d + 9), patterns.begin() + mu * (d + 9) + d);
    Weights weights(context(), d);
    weights.add({patterns.data(), 6, d, d + 9});
    EXPECT_TRUE(same_values(stored_as<std::int32_t>(sum_of_products(packed, 6, d), d, 6), integers(weights)));
    Guarded<std::int32_t> const out(Context::reference(), d, d, 5);
    weights.read({}, out.view());
    EXPECT_TRUE(same_values(integers(weights), out.values()));
    EXPECT_TRUE(out.guards_intact());
}

TEST_P(WeightsModel, StorageWidensWithTheNumberOfPatterns) {
    std::int64_t const d = 9;
    std::vector<std::int8_t> const pattern{1, -1, 1, 1, -1, 1, -1, -1, 1};
    auto const one = sum_of_products(pattern, 1, d);
    auto const times = [&](std::int64_t n) {
        auto result = one;
        for (auto& w : result) w *= static_cast<std::int32_t>(n);
        return result;
    };
    ReadOptions const kept{.diagonal = Diagonal::keep};
    Weights weights(context(), d);
    auto const add = [&](std::int64_t n) { weights.add({repeated(pattern, n).data(), n, d}); };

    add(255);
    EXPECT_EQ(weights.storage(), Storage::u8);
    EXPECT_TRUE(same_values(times(255), integers(weights, kept)));
    add(1);
    EXPECT_EQ(weights.storage(), Storage::i16);
    EXPECT_TRUE(same_values(times(256), integers(weights, kept)));
    add(32767 - 256);
    EXPECT_EQ(weights.storage(), Storage::i16);
    EXPECT_TRUE(same_values(times(32767), integers(weights, kept)));
    add(1);
    EXPECT_EQ(weights.storage(), Storage::i32);
    EXPECT_TRUE(same_values(times(32768), integers(weights, kept)));
    weights.remove({repeated(pattern, 32760).data(), 32760, d});
    EXPECT_EQ(weights.patterns(), 8);
    EXPECT_TRUE(same_values(times(8), integers(weights, kept)));
}

TEST_P(WeightsModel, OneCallMayWidenFromU8ToI32) {
    std::vector<std::int8_t> const pattern{1, -1, 1};
    Weights weights(context(), 3);
    weights.add({pattern.data(), 1, 3});
    weights.add({repeated(pattern, 40000).data(), 40000, 3});
    EXPECT_EQ(weights.storage(), Storage::i32);
    EXPECT_EQ(integers(weights), (std::vector<std::int32_t>{0, -40001, 40001, -40001, 0, -40001, 40001, -40001, 0}));
}

TEST_P(WeightsModel, RemovingUndoesAdding) {
    std::int64_t const d = 70;
    auto const first = random_patterns(200, d, 1);
    auto const second = random_patterns(300, d, 2);
    Weights weights(context(), d);
    weights.add({first.data(), 200, d});
    auto const before = integers(weights);
    auto const mean = weights.mean();
    weights.add({second.data(), 300, d});
    weights.remove({second.data(), 300, d});
    EXPECT_TRUE(same_values(before, integers(weights)));
    EXPECT_EQ(weights.mean(), mean);
    weights.remove({first.data(), 200, d});
    EXPECT_EQ(weights.patterns(), 0);
    EXPECT_EQ(integers(weights, {.diagonal = Diagonal::keep}), std::vector<std::int32_t>(70 * 70));
    weights.add({first.data(), 200, d});
    EXPECT_TRUE(same_values(before, integers(weights)));
}

TEST_P(WeightsModel, ScaleGivesTheTextbookForms) {
    std::int64_t const d = 50, p = 11;
    auto const patterns = random_patterns(p, d, 3);
    Weights weights(context(), d);
    weights.add({patterns.data(), p, d});
    auto const exact = sum_of_products(patterns, p, d);
    for (double const scale : {1.0, 1.0 / p, 1.0 / d, -3e-40}) {
        auto const read = reals(weights, {.scale = scale, .diagonal = Diagonal::keep});
        for (std::size_t k = 0; k < read.size(); ++k) ASSERT_EQ(read[k], static_cast<float>(exact[k] * scale)) << k;
    }
}

TEST_P(WeightsModel, MeanIsThatOfAllElements) {
    auto const patterns = random_patterns(17, 23, 4);
    Weights weights(context(), 23);
    weights.add({patterns.data(), 17, 23});
    int total = 0;
    for (auto const x : patterns) total += x;
    EXPECT_EQ(weights.mean(), total / (17.0 * 23.0));
}

/// Both sums in long double, 64 bits of mantissa on x86; the terms are at most 4 in absolute value, so that the loop's error is below
/// P 2^-60, and the entry read has a relative error below 2^-24 + 2^-50.
void expect_centred(std::vector<float> const& read, std::vector<std::int8_t> const& patterns, std::int64_t p, std::int64_t d) {
    long double theta = 0;
    for (auto const x : patterns) theta += x;
    theta /= static_cast<long double>(p * d);
    for (std::int64_t i = 0; i < d; ++i) {
        for (std::int64_t j = 0; j < d; ++j) {
            long double sum = 0;
            for (std::int64_t mu = 0; mu < p; ++mu)
                sum += (patterns[static_cast<std::size_t>(mu * d + i)] - theta) * (patterns[static_cast<std::size_t>(mu * d + j)] - theta);
            auto const value = static_cast<double>(sum);
            ASSERT_NEAR(read[static_cast<std::size_t>(i * d + j)], value,
                        std::abs(value) * 0x1.00001p-24 + static_cast<double>(p) * 0x1p-48)
                << i << ' ' << j;
        }
    }
}

TEST_P(WeightsModel, CentringSubtractsTheMeanFromEveryElement) {
    std::int64_t const d = 37, p = 29;
    auto patterns = random_patterns(p, d, 5);
    for (std::size_t k = 0; k < patterns.size(); k += 3) patterns[k] = -1;  // a mean far from 0
    Weights weights(context(), d);
    weights.add({patterns.data(), p, d});
    expect_centred(reals(weights, {.centre = true, .diagonal = Diagonal::keep}), patterns, p, d);
    auto const zeroed = reals(weights, {.centre = true});
    for (std::size_t i = 0; i < static_cast<std::size_t>(d); ++i) EXPECT_EQ(zeroed[i * static_cast<std::size_t>(d) + i], 0.0F);
}

TEST_P(WeightsModel, IdenticalElementsCentreToNothing) {
    std::vector<std::int8_t> const ones(21 * 13, 1);
    Weights weights(context(), 13);
    weights.add({ones.data(), 21, 13});
    EXPECT_EQ(weights.mean(), 1.0);
    EXPECT_EQ(reals(weights, {.centre = true, .diagonal = Diagonal::keep}), std::vector<float>(13 * 13));
}

// Past 2^62 the fraction is made of 128-bit integers. theta = 1/2, so that an entry is w - (s_i + s_j) / 2 + P / 4.
TEST(Centring, IsExactForVeryManyPatternsAndNeurons) {
    std::int64_t const p = std::int64_t{1} << 30, d = std::int64_t{1} << 31;
    outer_product::Centred<int128> const centred{p, d, p * d / 2};
    EXPECT_EQ(centred(5, 6), 2.0 + 0x1p28);
    EXPECT_EQ(centred(-p, -2 * p), static_cast<double>(p / 4));
    EXPECT_EQ(centred(-p / 4 + 7, 0), 7.0);
}

TEST(Centring, IdenticalElementsCancelExactly) {
    std::int64_t const p = (std::int64_t{1} << 31) - 1, d = (std::int64_t{1} << 31) - 1;
    EXPECT_EQ((outer_product::Centred<int128>{p, d, p * d}(p, 2 * p)), 0.0);
    EXPECT_EQ((outer_product::Centred<int128>{p, d, -p * d}(p, -2 * p)), 0.0);
    EXPECT_EQ((outer_product::Centred<std::int64_t>{77, 1001, 77 * 1001}(77, 2 * 77)), 0.0);
}

TEST(Centring, IsTheSameIn64And128Bits) {
    Random random(11);
    for (int k = 0; k < 1000; ++k) {
        std::int64_t const p = random.between(1, 1 << 15), d = random.between(1, (1 << 15) - 1);
        std::int64_t const total = random.between(-p * d, p * d), w = random.between(-p, p), sums = random.between(-2 * p, 2 * p);
        EXPECT_EQ((outer_product::Centred<std::int64_t>{p, d, total}(w, sums)), (outer_product::Centred<int128>{p, d, total}(w, sums)));
    }
}

TEST_P(WeightsModel, FixedStorageThatIsTooNarrowThrowsAndKeepsWhatItHas) {
    auto const patterns = random_patterns(256, 12, 6);
    Weights weights(context(), 12, Storage::u8);
    weights.add({patterns.data(), 250, 12});
    auto const before = integers(weights);
    auto const message = message_of<Overflow>([&] { weights.add({patterns.data(), 6, 12}); });
    EXPECT_NE(message.find("at most 255 patterns, not 256"), std::string::npos) << message;
    EXPECT_EQ(weights.patterns(), 250);
    EXPECT_TRUE(same_values(before, integers(weights)));
    weights.add({patterns.data(), 5, 12});
    EXPECT_EQ(weights.patterns(), 255);
}

TEST_P(WeightsModel, RefusalsLeaveItAsItWas) {
    std::int64_t const d = 66;
    auto const patterns = random_patterns(8, d, 7);
    Weights weights(context(), d);
    weights.add({patterns.data(), 8, d});
    auto const before = integers(weights);
    auto const mean = weights.mean();

    auto strange = patterns;
    strange[3 * d + 65] = 0;
    EXPECT_NE(message_of<InvalidArgument>([&] { weights.add({strange.data(), 8, d}); }).find("patterns(3, 65)"), std::string::npos);
    EXPECT_NE(message_of<InvalidArgument>([&] { weights.remove({strange.data(), 8, d}); }).find("patterns(3, 65)"), std::string::npos);
    EXPECT_THROW(weights.add({patterns.data(), 8, d - 1}), InvalidArgument);
    EXPECT_THROW(weights.add({nullptr, 8, d}), InvalidArgument);
    auto const nine = random_patterns(9, d, 7);
    EXPECT_THROW(weights.remove({nine.data(), 9, d}), InvalidArgument);
    auto const strangers = random_patterns(7, d, 8);
    EXPECT_THROW(weights.remove({strangers.data(), 7, d}), InvalidArgument);

    EXPECT_EQ(weights.patterns(), 8);
    EXPECT_EQ(weights.mean(), mean);
    EXPECT_TRUE(same_values(before, integers(weights)));
}

TEST_P(WeightsModel, ReadingRefusesWhatHasNoMeaning) {
    Weights const weights(context(), 4);
    std::vector<float> real(16);
    std::vector<std::int32_t> whole(16);
    MatrixView<float> const out(real.data(), 4, 4);
    MatrixView<std::int32_t> const integer_out(whole.data(), 4, 4);
    EXPECT_THROW(weights.read({.scale = std::numeric_limits<double>::quiet_NaN()}, out), InvalidArgument);
    EXPECT_THROW(weights.read({.scale = std::numeric_limits<double>::infinity()}, out), InvalidArgument);
    EXPECT_THROW(weights.read({}, MatrixView<float>(real.data(), 4, 3)), InvalidArgument);
    EXPECT_THROW(weights.read({}, MatrixView<float>(nullptr, 4, 4)), InvalidArgument);
    EXPECT_THROW(weights.read({.scale = 0.5}, integer_out), InvalidArgument);
    EXPECT_THROW(weights.read({.centre = true}, integer_out), InvalidArgument);
}

TEST_P(WeightsModel, NumberOfNeuronsMustBePositive) {
    EXPECT_THROW(Weights(context(), 0), InvalidArgument);
    EXPECT_THROW(Weights(context(), -5), InvalidArgument);
    EXPECT_THROW(Weights(context(), std::numeric_limits<std::int64_t>::max()), Overflow);
}

TEST_P(WeightsModel, MovesWithItsContent) {
    auto const patterns = random_patterns(5, 10, 9);
    Weights weights(context(), 10);
    weights.add({patterns.data(), 5, 10});
    auto const before = integers(weights);
    Weights moved(std::move(weights));
    EXPECT_EQ(moved.patterns(), 5);
    Weights assigned(context(), 3);
    assigned = std::move(moved);
    EXPECT_TRUE(same_values(before, integers(assigned)));
}

CA3_ON_EVERY_BACKEND(WeightsModel);

}  // namespace
}  // namespace ca3::test
