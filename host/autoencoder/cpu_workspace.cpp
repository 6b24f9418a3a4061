#include "autoencoder/cpu_workspace.hpp"

#include <algorithm>

namespace ca3::autoencoder::cpu {
namespace {

using Kind = Activation::Kind;

/// The gradient of the activation needs what it was applied to, not only its result.
bool needs_argument(Kind kind) {
    return kind == Kind::arctan || kind == Kind::leaky_relu || kind == Kind::prelu || kind == Kind::unit_sphere || kind == Kind::gaussian;
}

}  // namespace

void Common::fit_handed(Plan const& plan, std::int64_t rows) {
    if (rows <= handed_rows_) return;
    std::int64_t widest = 0;
    for (auto const& p : plan.layers) widest = std::max({widest, p.in, p.linear});
    handed_rows_ = 0;
    handed_ = {};
    handed_.assign(static_cast<std::size_t>(2 * panels(widest) * rows * panel), 0.0f);
    handed_rows_ = rows;
}

float* Workspace::take_values(std::int64_t count) {
    std::int64_t const first = taken_;
    taken_ += (count + 15) / 16 * 16;
    return memory_.empty() ? nullptr : memory_.data() + first;
}

float* Workspace::take(std::int64_t columns) {
    return take_values(panels(columns) * capacity * panel);
}

Operand Workspace::operand(float* matrix, std::int64_t columns) {
    if (kernels_.together == 1) return {matrix, matrix};
    float* const across = take(kernels_.places(columns));
    return {across, gradients_ ? take_values(panels(columns) * between_down()) : nullptr};
}

float* Workspace::take_vector(std::int64_t columns) {
    return take_values(panels(columns) * panel);
}

void Workspace::round(float const* matrix, std::int64_t columns, Operand const& to, std::int64_t first, std::int64_t last) const {
    std::int64_t const together = kernels_.together;
    if (together == 1) return;
    for (std::int64_t p = 0; p < panels(kernels_.places(columns)); ++p)
        kernels_.pair_columns(last - first, columns - p * panel * together, matrix + p * together * between() + first * panel, between(),
                              to.across + p * between() + first * panel);
    if (to.down == nullptr) return;
    for (std::int64_t p = 0; p < panels(columns); ++p)
        kernels_.pair_rows(last - first, matrix + p * between() + first * panel,
                           to.down + p * between_down() + kernels_.places(first) * panel);
}

void Workspace::fit(Plan const& plan, std::int64_t rows, bool with_gradients) {
    if (rows <= capacity && (gradients_ || !with_gradients)) return;
    layers.reserve(plan.layers.size());  // then only memory_ may throw
    std::int64_t const wanted = capacity = std::max(rows, capacity);
    gradients_ = gradients_ || with_gradients;
    memory_ = {};
    lay_out(plan);  // counts only
    capacity = 0;   // in case of a throw
    memory_.assign(static_cast<std::size_t>(taken_), 0.0f);
    capacity = wanted;
    lay_out(plan);
}

void Workspace::lay_out(Plan const& plan) {
    taken_ = 0;
    layers.clear();
    input = take(plan.inputs);
    input_operand = operand(input, plan.inputs);
    target = take(plan.outputs());
    if (gradients_) input_gradient = take(plan.inputs);
    sums = take_values(capacity * 16);
    for (auto const& p : plan.layers) {
        bool const gaussian = p.activation.kind == Kind::gaussian;
        LayerSpace s;
        s.out = take(p.out);
        if (&p != &plan.layers.back()) s.out_operand = operand(s.out, p.out);
        s.active = p.dropout > 0.0 ? take(p.out) : s.out;
        s.activated = p.unit_sphere ? take(p.out) : s.active;
        s.before = needs_argument(p.activation.kind) ? take(p.linear) : s.activated;
        s.linear = p.batch_norm() ? take(p.linear) : s.before;
        if (p.dropout > 0.0) s.keep = take(p.out);
        if (gaussian) s.noise = take(p.out);
        if (p.batch_norm()) {
            s.mean = take_vector(p.linear);
            s.variance = take_vector(p.linear);
            s.scale = take_vector(p.linear);
        }
        // The loss writes the last layer's gradient even where nobody asks for it.
        s.gradient = gradients_ || &p == &plan.layers.back() ? take(p.out) : nullptr;
        if (gradients_) {
            s.linear_gradient = gaussian ? take(p.linear) : s.gradient;
            s.gradient_operand = operand(s.linear_gradient, p.linear);
            if (p.slope.exists()) s.slope_part = take(p.out);
            if (p.batch_norm()) {
                s.gamma_gradient = take_vector(p.linear);
                s.beta_gradient = take_vector(p.linear);
            }
        }
        layers.push_back(s);
    }
}

}  // namespace ca3::autoencoder::cpu
