#pragma once

#include "kernels/common/device.cuh"
#include "kernels/hopfield/device_model.cuh"

/// The relaxations that relax() chooses from. Each runs on the context's stream.
namespace ca3::hopfield::cuda {

/// One state per block; every model and job. (relax_single.cu)
void relax_single(Context const& context, DeviceModel const& model, DeviceJob const& job);

/// Tiles of states on the tensor cores, synchronous update at temperature 0. (relax_tile.cu)
/// Synchronises once before the launch. @returns false, and does nothing, where it does not serve
[[nodiscard]] bool relax_tile(Context const& context, DeviceModel const& model, DeviceJob const& job);

/// automatic: the best that serves; single: relax_single. The result is the same.
enum class Path { automatic, single };

/// relax() of host/hopfield/backend.hpp on a chosen path. (relax.cu)
void relax_by(Path path, Context const& context, Prepared& prepared, Job const& job);

}  // namespace ca3::hopfield::cuda
