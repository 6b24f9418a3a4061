#pragma once

#include "hopfield/backend.hpp"
#include "support/random_patterns.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Random models and jobs for the hopfield kernels, and what came of them.
namespace ca3::test {

/// Where tiles, words and warps begin and end.
[[nodiscard]] std::vector<std::int64_t> const& odd_sizes();

/// A model of this kind with random integers for everything that the kind leaves open. Dense weights take one of the five types in turn.
[[nodiscard]] hopfield::Model random_model(hopfield::Kind kind, std::int64_t neurons, std::int64_t patterns, Random& random);

/// A job with the memory that it points to.
struct OwnedJob {
    std::vector<std::int8_t> states;
    std::vector<std::uint8_t> clamp;
    std::vector<hopfield::Status> status;
    std::vector<std::int32_t> sweeps;
    std::vector<std::int64_t> flips;
    hopfield::Glauber glauber;
    hopfield::Job job;

    OwnedJob(std::int64_t batch, std::int64_t neurons);
    /// Shares nothing with `other`.
    OwnedJob(OwnedJob const& other);
    OwnedJob& operator=(OwnedJob const&) = delete;

private:
    void point();
};

[[nodiscard]] OwnedJob random_job(hopfield::Model const& model, std::int64_t batch, hopfield::Update update, Random& random);

[[nodiscard]] std::string describe(hopfield::Model const& model, hopfield::Job const& job);

}  // namespace ca3::test
