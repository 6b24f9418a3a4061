#include "table.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

namespace ca3::cli {

std::string fixed(double x, int digits) {
    char text[400];  // the longest double has 309 digits before the point
    std::snprintf(text, sizeof text, "%.*f", std::clamp(digits, 0, 17), x);
    return text;
}

Cell::Cell(double x, int digits) : text(std::isnan(x) ? "-" : fixed(x, digits)), value(x) {}

void Table::add(std::vector<Cell> row) {
    if (row.size() != columns.size())
        throw InvalidArgument("Table::add: " + std::to_string(row.size()) + " cells for " + std::to_string(columns.size()) + " columns");
    rows.push_back(std::move(row));
}

void print(std::ostream& out, Table const& table) {
    std::vector<std::size_t> width;
    std::vector<bool> right;
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
        width.push_back(table.columns[c].size());
        right.push_back(!table.rows.empty());
        for (auto const& row : table.rows) {
            width[c] = std::max(width[c], row[c].text.size());
            right[c] = right[c] && !row[c].value.is_string();
        }
    }
    auto line = [&](auto&& text_of) {
        std::string text;
        for (std::size_t c = 0; c < width.size(); ++c) {
            std::string const cell = text_of(c);
            std::string const pad(width[c] - cell.size(), ' ');
            text += (c == 0 ? "  " : "   ") + (right[c] ? pad + cell : cell + pad);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << '\n';
    };
    line([&](std::size_t c) { return table.columns[c]; });
    line([&](std::size_t c) { return std::string(width[c], '-'); });
    for (auto const& row : table.rows) line([&](std::size_t c) { return row[c].text; });
}

nlohmann::json to_json(Table const& table) {
    nlohmann::json rows = nlohmann::json::array();
    for (auto const& row : table.rows) {
        nlohmann::json values = nlohmann::json::array();
        for (auto const& cell : row) values.push_back(cell.value);
        rows.push_back(std::move(values));
    }
    return {{"columns", table.columns}, {"rows", std::move(rows)}};
}

}  // namespace ca3::cli
