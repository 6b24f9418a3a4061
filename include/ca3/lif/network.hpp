#pragma once

#include <ca3/context.hpp>
#include <ca3/lif/connect.hpp>
#include <ca3/lif/neuron.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace ca3::lif {

enum class Precision : std::uint8_t { f32, f64 };

struct NetworkOptions {
    double step_ms = 0.1;
    std::uint64_t seed = 1;  ///< of connections, initial voltages and stimuli
    Precision precision = Precision::f32;
    /// Bits of a stored weight, 16 or 32. 0: 16 (4 bytes a synapse) where the state is f32, the network has more than 2^24 synapses and
    /// rounding changes no weight by more than 2^-12 of its projection's typical weight; else 32 (8 bytes a synapse).
    int weight_bits = 0;
};

/// Handles. They are numbers in order of creation, valid for the network that gave them.
enum class Population : std::int32_t {};
enum class Projection : std::int32_t {};
enum class Stimulus : std::int32_t {};
enum class Recorder : std::int32_t {};

inline constexpr double forever = std::numeric_limits<double>::infinity();

/// Neurons of a population; all of them by default.
struct Range {
    std::int64_t first = 0;
    std::int64_t count = -1;  ///< -1: to the last one
};

/// Independent Poisson spike trains, one for each neuron, each spike with this weight. The number in a step is Poisson distributed.
struct PoissonStimulus {
    Value rate_hz = 0.0;  ///< of the train, such as K_ext times the rate of one input; for each neuron of `neurons`, or shared
    double weight = 0.0;
    double start_ms = 0.0;  ///< acts on steps that begin in [start, stop)
    double stop_ms = forever;
    Range neurons{};
};
/// A constant current on the steps that begin in [start, stop); NEST's dc_generator with delay d acts d + step later.
struct StepCurrent {
    Value amplitude_pA = 0.0;  ///< for each neuron of `neurons`, or shared
    double start_ms = 0.0;
    double stop_ms = forever;
    Range neurons{};
};
/// values[k] acts on the steps that begin in [start + k interval, start + (k + 1) interval); nothing after the last.
struct CurrentArray {
    std::vector<double> values_pA;
    double interval_ms = 0.0;  ///< 0: the step
    double start_ms = 0.0;
    Range neurons{};
};

struct RecordSpikes {
    Range neurons{};
    double start_ms = 0.0;  ///< spikes with start < time <= stop
    double stop_ms = forever;
};
/// What `RecordTraces` samples.
enum class Variable : std::uint8_t {
    voltage,     ///< mV
    excitatory,  ///< pA or nS; where both time constants are equal the sum of both
    inhibitory,  ///< pA or nS; 0 where both time constants are equal
};
struct RecordTraces {
    std::vector<std::int64_t> neurons;  ///< of the population
    Variable variable = Variable::voltage;
    double interval_ms = 0.0;  ///< 0: the step. Samples at its multiples
};

/// Spikes in order of time, then of neuron.
struct SpikeTrain {
    std::vector<std::int64_t> steps;    ///< time / step
    std::vector<std::int64_t> neurons;  ///< of the population
};
struct Traces {
    std::vector<double> times_ms;
    std::vector<double> values;  ///< samples x neurons
};

/// Where the wall time of the runs so far went. The parts are of the slowest thread's sum where they differ.
struct RunTimes {
    double build_seconds = 0.0;
    double wall_seconds = 0.0;
    double update_seconds = 0.0;
    double stimulus_seconds = 0.0;
    double delivery_seconds = 0.0;
    double exchange_seconds = 0.0;
    double biological_ms = 0.0;
    std::int64_t spikes = 0;           ///< of all populations
    std::int64_t synaptic_events = 0;  ///< deliveries
    std::int64_t bytes_resident = 0;   ///< of state, synapses and buffers
    std::int64_t synapses = 0;
    int weight_bits = 0;

    [[nodiscard]] double real_time_factor() const { return biological_ms > 0.0 ? wall_seconds * 1e3 / biological_ms : 0.0; }
};

/// A network of populations. Spike trains are the same, bit for bit, on every backend, instruction set and number of threads: what arrives
/// at a neuron is summed in integers, the order of its floating-point operations is fixed, random numbers are keyed by what they are for.
///
/// Neurons have global numbers, populations in order of creation. After the first run (or `build`) populations and projections are fixed;
/// stimuli and recorders may still be added. Every function that throws leaves the network as it was, save that a `run` which is broken off
/// by `progress` has done the steps that it reported.
class Network {
public:
    explicit Network(Context context, NetworkOptions options = {});
    ~Network();
    Network(Network&&) noexcept;
    Network& operator=(Network&&) noexcept;

    // ---- description; all throw InvalidArgument that names the argument ------------------------------------------------
    /// @param initial_v_mV for each neuron; NaN (the default): the resting potential E_L
    Population add_population(std::string name, std::int64_t neurons, LifParameters parameters,
                              Distribution initial_v_mV = std::numeric_limits<double>::quiet_NaN());
    Population add_population(std::string name, std::int64_t neurons, HodgkinHuxleyParameters parameters,
                              Distribution initial_v_mV = std::numeric_limits<double>::quiet_NaN());
    /// Neurons without state, each of which spikes in a step with probability 1 - exp(-rate step): at most once, and so slightly less often
    /// than a Poisson process.
    Population add_poisson_source(std::string name, std::int64_t neurons, Value const& rate_hz, double start_ms = 0.0,
                                  double stop_ms = forever);
    /// Neuron i spikes at times_ms[i]: multiples of the step, from one step on, at most one in a step, in any order.
    Population add_spike_source(std::string name, std::vector<std::vector<double>> const& times_ms);

    Projection connect(Population source, Population target, Rule rule, SynapseParameters synapse);

    Stimulus add_poisson(Population, PoissonStimulus const&);
    Stimulus add_current(Population, StepCurrent const&);
    Stimulus add_current(Population, CurrentArray);

    Recorder record_spikes(Population, RecordSpikes = {});
    Recorder record_traces(Population, RecordTraces);

    // ---- running -------------------------------------------------------------------------------------------------------
    /// Makes the synapses. `run` does it when it has not been done. Deterministic: the seed decides.
    /// @throws OutOfMemory before anything is made, with the bytes; Overflow when all synapses of a neuron together could exceed the range
    /// of its accumulator, with the projection and the largest weight
    void build();
    /// @param duration_ms a multiple of the step
    /// @param progress    called about ten times a second with the time done in this run; false ends the run there
    void run(double duration_ms, std::function<bool(double done_ms)> const& progress = {});
    [[nodiscard]] double time_ms() const;

    // ---- results -------------------------------------------------------------------------------------------------------
    [[nodiscard]] SpikeTrain spikes(Recorder) const;
    [[nodiscard]] Traces traces(Recorder) const;
    /// Number of spikes of every neuron since the start, or since `reset_spike_counts`.
    [[nodiscard]] std::vector<std::int64_t> spike_counts(Population) const;
    void reset_spike_counts();
    /// Drops what the recorders hold.
    void clear_recordings();
    /// Mean rate since the start, or since `reset_spike_counts`; NaN before anything has run.
    [[nodiscard]] double rate_hz(Population) const;
    [[nodiscard]] RunTimes times() const;

    // ---- state ---------------------------------------------------------------------------------------------------------
    [[nodiscard]] std::vector<double> voltages_mV(Population) const;
    void set_voltages_mV(Population, std::span<double const>);
    /// The synapses of a projection in order of source, target, delay, weight, as the network uses them; made anew from the seed.
    [[nodiscard]] std::vector<Connection> connections(Projection) const;
    /// The grid on which weights to this population are stored. Builds the network.
    [[nodiscard]] double weight_resolution(Population);

    /// Everything that the future depends on, in one file; recordings are not part of it. Written whole or not at all. @throws FileError
    void save(std::string const& path) const;
    /// Into a network of the same description: a run continues bit for bit, on any backend. @throws FileError, FormatError;
    /// InvalidArgument when the file is of another network
    void load(std::string const& path);

    // ---- what was described ----------------------------------------------------------------------------------------------
    [[nodiscard]] Context const& context() const;
    [[nodiscard]] NetworkOptions const& options() const;
    [[nodiscard]] std::int64_t populations() const;
    [[nodiscard]] std::int64_t projections() const;
    [[nodiscard]] std::string const& name(Population) const;
    [[nodiscard]] std::int64_t size(Population) const;
    /// Global number of its first neuron.
    [[nodiscard]] std::int64_t first_neuron(Population) const;
    [[nodiscard]] std::int64_t neurons() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Mean over neurons of the coefficient of variation of their inter-spike intervals; neurons with fewer than three spikes are left out.
/// NaN when none is left. @param train of a population of `neurons`
[[nodiscard]] double mean_cv_isi(SpikeTrain const& train, std::int64_t neurons);

}  // namespace ca3::lif
