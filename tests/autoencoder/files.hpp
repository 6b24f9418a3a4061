#pragma once

#include <ca3/autoencoder/model.hpp>

#include "io/files.hpp"

#include <cstdint>
#include <cstring>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// What the tests of model files and checkpoints share.
namespace ca3::autoencoder::test {

using io::test::Bytes;
using io::test::Folder;
using io::test::slurp;
using io::test::spill;

template <class T>
[[nodiscard]] io::Array array_of(io::DType dtype, std::vector<std::int64_t> shape, std::vector<T> const& values) {
    return {.dtype = dtype, .shape = std::move(shape), .data = io::test::raw(values)};
}

/// A float tensor of this shape with the values 0.5, 1, 1.5, ...
[[nodiscard]] inline io::Array ramp(std::vector<std::int64_t> shape) {
    std::vector<float> values(static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>())));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.5f * static_cast<float>(i + 1);
    return array_of(io::DType::f32, std::move(shape), values);
}

[[nodiscard]] inline std::set<std::string> names(io::Tensors const& tensors) {
    std::set<std::string> list;
    for (auto const& [name, array] : tensors.tensors) list.insert(name);
    return list;
}

inline void expect_same(io::Tensors const& expected, io::Tensors const& actual) {
    EXPECT_EQ(names(expected), names(actual));
    for (auto const& [name, array] : expected.tensors) {
        auto const found = actual.tensors.find(name);
        if (found == actual.tensors.end()) continue;
        EXPECT_EQ(array.dtype, found->second.dtype) << name;
        EXPECT_EQ(array.shape, found->second.shape) << name;
        EXPECT_EQ(array.data, found->second.data) << name;
    }
}

/// N x d values in [0, 1), always the same.
[[nodiscard]] inline std::vector<float> values(std::int64_t n, std::int64_t d) {
    std::vector<float> list(static_cast<std::size_t>(n * d));
    std::uint32_t x = 12345;
    for (float& value : list) {
        x = x * 1664525U + 1013904223U;
        value = static_cast<float>(x >> 8) * 0x1p-24f;
    }
    return list;
}

[[nodiscard]] inline MatrixView<float const> view(std::vector<float> const& list, std::int64_t d) {
    return {list.data(), static_cast<std::int64_t>(list.size()) / d, d};
}

}  // namespace ca3::autoencoder::test
