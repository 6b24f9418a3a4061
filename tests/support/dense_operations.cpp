#include "support/dense_operations.hpp"
#include "support/roundings.hpp"

#include <ca3/random.hpp>

#include <algorithm>
#include <cmath>

namespace ca3::test {
namespace {

using namespace autoencoder;
using Kind = Activation::Kind;

constexpr std::uint32_t frame_bits = 0x7FC0A5A5;  // a quiet NaN
constexpr std::int64_t guard = 64;

bool is_frame(float x) {
    return std::bit_cast<std::uint32_t>(x) == frame_bits;
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

/// How far y may be from f(z) in element i. Elementary functions are within some 4 ulp; a softmax, its logarithm and a norm have a sum of n
/// terms, and the first two the differences z - max - ln sum, which are rounded before they are raised.
double output_bound(Activation const& a, std::vector<double> const& z, std::vector<double> const& y, std::size_t i) {
    double const few = gamma_of(8 + 2 * static_cast<std::int64_t>(z.size())), size = std::abs(y[i]) + 1e-37;
    if (a.kind != Kind::softmax && a.kind != Kind::log_softmax) return few * size;
    double const differences = *std::max_element(z.begin(), z.end()) - z[i] + std::log(static_cast<double>(z.size()));
    return (few + 2.0 * roundoff * differences) * (a.kind == Kind::softmax ? size : 1.0);
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

/// What a product of two operands loses beside its sum. tf32 keeps 11 bits of each, bf16 8: 2^-11 and 2^-8 of each to nearest. tf32x3
/// leaves out a product of 2^-22 and rounds what is left of each to 2^-22.
double product_roundoff(Precision precision) {
    double const each = precision == Precision::tf32 ? 0x1p-11 : precision == Precision::bf16 ? 0x1p-8 : 0.0;
    return precision == Precision::tf32x3 ? 3.0 * 0x1p-22 : 2.0 * each + each * each;
}

std::vector<double> row_of(std::vector<float> const& x, std::int64_t r, std::int64_t n) {
    return {x.begin() + r * n, x.begin() + (r + 1) * n};
}

/// z against the sums, and y against f(z) of this z.
testing::AssertionResult forward_is_near(DenseCase const& c, DenseInputs const& x, DenseNumbers const& n) {
    double const operands = product_roundoff(c.precision);
    for (std::int64_t r = 0; r < c.batch; ++r) {
        for (std::int64_t o = 0; o < c.out; ++o) {
            double sum = c.bias ? at(x.bias, o) : 0.0, size = std::abs(sum);
            for (std::int64_t i = 0; i < c.in; ++i) {
                double const term = at(x.input, r * c.in + i) * at(x.weight, o * c.in + i);
                sum += term;
                size += std::abs(term);
            }
            double const bound = (gamma_of(c.in + 1) + operands) * size;
            if (auto ok = within(sum, at(n.pre_activation, r * c.out + o), bound, "pre_activation"); !ok) return ok;
        }
        auto const z = row_of(n.pre_activation, r, c.out), y = activated_row(c.activation, z);
        for (std::size_t o = 0; o < y.size(); ++o) {
            double const actual = at(n.output, r * c.out + static_cast<std::int64_t>(o));
            if (auto ok = within(y[o], actual, output_bound(c.activation, z, y, o), "output"); !ok) return ok;
        }
    }
    return testing::AssertionSuccess();
}

/// Gradients against those of z and y as they are. The errors of dz go through the sums.
testing::AssertionResult backward_is_near(DenseCase const& c, DenseInputs const& x, DenseNumbers const& n) {
    std::vector<double> dz, dz_error;
    for (std::int64_t r = 0; r < c.batch; ++r) {
        RowGradient const g =
            row_gradient(c.activation, row_of(n.pre_activation, r, c.out), row_of(n.output, r, c.out), row_of(x.output_gradient, r, c.out));
        dz.insert(dz.end(), g.value.begin(), g.value.end());
        for (double const size : g.size) dz_error.push_back(gamma_of(8 + 2 * c.out) * size);
    }
    /// sum over k of dz[first + k step] factor(k)
    auto const sum_is_near = [&](std::int64_t first, std::int64_t step, std::int64_t count, auto&& factor, double operands, double actual,
                                 char const* what) {
        double sum = 0.0, bound = 0.0;
        for (std::int64_t k = 0; k < count; ++k) {
            auto const i = static_cast<std::size_t>(first + k * step);
            double const f = factor(k);
            sum += dz[i] * f;
            bound += ((gamma_of(count) + operands) * std::abs(dz[i]) + dz_error[i] * (1.0 + 1e-2)) * std::abs(f);
        }
        return within(sum, actual, bound + 1e-37, what);
    };
    double const operands = product_roundoff(c.precision);
    for (std::int64_t o = 0; o < c.out; ++o) {
        auto const one = [](std::int64_t) { return 1.0; };
        if (auto ok = sum_is_near(o, c.out, c.batch, one, 0.0, at(n.bias_gradient, o), "bias_gradient"); !ok) return ok;
        for (std::int64_t i = 0; i < c.in; ++i) {
            auto const input = [&](std::int64_t r) { return at(x.input, r * c.in + i); };
            double const actual = at(n.weight_gradient, o * c.in + i);
            if (auto ok = sum_is_near(o, c.out, c.batch, input, operands, actual, "weight_gradient"); !ok) return ok;
        }
    }
    for (std::int64_t r = 0; r < c.batch; ++r)
        for (std::int64_t i = 0; i < c.in; ++i) {
            auto const weight = [&](std::int64_t o) { return at(x.weight, o * c.in + i); };
            double const actual = at(n.input_gradient, r * c.in + i);
            if (auto ok = sum_is_near(r * c.out, 1, c.out, weight, operands, actual, "input_gradient"); !ok) return ok;
        }
    return testing::AssertionSuccess();
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
    if (!n.framed) return testing::AssertionFailure() << "something was written around the matrices";
    DenseInputs const x(c);
    auto const forwards = forward_is_near(c, x, n);
    return forwards ? backward_is_near(c, x, n) : forwards;
}

}  // namespace ca3::test
