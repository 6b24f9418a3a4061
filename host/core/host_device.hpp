#pragma once

/// Marks a function that CPU and GPU code share. Such a function has hand-computed tests of its own.
#ifdef __CUDACC__
#define CA3_HOST_DEVICE __host__ __device__
#else
#define CA3_HOST_DEVICE
#endif
