/// The AVX-512 kernels, included by one file per instruction set after it has chosen the target and defined popcount64.
///
/// X^T m runs on table look-ups: six patterns give 64 partial sums of +-m, held in two registers of 32 16-bit entries, and vpermi2w
/// adds six patterns to 32 neurons at once, three times the multiply-accumulates of a VPDPBUSD. 16 bits are exact while the sum of |m|
/// stays below 2^15; larger sums are taken in parts and added in 32 bits.
namespace ca3::hopfield::cpu {

namespace {

namespace avx512 {

constexpr int tile = 2;  ///< states that share the loads of patterns and indices

constexpr std::int64_t reach = 32766;  ///< largest |field| that 16 bits hold, with one more for the tie rule

/// The 64 sums of +-m of six patterns: entry e holds +m_k where bit k of e is set. All modulo 2^16, which the caller has seen to be enough.
inline void build_table(std::int16_t const* m, std::int16_t const* twice, std::int16_t* table) {
    __m512i low = _mm512_set1_epi16(static_cast<short>(-(m[0] + m[1] + m[2] + m[3] + m[4] + m[5])));
    low = _mm512_mask_add_epi16(low, 0xAAAAAAAAu, low, _mm512_set1_epi16(twice[0]));
    low = _mm512_mask_add_epi16(low, 0xCCCCCCCCu, low, _mm512_set1_epi16(twice[1]));
    low = _mm512_mask_add_epi16(low, 0xF0F0F0F0u, low, _mm512_set1_epi16(twice[2]));
    low = _mm512_mask_add_epi16(low, 0xFF00FF00u, low, _mm512_set1_epi16(twice[3]));
    low = _mm512_mask_add_epi16(low, 0xFFFF0000u, low, _mm512_set1_epi16(twice[4]));
    _mm512_store_si512(table, low);
    _mm512_store_si512(table + 32, _mm512_add_epi16(low, _mm512_set1_epi16(twice[5])));
}

struct Tables {
    std::int16_t const* entries;  ///< state b, sextet g: entries + (b * sextets + g) * 64
    std::int64_t sextets;
    std::int64_t first, last;  ///< the sextets of this part
};

/// start + the sums of N chunks of 32 neurons, for S states.
template <int S, int N>
inline void sum_chunks(Tables const& tables, std::uint16_t const* index, short start, __m512i (&sum)[S][N]) {
#pragma GCC unroll 16
    for (int n = 0; n < N; ++n) {
#pragma GCC unroll 16
        for (int b = 0; b < S; ++b) sum[b][n] = _mm512_set1_epi16(start);
    }
    for (std::int64_t g = tables.first; g < tables.last; ++g) {
        __m512i low[S], high[S];
#pragma GCC unroll 16
        for (int b = 0; b < S; ++b) {
            std::int16_t const* const entry = tables.entries + (b * tables.sextets + g) * 64;
            low[b] = _mm512_load_si512(entry);
            high[b] = _mm512_load_si512(entry + 32);
        }
        std::uint16_t const* const bits = index + g * N * 32;
#pragma GCC unroll 16
        for (int n = 0; n < N; ++n) {
            __m512i six = _mm512_load_si512(bits + 32 * n);
            asm("" : "+v"(six));  // keeps it in a register: the compiler would load it again for every state
#pragma GCC unroll 4
            for (int b = 0; b < S; ++b) sum[b][n] = _mm512_add_epi16(sum[b][n], _mm512_permutex2var_epi16(low[b], six, high[b]));
        }
    }
}

struct BlockArguments {
    SweepArguments const* sweep;
    Tables tables;
    std::int64_t chunk;  ///< the first of the block
    std::int32_t* wide;  ///< S x wide_stride, when the sum is taken in parts
    std::int64_t wide_stride;
};

/// The tie rule as masks, so that a word is decided without a branch.
struct TieMasks {
    std::uint64_t old;   ///< all ones: a tie keeps the old state
    std::uint64_t plus;  ///< all ones: a tie gives +1
    std::uint64_t sign;  ///< all ones: a tie never gives 0
};

inline TieMasks tie_masks(Tie tie) {
    auto const all = [](bool set) { return set ? ~std::uint64_t{0} : std::uint64_t{0}; };
    return {all(tie == Tie::keep), all(tie == Tie::plus), all(tie == Tie::plus || tie == Tie::minus)};
}

inline void write_next(Bits s, Bits next, TieMasks tie, std::int64_t w, std::uint64_t valid, std::uint64_t above, std::uint64_t equal) {
    next.plus[w] = (above | (equal & ((s.plus[w] & tie.old) | tie.plus))) & valid;
    next.nonzero[w] = (~equal | (s.nonzero[w] & tie.old) | tie.sign) & valid;
}

/// Two halves of a word.
inline std::uint64_t join(std::uint32_t low, std::uint32_t high) {
    return low | std::uint64_t{high} << 32;
}

/// Fields of a block that fit 16 bits, and the decision.
template <int S, int N>
void narrow_block(BlockArguments const& arguments, std::uint16_t const* index) {
    SweepArguments const& sweep = *arguments.sweep;
    __m512i sum[S][N];
    sum_chunks<S, N>(arguments.tables, index, 0, sum);
    __m512i const diagonal = _mm512_set1_epi16(static_cast<short>(sweep.diagonal)), zero = _mm512_setzero_si512();
    TieMasks const tie = tie_masks(sweep.tie);
#pragma GCC unroll 4
    for (int b = 0; b < S; ++b) {
        Bits const s = sweep.states[b], next = sweep.next[b];
#pragma GCC unroll 16
        for (int k = 0; k < (N + 1) / 2; ++k) {
            std::int64_t const w = arguments.chunk / 2 + k;
            std::uint32_t above[2] = {}, equal[2] = {};
#pragma GCC unroll 2
            for (int half = 0; half < 2; ++half) {
                if (2 * k + half >= N) continue;
                auto const plus = static_cast<__mmask32>(s.plus[w] >> (32 * half));
                auto const nonzero = static_cast<__mmask32>(s.nonzero[w] >> (32 * half));
                __m512i h = sum[b][2 * k + half];
                h = _mm512_mask_sub_epi16(h, plus, h, diagonal);
                h = _mm512_mask_add_epi16(h, nonzero & ~plus, h, diagonal);
                above[half] = bits_of(_mm512_cmpgt_epi16_mask(h, zero));
                equal[half] = bits_of(_mm512_cmpeq_epi16_mask(h, zero));
            }
            write_next(s, next, tie, w, valid_bits(sweep.packed->d, w), join(above[0], above[1]), join(equal[0], equal[1]));
        }
    }
}

/// The same where no neuron is 0 and no tie gives 0, so that one comparison decides: next = [h - D s + e > 0] with e = [s = +1], 1 or 0 as
/// the tie rule is keep, plus or minus.
template <int S, int N>
void narrow_full_block(BlockArguments const& arguments, std::uint16_t const* index) {
    SweepArguments const& sweep = *arguments.sweep;
    auto const start = static_cast<short>(sweep.diagonal + (sweep.tie == Tie::plus ? 1 : 0));  // h + D, less 2 D where s = +1
    __m512i sum[S][N];
    sum_chunks<S, N>(arguments.tables, index, start, sum);
    __m512i const step = _mm512_set1_epi16(static_cast<short>(2 * sweep.diagonal - (sweep.tie == Tie::keep ? 1 : 0)));
    __m512i const zero = _mm512_setzero_si512();
    constexpr int words = (N + 1) / 2;
#pragma GCC unroll 4
    for (int b = 0; b < S; ++b) {
        std::uint64_t const* const plus = sweep.states[b].plus + arguments.chunk / 2;
        std::uint64_t* const next_plus = sweep.next[b].plus + arguments.chunk / 2;
        std::uint64_t* const next_nonzero = sweep.next[b].nonzero + arguments.chunk / 2;
#pragma GCC unroll 16
        for (int k = 0; k < words; ++k) {
            std::uint32_t above[2] = {};
#pragma GCC unroll 2
            for (int half = 0; half < 2; ++half) {
                if (2 * k + half >= N) continue;
                __m512i const h = sum[b][2 * k + half];
                auto const is_plus = static_cast<__mmask32>(plus[k] >> (32 * half));
                above[half] = bits_of(_mm512_cmpgt_epi16_mask(_mm512_mask_sub_epi16(h, is_plus, h, step), zero));
            }
            // Only the last word of all is partial.
            std::uint64_t const valid = k == words - 1 ? valid_bits(sweep.packed->d, arguments.chunk / 2 + k) : ~std::uint64_t{0};
            next_plus[k] = join(above[0], above[1]) & valid;
            next_nonzero[k] = valid;
        }
    }
}

/// Adds a part of the sum, exact in 16 bits, to 32-bit fields.
template <int S, int N>
void wide_block(BlockArguments const& arguments, std::uint16_t const* index) {
    __m512i sum[S][N];
    sum_chunks<S, N>(arguments.tables, index, 0, sum);
#pragma GCC unroll 4
    for (int b = 0; b < S; ++b) {
#pragma GCC unroll 16
        for (int n = 0; n < N; ++n) {
            std::int32_t* const out = arguments.wide + b * arguments.wide_stride + (arguments.chunk + n) * 32;
            __m512i const low = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(sum[b][n]));
            __m512i const high = _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(sum[b][n], 1));
            _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_loadu_si512(out), low));
            _mm512_storeu_si512(out + 16, _mm512_add_epi32(_mm512_loadu_si512(out + 16), high));
        }
    }
}

using Block = void (*)(BlockArguments const&, std::uint16_t const*);

template <int S>
constexpr Block narrow_blocks[most_chunks + 1] = {nullptr,
                                                  narrow_block<S, 1>,
                                                  narrow_block<S, 2>,
                                                  narrow_block<S, 3>,
                                                  narrow_block<S, 4>,
                                                  narrow_block<S, 5>,
                                                  narrow_block<S, 6>,
                                                  narrow_block<S, 7>,
                                                  narrow_block<S, 8>,
                                                  narrow_block<S, 9>,
                                                  narrow_block<S, 10>,
                                                  narrow_block<S, 11>,
                                                  narrow_block<S, 12>};
template <int S>
constexpr Block narrow_full_blocks[most_chunks + 1] = {nullptr,
                                                       narrow_full_block<S, 1>,
                                                       narrow_full_block<S, 2>,
                                                       narrow_full_block<S, 3>,
                                                       narrow_full_block<S, 4>,
                                                       narrow_full_block<S, 5>,
                                                       narrow_full_block<S, 6>,
                                                       narrow_full_block<S, 7>,
                                                       narrow_full_block<S, 8>,
                                                       narrow_full_block<S, 9>,
                                                       narrow_full_block<S, 10>,
                                                       narrow_full_block<S, 11>,
                                                       narrow_full_block<S, 12>};
template <int S>
constexpr Block wide_blocks[most_chunks + 1] = {nullptr,           wide_block<S, 1>,  wide_block<S, 2>, wide_block<S, 3>, wide_block<S, 4>,
                                                wide_block<S, 5>,  wide_block<S, 6>,  wide_block<S, 7>, wide_block<S, 8>, wide_block<S, 9>,
                                                wide_block<S, 10>, wide_block<S, 11>, wide_block<S, 12>};

inline void for_blocks(SweepArguments const& sweep, Tables const& tables, Block const* blocks, std::int32_t* wide,
                       std::int64_t wide_stride) {
    Packed const& packed = *sweep.packed;
    for (std::int64_t k = 0; k < sextet_blocks(packed.d); ++k) {
        auto const [first, count] = sextet_block(packed.d, k);
        blocks[count]({&sweep, tables, first, wide, wide_stride}, packed.sextet_index.data() + first * packed.sextets * 32);
    }
}

void decide_wide(SweepArguments const& sweep, int b, std::int32_t const* h) {
    __m512i const diagonal = _mm512_set1_epi32(sweep.diagonal), zero = _mm512_setzero_si512();
    TieMasks const tie = tie_masks(sweep.tie);
    Bits const s = sweep.states[b];
    std::int64_t const chunks = ceil_div(sweep.packed->d, 32);
    for (std::int64_t w = 0; w < sweep.packed->words; ++w) {
        std::uint32_t above[2] = {}, equal[2] = {};
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
            if (2 * w + half >= chunks) continue;
#pragma GCC unroll 2
            for (int quarter = 0; quarter < 2; ++quarter) {
                int const shift = 32 * half + 16 * quarter;
                auto const up = static_cast<__mmask16>(s.plus[w] >> shift);
                auto const down = static_cast<__mmask16>((s.nonzero[w] & ~s.plus[w]) >> shift);
                __m512i field = _mm512_loadu_si512(h + 64 * w + shift);
                field = _mm512_mask_sub_epi32(field, up, field, diagonal);
                field = _mm512_mask_add_epi32(field, down, field, diagonal);
                above[half] |= bits_of(_mm512_cmpgt_epi32_mask(field, zero)) << (16 * quarter);
                equal[half] |= bits_of(_mm512_cmpeq_epi32_mask(field, zero)) << (16 * quarter);
            }
        }
        write_next(s, sweep.next[b], tie, w, valid_bits(sweep.packed->d, w), join(above[0], above[1]), join(equal[0], equal[1]));
    }
}

/// What one tile works in, carved from the thread's scratch.
struct Workspace {
    std::int16_t* tables;  ///< S x sextets x 64
    std::int32_t* wide;    ///< S x wide_stride: fields that need 32 bits
    std::int64_t wide_stride;
    std::int32_t const* m;  ///< S x stride, 0 past P
    std::int16_t* narrow;   ///< the same modulo 2^16
    std::int16_t* twice;    ///< twice that
    std::int64_t stride;

    static std::int64_t bytes(Packed const& packed) {
        return tile * (packed.sextets * 64 * 2 + ceil_div(packed.d, 32) * 32 * 4 + overlap_stride(packed) * 4);
    }

    explicit Workspace(SweepArguments const& sweep)
        : tables(reinterpret_cast<std::int16_t*>(sweep.scratch)),
          wide(reinterpret_cast<std::int32_t*>(tables + tile * sweep.packed->sextets * 64)),
          wide_stride(ceil_div(sweep.packed->d, 32) * 32),
          m(sweep.m),
          narrow(reinterpret_cast<std::int16_t*>(wide + tile * wide_stride)),
          twice(narrow + tile * overlap_stride(*sweep.packed)),
          stride(overlap_stride(*sweep.packed)) {}
};

/// Writes m modulo 2^16 and returns the sum of |m|.
inline std::int64_t narrow_overlaps(Workspace const& work, int b) {
    __m512i sum = _mm512_setzero_si512();
    for (std::int64_t mu = 0; mu < work.stride; mu += 16) {
        __m512i const m = _mm512_load_si512(work.m + b * work.stride + mu);
        __m256i const low = _mm512_cvtepi32_epi16(m);
        __m512i const size = _mm512_abs_epi32(m);
        sum = _mm512_add_epi64(sum, _mm512_add_epi64(_mm512_and_si512(size, _mm512_set1_epi64(0xFFFFFFFF)), _mm512_srli_epi64(size, 32)));
        _mm256_store_si256(reinterpret_cast<__m256i*>(work.narrow + b * work.stride + mu), low);
        _mm256_store_si256(reinterpret_cast<__m256i*>(work.twice + b * work.stride + mu), _mm256_add_epi16(low, low));
    }
    return _mm512_reduce_add_epi64(sum);
}

inline void build_tables(Workspace const& work, Packed const& packed, int b, std::int64_t first, std::int64_t last) {
    for (std::int64_t g = first; g < last; ++g) {
        build_table(work.narrow + b * work.stride + 6 * g, work.twice + b * work.stride + 6 * g,
                    work.tables + (b * packed.sextets + g) * 64);
    }
}

/// Fields beyond 16 bits: parts of the sextets whose sums of |m| fit, added in 32 bits. False when a single sextet does not fit.
template <int S>
bool sweep_in_parts(SweepArguments const& sweep, Workspace const& work) {
    Packed const& packed = *sweep.packed;
    std::memset(work.wide, 0, S * work.wide_stride * sizeof *work.wide);
    for (std::int64_t first = 0, last = 0; first < packed.sextets; first = last) {
        std::int64_t total[S] = {};
        for (bool fits = true; fits && last < packed.sextets; last += fits) {
#pragma GCC unroll 16
            for (int b = 0; b < S; ++b) {
                for (int k = 0; k < 6; ++k) total[b] += std::abs(work.m[b * work.stride + 6 * last + k]);
                fits = fits && total[b] <= reach;
            }
        }
        if (last == first) return false;
#pragma GCC unroll 16
        for (int b = 0; b < S; ++b) build_tables(work, packed, b, first, last);
        for_blocks(sweep, {work.tables, packed.sextets, first, last}, wide_blocks<S>, work.wide, work.wide_stride);
    }
#pragma GCC unroll 16
    for (int b = 0; b < S; ++b) decide_wide(sweep, b, work.wide + b * work.wide_stride);
    return true;
}

template <int S>
bool sweep_tile(SweepArguments const& sweep) {
    Packed const& packed = *sweep.packed;
    Workspace const work(sweep);
    overlaps(packed, sweep.states, S, sweep.full, sweep.m, work.stride);
    std::int64_t largest = 0;
#pragma GCC unroll 16
    for (int b = 0; b < S; ++b) largest = std::max(largest, narrow_overlaps(work, b));
    if (largest + sweep.diagonal > reach) return sweep_in_parts<S>(sweep, work);
#pragma GCC unroll 16
    for (int b = 0; b < S; ++b) build_tables(work, packed, b, 0, packed.sextets);
    bool const one_comparison = sweep.full && sweep.tie != Tie::zero;
    for_blocks(sweep, {work.tables, packed.sextets, 0, packed.sextets}, one_comparison ? narrow_full_blocks<S> : narrow_blocks<S>, nullptr,
               0);
    return true;
}

std::int64_t sweep_scratch(Packed const& packed) {
    return std::max(Workspace::bytes(packed), Generic::sweep_scratch(packed)) + 64;
}

void hebbian_sweep(SweepArguments const& arguments) {
    for (int b = 0; b < arguments.count;) {
        SweepArguments part = arguments;
        part.states += b;
        part.next += b;
        part.m += b * overlap_stride(*part.packed);
        part.count = arguments.count - b >= 2 ? 2 : 1;
        bool const exact = part.count == 2 ? sweep_tile<2>(part) : sweep_tile<1>(part);
        if (!exact) Generic::hebbian_sweep(part);  // six overlaps beyond 16 bits: more than 5,461 neurons and patterns alike
        b += part.count;
    }
}

}  // namespace avx512

constexpr Kernels kernel_table{.sweep_states = avx512::tile,
                               .sweep_scratch = avx512::sweep_scratch,
                               .hebbian_sweep = avx512::hebbian_sweep,
                               .overlaps = avx512::overlaps,
                               .dense_fields = avx512::dense_fields,
                               .decide_dense = avx512::decide_dense,
                               .sum_patterns = avx512::sum_patterns,
                               .decide_fields = avx512::decide_fields,
                               .pack = avx512::pack,
                               .unpack = avx512::unpack,
                               .compare = avx512::compare,
                               .dot = avx512::dot,
                               .read_off = avx512::read_off};

}  // namespace

}  // namespace ca3::hopfield::cpu
