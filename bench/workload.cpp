#include "bench/workload.hpp"

#include <ca3/digits.hpp>
#include <ca3/io/idx.hpp>
#include <ca3/outer_product.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

namespace ca3::bench {

namespace {

void make_cues(Workload& w, std::mt19937_64& random) {
    w.cue.resize(static_cast<std::size_t>(w.B * w.d));
    std::vector<std::int64_t> order(static_cast<std::size_t>(w.d));
    std::iota(order.begin(), order.end(), 0);
    for (std::int64_t b = 0; b < w.B; ++b) {
        std::int8_t* const cue = w.cue.data() + b * w.d;
        std::copy_n(w.pattern.data() + (b % w.P) * w.d, w.d, cue);
        for (std::int64_t k = 0; k < w.d / 10; ++k) {
            auto const other = k + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(w.d - k));
            std::swap(order[static_cast<std::size_t>(k)], order[static_cast<std::size_t>(other)]);
            std::int8_t& s = cue[order[static_cast<std::size_t>(k)]];
            s = static_cast<std::int8_t>(-s);
        }
    }
}

}  // namespace

Workload random_workload(std::int64_t d, std::int64_t P, std::int64_t B) {
    Workload w{.d = d, .P = P, .B = B, .pattern = std::vector<std::int8_t>(static_cast<std::size_t>(P * d)), .cue = {}};
    std::mt19937_64 random(7);
    for (auto& x : w.pattern) x = (random() & 1) != 0 ? 1 : -1;
    make_cues(w, random);
    return w;
}

Workload digits_workload(std::int64_t side, std::int64_t P, std::int64_t B, std::string const& folder) {
    Images const images = folder.empty() ? synthetic_digits(10 * P, 7) : io::read_mnist(folder, io::Split::train);
    Workload w{.d = side * side, .P = P, .B = B, .pattern = {}, .cue = {}};
    for (std::int64_t n = 0; n < images.count && std::ssize(w.pattern) < P * w.d; ++n) {
        if (images.labels[static_cast<std::size_t>(n)] > 2) continue;
        std::uint8_t const* const image = images.pixels.data() + n * images.rows * images.cols;
        for (std::int64_t y = 0; y < side; ++y) {
            for (std::int64_t x = 0; x < side; ++x)
                w.pattern.push_back(image[(y * images.rows / side) * images.cols + x * images.cols / side] > 127 ? 1 : -1);
        }
    }
    if (std::ssize(w.pattern) != P * w.d) throw std::runtime_error("fewer than " + std::to_string(P) + " digits 0, 1 and 2");
    std::mt19937_64 random(7);
    make_cues(w, random);
    return w;
}

std::vector<std::int32_t> hebbian_weights(Context const& cpu, Workload const& workload) {
    std::vector<std::int32_t> weights(static_cast<std::size_t>(workload.d * workload.d));
    outer_product::accumulate(cpu, {}, workload.patterns(), MatrixView<std::int32_t>(weights.data(), workload.d, workload.d));
    return weights;
}

}  // namespace ca3::bench
