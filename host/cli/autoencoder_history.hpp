#pragma once

#include "options.hpp"
#include "progress.hpp"
#include "table.hpp"

#include <ca3/autoencoder.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

/// Trainings in words, tables and JSON.
namespace ca3::cli {

/// --precision of a command.
CLI::Option* add_precision(CLI::App&, Precision&);
CLI::Option* add_loss(CLI::App&, std::optional<ca3::Loss>&);

/// A bar for a training; its label tells the epoch and the losses. Sets the callbacks of `fit`: lives for as long as that trains.
class TrainingProgress {
public:
    TrainingProgress(bool enabled, std::string name, autoencoder::FitOptions& fit);

private:
    std::string name_;
    Progress bar_;
};

/// [{epoch, train_loss, test_loss, seconds, learning_rate}]; NaN is written as null.
[[nodiscard]] nlohmann::json to_json(autoencoder::History const&);
[[nodiscard]] nlohmann::json to_json(Optimizer const&);
/// Of all epochs; some of many.
[[nodiscard]] Table epoch_table(autoencoder::History const&, std::int64_t samples_per_epoch);
/// Samples trained on each second, without tests; 0 where no time passed.
[[nodiscard]] double samples_per_second(autoencoder::History const&, std::int64_t samples_per_epoch);
[[nodiscard]] double learning_rate_of(Optimizer const&);
/// "784-32-784"
[[nodiscard]] std::string widths_text(autoencoder::Architecture const&);
/// "Adam 0.001, batch 64, mse"
[[nodiscard]] std::string training_text(autoencoder::FitOptions const&);

/// backend, instruction_set, threads, precision, seed
[[nodiscard]] nlohmann::json environment_members(Context const&, Precision, std::uint64_t seed);

}  // namespace ca3::cli
