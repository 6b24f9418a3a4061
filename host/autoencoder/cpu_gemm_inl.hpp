// Products of panels on a vector type V of floats, for inclusion inside a region of CA3_TARGET_BEGIN after the type.

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
/// of a, whose place no hardware guesses, and `next`, a panel like b; in the transposed product the `lines` lines from `next` on, then
/// those from `later` on.
template <class V, int Rows, int Vectors, bool Transposed>
void tile(std::int64_t k, float const* __restrict a, std::int64_t a_panel, float const* __restrict b, float const* init, float* c,
          float const* next, float const* later, std::int64_t lines) {
    if constexpr (Transposed) {
        sum_up<V, Rows, Vectors>(1, init, c, [&](auto&& add) CA3_INLINED {
            std::int64_t n = 0;
            for (float const* from : {next, later}) {
                if (from == nullptr) continue;
                for (std::int64_t const end = std::min(k, n + lines); n < end; ++n, from += line) {
                    __builtin_prefetch(from, 1, 3);
                    add(a + panel * n, b + panel * n);
                }
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

using Tile = void (*)(std::int64_t, float const*, std::int64_t, float const*, float const*, float*, float const*, float const*,
                      std::int64_t);

template <class V, int Vectors, bool Transposed, int... Less>
constexpr std::array<Tile, sizeof...(Less)> tiles_of(std::integer_sequence<int, Less...>) {
    return {&tile<V, Less + 1, Vectors, Transposed>...};
}

/// Shares `rows` evenly among as few tiles as fit into the registers.
template <class V, int Vectors, bool Transposed>
void in_tiles(std::int64_t rows, std::int64_t k, float const* a, std::int64_t a_panel, float const* b, float const* next, float const* init,
              float* c, Wanted const& wanted = {}) {
    constexpr int most = V::sums / V::strip;
    static constexpr auto tiles = tiles_of<V, Vectors, Transposed>(std::make_integer_sequence<int, most>{});
    std::int64_t const count = (rows + most - 1) / most;
    for (std::int64_t t = 0, row = 0; t < count; ++t) {
        std::int64_t const end = rows * (t + 1) / count;
        auto const asked = [&](std::int64_t block) {
            return block < std::ssize(wanted.block) ? wanted.block[static_cast<std::size_t>(block)] : nullptr;
        };
        // Of the plain product the first tile asks for the next panel of b.
        if constexpr (!Transposed) {
            tiles[static_cast<std::size_t>(end - row - 1)](k, a + panel * row, a_panel, b, init, c + panel * row,
                                                           t == 0 && next != nullptr ? next : b, nullptr, 0);
            row = end;
            continue;
        }
        tiles[static_cast<std::size_t>(end - row - 1)](k, a + row, a_panel, b, init, c + panel * row, asked(t), asked(t + count),
                                                       wanted.lines);
        row = end;
    }
}

/// The columns of a panel in strips of at most V::strip vectors.
template <class V, bool Transposed>
void all_strips(std::int64_t rows, std::int64_t k, float const* a, std::int64_t a_panel, float const* b, float const* next,
                std::int64_t width, float const* init, float* c, Wanted const& wanted = {}) {
    constexpr std::int64_t strip = V::strip * V::width;
    std::int64_t at = 0;
    for (; at + strip <= width; at += strip)
        in_tiles<V, V::strip, Transposed>(rows, k, a, a_panel, b + at, next, init != nullptr ? init + at : nullptr, c + at, wanted);
    if constexpr (strip == panel)
        if (at < width)
            in_tiles<V, 1, Transposed>(rows, k, a, a_panel, b + at, next, init != nullptr ? init + at : nullptr, c + at, wanted);
}

template <class V>
void product(std::int64_t rows, std::int64_t k, float const* a, std::int64_t a_panel, float const* b, float const* next, std::int64_t width,
             float const* init, float* c) {
    all_strips<V, false>(rows, k, a, a_panel, b, next, width, init, c);
}

template <class V>
void transposed_product(std::int64_t columns, std::int64_t k, float const* a, float const* b, std::int64_t width, float* c,
                        Wanted const& wanted) {
    all_strips<V, true>(columns, k, a, 0, b, nullptr, width, nullptr, c, wanted);
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
            auto const [list, count] = lists.part[part];
            for (std::int64_t n = 0; n < count; ++n) {
                if (lines > 0) {
                    __builtin_prefetch(next, 1, 3);
                    next += line;
                    --lines;
                }
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
