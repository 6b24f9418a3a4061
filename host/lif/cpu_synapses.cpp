#include "lif/cpu_synapses.hpp"

#include <ca3/error.hpp>

#include "core/memory_limit.hpp"
#include "core/philox_fill.hpp"
#include "core/state.hpp"
#include "lif/connect.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_set>

#ifdef __linux__
#include <sys/mman.h>
#endif

/// Rows are made source by source: how many synapses each source has is found first, then every thread draws, sorts and writes rows of its
/// own. Only where a projection is keyed by its targets (fixed in-degree) are the rows of many sources made together, from one pass over
/// the draws.
namespace ca3::lif::cpu {

namespace {

using Words = std::vector<std::uint32_t>;
constexpr std::int64_t sources_at_once = 64;
constexpr std::int64_t draws_at_once = 1024;

/// A synapse before it is sorted.
struct Raw {
    std::uint32_t place;  ///< slice and slot
    std::int32_t weight;
    std::int32_t delay;
};

/// One projection, ready to make rows.
class Row {
public:
    Row(Context const& context, Plan const& plan, std::size_t projection)
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

/// Where the synapses of a target population go.
struct Destination {
    std::vector<std::uint32_t> place;           ///< by neuron
    std::vector<std::uint32_t> second_channel;  ///< by slice: what to add to the slot for negative weights; 0 with one channel
};

class Builder {
public:
    Builder(Context const& context, Plan const& plan, Layout const& layout, std::int64_t delay_slots)
        : context_(context), plan_(plan), slices_(static_cast<std::int64_t>(layout.slices.size())), delay_slots_(delay_slots) {
        std::int64_t slots = 0;
        for (auto const& slice : layout.slices) slots = std::max(slots, slice.slots);
        narrow_ = plan.weight_bits == 16 && slots * std::max<std::int64_t>(delay_slots, 1) <= 65536;
        rows_of_.resize(plan.populations.size());
        for (std::size_t k = 0; k < plan.projections.size(); ++k) {
            rows_.emplace_back(context, plan, k);
            rows_of_[static_cast<std::size_t>(rows_.back().source())].push_back(k);
        }
        for (std::int32_t p = 0; p < static_cast<std::int32_t>(plan.populations.size()); ++p) {
            Destination d{.place = layout.places(plan, p), .second_channel = std::vector<std::uint32_t>(layout.slices.size())};
            bool const two = channels_of(plan.populations[static_cast<std::size_t>(p)].kind) == 2;
            for (std::size_t s = 0; s < layout.slices.size(); ++s) {
                for (auto const& part : layout.slices[s].parts)
                    if (part.population == p && two) d.second_channel[s] = static_cast<std::uint32_t>(part.stride);
            }
            destinations_.push_back(std::move(d));
        }
    }

    SynapseTable build() {
        auto const neurons = static_cast<std::size_t>(plan_.neurons());
        auto const slices = static_cast<std::size_t>(slices_);
        table_.slices = slices_;
        table_.bytes_per_synapse = narrow_ ? 4 : 8;
        row_start_.assign(neurons + 1, 0);
        for (std::size_t p = 0; p < plan_.populations.size(); ++p) {
            auto const& population = plan_.populations[p];
            for (std::int64_t s = 0; s < population.count; ++s) {
                auto const at = static_cast<std::size_t>(population.first + s);
                std::uint64_t degree = 0;
                for (std::size_t const k : rows_of_[p]) degree += rows_[k].degree(s);
                row_start_[at + 1] = row_start_[at] + degree;
            }
        }
        table_.synapses = static_cast<std::int64_t>(row_start_.back());
        std::uint64_t const bytes = row_start_.back() * static_cast<std::uint64_t>(table_.bytes_per_synapse);
        std::uint64_t const available = available_host_bytes();
        if (available != 0 && bytes > available) throw OutOfMemory("Network::build: synapses", bytes, available);
        table_.storage.resize(bytes);
#ifdef __linux__
        // Spikes read short runs all over the table: small pages would cost a walk of the page table each.
        auto const address = reinterpret_cast<std::uintptr_t>(table_.storage.data());
        std::uintptr_t const huge = std::uintptr_t{2} << 20, begin = (address + huge - 1) / huge * huge;
        if (address + bytes > begin + huge)
            static_cast<void>(madvise(reinterpret_cast<void*>(begin), address + bytes - begin, MADV_HUGEPAGE));
#endif
        table_.row_begin.resize(neurons * slices + 1);
        table_.row_begin.back() = row_start_.back();
        if (delay_slots_ == 0) table_.segment_begin.resize(neurons * slices + 1);

        auto const chunks = make_chunks();
        std::vector<std::vector<Segment>> segments(chunks.size());
        pool(context_).run(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t c, int) {
            auto const& chunk = chunks[static_cast<std::size_t>(c)];
            auto& mine = segments[static_cast<std::size_t>(c)];
            if (delay_slots_ != 0) {
                return narrow_ ? make_chunk<NarrowRingSynapse>(chunk, mine) : make_chunk<WideRingSynapse>(chunk, mine);
            }
            return narrow_ ? make_chunk<NarrowSynapse>(chunk, mine) : make_chunk<WideSynapse>(chunk, mine);
        });
        if (delay_slots_ == 0) join(chunks, segments);
        return std::move(table_);
    }

private:
    /// Sources [first, end) of one population.
    struct Chunk {
        std::size_t population;
        std::int64_t first, end;
    };

    [[nodiscard]] std::vector<Chunk> make_chunks() const {
        std::uint64_t const most_numbers =
            std::clamp<std::uint64_t>(available_host_bytes() / 64, std::uint64_t{1} << 22, std::uint64_t{1} << 26);
        std::vector<Chunk> chunks;
        for (std::size_t p = 0; p < plan_.populations.size(); ++p) {
            std::int64_t const n = plan_.populations[p].count;
            bool const together =
                std::any_of(rows_of_[p].begin(), rows_of_[p].end(), [&](std::size_t k) { return rows_[k].keyed_by_target(); });
            std::int64_t const pieces = pool(context_).size();
            for (std::int64_t first = 0; first < n;) {
                std::int64_t end = std::min(n, first + sources_at_once);
                if (together) {
                    auto const numbers = [&](std::int64_t to) {
                        std::uint64_t sum = 0;
                        for (std::size_t const k : rows_of_[p]) sum += rows_[k].keyed_by_target() ? rows_[k].synapses(first, to) : 0;
                        return sum;
                    };
                    std::int64_t const most = std::min(n, first + std::max(sources_at_once, (n + pieces - 1) / pieces));
                    while (end < most && numbers(std::min(most, end + sources_at_once)) <= most_numbers)
                        end = std::min(most, end + sources_at_once);
                }
                chunks.push_back({p, first, end});
                first = end;
            }
        }
        return chunks;
    }

    struct Scratch {
        std::vector<Raw> raw;
        std::vector<std::uint32_t> bin;  ///< synapses by slice and delay, then where the next one goes
        std::vector<std::uint32_t> order;
        Words words;
        std::unordered_set<std::int64_t> chosen;
    };

    template <class Synapse>
    void make_chunk(Chunk const& chunk, std::vector<Segment>& segments) {
        auto const& population = plan_.populations[chunk.population];
        auto const& projections = rows_of_[chunk.population];
        std::vector<std::vector<std::uint64_t>> numbers(projections.size());
        for (std::size_t j = 0; j < projections.size(); ++j) {
            if (rows_[projections[j]].keyed_by_target()) numbers[j] = rows_[projections[j]].numbers_of(chunk.first, chunk.end);
        }
        Scratch scratch;
        for (std::int64_t s = chunk.first; s < chunk.end; ++s) {
            scratch.raw.clear();
            for (std::size_t j = 0; j < projections.size(); ++j) {
                Row const& row = rows_[projections[j]];
                Destination const& to = destinations_[static_cast<std::size_t>(row.target())];
                std::span<std::uint64_t const> mine(numbers[j]);
                if (row.keyed_by_target()) mine = mine.subspan(row.synapses(chunk.first, s), row.degree(s));
                row.make(s, mine, scratch.words, scratch.chosen, [&](std::int64_t target, std::int32_t weight, std::int32_t delay) {
                    std::uint32_t place = to.place[static_cast<std::size_t>(target)];
                    if (weight < 0) place += to.second_channel[place >> 16];
                    scratch.raw.push_back({place, weight, delay});
                });
            }
            write_row<Synapse>(static_cast<std::size_t>(population.first + s), scratch, segments);
        }
    }

    /// Sorts by slice, then delay, and writes row and segments.
    template <class Synapse>
    void write_row(std::size_t source, Scratch& scratch, std::vector<Segment>& segments) {
        auto const delays = static_cast<std::size_t>(plan_.longest_delay);
        auto const slices = static_cast<std::size_t>(slices_);
        auto& raw = scratch.raw;
        auto const bin_of = [&](Raw const& r) { return (r.place >> 16) * delays + static_cast<std::size_t>(r.delay - 1); };
        auto* const out = reinterpret_cast<Synapse*>(table_.storage.data()) + row_start_[source];
        constexpr bool with_delay = requires(Synapse synapse) {
            synapse.index;
        };
        auto const put = [&](std::size_t at, Raw const& r) {
            auto const slot = r.place & 0xFFFFu;
            if constexpr (with_delay) {
                out[at] = {static_cast<decltype(Synapse::index)>(slot * static_cast<std::uint32_t>(delay_slots_) +
                                                                 static_cast<std::uint32_t>(r.delay)),
                           static_cast<decltype(Synapse::weight)>(r.weight)};
            } else {
                out[at] = {static_cast<decltype(Synapse::slot)>(slot), static_cast<decltype(Synapse::weight)>(r.weight)};
            }
        };
        std::size_t position = 0;
        auto const segment = [&](std::size_t delay, std::size_t length) {
            while (!with_delay && length > 0) {
                std::size_t const now = std::min<std::size_t>(length, 65535);
                segments.push_back({static_cast<std::uint16_t>(delay), static_cast<std::uint16_t>(now)});
                length -= now;
            }
        };
        auto const begin_slice = [&](std::size_t slice) {
            table_.row_begin[source * slices + slice] = row_start_[source] + position;
            if (!with_delay) table_.segment_begin[source * slices + slice] = segments.size();
        };
        if (slices * delays <= 4 * raw.size() + 256) {
            auto& bin = scratch.bin;
            bin.assign(slices * delays + 1, 0);
            for (auto const& r : raw) ++bin[bin_of(r) + 1];
            for (std::size_t slice = 0; slice < slices; ++slice) {
                begin_slice(slice);
                for (std::size_t d = 0; d < delays; ++d) {
                    std::size_t const length = bin[slice * delays + d + 1];
                    segment(d + 1, length);
                    position += length;
                }
            }
            std::inclusive_scan(bin.begin(), bin.end(), bin.begin());
            for (auto const& r : raw) put(bin[bin_of(r)]++, r);
        } else {
            std::sort(raw.begin(), raw.end(), [&](Raw const& a, Raw const& b) { return bin_of(a) < bin_of(b); });
            for (std::size_t slice = 0; slice < slices; ++slice) {
                begin_slice(slice);
                while (position < raw.size() && raw[position].place >> 16 == slice) {
                    std::size_t const begin = position;
                    while (position < raw.size() && bin_of(raw[position]) == bin_of(raw[begin])) ++position;
                    segment(static_cast<std::size_t>(raw[begin].delay), position - begin);
                }
            }
            for (std::size_t k = 0; k < raw.size(); ++k) put(k, raw[k]);
        }
    }

    /// Segments of all chunks in one array; their beginnings count from the chunk's first until then.
    void join(std::vector<Chunk> const& chunks, std::vector<std::vector<Segment>>& segments) {
        std::vector<std::uint64_t> begin(chunks.size() + 1, 0);
        for (std::size_t c = 0; c < chunks.size(); ++c) begin[c + 1] = begin[c] + segments[c].size();
        table_.segments.resize(begin.back());
        table_.segment_begin.back() = begin.back();
        pool(context_).run(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t index, int) {
            auto const c = static_cast<std::size_t>(index);
            std::copy(segments[c].begin(), segments[c].end(), table_.segments.begin() + static_cast<std::ptrdiff_t>(begin[c]));
            segments[c] = {};
            std::int64_t const first = plan_.populations[chunks[c].population].first;
            for (std::int64_t k = (first + chunks[c].first) * slices_; k < (first + chunks[c].end) * slices_; ++k)
                table_.segment_begin[static_cast<std::size_t>(k)] += begin[c];
        });
    }

    Context const& context_;
    Plan const& plan_;
    std::int64_t slices_;
    std::int64_t delay_slots_;
    bool narrow_ = false;                            ///< synapses of 4 bytes
    std::vector<Row> rows_;                          ///< by projection
    std::vector<std::vector<std::size_t>> rows_of_;  ///< projections by source population
    std::vector<Destination> destinations_;          ///< by population
    std::vector<std::uint64_t> row_start_;           ///< by source, and the end
    SynapseTable table_;
};

}  // namespace

SynapseTable make_synapses(Context const& context, Plan const& plan, Layout const& layout, std::int64_t delay_slots) {
    return Builder(context, plan, layout, delay_slots).build();
}

}  // namespace ca3::lif::cpu
