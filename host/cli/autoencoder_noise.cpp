#include "autoencoder_experiments.hpp"
#include "autoencoder_figures.hpp"
#include "experiments.hpp"
#include "lif_experiments.hpp"

#include <algorithm>

namespace ca3::cli {
namespace {

using autoencoder::corrupt;

std::vector<float> corrupted(std::vector<float> values, std::int64_t width, Corruption const& corruption, std::uint64_t seed) {
    corrupt(std::span(&corruption, 1), seed, 0, {values.data(), static_cast<std::int64_t>(values.size()) / width, width});
    return values;
}

/// 0 and 1 as -1 and +1, and back.
double share_wrong(double mse_of_signs) {
    return mse_of_signs / 4.0;
}

/// A Hopfield memory of ten images given as much damage: the share of wrong pixels is the mean squared error of pixels 0 and 1.
/// A pixel set to 0 or 1 by chance is wrong in one case of two.
std::vector<Series> hopfield_curves(Study const& study, std::vector<double> const& shares) {
    constexpr std::int64_t stored_images = 10;
    constexpr int steps = 5;
    Dataset const digits = load_digits(study.environment().options, {0, 1, 2});
    SignArray const train = sample(digits.train, stored_images, study.seed(), 0).signs;
    SignArray const test = sample(digits.test, stored_images, study.seed(), 1).signs;
    hopfield::Memory memory(study.environment().context);
    memory.store(train.view());
    std::vector<Series> curves{{.name = "Hopfield memory, its 10 images", .style = Series::Style::dashed},
                               {.name = "Hopfield memory, other images", .style = Series::Style::dashed}};
    for (std::size_t c = 0; c < curves.size(); ++c) {
        SignArray const& clean = c == 0 ? train : test;
        for (std::size_t k = 0; k < shares.size(); ++k) {
            auto const flips = static_cast<std::int64_t>(std::floor(static_cast<double>(clean.cols) * shares[k] / 2.0 + 1e-9));
            SignArray const cues = flip(clean, flips, study.seed(), static_cast<std::uint32_t>(100 * c + k));
            curves[c].x.push_back(shares[k]);
            curves[c].y.push_back(share_wrong(mse(synchronous_steps(memory, cues, steps), clean)));
        }
    }
    return curves;
}

}  // namespace

nlohmann::json run_salt_and_pepper(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A2", "Noise on a net of sigmoid units, against a Hopfield memory");
    std::int64_t const d = study.pixels(), hidden = choice.hidden_or({200}).front();
    Trained const trained = study.train(
        {.name = "A2", .architecture = {d, {hidden, sigmoid}, {d, sigmoid}}, .fit = protocol(70, 1000, Adam{1e-2}, ca3::Loss::mse)});
    std::vector<double> shares{0.0};
    for (int k = 1; k <= 15; ++k) shares.push_back(0.05 * k);
    shares = choice.levels_or(shares);
    auto const clean = pixels_of(study.test_images());
    ReconstructionGrid figure(study, "A2: pixels set to 0 or 1 by chance, and what the net makes of them");
    Series own{.name = "autoencoder, test images"}, noise{.name = "the noisy images themselves", .style = Series::Style::line};
    for (std::size_t k = 0; k < shares.size(); ++k) {
        SaltAndPepper const corruption{.share = shares[k]};
        auto const noisy = corrupted(clean, d, corruption, study.seed());
        own.x.push_back(shares[k]);
        own.y.push_back(mean_square(trained.model.reconstruct(rows_of(noisy, d)), clean));
        noise.x.push_back(shares[k]);
        noise.y.push_back(mean_square(noisy, clean));
        if (k % 5 != 0 || k == 0) continue;
        auto const shown = corrupted(figure.inputs(), d, corruption, study.seed());
        figure.add(plain(100.0 * shares[k]) + " %", shown);
        figure.add("net", trained.model.reconstruct(rows_of(shown, d)));
    }
    auto const hopfield = hopfield_curves(study, shares);
    Table table{.columns = {"pixels set to 0 or 1 (%)", "noisy image", "autoencoder", "Hopfield, its images", "Hopfield, other images"}};
    for (std::size_t k = 0; k < shares.size(); ++k)
        table.add(
            {Cell(100.0 * shares[k], 0), Cell(noise.y[k], 4), Cell(own.y[k], 4), Cell(hopfield[0].y[k], 4), Cell(hopfield[1].y[k], 4)});
    study.report().table("noise", "Mean squared error to the clean image (published: rises smoothly, far better than the Hopfield memory)",
                         table);
    study.report().result("share", shares);
    study.report().result("mse", own.y);
    study.report().result("noisy_mse", noise.y);
    study.report().result("hopfield_stored_mse", hopfield[0].y);
    study.report().result("hopfield_other_mse", hopfield[1].y);
    study.report().figure("A2-noise", {Panel{.title = "A2: error against noise",
                                             .x_label = "share of pixels set to 0 or 1, half each",
                                             .y_label = "mean squared error to the clean image",
                                             .series = {own, noise, hopfield[0], hopfield[1]},
                                             .y_range = {{0.0, std::nan("")}},
                                             .key = "top left"}});
    study.report().figure("A2-images", figure.grid());
    return study.finish();
}

nlohmann::json run_denoising(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A7", "Denoising: normal noise on the input, the clean image as target");
    std::int64_t const d = study.pixels(), hidden = choice.hidden_or({256}).front();
    autoencoder::Architecture const net{d, {hidden, relu}, {d, relu}};
    // A5's net, which never saw noise.
    Trained const unaware = study.train({.name = "A7-clean", .architecture = net, .fit = protocol(10, 256, Adam{3e-4}, ca3::Loss::mse)});
    std::vector<std::pair<double, double>> const published{{0.5, 0.0217}, {0.8, 0.0309}, {0.9, 0.0339}};
    auto const clean = pixels_of(study.test_images());
    ReconstructionGrid figure(study, "A7: noisy images, cleaned by a net trained for it and by one that was not");
    Table table{.columns = {"sigma", "noisy image", "denoising net", "net trained on clean images"}};
    for (double const sigma : choice.levels_or({0.3, 0.5, 0.8, 0.9})) {
        auto const known = std::ranges::find(published, sigma, &std::pair<double, double>::first);
        Training training{.name = "A7-" + plain(sigma),
                          .architecture = net,
                          .fit = protocol(5, 256, Adam{3e-4}, ca3::Loss::mse),
                          .published = {.train = known == published.end() ? std::nan("") : known->second}};
        GaussianNoise const noise{.sigma = sigma};
        training.fit.corrupt = {noise};
        Trained const trained = study.train(training);
        auto const noisy = corrupted(clean, d, noise, study.seed());
        double const own = mean_square(trained.model.reconstruct(rows_of(noisy, d)), clean);
        double const other = mean_square(unaware.model.reconstruct(rows_of(noisy, d)), clean);
        table.add({Cell(sigma, 1), Cell(mean_square(noisy, clean), 4), Cell(own, 4), Cell(other, 4)});
        study.report().result(training.name, {{"sigma", sigma}, {"mse", own}, {"mse_of_clean_net", other}});
        auto const shown = corrupted(figure.inputs(), d, noise, study.seed());
        figure.add("sigma " + plain(sigma), shown);
        figure.add("denoised", trained.model.reconstruct(rows_of(shown, d)));
        figure.add("clean net", unaware.model.reconstruct(rows_of(shown, d)));
    }
    study.report().table("noise", "Mean squared error of test images to the clean image", table);
    study.report().figure("A7-images", figure.grid());
    return study.finish();
}

nlohmann::json run_manifold(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A8", "The manifold of images: noise on a code of 8 numbers, decoded");
    std::int64_t const d = study.pixels(), code = choice.hidden_or({8}).front();
    autoencoder::Architecture net{d, {64, relu}, {code, relu}, {64, relu}, {d, relu}};
    net.encoder_layers = 2;  // the code may be wider than the layers beside it
    Trained const trained = study.train({.name = "A8",
                                         .architecture = net,
                                         .fit = protocol(10, 256, Adam{3e-4}, ca3::Loss::mse),
                                         .published = {.first_train = 0.0731, .train = 0.0406}});
    ReconstructionGrid figure(study, "A8: test images, decoded from their codes with noise");
    figure.add("no noise", trained.model.reconstruct(rows_of(figure.inputs(), d)));
    auto const codes = trained.model.encode(rows_of(figure.inputs(), d));
    auto const all = trained.model.encode(study.test_images());
    auto const clean = pixels_of(study.test_images());
    Table table{.columns = {"noise on the code, sigma", "mse to the image"}};
    table.add({Cell(0.0, 1), Cell(mean_square(trained.model.decode(rows_of(all, code)), clean), 4)});
    for (double const sigma : choice.levels_or({0.1, 0.5, 0.8, 500.0})) {
        GaussianNoise const noise{.sigma = sigma};
        auto const shifted = corrupted(all, code, noise, study.seed());
        double const error = mean_square(trained.model.decode(rows_of(shifted, code)), clean);
        table.add({Cell(sigma, 1), Cell(error, 4)});
        study.report().result("mse-" + plain(sigma), error);
        auto const shown = corrupted(codes, code, noise, study.seed());
        figure.add("sigma " + plain(sigma), trained.model.decode(rows_of(shown, code)));
    }
    double mean = 0.0;
    for (float const z : all) mean += z / static_cast<double>(all.size());
    study.report().table("noise", "Decoded from noisy codes; the mean of the codes' numbers is " + fixed(mean, 2), table);
    study.report().figure("A8-manifold", figure.grid());
    return study.finish();
}

}  // namespace ca3::cli
