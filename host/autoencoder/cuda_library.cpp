#include "autoencoder/cuda_library.hpp"

#include "autoencoder/cuda_memory.hpp"
#include "core/cuda.hpp"

#include <ca3/error.hpp>

#ifdef CA3_HAVE_CUBLAS
#include <cublas_v2.h>

#ifndef CA3_SIMT
#include <dlfcn.h>
#endif

#include <optional>
#include <string>
#endif

namespace ca3::autoencoder::cuda {

bool takes_library(std::int64_t batch, std::int64_t in, std::int64_t out, Precision precision) {
    if (precision != Precision::f32 && precision != Precision::tf32 && precision != Precision::bf16) return false;
    for (std::int64_t const size : {batch, in, out})
        if (size < library_rule.least || size > most_units) return false;
    if (2.0 * static_cast<double>(batch) * static_cast<double>(in) * static_cast<double>(out) <= library_rule.flops) return false;
    return has_library();  // last: it may load it
}

#ifdef CA3_HAVE_CUBLAS

namespace {

constexpr std::int64_t workspace_bytes = std::int64_t{32} << 20;  // what NVIDIA recommends for Hopper

/// The functions of cuBLAS that are called here.
struct Functions {
    decltype(&cublasCreate) create = nullptr;
    decltype(&cublasDestroy) destroy = nullptr;
    decltype(&cublasSetStream) set_stream = nullptr;
    decltype(&cublasSetWorkspace) set_workspace = nullptr;
    decltype(&cublasSetAtomicsMode) set_atomics_mode = nullptr;
    decltype(&cublasGetStatusName) status_name = nullptr;
    decltype(&cublasGetStatusString) status_string = nullptr;
    cublasStatus_t (*multiply)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n, int k, void const* alpha, void const* a,
                               cudaDataType_t, int lda, void const* b, cudaDataType_t, int ldb, void const* beta, void* c, cudaDataType_t,
                               int ldc, cublasComputeType_t, cublasGemmAlgo_t) = nullptr;
};

#ifdef CA3_SIMT

std::optional<Functions> load() {
    return Functions{&cublasCreate,         &cublasDestroy,       &cublasSetStream,       &cublasSetWorkspace,
                     &cublasSetAtomicsMode, &cublasGetStatusName, &cublasGetStatusString, &cublasGemmEx};
}

#else

/// From the shared library that the loader finds, or the one of the toolkit of the build; of the headers' major version. It stays loaded.
std::optional<Functions> load() {
    std::string const name = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);
    void* library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) library = dlopen((CA3_CUBLAS_FOLDER "/" + name).c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) return std::nullopt;
    Functions f;
    auto const find = [library]<class F>(char const* symbol, F*& function) {
        function = reinterpret_cast<F*>(dlsym(library, symbol));
        return function != nullptr;
    };
    bool const complete = find("cublasCreate_v2", f.create) && find("cublasDestroy_v2", f.destroy) &&
                          find("cublasSetStream_v2", f.set_stream) && find("cublasSetWorkspace_v2", f.set_workspace) &&
                          find("cublasSetAtomicsMode", f.set_atomics_mode) && find("cublasGetStatusName", f.status_name) &&
                          find("cublasGetStatusString", f.status_string) && find("cublasGemmEx", f.multiply);
    return complete ? std::optional(f) : std::nullopt;
}

#endif

std::optional<Functions> const& functions() {
    static std::optional<Functions> const loaded = load();
    return loaded;
}

void check_blas(cublasStatus_t status, char const* what, char const* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw DeviceError(static_cast<int>(status), functions()->status_name(status),
                      std::string(what) + ": " + functions()->status_string(status), file, line);
}

cublasHandle_t handle_of(void* handle) {
    return static_cast<cublasHandle_t>(handle);
}

}  // namespace

bool has_library() {
    return functions().has_value();
}

ProductLibrary::ProductLibrary(Context context) : context_(std::move(context)) {
    if (!has_library()) throw NotCompiled("autoencoder: cuBLAS was not found by the loader");
    Functions const& blas = *functions();
    workspace_ = Buffer<std::byte>(context_, workspace_bytes);
    ca3::cuda::CurrentDevice const current(context_.device());
    cublasHandle_t handle = nullptr;
    check_blas(blas.create(&handle), "cublasCreate");
    handle_ = handle;
    try {
        // In this order: setting the stream takes the working memory away again.
        check_blas(blas.set_stream(handle, context_.stream()), "cublasSetStream");
        check_blas(blas.set_workspace(handle, workspace_.data(), static_cast<std::size_t>(workspace_bytes)), "cublasSetWorkspace");
        check_blas(blas.set_atomics_mode(handle, CUBLAS_ATOMICS_NOT_ALLOWED), "cublasSetAtomicsMode");
    } catch (...) {
        blas.destroy(handle);
        throw;
    }
}

ProductLibrary::~ProductLibrary() {
    try {
        ca3::cuda::CurrentDevice const current(context_.device());
        functions()->destroy(handle_of(handle_));
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
    check_blas(functions()->multiply(handle_of(handle_), operation(product.right), operation(product.left), number(product.columns),
                                     number(product.rows), number(product.depth), &one, product.right.data, type, number(product.right.ld),
                                     product.left.data, type, number(product.left.ld), &zero, product.out, CUDA_R_32F,
                                     number(product.out_ld), compute, CUBLAS_GEMM_DEFAULT),
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
