#pragma once

#include <string_view>

namespace ca3::autoencoder::cuda {

/// Ways of computing that are there to be measured against each other. For developers: none changes what is computed by more than rounding.
struct Tuning {
    bool overlap = false;  ///< a step's kernels start while those before them end (sm_90 and later)
    bool deep = false;     ///< more pieces of a product on their way where a launch has few tiles
    bool cluster = false;  ///< small nets: all steps of a job in one launch, a cluster of blocks for each model (sm_90 and later)

    bool chain = true;  ///< bf16: rows through all layers and back in one launch, all updates in another (sm_90 and later)

    bool operator==(Tuning const&) const = default;
};

/// @param words names of members that are off by default, no-NAME for those that are on, separated by commas; empty: as by default
/// @throws InvalidArgument for a word that there is not
[[nodiscard]] Tuning tuning_of(std::string_view words);

/// From the environment variable CA3_TUNING. @throws InvalidArgument
[[nodiscard]] Tuning tuning_of_environment();

}  // namespace ca3::autoencoder::cuda
