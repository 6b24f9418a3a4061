#include "hopfield/cpu_relax.hpp"

#include <cstring>
#include <limits>

#include "hopfield/cpu_generic_inl.hpp"

namespace ca3::hopfield::cpu {

Kernels const& portable_kernels() {
    static constexpr Kernels table{.sweep_states = 1,
                                   .sweep_scratch = Generic::sweep_scratch,
                                   .hebbian_sweep = Generic::hebbian_sweep,
                                   .overlaps = Generic::overlaps,
                                   .dense_fields = Generic::dense_fields,
                                   .decide_dense = Generic::decide_dense,
                                   .sum_patterns = Generic::sum_patterns,
                                   .decide_fields = Generic::decide_fields,
                                   .pack = Generic::pack_state,
                                   .unpack = Generic::unpack_state,
                                   .compare = Generic::compare,
                                   .dot = Generic::dot,
                                   .read_off = Generic::read_off};
    return table;
}

}  // namespace ca3::hopfield::cpu
