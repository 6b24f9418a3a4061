#include "core/state.hpp"
#include "kernels/autoencoder/samples.cuh"

namespace ca3::autoencoder::cuda {

namespace {

constexpr int threads = 128;

/// The draws of a row.
struct Draws {
    std::uint64_t seed;
    random::Purpose purpose;
    std::uint32_t step;

    [[nodiscard]] __device__ random::Block block(std::uint32_t element, std::int64_t which) const {
        return random::draw_block(seed, purpose, element, step, static_cast<std::uint64_t>(which));
    }
    [[nodiscard]] __device__ std::uint32_t of(std::uint32_t element, std::int64_t index) const {
        random::Block const b = block(element, index >> 2);
        unsigned const which = static_cast<unsigned>(index) & 3u;  // not as an index, which would send the block to memory
        return which < 2 ? (which == 0 ? b.word[0] : b.word[1]) : which == 2 ? b.word[2] : b.word[3];
    }
    /// Four from `index` on.
    __device__ void four(std::uint32_t (&u)[4], std::uint32_t element, std::int64_t index) const {
        random::Block const a = block(element, index >> 2);
        unsigned const skipped = static_cast<unsigned>(index) & 3u;
        random::Block b{};
        if (skipped != 0) b = block(element, (index >> 2) + 1);
        std::uint32_t const words[8] = {a.word[0], a.word[1], a.word[2], a.word[3], b.word[0], b.word[1], b.word[2], b.word[3]};
#pragma unroll
        for (unsigned j = 0; j < 4; ++j)
            u[j] = skipped < 2 ? (skipped == 0 ? words[j] : words[j + 1]) : skipped == 2 ? words[j + 2] : words[j + 3];
    }
};

__device__ __forceinline__ float occluded(DeviceCorruption const& c, Corner const& corner, std::int64_t column, float x) {
    std::int64_t const i = column / c.image_width - corner.row, j = column % c.image_width - corner.column;
    return i >= 0 && i < c.rectangle.height && j >= 0 && j < c.rectangle.width ? static_cast<float>(c.rectangle.value) : x;
}

/// Four values from `column` on of a row whose number in the streams is `number`, after the corruptions of the list.
__device__ void corrupt(BatchJob const& job, Draws const& draws, std::int64_t number, std::int64_t column, Four& x) {
    for (int i = 0; i < job.count; ++i) {
        DeviceCorruption const& c = job.list[i];
        if (c.kind == CorruptionStep::Kind::rectangle) {
            Corner const corner =
                corner_of(c.rectangle, c.image_height, c.image_width, draws.of(c.element, 2 * number), draws.of(c.element, 2 * number + 1));
#pragma unroll
            for (int j = 0; j < 4; ++j) x.x[j] = occluded(c, corner, column + j, x.x[j]);
            continue;
        }
        std::uint32_t u[4];
        draws.four(u, c.element, number * job.inputs.width + column);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            if (c.kind == CorruptionStep::Kind::noise)
                x.x[j] = with_noise(x.x[j], u[j], c.sigma);
            else if (c.kind == CorruptionStep::Kind::salt_and_pepper)
                x.x[j] = with_salt_and_pepper(x.x[j], u[j], c.threshold);
            else
                x.x[j] = with_flip(x.x[j], u[j], c.threshold);
        }
    }
}

/// The former values turned, or in another order.
__device__ Four moved_values(BatchJob const& job, Turn const& turn, float const* former, std::int64_t column, std::int32_t count) {
    DeviceCorruption const& move = job.move;
    Four four{};
    for (int j = 0; j < 4; ++j) {
        if (j >= count) break;
        std::int64_t const c = column + j;
        four.x[j] = move.kind == CorruptionStep::Kind::rotation
                        ? turned_pixel(former, move.image_height, move.image_width, turn, c / move.image_width, c % move.image_width)
                        : former[move.permutation[c]];
    }
    return four;
}

__device__ __forceinline__ std::int32_t count_from(std::int64_t column, std::int64_t width) {
    return width - column < 4 ? static_cast<std::int32_t>(width - column) : 4;
}

/// One row of the batch: blockIdx.y 0 makes the inputs, 1 the targets.
__global__ void __launch_bounds__(threads, 4) batch_kernel(BatchJob job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    auto const r = static_cast<std::int64_t>(blockIdx.x);
    if (r >= step.rows) return;
    std::int64_t const sample = job.order ? job.order.of(model)[step.begin + r] : step.begin + r;
    std::int64_t const first = 4 * static_cast<std::int64_t>(threadIdx.x);
    if (blockIdx.y == 1) {
        float* const out = job.target_out.of(model) + r * job.target_out.ld;
        for (std::int64_t c = first; c < job.targets.width; c += 4 * threads) {
            std::int32_t const count = count_from(c, job.targets.width);
            store_four(out + c, sample_values(job.targets, sample, c, count), count);
        }
        return;
    }
    Draws const draws{job.seeds[model], static_cast<random::Purpose>(job.purpose), step.random_step};
    std::int64_t const number = step.number + r;
    __shared__ Turn turn;
    if (job.moves) {
        bool const rotates = job.move.kind == CorruptionStep::Kind::rotation;
        if (rotates && threadIdx.x == 0)
            turn = turn_of(job.move.fixed ? job.move.degrees : angle_of(draws.of(job.move.element, 2 * number), job.move.degrees));
        __syncthreads();
    }
    float const* const former = job.former ? job.former.of(model) + r * job.former.ld : nullptr;
    float* const out = job.out.of(model) + r * job.out.ld;
    for (std::int64_t c = first; c < job.inputs.width; c += 4 * threads) {
        std::int32_t const count = count_from(c, job.inputs.width);
        Four x = job.moves ? moved_values(job, turn, former, c, count) : sample_values(job.inputs, sample, c, count);
        if (job.count > 0) corrupt(job, draws, number, c, x);
        store_four(out + c, x, count);
        if (job.rounded)  // whole fours: what they have beyond the last column lies in the row's padding
            *reinterpret_cast<uint2*>(job.rounded.of(model) + r * job.rounded.ld + c) =
                make_uint2(ptx::bf16x2_of(x.x[0], x.x[1]), ptx::bf16x2_of(x.x[2], x.x[3]));
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
