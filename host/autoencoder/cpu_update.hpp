#pragma once

#include "autoencoder/cpu_store.hpp"
#include "autoencoder/cpu_workspace.hpp"

#include <atomic>
#include <vector>

namespace ca3::autoencoder::cpu {

/// Gradients of the parameters from those of the linear maps, and updates, by tiles of the weights. A tile's gradient is used while it is
/// in the nearest cache: the parameter, its moments and its copies are written at once. Threads take the next tiles that nobody
/// has taken; a tile's numbers do not depend on who computes it.
class Update {
public:
    Update(Plan const& plan, Kernels const& kernels, Store& store, Workspace& space);

    /// All tiles are free to be taken again. One thread calls it while no other takes any.
    void begin();

    /// Gradients and updates of the tiles that this thread takes. @return whether all new parameters are finite
    bool apply(std::int64_t rows, UpdateNumbers const& numbers);
    /// Gradients only, in the layout of Store::parameters.
    void gradients(std::int64_t rows, float* out);
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
    };

    /// use(tile) for tiles that nobody has taken yet, a few at a time.
    void take(auto&& use);
    void weight_gradient(int l, std::int64_t o, std::int64_t i, std::int64_t rows, float* out, Wanted const& wanted) const;
    void first_layer_gradient(std::int64_t o, std::int64_t i, float* out, Wanted const& wanted) const;
    [[nodiscard]] Wanted wanted(int l, std::int64_t o, std::int64_t i) const;
    void vector_gradients(int l, std::int64_t o, std::int64_t rows, auto&& give) const;
    /// Not what the backward product of the first layer would read: gradients of the input ask for it (Store::copy_weight).
    void copy(int l, std::int64_t o, std::int64_t i) const;
    float update(UpdateNumbers const& numbers, std::int64_t offset, std::int64_t n, float const* gradient) const;

    Plan const& plan_;
    Kernels const& kernels_;
    Store& store_;
    Workspace& space_;
    std::vector<std::vector<int>> tied_;  ///< to each layer
    std::vector<Tile> tiles_;
    std::vector<double> squares_;
    std::atomic<std::int64_t> next_{0};
};

}  // namespace ca3::autoencoder::cpu
