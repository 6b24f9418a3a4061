#include "lif/cpu_synapses.hpp"

#include <ca3/error.hpp>

#include "core/memory_limit.hpp"
#include "core/state.hpp"
#include "lif/cpu_rows.hpp"

#include <algorithm>
#include <atomic>
#include <limits>

namespace ca3::lif::cpu {

namespace {

constexpr std::size_t extent_bytes = std::size_t{4} << 20;  // what a thread takes of the region at once

/// Synapses that arrive together: those of one source and slice, by the number of different delays that they will about have.
double usual_run(Plan const& plan, double slices) {
    double synapses = 0.0, runs = 0.0;
    for (std::size_t p = 0; p < plan.populations.size(); ++p) {
        double const sources = static_cast<double>(std::max<std::int64_t>(plan.populations[p].count, 1));
        double degree = 0.0, delays = 1.0;
        for (auto const& projection : plan.projections) {
            if (projection.source != static_cast<std::int32_t>(p)) continue;
            degree += projection.expected_synapses / sources / slices;
            double const range =
                projection.given_delays.empty() ? projection.delay.longest() - projection.delay.shortest() + 1 : projection.longest_delay();
            if (range > 1.0) delays = std::max(delays, 0.7 * range);
        }
        synapses += degree * sources;
        runs += std::min(std::max(degree, 1.0), delays) * sources;
    }
    return synapses / std::max(runs, 1.0);
}

/// Sorts rows by slice and delay and writes them in blocks.
class BlockWriter {
public:
    BlockWriter(Context const& context, Plan const& plan, Layout const& layout)
        : context_(context), plan_(plan), layout_(layout), rows_(context, plan, layout) {}

    SynapseTable build() {
        auto const neurons = static_cast<std::size_t>(plan_.neurons());
        auto const slices = layout_.slices.size();
        auto const& start = rows_.row_start();
        table_.slices = static_cast<std::int64_t>(slices);
        table_.synapses = static_cast<std::int64_t>(start.back());
        table_.bytes_per_synapse = plan_.weight_bits == 16 ? 4 : 8;
        double const run = usual_run(plan_, static_cast<double>(slices));
        table_.per_block = run >= 20.0 ? 16 : (run >= 5.0 || start.back() > std::numeric_limits<std::uint32_t>::max() ? 4 : 1);
        block_bytes_ = static_cast<std::size_t>(table_.bytes_per_synapse) * static_cast<std::size_t>(table_.per_block);
        region_bytes_ = most_bytes(start);
        std::uint64_t const available = available_host_bytes(), least = start.back() * static_cast<std::uint64_t>(table_.bytes_per_synapse);
        if (available != 0 && least > available) throw OutOfMemory("Network::build: synapses", least, available);
        table_.storage = Region(region_bytes_);
        table_.row_begin.resize(neurons * slices);
        table_.segment_begin.assign(neurons * slices + 1, 0);
        rows_.make([&](std::size_t pieces) { pieces_.resize(pieces); },
                   [&](std::int64_t source, std::vector<RawSynapse>& row, std::size_t piece) {
                       auto& mine = pieces_[piece];
                       if (mine.sources == 0) mine.first = source;
                       ++mine.sources;
                       if (plan_.weight_bits == 16) {
                           write<NarrowSynapse>(static_cast<std::size_t>(source), row, mine);
                       } else {
                           write<WideSynapse>(static_cast<std::size_t>(source), row, mine);
                       }
                   });
        join();
        table_.row_start = start;
        return std::move(table_);
    }

private:
    /// What a piece of the work keeps: its extent of the region, and its segments until they are joined.
    struct Piece {
        std::int64_t first = 0, sources = 0;
        std::uint64_t next = 0, end = 0;  ///< blocks
        std::uint64_t used = 0;
        std::vector<Segment> segments;
        std::vector<std::uint32_t> bin;
    };

    /// Blocks that a row can need at most: each run wastes less than one.
    [[nodiscard]] std::uint64_t most_blocks(std::uint64_t degree) const {
        std::uint64_t const runs = std::min<std::uint64_t>(degree, layout_.slices.size() * static_cast<std::uint64_t>(plan_.longest_delay));
        auto const per_block = static_cast<std::uint64_t>(table_.per_block);
        return per_block == 1 ? degree : degree / per_block + runs;
    }
    [[nodiscard]] std::size_t most_bytes(std::vector<std::uint64_t> const& start) const {
        std::uint64_t blocks = 0, largest = 0;
        for (std::size_t s = 0; s + 1 < start.size(); ++s) {
            std::uint64_t const row = most_blocks(start[s + 1] - start[s]);
            blocks += row;
            largest = std::max(largest, row);
        }
        // Every extent may lose room for one row at its end, and every piece of the work begins one of its own.
        std::uint64_t const bytes = blocks * block_bytes_,
                            extents = bytes / extent_bytes + start.size() / 64 + plan_.populations.size() + 64;
        return bytes + extents * (extent_bytes + largest * block_bytes_);
    }

    void take_extent(Piece& piece, std::uint64_t blocks) {
        std::uint64_t const usual = extent_bytes / block_bytes_;
        std::uint64_t const wanted = std::max(blocks, piece.sources == 1 ? std::min(usual, blocks * 64) : usual);
        piece.next = next_block_.fetch_add(wanted);
        piece.end = piece.next + wanted;
        if (piece.end * block_bytes_ > region_bytes_ || piece.end > std::numeric_limits<std::uint32_t>::max())
            throw OutOfMemory("Network::build: synapses", piece.end * block_bytes_, region_bytes_);
    }

    template <class Synapse>
    void write(std::size_t source, std::vector<RawSynapse>& raw, Piece& piece) {
        auto const delays = static_cast<std::size_t>(plan_.longest_delay), slices = layout_.slices.size();
        std::uint64_t const most = most_blocks(raw.size());
        if (piece.next + most > piece.end) take_extent(piece, most);
        auto const bin_of = [&](RawSynapse const& r) { return (r.place >> 16) * delays + static_cast<std::size_t>(r.delay - 1); };
        auto const per_block = static_cast<std::size_t>(table_.per_block);
        auto* const out = reinterpret_cast<Synapse*>(table_.storage.data());
        std::uint64_t const first = piece.next;
        auto const put = [&](std::size_t at, RawSynapse const& r) {
            out[at] = {static_cast<decltype(Synapse::slot)>(r.place & 0xFFFFu), static_cast<decltype(Synapse::weight)>(r.weight)};
        };
        auto const begin_slice = [&](std::size_t slice) {
            table_.row_begin[source * slices + slice] = static_cast<std::uint32_t>(piece.next);
            table_.segment_begin[source * slices + slice] = piece.segments.size();
        };
        // Notes a run that begins at the next block, and fills its last block up. @return its first synapse
        auto const run = [&](std::size_t slice, std::size_t delay, std::size_t length) {
            std::size_t blocks = (length + per_block - 1) / per_block;
            std::size_t const begin = piece.next * per_block;
            for (std::size_t k = length; k < blocks * per_block; ++k) {
                auto const spare = static_cast<std::uint32_t>(layout_.slices[slice].slots) + static_cast<std::uint32_t>(k) % spare_slots;
                out[begin + k] = {static_cast<decltype(Synapse::slot)>(spare), 0};
            }
            piece.next += blocks;
            for (; blocks > 0;) {
                std::size_t const now = std::min<std::size_t>(blocks, 65535);
                piece.segments.push_back({static_cast<std::uint16_t>(delay), static_cast<std::uint16_t>(now)});
                blocks -= now;
            }
            return begin;
        };
        if (slices * delays <= 4 * raw.size() + 256) {
            auto& bin = piece.bin;
            bin.assign(slices * delays, 0);
            for (auto const& r : raw) ++bin[bin_of(r)];
            std::size_t const origin = first * per_block;  // places within the row fit 32 bits
            for (std::size_t slice = 0; slice < slices; ++slice) {
                begin_slice(slice);
                for (std::size_t d = 0; d < delays; ++d) {
                    auto& b = bin[slice * delays + d];
                    if (b > 0) b = static_cast<std::uint32_t>(run(slice, d + 1, b) - origin);
                }
            }
            for (auto const& r : raw) put(origin + bin[bin_of(r)]++, r);
        } else {
            std::sort(raw.begin(), raw.end(), [&](RawSynapse const& a, RawSynapse const& b) { return bin_of(a) < bin_of(b); });
            std::size_t k = 0;
            for (std::size_t slice = 0; slice < slices; ++slice) {
                begin_slice(slice);
                while (k < raw.size() && raw[k].place >> 16 == slice) {
                    std::size_t const begin = k;
                    while (k < raw.size() && bin_of(raw[k]) == bin_of(raw[begin])) ++k;
                    std::size_t const to = run(slice, static_cast<std::size_t>(raw[begin].delay), k - begin);
                    for (std::size_t i = begin; i < k; ++i) put(to + (i - begin), raw[i]);
                }
            }
        }
        piece.used += piece.next - first;
    }

    /// The segments of all pieces in one array; their beginnings count from the piece's first until then.
    void join() {
        std::vector<std::uint64_t> begin(pieces_.size() + 1, 0);
        for (std::size_t k = 0; k < pieces_.size(); ++k) {
            begin[k + 1] = begin[k] + pieces_[k].segments.size();
            table_.blocks += pieces_[k].used;
        }
        table_.segments.resize(begin.back());
        table_.segment_begin.back() = begin.back();
        pool(context_).run(static_cast<std::int64_t>(pieces_.size()), [&](std::int64_t index, int) {
            auto const k = static_cast<std::size_t>(index);
            auto& piece = pieces_[k];
            std::copy(piece.segments.begin(), piece.segments.end(), table_.segments.begin() + static_cast<std::ptrdiff_t>(begin[k]));
            piece.segments = {};
            for (std::int64_t row = piece.first * table_.slices; row < (piece.first + piece.sources) * table_.slices; ++row)
                table_.segment_begin[static_cast<std::size_t>(row)] += begin[k];
        });
    }

    Context const& context_;
    Plan const& plan_;
    Layout const& layout_;
    RowMaker rows_;
    SynapseTable table_;
    std::size_t block_bytes_ = 0;
    std::size_t region_bytes_ = 0;
    std::vector<Piece> pieces_;
    std::atomic<std::uint64_t> next_block_{0};
};

}  // namespace

SynapseTable make_synapses(Context const& context, Plan const& plan, Layout const& layout) {
    return BlockWriter(context, plan, layout).build();
}

}  // namespace ca3::lif::cpu
