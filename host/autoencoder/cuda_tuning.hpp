#pragma once

#include <string_view>

namespace ca3::autoencoder::cuda {

/// Ways of computing that are there to be measured against the usual one. For developers: none is on by default, and none changes what is
/// computed by more than rounding.
struct Tuning {
    bool overlap = false;  ///< a step's kernels start while those before them end (sm_90 and later)
    bool deep = false;     ///< more pieces of a product on their way where a launch has few tiles
    bool cluster = false;  ///< small nets: all steps of a job in one launch, a cluster of blocks for each model (sm_90 and later)

    bool chain = false;  ///< bf16: rows through all layers and back in one launch, all updates in another (sm_90 and later)

    bool operator==(Tuning const&) const = default;
};

/// @param words names of members, separated by commas; empty: none
/// @throws InvalidArgument for a word that there is not
[[nodiscard]] Tuning tuning_of(std::string_view words);

/// From the environment variable CA3_TUNING. @throws InvalidArgument
[[nodiscard]] Tuning tuning_of_environment();

}  // namespace ca3::autoencoder::cuda
