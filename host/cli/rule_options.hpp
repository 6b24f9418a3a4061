#pragma once

#include "options.hpp"

#include <ca3/hopfield.hpp>

#include <string>
#include <utility>
#include <vector>

namespace ca3::cli {

/// The words of --rule.
[[nodiscard]] std::vector<std::pair<std::string, hopfield::Rule>> const& rule_words();
[[nodiscard]] std::string rule_word(hopfield::Rule);

/// How an experiment stores: the outer-product rule of the protocols, or another in its place (H5: --rule pseudo-inverse --ridge 0.01).
struct RuleChoice {
    hopfield::Rule rule = hopfield::Rule::hebbian;
    double ridge = 0.01;
    int degree = 3;
    double beta = 1.0;
    std::string diagonal = "protocol";

    /// Hebbian: centred by the mean of all elements, diagonal zero (H2). Pseudo-inverse: ridge, diagonal kept (H5).
    /// The factor 1/P of both protocols changes no sign and is left out.
    [[nodiscard]] hopfield::MemoryOptions memory_options() const;
    /// "hebbian, centred, zero diagonal"
    [[nodiscard]] std::string describe() const;
};

void add_rule_options(CLI::App&, RuleChoice&);

}  // namespace ca3::cli
