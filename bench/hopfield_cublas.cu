#include "bench/hopfield_cublas.hpp"
#include "kernels/common/check.cuh"
#include "kernels/common/launch.cuh"

#include <cublasLt.h>
#include <cuda_bf16.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace ca3::bench {

namespace {

void check_blas(cublasStatus_t status, char const* what) {
    if (status != CUBLAS_STATUS_SUCCESS) throw std::runtime_error(std::string(what) + ": " + cublasLtGetStatusString(status));
}

/// A CUDA event that is destroyed with its scope.
struct Event {
    cudaEvent_t event = nullptr;

    Event() { check(cudaEventCreate(&event), "cudaEventCreate"); }
    Event(Event const&) = delete;
    Event& operator=(Event const&) = delete;
    ~Event() { static_cast<void>(cudaEventDestroy(event)); }
};

template <class T>
struct alignas(4 * sizeof(T)) Four {
    T v[4];
};

__device__ float as_number(float x) {
    return x;
}
__device__ float as_number(__nv_bfloat16 x) {
    return __bfloat162float(x);
}
__device__ int as_number(std::int8_t x) {
    return x;
}

/// out = sign(h), a tie keeps s; `fours` groups of four elements.
template <class Field, class Element>
__global__ void decide(std::int64_t fours, Four<Field> const* h, Four<Element> const* s, Four<Element>* out) {
    for (std::int64_t k = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; k < fours; k += std::int64_t{gridDim.x} * blockDim.x) {
        Four<Field> const field = h[k];
        Four<Element> state = s[k];
#pragma unroll
        for (int e = 0; e < 4; ++e) {
            if (field.v[e] > Field{0}) state.v[e] = Element(1);
            if (field.v[e] < Field{0}) state.v[e] = Element(-1);
        }
        out[k] = state;
    }
}

/// out(k) = in(k) in another type.
template <class From, class To>
__global__ void convert(std::int64_t count, From const* in, To* out) {
    for (std::int64_t k = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; k < count; k += std::int64_t{gridDim.x} * blockDim.x)
        out[k] = static_cast<To>(static_cast<float>(as_number(in[k])));
}

LaunchConfig over(Context const& context, std::int64_t count) {
    auto const blocks = static_cast<unsigned>(std::clamp<std::int64_t>((count + 255) / 256, 1, 1 << 16));
    return {.grid = {blocks, 1, 1}, .block = {256, 1, 1}, .stream = context.stream()};
}

cudaDataType_t element_type(Precision p) {
    return p == Precision::int8 ? CUDA_R_8I : p == Precision::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

std::int64_t element_bytes(Precision p) {
    return p == Precision::int8 ? 1 : p == Precision::bf16 ? 2 : 4;
}

}  // namespace

std::string to_string(Precision p) {
    switch (p) {
        case Precision::f32:
            return "f32";
        case Precision::tf32:
            return "tf32";
        case Precision::bf16:
            return "bf16";
        case Precision::int8:
            return "int8";
    }
    return "?";
}

/// Row-major B x d is column-major d x B: the fields are W (d x d, taken transposed, which it equals) times the states.
struct CublasSign::Plan {
    static constexpr std::int64_t workspace_bytes = std::int64_t{64} << 20;

    Context context;
    Precision precision;
    std::int64_t d, batch;
    Buffer<std::byte> weights, in, out, fields, workspace;
    cublasLtHandle_t handle = nullptr;
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t weight_layout = nullptr, state_layout = nullptr, field_layout = nullptr;
    cublasLtMatmulAlgo_t algorithm{};

    Plan(Context const& c, Precision p, std::int64_t neurons, std::int64_t states)
        : context(c),
          precision(p),
          d(neurons),
          batch(states),
          weights(c, d * d * element_bytes(p)),
          in(c, batch * d * element_bytes(p)),
          out(c, batch * d * element_bytes(p)),
          fields(c, batch * d * 4),
          workspace(c, workspace_bytes) {}
    Plan(Plan const&) = delete;
    Plan& operator=(Plan const&) = delete;
    ~Plan() {
        for (cublasLtMatrixLayout_t layout : {weight_layout, state_layout, field_layout}) {
            if (layout != nullptr) cublasLtMatrixLayoutDestroy(layout);
        }
        if (operation != nullptr) cublasLtMatmulDescDestroy(operation);
        if (handle != nullptr) cublasLtDestroy(handle);
    }

    void describe() {
        bool const integers = precision == Precision::int8;
        check_blas(cublasLtCreate(&handle), "cublasLtCreate");
        check_blas(cublasLtMatmulDescCreate(&operation,
                                            integers                       ? CUBLAS_COMPUTE_32I
                                            : precision == Precision::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                           : CUBLAS_COMPUTE_32F,
                                            integers ? CUDA_R_32I : CUDA_R_32F),
                   "cublasLtMatmulDescCreate");
        cublasOperation_t const transposed = CUBLAS_OP_T;
        check_blas(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed),
                   "cublasLtMatmulDescSetAttribute");
        auto const side = static_cast<std::uint64_t>(d), columns = static_cast<std::uint64_t>(batch);
        cudaDataType_t const element = element_type(precision);
        check_blas(cublasLtMatrixLayoutCreate(&weight_layout, element, side, side, d), "cublasLtMatrixLayoutCreate");
        check_blas(cublasLtMatrixLayoutCreate(&state_layout, element, side, columns, d), "cublasLtMatrixLayoutCreate");
        check_blas(cublasLtMatrixLayoutCreate(&field_layout, integers ? CUDA_R_32I : CUDA_R_32F, side, columns, d),
                   "cublasLtMatrixLayoutCreate");
    }

    cublasStatus_t multiply_by(cublasLtMatmulAlgo_t const& with) {
        float const one = 1.0F, zero = 0.0F;
        std::int32_t const integer_one = 1, integer_zero = 0;
        bool const integers = precision == Precision::int8;
        return cublasLtMatmul(handle, operation, integers ? static_cast<void const*>(&integer_one) : &one, weights.data(), weight_layout,
                              in.data(), state_layout, integers ? static_cast<void const*>(&integer_zero) : &zero, fields.data(),
                              field_layout, fields.data(), field_layout, &with, workspace.data(), workspace_bytes, context.stream());
    }

    void choose_algorithm() {
        cublasLtMatmulPreference_t preference = nullptr;
        check_blas(cublasLtMatmulPreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
        std::size_t const room = workspace_bytes;
        static_cast<void>(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room));
        constexpr int most = 16;
        cublasLtMatmulHeuristicResult_t proposals[most] = {};
        int found = 0;
        cublasStatus_t const status = cublasLtMatmulAlgoGetHeuristic(handle, operation, weight_layout, state_layout, field_layout,
                                                                     field_layout, preference, most, proposals, &found);
        cublasLtMatmulPreferenceDestroy(preference);
        check_blas(status, "cublasLtMatmulAlgoGetHeuristic");
        double best = std::numeric_limits<double>::infinity();
        for (int k = 0; k < found; ++k) {
            if (proposals[k].state != CUBLAS_STATUS_SUCCESS || multiply_by(proposals[k].algo) != CUBLAS_STATUS_SUCCESS) continue;
            double const seconds = device_seconds(context, 5, [&] { static_cast<void>(multiply_by(proposals[k].algo)); });
            if (seconds < best) {
                best = seconds;
                algorithm = proposals[k].algo;
            }
        }
        if (best == std::numeric_limits<double>::infinity()) throw std::runtime_error("cuBLASLt has no algorithm for this product");
    }

    /// Copies bytes from the host and makes them elements of this precision.
    void load(std::int8_t const* from, std::int64_t count, Buffer<std::byte>& to) {
        Buffer<std::int8_t> bytes(context, count);
        bytes.copy_from_host(from);
        if (precision == Precision::int8) {
            launch(convert<std::int8_t, std::int8_t>, over(context, count), count, bytes.data(), reinterpret_cast<std::int8_t*>(to.data()));
        } else if (precision == Precision::bf16) {
            launch(convert<std::int8_t, __nv_bfloat16>, over(context, count), count, bytes.data(),
                   reinterpret_cast<__nv_bfloat16*>(to.data()));
        } else {
            launch(convert<std::int8_t, float>, over(context, count), count, bytes.data(), reinterpret_cast<float*>(to.data()));
        }
    }

    template <class Field, class Element>
    void decide_as() {
        std::int64_t const fours = batch * d / 4;
        launch(decide<Field, Element>, over(context, fours), fours, reinterpret_cast<Four<Field> const*>(fields.data()),
               reinterpret_cast<Four<Element> const*>(in.data()), reinterpret_cast<Four<Element>*>(out.data()));
    }

    template <class Element>
    void store(Buffer<std::int8_t>& bytes) const {
        launch(convert<Element, std::int8_t>, over(context, batch * d), batch * d, reinterpret_cast<Element const*>(out.data()),
               bytes.data());
    }
};

CublasSign::CublasSign(Context const& cuda, Precision precision, std::vector<std::int32_t> const& weights,
                       MatrixView<std::int8_t const> states) {
    std::int64_t const d = states.cols, batch = states.rows;
    if (d % 16 != 0 || batch % 16 != 0) throw std::runtime_error("the baseline takes multiples of 16");
    std::vector<std::int8_t> narrow(weights.size());
    for (std::size_t k = 0; k < weights.size(); ++k) {
        if (weights[k] < -127 || weights[k] > 127) throw std::runtime_error("the baseline takes weights within +-127");
        narrow[k] = static_cast<std::int8_t>(weights[k]);
    }
    plan_ = std::make_unique<Plan>(cuda, precision, d, batch);
    plan_->load(narrow.data(), d * d, plan_->weights);
    plan_->load(states.data, batch * d, plan_->in);
    plan_->describe();
    plan_->choose_algorithm();
}

CublasSign::~CublasSign() = default;

void CublasSign::multiply() {
    check_blas(plan_->multiply_by(plan_->algorithm), "cublasLtMatmul");
}

void CublasSign::sweep() {
    multiply();
    switch (plan_->precision) {
        case Precision::f32:
        case Precision::tf32:
            return plan_->decide_as<float, float>();
        case Precision::bf16:
            return plan_->decide_as<float, __nv_bfloat16>();
        case Precision::int8:
            return plan_->decide_as<std::int32_t, std::int8_t>();
    }
}

std::vector<std::int8_t> CublasSign::states() const {
    Buffer<std::int8_t> bytes(plan_->context, plan_->batch * plan_->d);
    if (plan_->precision == Precision::int8) {
        plan_->store<std::int8_t>(bytes);
    } else if (plan_->precision == Precision::bf16) {
        plan_->store<__nv_bfloat16>(bytes);
    } else {
        plan_->store<float>(bytes);
    }
    std::vector<std::int8_t> out(static_cast<std::size_t>(bytes.size()));
    bytes.copy_to_host(out.data());
    return out;
}

double device_seconds(Context const& cuda, int runs, std::function<void()> const& work) {
    Event start, stop;
    work();
    check(cudaEventRecord(start.event, cuda.stream()), "cudaEventRecord");
    for (int k = 0; k < runs; ++k) work();
    check(cudaEventRecord(stop.event, cuda.stream()), "cudaEventRecord");
    check(cudaEventSynchronize(stop.event), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start.event, stop.event), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds) / runs;
}

}  // namespace ca3::bench
