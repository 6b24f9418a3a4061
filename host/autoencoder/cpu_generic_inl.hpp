// The kernels of cpu_kernels.hpp on a vector type V of floats, for inclusion inside a region of CA3_TARGET_BEGIN after the type.

// ---- products --------------------------------------------------------------------------------------------------------

constexpr std::int64_t line = 16;  ///< floats of a line of the caches

/// f(0), ..., f(Count - 1) with numbers that the compiler knows.
template <int Count>
CA3_ALWAYS_INLINE void repeat(auto&& f) {
    [&]<int... I>(std::integer_sequence<int, I...>) CA3_INLINED {
        (f(std::integral_constant<int, I>{}), ...);
    }
    (std::make_integer_sequence<int, Count>{});
}

/// A tile of Rows x (Vectors V::width) sums in registers. walk(add) calls add(a, b) for every summand: b the first of the row of b, a the
/// first of Rows elements that are `between` apart.
template <class V, int Rows, int Vectors>
CA3_ALWAYS_INLINE void sum_up(std::int64_t between, float const* init, float* c, auto&& walk) {
    V sum[Rows * Vectors];
    repeat<Rows * Vectors>([&](auto i) CA3_INLINED { sum[i] = init != nullptr ? V::load(init + V::width * (i % Vectors)) : V(0.0f); });
    walk([&](float const* a, float const* b) CA3_INLINED {
        V right[Vectors];
        repeat<Vectors>([&](auto v) CA3_INLINED { right[v] = V::load(b + V::width * v); });
        repeat<Rows>([&](auto i) CA3_INLINED {
            V const left(a[i * between]);
            repeat<Vectors>([&](auto v) CA3_INLINED { sum[i * Vectors + v] = fused(left, right[v], sum[i * Vectors + v]); });
        });
    });
    repeat<Rows * Vectors>([&](auto i) CA3_INLINED { sum[i].store(c + panel * (i / Vectors) + V::width * (i % Vectors)); });
}

/// What comes next is asked for one line at a time, so that it arrives while this is computed: in the plain product the next panel's rows
/// of a, whose place no hardware guesses, and `next`, a panel like b; in the transposed product the `lines` lines from `next` on.
template <class V, int Rows, int Vectors, bool Transposed>
void tile(std::int64_t k, float const* __restrict a, std::int64_t a_panel, float const* __restrict b, float const* init, float* c,
          float const* next, std::int64_t lines) {
    if constexpr (Transposed) {
        sum_up<V, Rows, Vectors>(1, init, c, [&](auto&& add) CA3_INLINED {
            std::int64_t n = 0;
            for (; n < std::min(k, lines); ++n) {
                __builtin_prefetch(next + line * n, 1, 3);
                add(a + panel * n, b + panel * n);
            }
            for (; n < k; ++n) add(a + panel * n, b + panel * n);
        });
    } else {
        sum_up<V, Rows, Vectors>(panel, init, c, [&](auto&& add) CA3_INLINED {
            for (; k > panel; k -= panel, a += a_panel) {
                for (std::int64_t n = 0; n < panel; ++n, next += panel, b += panel) {
                    __builtin_prefetch(a + a_panel + line * std::min<std::int64_t>(n, 2 * Rows - 1), 0, 3);
                    __builtin_prefetch(next, 0, 2);
                    __builtin_prefetch(next + line, 0, 2);
                    add(a + n, b);
                }
            }
            for (std::int64_t n = 0; n < k; ++n, b += panel) add(a + n, b);
        });
    }
}

using Tile = void (*)(std::int64_t, float const*, std::int64_t, float const*, float const*, float*, float const*, std::int64_t);

template <class V, int Vectors, bool Transposed, int... Less>
constexpr std::array<Tile, sizeof...(Less)> tiles_of(std::integer_sequence<int, Less...>) {
    return {&tile<V, Less + 1, Vectors, Transposed>...};
}

/// Shares `rows` evenly among as few tiles as fit into the registers.
template <class V, int Vectors, bool Transposed>
void in_tiles(std::int64_t rows, std::int64_t k, float const* a, std::int64_t a_panel, float const* b, float const* init, float* c,
              Wanted const& wanted = {}) {
    constexpr int most = V::sums / Vectors;
    static constexpr auto tiles = tiles_of<V, Vectors, Transposed>(std::make_integer_sequence<int, most>{});
    std::int64_t const count = (rows + most - 1) / most;
    for (std::int64_t t = 0, row = 0; t < count; ++t) {
        std::int64_t const end = rows * (t + 1) / count;
        auto const next = static_cast<std::size_t>(t);
        // The first tile of the plain product asks for the panel that follows b.
        if constexpr (!Transposed) {
            tiles[static_cast<std::size_t>(end - row - 1)](k, a + panel * row, a_panel, b, init, c + panel * row,
                                                           t == 0 ? b + panel * k : b, 0);
            row = end;
            continue;
        }
        bool const any = next < wanted.block.size() && wanted.block[next] != nullptr;
        tiles[static_cast<std::size_t>(end - row - 1)](k, a + row, a_panel, b, init, c + panel * row, any ? wanted.block[next] : nullptr,
                                                       any ? wanted.lines : 0);
        row = end;
    }
}

/// The columns of a panel in strips of at most V::strip vectors.
template <class V, bool Transposed>
void all_strips(std::int64_t rows, std::int64_t k, float const* a, std::int64_t a_panel, float const* b, std::int64_t width,
                float const* init, float* c, Wanted const& wanted = {}) {
    constexpr std::int64_t strip = V::strip * V::width;
    std::int64_t at = 0;
    for (; at + strip <= width; at += strip)
        in_tiles<V, V::strip, Transposed>(rows, k, a, a_panel, b + at, init != nullptr ? init + at : nullptr, c + at, wanted);
    if constexpr (strip == panel)
        if (at < width) in_tiles<V, 1, Transposed>(rows, k, a, a_panel, b + at, init != nullptr ? init + at : nullptr, c + at, wanted);
}

template <class V>
void product(std::int64_t rows, std::int64_t k, float const* a, std::int64_t a_panel, float const* b, std::int64_t width, float const* init,
             float* c) {
    all_strips<V, false>(rows, k, a, a_panel, b, width, init, c);
}

template <class V>
void transposed_product(std::int64_t columns, std::int64_t k, float const* a, float const* b, std::int64_t width, float* c,
                        Wanted const& wanted) {
    all_strips<V, true>(columns, k, a, 0, b, width, nullptr, c, wanted);
}

// ---- products that leave out zeros -----------------------------------------------------------------------------------

/// Numbers of the columns of a in which any of `rows` rows is not zero, upwards.
template <class V>
std::int64_t nonzero_columns(std::int64_t rows, std::int64_t columns, float const* a, std::int64_t a_panel, std::uint32_t* list) {
    std::int64_t count = 0;
    for (std::int64_t first = 0; first < columns; first += panel, a += a_panel) {
        alignas(64) std::uint32_t any[panel] = {};
        for (std::int64_t r = 0; r < rows; ++r)
            for (std::int64_t c = 0; c < panel; ++c) any[c] |= std::bit_cast<std::uint32_t>(a[panel * r + c]) << 1;
        std::int64_t const n = std::min(panel, columns - first);
        for (std::int64_t c = 0; c < n; c += 16)
            count += V::append(any + c, std::min<std::int64_t>(16, n - c), static_cast<std::uint32_t>(first + c), list + count);
    }
    return count;
}

/// For each group of 8 columns of a panel the numbers of the rows in which one of them is not zero, upwards, from `first` on.
template <class V>
void nonzero_rows(std::int64_t rows, float const* a, std::int64_t first, std::uint32_t* const* list, std::int64_t* count) {
    std::fill_n(count, panel / zero_group, 0);
    for (std::int64_t r = 0; r < rows; r += 16) {
        alignas(64) std::uint32_t mask[16] = {}, flags[16];
        std::int64_t const n = std::min<std::int64_t>(16, rows - r);
        for (std::int64_t i = 0; i < n; ++i) mask[i] = V::nonzero(a + panel * (r + i));
        for (std::int64_t g = 0; g < panel / zero_group; ++g) {
            std::uint32_t const group = ((1u << zero_group) - 1u) << (zero_group * g);
            for (std::int64_t i = 0; i < 16; ++i) flags[i] = mask[i] & group;
            count[g] += V::append(flags, n, static_cast<std::uint32_t>(first + r), list[g] + count[g]);
        }
    }
}

template <class V, int Rows, int Vectors>
void listed_tile(std::int64_t count, std::uint32_t const* list, float const* __restrict a, std::int64_t a_panel, float const* __restrict b,
                 float const* init, float* c) {
    sum_up<V, Rows, Vectors>(panel, init, c, [&](auto&& add) CA3_INLINED {
        for (std::int64_t n = 0; n < count; ++n) {
            std::int64_t const k = list[n];
            add(a + (k / panel) * a_panel + k % panel, b + panel * k);
        }
    });
}

template <class V, int Rows, int Vectors>
void listed_transposed_tile(Lists const& lists, float const* __restrict a, float const* __restrict b, float* c, float const* next,
                            std::int64_t lines) {
    sum_up<V, Rows, Vectors>(1, nullptr, c, [&](auto&& add) CA3_INLINED {
        for (std::int64_t part = 0; part < lists.parts; ++part) {
            std::uint32_t const* const list = lists.list[part];
            std::int64_t const count = lists.count[part];
            for (std::int64_t n = 0; n < count; ++n, next += line) {
                if (lines-- > 0) __builtin_prefetch(next, 1, 3);
                add(a + panel * static_cast<std::int64_t>(list[n]), b + panel * static_cast<std::int64_t>(list[n]));
            }
        }
    });
    for (; lines > 0; --lines, next += line) __builtin_prefetch(next, 1, 3);
}

template <class V>
void listed_product(std::int64_t rows, std::int64_t count, std::uint32_t const* list, float const* a, std::int64_t a_panel, float const* b,
                    std::int64_t width, float const* init, float* c) {
    alignas(64) float start[panel] = {};
    // -0 + 0 = 0: then a summand of zero changes nothing, and may be left out.
    if (init != nullptr)
        for (std::int64_t i = 0; i < width; ++i) start[i] = init[i] + 0.0f;
    auto const strip = [&]<int Vectors, int... Less>(std::integral_constant<int, Vectors>, std::integer_sequence<int, Less...>,
                                                     std::int64_t at) {
        using Listed = void (*)(std::int64_t, std::uint32_t const*, float const*, std::int64_t, float const*, float const*, float*);
        static constexpr std::array<Listed, sizeof...(Less)> tiles{&listed_tile<V, Less + 1, Vectors>...};
        constexpr std::int64_t most = sizeof...(Less);
        for (std::int64_t r = 0; r < rows; r += most)
            tiles[static_cast<std::size_t>(std::min(most, rows - r) - 1)](count, list, a + panel * r, a_panel, b + at, start + at,
                                                                          c + panel * r + at);
    };
    constexpr auto sizes = std::make_integer_sequence<int, V::sums / V::strip>{};
    std::int64_t at = 0;
    for (; at + V::strip * V::width <= width; at += V::strip * V::width) strip(std::integral_constant<int, V::strip>{}, sizes, at);
    if constexpr (V::strip * V::width == panel)
        if (at < width) strip(std::integral_constant<int, 1>{}, sizes, at);
}

template <class V>
void listed_transposed_product(std::int64_t columns, Lists const& lists, float const* a, float const* b, std::int64_t width, float* c,
                               float const* next, std::int64_t lines) {
    auto const strip = [&]<int Vectors, int... Less>(std::integral_constant<int, Vectors>, std::integer_sequence<int, Less...>,
                                                     std::int64_t at) {
        using Listed = void (*)(Lists const&, float const*, float const*, float*, float const*, std::int64_t);
        static constexpr std::array<Listed, sizeof...(Less)> tiles{&listed_transposed_tile<V, Less + 1, Vectors>...};
        constexpr std::int64_t most = sizeof...(Less);
        for (std::int64_t i = 0; i < columns; i += most)
            tiles[static_cast<std::size_t>(std::min(most, columns - i) - 1)](lists, a + i, b + at, c + panel * i + at, next,
                                                                             at == 0 && i == 0 ? lines : 0);
    };
    constexpr auto sizes = std::make_integer_sequence<int, V::sums / V::strip>{};
    std::int64_t at = 0;
    for (; at + V::strip * V::width <= width; at += V::strip * V::width) strip(std::integral_constant<int, V::strip>{}, sizes, at);
    if constexpr (V::strip * V::width == panel)
        if (at < width) strip(std::integral_constant<int, 1>{}, sizes, at);
}

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
void add_signs(std::int64_t rows, std::int64_t width, float scale, float const* y, float* g) {
    for_vectors<V>(rows, width, [&](std::int64_t at, std::int64_t) CA3_INLINED {
        V const value = V::load(y + at);
        V const sign = select(less(V(0.0f), value), V(scale), select(less(value, V(0.0f)), V(-scale), V(0.0f)));
        (V::load(g + at) + sign).store(g + at);
    });
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
            .multiply = &multiply<V>,
            .column_sums = &column_sums<V>,
            .affine = &affine<V>,
            .update = &update<V>,
            .transpose = &transpose<V>};
}
