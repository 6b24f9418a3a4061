#pragma once

#include <span>
#include <vector>

/// Digits as a pen writes them, in a unit square with y downwards.
namespace ca3::digits {

struct Knot {
    double x;
    double y;
    bool corner = false;  ///< the pen turns sharply here; elsewhere the line is smooth
};

using Stroke = std::vector<Knot>;  ///< knots in the order of writing, at least two

struct Glyph {
    unsigned frequency;  ///< of 8 writers, how many write it so
    double width;        ///< of the square after scaling, in units of its height
    std::vector<Stroke> strokes;
};

/// The ways to write a digit from 0 to 9. Their frequencies add up to 8.
[[nodiscard]] std::span<Glyph const> ways_to_write(int digit);

}  // namespace ca3::digits
