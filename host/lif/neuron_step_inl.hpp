// One step of one neuron, shared by all backends: the order of its operations is what makes their spikes equal bit for bit. Checked by
// NEST's printed traces and by closed forms. Included in namespace ca3::lif, and once more in that of every instruction set, where Real is
// a vector of numbers and Steps one of integers.

/// x / (1 - exp(-x)), by its series near 0 (next term below 1e-13).
template <class Real>
CA3_HOST_DEVICE inline Real linear_over_saturation(Real x) {
    Real const q = x * x;
    Real p = Real(1.0 / 30240.0);
    p = fused(p, q, Real(-1.0 / 720.0));
    p = fused(p, q, Real(1.0 / 12.0));
    Real const series = fused(p, q, fused(Real(0.5), x, Real(1.0)));
    auto const near = both(neither(at_least(x, Real(0.1))), at_least(x, Real(-0.1)));
    return select(near, series, x / (Real(1.0) - exponential(-x)));
}

template <class Real>
struct HodgkinHuxleyState {
    Real v, m, h, n;
};

/// Changes over a whole step; rates of Hodgkin and Huxley 1952, equations 12, 13, 20, 21, 23, 24, with rest at -65 mV.
template <class Real, class Steps>
CA3_HOST_DEVICE inline HodgkinHuxleyState<Real> hodgkin_huxley_change(Coefficients<Real, Steps> const& c, HodgkinHuxleyState<Real> const& x,
                                                                      Real current) {
    Real const alpha_m = linear_over_saturation((x.v + Real(40.0)) * Real(0.1));
    Real const beta_m = Real(4.0) * exponential((x.v + Real(65.0)) * Real(-1.0 / 18.0));
    Real const alpha_h = Real(0.07) * exponential((x.v + Real(65.0)) * Real(-0.05));
    Real const beta_h = Real(1.0) / (Real(1.0) + exponential((x.v + Real(35.0)) * Real(-0.1)));
    Real const alpha_n = Real(0.1) * linear_over_saturation((x.v + Real(55.0)) * Real(0.1));
    Real const beta_n = Real(0.125) * exponential((x.v + Real(65.0)) * Real(-1.0 / 80.0));
    Real const n2 = x.n * x.n;
    Real total = fused(c.g_Na * (x.m * x.m * x.m * x.h), c.E_Na - x.v, current);
    total = fused(c.g_K * (n2 * n2), c.E_K - x.v, total);
    total = fused(c.g_L, c.E_L - x.v, total);
    return {total * c.step_over_C, c.step * fused(alpha_m, Real(1.0) - x.m, -(beta_m * x.m)),
            c.step * fused(alpha_h, Real(1.0) - x.h, -(beta_h * x.h)), c.step * fused(alpha_n, Real(1.0) - x.n, -(beta_n * x.n))};
}

template <class Real>
CA3_HOST_DEVICE inline HodgkinHuxleyState<Real> moved(HodgkinHuxleyState<Real> const& x, HodgkinHuxleyState<Real> const& k, Real by) {
    return {fused(by, k.v, x.v), fused(by, k.m, x.m), fused(by, k.h, x.h), fused(by, k.n, x.n)};
}

/// The weighted sum of Runge and Kutta.
template <class Real>
CA3_HOST_DEVICE inline Real runge_kutta_sum(Real x, Real k1, Real k2, Real k3, Real k4) {
    return fused(Real(1.0 / 6.0), (k1 + k4) + Real(2.0) * (k2 + k3), x);
}

/// The classical Runge-Kutta step; synaptic currents are taken as they decay.
template <class Real, class Steps>
CA3_HOST_DEVICE inline auto advance_hodgkin_huxley(Coefficients<Real, Steps> const& c, Real& v, Real (&s)[most_variables], Real ext,
                                                   Real const (&in)[2]) {
    HodgkinHuxleyState<Real> const x{v, s[2], s[3], s[4]};
    Real const constant = c.I_e + ext;
    Real const now = constant + (s[0] + s[1]);
    Real const middle = constant + fused(c.half_decay[0], s[0], c.half_decay[1] * s[1]);
    Real const end = constant + fused(c.decay[0], s[0], c.decay[1] * s[1]);
    auto const k1 = hodgkin_huxley_change(c, x, now);
    auto const k2 = hodgkin_huxley_change(c, moved(x, k1, Real(0.5)), middle);
    auto const k3 = hodgkin_huxley_change(c, moved(x, k2, Real(0.5)), middle);
    auto const k4 = hodgkin_huxley_change(c, moved(x, k3, Real(1.0)), end);
    v = runge_kutta_sum(x.v, k1.v, k2.v, k3.v, k4.v);
    s[2] = runge_kutta_sum(x.m, k1.m, k2.m, k3.m, k4.m);
    s[3] = runge_kutta_sum(x.h, k1.h, k2.h, k3.h, k4.h);
    s[4] = runge_kutta_sum(x.n, k1.n, k2.n, k3.n, k4.n);
    s[0] = fused(in[0], c.input[0], c.decay[0] * s[0]);
    s[1] = fused(in[1], c.input[1], c.decay[1] * s[1]);
    return both(at_least(v, c.threshold), neither(at_least(x.v, c.threshold)));
}

/// @param v, s  the neuron's voltage and variables, replaced
/// @param rest  steps of refractoriness left, replaced
/// @param ext   external current (pA)
/// @param in    what arrives at the end of this step, in units of the weight grid, by channel
/// @return whether it spikes
template <Kind kind, class Real, class Steps>
CA3_HOST_DEVICE inline auto advance(Coefficients<Real, Steps> const& c, Real& v, Real (&s)[most_variables], Steps& rest, Real ext,
                                    Real const (&in)[2]) {
    static_assert(!is_source(kind));
    if constexpr (kind == Kind::hodgkin_huxley) {
        return advance_hodgkin_huxley(c, v, s, ext, in);
    } else {
        Real next = fused(c.v_from_current, ext, c.drive);
        if constexpr (kind == Kind::delta) {
            next = fused(in[0], c.input[0], fused(c.v_from_v, v, next));
        } else if constexpr (kind == Kind::exponential_one) {
            next = fused(c.v_from_v, v, fused(c.v_from_i[0], s[0], next));
            s[0] = fused(in[0], c.input[0], c.decay[0] * s[0]);
        } else if constexpr (kind == Kind::exponential) {
            next = fused(c.v_from_v, v, fused(c.v_from_i[0], s[0], fused(c.v_from_i[1], s[1], next)));
            s[0] = fused(in[0], c.input[0], c.decay[0] * s[0]);
            s[1] = fused(in[1], c.input[1], c.decay[1] * s[1]);
        } else if constexpr (kind == Kind::alpha_one || kind == Kind::alpha) {
            for (int channel = channels_of(kind) - 1; channel >= 0; --channel) {
                Real& i = s[2 * channel];
                Real& di = s[2 * channel + 1];
                next = fused(c.v_from_di[channel], di, fused(c.v_from_i[channel], i, next));
                i = fused(c.i_from_di[channel], di, c.decay[channel] * i);
                di = fused(in[channel], c.input[channel], c.decay[channel] * di);
            }
            next = fused(c.v_from_v, v, next);
        } else if constexpr (kind == Kind::conductance) {
            Real const ex = s[0] * c.mean_of_step[0], inhibitory = s[1] * c.mean_of_step[1];
            Real const total = (c.leak + ex) + inhibitory;
            Real const limit = fused(ex, c.reversal[0], fused(inhibitory, c.reversal[1], c.I_e + ext)) / total;
            Real const x = c.step_over_C * total;
            Real const kept = c.euler != 0 ? Real(1.0) - x : exponential(-x);
            next = fused(kept, v - limit, limit);
            s[0] = fused(in[0], c.input[0], c.decay[0] * s[0]);
            s[1] = fused(in[1], c.input[1], c.decay[1] * s[1]);
        }
        v = select(is_zero(rest), next, v);
        rest = one_less(rest);
        auto const spike = at_least(v, c.threshold);
        v = select(spike, c.reset, v);
        rest = select(spike, c.refractory, rest);
        return spike;
    }
}
