#pragma once

#include "kernels/lif/network_view.hpp"

#ifndef CA3_SIMT
#include <cuda_runtime.h>
#endif

/// How the blocks of a cooperative launch tell each other, once a step, which of their neurons have spiked. Every block writes a word of
/// eight bytes, marked with the step, and reads those of all others until it finds the mark: the words are the barrier, so that a step
/// costs one write and one read of the second-level cache. A word holds up to three neurons; a block with more writes their number, and a
/// word for each on the board's second part. There are copies of the first part, each read by some of the blocks only: what serves all
/// from one line of the cache is slow.
///
/// Two sides of the board take turns. A block writes a side again only after it has read everything on the other one, which every other
/// block wrote after it had read this one.
namespace ca3::lif::cuda {

/// A mark differs from that of the same side before, and from zero.
__device__ __forceinline__ unsigned mark_of(std::int32_t step) {
    return static_cast<unsigned>(step / 2 % 15) + 1;
}
__device__ __forceinline__ bool bears(unsigned long long word, unsigned mark) {
    return word >> 60 == mark;
}
__device__ __forceinline__ unsigned long long marked(unsigned long long content, unsigned mark) {
    return static_cast<unsigned long long>(mark) << 60 | content;
}

/// Neurons, by their numbers in the slice, that fit the word of a block.
constexpr unsigned told_at_once = 3;

__device__ __forceinline__ unsigned long long count_only(unsigned count) {
    return 15ULL << 56 | count;
}
__device__ __forceinline__ unsigned count_of(unsigned long long word) {
    auto const told = static_cast<unsigned>(word >> 56) & 15u;
    return told == 15 ? static_cast<unsigned>(word) : told;
}
__device__ __forceinline__ unsigned neuron_of(unsigned long long word, unsigned spike) {
    return static_cast<unsigned>(word >> (16 * spike)) & 0xFFFFu;
}

// ---- words that other blocks read while this one writes --------------------------------------------------------------

#ifdef CA3_SIMT
__device__ inline void post_word(unsigned long long* to, unsigned long long word) {
    *static_cast<unsigned long long volatile*>(to) = word;
}
__device__ inline unsigned long long read_word(unsigned long long const* from) {
    __nanosleep(0);  // the writer's turn
    return *static_cast<unsigned long long const volatile*>(from);
}
__device__ inline void prefetch(uint4 const*, unsigned) {}
__device__ inline unsigned cycles() {
    return 0;
}
#else
__device__ __forceinline__ void post_word(unsigned long long* to, unsigned long long word) {
    asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" : : "l"(__cvta_generic_to_global(to)), "l"(word) : "memory");
}
__device__ __forceinline__ unsigned long long read_word(unsigned long long const* from) {
    unsigned long long word;
    asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(word) : "l"(__cvta_generic_to_global(from)) : "memory");
    return word;
}
/// Starts to bring global memory into the second-level cache, where one instruction can. @param bytes a multiple of 16
__device__ __forceinline__ void prefetch([[maybe_unused]] uint4 const* from, [[maybe_unused]] unsigned bytes) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    if (bytes != 0) asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" : : "l"(__cvta_generic_to_global(from)), "r"(bytes));
#endif
}
/// Of this multiprocessor's clock, modulo 2^32.
__device__ __forceinline__ unsigned cycles() {
    return static_cast<unsigned>(clock());
}
#endif

__device__ __forceinline__ unsigned long long wait_for_word(unsigned long long const* from, unsigned mark) {
    unsigned long long word;
    do {
        word = read_word(from);
    } while (!bears(word, mark));
    return word;
}

}  // namespace ca3::lif::cuda
