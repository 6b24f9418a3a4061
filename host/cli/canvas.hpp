#pragma once

#include "png_grid.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ca3::cli {

/// A picture in memory; what falls outside is cut off.
class Canvas {
public:
    Canvas(std::int64_t width, std::int64_t height, Colour background);

    void rectangle(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, Colour);
    /// Upper left corner at (x, y); each dot of the font is `scale` pixels wide.
    void text(std::int64_t x, std::int64_t y, std::string_view, int scale, Colour);

    /// The picture as a PNG file. @throws FileError
    [[nodiscard]] std::string png() const;

private:
    std::int64_t width_;
    std::int64_t height_;
    std::vector<Colour> pixels_;
};

[[nodiscard]] std::int64_t text_width(std::string_view, int scale);
/// Lines broken between words to fit `width` pixels where that is possible.
[[nodiscard]] std::vector<std::string> wrap(std::string const& text, std::int64_t width, int scale);

}  // namespace ca3::cli
