#include "autoencoder_experiments.hpp"
#include "autoencoder_figures.hpp"

#include <ca3/error.hpp>

#include <numbers>
#include <numeric>

namespace ca3::cli {
namespace {

using autoencoder::Architecture;
using autoencoder::Layer;
using autoencoder::Model;

auto decoder_of(Model const& model) {
    return [&model](std::vector<float> const& codes) { return model.decode(rows_of(codes, model.code())); };
}

/// Codes of the test images by digit, what lies between them, and the weights before and after.
void draw_latent(Study& study, Trained const& trained, bool sphere) {
    auto const& images = study.test_images();
    auto const codes = trained.model.encode(images);
    std::string const name = trained.name, title = name + ": codes of test images";
    if (sphere) {
        study.report().figure(name + "-codes", {sphere_panel(title, codes, images.labels)});
        auto code = [](double u, double v) {
            double const phi = std::numbers::pi * (2.0 * u - 1.0), theta = std::numbers::pi * v;
            return std::vector<float>{static_cast<float>(std::sin(theta) * std::cos(phi)),
                                      static_cast<float>(std::sin(theta) * std::sin(phi)), static_cast<float>(std::cos(theta))};
        };
        study.report().figure(name + "-decoder", decoder_grid(name + ": decoded, phi to the right, theta upwards", 15, study.width(), code,
                                                              decoder_of(trained.model)));
    } else if (trained.model.code() == 2) {
        study.report().figure(name + "-codes", {scatter_panel(title, codes, images.labels, 2, 0, 1)});
        study.report().figure(name + "-decoder", decoder_grid(name + ": decoded codes", study.width(), codes, decoder_of(trained.model)));
    } else {
        study.report().figure(name + "-codes", {scatter_panel(title, codes, images.labels, trained.model.code(), 0, 1),
                                                scatter_panel(title, codes, images.labels, trained.model.code(), 0, 2)});
    }
}

void draw_weights(Study& study, Trained const& trained) {
    std::vector<Panel> panels;
    for (auto const& tensor : autoencoder::tensors(trained.model.architecture()))
        if (tensor.role == autoencoder::Tensor::Role::weight) panels.push_back(weight_histogram(trained, tensor.name));
    study.report().figure(trained.name + "-weights", {panels.front(), panels.back()});
}

/// A code unit that is 0 for every image carries nothing.
std::int64_t silent_units(std::vector<float> const& codes, std::int64_t width) {
    std::int64_t silent = 0;
    for (std::int64_t i = 0; i < width; ++i) {
        bool any = false;
        for (auto k = static_cast<std::size_t>(i); k < codes.size(); k += static_cast<std::size_t>(width)) any = any || codes[k] != 0.0F;
        silent += any ? 0 : 1;
    }
    return silent;
}

/// What the narrowest layer does to its linear map.
struct Code {
    Activation activation{};
    bool unit_sphere = false;
};
constexpr Code on_sphere{identity, true};

/// d - widths - sigmoid d, PReLU between, `code` on the narrowest layer.
Architecture prelu_net(std::int64_t d, std::vector<std::int64_t> const& encoder, Code const& code) {
    std::size_t const n = encoder.size();
    std::vector<Layer> layers(2 * n, Layer(d, sigmoid));
    for (std::size_t i = 0; i < n; ++i) layers[i] = layers[2 * n - 2 - i] = Layer(encoder[i], prelu);
    layers[n - 1] = Layer(encoder[n - 1], code.activation, {.unit_sphere = code.unit_sphere});
    return {d, layers};
}

autoencoder::FitOptions bce_protocol(std::int64_t epochs, std::int64_t batch) {
    return protocol(epochs, batch, Adam{1e-3}, ca3::Loss::bce);
}

/// The images with their pixels in another order, the same for all.
Images shuffled(Images images, std::uint64_t seed) {
    auto const size = static_cast<std::size_t>(images.rows * images.cols);
    std::vector<float> order(size);  // numbers below 2^24 are exact
    std::iota(order.begin(), order.end(), 0.0F);
    Corruption const permutation = PixelPermutation{.seed = seed};
    autoencoder::corrupt(std::span(&permutation, 1), seed, 0, {order.data(), 1, static_cast<std::int64_t>(size)});
    auto const pixels = images.pixels;
    for (std::size_t i = 0; i < pixels.size(); ++i) images.pixels[i] = pixels[i / size * size + static_cast<std::size_t>(order[i % size])];
    return images;
}

}  // namespace

nlohmann::json run_bottleneck(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A11", "Two numbers for an image: the activation of the bottleneck");
    std::int64_t const d = study.pixels();
    struct Kind {
        char const* word;
        Activation activation;
        Initialiser initialiser;
        PublishedLoss published;
    };
    ReconstructionGrid figure(study, "A11: test images and their reconstructions from two numbers");
    for (Kind const& kind : {Kind{"relu", relu, {}, {.train = 0.2460, .test = 0.2458}},
                             Kind{"kaiming", relu, {.kind = Initialiser::Kind::kaiming_normal}, {.train = 0.2303, .test = 0.2292}},
                             Kind{"prelu", prelu, {}, {.train = 0.2279, .test = 0.2270}}}) {
        if (!choice.takes(kind.word)) continue;
        Trained const trained = study.train(
            {.name = std::string("A11-") + kind.word,
             .architecture = {d, {2, kind.activation, {.initialiser = kind.initialiser}}, {d, sigmoid, {.initialiser = kind.initialiser}}},
             .fit = bce_protocol(10, 64),
             .published = kind.published});
        auto const silent = silent_units(trained.model.encode(study.test_images()), 2);
        study.report().result(trained.name, {{"silent_units", silent}});
        if (silent > 0)
            study.report().line(trained.name + ": " + std::to_string(silent) +
                                " of the 2 units is 0 for every image: the seed left it dead (another seed may not)");
        draw_latent(study, trained, false);
        draw_weights(study, trained);
        figure.add(trained);
    }
    study.report().figure("A11-reconstructions", figure.grid());
    return study.finish();
}

nlohmann::json run_deep_latent(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A12", "Deep autoencoders with two and three numbers for an image");
    std::int64_t const d = study.pixels();
    struct Kind {
        char const* word;
        std::vector<std::int64_t> encoder;
        Code code;
        std::int64_t batch;
        PublishedLoss published;
    };
    ReconstructionGrid figure(study, "A12: test images and their reconstructions");
    for (Kind const& kind : {Kind{"2", {392, 64, 2}, {prelu}, 64, {.train = 0.1727, .test = 0.1741}},
                             Kind{"3", {392, 96, 3}, {prelu}, 64, {.train = 0.1548, .test = 0.1576}},
                             Kind{"sphere", {392, 96, 3}, on_sphere, 128, {.train = 0.1744, .test = 0.1745}},
                             Kind{"sphere-prelu", {392, 96, 3}, {prelu, true}, 128, {}}, Kind{"wide", {1568, 392, 96, 3}, {prelu}, 64, {}},
                             Kind{"wide-sphere", {1568, 392, 96, 3}, {prelu, true}, 128, {}}}) {
        if (!choice.takes(kind.word)) continue;
        Trained const trained = study.train({.name = std::string("A12-") + kind.word,
                                             .architecture = prelu_net(d, kind.encoder, kind.code),
                                             .fit = bce_protocol(10, kind.batch),
                                             .published = kind.published});
        draw_latent(study, trained, kind.code.unit_sphere);
        draw_weights(study, trained);
        figure.add(trained);
    }
    study.report().figure("A12-reconstructions", figure.grid());
    return study.finish();
}

nlohmann::json run_left_out(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A14", "Training without some digits, and with shuffled pixels");
    struct Kind {
        char const* word;
        std::vector<int> left_out;
        PublishedLoss published;
    };
    std::int64_t const d = study.pixels();
    auto const net = prelu_net(d, {392, 96, 3}, on_sphere);
    std::vector<Kind> const kinds{{"no6", {6}, {.train = 0.1802, .test = 0.1795}},
                                  {"no01", {0, 1}, {.train = 0.1849, .test = 0.1853}},
                                  {"shuffled", {}, {.train = 0.1868, .test = 0.1875}}};
    for (Kind const& kind : kinds) {  // all before the first training
        if (!choice.takes(kind.word)) continue;
        auto const count = autoencoder::without_labels(study.train_images(), kind.left_out).count;
        if (count == 0)
            throw InvalidArgument("--train-images: of the training images none is left without the digits that A14-" +
                                  std::string(kind.word) + " leaves out; take more of them");
        static_cast<void>(study.options_for(bce_protocol(3, 128), count));
    }
    ReconstructionGrid figure(study, "A14: test images of all digits, after training without some of them");
    Table table{.columns = {"variant", "test images of digits trained on", "of digits left out"}};
    for (Kind const& kind : kinds) {
        if (!choice.takes(kind.word)) continue;
        bool const shuffles = kind.left_out.empty();
        auto const train =
            shuffles ? shuffled(study.train_images(), study.seed()) : autoencoder::without_labels(study.train_images(), kind.left_out);
        auto const test = shuffles ? shuffled(study.test_images(), study.seed()) : study.test_images();
        Training training{
            .name = std::string("A14-") + kind.word, .architecture = net, .fit = bce_protocol(3, 128), .published = kind.published};
        training.fit.test = test;
        Trained const trained = study.train(training, train);
        auto const codes = trained.model.encode(test);
        study.report().figure(trained.name + "-codes",
                              {sphere_panel(trained.name + ": codes of test images", codes, study.test_images().labels)});
        if (shuffles) {
            auto const numbers = one_of_each(test);
            figure.add("shuffled", pixels_of(test, numbers));
            figure.add(trained.name, trained.model.reconstruct(rows_of(pixels_of(test, numbers), d)));
            continue;
        }
        figure.add(trained);
        autoencoder::Objective const bce{.loss = ca3::Loss::bce};
        auto const own = autoencoder::without_labels(test, kind.left_out), others = autoencoder::with_labels(test, kind.left_out);
        double const seen = own.count > 0 ? trained.model.evaluate(own, bce) : std::nan("");
        double const unseen = others.count > 0 ? trained.model.evaluate(others, bce) : std::nan("");
        table.add({trained.name, Cell(seen, 4), Cell(unseen, 4)});
        study.report().result(trained.name, {{"seen_loss", seen}, {"left_out_loss", unseen}});
    }
    if (!table.rows.empty()) study.report().table("digits", "Binary cross-entropy", table);
    study.report().figure("A14-reconstructions", figure.grid());
    return study.finish();
}

nlohmann::json run_linear_codes(Environment const& environment, ProtocolChoice const& choice) {
    Study study = image_study(environment, choice, "A16", "Two linear numbers for an image: principal components, non-negative factors");
    std::int64_t const d = study.pixels();
    auto const& context = study.environment().context;
    auto const& labels = study.test_images().labels;
    auto const train = to_doubles(pixels_of(study.train_images())), test = to_doubles(pixels_of(study.test_images()));
    Table table{.columns = {"method", "mse, test images"}};
    auto show = [&](std::string const& name, std::string const& title, std::vector<double> const& codes, auto const& decode) {
        double const mse = mean_square(to_floats(decode(codes)), to_floats(test));
        table.add({title, Cell(mse, 5)});
        study.report().result(name, {{"test_mse", mse}});
        auto const floats = to_floats(codes);
        study.report().figure("A16-" + name + "-codes", {scatter_panel("A16: " + title + ", test images", floats, labels, 2, 0, 1)});
        study.report().figure("A16-" + name + "-decoder",
                              decoder_grid("A16: " + title + ", decoded codes", study.width(), floats,
                                           [&](std::vector<float> const& z) { return to_floats(decode(to_doubles(z))); }));
    };
    if (choice.takes("pca")) {
        auto const pca = autoencoder::pca(context, rows_of(train, d), 2);
        show("pca", "principal components", pca.encode(rows_of(test, d)),
             [&](std::vector<double> const& codes) { return pca.decode(rows_of(codes, 2)); });
        study.report().result("pca_variance_share", (pca.variance[0] + pca.variance[1]) / pca.total_variance);
    }
    if (choice.takes("nmf")) {
        autoencoder::NmfOptions const options{.components = 2, .seed = study.seed()};
        auto const nmf = autoencoder::nmf(context, rows_of(train, d), options);
        show("nmf", "non-negative factors", autoencoder::nmf_encode(context, nmf, rows_of(test, d), options),
             [&](std::vector<double> const& codes) {
                 std::vector<double> out(codes.size() / 2 * static_cast<std::size_t>(d));
                 for (std::size_t i = 0; i < out.size(); ++i) {
                     std::size_t const n = i / static_cast<std::size_t>(d), k = i % static_cast<std::size_t>(d);
                     out[i] = codes[2 * n] * nmf.components[k] + codes[2 * n + 1] * nmf.components[static_cast<std::size_t>(d) + k];
                 }
                 return out;
             });
        study.report().result("nmf_iterations", nmf.error.size());
        study.report().result("nmf_train_mse", nmf.error.back());
    }
    study.report().table("errors", "Reconstruction from two numbers (published: pictures)", table);
    return study.finish();
}

}  // namespace ca3::cli
