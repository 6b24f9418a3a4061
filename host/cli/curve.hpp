#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Curves as figures, drawn by gnuplot.
namespace ca3::cli {

struct Series {
    enum class Style { line, points, line_with_points, dashed };

    std::string name;
    std::vector<double> x{};
    std::vector<double> y{};
    std::vector<double> low{};  ///< with `high`: a band around the curve; or empty
    std::vector<double> high{};
    Style style = Style::line_with_points;
    std::optional<std::size_t> colour{};  ///< that of the curve with this number; empty: its own
};

struct Panel {
    std::string title;
    std::string x_label;
    std::string y_label;
    std::vector<Series> series{};
    std::optional<std::pair<double, double>> x_range{};  ///< NaN: as the data ask for
    std::optional<std::pair<double, double>> y_range{};
    bool log_y = false;
    bool whole_x = false;                                 ///< x counts something: tics at whole numbers only
    std::string key = "top left";                         ///< gnuplot's words for where the legend goes
    std::vector<std::pair<double, std::string>> marks{};  ///< vertical lines with a label
};

/// All panels as rows of "panel,series,x,y,low,high".
[[nodiscard]] std::string to_csv(std::vector<Panel> const&);

/// Draws the panels side by side as PNG, whole or not at all.
/// @return false when gnuplot is not installed @throws FileError when it fails (with what it said)
[[nodiscard]] bool write_curves(std::filesystem::path const&, std::vector<Panel> const&);

}  // namespace ca3::cli
