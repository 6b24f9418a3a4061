#pragma once

#include "kernels/lif/network_view.hpp"

#ifndef CA3_SIMT
#include <cuda_runtime.h>
#endif

/// How the blocks of a cooperative launch tell each other, once a step, which neurons have spiked. Every block writes words of eight bytes,
/// each marked with the step, and reads those of all others until it finds the mark: the words are the barrier, so that a step costs one
/// write and one read of the second-level cache.
///
/// Two sides of the board take turns. A block writes a side again only after it has read everything on the other one, which every other
/// block wrote after it had read this one.
namespace ca3::lif::cuda {

struct Notice {
    std::uint32_t id;     ///< of a neuron that has spiked, where there is one
    std::uint32_t count;  ///< spikes of this block
};

/// Marks are 1 ... most_steps and differ from one step to the next two; count is below 65536.
__device__ __forceinline__ unsigned long long posted(Notice const& notice, unsigned mark) {
    return static_cast<unsigned long long>(mark) << 48 | static_cast<unsigned long long>(notice.count) << 32 | notice.id;
}
__device__ __forceinline__ bool bears(unsigned long long word, unsigned mark) {
    return word >> 48 == mark;
}
__device__ __forceinline__ Notice notice_of(unsigned long long word) {
    return {static_cast<std::uint32_t>(word), static_cast<std::uint32_t>(word >> 32) & 0xFFFFu};
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
__device__ inline void read_words(unsigned long long const* from, unsigned long long (&words)[2]) {
    words[0] = read_word(from);
    words[1] = read_word(from + 1);
}
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
/// Two words, aligned to 16 bytes.
__device__ __forceinline__ void read_words(unsigned long long const* from, unsigned long long (&words)[2]) {
    asm volatile("ld.relaxed.gpu.global.v2.u64 {%0, %1}, [%2];"
                 : "=l"(words[0]), "=l"(words[1])
                 : "l"(__cvta_generic_to_global(from))
                 : "memory");
}
/// Of this multiprocessor's clock, modulo 2^32.
__device__ __forceinline__ unsigned cycles() {
    return static_cast<unsigned>(clock());
}
#endif

}  // namespace ca3::lif::cuda
