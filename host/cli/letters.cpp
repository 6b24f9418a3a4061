#include "letters.hpp"

#include <string_view>

namespace ca3::cli {

SignArray letters() {
    constexpr std::string_view rows[] = {
        "..##.. #####. .##### ......",  //
        ".#..#. ##..## #..... ######",  //
        "#....# #####. #..... #.....",  //
        "###### #####. #..... ####..",  //
        "#....# ##..## #..... #.....",  //
        "#....# #####. .##### ######",
    };
    SignArray out{4, letter_width * letter_width, {}};
    for (std::size_t letter = 0; letter < 4; ++letter)
        for (auto const row : rows)
            for (char const c : row.substr(7 * letter, 6)) out.values.push_back(static_cast<std::int8_t>(c == '#' ? 1 : -1));
    return out;
}

std::vector<std::vector<std::int64_t>> gram(SignArray const& x) {
    auto const n = static_cast<std::size_t>(x.rows);
    std::vector<std::vector<std::int64_t>> out(n, std::vector<std::int64_t>(n, 0));
    for (std::int64_t a = 0; a < x.rows; ++a)
        for (std::int64_t b = 0; b < x.rows; ++b)
            for (std::int64_t i = 0; i < x.cols; ++i)
                out[static_cast<std::size_t>(a)][static_cast<std::size_t>(b)] += x.view()(a, i) * x.view()(b, i);
    return out;
}

}  // namespace ca3::cli
