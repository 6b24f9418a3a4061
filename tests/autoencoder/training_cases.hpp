#pragma once

#include "support/compare.hpp"

#include <ca3/autoencoder.hpp>
#include <ca3/random.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

/// What the tests of training share.
namespace ca3::autoencoder::training_test {

inline constexpr std::int64_t width = 25;

/// N x 25 values in [0, 1].
[[nodiscard]] inline std::vector<float> images(std::int64_t count, std::uint64_t seed = 1) {
    std::vector<float> x(static_cast<std::size_t>(count * width));
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(
            random::uniform(seed, random::Purpose::user, 0, 0, i) > 0.6 ? random::uniform(seed, random::Purpose::user, 1, 0, i) : 0.0);
    return x;
}

/// Rows of `columns` values.
[[nodiscard]] inline Samples view(std::vector<float> const& x, std::int64_t columns = width) {
    return MatrixView<float const>(x.data(), static_cast<std::int64_t>(x.size()) / columns, columns);
}

/// All tensors of the state_dict, one after the other.
[[nodiscard]] inline std::vector<double> numbers(Model const& model) {
    std::vector<double> all;
    for (auto const& [name, tensor] : model.parameters().tensors)
        for (std::int64_t i = 0; i < tensor.size(); ++i)
            all.push_back(tensor.dtype == io::DType::f32   ? static_cast<double>(tensor.as<float>()[i])
                          : tensor.dtype == io::DType::f64 ? tensor.as<double>()[i]
                                                           : static_cast<double>(tensor.as<std::int64_t>()[i]));
    return all;
}

inline void expect_same(History const& a, History const& b) {
    ASSERT_EQ(a.epochs.size(), b.epochs.size());
    for (std::size_t e = 0; e < a.epochs.size(); ++e) {
        EXPECT_EQ(a.epochs[e].epoch, b.epochs[e].epoch);
        EXPECT_EQ(a.epochs[e].train_loss, b.epochs[e].train_loss) << "epoch " << e;
        EXPECT_TRUE(test::same_bits(a.epochs[e].test_loss, b.epochs[e].test_loss)) << "epoch " << e;
        EXPECT_EQ(a.epochs[e].learning_rate, b.epochs[e].learning_rate);
    }
    EXPECT_EQ(a.stop, b.stop);
}

}  // namespace ca3::autoencoder::training_test
