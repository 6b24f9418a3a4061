// The kernels of cpu_kernels.hpp on a vector type V of floats, for inclusion inside a region of CA3_TARGET_BEGIN after the type.

// ---- activations -----------------------------------------------------------------------------------------------------

/// each(offset) for the first element of every vector of `rows` rows.
template <class V>
CA3_ALWAYS_INLINE void for_vectors(std::int64_t rows, std::int64_t width, auto&& each) {
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < width; c += V::width) each(panel * r + c, c);
}

template <class V>
void activate(Activation::Kind kind, std::int64_t rows, std::int64_t width, float const* slope, float const* z, float* y) {
    auto const map = [&](auto&& f) CA3_INLINED {
        for_vectors<V>(rows, width, [&](std::int64_t at, std::int64_t c) CA3_INLINED { f(V::load(z + at), c).store(y + at); });
    };
    using Kind = Activation::Kind;
    switch (kind) {
        case Kind::sigmoid:
            return map([](V x, std::int64_t) CA3_INLINED { return sigmoid_of(x); });
        case Kind::tanh:
            return map([](V x, std::int64_t) CA3_INLINED { return tanh_of(x); });
        case Kind::arctan:
            return map([](V x, std::int64_t) CA3_INLINED { return arctan_of(x); });
        case Kind::relu:
            return map([](V x, std::int64_t) CA3_INLINED { return select(less(x, V(0.0f)), V(0.0f), x); });
        case Kind::leaky_relu:
        case Kind::prelu:
            return map([&](V x, std::int64_t c) CA3_INLINED { return select(less(V(0.0f), x), x, V::load(slope + c) * x); });
        default:
            if (y != z) map([](V x, std::int64_t) CA3_INLINED { return x; });
    }
}

template <class V>
void differentiate(Activation::Kind kind, std::int64_t rows, std::int64_t width, float const* slope, float const* z, float const* y,
                   float* g, float* slope_part) {
    auto const scale = [&](auto&& f) CA3_INLINED {
        for_vectors<V>(rows, width, [&](std::int64_t at, std::int64_t c) CA3_INLINED { f(V::load(g + at), at, c).store(g + at); });
    };
    V const one(1.0f), zero(0.0f);
    using Kind = Activation::Kind;
    switch (kind) {
        case Kind::sigmoid:
            return scale([&](V x, std::int64_t at, std::int64_t) CA3_INLINED {
                V const s = V::load(y + at);
                return x * (s * (one - s));
            });
        case Kind::tanh:
            return scale([&](V x, std::int64_t at, std::int64_t) CA3_INLINED {
                V const t = V::load(y + at);
                return x * (one - t * t);
            });
        case Kind::arctan:
            return scale([&](V x, std::int64_t at, std::int64_t) CA3_INLINED {
                V const a = V::load(z + at);
                return x / (one + a * a);
            });
        case Kind::relu:
            return scale([&](V x, std::int64_t at, std::int64_t) CA3_INLINED { return select(less(zero, V::load(y + at)), x, zero); });
        case Kind::leaky_relu:
        case Kind::prelu:
            return scale([&](V x, std::int64_t at, std::int64_t c) CA3_INLINED {
                V const before = V::load(z + at);
                auto const positive = less(zero, before);
                if (slope_part != nullptr) select(positive, zero, x * before).store(slope_part + at);
                return select(positive, x, V::load(slope + c) * x);
            });
        default:
            return;
    }
}

// ---- losses ----------------------------------------------------------------------------------------------------------

template <class V>
struct ValueAndSlope {
    V value, slope;
};

template <class V>
CA3_ALWAYS_INLINE ValueAndSlope<V> squared(V x, V t) {
    V const d = x - t;
    return {d * d, d + d};
}
template <class V>
CA3_ALWAYS_INLINE ValueAndSlope<V> distance(V x, V t) {
    V const d = x - t;
    return {absolute(d), select(equal(d, V(0.0f)), V(0.0f), copy_sign(V(1.0f), d))};
}
template <class V>
CA3_ALWAYS_INLINE ValueAndSlope<V> binary_cross_entropy(V x, V t) {
    V const one(1.0f), rest = one - x;
    V const value = (t - one) * clamped_logarithm(rest) - t * clamped_logarithm(x);
    V const product = rest * x;
    V const divisor = select(less(product, V(1e-12f)), V(1e-12f), product);
    return {value, (x - t) / divisor};
}
template <class V>
CA3_ALWAYS_INLINE ValueAndSlope<V> logit_cross_entropy(V x, V t) {
    V const one(1.0f), zero(0.0f);
    V const e = exponential_of(zero - absolute(x));
    V const value = fused(one - t, x, select(less(x, zero), zero - x, zero)) + clamped_logarithm(one + e);
    return {value, sigmoid_of(x) - t};
}

/// One row of the panel: gradients, and the sums of columns c and c + 16.
template <class V>
CA3_ALWAYS_INLINE void loss_row(std::int64_t width, std::int64_t valid, V share, float const* x, float const* t, float* g, float* sums,
                                auto&& f) {
    for (std::int64_t c = 0; c < width; c += V::width) {
        auto const [value, slope] = f(V::load(x + c), V::load(t + c));
        V const in = V::first(valid - c);  // 1 for columns that there are, else 0
        select(equal(in, V(0.0f)), V(0.0f), slope * share).store(g + c);
        float* const sum = sums + c % 16;
        (V::load(sum) + select(equal(in, V(0.0f)), V(0.0f), value)).store(sum);
    }
}

template <class V>
void loss(Loss kind, std::int64_t rows, std::int64_t width, std::int64_t valid, float share, float const* x, float const* t, float* g,
          float* sums) {
    auto const all = [&](auto&& f) CA3_INLINED {
        for (std::int64_t r = 0; r < rows; ++r)
            loss_row<V>(width, valid, V(share), x + panel * r, t + panel * r, g + panel * r, sums + 16 * r, f);
    };
    switch (kind) {
        case Loss::l1:
            return all([](V a, V b) CA3_INLINED { return distance(a, b); });
        case Loss::bce:
            return all([](V a, V b) CA3_INLINED { return binary_cross_entropy(a, b); });
        case Loss::bce_with_logits:
            return all([](V a, V b) CA3_INLINED { return logit_cross_entropy(a, b); });
        default:
            return all([](V a, V b) CA3_INLINED { return squared(a, b); });
    }
}

template <class V>
void absolute_sums(std::int64_t rows, std::int64_t width, std::int64_t valid, float const* y, float* sums) {
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < width; c += V::width) {
            float* const sum = sums + 16 * r + c % 16;
            V const in = V::first(valid - c);
            (V::load(sum) + select(equal(in, V(0.0f)), V(0.0f), absolute(V::load(y + panel * r + c)))).store(sum);
        }
}

template <class V>
void add_signs(std::int64_t rows, std::int64_t width, std::int64_t valid, float scale, float const* y, float* g) {
    for_vectors<V>(rows, width, [&](std::int64_t at, std::int64_t c) CA3_INLINED {
        V const value = V::load(y + at), each = V(scale) * V::first(valid - c);
        V const sign = select(less(V(0.0f), value), each, select(less(value, V(0.0f)), V(0.0f) - each, V(0.0f)));
        (V::load(g + at) + sign).store(g + at);
    });
}

template <class V>
void add(std::int64_t n, float const* a, float const* b, float* y) {
    for (std::int64_t i = 0; i < n; i += V::width) (V::load(a + i) + V::load(b + i)).store(y + i);
}

template <class V>
void multiply(std::int64_t n, float const* a, float const* b, float* y) {
    for (std::int64_t i = 0; i < n; i += V::width) (V::load(a + i) * V::load(b + i)).store(y + i);
}

template <class V>
void column_sums(std::int64_t rows, float const* x, float* sums) {
    for (std::int64_t c = 0; c < panel; c += V::width) {
        V sum(0.0f);
        for (std::int64_t r = 0; r < rows; ++r) sum = sum + V::load(x + panel * r + c);
        sum.store(sums + c);
    }
}

template <class V>
void affine(std::int64_t rows, float const* x, float const* a, float const* b, float* y) {
    for_vectors<V>(rows, panel, [&](std::int64_t at, std::int64_t c) CA3_INLINED {
        fused(V::load(x + at), V::load(a + c), V::load(b + c)).store(y + at);
    });
}

// ---- updates ---------------------------------------------------------------------------------------------------------

/// What the update adds to the gradient of a parameter.
template <class V>
CA3_ALWAYS_INLINE V decayed(UpdateNumbers const& u, V g, V p) {
    V const zero(0.0f);
    g = fused(V(u.weight_decay), p, g);
    return g + select(less(zero, p), V(u.l1), select(less(p, zero), V(-u.l1), zero));
}

template <class V, bool Plain>
float adam(UpdateNumbers const& u, std::int64_t n, float* __restrict p, float const* __restrict g, float* __restrict m,
           float* __restrict v) {
    V bad(0.0f);
    V const rate(u.rate), gain1(u.gain1), beta2(u.beta2), gain2(u.gain2), unroot2(u.unroot2), epsilon(u.epsilon), zero(0.0f);
    for (std::int64_t i = 0; i < n; i += V::width) {
        V gradient = V::load(g + i), parameter = V::load(p + i);
        if constexpr (!Plain) {
            gradient = decayed(u, gradient * V(u.scale), parameter);
            parameter = parameter * V(u.shrink);
        }
        V first = V::load(m + i), second = V::load(v + i);
        first = fused(gain1, gradient - first, first);
        second = fused(gain2 * gradient, gradient, beta2 * second);
        first.store(m + i);
        second.store(v + i);
        parameter = fused(V(0.0f) - rate, first / fused(square_root(second), unroot2, epsilon), parameter);
        parameter.store(p + i);
        bad = fused(parameter, zero, bad);
    }
    return bad.total();
}

template <class V>
float sgd(UpdateNumbers const& u, std::int64_t n, float* __restrict p, float const* __restrict g, float* __restrict m) {
    V bad(0.0f);
    for (std::int64_t i = 0; i < n; i += V::width) {
        V parameter = V::load(p + i);
        V gradient = decayed(u, V::load(g + i) * V(u.scale), parameter);
        if (u.momentum) {
            V const first = u.first_step ? gradient : fused(V(u.beta1), V::load(m + i), V(u.gain1) * gradient);
            first.store(m + i);
            gradient = u.nesterov ? fused(V(u.beta1), first, gradient) : first;
        }
        parameter = fused(V(-u.rate), gradient, parameter);
        parameter.store(p + i);
        bad = fused(parameter, V(0.0f), bad);
    }
    return bad.total();
}

template <class V>
float update(UpdateNumbers const& u, std::int64_t n, float* p, float const* g, float* m, float* v) {
    if (u.kind == UpdateRule::Kind::sgd) return sgd<V>(u, n, p, g, m);
    bool const plain = u.weight_decay == 0.0f && u.l1 == 0.0f && u.shrink == 1.0f && u.scale == 1.0f;
    return plain ? adam<V, true>(u, n, p, g, m, v) : adam<V, false>(u, n, p, g, m, v);
}

template <class V>
void transpose(std::int64_t rows, std::int64_t width, float const* from, float* to) {
    constexpr std::int64_t side = V::transposed;
    std::int64_t const whole_rows = rows / side * side, whole_columns = width / side * side;
    for (std::int64_t r = 0; r < whole_rows; r += side)
        for (std::int64_t c = 0; c < whole_columns; c += side) V::transpose(from + panel * r + c, to + panel * c + r);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = r < whole_rows ? whole_columns : 0; c < width; ++c) to[panel * c + r] = from[panel * r + c];
}

template <class V>
constexpr Kernels kernels_of() {
    return {.tile_rows = V::sums / V::strip,
            .product = &product<V>,
            .transposed_product = &transposed_product<V>,
            .nonzero_columns = &nonzero_columns<V>,
            .nonzero_rows = &nonzero_rows<V>,
            .listed_product = &listed_product<V>,
            .listed_transposed_product = &listed_transposed_product<V>,
            .activate = &activate<V>,
            .differentiate = &differentiate<V>,
            .loss = &loss<V>,
            .absolute = &absolute_sums<V>,
            .add_signs = &add_signs<V>,
            .add = &add<V>,
            .multiply = &multiply<V>,
            .column_sums = &column_sums<V>,
            .affine = &affine<V>,
            .update = &update<V>,
            .transpose = &transpose<V>};
}
