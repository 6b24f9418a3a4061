#pragma once

#include "core/aligned.hpp"
#include "hopfield/backend.hpp"

#include <algorithm>
#include <bit>

/// What the CPU path keeps of a model, and the kernels that each instruction set provides.
namespace ca3::hopfield::cpu {

/// A state as two bit planes of `words` 64-bit words: plus (s = +1) and nonzero (s != 0). Bits past d are 0; plus implies nonzero.
struct Bits {
    std::uint64_t* plus = nullptr;
    std::uint64_t* nonzero = nullptr;
};

struct Packed;

/// One synchronous sweep of the Hebbian factored form for `count` states: next = sign(X^T (X s) - D s), D the same for all neurons.
/// `full` says that no state holds a zero. `m` (out) holds X s, overlap_stride() values per state, zero past P before and after. `scratch`
/// belongs to the calling thread.
struct SweepArguments {
    Packed const* packed;
    Bits const* states;
    Bits const* next;
    int count;
    bool full;
    std::int32_t diagonal;
    Tie tie;
    std::int32_t* m;
    std::byte* scratch;
};

/// h(b, i) = sum over j of W(i, j) s(b, j) for 8-bit weights in panels (see Packed::panel), as 32-bit integers.
struct DenseArguments {
    Packed const* packed;
    std::int8_t const* states;  ///< count x padded, zero past d; as they are (u8 weights) or plus one (i8 weights)
    std::int64_t count;
    std::int64_t first_panel;
    std::int64_t panels;
    std::int32_t* fields;  ///< count x (panels * panel_rows), row stride `field_stride`
    std::int64_t field_stride;
};

/// What pack() saw of a state.
struct Entries {
    bool known = true;  ///< each is -1, 0 or +1
    bool full = true;   ///< none is 0
};

/// Neurons that changed in a sweep, and whether the state is the one of the sweep before.
struct Difference {
    std::int64_t changes = 0;
    bool as_before = false;
};

/// next = sign(scale * fields - shift - offset - diagonal * now), all within 32 bits.
struct DenseDecision {
    std::int64_t d;
    std::int32_t const* fields;
    std::int32_t scale, shift;
    std::int32_t const* offset;    ///< d values, or null
    std::int32_t const* diagonal;  ///< d values, or null
    Tie tie;
    std::int8_t const* now;
    std::int8_t* next;
};

/// next = sign(2 (fields - diagonal * now) - tau), all within 64 bits.
struct FieldDecision {
    std::int64_t d;
    std::int64_t const* fields;
    std::int64_t const* diagonal;  ///< d values, or null
    std::int64_t const* tau;       ///< d values, or null
    Tie tie;
    std::int8_t const* now;
    std::int8_t* next;
};

struct Kernels {
    int sweep_states;                              ///< most states that hebbian_sweep takes at once
    std::int64_t (*sweep_scratch)(Packed const&);  ///< bytes
    void (*hebbian_sweep)(SweepArguments const&);
    /// m(mu) for `count` states: out has `stride` values per state, of which the first P are set. `full` as above.
    void (*overlaps)(Packed const&, Bits const* states, int count, bool full, std::int32_t* out, std::int64_t stride);
    void (*dense_fields)(DenseArguments const&);
    std::int64_t (*decide_dense)(DenseDecision const&);  ///< returns the number of changes
    /// fields = constant + X^T a: a has P values, fields d; `scratch` holds sum_scratch() values.
    void (*sum_patterns)(Packed const&, std::int64_t const* a, std::int64_t constant, std::int64_t* scratch, std::int64_t* fields);
    std::int64_t (*decide_fields)(FieldDecision const&);  ///< returns the number of changes
    Entries (*pack)(std::int8_t const* state, std::int64_t d, Bits bits);
    void (*unpack)(Bits bits, std::int64_t d, std::int8_t* state);
    Difference (*compare)(Bits next, Bits now, Bits before, std::int64_t words);
    std::int32_t (*dot)(std::int8_t const* x, std::int32_t const* a, std::int64_t n);  ///< sum of x a, inside 32 bits
    Reading (*read_off)(Packed const&, Bits state, std::int64_t diagonal, std::int32_t const* m);
};

[[nodiscard]] Kernels const& portable_kernels();
[[nodiscard]] Kernels const& avx2_kernels();
[[nodiscard]] Kernels const& avx512_vnni_kernels();
[[nodiscard]] Kernels const& avx512_vpopcntdq_kernels();
[[nodiscard]] Kernels const& kernels(InstructionSet);

inline constexpr std::int64_t panel_rows = 64;  ///< neurons of one panel of dense weights

struct Packed final : Prepared {
    std::int64_t d = 0, P = 0;
    std::int64_t words = 0;   ///< of a state
    std::int64_t octets = 0;  ///< groups of eight patterns
    Kernels const* kernels = nullptr;

    AlignedVector<std::uint64_t> pattern_bits;  ///< [octets][words][8]: word w of eight patterns side by side; 0 past P
    AlignedVector<std::uint8_t> octet_index;    ///< [octets][d]: the bits of eight patterns at neuron i
    AlignedVector<std::int8_t> columns;         ///< [d][P]: the pattern entries of neuron i
    /// AVX-512: [chunk blocks][sextets][chunks of the block][32]: the bits of six patterns at neuron i
    AlignedVector<std::uint16_t> sextet_index;
    std::int64_t sextets = 0;

    AlignedVector<std::uint8_t> panel;    ///< dense 8-bit weights: [panels][padded / 4][64][4]; 0 past d
    std::int64_t padded = 0;              ///< d rounded up to a multiple of 4
    std::vector<std::int32_t> row_sum;    ///< dense i8: sum of W(i, .)
    decltype(Model::weights) transposed;  ///< asymmetric weights, for asynchronous updates; else empty
};

[[nodiscard]] inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

/// Overlaps of one state in whole registers of 16, and whole sextets.
[[nodiscard]] inline std::int64_t overlap_stride(Packed const& packed) {
    return ceil_div(6 * ceil_div(packed.P, 6), 16) * 16;
}

/// Tables of the sums of eight patterns (256 entries, for one octet), or of four (16 entries, for all).
[[nodiscard]] inline std::int64_t sum_scratch(Packed const& packed) {
    return std::max<std::int64_t>(256, 32 * packed.octets);
}

/// No neuron of the state is 0.
[[nodiscard]] bool is_full(Bits bits, std::int64_t d);

/// The bits of neurons 64 w ... 64 w + 63 that exist.
[[nodiscard]] inline std::uint64_t valid_bits(std::int64_t d, std::int64_t w) {
    std::int64_t const left = d - 64 * w;
    return left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
}

/// The state after a sweep in one word, from where fields are above and equal to their threshold.
[[nodiscard]] inline std::uint64_t next_plus(Tie tie, std::uint64_t above, std::uint64_t equal, std::uint64_t old_plus) {
    return tie == Tie::keep ? above | (equal & old_plus) : tie == Tie::plus ? above | equal : above;
}
[[nodiscard]] inline std::uint64_t next_nonzero(Tie tie, std::uint64_t equal, std::uint64_t old_nonzero, std::uint64_t valid) {
    return tie == Tie::keep ? (valid & ~equal) | (equal & old_nonzero) : tie == Tie::zero ? valid & ~equal : valid;
}

}  // namespace ca3::hopfield::cpu
