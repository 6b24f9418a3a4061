#pragma once

#include <ca3/autoencoder.hpp>

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

/// Runs of the operations of dense layers on a context's memory, and their definitions in f64 with bounds.
namespace ca3::test {

/// Where a matrix lies: `offset` floats behind a boundary of 256 bytes, `gap` floats behind each row.
struct Placement {
    std::int64_t gap = 0;
    std::int64_t offset = 0;
};

/// A matrix in a context's memory, one NaN everywhere around it and in it until it is written: whoever reads it shows it.
class Framed {
public:
    Framed(Context const& context, std::int64_t rows, std::int64_t cols, Placement place = {});
    Framed(Context const& context, std::vector<float> const& values, std::int64_t rows, std::int64_t cols, Placement place = {});

    [[nodiscard]] MatrixView<float> view() const { return {buffer_.data() + first_, rows_, cols_, cols_ + place_.gap}; }
    [[nodiscard]] MatrixView<float const> in() const { return view(); }
    /// For one row.
    [[nodiscard]] std::span<float> span() const { return {view().data, static_cast<std::size_t>(cols_)}; }
    [[nodiscard]] std::vector<float> values() const;
    /// Nothing but elements was written.
    [[nodiscard]] bool is_framed() const;
    /// Nothing was written at all.
    [[nodiscard]] bool is_untouched() const;

private:
    [[nodiscard]] std::vector<float> everything() const;

    std::int64_t rows_, cols_, first_;
    Placement place_;
    Buffer<float> buffer_;
};

/// Normal-looking numbers in (-1, 1), or in (low, high).
[[nodiscard]] std::vector<float> some_floats(std::int64_t count, std::uint64_t seed, double low = -1.0, double high = 1.0);

struct DenseCase {
    std::int64_t batch = 1;
    std::int64_t in = 1;
    std::int64_t out = 1;
    Activation activation{};
    bool bias = true;
    Placement place{};
    Precision precision = Precision::f32;
};
[[nodiscard]] std::string describe(DenseCase const&);

/// What forward and backward write.
struct DenseNumbers {
    std::vector<float> pre_activation, output, input_gradient, weight_gradient, bias_gradient;
    bool framed = true;  ///< and nothing else was written

    bool operator==(DenseNumbers const&) const = default;
};
[[nodiscard]] DenseNumbers dense_numbers(Context const&, DenseCase const&);
/// Against the definition in f64. Each stage is judged by what it was given.
[[nodiscard]] testing::AssertionResult near_definition(DenseCase const&, DenseNumbers const&);

struct LossCase {
    Loss loss{};
    std::int64_t rows = 1;
    std::int64_t cols = 1;
    bool by_class = false;
    Placement place{};
};
[[nodiscard]] std::string describe(LossCase const&);
/// By class and by target where there are both; small and large batches.
[[nodiscard]] std::vector<LossCase> loss_cases();
struct LossNumbers {
    double value = 0.0;
    std::vector<float> gradient;
    bool framed = true;

    bool operator==(LossNumbers const&) const = default;
};
[[nodiscard]] LossNumbers loss_numbers(Context const&, LossCase const&);
[[nodiscard]] testing::AssertionResult near_definition(LossCase const&, LossNumbers const&);

/// A step of an optimizer on rows x cols parameters.
struct StepCase {
    Optimizer optimizer;
    std::int64_t t = 1;
    std::int64_t rows = 1;
    std::int64_t cols = 1;
    Placement place{};
};
[[nodiscard]] std::string describe(StepCase const&);
[[nodiscard]] std::vector<StepCase> step_cases();
struct StepNumbers {
    std::vector<float> parameters, first, second;
    bool framed = true;

    bool operator==(StepNumbers const&) const = default;
};
[[nodiscard]] StepNumbers step_numbers(Context const&, StepCase const&);
[[nodiscard]] testing::AssertionResult near_definition(StepCase const&, StepNumbers const&);

/// Parameters of width-code-width after one batch of Adam, row by row: trained by Model::fit, and by the operations from where that
/// model began. The code is ReLU, the output sigmoid, the loss the mean square.
struct Trainings {
    std::vector<float> model, operations;
    double model_loss = 0.0, operations_loss = 0.0;
};
[[nodiscard]] Trainings trained_both_ways(Context const&, std::int64_t width, std::int64_t code, std::int64_t batch);

}  // namespace ca3::test
