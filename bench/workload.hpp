#pragma once

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// What the benchmarks of the Hopfield family store and recall.
namespace ca3::bench {

/// P patterns of d neurons, and B cues: the patterns in turn, floor(d / 10) neurons of each flipped.
struct Workload {
    std::int64_t d = 0, P = 0, B = 0;
    std::vector<std::int8_t> pattern;  ///< P x d
    std::vector<std::int8_t> cue;      ///< B x d

    [[nodiscard]] MatrixView<std::int8_t const> patterns() const { return {pattern.data(), P, d}; }
    [[nodiscard]] MatrixView<std::int8_t const> cues() const { return {cue.data(), B, d}; }
};

[[nodiscard]] Workload random_workload(std::int64_t d, std::int64_t P, std::int64_t B);

/// Digits 0, 1 and 2 as +-1 (more than half white: +1), side x side by nearest neighbour: correlated patterns.
/// @param folder of MNIST; empty: synthetic digits
[[nodiscard]] Workload digits_workload(std::int64_t side, std::int64_t P, std::int64_t B, std::string const& folder);

/// X^T X with a zero diagonal, d x d.
[[nodiscard]] std::vector<std::int32_t> hebbian_weights(Context const& cpu, Workload const& workload);

}  // namespace ca3::bench
