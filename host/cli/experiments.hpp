#pragma once

#include "corruption.hpp"
#include "dataset.hpp"
#include "report.hpp"
#include "rule_options.hpp"

#include <ca3/hopfield.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// The experiments, each as a function of its options: the commands call them, and the tour (ca3 demo) does with smaller numbers.
namespace ca3::cli {

/// Images per set and digits that most protocols share.
struct DigitOptions {
    std::vector<int> digits{0, 1, 2};
    std::int64_t images = 10;
};

struct CapacityOptions {
    std::int64_t neurons = 784;
    std::int64_t sets = 5;
    std::vector<int> digits{0, 1, 2};
};
nlohmann::json run_capacity(Environment const&, CapacityOptions const&);

struct OneStepOptions {
    DigitOptions digits{};
    RuleChoice rule{};
};
nlohmann::json run_one_step(Environment const&, OneStepOptions const&);

struct ErrorCurveOptions {
    std::vector<int> digits{0, 1, 2};
    std::int64_t most = 0;  ///< 0: capacity(d)
    std::int64_t sets = 5;
    RuleChoice rule{};
};
nlohmann::json run_error_curve(Environment const&, ErrorCurveOptions const&);

struct NoiseSweepOptions {
    DigitOptions digits{};
    std::int64_t sets = 5;
    std::int64_t levels = 50;  ///< p = 0.5 / levels, ..., 0.5
    int steps = 5;
    RuleChoice rule{};
};
nlohmann::json run_noise_sweep(Environment const&, NoiseSweepOptions const&);

struct RestoreOptions {
    DigitOptions digits{};
    Loss half = Loss::bottom;
    RuleChoice rule{};
    bool both_rules = true;  ///< Hebbian and pseudo-inverse side by side
};
nlohmann::json run_restore(Environment const&, RestoreOptions const&);

struct ToyOptions {
    double noise = 0.4;
    int steps = 10;
    std::int64_t trials = 1000;  ///< per pattern
};
nlohmann::json run_toy(Environment const&, ToyOptions const&);

struct LettersOptions {
    double noise = 0.2;
    int steps = 2;
    std::int64_t sweeps = 10;
    std::int64_t trials = 1000;  ///< per letter
};
nlohmann::json run_letters(Environment const&, LettersOptions const&);

struct OverlapsOptions {
    std::vector<int> digits{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    bool letters = false;
    double noise = 0.4;
    std::int64_t cues = 200;
    std::int64_t sweeps = 20;
    double kappa = 1.0;
    double dt = 0.01;
    double time = 10.0;
    RuleChoice rule{.rule = hopfield::Rule::pseudo_inverse};
};
nlohmann::json run_overlaps(Environment const&, OverlapsOptions const&);

/// Exactly `steps` synchronous sweeps: neither fixed points nor two-cycles end it early.
[[nodiscard]] SignArray synchronous_steps(hopfield::Memory const&, SignArray const& cues, int steps);
[[nodiscard]] SignArray states_of(hopfield::Recall&&);

/// "noise-sweep", with the rule added when it is not the protocol's own: the files of two rules stand side by side.
[[nodiscard]] std::string name_with_rule(std::string const& name, RuleChoice const&);

void add_digit_options(CLI::App&, std::vector<int>& digits);

struct Statistics {
    double mean = 0.0;
    double deviation = 0.0;  ///< of the sample; 0 for a single value
};
[[nodiscard]] Statistics statistics(std::vector<double> const&);

}  // namespace ca3::cli
