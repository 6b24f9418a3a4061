#pragma once

#include "sign_array.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

/// Figures made of small images in rows and columns, with labels.
namespace ca3::cli {

using Colour = std::array<std::uint8_t, 3>;

struct Tile {
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::vector<Colour> pixels;  ///< height x width; empty: the place stays blank
    std::string caption;         ///< below the tile
};

struct ImageGrid {
    std::string title;
    std::vector<std::string> columns{};     ///< above the columns; empty: none
    std::vector<std::string> row_labels{};  ///< left of the rows
    std::vector<std::vector<Tile>> rows{};
    std::vector<std::pair<Colour, std::string>> legend{};
    int scale = 4;  ///< side of one pixel of a tile
    int gap = 14;   ///< between tiles
};

/// Row `i` as an image: +1 black, -1 white, 0 (unknown) blue.
[[nodiscard]] Tile sign_tile(SignArray const&, std::int64_t i, std::int64_t width);
/// The same; what differs from row `j` of `truth` is red (too much ink) or pink (ink missing), and the caption counts it.
[[nodiscard]] Tile compared_tile(SignArray const&, std::int64_t i, std::int64_t width, SignArray const& truth, std::int64_t j);
/// Values as an image of `width` columns: `low` and less white, `high` and more black.
[[nodiscard]] Tile grey_tile(std::span<float const> values, std::int64_t width, double low = 0.0, double high = 1.0);
/// Weights as an image: 0 white, positive ones red, negative ones blue, the full colour from `most` on.
[[nodiscard]] Tile weight_tile(std::span<float const> values, std::int64_t width, double most);
/// What the colours of sign and compared tiles mean.
[[nodiscard]] std::vector<std::pair<Colour, std::string>> sign_legend(bool unknown, bool compared);

/// Draws the grid and writes it as PNG, whole or not at all. @throws FileError
void write_png(std::filesystem::path const&, ImageGrid const&);

}  // namespace ca3::cli
