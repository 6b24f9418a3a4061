#pragma once

#include <ca3/hopfield.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// Random memories and recalls, to compare backends on. A case is a pure function of its number, of the seed (CA3_SEED, else a fixed one)
/// and of `work`.
namespace ca3::test {

struct HopfieldCase {
    std::int64_t number = 0;
    std::int64_t neurons = 0;
    std::int64_t patterns = 0;
    std::int64_t batch = 0;
    hopfield::MemoryOptions options;
    std::vector<std::int8_t> pattern;   ///< P x d
    std::vector<std::int32_t> integer;  ///< d x d, Rule::weights; or empty
    std::vector<double> real;           ///< d x d, Rule::weights; or empty
    std::vector<double> bias;           ///< d, or empty
    std::vector<std::int8_t> cues;      ///< B x d
    std::vector<std::uint8_t> clamp;    ///< clamp_rows x d
    std::int64_t clamp_rows = 0;
    hopfield::RecallOptions recall;  ///< without its clamp
};

/// All rules, forms, updates, tie rules, clamps, biases, temperatures; unknown bits in the cues; d in 1..300, P in 0..80 (and about 255), B
/// in 0..70.
/// @param work about so many multiplications at most in the reference: smaller ones for slow executors
[[nodiscard]] HopfieldCase hopfield_case(std::int64_t number, std::int64_t work = 500'000);

/// One line, with the command that runs it alone.
[[nodiscard]] std::string describe(HopfieldCase const& c);

[[nodiscard]] hopfield::Memory make_memory(Context const& context, HopfieldCase const& c);
[[nodiscard]] hopfield::Recall recall(hopfield::Memory const& memory, HopfieldCase const& c);

/// `memory` answers the case as `expected` does, bit for bit: recall (states, statuses, sweeps, flips, energies, nearest, overlaps, trace),
/// then overlaps and energies of the cues.
[[nodiscard]] testing::AssertionResult same_answers(hopfield::Memory const& expected, hopfield::Recall const& expected_recall,
                                                    hopfield::Memory const& memory, HopfieldCase const& c);

/// Calls check(case) for the numbers first ... first + count - 1, or for CA3_CASE alone where that is one of them.
void for_each_hopfield_case(std::int64_t first, std::int64_t count, std::int64_t work,
                            std::function<void(HopfieldCase const&)> const& check);

}  // namespace ca3::test
