#include "autoencoder/cpu_kernels.hpp"
#include "core/aligned.hpp"
#include "support/compare.hpp"

#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

/// Products of bf16 on the CPU against f64 and, bit for bit, against the order of their sums. Where the processor has no such products the
/// tests say so and are skipped.
namespace ca3::autoencoder::cpu {
namespace {

using Vector = AlignedVector<float>;
constexpr double u = 0x1p-24;  ///< unit roundoff of f32

Vector numbers(std::int64_t count, std::uint64_t seed) {
    Vector x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(2.0 * random::uniform(seed, random::Purpose::user, 1, 0, i) - 1.0);
    return x;
}

/// To nearest, ties to even; normal numbers.
float to_bf16(float x) {
    auto const bits = std::bit_cast<std::uint32_t>(x);
    return std::bit_cast<float>((bits + 0x7FFFu + (bits >> 16 & 1u)) & 0xFFFF0000u);
}
float first_of(float pair) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(pair) << 16);
}
float second_of(float pair) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(pair) & 0xFFFF0000u);
}

/// Sums as they are defined: pairs upwards, the product of the second first, each fused. Products of bf16 are exact in f64.
struct Expected {
    float bits;
    double exact;
    double size;  ///< sum of the absolute values

    explicit Expected(float init) : bits(init), exact(static_cast<double>(init)), size(std::abs(exact)) {}
    void add(float a, float b, float c, float d) {
        bits = std::fma(a, b, std::fma(c, d, bits));
        double const first = static_cast<double>(a) * static_cast<double>(b), second = static_cast<double>(c) * static_cast<double>(d);
        exact += first + second;
        size += std::abs(first) + std::abs(second);
    }
    /// n fused products: |error| <= n u / (1 - n u) sum |a b| (Higham, section 3.1). The rounded operands are exact.
    [[nodiscard]] double bound(std::int64_t n) const { return static_cast<double>(n) * u / (1.0 - static_cast<double>(n) * u) * size; }
};

class CpuBf16 : public testing::TestWithParam<std::int64_t> {
protected:
    void SetUp() override {
        kernels_ = kernels_for(Context::cpu().instruction_set(), Precision::bf16);
        if (kernels_ == nullptr) GTEST_SKIP() << "this processor has no AVX-512 BF16";
    }
    /// Rows of k columns in pairs.
    [[nodiscard]] Vector across(Vector const& a, std::int64_t rows, std::int64_t k) const {
        Vector to(static_cast<std::size_t>(panels(kernels_->places(k)) * rows * panel), std::numeric_limits<float>::quiet_NaN());
        for (std::int64_t p = 0; p < panels(kernels_->places(k)); ++p)
            kernels_->pair_columns(rows, k - 2 * p * panel, a.data() + 2 * p * rows * panel, rows * panel, to.data() + p * rows * panel);
        return to;
    }
    [[nodiscard]] Vector down(Vector const& b, std::int64_t k) const {
        Vector to(static_cast<std::size_t>(kernels_->places(k) * panel), std::numeric_limits<float>::quiet_NaN());
        kernels_->pair_rows(k, b.data(), to.data());
        return to;
    }
    Kernels const* kernels_ = nullptr;
};

TEST_P(CpuBf16, ProductIsTheSumOfItsRoundedPairs) {
    std::int64_t const k = GetParam(), rows = 37;
    Vector a = numbers(panels(k) * rows * panel, 1);
    Vector const b = numbers(k * panel, 2), init = numbers(panel, 3);
    for (std::int64_t r = 0; r < rows; ++r)  // past the last column anything may stand
        for (std::int64_t c = k; c < panels(k) * panel; ++c)
            a[static_cast<std::size_t>(c / panel * rows * panel + r * panel + c % panel)] = std::numeric_limits<float>::infinity();
    Vector const left = across(a, rows, k), right = down(b, k);
    auto const at = [&](std::int64_t r, std::int64_t i) {
        return i < k ? to_bf16(a[static_cast<std::size_t>(i / panel * rows * panel + r * panel + i % panel)]) : 0.0f;
    };
    auto const weight = [&](std::int64_t i, std::int64_t o) { return i < k ? to_bf16(b[static_cast<std::size_t>(i * panel + o)]) : 0.0f; };
    for (std::int64_t const width : {16, 32}) {
        Vector c(static_cast<std::size_t>(rows * panel), std::numeric_limits<float>::quiet_NaN());
        kernels_->product(rows, kernels_->places(k), left.data(), rows * panel, right.data(), nullptr, width, init.data(), c.data());
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t o = 0; o < width; ++o) {
                Expected sum(init[static_cast<std::size_t>(o)]);
                for (std::int64_t i = 0; i < k; i += 2) sum.add(at(r, i), weight(i, o), at(r, i + 1), weight(i + 1, o));
                float const got = c[static_cast<std::size_t>(r * panel + o)];
                ASSERT_NEAR(sum.exact, static_cast<double>(got), sum.bound(k + 1)) << "row " << r << " column " << o;
                ASSERT_EQ(sum.bits, got) << "row " << r << " column " << o;
            }
    }
}

TEST_P(CpuBf16, TransposedProductIsTheSumOfItsRoundedPairs) {
    std::int64_t const k = GetParam();
    Vector const a = numbers(k * panel, 1), b = numbers(k * panel, 2), left = down(a, k), right = down(b, k);
    auto const at = [&](Vector const& x, std::int64_t n, std::int64_t i) {
        return n < k ? to_bf16(x[static_cast<std::size_t>(n * panel + i)]) : 0.0f;
    };
    for (std::int64_t const columns : {1, 5, 16, 31, 32})
        for (std::int64_t const width : {16, 32}) {
            Vector c(static_cast<std::size_t>(panel * panel), std::numeric_limits<float>::quiet_NaN());
            kernels_->transposed_product(columns, kernels_->places(k), left.data(), right.data(), width, c.data(), {});
            for (std::int64_t i = 0; i < columns; ++i)
                for (std::int64_t o = 0; o < width; ++o) {
                    Expected sum(0.0f);
                    for (std::int64_t n = 0; n < k; n += 2) sum.add(at(a, n, i), at(b, n, o), at(a, n + 1, i), at(b, n + 1, o));
                    float const got = c[static_cast<std::size_t>(i * panel + o)];
                    ASSERT_NEAR(sum.exact, static_cast<double>(got), sum.bound(k + 1)) << i << " " << o;
                    ASSERT_EQ(sum.bits, got) << i << " " << o;
                }
        }
}

/// Leaving out pairs of zeros changes no bit.
TEST_P(CpuBf16, ListedProductsGiveTheBitsOfTheWhole) {
    std::int64_t const k = GetParam(), rows = kernels_->tile_rows, places = kernels_->places(k);
    for (double const share : {0.0, 0.1, 0.9, 1.0}) {
        Vector a = numbers(panels(k) * rows * panel, 1), init = numbers(panel, 3), rows_of_batch = numbers(k * panel, 4);
        Vector const b = numbers(k * panel, 2), draw = numbers(std::max<std::int64_t>(panels(k) * rows, k) * panel, 9);
        auto const clear = [&](Vector& x) {
            for (std::size_t i = 0; i < x.size(); ++i)
                if (0.5 * static_cast<double>(draw[i]) + 0.5 >= share) x[i] = i % 2 == 0 ? 0.0f : -0.0f;
        };
        clear(a);
        clear(rows_of_batch);
        init[2] = -0.0f;
        Vector const left = across(a, rows, k), right = down(b, k), turned = down(rows_of_batch, k);
        std::vector<std::uint32_t> list(static_cast<std::size_t>(places) + 16);
        std::int64_t const count = kernels_->nonzero_columns(rows, places, left.data(), rows * panel, list.data());
        constexpr std::size_t groups = panel / zero_group;
        std::array<std::vector<std::uint32_t>, groups> lists;
        std::array<std::uint32_t*, groups> to{};
        std::array<std::int64_t, groups> counts{};
        for (std::size_t g = 0; g < groups; ++g) {
            lists[g].resize(static_cast<std::size_t>(places));
            to[g] = lists[g].data();
        }
        kernels_->nonzero_rows(places, turned.data(), 0, to.data(), counts.data());
        if (share == 0.0) {
            EXPECT_EQ((std::array<std::int64_t, groups>{}), counts) << "zeros of either sign are zeros";
        }
        for (std::int64_t const width : {16, 32}) {
            Vector whole(static_cast<std::size_t>(rows * panel), 0.0f), listed = whole;
            kernels_->product(rows, places, left.data(), rows * panel, right.data(), nullptr, width, init.data(), whole.data());
            kernels_->listed_product(rows, count, list.data(), left.data(), rows * panel, right.data(), width, init.data(), listed.data());
            EXPECT_EQ(whole, listed) << "share " << share;
            whole.assign(static_cast<std::size_t>(panel * panel), 0.0f);
            listed = whole;
            kernels_->transposed_product(panel, places, turned.data(), right.data(), width, whole.data(), {});
            for (std::size_t g = 0; g < groups; ++g) {
                Lists::Part const own{lists[g].data(), counts[g]};
                auto const at = static_cast<std::int64_t>(g) * zero_group;
                kernels_->listed_transposed_product(zero_group, {&own, 1}, turned.data() + at, right.data(), width,
                                                    listed.data() + at * panel, nullptr, 0);
            }
            EXPECT_EQ(whole, listed) << "transposed, share " << share;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Lengths, CpuBf16, testing::Values(1, 2, 31, 32, 33, 63, 64, 65, 127, 255, 257));

using CpuBf16Pairs = CpuBf16;
INSTANTIATE_TEST_SUITE_P(Once, CpuBf16Pairs, testing::Values(0));

TEST_P(CpuBf16Pairs, AreRoundedToNearestTiesToEven) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    struct Case {
        float from, to;
    };
    for (auto const& [from, to] :
         {Case{1.0f, 1.0f}, Case{0x1.01p0f, 1.0f}, Case{0x1.010002p0f, 0x1.02p0f}, Case{0x1.03p0f, 0x1.04p0f}, Case{-0x1.03p0f, -0x1.04p0f},
          Case{0x1.02fffep0f, 0x1.02p0f}, Case{std::numeric_limits<float>::max(), infinity}, Case{-infinity, -infinity}, Case{-0.0f, -0.0f},
          Case{0x1p-126f, 0x1p-126f}, Case{0x1p-127f, 0.0f}, Case{-0x1.8p-130f, -0.0f}}) {
        Vector x(2 * panel, 0.0f);
        x[3] = from;
        x[panel + 4] = from;
        Vector const rows = down(x, 2), columns = across(x, 2, panel);
        for (float const got : {first_of(rows[3]), second_of(rows[4]), second_of(columns[1]), first_of(columns[panel + 2])})
            EXPECT_EQ(std::bit_cast<std::uint32_t>(to), std::bit_cast<std::uint32_t>(got)) << from;
    }
    Vector const nan(2 * panel, std::numeric_limits<float>::quiet_NaN());
    EXPECT_TRUE(std::isnan(first_of(down(nan, 2)[0])) && std::isnan(second_of(down(nan, 2)[0])));
}

TEST_P(CpuBf16Pairs, OfTheTransposeOfAnyTail) {
    for (std::int64_t const rows : {1, 15, 16, 17, 31, 32})
        for (std::int64_t const columns : {1, 2, 15, 16, 30, 31, 32}) {
            Vector const from = numbers(rows * panel, 4);
            Vector to(static_cast<std::size_t>(panel * panel), 7.0f);
            kernels_->pair_transposed(rows, columns, from.data(), to.data());
            for (std::int64_t c = 0; c < panel; ++c)
                for (std::int64_t r = 0; r < panel; ++r) {
                    float const got = to[static_cast<std::size_t>(c * panel + r)];
                    auto const expected = [&](std::int64_t o) {
                        return o < columns ? to_bf16(from[static_cast<std::size_t>(r * panel + o)]) : 0.0f;
                    };
                    if (r >= rows || c >= kernels_->places(columns)) {
                        ASSERT_EQ(7.0f, got) << rows << " " << columns;
                        continue;
                    }
                    ASSERT_EQ(expected(2 * c), first_of(got)) << rows << " " << columns;
                    ASSERT_EQ(expected(2 * c + 1), second_of(got)) << rows << " " << columns;
                }
        }
}

/// 2^-80 2^-60 = 2^-140 is no normal number.
TEST_P(CpuBf16Pairs, SumsBelowTheNormalNumbersAreZero) {
    Vector a(panel, 0.0f), b(2 * panel, 0.0f), c(panel, 7.0f);
    a[0] = 0x1p-80f;
    b[0] = 0x1p-60f;
    kernels_->product(1, 1, across(a, 1, 1).data(), panel, down(b, 1).data(), nullptr, 16, nullptr, c.data());
    EXPECT_EQ(0.0f, c[0]);
}

}  // namespace
}  // namespace ca3::autoencoder::cpu
