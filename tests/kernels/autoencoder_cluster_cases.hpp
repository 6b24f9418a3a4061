#pragma once

#include "autoencoder/cuda_models.hpp"
#include "support/simt/executor.hpp"

#include <ca3/autoencoder.hpp>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

/// Trainings of small nets, and what came of them.
namespace ca3::autoencoder::cluster_cases {

/// CA3_TUNING for as long as it lives.
class Words {
public:
    explicit Words(std::string const& words) { setenv("CA3_TUNING", words.c_str(), 1); }
    Words(Words const&) = delete;
    Words& operator=(Words const&) = delete;
    ~Words() { unsetenv("CA3_TUNING"); }
};

/// Launches of the kernels in a file.
[[nodiscard]] std::int64_t launches_of(std::string const& name);
/// Launches of the kernel that trains in clusters.
[[nodiscard]] std::int64_t cluster_launches();

/// Values in [0, 1], a third of them 0.
[[nodiscard]] std::vector<float> samples(std::int64_t rows, std::int64_t width, std::uint64_t seed);

inline constexpr std::int64_t steps = 4;

struct Case {
    std::string name;
    Architecture architecture;
    std::int64_t batch = 16;
    Optimizer optimizer = Adam{3e-3};
    Loss loss = Loss::mse;
    Precision precision = Precision::f32;
    bool bytes = false;
    bool by_targets = false;
    int shared_bytes = 0;  ///< that a block may have: the fewer, the more blocks; 0: as many as there are
    bool in_order = false;
    int models = 1;
    std::vector<std::int64_t> cuts{};  ///< begins of jobs after the first
};

struct Trained {
    std::int64_t done = 0;
    std::vector<double> losses;
    State state;
    [[nodiscard]] bool operator==(Trained const& other) const;
};

/// Every model of the case on the CUDA backend, with learning rates of their own.
[[nodiscard]] std::vector<Trained> trained(Case const& c);
/// The same, in clusters, on a device that has what the case says.
[[nodiscard]] std::vector<Trained> in_clusters(Case const& c, simt::Options options = {});
/// Model m of the case, alone, on the reference in f64.
[[nodiscard]] Trained expected(Case const& c, std::size_t m);

/// Largest difference over the largest magnitude.
[[nodiscard]] double distance(std::vector<double> const& a, std::vector<double> const& b);

/// Shared memory that the case takes in each of so many blocks.
[[nodiscard]] std::size_t bytes_of(Case const& c, int blocks, bool ahead = false);

/// The case on a device whose memory takes so many blocks for it and no fewer, with or without reading ahead.
[[nodiscard]] Case in_blocks(Case c, int blocks, bool ahead = false);

/// 33 columns in 8 blocks are slices of 8, 8, 8, 8, 1, 0, 0, 0; in 4 blocks 12, 12, 9, 0.
[[nodiscard]] Case sliced(int blocks, Precision precision = Precision::f32, bool ahead = false);

}  // namespace ca3::autoencoder::cluster_cases
