// Elementary functions on a vector type V of floats, for inclusion inside a region of CA3_TARGET_BEGIN. All operations are IEEE's and
// products that are added are fused, so that every V gives the same bits in each lane.

/// e^x: the steps of ca3::exponential(float).
template <class V>
CA3_ALWAYS_INLINE V exponential_of(V x) {
    V const clamped = select(less(x, V(-87.0f)), V(-87.0f), select(less(V(88.0f), x), V(88.0f), x));
    V const shift(0x1.8p23f);
    V const shifted = fused(clamped, V(1.44269504f), shift);
    V const n = shifted - shift;
    V r = fused(n, V(-0x1.62e4p-1f), clamped);
    r = fused(n, V(-0x1.7f7d1cp-20f), r);
    V p(1.98412698e-4f);
    p = fused(p, r, V(1.38888889e-3f));
    p = fused(p, r, V(8.33333333e-3f));
    p = fused(p, r, V(4.16666667e-2f));
    p = fused(p, r, V(1.66666667e-1f));
    p = fused(p, r, V(0.5f));
    p = fused(p, r, V(1.0f));
    p = fused(p, r, V(1.0f));
    return select(less(x, V(-87.0f)), V(0.0f), p * power_of_two(shifted));
}

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// ln x, at least -100: x = 2^e m, m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172, to s^9
/// (next term below 1e-9 of the first). NaN for x < 0.
template <class V>
CA3_ALWAYS_INLINE V clamped_logarithm(V x) {
    auto const tiny = less(x, V(0x1p-126f));
    V const scaled = select(tiny, x * V(0x1p24f), x);
    V e, m;
    split(scaled, e, m);  // scaled = 2^e m
    e = select(tiny, e - V(24.0f), e);
    V const s = (m - V(1.0f)) / (m + V(1.0f));
    V const q = s * s;
    V p(1.0f / 9.0f);
    p = fused(p, q, V(1.0f / 7.0f));
    p = fused(p, q, V(1.0f / 5.0f));
    p = fused(p, q, V(1.0f / 3.0f));
    V const twice = s + s;
    V const ln_m = fused(p * q, twice, twice);
    V const high = fused(e, V(0x1.62e4p-1f), fused(e, V(0x1.7f7d1cp-20f), ln_m));
    V const bounded = select(less(V(0.0f), x), high, V(-100.0f));
    V const least = select(less(bounded, V(-100.0f)), V(-100.0f), bounded);
    return select(less(x, V(0.0f)), V(not_a_number), select(equal(x, x), least, x));
}

template <class V>
CA3_ALWAYS_INLINE V sigmoid_of(V z) {
    return V(1.0f) / (V(1.0f) + exponential_of(V(0.0f) - z));
}

/// |z| < 0.625: z + z^3 P(z^2), Cephes' tanhf; beyond: 1 - 2 / (e^(2 |z|) + 1).
template <class V>
CA3_ALWAYS_INLINE V tanh_of(V z) {
    V const a = absolute(z);
    V const q = z * z;
    V p(-5.70498872745e-3f);
    p = fused(p, q, V(2.06390887954e-2f));
    p = fused(p, q, V(-5.37397155531e-2f));
    p = fused(p, q, V(1.33314422036e-1f));
    p = fused(p, q, V(-3.33332819422e-1f));
    V const near = fused(p * q, z, z);
    V const far = V(1.0f) - V(2.0f) / (exponential_of(a + a) + V(1.0f));
    return select(less(a, V(0.625f)), near, copy_sign(far, z));
}

/// Cephes' atanf: |z| above tan(3 pi / 8) by -1 / |z|, above tan(pi / 8) by (|z| - 1) / (|z| + 1).
template <class V>
CA3_ALWAYS_INLINE V arctan_of(V z) {
    V const a = absolute(z);
    auto const large = less(V(2.414213562373095f), a), middle = less(V(0.4142135623730950f), a);
    V const numerator = select(large, V(-1.0f), select(middle, a - V(1.0f), a));
    V const denominator = select(large, a, select(middle, a + V(1.0f), V(1.0f)));
    V const base = select(large, V(1.5707963267948966f), select(middle, V(0.7853981633974483f), V(0.0f)));
    V const x = numerator / denominator;
    V const q = x * x;
    V p(8.05374449538e-2f);
    p = fused(p, q, V(-1.38776856032e-1f));
    p = fused(p, q, V(1.99777106478e-1f));
    p = fused(p, q, V(-3.33329491539e-1f));
    return copy_sign(base + fused(p * q, x, x), z);
}
