#include "tests/support/simt/include/cublas_v2.h"

#include "kernels/common/launch.cuh"
#include "kernels/common/ptx.cuh"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

struct cublasContext {
    cudaStream_t stream = nullptr;
    bool has_stream = false;
    void* workspace = nullptr;
    std::size_t workspace_bytes = 0;
};

namespace {

std::atomic<std::int64_t> products = 0;

/// A column-major operand, as numbers.
struct Numbers {
    void const* data;
    cudaDataType_t type;
    std::int64_t ld;
    bool transposed;
    bool tf32;

    [[nodiscard]] float operator()(std::int64_t row, std::int64_t column) const {
        std::int64_t const at = transposed ? column + row * ld : row + column * ld;
        if (type == CUDA_R_16BF) return std::bit_cast<float>(static_cast<std::uint32_t>(static_cast<std::uint16_t const*>(data)[at]) << 16);
        float const x = static_cast<float const*>(data)[at];
        return tf32 ? std::bit_cast<float>(ca3::ptx::tf32_of(x)) : x;
    }
};

/// A block for each column, a thread for every 32nd row.
__global__ void gemm_kernel(int m, int k, float scale, Numbers left, Numbers right, float kept, float* c, std::int64_t ldc) {
    std::int64_t const column = blockIdx.x;
    for (std::int64_t row = threadIdx.x; row < m; row += blockDim.x) {
        float sum = 0.0f;
        for (std::int64_t i = 0; i < k; ++i) sum = std::fma(left(row, i), right(i, column), sum);
        float& to = c[row + column * ldc];
        to = kept == 0.0f ? scale * sum : scale * sum + kept * to;
    }
    if (column == 0 && threadIdx.x == 0) ++products;
}

bool is_aligned(void const* pointer, std::uintptr_t bytes) {
    return pointer != nullptr && reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
}

bool are_types(cudaDataType_t a, cudaDataType_t b, cudaDataType_t c, cublasComputeType_t compute) {
    if (c != CUDA_R_32F || a != b) return false;
    return a == CUDA_R_16BF ? compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_PEDANTIC : a == CUDA_R_32F;
}

}  // namespace

std::int64_t ca3::simt::library_products() {
    return products;
}

char const* cublasGetStatusName(cublasStatus_t status) {
    switch (status) {
        case CUBLAS_STATUS_SUCCESS:
            return "CUBLAS_STATUS_SUCCESS";
        case CUBLAS_STATUS_NOT_INITIALIZED:
            return "CUBLAS_STATUS_NOT_INITIALIZED";
        case CUBLAS_STATUS_INVALID_VALUE:
            return "CUBLAS_STATUS_INVALID_VALUE";
        case CUBLAS_STATUS_NOT_SUPPORTED:
            return "CUBLAS_STATUS_NOT_SUPPORTED";
    }
    return "?";
}
char const* cublasGetStatusString(cublasStatus_t status) {
    return cublasGetStatusName(status);
}

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
    *handle = new cublasContext();
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    *handle = {.stream = stream, .has_stream = true};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes) {
    if (!is_aligned(workspace, 256)) return CUBLAS_STATUS_INVALID_VALUE;
    handle->workspace = workspace;
    handle->workspace_bytes = bytes;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t) {
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                            void const* alpha, void const* a, cudaDataType_t a_type, int lda, void const* b, cudaDataType_t b_type, int ldb,
                            void const* beta, void* c, cudaDataType_t c_type, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t) {
    if (handle == nullptr || !handle->has_stream || handle->workspace == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (m < 0 || n < 0 || k < 0 || alpha == nullptr || beta == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    if (lda < std::max(1, transa == CUBLAS_OP_N ? m : k) || ldb < std::max(1, transb == CUBLAS_OP_N ? k : n) || ldc < std::max(1, m))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!are_types(a_type, b_type, c_type, compute)) return CUBLAS_STATUS_NOT_SUPPORTED;
    bool const tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    std::int64_t const a_bytes = a_type == CUDA_R_16BF ? 2 : 4;
    if (!is_aligned(a, 16) || !is_aligned(b, 16) || !is_aligned(c, 16) || lda * a_bytes % 16 != 0 || ldb * a_bytes % 16 != 0 ||
        ldc % 4 != 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    float const scale = *static_cast<float const*>(alpha), kept = *static_cast<float const*>(beta);
    Numbers const left{a, a_type, lda, transa == CUBLAS_OP_T, tf32}, right{b, b_type, ldb, transb == CUBLAS_OP_T, tf32};
    ca3::launch(gemm_kernel, {.grid = dim3(static_cast<unsigned>(n)), .block = dim3(32), .stream = handle->stream}, m, k, scale, left,
                right, kept, static_cast<float*>(c), ldc);
    return CUBLAS_STATUS_SUCCESS;
}
