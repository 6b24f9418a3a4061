#pragma once

#include <ca3/autoencoder/layers.hpp>

#include <cstdint>
#include <string>

/// The yardstick of the CUDA kernels of autoencoders.
namespace ca3::bench {

/// Where the machine has cuBLAS, adds a benchmark for every shape of layer that `architecture` has, and every precision that both have: the
/// forward product alone, batch x in times in x out, by our kernel and by cublasGemmEx. Both run back to back on data in device memory,
/// recorded in a graph, so that launches do not count. Counters: ours_us, cublas_us, and times_cublas, which is above 1 where ours is
/// faster.
///
/// In bf16 cuBLAS finds its operands rounded; ours reads f32 and rounds on the way.
void add_forward_products(std::string const& name, autoencoder::Architecture const& architecture, std::int64_t batch);

}  // namespace ca3::bench
