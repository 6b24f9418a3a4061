// The products of the CUDA engine of autoencoders on the host executor, against f64 with derived bounds.
#include "support/dense_products.hpp"
#include "support/simt/executor.hpp"

#include <gtest/gtest.h>

namespace ca3::autoencoder {
namespace {

TEST(AutoencoderProducts, StayWithinTheRoundingOfTheirPrecision) {
    for (int const multiprocessors : {1, 1000}) {  // large tiles, small tiles
        simt::Scope const scope({.multiprocessors = multiprocessors});
        for (Precision const precision : {Precision::f32, Precision::tf32x3, Precision::tf32, Precision::bf16}) {
            test::expect_products_within_rounding(Context::cuda(), precision, 1, 1, 1);
            test::expect_products_within_rounding(Context::cuda(), precision, 33, 31, 65);
            test::expect_products_within_rounding(Context::cuda(), precision, 65, 127, 33);
            test::expect_products_within_rounding(Context::cuda(), precision, 2, 300, 5);
        }
    }
}

}  // namespace
}  // namespace ca3::autoencoder
