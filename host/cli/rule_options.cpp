#include "rule_options.hpp"

#include <cstdio>

namespace ca3::cli {
namespace {

using hopfield::Rule;

std::string short_number(double x) {
    char text[40];
    std::snprintf(text, sizeof text, "%g", x);
    return text;
}

}  // namespace

std::vector<std::pair<std::string, Rule>> const& rule_words() {
    static std::vector<std::pair<std::string, Rule>> const words{{"hebbian", Rule::hebbian},
                                                                 {"pseudo-inverse", Rule::pseudo_inverse},
                                                                 {"storkey", Rule::storkey},
                                                                 {"dam", Rule::dense_associative},
                                                                 {"exponential", Rule::exponential}};
    return words;
}

std::string rule_word(Rule rule) {
    for (auto const& [word, value] : rule_words())
        if (value == rule) return word;
    return "weights";
}

hopfield::MemoryOptions RuleChoice::memory_options() const {
    hopfield::MemoryOptions options{.rule = rule};
    options.keep_diagonal = diagonal == "keep" || (diagonal == "protocol" && rule == Rule::pseudo_inverse);
    if (rule == Rule::hebbian) options.centre = true;
    if (rule == Rule::pseudo_inverse) options.ridge = ridge;
    if (rule == Rule::dense_associative) options.degree = degree;
    if (rule == Rule::exponential) options.beta = beta;
    return options;
}

std::string RuleChoice::describe() const {
    std::string text = rule_word(rule);
    if (rule == Rule::hebbian) text += ", centred";
    if (rule == Rule::pseudo_inverse) text += ", ridge " + short_number(ridge);
    if (rule == Rule::dense_associative) text += ", degree " + std::to_string(degree);
    if (rule == Rule::exponential) text += ", beta " + short_number(beta);
    return text + (memory_options().keep_diagonal ? ", diagonal kept" : ", zero diagonal");
}

void add_rule_options(CLI::App& app, RuleChoice& choice) {
    add_choice(app, "--rule", choice.rule, rule_words(), "How patterns are stored (default: hebbian)");
    app.add_option("--ridge", choice.ridge, "Ridge of the pseudo-inverse")->capture_default_str();
    app.add_option("--degree", choice.degree, "Degree of the dense associative memory")->capture_default_str();
    app.add_option("--beta", choice.beta, "Factor in the exponent of the exponential rule")->capture_default_str();
    app.add_option("--diagonal", choice.diagonal, "Self-coupling; protocol: kept with the pseudo-inverse only")
        ->check(CLI::IsMember({"protocol", "zero", "keep"}))
        ->capture_default_str();
}

}  // namespace ca3::cli
