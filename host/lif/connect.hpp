#pragma once

#include "lif/plan.hpp"

#include "core/philox.hpp"

#include <cstdint>
#include <unordered_set>
#include <vector>

/// Which synapses a projection has: pure functions of seed, projection and number of the synapse, the same for every backend.
///
/// A synapse's number keys its draws: word 0 of its Philox block is the other end, word 1 the weight, word 2 the delay. Numbers run over
/// the sources (targets for FixedInDegree, the user's list for Pairs and Rows).
namespace ca3::lif {

[[nodiscard]] inline std::uint32_t index_below(std::uint32_t u, std::uint64_t n) {
    return static_cast<std::uint32_t>((u * n) >> 32);
}

[[nodiscard]] inline random::Block synapse_draw(Plan const& plan, std::size_t projection, std::uint64_t number) {
    return random::draw_block(plan.options.seed, random::Purpose::synapse, static_cast<std::uint32_t>(projection), 0, number);
}

/// Chooses `count` of 0 ... n - 1 without repetition (Floyd, Comm. ACM 30, 1987, 754), in the order of the draws first_number,
/// first_number + 1, ...
template <class F>
void choose(Plan const& plan, std::size_t projection, std::uint64_t first_number, std::int64_t count, std::int64_t n,
            std::unordered_set<std::int64_t>& chosen, F&& take) {
    chosen.clear();
    for (std::int64_t i = 0; i < count; ++i) {
        std::int64_t const last = n - count + i;
        std::uint32_t const u = random::draw(plan.options.seed, random::Purpose::selection, static_cast<std::uint32_t>(projection), 0,
                                             first_number + static_cast<std::uint64_t>(i));
        std::int64_t value = index_below(u, static_cast<std::uint64_t>(last) + 1);
        if (!chosen.insert(value).second) {
            value = last;
            chosen.insert(value);
        }
        take(value);
    }
}

/// Calls take(target) for the targets of one source, each of 0 ... n - 1 with probability p: the gaps between them are geometric.
template <class F>
void choose_with_probability(Plan const& plan, std::size_t projection, std::uint32_t source, double p, std::int64_t n, F&& take) {
    if (p <= 0.0) return;
    // ln(1 - p), by its series where 1 - p would round p away
    double const log_miss = p < 1e-4 ? -p * fused(p, fused(p, fused(p, 0.25, 1.0 / 3.0), 0.5), 1.0) : logarithm(1.0 - p);
    double const scale = p < 1.0 ? 1.0 / log_miss : 0.0;
    std::uint64_t draw = 0;
    for (std::int64_t target = -1;;) {
        std::uint32_t const u =
            random::draw(plan.options.seed, random::Purpose::selection, static_cast<std::uint32_t>(projection), source + 1, draw++);
        double const gap = scale * logarithm((static_cast<double>(u) + 0.5) * 0x1p-32);
        if (gap >= static_cast<double>(n)) return;
        target += 1 + static_cast<std::int64_t>(gap);
        if (target >= n) return;
        take(target);
    }
}

/// `pairs` distinct pairs of source * targets + target, ascending; those of a neuron with itself are left out where `loops`.
[[nodiscard]] std::vector<std::int64_t> distinct_pairs(Plan const& plan, std::size_t projection);

/// The index among all neurons of the k-th that is not `self`.
[[nodiscard]] inline std::int64_t other_than(std::int64_t k, std::int64_t self) {
    return k + (k >= self ? 1 : 0);
}

/// All synapses of a projection in plain loops, in any order: the definition that the fast builders are compared with.
[[nodiscard]] std::vector<Connection> all_connections(Plan const& plan, std::size_t projection);

}  // namespace ca3::lif
