#include "hopfield/cpu_packed.hpp"
namespace ca3::hopfield::cpu {
Kernels const& avx512_vnni_kernels() {
    return portable_kernels();
}
Kernels const& avx512_vpopcntdq_kernels() {
    return portable_kernels();
}
}  // namespace ca3::hopfield::cpu
