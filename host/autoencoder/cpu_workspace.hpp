#pragma once

#include "autoencoder/cpu_kernels.hpp"
#include "core/aligned.hpp"

#include <vector>

namespace ca3::autoencoder::cpu {

/// A matrix as the products read it: that matrix itself for f32, else in pairs (see Kernels::together).
struct Operand {
    float* across = nullptr;  ///< left operand of a product: places(columns) columns in panels `between` apart
    float* down = nullptr;    ///< operand of a transposed product: places(rows) rows in panels `between_down` apart; for gradients only
};

/// What a layer computes for a batch. Matrices in panels of `capacity` rows. Those that coincide share memory.
struct LayerSpace {
    float* linear = nullptr;           ///< z; with batch normalisation afterwards the normalised z
    float* before = nullptr;           ///< what the activation is applied to
    float* activated = nullptr;        ///< its result
    float* active = nullptr;           ///< the same on the unit sphere, where the layer asks for that
    float* out = nullptr;              ///< the same after dropout
    float* keep = nullptr;             ///< dropout's factors
    float* noise = nullptr;            ///< gaussian: e
    float* gradient = nullptr;         ///< with respect to `out`, then to `active`, then to `activated`
    float* linear_gradient = nullptr;  ///< with respect to z
    Operand out_operand;               ///< of `out`; not of the last layer's
    Operand gradient_operand;          ///< of `linear_gradient`
    float* slope_part = nullptr;       ///< PReLU: what each element adds to its slope's gradient
    /// Batch normalisation, by columns: moments of the batch, 1 / sqrt(variance + eps), and the gradients of gamma and beta.
    float* mean = nullptr;
    float* variance = nullptr;
    float* scale = nullptr;
    float* gamma_gradient = nullptr;
    float* beta_gradient = nullptr;
};

/// Where a thread's rows of the input are not zero: what the products of the first layer look at.
struct Nonzeros {
    std::vector<std::int64_t> tiles;          ///< first row of each tile of rows, and the end
    std::vector<std::uint32_t> columns;       ///< tiles x inputs: numbers of columns (or of pairs of them)
    std::vector<std::int64_t> column_counts;  ///< of each tile
    std::vector<std::uint32_t> rows;          ///< groups of columns x rows of the share: numbers of rows (or of pairs)
    std::vector<std::int64_t> row_counts;     ///< of each group
    std::vector<std::int64_t> first_counts;   ///< of each group: how many of them lie in the first half of the batch (see middle_row)
    std::int64_t rows_of_group = 0;
};

/// What the threads of a batch tell each other.
struct Common {
    std::vector<double> row_loss;
    std::vector<Nonzeros> nonzeros;  ///< of each thread's rows

    /// Makes room for the matrices that threads hand over, of at most so many rows.
    void fit_handed(Plan const& plan, std::int64_t rows);
    /// Two that take turns: who writes one has met all that read it since it was written last.
    [[nodiscard]] float* handed(int turn) { return handed_.data() + turn % 2 * static_cast<std::int64_t>(handed_.size() / 2); }
    [[nodiscard]] std::int64_t between_handed() const { return handed_rows_ * panel; }

private:
    AlignedVector<float> handed_;
    std::int64_t handed_rows_ = 0;
};

/// Memory for one batch, of all threads or, where they share panels, of one. Columns past the last of a matrix stay zero or at least
/// finite.
class Workspace {
public:
    explicit Workspace(Kernels const& kernels) : kernels_(kernels) {}

    /// Makes room for batches of `rows` rows. @param with_gradients as training needs it
    void fit(Plan const& plan, std::int64_t rows, bool with_gradients);

    /// Makes rows [first, last) of a matrix anew as the products read them; nothing to do for f32. first is even.
    void round(float const* matrix, std::int64_t columns, Operand const& to, std::int64_t first, std::int64_t last) const;

    std::int64_t capacity = 0;
    float* input = nullptr;
    Operand input_operand;
    float* target = nullptr;
    float* input_gradient = nullptr;
    float* sums = nullptr;  ///< capacity x 16: partial sums of the loss
    std::vector<LayerSpace> layers;
    int turn = 0;                 ///< of Common::handed
    AlignedVector<float> turned;  ///< a layer's gradient, transposed

    /// From panel to panel.
    [[nodiscard]] std::int64_t between() const { return capacity * panel; }
    [[nodiscard]] std::int64_t between_down() const { return kernels_.places(capacity) * panel; }

private:
    void lay_out(Plan const& plan);
    Operand operand(float* matrix, std::int64_t columns);
    float* take(std::int64_t columns);
    float* take_vector(std::int64_t columns);
    float* take_values(std::int64_t count);

    Kernels const& kernels_;
    bool gradients_ = false;
    AlignedVector<float> memory_;
    std::int64_t taken_ = 0;  ///< of `memory_`; more while it is laid out for the first time
};

}  // namespace ca3::autoencoder::cpu
