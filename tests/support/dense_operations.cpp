#include "support/dense_operations.hpp"

#include <ca3/random.hpp>

#include <algorithm>
#include <cmath>

namespace ca3::test {
namespace {

using namespace autoencoder;
using Kind = Activation::Kind;

constexpr std::uint32_t frame_bits = 0x7FC0A5A5;  // a quiet NaN
constexpr std::int64_t guard = 64;
constexpr double u = 0x1p-24;  // unit roundoff of f32

/// |sum over k of fl| <= gamma(k) sum |a b| (Higham, section 3.1).
double gamma_of(std::int64_t k) {
    auto const n = static_cast<double>(k);
    return n * u / (1.0 - n * u);
}

bool is_frame(float x) {
    return std::bit_cast<std::uint32_t>(x) == frame_bits;
}

double at(std::vector<float> const& x, std::int64_t i) {
    return static_cast<double>(x[static_cast<std::size_t>(i)]);
}

testing::AssertionResult within(double expected, double actual, double bound, std::string const& what) {
    if (std::abs(expected - actual) <= bound) return testing::AssertionSuccess();
    return testing::AssertionFailure() << what << ": expected " << expected << ", got " << actual << ", apart " << expected - actual
                                       << ", allowed " << bound;
}

}  // namespace

// ---- memory ----------------------------------------------------------------------------------------------------------

Framed::Framed(Context const& context, std::int64_t rows, std::int64_t cols, Placement place)
    : rows_(rows), cols_(cols), first_(guard + place.offset), place_(place), buffer_(context, 2 * guard + 4 + rows * (cols + place.gap)) {
    std::vector<float> const all(static_cast<std::size_t>(buffer_.size()), std::bit_cast<float>(frame_bits));
    buffer_.copy_from_host(all.data());
}

Framed::Framed(Context const& context, std::vector<float> const& values, std::int64_t rows, std::int64_t cols, Placement place)
    : Framed(context, rows, cols, place) {
    auto all = everything();
    for (std::int64_t r = 0; r < rows; ++r) std::copy_n(values.begin() + r * cols, cols, all.begin() + first_ + r * (cols + place.gap));
    buffer_.copy_from_host(all.data());
}

std::vector<float> Framed::everything() const {
    std::vector<float> all(static_cast<std::size_t>(buffer_.size()));
    buffer_.copy_to_host(all.data());
    return all;
}

std::vector<float> Framed::values() const {
    auto const all = everything();
    std::vector<float> result;
    for (std::int64_t r = 0; r < rows_; ++r) {
        auto const row = all.begin() + first_ + r * (cols_ + place_.gap);
        result.insert(result.end(), row, row + cols_);
    }
    return result;
}

bool Framed::is_framed() const {
    auto all = everything();
    for (std::int64_t r = 0; r < rows_; ++r)
        std::fill_n(all.begin() + first_ + r * (cols_ + place_.gap), cols_, std::bit_cast<float>(frame_bits));
    return std::all_of(all.begin(), all.end(), is_frame);
}

bool Framed::is_untouched() const {
    auto const all = everything();
    return std::all_of(all.begin(), all.end(), is_frame);
}

std::vector<float> some_floats(std::int64_t count, std::uint64_t seed, double low, double high) {
    std::vector<float> x(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(low + (high - low) * random::uniform(seed, random::Purpose::user, 0, 0, i));
    return x;
}

// ---- layers ----------------------------------------------------------------------------------------------------------

namespace {

struct DenseInputs {
    explicit DenseInputs(DenseCase const& c)
        : input(some_floats(c.batch * c.in, 1)),
          weight(some_floats(c.out * c.in, 2, -2.0, 2.0)),
          bias(some_floats(c.bias ? c.out : 0, 3)),
          output_gradient(some_floats(c.batch * c.out, 4)) {}
    std::vector<float> input, weight, bias, output_gradient;
};

bool needs_argument(Kind kind) {
    return kind == Kind::arctan || kind == Kind::leaky_relu || kind == Kind::unit_sphere;
}

double activated(Activation const& a, double z) {
    switch (a.kind) {
        case Kind::sigmoid:
            return 1.0 / (1.0 + std::exp(-z));
        case Kind::tanh:
            return std::tanh(z);
        case Kind::arctan:
            return std::atan(z);
        case Kind::relu:
            return z < 0.0 ? 0.0 : z;
        case Kind::leaky_relu:
            return z > 0.0 ? z : static_cast<double>(static_cast<float>(a.slope)) * z;
        default:
            return z;
    }
}

/// y = f(z) for a row.
std::vector<double> activated_row(Activation const& a, std::vector<double> const& z) {
    std::vector<double> y;
    double most = -1e300, sum = 0.0, squares = 0.0;
    for (double const x : z) most = std::max(most, x);
    for (double const x : z) sum += std::exp(x - most), squares += x * x;
    for (double const x : z)
        y.push_back(a.kind == Kind::softmax       ? std::exp(x - most) / sum
                    : a.kind == Kind::log_softmax ? x - most - std::log(sum)
                    : a.kind == Kind::unit_sphere ? x / std::max(std::sqrt(squares), 1e-12)
                                                  : activated(a, x));
    return y;
}

/// The largest |dy| for |dz| <= 1 in every element.
double steepness(Activation const& a, std::vector<double> const& z) {
    if (a.kind == Kind::log_softmax || a.kind == Kind::softmax) return 2.0;
    if (a.kind != Kind::unit_sphere) return 1.0;
    double squares = 0.0;
    for (double const x : z) squares += x * x;
    return 2.0 * std::sqrt(static_cast<double>(z.size()) / squares);
}

/// dz of a row, and the size of what is rounded on its way.
struct RowGradient {
    std::vector<double> value, size;
};
RowGradient row_gradient(Activation const& a, std::vector<double> const& z, std::vector<double> const& y, std::vector<double> const& g) {
    RowGradient out;
    double along = 0.0, along_size = 0.0, sum = 0.0, sum_size = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < g.size(); ++i) {
        along += g[i] * y[i];
        along_size += std::abs(g[i] * y[i]);
        sum += g[i];
        sum_size += std::abs(g[i]);
        squares += z[i] * z[i];
    }
    double const norm = std::max(std::sqrt(squares), 1e-12);
    for (std::size_t i = 0; i < g.size(); ++i) {
        double value = g[i], size = std::abs(g[i]);
        switch (a.kind) {
            case Kind::softmax:
                value = y[i] * (g[i] - along);
                size = y[i] * (size + along_size);
                break;
            case Kind::log_softmax:
                value = g[i] - std::exp(y[i]) * sum;
                size += std::exp(y[i]) * sum_size;
                break;
            case Kind::unit_sphere:
                value = (g[i] - y[i] * along) / norm;
                size = (size + std::abs(y[i]) * along_size) / norm;
                break;
            case Kind::sigmoid:
                value *= y[i] * (1.0 - y[i]);
                break;
            case Kind::tanh:
                value *= 1.0 - y[i] * y[i];
                break;
            case Kind::arctan:
                value /= 1.0 + z[i] * z[i];
                break;
            case Kind::relu:
                value = y[i] > 0.0 ? value : 0.0;
                break;
            case Kind::leaky_relu:
                if (!(z[i] > 0.0)) value *= static_cast<double>(static_cast<float>(a.slope));
                break;
            default:
                break;
        }
        out.value.push_back(value);
        out.size.push_back(size);
    }
    return out;
}

/// What a product loses beside its sum: its operands are rounded to this much, relatively.
double operand_roundoff(Precision precision) {
    return precision == Precision::tf32x3 ? 0x1p-21 : precision == Precision::tf32 ? 0x1p-12 : precision == Precision::bf16 ? 0x1p-9 : 0.0;
}

std::vector<double> row_of(std::vector<float> const& x, std::int64_t r, std::int64_t n) {
    return {x.begin() + r * n, x.begin() + (r + 1) * n};
}

}  // namespace

std::string describe(DenseCase const& c) {
    return std::string(to_string(c.activation.kind)) + ", batch " + std::to_string(c.batch) + ", " + std::to_string(c.in) + " to " +
           std::to_string(c.out) + (c.bias ? "" : " without bias") + ", gap " + std::to_string(c.place.gap) + ", offset " +
           std::to_string(c.place.offset) + ", " + std::string(to_string(c.precision));
}

DenseNumbers dense_numbers(Context const& context, DenseCase const& c) {
    DenseInputs const x(c);
    DenseOptions const options{c.activation, c.precision};
    Framed const input(context, x.input, c.batch, c.in, c.place), weight(context, x.weight, c.out, c.in, c.place);
    Framed const bias(context, x.bias, 1, c.bias ? c.out : 0, {0, c.place.offset});
    Framed const dy(context, x.output_gradient, c.batch, c.out, c.place);
    Framed const z(context, c.batch, c.out, c.place), y(context, c.batch, c.out, c.place), y_alone(context, c.batch, c.out, c.place);
    Framed const dx(context, c.batch, c.in, c.place), dw(context, c.out, c.in, c.place), dw_alone(context, c.out, c.in, c.place);
    Framed const db(context, 1, c.out, {0, c.place.offset});
    forward(context, options, input.in(), weight.in(), bias.span(), z.view(), y.view());
    forward(context, options, input.in(), weight.in(), bias.span(), {}, y_alone.view());
    backward(context, options, input.in(), weight.in(), z.in(), y.in(), dy.in(), dx.view(), dw.view(), db.span());
    // As little as it can do with.
    bool const reads_value =
        c.activation.kind != Kind::identity && c.activation.kind != Kind::arctan && c.activation.kind != Kind::leaky_relu;
    backward(context, options, input.in(), weight.in(), needs_argument(c.activation.kind) ? z.in() : MatrixView<float const>(),
             reads_value ? y.in() : MatrixView<float const>(), dy.in(), {}, dw_alone.view(), {});
    context.synchronize();
    EXPECT_EQ(y.values(), y_alone.values()) << describe(c);
    EXPECT_EQ(dw.values(), dw_alone.values()) << describe(c);
    EXPECT_EQ(input.values(), x.input);
    EXPECT_EQ(weight.values(), x.weight);
    DenseNumbers out{z.values(), y.values(), dx.values(), dw.values(), db.values()};
    for (Framed const* f : {&input, &weight, &bias, &dy, &z, &y, &y_alone, &dx, &dw, &dw_alone, &db})
        out.framed = out.framed && f->is_framed();
    return out;
}

testing::AssertionResult near_definition(DenseCase const& c, DenseNumbers const& n) {
    DenseInputs const x(c);
    if (!n.framed) return testing::AssertionFailure() << "something was written around the matrices";
    double const operands = 2.0 * operand_roundoff(c.precision);
    std::vector<double> dz, dz_error;
    for (std::int64_t r = 0; r < c.batch; ++r) {
        std::vector<double> z;
        double worst = 0.0;
        for (std::int64_t o = 0; o < c.out; ++o) {
            double sum = c.bias ? at(x.bias, o) : 0.0, size = std::abs(sum);
            for (std::int64_t i = 0; i < c.in; ++i) {
                double const term = at(x.input, r * c.in + i) * at(x.weight, o * c.in + i);
                sum += term;
                size += std::abs(term);
            }
            double const bound = (gamma_of(c.in + 1) + operands) * size;
            worst = std::max(worst, bound);
            z.push_back(sum);
            if (auto ok = within(sum, at(n.pre_activation, r * c.out + o), bound, "pre_activation"); !ok) return ok;
        }
        // From z as it was computed. Elementary functions are within some 4 ulp; the logarithm of a sum, and norms, add their terms'.
        auto const z32 = row_of(n.pre_activation, r, c.out), y = activated_row(c.activation, z32);
        double const few = gamma_of(8 + c.out) * std::max(1.0, steepness(c.activation, z32));
        for (std::int64_t o = 0; o < c.out; ++o) {
            auto const i = static_cast<std::size_t>(o);
            double const bound = few * (std::abs(y[i]) + (c.activation.kind == Kind::log_softmax ? std::abs(z32[i]) + 1.0 : 0.0)) + 1e-37;
            if (auto ok =
                    within(y[i], at(n.output, r * c.out + o), c.activation.kind == Kind::softmax ? few * 8.0 * y[i] : bound, "output");
                !ok)
                return ok;
        }
        RowGradient const g = row_gradient(c.activation, z32, row_of(n.output, r, c.out), row_of(x.output_gradient, r, c.out));
        dz.insert(dz.end(), g.value.begin(), g.value.end());
        for (double const size : g.size) dz_error.push_back(gamma_of(8 + 2 * c.out) * size);
    }
    auto const product = [&](std::int64_t count, auto&& dz_at, auto&& other, double actual, std::string const& what, double rounding) {
        double sum = 0.0, bound = 0.0;
        for (std::int64_t k = 0; k < count; ++k) {
            std::size_t const i = static_cast<std::size_t>(dz_at(k));
            double const factor = other(k);
            sum += dz[i] * factor;
            bound += ((gamma_of(count) + rounding) * std::abs(dz[i]) + dz_error[i]) * std::abs(factor);
        }
        return within(sum, actual, bound * (1.0 + 1e-3) + 1e-37, what);
    };
    for (std::int64_t o = 0; o < c.out; ++o) {
        auto const down = [&](std::int64_t r) { return r * c.out + o; };
        if (auto ok = product(
                c.batch, down, [](std::int64_t) { return 1.0; }, at(n.bias_gradient, o), "bias_gradient", 0.0);
            !ok)
            return ok;
        for (std::int64_t i = 0; i < c.in; ++i)
            if (auto ok = product(
                    c.batch, down, [&](std::int64_t r) { return at(x.input, r * c.in + i); }, at(n.weight_gradient, o * c.in + i),
                    "weight_gradient", operands);
                !ok)
                return ok;
    }
    for (std::int64_t r = 0; r < c.batch; ++r)
        for (std::int64_t i = 0; i < c.in; ++i)
            if (auto ok = product(
                    c.out, [&](std::int64_t o) { return r * c.out + o; }, [&](std::int64_t o) { return at(x.weight, o * c.in + i); },
                    at(n.input_gradient, r * c.in + i), "input_gradient", operands);
                !ok)
                return ok;
    return testing::AssertionSuccess();
}

// ---- losses ----------------------------------------------------------------------------------------------------------

namespace {

struct LossInputs {
    explicit LossInputs(LossCase const& c) : target(some_floats(c.rows * c.cols, 6, 0.0, 1.0)) {
        bool const share = c.loss == Loss::bce;
        output = some_floats(c.rows * c.cols, 5, share ? 0.001 : -3.0, share ? 0.999 : 3.0);
        if (!output.empty() && c.loss == Loss::l1) output[0] = target[0];  // no gradient there
        for (std::int64_t r = 0; r < c.rows; ++r) classes.push_back(r % 4 == 2 ? -100 : (r * 7) % c.cols);
    }
    std::vector<float> output, target;
    std::vector<std::int64_t> classes;
};

struct ValueAndSlope {
    double value, slope;
};
ValueAndSlope definition(Loss loss, double x, double t) {
    switch (loss) {
        case Loss::l1:
            return {std::abs(x - t), x > t ? 1.0 : x < t ? -1.0 : 0.0};
        case Loss::bce:
            return {-t * std::max(std::log(x), -100.0) - (1.0 - t) * std::max(std::log(1.0 - x), -100.0), (x - t) / (x * (1.0 - x))};
        case Loss::bce_with_logits:
            return {std::log1p(std::exp(x)) - t * x, 1.0 / (1.0 + std::exp(-x)) - t};
        default:
            return {(x - t) * (x - t), 2.0 * (x - t)};
    }
}

}  // namespace

std::string describe(LossCase const& c) {
    return std::string(to_string(c.loss)) + (c.by_class ? " of classes" : "") + ", " + std::to_string(c.rows) + " x " +
           std::to_string(c.cols) + ", gap " + std::to_string(c.place.gap) + ", offset " + std::to_string(c.place.offset);
}

std::vector<LossCase> loss_cases() {
    std::vector<LossCase> cases;
    for (auto const& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 31}, {2, 16}, {33, 17}, {70, 65}, {5, 257}})
        for (Placement const place : {Placement{}, Placement{3, 1}}) {
            for (Loss const loss : {Loss::mse, Loss::l1, Loss::bce, Loss::bce_with_logits, Loss::cross_entropy})
                cases.push_back({loss, rows, cols, false, place});
            cases.push_back({Loss::cross_entropy, rows, cols, true, place});
            cases.push_back({Loss::nll, rows, cols, true, place});
        }
    return cases;
}

LossNumbers loss_numbers(Context const& context, LossCase const& c) {
    LossInputs const x(c);
    Framed const output(context, x.output, c.rows, c.cols, c.place), target(context, x.target, c.rows, c.cols, c.place);
    Framed const gradient(context, c.rows, c.cols, c.place);
    Buffer<std::int64_t> classes(context, c.rows);
    classes.copy_from_host(x.classes.data());
    auto const run = [&](MatrixView<float> g) {
        if (c.by_class) return loss(context, c.loss, output.in(), std::span<std::int64_t const>(classes.span()), g);
        return loss(context, c.loss, output.in(), target.in(), g);
    };
    double const value = run(gradient.view());
    EXPECT_EQ(value, run({})) << describe(c);
    return {value, gradient.values(), output.is_framed() && target.is_framed() && gradient.is_framed()};
}

testing::AssertionResult near_definition(LossCase const& c, LossNumbers const& n) {
    LossInputs const x(c);
    if (!n.framed) return testing::AssertionFailure() << "something was written around the matrices";
    double counted = 0.0, value = 0.0, size = 0.0;
    for (std::int64_t r = 0; r < c.rows; ++r) counted += !c.by_class || x.classes[static_cast<std::size_t>(r)] >= 0 ? 1.0 : 0.0;
    bool const by_row = c.loss == Loss::cross_entropy || c.loss == Loss::nll;
    double const terms = by_row ? counted : static_cast<double>(c.rows * c.cols), share = 1.0 / terms;
    for (std::int64_t r = 0; r < c.rows; ++r) {
        std::int64_t const label = c.by_class ? x.classes[static_cast<std::size_t>(r)] : 0;
        double sum = 0.0, total = 0.0;
        for (std::int64_t i = 0; i < c.cols; ++i) {
            sum += std::exp(at(x.output, r * c.cols + i));
            total += c.by_class ? (i == label ? 1.0 : 0.0) : at(x.target, r * c.cols + i);
        }
        for (std::int64_t i = 0; i < c.cols; ++i) {
            std::int64_t const k = r * c.cols + i;
            double const out = at(x.output, k), t = c.by_class ? (i == label ? 1.0 : 0.0) : at(x.target, k);
            ValueAndSlope d{};
            if (c.loss == Loss::nll)
                d = {-t * out, -t};
            else if (c.loss == Loss::cross_entropy)
                d = {-t * (out - std::log(sum)), total * std::exp(out) / sum - t};
            else
                d = definition(c.loss, out, t);
            if (c.by_class && label < 0) d = {};
            value += d.value;
            size += std::abs(d.value) + (by_row ? t * std::abs(std::log(sum)) : 1.0);
            // The elementary functions' few ulp; a softmax adds up the sum of a row, and a difference of logarithms of up to 12.
            double const bound = by_row ? gamma_of(c.cols + 48) * share * (total * std::exp(out) / sum + t)
                                        : gamma_of(8) * share * (std::abs(d.slope) + (c.loss == Loss::bce_with_logits ? 1.0 : 0.0));
            if (auto ok = within(d.slope * share, at(n.gradient, k), bound, "gradient of element " + std::to_string(k)); !ok) return ok;
        }
    }
    return within(value * share, n.value, gamma_of(16 + c.cols) * share * size, "value");
}

// ---- optimizers ------------------------------------------------------------------------------------------------------

namespace {

struct StepInputs {
    explicit StepInputs(StepCase const& c)
        : gradient(some_floats(c.rows * c.cols, 7)),
          parameters(some_floats(c.rows * c.cols, 8)),
          first(some_floats(c.rows * c.cols, 9, -0.1, 0.1)),
          second(some_floats(c.rows * c.cols, 10, 0.0, 0.1)) {
        if (!parameters.empty()) parameters.back() = 0.0f;  // l1 leaves it alone
    }
    std::vector<float> gradient, parameters, first, second;
};

}  // namespace

std::string describe(StepCase const& c) {
    return "optimizer " + std::to_string(c.optimizer.index()) + ", t " + std::to_string(c.t) + ", " + std::to_string(c.rows) + " x " +
           std::to_string(c.cols) + ", gap " + std::to_string(c.place.gap) + ", offset " + std::to_string(c.place.offset);
}

std::vector<StepCase> step_cases() {
    std::vector<Optimizer> const optimizers{
        Sgd{.learning_rate = 0.1},
        Sgd{.learning_rate = 0.1, .weight_decay = 0.1, .l1 = 0.01},
        Sgd{.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.25, .weight_decay = 0.1},
        Sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true},
        Adam{.learning_rate = 0.01},
        Adam{.learning_rate = 0.01, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3, .weight_decay = 0.1, .l1 = 0.01},
        AdamW{.learning_rate = 0.01, .weight_decay = 0.5, .l1 = 0.01},
    };
    std::vector<StepCase> cases;
    for (auto const& optimizer : optimizers)
        for (std::int64_t const t : {1, 2, 1000})
            for (auto const& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 4113}, {3, 15}, {37, 33}})
                for (Placement const place : {Placement{}, Placement{3, 1}}) cases.push_back({optimizer, t, rows, cols, place});
    return cases;
}

StepNumbers step_numbers(Context const& context, StepCase const& c) {
    StepInputs const x(c);
    Framed const gradient(context, x.gradient, c.rows, c.cols, c.place), parameters(context, x.parameters, c.rows, c.cols, c.place);
    Framed const first(context, x.first, c.rows, c.cols, c.place), second(context, x.second, c.rows, c.cols, c.place);
    if (auto const* const sgd = std::get_if<Sgd>(&c.optimizer))
        sgd_step(context, *sgd, c.t, gradient.in(), parameters.view(), sgd->momentum > 0.0 ? first.view() : MatrixView<float>());
    if (auto const* const adam = std::get_if<Adam>(&c.optimizer))
        adam_step(context, *adam, c.t, gradient.in(), parameters.view(), first.view(), second.view());
    if (auto const* const adamw = std::get_if<AdamW>(&c.optimizer))
        adamw_step(context, *adamw, c.t, gradient.in(), parameters.view(), first.view(), second.view());
    context.synchronize();
    EXPECT_EQ(gradient.values(), x.gradient);
    return {parameters.values(), first.values(), second.values(),
            gradient.is_framed() && parameters.is_framed() && first.is_framed() && second.is_framed()};
}

testing::AssertionResult near_definition(StepCase const& c, StepNumbers const& n) {
    StepInputs const x(c);
    if (!n.framed) return testing::AssertionFailure() << "something was written around the matrices";
    auto const t = static_cast<double>(c.t);
    for (std::int64_t i = 0; i < c.rows * c.cols; ++i) {
        double g = at(x.gradient, i), p = at(x.parameters, i), m = at(x.first, i), v = at(x.second, i);
        double const sign = p > 0.0 ? 1.0 : p < 0.0 ? -1.0 : 0.0, size = std::abs(p);
        double bound = 0.0, moved = 0.0;  // of the parameter; of what is taken from it
        std::visit(
            [&](auto const& o) {
                using O = std::decay_t<decltype(o)>;
                bool const decoupled = std::is_same_v<O, AdamW>;
                double const rounded = std::abs(g) + o.weight_decay * size + o.l1;
                g += (decoupled ? 0.0 : o.weight_decay * p) + o.l1 * sign;
                if constexpr (std::is_same_v<O, Sgd>) {
                    double const before = std::abs(m);
                    if (o.momentum > 0.0) {
                        m = c.t == 1 ? g : o.momentum * m + (1.0 - o.dampening) * g;
                        g = o.nesterov ? g + o.momentum * m : m;
                    }
                    moved = o.learning_rate * (2.0 * rounded + before);
                } else {
                    if (decoupled) p *= 1.0 - o.learning_rate * o.weight_decay;
                    m = o.beta1 * m + (1.0 - o.beta1) * g;
                    v = o.beta2 * v + (1.0 - o.beta2) * g * g;
                    double const denominator = std::sqrt(v) / std::sqrt(1.0 - std::pow(o.beta2, t)) + o.epsilon;
                    double const rate = o.learning_rate / (1.0 - std::pow(o.beta1, t));
                    // v has the error of g twice over.
                    moved =
                        rate * (rounded + std::abs(at(x.first, i)) + std::abs(m) * (1.0 + 2.0 * rounded * std::abs(g) / v)) / denominator;
                    p -= rate * m / denominator;
                }
                if constexpr (std::is_same_v<O, Sgd>) p -= o.learning_rate * g;
                bound = gamma_of(3) * size + gamma_of(12) * moved;
            },
            c.optimizer);
        std::string const where = " of element " + std::to_string(i);
        if (auto ok = within(p, at(n.parameters, i), bound, "parameter" + where); !ok) return ok;
        double const scale = std::abs(at(x.gradient, i)) + 1.0;
        if (auto ok = within(m, at(n.first, i), gamma_of(8) * scale, "first moment" + where); !ok) return ok;
        if (auto ok = within(v, at(n.second, i), gamma_of(12) * scale * scale, "second moment" + where); !ok) return ok;
    }
    return testing::AssertionSuccess();
}

// ---- a training ------------------------------------------------------------------------------------------------------

namespace {

/// weight and bias of every layer, in this order
std::vector<std::vector<float>> tensors_of(Model const& model) {
    std::vector<std::vector<float>> list;
    auto const all = model.parameters();
    for (auto const& tensor : tensors(model.architecture())) {
        auto const& array = all.tensors.at(tensor.name);
        list.emplace_back(array.as<float>(), array.as<float>() + array.size());
    }
    return list;
}

}  // namespace

Trainings trained_both_ways(Context const& context, std::int64_t width, std::int64_t code, std::int64_t batch) {
    Adam const adam{.learning_rate = 3e-3};
    auto samples = some_floats(batch * width, 11, 0.0, 1.0);
    for (float& x : samples) x = x < 0.5f ? 0.0f : x;
    Model model(context, {width, {code, relu}, {width, sigmoid}}, {.seed = 7});
    auto const begin = tensors_of(model);
    auto const history = model.fit(MatrixView<float const>(samples.data(), batch, width),
                                   {.epochs = 1, .batch = batch, .optimizer = adam, .loss = Loss::mse, .shuffle = false});
    Trainings out{.model_loss = history.epochs.front().train_loss};
    for (auto const& tensor : tensors_of(model)) out.model.insert(out.model.end(), tensor.begin(), tensor.end());

    struct Parameter {
        Parameter(Context const& on, std::vector<float> const& from, std::int64_t rows)
            : cols(static_cast<std::int64_t>(from.size()) / rows),
              value(on, from, rows, cols),
              gradient(on, rows, cols),
              first(on, std::vector<float>(from.size()), rows, cols),
              second(on, std::vector<float>(from.size()), rows, cols) {}
        std::int64_t cols;
        Framed value, gradient, first, second;
    };
    std::vector<Parameter> p;
    for (std::size_t i = 0; i < begin.size(); ++i) p.emplace_back(context, begin[i], i == 0 ? code : i == 2 ? width : 1);
    Framed const x(context, samples, batch, width), hidden(context, batch, code), y(context, batch, width), dy(context, batch, width),
        dhidden(context, batch, code);
    DenseOptions const encoder{relu}, decoder{sigmoid};
    forward(context, encoder, x.in(), p[0].value.in(), p[1].value.span(), {}, hidden.view());
    forward(context, decoder, hidden.in(), p[2].value.in(), p[3].value.span(), {}, y.view());
    out.operations_loss = loss(context, Loss::mse, y.in(), x.in(), dy.view());
    backward(context, decoder, hidden.in(), p[2].value.in(), {}, y.in(), dy.in(), dhidden.view(), p[2].gradient.view(),
             p[3].gradient.span());
    backward(context, encoder, x.in(), p[0].value.in(), {}, hidden.in(), dhidden.in(), {}, p[0].gradient.view(), p[1].gradient.span());
    for (auto const& parameter : p)
        adam_step(context, adam, 1, parameter.gradient.in(), parameter.value.view(), parameter.first.view(), parameter.second.view());
    for (auto const& parameter : p) {
        auto const values = parameter.value.values();
        out.operations.insert(out.operations.end(), values.begin(), values.end());
    }
    return out;
}

}  // namespace ca3::test
