// Products of large layers: when they are cuBLAS's, how it is called, and the kernels before and after. On the host executor, where a
// stand-in of its interface multiplies in plain loops.
#include "autoencoder/cuda_library.hpp"
#include "kernels/autoencoder/library.hpp"
#include "support/compare.hpp"

#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace ca3::autoencoder {
namespace {

// ---- the rule ----------------------------------------------------------------------------------------------------------------------

TEST(AutoencoderLibraryProducts, TakesLayersBeyondTheTunedOnes) {
    using cuda::takes_library;
    for (Precision const precision : {Precision::f32, Precision::tf32, Precision::bf16}) {
        EXPECT_FALSE(takes_library(1000, 1568, 1568, precision));  // 4.9 GFLOP
        EXPECT_FALSE(takes_library(1000, 2000, 2000, precision));  // 8 GFLOP, not more
        EXPECT_TRUE(takes_library(1001, 2000, 2000, precision));
        EXPECT_TRUE(takes_library(512, 512, 32768, precision));
        EXPECT_FALSE(takes_library(511, 1 << 16, 1 << 16, precision));
        EXPECT_FALSE(takes_library(1 << 16, 511, 1 << 16, precision));
        EXPECT_FALSE(takes_library(1 << 16, 1 << 16, 511, precision));
        EXPECT_FALSE(takes_library((std::int64_t{1} << 28) + 1, 512, 512, precision));
        EXPECT_FALSE(takes_library(0, 0, 0, precision));
    }
    EXPECT_FALSE(takes_library(4096, 4096, 4096, Precision::tf32x3));
    EXPECT_FALSE(takes_library(4096, 4096, 4096, Precision::f64));
}

// ---- one product -------------------------------------------------------------------------------------------------------------------

/// A matrix in the context's memory, rows at multiples of 4 floats, the padding NaN.
class Held {
public:
    Held(Context const& context, std::int64_t rows, std::int64_t columns, std::vector<float> const& values)
        : rows_(rows), columns_(columns), ld_((columns + 3) / 4 * 4 + 4), buffer_(context, rows * ld_) {
        std::vector<float> padded(static_cast<std::size_t>(rows * ld_), std::numeric_limits<float>::quiet_NaN());
        for (std::int64_t r = 0; r < rows && !values.empty(); ++r)
            std::copy_n(values.begin() + r * columns, columns, padded.begin() + r * ld_);
        buffer_.copy_from_host(padded.data());
    }
    [[nodiscard]] cuda::Factor factor(bool transposed) const { return {buffer_.data(), ld_, transposed}; }
    [[nodiscard]] float* data() const { return buffer_.data(); }
    [[nodiscard]] std::int64_t ld() const { return ld_; }
    /// Without padding, which must still be NaN.
    [[nodiscard]] std::vector<float> values() const {
        std::vector<float> padded(static_cast<std::size_t>(rows_ * ld_)), out;
        buffer_.copy_to_host(padded.data());
        for (std::int64_t r = 0; r < rows_; ++r)
            for (std::int64_t c = 0; c < ld_; ++c) {
                float const value = padded[static_cast<std::size_t>(r * ld_ + c)];
                if (c < columns_)
                    out.push_back(value);
                else
                    EXPECT_TRUE(std::isnan(value)) << r << ", " << c;
            }
        return out;
    }

private:
    std::int64_t rows_, columns_, ld_;
    Buffer<float> buffer_;
};

/// Integers of up to 3 in size: all sums are exact, in any order and any precision.
std::vector<float> integers(std::int64_t count, std::uint64_t seed) {
    std::vector<float> x;
    for (std::int64_t i = 0; i < count; ++i)
        x.push_back(static_cast<float>(random::bits(seed, random::Purpose::user, 0, 0, static_cast<std::uint64_t>(i)) % 7) - 3.0f);
    return x;
}

TEST(AutoencoderLibraryProducts, ProductsByHand) {
    Context const context = Context::cuda();
    cuda::ProductLibrary const library(context);
    // (1 2 3; 4 5 6) (1 -1; 2 0; 3 1) = (14 2; 32 2)
    std::vector<float> const expected{14, 2, 32, 2};
    Held const left(context, 2, 3, {1, 2, 3, 4, 5, 6}), right(context, 3, 2, {1, -1, 2, 0, 3, 1});
    Held const left_across(context, 3, 2, {1, 4, 2, 5, 3, 6}), right_across(context, 2, 3, {1, 2, 3, -1, 0, 1});
    for (Precision const precision : {Precision::f32, Precision::tf32})
        for (bool const l : {false, true})
            for (bool const r : {false, true}) {
                Held const out(context, 2, 2, {});
                library.multiply(precision, {.rows = 2,
                                             .columns = 2,
                                             .depth = 3,
                                             .left = (l ? left_across : left).factor(l),
                                             .right = (r ? right_across : right).factor(r),
                                             .out = out.data(),
                                             .out_ld = out.ld()});
                EXPECT_EQ(out.values(), expected) << l << r;
            }
}

TEST(AutoencoderLibraryProducts, ProductsOfOddSizesAreTheSums) {
    Context const context = Context::cuda();
    cuda::ProductLibrary const library(context);
    for (std::int64_t const rows : {1, 5, 33})
        for (std::int64_t const columns : {1, 7, 32})
            for (std::int64_t const depth : {1, 3, 31})
                for (bool const l : {false, true})
                    for (bool const r : {false, true}) {
                        auto const a = integers(rows * depth, 1), b = integers(depth * columns, 2);
                        std::vector<float> expected;
                        for (std::int64_t i = 0; i < rows; ++i)
                            for (std::int64_t j = 0; j < columns; ++j) {
                                float sum = 0.0f;
                                for (std::int64_t k = 0; k < depth; ++k)
                                    sum += a[static_cast<std::size_t>(l ? k * rows + i : i * depth + k)] *
                                           b[static_cast<std::size_t>(r ? j * depth + k : k * columns + j)];
                                expected.push_back(sum);
                            }
                        Held const left(context, l ? depth : rows, l ? rows : depth, a);
                        Held const right(context, r ? columns : depth, r ? depth : columns, b);
                        Held const out(context, rows, columns, {});
                        library.multiply(Precision::f32, {.rows = rows,
                                                          .columns = columns,
                                                          .depth = depth,
                                                          .left = left.factor(l),
                                                          .right = right.factor(r),
                                                          .out = out.data(),
                                                          .out_ld = out.ld()});
                        EXPECT_EQ(out.values(), expected) << rows << " x " << columns << " x " << depth << ", " << l << r;
                    }
}

TEST(AutoencoderLibraryProducts, ARefusalNamesTheStatus) {
    Context const context = Context::cuda();
    cuda::ProductLibrary const library(context);
    Held const x(context, 4, 4, {});
    std::string const message = test::message_of<DeviceError>([&] {
        library.multiply(Precision::f32, {.rows = 4,
                                          .columns = 4,
                                          .depth = 4,
                                          .left = {x.data(), 3, false},
                                          .right = x.factor(false),
                                          .out = x.data(),
                                          .out_ld = x.ld()});
    });
    EXPECT_NE(message.find("CUBLAS_STATUS_INVALID_VALUE"), std::string::npos) << message;
}

// ---- what stands beside a product ----------------------------------------------------------------------------------------------------

/// A step of one model whose batch has so many rows.
class Step {
public:
    Step(Context const& context, std::int32_t rows) : entries_(context, 1), at_(context, 1) {
        cuda::StepEntry const entry{.rows = rows};
        std::int64_t const first = 0;
        entries_.copy_from_host(&entry);
        at_.copy_from_host(&first);
    }
    [[nodiscard]] cuda::StepView view() const { return {{entries_.data(), 1}, at_.data(), nullptr}; }

private:
    Buffer<cuda::StepEntry> entries_;
    Buffer<std::int64_t> at_;
};

TEST(AutoencoderLibraryProducts, RoundingIsToBf16TiesToEven) {
    Context const context = Context::cuda();
    float const inf = std::numeric_limits<float>::infinity();
    // 1 + 2^-8 lies between 1 and 1 + 2^-7 and goes to the even one, 1 + 3 2^-8 to 1 + 2^-6; 0x1.fffp127 is past the largest.
    std::vector<float> const values{1.0f, 0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, -0x1.01p0f, -0.0f, 0x1.fffp127f, inf, 2.5f};
    std::vector<std::uint16_t> const expected{0x3F80, 0x3F80, 0x3F82, 0x3F81, 0xBF80, 0x8000, 0x7F80, 0x7F80, 0x4020};
    std::int64_t const rows = 3, columns = 9, ld = 16;
    std::vector<float> all;
    for (std::int64_t r = 0; r < rows; ++r) all.insert(all.end(), values.begin(), values.end());
    Held const from(context, rows, columns, all);
    Buffer<std::uint16_t> const to(context, rows * ld);
    Step const step(context, 2);
    for (bool const of_batch : {false, true}) {
        cuda::launch_round(context, context.stream(), 1,
                           {.step = step.view(),
                            .rows = rows,
                            .columns = columns,
                            .of_batch = of_batch,
                            .from = {from.data(), 0, from.ld()},
                            .to = {to.data(), 0, ld}});
        std::vector<std::uint16_t> got(static_cast<std::size_t>(rows * ld));
        to.copy_to_host(got.data());
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < columns; ++c)
                EXPECT_EQ(got[static_cast<std::size_t>(r * ld + c)], of_batch && r == 2 ? 0 : expected[static_cast<std::size_t>(c)])
                    << r << ", " << c;
    }
}

TEST(AutoencoderLibraryProducts, ClearingTouchesOnlyTheRowsThatAStepLacks) {
    Context const context = Context::cuda();
    std::int64_t const rows = 5, columns = 515;  // more than one piece of a row
    std::vector<float> const values = integers(rows * columns, 1);
    Held const held(context, rows, columns, values);
    Step const step(context, 3);
    cuda::launch_clear(context, context.stream(), 1, {step.view(), rows, columns, {held.data(), 0, held.ld()}});
    std::vector<float> expected = values;
    std::fill(expected.begin() + 3 * columns, expected.end(), 0.0f);
    EXPECT_EQ(held.values(), expected);
}

/// The product stands in `before`, or where there is none in `active`.
TEST(AutoencoderLibraryProducts, BiasAndActivationComeAfter) {
    Context const context = Context::cuda();
    std::int64_t const rows = 3, columns = 515;
    Step const step(context, 2);
    auto const z = integers(rows * columns, 1), b = integers(columns, 2);
    Held const bias(context, 1, columns, b);
    for (bool const has_bias : {false, true})
        for (bool const has_before : {false, true})
            for (bool const has_active : {false, true}) {
                if (!has_before && !has_active) continue;
                Held const before(context, rows, columns, z), active(context, rows, columns, z);
                cuda::ForwardJob job{.step = step.view(), .out = static_cast<std::int32_t>(columns)};
                job.activation.kind = Activation::Kind::relu;
                if (has_bias) job.bias = {bias.data(), 0};
                if (has_before) job.before = {before.data(), 0, before.ld()};
                if (has_active) job.active = {active.data(), 0, active.ld()};
                cuda::launch_bias(context, context.stream(), 1, rows, job);
                std::vector<float> linear = z, positive = z;
                for (std::int64_t i = 0; i < 2 * columns; ++i) {
                    auto const at = static_cast<std::size_t>(i);
                    if (has_bias) linear[at] += b[static_cast<std::size_t>(i % columns)];
                    positive[at] = std::max(linear[at], 0.0f);
                }
                EXPECT_EQ(before.values(), has_before ? linear : z) << has_bias << has_active;
                EXPECT_EQ(active.values(), has_active ? positive : z) << has_bias << has_before;
            }
}

}  // namespace
}  // namespace ca3::autoencoder
