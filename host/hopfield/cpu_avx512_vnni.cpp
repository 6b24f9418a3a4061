#include "core/target.hpp"
#include "hopfield/cpu_relax.hpp"

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstdlib>
#include <cstring>
#include <limits>

// GCC 12 takes the undefined pass-through operands inside its own intrinsics for uninitialised variables.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,popcnt,bmi2")

namespace ca3::hopfield::cpu {
namespace {

/// Bits set in each 64-bit lane: a table of 16 nibbles, then a sum of bytes (Mula).
inline __m512i popcount64(__m512i bits) {
    __m512i const table = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    __m512i const nibble = _mm512_set1_epi8(15);
    __m512i const low = _mm512_shuffle_epi8(table, _mm512_and_si512(bits, nibble));
    __m512i const high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(bits, 4), nibble));
    return _mm512_sad_epu8(_mm512_add_epi8(low, high), _mm512_setzero_si512());
}

}  // namespace
}  // namespace ca3::hopfield::cpu

#include "hopfield/cpu_generic_inl.hpp"
// The specialised kernels come after the generic ones, which they fall back on.
#include "hopfield/cpu_avx512_dense_inl.hpp"
#include "hopfield/cpu_avx512_fields_inl.hpp"
#include "hopfield/cpu_avx512_inl.hpp"

CA3_TARGET_END

namespace ca3::hopfield::cpu {
Kernels const& avx512_vnni_kernels() {
    return kernel_table;
}
}  // namespace ca3::hopfield::cpu

#endif
