// The loops over neurons, in plain numbers and over any type of vector. Included once for each instruction set, in a namespace of its own
// inside ca3::lif::cpu, after neuron_step_inl.hpp.

/// Neuron by neuron; for parameters that differ, and where there is no vector.
template <Kind kind, class Real>
std::int64_t update_each(UpdateTask<Real> const& t) {
    std::int64_t spikes = 0;
    constexpr int variables = variables_of(kind), channels = channels_of(kind);
    for (std::int64_t i = 0; i < t.count; ++i) {
        Real v = t.v[i], s[most_variables] = {}, in[2] = {};
        for (int k = 0; k < variables; ++k) s[k] = t.s[k][i];
        for (int k = 0; k < channels; ++k) {
            in[k] = static_cast<Real>(t.in[k][i]);
            t.in[k][i] = 0;
        }
        std::int32_t rest = t.rest[i];
        Real const ext = t.ext == nullptr ? Real(0) : t.ext[i];
        bool const spike = advance<kind>(t.coefficients[t.shared ? 0 : i], v, s, rest, ext, in);
        t.v[i] = v;
        for (int k = 0; k < variables; ++k) t.s[k][i] = s[k];
        t.rest[i] = static_cast<std::uint16_t>(rest);
        t.spikes[spikes] = t.first_id + static_cast<std::uint32_t>(i);
        spikes += spike;
    }
    return spikes;
}

template <class V>
Coefficients<V, typename V::Steps> in_all_lanes(Coefficients<typename V::Scalar> const& c) {
    Coefficients<V, typename V::Steps> r;
    r.v_from_v = V(c.v_from_v);
    r.v_from_current = V(c.v_from_current);
    r.drive = V(c.drive);
    r.threshold = V(c.threshold);
    r.reset = V(c.reset);
    for (int k = 0; k < 2; ++k) {
        r.input[k] = V(c.input[k]);
        r.decay[k] = V(c.decay[k]);
        r.v_from_i[k] = V(c.v_from_i[k]);
        r.v_from_di[k] = V(c.v_from_di[k]);
        r.i_from_di[k] = V(c.i_from_di[k]);
        r.mean_of_step[k] = V(c.mean_of_step[k]);
        r.reversal[k] = V(c.reversal[k]);
        r.half_decay[k] = V(c.half_decay[k]);
    }
    r.leak = V(c.leak);
    r.I_e = V(c.I_e);
    r.step_over_C = V(c.step_over_C);
    r.step = V(c.step);
    r.g_Na = V(c.g_Na);
    r.g_K = V(c.g_K);
    r.g_L = V(c.g_L);
    r.E_Na = V(c.E_Na);
    r.E_K = V(c.E_K);
    r.E_L = V(c.E_L);
    r.refractory = typename V::Steps(c.refractory);
    r.euler = c.euler;
    return r;
}

/// A vector of neurons at a time; lanes past the end run on the padding, and their spikes are dropped.
template <Kind kind, class V>
std::int64_t update_vectors(UpdateTask<typename V::Scalar> const& t) {
    using Real = typename V::Scalar;
    if (!t.shared) return update_each<kind, Real>(t);
    constexpr int variables = variables_of(kind), channels = channels_of(kind);
    auto const c = in_all_lanes<V>(*t.coefficients);
    std::int64_t spikes = 0;
    for (std::int64_t i = 0; i < t.count; i += V::width) {
        V v = V::load(t.v + i), s[most_variables], in[2];
        for (int k = 0; k < variables; ++k) s[k] = V::load(t.s[k] + i);
        for (int k = 0; k < channels; ++k) {
            in[k] = V::load_sums(t.in[k] + i);
            V::clear_sums(t.in[k] + i);
        }
        auto rest = V::Steps::load(t.rest + i);
        V const ext = t.ext == nullptr ? V(0.0) : V::load(t.ext + i);
        auto const spike = advance<kind>(c, v, s, rest, ext, in);
        v.store(t.v + i);
        for (int k = 0; k < variables; ++k) s[k].store(t.s[k] + i);
        rest.store(t.rest + i);
        unsigned lanes = spike.bits();
        if (lanes == 0) continue;
        if (t.count - i < V::width) lanes &= (1u << (t.count - i)) - 1u;
        for (; lanes != 0; lanes &= lanes - 1)
            t.spikes[spikes++] = t.first_id + static_cast<std::uint32_t>(i) + static_cast<std::uint32_t>(std::countr_zero(lanes));
    }
    return spikes;
}

/// e^x of elementary.hpp, operation for operation.
template <class V>
V exponential_f32(V x) {
    V const clamped = select(less(x, V(-87.0)), V(-87.0), select(less(V(88.0), x), V(88.0), x));
    V const shift(0x1.8p23);
    V const shifted = fused(clamped, V(1.44269504), shift);
    V const n = shifted - shift;
    V r = fused(n, V(-0x1.62e4p-1), clamped);
    r = fused(n, V(-0x1.7f7d1cp-20), r);
    V p(1.98412698e-4);
    for (double const a : {1.38888889e-3, 8.33333333e-3, 4.16666667e-2, 1.66666667e-1, 0.5, 1.0, 1.0}) p = fused(p, r, V(a));
    return select(less(x, V(-87.0)), V(0.0), p * V::power_of_two(shifted));
}
template <class V>
V exponential_f64(V x) {
    V const clamped = select(less(x, V(-708.0)), V(-708.0), select(less(V(709.0), x), V(709.0), x));
    V const shift(0x1.8p52);
    V const shifted = fused(clamped, V(1.4426950408889634), shift);
    V const n = shifted - shift;
    V r = fused(n, V(-0x1.62e42fefa38p-1), clamped);
    r = fused(n, V(-0x1.ef35793c7673p-45), r);
    V p(1.6059043836821613e-10);
    for (double const a :
         {2.08767569878681e-09, 2.505210838544172e-08, 2.755731922398589e-07, 2.7557319223985893e-06, 2.48015873015873e-05,
          0.0001984126984126984, 0.001388888888888889, 0.008333333333333333, 0.041666666666666664, 0.16666666666666666, 0.5, 1.0, 1.0})
        p = fused(p, r, V(a));
    return select(less(x, V(-708.0)), V(0.0), p * V::power_of_two(shifted));
}

/// Counts of neurons [first, first + count), from upper halves in whole blocks of eight.
template <class Real>
void add_poisson_each(PoissonTask<Real> const& t, random::Fill fill) {
    constexpr std::int64_t blocks_at_once = 32;
    std::uint32_t words[4 * blocks_at_once];
    std::int64_t const end = t.first + t.count;
    for (std::int64_t block = t.first / 8; block * 8 < end; block += blocks_at_once) {
        std::int64_t const blocks = std::min(blocks_at_once, (end + 7) / 8 - block);
        fill(t.seed, random::Purpose::poisson, t.stimulus, t.step, static_cast<std::uint64_t>(block), blocks, words);
        std::int64_t const last = std::min(end, (block + blocks) * 8);
        for (std::int64_t i = std::max(t.first, block * 8); i < last; ++i) {
            std::int64_t const half = i - block * 8;
            std::uint32_t const upper = words[half >> 1] >> ((half & 1) * 16) & 0xFFFFu;
            PoissonTable const& table = t.tables[t.table_of == nullptr ? 0 : t.table_of[i - t.first]];
            std::int32_t count = table.count_of_upper(upper);
            if (count < 0) count = table.count(poisson_uniform(t.seed, t.stimulus, t.step, static_cast<std::uint32_t>(i)));
            t.in[i - t.first] += static_cast<Sum<Real>>(count) * t.weight;
        }
    }
}
