#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ca3::test {

/// One row of README's table `function | reference | cpu | kernel | test | bench`.
struct TableRow {
    std::vector<std::string> functions;  ///< identifiers in backticks in the first cell
    std::vector<std::string> paths;      ///< what the other cells name
    int line = 0;                        ///< of the file, from 1
};

/// The rows of every table with that heading, in order.
[[nodiscard]] std::vector<TableRow> function_table(std::string_view markdown);

/// The paths in one cell: each word that holds a slash, freed of backticks, link brackets, a `#fragment` and a `:line`.
/// Addresses (`https://...`) are not paths.
[[nodiscard]] std::vector<std::string> paths_in_cell(std::string_view cell);

/// What stands between `<` and `>` or quotes after each #include of a source text.
[[nodiscard]] std::vector<std::string> includes_of(std::string_view source);

/// True for a header of the C++ standard library.
[[nodiscard]] bool is_standard_header(std::string_view name);

}  // namespace ca3::test
