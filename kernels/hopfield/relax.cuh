#pragma once

#include "kernels/common/device.cuh"
#include "kernels/hopfield/device_model.cuh"
#include "kernels/hopfield/tile.cuh"

/// The relaxations that relax() chooses from. Each runs on the context's stream.
namespace ca3::hopfield::cuda {

/// automatic: the best that serves; tile: relax_tile before others; single: relax_single. The result is the same.
enum class Path { automatic, tile, single };

/// One state per block; every model and job. (relax_single.cu)
void relax_single(Context const& context, DeviceModel const& model, DeviceJob const& job);

/// relax_packed serves this model and job: synchronous update at temperature 0 of a Hebbian memory or of dense weights of at most 16 bits.
[[nodiscard]] bool serves_packed(DeviceModel const& model, DeviceJob const& job);
/// Packs the states, relaxes them on the tensor cores and unpacks them. Synchronises once before the launch. (relax_packed.cu)
/// @returns false, with the states untouched, where they do not fit into shared memory
[[nodiscard]] bool relax_packed(Path path, Context const& context, DeviceModel const& model, DeviceJob const& job);

/// Tiles of 64 or 32 states, mma.sync. (relax_tile.cu) @returns false, and does nothing, where they do not fit into shared memory
[[nodiscard]] bool relax_tile(Context const& context, DeviceModel const& model, DeviceJob const& job, PackedStates const& packed);

/// relax() of host/hopfield/backend.hpp on a chosen path. (relax.cu)
void relax_by(Path path, Context const& context, Prepared& prepared, Job const& job);

/// The same for Hebbian memories and states without zeros on GPUs of compute capability 9.0, 128 states, wgmma. (relax_warpgroup.cu)
[[nodiscard]] bool relax_warpgroup(Context const& context, DeviceModel const& model, DeviceJob const& job, PackedStates const& packed);

}  // namespace ca3::hopfield::cuda
