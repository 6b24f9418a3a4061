#pragma once

// Stands in for the header of cuBLAS of this name where host sources that call it are compiled for the host executor: the part that they
// use, by its definition, as a kernel of the executor. It refuses what cuBLAS refuses, and more that would go unnoticed without a GPU: a
// product before a stream and then working memory were given, and operands that are not aligned to 16 bytes.
#include "tests/support/simt/runtime.hpp"

struct cublasContext;
using cublasHandle_t = cublasContext*;

enum cublasStatus_t : int {
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
};
enum cublasOperation_t : int { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasAtomicsMode_t : int { CUBLAS_ATOMICS_NOT_ALLOWED = 0, CUBLAS_ATOMICS_ALLOWED = 1 };
enum cudaDataType_t : int { CUDA_R_32F = 0, CUDA_R_16BF = 14 };
enum cublasComputeType_t : int {
    CUBLAS_COMPUTE_32F = 68,
    CUBLAS_COMPUTE_32F_PEDANTIC = 69,
    CUBLAS_COMPUTE_32F_FAST_TF32 = 77,
};
enum cublasGemmAlgo_t : int { CUBLAS_GEMM_DEFAULT = -1 };

char const* cublasGetStatusName(cublasStatus_t status);
char const* cublasGetStatusString(cublasStatus_t status);
cublasStatus_t cublasCreate(cublasHandle_t* handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes);
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode);
/// Column-major: C = alpha op(A) op(B) + beta C with op(A) m x k and op(B) k x n. Each sum is one chain of fused products in rising order;
/// CUBLAS_COMPUTE_32F_FAST_TF32 rounds operands to nearest, ties away.
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
                            void const* alpha, void const* a, cudaDataType_t a_type, int lda, void const* b, cudaDataType_t b_type, int ldb,
                            void const* beta, void* c, cudaDataType_t c_type, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t algo);

namespace ca3::simt {
/// Products done in this process.
[[nodiscard]] std::int64_t library_products();
}  // namespace ca3::simt
