#include "autoencoder/cuda_library.hpp"

#include "core/cuda.hpp"

#include <ca3/error.hpp>

#ifdef CA3_HAVE_CUBLAS
#include <cublas_v2.h>

#include <source_location>
#include <string>
#endif

namespace ca3::autoencoder::cuda {

bool takes_library(std::int64_t batch, std::int64_t in, std::int64_t out, Precision precision) {
    constexpr std::int64_t most = std::int64_t{1} << 28;  // cuBLAS takes sizes of 32 bits
    if (!has_library() || (precision != Precision::f32 && precision != Precision::tf32 && precision != Precision::bf16)) return false;
    for (std::int64_t const size : {batch, in, out})
        if (size < library_rule.least || size > most) return false;
    return 2.0 * static_cast<double>(batch) * static_cast<double>(in) * static_cast<double>(out) > library_rule.flops;
}

#ifdef CA3_HAVE_CUBLAS

namespace {

constexpr std::int64_t workspace_bytes = std::int64_t{32} << 20;  // what NVIDIA recommends for Hopper

void check_blas(cublasStatus_t status, char const* what, std::source_location where = std::source_location::current()) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw DeviceError(static_cast<int>(status), cublasGetStatusName(status), std::string(what) + ": " + cublasGetStatusString(status),
                      where.file_name(), static_cast<int>(where.line()));
}

cublasHandle_t handle_of(void* handle) {
    return static_cast<cublasHandle_t>(handle);
}

}  // namespace

bool has_library() {
    return true;
}

ProductLibrary::ProductLibrary(Context context) : context_(std::move(context)), workspace_(context_, workspace_bytes) {
    ca3::cuda::CurrentDevice const current(context_.device());
    cublasHandle_t handle = nullptr;
    check_blas(cublasCreate(&handle), "cublasCreate");
    handle_ = handle;
    try {
        // In this order: setting the stream takes the working memory away again.
        check_blas(cublasSetStream(handle, context_.stream()), "cublasSetStream");
        check_blas(cublasSetWorkspace(handle, workspace_.data(), static_cast<std::size_t>(workspace_bytes)), "cublasSetWorkspace");
        check_blas(cublasSetAtomicsMode(handle, CUBLAS_ATOMICS_NOT_ALLOWED), "cublasSetAtomicsMode");
    } catch (...) {
        cublasDestroy(handle);
        throw;
    }
}

ProductLibrary::~ProductLibrary() {
    try {
        ca3::cuda::CurrentDevice const current(context_.device());
        cublasDestroy(handle_of(handle_));
    } catch (DeviceError const&) {
        // The device is lost, and the handle with it.
    }
}

/// cuBLAS is column-major: it sees every row-major matrix as its transpose. So it is asked for out^T = right^T left^T, where the transposes
/// are what it sees anyway.
void ProductLibrary::multiply(Precision precision, Product const& product) const {
    ca3::cuda::CurrentDevice const current(context_.device());
    auto const number = [](std::int64_t size) { return static_cast<int>(size); };
    auto const operation = [](Factor const& factor) { return factor.transposed ? CUBLAS_OP_T : CUBLAS_OP_N; };
    cudaDataType_t const type = precision == Precision::bf16 ? CUDA_R_16BF : CUDA_R_32F;
    cublasComputeType_t const compute = precision == Precision::bf16   ? CUBLAS_COMPUTE_32F
                                        : precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                       : CUBLAS_COMPUTE_32F_PEDANTIC;
    float const one = 1.0f, zero = 0.0f;
    check_blas(
        cublasGemmEx(handle_of(handle_), operation(product.right), operation(product.left), number(product.columns), number(product.rows),
                     number(product.depth), &one, product.right.data, type, number(product.right.ld), product.left.data, type,
                     number(product.left.ld), &zero, product.out, CUDA_R_32F, number(product.out_ld), compute, CUBLAS_GEMM_DEFAULT),
        "cublasGemmEx");
}

#else

bool has_library() {
    return false;
}

ProductLibrary::ProductLibrary(Context context) : context_(std::move(context)) {
    throw NotCompiled("autoencoder: this build has no cuBLAS (CA3_CUBLAS)");
}

ProductLibrary::~ProductLibrary() = default;

void ProductLibrary::multiply(Precision, Product const&) const {}

#endif

}  // namespace ca3::autoencoder::cuda
