#pragma once

#include "kernels/hopfield/device_model.cuh"

#include <ca3/matrix.hpp>

namespace ca3::hopfield::cuda {

/// The device copy of a Model, and the views on it that kernels take.
struct PreparedOnDevice final : Prepared {
    DeviceModel model;

    Buffer<std::uint32_t> rows, columns;
    Buffer<std::int64_t> kernel, table, diagonal, tau;
    Buffer<double> bias;
    Buffer<unsigned char> weights, weights_transposed;
    Buffer<uint4> overlap_fragments, overlap_blocks, weight_fragments, weight_blocks;
    Buffer<uint2> field_fragments;
    Buffer<std::uint32_t> field_blocks;
    Buffer<std::int32_t> pattern_ones;
    Buffer<int2> limits;
};

[[nodiscard]] inline PreparedOnDevice& on_device(Prepared& prepared) {
    return static_cast<PreparedOnDevice&>(prepared);
}

enum class Bit : std::int8_t { positive, negative, nonzero };

/// Packs bits: bit j % 32 of out[i * words + j / 32] is set where in(i, j) is `bit`. Bits past the end are zero. (pack.cu)
void pack_rows(Context const& context, MatrixView<std::int8_t const> in, Bit bit, std::uint32_t* out);
/// The transpose: bit i % 32 of out[(i / 32) * in.cols + j] is set where in(i, j) > 0.
void pack_columns(Context const& context, MatrixView<std::int8_t const> in, std::uint32_t* out);
/// out(j, i) = in(i, j) for elements of 1, 2, 4 or 8 bytes, n x n.
void transpose(Context const& context, std::int64_t n, int element_bytes, void const* in, void* out);

}  // namespace ca3::hopfield::cuda
