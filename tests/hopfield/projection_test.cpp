#include <ca3/hopfield.hpp>

#include "support/backends.hpp"
#include "support/compare.hpp"
#include "support/random_patterns.hpp"

#include <gtest/gtest.h>
#include <Eigen/Dense>

#include <algorithm>
#include <cmath>

// The pseudo-inverse (projection) rule W = X^T (X X^T + ridge I)^-1 X. Without ridge W projects on the span of the patterns.
namespace ca3::hopfield {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using test::view;

constexpr double tolerance = 1e-10;

Matrix to_eigen(std::vector<std::int8_t> const& values, std::int64_t rows, std::int64_t cols) {
    return Eigen::Map<Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> const>(values.data(), rows, cols)
        .cast<double>();
}

class Projection : public test::OnEveryBackend {
protected:
    [[nodiscard]] Memory memory(std::vector<std::int8_t> const& patterns, std::int64_t P, MemoryOptions options = {}) {
        options.rule = Rule::pseudo_inverse;
        Memory result(context(), options);
        report = result.store(view(patterns, P, static_cast<std::int64_t>(patterns.size()) / P));
        return result;
    }
    [[nodiscard]] static Matrix weights(Memory const& memory) {
        return Eigen::Map<Matrix const>(memory.weights().data(), memory.neurons(), memory.neurons());
    }
    StoreReport report;
};
CA3_ON_EVERY_BACKEND(Projection);

struct Size {
    std::int64_t d, P;
};
std::vector<Size> const sizes{{1, 1}, {2, 1}, {33, 7}, {64, 32}, {127, 100}, {100, 95}};

TEST_P(Projection, LeavesStoredPatternsAsTheyAre) {
    for (auto const [d, P] : sizes) {
        auto const patterns = test::random_patterns(P, d, static_cast<std::uint64_t>(d));
        Matrix const X = to_eigen(patterns, P, d), W = weights(memory(patterns, P, {.keep_diagonal = true}));
        EXPECT_LE((X * W - X).cwiseAbs().maxCoeff(), tolerance) << d << ' ' << P;
    }
}

TEST_P(Projection, IsIdempotentWithTraceP) {
    for (auto const [d, P] : sizes) {
        auto const patterns = test::random_patterns(P, d, static_cast<std::uint64_t>(d));
        Matrix const W = weights(memory(patterns, P, {.keep_diagonal = true}));
        EXPECT_EQ(report.rank, P);
        EXPECT_LE((W * W - W).cwiseAbs().maxCoeff(), tolerance) << d << ' ' << P;
        EXPECT_NEAR(W.trace(), static_cast<double>(P), tolerance * static_cast<double>(d)) << d << ' ' << P;
    }
}

TEST_P(Projection, IsSymmetricToTheLastBit) {
    for (bool const keep : {false, true}) {
        auto const m = memory(test::random_patterns(60, 77, 5), 60, {.keep_diagonal = keep, .ridge = keep ? 0.0 : 0.3});
        Matrix const W = weights(m);
        EXPECT_EQ(W, W.transpose());
        EXPECT_TRUE(m.symmetric());
        if (!keep) {
            EXPECT_EQ(W.diagonal().cwiseAbs().maxCoeff(), 0.0);
        }
    }
}

TEST_P(Projection, EveryWeightIsAMultipleOfTheResolution) {
    auto const m = memory(test::random_patterns(20, 50, 6), 20);
    for (double const w : m.weights()) EXPECT_EQ(w / m.resolution(), std::nearbyint(w / m.resolution()));
    EXPECT_GT(m.resolution(), 0);
    EXPECT_GT(m.field_bound(), 0);
    EXPECT_LT(m.field_bound(), tolerance);
}

// h_i x_i = 1 - W_ii without the diagonal (so all patterns stay fixed points below P = d), 1 with it.
TEST_P(Projection, FieldsOfStoredPatternsAreOneMinusTheSelfCoupling) {
    for (auto const [d, P] : sizes) {
        auto const patterns = test::random_patterns(P, d, static_cast<std::uint64_t>(d));
        auto const kept = memory(patterns, P, {.keep_diagonal = true}), zero = memory(patterns, P);
        Matrix const W = weights(kept);
        auto const with = kept.fields(view(patterns, P, d)), without = zero.fields(view(patterns, P, d));
        for (std::int64_t mu = 0; mu < P; ++mu)
            for (std::int64_t i = 0; i < d; ++i) {
                auto const k = static_cast<std::size_t>(mu * d + i);
                ASSERT_NEAR(with[k] * patterns[k], 1.0, tolerance);
                ASSERT_NEAR(without[k] * patterns[k], 1.0 - W(i, i), tolerance);
            }
    }
}

// With bit k flipped: at k 1 - 2 W_kk with the diagonal, 1 - W_kk without; elsewhere 2 W_ik x_i x_k less than before.
TEST_P(Projection, OneFlippedBitMovesTheFieldsByItsColumn) {
    std::int64_t const d = 63, P = 30;
    auto const patterns = test::random_patterns(P, d, 8);
    auto const kept = memory(patterns, P, {.keep_diagonal = true}), zero = memory(patterns, P);
    Matrix const W = weights(kept);
    for (std::int64_t k = 0; k < d; ++k) {
        auto state = std::vector<std::int8_t>(patterns.begin() + 3 * d, patterns.begin() + 4 * d);
        auto const x = state;
        auto const K = static_cast<std::size_t>(k);
        state[K] = static_cast<std::int8_t>(-state[K]);
        auto const with = kept.fields(view(state, 1, d)), without = zero.fields(view(state, 1, d));
        ASSERT_NEAR(with[K] * x[K], 1 - 2 * W(k, k), tolerance);
        ASSERT_NEAR(without[K] * x[K], 1 - W(k, k), tolerance);
        for (std::int64_t i = 0; i < d; ++i) {
            auto const I = static_cast<std::size_t>(i);
            if (i != k) {
                ASSERT_NEAR(without[I] * x[I], 1 - W(i, i) - 2 * W(i, k) * x[I] * x[K], tolerance);
            }
        }
        // Corrected at once with the diagonal exactly where W_kk < 1/2, without it always.
        auto const fixed = kept.recall(view(state, 1, d), {.max_sweeps = 1}).states[K] == x[K];
        if (std::abs(W(k, k) - 0.5) > tolerance) {
            EXPECT_EQ(fixed, W(k, k) < 0.5);
        }
        EXPECT_EQ(zero.recall(view(state, 1, d), {.max_sweeps = 1}).states[K], x[K]);
    }
}

TEST_P(Projection, StoredPatternsAreFixedPointsUpToFullLoad) {
    std::int64_t const d = 80, P = 72;
    auto const patterns = test::random_patterns(P, d, 9);
    for (bool const keep : {false, true}) {
        auto const m = memory(patterns, P, {.keep_diagonal = keep});
        auto const r = m.recall(view(patterns, P, d), {.max_sweeps = 5});
        EXPECT_TRUE(test::same_values(patterns, r.states));
        for (std::size_t mu = 0; mu < static_cast<std::size_t>(P); ++mu) {
            EXPECT_EQ(r.results[mu].sweeps, 1);
            EXPECT_EQ(r.results[mu].nearest, static_cast<std::int32_t>(mu));
            EXPECT_FALSE(r.results[mu].spurious);
            if (keep) {
                EXPECT_NEAR(r.results[mu].energy, -0.5 * static_cast<double>(d), 1e-8);  // a global minimum
            }
        }
    }
}

// (X^T X + ridge I)^-1 X^T X = X^T (X X^T + ridge I)^-1 X: the d x d definition, solved by Eigen.
TEST_P(Projection, RidgeEqualsTheDefinitionInNeurons) {
    for (auto const [d, P] : {Size{40, 15}, Size{25, 25}, Size{20, 50}})
        for (double const ridge : {0.01, 1.0, 30.0}) {
            auto const patterns = test::random_patterns(P, d, 10);
            Matrix const X = to_eigen(patterns, P, d);
            Matrix const XtX = X.transpose() * X;
            Matrix const expected = (XtX + ridge * Matrix::Identity(d, d)).ldlt().solve(XtX);
            // With P > d the Gram matrix X X^T is singular and the inverse as large as 1 / ridge.
            EXPECT_LE((weights(memory(patterns, P, {.keep_diagonal = true, .ridge = ridge})) - expected).cwiseAbs().maxCoeff(),
                      P > d ? 1e-8 : tolerance)
                << d << ' ' << P << ' ' << ridge;
        }
}

TEST_P(Projection, OrdersOfStoringAgree) {
    std::int64_t const d = 50, P = 20;
    auto const patterns = test::random_patterns(P, d, 11);
    auto const order = test::random_permutation(P, 12);
    std::vector<std::int8_t> shuffled;
    for (auto const mu : order) shuffled.insert(shuffled.end(), patterns.begin() + mu * d, patterns.begin() + (mu + 1) * d);
    EXPECT_LE((weights(memory(patterns, P)) - weights(memory(shuffled, P))).cwiseAbs().maxCoeff(), tolerance);
}

// ---- patterns that depend on each other -------------------------------------------------------------------------------

TEST_P(Projection, ReportsDuplicatesAndComplements) {
    std::int64_t const d = 30;
    auto patterns = test::random_patterns(5, d, 13);
    std::copy_n(patterns.begin() + d, d, patterns.begin() + 3 * d);  // 3 = 1
    std::transform(patterns.begin(), patterns.begin() + d, patterns.begin() + 4 * d,
                   [](std::int8_t v) { return static_cast<std::int8_t>(-v); });  // 4 = -0
    Matrix const W = weights(memory(patterns, 5, {.keep_diagonal = true}));
    EXPECT_EQ(report.stored, 5);
    EXPECT_EQ(report.rank, 3);
    EXPECT_EQ(report.duplicates, (std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 3}}));
    EXPECT_EQ(report.complements, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 4}}));
    EXPECT_EQ(report.dependent.size(), 2u);
    Matrix const X = to_eigen(patterns, 5, d);
    EXPECT_LE((X * W - X).cwiseAbs().maxCoeff(), tolerance);
    EXPECT_LE((W * W - W).cwiseAbs().maxCoeff(), tolerance);
    EXPECT_NEAR(W.trace(), 3.0, tolerance);
}

// More patterns than neurons: their span is everything, W = I.
TEST_P(Projection, IsTheIdentityWhenPatternsSpanAllStates) {
    std::int64_t const d = 12, P = 40;
    auto const patterns = test::random_patterns(P, d, 14);
    Matrix const W = weights(memory(patterns, P, {.keep_diagonal = true}));
    EXPECT_EQ(report.rank, d);
    EXPECT_EQ(report.dependent.size(), static_cast<std::size_t>(P - d));
    EXPECT_LE((W - Matrix::Identity(d, d)).cwiseAbs().maxCoeff(), tolerance);
}

// Without the dependent patterns the rest has full rank and the same span.
TEST_P(Projection, DependentPatternsAddNothing) {
    std::int64_t const d = 24;
    auto const base = test::random_patterns(6, d, 15);
    std::vector<std::int8_t> patterns = base;
    for (std::int64_t const copy : {2, 4}) patterns.insert(patterns.end(), base.begin() + copy * d, base.begin() + (copy + 1) * d);
    Matrix const W = weights(memory(patterns, 8));
    ASSERT_EQ(report.dependent.size(), 2u);
    auto const dependent = report.dependent;
    std::vector<std::int8_t> rest;
    for (std::int64_t mu = 0; mu < 8; ++mu)
        if (std::find(dependent.begin(), dependent.end(), mu) == dependent.end())
            rest.insert(rest.end(), patterns.begin() + mu * d, patterns.begin() + (mu + 1) * d);
    Matrix const without = weights(memory(rest, 6));
    EXPECT_EQ(report.rank, 6);
    EXPECT_TRUE(report.dependent.empty());
    EXPECT_LE((W - without).cwiseAbs().maxCoeff(), tolerance);
}

// The four rows of a Hadamard matrix of order 4 and a fifth pattern in their span.
TEST_P(Projection, FindsDependenceThatIsNoRepetition) {
    std::vector<std::int8_t> const patterns{1, 1, 1, 1, 1, 1, -1, -1, 1, -1, 1, -1, 1, -1, -1, 1, 1, 1, 1, -1};
    (void)memory(patterns, 5);
    EXPECT_EQ(report.rank, 4);
    EXPECT_EQ(report.dependent.size(), 1u);
    EXPECT_TRUE(report.duplicates.empty());
    EXPECT_TRUE(report.complements.empty());
}

TEST_P(Projection, RankIsMinusOneForOtherRules) {
    auto const patterns = test::random_patterns(3, 10, 16);
    Memory m(context());
    auto const hebbian = m.store(view(patterns, 3, 10));
    EXPECT_EQ(hebbian.rank, -1);
    EXPECT_EQ(hebbian.stored, 3);
    EXPECT_TRUE(hebbian.dependent.empty());
    auto const again = m.store(view(patterns, 3, 10));
    EXPECT_EQ(again.stored, 6);
    EXPECT_EQ(again.duplicates, (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {1, 4}, {2, 5}}));
}

}  // namespace
}  // namespace ca3::hopfield
