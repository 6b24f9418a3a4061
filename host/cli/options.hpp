#pragma once

#include <ca3/context.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ca3::cli {

/// What every command accepts, before or after its name.
struct Options {
    std::string backend = "auto";
    int threads = 0;
    int device = 0;
    InstructionSet instruction_set = InstructionSet::automatic;
    std::uint64_t seed = 1;
    std::string data;         ///< folder with MNIST; empty: the synthetic digits
    std::string out = "out";  ///< folder of figures and tables, made when missing
    std::string json;         ///< file for the results; "-": standard output instead of the text
    bool quiet = false;

    /// Text and progress are for people; `--quiet` and `--json -` leave standard output to neither or to the program that reads it.
    [[nodiscard]] bool prints_text() const { return !quiet && json != "-"; }
};

/// An option that takes one of these words. `value` must outlive the parsing.
template <class T>
CLI::Option* add_choice(CLI::App& app, std::string const& name, T& value, std::vector<std::pair<std::string, T>> const& choices,
                        std::string const& description) {
    std::vector<std::string> words;
    words.reserve(choices.size());
    for (auto const& choice : choices) words.push_back(choice.first);
    auto set = [&value, choices](std::string const& word) {
        for (auto const& choice : choices)
            if (choice.first == word) value = choice.second;
    };
    return app.add_option_function<std::string>(name, set, description)->check(CLI::IsMember(words));
}

/// Decimal digits alone, of a number from `least` to 2^64 - 1: CLI11 itself takes -1 for 2^64 - 1, 010 for 8, and the largest number for
/// what is larger.
[[nodiscard]] CLI::Validator whole_number(std::uint64_t least);

void add_global_options(CLI::App&, Options&);

/// @throws what Context's makers throw
[[nodiscard]] Context make_context(Options const&);

}  // namespace ca3::cli
