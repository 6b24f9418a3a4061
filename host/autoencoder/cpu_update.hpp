#pragma once

#include "autoencoder/cpu_share.hpp"
#include "autoencoder/cpu_store.hpp"
#include "autoencoder/cpu_workspace.hpp"

#include <array>
#include <atomic>
#include <span>
#include <vector>

namespace ca3::autoencoder::cpu {

/// Gradients of the parameters from those of the linear maps, and updates, by tiles of the weights. A tile's gradient is used while it is
/// in the nearest cache: the parameter, its moments and its copies are written at once. Threads take the next tiles that nobody has taken;
/// a tile's numbers do not depend on who computes it.
///
/// Of a large batch a thread holds its own rows in its caches, and those of others are dear where cores share none. So the gradients of
/// layers with a middle_row are made in two rounds. In the first, threads of one half of the rows sum up their half for the tiles that the
/// other half owns; in the second they do so for their own tiles, add what the others left for them, and update.
///
/// Each tile stays with the same half of the threads in all steps, near whose cores its moments lie. Who has no work left in its half helps
/// the other.
class Update {
public:
    Update(Plan const& plan, Kernels const& kernels, Store& store, Common const& common);

    /// All tiles are free to be taken again. One thread calls it while no other takes any.
    /// @param spaces one, or one for each thread: with the inputs of all layers, and gradients of the panels that are the thread's
    /// @param copies whether the backward product reads copies of the weights
    void begin(std::int64_t rows, int threads, std::span<Workspace* const> spaces, bool copies);

    /// Gradients and updates of the tiles that this thread takes; threads may meet. @return whether all new parameters are finite
    bool apply(Share const& share, UpdateNumbers const& numbers);
    /// Gradients only, in the layout of Store::parameters.
    void gradients(Share const& share, float* out);
    /// Squared sums of this thread's portions of a gradient; total_square() adds them once all threads are done.
    void square(int thread, int threads, float const* gradient);
    [[nodiscard]] double total_square() const;
    /// Updates of this thread's share of the tiles with a gradient that is there.
    bool apply_given(int thread, int threads, float const* gradient, UpdateNumbers const& numbers) const;

private:
    /// Panel i of the inputs, panel o of the units; or the vectors of panel o.
    struct Tile {
        int layer = 0;
        std::int64_t o = 0;
        std::int64_t i = 0;
        bool vectors = false;
        std::int64_t part = 0;  ///< of a layer with a middle row: where its first sum lies in `parts_`
    };
    /// Tiles first ... last-1, of which threads take one after another.
    struct alignas(64) Queue {
        std::int64_t first = 0;
        std::int64_t last = 0;
        std::atomic<std::int64_t> next{0};
    };
    /// Of the rows.
    enum class Half { first, second, both };

    void share_out(std::int64_t rows, bool hands_over);
    /// use(tile) for tiles that nobody has taken yet, `several` at a time.
    void take(Queue& queue, std::int64_t several, auto&& use);
    [[nodiscard]] bool halved(Tile const& tile) const { return middle_[static_cast<std::size_t>(tile.layer)] > 0; }
    /// Where a thread reads.
    [[nodiscard]] Workspace const& own(Share const& share) const { return *spaces_[share.workspace()]; }
    [[nodiscard]] Workspace const& of_panel(Share const& share, int layer, std::int64_t o) const;
    /// Of the weights, dW^T, or of the bias; half: of which the sums are not there yet.
    void gradient(Share const& share, Tile const& tile, Half half, float* out, Wanted const& wanted) const;
    void sums(Share const& share, Tile const& tile, Half half, float* out, Wanted const& wanted) const;
    void first_layer_sums(Share const& share, Tile const& tile, Half half, float* out, Wanted const& wanted) const;
    void vector_gradients(Share const& share, Tile const& tile, Half half, auto&& give) const;
    bool finish(Share const& share, Tile const& tile, Half half, UpdateNumbers const& numbers);
    [[nodiscard]] Wanted wanted(Tile const& tile, Half half) const;
    /// Of the weights of a tile, in Store::parameters.
    [[nodiscard]] std::int64_t offset(Tile const& tile) const;
    void copy(Tile const& tile) const;
    /// Not for the backward product of the first layer: gradients of the input ask for that (Store::copy_weight).
    [[nodiscard]] bool turns(Tile const& tile) const;
    float update(UpdateNumbers const& numbers, std::int64_t offset, std::int64_t n, float const* gradient) const;

    Plan const& plan_;
    Kernels const& kernels_;
    Store& store_;
    Common const& common_;
    std::span<Workspace* const> spaces_;
    bool copies_ = true;
    std::vector<std::vector<int>> tied_;  ///< to each layer
    std::int64_t rows_ = -1;              ///< of the batch
    bool hands_over_ = false;             ///< threads do to each other
    std::vector<std::int64_t> middle_;    ///< of each layer; see middle_row
    std::vector<Tile> tiles_;             ///< those that the first half of the threads owns, and those of the second
    std::array<Queue, 2> others_;         ///< of the other half's tiles those with a middle row, in the first round
    std::array<Queue, 2> own_;
    AlignedVector<float> parts_;
    std::vector<double> squares_;
};

}  // namespace ca3::autoencoder::cpu
