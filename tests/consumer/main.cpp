// Stores three patterns, recalls them from damaged cues, builds the textbook weight matrix, and trains an autoencoder on them, through the
// public API alone.
#include <ca3/ca3.hpp>

#include <cstdint>
#include <iostream>
#include <vector>

namespace {

constexpr std::int64_t neurons = 64;
constexpr std::int64_t count = 3;

/// Square waves of period 2, 4 and 8: orthogonal, so each one is a fixed point even with a few bits wrong.
std::vector<std::int8_t> square_waves() {
    std::vector<std::int8_t> patterns;
    for (std::int64_t p = 0; p < count; ++p)
        for (std::int64_t i = 0; i < neurons; ++i) patterns.push_back((i >> p) % 2 == 0 ? 1 : -1);
    return patterns;
}

bool recalls_damaged_patterns(ca3::Context const& context, std::vector<std::int8_t> const& patterns) {
    ca3::hopfield::Memory memory(context);
    memory.store({patterns.data(), count, neurons});

    std::vector<std::int8_t> cues = patterns;
    for (std::int64_t p = 0; p < count; ++p)
        for (std::int64_t i = 0; i < 5; ++i) cues[static_cast<std::size_t>(p * neurons + 7 * i)] *= -1;
    ca3::hopfield::Recall const recall =
        memory.recall({cues.data(), count, neurons}, {.update = ca3::hopfield::Update::asynchronous, .seed = 7});

    bool ok = recall.states == patterns;
    for (std::size_t p = 0; p < recall.results.size(); ++p) {
        auto const& result = recall.results[p];
        std::cout << "cue " << p << ": " << to_string(result.status) << " after " << result.sweeps << " sweeps, nearest pattern "
                  << result.nearest << ", overlap " << result.overlap << '\n';
        ok =
            ok && result.status == ca3::hopfield::Status::fixed_point && result.nearest == static_cast<std::int32_t>(p) && !result.spurious;
    }
    return ok;
}

bool weights_are_the_sum_of_outer_products(ca3::Context const& context, std::vector<std::int8_t> const& patterns) {
    ca3::outer_product::Weights weights(context, neurons);
    weights.add({patterns.data(), count, neurons});
    std::vector<std::int32_t> w(static_cast<std::size_t>(neurons * neurons));
    weights.read({}, ca3::MatrixView<std::int32_t>{w.data(), neurons, neurons});

    for (std::int64_t i = 0; i < neurons; ++i)
        for (std::int64_t j = 0; j < neurons; ++j) {
            std::int32_t expected = 0;
            for (std::int64_t p = 0; i != j && p < count; ++p)
                expected += patterns[static_cast<std::size_t>(p * neurons + i)] * patterns[static_cast<std::size_t>(p * neurons + j)];
            if (w[static_cast<std::size_t>(i * neurons + j)] != expected) return false;
        }
    return true;
}

bool autoencoder_learns(ca3::Context const& context, std::vector<std::int8_t> const& patterns) {
    std::vector<float> samples;
    for (auto const x : patterns) samples.push_back(x > 0 ? 1.0f : 0.0f);
    ca3::autoencoder::Model model(context, {neurons, {4, ca3::hyperbolic_tangent}, {neurons, ca3::sigmoid}}, {.seed = 7});
    auto const history = model.fit(ca3::MatrixView<float const>(samples.data(), count, neurons),
                                   {.epochs = 300, .batch = count, .optimizer = ca3::Adam{0.05}, .loss = ca3::Loss::bce});
    std::cout << "autoencoder: loss " << history.epochs.front().train_loss << " to " << history.epochs.back().train_loss << '\n';
    return history.epochs.back().train_loss < 0.05;
}

bool layer_computes(ca3::Context const& context) {
    std::vector<float> const x{1.0f, 2.0f}, w{0.5f, 0.25f}, b{-2.0f};
    float y = -1.0f;
    ca3::autoencoder::forward(context, {.activation = ca3::relu}, {x.data(), 1, 2}, {w.data(), 1, 2}, b, {}, {&y, 1, 1});
    return y == 0.0f;
}

}  // namespace

int main() try {
    ca3::Context const context = ca3::Context::best();
    std::cout << "ca3 " << CA3_VERSION_STRING << " on " << context.describe() << '\n';
    auto const patterns = square_waves();
    bool const recalled = recalls_damaged_patterns(context, patterns);
    bool const summed = weights_are_the_sum_of_outer_products(context, patterns);
    bool const learnt = autoencoder_learns(ca3::Context::cpu(), patterns) && layer_computes(ca3::Context::cpu());
    std::cout << "recall " << (recalled ? "right" : "WRONG") << ", weights " << (summed ? "right" : "WRONG") << ", autoencoder "
              << (learnt ? "right" : "WRONG") << '\n';
    return recalled && summed && learnt ? 0 : 1;
} catch (ca3::Error const& error) {
    std::cerr << "consumer: " << error.what() << '\n';
    return 1;
}
