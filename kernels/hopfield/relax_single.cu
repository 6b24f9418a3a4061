#include "kernels/hopfield/relax.cuh"
#include "kernels/hopfield/relax_single.cuh"

#include <algorithm>
#include <limits>

/// The plain relaxation: a block owns one state until it is done. Serves every kind, update, tie rule and temperature.
namespace ca3::hopfield::cuda {

namespace {

constexpr int most_threads = 256;
constexpr int scratch_values = 32;
constexpr std::int64_t nobody = std::numeric_limits<std::int64_t>::max();

/// Runs body(b, workspace, scratch) for the states of this block, one after the other.
template <class Body>
__device__ void for_each_state(std::int64_t batch, SingleLayout const& layout, unsigned char* slices, Body body) {
    std::int64_t* const scratch = dynamic_shared<std::int64_t>();
    unsigned char* const workspace = slices == nullptr ? reinterpret_cast<unsigned char*>(scratch + scratch_values)
                                                       : slices + static_cast<std::int64_t>(blockIdx.x) * layout.bytes;
    for (std::int64_t b = blockIdx.x; b < batch; b += gridDim.x) {
        body(b, workspace, scratch);
        __syncthreads();  // the workspace is used again
    }
}

__device__ void report(DeviceJob const& job, std::int64_t b, Status status, std::int64_t sweeps, std::int64_t flips) {
    if (threadIdx.x != 0) return;
    job.status[b] = status;
    job.sweeps[b] = static_cast<std::int32_t>(sweeps);
    job.flips[b] = flips;
}

template <Kind kind>
__global__ void __launch_bounds__(most_threads, 2)
    relax_synchronous(DeviceModel model, DeviceJob job, SingleLayout layout, unsigned char* slices) {
    std::int64_t const d = model.neurons;
    for_each_state(job.batch, layout, slices, [&](std::int64_t b, unsigned char* workspace, std::int64_t* scratch) {
        SingleState<kind, std::int64_t> single(model, layout, workspace, scratch);
        auto* const next = reinterpret_cast<std::int8_t*>(workspace + layout.next);
        auto* const before = reinterpret_cast<std::int8_t*>(workspace + layout.before);
        for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) single.state[i] = job.states[b * d + i];
        __syncthreads();

        Status status = Status::sweep_limit;
        std::int64_t sweep = 0, flips = 0;
        while (status == Status::sweep_limit && sweep < job.max_sweeps) {
            single.derive();
            std::int64_t changes = 0, differences = 0;  // from the state now, from the one a sweep before
            for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) {
                std::int8_t const s = single.state[i];
                std::int8_t value = s;
                if (!job.is_clamped(b, i)) {
                    std::uint32_t const draw = job.finite_temperature() ? glauber_draw(job, b, job.first_sweep + sweep, i) : 0;
                    value = decide(model, job, single.complete(i, single.sum_of(i, s), s), i, s, draw);
                }
                changes += value != s;
                differences += sweep == 0 || value != before[i];
                next[i] = value;
            }
            changes = block_sum(changes, scratch);
            differences = block_sum(differences, scratch);
            for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) {
                before[i] = single.state[i];
                single.state[i] = next[i];
            }
            __syncthreads();
            flips += changes;
            ++sweep;
            if (job.finite_temperature()) continue;
            if (changes == 0) {
                status = Status::fixed_point;
            } else if (differences == 0) {
                status = Status::two_cycle;
            }
        }
        for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) job.states[b * d + i] = single.state[i];
        report(job, b, status, sweep, flips);
    });
}

/// Neurons by visiting order: ascending in (key, i).
__device__ std::int64_t rank_of(std::uint32_t const* key, std::int64_t i) {
    return key == nullptr ? i : static_cast<std::int64_t>(key[i]) << 31 | i;
}

__device__ void store(random::Block const& words, std::int64_t block, std::int64_t d, std::uint32_t* out) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        if (block * 4 + i < d) out[block * 4 + i] = words.word[i];
    }
}

/// Instead of visiting every neuron in turn, finds the next one in the order whose field tells it to change. Those in between would
/// have kept their states, so nothing is skipped: the work is one pass over the fields for each flip, not one field for each visit.
template <Kind kind, class Field>
__global__ void __launch_bounds__(most_threads, 2)
    relax_asynchronous(DeviceModel model, DeviceJob job, SingleLayout layout, unsigned char* slices) {
    std::int64_t const d = model.neurons;
    for_each_state(job.batch, layout, slices, [&](std::int64_t b, unsigned char* workspace, std::int64_t* scratch) {
        SingleState<kind, Field> single(model, layout, workspace, scratch);
        auto* const key = job.update == Update::sequential ? nullptr : reinterpret_cast<std::uint32_t*>(workspace + layout.key);
        auto* const draw = job.finite_temperature() ? reinterpret_cast<std::uint32_t*>(workspace + layout.draw) : nullptr;
        std::uint32_t const number = job.first_state + static_cast<std::uint32_t>(b);
        std::uint32_t const element = job.update == Update::shared ? 0xFFFFFFFFu : number;
        for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) single.state[i] = job.states[b * d + i];
        __syncthreads();
        single.derive();
        for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) {
            single.field[i] = static_cast<Field>(single.sum_of(i, single.state[i]));
        }
        __syncthreads();

        auto const wish = [&](std::int64_t i) {
            std::int8_t const s = single.state[i];
            return decide(model, job, single.complete(i, single.field[i], s), i, s, draw == nullptr ? 0 : draw[i]);
        };
        Status status = Status::sweep_limit;
        std::int64_t sweep = 0, flips = 0;
        while (status == Status::sweep_limit && sweep < job.max_sweeps) {
            auto const step = static_cast<std::uint32_t>(job.first_sweep + sweep);
            for (std::int64_t block = threadIdx.x; block * 4 < d; block += blockDim.x) {
                auto const index = static_cast<std::uint64_t>(block);
                if (key != nullptr) store(random::draw_block(job.seed, random::Purpose::visit_order, element, step, index), block, d, key);
                if (draw != nullptr) store(random::draw_block(job.seed, random::Purpose::glauber, number, step, index), block, d, draw);
            }
            __syncthreads();
            std::int64_t position = -1, changes = 0;
            for (;;) {
                std::int64_t mine = nobody;
                for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) {
                    std::int64_t const rank = rank_of(key, i);
                    if (rank > position && rank < mine && !job.is_clamped(b, i) && wish(i) != single.state[i]) mine = rank;
                }
                position = block_min(mine, scratch);
                if (position == nobody) break;
                std::int64_t const k = position & 0x7FFFFFFF;
                __syncthreads();  // the minimum has been read
                if (mine == position) {
                    std::int8_t const value = wish(k);
                    scratch[0] = value - single.state[k];
                    single.state[k] = value;
                }
                __syncthreads();
                single.flip(k, static_cast<int>(scratch[0]));
                ++changes;
            }
            flips += changes;
            ++sweep;
            if (changes == 0 && !job.finite_temperature()) status = Status::fixed_point;
        }
        for (std::int64_t i = threadIdx.x; i < d; i += blockDim.x) job.states[b * d + i] = single.state[i];
        report(job, b, status, sweep, flips);
    });
}

SingleLayout lay_out(DeviceModel const& model, DeviceJob const& job, std::int64_t field_bytes) {
    SingleLayout layout;
    auto const take = [&](bool wanted, std::int64_t bytes) {
        std::int64_t const offset = layout.bytes;
        if (wanted) layout.bytes += (bytes + 15) / 16 * 16;
        return offset;
    };
    std::int64_t const d = model.neurons, P = model.patterns;
    bool const synchronous = job.update == Update::synchronous;
    bool const factored = model.kind != Kind::dense;
    bool const differences = model.kind == Kind::power || model.kind == Kind::exponential;
    layout.state = take(true, d);
    layout.next = take(synchronous, d);
    layout.before = take(synchronous, d);
    layout.field = take(!synchronous, d * field_bytes);
    layout.key = take(!synchronous && job.update != Update::sequential, d * 4);
    layout.draw = take(!synchronous && job.threshold != nullptr, d * 4);
    layout.packed = take(factored, model.neuron_words * 8);
    layout.overlap = take(factored, P * 4);
    layout.coefficient = take(factored && model.kind != Kind::hebbian, P * 8);
    layout.coefficient_of_zero = take(differences, P * 8);
    return layout;
}

using Kernel = void (*)(DeviceModel, DeviceJob, SingleLayout, unsigned char*);

template <Kind kind>
Kernel kernel_of(Update update, bool narrow) {
    if (update == Update::synchronous) return relax_synchronous<kind>;
    if constexpr (kind == Kind::hebbian || kind == Kind::dense) {
        if (narrow) return relax_asynchronous<kind, std::int32_t>;
    }
    return relax_asynchronous<kind, std::int64_t>;
}

Kernel kernel_for(Kind kind, Update update, bool narrow) {
    switch (kind) {
        case Kind::hebbian:
            return kernel_of<Kind::hebbian>(update, narrow);
        case Kind::centred:
            return kernel_of<Kind::centred>(update, narrow);
        case Kind::projection:
            return kernel_of<Kind::projection>(update, narrow);
        case Kind::power:
            return kernel_of<Kind::power>(update, narrow);
        case Kind::exponential:
            return kernel_of<Kind::exponential>(update, narrow);
        case Kind::dense:
            break;
    }
    return kernel_of<Kind::dense>(update, narrow);
}

}  // namespace

void relax_single(Context const& context, DeviceModel const& model, DeviceJob const& job) {
    if (job.batch == 0) return;
    bool const narrow = (model.kind == Kind::hebbian || model.kind == Kind::dense) && model.field_limit < (std::int64_t{1} << 30);
    SingleLayout const layout = lay_out(model, job, narrow ? 4 : 8);
    auto const limits = device_limits(context.device());
    std::int64_t const scratch_bytes = scratch_values * 8;

    // A few blocks on each multiprocessor where the workspaces are slices of device memory; else the hardware deals the states out.
    bool const on_chip = layout.bytes + scratch_bytes <= limits.shared_bytes_per_block;
    std::int64_t const blocks = std::min<std::int64_t>(job.batch, on_chip ? std::numeric_limits<int>::max() : limits.multiprocessors * 4);
    Buffer<unsigned char> slices;
    if (!on_chip) slices = Buffer<unsigned char>(context, blocks * layout.bytes);

    std::int64_t const threads = std::clamp<std::int64_t>((model.neurons + 31) / 32 * 32, 32, most_threads);
    LaunchConfig const config{.grid = dim3(static_cast<unsigned>(blocks)),
                              .block = dim3(static_cast<unsigned>(threads)),
                              .shared_bytes = static_cast<std::size_t>(scratch_bytes + (on_chip ? layout.bytes : 0))};
    launch(context, kernel_for(model.kind, job.update, narrow), config, model, job, layout, slices.data());
}

}  // namespace ca3::hopfield::cuda
