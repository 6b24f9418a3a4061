#include "curve.hpp"

#include "whole_file.hpp"

#include <ca3/error.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

extern char** environ;

namespace ca3::cli {
namespace {

std::string number(double x) {
    char text[40];
    std::snprintf(text, sizeof text, "%.10g", x);
    return text;
}

/// gnuplot's single quotes take everything literally; a quote is doubled.
std::string quoted(std::string const& text) {
    std::string out = "'";
    for (char const c : text) out += c == '\'' ? "''" : std::string(1, c);
    return out + "'";
}

std::string style_text(Series const& s, std::size_t i) {
    // Wong's palette, told apart by colour-blind readers too, and two more.
    static constexpr std::array<char const*, 10> colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
                                                         "#56B4E9", "#000000", "#999999", "#7A4B1F", "#6A3D9A"};
    static constexpr std::array<int, 10> points{7, 5, 9, 11, 13, 4, 6, 8, 10, 12};
    std::string const colour = " lc rgb '" + std::string(colours[i % colours.size()]) + "'";
    std::string const type = std::to_string(points[i % points.size()]);
    switch (s.style) {
        case Series::Style::line:
            return "lines lw 2" + colour;
        case Series::Style::dashed:
            return "lines lw 2 dt 2" + colour;
        case Series::Style::points:
            return "points ps 1 pt " + type + colour;
        case Series::Style::line_with_points:
            return "linespoints lw 2 ps 0.8 pt " + type + colour;
    }
    return "lines";
}

std::string range(std::optional<std::pair<double, double>> const& r) {
    auto bound = [](double x) { return std::isnan(x) ? "*" : number(x); };
    return r ? "[" + bound(r->first) + ":" + bound(r->second) + "]" : "[*:*]";
}

bool has_points(Series const& s) {
    return std::any_of(s.y.begin(), s.y.end(), [](double y) { return std::isfinite(y); });
}

void add_data(std::ostream& out, std::string const& name, Series const& s) {
    out << name << " << EOD\n";
    for (std::size_t k = 0; k < s.x.size(); ++k) {
        if (!std::isfinite(s.y[k])) {
            out << '\n';  // a gap in the line
            continue;
        }
        out << number(s.x[k]) << ' ' << number(s.y[k]);
        if (!s.low.empty()) out << ' ' << number(s.low[k]) << ' ' << number(s.high[k]);
        out << '\n';
    }
    out << "EOD\n";
}

/// Tics at whole numbers, a dozen at most.
std::string whole_tics(Panel const& p) {
    double low = 0.0, high = 0.0;
    for (auto const& s : p.series) {
        for (double const x : s.x) low = std::min(low, x), high = std::max(high, x);
    }
    return number(std::max(1.0, std::ceil((high - low) / 12.0)));
}

/// Text is taken literally everywhere (noenhanced); only the tics of a logarithmic axis use gnuplot's markup. The kind of axis comes before
/// its range: a range from 0 on is none for the logarithmic axis of the panel before.
void add_axes(std::ostream& out, Panel const& p) {
    out << (p.log_y ? "set logscale y\nset format y '10^{%T}'\n" : "unset logscale y\nset format y '%g'\n") << "set title "
        << quoted(p.title) << " noenhanced\nset xlabel " << quoted(p.x_label) << " noenhanced\nset ylabel " << quoted(p.y_label)
        << " noenhanced\nset xrange " << range(p.x_range) << "\nset yrange " << range(p.y_range) << "\nset key " << p.key
        << " noenhanced\nunset arrow\nunset label\nset xtics " << (p.whole_x ? whole_tics(p) : "autofreq") << '\n';
    for (auto const& [x, text] : p.marks) {
        out << "set arrow from " << number(x) << ", graph 0 to " << number(x) << ", graph 1 nohead lw 1.5 dt 3 lc rgb '#666666'\n"
            << "set label " << quoted(text) << " noenhanced at " << number(x)
            << ", graph 0.5 offset 0.8,0 rotate by 90 center tc rgb '#666666'\n";
    }
}

void add_panel(std::ostream& out, Panel const& p, std::size_t number_of_panel) {
    std::string const block = "$p" + std::to_string(number_of_panel) + "_";
    for (std::size_t i = 0; i < p.series.size(); ++i) add_data(out, block + std::to_string(i), p.series[i]);
    add_axes(out, p);
    std::string plots;
    for (std::size_t i = 0; i < p.series.size(); ++i) {
        Series const& s = p.series[i];
        if (!has_points(s)) continue;
        std::string const data = (plots.empty() ? "" : ", ") + block + std::to_string(i), style = style_text(s, s.colour.value_or(i));
        if (!s.low.empty()) {
            plots += data + " using 1:3:4 with filledcurves fs transparent solid 0.15 noborder" + style.substr(style.find(" lc rgb")) +
                     " notitle";
            plots += ", " + block + std::to_string(i);
        } else {
            plots += data;
        }
        plots += " using 1:2 with " + style + " title " + quoted(s.name);
    }
    out << (plots.empty() ? "set xrange [0:1]\nset yrange [0:1]\nplot NaN notitle" : "plot " + plots) << '\n';
}

std::string script(std::string const& target, std::vector<Panel> const& panels) {
    std::ostringstream out;
    out << "set terminal pngcairo size " << 760 * panels.size() << ",520 font 'DejaVu Sans,12' background rgb 'white'\n"
        << "set output " << quoted(target) << "\nset grid lt 1 lw 1 lc rgb '#E4E4E4'\nset border 3\nset tics nomirror out\n";
    if (panels.size() > 1) out << "set multiplot layout 1," << panels.size() << '\n';
    for (std::size_t i = 0; i < panels.size(); ++i) add_panel(out, panels[i], i);
    if (panels.size() > 1) out << "unset multiplot\n";
    return out.str();
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File temporary() {
    File file(std::tmpfile(), &std::fclose);
    if (!file) throw FileError(std::string("a temporary file cannot be made: ") + std::strerror(errno));
    return file;
}

std::string first_line(std::FILE* file) {
    std::rewind(file);
    std::string text;
    for (int c; (c = std::fgetc(file)) != EOF && text.size() < 400;) text += c == '\n' ? ' ' : static_cast<char>(c);
    return text;
}

}  // namespace

std::string to_csv(std::vector<Panel> const& panels) {
    auto field = [](std::string const& text) {
        std::string out = "\"";
        for (char const c : text) out += c == '"' ? "\"\"" : std::string(1, c);
        return out + "\"";
    };
    std::string out = "panel,series,x,y,low,high\n";
    for (auto const& p : panels) {
        for (auto const& s : p.series) {
            for (std::size_t k = 0; k < s.x.size(); ++k) {
                out += field(p.title) + "," + field(s.name) + "," + number(s.x[k]) + "," + number(s.y[k]);
                out += s.low.empty() ? ",,\n" : "," + number(s.low[k]) + "," + number(s.high[k]) + "\n";
            }
        }
    }
    return out;
}

bool write_curves(std::filesystem::path const& path, std::vector<Panel> const& panels) {
    WholeFile target(path);
    File const input = temporary(), errors = temporary();
    std::string const text = script(target.temporary().string(), panels);
    if (std::fwrite(text.data(), 1, text.size(), input.get()) != text.size() || std::fflush(input.get()) != 0)
        throw FileError(std::string("a temporary file cannot be written: ") + std::strerror(errno));
    std::rewind(input.get());

    // gnuplot reads the script from a file, so that no pipe can block or break.
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ::fileno(input.get()), STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ::fileno(errors.get()), STDERR_FILENO);
    std::string name = "gnuplot", dash = "-";
    std::array<char*, 3> arguments{name.data(), dash.data(), nullptr};
    pid_t child = 0;
    int const failed = ::posix_spawnp(&child, name.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT) return false;
    if (failed != 0) throw FileError(std::string("gnuplot cannot be started: ") + std::strerror(failed));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !std::filesystem::exists(target.temporary()))
        throw FileError(path.string() + ": gnuplot could not draw it: " + first_line(errors.get()));
    target.commit();
    return true;
}

}  // namespace ca3::cli
