#pragma once

/// What <cuda_runtime.h> and the compiler give to a .cu file, for g++. Included by kernels/common under CA3_SIMT.
#include "tests/support/simt/executor.hpp"
#include "tests/support/simt/intrinsics.hpp"
#include "tests/support/simt/language.hpp"
#include "tests/support/simt/runtime.hpp"
#include "tests/support/simt/warp.hpp"
