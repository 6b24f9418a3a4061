#include "lif/cpu_layout.hpp"

#include <algorithm>

namespace ca3::lif::cpu {

namespace {

constexpr std::int64_t most_slots = 65536 - 16;  // of a slice: 16 bits name one, and the spare ones

std::int64_t rounded_up(std::int64_t n, std::int64_t to) {
    return (n + to - 1) / to * to;
}

}  // namespace

Layout::Layout(Plan const& plan, std::int64_t multiple, std::int64_t granule) {
    // Each piece is rounded up, so that slices may hold a little more than their share.
    auto const slots_at = [&](std::int64_t n) {
        std::int64_t slots = 0;
        for (auto const& p : plan.populations) {
            std::int64_t const share = (p.count + n - 1) / n;
            slots += rounded_up(rounded_up(share, share >= 1024 ? 128 : granule), 16) * channels_of(p.kind);
        }
        return slots;
    };
    std::int64_t count = multiple;
    while (slots_at(count) > most_slots) count += multiple;
    slices.resize(static_cast<std::size_t>(count));
    for (std::int32_t k = 0; k < static_cast<std::int32_t>(plan.populations.size()); ++k) {
        auto const& p = plan.populations[static_cast<std::size_t>(k)];
        std::int64_t const share = (p.count + count - 1) / count;
        piece.push_back(std::max(rounded_up(share, share >= 1024 ? 128 : granule), granule));
        std::int64_t first = 0;
        for (auto& slice : slices) {
            std::int64_t const n = std::min(piece.back(), p.count - first);
            if (n <= 0) break;
            std::int64_t const stride = rounded_up(n, 16);
            slice.parts.push_back({.population = k, .first = first, .count = n, .slot = slice.slots, .stride = stride});
            slice.slots += stride * channels_of(p.kind);
            first += n;
        }
    }
}

std::vector<std::uint32_t> Layout::places(Plan const& plan, std::int32_t population) const {
    std::vector<std::uint32_t> result(static_cast<std::size_t>(plan.populations[static_cast<std::size_t>(population)].count));
    for (std::size_t s = 0; s < slices.size(); ++s) {
        for (auto const& part : slices[s].parts) {
            if (part.population != population) continue;
            for (std::int64_t i = 0; i < part.count; ++i)
                result[static_cast<std::size_t>(part.first + i)] =
                    static_cast<std::uint32_t>(s << 16) | static_cast<std::uint32_t>(part.slot + i);
        }
    }
    return result;
}

}  // namespace ca3::lif::cpu
