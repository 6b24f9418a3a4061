#include "autoencoder_experiments.hpp"
#include "autoencoder_figures.hpp"
#include "letters.hpp"
#include "lif_experiments.hpp"

#include <ca3/error.hpp>
#include <ca3/random.hpp>

#include <algorithm>
#include <map>

namespace ca3::cli {
namespace {

double published(std::map<std::int64_t, double> const& figures, std::int64_t n) {
    auto const found = figures.find(n);
    return found == figures.end() ? std::nan("") : found->second;
}

/// Images that no network here was trained on: letters, and pixels drawn at random.
std::vector<float> strangers(Study const& study) {
    std::int64_t const width = study.width(), pixels = study.pixels(), height = pixels / width;
    std::int64_t const scale = std::max<std::int64_t>(1, std::min(width, height) / (letter_width + 1));
    std::int64_t const left = (width - letter_width * scale) / 2, top = (height - letter_width * scale) / 2;
    SignArray const glyphs = letters();
    std::vector<float> out;
    for (std::int64_t n = 0; n < glyphs.rows; ++n) {
        for (std::int64_t k = 0; k < pixels; ++k) {
            std::int64_t const x = (k % width - left) / scale, y = (k / width - top) / scale;
            bool const inside = k % width >= left && k / width >= top && x < letter_width && y < letter_width;
            out.push_back(inside && glyphs.view()(n, y * letter_width + x) > 0 ? 1.0F : 0.0F);
        }
    }
    constexpr std::uint32_t random_images = 4;
    for (std::uint32_t n = 0; n < random_images; ++n)
        for (std::int64_t k = 0; k < pixels; ++k)
            out.push_back(static_cast<float>(random::uniform(study.seed(), random::Purpose::user, n, 0, static_cast<std::uint64_t>(k))));
    return out;
}

/// Mean squared error of the images with each label.
std::vector<double> error_by_digit(Images const& images, std::vector<float> const& clean, std::vector<float> const& now) {
    std::vector<double> sum(10, 0.0), count(10, 0.0);
    std::size_t const size = clean.size() / images.labels.size();
    for (std::size_t n = 0; n < images.labels.size(); ++n) {
        if (images.labels[n] > 9) continue;
        sum[images.labels[n]] += mean_square(std::span(clean).subspan(n * size, size), std::span(now).subspan(n * size, size));
        count[images.labels[n]] += 1.0;
    }
    for (std::size_t d = 0; d < sum.size(); ++d) sum[d] /= count[d];
    return sum;
}

}  // namespace

nlohmann::json run_sigmoid_widths(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A1", "One hidden layer of n sigmoid units");
    ReconstructionGrid figure(study, "A1: test images and their reconstructions from n sigmoid units");
    std::map<std::int64_t, double> const test{{10, 0.0675}, {50, 0.0063}, {100, 0.0036}, {200, 0.0013}, {400, 0.0020}};
    for (auto const n : choice.hidden_or({10, 50, 100, 200, 400})) {
        figure.add(study.train({.name = "A1-" + std::to_string(n),
                                .architecture = {study.pixels(), {n, sigmoid}, {study.pixels(), sigmoid}},
                                .fit = protocol(70, 1000, Adam{1e-2}, ca3::Loss::mse),
                                .published = {.test = published(test, n)}}));
    }
    study.report().figure("A1-reconstructions", figure.grid());
    return study.finish();
}

nlohmann::json run_against_pca(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A4", "A deep autoencoder against principal components");
    std::int64_t const d = study.pixels(), code = choice.hidden_or({30}).front();
    if (code > d)
        throw InvalidArgument("--hidden: an image of " + std::to_string(d) + " pixels has no " + std::to_string(code) +
                              " principal components to compare with; A4 takes at most " + std::to_string(d));
    autoencoder::Architecture net{d, {512, relu}, {256, relu}, {128, relu}, {code, relu}, {128, relu}, {256, relu}, {d, relu}};
    net.encoder_layers = 4;  // the code may be wider than the layers beside it
    Trained const deep = study.train({.name = "A4",
                                      .architecture = net,
                                      .fit = protocol(10, 256, Adam{3e-4}, ca3::Loss::mse),
                                      .published = {.first_train = 0.0702, .train = 0.0206}});
    auto const train = to_doubles(pixels_of(study.train_images()));
    autoencoder::Pca const pca = autoencoder::pca(environment.context, rows_of(train, d), code);
    auto by_pca = [&](std::vector<float> const& images) {
        auto const codes = pca.encode(rows_of(to_doubles(images), d));
        return to_floats(pca.decode(rows_of(codes, code)));
    };

    auto const clean = pixels_of(study.test_images());
    auto const by_deep = deep.model.reconstruct(study.test_images()), by_linear = by_pca(clean);
    auto const deep_error = error_by_digit(study.test_images(), clean, by_deep);
    auto const pca_error = error_by_digit(study.test_images(), clean, by_linear);
    Table table{.columns = {"digit", "autoencoder", "PCA", "lower"}};
    int lower = 0;
    for (std::size_t digit = 0; digit < 10; ++digit) {
        bool const pca_is_lower = pca_error[digit] < deep_error[digit];
        lower += pca_is_lower ? 1 : 0;
        table.add({std::to_string(digit), Cell(deep_error[digit], 5), Cell(pca_error[digit], 5), pca_is_lower ? "PCA" : "autoencoder"});
    }
    double const deep_all = mean_square(by_deep, clean), pca_all = mean_square(by_linear, clean);
    table.add({"all", Cell(deep_all, 5), Cell(pca_all, 5), pca_all < deep_all ? "PCA" : "autoencoder"});
    study.report().table("digits", "Mean squared error of test images, " + std::to_string(code) + " numbers each", table);
    study.report().line("PCA is lower on " + std::to_string(lower) + " of 10 digits (published: 9)");
    study.report().result("pca_lower_on", lower);
    study.report().result("autoencoder_mse", deep_error);
    study.report().result("pca_mse", pca_error);
    study.report().result("pca_test_mse", pca_all);

    ReconstructionGrid figure(study, "A4: test images, from " + std::to_string(code) + " numbers each");
    figure.add("autoencoder", deep.model.reconstruct(rows_of(figure.inputs(), d)));
    figure.add("PCA", by_pca(figure.inputs()));
    study.report().figure("A4-reconstructions", figure.grid());
    std::vector<double> const digits{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    study.report().figure(
        "A4-digits", {Panel{.title = "A4: error by digit, " + std::to_string(code) + " numbers for an image",
                            .x_label = "digit",
                            .y_label = "mean squared error of test images",
                            .series = {{.name = "autoencoder", .x = digits, .y = deep_error}, {.name = "PCA", .x = digits, .y = pca_error}},
                            .x_range = {{-0.5, 9.5}},
                            .y_range = {{0.0, std::nan("")}},
                            .whole_x = true,
                            .key = "top right"}});
    return study.finish();
}

nlohmann::json run_relu_widths(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A5", "One hidden layer of h ReLU units");
    std::int64_t const d = study.pixels();
    ReconstructionGrid figure(study, "A5: test images and their reconstructions from h ReLU units");
    auto const foreign = strangers(study);
    ImageGrid strange{.title = "A5: letters and random pixels, which no network saw",
                      .row_labels = {"image"},
                      .rows = {grey_tiles(foreign, d, study.width())},
                      .scale = 3};
    std::map<std::int64_t, double> const train{{64, 0.0120}, {128, 0.0070}, {256, 0.0043}};
    for (auto const h : choice.hidden_or({64, 128, 256})) {
        Trained const trained = study.train({.name = "A5-" + std::to_string(h),
                                             .architecture = {d, {h, relu}, {d, relu}},
                                             .fit = protocol(10, 256, Adam{3e-4}, ca3::Loss::mse),
                                             .published = {.train = published(train, h)}});
        figure.add(trained);
        auto const guessed = trained.model.reconstruct(rows_of(foreign, d));
        strange.row_labels.push_back(trained.name);
        strange.rows.push_back(grey_tiles(guessed, d, study.width()));
        auto const letters_end = static_cast<std::size_t>(4 * d);
        study.report().result(
            trained.name, {{"letters_mse", mean_square(std::span(guessed).first(letters_end), std::span(foreign).first(letters_end))},
                           {"random_mse", mean_square(std::span(guessed).subspan(letters_end), std::span(foreign).subspan(letters_end))}});
        study.report().figure(trained.name + "-filters", filter_grid(trained, "encoder.0.weight", study.width(), 64, 16,
                                                                     trained.name + ": weights of hidden units (red: positive)"));
    }
    study.report().figure("A5-reconstructions", figure.grid());
    study.report().figure("A5-strangers", strange);
    return study.finish();
}

nlohmann::json run_sparse(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A6", "A sparse code: penalty on the sum of the hidden units");
    std::int64_t const d = study.pixels(), hidden = choice.hidden_or({1156}).front();
    auto const side = std::max<std::int64_t>(1, std::llround(std::floor(std::sqrt(static_cast<double>(hidden)))));
    ReconstructionGrid figure(study, "A6: test images, their codes as images, and what comes back");
    ImageGrid grid = figure.grid();
    Table table{.columns = {"variant", "units active for an image", "of", "mse, test", "total loss, train", "published"}};
    std::map<std::string, double> const total{{"A6-1.5e-6", 0.0165}, {"A6-0.6e-6", 0.0106}};
    for (double const lambda : choice.levels_or({4e-6, 1.5e-6, 0.6e-6})) {
        std::string const word = plain(lambda * 1e6) + "e-6", name = "A6-" + word;
        auto const known = total.find(name);
        Training training{.name = name,
                          .architecture = {d, {hidden, relu}, {d, relu}},
                          .fit = protocol(5, 256, Adam{3e-4}, ca3::Loss::mse),
                          .published = {.train = known == total.end() ? std::nan("") : known->second}};
        training.architecture.encoder_layers = 1;  // the code is wider than the image
        training.fit.penalties = {{.layer = 0, .scale = lambda}};
        Trained const trained = study.train(training);
        auto const codes = trained.model.encode(rows_of(figure.inputs(), d));
        float const most = std::max(1e-12F, *std::ranges::max_element(codes));
        grid.row_labels.push_back("code, " + word);
        grid.rows.emplace_back();
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(codes.size()) / hidden; ++i)
            grid.rows.back().push_back(grey_tile(
                std::span(codes).subspan(static_cast<std::size_t>(i * hidden), static_cast<std::size_t>(hidden)), side, 0.0, most));
        grid.row_labels.push_back("image, " + word);
        grid.rows.push_back(grey_tiles(trained.model.reconstruct(rows_of(figure.inputs(), d)), d, study.width()));
        auto const all = trained.model.encode(study.test_images());
        double const active = static_cast<double>(std::ranges::count_if(all, [](float y) { return y > 0.0F; })) /
                              static_cast<double>(study.test_images().count);
        double const mse = trained.model.evaluate(study.test_images());
        table.add({name, Cell(active, 1), hidden, Cell(mse, 5), Cell(trained.history.epochs.back().train_loss, 4),
                   Cell(training.published.train, 4)});
        study.report().result(name, {{"active_units", active}, {"test_mse", mse}});
    }
    study.report().table("codes", "Codes of the test images", table);
    study.report().figure("A6-codes", grid);
    return study.finish();
}

nlohmann::json run_losses(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A10", "Mean squared error against binary cross-entropy");
    std::int64_t const d = study.pixels(), hidden = choice.hidden_or({32}).front();
    ReconstructionGrid figure(study, "A10: test images and their reconstructions from " + std::to_string(hidden) + " ReLU units");
    if (choice.takes("mse"))
        figure.add(study.train({.name = "A10-mse",
                                .architecture = {d, {hidden, relu}, {d, sigmoid}},
                                .fit = protocol(10, 64, Adam{1e-3}, ca3::Loss::mse),
                                .published = {.train = 0.0144, .test = 0.0141}}));
    if (choice.takes("bce"))
        figure.add(study.train({.name = "A10-bce",
                                .architecture = {d, {hidden, relu}, {d, sigmoid}},
                                .fit = protocol(2, 64, Adam{1e-3}, ca3::Loss::bce),
                                .published = {.train = 0.1341, .test = 0.1322}}));
    study.report().figure("A10-reconstructions", figure.grid());
    return study.finish();
}

}  // namespace ca3::cli
