#include "autoencoder_experiments.hpp"
#include "autoencoder_figures.hpp"
#include "autoencoder_history.hpp"
#include "lif_experiments.hpp"
#include "progress.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace ca3::cli {
namespace {

using autoencoder::Model;

struct Vectors {
    std::vector<float> bits;    ///< 64 x 6
    std::vector<float> wanted;  ///< 64 x 1, 1 for mirror symmetry
};

Vectors six_bits() {
    Vectors out;
    for (int i = 0; i < 64; ++i) {
        std::array<int, 6> bit{};
        for (std::size_t k = 0; k < 6; ++k) bit[k] = i >> k & 1;
        for (int const b : bit) out.bits.push_back(static_cast<float>(b));
        out.wanted.push_back(bit[0] == bit[5] && bit[1] == bit[4] && bit[2] == bit[3] ? 1.0F : 0.0F);
    }
    return out;
}

struct HiddenUnit {
    std::vector<double> weights;     ///< 6
    double asymmetry = 0.0;          ///< |w + mirrored w| / |w|
    std::array<double, 3> ratios{};  ///< of the sizes, rising, the least 1

    [[nodiscard]] bool antisymmetric() const { return asymmetry < 0.05; }
    [[nodiscard]] bool one_two_four() const { return std::abs(ratios[1] / 2.0 - 1.0) < 0.1 && std::abs(ratios[2] / 4.0 - 1.0) < 0.1; }
};

std::vector<HiddenUnit> hidden_units(Model const& model) {
    auto const array = model.parameters().tensors.at("encoder.0.weight");
    std::vector<HiddenUnit> units;
    for (std::int64_t u = 0; u < array.shape[0]; ++u) {
        HiddenUnit unit;
        for (std::int64_t k = 0; k < 6; ++k)
            unit.weights.push_back(array.dtype == io::DType::f64 ? array.as<double>()[u * 6 + k] : array.as<float>()[u * 6 + k]);
        auto const& w = unit.weights;
        double sum = 0.0, size = 0.0;
        for (std::size_t k = 0; k < 6; ++k) sum += (w[k] + w[5 - k]) * (w[k] + w[5 - k]), size += w[k] * w[k];
        unit.asymmetry = std::sqrt(sum / size);
        for (std::size_t k = 0; k < 3; ++k) unit.ratios[k] = std::abs(w[k] - w[5 - k]) / 2.0;
        std::ranges::sort(unit.ratios);
        double const least = unit.ratios[0];
        for (auto& r : unit.ratios) r /= least;
        units.push_back(std::move(unit));
    }
    return units;
}

bool all_right(Model const& model, Vectors const& v) {
    auto const out = model.reconstruct(rows_of(v.bits, 6));
    for (std::size_t i = 0; i < out.size(); ++i)
        if ((out[i] > 0.5F) != (v.wanted[i] > 0.5F)) return false;
    return true;
}

struct SymmetryRun {
    Model model;
    autoencoder::History history;
    std::optional<std::int64_t> solved;  ///< sweeps after which all 64 are on the right side of 0.5
};

/// Trains in stretches, between which the outputs are looked at.
SymmetryRun run_symmetry(Study const& study, Training const& training, Vectors const& v, std::uint64_t seed) {
    constexpr std::int64_t stretch = 25;
    SymmetryRun run{
        .model = Model(study.environment().context, training.architecture, {.seed = seed, .precision = study.choice().precision}),
        .history = {},
        .solved = {}};
    auto fit = training.fit;
    auto const sweeps = fit.epochs;
    fit.targets = autoencoder::Samples(rows_of(v.wanted, 1));
    fit.shuffle = false;
    for (std::int64_t done = 0; done < sweeps; done = fit.epochs) {
        fit.epochs = run.solved ? sweeps : std::min(sweeps, done + stretch);
        fit.resume = done > 0;
        auto const history = run.model.fit(rows_of(v.bits, 6), fit);
        for (auto const& e : history.epochs)
            if (e.epoch > done) run.history.epochs.push_back(e);
        if (!run.solved && all_right(run.model, v)) run.solved = fit.epochs;
    }
    return run;
}

std::string weights_text(HiddenUnit const& unit) {
    std::string text;
    for (double const w : unit.weights) {
        if (!text.empty()) text += ' ';
        text += fixed(w, 1);
    }
    return text;
}

/// Points about 110000, 001100 and 000011 with normal noise.
struct ToyClasses {
    std::vector<float> points;
    std::vector<std::int64_t> classes;
};

ToyClasses toy_classes(std::int64_t count, double sigma, std::uint64_t seed) {
    ToyClasses toy;
    for (std::int64_t n = 0; n < count; ++n) {
        toy.classes.push_back(n % 3);
        for (std::int64_t k = 0; k < 6; ++k) toy.points.push_back(k / 2 == n % 3 ? 1.0F : 0.0F);
    }
    Corruption const noise = GaussianNoise{.sigma = sigma};
    autoencoder::corrupt(std::span(&noise, 1), seed, 0, {toy.points.data(), count, 6});
    return toy;
}

/// What the seeds of a variant came to.
struct SymmetryTally {
    int solved = 0, antisymmetric = 0, in_ratio = 0;
    std::vector<std::int64_t> sweeps{};  ///< of those that solved it
    nlohmann::json runs = nlohmann::json::array();

    /// A row of the table for each hidden unit, and an entry of `runs`.
    void add(Table& table, std::string const& name, std::uint64_t seed, SymmetryRun const& run) {
        auto const units = hidden_units(run.model);
        bool const anti = std::ranges::all_of(units, &HiddenUnit::antisymmetric),
                   ratio = std::ranges::all_of(units, &HiddenUnit::one_two_four);
        solved += run.solved ? 1 : 0;
        antisymmetric += anti ? 1 : 0;
        in_ratio += anti && ratio ? 1 : 0;
        if (run.solved) sweeps.push_back(*run.solved);
        double const loss = run.history.epochs.back().train_loss;
        auto json_units = nlohmann::json::array();
        for (auto const& unit : units) {
            table.add({name, std::to_string(seed), run.solved ? std::to_string(*run.solved) : "-", Cell(loss, 5), weights_text(unit),
                       Cell(unit.asymmetry, 3), unit.antisymmetric() ? "yes" : "no",
                       "1 : " + fixed(unit.ratios[1], 2) + " : " + fixed(unit.ratios[2], 2), unit.one_two_four() ? "yes" : "no"});
            json_units.push_back({{"weights", unit.weights}, {"asymmetry", unit.asymmetry}, {"ratios", unit.ratios}});
        }
        runs.push_back({{"seed", seed},
                        {"solved_after", run.solved ? nlohmann::json(*run.solved) : nlohmann::json()},
                        {"mse", loss},
                        {"antisymmetric", anti},
                        {"ratio_1_2_4", anti && ratio},
                        {"units", std::move(json_units)}});
    }

    void report(Report& report, std::string const& name) {
        std::ranges::sort(sweeps);
        report.line(name + ": " + std::to_string(solved) + " of " + std::to_string(runs.size()) + " seeds solve it" +
                    (sweeps.empty() ? "" : ", the median after " + std::to_string(sweeps[sweeps.size() / 2]) + " sweeps (1986: 1425)") +
                    "; weights equal and opposite within 5 %: " + std::to_string(antisymmetric) +
                    ", and as 1:2:4 within 10 %: " + std::to_string(in_ratio));
        report.result(name, {{"solved", solved},
                             {"antisymmetric", antisymmetric},
                             {"ratio_1_2_4", in_ratio},
                             {"median_sweeps", sweeps.empty() ? nlohmann::json() : nlohmann::json(sweeps[sweeps.size() / 2])},
                             {"runs", std::move(runs)}});
    }
};

}  // namespace

nlohmann::json run_mirror_symmetry(Environment const& environment, ProtocolChoice const& choice) {
    constexpr std::int64_t seeds = 10;
    Study study(environment, choice, "M1", "Mirror symmetry of 6 bits: two hidden units, plain gradient descent");
    Vectors const v = six_bits();
    struct Kind {
        char const* word;
        double learning_rate, momentum;
        Initialiser initialiser;
        std::int64_t sweeps;
        PublishedLoss published;
    };
    // E = 1/2 sum of squares over 64 cases has 32 times the gradient of their mean: 0.1 there is 3.2 here.
    Initialiser const small{.kind = Initialiser::Kind::uniform, .scale = 0.3};
    Table table{
        .columns = {"variant", "seed", "solved after", "loss", "weights of a hidden unit", "asymmetry", "within 5 %", "ratios", "1:2:4"}};
    for (Kind const& kind :
         {Kind{"mean-plain-default", 0.1, 0.0, {}, 1000, {.train = 0.10939}}, Kind{"mean-momentum-default", 0.1, 0.9, {}, 1000, {}},
          Kind{"sum-momentum-u0.3", 3.2, 0.9, small, 20000, {}}}) {
        if (!choice.takes(kind.word)) continue;
        Training training{
            .name = std::string("M1-") + kind.word,
            .architecture = {6, {2, sigmoid, {.initialiser = kind.initialiser}}, {1, sigmoid, {.initialiser = kind.initialiser}}},
            .fit = protocol(kind.sweeps, 64, Sgd{.learning_rate = kind.learning_rate, .momentum = kind.momentum}, ca3::Loss::mse),
            .published = kind.published};
        training.fit = study.options_for(training.fit, 64);
        training.architecture.encoder_layers = 1;
        SymmetryTally tally;
        Progress progress(environment.options.prints_text(), training.name, seeds);
        for (std::int64_t s = 0; s < seeds; ++s) {
            auto const seed = study.seed() + static_cast<std::uint64_t>(s);
            SymmetryRun const run = run_symmetry(study, training, v, seed);
            progress.advance();
            tally.add(table, training.name, seed, run);
            if (s > 0) continue;
            run.model.save(study.report().path(training.name + ".safetensors"));
            study.add(training, run.history, 64);
        }
        tally.report(study.report(), training.name);
    }
    study.report().table("weights", "Hidden units (solved: sweeps, to 25, until all 64 outputs are on the right side of 0.5)", table);
    return study.finish();
}

nlohmann::json run_classification_toy(Environment const& environment, ProtocolChoice const& choice) {
    Study study(environment, choice, "M2", "Three classes of noisy points: 6-10-5-3, log-softmax");
    ToyClasses const toy = toy_classes(300, 0.3, study.seed());
    Training training{.name = "M2",
                      .architecture = {6, {10, sigmoid}, {5, sigmoid}, {3, log_softmax}},
                      .fit = protocol(200, 300, Sgd{.learning_rate = 1.0}, ca3::Loss::nll)};
    training.fit.targets = std::span(toy.classes);
    Trained const trained = study.train(training, rows_of(toy.points, 6));
    auto const logs = trained.model.reconstruct(rows_of(toy.points, 6));
    Table table{.columns = {"points about", "count", "p(class 0)", "p(class 1)", "p(class 2)", "right (%)"}};
    std::array<char const*, 3> const centres{"110000", "001100", "000011"};
    double own = 0.0, right_all = 0.0;
    for (std::int64_t c = 0; c < 3; ++c) {
        std::array<double, 3> mean{};
        double count = 0.0, right = 0.0;
        for (std::size_t n = 0; n < toy.classes.size(); ++n) {
            if (toy.classes[n] != c) continue;
            auto const row = std::span(logs).subspan(3 * n, 3);
            for (std::size_t k = 0; k < 3; ++k) mean[k] += std::exp(double{row[k]});
            right += std::ranges::max_element(row) - row.begin() == c ? 1.0 : 0.0;
            count += 1.0;
        }
        own += mean[static_cast<std::size_t>(c)] / static_cast<double>(toy.classes.size());
        right_all += right / static_cast<double>(toy.classes.size());
        table.add({centres[static_cast<std::size_t>(c)], static_cast<std::int64_t>(count), Cell(mean[0] / count, 3),
                   Cell(mean[1] / count, 3), Cell(mean[2] / count, 3), Cell(100.0 * right / count, 1)});
    }
    study.report().table("classes", "Mean probability of the classes", table);
    study.report().line("probability of the right class: " + fixed(own, 3) + " (published: about 0.98)");
    study.report().result("probability_of_class", own);
    study.report().result("share_right", right_all);
    return study.finish();
}

}  // namespace ca3::cli
