#include "autoencoder/backend.hpp"
#include "autoencoder/batch.hpp"
#include "autoencoder/checks.hpp"
#include "autoencoder/cuda_memory.hpp"
#include "core/check.hpp"
#include "core/out_of_memory.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

/// The operations: arguments are checked here, then one switch over the backend.
namespace ca3::autoencoder {
namespace {

using Kind = Activation::Kind;

/// A view and what the caller knows it as.
struct Named {
    MatrixView<float const> view;
    char const* name;
};

MatrixView<float const> row_of(std::span<float const> values) {
    return {values.data(), 1, static_cast<std::int64_t>(values.size())};
}
MatrixView<float> row_of(std::span<float> values) {
    return {values.data(), 1, static_cast<std::int64_t>(values.size())};
}

bool left_out(MatrixView<float const> view) {
    return view.data == nullptr && view.empty();
}

/// From the first float to the last, in bytes; no more than there are addresses.
std::uintptr_t extent(MatrixView<float const> x) {
    std::int64_t floats = 0;
    bool const too_long = __builtin_mul_overflow(x.rows - 1, x.stride, &floats) || __builtin_add_overflow(floats, x.cols, &floats) ||
                          __builtin_mul_overflow(floats, static_cast<std::int64_t>(sizeof(float)), &floats);
    return std::min(too_long ? UINTPTR_MAX : static_cast<std::uintptr_t>(floats), UINTPTR_MAX - reinterpret_cast<std::uintptr_t>(x.data));
}

/// The two share no float. Rows of one stride may interleave, as columns of one matrix do.
bool disjoint(MatrixView<float const> a, MatrixView<float const> b) {
    if (a.empty() || b.empty()) return true;
    auto const first_a = reinterpret_cast<std::uintptr_t>(a.data), first_b = reinterpret_cast<std::uintptr_t>(b.data);
    if (first_a + extent(a) <= first_b || first_b + extent(b) <= first_a) return true;
    if (a.stride != b.stride || a.rows == 1 || b.rows == 1) return false;
    auto const floats = static_cast<std::int64_t>(first_b - first_a) / static_cast<std::int64_t>(sizeof(float));
    std::int64_t const apart = (floats % a.stride + a.stride) % a.stride;
    return apart >= a.cols && apart + b.cols <= a.stride;
}

/// All of them lie where floats may, and what is written overlaps neither what is read nor what else is written.
void require_memory(std::initializer_list<Named> written, std::initializer_list<Named> read, char const* function) {
    auto const require_aligned = [&](Named const& x) {
        require(reinterpret_cast<std::uintptr_t>(x.view.data) % alignof(float) == 0, function,
                [&] { return std::string(x.name) + " does not lie at a multiple of " + std::to_string(alignof(float)) + " bytes"; });
    };
    std::for_each(written.begin(), written.end(), require_aligned);
    std::for_each(read.begin(), read.end(), require_aligned);
    for (auto const* w = written.begin(); w != written.end(); ++w) {
        auto const require_disjoint = [&](Named const& other) {
            require(disjoint(w->view, other.view), function, [&] {
                return std::string(w->name) + " " + shape(w->view.rows, w->view.cols) + " overlaps " + other.name + " " +
                       shape(other.view.rows, other.view.cols);
            });
        };
        std::for_each(w + 1, written.end(), require_disjoint);
        std::for_each(read.begin(), read.end(), require_disjoint);
    }
}

void require_optional_shape(MatrixView<float const> view, std::int64_t rows, std::int64_t cols, char const* function, char const* name) {
    if (!left_out(view)) require_shape(view, rows, cols, function, name);
}

void require_values(std::span<float const> values, std::int64_t count, char const* function, char const* name) {
    require(values.empty() || static_cast<std::int64_t>(values.size()) == count, function, [&] {
        return std::string(name) + " must be empty or hold " + std::to_string(count) + " values, holds " + std::to_string(values.size());
    });
    require(values.empty() || values.data() != nullptr, function, [&] { return std::string(name) + " has no memory (null pointer)"; });
}

void require_layer(Context const& context, DenseOptions const& options, MatrixView<float const> input, MatrixView<float const> weight,
                   char const* function) {
    require(
        options.activation.kind >= Kind::identity && options.activation.kind <= Kind::unit_sphere && options.activation.kind != Kind::prelu,
        function, [&] {
            return "options.activation must be one without parameters of its own, is " + std::string(to_string(options.activation.kind));
        });
    require(std::isfinite(options.activation.slope), function, [] { return std::string("options.activation.slope must be finite"); });
    bool const on_gpu = context.backend() == Backend::cuda;
    require(options.precision >= Precision::f32 && (on_gpu ? options.precision < Precision::f64 : options.precision == Precision::f32),
            function, [&] {
                return "options.precision " + std::string(to_string(options.precision)) + " is not available on the " +
                       std::string(to_string(context.backend())) + " backend; " + (on_gpu ? "f32, tf32x3, tf32 and bf16 are" : "f32 is");
            });
    require_view(input, function, "input");
    require_view(weight, function, "weight");
    require(weight.cols == input.cols, function, [&] {
        return "weight " + shape(weight.rows, weight.cols) + " must have the columns of input " + shape(input.rows, input.cols);
    });
    require(!on_gpu || (input.rows <= cuda::most_units && input.cols <= cuda::most_units && weight.rows <= cuda::most_units), function,
            [&] {
                return "input " + shape(input.rows, input.cols) + " or weight " + shape(weight.rows, weight.cols) +
                       " has more than 2^28 rows or columns, the most that the cuda backend takes";
            });
}

/// Two views of one shape.
void require_same_shape(MatrixView<float const> view, Named const& other, char const* function, char const* name) {
    require_view(view, function, name);
    require(view.rows == other.view.rows && view.cols == other.view.cols, function, [&] {
        return std::string(name) + " must have the shape of " + other.name + " " + shape(other.view.rows, other.view.cols) + ", is " +
               shape(view.rows, view.cols);
    });
}

/// What the context's backend has for a task.
template <class Result, class Task>
Result on_backend(Context const& context, char const* function, Task const& task, Result (*on_reference)(Context const&, Task const&),
                  Result (*on_cpu)(Context const&, Task const&), Result (*on_cuda)(Context const&, Task const&)) {
    auto const backend = context.backend();
    auto* const run = backend == Backend::reference ? on_reference : backend == Backend::cpu ? on_cpu : on_cuda;
    return translate_bad_alloc(function, [&] { return run(context, task); });
}

void require_loss(Context const& context, Loss kind, MatrixView<float const> output, MatrixView<float> gradient, char const* function) {
    require(kind >= Loss::mse && kind <= Loss::nll, function, [] { return std::string("loss is none that there is"); });
    require_view(output, function, "output");
    require_optional_shape(gradient, output.rows, output.cols, function, "gradient");
    require(context.backend() != Backend::cuda || (output.rows <= cuda::most_units && output.cols <= cuda::most_units), function, [&] {
        return "output " + shape(output.rows, output.cols) + " has more than 2^28 rows or columns, the most that the cuda backend takes";
    });
}

void checked_step(Context const& context, UpdateRule const& rule, std::int64_t t, MatrixView<float const> gradient,
                  MatrixView<float> parameters, Named const& first, Named const& second, StepTask task, char const* function) {
    check_rule(rule, function);
    require(t >= 1, function, [&] { return "t must be at least 1, is " + std::to_string(t); });
    require_view(gradient, function, "gradient");
    Named const whole{gradient, "gradient"};
    require_same_shape(parameters, whole, function, "parameters");
    if (rule.has_first()) require_same_shape(first.view, whole, function, first.name);
    if (rule.has_second()) require_same_shape(second.view, whole, function, second.name);
    require_memory(
        {{parameters, "parameters"}, rule.has_first() ? first : Named{{}, first.name}, rule.has_second() ? second : Named{{}, second.name}},
        {whole}, function);
    if (gradient.empty()) return;
    if (!rule.has_first()) task.first = {};
    task.rule = rule;
    task.step = t;
    task.gradient = gradient;
    task.parameters = parameters;
    on_backend(context, function, task, reference::step, cpu::step, cuda::step);
}

}  // namespace

void forward(Context const& context, DenseOptions const& options, MatrixView<float const> input, MatrixView<float const> weight,
             std::span<float const> bias, MatrixView<float> pre_activation, MatrixView<float> output) {
    constexpr char const* function = "autoencoder::forward";
    require_layer(context, options, input, weight, function);
    require_values(bias, weight.rows, function, "bias");
    require_optional_shape(pre_activation, input.rows, weight.rows, function, "pre_activation");
    require_shape(output, input.rows, weight.rows, function, "output");
    require_memory({{pre_activation, "pre_activation"}, {output, "output"}}, {{input, "input"}, {weight, "weight"}, {row_of(bias), "bias"}},
                   function);
    if (output.empty()) return;
    ForwardTask const task{.activation = options.activation,
                           .precision = options.precision,
                           .input = input,
                           .weight = weight,
                           .bias = bias.empty() ? nullptr : bias.data(),
                           .pre_activation = pre_activation,
                           .output = output};
    on_backend(context, function, task, reference::forward, cpu::forward, cuda::forward);
}

void backward(Context const& context, DenseOptions const& options, MatrixView<float const> input, MatrixView<float const> weight,
              MatrixView<float const> pre_activation, MatrixView<float const> output, MatrixView<float const> output_gradient,
              MatrixView<float> input_gradient, MatrixView<float> weight_gradient, std::span<float> bias_gradient) {
    constexpr char const* function = "autoencoder::backward";
    require_layer(context, options, input, weight, function);
    std::int64_t const batch = input.rows, in = input.cols, out = weight.rows;
    Kind const kind = options.activation.kind;
    bool const needs_argument = kind == Kind::arctan || kind == Kind::leaky_relu || kind == Kind::unit_sphere;
    bool const needs_value = kind != Kind::identity && kind != Kind::arctan && kind != Kind::leaky_relu;
    auto const require_wanted = [&](MatrixView<float const> view, bool needed, char const* name) {
        require(!needed || !left_out(view) || batch == 0 || out == 0, function, [&] {
            return std::string(name) + " must be " + shape(batch, out) + ", is left out, but " + std::string(to_string(kind)) +
                   " is differentiated by it";
        });
        require_optional_shape(view, batch, out, function, name);
    };
    require_wanted(pre_activation, needs_argument, "pre_activation");
    require_wanted(output, needs_value, "output");
    require_shape(output_gradient, batch, out, function, "output_gradient");
    require_optional_shape(input_gradient, batch, in, function, "input_gradient");
    require_shape(weight_gradient, out, in, function, "weight_gradient");
    require_values(bias_gradient, out, function, "bias_gradient");
    require_memory({{input_gradient, "input_gradient"}, {weight_gradient, "weight_gradient"}, {row_of(bias_gradient), "bias_gradient"}},
                   {{input, "input"},
                    {weight, "weight"},
                    {pre_activation, "pre_activation"},
                    {output, "output"},
                    {output_gradient, "output_gradient"}},
                   function);
    if (input_gradient.empty() && weight_gradient.empty() && bias_gradient.empty()) return;
    BackwardTask const task{.activation = options.activation,
                            .precision = options.precision,
                            .input = input,
                            .weight = weight,
                            .pre_activation = pre_activation,
                            .output = output,
                            .output_gradient = output_gradient,
                            .input_gradient = input_gradient,
                            .weight_gradient = weight_gradient,
                            .bias_gradient = bias_gradient.empty() ? nullptr : bias_gradient.data()};
    on_backend(context, function, task, reference::backward, cpu::backward, cuda::backward);
}

double loss(Context const& context, Loss kind, MatrixView<float const> output, MatrixView<float const> target, MatrixView<float> gradient) {
    constexpr char const* function = "autoencoder::loss";
    require_loss(context, kind, output, gradient, function);
    require(kind != Loss::nll, function, [] { return std::string("nll compares with classes, not with a matrix target"); });
    require_same_shape(target, {output, "output"}, function, "target");
    require_memory({{gradient, "gradient"}}, {{output, "output"}, {target, "target"}}, function);
    if (output.empty()) return std::numeric_limits<double>::quiet_NaN();
    LossTask const task{.kind = kind, .output = output, .target = target, .counted = output.rows, .gradient = gradient};
    return on_backend(context, function, task, reference::loss, cpu::loss, cuda::loss);
}

double loss(Context const& context, Loss kind, MatrixView<float const> output, std::span<std::int64_t const> classes,
            MatrixView<float> gradient) {
    constexpr char const* function = "autoencoder::loss";
    require_loss(context, kind, output, gradient, function);
    require(is_by_row(kind), function, [&] { return "classes are for cross_entropy and nll, not for " + std::string(to_string(kind)); });
    require(static_cast<std::int64_t>(classes.size()) == output.rows && (classes.empty() || classes.data() != nullptr), function, [&] {
        return "classes must hold a number for each row of output " + shape(output.rows, output.cols) + ", holds " +
               std::to_string(classes.data() == nullptr ? 0 : classes.size());
    });
    require(reinterpret_cast<std::uintptr_t>(classes.data()) % alignof(std::int64_t) == 0, function,
            [] { return "classes do not lie at a multiple of " + std::to_string(alignof(std::int64_t)) + " bytes"; });
    MatrixView<float const> const as_floats(reinterpret_cast<float const*>(classes.data()), 1,
                                            static_cast<std::int64_t>(2 * classes.size()));
    require_memory({{gradient, "gradient"}}, {{output, "output"}, {as_floats, "classes"}}, function);
    if (output.rows == 0) return std::numeric_limits<double>::quiet_NaN();
    std::vector<std::int64_t> here(classes.size());
    detail::copy_out(context, here.data(), classes.data(), classes.size_bytes());
    std::int64_t counted = 0;
    for (std::size_t r = 0; r < here.size(); ++r) {
        require(here[r] == ignored_class || (here[r] >= 0 && here[r] < output.cols), function, [&] {
            return "classes[" + std::to_string(r) + "] must be -100 or in [0, " + std::to_string(output.cols) + "), is " +
                   std::to_string(here[r]);
        });
        counted += here[r] == ignored_class ? 0 : 1;
    }
    if (output.cols == 0) return std::numeric_limits<double>::quiet_NaN();
    LossTask const task{.kind = kind, .output = output, .classes = classes.data(), .counted = counted, .gradient = gradient};
    return on_backend(context, function, task, reference::loss, cpu::loss, cuda::loss);
}

void adam_step(Context const& context, Adam const& optimizer, std::int64_t t, MatrixView<float const> gradient,
               MatrixView<float> parameters, MatrixView<float> first_moment, MatrixView<float> second_moment) {
    checked_step(context, rule_of(optimizer), t, gradient, parameters, {first_moment, "first_moment"}, {second_moment, "second_moment"},
                 {.first = first_moment, .second = second_moment}, "autoencoder::adam_step");
}

void adamw_step(Context const& context, AdamW const& optimizer, std::int64_t t, MatrixView<float const> gradient,
                MatrixView<float> parameters, MatrixView<float> first_moment, MatrixView<float> second_moment) {
    checked_step(context, rule_of(optimizer), t, gradient, parameters, {first_moment, "first_moment"}, {second_moment, "second_moment"},
                 {.first = first_moment, .second = second_moment}, "autoencoder::adamw_step");
}

void sgd_step(Context const& context, Sgd const& optimizer, std::int64_t t, MatrixView<float const> gradient, MatrixView<float> parameters,
              MatrixView<float> momentum) {
    checked_step(context, rule_of(optimizer), t, gradient, parameters, {momentum, "momentum"}, {{}, ""}, {.first = momentum},
                 "autoencoder::sgd_step");
}

void adam_step(Context const& context, Adam const& optimizer, std::int64_t t, std::span<float const> gradient, std::span<float> parameters,
               std::span<float> first_moment, std::span<float> second_moment) {
    adam_step(context, optimizer, t, row_of(gradient), row_of(parameters), row_of(first_moment), row_of(second_moment));
}

void adamw_step(Context const& context, AdamW const& optimizer, std::int64_t t, std::span<float const> gradient,
                std::span<float> parameters, std::span<float> first_moment, std::span<float> second_moment) {
    adamw_step(context, optimizer, t, row_of(gradient), row_of(parameters), row_of(first_moment), row_of(second_moment));
}

void sgd_step(Context const& context, Sgd const& optimizer, std::int64_t t, std::span<float const> gradient, std::span<float> parameters,
              std::span<float> momentum) {
    sgd_step(context, optimizer, t, row_of(gradient), row_of(parameters), row_of(momentum));
}

}  // namespace ca3::autoencoder
