#include "autoencoder_figures.hpp"

#include <algorithm>
#include <numbers>

namespace ca3::cli {
namespace {

constexpr std::int64_t most_points = 4000;

std::span<float const> row(std::vector<float> const& values, std::int64_t width, std::int64_t i) {
    return std::span(values).subspan(static_cast<std::size_t>(i * width), static_cast<std::size_t>(width));
}

std::vector<float> floats(io::Array const& array) {
    if (array.dtype == io::DType::f64) return {array.as<double>(), array.as<double>() + array.size()};
    return {array.as<float>(), array.as<float>() + array.size()};
}

/// One series for each label; `point` gives the coordinates of a code.
Panel labelled_panel(std::string title, std::vector<float> const& codes, std::vector<std::uint8_t> const& labels, std::int64_t width,
                     std::function<std::pair<double, double>(std::span<float const>)> const& point) {
    Panel panel{.title = std::move(title), .x_label = {}, .y_label = {}, .key = "outside right top"};
    for (int digit = 0; digit < 10; ++digit) panel.series.push_back({.name = std::to_string(digit), .style = Series::Style::points});
    auto const count = static_cast<std::int64_t>(labels.size()), every = std::max<std::int64_t>(1, count / most_points);
    for (std::int64_t n = 0; n < count; n += every) {
        auto const label = labels[static_cast<std::size_t>(n)];
        if (label >= panel.series.size()) continue;
        auto const [x, y] = point(row(codes, width, n));
        panel.series[label].x.push_back(x);
        panel.series[label].y.push_back(y);
    }
    return panel;
}

}  // namespace

std::vector<Tile> grey_tiles(std::vector<float> const& values, std::int64_t pixels, std::int64_t width) {
    std::vector<Tile> tiles;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(values.size()) / pixels; ++i)
        tiles.push_back(grey_tile(row(values, pixels, i), width));
    return tiles;
}

ReconstructionGrid::ReconstructionGrid(Study const& study, std::string title)
    : pixels_(study.pixels()), width_(study.width()), inputs_(pixels_of(study.test_images(), one_of_each(study.test_images()))) {
    grid_ = {.title = std::move(title), .row_labels = {"image"}, .rows = {grey_tiles(inputs_, pixels_, width_)}, .scale = 3};
}

void ReconstructionGrid::add(std::string label, std::vector<float> const& images) {
    grid_.row_labels.push_back(std::move(label));
    grid_.rows.push_back(grey_tiles(images, pixels_, width_));
}

void ReconstructionGrid::add(Trained const& trained) {
    add(trained.name, trained.model.reconstruct(rows_of(inputs_, pixels_)));
}

ImageGrid filter_grid(Trained const& trained, std::string const& tensor, std::int64_t width, std::int64_t count, std::int64_t across,
                      std::string title) {
    io::Array const array = trained.model.parameters().tensors.at(tensor);
    std::vector<float> const weights = floats(array);
    std::int64_t const units = std::min(array.shape[0], count);
    ImageGrid grid{.title = std::move(title), .scale = 2, .gap = 6};
    // The strongest hundredth of all weights may saturate, so that the others are seen.
    std::vector<float> sizes(weights.size());
    std::ranges::transform(weights, sizes.begin(), [](float w) { return std::abs(w); });
    auto const high = sizes.begin() + static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(sizes.size()));
    std::nth_element(sizes.begin(), high, sizes.end());
    for (std::int64_t u = 0; u < units; ++u) {
        if (u % across == 0) grid.rows.emplace_back();
        grid.rows.back().push_back(weight_tile(row(weights, array.shape[1], u), width, std::max(1e-12F, *high)));
    }
    return grid;
}

Panel scatter_panel(std::string title, std::vector<float> const& codes, std::vector<std::uint8_t> const& labels, std::int64_t width,
                    std::int64_t i, std::int64_t j) {
    Panel panel = labelled_panel(std::move(title), codes, labels, width, [&](std::span<float const> code) {
        return std::pair<double, double>(code[static_cast<std::size_t>(i)], code[static_cast<std::size_t>(j)]);
    });
    panel.x_label = "code " + std::to_string(i + 1);
    panel.y_label = "code " + std::to_string(j + 1);
    return panel;
}

Panel sphere_panel(std::string title, std::vector<float> const& codes, std::vector<std::uint8_t> const& labels) {
    Panel panel = labelled_panel(std::move(title), codes, labels, 3, [](std::span<float const> z) {
        return std::pair<double, double>(std::atan2(z[1], z[0]), std::acos(std::clamp(z[2], -1.0F, 1.0F)));
    });
    panel.x_label = "phi";
    panel.y_label = "theta";
    panel.x_range = {{-std::numbers::pi, std::numbers::pi}};
    panel.y_range = {{0.0, std::numbers::pi}};
    return panel;
}

std::pair<double, double> bulk(std::vector<float> const& codes, std::int64_t width, std::int64_t i) {
    std::vector<float> column;
    for (auto k = static_cast<std::size_t>(i); k < codes.size(); k += static_cast<std::size_t>(width)) column.push_back(codes[k]);
    std::ranges::sort(column);
    std::size_t const cut = column.size() / 100;
    return {column[cut], column[column.size() - 1 - cut]};
}

ImageGrid decoder_grid(std::string title, std::int64_t side, std::int64_t image_width,
                       std::function<std::vector<float>(double, double)> const& code,
                       std::function<std::vector<float>(std::vector<float> const&)> const& decode) {
    std::vector<float> codes;
    for (std::int64_t r = 0; r < side; ++r) {
        for (std::int64_t c = 0; c < side; ++c) {
            double const last = static_cast<double>(side - 1);
            auto const z = code(static_cast<double>(c) / last, 1.0 - static_cast<double>(r) / last);
            codes.insert(codes.end(), z.begin(), z.end());
        }
    }
    auto const images = decode(codes);
    auto const tiles = grey_tiles(images, static_cast<std::int64_t>(images.size()) / (side * side), image_width);
    ImageGrid grid{.title = std::move(title), .scale = 2, .gap = 2};
    for (std::int64_t r = 0; r < side; ++r) grid.rows.emplace_back(tiles.begin() + r * side, tiles.begin() + (r + 1) * side);
    return grid;
}

ImageGrid decoder_grid(std::string title, std::int64_t image_width, std::vector<float> const& codes,
                       std::function<std::vector<float>(std::vector<float> const&)> const& decode) {
    constexpr std::int64_t side = 15;
    auto const x = bulk(codes, 2, 0), y = bulk(codes, 2, 1);
    auto code = [&](double u, double v) {
        return std::vector<float>{static_cast<float>(std::lerp(x.first, x.second, u)), static_cast<float>(std::lerp(y.first, y.second, v))};
    };
    return decoder_grid(std::move(title), side, image_width, code, decode);
}

Panel weight_histogram(Trained const& trained, std::string const& tensor) {
    constexpr int bins = 50;
    auto const before = floats(trained.initial.tensors.at(tensor)), after = floats(trained.model.parameters().tensors.at(tensor));
    double most = 1e-12;
    for (auto const* weights : {&before, &after})
        for (float const w : *weights) most = std::max(most, std::abs(double{w}));
    auto series = [&](char const* name, std::vector<float> const& weights) {
        Series s{.name = name, .style = Series::Style::line};
        std::vector<double> shares(bins, 0.0);
        for (float const w : weights) {
            auto const bin = static_cast<int>((w + most) / (2.0 * most) * bins);
            shares[static_cast<std::size_t>(std::clamp(bin, 0, bins - 1))] += 1.0 / static_cast<double>(weights.size());
        }
        for (int b = 0; b < bins; ++b) {
            s.x.push_back(-most + (b + 0.5) * 2.0 * most / bins);
            s.y.push_back(shares[static_cast<std::size_t>(b)] > 0.0 ? shares[static_cast<std::size_t>(b)] : std::nan(""));
        }
        return s;
    };
    return {.title = trained.name + ": " + tensor,
            .x_label = "weight",
            .y_label = "share of the weights",
            .series = {series("before", before), series("after", after)},
            .log_y = true,
            .key = "top right"};
}

}  // namespace ca3::cli
