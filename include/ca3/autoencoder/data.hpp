#pragma once

#include <ca3/digits.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace ca3 {

// ---- corruptions of the input; the target stays clean ------------------------------------------------------------------------------
// Each draw is a function of (seed, step, row of the batch, element, place in the list) alone.

/// Adds normal noise of standard deviation sigma; values are not clamped.
struct GaussianNoise {
    double sigma = 0.5;
    bool operator==(GaussianNoise const&) const = default;
};
/// Each value becomes 0 with probability share / 2 and 1 with probability share / 2.
struct SaltAndPepper {
    double share = 0.1;
    bool operator==(SaltAndPepper const&) const = default;
};
/// Each value x becomes 1 - x with probability share.
struct BitFlips {
    double share = 0.1;
    bool operator==(BitFlips const&) const = default;
};
/// A rectangle of the image (image_width columns) becomes `value`. Its place is drawn anew for each image unless row and column are given.
struct OccludedRectangle {
    std::int64_t height = 14;
    std::int64_t width = 14;
    std::int64_t row = -1;
    std::int64_t column = -1;
    double value = 0.0;
    std::int64_t image_width = 28;
    bool operator==(OccludedRectangle const&) const = default;
};
/// Turns the image about its centre, anticlockwise, by an angle uniform on [-degrees, degrees], or by `degrees` when `fixed`.
/// Bilinear sampling, 0 outside.
struct Rotation {
    double degrees = 30.0;
    bool fixed = false;
    std::int64_t image_width = 28;
    bool operator==(Rotation const&) const = default;
};
/// One fixed permutation of the values, drawn from `seed`, for all images.
struct PixelPermutation {
    std::uint64_t seed = 0;
    bool operator==(PixelPermutation const&) const = default;
};

using Corruption = std::variant<GaussianNoise, SaltAndPepper, BitFlips, OccludedRectangle, Rotation, PixelPermutation>;

namespace autoencoder {

/// N samples of d values in the caller's (host) memory: floats, or bytes that count as value / 255. A view: what it is made of must outlive
/// it, so not of images that are a temporary.
struct Samples {
    Samples() = default;
    Samples(MatrixView<std::uint8_t const> b) : bytes(b) {}
    Samples(MatrixView<float const> v) : values(v) {}
    Samples(MatrixView<std::uint8_t> b) : bytes(b) {}
    Samples(MatrixView<float> v) : values(v) {}
    Samples(Images const& images) : bytes(images.pixels.data(), images.count, images.rows * images.cols) {}

    MatrixView<std::uint8_t const> bytes{};
    MatrixView<float const> values{};

    [[nodiscard]] bool are_bytes() const noexcept { return bytes.data != nullptr; }
    [[nodiscard]] std::int64_t count() const noexcept { return are_bytes() ? bytes.rows : values.rows; }
    [[nodiscard]] std::int64_t width() const noexcept { return are_bytes() ? bytes.cols : values.cols; }
};

/// What the output is compared with, a view as Samples are. Default: the clean input.
struct Targets {
    Targets() = default;
    Targets(Samples s) : samples(s), given(true) {}
    Targets(std::span<std::int64_t const> c) : classes(c), given(true) {}

    Samples samples{};                        ///< N x outputs
    std::span<std::int64_t const> classes{};  ///< N class numbers in [0, outputs), or -100: not counted (PyTorch's ignore_index)
    bool given = false;
};

/// Applies the corruptions to B x d values as training step `step` with this seed does. @throws InvalidArgument
void corrupt(std::span<Corruption const> corruptions, std::uint64_t seed, std::uint32_t step, MatrixView<float> samples);

/// The numbers 0 ... count-1 in the order in which epoch `epoch` (0, 1, ...) visits them.
[[nodiscard]] std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::uint32_t epoch);

/// The images whose label is (not) among these, in their order.
[[nodiscard]] Images with_labels(Images const&, std::span<int const> labels);
[[nodiscard]] Images without_labels(Images const&, std::span<int const> labels);

}  // namespace autoencoder
}  // namespace ca3
