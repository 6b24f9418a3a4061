#pragma once

#include "autoencoder_study.hpp"
#include "png_grid.hpp"

#include <functional>
#include <string>
#include <vector>

/// The figures that people look at.
namespace ca3::cli {

/// One row of tiles for each row of `values`.
[[nodiscard]] std::vector<Tile> grey_tiles(std::vector<float> const& values, std::int64_t pixels, std::int64_t width);

/// Test images, one of each digit, above what became of them.
class ReconstructionGrid {
public:
    ReconstructionGrid(Study const&, std::string title);

    /// The images as floats, one row each.
    [[nodiscard]] std::vector<float> const& inputs() const { return inputs_; }
    void add(std::string label, std::vector<float> const& images);
    void add(Trained const&);
    [[nodiscard]] ImageGrid const& grid() const { return grid_; }

private:
    std::int64_t pixels_;
    std::int64_t width_;
    std::vector<float> inputs_;
    ImageGrid grid_;
};

/// The rows of a layer's weight as images, the first `count` of them, `across` in a row.
[[nodiscard]] ImageGrid filter_grid(Trained const&, std::string const& tensor, std::int64_t width, std::int64_t count, std::int64_t across,
                                    std::string title);

/// Codes as points, one colour for each label; coordinates `i` and `j` of the `width` of a code. At most some 4,000 points are shown.
[[nodiscard]] Panel scatter_panel(std::string title, std::vector<float> const& codes, std::vector<std::uint8_t> const& labels,
                                  std::int64_t width, std::int64_t i, std::int64_t j);
/// Codes on the unit sphere by their angles.
[[nodiscard]] Panel sphere_panel(std::string title, std::vector<float> const& codes, std::vector<std::uint8_t> const& labels);

/// Range of coordinate `i` without the outermost hundredths.
[[nodiscard]] std::pair<double, double> bulk(std::vector<float> const& codes, std::int64_t width, std::int64_t i);
/// What `decode` makes of a grid of side x side codes: x grows to the right, y upwards. @param code of (x, y), both in [0, 1]
[[nodiscard]] ImageGrid decoder_grid(std::string title, std::int64_t side, std::int64_t image_width,
                                     std::function<std::vector<float>(double, double)> const& code,
                                     std::function<std::vector<float>(std::vector<float> const&)> const& decode);
/// The same over the bulk of 2-d codes.
[[nodiscard]] ImageGrid decoder_grid(std::string title, std::int64_t image_width, std::vector<float> const& codes,
                                     std::function<std::vector<float>(std::vector<float> const&)> const& decode);

/// Shares of a tensor's elements by value, before and after a training.
[[nodiscard]] Panel weight_histogram(Trained const&, std::string const& tensor);

}  // namespace ca3::cli
