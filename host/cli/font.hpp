#pragma once

/// A small bitmap font for figures: seven rows above the base line, two below.
namespace ca3::cli::font {

constexpr int width = 5;
constexpr int height = 9;
constexpr int baseline = 7;  ///< rows above it
constexpr int advance = 6;

/// Is pixel (x, y) of the character set? Characters outside printable ASCII are blank.
[[nodiscard]] bool ink(char character, int x, int y);

}  // namespace ca3::cli::font
