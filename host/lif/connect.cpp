#include "lif/connect.hpp"

#include <ca3/error.hpp>

#include "core/int128.hpp"

#include <algorithm>

namespace ca3::lif {

namespace {

/// Weight and delay of the synapse, and the list that it joins.
class Collector {
public:
    Collector(Plan const& plan, std::size_t projection)
        : plan_(plan),
          p_(plan.projections[projection]),
          projection_(projection),
          unit_(plan.populations[static_cast<std::size_t>(p_.target)].unit) {}

    /// @param given position among given weights and delays
    void add(std::int64_t source, std::int64_t target, std::int64_t number, std::int64_t given) {
        auto const words = synapse_draw(plan_, projection_, static_cast<std::uint64_t>(number));
        auto const at = static_cast<std::size_t>(given);
        double const weight = p_.given_weights.empty() ? p_.weight(words.word[1]) : p_.given_weights[at];
        std::int32_t const delay = p_.given_delays.empty() ? p_.delay(words.word[2]) : p_.given_delays[at];
        list.push_back({.source = source, .target = target, .weight = on_grid(weight, unit_) * unit_, .delay_steps = delay});
    }
    void add(std::int64_t source, std::int64_t target, std::int64_t number) { add(source, target, number, number); }
    [[nodiscard]] std::uint32_t end_of(std::int64_t number) const {
        return synapse_draw(plan_, projection_, static_cast<std::uint64_t>(number)).word[0];
    }

    std::vector<Connection> list;

private:
    Plan const& plan_;
    ProjectionPlan const& p_;
    std::size_t projection_;
    double unit_;
};

}  // namespace

std::vector<std::int64_t> distinct_pairs(Plan const& plan, std::size_t projection) {
    auto const& p = plan.projections[projection];
    std::int64_t const sources = plan.populations[static_cast<std::size_t>(p.source)].count;
    std::int64_t const targets = plan.populations[static_cast<std::size_t>(p.target)].count;
    std::int64_t const columns = p.loops ? targets - 1 : targets;
    std::int64_t const all = sources * columns;
    std::unordered_set<std::int64_t> chosen;
    for (std::int64_t i = 0; i < p.synapses; ++i) {
        auto const block = random::draw_block(plan.options.seed, random::Purpose::selection, static_cast<std::uint32_t>(projection), 0,
                                              static_cast<std::uint64_t>(i));
        std::uint64_t const u = static_cast<std::uint64_t>(block.word[0]) << 32 | block.word[1];
        std::int64_t const last = all - p.synapses + i;
        auto const value = static_cast<std::int64_t>(static_cast<int128>(u) * (last + 1) >> 64);
        if (!chosen.insert(value).second) chosen.insert(last);
    }
    std::vector<std::int64_t> pairs(chosen.begin(), chosen.end());
    if (p.loops) {
        for (auto& pair : pairs) pair = pair / columns * targets + other_than(pair % columns, pair / columns);
    }
    std::sort(pairs.begin(), pairs.end());
    return pairs;
}

std::vector<Connection> all_connections(Plan const& plan, std::size_t projection) {
    auto const& p = plan.projections[projection];
    std::int64_t const sources = plan.populations[static_cast<std::size_t>(p.source)].count;
    std::int64_t const targets = plan.populations[static_cast<std::size_t>(p.target)].count;
    Collector out(plan, projection);
    std::unordered_set<std::int64_t> chosen;
    if (sources == 0 || targets == 0) return {};

    if (auto const* total = std::get_if<FixedTotalNumber>(&p.rule)) {
        if (!total->multapses) {
            std::int64_t number = 0;
            for (std::int64_t const pair : distinct_pairs(plan, projection)) out.add(pair / targets, pair % targets, number++);
            return std::move(out.list);
        }
        std::vector<std::int64_t> degree(static_cast<std::size_t>(sources));
        for (std::int64_t k = 0; k < total->count; ++k) {
            std::uint32_t const u = random::draw(plan.options.seed, random::Purpose::out_degree, static_cast<std::uint32_t>(projection), 0,
                                                 static_cast<std::uint64_t>(k));
            ++degree[index_below(u, static_cast<std::uint64_t>(sources))];
        }
        std::int64_t number = 0;
        for (std::int64_t s = 0; s < sources; ++s) {
            for (std::int64_t i = 0; i < degree[static_cast<std::size_t>(s)]; ++i, ++number) {
                std::int64_t const k = index_below(out.end_of(number), static_cast<std::uint64_t>(p.loops ? targets - 1 : targets));
                out.add(s, p.loops ? other_than(k, s) : k, number);
            }
        }
    } else if (auto const* fixed_out = std::get_if<FixedOutDegree>(&p.rule)) {
        std::int64_t const K = fixed_out->count, n = p.loops ? targets - 1 : targets;
        for (std::int64_t s = 0; s < sources && K > 0; ++s) {
            std::int64_t number = s * K;
            auto const take = [&](std::int64_t k) {
                out.add(s, p.loops ? other_than(k, s) : k, number);
                ++number;
            };
            if (fixed_out->multapses) {
                for (std::int64_t i = 0; i < K; ++i) take(index_below(out.end_of(number), static_cast<std::uint64_t>(n)));
            } else {
                choose(plan, projection, static_cast<std::uint64_t>(number), K, n, chosen, take);
            }
        }
    } else if (auto const* fixed_in = std::get_if<FixedInDegree>(&p.rule)) {
        std::int64_t const K = fixed_in->count, n = p.loops ? sources - 1 : sources;
        for (std::int64_t t = 0; t < targets && K > 0; ++t) {
            std::int64_t number = t * K;
            auto const take = [&](std::int64_t k) {
                out.add(p.loops ? other_than(k, t) : k, t, number);
                ++number;
            };
            if (fixed_in->multapses) {
                for (std::int64_t i = 0; i < K; ++i) take(index_below(out.end_of(number), static_cast<std::uint64_t>(n)));
            } else {
                choose(plan, projection, static_cast<std::uint64_t>(number), K, n, chosen, take);
            }
        }
    } else if (auto const* bernoulli = std::get_if<Bernoulli>(&p.rule)) {
        std::int64_t number = 0;
        for (std::int64_t s = 0; s < sources; ++s) {
            choose_with_probability(plan, projection, static_cast<std::uint32_t>(s), bernoulli->p, targets, [&](std::int64_t t) {
                if (!(p.loops && t == s)) out.add(s, t, number++);
            });
        }
    } else if (std::holds_alternative<OneToOne>(p.rule)) {
        for (std::int64_t s = 0; s < sources; ++s) out.add(s, s, s);
    } else if (std::holds_alternative<AllToAll>(p.rule)) {
        for (std::int64_t s = 0; s < sources; ++s) {
            for (std::int64_t t = 0; t < targets; ++t)
                if (!(p.loops && t == s)) out.add(s, t, s * targets + t, t * sources + s);
        }
    } else if (auto const* pairs = std::get_if<Pairs>(&p.rule)) {
        for (std::size_t k = 0; k < pairs->source.size(); ++k) out.add(pairs->source[k], pairs->target[k], static_cast<std::int64_t>(k));
    } else if (auto const* rows = std::get_if<Rows>(&p.rule)) {
        for (std::int64_t s = 0; s < sources; ++s) {
            for (std::int64_t k = rows->offset[static_cast<std::size_t>(s)]; k < rows->offset[static_cast<std::size_t>(s) + 1]; ++k)
                out.add(s, rows->target[static_cast<std::size_t>(k)], k);
        }
    }
    return std::move(out.list);
}

}  // namespace ca3::lif
