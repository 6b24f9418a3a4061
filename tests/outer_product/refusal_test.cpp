// What outer_product::accumulate refuses, it refuses with a typed error that names the argument, and before the weights are touched.
#include "outer_product/oracle.hpp"
#include "support/backends.hpp"
#include "support/compare.hpp"

#include <ca3/error.hpp>

#include <gtest/gtest.h>

namespace ca3::test {
namespace {

using outer_product::AccumulateOptions;
using outer_product::Diagonal;
using outer_product::Operation;
using testing::Test;

class Refusal : public OnEveryBackend {};

void expect_text(std::string const& message, std::string const& part) {
    EXPECT_NE(message.find(part), std::string::npos) << "\"" << message << "\" does not say \"" << part << "\"";
}

TEST_P(Refusal, AnEntryThatIsNoSignIsNamedAndNothingIsWritten) {
    std::int64_t const p = 67, d = 70;
    for (int const value : {0, 2, -2, 3, 127, -128}) {
        for (auto const& [row, column] : std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 0}, {66, 69}, {31, 64}, {64, 63}}) {
            auto patterns = random_patterns(p, d, 1);
            patterns[static_cast<std::size_t>(row * d + column)] = static_cast<std::int8_t>(value);
            Accumulation<std::int16_t> sum(context(), patterns, p, d);
            auto const message = message_of<InvalidArgument>([&] { sum.run({}); });
            expect_text(message, "patterns(" + std::to_string(row) + ", " + std::to_string(column) + ")");
            expect_text(message, "is " + std::to_string(value));
            EXPECT_TRUE(sum.weights.untouched());
        }
    }
}

TEST_P(Refusal, TheFirstOfSeveralStrangeEntriesIsNamed) {
    std::int64_t const p = 300, d = 130;
    auto patterns = random_patterns(p, d, 1);
    for (std::int64_t const k : {131 * d + 4, 131 * d + 90, 132 * d, 140 * d + 4, 299 * d + 129}) patterns[static_cast<std::size_t>(k)] = 0;
    Accumulation<std::int32_t> sum(context(), patterns, p, d);
    expect_text(message_of<InvalidArgument>([&] { sum.run({}); }), "patterns(131, 4)");
}

TEST_P(Refusal, WeightsOfAnotherShape) {
    auto const patterns = random_patterns(3, 10, 1);
    Guarded<std::int8_t> const x(context(), patterns, 3, 10);
    Guarded<std::int16_t> const w(context(), 10, 11);
    auto const message = message_of<InvalidArgument>([&] { outer_product::accumulate(context(), {}, x.const_view(), w.view()); });
    expect_text(message, "weights must be (10 x 10), is (10 x 11)");
    EXPECT_TRUE(w.untouched());
}

TEST_P(Refusal, MalformedViews) {
    std::int8_t x = 1;
    std::int16_t w = 0;
    auto const run = [&](MatrixView<std::int8_t const> patterns, MatrixView<std::int16_t> weights) {
        return message_of<InvalidArgument>([&] { outer_product::accumulate(context(), {}, patterns, weights); });
    };
    expect_text(run({&x, -1, 1}, {&w, 1, 1}), "patterns has a negative shape");
    expect_text(run({&x, 2, 4, 3}, {&w, 4, 4}), "patterns has stride 3");
    expect_text(run({nullptr, 1, 1}, {&w, 1, 1}), "patterns (1 x 1) has no memory");
    expect_text(run({&x, 1, 1}, {nullptr, 1, 1}), "weights (1 x 1) has no memory");
}

TEST_P(Refusal, MorePatternsThanTheTypeHolds) {
    auto const run = [&]<class T>(T, std::int64_t stored, std::int64_t p) {
        auto const patterns = random_patterns(p, 3, 1);
        Accumulation<T> sum(context(), patterns, p, 3);
        auto const message = message_of<Overflow>([&] { sum.run({.stored = stored}); });
        expect_text(message, "hold at most " + std::to_string(std::numeric_limits<T>::max()) + " patterns");
        EXPECT_TRUE(sum.weights.untouched());
    };
    run(std::uint8_t{}, 0, 256);
    run(std::uint8_t{}, 255, 1);
    run(std::uint8_t{}, 256, 0);
    run(std::uint8_t{}, std::numeric_limits<std::int64_t>::max(), 1);
    run(std::int16_t{}, 32767, 1);
    run(std::int16_t{}, 1, 32767);
    run(std::int32_t{}, 2147483647, 1);
}

TEST_P(Refusal, TheLastPatternThatFitsIsTaken) {
    std::vector<std::int8_t> const pattern{1, -1, 1};
    auto const run = [&]<class T>(T most) {
        auto const count = static_cast<std::int64_t>(most) - 1;
        auto const content = [&](std::int64_t n) {
            auto const w = static_cast<std::int32_t>(n);
            return stored_as<T>({w, -w, w, -w, w, -w, w, -w, w}, 3, n);
        };
        Accumulation<T> sum(context(), pattern, 1, 3, content(count));
        sum.run({.stored = count});
        EXPECT_TRUE(same_values(content(count + 1), sum.weights.values()));
        sum.run({.operation = Operation::remove, .stored = count + 1});
        EXPECT_TRUE(same_values(content(count), sum.weights.values()));
    };
    run(std::uint8_t{255});
    run(std::int16_t{32767});
    run(std::int32_t{2147483647});
}

TEST_P(Refusal, StoredNegativeOrFewerThanRemoved) {
    auto const patterns = random_patterns(5, 8, 1);
    Accumulation<std::int16_t> sum(context(), patterns, 5, 8);
    expect_text(message_of<InvalidArgument>([&] { sum.run({.stored = -1}); }), "stored must not be negative, is -1");
    expect_text(message_of<InvalidArgument>([&] { sum.run({.operation = Operation::remove, .stored = 4}); }),
                "cannot remove 5 patterns from the 4 stored");
    EXPECT_TRUE(sum.weights.untouched());
}

// Entry (i, j) of pattern p alone is p_i p_j; a stranger that differs from all the others in some pair cannot have been among them.
TEST_P(Refusal, RemovingAStrangerLeavesTheWeightsAsTheyWere) {
    std::int64_t const d = 131;
    auto const old = random_patterns(3, d, 1);
    auto const stranger = random_patterns(1, d, 2);
    for (Diagonal const diagonal : {Diagonal::zero, Diagonal::keep}) {
        auto const run = [&]<class T>(T) {
            auto const before = stored_as<T>(sum_of_products(old, 3, d), d, 3, diagonal);
            Accumulation<T> sum(context(), stranger, 1, d, before);
            auto const message =
                message_of<InvalidArgument>([&] { sum.run({.operation = Operation::remove, .diagonal = diagonal, .stored = 3}); });
            expect_text(message, "to remove are not among them");
            EXPECT_TRUE(same_values(before, sum.weights.values()));
            EXPECT_TRUE(sum.weights.guards_intact());
        };
        run(std::uint8_t{});
        run(std::int16_t{});
        run(std::int32_t{});
    }
}

/// `value` at one place of otherwise sound weights of 4 patterns, then one more is added.
template <class T>
void expect_refused(Context const& context, std::int64_t row, std::int64_t column, T value) {
    std::int64_t const d = 70;
    auto before = stored_as<T>(sum_of_products(random_patterns(4, d, 1), 4, d), d, 4);
    before[static_cast<std::size_t>(row * d + column)] = value;
    Accumulation<T> sum(context, random_patterns(1, d, 2), 1, d, before);
    expect_text(message_of<InvalidArgument>([&] { sum.run({.stored = 4}); }), "weights hold an entry that no sum of 4 patterns");
    EXPECT_TRUE(same_values(before, sum.weights.values())) << row << ' ' << column << ' ' << +value;
}

TEST_P(Refusal, WeightsThatAreNoSumOfSoManyPatternsStayAsTheyWere) {
    for (auto const& [row, column] : std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 1}, {1, 0}, {69, 68}, {5, 69}, {69, 5}}) {
        expect_refused<std::uint8_t>(context(), row, column, 5);
        expect_refused<std::uint8_t>(context(), row, column, 255);
        for (int const value : {1, -1, 6, -6, 32767, -32768}) expect_refused(context(), row, column, static_cast<std::int16_t>(value));
        for (int const value : {3, 6, 2147483647, -2147483647 - 1}) expect_refused<std::int32_t>(context(), row, column, value);
    }
}

CA3_ON_EVERY_BACKEND(Refusal);

}  // namespace
}  // namespace ca3::test
