#include "kernels/hopfield/prepared.cuh"

#include <algorithm>

namespace ca3::hopfield::cuda {

namespace {

constexpr int threads = 256;

__global__ void __launch_bounds__(threads) pack_rows_kernel(MatrixView<std::int8_t const> in, Bit bit, std::uint32_t* out) {
    std::int64_t const words = (in.cols + 31) / 32;
    std::int64_t const lane = threadIdx.x % 32;
    std::int64_t const warps = std::int64_t{gridDim.x} * (blockDim.x / 32);
    for (std::int64_t word = std::int64_t{blockIdx.x} * (blockDim.x / 32) + threadIdx.x / 32; word < in.rows * words; word += warps) {
        std::int64_t const i = word / words, j = word % words * 32 + lane;
        int const value = j < in.cols ? in.data[i * in.stride + j] : 0;
        std::uint32_t const bits = __ballot_sync(0xFFFFFFFFu, bit == Bit::positive   ? value > 0
                                                              : bit == Bit::negative ? value < 0
                                                                                     : value != 0);
        if (lane == 0) out[word] = bits;
    }
}

__global__ void __launch_bounds__(threads) pack_columns_kernel(MatrixView<std::int8_t const> in, std::uint32_t* out) {
    std::int64_t const count = (in.rows + 31) / 32 * in.cols;
    std::int64_t const step = std::int64_t{gridDim.x} * blockDim.x;
    for (std::int64_t n = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; n < count; n += step) {
        std::int64_t const first = n / in.cols * 32, j = n % in.cols;
        std::uint32_t bits = 0;
        for (int bit = 0; bit < 32 && first + bit < in.rows; ++bit) {
            if (in.data[(first + bit) * in.stride + j] > 0) bits |= 1u << bit;
        }
        out[n] = bits;
    }
}

constexpr int tile = 32;

/// Tiles of 32 x 32 through shared memory, so that both sides are read and written along rows.
template <class T>
__global__ void __launch_bounds__(threads) transpose_kernel(std::int64_t n, T const* in, T* out) {
    T* const shared = dynamic_shared<T>();  // 32 rows of 33
    std::int64_t const tiles = (n + tile - 1) / tile;
    int const x = static_cast<int>(threadIdx.x) % tile;
    for (std::int64_t t = blockIdx.x; t < tiles * tiles; t += gridDim.x) {
        std::int64_t const row = t / tiles * tile, col = t % tiles * tile;
        for (int y = static_cast<int>(threadIdx.x) / tile; y < tile; y += threads / tile) {
            if (row + y < n && col + x < n) shared[y * (tile + 1) + x] = in[(row + y) * n + col + x];
        }
        __syncthreads();
        for (int y = static_cast<int>(threadIdx.x) / tile; y < tile; y += threads / tile) {
            if (col + y < n && row + x < n) out[(col + y) * n + row + x] = shared[x * (tile + 1) + y];
        }
        __syncthreads();
    }
}

unsigned grid_for(std::int64_t blocks) {
    return static_cast<unsigned>(std::clamp<std::int64_t>(blocks, 0, 1 << 16));
}

template <class T>
void transpose_as(Context const& context, std::int64_t n, void const* in, void* out) {
    std::int64_t const tiles = (n + tile - 1) / tile;
    launch(context, transpose_kernel<T>,
           {.grid = dim3(grid_for(tiles * tiles)), .block = dim3(threads), .shared_bytes = tile * (tile + 1) * sizeof(T)}, n,
           static_cast<T const*>(in), static_cast<T*>(out));
}

}  // namespace

void pack_rows(Context const& context, MatrixView<std::int8_t const> in, Bit bit, std::uint32_t* out) {
    if (in.empty()) return;
    std::int64_t const words = in.rows * ((in.cols + 31) / 32);
    launch(context, pack_rows_kernel, {.grid = dim3(grid_for((words + 7) / 8)), .block = dim3(threads)}, in, bit, out);
}

void pack_columns(Context const& context, MatrixView<std::int8_t const> in, std::uint32_t* out) {
    if (in.empty()) return;
    std::int64_t const count = (in.rows + 31) / 32 * in.cols;
    launch(context, pack_columns_kernel, {.grid = dim3(grid_for((count + threads - 1) / threads)), .block = dim3(threads)}, in, out);
}

void transpose(Context const& context, std::int64_t n, int element_bytes, void const* in, void* out) {
    if (n == 0) return;
    switch (element_bytes) {
        case 1:
            return transpose_as<std::uint8_t>(context, n, in, out);
        case 2:
            return transpose_as<std::uint16_t>(context, n, in, out);
        case 4:
            return transpose_as<std::uint32_t>(context, n, in, out);
        default:
            return transpose_as<std::uint64_t>(context, n, in, out);
    }
}

}  // namespace ca3::hopfield::cuda
