// The normal number of a 32-bit draw in f32, shared by all backends: the order of its operations is what makes their bits equal. Included
// once for plain numbers (corruption.hpp) and once more in the namespace of every instruction set, where Real is a vector of floats and
// Word one of 32-bit integers.

/// -ln(x) of a normal x in (0, 1], at least 0. Absolute error below 2e-7 on [1/2, 1], relative below 1.2e-7 elsewhere. x = 2^e m with m in
/// [sqrt(1/2), sqrt(2)); ln(1 + t) = t + t^2 p(t), p interpolated at Chebyshev's points (2e-8).
template <class Real, class Word>
CA3_HOST_DEVICE inline Real minus_logarithm(Real x) {
    Word const bits = word_of(x);
    Word const exponent = arithmetic_shift_right<23>(bits - Word(0x3F3504F3u));  // sqrt(1/2)
    Real const t = real_of(bits - shift_left<23>(exponent)) - Real(1.0f);
    Real p = Real(0.08787265491f);
    p = fused(p, t, Real(-0.1415964701f));
    p = fused(p, t, Real(0.1483478684f));
    p = fused(p, t, Real(-0.1658848853f));
    p = fused(p, t, Real(0.1997204971f));
    p = fused(p, t, Real(-0.2500114768f));
    p = fused(p, t, Real(0.3333367061f));
    p = fused(p, t, Real(-0.4999999713f));
    p = fused(p, t * t, t);
    return at_least_zero(-fused(from_signed(exponent), Real(0.6931471806f), p));
}

/// The x with Phi(x) = (u + 1/2) / 2^32, |x| < 6.34; rises with u up to its rounding, odd about the middle of the draws. Relative error
/// below 4.5e-7 (2.8e-7 is the largest seen).
///
/// With y = 2 min(p, 1 - p) and w = -ln(y (2 - y)) the quotient |x| / (1 - y) is a smooth function of w (Giles: Approximating the erfinv
/// function, GPU Computing Gems 2, 2010), and of sqrt(w) far out; here interpolated at Chebyshev's points (7e-8 and 1.4e-7). y and
/// 1 - y come from integers, each with one rounding, so that neither the middle nor the tails lose digits.
template <class Real, class Word>
CA3_HOST_DEVICE inline Real normal_of(Word u) {
    Word const upper = arithmetic_shift_right<31>(u);  // all bits where p > 1/2
    Word const twice = shift_left<1>(u ^ upper) + Word(1u);
    Real const y = from_unsigned(twice) * Real(0x1p-32f);
    Real const distance = from_unsigned(Word(0u) - twice) * Real(0x1p-32f);  // 1 - y
    Real const w = minus_logarithm<Real, Word>(fused(-y, y, y + y));
    Real const r = w - Real(3.0f);
    Real q = Real(-7.751285568e-9f);
    q = fused(q, r, Real(-5.884826367e-9f));
    q = fused(q, r, Real(6.343786221e-7f));
    q = fused(q, r, Real(-2.670690887e-6f));
    q = fused(q, r, Real(-1.797444751e-5f));
    q = fused(q, r, Real(2.764702188e-4f));
    q = fused(q, r, Real(-1.182551468e-3f));
    q = fused(q, r, Real(-8.115623547e-3f));
    q = fused(q, r, Real(0.3417169968f));
    q = fused(q, r, Real(2.296035246f));
    auto const far = at_least(w, Real(6.0f));
    if (any(far)) {  // one draw in 800
        Real const s = square_root(w) - Real(3.5f);
        Real tail = Real(5.644170965e-5f);
        tail = fused(tail, s, Real(-2.870681549e-4f));
        tail = fused(tail, s, Real(6.509295124e-4f));
        tail = fused(tail, s, Real(-9.994519271e-4f));
        tail = fused(tail, s, Real(1.536806931e-3f));
        tail = fused(tail, s, Real(-2.904753187e-3f));
        tail = fused(tail, s, Real(4.634135594e-3f));
        tail = fused(tail, s, Real(1.424633544f));
        tail = fused(tail, s, Real(4.717089185f));
        q = select(far, tail, q);
    }
    return with_sign_of(upper, distance * q);
}
