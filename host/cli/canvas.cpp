#include "canvas.hpp"

#include "font.hpp"

#include <ca3/error.hpp>

#include <png.h>

#include <algorithm>
#include <sstream>

namespace ca3::cli {

Canvas::Canvas(std::int64_t width, std::int64_t height, Colour background)
    : width_(width), height_(height), pixels_(static_cast<std::size_t>(width * height), background) {}

void Canvas::rectangle(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, Colour colour) {
    for (std::int64_t j = std::max<std::int64_t>(y, 0); j < std::min(y + height, height_); ++j)
        for (std::int64_t i = std::max<std::int64_t>(x, 0); i < std::min(x + width, width_); ++i)
            pixels_[static_cast<std::size_t>(j * width_ + i)] = colour;
}

void Canvas::text(std::int64_t x, std::int64_t y, std::string_view text, int scale, Colour colour) {
    for (char const c : text) {
        for (int j = 0; j < font::height; ++j)
            for (int i = 0; i < font::width; ++i)
                if (font::ink(c, i, j)) rectangle(x + i * scale, y + j * scale, scale, scale, colour);
        x += font::advance * scale;
    }
}

std::string Canvas::png() const {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = static_cast<png_uint_32>(width_);
    image.height = static_cast<png_uint_32>(height_);
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = 0;
    std::string bytes;
    bool ok = png_image_write_to_memory(&image, nullptr, &size, 0, pixels_.data(), 0, nullptr) != 0;
    if (ok) {
        bytes.resize(size);
        ok = png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels_.data(), 0, nullptr) != 0;
        bytes.resize(size);
    }
    std::string const reason = image.message;
    png_image_free(&image);
    if (!ok) throw FileError("a figure could not be encoded: " + reason);
    return bytes;
}

std::int64_t text_width(std::string_view text, int scale) {
    return text.empty() ? 0 : static_cast<std::int64_t>(text.size()) * font::advance * scale - scale;
}

std::vector<std::string> wrap(std::string const& text, std::int64_t width, int scale) {
    std::vector<std::string> lines;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        if (!lines.empty() && text_width(lines.back() + " " + word, scale) <= width) {
            lines.back() += " " + word;
        } else {
            lines.push_back(word);
        }
    }
    return lines;
}

}  // namespace ca3::cli
