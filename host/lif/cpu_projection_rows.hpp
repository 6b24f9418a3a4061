#pragma once

#include <ca3/context.hpp>

#include "core/philox_fill.hpp"
#include "core/state.hpp"
#include "lif/connect.hpp"
#include "lif/plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <unordered_set>
#include <vector>

namespace ca3::lif::cpu {

using Words = std::vector<std::uint32_t>;
inline constexpr std::int64_t draws_at_once = 1024;

/// One projection, ready to make rows.
class ProjectionRows {
public:
    ProjectionRows(Context const& context, Plan const& plan, std::size_t projection)
        : plan_(plan),
          projection_(projection),
          p_(plan.projections[projection]),
          fill_(random::fill_for(context.instruction_set())),
          sources_(plan.populations[static_cast<std::size_t>(p_.source)].count),
          targets_(plan.populations[static_cast<std::size_t>(p_.target)].count),
          inverse_unit_(1.0 / plan.populations[static_cast<std::size_t>(p_.target)].unit) {
        if (sources_ == 0 || targets_ == 0) return;
        count_sources(pool(context));
        first_number_.resize(degree_.size() + 1);
        std::inclusive_scan(degree_.begin(), degree_.end(), first_number_.begin() + 1, std::plus<>(), std::uint64_t{0});
    }

    [[nodiscard]] std::int32_t source() const { return p_.source; }
    [[nodiscard]] std::int32_t target() const { return p_.target; }
    [[nodiscard]] std::uint64_t degree(std::int64_t source) const {
        return degree_.empty() ? 0 : degree_[static_cast<std::size_t>(source)];
    }
    [[nodiscard]] bool keyed_by_target() const { return std::holds_alternative<FixedInDegree>(p_.rule); }
    /// Synapses of sources [first, end).
    [[nodiscard]] std::uint64_t synapses(std::int64_t first, std::int64_t end) const {
        return degree_.empty() ? 0 : first_number_[static_cast<std::size_t>(end)] - first_number_[static_cast<std::size_t>(first)];
    }

    /// For a projection keyed by targets: the numbers of the synapses of sources [first, end), source after source.
    [[nodiscard]] std::vector<std::uint64_t> numbers_of(std::int64_t first, std::int64_t end) const {
        std::vector<std::uint64_t> numbers(synapses(first, end)), next;
        for (std::int64_t s = first; s < end; ++s) next.push_back(synapses(first, s));
        for_each_drawn_source(0, targets_, [&](std::int64_t source, std::uint64_t number) {
            if (source >= first && source < end) numbers[next[static_cast<std::size_t>(source - first)]++] = number;
        });
        return numbers;
    }

    /// Calls emit(target, weight, delay) for the synapses of `source`. @param numbers of this source, where keyed by targets
    template <class Emit>
    void make(std::int64_t source, std::span<std::uint64_t const> numbers, Words& words, std::unordered_set<std::int64_t>& chosen,
              Emit&& emit) const {
        if (degree(source) == 0) return;
        auto const n = static_cast<std::uint64_t>(p_.loops ? targets_ - 1 : targets_);
        auto const index = [&](std::uint32_t u) {
            auto const k = static_cast<std::int64_t>(index_below(u, n));
            return p_.loops ? other_than(k, source) : k;
        };
        auto const number = first_number_[static_cast<std::size_t>(source)];
        auto const count = static_cast<std::int64_t>(degree(source));
        auto const one = [&](std::int64_t target, std::uint64_t of, std::int64_t given) {
            random::Block const block = needs_draws() ? synapse_draw(plan_, projection_, of) : random::Block{};
            emit(target, weight(block.word[1], given), delay(block.word[2], given));
        };
        if (auto const* total = std::get_if<FixedTotalNumber>(&p_.rule)) {
            if (total->multapses) return from_words(number, count, words, index, emit);
            for (std::int64_t k = 0; k < count; ++k) {
                std::uint64_t const of = number + static_cast<std::uint64_t>(k);
                one(pairs_[of] % targets_, of, 0);
            }
        } else if (auto const* out = std::get_if<FixedOutDegree>(&p_.rule)) {
            if (out->multapses) return from_words(number, count, words, index, emit);
            std::uint64_t of = number;
            choose(plan_, projection_, number, count, static_cast<std::int64_t>(n), chosen,
                   [&](std::int64_t k) { one(p_.loops ? other_than(k, source) : k, of++, 0); });
        } else if (auto const* in = std::get_if<FixedInDegree>(&p_.rule)) {
            auto const K = static_cast<std::uint64_t>(in->count);
            for (std::uint64_t const of : numbers) one(static_cast<std::int64_t>(of / K), of, 0);
        } else if (auto const* bernoulli = std::get_if<Bernoulli>(&p_.rule)) {
            std::uint64_t of = number;
            choose_with_probability(plan_, projection_, static_cast<std::uint32_t>(source), bernoulli->p, targets_, [&](std::int64_t t) {
                if (!(p_.loops && t == source)) one(t, of++, 0);
            });
        } else if (std::holds_alternative<OneToOne>(p_.rule)) {
            one(source, static_cast<std::uint64_t>(source), source);
        } else if (std::holds_alternative<AllToAll>(p_.rule)) {
            for (std::int64_t t = 0; t < targets_; ++t)
                if (!(p_.loops && t == source)) one(t, static_cast<std::uint64_t>(source * targets_ + t), t * sources_ + source);
        } else if (auto const* pairs = std::get_if<Pairs>(&p_.rule)) {
            for (std::int64_t k = 0; k < count; ++k) {
                std::int64_t const of = pairs_[number + static_cast<std::uint64_t>(k)];
                one(pairs->target[static_cast<std::size_t>(of)], static_cast<std::uint64_t>(of), of);
            }
        } else if (auto const* rows = std::get_if<Rows>(&p_.rule)) {
            for (std::int64_t k = rows->offset[static_cast<std::size_t>(source)]; k < rows->offset[static_cast<std::size_t>(source) + 1];
                 ++k)
                one(rows->target[static_cast<std::size_t>(k)], static_cast<std::uint64_t>(k), k);
        }
    }

private:
    [[nodiscard]] bool needs_draws() const { return p_.weight.is_random() || p_.delay.is_random(); }
    [[nodiscard]] std::int32_t weight(std::uint32_t u, std::int64_t given) const {
        double const w = p_.given_weights.empty() ? p_.weight(u) : p_.given_weights[static_cast<std::size_t>(given)];
        return static_cast<std::int32_t>(std::nearbyint(w * inverse_unit_));  // the unit is a power of two: no rounding but this
    }
    [[nodiscard]] std::int32_t delay(std::uint32_t u, std::int64_t given) const {
        return p_.given_delays.empty() ? p_.delay(u) : p_.given_delays[static_cast<std::size_t>(given)];
    }

    /// Synapses whose numbers follow each other and whose target is drawn.
    template <class Index, class Emit>
    void from_words(std::uint64_t number, std::int64_t count, Words& words, Index&& index, Emit&& emit) const {
        words.resize(static_cast<std::size_t>(4 * draws_at_once));
        bool const constant = !p_.weight.is_random();
        std::int32_t const same_weight = constant ? weight(0, 0) : 0;
        for (std::int64_t done = 0; done < count; done += draws_at_once) {
            std::int64_t const now = std::min(draws_at_once, count - done);
            fill_(plan_.options.seed, random::Purpose::synapse, static_cast<std::uint32_t>(projection_), 0,
                  number + static_cast<std::uint64_t>(done), now, words.data());
            for (std::int64_t k = 0; k < now; ++k) {
                std::uint32_t const* const word = words.data() + 4 * k;
                emit(index(word[0]), constant ? same_weight : weight(word[1], 0), p_.delay(word[2]));
            }
        }
    }

    /// Sources of the synapses of targets [first, end) of a fixed in-degree.
    template <class Take>
    void for_each_drawn_source(std::int64_t first, std::int64_t end, Take&& take) const {
        auto const& rule = std::get<FixedInDegree>(p_.rule);
        std::int64_t const K = rule.count, n = p_.loops ? sources_ - 1 : sources_;
        if (!rule.multapses) {
            std::unordered_set<std::int64_t> chosen;
            for (std::int64_t t = first; t < end; ++t) {
                auto number = static_cast<std::uint64_t>(t * K);
                choose(plan_, projection_, number, K, n, chosen, [&](std::int64_t k) { take(p_.loops ? other_than(k, t) : k, number++); });
            }
            return;
        }
        Words words(static_cast<std::size_t>(4 * draws_at_once));
        std::int64_t t = first, left = K;
        for (std::int64_t number = first * K; number < end * K; number += draws_at_once) {
            std::int64_t const now = std::min(draws_at_once, end * K - number);
            fill_(plan_.options.seed, random::Purpose::synapse, static_cast<std::uint32_t>(projection_), 0,
                  static_cast<std::uint64_t>(number), now, words.data());
            for (std::int64_t k = 0; k < now; ++k) {
                std::int64_t const s = index_below(words[static_cast<std::size_t>(4 * k)], static_cast<std::uint64_t>(n));
                take(p_.loops ? other_than(s, t) : s, static_cast<std::uint64_t>(number + k));
                if (--left == 0) {
                    ++t;
                    left = K;
                }
            }
        }
    }

    /// Splits [0, n) among the threads and adds up what body(first, end, degree) counts.
    template <class Body>
    void count_in_parallel(ThreadPool& threads, std::int64_t n, Body&& body) {
        std::int64_t const pieces = threads.size();
        std::vector<std::vector<std::uint64_t>> parts(static_cast<std::size_t>(pieces));
        threads.run(pieces, [&](std::int64_t piece, int) {
            auto& part = parts[static_cast<std::size_t>(piece)];
            part.assign(static_cast<std::size_t>(sources_), 0);
            body(n * piece / pieces, n * (piece + 1) / pieces, part);
        });
        for (auto const& part : parts)
            for (std::size_t s = 0; s < degree_.size(); ++s) degree_[s] += part[s];
    }

    void count_sources(ThreadPool& threads) {
        degree_.assign(static_cast<std::size_t>(sources_), 0);
        if (auto const* total = std::get_if<FixedTotalNumber>(&p_.rule)) {
            if (!total->multapses) {
                pairs_ = distinct_pairs(plan_, projection_);
                for (std::int64_t const pair : pairs_) ++degree_[static_cast<std::size_t>(pair / targets_)];
                return;
            }
            count_in_parallel(threads, (total->count + 3) / 4, [&](std::int64_t first, std::int64_t end, auto& part) {
                Words words(static_cast<std::size_t>(4 * draws_at_once));
                for (std::int64_t block = first; block < end; block += draws_at_once) {
                    std::int64_t const now = std::min(draws_at_once, end - block);
                    fill_(plan_.options.seed, random::Purpose::out_degree, static_cast<std::uint32_t>(projection_), 0,
                          static_cast<std::uint64_t>(block), now, words.data());
                    std::int64_t const used = std::min(4 * now, total->count - 4 * block);
                    for (std::int64_t k = 0; k < used; ++k)
                        ++part[index_below(words[static_cast<std::size_t>(k)], static_cast<std::uint64_t>(sources_))];
                }
            });
        } else if (auto const* out = std::get_if<FixedOutDegree>(&p_.rule)) {
            std::fill(degree_.begin(), degree_.end(), static_cast<std::uint64_t>(out->count));
        } else if (std::holds_alternative<FixedInDegree>(p_.rule)) {
            if (std::get<FixedInDegree>(p_.rule).count == 0) return;
            count_in_parallel(threads, targets_, [&](std::int64_t first, std::int64_t end, auto& part) {
                for_each_drawn_source(first, end, [&](std::int64_t s, std::uint64_t) { ++part[static_cast<std::size_t>(s)]; });
            });
        } else if (auto const* bernoulli = std::get_if<Bernoulli>(&p_.rule)) {
            threads.run((sources_ + 255) / 256, [&](std::int64_t piece, int) {
                for (std::int64_t s = piece * 256; s < std::min(sources_, (piece + 1) * 256); ++s) {
                    choose_with_probability(plan_, projection_, static_cast<std::uint32_t>(s), bernoulli->p, targets_,
                                            [&](std::int64_t t) { degree_[static_cast<std::size_t>(s)] += !(p_.loops && t == s); });
                }
            });
        } else if (std::holds_alternative<OneToOne>(p_.rule)) {
            std::fill(degree_.begin(), degree_.end(), 1);
        } else if (std::holds_alternative<AllToAll>(p_.rule)) {
            std::fill(degree_.begin(), degree_.end(), static_cast<std::uint64_t>(p_.loops ? targets_ - 1 : targets_));
        } else if (auto const* pairs = std::get_if<Pairs>(&p_.rule)) {
            for (std::int64_t const s : pairs->source) ++degree_[static_cast<std::size_t>(s)];
            std::vector<std::uint64_t> next(degree_.size());
            std::exclusive_scan(degree_.begin(), degree_.end(), next.begin(), std::uint64_t{0});
            pairs_.resize(pairs->source.size());
            for (std::size_t k = 0; k < pairs->source.size(); ++k)
                pairs_[next[static_cast<std::size_t>(pairs->source[k])]++] = static_cast<std::int64_t>(k);
        } else if (auto const* rows = std::get_if<Rows>(&p_.rule)) {
            for (std::size_t s = 0; s < degree_.size(); ++s) degree_[s] = static_cast<std::uint64_t>(rows->offset[s + 1] - rows->offset[s]);
        }
    }

    Plan const& plan_;
    std::size_t projection_;
    ProjectionPlan const& p_;
    random::Fill fill_;
    std::int64_t sources_, targets_;
    double inverse_unit_;
    std::vector<std::uint64_t> degree_;        ///< synapses of each source
    std::vector<std::uint64_t> first_number_;  ///< sums of the degrees before
    std::vector<std::int64_t> pairs_;          ///< distinct pairs; for Pairs the user's numbers in order of sources
};

}  // namespace ca3::lif::cpu
