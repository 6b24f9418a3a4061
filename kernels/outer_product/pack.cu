#include "kernels/common/launch.cuh"
#include "kernels/outer_product/packed.cuh"
#include "outer_product/backend.hpp"

#include <algorithm>

namespace ca3::outer_product::cuda {

namespace {

constexpr int threads = 256;

/// One thread packs 32 patterns of one column; neighbours read neighbouring columns.
/// @param first_strange in and out: the lowest row * cols + column of an entry that is no sign
__global__ void __launch_bounds__(threads) pack_columns_kernel(MatrixView<std::int8_t const> patterns, std::int64_t column_words,
                                                               std::uint32_t* bits, int* ones, unsigned long long* first_strange) {
    std::int64_t const count = (patterns.rows + 31) / 32 * patterns.cols;
    std::int64_t const threads_of_grid = std::int64_t{gridDim.x} * blockDim.x;
    for (std::int64_t n = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; n < count; n += threads_of_grid) {
        std::int64_t const word = n / patterns.cols, column = n % patterns.cols;
        std::int64_t const begin = 32 * word, end = min(begin + 32, patterns.rows);
        std::uint32_t packed = 0;
        std::int64_t strange = -1;
        for (std::int64_t mu = begin; mu < end; ++mu) {
            int const entry = patterns.data[mu * patterns.stride + column];
            if (entry < 0) packed |= 1u << (mu - begin);
            if (((entry + 1) & ~2) != 0 && strange < 0) strange = mu * patterns.cols + column;
        }
        bits[column * column_words + word] = packed;
        atomicAdd(ones + column, __popc(packed));
        if (strange >= 0) atomicMin(first_strange, static_cast<unsigned long long>(strange));
    }
}

}  // namespace

PackedColumns pack_columns(Context const& context, MatrixView<std::int8_t const> patterns) {
    std::int64_t const steps = (patterns.rows + step_bits - 1) / step_bits;
    std::int64_t const columns = (patterns.cols + tile_side - 1) / tile_side * tile_side;
    PackedColumns packed{.steps = steps,
                         .bits = Buffer<std::uint32_t>(context, detail::checked_product(columns, steps * step_words)),
                         .ones = Buffer<int>(context, columns)};
    ca3::cuda::fill(context.state(), packed.ones.data(), 0, packed.ones.span().size_bytes());
    if (patterns.empty()) return packed;
    ca3::cuda::fill(context.state(), packed.bits.data(), 0, packed.bits.span().size_bytes());

    constexpr unsigned long long none = ~0ULL;
    Buffer<unsigned long long> first_strange(context, 1);
    ca3::cuda::fill(context.state(), first_strange.data(), 0xFF, sizeof none);
    std::int64_t const blocks = ((patterns.rows + 31) / 32 * patterns.cols + threads - 1) / threads;
    launch(context, pack_columns_kernel,
           {.grid = dim3(static_cast<unsigned>(std::min<std::int64_t>(blocks, 1 << 16))), .block = dim3(threads)}, patterns,
           steps * step_words, packed.bits.data(), packed.ones.data(), first_strange.data());
    unsigned long long strange = none;
    first_strange.copy_to_host(&strange);
    if (strange != none) {
        std::int64_t const row = static_cast<std::int64_t>(strange) / patterns.cols,
                           column = static_cast<std::int64_t>(strange) % patterns.cols;
        std::int8_t value = 0;
        detail::copy_out(context, &value, patterns.row(row) + column, 1);
        throw_not_a_sign("outer_product::accumulate", row, column, value);
    }
    return packed;
}

}  // namespace ca3::outer_product::cuda
