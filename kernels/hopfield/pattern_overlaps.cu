#include "kernels/hopfield/prepared.cuh"

#include <algorithm>
#include <vector>

namespace ca3::hopfield::cuda {

namespace {

constexpr int threads = 256;

/// out(b, mu) = 2 (|plus_b & x_mu| - |minus_b & x_mu|) - |plus_b| + |minus_b|, a thread for each element.
__global__ void __launch_bounds__(threads)
    pattern_overlaps_kernel(std::uint32_t const* rows, std::uint32_t const* plus, std::uint32_t const* minus, std::int64_t states,
                            std::int64_t patterns, std::int64_t words, std::int32_t* out) {
    std::int64_t const step = std::int64_t{gridDim.x} * threads;
    for (std::int64_t n = std::int64_t{blockIdx.x} * threads + threadIdx.x; n < states * patterns; n += step) {
        std::int64_t const b = n / patterns, mu = n % patterns;
        std::int64_t sum = 0;
        for (std::int64_t word = 0; word < words; ++word) {
            std::uint32_t const x = rows[mu * words + word], p = plus[b * words + word], m = minus[b * words + word];
            sum += 2 * (__popc(p & x) - __popc(m & x)) - __popc(p) + __popc(m);
        }
        out[n] = static_cast<std::int32_t>(sum);
    }
}

}  // namespace

void pattern_overlaps(Context const& context, Model const& model, Prepared& prepared, MatrixView<std::int8_t const> states,
                      std::int32_t* out) {
    std::int64_t const d = model.neurons, P = model.patterns;
    DeviceModel const& view = on_device(prepared).model;
    if (states.rows == 0 || P == 0) return;
    if (d == 0) return static_cast<void>(std::fill_n(out, states.rows * P, 0));

    std::int64_t const words = view.neuron_words;
    std::int64_t part = states.rows;
    std::vector<std::int8_t> packed;
    for (std::int64_t first = 0; first < states.rows;) {
        std::int64_t const count = std::min(part, states.rows - first);
        try {
            Buffer<std::int8_t> const device_states(context, count * d);
            Buffer<std::uint32_t> const plus(context, count * words), minus(context, count * words);
            Buffer<std::int32_t> const device_out(context, count * P);
            std::int8_t const* from = states.row(first);
            if (states.stride != d && count > 1) {
                packed.resize(static_cast<std::size_t>(count * d));
                for (std::int64_t b = 0; b < count; ++b) std::copy_n(states.row(first + b), d, packed.data() + b * d);
                from = packed.data();
            }
            ca3::detail::copy_in(context, device_states.data(), from, static_cast<std::size_t>(count * d));
            MatrixView<std::int8_t const> const device_view(device_states.data(), count, d);
            pack_rows(context, device_view, Bit::positive, plus.data());
            pack_rows(context, device_view, Bit::negative, minus.data());
            std::int64_t const blocks = std::min<std::int64_t>((count * P + threads - 1) / threads, 1 << 16);
            launch(context, pattern_overlaps_kernel, {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(threads)}, view.rows,
                   plus.data(), minus.data(), count, P, words, device_out.data());
            device_out.copy_to_host(out + first * P);
            first += count;
        } catch (OutOfMemory const&) {
            if (count == 1) throw;
            part = count / 2;
        }
    }
}

}  // namespace ca3::hopfield::cuda
