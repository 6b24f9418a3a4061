#pragma once

#include <ca3/lif/network.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

/// Random spiking networks, to compare backends on. A case is a pure function of its number, of the seed (CA3_SEED, else a fixed one) and
/// of `work`.
namespace ca3::test {

struct LifCase {
    struct Neurons {
        enum class Kind : std::uint8_t { lif, hodgkin_huxley, poisson_source, spike_source };

        Kind kind = Kind::lif;
        std::int64_t size = 0;
        lif::LifParameters lif;
        lif::HodgkinHuxleyParameters hodgkin_huxley;
        lif::Distribution initial_v_mV;
        lif::Value rate_hz;  ///< of a Poisson source
        double start_ms = 0.0;
        double stop_ms = lif::forever;
        std::vector<std::vector<double>> times_ms;  ///< of a spike source

        [[nodiscard]] bool is_source() const { return kind == Kind::poisson_source || kind == Kind::spike_source; }
    };
    struct Synapses {
        std::size_t source = 0;  ///< of `populations`
        std::size_t target = 0;
        lif::Rule rule;
        lif::SynapseParameters parameters;
    };
    struct Input {
        std::size_t population = 0;
        std::variant<lif::PoissonStimulus, lif::StepCurrent, lif::CurrentArray> stimulus;
    };
    struct Recording {
        std::size_t population = 0;
        std::variant<lif::RecordSpikes, lif::RecordTraces> recorder;
    };

    std::int64_t number = 0;
    std::uint64_t seed = 0;  ///< that all cases are made from
    lif::NetworkOptions options;
    std::vector<Neurons> populations;
    std::vector<Synapses> projections;
    std::vector<Input> inputs;
    std::vector<Recording> recordings;  ///< the spikes of every population among them
    std::int64_t steps = 0;             ///< of a run
    std::int64_t cut = 0;               ///< where a run in two parts is cut; may be 0 or all

    [[nodiscard]] double ms(std::int64_t steps_of_it) const { return static_cast<double>(steps_of_it) * options.step_ms; }
    [[nodiscard]] std::int64_t neurons() const;
};

/// All neurons, synapses, integrations, rules, distributions of weights and delays, stimuli, recorders, precisions and weight widths; 1 to
/// 4 populations of 0 to 100 neurons, 1 to 400 steps, delays of 1 to 300 steps.
/// @param work about so many neurons times steps at most: fewer for slow executors
[[nodiscard]] LifCase lif_case(std::int64_t number, std::int64_t work = 20'000);

/// One line, with the command that runs it alone.
[[nodiscard]] std::string describe(LifCase const& c);

/// The network of the case. Handles are its places in the case.
[[nodiscard]] lif::Network make_network(Context const& context, LifCase const& c);

/// All that can be read off a network after a run.
struct LifOutcome {
    std::vector<lif::SpikeTrain> spikes;                 ///< of the recordings that are of spikes
    std::vector<lif::Traces> traces;                     ///< of those that are not
    std::vector<std::vector<double>> voltages;           ///< of the populations that have them
    std::vector<std::vector<std::int64_t>> counts;       ///< of every population
    std::vector<std::vector<lif::Connection>> synapses;  ///< of every projection
    lif::RunTimes times;                                 ///< not compared
};
[[nodiscard]] LifOutcome outcome_of(lif::Network const& network, LifCase const& c);

/// Of a run in two parts, each with recorders of its own. Voltages and counts are the second one's.
[[nodiscard]] LifOutcome joined(LifOutcome first, LifOutcome const& second);

/// Equal, numbers bit for bit.
[[nodiscard]] testing::AssertionResult same_outcome(LifOutcome const& expected, LifOutcome const& actual);

/// Calls check(case) for the numbers first ... first + count - 1, or for CA3_CASE alone where that is one of them.
void for_each_lif_case(std::int64_t first, std::int64_t count, std::int64_t work, std::function<void(LifCase const&)> const& check);

}  // namespace ca3::test
