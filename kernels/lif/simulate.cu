#include "kernels/common/device.cuh"
#include "kernels/lif/board.cuh"
#include "kernels/lif/step.cuh"

#include <algorithm>
#include <utility>

/// Many steps in one cooperative launch, whose blocks meet once a step; else one launch a step.
namespace ca3::lif::cuda {

namespace {

/// Blocks of networks with simple neurons are large, to have a thread for every neuron and a warp for every spike; others need the
/// registers.
template <bool simple, class Real>
constexpr int threads_of = simple              ? (sizeof(Real) == 4 ? 768 : 512)
                           : sizeof(Real) == 4 ? 512
                                               : 256;

// ---- one launch a step -----------------------------------------------------------------------------------------------

/// One step: first the spikes of the step before are delivered, then the neurons advance. Blocks of one slice each.
template <bool simple, class Real>
__global__ void __launch_bounds__(threads_of<simple, Real>, 1)
    step_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t k, std::int32_t last) {
    constexpr std::uint32_t most_rows = threads_of<simple, Real>;
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
                Row const row = row_of(net, list.ids[offset + done + threadIdx.x], number);
                rows[threadIdx.x] = row;
                events += row.end - row.begin;
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
    stimulate_slice(net, slice, step, ring);
    __syncthreads();
    update_slice<simple>(net, slice, state, step, ring, [&](std::uint32_t id) { list.ids[offset + atomicAdd(list.count + k, 1u)] = id; });
    __syncthreads();
    sample_slice(net, number, state, step, first_step);
}

// ---- one launch for all --------------------------------------------------------------------------------------------

constexpr std::int32_t most_rows = 512;  // listed at a time

/// Where the parts of a block's shared memory begin, in bytes: sums and state, if they fit, then lists. Every block has the same.
struct SharedPlan {
    bool network;         ///< the ring of sums, at the begin, and the state are in shared memory
    std::int32_t values;  ///< Real[1 + variables][stride]
    std::int32_t rests;   ///< std::int32_t[stride]
    std::int32_t stride;  ///< neurons of the largest slice
    std::int32_t rows;    ///< Row[most_rows]
    std::int32_t counts;  ///< std::uint32_t[slices]
    std::int32_t starts;  ///< std::uint32_t[slices]
    std::int32_t ids;     ///< std::uint32_t[stride]
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
                        .stride = stride,
                        .rows = part(most_rows * std::int64_t{sizeof(Row)}),
                        .counts = part(slices * 4),
                        .starts = part(slices * 4),
                        .ids = part(stride * 4),
                        .bytes = 0};
        plan.bytes = end;
        return plan;
    };
    bool const possible = hints.largest_ring <= limit && hints.largest_items <= limit;
    if (SharedPlan const plan = make(true); possible && plan.bytes <= limit) return plan;
    return make(false);
}

/// What a block counts of the spikes of a step.
struct StepCounters {
    unsigned all;     ///< of all blocks
    unsigned before;  ///< of the blocks before this one
    unsigned many;    ///< a block has more than `firsts`
};

constexpr unsigned firsts = 4;

/// The words of a block's first spikes, of which two are there without a spike, and of the others.
struct Side {
    unsigned long long* first;   ///< [slice][firsts]
    unsigned long long* others;  ///< [item]
};

template <class Real>
__device__ Side side_of(NetworkView<Real> const& net, unsigned long long* board, std::int32_t k) {
    unsigned long long* const begin = board + (k & 1) * (board_words(net.slices, net.item_begin[net.slices]) / 2);
    return {begin, begin + firsts * net.slices};
}

template <class Real>
__device__ unsigned long long* word_of(NetworkView<Real> const& net, Side const& side, std::int32_t slice, unsigned spike) {
    return spike < firsts ? side.first + firsts * slice + spike : side.others + net.item_begin[slice] + spike;
}

/// Tells all blocks of this block's spikes; an even number of words.
template <class Real>
__device__ void post_spikes(NetworkView<Real> const& net, std::int32_t slice, Side const& side, std::uint32_t const* ids, unsigned count,
                            unsigned mark) {
    unsigned const words = count <= 2 ? 2 : max(count, firsts);
    for (unsigned p = threadIdx.x; p < words; p += blockDim.x)
        post_word(word_of(net, side, slice, p), posted({p < count ? ids[p] : 0u, count}, mark));
}

__device__ inline void wait_for_two(unsigned long long const* from, unsigned mark, unsigned long long (&words)[2]) {
    do {
        read_words(from, words);
    } while (!bears(words[0], mark) || !bears(words[1], mark));
}

/// Waits for the first words of all blocks, and puts the rows of their spikes into the list, as far as it reaches. The threads at the end
/// of the block do it: those at its begin have more to do with neurons. @return synapses listed
template <class Real>
__device__ std::uint64_t collect_spikes(NetworkView<Real> const& net, std::int32_t slice, Side const& side, unsigned mark, Row* rows,
                                        std::uint32_t* counts, std::uint32_t* starts, StepCounters& counters) {
    std::uint64_t listed = 0;
    for (auto other = static_cast<std::int32_t>(blockDim.x - 1 - threadIdx.x); other < net.slices;
         other += static_cast<std::int32_t>(blockDim.x)) {
        unsigned long long words[2];
        wait_for_two(side.first + firsts * other, mark, words);
        unsigned const count = notice_of(words[0]).count;
        counts[other] = count;
        if (count == 0) continue;
        unsigned const start = atomicAdd(&counters.all, count);
        starts[other] = start;
        if (other < slice) atomicAdd(&counters.before, count);
        if (count > firsts) counters.many = 1;
        for (unsigned p = 0; p < min(count, firsts) && start + p < most_rows; ++p) {
            if (p == 2) wait_for_two(side.first + firsts * other + 2, mark, words);
            Row const row = row_of(net, notice_of((p & 1) == 0 ? words[0] : words[1]).id, slice);
            rows[start + p] = row;
            listed += row.end - row.begin;
        }
    }
    return listed;
}

/// Lists the rows number `begin` ... of the step that are not yet there. @return synapses listed
template <class Real>
__device__ std::uint64_t list_rows(NetworkView<Real> const& net, std::int32_t slice, Side const& side, unsigned mark, Row* rows,
                                   std::uint32_t const* counts, std::uint32_t const* starts, unsigned begin) {
    std::uint64_t listed = 0;
    for (auto other = static_cast<std::int32_t>(threadIdx.x / 32); other < net.slices;
         other += static_cast<std::int32_t>(blockDim.x / 32)) {
        for (unsigned p = (begin == 0 ? firsts : 0) + threadIdx.x % 32; p < counts[other]; p += 32) {
            unsigned const place = starts[other] + p - begin;  // wraps where it lies before
            if (place >= most_rows) continue;
            unsigned long long word;
            do {
                word = read_word(word_of(net, side, other, p));
            } while (!bears(word, mark));
            Row const row = row_of(net, notice_of(word).id, slice);
            rows[place] = row;
            listed += row.end - row.begin;
        }
    }
    return listed;
}

/// Cycles of one multiprocessor in the parts of a step; one thread counts those of every eighth step.
struct PhaseClock {
    unsigned long long* sum;  ///< [phases]; null: not this thread
    unsigned last = 0;

    __device__ void begin(std::int32_t k) {
        if (sum != nullptr && k % 8 == 0) last = cycles();
    }
    __device__ void end(std::int32_t k, int phase) {
        if (sum == nullptr || k % 8 != 0) return;
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

    __device__ BlockMemory(NetworkView<Real> const&, Slice const&, std::int32_t, SharedPlan const& plan) {
        auto* const shared = dynamic_shared<unsigned char>();
        ring = reinterpret_cast<DeviceSum<Real>*>(shared);
        state = {reinterpret_cast<Real*>(shared + plan.values), reinterpret_cast<std::int32_t*>(shared + plan.rests), plan.stride};
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
    __device__ void load(NetworkView<Real> const&, Slice const&, std::int32_t, int) const {}
    __device__ void store(NetworkView<Real> const&, Slice const&, std::int32_t, int) const {}
};

/// All steps. @tparam in_shared the ring of sums and the state are copied into shared memory, and back at the end
template <bool simple, bool in_shared, class Real>
__global__ void __launch_bounds__(threads_of<simple, Real>, 1)
    persistent_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t steps, SharedPlan plan, int variables,
                      unsigned long long* board) {
    __shared__ StepCounters counters;
    __shared__ unsigned spikes_here;
    auto const number = static_cast<std::int32_t>(blockIdx.x);
    Slice const slice = slice_of(net, number);
    BlockMemory<in_shared, Real> const memory(net, slice, number, plan);
    auto* const shared = dynamic_shared<unsigned char>();
    auto* const rows = reinterpret_cast<Row*>(shared + plan.rows);
    auto* const counts = reinterpret_cast<std::uint32_t*>(shared + plan.counts);
    auto* const starts = reinterpret_cast<std::uint32_t*>(shared + plan.starts);
    auto* const ids = reinterpret_cast<std::uint32_t*>(shared + plan.ids);
    memory.load(net, slice, number, variables);
    if (threadIdx.x == 0) {
        counters = {};
        spikes_here = 0;
    }
    __syncthreads();
    stimulate_slice(net, slice, first_step, memory.ring);
    __syncthreads();

    std::uint64_t offset = 0, events = 0;
    PhaseClock clock{.sum = blockIdx.x == 0 && threadIdx.x == 0 ? list.cycles : nullptr};
    for (std::int32_t k = 0;; ++k) {
        // The same decision in every block; with the spikes of this step and the next one in the list, whatever they are.
        bool const go_on = k + 1 < steps && offset + 2 * static_cast<std::uint64_t>(net.neurons) <= list.capacity;
        std::int64_t const step = first_step + k;
        unsigned const mark = static_cast<unsigned>(k) + 1;
        Side const side = side_of(net, board, k);

        clock.begin(k);
        update_slice<simple>(net, slice, memory.state, step, memory.ring, [&](std::uint32_t id) { ids[atomicAdd(&spikes_here, 1u)] = id; });
        __syncthreads();
        unsigned const spikes = spikes_here;
        post_spikes(net, number, side, ids, spikes, mark);
        sample_slice(net, number, memory.state, step, first_step);
        clock.end(k, update_phase);
        if (go_on) stimulate_slice(net, slice, step + 1, memory.ring);  // while the words travel
        clock.end(k, stimulus_phase);
        events += collect_spikes(net, number, side, mark, rows, counts, starts, counters);
        __syncthreads();
        clock.end(k, exchange_phase);

        unsigned const all = counters.all;
        for (unsigned done = 0; done < all; done += most_rows) {
            if (done > 0) __syncthreads();
            if (done > 0 || counters.many != 0) {
                events += list_rows(net, number, side, mark, rows, counts, starts, done);
                __syncthreads();
            }
            deliver_listed(net, rows, min(all - done, static_cast<unsigned>(most_rows)), step, memory.ring);
        }
        std::uint64_t const mine = offset + counters.before;
        for (unsigned p = threadIdx.x; p < spikes; p += blockDim.x) list.ids[mine + p] = ids[p];
        if (blockIdx.x == 0 && threadIdx.x == 0) list.offset[k] = offset;
        offset += all;
        if (threadIdx.x == 0) spikes_here = 0;
        __syncthreads();
        if (threadIdx.x == 0) counters = {};  // not before everybody has read them; written again after the next barrier
        clock.end(k, delivery_phase);
        if (!go_on) {
            if (blockIdx.x == 0 && threadIdx.x == 0) {
                list.offset[k + 1] = offset;
                *list.steps_done = k + 1;
            }
            break;
        }
    }
    if (events != 0) atomicAdd(list.events, static_cast<unsigned long long>(events));
    memory.store(net, slice, number, variables);
}

template <bool simple, class Real>
bool simulate_persistent(Context const& context, NetworkView<Real> const& net, SpikeList const& list, std::int64_t first_step,
                         std::int32_t steps, LaunchHints const& hints) {
    static_assert(most_steps < 65536, "marks have 16 bits");
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
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads_of<simple, Real>, shared_bytes),
          "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    if (static_cast<std::int64_t>(blocks) * limits.multiprocessors < net.slices) return false;
    check(cudaMemsetAsync(hints.board, 0, static_cast<std::size_t>(board_words(net.slices, hints.items)) * 8, context.stream()),
          "cudaMemsetAsync");
    launch(context, kernel,
           {.grid = dim3(static_cast<unsigned>(net.slices)),
            .block = dim3(threads_of<simple, Real>),
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
               {.grid = dim3(static_cast<unsigned>(net.slices)), .block = dim3(threads_of<simple, Real>)}, net, list, first_step, k,
               k == now ? 1 : 0);
    }
}

// ---- spikes from before ----------------------------------------------------------------------------------------------

template <class Real>
__global__ void __launch_bounds__(256)
    late_kernel(NetworkView<Real> net, std::uint32_t const* ids, std::int64_t count, std::int64_t step, std::int64_t done) {
    auto const slice = static_cast<std::int32_t>(blockIdx.x);
    DeviceSum<Real>* const ring = net.ring + net.ring_begin[slice];
    auto const slots = static_cast<std::uint32_t>(net.delay_slots);
    for (std::int64_t k = threadIdx.x / 32; k < count; k += blockDim.x / 32) {
        Row const row = row_of(net, ids[k], slice);
        for (std::uint64_t j = row.begin + threadIdx.x % 32; j < row.end; j += 32) {
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
void deliver_late(Context const& context, NetworkView<Real> const& net, std::uint32_t const* ids, std::int64_t count, std::int64_t step,
                  std::int64_t done) {
    if (count == 0) return;
    launch(context, late_kernel<Real>, {.grid = dim3(static_cast<unsigned>(net.slices)), .block = dim3(256)}, net, ids, count, step, done);
}

template void simulate(Context const&, NetworkView<float> const&, SpikeList const&, std::int64_t, std::int64_t, LaunchHints const&);
template void simulate(Context const&, NetworkView<double> const&, SpikeList const&, std::int64_t, std::int64_t, LaunchHints const&);
template void deliver_late(Context const&, NetworkView<float> const&, std::uint32_t const*, std::int64_t, std::int64_t, std::int64_t);
template void deliver_late(Context const&, NetworkView<double> const&, std::uint32_t const*, std::int64_t, std::int64_t, std::int64_t);

}  // namespace ca3::lif::cuda
