#include "kernels/common/device.cuh"
#include "kernels/lif/board.cuh"
#include "kernels/lif/step.cuh"

#include <algorithm>
#include <array>
#include <limits>

/// Many steps in one cooperative launch, whose blocks meet once a step; else one launch a step.
namespace ca3::lif::cuda {

namespace {

/// Blocks of networks with simple neurons are large, to have a thread for every neuron and a warp for every spike; others need the
/// registers.
template <bool simple, class Real>
constexpr int threads_of = simple ? (sizeof(Real) == 4 ? 1024 : 512) : sizeof(Real) == 4 ? 512 : 256;

// ---- one launch a step -----------------------------------------------------------------------------------------------

/// One step: first the spikes of the step before are delivered, then the neurons advance. Blocks of one slice each.
template <bool simple, class Real>
__global__ void __launch_bounds__(threads_of<simple, Real>, 1)
    step_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t k, std::int32_t last) {
    auto const number = static_cast<std::int32_t>(blockIdx.x);
    DeviceSum<Real>* const ring = net.ring + net.ring_begin[number];
    std::uint64_t offset = 0;
    if (k > 0) {
        offset = list.offset[k - 1];
        std::uint32_t const count = list.count[k - 1];
        std::uint64_t const events = deliver_slice(net, number, list.ids + offset, count, first_step + k - 1, ring);
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
    stimulate_slice(net, slice, step, ring);
    __syncthreads();
    update_slice<simple>(net, slice, step, ring, [&](std::uint32_t id) { list.ids[offset + atomicAdd(list.count + k, 1u)] = id; });
    __syncthreads();
    sample_slice(net, number, step, first_step);
}

// ---- one launch for all --------------------------------------------------------------------------------------------

/// Where the parts of a block's shared memory begin, in bytes. Every block has the same.
struct SharedPlan {
    std::int32_t ring_in_shared;
    std::int32_t rows;    ///< after the ring: Row[2 * slices]
    std::int32_t counts;  ///< std::uint32_t[slices]
    std::int32_t ids;     ///< std::uint32_t[items of the largest slice]
    std::int32_t bytes;
};

SharedPlan plan_shared(std::int64_t ring_bytes, std::int32_t slices, std::int64_t items, std::int64_t limit) {
    auto const at = [&](std::int64_t begin) {
        std::int64_t const rows = (begin + 15) / 16 * 16, counts = rows + 2 * slices * std::int64_t{sizeof(Row)}, ids = counts + 4 * slices;
        return std::array<std::int64_t, 4>{rows, counts, ids, ids + 4 * items};
    };
    bool const ring = at(ring_bytes)[3] <= limit;
    auto const places = at(ring ? ring_bytes : 0);
    return {.ring_in_shared = ring,
            .rows = static_cast<std::int32_t>(places[0]),
            .counts = static_cast<std::int32_t>(places[1]),
            .ids = static_cast<std::int32_t>(places[2]),
            .bytes = static_cast<std::int32_t>(std::min<std::int64_t>(places[3], std::numeric_limits<std::int32_t>::max()))};
}

/// What a block counts of the spikes of a step.
struct StepCounters {
    unsigned rows;    ///< to deliver
    unsigned all;     ///< spikes of all blocks
    unsigned before;  ///< spikes of the blocks before this one
    unsigned many;    ///< a block has more than two
};

/// The words of a block's first two spikes, of which the first is there without a spike, and of the others.
struct Side {
    unsigned long long* first;   ///< [slice][2]
    unsigned long long* others;  ///< [item]
};

template <class Real>
__device__ Side side_of(NetworkView<Real> const& net, unsigned long long* board, std::int32_t k) {
    unsigned long long* const begin = board + (k & 1) * (board_words(net.slices, net.item_begin[net.slices]) / 2);
    return {begin, begin + 2 * net.slices};
}

/// Tells all blocks of this block's spikes.
template <class Real>
__device__ void post_spikes(NetworkView<Real> const& net, std::int32_t slice, Side const& side, std::uint32_t const* ids, unsigned count,
                            unsigned mark) {
    for (unsigned p = threadIdx.x; p < max(count, 2u); p += blockDim.x) {
        unsigned long long* const word = p < 2 ? side.first + 2 * slice + p : side.others + net.item_begin[slice] + p;
        post_word(word, posted({p < count ? ids[p] : 0u, count}, mark));
    }
}

/// Waits for the first words of all blocks, and puts the rows of their spikes into the list. The threads at the end of the block do it:
/// those at its begin have more to do with neurons.
template <class Real>
__device__ void collect_spikes(NetworkView<Real> const& net, std::int32_t slice, Side const& side, unsigned mark, Row* rows,
                               std::uint32_t* counts, StepCounters& counters) {
    for (auto other = static_cast<std::int32_t>(blockDim.x - 1 - threadIdx.x); other < net.slices;
         other += static_cast<std::int32_t>(blockDim.x)) {
        unsigned long long words[2];
        do {
            read_words(side.first + 2 * other, words);
        } while (!bears(words[0], mark) || !bears(words[1], mark));
        Notice const notice = notice_of(words[0]);
        counts[other] = notice.count;
        if (notice.count == 0) continue;
        atomicAdd(&counters.all, notice.count);
        if (other < slice) atomicAdd(&counters.before, notice.count);
        if (notice.count > 2) counters.many = 1;
        unsigned const listed = min(notice.count, 2u), at = atomicAdd(&counters.rows, listed);
        for (unsigned p = 0; p < listed; ++p) rows[at + p] = row_of(net, notice_of(words[p]).id, slice);
    }
}

/// Delivers the spikes of blocks that have more than two, from their third. A warp takes a few at a time.
template <class Real>
__device__ std::uint64_t deliver_others(NetworkView<Real> const& net, std::int32_t slice, Side const& side, unsigned mark,
                                        std::uint32_t const* counts, std::int64_t step, DeviceSum<Real>* ring) {
    constexpr unsigned at_once = 8;
    auto const slices = static_cast<unsigned>(net.slices);
    unsigned const warp = threadIdx.x / 32, warps = blockDim.x / 32, lane = threadIdx.x % 32;
    unsigned const group = max(warps / slices, 1u);  // warps that share a block's spikes
    std::uint64_t events = 0;
    for (unsigned other = warp / group; other < slices; other += warps / group) {
        unsigned const count = counts[other];
        unsigned long long const* const words = side.others + net.item_begin[other];
        for (unsigned p = 2 + warp % group * at_once; p < count; p += group * at_once) {
            Row row{0, 0};
            if (lane < at_once && p + lane < count) {
                unsigned long long word;
                do {
                    word = read_word(words + p + lane);
                } while (!bears(word, mark));
                row = row_of(net, notice_of(word).id, slice);
                events += row.end - row.begin;
            }
            __syncwarp();
            unsigned const n = min(count - p, at_once);
            for (unsigned i = 0; i < n; ++i) {
                Row const mine{__shfl_sync(0xFFFFFFFFu, row.begin, static_cast<int>(i)),
                               __shfl_sync(0xFFFFFFFFu, row.end, static_cast<int>(i))};
                deliver_row(net, mine, step, ring);
            }
        }
    }
    return events;
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

/// All steps. The ring of sums is copied into shared memory where it fits, and back at the end.
template <bool simple, class Real>
__global__ void __launch_bounds__(threads_of<simple, Real>, 1)
    persistent_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t steps, SharedPlan plan,
                      unsigned long long* board) {
    __shared__ StepCounters counters;
    __shared__ unsigned spikes_here;
    auto const number = static_cast<std::int32_t>(blockIdx.x);
    auto* const shared = dynamic_shared<unsigned char>();
    auto* const rows = reinterpret_cast<Row*>(shared + plan.rows);
    auto* const counts = reinterpret_cast<std::uint32_t*>(shared + plan.counts);
    auto* const ids = reinterpret_cast<std::uint32_t*>(shared + plan.ids);
    DeviceSum<Real>* const global_ring = net.ring + net.ring_begin[number];
    std::int64_t const ring_size = net.ring_begin[number + 1] - net.ring_begin[number];
    DeviceSum<Real>* const ring = plan.ring_in_shared != 0 ? reinterpret_cast<DeviceSum<Real>*>(shared) : global_ring;
    if (plan.ring_in_shared != 0) {
        for (std::int64_t i = threadIdx.x; i < ring_size; i += blockDim.x) ring[i] = global_ring[i];
    }
    Slice const slice = slice_of(net, number);
    if (threadIdx.x == 0) {
        counters = {};
        spikes_here = 0;
    }
    __syncthreads();
    stimulate_slice(net, slice, first_step, ring);
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
        update_slice<simple>(net, slice, step, ring, [&](std::uint32_t id) { ids[atomicAdd(&spikes_here, 1u)] = id; });
        __syncthreads();
        unsigned const spikes = spikes_here;
        post_spikes(net, number, side, ids, spikes, mark);
        sample_slice(net, number, step, first_step);
        clock.end(k, update_phase);
        if (go_on) stimulate_slice(net, slice, step + 1, ring);  // while the words travel
        clock.end(k, stimulus_phase);
        collect_spikes(net, number, side, mark, rows, counts, counters);
        __syncthreads();
        clock.end(k, exchange_phase);

        unsigned const listed = counters.rows;
        for (unsigned r = threadIdx.x / 32; r < listed; r += blockDim.x / 32) {
            deliver_row(net, rows[r], step, ring);
            if (threadIdx.x % 32 == 0) events += rows[r].end - rows[r].begin;
        }
        if (counters.many != 0) events += deliver_others(net, number, side, mark, counts, step, ring);
        std::uint64_t const mine = offset + counters.before;
        for (unsigned p = threadIdx.x; p < spikes; p += blockDim.x) list.ids[mine + p] = ids[p];
        if (blockIdx.x == 0 && threadIdx.x == 0) list.offset[k] = offset;
        offset += counters.all;
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
    if (plan.ring_in_shared != 0) {
        for (std::int64_t i = threadIdx.x; i < ring_size; i += blockDim.x) global_ring[i] = ring[i];
    }
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
    SharedPlan const plan =
        plan_shared(hints.largest_ring * std::int64_t{sizeof(DeviceSum<Real>)}, net.slices, hints.largest_items, most_shared);
    if (cooperative == 0 || plan.bytes > most_shared || hints.largest_items > 65535) return false;
    auto const kernel = persistent_kernel<simple, Real>;
    auto const shared_bytes = static_cast<std::size_t>(plan.bytes);
    check(cudaFuncSetAttribute(reinterpret_cast<void const*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, plan.bytes),
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
           net, list, first_step, steps, plan, hints.board);
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
            Arrival const arrival = arrival_of(net, j);
            std::uint32_t const delay = (arrival.index - arrival.index / slots) & (slots - 1);
            if (step + delay > done) add_arrival(net, arrival, static_cast<std::uint32_t>(step), ring);
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
