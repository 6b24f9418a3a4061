#pragma once

#include <ca3/autoencoder/model.hpp>
#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstddef>
#include <cstdint>

/// Products of large layers, by cuBLAS, which is loaded when the first one comes. Without it, in the build or on the machine, such layers
/// too are our own kernels'.
namespace ca3::autoencoder::cuda {

/// From which size on a layer's three products are the library's.
///
/// Our own kernels keep a layer in one launch forwards and one backwards: bias, activation, gradient of the loss and update happen where
/// the sums are. They are tuned for layers of up to 1568 units and batches of up to 1000, a product of 5 GFLOP. Beyond, their tiles of
/// 64 x 64 read too much, and what the library's products need in passes of their own over their results is paid for: with 512 terms or
/// more in each sum, an element costs 1024 operations and some 12 bytes, and no side is so short that the library's tiles stay empty.
struct LibraryRule {
    double flops = 8e9;        ///< 2 batch in out: more than this
    std::int64_t least = 512;  ///< each of batch, in and out: at least this
};
#ifdef CA3_SIMT
inline LibraryRule library_rule{};  ///< tests lower it
#else
inline constexpr LibraryRule library_rule{};
#endif

/// Whether the products of a layer are the library's. Looks at the shape alone, `batch` being the largest of a job: a run computes the
/// same whether it is resumed, repeated, or one of several side by side. Never for tf32x3, which the library does not have.
[[nodiscard]] bool takes_library(std::int64_t batch, std::int64_t in, std::int64_t out, Precision);

/// Whether there is cuBLAS: in the build, and on the machine, where it is looked for once. Thread-safe.
[[nodiscard]] bool has_library();

/// A row-major matrix, or with `transposed` its transpose, as a factor. f32; bf16 for Precision::bf16.
struct Factor {
    void const* data = nullptr;
    std::int64_t ld = 0;
    bool transposed = false;
};

/// out (rows x columns) = left (rows x depth) right (depth x columns), out in f32, row-major. Every size is in [1, 2^28].
struct Product {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t depth = 0;
    Factor left;
    Factor right;
    float* out = nullptr;
    std::int64_t out_ld = 0;
};

/// cuBLAS on a context's stream, with working memory of its own, as recording in a graph and equal bits from run to run ask for.
class ProductLibrary {
public:
    /// @throws NotCompiled unless has_library(); DeviceError with the status of cuBLAS; OutOfMemory
    explicit ProductLibrary(Context context);
    ~ProductLibrary();
    ProductLibrary(ProductLibrary const&) = delete;
    ProductLibrary& operator=(ProductLibrary const&) = delete;

    /// f32 (no rounding of operands), tf32 or bf16; sums are f32. Asynchronous, can be recorded. The same bits for the same shapes on the
    /// same GPU model. @throws DeviceError with the status of cuBLAS
    void multiply(Precision, Product const&) const;

private:
    Context context_;
    Buffer<std::byte> workspace_;
    void* handle_ = nullptr;
};

}  // namespace ca3::autoencoder::cuda
