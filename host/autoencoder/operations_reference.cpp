#include "autoencoder/backend.hpp"
#include "autoencoder/batch.hpp"
#include "autoencoder/plan.hpp"
#include "autoencoder/reference_values.hpp"

#include <vector>

/// The definition of the operations, in f32: the loops of the reference's models.
namespace ca3::autoencoder::reference {
namespace {

using Kind = Activation::Kind;

/// Row r, or null where the matrix is left out.
template <class T>
T* row_of(MatrixView<T> const& x, std::int64_t r) {
    return x.data == nullptr ? nullptr : x.row(r);
}

/// dz of one row. z and y are null where the activation is differentiated without them.
void differentiate(Activation const& activation, std::int64_t n, float const* z, float const* y, float const* g, float* gz) {
    if (!is_elementwise(activation.kind)) return differentiate_row(activation.kind, n, z, y, g, gz);
    auto const slope = static_cast<float>(activation.slope);
    for (std::int64_t u = 0; u < n; ++u)
        gz[u] = g[u] * derivative(activation.kind, slope, z != nullptr ? z[u] : 0.0f, y != nullptr ? y[u] : 0.0f);
}

}  // namespace

void forward(Context const&, ForwardTask const& t) {
    std::int64_t const in = t.input.cols, out = t.output.cols;
    auto const slope = static_cast<float>(t.activation.slope);
    std::vector<float> z(static_cast<std::size_t>(out));
    for (std::int64_t r = 0; r < t.output.rows; ++r) {
        for (std::int64_t u = 0; u < out; ++u) {
            float sum = t.bias != nullptr ? t.bias[u] : 0.0f;
            for (std::int64_t i = 0; i < in; ++i) sum += t.input(r, i) * t.weight(u, i);
            z[static_cast<std::size_t>(u)] = sum;
        }
        float* const y = t.output.row(r);
        if (t.pre_activation.data != nullptr) std::copy(z.begin(), z.end(), t.pre_activation.row(r));
        if (is_elementwise(t.activation.kind))
            for (std::int64_t u = 0; u < out; ++u) y[u] = activated(t.activation.kind, slope, z[static_cast<std::size_t>(u)]);
        else
            activate_row(t.activation.kind, out, z.data(), y);
    }
}

void backward(Context const&, BackwardTask const& t) {
    std::int64_t const rows = t.input.rows, in = t.input.cols, out = t.weight.rows;
    std::vector<float> gradient(static_cast<std::size_t>(rows * out));
    MatrixView<float> const dz(gradient.data(), rows, out);
    if (out > 0)
        for (std::int64_t r = 0; r < rows; ++r)
            differentiate(t.activation, out, row_of(t.pre_activation, r), row_of(t.output, r), t.output_gradient.row(r), dz.row(r));
    for (std::int64_t u = 0; u < out; ++u) {
        float bias = 0.0f;
        for (std::int64_t r = 0; r < rows; ++r) bias += dz(r, u);
        if (t.bias_gradient != nullptr) t.bias_gradient[u] = bias;
        for (std::int64_t i = 0; i < in; ++i) {
            float sum = 0.0f;
            for (std::int64_t r = 0; r < rows; ++r) sum += dz(r, u) * t.input(r, i);
            t.weight_gradient(u, i) = sum;
        }
    }
    if (t.input_gradient.data == nullptr) return;
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t i = 0; i < in; ++i) {
            float sum = 0.0f;
            for (std::int64_t u = 0; u < out; ++u) sum += dz(r, u) * t.weight(u, i);
            t.input_gradient(r, i) = sum;
        }
}

double loss(Context const&, LossTask const& t) {
    std::int64_t const rows = t.output.rows, n = t.output.cols;
    bool const by_row = is_by_row(t.kind);
    double const terms = by_row ? static_cast<double>(t.counted) : static_cast<double>(rows) * static_cast<double>(n);
    auto const share = static_cast<float>(1.0 / terms);
    std::vector<float> log(static_cast<std::size_t>(n)), g(log.size());
    double sum = 0.0;
    for (std::int64_t r = 0; r < rows; ++r) {
        float const* const x = t.output.row(r);
        if (t.classes != nullptr && t.classes[r] == ignored_class) {
            std::fill(g.begin(), g.end(), 0.0f);
        } else if (t.classes != nullptr) {
            class_loss_row(t.kind, n, t.classes[r], share, x, log.data(), g.data(), sum);
        } else if (by_row) {
            probability_loss_row(n, share, x, t.target.row(r), log.data(), g.data(), sum);
        } else {
            for (std::int64_t u = 0; u < n; ++u) {
                auto const [value, slope] = elementwise_loss(t.kind, x[u], t.target(r, u));
                sum += static_cast<double>(value);
                g[static_cast<std::size_t>(u)] = slope * share;
            }
        }
        if (t.gradient.data != nullptr) std::copy(g.begin(), g.end(), t.gradient.row(r));
    }
    return sum / terms;
}

void step(Context const&, StepTask const& t) {
    for (std::int64_t r = 0; r < t.gradient.rows; ++r)
        for (std::int64_t c = 0; c < t.gradient.cols; ++c) {
            float const g = t.gradient(r, c);
            if (t.rule.kind == UpdateRule::Kind::adam)
                adam(t.rule, t.step, g, t.parameters(r, c), t.first(r, c), t.second(r, c));
            else
                sgd(t.rule, t.step, g, t.parameters(r, c), t.rule.has_first() ? &t.first(r, c) : nullptr);
        }
}

}  // namespace ca3::autoencoder::reference
