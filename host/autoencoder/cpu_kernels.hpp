#pragma once

#include "autoencoder/engine.hpp"

#include <array>
#include <cstdint>

/// The inner loops of the CPU backend, one set for each instruction set. All sets give the same bits: every sum has one order, every
/// product that is added is fused. Another set has products of bf16.
///
/// Matrices lie in panels of 32 columns: element (r, c) of a matrix whose panels are `s` apart is x[(c / 32) s + 32 r + c % 32]. Rows of a
/// panel follow each other, so that a product reads all its operands as streams; columns past the last are zero. `width` is how many
/// columns of a panel are looked at: 32, or 16 where the matrix ends in the first half.
namespace ca3::autoencoder::cpu {

inline constexpr std::int64_t panel = 32;
inline constexpr std::int64_t zero_group = 8;  ///< columns that are looked at together for zeros

[[nodiscard]] constexpr std::int64_t panels(std::int64_t columns) {
    return (columns + panel - 1) / panel;
}
/// Of panel p of a matrix.
[[nodiscard]] constexpr std::int64_t width_of(std::int64_t columns, std::int64_t p) {
    return columns - p * panel > 16 ? 32 : 16;
}

/// One step of an optimizer; see UpdateRule.
struct UpdateNumbers {
    UpdateRule::Kind kind = UpdateRule::Kind::adam;
    bool momentum = false;
    bool first_step = false;
    bool nesterov = false;
    float weight_decay = 0.0f;  ///< added to the gradient
    float l1 = 0.0f;
    float shrink = 1.0f;  ///< AdamW: factor of the parameter
    float rate = 0.0f;    ///< of SGD; Adam: lr / (1 - beta1^t)
    float beta1 = 0.0f;   ///< SGD: momentum
    float gain1 = 0.0f;   ///< 1 - beta1; SGD: 1 - dampening
    float beta2 = 0.0f;
    float gain2 = 0.0f;    ///< 1 - beta2
    float unroot2 = 1.0f;  ///< 1 / sqrt(1 - beta2^t)
    float epsilon = 0.0f;
    float scale = 1.0f;  ///< of the gradient: clipping
};
/// @param step 1, 2, ...
[[nodiscard]] UpdateNumbers update_numbers(UpdateRule const& rule, std::int64_t step);

/// Memory that is read and written soon: up to five blocks of so many lines of 64 bytes.
struct Wanted {
    std::array<float const*, 5> block{};
    std::int64_t lines = 0;
};

/// Numbers of rows, upwards, in parts.
struct Lists {
    struct Part {
        std::uint32_t const* rows = nullptr;
        std::int64_t count = 0;
    };
    Part const* part = nullptr;
    std::int64_t parts = 0;
};

struct Kernels {
    std::int64_t tile_rows;  ///< of the plain product that fit into registers

    /// 1: products multiply f32. 2: bf16, of which two stand in the place of a float, the first in its lower half; a sum takes the two
    /// products of a pair at once, that of the second first, each fused. What the products call columns of a and rows of b (of both where
    /// transposed) are then pairs, made by the three functions below (null for f32); numbers below 2^-126 count as 0, in sums too.
    std::int64_t together = 1;
    /// How many places n numbers take.
    [[nodiscard]] constexpr std::int64_t places(std::int64_t n) const { return (n + together - 1) / together; }
    /// Columns 2 j and 2 j + 1 of a panel and the next, `from_panel` behind it, in column j of a panel; zeros past `columns`.
    void (*pair_columns)(std::int64_t rows, std::int64_t columns, float const* from, std::int64_t from_panel, float* to) = nullptr;
    /// Rows 2 j and 2 j + 1 of a panel in row j; zeros for the row past the last.
    void (*pair_rows)(std::int64_t rows, float const* from, float* to) = nullptr;
    /// The transpose of a panel's first 32 rows, and of that the rows in pairs: columns 0 ... rows-1 of places(columns) rows.
    void (*pair_transposed)(std::int64_t rows, std::int64_t columns, float const* from, float* to) = nullptr;

    /// c = init + a b for `rows` rows of a and one panel of b and c. a: K columns in panels `a_panel` apart; b: K rows; init: 32 values, or
    /// null for 0. Sums run over k upwards. On the way it asks for `next`, where not null, the b of the product to come.
    void (*product)(std::int64_t rows, std::int64_t k, float const* a, std::int64_t a_panel, float const* b, float const* next,
                    std::int64_t width, float const* init, float* c);
    /// c = a^T b for `columns` (at most 32) columns of one panel of a, from its address on, and one panel of b, both of K rows. On the way
    /// it asks for what is wanted next.
    void (*transposed_product)(std::int64_t columns, std::int64_t k, float const* a, float const* b, std::int64_t width, float* c,
                               Wanted const& wanted);

    // Images have pixels that are zero in every image of a few rows, and runs of zero pixels. A summand of zero changes no sum that began
    // at +0 (or at no zero), so it may be left out: the bits stay the same.

    /// Numbers of the columns in which one of the rows is not zero, upwards. @return how many
    std::int64_t (*nonzero_columns)(std::int64_t rows, std::int64_t columns, float const* a, std::int64_t a_panel, std::uint32_t* list);
    /// For each of the four groups of `zero_group` columns of a panel the numbers, from `first` on, of the rows in which one of them is not
    /// zero, upwards, and how many.
    void (*nonzero_rows)(std::int64_t rows, float const* a, std::int64_t first, std::uint32_t* const* list, std::int64_t* count);
    /// The product over the listed columns of a alone.
    void (*listed_product)(std::int64_t rows, std::int64_t count, std::uint32_t const* list, float const* a, std::int64_t a_panel,
                           float const* b, std::int64_t width, float const* init, float* c);
    /// The transposed product over the listed rows alone. Asks for `lines` lines from `next` on.
    void (*listed_transposed_product)(std::int64_t columns, Lists const& lists, float const* a, float const* b, std::int64_t width,
                                      float* c, float const* next, std::int64_t lines);

    /// y = f(z) for elementwise activations; y may be z. slope: 32 values, for leaky and parametric ReLU.
    void (*activate)(Activation::Kind, std::int64_t rows, std::int64_t width, float const* slope, float const* z, float* y);
    /// g *= f'(z), where y = f(z). slope_part: where not null takes g z for z <= 0, else 0.
    void (*differentiate)(Activation::Kind, std::int64_t rows, std::int64_t width, float const* slope, float const* z, float const* y,
                          float* g, float* slope_part);
    /// g = share dloss(x, t)/dx, zero from column `valid` on; sums: 16 partial sums of the loss for each row, added to.
    void (*loss)(Loss, std::int64_t rows, std::int64_t width, std::int64_t valid, float share, float const* x, float const* t, float* g,
                 float* sums);
    /// Adds |y| to 16 partial sums for each row.
    void (*absolute)(std::int64_t rows, std::int64_t width, std::int64_t valid, float const* y, float* sums);
    /// g += scale sign(y) in the columns before `valid`: behind them y need not be zero
    void (*add_signs)(std::int64_t rows, std::int64_t width, std::int64_t valid, float scale, float const* y, float* g);
    /// y = a + b, n a multiple of 16
    void (*add)(std::int64_t n, float const* a, float const* b, float* y);
    /// y = a * b, n a multiple of 16
    void (*multiply)(std::int64_t n, float const* a, float const* b, float* y);
    /// 32 sums over the rows, downwards.
    void (*column_sums)(std::int64_t rows, float const* x, float* sums);
    /// y = x a + b by columns (batch normalisation)
    void (*affine)(std::int64_t rows, float const* x, float const* a, float const* b, float* y);

    /// n a multiple of 16; m and v are null where the rule has none. @return 0, or NaN where a new parameter is not finite
    float (*update)(UpdateNumbers const&, std::int64_t n, float* p, float const* g, float* m, float* v);
    /// `rows` rows of 32 become columns 0 ... rows-1 of `width` rows of 32.
    void (*transpose)(std::int64_t rows, std::int64_t width, float const* from, float* to);
};

extern Kernels const portable_kernels;
#if defined(__x86_64__)
extern Kernels const avx2_kernels;
extern Kernels const avx512_kernels;
#endif

/// Those for an instruction set, whose products are f32.
[[nodiscard]] Kernels const& kernels_for(InstructionSet) noexcept;
/// Null where the products cannot have this precision.
[[nodiscard]] Kernels const* kernels_for(InstructionSet, Precision) noexcept;

}  // namespace ca3::autoencoder::cpu
