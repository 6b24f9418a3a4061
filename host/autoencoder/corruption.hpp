#pragma once

#include <ca3/autoencoder/data.hpp>
#include <ca3/random.hpp>

#include "core/elementary.hpp"
#include "core/host_device.hpp"
#include "core/philox.hpp"

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

/// The scalar definition of every corruption, for host and device: what a draw does to a value. Draw `index` of (seed, purpose, element =
/// place in the list, random step) belongs to value `row number * width + column`; a rectangle and an angle take 2 * row number (and the
/// next one).
namespace ca3::autoencoder {

namespace scalar {

template <int by>
CA3_HOST_DEVICE inline std::uint32_t shift_left(std::uint32_t x) {
    return x << by;
}
template <int by>
CA3_HOST_DEVICE inline std::uint32_t arithmetic_shift_right(std::uint32_t x) {
    return static_cast<std::uint32_t>(static_cast<std::int32_t>(x) >> by);
}
CA3_HOST_DEVICE inline float from_unsigned(std::uint32_t x) {
    return static_cast<float>(x);
}
CA3_HOST_DEVICE inline float from_signed(std::uint32_t x) {
    return static_cast<float>(static_cast<std::int32_t>(x));
}
CA3_HOST_DEVICE inline std::uint32_t word_of(float x) {
    return detail::bits_of(x);
}
CA3_HOST_DEVICE inline float real_of(std::uint32_t x) {
    return detail::float_of(x);
}
CA3_HOST_DEVICE inline float square_root(float x) {
#ifdef __CUDA_ARCH__
    return __fsqrt_rn(x);
#else
    return std::sqrt(x);
#endif
}
CA3_HOST_DEVICE inline float at_least_zero(float x) {
    return x > 0.0f ? x : 0.0f;
}
CA3_HOST_DEVICE inline bool at_least(float a, float b) {
    return a >= b;
}
CA3_HOST_DEVICE inline bool any(bool x) {
    return x;
}
CA3_HOST_DEVICE inline float select(bool yes, float a, float b) {
    return yes ? a : b;
}
/// `x` >= 0 where `upper` is all bits, else -x.
CA3_HOST_DEVICE inline float with_sign_of(std::uint32_t upper, float x) {
    return real_of(word_of(x) | (~upper & 0x80000000u));
}

#include "autoencoder/normal_inl.hpp"

}  // namespace scalar

/// Standard normal for a uniform 32-bit u: see normal_inl.hpp.
CA3_HOST_DEVICE inline float normal_float(std::uint32_t u) {
    return scalar::normal_of<float, std::uint32_t>(u);
}

CA3_HOST_DEVICE inline float with_noise(float x, std::uint32_t u, float sigma) {
    return fused(sigma, normal_float(u), x);
}
/// @param threshold 2^32 times half the share
CA3_HOST_DEVICE inline float with_salt_and_pepper(float x, std::uint32_t u, std::uint32_t threshold) {
    if (u < threshold) return 0.0f;
    return u - threshold < threshold ? 1.0f : x;
}
/// @param last 2^32 times the share, less 1
CA3_HOST_DEVICE inline float with_flip(float x, std::uint32_t u, std::uint32_t last) {
    return u <= last ? 1.0f - x : x;
}
/// One of 0 ... count-1.
CA3_HOST_DEVICE inline std::int64_t place_of(std::uint32_t u, std::int64_t count) {
    return static_cast<std::int64_t>((static_cast<std::uint64_t>(u) * static_cast<std::uint64_t>(count)) >> 32);
}

/// Cosine and sine of an angle, each rounded from f64.
struct Turn {
    float cosine = 1.0f;
    float sine = 0.0f;
};
/// By Taylor's series on +-45 degrees (next terms below 4e-18) and quarter turns, so that multiples of 90 degrees are exact.
CA3_HOST_DEVICE inline Turn turn_of(double degrees) {
    double const angle = fmod(degrees, 360.0);  // exact
    double const shift = 0x1.8p52;              // adding it leaves the nearest integer
    double const quarters = fused(angle, 1.0 / 90.0, shift) - shift;
    double const x = fused(quarters, -90.0, angle) * 0.017453292519943295;
    double const q = x * x;
    double s = -7.647163731819816e-13;
    s = fused(s, q, 1.6059043836821613e-10);
    s = fused(s, q, -2.505210838544172e-08);
    s = fused(s, q, 2.7557319223985893e-06);
    s = fused(s, q, -1.984126984126984e-04);
    s = fused(s, q, 8.333333333333333e-03);
    s = fused(s, q, -0.16666666666666666);
    s = fused(s * q, x, x);
    double c = 4.779477332387385e-14;
    c = fused(c, q, -1.1470745597729725e-11);
    c = fused(c, q, 2.08767569878681e-09);
    c = fused(c, q, -2.755731922398589e-07);
    c = fused(c, q, 2.48015873015873e-05);
    c = fused(c, q, -1.388888888888889e-03);
    c = fused(c, q, 4.1666666666666664e-02);
    c = fused(c, q, -0.5);
    c = fused(c, q, 1.0);
    auto const cosine = static_cast<float>(c), sine = static_cast<float>(s);
    switch (static_cast<int>(quarters) & 3) {
        case 1:
            return {-sine, cosine};
        case 2:
            return {-cosine, -sine};
        case 3:
            return {sine, -cosine};
        default:
            return {cosine, sine};
    }
}
/// The angle of draw u: (2u + 1 - 2^32) / 2^32 of `degrees`.
CA3_HOST_DEVICE inline double angle_of(std::uint32_t u, double degrees) {
    return fused(static_cast<double>(u), 0x1p-31, 0x1p-32 - 1.0) * degrees;
}

/// Pixel (i, j) of the turned image: bilinear between the four pixels about the place that comes to lie there, 0 outside.
CA3_HOST_DEVICE inline float turned_pixel(float const* image, std::int64_t height, std::int64_t width, Turn turn, std::int64_t i,
                                          std::int64_t j) {
    float const centre_x = 0.5f * static_cast<float>(width - 1), centre_y = 0.5f * static_cast<float>(height - 1);
    float const x = static_cast<float>(j) - centre_x, y = centre_y - static_cast<float>(i);  // y upwards
    float const from_x = fused(turn.cosine, x, fused(turn.sine, y, centre_x));
    float const from_y = fused(turn.sine, x, fused(-turn.cosine, y, centre_y));
    auto column = static_cast<std::int64_t>(from_x), row = static_cast<std::int64_t>(from_y);  // towards 0: one too high below it
    if (static_cast<float>(column) > from_x) --column;
    if (static_cast<float>(row) > from_y) --row;
    float const dx = from_x - static_cast<float>(column), dy = from_y - static_cast<float>(row);
    bool const left = column >= 0 && column < width, right = column >= -1 && column < width - 1;
    bool const above = row >= 0 && row < height, below = row >= -1 && row < height - 1;
    std::int64_t const at = row * width + column;
    float const a = above && left ? image[at] : 0.0f, b = above && right ? image[at + 1] : 0.0f;
    float const c = below && left ? image[at + width] : 0.0f, d = below && right ? image[at + width + 1] : 0.0f;
    float const top = fused(dx, b - a, a), bottom = fused(dx, d - c, c);
    return fused(dy, bottom - top, top);
}

/// A corruption made ready: what changes nothing is left out of the list.
struct CorruptionStep {
    enum class Kind : std::uint8_t { noise, salt_and_pepper, flip, rectangle, rotation, permutation };
    Kind kind = Kind::noise;
    std::uint32_t element = 0;    ///< of its draws: place in the caller's list
    float sigma = 0.0f;           ///< noise
    std::uint32_t threshold = 0;  ///< salt_and_pepper: see with_salt_and_pepper; flip: see with_flip
    OccludedRectangle rectangle{};
    std::int64_t image_width = 0;  ///< rectangle, rotation
    std::int64_t image_height = 0;
    double degrees = 0.0;                     ///< rotation
    bool fixed = false;                       ///< rotation
    std::vector<std::int64_t> permutation{};  ///< value j becomes what permutation[j] was
};
[[nodiscard]] std::vector<CorruptionStep> corruption_steps(std::span<Corruption const> corruptions, std::int64_t width);

/// Corner of the rectangle in the image of a row.
struct Corner {
    std::int64_t row;
    std::int64_t column;
};
CA3_HOST_DEVICE inline Corner corner_of(OccludedRectangle const& r, std::int64_t image_height, std::int64_t image_width,
                                        std::uint32_t first, std::uint32_t second) {
    return {r.row >= 0 ? r.row : place_of(first, image_height - r.height + 1),
            r.column >= 0 ? r.column : place_of(second, image_width - r.width + 1)};
}

/// 0 ... count-1 in random order: Durstenfeld's shuffle, element i swapped with one of 0 ... i by draws 2i and 2i + 1 (64 bits, so that no
/// order is preferred by more than count / 2^64).
[[nodiscard]] std::vector<std::int64_t> random_order(std::int64_t count, std::uint64_t seed, random::Purpose purpose, std::uint32_t step);

}  // namespace ca3::autoencoder
