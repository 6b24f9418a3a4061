#pragma once

#include <cstddef>

/// Limits of this machine's CPU, measured when asked for: the best of several short runs on so many threads at once.
namespace ca3::bench {

/// Words of 512 bits per second through xor, count and add from the first-level cache; 0 where the CPU has no VPOPCNTDQ.
[[nodiscard]] double popcount_words_per_second(int threads);

/// VPERMI2W per second, each followed by a 16-bit addition: 32 look-ups in a table of 64 entries; 0 where the CPU has no AVX-512 BW.
[[nodiscard]] double lookups_per_second(int threads);

/// VPDPBUSD of 512 bits per second, 64 products of bytes each; 0 where the CPU has none.
[[nodiscard]] double byte_products_per_second(int threads);

/// Operations (two for each fused product) per second on f32 vectors of 512 bits, or of 256 where the CPU has no AVX-512; 0 without FMA.
[[nodiscard]] double fma_flops_per_second(int threads);

/// The same with products of bf16 (VDPBF16PS of 512 bits, two fused products in each float); 0 where the CPU has none.
[[nodiscard]] double bf16_flops_per_second(int threads);

/// Bytes per second written past the caches, to a buffer of so many bytes.
[[nodiscard]] double write_bytes_per_second(int threads, std::size_t bytes);

/// Additions per second to words at random places of so many, their places and summands read from the first-level cache: what delivering
/// synapses comes down to.
[[nodiscard]] double scattered_adds_per_second(int threads, std::size_t words);

/// Bytes per second read in pieces of so many bytes from random places of 1 GiB, fetched ahead.
[[nodiscard]] double scattered_read_bytes_per_second(int threads, std::size_t piece);

}  // namespace ca3::bench
