#include "autoencoder/cpu_kernels.hpp"
#include "core/aligned.hpp"
#include "support/compare.hpp"

#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

/// The inner loops against f64, with bounds from the number of roundings, and all instruction sets against each other bit for bit.
namespace ca3::autoencoder::cpu {
namespace {

using Vector = AlignedVector<float>;
constexpr double u = 0x1p-24;  ///< unit roundoff

std::vector<InstructionSet> sets() {
    return supported_instruction_sets();
}

Vector numbers(std::int64_t count, std::uint64_t seed, double low = -1.0, double high = 1.0) {
    Vector x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(low + (high - low) * random::uniform(seed, random::Purpose::user, 1, 0, i));
    return x;
}

/// |sum over k of fl| <= k u / (1 - k u) sum |a b| for k fused products (Higham, section 3.1).
double gamma(double k) {
    return k * u / (1.0 - k * u);
}

class Product : public testing::TestWithParam<std::int64_t> {};

TEST_P(Product, IsWithinTheRoundingOfItsSum) {
    std::int64_t const k = GetParam(), rows = 37, capacity = 40;
    for (std::int64_t const width : {16, 32}) {
        Vector const a = numbers(panels(k) * capacity * panel, 1), b = numbers(k * panel, 2), init = numbers(panel, 3);
        for (auto const set : sets()) {
            Vector c(static_cast<std::size_t>(rows * panel), std::numeric_limits<float>::quiet_NaN());
            kernels_for(set).product(rows, k, a.data(), capacity * panel, b.data(), nullptr, width, init.data(), c.data());
            for (std::int64_t r = 0; r < rows; ++r)
                for (std::int64_t o = 0; o < width; ++o) {
                    auto sum = static_cast<double>(init[static_cast<std::size_t>(o)]), size = std::abs(sum);
                    for (std::int64_t i = 0; i < k; ++i) {
                        double const term =
                            static_cast<double>(a[static_cast<std::size_t>(i / panel * capacity * panel + r * panel + i % panel)]) *
                            static_cast<double>(b[static_cast<std::size_t>(i * panel + o)]);
                        sum += term;
                        size += std::abs(term);
                    }
                    ASSERT_NEAR(sum, static_cast<double>(c[static_cast<std::size_t>(r * panel + o)]),
                                gamma(static_cast<double>(k) + 1) * size)
                        << to_string(set) << " row " << r << " column " << o;
                }
        }
    }
}

TEST_P(Product, TransposedIsWithinTheRoundingOfItsSum) {
    std::int64_t const k = GetParam();
    Vector const a = numbers(k * panel, 1), b = numbers(k * panel, 2);
    for (std::int64_t const columns : {1, 5, 16, 31, 32})
        for (std::int64_t const width : {16, 32})
            for (auto const set : sets()) {
                Vector c(static_cast<std::size_t>(panel * panel), std::numeric_limits<float>::quiet_NaN());
                kernels_for(set).transposed_product(columns, k, a.data(), b.data(), width, c.data(), {});
                for (std::int64_t i = 0; i < columns; ++i)
                    for (std::int64_t o = 0; o < width; ++o) {
                        double sum = 0.0, size = 0.0;
                        for (std::int64_t n = 0; n < k; ++n) {
                            double const term = static_cast<double>(a[static_cast<std::size_t>(n * panel + i)]) *
                                                static_cast<double>(b[static_cast<std::size_t>(n * panel + o)]);
                            sum += term;
                            size += std::abs(term);
                        }
                        ASSERT_NEAR(sum, static_cast<double>(c[static_cast<std::size_t>(i * panel + o)]),
                                    gamma(static_cast<double>(k)) * size)
                            << to_string(set) << " " << i << " " << o;
                    }
            }
}

INSTANTIATE_TEST_SUITE_P(Lengths, Product, testing::Values(0, 1, 31, 32, 33, 64, 255));

/// Leaving out zeros changes no bit: lists of columns and of rows against the products over all of them.
TEST(ListedProduct, GivesTheBitsOfTheWholeProduct) {
    for (std::int64_t const k : {1, 16, 31, 33, 100})
        for (double const share : {0.0, 0.1, 0.9, 1.0})
            for (auto const set : sets()) {
                Kernels const& kernels = kernels_for(set);
                std::int64_t const rows = kernels.tile_rows, capacity = rows + 3;
                Vector a = numbers(panels(k) * capacity * panel, 1), init = numbers(panel, 3);
                Vector const b = numbers(k * panel, 2), draw = numbers(static_cast<std::int64_t>(a.size()), 9, 0.0, 1.0);
                for (std::size_t i = 0; i < a.size(); ++i)
                    if (static_cast<double>(draw[i]) >= share || static_cast<std::int64_t>(i) % panel == 5)
                        a[i] = i % 2 == 0 ? 0.0f : -0.0f;
                init[2] = -0.0f;
                for (std::int64_t const width : {16, 32}) {
                    Vector whole(static_cast<std::size_t>(rows * panel), 0.0f), listed = whole;
                    std::vector<std::uint32_t> list(static_cast<std::size_t>(k) + 16, 77);
                    std::int64_t const count = kernels.nonzero_columns(rows, k, a.data(), capacity * panel, list.data());
                    std::vector<std::uint32_t> expected;
                    for (std::int64_t c = 0; c < k; ++c) {
                        bool any = false;
                        for (std::int64_t r = 0; r < rows; ++r)
                            any = any || a[static_cast<std::size_t>(c / panel * capacity * panel + r * panel + c % panel)] != 0.0f;
                        if (any) expected.push_back(static_cast<std::uint32_t>(c));
                    }
                    list.resize(static_cast<std::size_t>(count));
                    ASSERT_EQ(expected, list) << to_string(set);
                    kernels.product(rows, k, a.data(), capacity * panel, b.data(), nullptr, width, init.data(), whole.data());
                    kernels.listed_product(rows, count, list.data(), a.data(), capacity * panel, b.data(), width, init.data(),
                                           listed.data());
                    EXPECT_EQ(whole, listed) << to_string(set) << " k " << k << " share " << share;
                }
            }
}

TEST(ListedProduct, TransposedGivesTheBitsOfTheWholeProduct) {
    for (std::int64_t const rows : {1, 15, 16, 17, 64, 100})
        for (double const share : {0.0, 0.05, 1.0})
            for (auto const set : sets()) {
                Kernels const& kernels = kernels_for(set);
                Vector a = numbers(rows * panel, 1);
                Vector const b = numbers(rows * panel, 2), draw = numbers(rows * panel, 9, 0.0, 1.0);
                for (std::size_t i = 0; i < a.size(); ++i)
                    if (static_cast<double>(draw[i]) >= share) a[i] = 0.0f;
                // Two parts, as two threads make them.
                std::int64_t const half = rows / 3;
                constexpr std::size_t groups = panel / zero_group;
                std::array<std::vector<std::uint32_t>, 2 * groups> lists;
                std::array<std::int64_t, 2 * groups> counts{};
                for (std::size_t part = 0; part < 2; ++part) {
                    std::array<std::uint32_t*, groups> list{};
                    for (std::size_t g = 0; g < groups; ++g) {
                        lists[part * groups + g].resize(static_cast<std::size_t>(rows) + 16);
                        list[g] = lists[part * groups + g].data();
                    }
                    std::int64_t const first = part == 0 ? 0 : half, end = part == 0 ? half : rows;
                    kernels.nonzero_rows(end - first, a.data() + first * panel, first, list.data(), counts.data() + part * groups);
                }
                for (std::int64_t const width : {16, 32}) {
                    Vector whole(static_cast<std::size_t>(panel * panel), 0.0f), listed = whole;
                    kernels.transposed_product(panel, rows, a.data(), b.data(), width, whole.data(), {});
                    for (std::size_t g = 0; g < groups; ++g) {
                        std::array<Lists::Part, 2> const list{
                            {{lists[g].data(), counts[g]}, {lists[groups + g].data(), counts[groups + g]}}};
                        auto const at = static_cast<std::int64_t>(g) * zero_group;
                        kernels.listed_transposed_product(zero_group, {list.data(), 2}, a.data() + at, b.data(), width,
                                                          listed.data() + at * panel, nullptr, 0);
                    }
                    EXPECT_EQ(whole, listed) << to_string(set) << " rows " << rows << " share " << share;
                }
            }
}

// ---- elementwise functions -------------------------------------------------------------------------------------------

struct Function {
    Activation::Kind kind;
    std::function<double(double)> value;
    std::function<double(double)> derivative;
    double error;  ///< of the value, in units of u times the larger of 1 and |value|
};

std::vector<Function> functions() {
    using Kind = Activation::Kind;
    auto const logistic = [](double z) { return 1.0 / (1.0 + std::exp(-z)); };
    return {{Kind::sigmoid, logistic, [=](double z) { return logistic(z) * (1.0 - logistic(z)); }, 5.0},
            {Kind::tanh, [](double z) { return std::tanh(z); }, [](double z) { return 1.0 - std::tanh(z) * std::tanh(z); }, 5.0},
            {Kind::arctan, [](double z) { return std::atan(z); }, [](double z) { return 1.0 / (1.0 + z * z); }, 5.0},
            {Kind::relu, [](double z) { return z < 0.0 ? 0.0 : z; }, [](double z) { return z > 0.0 ? 1.0 : 0.0; }, 0.0},
            {Kind::leaky_relu, [](double z) { return z > 0.0 ? z : 0.25 * z; }, [](double z) { return z > 0.0 ? 1.0 : 0.25; }, 0.0},
            {Kind::prelu, [](double z) { return z > 0.0 ? z : 0.25 * z; }, [](double z) { return z > 0.0 ? 1.0 : 0.25; }, 0.0},
            {Kind::identity, [](double z) { return z; }, [](double) { return 1.0; }, 0.0}};
}

TEST(CpuActivation, AgreesWithItsDefinition) {
    std::int64_t const rows = 400;
    Vector z = numbers(rows * panel, 5, -12.0, 12.0);
    float const special[] = {0.0f, -0.0f, 1e-30f, -1e-30f, 0.625f, 0.4142135f, 2.4142135f, 90.0f, -90.0f, 200.0f, -200.0f, 1e30f, -1e30f};
    std::copy(std::begin(special), std::end(special), z.begin());
    Vector const slope(panel, 0.25f), ones(z.size(), 1.0f);
    for (auto const& f : functions())
        for (auto const set : sets()) {
            Vector y(z.size()), g = ones, part(z.size());
            kernels_for(set).activate(f.kind, rows, panel, slope.data(), z.data(), y.data());
            kernels_for(set).differentiate(f.kind, rows, panel, slope.data(), z.data(), y.data(), g.data(), part.data());
            for (std::size_t i = 0; i < z.size(); ++i) {
                auto const x = static_cast<double>(z[i]);
                double const value = f.value(x);
                ASSERT_NEAR(value, static_cast<double>(y[i]), f.error * u * std::max(1.0, std::abs(value)))
                    << to_string(f.kind) << " " << to_string(set) << " at " << x;
                // The derivative is computed from the value (or from z) with at most three more roundings; |f''| <= 1.
                ASSERT_NEAR(f.derivative(x), static_cast<double>(g[i]), (2.0 * f.error + 3.0) * u)
                    << to_string(f.kind) << " " << to_string(set) << " at " << x;
            }
        }
}

TEST(CpuActivation, KeepsNaN) {
    Vector const z(panel, std::numeric_limits<float>::quiet_NaN()), slope(panel, 0.25f);
    for (auto const& f : functions())
        for (auto const set : sets()) {
            Vector y(panel);
            kernels_for(set).activate(f.kind, 1, panel, slope.data(), z.data(), y.data());
            EXPECT_TRUE(std::isnan(y[3])) << to_string(f.kind) << " " << to_string(set);
        }
}

TEST(CpuActivation, SlopePartIsTheGradientTimesNegativeArguments) {
    Vector const z = numbers(panel, 6), slope(panel, 0.5f);
    for (auto const set : sets()) {
        Vector y(panel), g(panel, 2.0f), part(panel);
        kernels_for(set).activate(Activation::Kind::prelu, 1, panel, slope.data(), z.data(), y.data());
        kernels_for(set).differentiate(Activation::Kind::prelu, 1, panel, slope.data(), z.data(), y.data(), g.data(), part.data());
        for (std::size_t i = 0; i < z.size(); ++i) EXPECT_EQ(z[i] > 0.0f ? 0.0f : 2.0f * z[i], part[i]);
    }
}

// ---- losses ----------------------------------------------------------------------------------------------------------

struct ValueAndSlope {
    double value, slope;
};

ValueAndSlope expected_loss(Loss loss, double x, double t) {
    switch (loss) {
        case Loss::l1:
            return {std::abs(x - t), x > t ? 1.0 : x < t ? -1.0 : 0.0};
        case Loss::bce:
            return {-(t * std::max(std::log(x), -100.0) + (1.0 - t) * std::max(std::log1p(-x), -100.0)),
                    (x - t) / std::max(x * (1.0 - x), 1e-12)};
        case Loss::bce_with_logits:
            return {(1.0 - t) * x + std::max(-x, 0.0) + std::log1p(std::exp(-std::abs(x))), 1.0 / (1.0 + std::exp(-x)) - t};
        default:
            return {(x - t) * (x - t), 2.0 * (x - t)};
    }
}

TEST(CpuLoss, AgreesWithItsDefinitionAndLeavesOutWhatIsNoColumn) {
    std::int64_t const rows = 50, valid = 27;
    for (auto const loss : {Loss::mse, Loss::l1, Loss::bce, Loss::bce_with_logits})
        for (auto const set : sets()) {
            Vector x = numbers(rows * panel, 7, loss == Loss::bce ? 0.0 : -6.0, loss == Loss::bce ? 1.0 : 6.0),
                   t = numbers(rows * panel, 8, 0.0, 1.0);
            if (loss == Loss::bce) x[0] = 0.0f, x[1] = 1.0f, t[0] = 1.0f, t[1] = 0.0f, x[2] = 0.0f, t[2] = 0.0f;
            if (loss == Loss::l1) t[3] = x[3];
            Vector g(x.size(), std::numeric_limits<float>::quiet_NaN()), sums(static_cast<std::size_t>(rows * 16), 0.0f);
            kernels_for(set).loss(loss, rows, panel, valid, 0.5f, x.data(), t.data(), g.data(), sums.data());
            for (std::int64_t r = 0; r < rows; ++r) {
                double sum = 0.0, size = 0.0, got = 0.0;
                for (std::int64_t c = 0; c < panel; ++c) {
                    auto const i = static_cast<std::size_t>(r * panel + c);
                    auto const [value, slope] = expected_loss(loss, static_cast<double>(x[i]), static_cast<double>(t[i]));
                    double const want = c < valid ? 0.5 * slope : 0.0;
                    // Logarithms 3 u of their value (or of 1, below e), the rest a few roundings; the divisor x (1 - x) of bce 2 u.
                    ASSERT_NEAR(want, static_cast<double>(g[i]), 8.0 * u * std::max(1.0, std::abs(want))) << to_string(loss) << " " << c;
                    if (c < valid) sum += value, size += std::max(1.0, std::abs(value));
                }
                for (int k = 0; k < 16; ++k) got += static_cast<double>(sums[static_cast<std::size_t>(r * 16 + k)]);
                ASSERT_NEAR(sum, got, 10.0 * u * size) << to_string(loss) << " " << to_string(set) << " row " << r;
            }
        }
}

TEST(CpuLoss, OutputsOutsideTheUnitIntervalHaveNoBinaryCrossEntropy) {
    for (auto const set : sets())
        for (float const outside : {-0.25f, 1.25f}) {
            Vector const x(panel, outside), t(panel, 0.5f);
            Vector g(panel), sums(16, 0.0f);
            kernels_for(set).loss(Loss::bce, 1, panel, panel, 1.0f, x.data(), t.data(), g.data(), sums.data());
            EXPECT_TRUE(std::isnan(sums[0])) << to_string(set) << " " << outside;
        }
}

// ---- all sets give the same bits -------------------------------------------------------------------------------------

TEST(CpuKernels, AllInstructionSetsGiveTheSameBits) {
    std::int64_t const rows = 29;
    Vector const a = numbers(2 * rows * panel, 1, -3.0, 3.0), b = numbers(60 * panel, 2), t = numbers(rows * panel, 3, 0.0, 1.0);
    auto const run = [&](Kernels const& kernels) {
        std::vector<Vector> all;
        Vector c(static_cast<std::size_t>(rows * panel), 0.0f);
        kernels.product(rows, 60, a.data(), rows * panel, b.data(), nullptr, panel, nullptr, c.data());
        all.push_back(c);
        Vector square(static_cast<std::size_t>(panel * panel), 0.0f);
        kernels.transposed_product(19, rows, a.data(), c.data(), panel, square.data(), {});
        all.push_back(square);
        Vector const slope(panel, 0.125f);
        for (auto const& f : functions()) {
            Vector y(c.size()), g = t, part(c.size());
            kernels.activate(f.kind, rows, panel, slope.data(), c.data(), y.data());
            kernels.differentiate(f.kind, rows, panel, slope.data(), c.data(), y.data(), g.data(), part.data());
            all.insert(all.end(), {y, g});
        }
        Vector y(c.size()), g(c.size());
        kernels.activate(Activation::Kind::sigmoid, rows, panel, slope.data(), c.data(), y.data());
        for (auto const loss : {Loss::mse, Loss::l1, Loss::bce, Loss::bce_with_logits}) {
            Vector sums(static_cast<std::size_t>(rows * 16), 0.0f);
            kernels.loss(loss, rows, panel, 30, 0.3f, y.data(), t.data(), g.data(), sums.data());
            all.insert(all.end(), {g, sums});
        }
        Vector sums(static_cast<std::size_t>(rows * 16), 0.0f), columns(panel), turned(static_cast<std::size_t>(panel * panel), 0.0f);
        kernels.absolute(rows, panel, 23, c.data(), sums.data());
        kernels.add_signs(rows, panel, 23, 0.01f, c.data(), g.data());
        kernels.column_sums(rows, c.data(), columns.data());
        kernels.transpose(rows, 30, c.data(), turned.data());
        all.insert(all.end(), {sums, g, columns, turned});
        for (auto const kind : {UpdateRule::Kind::adam, UpdateRule::Kind::sgd}) {
            UpdateRule rule{.kind = kind, .learning_rate = 0.01, .momentum = 0.9, .nesterov = true, .weight_decay = 0.02, .l1 = 0.003};
            Vector p = c, m = y, v = y;
            (void)kernels.update(update_numbers(rule, 3), rows * panel, p.data(), g.data(), m.data(), v.data());
            all.insert(all.end(), {p, m, v});
        }
        return all;
    };
    auto const expected = run(portable_kernels);
    for (auto const set : sets()) {
        auto const got = run(kernels_for(set));
        for (std::size_t i = 0; i < expected.size(); ++i)
            EXPECT_TRUE(test::same_values(expected[i], got[i])) << to_string(set) << " output " << i;
    }
}

TEST(CpuKernels, TransposeOfAnyTail) {
    for (auto const set : sets())
        for (std::int64_t const rows : {1, 15, 16, 17, 31, 32})
            for (std::int64_t const width : {1, 15, 16, 30, 32}) {
                Vector const from = numbers(rows * panel, 4);
                Vector to(static_cast<std::size_t>(panel * panel), 7.0f);
                kernels_for(set).transpose(rows, width, from.data(), to.data());
                for (std::int64_t c = 0; c < panel; ++c)
                    for (std::int64_t r = 0; r < panel; ++r)
                        ASSERT_EQ(c < width && r < rows ? from[static_cast<std::size_t>(r * panel + c)] : 7.0f,
                                  to[static_cast<std::size_t>(c * panel + r)])
                            << to_string(set) << " " << rows << " " << width;
            }
}

TEST(CpuUpdate, TellsOfParametersThatAreNotFinite) {
    for (auto const set : sets())
        for (auto const kind : {UpdateRule::Kind::adam, UpdateRule::Kind::sgd}) {
            UpdateNumbers const numbers_of = update_numbers({.kind = kind, .learning_rate = 0.1}, 1);
            Vector p(panel, 1.0f), g(panel, 1.0f), m(panel, 0.0f), v(panel, 0.0f);
            EXPECT_EQ(0.0f, kernels_for(set).update(numbers_of, panel, p.data(), g.data(), m.data(), v.data()));
            g[19] = std::numeric_limits<float>::infinity();
            EXPECT_TRUE(std::isnan(kernels_for(set).update(numbers_of, panel, p.data(), g.data(), m.data(), v.data()))) << to_string(set);
        }
}

}  // namespace
}  // namespace ca3::autoencoder::cpu
