#include "kernels/common/device.cuh"
#include "kernels/lif/step.cuh"

#include <algorithm>

#ifndef CA3_SIMT
#include "kernels/lif/grid_barrier.cuh"
#endif

/// Many steps in one cooperative launch with one grid-wide barrier a step, where the device can; else one launch a step.
namespace ca3::lif::cuda {

namespace {

/// Blocks of networks with simple neurons are large, to have a warp for every spike; others need the registers.
template <bool simple>
constexpr int threads_of = simple ? 512 : 256;

/// One step: first the spikes of the step before are delivered, then the neurons advance. Blocks of one slice each.
template <bool simple, class Real>
__global__ void __launch_bounds__(threads_of<simple>, 1)
    step_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t k, std::int32_t last) {
    auto const slice = static_cast<std::int32_t>(blockIdx.x);
    DeviceSum<Real>* const ring = net.ring + net.ring_begin[slice];
    std::uint64_t offset = 0;
    if (k > 0) {
        offset = list.offset[k - 1];
        std::uint32_t const count = list.count[k - 1];
        std::int64_t const step = first_step + k - 1;
        std::uint64_t const events = deliver_slice(net, slice, list.ids + offset, count, step, step, ring);
        if (events != 0) atomicAdd(list.events, static_cast<unsigned long long>(events));
        offset += count;
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        list.offset[k] = offset;
        if (last != 0) *list.steps_done = k;
    }
    if (last != 0) return;
    __syncthreads();
    std::int64_t const step = first_step + k;
    update_slice<simple>(net, slice, step, ring, list.ids + offset, list.count + k);
    __syncthreads();
    sample_slice(net, slice, step, first_step);
}

#ifndef CA3_SIMT
/// All steps. The ring of sums is copied into shared memory where it fits, and back at the end.
template <bool simple, class Real>
__global__ void __launch_bounds__(threads_of<simple>, 1)
    persistent_kernel(NetworkView<Real> net, SpikeList list, std::int64_t first_step, std::int32_t steps, std::int32_t ring_in_shared,
                      unsigned* arrivals) {
    auto const slice = static_cast<std::int32_t>(blockIdx.x);
    DeviceSum<Real>* const global_ring = net.ring + net.ring_begin[slice];
    std::int64_t const ring_size = net.ring_begin[slice + 1] - net.ring_begin[slice];
    DeviceSum<Real>* const ring = ring_in_shared != 0 ? dynamic_shared<DeviceSum<Real>>() : global_ring;
    if (ring_in_shared != 0) {
        for (std::int64_t i = threadIdx.x; i < ring_size; i += blockDim.x) ring[i] = global_ring[i];
    }
    __syncthreads();
    std::uint64_t offset = 0, events = 0;
    std::int32_t k = 0;
    for (; k < steps; ++k) {
        if (offset + static_cast<std::uint64_t>(net.neurons) > list.capacity) break;  // the same decision in every block
        std::int64_t const step = first_step + k;
        update_slice<simple>(net, slice, step, ring, list.ids + offset, list.count + k);
        __syncthreads();
        sample_slice(net, slice, step, first_step);
        wait_for_all_blocks(arrivals, static_cast<unsigned>(k) + 1);
        std::uint32_t const count = load_fresh(list.count + k);
        if (blockIdx.x == 0 && threadIdx.x == 0) list.offset[k] = offset;
        events += deliver_slice(net, slice, list.ids + offset, count, step, step, ring);
        offset += count;
        __syncthreads();
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        list.offset[k] = offset;
        *list.steps_done = k;
    }
    if (events != 0) atomicAdd(list.events, static_cast<unsigned long long>(events));
    if (ring_in_shared != 0) {
        for (std::int64_t i = threadIdx.x; i < ring_size; i += blockDim.x) global_ring[i] = ring[i];
    }
}

template <bool simple, class Real>
bool simulate_persistent(Context const& context, NetworkView<Real> const& net, SpikeList const& list, std::int64_t first_step,
                         std::int32_t steps, std::int64_t largest_ring, unsigned* arrivals) {
    auto const limits = device_limits(context.device());
    ca3::cuda::CurrentDevice const current(context.device());
    int cooperative = 0;
    check(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, context.device()), "cudaDeviceGetAttribute");
    if (cooperative == 0) return false;
    std::size_t const wanted = static_cast<std::size_t>(largest_ring) * sizeof(DeviceSum<Real>);
    bool const in_shared = wanted + 1024 <= static_cast<std::size_t>(limits.shared_bytes_per_block);
    auto const kernel = persistent_kernel<simple, Real>;
    std::size_t const shared_bytes = in_shared ? wanted : 0;
    if (shared_bytes > 48 * 1024) {
        check(cudaFuncSetAttribute(reinterpret_cast<void const*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(shared_bytes)),
              "cudaFuncSetAttribute(MaxDynamicSharedMemorySize)");
    }
    int blocks = 0;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads_of<simple>, shared_bytes),
          "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    if (static_cast<std::int64_t>(blocks) * limits.multiprocessors < net.slices) return false;
    check(cudaMemsetAsync(arrivals, 0, sizeof(unsigned), context.stream()), "cudaMemsetAsync");
    launch(context, kernel,
           {.grid = dim3(static_cast<unsigned>(net.slices)),
            .block = dim3(threads_of<simple>),
            .shared_bytes = shared_bytes,
            .cooperative = true},
           net, list, first_step, steps, in_shared ? 1 : 0, arrivals);
    return true;
}
#endif

template <bool simple, class Real>
void simulate_as(Context const& context, NetworkView<Real> const& net, SpikeList const& list, std::int64_t first_step, std::int64_t steps,
                 std::int64_t largest_ring, unsigned* arrivals) {
    auto const wanted = static_cast<std::int32_t>(steps);
#ifndef CA3_SIMT
    if (simulate_persistent<simple>(context, net, list, first_step, wanted, largest_ring, arrivals)) return;
#else
    static_cast<void>(largest_ring);
    static_cast<void>(arrivals);
#endif
    // The list has room for this many steps whatever spikes; the caller comes back for the rest.
    auto const room = static_cast<std::int64_t>(list.capacity / static_cast<std::uint64_t>(std::max<std::int64_t>(net.neurons, 1)));
    auto const now = static_cast<std::int32_t>(std::min<std::int64_t>(wanted, room));
    for (std::int32_t k = 0; k <= now; ++k) {
        launch(context, step_kernel<simple, Real>, {.grid = dim3(static_cast<unsigned>(net.slices)), .block = dim3(threads_of<simple>)},
               net, list, first_step, k, k == now ? 1 : 0);
    }
}

template <class Real>
__global__ void __launch_bounds__(256)
    late_kernel(NetworkView<Real> net, std::uint32_t const* ids, std::int64_t count, std::int64_t step, std::int64_t done) {
    auto const slice = static_cast<std::int32_t>(blockIdx.x);
    deliver_slice(net, slice, ids, count, step, done, net.ring + net.ring_begin[slice]);
}

}  // namespace

template <class Real>
void simulate(Context const& context, NetworkView<Real> const& net, SpikeList const& list, std::int64_t first_step, std::int64_t steps,
              LaunchHints const& hints) {
    if (steps == 0) return;
    if (hints.simple) {
        simulate_as<true>(context, net, list, first_step, steps, hints.largest_ring, hints.arrivals);
    } else {
        simulate_as<false>(context, net, list, first_step, steps, hints.largest_ring, hints.arrivals);
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
