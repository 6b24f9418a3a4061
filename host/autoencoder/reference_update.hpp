#pragma once

#include "autoencoder/reference_layers.hpp"

namespace ca3::autoencoder::reference {

/// What an optimizer remembers.
template <class T>
struct Moments {
    std::vector<T> first{};
    std::vector<T> second{};
    std::int64_t steps = 0;
};

/// Running mean and unbiased variance, momentum 0.1.
template <class T>
void update_statistics(Numbers<T>& net, Pass<T> const& pass);
/// One step of the optimizer. Clips `gradient` where the rule says so.
template <class T>
void update(UpdateRule const& rule, Numbers<T>& net, Moments<T>& moments, std::vector<T>& gradient);

}  // namespace ca3::autoencoder::reference
