#pragma once

#include "curve.hpp"
#include "options.hpp"
#include "png_grid.hpp"
#include "table.hpp"

#include <ca3/context.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace ca3::cli {

/// What a command runs in.
struct Environment {
    Options const& options;
    Context context;
    bool part_of_tour = false;  ///< ca3 demo: the results go into one JSON of its own
};

/// One command's results on their way to the terminal, the figures and the JSON.
class Report {
public:
    /// @param name of the command and of its files  @param id of the experiment ("H3"), or empty
    /// Prints the title, and what the run depends on: seed, backend, data.
    Report(Environment const&, std::string name, std::string const& id, std::string const& title, std::string const& data = {});

    void line(std::string const& text);
    /// Sets a member at the top of the JSON, such as "command".
    void member(std::string const& key, nlohmann::json value);
    /// OUT/<file>, for the caller to write; it is listed among the files written.
    [[nodiscard]] std::string path(std::string const& file);
    /// Prints the table under its title, and keeps it in the JSON as `key`.
    void table(std::string const& key, std::string const& title, Table const&);
    /// Keeps `value` in the JSON under "results".
    void result(std::string const& key, nlohmann::json value);
    /// Draws OUT/<stem>.png.
    void figure(std::string const& stem, ImageGrid const&);
    /// Writes OUT/<stem>.csv and draws OUT/<stem>.png; without gnuplot a line says that only the data is there.
    void figure(std::string const& stem, std::vector<Panel> const&);

    /// Writes OUT/<name>.json and, unless part of a tour, the file of --json; lists the files written. @return the JSON
    nlohmann::json finish();

private:
    Environment const& environment_;
    std::string name_;
    std::vector<std::string> files_;
    nlohmann::json json_;
};

/// Members that every JSON of this program starts with.
[[nodiscard]] nlohmann::json json_header(std::string const& command);
/// To the file of --json, to standard output for "-"; nothing without it. @throws FileError
void write_json(Options const&, nlohmann::json const&);
/// Text with a line break; NaN becomes null.
[[nodiscard]] std::string dump(nlohmann::json const&);

}  // namespace ca3::cli
