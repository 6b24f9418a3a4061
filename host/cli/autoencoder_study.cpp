#include "autoencoder_study.hpp"

#include "autoencoder_history.hpp"
#include "lif_experiments.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <limits>

namespace ca3::cli {

using autoencoder::FitOptions;
using autoencoder::Model;
using autoencoder::Samples;

namespace {

Cell seconds_cell(double seconds) {
    Cell cell(seconds, seconds < 0.1 ? 4 : 2);
    if (seconds < 1e-3) cell.text = scientific(seconds).text;
    return cell;
}

}  // namespace

bool ProtocolChoice::takes(std::string const& variant) const {
    return variants.empty() || std::ranges::find(variants, variant) != variants.end();
}

std::vector<std::int64_t> ProtocolChoice::hidden_or(std::vector<std::int64_t> const& protocol) const {
    return hidden.empty() ? protocol : hidden;
}

std::vector<double> ProtocolChoice::levels_or(std::vector<double> const& protocol) const {
    return levels.empty() ? protocol : levels;
}

Study::Study(Environment const& environment, ProtocolChoice const& choice, std::string const& id, std::string const& title)
    : Study(environment, choice, id, title, {}) {}

Study::Study(Environment const& environment, ProtocolChoice const& choice, std::string const& id, std::string const& title,
             ImageSplits images)
    : environment_(environment),
      choice_(choice),
      images_(std::move(images)),
      id_(id),
      report_(environment, id, id, title,
              images_.name.empty() ? ""
                                   : images_.name + " " + std::to_string(images_.train.count) + " + " + std::to_string(images_.test.count)),
      losses_{.columns = {"variant", "network", "parameters", "training", "epochs", "first epoch", "published", "train loss", "published",
                          "test loss", "published", "s/epoch"}} {
    report_.member("command", "autoencoder run");
    auto const members = environment_members(environment.context, choice.precision, environment.options.seed);
    for (auto const& [key, value] : members.items()) report_.member(key, value);
}

FitOptions Study::options_for(FitOptions fit, std::int64_t samples) const {
    if (choice_.epochs > 0) fit.epochs = choice_.epochs;
    if (choice_.batch > 0) fit.batch = choice_.batch;
    if (choice_.learning_rate > 0.0) std::visit([&](auto& o) { o.learning_rate = choice_.learning_rate; }, fit.optimizer);
    if (choice_.batch > samples)
        throw InvalidArgument("--batch: expected at most the " + std::to_string(samples) + " samples that are trained on, found " +
                              std::to_string(choice_.batch));
    fit.batch = std::min(fit.batch, samples);
    return fit;
}

Trained Study::train(Training const& training) {
    Training with_test = training;
    with_test.fit.test = Samples(images_.test);
    return train(with_test, Samples(images_.train));
}

Trained Study::train(Training const& training, Samples const& samples) {
    Training used = training;
    used.fit = options_for(training.fit, samples.count());
    Trained trained{.name = training.name,
                    .model = Model(environment_.context, used.architecture, {.seed = seed(), .precision = choice_.precision}),
                    .initial = {},
                    .history = {}};
    trained.initial = trained.model.parameters();
    {
        FitOptions fit = used.fit;
        TrainingProgress const progress(environment_.options.prints_text(), training.name, fit);
        trained.history = trained.model.fit(samples, fit);
    }
    trained.model.save(report_.path(training.name + ".safetensors"));
    add(used, trained.history, samples.count());
    return trained;
}

autoencoder::Ensemble Study::train_many(Training const& training, Samples const& samples, std::int64_t count) {
    Training used = training;
    used.fit = options_for(training.fit, samples.count());
    std::vector<autoencoder::Variant> variants;
    for (std::int64_t i = 0; i < count; ++i) variants.push_back({.seed = seed() + static_cast<std::uint64_t>(i)});
    autoencoder::Ensemble ensemble =
        autoencoder::fit_many(environment_.context, used.architecture, variants, samples, used.fit, {.precision = choice_.precision});
    ensemble.models.front().save(report_.path(training.name + ".safetensors"));
    add(used, ensemble.histories.front(), samples.count());
    return ensemble;
}

void Study::add(Training const& training, autoencoder::History const& history, std::int64_t samples) {
    auto const &first = history.epochs.front(), &last = history.epochs.back();
    double seconds = 0.0;
    Series train{.name = training.name, .style = Series::Style::line}, test = train;
    for (auto const& e : history.epochs) {
        seconds += e.seconds;
        train.x.push_back(static_cast<double>(e.epoch));
        train.y.push_back(e.train_loss);
        test.y.push_back(e.test_loss);
    }
    test.x = train.x;
    train_curves_.push_back(std::move(train));
    test_curves_.push_back(std::move(test));
    auto const parameters = autoencoder::parameter_count(training.architecture);
    auto const& published = training.published;
    losses_.add({training.name, widths_text(training.architecture), parameters, training_text(training.fit), last.epoch,
                 Cell(first.train_loss, 4), Cell(published.first_train, 4), Cell(last.train_loss, 4), Cell(published.train, 4),
                 Cell(last.test_loss, 4), Cell(published.test, 4), seconds_cell(seconds / static_cast<double>(history.epochs.size()))});
    variants_.push_back({{"name", training.name},
                         {"widths", widths_text(training.architecture)},
                         {"parameters", parameters},
                         {"samples", samples},
                         {"batch", training.fit.batch},
                         {"loss", to_string(training.fit.loss)},
                         {"optimizer", to_json(training.fit.optimizer)},
                         {"stop", to_string(history.stop)},
                         {"train_loss", last.train_loss},
                         {"test_loss", last.test_loss},
                         {"published_first_train", published.first_train},
                         {"published_train", published.train},
                         {"published_test", published.test},
                         {"samples_per_second", samples_per_second(history, samples)},
                         {"epochs", to_json(history)}});
}

std::vector<Panel> Study::loss_panels() const {
    auto panel = [](std::string title, std::vector<Series> const& series) {
        double low = std::numeric_limits<double>::infinity(), high = 0.0;
        for (auto const& s : series)
            for (double const y : s.y) low = std::min(low, y), high = std::max(high, y);
        bool const log = low > 0.0 && high > 5.0 * low;
        return Panel{.title = std::move(title),
                     .x_label = "epoch",
                     .y_label = "mean loss",
                     .series = series,
                     .y_range = {{log ? std::nan("") : 0.0, std::nan("")}},
                     .log_y = log,
                     .whole_x = true,
                     .key = log ? "bottom left" : "top right"};
    };
    std::vector<Panel> panels{panel(id_ + ": training loss", train_curves_)};
    std::vector<Series> tested;
    for (std::size_t i = 0; i < test_curves_.size(); ++i) {
        if (!std::ranges::any_of(test_curves_[i].y, [](double y) { return std::isfinite(y); })) continue;
        tested.push_back(test_curves_[i]);
        tested.back().colour = i;
    }
    if (!tested.empty()) panels.push_back(panel(id_ + ": test loss", tested));
    return panels;
}

nlohmann::json Study::finish() {
    if (!losses_.rows.empty()) {
        // Columns of figures that nobody published, or that were not measured, are left out of the text.
        Table shown;
        for (std::size_t c = 0; c < losses_.columns.size(); ++c) {
            bool const empty = std::ranges::all_of(losses_.rows, [&](auto const& row) { return row[c].text == "-"; });
            bool const first_unpublished = c == 5 && std::ranges::all_of(losses_.rows, [](auto const& row) { return row[6].text == "-"; });
            if (empty || first_unpublished) continue;
            shown.columns.push_back(losses_.columns[c]);
            shown.rows.resize(losses_.rows.size());
            for (std::size_t r = 0; r < losses_.rows.size(); ++r) shown.rows[r].push_back(losses_.rows[r][c]);
        }
        bool const beside = std::ranges::find(shown.columns, "published") != shown.columns.end();
        report_.table("losses", beside ? "Losses, beside what was published (one run in PyTorch, seed unknown)" : "Losses", shown);
        report_.figure(id_ + "-loss", loss_panels());
    }
    auto epochs = nlohmann::json::array();
    for (auto const& variant : variants_)
        for (nlohmann::json epoch : variant["epochs"]) {
            epoch["variant"] = variant["name"];
            epochs.push_back(std::move(epoch));
        }
    report_.member("epochs", epochs);
    report_.member("variants", variants_);
    return report_.finish();
}

Study image_study(Environment const& environment, ProtocolChoice const& choice, std::string const& id, std::string const& title) {
    return {environment, choice, id, title, load_images(environment.options, choice.train_images, choice.test_images)};
}

FitOptions protocol(std::int64_t epochs, std::int64_t batch, Optimizer optimizer, ca3::Loss loss) {
    FitOptions fit;
    fit.epochs = epochs;
    fit.batch = batch;
    fit.optimizer = optimizer;
    fit.loss = loss;
    return fit;
}

double mean_square(std::span<float const> a, std::span<float const> b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    return sum / static_cast<double>(a.size());
}

}  // namespace ca3::cli
