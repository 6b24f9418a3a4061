#pragma once

#include "autoencoder/batch.hpp"
#include "autoencoder/cpu_share.hpp"
#include "autoencoder/cpu_store.hpp"
#include "autoencoder/cpu_workspace.hpp"
#include "core/philox_fill.hpp"

#include <cstdint>
#include <span>

namespace ca3::autoencoder::cpu {

/// One batch on its way through the network. Threads share it; each works on rows of its own and meets the others only where batch
/// normalisation mixes rows, or on panels of its own, in a workspace of its own, and hands them over between layers: into a place that it
/// does not read itself, for a line that stands in two caches is dear to write again, and one that has moved from cache to cache is not.
struct Batch {
    BatchMaker const* maker = nullptr;
    Data const* data = nullptr;
    Objective const* objective = nullptr;
    std::int64_t begin = 0;  ///< as in Data
    std::int64_t rows = 0;
    std::int64_t number = 0;  ///< of its first row in the streams of the corruptions
    bool training = false;
    bool backward = false;  ///< a backward pass follows
    bool turned = false;    ///< it transposes gradients, and reads weights as the forward pass does (Pass::worth_turning)
    std::uint32_t step = 0;
    std::int64_t counted = 0;  ///< rows whose class counts
};

/// The passes of one share.
class Pass {
public:
    Pass(Plan const& plan, Kernels const& kernels, random::Fill fill, Store& store, Workspace& space, Common& common)
        : plan_(plan), kernels_(kernels), fill_(fill), store_(store), space_(space), common_(common) {}

    /// Makes the inputs, and the targets where there are any. Shares of panels get all rows.
    void load(Batch const&, Share const&, bool targets) const;
    /// Layers first ... last, from space.input (first = 0) or from the output of the layer before.
    void forward(Batch const&, Share const&, int first, int last) const;
    /// Whether threads do better to share the panels of each layer than the rows: of a small batch they would fetch all weights otherwise,
    /// half of which the other has just written. No number depends on it.
    [[nodiscard]] bool worth_panels(Batch const&, int threads) const;
    /// Whether threads that share panels do better to transpose the gradients of a batch than the weights. No number depends on it.
    [[nodiscard]] bool worth_turning(Batch const&) const;
    /// All layers, the loss of each row, and the gradient of the last layer's output.
    void forward_to_loss(Batch const&, Share const&) const;
    /// Gradients of all layers' linear maps; that of the input where asked for.
    void backward(Batch const&, Share const&, bool inputs) const;

private:
    void find_zeros(Batch const&, Share const&) const;
    void hand_rows(float* matrix, std::int64_t columns, Share const&) const;
    void give_panel(float const* matrix, std::int64_t p, Share const&) const;
    void take_panels(float* matrix, std::int64_t columns, Share const&, std::int64_t first, std::int64_t last) const;
    void hand_panels(float* matrix, std::int64_t columns, Share const&) const;
    void forward_by_panels(Batch const&, Share const&) const;
    void layer(int l, Batch const&, Share const&, bool with_loss) const;
    [[nodiscard]] float const* own_weight(int l, Share const&) const;
    void linear(int l, Batch const&, Share const&, bool with_loss) const;
    void normalise(int l, Batch const&, Share const&) const;
    void activate(int l, Batch const&, Share const&) const;
    void activate_rows(int l, Batch const&, Share const&) const;
    void drop(int l, Batch const&, Share const&) const;
    [[nodiscard]] bool loss_by_panels(Batch const&) const;
    void loss(Batch const&, Share const&, bool by_panels) const;
    void penalties(Batch const&, Share const&) const;
    void value_loss(Batch const&, Share const&, std::int64_t o, float* gradient, float* sums) const;
    void gradient_of_loss(Batch const&, Share const&, std::int64_t o) const;
    void row_loss(Batch const&, Share const&) const;
    void differentiate(int l, std::int64_t o, Share const&) const;
    void activated_gradient(int l, Batch const&, Share const&) const;
    void activation_gradient(int l, Batch const&, Share const&) const;
    void normalisation_gradient(int l, Batch const&, Share const&) const;
    void input_gradient(int l, Batch const&, Share const&) const;
    void input_gradient_by_halves(int l, std::int64_t middle, Batch const&, Share const&) const;
    /// Places of units first ... last-1.
    struct Units {
        std::int64_t first = 0;
        std::int64_t last = 0;
    };
    void propagate(int l, std::int64_t i, Units, float const* next, Share const&, float* to) const;
    void add_half(int l, std::int64_t i, Share const&, float const* half, float* sum) const;
    void turn_gradient(int l, Units, Share const&) const;
    void propagate_turned(int l, std::int64_t first, std::int64_t last, Units, Share const&, auto&& to) const;
    [[nodiscard]] float const* backward_weight(int l, std::int64_t i, std::int64_t unit) const;

    /// Where the rows that a share works on are not zero.
    [[nodiscard]] std::span<Nonzeros const> rows_of(Share const& share) const {
        if (share.by_panels) return common_.nonzeros;
        return {common_.nonzeros.data() + share.thread, 1};
    }
    [[nodiscard]] PlannedLayer const& planned(int l) const { return plan_.layers[static_cast<std::size_t>(l)]; }
    [[nodiscard]] LayerSpace const& space(int l) const { return space_.layers[static_cast<std::size_t>(l)]; }
    [[nodiscard]] float* at(float* matrix, std::int64_t p, Share const& share) const {
        return matrix + p * space_.between() + share.first * panel;
    }

    Plan const& plan_;
    Kernels const& kernels_;
    random::Fill fill_;
    Store& store_;
    Workspace& space_;
    Common& common_;
};

}  // namespace ca3::autoencoder::cpu
