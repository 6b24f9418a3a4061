#pragma once

// Stands in for CUDA's header of this name where host sources that call the runtime are compiled for the host executor.
#include "tests/support/simt/runtime.hpp"
