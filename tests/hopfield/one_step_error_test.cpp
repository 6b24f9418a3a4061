#include <ca3/hopfield.hpp>

#include "support/random_patterns.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

// The probability that a bit of a stored random pattern is wrong after one synchronous sweep, exactly at finite N.
//
// For fixed i and mu the K = (N-1)(P-1) products xi_i^nu xi_i^mu xi_j^nu xi_j^mu (j != i, nu != mu) are independent +-1, so with B ~ Bin(K,
// 1/2)
//     h_i xi_i = A + K - 2 B,    A = N - 1 without the diagonal, N - 1 + P with it.
// strict error: P(B > (K + A) / 2); tie: P(B = (K + A) / 2). Every tie rule follows: keep errs on strict; plus and minus on strict and half
// of the ties (the pattern's bit is as often +1 as -1); zero changes strict and all ties.
namespace ca3::hopfield {
namespace {

struct OneStep {
    double strict = 0;
    double tie = 0;
};

OneStep one_step(std::int64_t N, std::int64_t P, bool keep_diagonal) {
    std::int64_t const K = (N - 1) * (P - 1);
    std::int64_t const A = N - 1 + (keep_diagonal ? P : 0);
    auto const probability = [K](std::int64_t b) {
        auto const k = static_cast<long double>(K), x = static_cast<long double>(b);
        return b > K ? 0.0L : std::exp(std::lgamma(k + 1) - std::lgamma(x + 1) - std::lgamma(k - x + 1) - k * std::log(2.0L));
    };
    OneStep result;
    for (std::int64_t b = (K + A) / 2 + 1; b <= K; ++b) {
        auto const term = static_cast<double>(probability(b));
        result.strict += term;
        if (term < 1e-30) break;
    }
    if ((K + A) % 2 == 0) result.tie = static_cast<double>(probability((K + A) / 2));
    return result;
}

// The oracle itself, against figures computed elsewhere (4 digits) and against the limit erfc(sqrt(N / 2P)) / 2.
TEST(OneStepOracle, GivesTheTabulatedFigures) {
    struct Row {
        std::int64_t N, P;
        double strict, tie, kept;
    };
    for (auto const& [N, P, strict, tie, kept] :
         {Row{100, 10, 3.992e-4, 1.086e-4, 1.123e-4}, Row{100, 14, 2.646e-3, 4.93e-4, 7.37e-4}, Row{101, 12, 1.155e-3, 2.55e-4, 3.25e-4},
          Row{1000, 105, 9.698e-4, 0, 3.04e-4}, Row{1000, 138, 3.435e-3, 5.63e-5, 1.049e-3}, Row{1000, 185, 9.900e-3, 0, 2.855e-3}}) {
        EXPECT_NEAR(one_step(N, P, false).strict, strict, 6e-4 * strict + 5e-7) << N << ' ' << P;
        EXPECT_NEAR(one_step(N, P, false).tie, tie, 6e-3 * tie + 1e-9) << N << ' ' << P;
        EXPECT_NEAR(one_step(N, P, true).strict, kept, 6e-3 * kept) << N << ' ' << P;
    }
    EXPECT_NEAR(one_step(4096, 565, false).strict / (0.5 * std::erfc(std::sqrt(4096.0 / 1130))), 1, 0.01);
}

struct Setting {
    std::int64_t N, P, memories;
    bool keep_diagonal;
    Tie tie;
};

class OneStepError : public testing::TestWithParam<Setting> {};

std::vector<Setting> settings() {
    std::vector<Setting> all;
    for (Tie const tie : {Tie::keep, Tie::plus, Tie::minus, Tie::zero})
        for (bool const keep : {false, true})
            for (auto const& [N, P, memories] : {std::tuple<int, int, int>{100, 10, 4000}, {100, 14, 2000}, {101, 12, 2500}, {400, 57, 60}})
                all.push_back({N, P, memories, keep, tie});
    return all;
}

INSTANTIATE_TEST_SUITE_P(Sizes, OneStepError, testing::ValuesIn(settings()), [](testing::TestParamInfo<Setting> const& p) {
    return "N" + std::to_string(p.param.N) + "_P" + std::to_string(p.param.P) + (p.param.keep_diagonal ? "_diagonal_" : "_") +
           std::string(to_string(p.param.tie));
});

// Bits of one pattern, and patterns of one memory, are correlated: the error bar comes from the spread between independent memories.
// Fixed seeds; 5 standard errors, so that a right library fails with probability 6e-7 per setting before the seed is chosen.
TEST_P(OneStepError, IsTheBinomialTail) {
    auto const [N, P, memories, keep_diagonal, tie] = GetParam();
    double sum = 0, squares = 0;
    for (std::int64_t n = 0; n < memories; ++n) {
        auto const patterns =
            test::random_patterns(P, N, static_cast<std::uint64_t>(1000 * N + P) * 100003 + static_cast<std::uint64_t>(n));
        static Context const context = Context::cpu({.threads = 1});
        Memory memory(context, {.form = n % 2 == 0 ? Form::factored : Form::dense, .keep_diagonal = keep_diagonal});
        memory.store(test::view(patterns, P, N));
        auto const recall = memory.recall(test::view(patterns, P, N), {.tie = tie, .max_sweeps = 1});
        double wrong = 0;
        for (auto const& result : recall.results) wrong += static_cast<double>(result.flips);
        double const share = wrong / static_cast<double>(N * P);
        sum += share;
        squares += share * share;
    }
    auto const n = static_cast<double>(memories);
    double const mean = sum / n;
    double const standard_error = std::sqrt((squares / n - mean * mean) / (n - 1));
    auto const [strict, ties] = one_step(N, P, keep_diagonal);
    double const share_of_ties = tie == Tie::keep ? 0.0 : tie == Tie::zero ? 1.0 : 0.5;
    EXPECT_NEAR(mean, strict + share_of_ties * ties, 5 * standard_error);
    EXPECT_GT(mean, 0);
}

}  // namespace
}  // namespace ca3::hopfield
