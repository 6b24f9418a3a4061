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
CA3_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq,popcnt,bmi2")

namespace ca3::hopfield::cpu {
namespace {
inline __m512i popcount64(__m512i bits) {
    return _mm512_popcnt_epi64(bits);
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
Kernels const& avx512_vpopcntdq_kernels() {
    return kernel_table;
}
}  // namespace ca3::hopfield::cpu

#endif
