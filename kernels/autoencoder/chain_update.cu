#include "core/state.hpp"
#include "kernels/autoencoder/finish.cuh"
#include "kernels/autoencoder/pieces.cuh"
#include "kernels/autoencoder/product.cuh"
#include "kernels/autoencoder/update.cuh"

/// The gradients of all weights and biases of a step, and the update.
namespace ca3::autoencoder::cuda {

namespace {

constexpr int threads = chain_threads;
constexpr int side = piece_side;
constexpr int stages = 4;
constexpr int stage_halves = 2 * piece_halves;
constexpr std::size_t shared_bytes = stages * stage_halves * sizeof(std::uint16_t);

/// For TilePlace, staged and stage_tile.
struct Shape {
    static constexpr int side = cuda::side, threads = cuda::threads, shared_bytes = static_cast<int>(cuda::shared_bytes);
};

/// Warps stand 4 x 2 on the tile, each has 16 x 32 elements of it.
struct TileSums {
    static constexpr int count = 16, parts = 1;
    float value[4][4];

    [[nodiscard]] __device__ __forceinline__ float& at(int e) { return value[e / 4][e % 4]; }
    [[nodiscard]] static __device__ __forceinline__ int part() { return 0; }
    [[nodiscard]] static __device__ __forceinline__ int warp_row() { return static_cast<int>(threadIdx.x) / 64 * 16; }
    [[nodiscard]] static __device__ __forceinline__ int warp_column() { return static_cast<int>(threadIdx.x) / 32 % 2 * 32; }
    [[nodiscard]] static __device__ __forceinline__ int row(int e) {
        return warp_row() + static_cast<int>(threadIdx.x) % 32 / 4 + e % 4 / 2 * 8;
    }
    [[nodiscard]] static __device__ __forceinline__ int column(int e) {
        return warp_column() + e / 4 * 8 + static_cast<int>(threadIdx.x) % 4 * 2 + e % 2;
    }
};

/// sums = the tile of gradient^T input at (first_row, first_column), over all rows of the batch.
__device__ __forceinline__ void multiply_tile(TileSums& sums, HalfMatrix const& gradient, HalfMatrix const& input, std::int32_t first_row,
                                              std::int32_t first_column) {
    auto* const ring = dynamic_shared<std::uint16_t>();
    std::int32_t const rows = gradient.rows;
    std::int32_t next = 0;
    int next_slot = 0, slot = 0;
    auto const start = [&] {
        if (next < rows) {
            std::uint16_t* const stage = ring + next_slot * stage_halves;
            start_piece(stage, gradient, next, first_row);
            start_piece(stage + piece_halves, input, next, first_column);
            next += side;
            next_slot = next_slot + 1 < stages ? next_slot + 1 : 0;
        }
        ptx::cp_async_commit();
    };
    for (int s = 0; s < stages - 1; ++s) start();
#pragma unroll
    for (int e = 0; e < TileSums::count; ++e) sums.at(e) = 0.0f;
    for (std::int32_t row = 0; row < rows; row += side) {
        ptx::cp_async_wait<stages - 2>();
        __syncthreads();  // this piece is complete, and the place of the one before it is free
        start();
        std::uint16_t const* const left = ring + slot * stage_halves + TileSums::warp_row();
        std::uint16_t const* const right = ring + slot * stage_halves + piece_halves + TileSums::warp_column();
        slot = slot + 1 < stages ? slot + 1 : 0;
#pragma unroll
        for (int k = 0; k < side; k += 16) {
            unsigned a[4], b[2][2][2];
            read_left<false>(a, left + k * piece_pitch, piece_pitch);
            read_right<false>(b[0], right + k * piece_pitch, piece_pitch);
            read_right<false>(b[1], right + k * piece_pitch + 16, piece_pitch);
#pragma unroll
            for (int n = 0; n < 4; ++n) ptx::mma_m16n8k16_bf16(sums.value[n], a, b[n / 2][n % 2]);
        }
    }
    ptx::cp_async_wait<0>();
}

/// The update of 64 biases, whose gradients are the sums of the parts in their order, four of them at a time.
/// @param room side x threads / side floats  @returns whether those of the thread stayed finite
__device__ __forceinline__ bool update_biases(ChainJob const& job, ChainLayer const& layer, StepEntry const& step, unsigned model,
                                              std::int32_t first_row, float* room) {
    constexpr int shares = threads / side;
    auto const u = static_cast<std::int32_t>(threadIdx.x) % side, share = static_cast<std::int32_t>(threadIdx.x) / side;
    std::int32_t const arrays = static_cast<std::int32_t>(chain_clusters(step.rows)) * (chain_rows / 16), unit = first_row + u;
    float sum = 0.0f;
    if (unit < layer.out) {
        float const* const from = job.parts.of(model) + layer.part + unit;
#pragma unroll 8
        for (std::int32_t a = share; a < arrays; a += shares) sum += from[a * job.part];
    }
    room[share * side + u] = sum;
    __syncthreads();
    if (share > 0 || unit >= layer.out) return true;
#pragma unroll
    for (int s = 1; s < shares; ++s) sum += room[s * side + u];
    return update_parameter(job.update, step, model, layer.bias + unit, sum);
}

/// Whether all other blocks of the model have called this before; what they wrote until then is seen. All threads of a block call it.
__device__ __forceinline__ bool is_last_block(unsigned* ended) {
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last = atomicAdd(ended, 1u) + 1 == gridDim.x;
        __threadfence();
    }
    __syncthreads();
    return last;
}

__global__ void __launch_bounds__(threads, 2) chain_update_kernel(__grid_constant__ ChainJob const job) {
    begin_in_turn();
    unsigned const model = blockIdx.z;
    StepEntry const step = job.step.entry(model);
    auto const block = static_cast<std::int64_t>(blockIdx.x);
    int l = 0;
    while (l + 1 < job.count && job.layers[l + 1].first_tile <= block) ++l;
    ChainLayer const& layer = job.layers[l];
    auto const tile = static_cast<std::int32_t>(block - layer.first_tile);
    std::int32_t const tiles_n = (layer.in + side - 1) / side, first_row = tile / tiles_n * side, first_column = tile % tiles_n * side;

    constexpr int steps = TilePlace<Shape>::steps;
    Parameters held[steps];
#pragma unroll
    for (int s = 0; s < steps; ++s) {
        TilePlace<Shape> const place(s, first_row, first_column, layer.out, layer.in);
        if (place.count > 0) held[s] = load_parameters(job.update, model, layer.weight + place.row * layer.weight_ld + place.column);
    }
    __shared__ float room[threads];
    bool finite = true;
    if (layer.bias >= 0 && first_column == 0) finite = update_biases(job, layer, step, model, first_row, room);

    Matrix<std::uint16_t> const input = l == 0 ? job.input : job.layers[l - 1].active;
    TileSums sums;
    multiply_tile(sums, {layer.gradient.of(model), layer.gradient.ld, step.rows, layer.out},
                  {input.of(model), input.ld, step.rows, layer.in}, first_row, first_column);
    stage_tile<Shape>(sums);
    with_rule(job.update, [&](auto rule) {
#pragma unroll
        for (int s = 0; s < steps; ++s) {
            TilePlace<Shape> const place(s, first_row, first_column, layer.out, layer.in);
            if (place.count <= 0) continue;
            finite = update_four<rule()>(job.update, step, model, layer.weight + place.row * layer.weight_ld + place.column,
                                         staged<Shape, TileSums>(place), place.count, held[s]) &&
                     finite;
            float const(&p)[4] = held[s].p.x;
            *reinterpret_cast<uint2*>(job.weights.of(model) + layer.rounded + place.row * layer.rounded_ld + place.column) =
                make_uint2(ptx::bf16x2_of(p[0], p[1]), ptx::bf16x2_of(p[2], p[3]));
        }
    });
    if (!finite) flag_bad(job.step, model);
    if (!is_last_block(job.ended + model)) return;
    finish_step<threads>(job.finish, step, model, dynamic_shared<double>());
    if (threadIdx.x == 0) job.ended[model] = 0;
}

}  // namespace

std::size_t chain_update_bytes() {
    return shared_bytes;
}
std::int64_t chain_tiles(std::int64_t rows, std::int64_t columns) {
    return tiles_of(rows, columns, side);
}

void launch_chain_update(Context const& context, CUstream_st* stream, int models, ChainJob const& job) {
    ca3::cuda::CurrentDevice const current(context.device());
    launch(chain_update_kernel,
           {.grid = dim3(static_cast<unsigned>(job.tiles), 1, static_cast<unsigned>(models)),
            .block = dim3(threads),
            .shared_bytes = shared_bytes,
            .stream = stream,
            .overlap = job.step.overlap},
           job);
}

}  // namespace ca3::autoencoder::cuda
