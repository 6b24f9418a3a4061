#pragma once

#include "kernels/common/device.cuh"
#include "kernels/hopfield/product_operands.cuh"
#include "kernels/hopfield/wgmma.cuh"

/// The product of product.cuh for weights of 8 bits, with the warpgroup products of sm_90a. The epilogue takes eight neighbours of a row at
/// a time: int eight(m, n, sums, row_sum), n a multiple of 8, of which those past the last row of W are not to be touched.
namespace ca3::hopfield::cuda {

/// A block of three warpgroups takes 192 rows of A, 64 each, and 256 rows of W; both come through shared memory in stages of 128 bytes of
/// each row. A tile of that shape asks L2 for 37 bytes per clock at the full rate of the tensor cores, about what it can give.
struct WarpgroupShape {
    static constexpr int m = 192;
    static constexpr int n = 256;
    static constexpr int k = 128;
    static constexpr int stages = 4;
    static constexpr int stage_bytes = (m + n) * k;
    static constexpr int threads = 384;
    static constexpr int shared_bytes = stages * stage_bytes;
};

template <class Weight, class Epilogue>
__global__ void __launch_bounds__(WarpgroupShape::threads, 1)
    product_warpgroup_kernel(MatrixView<std::int8_t const> a, MatrixView<Weight const> w, Epilogue epilogue) {
#if !defined(__CUDA_ARCH__) || defined(CA3_HAS_WGMMA)
    using Shape = WarpgroupShape;
    unsigned char* const shared = dynamic_shared<unsigned char>();
    int const thread = static_cast<int>(threadIdx.x), lane = thread % 32, group = thread / 128;
    auto const origin = tile_origin<Shape::m, Shape::n>(a.rows, w.rows);
    std::int64_t const row_m = origin.m, row_n = origin.n;

    // Chunks of 16 bytes, as wgmma.cuh wants them: chunk c of row r at (c * rows + r) * 16. Eight lanes write 128 bytes in a row, four
    // of such groups read 64 bytes of eight rows.
    std::int64_t const steps = (a.cols + Shape::k - 1) / Shape::k;
    auto const load = [&](std::int64_t step) {
        if (step < steps) {
            unsigned char* const stage = shared + step % Shape::stages * Shape::stage_bytes;
            for (int piece = thread; piece < (Shape::m + Shape::n) * 8; piece += Shape::threads) {
                int const row = piece / 64 * 8 + piece % 8, chunk = piece / 8 % 8;
                std::int64_t const k = step * Shape::k + chunk * 16;
                if (row < Shape::m) {
                    load_16(a, row_m + row, k, true, stage + (chunk * Shape::m + row) * 16, 0);
                } else {
                    load_16(w, row_n + row - Shape::m, k, true, stage + Shape::m * Shape::k + (chunk * Shape::n + row - Shape::m) * 16, 0);
                }
            }
        }
        ptx::cp_async_commit();
    };

    int sum[128] = {};
    int row_sum = 0;  // of half of the row thread % 192
    load(0);
    load(1);
    for (std::int64_t step = 0; step < steps; ++step) {
        ptx::cp_async_wait<1>();
        ptx::fence_proxy_async();
        __syncthreads();  // the stage is complete, and the products of two steps ago are done
        unsigned char const* const stage = shared + step % Shape::stages * Shape::stage_bytes;
        ptx::SharedOperand const rows = ptx::shared_operand(stage + group * 64 * 16, Shape::m * 16);
        ptx::SharedOperand const weights = ptx::shared_operand(stage + Shape::m * Shape::k, Shape::n * 16);
        ptx::wgmma_fence();
#pragma unroll
        for (int part = 0; part < Shape::k / 32; ++part) {
            auto const x = rows.advanced(part * 2 * Shape::m * 16), y = weights.advanced(part * 2 * Shape::n * 16);
            if constexpr (std::is_signed_v<Weight>) {
                ptx::wgmma_s8(sum, x, y);
            } else {
                ptx::wgmma_s8u8(sum, x, y);
            }
        }
        ptx::wgmma_commit();
        load(step + 2);
        if constexpr (Epilogue::needs_row_sums) {
#pragma unroll
            for (int n = 0; n < 4; ++n) {
                uint4 const bytes =
                    *reinterpret_cast<uint4 const*>(stage + ((thread / Shape::m * 4 + n) * Shape::m + thread % Shape::m) * 16);
                row_sum = ptx::dp4a_s8(bytes.x, 0x01010101u, ptx::dp4a_s8(bytes.y, 0x01010101u, row_sum));
                row_sum = ptx::dp4a_s8(bytes.z, 0x01010101u, ptx::dp4a_s8(bytes.w, 0x01010101u, row_sum));
            }
        }
        ptx::wgmma_wait<1>();
    }
    ptx::wgmma_wait<0>(sum);

    // Through shared memory, so that each warp reads and writes whole rows: its own 16, eight neighbours for each lane.
    constexpr int pitch = Shape::n + 8;
    int* const sums = reinterpret_cast<int*>(shared);
    int* const row_sums = sums + Shape::m * pitch;
    __syncthreads();  // the last stage has been read
#pragma unroll
    for (int n = 0; n < 128; n += 2) {
        int const row = thread / 32 * 16 + n / 2 % 2 * 8 + lane / 4;
        *reinterpret_cast<int2*>(sums + row * pitch + n / 4 * 8 + lane % 4 * 2) = make_int2(sum[n], sum[n + 1]);
    }
    if (Epilogue::needs_row_sums && thread < Shape::m) row_sums[thread] = row_sum;
    __syncthreads();
    if constexpr (Epilogue::needs_row_sums) {
        if (thread >= Shape::m) row_sums[thread - Shape::m] += row_sum;
        __syncthreads();
    }
#pragma unroll 1
    for (int row = thread / 32 * 16; row < thread / 32 * 16 + 16; ++row) {
        std::int64_t const m = row_m + row, n = row_n + lane * 8;
        if (m >= a.rows) break;
        int eight[8];
#pragma unroll
        for (int k = 0; k < 8; ++k) eight[k] = sums[row * pitch + lane * 8 + k];
        int changes = n < w.rows ? epilogue.eight(m, n, eight, Epilogue::needs_row_sums ? row_sums[row] : 0) : 0;
        if constexpr (Epilogue::counts_changes) {
            for (int distance = 16; distance > 0; distance /= 2) changes += __shfl_xor_sync(0xFFFFFFFFu, changes, distance);
            if (lane == 0) epilogue.finish_row(m, changes);
        }
    }
#else
    __trap();
#endif
}

/// @returns false, and does nothing, where the GPU or the alignment of the rows rules it out
template <class Weight, class Epilogue>
bool product_warpgroup(Context const& context, MatrixView<std::int8_t const> a, MatrixView<Weight const> w, Epilogue const& epilogue) {
    using Shape = WarpgroupShape;
    constexpr std::int64_t longest = 1 << 21;  // three times 255 of it is less than 2^31: epilogues need no wider integers
    auto const limits = device_limits(context.device());
    if (limits.compute_major != 9 || limits.compute_minor != 0 || a.cols >= longest || !rows_aligned(a) || !rows_aligned(w) ||
        !ptx::has_wgmma(context, product_warpgroup_kernel<Weight, Epilogue>)) {
        return false;
    }
    launch(context, product_warpgroup_kernel<Weight, Epilogue>,
           {.grid = dim3(tiles<Shape::m, Shape::n>(a.rows, w.rows)), .block = dim3(Shape::threads), .shared_bytes = Shape::shared_bytes}, a,
           w, epilogue);
    return true;
}

}  // namespace ca3::hopfield::cuda
