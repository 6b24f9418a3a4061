#include "support/backends.hpp"
#include "support/dense_products.hpp"

#include <gtest/gtest.h>

/// The products of a layer on every backend, in every precision it has, against f64 with derived bounds.
namespace ca3::autoencoder {
namespace {

class DenseProducts : public test::OnEveryBackend {};
CA3_ON_EVERY_BACKEND(DenseProducts);

void expect_at_odd_sizes(Context const& context, Precision precision) {
    for (std::int64_t const batch : {1, 31, 33})
        for (std::int64_t const in : {1, 32, 127})
            for (std::int64_t const out : {1, 3, 65}) test::expect_products_within_rounding(context, precision, batch, in, out);
    test::expect_products_within_rounding(context, precision, 257, 255, 129);
    test::expect_products_within_rounding(context, precision, 64, 1000, 33);
}

TEST_P(DenseProducts, StayWithinTheirRoundingInF32) {
    expect_at_odd_sizes(context(), Precision::f32);
}

using DenseProductsOfTensorCores = test::OnGpu;

TEST_F(DenseProductsOfTensorCores, StayWithinTheirRounding) {
    for (Precision const precision : {Precision::tf32x3, Precision::tf32, Precision::bf16}) expect_at_odd_sizes(context(), precision);
}

}  // namespace
}  // namespace ca3::autoencoder
