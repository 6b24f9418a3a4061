#pragma once

#include "autoencoder/batch.hpp"
#include "autoencoder/reference_layers.hpp"

namespace ca3::autoencoder::reference {

/// Loss of the outputs x against values, the input's own or targets. Fills pass.gradient. @return the mean loss
template <class T>
double value_loss(Numbers<T> const& net, BatchMaker const& maker, Objective const& objective, std::int64_t begin, std::vector<T> const& x,
                  Pass<T>& pass);
/// The same against class numbers.
template <class T>
double class_loss(Numbers<T> const& net, Data const& data, Objective const& objective, std::int64_t begin, std::vector<T> const& x,
                  Pass<T>& pass);
/// kl_scale KL of a gaussian layer.
template <class T>
double divergence(Numbers<T> const& net, int l, Objective const& objective, Pass<T> const& pass);
}  // namespace ca3::autoencoder::reference
