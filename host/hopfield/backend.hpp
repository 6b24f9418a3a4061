#pragma once

#include <ca3/hopfield.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

/// What the backends compute, in integers. api.cpp and model.cpp turn every rule into a Model; relax() runs the dynamics.
///
/// The field of neuron i in a state s with overlaps m_mu = x_mu . s is the integer
///
///     H_i = sum over mu of x_mu,i a_mu + e - D_i s_i          (factored kinds)
///     H_i = sum over j of W_ij s_j - D_i s_i                  (Kind::dense)
///
/// where D is `diagonal` (all zero when empty) and the coefficients a and the constant e depend on the state alone:
///
///     hebbian      a = m                                        e = 0
///     centred      y = q m - p S, a = q y, S = sum_i s_i        e = -p sum_mu y_mu       (theta = p/q)
///     projection   a = K m (K: P x P)                           e = 0
///     power        a = F(m+2) - F(m-2), and the term s_i c is added, c = sum_mu 2F(m) - F(m+2) - F(m-2);
///                  for s_i = 0 instead a = 2 (F(m+1) - F(m-1)) and no further term.     F(k) = table[k + d + 2]
///     exponential  as power with F(k) = table[kmax - k], kmax = 2 + the largest m_mu of this state; 0 past the table's end
///
/// Neuron i becomes +1 where 2 H_i > tau_i, -1 where 2 H_i < tau_i, and the tie rule decides where they are equal (tau all zero when
/// empty). Every partial sum over mu (or j), in any order, is at most `field_limit` <= 2^60 in absolute value; likewise each |a_mu|.
namespace ca3::hopfield {

enum class Kind : std::int8_t { hebbian, centred, projection, power, exponential, dense };

struct Model {
    Kind kind = Kind::hebbian;
    std::int64_t neurons = 0;          ///< d
    std::int64_t patterns = 0;         ///< P
    std::vector<std::int8_t> pattern;  ///< P x d of -1, +1 (stored patterns; for Kind::dense only what recall compares with)
    std::int64_t p = 0, q = 1;         ///< centred
    std::vector<std::int64_t> kernel;  ///< projection: K, P x P, symmetric
    std::vector<std::int64_t> table;   ///< power: 2d + 5 values; exponential: at most 2d + 5
    /// dense: d x d, row-major; the narrowest type that holds the weights. uint8 holds agreement counts c, W = 2c - P.
    std::variant<std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::int16_t>, std::vector<std::int32_t>,
                 std::vector<std::int64_t>>
        weights;
    bool symmetric = true;               ///< dense: W equals its transpose
    std::vector<std::int64_t> diagonal;  ///< D, or empty
    std::vector<std::int64_t> tau;       ///< or empty; |tau| <= 2^61
    std::int64_t field_limit = 0;
    double unit = 1.0;         ///< real value of one unit of H: h = H * unit
    std::vector<double> bias;  ///< real, d values, or empty; used by Glauber and the energy
};

/// Finite temperature. f = fma(H, unit, bias_i) in f64; k = min(int(|f| * inverse_step + 0.5), size - 1); u = draw(seed, glauber, state,
/// sweep, i); the neuron takes the sign of f (+1 for 0) when u < threshold[k], else the opposite sign.
struct Glauber {
    double inverse_step = 0.0;
    std::vector<std::uint32_t> threshold;
};

/// What relax() may read off a final state of a Hebbian memory on the way.
struct Reading {
    std::int32_t nearest = -1;
    std::int32_t overlap = 0;
    std::int64_t form = 0;  ///< sum of m^2 - sum of D_i s_i^2, so that E = -form / 2 without bias
};

/// One batch. The visiting order of an asynchronous sweep t is ascending in (key, i) with key = draw(seed, visit_order, state, t, i),
/// state = first_state + b for Update::asynchronous and 2^32 - 1 for Update::shared; key = i for Update::sequential.
struct Job {
    std::int64_t batch = 0;
    MatrixView<std::int8_t const> cues{};    ///< B x d, host memory, entries not checked yet; without data: the states are the cues
    std::int8_t* states = nullptr;           ///< B x d, host memory, packed rows; out, and in where there are no cues
    MatrixView<std::uint8_t const> clamp{};  ///< host; 0 rows: none, 1 row: for all states, B rows: one each
    Update update = Update::synchronous;
    Tie tie = Tie::keep;
    std::int64_t max_sweeps = 0;
    std::int64_t first_sweep = 0;  ///< number of the first sweep in the random streams
    std::uint64_t seed = 0;
    std::uint32_t first_state = 0;
    Glauber const* glauber = nullptr;  ///< null at temperature 0; otherwise all max_sweeps are run and the status is sweep_limit
    Status* status = nullptr;          ///< B, out
    std::int32_t* sweeps = nullptr;    ///< B, out: up to and including the one that changed nothing
    std::int64_t* flips = nullptr;     ///< B, out
    Reading* readings = nullptr;       ///< B, out, or null; a backend that fills them sets *read, the others leave it alone
    bool* read = nullptr;
};

/// Checks the cues, if any, and makes them the states. @throws InvalidArgument that names the first entry other than -1, 0 and +1
void take_cues(Context const&, Job&);
[[noreturn]] void refuse_cues(Job const&);

/// What a backend keeps between calls: packed bits, device copies. Made by prepare(), dropped when the model changes.
struct Prepared {
    virtual ~Prepared() = default;
};

namespace reference {
[[nodiscard]] std::unique_ptr<Prepared> prepare(Context const&, Model const&);
void relax(Context const&, Model const&, Prepared&, Job const&);
/// B x P overlaps of host states with the model's patterns.
void pattern_overlaps(Context const&, Model const&, Prepared&, MatrixView<std::int8_t const> states, std::int32_t* out);
/// W of the kinds that have one, d x d, without D taken off.
[[nodiscard]] std::vector<std::int64_t> matrix(Model const&);
/// B x d fields H of host states.
void fields(Model const&, Prepared&, MatrixView<std::int8_t const> states, std::int64_t* out);

void overlaps(Context const&, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states, MatrixView<std::int32_t> out);
/// T: uint8 (with `stored`), int8, int16, int32. `threshold` and `changed` may be null.
template <class T>
void sign_update(Context const&, SignUpdateOptions, MatrixView<T const> weights, std::int64_t stored, std::int32_t const* threshold,
                 MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out, std::int32_t* changed);
void energy(Context const&, MatrixView<std::int32_t const> weights, std::int32_t const* threshold, MatrixView<std::int8_t const> states,
            std::int64_t* twice_energy);
void softmax_update(Context const&, double beta, MatrixView<float const> patterns, MatrixView<float const> queries, MatrixView<float> out);
}  // namespace reference

namespace cpu {
[[nodiscard]] std::unique_ptr<Prepared> prepare(Context const&, Model const&);
/// Takes the cues itself, from where they are where that saves a copy.
void relax(Context const&, Model const&, Prepared&, Job);
void pattern_overlaps(Context const&, Model const&, Prepared&, MatrixView<std::int8_t const> states, std::int32_t* out);

void overlaps(Context const&, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states, MatrixView<std::int32_t> out);
template <class T>
void sign_update(Context const&, SignUpdateOptions, MatrixView<T const> weights, std::int64_t stored, std::int32_t const* threshold,
                 MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out, std::int32_t* changed);
void energy(Context const&, MatrixView<std::int32_t const> weights, std::int32_t const* threshold, MatrixView<std::int8_t const> states,
            std::int64_t* twice_energy);
void softmax_update(Context const&, double beta, MatrixView<float const> patterns, MatrixView<float const> queries, MatrixView<float> out);
}  // namespace cpu

namespace cuda {
[[nodiscard]] std::unique_ptr<Prepared> prepare(Context const&, Model const&);
/// Copies the states to the device, in as many parts as its memory asks for, relaxes each part in one launch and copies it back.
void relax(Context const&, Model const&, Prepared&, Job const&);
void pattern_overlaps(Context const&, Model const&, Prepared&, MatrixView<std::int8_t const> states, std::int32_t* out);

void overlaps(Context const&, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states, MatrixView<std::int32_t> out);
template <class T>
void sign_update(Context const&, SignUpdateOptions, MatrixView<T const> weights, std::int64_t stored, std::int32_t const* threshold,
                 MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out, std::int32_t* changed);
void energy(Context const&, MatrixView<std::int32_t const> weights, std::int32_t const* threshold, MatrixView<std::int8_t const> states,
            std::int64_t* twice_energy);
void softmax_update(Context const&, double beta, MatrixView<float const> patterns, MatrixView<float const> queries, MatrixView<float> out);
}  // namespace cuda

}  // namespace ca3::hopfield
