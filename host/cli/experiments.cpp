#include "experiments.hpp"

#include <cmath>
#include <utility>

namespace ca3::cli {

SignArray states_of(hopfield::Recall&& recall) {
    return {recall.batch, recall.neurons, std::move(recall.states)};
}

SignArray synchronous_steps(hopfield::Memory const& memory, SignArray const& cues, int steps) {
    SignArray states = cues;
    for (int step = 0; step < steps; ++step) states = states_of(memory.recall(states.view(), {.max_sweeps = 1}));
    return states;
}

std::string name_with_rule(std::string const& name, RuleChoice const& choice) {
    return choice.rule == hopfield::Rule::hebbian ? name : name + "-" + rule_word(choice.rule);
}

void add_digit_options(CLI::App& app, std::vector<int>& digits) {
    app.add_option("--digits", digits, "Only images of these digits, such as 0,1,2")
        ->delimiter(',')
        ->check(CLI::Range(0, 9))
        ->type_name("N,N,...")
        ->default_str(join(digits));
}

Statistics statistics(std::vector<double> const& values) {
    Statistics s;
    auto const n = static_cast<double>(values.size());
    for (double const v : values) s.mean += v / n;
    for (double const v : values) s.deviation += (v - s.mean) * (v - s.mean);
    s.deviation = values.size() > 1 ? std::sqrt(s.deviation / (n - 1)) : 0.0;
    return s;
}

}  // namespace ca3::cli
