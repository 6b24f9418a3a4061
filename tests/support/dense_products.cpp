#include "support/dense_products.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace ca3::test {
namespace {

/// What a product loses, as shares of the sum of the magnitudes of its terms.
struct Rounding {
    double term;  ///< of each term: its two operands are rounded
    double sum;   ///< times the number of terms: each addition is rounded
};
/// Half a unit in the last of 24 bits (f32), 11 (tf32) or 8 (bf16), for both operands: (1 + u)^2 - 1. tf32x3 keeps 22 bits of an operand
/// and leaves out a product of what two of them lost. Tensor cores may cut where f32 rounds: twice as much a sum.
Rounding rounding(Precision precision) {
    double const single = 0x1p-24;
    switch (precision) {
        case Precision::tf32x3:
            return {3.0 * 0x1p-22, 3.0 * 2.0 * single};
        case Precision::tf32:
            return {2.0 * 0x1p-11 + 0x1p-22, 2.0 * single};
        case Precision::bf16:
            return {2.0 * 0x1p-8 + 0x1p-16, 2.0 * single};
        default:
            return {0.0, single};
    }
}

/// Values on both sides of 0, none a short binary fraction.
std::vector<float> values(std::int64_t count, std::uint64_t seed) {
    std::vector<float> x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(2.0 * random::uniform(seed, random::Purpose::user, 0, 0, i) - 0.7);
    return x;
}

/// A number with the bound of its error.
struct Bounded {
    double value = 0.0;
    double error = 0.0;
};

/// Sum of products of n pairs a (exact but for its own error) and b (exact).
class Sum {
public:
    void add(Bounded const& a, double b) {
        value_ += a.value * b;
        magnitude_ += (std::abs(a.value) + a.error) * std::abs(b);
        inherited_ += a.error * std::abs(b);
        ++terms_;
    }
    [[nodiscard]] Bounded total(Rounding const& r) const {
        return {value_, inherited_ + magnitude_ * (r.term + r.sum * (terms_ + 1.0) * (1.0 + r.term))};
    }

private:
    double value_ = 0.0, magnitude_ = 0.0, inherited_ = 0.0, terms_ = 0.0;
};

void expect_near(std::string const& what, std::int64_t i, Bounded const& expected, double actual) {
    // Bounds of first order; a thousandth covers the second.
    EXPECT_LE(std::abs(actual - expected.value), 1.001 * expected.error + 0x1p-126) << what << ' ' << i << ": " << actual;
}

}  // namespace

void expect_products_within_rounding(Context const& context, Precision precision, std::int64_t batch, std::int64_t in, std::int64_t out) {
    SCOPED_TRACE("batch " + std::to_string(batch) + ", " + std::to_string(in) + " -> " + std::to_string(out) + ", " +
                 std::string(to_string(precision)));
    std::vector<float> const x = values(batch * in, 1), t = values(batch * out, 2);
    autoencoder::Model const model(context, {in, {autoencoder::Layer(out)}}, {.seed = 5, .precision = precision});
    auto const state = model.parameters();
    auto const names = tensors(model.architecture());
    float const* const w = state.tensors.at(names[0].name).as<float>();
    float const* const b = state.tensors.at(names[1].name).as<float>();
    MatrixView<float const> const inputs(x.data(), batch, in), targets(t.data(), batch, out);
    auto const outputs = model.reconstruct(inputs);
    auto const gradients = model.gradients(inputs, {}, autoencoder::Targets(autoencoder::Samples(targets)));
    Rounding const r = rounding(precision);
    double const single = 0x1p-24, share = 2.0 / static_cast<double>(batch * out);

    std::vector<Bounded> g(t.size());  // d mean (y - t)^2 / dy
    for (std::int64_t row = 0; row < batch; ++row)
        for (std::int64_t o = 0; o < out; ++o) {
            Sum sum;
            for (std::int64_t i = 0; i < in; ++i) sum.add({x[row * in + i]}, w[o * in + i]);
            Bounded y = sum.total(r);
            y.value += b[o];
            y.error += 2.0 * single * (std::abs(y.value) + std::abs(b[o]));
            std::int64_t const at = row * out + o;
            expect_near("output", at, y, outputs[at]);
            double const difference = y.value - t[at];
            g[at] = {share * difference, share * (y.error + 4.0 * single * (std::abs(difference) + y.error))};
        }
    for (std::int64_t o = 0; o < out; ++o) {
        for (std::int64_t i = 0; i < in; ++i) {
            Sum sum;
            for (std::int64_t row = 0; row < batch; ++row) sum.add(g[row * out + o], x[row * in + i]);
            expect_near("weight gradient", o * in + i, sum.total(r), gradients.parameters[0][o * in + i]);
        }
        Sum sum;
        for (std::int64_t row = 0; row < batch; ++row) sum.add(g[row * out + o], 1.0);
        expect_near("bias gradient", o, sum.total(r), gradients.parameters[1][o]);
    }
    for (std::int64_t row = 0; row < batch; ++row)
        for (std::int64_t i = 0; i < in; ++i) {
            Sum sum;
            for (std::int64_t o = 0; o < out; ++o) sum.add(g[row * out + o], w[o * in + i]);
            expect_near("input gradient", row * in + i, sum.total(r), gradients.inputs[row * in + i]);
        }
}

}  // namespace ca3::test
