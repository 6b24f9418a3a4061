#pragma once

#include <ca3/autoencoder.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

/// Trainings for the kernels of autoencoders, and what comes of them on a backend.
namespace ca3::autoencoder::test {

/// Values in [0, 1], a third of them 0.
[[nodiscard]] std::vector<float> samples(std::int64_t count, std::int64_t width, std::uint64_t seed = 1);
[[nodiscard]] Samples view(std::vector<float> const& x, std::int64_t width);
[[nodiscard]] std::vector<float> parameters(Model const& model);

[[nodiscard]] double largest(auto const& x) {
    double most = 0.0;
    for (auto const value : x) most = std::max(most, std::abs(static_cast<double>(value)));
    return most;
}
/// Largest difference over the largest magnitude.
[[nodiscard]] double distance(auto const& a, auto const& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0.0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    return most / std::max(largest(a), 1e-30);
}

struct Case {
    std::string name;
    Architecture architecture;
    FitOptions options{};
    bool by_class = false;
    bool by_targets = false;
    Precision precision = Precision::f32;
};

inline constexpr std::int64_t rows = 35;

/// Data for a case, held for as long as the views are.
struct CaseData {
    explicit CaseData(Case const& c);

    std::vector<float> inputs, values;
    std::vector<std::int64_t> classes;
    Targets targets;
};

struct Trained {
    Gradients gradients;
    Gradients training_gradients;
    std::vector<float> outputs;
    std::vector<float> parameters;
    std::vector<double> losses;  ///< of training, of tests, of evaluations

    bool operator==(Trained const& other) const;
};

[[nodiscard]] Trained trained(Context const& context, Case const& c);

struct Bounds {
    double outputs, gradients, parameters, losses;
};
/// Sums of n terms in f32 in another order part by at most n 6e-8 of the sum of the magnitudes; n < 40 in a layer, and three layers follow
/// each other: 1e-5 of the largest number leaves a factor of two or more. A step of Adam divides by the size of the gradient itself, so
/// what is relatively wrong by more moves by more: 6 steps of 3e-3 in parameters of some 0.3, of which 1e-3 are allowed.
inline constexpr Bounds f32{1e-5, 1e-5, 6e-5, 1e-5};

/// The CUDA engine's outcome is the reference's.
void compare(Case const& c, Bounds const& bounds = f32);

/// A layer of every kind, and all that a fit can do.
[[nodiscard]] Case everything();
/// The common case: every launch does several things at once.
[[nodiscard]] Case usual();

}  // namespace ca3::autoencoder::test
