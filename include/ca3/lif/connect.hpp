#pragma once

#include <ca3/lif/neuron.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <variant>
#include <vector>

namespace ca3::lif {

// ---- who is connected to whom ----------------------------------------------------------------------------------------
// Sources and targets are numbered from 0 inside their populations.

/// `count` synapses, source and target of each drawn independently, with replacement.
struct FixedTotalNumber {
    std::int64_t count = 0;
    bool autapses = true;
    bool multapses = true;
};
/// Every target draws `count` sources.
struct FixedInDegree {
    std::int64_t count = 0;
    bool autapses = true;
    bool multapses = true;
};
/// Every source draws `count` targets.
struct FixedOutDegree {
    std::int64_t count = 0;
    bool autapses = true;
    bool multapses = true;
};
/// Every pair with probability p.
struct Bernoulli {
    double p = 0.0;
    bool autapses = true;
};
struct OneToOne {};
struct AllToAll {
    bool autapses = true;
};
/// Synapse k goes from source[k] to target[k].
struct Pairs {
    std::vector<std::int64_t> source;
    std::vector<std::int64_t> target;
};
/// The synapses of source i go to target[offset[i]] ... target[offset[i + 1] - 1].
struct Rows {
    std::vector<std::int64_t> offset;  ///< sources + 1 entries, rising from 0
    std::vector<std::int64_t> target;
};

using Rule = std::variant<FixedTotalNumber, FixedInDegree, FixedOutDegree, Bernoulli, OneToOne, AllToAll, Pairs, Rows>;

/// Weight and delay of a projection's synapses.
///
/// Given values stand in the order of the synapses: that of the list for Pairs and Rows; by neuron for OneToOne; the matrix
/// (targets x sources, row-major) for AllToAll, where the entries of left-out autapses are skipped over. The other rules take none.
struct SynapseParameters {
    Distribution weight = 1.0;    ///< in the unit of the target: mV, pA or nS; stored on a grid, see Network::weight_resolution
    Distribution delay_ms = 1.0;  ///< rounded to steps; drawn again below half a step; given and constant ones are multiples of the step
};

/// One synapse as the network uses it.
struct Connection {
    std::int64_t source = 0;
    std::int64_t target = 0;
    double weight = 0.0;  ///< on the grid
    std::int32_t delay_steps = 0;

    bool operator==(Connection const&) const = default;
};

/// Longest delay, in steps.
inline constexpr std::int64_t most_delay_steps = 65535;

}  // namespace ca3::lif
