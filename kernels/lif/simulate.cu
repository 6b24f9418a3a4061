#include "kernels/common/device.cuh"
#include "kernels/lif/board.cuh"
#include "kernels/lif/step.cuh"

#include <algorithm>
#include <utility>

/// Many steps in one cooperative launch, whose blocks meet once a step; else one launch a step.
namespace ca3::lif::cuda {

namespace {

/// Blocks of networks with simple neurons are large, to have a thread for every neuron and many loads on their way; others need the
/// registers.
template <bool simple, bool in_shared, class Real>
constexpr int threads_of = simple              ? (sizeof(Real) == 8 ? 512
                                                  : in_shared       ? 768
                                                                    : 640)
                           : sizeof(Real) == 8 ? 256
                                               : 512;

// ---- one launch a step -----------------------------------------------------------------------------------------------

/// One step: first the spikes of the step before are delivered, then the neurons advance. Blocks of one slice each.
template <bool simple, class Real>
__global__ void __launch_bounds__(threads_of<simple, false, Real>, 1)
    step_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t k, std::int32_t last) {
    constexpr std::uint32_t most_rows = threads_of<simple, false, Real>;
    __shared__ Row rows[most_rows];
    auto const number = static_cast<std::int32_t>(blockIdx.x);
    DeviceSum<Real>* const ring = net.ring + net.ring_begin[number];
    std::uint64_t offset = 0;
    if (k > 0) {
        offset = list.offset[k - 1];
        std::uint32_t const count = list.count[k - 1];
        std::uint64_t events = 0;
        for (std::uint32_t done = 0; done < count; done += most_rows) {
            std::uint32_t const now = min(count - done, most_rows);
            if (threadIdx.x < now) {
                Row const row = row_of(net, list.items[offset + done + threadIdx.x], number);
                rows[threadIdx.x] = row;
                events += row.length;
            }
            __syncthreads();
            deliver_listed(net, rows, now, first_step + k - 1, ring);
            __syncthreads();
        }
        if (events != 0) atomicAdd(list.events, static_cast<unsigned long long>(events));
        offset += count;
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        list.offset[k] = offset;
        if (last != 0) *list.steps_done = k;
    }
    if (last != 0) return;
    std::int64_t const step = first_step + k;
    Slice const slice = slice_of(net, number);
    GlobalState<Real> const state{net, slice.first_item};
    for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) {
        stimulate_item(net, neuron, item, step, ring);
        if (update_item<simple>(net, neuron, item, state, step, ring))
            list.items[offset + atomicAdd(list.count + k, 1u)] = static_cast<std::uint32_t>(slice.first_item + item);
    });
    __syncthreads();
    sample_slice(net, number, state, step, first_step);
}

// ---- one launch for all --------------------------------------------------------------------------------------------

constexpr std::int32_t most_rows = 512;  // listed at a time

/// Where the parts of a block's shared memory begin, in bytes: sums and state, if they fit, then lists. Every block has the same.
struct SharedPlan {
    bool network;          ///< the ring of sums, at the begin, and the state are in shared memory
    std::int32_t values;   ///< Real[1 + variables][stride]
    std::int32_t rests;    ///< std::int32_t[stride]
    std::int32_t stimuli;  ///< std::uint32_t[PlainStimulus::words][stride]
    std::int32_t stride;   ///< neurons of the largest slice
    std::int32_t rows;     ///< Row[most_rows]
    std::int32_t counts;   ///< std::uint32_t[slices]
    std::int32_t starts;   ///< std::uint32_t[slices]
    std::int32_t owners;   ///< std::uint16_t[most_rows]
    std::int32_t spiked;   ///< std::uint32_t[stride]
    std::int64_t bytes;
};

SharedPlan plan_shared(std::int64_t sum_bytes, std::int64_t real_bytes, std::int32_t slices, LaunchHints const& hints, std::int64_t limit) {
    auto const stride = static_cast<std::int32_t>(hints.largest_items);
    auto const make = [&](bool network) {
        std::int64_t end = 0;
        auto const part = [&](std::int64_t bytes) { return static_cast<std::int32_t>(std::exchange(end, (end + bytes + 15) / 16 * 16)); };
        if (network) part(hints.largest_ring * sum_bytes);
        SharedPlan plan{.network = network,
                        .values = part(network ? (1 + hints.variables) * stride * real_bytes : 0),
                        .rests = part(network ? stride * 4 : 0),
                        .stimuli = part(network ? PlainStimulus::words * stride * 4 : 0),
                        .stride = stride,
                        .rows = part(most_rows * std::int64_t{sizeof(Row)}),
                        .counts = part(slices * 4),
                        .starts = part(slices * 4),
                        .owners = part(most_rows * 2),
                        .spiked = part(stride * 4),
                        .bytes = 0};
        plan.bytes = end;
        return plan;
    };
    bool const possible = hints.largest_ring <= limit && hints.largest_items <= limit;
    if (SharedPlan const plan = make(true); possible && plan.bytes <= limit) return plan;
    return make(false);
}

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

/// Cycles of one multiprocessor in the parts of a step, counted by one thread.
struct PhaseClock {
    unsigned long long* sum;  ///< [phases], in shared memory
    bool here;                ///< this thread
    unsigned last = 0;

    __device__ void begin() {
        if (here) last = cycles();
    }
    __device__ void end(int phase) {
        if (!here) return;
        unsigned const now = cycles();
        sum[phase] += now - last;
        last = now;
    }
};

/// A block's own memory.
template <bool in_shared, class Real>
struct BlockMemory;

template <class Real>
struct BlockMemory<true, Real> {
    DeviceSum<Real>* ring;
    SharedState<Real> state;
    std::uint32_t* stimuli;

    __device__ BlockMemory(NetworkView<Real> const&, Slice const&, std::int32_t, SharedPlan const& plan) {
        auto* const shared = dynamic_shared<unsigned char>();
        ring = reinterpret_cast<DeviceSum<Real>*>(shared);
        state = {reinterpret_cast<Real*>(shared + plan.values), reinterpret_cast<std::int32_t*>(shared + plan.rests), plan.stride};
        stimuli = reinterpret_cast<std::uint32_t*>(shared + plan.stimuli);
    }
    __device__ void prepare_stimuli(NetworkView<Real> const& net, Slice const& slice, std::int64_t first_step, std::int64_t end) const {
        for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) {
            PlainStimulus const plain = plain_stimulus(net, neuron, item, first_step, end);
            stimuli[item] = plain.slot;
            stimuli[state.stride + item] = plain.neuron;
            stimuli[2 * state.stride + item] = plain.thresholds;
            stimuli[3 * state.stride + item] = plain.stimulus;
            stimuli[4 * state.stride + item] = static_cast<std::uint32_t>(plain.weight);
        });
    }
    __device__ void stimulate(NetworkView<Real> const& net, Slice const& slice, std::int64_t step) const {
        for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) {
            std::uint32_t const slot = stimuli[item];
            if (slot == PlainStimulus::none) return;
            if (slot == PlainStimulus::other) {
                stimulate_item(net, neuron, item, step, ring);
                return;
            }
            PlainStimulus const plain{.slot = slot,
                                      .neuron = stimuli[state.stride + item],
                                      .thresholds = stimuli[2 * state.stride + item],
                                      .stimulus = stimuli[3 * state.stride + item],
                                      .weight = static_cast<std::int32_t>(stimuli[4 * state.stride + item])};
            stimulate_plainly(net, plain, static_cast<std::uint32_t>(step), ring);
        });
    }
    __device__ void load(NetworkView<Real> const& net, Slice const& slice, std::int32_t number, int variables) const {
        DeviceSum<Real> const* const global_ring = net.ring + net.ring_begin[number];
        std::int64_t const sums = net.ring_begin[number + 1] - net.ring_begin[number];
        for (std::int64_t i = threadIdx.x; i < sums; i += blockDim.x) ring[i] = global_ring[i];
        GlobalState<Real> const global{net, slice.first_item};
        for (auto i = static_cast<std::int32_t>(threadIdx.x); i < slice.items; i += static_cast<std::int32_t>(blockDim.x)) {
            state.v(i) = global.v(i);
            for (int k = 0; k < variables; ++k) state.s(k, i) = global.s(k, i);
            state.rest(i) = global.rest(i);
        }
    }
    __device__ void store(NetworkView<Real> const& net, Slice const& slice, std::int32_t number, int variables) const {
        DeviceSum<Real>* const global_ring = net.ring + net.ring_begin[number];
        std::int64_t const sums = net.ring_begin[number + 1] - net.ring_begin[number];
        for (std::int64_t i = threadIdx.x; i < sums; i += blockDim.x) global_ring[i] = ring[i];
        GlobalState<Real> const global{net, slice.first_item};
        for (auto i = static_cast<std::int32_t>(threadIdx.x); i < slice.items; i += static_cast<std::int32_t>(blockDim.x)) {
            global.v(i) = state.v(i);
            for (int k = 0; k < variables; ++k) global.s(k, i) = state.s(k, i);
            global.rest(i) = state.rest(i);
        }
    }
};

template <class Real>
struct BlockMemory<false, Real> {
    DeviceSum<Real>* ring;
    GlobalState<Real> state;

    __device__ BlockMemory(NetworkView<Real> const& net, Slice const& slice, std::int32_t number, SharedPlan const&)
        : ring(net.ring + net.ring_begin[number]), state{net, slice.first_item} {}
    __device__ void prepare_stimuli(NetworkView<Real> const&, Slice const&, std::int64_t, std::int64_t) const {}
    __device__ void stimulate(NetworkView<Real> const& net, Slice const& slice, std::int64_t step) const {
        for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) { stimulate_item(net, neuron, item, step, ring); });
    }
    __device__ void load(NetworkView<Real> const&, Slice const&, std::int32_t, int) const {}
    __device__ void store(NetworkView<Real> const&, Slice const&, std::int32_t, int) const {}
};

/// All steps. @tparam in_shared the ring of sums and the state are copied into shared memory, and back at the end
template <bool simple, bool in_shared, class Real>
__global__ void __launch_bounds__(threads_of<simple, in_shared, Real>, 1)
    persistent_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t steps, SharedPlan plan, int variables,
                      unsigned long long* board) {
    __shared__ StepCounters counters;
    __shared__ unsigned spikes_here;
    __shared__ unsigned long long cycle_sums[phases];
    auto const number = static_cast<std::int32_t>(blockIdx.x);
    Slice const slice = slice_of(net, number);
    BlockMemory<in_shared, Real> const memory(net, slice, number, plan);
    auto* const shared = dynamic_shared<unsigned char>();
    auto* const rows = reinterpret_cast<Row*>(shared + plan.rows);
    auto* const counts = reinterpret_cast<std::uint32_t*>(shared + plan.counts);
    auto* const starts = reinterpret_cast<std::uint32_t*>(shared + plan.starts);
    auto* const owners = reinterpret_cast<std::uint16_t*>(shared + plan.owners);
    auto* const spiked = reinterpret_cast<std::uint32_t*>(shared + plan.spiked);
    memory.load(net, slice, number, variables);
    memory.prepare_stimuli(net, slice, first_step, first_step + steps);
    if (threadIdx.x == 0) {
        counters = {};
        spikes_here = 0;
        for (auto& sum : cycle_sums) sum = 0;
    }
    __syncthreads();
    memory.stimulate(net, slice, first_step);
    __syncthreads();

    unsigned const thread = blockDim.x - 1 - threadIdx.x;
    auto const side_words = static_cast<unsigned>(board_words(net.slices, net.item_begin[net.slices]) / 2);
    // The list has room for two steps more whatever spikes in them, as long as it holds no more than this.
    std::int64_t const most_held = static_cast<std::int64_t>(list.capacity) - 2 * net.neurons;
    std::int64_t offset = 0;
    std::uint64_t events = 0;
    PhaseClock clock{.sum = cycle_sums, .here = threadIdx.x == 0 && blockIdx.x == 0};
    for (std::int32_t k = 0;; ++k) {
        bool const go_on = k + 1 < steps && offset <= most_held;  // the same decision in every block
        std::int64_t const step = first_step + k;
        unsigned const mark = mark_of(k);
        unsigned long long* const words = (k & 1) != 0 ? board + side_words : board;
        Side const side{words, words + board_copies * board_row(net.slices)};

        clock.begin();
        for_each_item(net, slice, [&](std::int32_t item, Item const& neuron) {
            if (update_item<simple>(net, neuron, item, memory.state, step, memory.ring)) {
                fetch_offsets(net, slice.first_item + item);
                spiked[atomicAdd(&spikes_here, 1u)] = static_cast<std::uint32_t>(item);
            }
        });
        __syncthreads();
        clock.end(update_phase);
        unsigned const spikes = spikes_here;
        post_spikes(net, number, side, spiked, spikes, mark, thread);
        if (go_on) memory.stimulate(net, slice, step + 1);  // while the words travel
        sample_slice(net, number, memory.state, step, first_step);
        clock.end(stimulus_phase);
        events += collect_spikes(net, number, side, mark, thread, spikes != 0, rows, counts, starts, counters);
        __syncthreads();
        clock.end(exchange_phase);

        unsigned const all = counters.all;
        if (all <= most_rows && counters.many == 0) {
            deliver_listed(net, rows, all, step, memory.ring);
        } else {
            for (unsigned done = 0; done < all; done += most_rows) {
                if (done > 0) __syncthreads();
                events += list_rows(net, number, side, mark, rows, counts, starts, owners, done, all);
                deliver_listed(net, rows, min(all - done, static_cast<unsigned>(most_rows)), step, memory.ring);
            }
        }
        if (spikes != 0) {
            std::int64_t const mine = offset + counters.before;
            for (unsigned p = threadIdx.x; p < spikes; p += blockDim.x)
                list.items[mine + p] = static_cast<std::uint32_t>(slice.first_item + spiked[p]);
        }
        if (threadIdx.x == 0) spikes_here = 0;
        if (blockIdx.x == 0 && threadIdx.x == 0) list.offset[k] = static_cast<std::uint64_t>(offset);
        offset += all;
        __syncthreads();
        if (threadIdx.x == 0) counters = {};  // not before everybody has read them; written again after the next barrier
        clock.end(delivery_phase);
        if (!go_on) {
            if (blockIdx.x == 0 && threadIdx.x == 0) {
                list.offset[k + 1] = static_cast<std::uint64_t>(offset);
                *list.steps_done = k + 1;
            }
            break;
        }
    }
    if (events != 0) atomicAdd(list.events, static_cast<unsigned long long>(events));
    if (threadIdx.x == 0 && blockIdx.x == 0) {
        for (int i = 0; i < phases; ++i) list.cycles[i] += cycle_sums[i];
    }
    memory.store(net, slice, number, variables);
}

template <bool simple, class Real>
bool simulate_persistent(Context const& context, NetworkView<Real> const& net, SpikeList const& list, std::int64_t first_step,
                         std::int32_t steps, LaunchHints const& hints) {
    auto const limits = device_limits(context.device());
    ca3::cuda::CurrentDevice const current(context.device());
    int cooperative = 0;
    check(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, context.device()), "cudaDeviceGetAttribute");
    std::int64_t const most_shared = limits.shared_bytes_per_block - 1024;
    if (cooperative == 0 || hints.largest_items > 65535) return false;
    SharedPlan const plan = plan_shared(sizeof(DeviceSum<Real>), sizeof(Real), net.slices, hints, most_shared);
    if (plan.bytes > most_shared) return false;
    auto const kernel = plan.network ? persistent_kernel<simple, true, Real> : persistent_kernel<simple, false, Real>;
    auto const shared_bytes = static_cast<std::size_t>(plan.bytes);
    check(cudaFuncSetAttribute(reinterpret_cast<void const*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(plan.bytes)),
          "cudaFuncSetAttribute(MaxDynamicSharedMemorySize)");
    int const threads = plan.network ? threads_of<simple, true, Real> : threads_of<simple, false, Real>;
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, shared_bytes),
          "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    if (static_cast<std::int64_t>(blocks) * limits.multiprocessors < net.slices) return false;
    check(cudaMemsetAsync(hints.board, 0, static_cast<std::size_t>(board_words(net.slices, hints.items)) * 8, context.stream()),
          "cudaMemsetAsync");
    launch(context, kernel,
           {.grid = dim3(static_cast<unsigned>(net.slices)),
            .block = dim3(static_cast<unsigned>(threads)),
            .shared_bytes = shared_bytes,
            .cooperative = true},
           net, list, first_step, steps, plan, hints.variables, hints.board);
    return true;
}

template <bool simple, class Real>
void simulate_as(Context const& context, NetworkView<Real> const& net, SpikeList const& list, std::int64_t first_step, std::int64_t steps,
                 LaunchHints const& hints) {
    auto const wanted = static_cast<std::int32_t>(steps);
    if (simulate_persistent<simple>(context, net, list, first_step, wanted, hints)) return;
    // The list has room for this many steps whatever spikes; the caller comes back for the rest.
    auto const room = static_cast<std::int64_t>(list.capacity / static_cast<std::uint64_t>(std::max<std::int64_t>(net.neurons, 1)));
    auto const now = static_cast<std::int32_t>(std::min<std::int64_t>(wanted, room));
    for (std::int32_t k = 0; k <= now; ++k) {
        launch(context, step_kernel<simple, Real>,
               {.grid = dim3(static_cast<unsigned>(net.slices)), .block = dim3(threads_of<simple, false, Real>)}, net, list, first_step, k,
               k == now ? 1 : 0);
    }
}

// ---- spikes from before ----------------------------------------------------------------------------------------------

template <class Real>
__global__ void __launch_bounds__(256)
    late_kernel(NetworkView<Real> net, std::uint32_t const* items, std::int64_t count, std::int64_t step, std::int64_t done) {
    auto const slice = static_cast<std::int32_t>(blockIdx.x);
    DeviceSum<Real>* const ring = net.ring + net.ring_begin[slice];
    auto const slots = static_cast<std::uint32_t>(net.delay_slots);
    for (std::int64_t k = threadIdx.x / 32; k < count; k += blockDim.x / 32) {
        Row const row = row_of(net, items[k], slice);
        for (std::uint64_t j = row.begin + threadIdx.x % 32; j < row.begin + row.length; j += 32) {
            std::uint32_t index;
            std::int32_t weight;
            if (net.wide != 0) {
                uint2 const synapse = static_cast<uint2 const*>(net.synapses)[j];
                index = synapse.x;
                weight = static_cast<std::int32_t>(synapse.y);
            } else {
                std::uint32_t const synapse = static_cast<std::uint32_t const*>(net.synapses)[j];
                index = synapse & 0xFFFFu;
                weight = static_cast<std::int16_t>(synapse >> 16);
            }
            std::uint32_t const delay = (index - index / slots) & (slots - 1);
            if (step + delay > done) add_arrival(net, index, weight, static_cast<std::uint32_t>(step), ring);
        }
    }
}

}  // namespace

template <class Real>
void simulate(Context const& context, NetworkView<Real> const& net, SpikeList const& list, std::int64_t first_step, std::int64_t steps,
              LaunchHints const& hints) {
    if (steps == 0) return;
    if (hints.simple) {
        simulate_as<true>(context, net, list, first_step, steps, hints);
    } else {
        simulate_as<false>(context, net, list, first_step, steps, hints);
    }
}

template <class Real>
void deliver_late(Context const& context, NetworkView<Real> const& net, std::uint32_t const* items, std::int64_t count, std::int64_t step,
                  std::int64_t done) {
    if (count == 0) return;
    launch(context, late_kernel<Real>, {.grid = dim3(static_cast<unsigned>(net.slices)), .block = dim3(256)}, net, items, count, step,
           done);
}

template void simulate(Context const&, NetworkView<float> const&, SpikeList const&, std::int64_t, std::int64_t, LaunchHints const&);
template void simulate(Context const&, NetworkView<double> const&, SpikeList const&, std::int64_t, std::int64_t, LaunchHints const&);
template void deliver_late(Context const&, NetworkView<float> const&, std::uint32_t const*, std::int64_t, std::int64_t, std::int64_t);
template void deliver_late(Context const&, NetworkView<double> const&, std::uint32_t const*, std::int64_t, std::int64_t, std::int64_t);

}  // namespace ca3::lif::cuda
