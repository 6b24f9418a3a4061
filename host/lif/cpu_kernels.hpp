#pragma once

#include <ca3/context.hpp>

#include "core/philox_fill.hpp"
#include "lif/neuron.hpp"
#include "lif/poisson_table.hpp"

#include <cstdint>
#include <type_traits>

/// The loops of the CPU backend that exist once for each instruction set.
namespace ca3::lif::cpu {

/// What sums the arrivals of a step.
template <class Real>
using Sum = std::conditional_t<std::is_same_v<Real, float>, std::int32_t, std::int64_t>;

/// Arrays of a part are padded to this many neurons, so that vectors may run over their end.
inline constexpr std::int64_t padding = 16;

/// One step of some neurons of one population. All arrays hold `count` elements and padding.
template <class Real>
struct UpdateTask {
    std::int64_t count = 0;
    Coefficients<Real> const* coefficients = nullptr;  ///< one, or one each
    bool shared = true;
    Real* v = nullptr;
    Real* s[most_variables] = {};
    std::uint16_t* rest = nullptr;
    Real const* ext = nullptr;        ///< external currents, or none
    Sum<Real>* in[2] = {};            ///< arrivals by channel; left zero
    std::uint32_t first_id = 0;       ///< global number of the first neuron
    std::uint32_t* spikes = nullptr;  ///< room for all ids and padding
};
/// @return the number of spikes written
template <class Real>
using Update = std::int64_t (*)(UpdateTask<Real> const&);

/// Adds Poisson numbers times a weight to the arrivals of neurons [first, first + count) of a population.
template <class Real>
struct PoissonTask {
    std::uint64_t seed = 0;
    std::uint32_t stimulus = 0;
    std::uint32_t step = 0;
    std::int64_t first = 0;
    std::int64_t count = 0;
    PoissonTable const* tables = nullptr;
    std::int32_t const* table_of = nullptr;  ///< for neuron first, ...; none: all have the first table
    std::int32_t weight = 0;
    Sum<Real>* in = nullptr;
};
template <class Real>
using AddPoisson = void (*)(PoissonTask<Real> const&, random::Fill);

inline constexpr int stateful_kinds = static_cast<int>(Kind::hodgkin_huxley) + 1;

struct Kernels {
    Update<float> update_f32[stateful_kinds];
    Update<double> update_f64[stateful_kinds];
    AddPoisson<float> poisson_f32;
    AddPoisson<double> poisson_f64;

    template <class Real>
    [[nodiscard]] Update<Real> update(Kind kind) const {
        if constexpr (std::is_same_v<Real, float>) {
            return update_f32[static_cast<int>(kind)];
        } else {
            return update_f64[static_cast<int>(kind)];
        }
    }
    template <class Real>
    [[nodiscard]] AddPoisson<Real> poisson() const {
        if constexpr (std::is_same_v<Real, float>) {
            return poisson_f32;
        } else {
            return poisson_f64;
        }
    }
};

[[nodiscard]] Kernels const& portable_kernels();
[[nodiscard]] Kernels const& avx2_kernels();
[[nodiscard]] Kernels const& avx512_kernels();
[[nodiscard]] Kernels const& kernels_for(InstructionSet set);

}  // namespace ca3::lif::cpu
