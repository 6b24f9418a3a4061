#include "autoencoder/cpu_pass.hpp"

#include "autoencoder/cpu_rows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

/// From the outputs to the loss, and from there back to the gradients of all linear maps.
namespace ca3::autoencoder::cpu {
namespace {
using Kind = Activation::Kind;
}

// ---- losses ----------------------------------------------------------------------------------------------------------

/// Whether the last layer is plain and the loss a sum over its outputs: then one panel of it goes through all of that.
bool Pass::loss_by_panels(Batch const& batch) const {
    int const last = static_cast<int>(plan_.layers.size()) - 1;
    return plan_.layers.back().is_plain() && !is_by_row(batch.objective->loss) &&
           std::ranges::none_of(batch.objective->penalties, [&](auto const& penalty) { return penalty.layer == last; });
}

namespace {

double total(float const* sums) {
    double sum = 0.0;
    for (int i = 0; i < 16; ++i) sum += static_cast<double>(sums[i]);
    return sum;
}

}  // namespace

/// @param by_panels the sums over the outputs are there
void Pass::loss(Batch const& batch, Share const& share, bool by_panels) const {
    std::int64_t const outputs = plan_.outputs();
    std::fill(common_.row_loss.begin() + share.first, common_.row_loss.begin() + share.last, 0.0);
    if (is_by_row(batch.objective->loss)) {
        row_loss(batch, share);
    } else {
        for (std::int64_t o = 0; !by_panels && o < panels(outputs); ++o)
            value_loss(batch, share, o, at(space_.layers.back().gradient, o, share), space_.sums + share.first * 16);
        double const each = 1.0 / (static_cast<double>(batch.rows) * static_cast<double>(outputs));
        for (std::int64_t r = share.first; r < share.last; ++r) common_.row_loss[r] = each * total(space_.sums + r * 16);
    }
    if (!batch.objective->penalties.empty()) penalties(batch, share);
    for (int l = 0; l < static_cast<int>(plan_.layers.size()); ++l) {
        auto const& p = planned(l);
        if (p.activation.kind != Kind::gaussian) continue;
        double const each = kl_share(*batch.objective, batch.rows);
        std::vector<float> z(static_cast<std::size_t>(p.linear));
        for (std::int64_t r = share.first; r < share.last; ++r) {
            gather_row(space(l).before, space_.between(), r, p.linear, z.data());
            common_.row_loss[r] += each * divergence_of_row(p.out, z.data());
        }
    }
}

/// Adds panel o of the outputs to the sums of each row, and makes the gradient of that panel.
void Pass::value_loss(Batch const& batch, Share const& share, std::int64_t o, float* gradient, float* sums) const {
    auto const& last = space_.layers.back();
    std::int64_t const outputs = plan_.outputs();
    bool const own = batch.data->targets.given || batch.maker->corrupts();
    double const each = 1.0 / (static_cast<double>(batch.rows) * static_cast<double>(outputs));
    kernels_.loss(batch.objective->loss, share.rows(), width_of(outputs, o), outputs - o * panel, static_cast<float>(each),
                  at(last.out, o, share), at(own ? space_.target : space_.input, o, share), gradient, sums);
}

/// Of panel o alone.
void Pass::gradient_of_loss(Batch const& batch, Share const& share, std::int64_t o) const {
    alignas(64) std::array<float, most_rows_by_panels * 16> sums{};
    value_loss(batch, share, o, at(space_.layers.back().gradient, o, share), sums.data());
}

void Pass::row_loss(Batch const& batch, Share const& share) const {
    int const last = static_cast<int>(plan_.layers.size()) - 1;
    std::int64_t const outputs = plan_.outputs();
    auto const n = static_cast<std::size_t>(outputs);
    bool const by_class = batch.data->by_class();
    bool const own = batch.data->targets.given || batch.maker->corrupts();
    double const each = 1.0 / static_cast<double>(batch.counted);
    std::vector<float> x(n), t(n), g(n);
    for (std::int64_t r = share.first; r < share.last; ++r) {
        gather_row(space(last).out, space_.between(), r, outputs, x.data());
        if (by_class) {
            std::int64_t const c = batch.data->targets.classes[static_cast<std::size_t>(batch.data->row(batch.begin + r))];
            if (c == ignored_class) {
                std::fill(g.begin(), g.end(), 0.0f);
                // No row counts: 0 / 0, as in PyTorch.
                common_.row_loss[r] = batch.counted == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0;
            } else {
                common_.row_loss[r] =
                    each * class_loss_row(batch.objective->loss, outputs, c, static_cast<float>(each), x.data(), g.data());
            }
        } else {
            gather_row(own ? space_.target : space_.input, space_.between(), r, outputs, t.data());
            common_.row_loss[r] = each * probability_loss_row(outputs, static_cast<float>(each), x.data(), t.data(), g.data());
        }
        scatter_row(g.data(), outputs, space(last).gradient, space_.between(), r);
    }
}

void Pass::penalties(Batch const& batch, Share const& share) const {
    for (auto const& penalty : batch.objective->penalties) {
        std::int64_t const units = planned(penalty.layer).out;
        double const each = penalty_share(penalty, batch.rows, units);
        std::fill(space_.sums + share.first * 16, space_.sums + share.last * 16, 0.0f);
        for (std::int64_t o = 0; o < panels(units); ++o)
            kernels_.absolute(share.rows(), width_of(units, o), units - o * panel, at(space(penalty.layer).active, o, share),
                              space_.sums + share.first * 16);
        for (std::int64_t r = share.first; r < share.last; ++r) common_.row_loss[r] += each * total(space_.sums + r * 16);
    }
}

// ---- backward --------------------------------------------------------------------------------------------------------

void Pass::backward(Batch const& batch, Share const& rows, bool inputs) const {
    Share share = rows;
    if (share.by_panels) {
        share.first = 0;
        share.last = batch.rows;
    }
    for (int l = static_cast<int>(plan_.layers.size()) - 1; l >= 0; --l) {
        auto const& p = planned(l);
        activation_gradient(l, batch, share);
        if (p.batch_norm()) normalisation_gradient(l, batch, share);
        space_.round(space(l).linear_gradient, p.linear, space(l).gradient_operand, share.first, share.last);
        if (l == 0 && !inputs) return;
        input_gradient(l, batch, share);
    }
}

/// From a unit on, what panel i of the inputs has.
float const* Pass::backward_weight(int l, std::int64_t i, std::int64_t unit) const {
    return store_.backward_weight(l) + (i * kernels_.places(planned(l).linear) + unit) * panel;
}

/// Panel i of the gradient of what layer l reads, summed over some units. `next` is the weight that is needed next.
void Pass::propagate(int l, std::int64_t i, Units units, float const* next, Share const& share, float* to) const {
    float const* const gradient = space(l).gradient_operand.across + units.first / panel * space_.between() + share.first * panel;
    kernels_.product(share.rows(), units.last - units.first, gradient, space_.between(), backward_weight(l, i, units.first), next,
                     width_of(planned(l).in, i), nullptr, to);
}

/// The gradient of some units of layer l, transposed: a row for each unit, rows of the batch in panels.
void Pass::turn_gradient(int l, Units units, Share const& share) const {
    std::int64_t const across = panels(planned(l).linear), rows = share.batch;
    for (std::int64_t q = 0; q < panels(rows); ++q)
        for (std::int64_t o = units.first / panel; o < panels(units.last); ++o)
            kernels_.transpose(std::min(panel, rows - q * panel), panel,
                               space(l).linear_gradient + o * space_.between() + q * panel * panel,
                               space_.turned.data() + (q * across + o) * panel * panel);
}

/// Panels first ... last-1 of the gradient of what layer l reads, summed over some units in the same order: (dz W)^T = W^T dz^T.
void Pass::propagate_turned(int l, std::int64_t first, std::int64_t last, Units units, Share const& share, auto&& to) const {
    constexpr std::int64_t together = 4;  // panels of a product, whose weights then stay in the caches for all rows of the batch
    alignas(64) std::array<float, together * panel * panel> sum;
    auto const& p = planned(l);
    std::int64_t const rows = share.batch;
    float const* const weight = store_.forward_weight(l) + units.first * p.in;
    for (std::int64_t i = first; i < last; i += together) {
        std::int64_t const inputs = std::min(p.in, std::min(last, i + together) * panel) - i * panel;
        for (std::int64_t q = 0; q < panels(rows); ++q) {
            std::int64_t const some = std::min(panel, rows - q * panel);
            float const* const gradient = space_.turned.data() + (q * panels(p.linear) * panel + units.first) * panel;
            kernels_.product(inputs, units.last - units.first, weight + i * panel * panel, p.in * panel, gradient, nullptr,
                             width_of(rows, q), nullptr, sum.data());
            for (std::int64_t j = 0; j * panel < inputs; ++j)
                kernels_.transpose(std::min(panel, inputs - j * panel), some, sum.data() + j * panel * panel,
                                   to(i + j) + q * panel * panel);
        }
    }
}

/// The second sum for panel i. In columns past the last, which it may have of another matrix, there remain zeros.
void Pass::add_half(int l, std::int64_t i, Share const& share, float const* half, float* sum) const {
    kernels_.add(share.rows() * panel, sum, half, sum);
    std::int64_t const columns = std::min(panel, planned(l).in - i * panel);
    for (std::int64_t r = 0; columns < panel && r < share.rows(); ++r) std::fill(sum + r * panel + columns, sum + (r + 1) * panel, 0.0f);
}

void Pass::input_gradient(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    std::int64_t const places = kernels_.places(p.linear), middle = kernels_.together == 1 ? middle_unit(batch.rows, p.linear) : 0;
    if (share.by_panels && middle > 0 && share.threads % 2 == 0) return input_gradient_by_halves(l, middle, batch, share);
    float* const below = l == 0 ? space_.input_gradient : space(l - 1).gradient;
    alignas(64) std::array<float, most_rows_by_panels * panel> second;
    if (middle > 0 && p.in % panel != 0) second.fill(0.0f);
    if (share.by_panels) hand_panels(space(l).linear_gradient, p.linear, share);
    auto const [first, last] = share.of(panels(p.in));
    if (batch.turned) turn_gradient(l, {0, p.linear}, share);
    for (std::int64_t i = first; i < last; ++i) {
        float* const sum = at(below, i, share);
        float const* const following = i + 1 < last ? backward_weight(l, i + 1, 0) : nullptr;
        auto const add_up = [&](Units units, float const* next, float* to) {
            if (batch.turned) return propagate_turned(l, i, i + 1, units, share, [&](std::int64_t) { return to; });
            propagate(l, i, units, next, share, to);
        };
        add_up({0, middle > 0 ? middle : places}, middle > 0 ? backward_weight(l, i, middle) : following, sum);
        if (middle == 0) continue;
        add_up({middle, places}, following, second.data());
        add_half(l, i, share, second.data(), sum);
    }
}

/// Each half of the threads sums up its half of the units for all panels, first for those of the other half, which it hands over.
void Pass::input_gradient_by_halves(int l, std::int64_t middle, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    std::int64_t const several = share.threads / 2, half = share.thread / several, member = share.thread % several;
    std::int64_t const all = panels(p.in), theirs = half == 0 ? all / 2 : 0, count = half == 0 ? all - all / 2 : all / 2;
    auto const [own, end] = share.of(all);
    Units const units = half == 0 ? Units{0, middle} : Units{middle, p.linear};
    auto const weight = [&](std::int64_t i) { return backward_weight(l, i, units.first); };
    auto const own_panel = [&](std::int64_t i) { return at(space(l - 1).gradient, i, share); };

    if (several > 1) hand_panels(space(l).linear_gradient, p.linear, share);
    float* const handed = common_.handed(space_.turn++);
    auto const handed_panel = [&](std::int64_t i) { return handed + i * common_.between_handed(); };
    std::int64_t const first = theirs + count * member / several, last = theirs + count * (member + 1) / several;
    if (batch.turned) {
        turn_gradient(l, units, share);
        propagate_turned(l, first, last, units, share, handed_panel);
        propagate_turned(l, own, end, units, share, own_panel);
    } else {
        for (std::int64_t i = first; i < last; ++i) propagate(l, i, units, weight(i + 1 < last ? i + 1 : own), share, handed_panel(i));
        for (std::int64_t i = own; i < end; ++i) propagate(l, i, units, i + 1 < end ? weight(i + 1) : nullptr, share, own_panel(i));
    }
    share.meet();  // what is handed over is there
    for (std::int64_t i = own; i < end; ++i) add_half(l, i, share, handed_panel(i), own_panel(i));
}

/// The gradient of the activation's result: dropout undone, penalties added, the projection undone.
void Pass::activated_gradient(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    for (std::int64_t o = 0; o < panels(p.out); ++o) {
        float* const g = at(s.gradient, o, share);
        if (p.dropout > 0.0 && batch.training) kernels_.multiply(share.rows() * panel, g, at(s.keep, o, share), g);
        for (auto const& penalty : batch.objective->penalties) {
            if (penalty.layer != l) continue;
            double const each = penalty_share(penalty, batch.rows, p.out);
            kernels_.add_signs(share.rows(), width_of(p.out, o), p.out - o * panel, static_cast<float>(each), at(s.active, o, share), g);
        }
    }
    if (p.unit_sphere) differentiate_projected_rows(share.first, share.last, p.out, space_.between(), s.activated, s.active, s.gradient);
}

/// Panel o of the gradient, through an elementwise activation.
void Pass::differentiate(int l, std::int64_t o, Share const& share) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    alignas(64) std::array<float, panel> slope{};
    store_.slopes(l, o, slope.data());
    kernels_.differentiate(p.activation.kind, share.rows(), width_of(p.out, o), slope.data(), at(s.before, o, share),
                           at(s.activated, o, share), at(s.gradient, o, share),
                           s.slope_part != nullptr ? at(s.slope_part, o, share) : nullptr);
}

void Pass::activation_gradient(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    if (l + 1 == static_cast<int>(plan_.layers.size()) && loss_by_panels(batch)) return;  // done with the loss
    activated_gradient(l, batch, share);
    if (is_elementwise(p.activation.kind)) {
        auto const [first, last] = share.of(panels(p.out));
        for (std::int64_t o = first; o < last; ++o) differentiate(l, o, share);
        return;
    }
    auto const units = static_cast<std::size_t>(p.linear);
    std::vector<float> z(units), y(units), g(units), gz(units), noise(units);
    double const kl = kl_share(*batch.objective, batch.rows);
    for (std::int64_t r = share.first; r < share.last; ++r) {
        gather_row(s.before, space_.between(), r, p.linear, z.data());
        gather_row(s.activated, space_.between(), r, p.out, y.data());
        gather_row(s.gradient, space_.between(), r, p.out, g.data());
        if (p.activation.kind == Kind::gaussian) {
            if (batch.training) gather_row(s.noise, space_.between(), r, p.out, noise.data());
            differentiate_sample_row(p.out, z.data(), batch.training ? noise.data() : nullptr, static_cast<float>(kl), g.data(), gz.data());
        } else {
            differentiate_row(p.activation.kind, p.out, z.data(), y.data(), g.data(), gz.data());
        }
        scatter_row(gz.data(), p.linear, s.linear_gradient, space_.between(), r);
    }
}

void Pass::normalisation_gradient(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    float const* const gamma = store_.parameters.data() + store_.layer(l).gamma.offset;
    share.meet();  // all rows of the gradient are there
    for (std::int64_t o = share.thread; o < panels(p.linear); o += share.threads)
        for (std::int64_t c = o * panel; c < std::min(p.linear, (o + 1) * panel); ++c) {
            std::int64_t const first = o * space_.between() + c % panel;
            double sum = 0.0, product = 0.0;
            for (std::int64_t r = 0; r < batch.rows; ++r) {
                auto const g = static_cast<double>(s.linear_gradient[first + r * panel]);
                sum += g;
                product += g * static_cast<double>(s.linear[first + r * panel]);
            }
            s.beta_gradient[c] = static_cast<float>(sum);
            s.gamma_gradient[c] = static_cast<float>(product);
        }
    share.meet();
    float const each = 1.0f / static_cast<float>(batch.rows);
    for (std::int64_t o = 0; o < panels(p.linear); ++o) {
        std::int64_t const n = std::min(panel, p.linear - o * panel);
        for (std::int64_t r = share.first; r < share.last; ++r) {
            float const* const x = s.linear + o * space_.between() + r * panel;
            float* const g = s.linear_gradient + o * space_.between() + r * panel;
            for (std::int64_t c = 0; c < n; ++c) {
                std::int64_t const u = o * panel + c;
                float const pulled = batch.training ? g[c] - each * s.beta_gradient[u] - x[c] * (each * s.gamma_gradient[u]) : g[c];
                g[c] = gamma[u] * s.scale[u] * pulled;
            }
        }
    }
}

}  // namespace ca3::autoencoder::cpu
