#pragma once

#include "autoencoder/cpu_kernels.hpp"
#include "core/aligned.hpp"

#include <vector>

namespace ca3::autoencoder::cpu {

/// Where a layer's numbers lie in a Store; everything in whole panels.
struct Spot {
    std::int64_t offset = -1;
    std::int64_t size = 0;

    [[nodiscard]] bool exists() const { return offset >= 0; }
};

struct StoredLayer {
    Spot weight;  ///< W^T in panels: `in` rows, `linear` columns. A tied layer has none
    Spot bias;    ///< panels(linear) * 32 values, and so have the others
    Spot gamma;
    Spot beta;
    Spot slope;         ///< panels(out) * 32 values; one for the layer: the first 16 (the others unused)
    Spot mean;          ///< in `buffers`
    Spot variance;      ///< in `buffers`
    Spot transposed{};  ///< W in panels: `linear` rows (or pairs of them), `in` columns; in `transposed`
    Spot rounded{};     ///< `weight` with its rows in pairs; in `rounded`. Where products are f32 there is none
};

/// The numbers of a model in panels. Weights lie there twice: as the forward product reads them and as the backward one does; and where
/// these read bf16 a third time, as they are trained.
class Store {
public:
    Store(Plan const& plan, Kernels const& kernels);

    void put(State const&);
    void get(State&) const;
    void keep();
    void take_back();
    /// Zeros where the rule has moments that are not there yet.
    void want_moments(UpdateRule const&);
    /// Training without the backward product's copies leaves these as they are; who reads them asks for new ones first.
    void leave_copies() { left_ = true; }
    void renew_copies();
    /// Makes the copies of a layer's weight anew.
    void copy_weight(int l);
    /// The same for panel i of the inputs and panel o of the units. @param backward also the copy that the backward product reads
    void copy_tile(int l, std::int64_t o, std::int64_t i, bool backward);
    /// Where that copy lies.
    [[nodiscard]] float* turned(int l, std::int64_t o, std::int64_t i);

    AlignedVector<float> parameters;
    AlignedVector<float> first;   ///< moments, or empty
    AlignedVector<float> second;  ///< moments, or empty
    AlignedVector<float> buffers;
    AlignedVector<float> transposed;
    AlignedVector<float> rounded;
    std::int64_t steps = 0;

    [[nodiscard]] StoredLayer const& layer(int l) const { return layers_[static_cast<std::size_t>(l)]; }
    /// What the forward product of layer l multiplies with: places(in) rows, linear columns; and the backward one: places(linear) rows, in
    /// columns.
    [[nodiscard]] float const* forward_weight(int l) const;
    [[nodiscard]] float const* backward_weight(int l) const;
    /// 32 slopes for panel p of layer l.
    void slopes(int l, std::int64_t p, float* out) const;
    /// From the layout of `parameters` to that of State::parameters.
    void unpack(AlignedVector<float> const& from, std::vector<double>& to) const;

private:
    [[nodiscard]] float const* weight(int l) const;
    void pack(std::vector<double> const& from, AlignedVector<float>& to) const;
    template <class Visit>
    void for_parameters(Visit&& visit) const;
    template <class Visit>
    void for_buffers(Visit&& visit) const;

    Plan const& plan_;
    Kernels const& kernels_;
    std::vector<StoredLayer> layers_;
    std::int64_t size_ = 0;
    std::int64_t buffer_size_ = 0;
    bool left_ = false;  ///< some copies are of older weights
    struct Kept {
        AlignedVector<float> parameters, first, second, buffers;
        std::int64_t steps = 0;
    } kept_;
};

}  // namespace ca3::autoencoder::cpu
