#pragma once

/// For functions, and lambdas after their parameters, whose vectors must stay in registers.
#define CA3_INLINED __attribute__((always_inline))
#define CA3_ALWAYS_INLINE inline CA3_INLINED
