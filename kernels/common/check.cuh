#pragma once

#include <ca3/error.hpp>

#ifdef CA3_SIMT
#include "tests/support/simt/cuda.hpp"
#else
#include <cuda_runtime.h>
#endif

#include <source_location>
#include <string>

namespace ca3 {

/// Throws DeviceError unless `status` is cudaSuccess, and clears the runtime's last error so that the next call starts clean.
/// @param what the call, as the message shall name it
inline void check(cudaError_t status, char const* what, std::source_location where = std::source_location::current()) {
    if (status == cudaSuccess) return;
    static_cast<void>(cudaGetLastError());
    throw DeviceError(static_cast<int>(status), cudaGetErrorName(status), std::string(what) + ": " + cudaGetErrorString(status),
                      where.file_name(), static_cast<int>(where.line()));
}

}  // namespace ca3
