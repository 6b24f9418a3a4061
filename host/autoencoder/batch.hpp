#pragma once

#include "autoencoder/batch_kernels.hpp"
#include "autoencoder/engine.hpp"
#include "core/philox_fill.hpp"

#include <cstdint>
#include <span>
#include <vector>

/// How a batch is made of samples. The scalar definition of each corruption is in corruption.hpp.
namespace ca3::autoencoder {

/// The corruptions of a list, in its order, on rows of `width` values. The bits do not depend on the instruction set or on how rows are
/// divided among calls.
class Corruptor {
public:
    /// The corruptions are valid: see check_corruptions.
    Corruptor(std::span<Corruption const> corruptions, std::int64_t width, std::uint64_t seed, random::Purpose purpose, InstructionSet set);

    /// @param number of the first row in the random streams
    void apply(float* values, std::int64_t rows, std::int64_t stride, std::int64_t number, std::uint32_t random_step) const;
    /// Whether there is nothing to do.
    [[nodiscard]] bool is_identity() const { return steps_.empty(); }

private:
    void each_value(CorruptionStep const& step, float* values, std::int64_t count, std::uint64_t index, std::uint32_t random_step) const;
    void whole_row(CorruptionStep const& step, float* values, std::int64_t number, std::uint32_t random_step, float* scratch) const;

    std::vector<CorruptionStep> steps_;
    std::int64_t width_;
    std::uint64_t seed_;
    random::Purpose purpose_;
    BatchKernels const* kernels_;
    random::Fill fill_;
};

/// A pure function of its arguments, so that any thread may make any rows. Holds references to `data`.
class BatchMaker {
public:
    BatchMaker(Data const& data, std::int64_t width, InstructionSet set);

    /// Corrupted inputs of rows [first, first + rows) of the batch that begins at `begin`; row r has number `number` + r - first in the
    /// random streams. out: rows x width
    void make(std::int64_t begin, std::int64_t first, std::int64_t rows, std::int64_t number, std::uint32_t random_step, float* out,
              std::int64_t stride) const;
    /// The same rows without corruption.
    void clean(std::int64_t begin, std::int64_t first, std::int64_t rows, float* out, std::int64_t stride) const;
    /// What the output is compared with: rows of data.targets.samples where given, else the clean inputs.
    void targets(std::int64_t begin, std::int64_t first, std::int64_t rows, float* out, std::int64_t stride) const;

    /// Whether make gives other rows than clean.
    [[nodiscard]] bool corrupts() const { return !corruptor_.is_identity(); }

private:
    void gather(Samples const& samples, std::int64_t first, std::int64_t rows, float* out, std::int64_t stride) const;

    Data const* data_;
    std::int64_t width_;
    BatchKernels const* kernels_;
    Corruptor corruptor_;
};

/// @throws InvalidArgument for parameters outside their domain
void check_corruptions(std::span<Corruption const> corruptions, std::int64_t width, char const* function);

}  // namespace ca3::autoencoder
