#pragma once

#include "core/elementary.hpp"
#include "kernels/autoencoder/views.hpp"
#include "kernels/common/launch.cuh"
#include "kernels/common/ptx.cuh"

#include <cstdint>
#include <limits>
#include <type_traits>

/// What is done to single values: the CPU backend's own formulas on plain floats, so that both give the same bits.
namespace ca3::autoencoder::cuda {

/// The first thing in every kernel that is launched with `overlap`: waits for all launches before it, then lets the next one start, which
/// waits here in turn. So that when a kernel starts, all launches but the one ahead of it are done.
__device__ __forceinline__ void begin_in_turn() {
    ptx::grid_dependency_wait();
    ptx::grid_dependents_launch();
}

__device__ __forceinline__ bool less(float a, float b) {
    return a < b;
}
__device__ __forceinline__ bool equal(float a, float b) {
    return a == b;
}
__device__ __forceinline__ float select(bool yes, float a, float b) {
    return yes ? a : b;
}
__device__ __forceinline__ float absolute(float x) {
    return ca3::detail::float_of(ca3::detail::bits_of(x) & 0x7FFFFFFFu);
}
__device__ __forceinline__ float copy_sign(float x, float sign) {
    return ca3::detail::float_of((ca3::detail::bits_of(x) & 0x7FFFFFFFu) | (ca3::detail::bits_of(sign) & 0x80000000u));
}
__device__ __forceinline__ float square_root(float x) {
    return scalar::square_root(x);
}
/// 2^n for an n that a shift by 0x1.8p23 left in the low bits
__device__ __forceinline__ float power_of_two(float shifted) {
    return ca3::detail::float_of((ca3::detail::bits_of(shifted) + 127u) << 23);
}
/// x = 2^e m, m in [sqrt(1/2), sqrt(2)), for normal positive x
__device__ __forceinline__ void split(float x, float& e, float& m) {
    std::uint32_t const bits = ca3::detail::bits_of(x);
    std::int32_t const exponent = static_cast<std::int32_t>(bits - 0x3F3504F3u) >> 23;
    e = static_cast<float>(exponent);
    m = ca3::detail::float_of(bits - (static_cast<std::uint32_t>(exponent) << 23));
}
__device__ __forceinline__ bool is_finite(float x) {
    return (ca3::detail::bits_of(x) & 0x7F800000u) != 0x7F800000u;
}

#define CA3_ALWAYS_INLINE __device__ __forceinline__
#include "autoencoder/cpu_elementary_inl.hpp"
#undef CA3_ALWAYS_INLINE

// ---- activations -------------------------------------------------------------------------------------------------------------------

__device__ __forceinline__ float slope_of(ActivationView const& a, unsigned model, std::int64_t unit) {
    return a.slopes ? a.slopes.of(model)[a.per_unit ? unit : 0] : a.slope;
}

/// f(Constant<k>) with the k that is the elementwise `kind`; k = prelu stands for leaky_relu too.
template <class F>
__device__ __forceinline__ auto with_kind(Activation::Kind kind, F const& f) {
    using Kind = Activation::Kind;
    switch (kind) {
        case Kind::sigmoid:
            return f(Constant<Kind::sigmoid>());
        case Kind::tanh:
            return f(Constant<Kind::tanh>());
        case Kind::arctan:
            return f(Constant<Kind::arctan>());
        case Kind::relu:
            return f(Constant<Kind::relu>());
        case Kind::leaky_relu:
        case Kind::prelu:
            return f(Constant<Kind::prelu>());
        default:
            return f(Constant<Kind::identity>());
    }
}

/// @param there the unit exists: else no slope is read for it
template <Activation::Kind kind>
__device__ __forceinline__ float activated_as(ActivationView const& a, unsigned model, std::int64_t unit, float z, bool there) {
    using Kind = Activation::Kind;
    if constexpr (kind == Kind::sigmoid)
        return sigmoid_of(z);
    else if constexpr (kind == Kind::tanh)
        return tanh_of(z);
    else if constexpr (kind == Kind::arctan)
        return arctan_of(z);
    else if constexpr (kind == Kind::relu)
        return z < 0.0f ? 0.0f : z;
    else if constexpr (kind == Kind::prelu)
        return z > 0.0f || !there ? z : slope_of(a, model, unit) * z;
    else
        return z;
}
__device__ __forceinline__ float activated(ActivationView const& a, unsigned model, std::int64_t unit, float z) {
    return with_kind(a.kind, [&](auto kind) { return activated_as<kind()>(a, model, unit, z, true); });
}

/// g times the derivative at z, where y is the activation's value. z is read for arctan, leaky_relu and prelu, y for the others.
template <Activation::Kind kind>
__device__ __forceinline__ float differentiated_as(ActivationView const& a, unsigned model, std::int64_t unit, float g, float z, float y,
                                                   bool there) {
    using Kind = Activation::Kind;
    if constexpr (kind == Kind::sigmoid)
        return g * (y * (1.0f - y));
    else if constexpr (kind == Kind::tanh)
        return g * (1.0f - y * y);
    else if constexpr (kind == Kind::arctan)
        return g / (1.0f + z * z);
    else if constexpr (kind == Kind::relu)
        return y > 0.0f ? g : 0.0f;
    else if constexpr (kind == Kind::prelu)
        return z > 0.0f || !there ? g : slope_of(a, model, unit) * g;
    else
        return g;
}
__device__ __forceinline__ float differentiated(ActivationView const& a, unsigned model, std::int64_t unit, float g, float z, float y) {
    return with_kind(a.kind, [&](auto kind) { return differentiated_as<kind()>(a, model, unit, g, z, y, true); });
}

// ---- losses ------------------------------------------------------------------------------------------------------------------------

struct ValueAndSlope {
    float value;
    float slope;
};

/// f(Constant<l>) with the l that is `loss`, which compares value by value.
template <class F>
__device__ __forceinline__ auto with_loss(Loss loss, F const& f) {
    switch (loss) {
        case Loss::l1:
            return f(Constant<Loss::l1>());
        case Loss::bce:
            return f(Constant<Loss::bce>());
        case Loss::bce_with_logits:
            return f(Constant<Loss::bce_with_logits>());
        default:
            return f(Constant<Loss::mse>());
    }
}

template <Loss loss>
__device__ __forceinline__ ValueAndSlope compared_as(float x, float t) {
    float const d = x - t;
    if constexpr (loss == Loss::l1) {
        return {absolute(d), d == 0.0f ? 0.0f : copy_sign(1.0f, d)};
    } else if constexpr (loss == Loss::bce) {
        float const rest = 1.0f - x, product = rest * x;
        return {(t - 1.0f) * clamped_logarithm(rest) - t * clamped_logarithm(x), d / (product < 1e-12f ? 1e-12f : product)};
    } else if constexpr (loss == Loss::bce_with_logits) {
        float const e = exponential_of(0.0f - absolute(x));
        return {fused(1.0f - t, x, x < 0.0f ? 0.0f - x : 0.0f) + clamped_logarithm(1.0f + e), sigmoid_of(x) - t};
    } else {
        return {d * d, d + d};
    }
}
__device__ __forceinline__ ValueAndSlope compared(Loss loss, float x, float t) {
    return with_loss(loss, [&](auto l) { return compared_as<l()>(x, t); });
}

// ---- updates -----------------------------------------------------------------------------------------------------------------------

/// What the update adds to the gradient of a parameter.
__device__ __forceinline__ float decayed(UpdateView const& u, float g, float p) {
    g = fused(u.weight_decay, p, g);
    return g + (p > 0.0f ? u.l1 : p < 0.0f ? -u.l1 : 0.0f);
}

/// What there is code for.
enum class Rule : std::uint8_t { plain_adam, adam, sgd };

/// f(Constant<r>) with the r that `u` is.
template <class F>
__device__ __forceinline__ auto with_rule(UpdateView const& u, F const& f) {
    if (u.kind != UpdateRule::Kind::adam) return f(Constant<Rule::sgd>());
    if (!u.plain) return f(Constant<Rule::adam>());
    return f(Constant<Rule::plain_adam>());
}

/// One step of the optimizer for a parameter p with moments m and v.
template <Rule rule>
__device__ __forceinline__ void update_value(UpdateView const& u, StepEntry const& step, float scale, float g, float& p, float& m,
                                             float& v) {
    if constexpr (rule == Rule::sgd) {
        g = decayed(u, g * scale, p);
        if (u.momentum) {
            m = step.first_step != 0 ? g : fused(u.beta1, m, u.gain1 * g);
            g = u.nesterov ? fused(u.beta1, m, g) : m;
        }
        p = fused(-step.rate, g, p);
    } else {
        if constexpr (rule == Rule::adam) {
            g = decayed(u, g * scale, p);
            p = p * step.shrink;
        }
        m = fused(u.gain1, g - m, m);
        v = fused(u.gain2 * g, g, u.beta2 * v);
        p = fused(0.0f - step.rate, m / fused(square_root(v), step.unroot2, u.epsilon), p);
    }
}

/// Of parameter `at`. @returns whether it stayed finite
__device__ __forceinline__ bool update_parameter(UpdateView const& u, StepEntry const& step, unsigned model, std::int64_t at, float g) {
    float* const p = u.parameters.of(model) + at;
    float* const first = u.first ? u.first.of(model) + at : nullptr;
    float* const second = u.second ? u.second.of(model) + at : nullptr;
    float value = *p, m = first != nullptr ? *first : 0.0f, v = second != nullptr ? *second : 0.0f;
    float const scale = u.scale != nullptr ? u.scale[model] : 1.0f;
    with_rule(u, [&](auto rule) { update_value<rule()>(u, step, scale, g, value, m, v); });
    *p = value;
    if (first != nullptr) *first = m;
    if (second != nullptr) *second = v;
    return is_finite(value);
}

__device__ __forceinline__ void flag_bad(StepView const& step, unsigned model) {
    atomicMin(step.first_bad + model, static_cast<unsigned long long>(step.at[model]));
}

// ---- vectors of neighbours -------------------------------------------------------------------------------------------------------

template <int n>
__device__ __forceinline__ void read_vector(float (&to)[n], float const* from) {
    if constexpr (n == 2) {
        float2 const v = *reinterpret_cast<float2 const*>(from);
        to[0] = v.x;
        to[1] = v.y;
    } else {
        static_assert(n == 4);
        float4 const v = *reinterpret_cast<float4 const*>(from);
        to[0] = v.x;
        to[1] = v.y;
        to[2] = v.z;
        to[3] = v.w;
    }
}

/// Up to four neighbours in a row.
struct Four {
    float x[4];
};
__device__ __forceinline__ Four load_four(float const* from, std::int32_t count) {
    Four four{};
    if (count >= 4) {
        read_vector(four.x, from);
    } else {
#pragma unroll
        for (int j = 0; j < 3; ++j)
            if (j < count) four.x[j] = from[j];
    }
    return four;
}
__device__ __forceinline__ void store_four(float* to, Four const& four, std::int32_t count) {
    if (count >= 4) {
        *reinterpret_cast<float4*>(to) = make_float4(four.x[0], four.x[1], four.x[2], four.x[3]);
    } else {
#pragma unroll
        for (int j = 0; j < 3; ++j)
            if (j < count) to[j] = four.x[j];
    }
}

/// Four neighbours of a matrix or of parameters, of which the last ones may be padding.
__device__ __forceinline__ Four load_padded(float const* from) {
    Four four;
    read_vector(four.x, from);
    return four;
}
__device__ __forceinline__ void store_padded(float* to, Four const& four) {
    *reinterpret_cast<float4*>(to) = make_float4(four.x[0], four.x[1], four.x[2], four.x[3]);
}

// ---- fours: what is done is looked up once for all of them, so that the instructions that run lie together ---------------------------

/// f(j) becomes element j.
template <class F>
__device__ __forceinline__ Four make_four(F const& f) {
    Four four;
#pragma unroll
    for (int j = 0; j < 4; ++j) four.x[j] = f(j);
    return four;
}
/// Of units unit ... unit + 3, of which there are `count`.
__device__ __forceinline__ Four activated(ActivationView const& a, unsigned model, std::int64_t unit, Four const& z, std::int32_t count) {
    return with_kind(
        a.kind, [&](auto kind) { return make_four([&](int j) { return activated_as<kind()>(a, model, unit + j, z.x[j], j < count); }); });
}
__device__ __forceinline__ Four differentiated(ActivationView const& a, unsigned model, std::int64_t unit, Four const& g, Four const& z,
                                               Four const& y, std::int32_t count) {
    return with_kind(a.kind, [&](auto kind) {
        return make_four([&](int j) { return differentiated_as<kind()>(a, model, unit + j, g.x[j], z.x[j], y.x[j], j < count); });
    });
}
struct FourCompared {
    Four value, slope;
};
__device__ __forceinline__ FourCompared compared(Loss loss, Four const& x, Four const& t) {
    return with_loss(loss, [&](auto l) {
        FourCompared four;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            auto const [value, slope] = compared_as<l()>(x.x[j], t.x[j]);
            four.value.x[j] = value;
            four.slope.x[j] = slope;
        }
        return four;
    });
}

// ---- sums of a block, in one order -------------------------------------------------------------------------------------------------

/// Over the lanes of a warp: every lane gets the sum.
template <class T>
__device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xFFFFFFFFu, x, distance);
    return x;
}

/// Over the `threads` threads of a block; thread 0 has the result. `room`: one value for each warp, free again after the next barrier.
template <int threads>
__device__ __forceinline__ double block_sum(double x, double* room) {
    x = warp_sum(x);
    if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
    __syncthreads();
    double sum = 0.0;
    if (threadIdx.x == 0)
        for (int w = 0; w < threads / 32; ++w) sum += room[w];
    return sum;
}

}  // namespace ca3::autoencoder::cuda
