#pragma once

#include "options.hpp"

#include <ca3/autoencoder/data.hpp>
#include <ca3/io/npy.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// What autoencoders are trained on and asked about: arrays of NPY files, and images.
namespace ca3::cli {

/// N rows of d floats, or of bytes that count as value / 255.
struct SampleArray {
    std::string name;  ///< for errors: its file
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::vector<std::uint8_t> bytes{};
    std::vector<float> values{};
    std::vector<std::int64_t> labels{};  ///< of images from a folder, or empty

    [[nodiscard]] autoencoder::Samples view() const;
    /// @throws InvalidArgument unless rows are `width` wide @param role such as "the network's input"
    void check_width(std::int64_t width, std::string const& role) const;
};

/// float32, float64 or uint8, N x d or of more dimensions, all but the first of which are one row.
/// @throws InvalidArgument for other types and shapes, no rows, and floats that are not finite (naming the first with its index)
[[nodiscard]] SampleArray read_samples(std::string const& file);
[[nodiscard]] SampleArray to_samples(Images const&, std::string name);

/// Numbers to compare outputs with, or classes.
struct TargetArray {
    SampleArray samples{};
    std::vector<std::int64_t> classes{};

    [[nodiscard]] bool given() const { return samples.rows > 0 || !classes.empty(); }
    [[nodiscard]] std::int64_t count() const { return classes.empty() ? samples.rows : static_cast<std::int64_t>(classes.size()); }
    [[nodiscard]] autoencoder::Targets view() const;
};
/// One integer for each sample: class numbers. Otherwise as read_samples; a list of floats is one output for each sample.
[[nodiscard]] TargetArray read_targets(std::string const& file);

/// Rows of sample numbers, E x M, or M for one row. @throws InvalidArgument for what is no integer type
struct OrderArray {
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    std::vector<std::int64_t> values{};

    [[nodiscard]] MatrixView<std::int64_t const> view() const { return {values.data(), rows, cols}; }
};
[[nodiscard]] OrderArray read_order(std::string const& file);

struct ImageSplits {
    std::string name;  ///< "MNIST" or "synthetic digits"
    Images train;
    Images test;
};
/// MNIST when `options.data` names a folder, else the synthetic digits (10,000 to train, 2,000 to test, always the same ones).
/// @param train, test the first so many of each; 0: all @throws FormatError, FileError
[[nodiscard]] ImageSplits load_images(Options const& options, std::int64_t train = 0, std::int64_t test = 0);

/// The first `count` images; all where there are not more.
[[nodiscard]] Images head(Images const&, std::int64_t count);
/// Pixels of these images as floats in [0, 1], one row each.
[[nodiscard]] std::vector<float> pixels_of(Images const&, std::vector<std::int64_t> const& numbers);
[[nodiscard]] std::vector<float> pixels_of(Images const&);
/// The number of the first image of each digit there is, in rising order of digits.
[[nodiscard]] std::vector<std::int64_t> one_of_each(Images const&);

}  // namespace ca3::cli
