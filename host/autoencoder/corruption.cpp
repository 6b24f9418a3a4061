#include "autoencoder/corruption.hpp"

#include "core/check.hpp"

#include "autoencoder/batch.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

namespace ca3::autoencoder {

namespace {

/// What an error calls a member of a corruption.
struct Named {
    char const* function;
    std::size_t place;
    char const* type;

    [[nodiscard]] std::string operator()(char const* member) const {
        return "corruption " + std::to_string(place) + " (" + type + "): " + member;
    }
};

void check_float(double x, Named const& named, char const* member) {
    require(std::isfinite(x) && std::abs(x) <= std::numeric_limits<float>::max(), named.function,
            [&] { return named(member) + " must be finite in f32, is " + number_text(x); });
}

void check_share(double x, Named const& named) {
    require(x >= 0.0 && x <= 1.0, named.function, [&] { return named("share") + " must lie in [0, 1], is " + number_text(x); });
}

void check_image(std::int64_t image_width, std::int64_t width, Named const& named) {
    require(image_width > 0 && width % image_width == 0, named.function, [&] {
        return named("image_width") + " must divide the " + std::to_string(width) + " values of a sample, is " +
               std::to_string(image_width);
    });
}

/// @param low the least that is allowed
void check_range(std::int64_t x, std::int64_t low, std::int64_t high, Named const& named, char const* member) {
    require(x >= low && x <= high, named.function, [&] {
        return named(member) + " must lie in [" + std::to_string(low) + ", " + std::to_string(high) + "], is " + std::to_string(x);
    });
}

void check(GaussianNoise const& c, std::int64_t /*width*/, Named named) {
    named.type = "GaussianNoise";
    check_float(c.sigma, named, "sigma");
    require(c.sigma >= 0.0, named.function, [&] { return named("sigma") + " must not be negative, is " + number_text(c.sigma); });
}

void check(SaltAndPepper const& c, std::int64_t /*width*/, Named named) {
    named.type = "SaltAndPepper";
    check_share(c.share, named);
}

void check(BitFlips const& c, std::int64_t /*width*/, Named named) {
    named.type = "BitFlips";
    check_share(c.share, named);
}

void check(OccludedRectangle const& c, std::int64_t width, Named named) {
    named.type = "OccludedRectangle";
    check_image(c.image_width, width, named);
    std::int64_t const image_height = width / c.image_width;
    check_range(c.height, 0, image_height, named, "height");
    check_range(c.width, 0, c.image_width, named, "width");
    check_range(c.row, -1, image_height - c.height, named, "row");
    check_range(c.column, -1, c.image_width - c.width, named, "column");
    check_float(c.value, named, "value");
}

void check(Rotation const& c, std::int64_t width, Named named) {
    named.type = "Rotation";
    check_image(c.image_width, width, named);
    require(std::isfinite(c.degrees), named.function, [&] { return named("degrees") + " must be finite, is " + number_text(c.degrees); });
}

void check(PixelPermutation const& /*c*/, std::int64_t /*width*/, Named const& /*named*/) {}

using Kind = CorruptionStep::Kind;

/// Fills in `step`. @return whether it changes anything
bool prepare(GaussianNoise const& c, std::int64_t /*width*/, CorruptionStep& step) {
    step.kind = Kind::noise;
    step.sigma = static_cast<float>(c.sigma);
    return step.sigma != 0.0f;
}

bool prepare(SaltAndPepper const& c, std::int64_t /*width*/, CorruptionStep& step) {
    step.kind = Kind::salt_and_pepper;
    step.threshold = static_cast<std::uint32_t>(std::floor(c.share * 0x1p31 + 0.5));
    return step.threshold != 0;
}

bool prepare(BitFlips const& c, std::int64_t /*width*/, CorruptionStep& step) {
    step.kind = Kind::flip;
    auto const draws = static_cast<std::uint64_t>(std::floor(c.share * 0x1p32 + 0.5));
    step.threshold = static_cast<std::uint32_t>(draws - 1);
    return draws != 0;
}

bool prepare(OccludedRectangle const& c, std::int64_t width, CorruptionStep& step) {
    step.kind = Kind::rectangle;
    step.rectangle = c;
    step.image_width = c.image_width;
    step.image_height = width / c.image_width;
    return c.height != 0 && c.width != 0;
}

bool prepare(Rotation const& c, std::int64_t width, CorruptionStep& step) {
    step.kind = Kind::rotation;
    step.degrees = c.degrees;
    step.fixed = c.fixed;
    step.image_width = c.image_width;
    step.image_height = width / c.image_width;
    return c.degrees != 0.0;
}

bool prepare(PixelPermutation const& c, std::int64_t width, CorruptionStep& step) {
    step.kind = Kind::permutation;
    step.permutation = random_order(width, c.seed, random::Purpose::shuffle, 0);
    return width > 1;
}

}  // namespace

void check_corruptions(std::span<Corruption const> corruptions, std::int64_t width, char const* function) {
    for (std::size_t place = 0; place < corruptions.size(); ++place) {
        require(!corruptions[place].valueless_by_exception(), function,
                [&] { return "corruption " + std::to_string(place) + " holds no value"; });
        std::visit([&](auto const& c) { check(c, width, {function, place, ""}); }, corruptions[place]);
    }
}

std::vector<CorruptionStep> corruption_steps(std::span<Corruption const> corruptions, std::int64_t width) {
    std::vector<CorruptionStep> steps;
    for (std::size_t place = 0; place < corruptions.size(); ++place) {
        CorruptionStep step;
        step.element = static_cast<std::uint32_t>(place);
        if (std::visit([&](auto const& c) { return prepare(c, width, step); }, corruptions[place])) steps.push_back(std::move(step));
    }
    return steps;
}

}  // namespace ca3::autoencoder
