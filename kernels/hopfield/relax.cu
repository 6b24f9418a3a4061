#include "kernels/hopfield/relax.cuh"

#include "core/state.hpp"
#include "kernels/hopfield/prepared.cuh"

#include <algorithm>
#include <vector>

namespace ca3::hopfield::cuda {

namespace {

/// States that fit on the device at once, as a first guess: a quarter of its memory.
std::int64_t first_part(Context const& context, std::int64_t batch, std::int64_t bytes_per_state) {
    std::int64_t const memory = static_cast<std::int64_t>(context.state().device.memory_bytes);
    std::int64_t const most = std::max<std::int64_t>(memory / 4 / bytes_per_state, 1);
    return std::min(batch, memory == 0 ? batch : most);
}

/// Device memory for `count` states of a job.
struct Part {
    Part(Context const& context, std::int64_t d, std::int64_t count, std::int64_t clamp_rows)
        : states(context, count * d),
          clamp(context, clamp_rows * d),
          status(context, count),
          sweeps(context, count),
          flips(context, count) {}

    Buffer<std::int8_t> states;
    Buffer<std::uint8_t> clamp;
    Buffer<Status> status;
    Buffer<std::int32_t> sweeps;
    Buffer<std::int64_t> flips;
};

void copy_clamp(Context const& context, MatrixView<std::uint8_t const> from, std::int64_t first, std::int64_t rows, std::uint8_t* to) {
    if (from.stride == from.cols || rows == 1) {
        ca3::detail::copy_in(context, to, from.row(first), static_cast<std::size_t>(rows * from.cols));
        return;
    }
    std::vector<std::uint8_t> packed(static_cast<std::size_t>(rows * from.cols));
    for (std::int64_t b = 0; b < rows; ++b) std::copy_n(from.row(first + b), from.cols, packed.data() + b * from.cols);
    ca3::detail::copy_in(context, to, packed.data(), packed.size());
}

void relax_part(Path path, Context const& context, DeviceModel const& model, Job const& job, DeviceJob view, std::int64_t first,
                std::int64_t count) {
    std::int64_t const d = model.neurons;
    std::int64_t const clamp_rows = job.clamp.rows > 1 ? count : job.clamp.rows;
    Part part(context, d, count, clamp_rows);
    ca3::detail::copy_in(context, part.states.data(), job.states + first * d, static_cast<std::size_t>(count * d));
    if (clamp_rows > 0) copy_clamp(context, job.clamp, job.clamp.rows > 1 ? first : 0, clamp_rows, part.clamp.data());

    view.batch = count;
    view.states = part.states.data();
    view.clamp = clamp_rows > 0 ? part.clamp.data() : nullptr;
    view.clamp_stride = job.clamp.rows > 1 ? d : 0;
    view.first_state = job.first_state + static_cast<std::uint32_t>(first);
    view.status = part.status.data();
    view.sweeps = part.sweeps.data();
    view.flips = part.flips.data();
    bool const done = path != Path::single && serves_packed(model, view) && relax_packed(path, context, model, view);
    if (!done) relax_single(context, model, view);

    ca3::detail::copy_out(context, job.status + first, part.status.data(), static_cast<std::size_t>(count) * sizeof(Status));
    ca3::detail::copy_out(context, job.sweeps + first, part.sweeps.data(), static_cast<std::size_t>(count) * sizeof(std::int32_t));
    ca3::detail::copy_out(context, job.flips + first, part.flips.data(), static_cast<std::size_t>(count) * sizeof(std::int64_t));
    ca3::detail::copy_out(context, job.states + first * d, part.states.data(), static_cast<std::size_t>(count * d));
}

}  // namespace

void relax_by(Path path, Context const& context, Prepared& prepared, Job const& job) {
    DeviceModel const& model = on_device(prepared).model;
    DeviceJob view;
    view.update = job.update;
    view.tie = job.tie;
    view.max_sweeps = job.max_sweeps;
    view.first_sweep = job.first_sweep;
    view.seed = job.seed;
    Buffer<std::uint32_t> threshold;
    if (job.glauber != nullptr) {
        view.thresholds = static_cast<std::int64_t>(job.glauber->threshold.size());
        view.inverse_step = job.glauber->inverse_step;
        threshold = Buffer<std::uint32_t>(context, view.thresholds);
        threshold.copy_from_host(job.glauber->threshold.data());
        view.threshold = threshold.data();
    }

    std::int64_t const bytes_per_state = model.neurons * (job.clamp.rows > 1 ? 2 : 1) + 16;
    std::int64_t part = first_part(context, job.batch, bytes_per_state);
    for (std::int64_t first = 0; first < job.batch;) {
        std::int64_t const count = std::min(part, job.batch - first);
        try {
            relax_part(path, context, model, job, view, first, count);
            first += count;
        } catch (OutOfMemory const&) {  // thrown before anything of this part is written back
            if (count == 1) throw;
            part = count / 2;
        }
    }
}

void relax(Context const& context, Model const&, Prepared& prepared, Job const& job) {
    relax_by(Path::automatic, context, prepared, job);
}

}  // namespace ca3::hopfield::cuda
