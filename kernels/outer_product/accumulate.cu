#include "kernels/outer_product/product.cuh"

#include <algorithm>
#include <utility>

namespace ca3::outer_product::cuda {

namespace {

constexpr int threads = 256;

template <class T>
__global__ void __launch_bounds__(threads) exchange_diagonal_kernel(MatrixView<T> weights, T* values) {
    std::int64_t const step = std::int64_t{gridDim.x} * blockDim.x;
    for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < weights.rows; i += step) {
        T const former = weights.data[i * weights.stride + i];
        weights.data[i * weights.stride + i] = values[i];
        values[i] = former;
    }
}

template <class T>
__global__ void __launch_bounds__(threads) fill_diagonal_kernel(MatrixView<T> weights, T value) {
    std::int64_t const step = std::int64_t{gridDim.x} * blockDim.x;
    for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < weights.rows; i += step)
        weights.data[i * weights.stride + i] = value;
}

LaunchConfig one_thread_per_neuron(std::int64_t neurons) {
    std::int64_t const blocks = std::min<std::int64_t>((neurons + threads - 1) / threads, 1 << 16);
    return {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(threads)};
}

template <bool update, class T>
void launch_product(Context const& context, PackedColumns const& packed, std::int64_t patterns, Target<T> const& target) {
    std::int64_t const tiles = (target.weights.rows + tile_side - 1) / tile_side;
    launch(context, product_kernel<update, T>,
           {.grid = dim3(static_cast<unsigned>(tiles * (tiles + 1) / 2)),
            .block = dim3(Product::threads),
            .shared_bytes = Product::shared_bytes<T>},
           packed.bits.data(), packed.ones.data(), packed.steps, static_cast<unsigned>(patterns), target);
}

/// False when former content was impossible somewhere. Synchronises.
template <class T>
bool update(Context const& context, PackedColumns const& packed, std::int64_t patterns, Target<T> target) {
    Buffer<unsigned> strange(context, 1);
    ca3::cuda::fill(context.state(), strange.data(), 0, sizeof(unsigned));
    target.strange = strange.data();
    launch_product<true>(context, packed, patterns, target);
    unsigned found = 0;
    strange.copy_to_host(&found);
    return found == 0;
}

}  // namespace

template <class T>
void accumulate(Context const& context, AccumulateOptions const& options, MatrixView<std::int8_t const> patterns, MatrixView<T> weights) {
    auto const packed = pack_columns(context, patterns);
    std::int64_t const row_bytes = weights.stride * static_cast<std::int64_t>(sizeof(T));
    T const diagonal = diagonal_value<T>(options, patterns.rows);
    Target<T> target{.weights = weights,
                     .aligned = reinterpret_cast<std::uintptr_t>(weights.data) % 16 == 0 && row_bytes % 16 == 0,
                     .diagonal = diagonal,
                     .operation = options.operation,
                     .before = options.stored,
                     .after = stored_after(options, patterns.rows),
                     .strange = nullptr};
    if (options.stored == 0) return launch_product<false>(context, packed, patterns.rows, target);

    // The diagonal takes part in the check as what it would be if it were kept.
    LaunchConfig const per_neuron = one_thread_per_neuron(weights.rows);
    Buffer<T> former_diagonal(context, weights.rows);
    std::vector<T> const kept(static_cast<std::size_t>(weights.rows), static_cast<T>(options.stored));
    former_diagonal.copy_from_host(kept.data());
    launch(context, exchange_diagonal_kernel<T>, per_neuron, weights, former_diagonal.data());
    if (!update(context, packed, patterns.rows, target)) {
        std::swap(target.before, target.after);
        target.operation = options.operation == Operation::add ? Operation::remove : Operation::add;
        static_cast<void>(update(context, packed, patterns.rows, target));
        launch(context, exchange_diagonal_kernel<T>, per_neuron, weights, former_diagonal.data());
        throw_not_a_sum(options, patterns.rows);
    }
    launch(context, fill_diagonal_kernel<T>, per_neuron, weights, diagonal);
}

template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::uint8_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int16_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int32_t>);

}  // namespace ca3::outer_product::cuda
