#include "kernels/hopfield/prepared.cuh"
#include "kernels/hopfield/relax.cuh"

#include <algorithm>

namespace ca3::hopfield::cuda {

namespace {

constexpr int threads = 256;

/// 32 elements of a row from `first` on, as bits. @param whole all lie in the row, at an address that is a multiple of 16
__device__ void pack_word(std::int8_t const* row, std::int64_t first, std::int64_t d, bool whole, std::uint32_t& plus,
                          std::uint32_t& minus) {
    plus = minus = 0;
    if (!whole) {
        for (int bit = 0; bit < 32 && first + bit < d; ++bit) {
            int const s = row[first + bit];
            if (s > 0) plus |= 1u << bit;
            if (s < 0) minus |= 1u << bit;
        }
        return;
    }
    auto const* const from = reinterpret_cast<uint4 const*>(row + first);
#pragma unroll
    for (int n = 0; n < 2; ++n) {
        uint4 const bytes = from[n];
        std::uint32_t const quads[4] = {bytes.x, bytes.y, bytes.z, bytes.w};
#pragma unroll
        for (int q = 0; q < 4; ++q) {
            // +1 = 0x01 and -1 = 0xFF: bit 0 says nonzero, bit 1 says negative. The product gathers bit 0 of four bytes.
            std::uint32_t const negative = quads[q] >> 1 & 0x01010101u, positive = quads[q] & ~negative & 0x01010101u;
            plus |= (positive * 0x10204080u >> 28) << (16 * n + 4 * q);
            minus |= (negative * 0x10204080u >> 28) << (16 * n + 4 * q);
        }
    }
}

__global__ void __launch_bounds__(threads) pack_states_kernel(std::int8_t const* states, std::int64_t d, std::int64_t count,
                                                              std::int64_t words, std::uint32_t* plus, std::uint32_t* minus, int* zeros) {
    bool any = false;
    bool const aligned = d % 16 == 0;
    std::int64_t const step = std::int64_t{gridDim.x} * threads;
    for (std::int64_t n = std::int64_t{blockIdx.x} * threads + threadIdx.x; n < count; n += step) {
        std::int64_t const first = n % words * 32;
        std::uint32_t ones = 0, minus_ones = 0;
        if (first < d) pack_word(states + n / words * d, first, d, aligned && first + 32 <= d, ones, minus_ones);
        std::int64_t const inside = d - first;
        std::uint32_t const expected = inside >= 32 ? 0xFFFFFFFFu : inside <= 0 ? 0u : (1u << inside) - 1u;
        any = any || (ones | minus_ones) != expected;
        plus[n] = ones;
        minus[n] = minus_ones;
    }
    if (__syncthreads_or(any) != 0 && threadIdx.x == 0) *zeros = 1;
}

/// Four bits as four bytes of 0 or 1.
__device__ std::uint32_t spread(std::uint32_t bits) {
    return (bits & 0xFu) * 0x00204081u & 0x01010101u;
}

/// @param minus null: what is not +1 is -1
__global__ void __launch_bounds__(threads) unpack_states_kernel(std::uint32_t const* plus, std::uint32_t const* minus, std::int64_t d,
                                                                std::int64_t count, std::int64_t words, std::int8_t* states) {
    bool const aligned = d % 4 == 0;
    std::int64_t const step = std::int64_t{gridDim.x} * threads;
    for (std::int64_t n = std::int64_t{blockIdx.x} * threads + threadIdx.x; n < count; n += step) {
        std::int64_t const first = n % words * 32, row = n / words * d;
        std::uint32_t const ones = plus[n], minus_ones = minus == nullptr ? ~ones : minus[n];
#pragma unroll
        for (int quad = 0; quad < 8; ++quad) {
            std::uint32_t const bytes = spread(ones >> (4 * quad)) | spread(minus_ones >> (4 * quad)) * 0xFFu;
            std::int64_t const i = first + 4 * quad;
            if (aligned && i < d) {
                *reinterpret_cast<std::uint32_t*>(states + row + i) = bytes;
            } else {
                for (int byte = 0; byte < 4 && i + byte < d; ++byte) states[row + i + byte] = static_cast<std::int8_t>(bytes >> (8 * byte));
            }
        }
    }
}

}  // namespace

bool serves_packed(DeviceModel const& model, DeviceJob const& job) {
    return model.limits != nullptr && job.update == Update::synchronous && job.threshold == nullptr && job.max_sweeps > 0 &&
           job.batch > 0 && job.batch <= (std::int64_t{1} << 30);
}

bool relax_packed(Path path, Context const& context, DeviceModel const& model, DeviceJob const& job) {
    std::int64_t const d = model.neurons, words = (d + 127) / 128 * 4, count = job.batch * words;
    auto const launch_words = [&](auto kernel, auto... arguments) {
        std::int64_t const blocks = std::min<std::int64_t>((count + threads - 1) / threads, 1 << 16);
        launch(context, kernel, {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(threads)}, arguments...);
    };
    Buffer<std::uint32_t> const plus(context, count), minus(context, count);
    Buffer<int> numbers(context, 2);  // whether there are zeros; states that blocks have taken
    int found[2] = {};
    numbers.copy_from_host(found);
    launch_words(pack_states_kernel, job.states, d, count, words, plus.data(), minus.data(), numbers.data());
    numbers.copy_to_host(found);
    bool const zeros = found[0] != 0 || job.tie == Tie::zero;

    PackedStates packed{.plus = plus.data(),
                        .minus = zeros ? minus.data() : nullptr,
                        .words = words,
                        .counter = reinterpret_cast<unsigned*>(numbers.data() + 1)};
    Buffer<std::uint32_t> clamp;
    if (job.clamp != nullptr) {
        std::int64_t const rows = job.clamp_stride == 0 ? 1 : job.batch;
        clamp = Buffer<std::uint32_t>(context, rows * model.neuron_words);
        pack_rows(context, {reinterpret_cast<std::int8_t const*>(job.clamp), rows, d}, Bit::nonzero, clamp.data());
        packed.clamp = clamp.data();
        packed.clamp_stride = job.clamp_stride == 0 ? 0 : model.neuron_words;
    }
    bool const done = (path == Path::automatic && relax_warpgroup(context, model, job, packed)) || relax_tile(context, model, job, packed);
    if (!done) return false;
    launch_words(unpack_states_kernel, plus.data(), packed.minus, d, count, words, job.states);
    return true;
}

}  // namespace ca3::hopfield::cuda
