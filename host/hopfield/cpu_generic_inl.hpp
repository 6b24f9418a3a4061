/// Kernels in standard C++, included by one file per instruction set after it has chosen the target: the compiler makes what it can of
/// them.
namespace ca3::hopfield::cpu {

namespace {

struct Generic {
    static void overlaps(Packed const& packed, Bits const* states, int count, bool, std::int32_t* out, std::int64_t stride) {
        for (int b = 0; b < count; ++b) {
            std::int64_t present = 0;
            for (std::int64_t w = 0; w < packed.words; ++w) present += std::popcount(states[b].nonzero[w]);
            for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
                std::int64_t differ[8] = {};
                std::uint64_t const* const x = packed.pattern_bits.data() + octet * packed.words * 8;
                for (std::int64_t w = 0; w < packed.words; ++w) {
                    for (int k = 0; k < 8; ++k) differ[k] += std::popcount((x[8 * w + k] ^ states[b].plus[w]) & states[b].nonzero[w]);
                }
                for (int k = 0; k < 8 && 8 * octet + k < packed.P; ++k)
                    out[b * stride + 8 * octet + k] = static_cast<std::int32_t>(present - 2 * differ[k]);
            }
        }
    }

    static std::int64_t sweep_scratch(Packed const& packed) { return 4 * packed.d + 256 * 4; }

    static void hebbian_sweep(SweepArguments const& arguments) {
        Packed const& packed = *arguments.packed;
        std::int64_t const d = packed.d, stride = overlap_stride(packed);
        auto* const h = reinterpret_cast<std::int32_t*>(arguments.scratch);
        auto* const table = h + d;
        for (int b = 0; b < arguments.count; ++b) {
            std::int32_t* const m = arguments.m + b * stride;
            overlaps(packed, arguments.states + b, 1, arguments.full, m, stride);
            std::memset(h, 0, d * sizeof *h);
            for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
                // table[bits] = sum of +m where the bit is set, -m where it is not
                std::int32_t base = 0;
                for (int k = 0; k < 8; ++k) base -= m[8 * octet + k];
                table[0] = base;
                for (int k = 0; k < 8; ++k) {
                    for (int low = 0; low < 1 << k; ++low) table[(1 << k) + low] = table[low] + 2 * m[8 * octet + k];
                }
                std::uint8_t const* const index = packed.octet_index.data() + octet * d;
                for (std::int64_t i = 0; i < d; ++i) h[i] += table[index[i]];
            }
            Bits const s = arguments.states[b], next = arguments.next[b];
            for (std::int64_t w = 0; w < packed.words; ++w) {
                std::uint64_t above = 0, equal = 0;
                std::int64_t const end = std::min<std::int64_t>(64, d - 64 * w);
                for (std::int64_t k = 0; k < end; ++k) {
                    std::int32_t const sign =
                        static_cast<std::int32_t>(s.plus[w] >> k & 1) * 2 - static_cast<std::int32_t>(s.nonzero[w] >> k & 1);
                    std::int32_t const field = h[64 * w + k] - arguments.diagonal * sign;
                    above |= static_cast<std::uint64_t>(field > 0) << k;
                    equal |= static_cast<std::uint64_t>(field == 0) << k;
                }
                next.plus[w] = next_plus(arguments.tie, above, equal, s.plus[w]);
                next.nonzero[w] = next_nonzero(arguments.tie, equal, s.nonzero[w], valid_bits(d, w));
            }
        }
    }

    static void dense_fields(DenseArguments const& arguments) {
        Packed const& packed = *arguments.packed;
        bool const is_signed = !packed.row_sum.empty();
        for (std::int64_t b = 0; b < arguments.count; ++b) {
            std::int8_t const* const s = arguments.states + b * packed.padded;
            for (std::int64_t p = 0; p < arguments.panels; ++p) {
                std::uint8_t const* w = packed.panel.data() + (arguments.first_panel + p) * packed.padded * panel_rows;
                std::int32_t sum[panel_rows] = {};
                for (std::int64_t j = 0; j < packed.padded; j += 4) {
                    for (std::int64_t r = 0; r < panel_rows; ++r) {
                        for (int k = 0; k < 4; ++k, ++w) sum[r] += (is_signed ? static_cast<std::int8_t>(*w) : std::int32_t{*w}) * s[j + k];
                    }
                }
                std::memcpy(arguments.fields + b * arguments.field_stride + p * panel_rows, sum, sizeof sum);
            }
        }
    }

    static void sum_patterns(Packed const& packed, std::int64_t const* a, std::int64_t constant, std::int64_t* table,
                             std::int64_t* fields) {
        for (std::int64_t i = 0; i < packed.d; ++i) fields[i] = constant;
        for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
            int const n = static_cast<int>(std::min<std::int64_t>(8, packed.P - 8 * octet));
            table[0] = 0;
            for (int k = 0; k < n; ++k) table[0] -= a[8 * octet + k];
            for (int k = 0; k < n; ++k) {
                for (int low = 0; low < 1 << k; ++low) table[(1 << k) + low] = table[low] + 2 * a[8 * octet + k];
            }
            std::uint8_t const* const index = packed.octet_index.data() + octet * packed.d;
            for (std::int64_t i = 0; i < packed.d; ++i) fields[i] += table[index[i]];
        }
    }

    static std::int64_t decide_fields(FieldDecision const& a) {
        std::int64_t changes = 0;
        for (std::int64_t i = 0; i < a.d; ++i) {
            std::int8_t const s = a.now[i];
            std::int64_t const h = a.fields[i] - (a.diagonal == nullptr ? 0 : a.diagonal[i] * s);
            std::int64_t const v = 2 * h - (a.tau == nullptr ? 0 : a.tau[i]);
            a.next[i] = v > 0 ? std::int8_t{1} : v < 0 ? std::int8_t{-1} : on_tie(a.tie, s);
            changes += a.next[i] != s ? 1 : 0;
        }
        return changes;
    }

    static Entries pack_state(std::int8_t const* state, std::int64_t d, Bits bits) {
        Entries entries;
        for (std::int64_t w = 0; w < ceil_div(d, 64); ++w) {
            std::uint64_t plus = 0, nonzero = 0;
            std::int64_t const end = std::min<std::int64_t>(64, d - 64 * w);
            for (std::int64_t k = 0; k < end; ++k) {
                std::int8_t const s = state[64 * w + k];
                plus |= static_cast<std::uint64_t>(s > 0) << k;
                nonzero |= static_cast<std::uint64_t>(s != 0) << k;
                entries.known = entries.known && s >= -1 && s <= 1;
            }
            bits.plus[w] = plus;
            bits.nonzero[w] = nonzero;
            entries.full = entries.full && nonzero == valid_bits(d, w);
        }
        return entries;
    }

    static void unpack_state(Bits bits, std::int64_t d, std::int8_t* state) {
        for (std::int64_t i = 0; i < d; ++i) {
            state[i] = static_cast<std::int8_t>(2 * static_cast<int>(bits.plus[i / 64] >> (i % 64) & 1) -
                                                static_cast<int>(bits.nonzero[i / 64] >> (i % 64) & 1));
        }
    }

    static Difference compare(Bits next, Bits now, Bits before, std::int64_t words) {
        Difference out;
        std::uint64_t differs = 0;
        for (std::int64_t w = 0; w < words; ++w) {
            out.changes += std::popcount((next.plus[w] ^ now.plus[w]) | (next.nonzero[w] ^ now.nonzero[w]));
            differs |= (next.plus[w] ^ before.plus[w]) | (next.nonzero[w] ^ before.nonzero[w]);
        }
        out.as_before = differs == 0;
        return out;
    }

    static Reading read_off(Packed const& packed, Bits state, std::int64_t diagonal, std::int32_t const* m) {
        Reading reading;
        std::int32_t best = std::numeric_limits<std::int32_t>::min();
        for (std::int64_t mu = 0; mu < packed.P; ++mu) {
            reading.form += std::int64_t{m[mu]} * m[mu];
            best = std::max(best, m[mu]);
        }
        for (std::int64_t mu = 0; mu < packed.P; ++mu) {
            if (m[mu] != best) continue;
            reading.nearest = static_cast<std::int32_t>(mu);
            reading.overlap = best;
            break;
        }
        for (std::int64_t w = 0; w < packed.words; ++w) reading.form -= diagonal * std::popcount(state.nonzero[w]);
        return reading;
    }

    template <bool has_offset, bool has_diagonal>
    static std::int64_t decide_dense_as(DenseDecision const& a) {
        std::int32_t changes = 0;
        std::int32_t const keep = a.tie == Tie::keep ? 1 : 0, other = a.tie == Tie::plus ? 1 : a.tie == Tie::minus ? -1 : 0;
        std::int32_t const scale = a.scale, shift = a.shift;
        std::int32_t const* const __restrict fields = a.fields;
        std::int32_t const* const __restrict offset = a.offset;
        std::int32_t const* const __restrict diagonal = a.diagonal;
        std::int8_t const* const __restrict now = a.now;
        std::int8_t* const __restrict out = a.next;
        for (std::int64_t i = 0; i < a.d; ++i) {
            std::int32_t const s = now[i];
            std::int32_t h = scale * fields[i] - shift;
            if constexpr (has_offset) h -= offset[i];
            if constexpr (has_diagonal) h -= diagonal[i] * s;
            std::int32_t const tie = keep * s + other;
            std::int32_t const next = h > 0 ? 1 : h < 0 ? -1 : tie;
            changes += next != s ? 1 : 0;
            out[i] = static_cast<std::int8_t>(next);
        }
        return changes;
    }

    static std::int64_t decide_dense(DenseDecision const& a) {
        if (a.offset == nullptr) return a.diagonal == nullptr ? decide_dense_as<false, false>(a) : decide_dense_as<false, true>(a);
        return a.diagonal == nullptr ? decide_dense_as<true, false>(a) : decide_dense_as<true, true>(a);
    }

    static std::int32_t dot(std::int8_t const* x, std::int32_t const* a, std::int64_t n) {
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < n; ++k) sum += x[k] * a[k];
        return sum;
    }
};

}  // namespace

}  // namespace ca3::hopfield::cpu
