#pragma once

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Hopfield memories. States are -1, 0, +1 (0: unknown), patterns -1 and +1; P patterns of d neurons, B states at once.
/// Fields are integers, so that reference, CPU and CUDA agree bit for bit (see Memory).
namespace ca3::hopfield {

struct MemoryState;  // defined by the library

/// What a neuron becomes whose field equals its threshold.
enum class Tie : std::int8_t {
    keep,   ///< its old state (Hopfield 1982)
    plus,   ///< +1
    minus,  ///< -1
    zero,   ///< 0, as torch.sign
};

enum class Update : std::int8_t {
    synchronous,   ///< all neurons at once
    asynchronous,  ///< one after the other, a random order of its own for every state and sweep
    shared,        ///< one after the other, a random order per sweep that all states share
    sequential,    ///< one after the other, in index order
};

enum class Status : std::int8_t {
    fixed_point = 0,  ///< a sweep changed nothing
    two_cycle = 1,    ///< synchronous update: the state equals the one two sweeps before
    sweep_limit = 2,  ///< neither within max_sweeps; always so at finite temperature
};

[[nodiscard]] std::string_view to_string(Tie) noexcept;
[[nodiscard]] std::string_view to_string(Update) noexcept;
[[nodiscard]] std::string_view to_string(Status) noexcept;

// ---------------------------------------------------------------------------------------------------------------------
// Operations on memory that the caller owns: host memory for the reference and the CPU, device memory for CUDA.
// They run on the context's stream and do not synchronise unless said.

/// out(b, mu) = sum over i of patterns(mu, i) * states(b, i).
/// @param patterns P x d, entries -1, 0, +1  @param states B x d, entries -1, 0, +1  @param out B x P
/// Entries outside the domain give an unspecified result. @throws InvalidArgument for shapes that do not fit; Overflow past d = 2^31 - 1
void overlaps(Context const&, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states, MatrixView<std::int32_t> out);

struct SignUpdateOptions {
    Tie tie = Tie::keep;
    bool zero_diagonal = false;  ///< leave the term w_ii s_i out, whatever is stored there
};

/// One synchronous sweep with a dense matrix: states_out(b, i) = sign(sum over j of weights(i, j) states_in(b, j) - threshold(i)).
/// @param weights  d x d; uint8 holds agreement counts c of `stored` patterns, w = 2c - stored (outer_product::accumulate)
/// @param threshold d integers, or empty for none
/// @param changed  B counts of neurons that changed, or empty
/// `states_out` must not overlap `states_in`. Exact: fields are summed in 64-bit integers, or in 32 bits where the size makes that safe.
void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int8_t const> weights, std::span<std::int32_t const> threshold,
                 MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out, std::span<std::int32_t> changed);
void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int16_t const> weights, std::span<std::int32_t const> threshold,
                 MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out, std::span<std::int32_t> changed);
void sign_update(Context const&, SignUpdateOptions, MatrixView<std::int32_t const> weights, std::span<std::int32_t const> threshold,
                 MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out, std::span<std::int32_t> changed);
void sign_update(Context const&, SignUpdateOptions, MatrixView<std::uint8_t const> agreements, std::int64_t stored,
                 std::span<std::int32_t const> threshold, MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out,
                 std::span<std::int32_t> changed);

/// twice_energy(b) = -s_b^T W s_b + 2 threshold . s_b, an exact integer: the energy E = -1/2 s^T W s + threshold . s doubled.
/// `weights` must be symmetric for this to be an energy; it is not checked here.
void energy(Context const&, MatrixView<std::int32_t const> weights, std::span<std::int32_t const> threshold,
            MatrixView<std::int8_t const> states, std::span<std::int64_t> twice_energy);

/// One step of continuous recall: out_b = sum over mu of softmax(beta * patterns . query_b)_mu patterns_mu
/// (Ramsauer et al., Hopfield networks is all you need, eq. 3; attention with the patterns as keys and values).
/// @param patterns P x d real  @param queries B x d  @param out B x d
/// f32 data, sums in f64; results differ between backends by rounding only (relative 1e-6 of the largest |pattern|).
void softmax_update(Context const&, double beta, MatrixView<float const> patterns, MatrixView<float const> queries, MatrixView<float> out);

// ---------------------------------------------------------------------------------------------------------------------
// Memory: the model that owns its patterns.

enum class Rule : std::int8_t {
    hebbian,            ///< W = sum x x^T
    pseudo_inverse,     ///< W = X^T (X X^T + ridge I)^-1 X (Personnaz, Guyon, Dreyfus 1985)
    storkey,            ///< W += (x x^T - x h^T - h x^T) / d with h from the old weights (Storkey 1997)
    dense_associative,  ///< energy -sum (x . s)^degree (Krotov, Hopfield 2016)
    exponential,        ///< energy -sum exp(beta x . s) (Demircigil et al. 2017)
    weights,            ///< given by the user
};

/// How the fields of a Hebbian memory are computed. The result is the same.
enum class Form : std::int8_t {
    automatic,  ///< the cheaper one
    factored,   ///< h = X^T (X s) - P s: no d x d matrix
    dense,      ///< h = W s
};

[[nodiscard]] std::string_view to_string(Rule) noexcept;
[[nodiscard]] std::string_view to_string(Form) noexcept;

struct MemoryOptions {
    Rule rule = Rule::hebbian;
    Form form = Form::automatic;  ///< Hebbian only
    bool keep_diagonal = false;   ///< false: self-coupling is left out of every field and energy
    bool centre = false;          ///< Hebbian only: (x - theta)(x - theta)^T, theta the mean of all stored elements
    double ridge = 0.0;           ///< pseudo-inverse only
    int degree = 3;               ///< dense associative only, >= 2
    double beta = 1.0;            ///< exponential only, > 0
};

/// What storing found. Indices count all stored patterns, in the order of storing.
struct StoreReport {
    std::int64_t stored = 0;                                         ///< patterns in the memory now
    std::int64_t rank = 0;                                           ///< dimension of their span (numerical), pseudo-inverse only; else -1
    std::vector<std::pair<std::int64_t, std::int64_t>> duplicates;   ///< (earlier, later) equal patterns
    std::vector<std::pair<std::int64_t, std::int64_t>> complements;  ///< (earlier, later) with x = -y
    std::vector<std::int64_t> dependent;  ///< pseudo-inverse: patterns in the span of the others, which add nothing
};

struct RecallOptions {
    Update update = Update::synchronous;
    Tie tie = Tie::keep;
    std::int64_t max_sweeps = 100;
    double temperature = 0.0;       ///< > 0: Glauber dynamics, P(s = +1) = 1 / (1 + exp(-2 h / T)), T in units of the energy reported
    std::uint64_t seed = 0;         ///< of the visiting orders and of the Glauber draws
    std::uint32_t first_state = 0;  ///< number of the first cue in the random streams: a batch may be split into several calls
    MatrixView<std::uint8_t const> clamp{};  ///< host, 1 x d or B x d, nonzero: the neuron keeps its cue; empty: none
    bool trace = false;                      ///< record energy and overlaps before the first and after every sweep
};

/// Per state of the batch.
struct Result {
    Status status = Status::sweep_limit;
    std::int32_t sweeps = 0;    ///< up to and including the one that changed nothing
    std::int64_t flips = 0;     ///< changes of single neurons, summed over the sweeps
    double energy = 0.0;        ///< of the final state, see Memory; NaN where there is none (asymmetric weights)
    std::int32_t nearest = -1;  ///< stored pattern of largest overlap, the lowest index on a tie; -1 when none is stored
    std::int32_t overlap = 0;   ///< with that pattern
    bool spurious = true;       ///< the final state is none of the stored patterns
};

struct TracePoint {
    std::int64_t sweep = 0;             ///< 0: the cue
    std::vector<double> energy;         ///< B; a state that has stopped keeps its last value
    std::vector<std::int32_t> overlap;  ///< B x P
};

struct Recall {
    HostVector<std::int8_t> states;  ///< B x d, row-major
    std::int64_t batch = 0;
    std::int64_t neurons = 0;
    std::vector<Result> results;    ///< B
    std::vector<TracePoint> trace;  ///< empty unless asked for
    std::string form;               ///< how the fields were computed, such as "factored"

    [[nodiscard]] MatrixView<std::int8_t const> view() const { return {states.data(), batch, neurons}; }
};

/// An associative memory.
///
/// Energy: E = -1/2 s^T W s - b^T s with W as the rule defines it, unscaled, its diagonal zero unless keep_diagonal (then -1/2 w_ii s_i^2
/// counts); -sum F(x . s) for the dense associative rules. Neuron i becomes sign((W s)_i + b_i).
///
/// Exactness: every rule is read as integers times one unit. Hebbian weights are integers as they stand. Real weights (pseudo-inverse,
/// Storkey, real weights given by the user, large powers and exponentials) are rounded once, when stored, to a 64-bit grid, as fine as
/// fields summed without overflow allow but no finer than 2^-1000 (`resolution()`), so that states, statuses, sweeps and flips are bit-
/// identical on every backend, instruction set, thread count and batch split. A decision can differ from that of real arithmetic only where
/// |field| < `field_bound()`.
///
/// All arguments are host memory. Calls return when the result is there. A throw leaves the memory as it was.
class Memory {
public:
    /// @throws InvalidArgument for options outside their domain, or set for another rule
    explicit Memory(Context, MemoryOptions = {});

    /// Weights given by the user (Ising couplings J and field b). They may be asymmetric: then there is no energy.
    /// @param weights d x d, finite  @param bias d values, finite, or empty
    /// options.rule must be `weights`; options.keep_diagonal says whether the diagonal counts.
    [[nodiscard]] static Memory from_weights(Context, MatrixView<float const> weights, std::span<double const> bias = {},
                                             MemoryOptions = {.rule = Rule::weights});
    [[nodiscard]] static Memory from_weights(Context, MatrixView<double const> weights, std::span<double const> bias = {},
                                             MemoryOptions = {.rule = Rule::weights});
    [[nodiscard]] static Memory from_weights(Context, MatrixView<std::int32_t const> weights, std::span<double const> bias = {},
                                             MemoryOptions = {.rule = Rule::weights});

    Memory(Memory&&) noexcept;
    Memory& operator=(Memory&&) noexcept;
    ~Memory();

    /// Adds patterns, P x d of -1 and +1. The first call fixes d. P = 0 is allowed and, on an empty memory, fixes d.
    /// With Rule::weights the patterns are only what recall compares with. Not thread-safe.
    StoreReport store(MatrixView<std::int8_t const> patterns);
    /// Forgets one stored pattern; later ones move up by one. Storkey's rule is not invertible and is run again on the rest.
    void remove(std::int64_t index);

    /// b, d values; empty: none. A threshold theta is the bias -theta.
    void set_bias(std::span<double const> bias);

    /// Relaxes every cue. @param cues B x d of -1, 0, +1
    /// @throws InvalidArgument (shape, entry, options), OutOfMemory, DeviceError
    [[nodiscard]] Recall recall(MatrixView<std::int8_t const> cues, RecallOptions = {}) const;

    /// Energies of given states. @throws InvalidArgument for asymmetric weights
    [[nodiscard]] std::vector<double> energy(MatrixView<std::int8_t const> states) const;
    /// B x P overlaps of given states with the stored patterns.
    [[nodiscard]] std::vector<std::int32_t> overlaps(MatrixView<std::int8_t const> states) const;
    /// B x d fields (W s + b)_i in real units. For the dense associative rules the energy difference that decides, F(+1) - F(-1), is
    /// halved.
    [[nodiscard]] std::vector<double> fields(MatrixView<std::int8_t const> states) const;
    /// W in f64, d x d, as the fields use it (diagonal, unit and rounding included). @throws InvalidArgument for the dense associative
    /// rules
    [[nodiscard]] std::vector<double> weights() const;

    [[nodiscard]] Context const& context() const noexcept;
    [[nodiscard]] MemoryOptions const& options() const noexcept;
    [[nodiscard]] std::int64_t neurons() const noexcept;  ///< 0 until the first store
    [[nodiscard]] std::int64_t patterns() const noexcept;
    [[nodiscard]] std::vector<std::int8_t> stored_patterns() const;  ///< P x d
    [[nodiscard]] std::vector<double> bias() const;                  ///< d values, or empty
    [[nodiscard]] bool symmetric() const noexcept;
    [[nodiscard]] double resolution() const;   ///< the unit of which every weight is an integer multiple; 1 for Hebbian
    [[nodiscard]] double field_bound() const;  ///< largest error of a field by rounding to that grid; 0 where the integers are exact

    /// safetensors: tensor "patterns" (int8, P x d), "bias" (f64, d) if any, "weights" (f64, d x d) for Storkey and given weights;
    /// the options as metadata. Written to a temporary name and renamed. @throws FileError
    void save(std::string const& path) const;
    /// @throws FormatError, FileError
    [[nodiscard]] static Memory load(Context, std::string const& path);

private:
    explicit Memory(std::unique_ptr<MemoryState>);
    std::unique_ptr<MemoryState> state_;
};

/// Patterns that can be stored with few errors: d / (2 log2 d), rounded to the nearest integer. 41 for 784.
[[nodiscard]] std::int64_t capacity(std::int64_t neurons);

}  // namespace ca3::hopfield
