#include "autoencoder_experiments.hpp"
#include "autoencoder_figures.hpp"
#include "experiments.hpp"
#include "lif_experiments.hpp"

#include <algorithm>
#include <sstream>

namespace ca3::cli {
namespace {

/// "0110 1001" as rows of 0 and 1.
std::vector<float> bits(std::string const& words) {
    std::vector<float> out;
    for (char const c : words)
        if (c != ' ') out.push_back(c == '1' ? 1.0F : 0.0F);
    return out;
}

std::vector<std::string> split(std::string const& words) {
    std::istringstream in(words);
    return {std::istream_iterator<std::string>(in), {}};
}

// Rows (s1 s2 c1 c2): two stimuli, and two contexts.
constexpr char const* unconditioned = "0000 0010 0001 0011";
constexpr char const* conditioned = "1000 1010 1001 1011";
constexpr char const* transferred = "0100 0110 0101 0111";

struct Readings {
    std::vector<double> conditioned, transferred, unconditioned;  ///< four rows each
};

/// What a linear readout of the code says that learnt `targets` for the unconditioned rows, then the conditioned ones.
Readings read_out(autoencoder::Model const& model, std::vector<float> const& targets) {
    constexpr double ridge = 0.001;
    auto code = [&](std::string const& rows) { return to_doubles(model.encode(rows_of(bits(rows), 4))); };
    auto const taught = code(std::string(unconditioned) + " " + conditioned);
    auto const wanted = to_doubles(targets);
    auto const readout = autoencoder::ridge_regression(rows_of(taught, model.code()), rows_of(wanted, 1), ridge, false);
    auto read = [&](char const* rows) {
        auto const codes = code(rows);
        return readout.predict(rows_of(codes, model.code()));
    };
    return {read(conditioned), read(transferred), read(unconditioned)};
}

void add_readings(Study& study, Table& table, std::vector<Readings> const& runs, std::string const& key, std::string const& group,
                  char const* rows, std::vector<double> Readings::*member, std::vector<double> const& published) {
    auto const names = split(rows);
    for (std::size_t k = 0; k < names.size(); ++k) {
        std::vector<double> values;
        values.reserve(runs.size());
        for (auto const& run : runs) values.push_back((run.*member)[k]);
        auto const s = statistics(values);
        table.add({group, names[k], Cell(published.empty() ? std::nan("") : published[k], 2), Cell(values.front(), 2), Cell(s.mean, 2),
                   Cell(s.deviation, 2)});
    }
    study.report().result(key + " " + group, runs.front().*member);
}

}  // namespace

nlohmann::json run_preconditioning(Environment const& environment, ProtocolChoice const& choice) {
    constexpr std::int64_t seeds = 10;
    Study study(environment, choice, "A3", "Sensory preconditioning: what is learnt of s1 reaches s2, which came with it");
    auto const rows = bits("0000 0000 0010 0001 0011 1100 1100 1110 1101 1111");
    auto const ensemble = study.train_many(
        {.name = "A3", .architecture = {4, {3, sigmoid}, {4, sigmoid}}, .fit = protocol(2000, 8, Adam{0.1}, ca3::Loss::bce)},
        rows_of(rows, 4), seeds);
    for (bool const weakened : {false, true}) {
        std::string const targets = weakened ? "00111100" : "00001111";
        std::vector<Readings> runs;
        for (auto const& model : ensemble.models) runs.push_back(read_out(model, bits(targets)));
        Table table{.columns = {"rows", "s1 s2 c1 c2", "published", "this seed", "mean of " + std::to_string(seeds), "sd"}};
        using Figures = std::vector<double>;
        Figures const own = weakened ? Figures{} : Figures{1.32, 0.97, 0.72, 0.39},
                      none = weakened ? Figures{} : Figures{-0.11, -0.18, 0.07, 0.0};
        add_readings(study, table, runs, targets, "conditioned", conditioned, &Readings::conditioned, own);
        add_readings(study, table, runs, targets, "transferred", transferred, &Readings::transferred, own);
        add_readings(study, table, runs, targets, "unconditioned", unconditioned, &Readings::unconditioned, none);
        study.report().table(
            weakened ? "weakened" : "readings",
            "Ridge readout (0.001, no intercept) of the code, taught " + targets + " for " + unconditioned + " " + conditioned, table);
        std::vector<double> distance;  // between a row and its twin with s2 in place of s1
        for (auto const& run : runs)
            for (std::size_t k = 0; k < 4; ++k) distance.push_back(std::abs(run.conditioned[k] - run.transferred[k]));
        study.report().line("transferred against conditioned: " + fixed(statistics(distance).mean, 3) + " apart in the mean");
        study.report().result(targets + " transfer_distance", statistics(distance).mean);
    }
    return study.finish();
}

nlohmann::json run_tied_strings(Environment const& environment, ProtocolChoice const& choice) {
    Study study(environment, choice, "A15", "Five strings of 8 bits through 3 units, untied and tied weights");
    constexpr char const* strings = "10100110 01010101 01101001 10001011 10010101";
    auto const samples = bits(strings);
    auto const names = split(strings);
    Table table{.columns = {"variant", "string", "outputs", "", "", "", "", "", "", "", "largest error"}};
    for (bool const tied : {false, true}) {
        std::string const word = tied ? "tied" : "untied";
        if (!choice.takes(word)) continue;
        autoencoder::Layer decoder(8, sigmoid);
        if (tied) decoder.options.tied_to = 0;
        auto const trained = study.train({.name = "A15-" + word,
                                          .architecture = {8, {3, sigmoid}, decoder},
                                          .fit = protocol(5000, 5, Sgd{.learning_rate = 0.1, .momentum = 0.9}, ca3::Loss::bce)},
                                         rows_of(samples, 8));
        auto const outputs = trained.model.reconstruct(rows_of(samples, 8));
        double worst = 0.0;
        for (std::size_t n = 0; n < names.size(); ++n) {
            std::vector<Cell> row{word, names[n]};
            double most = 0.0;
            for (std::size_t k = 0; k < 8; ++k) {
                row.emplace_back(outputs[8 * n + k], 3);
                most = std::max(most, std::abs(double{outputs[8 * n + k]} - samples[8 * n + k]));
            }
            row.emplace_back(most, 3);
            table.add(row);
            worst = std::max(worst, most);
        }
        study.report().line("A15-" + word + ": outputs within " + fixed(worst, 3) + " of the targets (published: 0.03)");
        study.report().result(trained.name, {{"largest_difference", worst}, {"outputs", outputs}});
    }
    study.report().table("outputs", "Outputs after the training", table);
    return study.finish();
}

}  // namespace ca3::cli
