#pragma once

#include "kernels/lif/board.cuh"
#include "kernels/lif/deliver.cuh"

/// What the blocks of a cooperative launch do with the board in one step, and the list of rows that comes of it.
namespace ca3::lif::cuda {

constexpr std::int32_t most_rows = 512;  // listed at a time

/// Brings what tells all blocks where their rows of a neuron are into the cache that they share.
template <class Real>
__device__ void fetch_offsets(NetworkView<Real> const& net, std::int64_t item) {
    if (net.row_offset_16 == nullptr) return;
    std::int64_t const begin = item * (net.slices + 1) / 8;  // units of 16 bytes
    prefetch(reinterpret_cast<uint4 const*>(net.row_offset_16) + begin, static_cast<unsigned>(net.slices + 1) / 8 * 16 + 32);
}

/// What a block counts of the spikes of a step.
struct StepCounters {
    unsigned all;     ///< of all blocks
    unsigned before;  ///< of the blocks before this one
    unsigned many;    ///< a block has more than its word tells
};

/// One side of the board: copies of the first part, and the second part by neuron of the network.
struct Side {
    unsigned long long* blocks;   ///< [board_copies][board_row(slices)]
    unsigned long long* neurons;  ///< [item]
};

/// Tells all blocks of this block's spikes. `thread` counts from the block's last.
template <class Real>
__device__ void post_spikes(NetworkView<Real> const& net, std::int32_t slice, Side const& side, std::uint32_t const* spiked, unsigned count,
                            unsigned mark, unsigned thread) {
    if (thread < board_copies) {
        unsigned long long word = count_only(count);
        if (count <= told_at_once) {
            word = static_cast<unsigned long long>(count) << 56;
            for (unsigned p = 0; p < count; ++p) word |= static_cast<unsigned long long>(spiked[p]) << (16 * p);
        }
        post_word(side.blocks + thread * board_row(net.slices) + slice, marked(word, mark));
    }
    if (count > told_at_once) {
        for (unsigned p = thread; p < count; p += blockDim.x) post_word(side.neurons + net.item_begin[slice] + p, marked(spiked[p], mark));
    }
}

/// Waits for the words of all blocks, and puts the rows of the spikes that they tell into the list, as far as it reaches. The last warps of
/// the block do it: the first have more to do with neurons. `thread` counts from the block's last. @return synapses listed
template <class Real>
__device__ std::uint64_t collect_spikes(NetworkView<Real> const& net, std::int32_t slice, Side const& side, unsigned mark, unsigned thread,
                                        bool any_here, Row* rows, std::uint32_t* counts, std::uint32_t* starts, StepCounters& counters) {
    constexpr unsigned all_lanes = 0xFFFFFFFFu;
    unsigned const lane = threadIdx.x % 32, lower = (1u << lane) - 1;
    unsigned long long const* const words = side.blocks + static_cast<unsigned>(slice) % board_copies * board_row(net.slices);
    std::uint64_t listed = 0;
    for (auto first = static_cast<std::int32_t>(thread / 32 * 32); first < net.slices; first += static_cast<std::int32_t>(blockDim.x)) {
        std::int32_t const other = first + static_cast<std::int32_t>(lane);
        unsigned long long const word = other < net.slices ? wait_for_word(words + other, mark) : 0;
        __syncwarp();
        unsigned const count = count_of(word);
        if (other < net.slices) counts[other] = count;
        unsigned const one = __ballot_sync(all_lanes, count > 0);
        if (one == 0) continue;
        unsigned const two = __ballot_sync(all_lanes, count > 1), three = __ballot_sync(all_lanes, count > 2);
        unsigned start = 0;
        if (__any_sync(all_lanes, count > told_at_once)) {
            if (count > 0) start = atomicAdd(&counters.all, count);
            if (other < slice && count > 0) atomicAdd(&counters.before, count);
            counters.many = 1;
        } else {
            if (lane == 0) start = atomicAdd(&counters.all, static_cast<unsigned>(__popc(one) + __popc(two) + __popc(three)));
            start =
                __shfl_sync(all_lanes, start, 0) + static_cast<unsigned>(__popc(one & lower) + __popc(two & lower) + __popc(three & lower));
            if (any_here && first < slice) {
                unsigned const before = slice - first >= 32 ? all_lanes : (1u << (slice - first)) - 1;
                if (lane == 0)
                    atomicAdd(&counters.before,
                              static_cast<unsigned>(__popc(one & before) + __popc(two & before) + __popc(three & before)));
            }
        }
        if (count == 0) continue;
        starts[other] = start;
        if (count > told_at_once) continue;
        std::int64_t const first_item = net.item_begin[other];
        for (unsigned p = 0; p < count && start + p < most_rows; ++p) {
            Row const row = row_of(net, first_item + neuron_of(word, p), slice);
            rows[start + p] = row;
            listed += row.length;
        }
    }
    return listed;
}

/// Lists the rows number `begin` ... of the step that are not yet there, each by a thread. All threads of the block call.
/// @param owners receives the slices that the spikes are of  @return synapses listed
template <class Real>
__device__ std::uint64_t list_rows(NetworkView<Real> const& net, std::int32_t slice, Side const& side, unsigned mark, Row* rows,
                                   std::uint32_t const* counts, std::uint32_t const* starts, std::uint16_t* owners, unsigned begin,
                                   unsigned all) {
    for (auto other = static_cast<std::int32_t>(threadIdx.x); other < net.slices; other += static_cast<std::int32_t>(blockDim.x)) {
        for (unsigned p = 0; p < counts[other]; ++p) {
            unsigned const place = starts[other] + p - begin;  // wraps where it lies before
            if (place < most_rows) owners[place] = static_cast<std::uint16_t>(other);
        }
    }
    __syncthreads();
    std::uint64_t listed = 0;
    for (unsigned place = threadIdx.x; place < min(all - begin, static_cast<unsigned>(most_rows)); place += blockDim.x) {
        std::int32_t const other = owners[place];
        bool const told = counts[other] <= told_at_once;
        if (told && begin == 0) continue;
        unsigned const p = place + begin - starts[other];
        unsigned long long const word = wait_for_word(told ? side.blocks + other : side.neurons + net.item_begin[other] + p, mark);
        Row const row = row_of(net, net.item_begin[other] + neuron_of(word, told ? p : 0), slice);
        rows[place] = row;
        listed += row.length;
    }
    __syncthreads();
    return listed;
}

}  // namespace ca3::lif::cuda
