#pragma once

#include "autoencoder_data.hpp"
#include "report.hpp"

#include <ca3/autoencoder.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

/// What the experiments with autoencoders share: variants of a protocol, trained and reported side by side.
namespace ca3::cli {

/// What the command line changes of a protocol; zeros and empty lists leave it as it is.
struct ProtocolChoice {
    std::int64_t epochs = 0;
    std::int64_t batch = 0;
    double learning_rate = 0.0;
    std::int64_t train_images = 0;  ///< the first so many
    std::int64_t test_images = 0;
    Precision precision = Precision::f32;
    std::vector<std::int64_t> hidden{};
    std::vector<double> levels{};         ///< of noise, or of a penalty
    std::vector<std::string> variants{};  ///< empty: all

    [[nodiscard]] bool takes(std::string const& variant) const;
    /// `hidden`, or where that is empty the protocol's.
    [[nodiscard]] std::vector<std::int64_t> hidden_or(std::vector<std::int64_t> const& protocol) const;
    [[nodiscard]] std::vector<double> levels_or(std::vector<double> const& protocol) const;
};

/// NaN: not published.
struct PublishedLoss {
    double first_train = std::nan("");  ///< of the first epoch
    double train = std::nan("");
    double test = std::nan("");
};

/// A network and its training: one variant of an experiment.
struct Training {
    std::string name;  ///< "A1-200": of its entry in the JSON and of its file
    autoencoder::Architecture architecture;
    autoencoder::FitOptions fit;  ///< without data
    PublishedLoss published{};
};

struct Trained {
    std::string name;
    autoencoder::Model model;
    io::Tensors initial;  ///< parameters before the training
    autoencoder::History history;
};

/// A run of an experiment.
class Study {
public:
    Study(Environment const&, ProtocolChoice const&, std::string const& id, std::string const& title);
    /// With images: those of options.data or the synthetic digits, as many as the choice says.
    Study(Environment const&, ProtocolChoice const&, std::string const& id, std::string const& title, ImageSplits images);

    [[nodiscard]] Environment const& environment() const { return environment_; }
    [[nodiscard]] ProtocolChoice const& choice() const { return choice_; }
    [[nodiscard]] Images const& train_images() const { return images_.train; }
    [[nodiscard]] Images const& test_images() const { return images_.test; }
    [[nodiscard]] std::int64_t width() const { return images_.test.cols; }  ///< of an image
    [[nodiscard]] std::int64_t pixels() const { return images_.test.rows * images_.test.cols; }
    [[nodiscard]] std::uint64_t seed() const { return environment_.options.seed; }
    [[nodiscard]] Report& report() { return report_; }

    /// Trains on the images, tests on the others, and saves OUT/<name>.safetensors.
    Trained train(Training const&);
    /// The same on these data; `fit` holds targets and test data.
    Trained train(Training const&, autoencoder::Samples const& samples);
    /// `count` networks of the seeds seed, seed + 1, ... at once. The first is reported and saved as `train` does.
    autoencoder::Ensemble train_many(Training const&, autoencoder::Samples const& samples, std::int64_t count);
    /// Notes a training that the caller made.
    void add(Training const&, autoencoder::History const&, std::int64_t samples);
    /// The protocol with what the command line changes.
    [[nodiscard]] autoencoder::FitOptions options_for(autoencoder::FitOptions, std::int64_t samples) const;

    /// The table of losses beside the published ones, curves of the losses, and the JSON.
    nlohmann::json finish();

private:
    [[nodiscard]] std::vector<Panel> loss_panels() const;

    Environment const& environment_;
    ProtocolChoice choice_;
    ImageSplits images_;
    std::string id_;
    Report report_;
    Table losses_;
    nlohmann::json variants_ = nlohmann::json::array();
    std::vector<Series> train_curves_, test_curves_;
};

/// One run of an experiment with images.
[[nodiscard]] Study image_study(Environment const&, ProtocolChoice const&, std::string const& id, std::string const& title);

[[nodiscard]] autoencoder::FitOptions protocol(std::int64_t epochs, std::int64_t batch, Optimizer, ca3::Loss);

[[nodiscard]] inline std::vector<double> to_doubles(std::vector<float> const& x) {
    return {x.begin(), x.end()};
}
[[nodiscard]] inline std::vector<float> to_floats(std::vector<double> const& x) {
    return {x.begin(), x.end()};
}
/// Mean of (a - b)^2.
[[nodiscard]] double mean_square(std::span<float const> a, std::span<float const> b);
template <class T>
[[nodiscard]] MatrixView<T const> rows_of(std::vector<T> const& values, std::int64_t width) {
    return {values.data(), static_cast<std::int64_t>(values.size()) / width, width};
}

}  // namespace ca3::cli
