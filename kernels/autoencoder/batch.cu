#include "core/state.hpp"
#include "kernels/autoencoder/elementary.cuh"

namespace ca3::autoencoder::cuda {

namespace {

constexpr int threads = 128;

/// b / 255 and the sample's own floats.
__device__ __forceinline__ float sample_value(SampleView const& samples, std::int64_t row, std::int64_t column) {
    std::int64_t const at = row * samples.width + column;
    return samples.bytes != nullptr ? static_cast<float>(samples.bytes[at]) / 255.0f : samples.values[at];
}

/// A row of draws.
struct Draws {
    std::uint64_t seed;
    random::Purpose purpose;
    std::uint32_t step;

    [[nodiscard]] __device__ std::uint32_t of(std::uint32_t element, std::int64_t index) const {
        random::Block const b = random::draw_block(seed, purpose, element, step, static_cast<std::uint64_t>(index) >> 2);
        auto const which = static_cast<unsigned>(index) & 3u;  // not as an index, which would send the block to memory
        return which < 2 ? (which == 0 ? b.word[0] : b.word[1]) : which == 2 ? b.word[2] : b.word[3];
    }
};

/// Value `column` of a row whose number in the streams is `number`, after the corruptions of the list, which look at one value each.
__device__ float corrupted(BatchJob const& job, Draws const& draws, std::int64_t number, std::int64_t column, float x) {
    for (int i = 0; i < job.count; ++i) {
        DeviceCorruption const& c = job.list[i];
        std::int64_t const index = number * job.inputs.width + column;
        switch (c.kind) {
            case CorruptionStep::Kind::noise:
                x = with_noise(x, draws.of(c.element, index), c.sigma);
                break;
            case CorruptionStep::Kind::salt_and_pepper:
                x = with_salt_and_pepper(x, draws.of(c.element, index), c.threshold);
                break;
            case CorruptionStep::Kind::flip:
                x = with_flip(x, draws.of(c.element, index), c.threshold);
                break;
            default: {
                OccludedRectangle const& r = c.rectangle;
                Corner const corner = corner_of(r, c.image_height, c.image_width, draws.of(c.element, 2 * number),
                                                draws.of(c.element, 2 * number + 1));
                std::int64_t const i_row = column / c.image_width - corner.row, i_column = column % c.image_width - corner.column;
                if (i_row >= 0 && i_row < r.height && i_column >= 0 && i_column < r.width) x = static_cast<float>(r.value);
            }
        }
    }
    return x;
}

/// One row of the batch: blockIdx.y 0 makes the inputs, 1 the targets.
__global__ void __launch_bounds__(threads) batch_kernel(BatchJob job) {
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    auto const r = static_cast<std::int64_t>(blockIdx.x);
    if (r >= step.rows) return;
    std::int64_t const sample = job.order ? job.order.of(model)[step.begin + r] : step.begin + r;
    if (blockIdx.y == 1) {
        float* const out = job.target_out.of(model) + r * job.target_out.ld;
        for (std::int64_t c = threadIdx.x; c < job.targets.width; c += threads) out[c] = sample_value(job.targets, sample, c);
        return;
    }
    Draws const draws{job.seeds[model], static_cast<random::Purpose>(job.purpose), step.random_step};
    std::int64_t const number = step.number + r;
    bool const rotates = job.moves && job.move.kind == CorruptionStep::Kind::rotation;
    __shared__ Turn turn;
    if (rotates) {
        if (threadIdx.x == 0) turn = turn_of(job.move.fixed ? job.move.degrees : angle_of(draws.of(job.move.element, 2 * number), job.move.degrees));
        __syncthreads();
    }
    float const* const former = job.former ? job.former.of(model) + r * job.former.ld : nullptr;
    float* const out = job.out.of(model) + r * job.out.ld;
    for (std::int64_t c = threadIdx.x; c < job.inputs.width; c += threads) {
        float x;
        if (rotates)
            x = turned_pixel(former, job.move.image_height, job.move.image_width, turn, c / job.move.image_width, c % job.move.image_width);
        else if (job.moves)
            x = former[job.move.permutation[c]];
        else
            x = sample_value(job.inputs, sample, c);
        out[c] = corrupted(job, draws, number, c, x);
    }
}

}  // namespace

void launch_batch(Context const& context, CUstream_st* stream, int models, std::int64_t batch, BatchJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(batch_kernel,
           {.grid = dim3(static_cast<unsigned>(batch), job.target_out ? 2 : 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .stream = stream},
           job);
}

}  // namespace ca3::autoencoder::cuda
