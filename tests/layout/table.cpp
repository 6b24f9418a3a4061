#include "layout/table.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

namespace ca3::test {
namespace {

std::string trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

std::vector<std::string> cells_of(std::string_view line) {
    std::string const row = trimmed(line);
    std::vector<std::string> cells;
    if (row.empty() || row.front() != '|') return cells;
    std::string cell;
    for (char c : row.substr(1)) {
        if (c == '|') {
            cells.push_back(trimmed(cell));
            cell.clear();
        } else {
            cell += c;
        }
    }
    if (!trimmed(cell).empty()) cells.push_back(trimmed(cell));
    return cells;
}

bool is_heading(std::vector<std::string> const& cells) {
    static std::array<std::string_view, 6> const names{"function", "reference", "cpu", "kernel", "test", "bench"};
    if (cells.size() < names.size()) return false;
    return std::equal(names.begin(), names.end(), cells.begin(), [](std::string_view name, std::string const& cell) {
        return std::equal(name.begin(), name.end(), cell.begin(), cell.end(),
                          [](char a, char b) { return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b))); });
    });
}

bool is_rule(std::vector<std::string> const& cells) {
    return std::all_of(cells.begin(), cells.end(), [](std::string const& c) { return c.find_first_not_of("-: ") == std::string::npos; });
}

std::vector<std::string> identifiers_in_cell(std::string_view cell) {
    std::vector<std::string> found;
    std::string word;
    bool quoted = false;
    for (char c : cell) {
        bool const part_of_name = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == ':';
        if (quoted && part_of_name) {
            word += c;
            continue;
        }
        if (!word.empty()) found.push_back(word);
        word.clear();
        if (c == '`') quoted = !quoted;
    }
    return found;
}

}  // namespace

std::vector<std::string> paths_in_cell(std::string_view cell) {
    std::string text(cell);
    for (auto at = text.find("<br>"); at != std::string::npos; at = text.find("<br>")) text.replace(at, 4, " ");
    std::replace_if(
        text.begin(), text.end(), [](char c) { return std::string_view("`[](),;").find(c) != std::string_view::npos; }, ' ');
    std::vector<std::string> paths;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        if (word.find('/') == std::string::npos || word.find("://") != std::string::npos) continue;
        word.resize(std::min(word.find_first_of("#:"), word.size()));
        if (std::find(paths.begin(), paths.end(), word) == paths.end()) paths.push_back(word);
    }
    return paths;
}

std::vector<TableRow> function_table(std::string_view markdown) {
    std::vector<TableRow> rows;
    std::istringstream lines{std::string(markdown)};
    bool inside = false;
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        auto const cells = cells_of(line);
        if (is_heading(cells)) {
            inside = true;
        } else if (cells.empty()) {
            inside = false;
        } else if (inside && !is_rule(cells)) {
            TableRow row{.functions = identifiers_in_cell(cells.front()), .paths = {}, .line = number};
            for (std::size_t c = 1; c < cells.size(); ++c)
                for (auto& path : paths_in_cell(cells[c])) row.paths.push_back(std::move(path));
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

std::vector<std::string> includes_of(std::string_view source) {
    std::vector<std::string> names;
    std::istringstream lines{std::string(source)};
    for (std::string line; std::getline(lines, line);) {
        std::string const text = trimmed(line);
        if (text.empty() || text.front() != '#') continue;
        std::string const directive = trimmed(std::string_view(text).substr(1));
        if (directive.rfind("include", 0) != 0) continue;
        std::string const operand = trimmed(std::string_view(directive).substr(7));
        char const close = operand.starts_with('<') ? '>' : '"';
        auto const end = operand.find(close, 1);
        names.push_back(end == std::string::npos ? operand : operand.substr(1, end - 1));
    }
    return names;
}

bool is_standard_header(std::string_view name) {
    static std::string_view const all =
        " algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits clocale cmath "
        "compare complex concepts condition_variable coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib cstring ctime cuchar "
        "cwchar cwctype deque exception execution filesystem format forward_list fstream functional future initializer_list iomanip ios "
        "iosfwd iostream istream iterator latch limits list locale map memory memory_resource mutex new numbers numeric optional ostream "
        "queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location span sstream stack stdexcept "
        "stop_token streambuf string string_view strstream syncstream system_error thread tuple type_traits typeindex typeinfo "
        "unordered_map unordered_set utility valarray variant vector version ";
    return all.find(' ' + std::string(name) + ' ') != std::string_view::npos;
}

}  // namespace ca3::test
