#pragma once

#include "kernels/common/device.cuh"
#include "kernels/hopfield/device_model.cuh"

/// The relaxations that relax() chooses from. Each runs on the context's stream and does not synchronise.
namespace ca3::hopfield::cuda {

/// One state per block; every model and job. (relax_single.cu)
void relax_single(Context const& context, DeviceModel const& model, DeviceJob const& job);

}  // namespace ca3::hopfield::cuda
