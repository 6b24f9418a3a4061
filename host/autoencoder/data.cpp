#include <ca3/autoencoder/data.hpp>

#include "autoencoder/batch.hpp"
#include "autoencoder/corruption.hpp"
#include "core/check.hpp"
#include "core/int128.hpp"
#include "core/philox_fill.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>

namespace ca3::autoencoder {

namespace {

InstructionSet best_instruction_set() {
    static InstructionSet const best = supported_instruction_sets().back();
    return best;
}

Images chosen(Images const& images, std::span<int const> labels, bool among, char const* function) {
    std::int64_t const size = detail::checked_product(images.rows, images.cols);
    std::int64_t const bytes = detail::checked_product(images.count, size);
    require(static_cast<std::int64_t>(images.pixels.size()) == bytes, function,
            [&] { return "pixels must be " + std::to_string(bytes) + " bytes, are " + std::to_string(images.pixels.size()); });
    require(static_cast<std::int64_t>(images.labels.size()) == images.count, function, [&] {
        return "labels must be one for each of the " + std::to_string(images.count) + " images, are " +
               std::to_string(images.labels.size());
    });
    std::array<bool, 256> asked{};
    for (int const label : labels)
        if (label >= 0 && label < 256) asked[static_cast<std::size_t>(label)] = true;
    Images out{.rows = images.rows, .cols = images.cols};
    for (std::int64_t i = 0; i < images.count; ++i) {
        std::uint8_t const label = images.labels[static_cast<std::size_t>(i)];
        if (asked[label] != among) continue;
        ++out.count;
        out.labels.push_back(label);
        auto const from = images.pixels.begin() + i * size;
        out.pixels.insert(out.pixels.end(), from, from + size);
    }
    return out;
}

}  // namespace

std::vector<std::int64_t> random_order(std::int64_t count, std::uint64_t seed, random::Purpose purpose, std::uint32_t step) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    random::Fill const fill = random::fill_for(best_instruction_set());
    constexpr std::int64_t at_once = 1024;
    alignas(64) std::uint32_t draws[2 * at_once];
    for (std::int64_t begin = 0; begin < count; begin += at_once) {
        std::int64_t const n = std::min(at_once, count - begin);
        fill(seed, purpose, 0, step, static_cast<std::uint64_t>(begin) / 2, (n + 1) / 2, draws);
        for (std::int64_t k = 0; k < n; ++k) {
            std::uint64_t const draw = draws[2 * k] | static_cast<std::uint64_t>(draws[2 * k + 1]) << 32;
            auto const i = static_cast<std::size_t>(begin + k);
            auto const j = static_cast<std::size_t>((static_cast<int128>(draw) * static_cast<int128>(i + 1)) >> 64);
            std::swap(order[i], order[j]);
        }
    }
    return order;
}

std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::uint32_t epoch) {
    require(count >= 0, "epoch_order", [&] { return "count must not be negative, is " + std::to_string(count); });
    return random_order(count, seed, random::Purpose::epoch_order, epoch);
}

void corrupt(std::span<Corruption const> corruptions, std::uint64_t seed, std::uint32_t step, MatrixView<float> samples) {
    require_view(samples, "corrupt", "samples");
    check_corruptions(corruptions, samples.cols, "corrupt");
    Corruptor const corruptor(corruptions, samples.cols, seed, random::Purpose::noise, best_instruction_set());
    corruptor.apply(samples.data, samples.rows, samples.stride, 0, step);
}

Images with_labels(Images const& images, std::span<int const> labels) {
    return chosen(images, labels, true, "with_labels");
}

Images without_labels(Images const& images, std::span<int const> labels) {
    return chosen(images, labels, false, "without_labels");
}

}  // namespace ca3::autoencoder
