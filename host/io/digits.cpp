#include <ca3/digits.hpp>

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "core/philox.hpp"
#include "io/digit_strokes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <new>
#include <vector>

// Only + - * / and sqrt are used on reals, all of them exactly rounded by IEEE 754 on every machine, so the images are the same everywhere.

namespace ca3 {
namespace {

using namespace digits;

constexpr std::int64_t side = 28;
constexpr double box = 20.0;  // MNIST's digits fit this square

/// The random numbers of one image, in order.
class Draws {
public:
    Draws(std::uint64_t seed, std::int64_t image) : seed_(seed), image_(static_cast<std::uint64_t>(image)) {}

    std::uint32_t bits() {
        return random::draw(seed_, random::Purpose::digit, static_cast<std::uint32_t>(image_), static_cast<std::uint32_t>(image_ >> 32),
                            next_++);
    }
    double uniform(double low, double high) { return low + (high - low) * (bits() * 0x1p-32); }
    /// Bell-shaped, mean 0, standard deviation `deviation`, never beyond 3 of them.
    double bell(double deviation) {
        double const sum = uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1);
        return sum * deviation;
    }

private:
    std::uint64_t seed_;
    std::uint64_t image_;
    std::uint64_t next_ = 0;
};

struct Dot {
    double x;
    double y;
    double radius;
};
using Line = std::vector<Dot>;

Glyph const& choose_glyph(int digit, Draws& draws) {
    auto const ways = ways_to_write(digit);
    unsigned pick = draws.bits() >> 29;
    for (Glyph const& glyph : ways) {
        if (pick < glyph.frequency) return glyph;
        pick -= glyph.frequency;
    }
    return ways.back();
}

/// Catmull-Rom: the cubic from b to c whose tangents are (c - a) / 2 and (d - b) / 2.
double between(double a, double b, double c, double d, double t) {
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/// Knots moved at random and joined; a corner counts twice, which stops the tangent there. Without the radius.
Line draw_stroke(Stroke const& stroke, double wobble, Draws& draws) {
    std::vector<Knot> knots;
    for (Knot knot : stroke) {
        knot.x += draws.bell(wobble);
        knot.y += draws.bell(wobble);
        knots.push_back(knot);
        if (knot.corner) knots.push_back(knot);
    }
    int constexpr pieces = 8;
    Line line;
    auto const at = [&](std::size_t i) { return knots[std::min(i, knots.size() - 1)]; };
    for (std::size_t i = 0; i + 1 < knots.size(); ++i) {
        Knot const a = at(i > 0 ? i - 1 : 0);
        Knot const b = at(i);
        Knot const c = at(i + 1);
        Knot const d = at(i + 2);
        for (int piece = 0; piece < pieces; ++piece) {
            double const t = static_cast<double>(piece) / pieces;
            line.push_back({between(a.x, b.x, c.x, d.x, t), between(a.y, b.y, c.y, d.y, t), 0});
        }
    }
    line.push_back({knots.back().x, knots.back().y, 0});
    return line;
}

/// One writer's hand: shear, rotation, proportions and a bend, about the middle of the square.
void apply_hand(std::vector<Line>& lines, double width, Draws& draws) {
    double const slant = 0.15 + draws.bell(0.20);
    double const turn = draws.bell(0.035);  // tangent of half the angle
    double const cosine = (1 - turn * turn) / (1 + turn * turn);
    double const sine = 2 * turn / (1 + turn * turn);
    double const proportion = width * (1.06 + draws.bell(0.15));
    double const bend_x = draws.bell(0.10);
    double const bend_y = draws.bell(0.06);
    for (Line& line : lines) {
        for (Dot& dot : line) {
            double const u = dot.x - 0.5;
            double const v = dot.y - 0.5;
            double const x = proportion * u - slant * v + bend_x * v * v;
            double const y = v + bend_y * u * u;
            dot.x = cosine * x - sine * y;
            dot.y = sine * x + cosine * y;
        }
    }
}

/// The pen presses a little harder in places.
void apply_pen(std::vector<Line>& lines, Draws& draws) {
    double const radius = std::max(0.75, 1.25 + draws.bell(0.28));
    for (Line& line : lines) {
        double const first = radius * (1 + draws.bell(0.08));
        double const last = radius * (1 + draws.bell(0.08));
        for (std::size_t i = 0; i < line.size(); ++i) {
            double const t = static_cast<double>(i) / static_cast<double>(line.size() - 1);
            line[i].radius = first + (last - first) * t;
        }
    }
}

/// As MNIST was made: the longer side fills the box, then the centre of mass of the ink comes to the middle of the image.
void place(std::vector<Line>& lines, Draws& draws) {
    double low_x = 1e9, high_x = -1e9, low_y = 1e9, high_y = -1e9, radius = 0;
    for (Line const& line : lines) {
        for (Dot const& dot : line) {
            low_x = std::min(low_x, dot.x);
            high_x = std::max(high_x, dot.x);
            low_y = std::min(low_y, dot.y);
            high_y = std::max(high_y, dot.y);
            radius = std::max(radius, dot.radius);
        }
    }
    double const extent = std::max(high_x - low_x, high_y - low_y);
    double const scale = (box - 2 * radius) * (1 - 0.12 * draws.uniform(0, 1)) / extent;
    double ink = 0, mass_x = 0, mass_y = 0;
    for (Line& line : lines) {
        for (Dot& dot : line) {
            dot.x *= scale;
            dot.y *= scale;
        }
        for (std::size_t i = 1; i < line.size(); ++i) {
            Dot const& a = line[i - 1];
            Dot const& b = line[i];
            double const length = std::sqrt((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y));
            ink += length;
            mass_x += length * (a.x + b.x) / 2;
            mass_y += length * (a.y + b.y) / 2;
        }
    }
    double const shift_x = side / 2.0 - mass_x / ink + draws.bell(0.4);
    double const shift_y = side / 2.0 - mass_y / ink + draws.bell(0.4);
    for (Line& line : lines) {
        for (Dot& dot : line) {
            dot.x += shift_x;
            dot.y += shift_y;
        }
    }
}

/// Raises the pixels near the segment to its coverage: full inside, falling over one pixel at the edge.
void ink_segment(std::array<double, side * side>& cover, Dot const& a, Dot const& b) {
    double const reach = std::max(a.radius, b.radius) + 0.5;
    auto const clamp = [](double value) { return static_cast<std::int64_t>(std::clamp(value, 0.0, static_cast<double>(side))); };
    std::int64_t const left = clamp(std::min(a.x, b.x) - reach);
    std::int64_t const right = clamp(std::max(a.x, b.x) + reach + 1);
    std::int64_t const top = clamp(std::min(a.y, b.y) - reach);
    std::int64_t const bottom = clamp(std::max(a.y, b.y) + reach + 1);
    double const dx = b.x - a.x;
    double const dy = b.y - a.y;
    double const squared = dx * dx + dy * dy;
    for (std::int64_t row = top; row < bottom; ++row) {
        for (std::int64_t col = left; col < right; ++col) {
            double const px = static_cast<double>(col) + 0.5 - a.x;
            double const py = static_cast<double>(row) + 0.5 - a.y;
            double const t = squared > 0 ? std::clamp((px * dx + py * dy) / squared, 0.0, 1.0) : 0.0;
            double const ox = px - t * dx;
            double const oy = py - t * dy;
            double const edge = a.radius + (b.radius - a.radius) * t + 0.5 - std::sqrt(ox * ox + oy * oy);
            double& pixel = cover[static_cast<std::size_t>(row * side + col)];
            pixel = std::max(pixel, std::min(edge, 1.0));
        }
    }
}

void draw_digit(std::int64_t image, std::uint64_t seed, std::uint8_t* pixels) {
    Draws draws(seed, image);
    Glyph const& glyph = choose_glyph(static_cast<int>(image % 10), draws);
    double const wobble = draws.uniform(0.015, 0.048);
    std::vector<Line> lines;
    for (Stroke const& stroke : glyph.strokes) lines.push_back(draw_stroke(stroke, wobble, draws));
    apply_hand(lines, glyph.width, draws);
    apply_pen(lines, draws);
    place(lines, draws);
    std::array<double, side * side> cover{};
    for (Line const& line : lines) {
        for (std::size_t i = 1; i < line.size(); ++i) ink_segment(cover, line[i - 1], line[i]);
    }
    std::ranges::transform(cover, pixels, [](double c) { return static_cast<std::uint8_t>(255 * c + 0.5); });
}

}  // namespace

Images synthetic_digits(std::int64_t count, std::uint64_t seed) {
    std::int64_t constexpr most = std::numeric_limits<std::int64_t>::max() / (side * side);
    require(count >= 0 && count <= most, "synthetic_digits",
            [&] { return "count must be from 0 to " + std::to_string(most) + ", is " + std::to_string(count); });
    Images images{.count = count, .rows = side, .cols = side, .pixels = {}, .labels = {}};
    try {
        images.pixels.resize(static_cast<std::size_t>(count * side * side));
        images.labels.resize(static_cast<std::size_t>(count));
    } catch (std::bad_alloc const&) {
        throw OutOfMemory("synthetic_digits", static_cast<std::uint64_t>(count * side * side), 0);
    }
    for (std::int64_t image = 0; image < count; ++image) {
        images.labels[static_cast<std::size_t>(image)] = static_cast<std::uint8_t>(image % 10);
        draw_digit(image, seed, images.pixels.data() + image * side * side);
    }
    return images;
}

}  // namespace ca3
