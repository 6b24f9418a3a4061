#include "kernels/common/device.cuh"
#include "kernels/lif/block_memory.cuh"
#include "kernels/lif/deliver.cuh"
#include "kernels/lif/exchange.cuh"
#include "kernels/lif/step.cuh"

#include <algorithm>
#include <utility>

/// Many steps in one cooperative launch, whose blocks meet once a step; else one launch a step.
namespace ca3::lif::cuda {

namespace {

/// Blocks of networks with simple neurons are large, to have a thread for every neuron and many loads on their way; others need the
/// registers.
template <bool simple, bool in_shared, class Real>
constexpr int threads_of = [] {
    bool const f64 = sizeof(Real) == 8;
    if (!simple) return f64 ? 256 : 512;
    if (f64) return 512;
    return in_shared ? 768 : 640;
}();

// ---- one launch a step -----------------------------------------------------------------------------------------------

/// One step: first the spikes of the step before are delivered, then the neurons advance. Blocks of one slice each.
template <bool simple, class Real>
__global__ void __launch_bounds__(threads_of<simple, false, Real>, 1)
    step_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t k, std::int32_t last) {
    constexpr std::uint32_t at_once = threads_of<simple, false, Real>;
    __shared__ Row rows[at_once];
    auto const number = static_cast<std::int32_t>(blockIdx.x);
    DeviceSum<Real>* const ring = net.ring + net.ring_begin[number];
    std::uint64_t offset = 0;
    if (k > 0) {
        offset = list.offset[k - 1];
        std::uint32_t const count = list.count[k - 1];
        std::uint64_t events = 0;
        for (std::uint32_t done = 0; done < count; done += at_once) {
            std::uint32_t const now = min(count - done, at_once);
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
    allow_shared_memory(reinterpret_cast<void const*>(kernel), shared_bytes);
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
