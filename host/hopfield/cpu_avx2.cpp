#include "hopfield/cpu_packed.hpp"
namespace ca3::hopfield::cpu {
Kernels const& avx2_kernels() {
    return portable_kernels();
}
}  // namespace ca3::hopfield::cpu
