#pragma once

#include <ca3/context.hpp>
#include <ca3/matrix.hpp>

#include <cstdint>
#include <memory>

/// Sums of outer products of +-1 patterns, exactly: W = sum over mu of x_mu x_mu^T = X^T X (P patterns as rows of X, P x d).
/// Hebb's rule as used by J. J. Hopfield (PNAS 79:2554, 1982), unscaled: every entry is an integer of the parity of P.
namespace ca3::outer_product {

enum class Operation { add, remove };
enum class Diagonal { zero, keep };

struct AccumulateOptions {
    Operation operation = Operation::add;
    Diagonal diagonal = Diagonal::zero;  ///< the diagonal after the call. zero: 0; keep: w_ii = number of patterns. uint8 always keeps
    std::int64_t stored = 0;             ///< patterns that `weights` already holds; 0: its former content is ignored
};

/// W += X^T X, or W -= X^T X. Only one triangle is computed and mirrored.
///
/// @param patterns  P x d, entries -1 and +1
/// @param weights   d x d in and out. int16 and int32 hold w_ij. uint8 holds the number of patterns in which i and j agree,
///                  c_ij = (w_ij + n) / 2 with n the number of patterns it holds. Room for 255, 32,767 and 2^31 - 1 patterns. Its former
///                  diagonal is never read. It must not overlap `patterns`.
/// The memory belongs to the context's backend. Runs on the context's stream; on CUDA it synchronises to check the entries.
/// Deterministic: the result is the same integer on every backend. Work d^2 P / 2 in bits, then d^2 entries are written.
/// @throws InvalidArgument (shape, entry other than +-1, more patterns removed than stored, former content that no sum of `stored` patterns
///         can be, or that the patterns to remove cannot be a part of), Overflow (storage too narrow), OutOfMemory. `weights` is as before.
void accumulate(Context const&, AccumulateOptions, MatrixView<std::int8_t const> patterns, MatrixView<std::uint8_t> weights);
void accumulate(Context const&, AccumulateOptions, MatrixView<std::int8_t const> patterns, MatrixView<std::int16_t> weights);
void accumulate(Context const&, AccumulateOptions, MatrixView<std::int8_t const> patterns, MatrixView<std::int32_t> weights);

enum class Storage {
    automatic,  ///< the narrowest that holds the patterns, widened when they become too many
    u8,         ///< agreement counts, up to 255 patterns
    i16,        ///< up to 32,767 patterns
    i32,
};

struct ReadOptions {
    double scale = 1.0;   ///< factor of every entry: 1.0/P and 1.0/d give the textbook forms
    bool centre = false;  ///< (x - theta)(x - theta)^T with theta the mean of all stored elements
    Diagonal diagonal = Diagonal::zero;
};

/// A sum of outer products that owns its memory.
class Weights {
public:
    /// @throws InvalidArgument when `neurons` < 1
    Weights(Context, std::int64_t neurons, Storage = Storage::automatic);
    Weights(Weights&&) noexcept;
    Weights& operator=(Weights&&) noexcept;
    ~Weights();

    /// @param patterns P x neurons in host memory, entries -1 and +1; P = 0 changes nothing
    /// @throws InvalidArgument (shape, entry), Overflow when the storage is too narrow, OutOfMemory, DeviceError
    void add(MatrixView<std::int8_t const> patterns);
    /// Undoes add exactly. @throws as add; InvalidArgument when more patterns would be removed than are stored, or patterns that what is
    /// stored cannot contain. Not every stranger is noticed: the sum does not tell which patterns it was made of.
    void remove(MatrixView<std::int8_t const> patterns);

    [[nodiscard]] std::int64_t neurons() const noexcept;
    [[nodiscard]] std::int64_t patterns() const noexcept;  ///< added minus removed
    [[nodiscard]] Storage storage() const noexcept;        ///< never `automatic`
    [[nodiscard]] double mean() const noexcept;            ///< theta, the mean of all stored elements; 0 when there are none

    /// The textbook matrix in f32, host memory, neurons x neurons: each entry rounded once from a f64 value whose relative error is below
    /// 2^-51, centred or not. The same on every backend. @throws InvalidArgument (shape, scale not finite)
    void read(ReadOptions, MatrixView<float> out) const;
    /// The integers w_ij, host memory. @throws InvalidArgument when options.centre or options.scale != 1
    void read(ReadOptions, MatrixView<std::int32_t> out) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ca3::outer_product
