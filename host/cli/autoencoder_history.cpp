#include "autoencoder_history.hpp"

#include "lif_experiments.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace ca3::cli {

using autoencoder::EpochReport;
using autoencoder::FitOptions;
using autoencoder::History;

CLI::Option* add_precision(CLI::App& app, Precision& precision) {
    return add_choice(app, "--precision", precision,
                      {{"f32", Precision::f32},
                       {"tf32x3", Precision::tf32x3},
                       {"tf32", Precision::tf32},
                       {"bf16", Precision::bf16},
                       {"f64", Precision::f64}},
                      "Of matrix products (tf32, tf32x3: CUDA; f64: the reference)");
}

CLI::Option* add_loss(CLI::App& app, std::optional<ca3::Loss>& loss) {
    std::vector<std::pair<std::string, std::optional<ca3::Loss>>> words;
    for (auto const l :
         {ca3::Loss::mse, ca3::Loss::l1, ca3::Loss::bce, ca3::Loss::bce_with_logits, ca3::Loss::cross_entropy, ca3::Loss::nll})
        words.emplace_back(to_string(l), l);
    return add_choice(app, "--loss", loss, words, "Loss (default: the configuration's, else mse)");
}

TrainingProgress::TrainingProgress(bool enabled, std::string name, FitOptions& fit) : name_(std::move(name)), bar_(enabled, name_, 1000) {
    fit.on_progress = [this](std::int64_t done, std::int64_t total) {
        if (total > 0) bar_.advance_to(static_cast<std::int64_t>(1000.0 * static_cast<double>(done) / static_cast<double>(total)));
    };
    fit.on_epoch = [this](EpochReport const& e) {
        bar_.relabel(name_ + "  epoch " + std::to_string(e.epoch) + "  loss " + fixed(e.train_loss, 4) +
                     (std::isnan(e.test_loss) ? "" : " / " + fixed(e.test_loss, 4)) + " ");
        return true;
    };
}

nlohmann::json to_json(History const& history) {
    auto out = nlohmann::json::array();
    for (auto const& e : history.epochs)
        out.push_back({{"epoch", e.epoch},
                       {"train_loss", e.train_loss},
                       {"test_loss", e.test_loss},
                       {"seconds", e.seconds},
                       {"learning_rate", e.learning_rate}});
    return out;
}

nlohmann::json to_json(Optimizer const& optimizer) {
    return std::visit(
        [](auto const& o) -> nlohmann::json {
            nlohmann::json json{{"learning_rate", o.learning_rate}, {"weight_decay", o.weight_decay}, {"l1", o.l1}};
            if constexpr (std::is_same_v<std::remove_cvref_t<decltype(o)>, Sgd>) {
                json.update({{"kind", "sgd"}, {"momentum", o.momentum}, {"dampening", o.dampening}, {"nesterov", o.nesterov}});
            } else {
                bool const decoupled = std::is_same_v<std::remove_cvref_t<decltype(o)>, AdamW>;
                json.update({{"kind", decoupled ? "adamw" : "adam"}, {"beta1", o.beta1}, {"beta2", o.beta2}, {"epsilon", o.epsilon}});
            }
            return json;
        },
        optimizer);
}

Table epoch_table(History const& history, std::int64_t samples_per_epoch) {
    constexpr std::size_t most_rows = 24;
    Table table{.columns = {"epoch", "train loss", "test loss", "seconds", "samples/s"}};
    std::size_t const n = history.epochs.size(), every = std::max<std::size_t>(1, (n + most_rows - 1) / most_rows);
    for (std::size_t k = 0; k < n; ++k) {
        auto const& e = history.epochs[k];
        if (k != 0 && k + 1 != n && (k + 1) % every != 0) continue;
        double const rate = e.seconds > 0.0 ? static_cast<double>(samples_per_epoch) / e.seconds : std::nan("");
        table.add({e.epoch, Cell(e.train_loss, 6), Cell(e.test_loss, 6), Cell(e.seconds, 3), Cell(rate, 0)});
    }
    return table;
}

double samples_per_second(History const& history, std::int64_t samples_per_epoch) {
    double seconds = 0.0;
    for (auto const& e : history.epochs) seconds += e.seconds;
    return seconds > 0.0 ? static_cast<double>(samples_per_epoch) * static_cast<double>(history.epochs.size()) / seconds : 0.0;
}

double learning_rate_of(Optimizer const& optimizer) {
    return std::visit([](auto const& o) { return o.learning_rate; }, optimizer);
}

std::string widths_text(autoencoder::Architecture const& architecture) {
    std::string text = std::to_string(architecture.inputs);
    for (auto const& layer : architecture.layers) text += "-" + std::to_string(layer.units);
    return text;
}

std::string training_text(FitOptions const& fit) {
    char const* const names[] = {"SGD", "Adam", "AdamW"};
    return std::string(to_string(fit.loss)) + ", " + names[fit.optimizer.index()] + " " + plain(learning_rate_of(fit.optimizer)) +
           ", batch " + std::to_string(fit.batch);
}

nlohmann::json environment_members(Context const& context, Precision precision, std::uint64_t seed) {
    return {{"seed", seed},
            {"backend", to_string(context.backend())},
            {"instruction_set", to_string(context.instruction_set())},
            {"threads", context.threads()},
            {"precision", to_string(precision)}};
}

}  // namespace ca3::cli
