#include "curve.hpp"

#include "whole_file.hpp"

#include <ca3/error.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

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
    // Wong's palette: told apart by colour-blind readers too.
    static constexpr std::array<char const*, 8> colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                        "#E69F00", "#56B4E9", "#000000", "#999999"};
    std::string const colour = " lc rgb '" + std::string(colours[i % colours.size()]) + "'";
    std::string const type = std::to_string(std::array{7, 5, 9, 11, 13, 4, 6, 8}[i % 8]);
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
    return r ? "[" + number(r->first) + ":" + number(r->second) + "]" : "[*:*]";
}

void add_panel(std::ostream& out, Panel const& p, std::size_t number_of_panel) {
    std::string const block = "$p" + std::to_string(number_of_panel) + "_";
    for (std::size_t i = 0; i < p.series.size(); ++i) {
        Series const& s = p.series[i];
        out << block << i << " << EOD\n";
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
    out << "set title " << quoted(p.title) << "\nset xlabel " << quoted(p.x_label) << "\nset ylabel " << quoted(p.y_label)
        << "\nset xrange " << range(p.x_range) << "\nset yrange " << range(p.y_range) << "\nset key " << p.key
        << "\nunset arrow\nunset label\n"
        << (p.log_y ? "set logscale y\nset format y '10^{%T}'\n" : "unset logscale y\nset format y '%g'\n");
    for (auto const& [x, text] : p.marks) {
        out << "set arrow from " << number(x) << ", graph 0 to " << number(x) << ", graph 1 nohead lw 1.5 dt 3 lc rgb '#666666'\n"
            << "set label " << quoted(text) << " at " << number(x) << ", graph 0.5 offset 0.8,0 rotate by 90 center tc rgb '#666666'\n";
    }
    out << "plot ";
    bool first = true;
    for (std::size_t i = 0; i < p.series.size(); ++i) {
        std::string const data = block + std::to_string(i);
        if (!p.series[i].low.empty()) {
            std::string style = style_text(p.series[i], i);
            out << (first ? "" : ", ") << data << " using 1:3:4 with filledcurves fs transparent solid 0.15 noborder"
                << style.substr(style.find(" lc rgb")) << " notitle";
            first = false;
        }
        out << (first ? "" : ", ") << data << " using 1:2 with " << style_text(p.series[i], i) << " title " << quoted(p.series[i].name);
        first = false;
    }
    out << '\n';
}

std::string script(std::string const& target, std::vector<Panel> const& panels) {
    std::ostringstream out;
    out << "set terminal pngcairo size " << 760 * panels.size() << ",520 font 'DejaVu Sans,12' background rgb 'white'\n"
        << "set output " << quoted(target) << "\nset grid lc rgb '#DDDDDD'\nset border 3\nset tics nomirror out\n"
        << "set termoption noenhanced\n";
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
