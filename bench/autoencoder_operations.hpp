#pragma once

#include <ca3/context.hpp>

/// What training is made of, timed by itself.
namespace ca3::bench {

/// Adds benchmarks of forward, backward, loss, adam_step and corrupt on a layer of 784 x 512 with 256 samples, all on memory of the
/// context, in f32. A result is compared with the reference's before it is timed. Counters: GFLOP_per_second and, on the CPU,
/// fma_peak_share of the two that multiply matrices; GB_per_second, read and written, of the others.
void add_operations(Context const& context);

}  // namespace ca3::bench
