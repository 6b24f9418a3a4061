#include "png_grid.hpp"

#include "canvas.hpp"
#include "corruption.hpp"
#include "font.hpp"
#include "whole_file.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::cli {
namespace {

constexpr Colour paper{255, 255, 255}, text_colour{30, 30, 30}, frame{190, 190, 190};
constexpr Colour plus{20, 20, 20}, minus{255, 255, 255}, unknown{168, 200, 236}, extra{206, 34, 43}, missing{255, 178, 170};
constexpr Colour positive{178, 24, 43}, negative{33, 102, 172};
constexpr int margin = 20, label_gap = 14, text_scale = 2, line = (font::height + 2) * text_scale, swatch = 16;

/// `from` for share 0 and less (and NaN), `to` for share 1 and more.
Colour blend(Colour const& from, Colour const& to, double share) {
    double const s = share > 0.0 ? std::min(share, 1.0) : 0.0;
    Colour out{};
    for (std::size_t c = 0; c < out.size(); ++c) out[c] = static_cast<std::uint8_t>(std::lround(from[c] + s * (to[c] - from[c])));
    return out;
}

struct Layout {
    std::int64_t label_width = 0, cell_width = 0, header_height = 0, legend_height = 0;
    std::vector<std::int64_t> row_heights;  ///< tile and caption
    std::vector<std::vector<std::string>> headers;
    std::int64_t top = 0, width = 0, height = 0;
};

Layout layout(ImageGrid const& grid) {
    Layout l;
    std::size_t columns = grid.columns.size();
    for (auto const& label : grid.row_labels) l.label_width = std::max(l.label_width, text_width(label, text_scale));
    for (auto const& row : grid.rows) {
        columns = std::max(columns, row.size());
        std::int64_t tile_height = 0, caption_height = 0;
        for (auto const& tile : row) {
            l.cell_width = std::max({l.cell_width, tile.width * grid.scale + 2, text_width(tile.caption, text_scale)});
            tile_height = std::max(tile_height, tile.height * grid.scale + 2);
            if (!tile.caption.empty()) caption_height = line + 4;
        }
        l.row_heights.push_back(tile_height + caption_height);
        l.height += l.row_heights.back() + grid.gap;
    }
    for (auto const& header : grid.columns) {
        l.headers.push_back(wrap(header, l.cell_width, text_scale));
        for (auto const& text : l.headers.back()) l.cell_width = std::max(l.cell_width, text_width(text, text_scale));
        l.header_height = std::max(l.header_height, static_cast<std::int64_t>(l.headers.back().size()) * line + 4);
    }
    if (l.label_width > 0) l.label_width += label_gap;
    l.top = margin + (grid.title.empty() ? 0 : line + label_gap) + l.header_height;
    std::int64_t legend_width = 0;
    for (auto const& [colour, text] : grid.legend) legend_width += swatch + 8 + text_width(text, text_scale) + 2 * label_gap;
    if (!grid.legend.empty()) l.legend_height = line + label_gap;
    auto const cells = static_cast<std::int64_t>(columns) * (l.cell_width + grid.gap) - grid.gap;
    l.width = 2 * margin + std::max({l.label_width + cells, text_width(grid.title, text_scale), legend_width - 2 * label_gap});
    l.height += l.top + l.legend_height + margin - grid.gap;
    return l;
}

void draw(Canvas& canvas, Tile const& tile, std::int64_t x, std::int64_t y, std::int64_t cell_width, int scale) {
    if (!tile.pixels.empty()) {
        std::int64_t const left = x + (cell_width - tile.width * scale - 2) / 2;
        canvas.rectangle(left, y, tile.width * scale + 2, tile.height * scale + 2, frame);
        for (std::int64_t i = 0; i < tile.width * tile.height; ++i)
            canvas.rectangle(left + 1 + i % tile.width * scale, y + 1 + i / tile.width * scale, scale, scale,
                             tile.pixels[static_cast<std::size_t>(i)]);
    }
    canvas.text(x + (cell_width - text_width(tile.caption, text_scale)) / 2, y + tile.height * scale + 8, tile.caption, text_scale,
                text_colour);
}

}  // namespace

Tile sign_tile(SignArray const& signs, std::int64_t i, std::int64_t width) {
    Tile tile{.width = width, .height = width > 0 ? signs.cols / width : 0, .pixels = {}, .caption = {}};
    for (std::int64_t k = 0; k < tile.width * tile.height; ++k) {
        int const value = signs.view()(i, k);
        tile.pixels.push_back(value > 0 ? plus : value < 0 ? minus : unknown);
    }
    return tile;
}

Tile compared_tile(SignArray const& signs, std::int64_t i, std::int64_t width, SignArray const& truth, std::int64_t j) {
    Tile tile = sign_tile(signs, i, width);
    for (std::int64_t k = 0; k < tile.width * tile.height; ++k) {
        int const value = signs.view()(i, k);
        if (value != 0 && value != truth.view()(j, k)) tile.pixels[static_cast<std::size_t>(k)] = value > 0 ? extra : missing;
    }
    auto const wrong = errors(signs, i, truth, j);
    tile.caption = wrong == 0 ? "exact" : std::to_string(wrong) + " wrong";
    return tile;
}

Tile grey_tile(std::span<float const> values, std::int64_t width, double low, double high) {
    Tile tile{.width = width, .height = width > 0 ? static_cast<std::int64_t>(values.size()) / width : 0, .pixels = {}, .caption = {}};
    for (float const value : values.first(static_cast<std::size_t>(tile.width * tile.height)))
        tile.pixels.push_back(blend(paper, plus, (value - low) / (high - low)));
    return tile;
}

Tile weight_tile(std::span<float const> values, std::int64_t width, double most) {
    Tile tile{.width = width, .height = width > 0 ? static_cast<std::int64_t>(values.size()) / width : 0, .pixels = {}, .caption = {}};
    for (float const value : values.first(static_cast<std::size_t>(tile.width * tile.height)))
        tile.pixels.push_back(blend(paper, value > 0.0F ? positive : negative, std::abs(value) / most));
    return tile;
}

std::vector<std::pair<Colour, std::string>> sign_legend(bool with_unknown, bool compared) {
    std::vector<std::pair<Colour, std::string>> legend{{plus, "+1"}, {minus, "-1"}};
    if (with_unknown) legend.emplace_back(unknown, "0, unknown");
    if (compared) {
        legend.emplace_back(extra, "wrongly +1");
        legend.emplace_back(missing, "wrongly -1");
    }
    return legend;
}

void write_png(std::filesystem::path const& path, ImageGrid const& grid) {
    Layout const l = layout(grid);
    Canvas canvas(l.width, l.height, paper);
    canvas.text(margin, margin, grid.title, text_scale, text_colour);
    for (std::size_t c = 0; c < l.headers.size(); ++c) {
        std::int64_t const x = margin + l.label_width + static_cast<std::int64_t>(c) * (l.cell_width + grid.gap);
        std::int64_t y = l.top - static_cast<std::int64_t>(l.headers[c].size()) * line - 2;
        for (auto const& text : l.headers[c]) {
            canvas.text(x + (l.cell_width - text_width(text, text_scale)) / 2, y, text, text_scale, text_colour);
            y += line;
        }
    }
    std::int64_t y = l.top;
    for (std::size_t r = 0; r < grid.rows.size(); ++r) {
        std::int64_t const tile_height = grid.rows[r].empty() ? l.row_heights[r] : grid.rows[r][0].height * grid.scale;
        std::int64_t const middle = y + (tile_height - font::baseline * text_scale) / 2;
        if (r < grid.row_labels.size()) canvas.text(margin, middle, grid.row_labels[r], text_scale, text_colour);
        for (std::size_t c = 0; c < grid.rows[r].size(); ++c)
            draw(canvas, grid.rows[r][c], margin + l.label_width + static_cast<std::int64_t>(c) * (l.cell_width + grid.gap), y,
                 l.cell_width, grid.scale);
        y += l.row_heights[r] + grid.gap;
    }
    y += label_gap - grid.gap;
    std::int64_t x = margin;
    for (auto const& [colour, text] : grid.legend) {
        canvas.rectangle(x, y, swatch, swatch, frame);
        canvas.rectangle(x + 1, y + 1, swatch - 2, swatch - 2, colour);
        canvas.text(x + swatch + 8, y + 1, text, text_scale, text_colour);
        x += swatch + 8 + text_width(text, text_scale) + 2 * label_gap;
    }
    write_whole(path, canvas.png());
}

}  // namespace ca3::cli
