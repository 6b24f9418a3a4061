#include "autoencoder/cuda_tuning.hpp"

#include "core/check.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace ca3::autoencoder::cuda {

Tuning tuning_of(std::string_view words) {
    Tuning tuning;
    while (!words.empty()) {
        std::size_t const end = std::min(words.find(','), words.size());
        std::string_view const word = words.substr(0, end);
        if (word == "overlap")
            tuning.overlap = true;
        else if (word == "deep")
            tuning.deep = true;
        else if (word == "cluster")
            tuning.cluster = true;
        else if (word == "no-chain")
            tuning.chain = false;
        else
            throw InvalidArgument("CA3_TUNING: no word '" + std::string(word) + "', there are overlap, deep, cluster, no-chain");
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return tuning;
}

Tuning tuning_of_environment() {
    char const* const words = std::getenv("CA3_TUNING");
    return tuning_of(words != nullptr ? words : "");
}

}  // namespace ca3::autoencoder::cuda
