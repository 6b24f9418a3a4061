#pragma once

#include "kernels/autoencoder/elementary.cuh"

#include <cstdint>

/// Parameters and their moments, four neighbours at a time: what follows the gradient of a weight.
namespace ca3::autoencoder::cuda {

struct Parameters {
    Four p, m, v;
};
__device__ __forceinline__ Parameters load_parameters(UpdateView const& u, unsigned model, std::int64_t at) {
    Parameters x{};
    x.p = load_padded(u.parameters.of(model) + at);
    if (u.first) x.m = load_padded(u.first.of(model) + at);
    if (u.second) x.v = load_padded(u.second.of(model) + at);
    return x;
}
/// Updates `count` neighbours, in memory and in `x`. @returns whether they stayed finite
template <Rule rule>
__device__ __forceinline__ bool update_four(UpdateView const& u, StepEntry const& step, unsigned model, std::int64_t at, Four const& g,
                                            std::int32_t count, Parameters& x) {
    bool finite = true;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        update_value<rule>(u, step, 1.0f, g.x[j], x.p.x[j], x.m.x[j], x.v.x[j]);
        finite = finite && (j >= count || is_finite(x.p.x[j]));
    }
    store_padded(u.parameters.of(model) + at, x.p);
    if (u.first) store_padded(u.first.of(model) + at, x.m);
    if (u.second) store_padded(u.second.of(model) + at, x.v);
    return finite;
}

}  // namespace ca3::autoencoder::cuda
