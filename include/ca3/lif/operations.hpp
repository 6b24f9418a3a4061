#pragma once

#include <ca3/context.hpp>
#include <ca3/lif/connect.hpp>
#include <ca3/lif/neuron.hpp>

#include <cstdint>
#include <span>
#include <type_traits>

/// What a Network is made of, on memory that the caller owns: host memory for the reference and the CPU, device memory for CUDA. Operations
/// run on the context's stream; those that synchronise say so. Results are the same, bit for bit, on every backend.
namespace ca3::lif {

/// What arrives is counted in units of a grid: 32 bits with f32 state, 64 with f64.
template <class Real>
using InputSum = std::conditional_t<std::is_same_v<Real, float>, std::int32_t, std::int64_t>;

/// `count` neurons; arrays of that length. Those that the synapses do not need may be null.
template <class Real>
struct NeuronArrays {
    std::int64_t count = 0;
    Real* v = nullptr;           ///< V - E_L (mV)
    Real* current_ex = nullptr;  ///< pA; with Synapse::conductance nS
    Real* current_in = nullptr;  ///< null: one current for both signs, which asks for equal time constants
    Real* slope_ex = nullptr;    ///< alpha: dI/dt + I / tau (pA / ms)
    Real* slope_in = nullptr;
    std::uint16_t* refractory_steps = nullptr;  ///< left, 0 when free
};
template <class Real>
struct NeuronInput {
    InputSum<Real> const* ex = nullptr;  ///< sums of the weights that arrive at the end of this step; null: none
    InputSum<Real> const* in = nullptr;  ///< of the negative ones
    double unit = 1.0;                   ///< of the sums, in mV, pA or nS
    Real const* external_pA = nullptr;   ///< constant over the step; null: none
};

/// One step of LIF neurons, as LifParameters and Network define it. @param spiked count flags, 0 or 1
/// @throws InvalidArgument for parameters, null arrays and a step that do not fit
template <class Real>
void step(Context const&, LifParameters const&, double step_ms, NeuronArrays<Real> const&, NeuronInput<Real> const&, std::uint8_t* spiked);

/// Poisson numbers of the neurons first ... first + counts.size() - 1 of a stimulus in one step: those of a Network with this seed.
/// @param mean of a number, from 0 to 1e6
void poisson(Context const&, double mean, std::uint64_t seed, std::uint32_t stimulus, std::uint32_t step, std::int64_t first,
             std::span<std::int32_t> counts);

/// Synapses by source: those of source i are offset[i] ... offset[i + 1] - 1.
struct SynapseRows {
    std::int64_t sources = 0;
    std::int64_t const* offset = nullptr;
    std::int32_t const* target = nullptr;
    std::int32_t const* weight = nullptr;  ///< in units of the caller's grid
    std::uint16_t const* delay = nullptr;  ///< steps, from 1 to slots - 1
};
/// Sums of arrivals: data[slot * neurons + neuron], where the slot of a step is the step modulo `slots`.
struct ArrivalRing {
    std::int32_t* data = nullptr;
    std::int64_t neurons = 0;
    std::int64_t slots = 0;  ///< more than the longest delay
};

/// Adds the synapses of the sources that spiked at the end of `step` to the sums of the steps in which they arrive. Entries are not
/// checked. A source may be named several times. Integers: the order does not matter. One thread on the CPU.
void deliver(Context const&, SynapseRows const&, std::span<std::uint32_t const> spiked, std::int64_t step, ArrivalRing const&);

/// A projection to be drawn.
struct ConnectOptions {
    std::int64_t sources = 0;
    std::int64_t targets = 0;
    bool same_population = false;  ///< sources are the targets, for rules without autapses
    Rule rule;
    SynapseParameters synapse;
    double step_ms = 0.1;
    double unit = 1.0;  ///< of the grid of weights
    std::uint64_t seed = 1;
    std::uint32_t projection = 0;  ///< keys the random numbers: those of the projection with this number in a Network
};

/// The number of synapses of every source, as offsets. @param offset sources + 1 entries of host memory @throws InvalidArgument, Overflow
void connect_offsets(Context const&, ConnectOptions const&, std::span<std::int64_t> offset);
/// The synapses, a row in order of target, delay and weight. Arrays of offset[sources] entries, of the context's memory. Synchronises.
/// @throws InvalidArgument; Overflow for a weight of more than 31 bits on the grid
void connect(Context const&, ConnectOptions const&, std::int32_t* target, std::int32_t* weight, std::uint16_t* delay);

}  // namespace ca3::lif
