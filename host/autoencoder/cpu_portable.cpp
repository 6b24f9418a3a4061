#include "autoencoder/cpu_inline.hpp"
#include "autoencoder/cpu_kernels.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace ca3::autoencoder::cpu {
namespace {
namespace portable {

#include "autoencoder/cpu_lists_inl.hpp"

/// Four floats, for compilers to put into registers where there are some.
struct Float4 : ValueByValue<4> {
    static constexpr std::int64_t width = 4;
    static constexpr int sums = 8;   ///< in a tile
    static constexpr int strip = 2;  ///< vectors side by side in it
    static constexpr std::int64_t transposed = 4;
    float x[4];

    Float4() = default;
    CA3_ALWAYS_INLINE explicit Float4(float y) : x{y, y, y, y} {}
    static CA3_ALWAYS_INLINE Float4 load(float const* p) {
        return of([&](int i) { return p[i]; });
    }
    CA3_ALWAYS_INLINE void store(float* p) const { std::copy_n(x, 4, p); }
    static CA3_ALWAYS_INLINE Float4 of(auto&& f) {
        Float4 result;
        for (int i = 0; i < 4; ++i) result.x[i] = f(i);
        return result;
    }
    /// 1 in the first n lanes, else 0
    static CA3_ALWAYS_INLINE Float4 first(std::int64_t n) {
        return of([&](int i) { return i < n ? 1.0f : 0.0f; });
    }
    [[nodiscard]] CA3_ALWAYS_INLINE float total() const { return x[0] + x[1] + x[2] + x[3]; }
};
struct Mask4 {
    bool m[4];
};
CA3_ALWAYS_INLINE Float4 operator+(Float4 a, Float4 b) {
    return Float4::of([&](int i) { return a.x[i] + b.x[i]; });
}
CA3_ALWAYS_INLINE Float4 operator-(Float4 a, Float4 b) {
    return Float4::of([&](int i) { return a.x[i] - b.x[i]; });
}
CA3_ALWAYS_INLINE Float4 operator*(Float4 a, Float4 b) {
    return Float4::of([&](int i) { return a.x[i] * b.x[i]; });
}
CA3_ALWAYS_INLINE Float4 operator/(Float4 a, Float4 b) {
    return Float4::of([&](int i) { return a.x[i] / b.x[i]; });
}
CA3_ALWAYS_INLINE Float4 fused(Float4 a, Float4 b, Float4 c) {
    return Float4::of([&](int i) { return std::fma(a.x[i], b.x[i], c.x[i]); });
}
CA3_ALWAYS_INLINE Float4 square_root(Float4 a) {
    return Float4::of([&](int i) { return std::sqrt(a.x[i]); });
}
CA3_ALWAYS_INLINE Float4 absolute(Float4 a) {
    return Float4::of([&](int i) { return std::abs(a.x[i]); });
}
CA3_ALWAYS_INLINE Float4 copy_sign(Float4 a, Float4 sign) {
    return Float4::of([&](int i) { return std::copysign(a.x[i], sign.x[i]); });
}
CA3_ALWAYS_INLINE Mask4 less(Float4 a, Float4 b) {
    return {{a.x[0] < b.x[0], a.x[1] < b.x[1], a.x[2] < b.x[2], a.x[3] < b.x[3]}};
}
CA3_ALWAYS_INLINE Mask4 equal(Float4 a, Float4 b) {
    return {{a.x[0] == b.x[0], a.x[1] == b.x[1], a.x[2] == b.x[2], a.x[3] == b.x[3]}};
}
CA3_ALWAYS_INLINE Float4 select(Mask4 mask, Float4 yes, Float4 no) {
    return Float4::of([&](int i) { return mask.m[i] ? yes.x[i] : no.x[i]; });
}
/// 2^n for an n that a shift by 0x1.8p23 left in the low bits
CA3_ALWAYS_INLINE Float4 power_of_two(Float4 shifted) {
    return Float4::of([&](int i) { return std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted.x[i]) + 127) << 23); });
}
/// x = 2^e m, m in [sqrt(1/2), sqrt(2)), for normal positive x
CA3_ALWAYS_INLINE void split(Float4 x, Float4& e, Float4& m) {
    for (int i = 0; i < 4; ++i) {
        auto const bits = std::bit_cast<std::uint32_t>(x.x[i]);
        auto const exponent = static_cast<std::int32_t>(bits - 0x3F3504F3u) >> 23;
        e.x[i] = static_cast<float>(exponent);
        m.x[i] = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23));
    }
}

#include "autoencoder/cpu_elementary_inl.hpp"
#include "autoencoder/cpu_gemm_inl.hpp"
#include "autoencoder/cpu_generic_inl.hpp"

}  // namespace portable
}  // namespace

constexpr Kernels portable_kernels = portable::kernels_of<portable::Float4>();

Kernels const& kernels_for(InstructionSet set) noexcept {
#if defined(__x86_64__)
    switch (set) {
        case InstructionSet::avx512_vnni:
        case InstructionSet::avx512_vpopcntdq:
            return avx512_kernels;
        case InstructionSet::avx2:
            return avx2_kernels;
        default:
            break;
    }
#else
    (void)set;
#endif
    return portable_kernels;
}

}  // namespace ca3::autoencoder::cpu
