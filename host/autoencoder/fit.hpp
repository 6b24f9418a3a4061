#pragma once

#include "autoencoder/model_state.hpp"

#include <ca3/autoencoder/training.hpp>

/// What Model::fit and fit_many share.
namespace ca3::autoencoder {

/// Model::fit.
History fit(ModelState& state, Samples const& train, FitOptions const& options);

/// Of the learning rate in epoch 0, 1, ...
[[nodiscard]] double schedule_factor(Schedule const& schedule, std::int64_t epoch, std::int64_t epochs);
/// For Data::id: one that no other data of this process has.
[[nodiscard]] std::uint64_t new_data_id();
/// All that can be wrong with options and data. @throws InvalidArgument
void check_fit(Plan const& plan, Samples const& train, FitOptions const& options, char const* function);
/// @throws Overflow where `more` steps after `done` ones have no numbers in the random streams
void require_training_steps(std::int64_t done, std::int64_t more, char const* function);
[[nodiscard]] Objective objective_of(FitOptions const& options);
/// The sample numbers of an epoch; empty: all, in their order.
[[nodiscard]] std::vector<std::int64_t> order_of(FitOptions const& options, std::int64_t samples, std::uint64_t seed, std::int64_t epoch);
/// Rows that are trained on in an epoch. @param order as order_of gives it
[[nodiscard]] Batches batches_of(FitOptions const& options, std::int64_t samples, std::vector<std::int64_t> const& order);

}  // namespace ca3::autoencoder
