#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace ca3::cli {

/// What a cell shows, and the value it stands for in the JSON.
struct Cell {
    Cell(std::string t) : text(t), value(std::move(t)) {}
    Cell(char const* t) : Cell(std::string(t)) {}
    Cell(std::int64_t n) : text(std::to_string(n)), value(n) {}
    Cell(int n) : Cell(std::int64_t{n}) {}
    /// A real number with `digits` decimals; "-" for NaN.
    Cell(double x, int digits);

    std::string text;
    nlohmann::json value;
};

struct Table {
    std::vector<std::string> columns;
    std::vector<std::vector<Cell>> rows{};

    /// @throws InvalidArgument when the row does not have one cell per column
    void add(std::vector<Cell> row);
};

/// Columns of numbers are set flush right, all others flush left.
void print(std::ostream&, Table const&);
[[nodiscard]] nlohmann::json to_json(Table const&);
/// `x` with `digits` decimals.
[[nodiscard]] std::string fixed(double x, int digits);

}  // namespace ca3::cli
