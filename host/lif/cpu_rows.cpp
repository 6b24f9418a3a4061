#include "lif/cpu_rows.hpp"

#include "core/memory_limit.hpp"
#include "core/philox_fill.hpp"
#include "core/state.hpp"
#include "lif/connect.hpp"
#include "lif/cpu_projection_rows.hpp"

#include <algorithm>
#include <span>
#include <unordered_set>

namespace ca3::lif::cpu {

namespace {

constexpr std::int64_t sources_at_once = 64;

/// Where the synapses of a target population go.
struct Destination {
    std::vector<std::uint32_t> place;           ///< by neuron
    std::vector<std::uint32_t> second_channel;  ///< by slice: what to add to the slot for negative weights; 0 with one channel
};

/// Sources [first, end) of one population.
struct Piece {
    std::size_t population;
    std::int64_t first, end;
};

}  // namespace

struct RowMaker::State {
    Context context;
    Plan const& plan;
    std::vector<ProjectionRows> rows;               ///< by projection
    std::vector<std::vector<std::size_t>> rows_of;  ///< projections by source population
    std::vector<Destination> destinations;          ///< by population
    std::vector<std::uint64_t> row_start;

    State(Context const& c, Plan const& p, Layout const& layout) : context(c), plan(p) {
        rows_of.resize(plan.populations.size());
        for (std::size_t k = 0; k < plan.projections.size(); ++k) {
            rows.emplace_back(context, plan, k);
            rows_of[static_cast<std::size_t>(rows.back().source())].push_back(k);
        }
        for (std::int32_t k = 0; k < static_cast<std::int32_t>(plan.populations.size()); ++k) {
            Destination d{.place = layout.places(plan, k), .second_channel = std::vector<std::uint32_t>(layout.slices.size())};
            bool const two = channels_of(plan.populations[static_cast<std::size_t>(k)].kind) == 2;
            for (std::size_t s = 0; s < layout.slices.size(); ++s) {
                for (auto const& part : layout.slices[s].parts)
                    if (part.population == k && two) d.second_channel[s] = static_cast<std::uint32_t>(part.stride);
            }
            destinations.push_back(std::move(d));
        }
        row_start.assign(static_cast<std::size_t>(plan.neurons()) + 1, 0);
        for (std::size_t k = 0; k < plan.populations.size(); ++k) {
            auto const& population = plan.populations[k];
            for (std::int64_t s = 0; s < population.count; ++s) {
                auto const at = static_cast<std::size_t>(population.first + s);
                std::uint64_t degree = 0;
                for (std::size_t const projection : rows_of[k]) degree += rows[projection].degree(s);
                row_start[at + 1] = row_start[at] + degree;
            }
        }
    }

    [[nodiscard]] std::vector<Piece> pieces() const {
        std::uint64_t const most_numbers =
            std::clamp<std::uint64_t>(available_host_bytes() / 64, std::uint64_t{1} << 22, std::uint64_t{1} << 26);
        std::vector<Piece> list;
        for (std::size_t p = 0; p < plan.populations.size(); ++p) {
            std::int64_t const n = plan.populations[p].count;
            bool const together =
                std::any_of(rows_of[p].begin(), rows_of[p].end(), [&](std::size_t k) { return rows[k].keyed_by_target(); });
            std::int64_t const threads = pool(context).size();
            for (std::int64_t first = 0; first < n;) {
                std::int64_t end = std::min(n, first + sources_at_once);
                if (together) {
                    auto const numbers = [&](std::int64_t to) {
                        std::uint64_t sum = 0;
                        for (std::size_t const k : rows_of[p]) sum += rows[k].keyed_by_target() ? rows[k].synapses(first, to) : 0;
                        return sum;
                    };
                    std::int64_t const most = std::min(n, first + std::max(sources_at_once, (n + threads - 1) / threads));
                    while (end < most && numbers(std::min(most, end + sources_at_once)) <= most_numbers)
                        end = std::min(most, end + sources_at_once);
                }
                list.push_back({p, first, end});
                first = end;
            }
        }
        return list;
    }

    void make(Piece const& piece, std::size_t number, Write const& write) const {
        auto const& projections = rows_of[piece.population];
        std::vector<std::vector<std::uint64_t>> numbers(projections.size());
        for (std::size_t j = 0; j < projections.size(); ++j) {
            if (rows[projections[j]].keyed_by_target()) numbers[j] = rows[projections[j]].numbers_of(piece.first, piece.end);
        }
        std::vector<RawSynapse> raw;
        Words words;
        std::unordered_set<std::int64_t> chosen;
        for (std::int64_t s = piece.first; s < piece.end; ++s) {
            raw.clear();
            for (std::size_t j = 0; j < projections.size(); ++j) {
                ProjectionRows const& row = rows[projections[j]];
                Destination const& to = destinations[static_cast<std::size_t>(row.target())];
                std::span<std::uint64_t const> mine(numbers[j]);
                if (row.keyed_by_target()) mine = mine.subspan(row.synapses(piece.first, s), row.degree(s));
                row.make(s, mine, words, chosen, [&](std::int64_t target, std::int32_t weight, std::int32_t delay) {
                    std::uint32_t place = to.place[static_cast<std::size_t>(target)];
                    if (weight < 0) place += to.second_channel[place >> 16];
                    raw.push_back({place, weight, delay});
                });
            }
            write(plan.populations[piece.population].first + s, raw, number);
        }
    }
};

RowMaker::RowMaker(Context const& context, Plan const& plan, Layout const& layout)
    : state_(std::make_unique<State>(context, plan, layout)) {}
RowMaker::~RowMaker() = default;

std::vector<std::uint64_t> const& RowMaker::row_start() const {
    return state_->row_start;
}

void RowMaker::make(std::function<void(std::size_t)> const& begin, Write const& write) const {
    auto const pieces = state_->pieces();
    begin(pieces.size());
    pool(state_->context).run(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t k, int) {
        auto const number = static_cast<std::size_t>(k);
        state_->make(pieces[number], number, write);
    });
}

}  // namespace ca3::lif::cpu
