#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace ca3 {

/// While it lives, this thread takes numbers below 2^-126 for zero, in operands and in results. Moments of weights whose gradient has
/// vanished decay into that range, where some processors take ten times as long for every operation. Nothing on other machines.
class FlushDenormals {
public:
#if defined(__x86_64__)
    FlushDenormals() : former_(_mm_getcsr()) {
        _mm_setcsr(former_ | flush_results | zero_operands);
    }
    ~FlushDenormals() {
        _mm_setcsr(former_);
    }

private:
    static constexpr unsigned flush_results = 0x8000, zero_operands = 0x0040;
    unsigned former_;

public:
#else
    FlushDenormals() {}
    ~FlushDenormals() {}
#endif
    FlushDenormals(FlushDenormals const&) = delete;
    FlushDenormals& operator=(FlushDenormals const&) = delete;
};

}  // namespace ca3
