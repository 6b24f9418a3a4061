#include "autoencoder/cpu_pass.hpp"

#include "autoencoder/cpu_rows.hpp"
#include "core/philox.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace ca3::autoencoder::cpu {
namespace {

using Kind = Activation::Kind;

/// Row-major rows made in small groups, then put into panels.
void into_panels(std::int64_t columns, std::int64_t first, std::int64_t last, std::int64_t between, float* matrix, auto&& make) {
    constexpr std::int64_t group = 8;
    std::vector<float> rows(static_cast<std::size_t>(group * columns));
    for (std::int64_t r = first; r < last; r += group) {
        std::int64_t const n = std::min(group, last - r);
        make(r, n, rows.data());
        for (std::int64_t i = 0; i < n; ++i) scatter_row(rows.data() + i * columns, columns, matrix, between, r + i);
    }
}

}  // namespace

// ---- forward ---------------------------------------------------------------------------------------------------------

void Pass::load(Batch const& batch, Share const& share, bool targets) const {
    auto const& maker = *batch.maker;
    into_panels(plan_.inputs, share.first, share.last, space_.between(), space_.input, [&](std::int64_t r, std::int64_t n, float* out) {
        maker.make(batch.begin, r, n, batch.number + r, batch.step, out, plan_.inputs);
    });
    space_.round(space_.input, plan_.inputs, space_.input_operand, share.first, share.last);
    find_zeros(batch, share);
    if (share.by_panels) {
        space_.turn = 0;
        hand_rows(space_.input, plan_.inputs, share);
    }
    bool const own = batch.data->targets.given || maker.corrupts();
    if (!targets || !own || !batch.data->targets.classes.empty()) return;
    into_panels(plan_.outputs(), share.first, share.last, space_.between(), space_.target,
                [&](std::int64_t r, std::int64_t n, float* out) { maker.targets(batch.begin, r, n, out, plan_.outputs()); });
    if (share.by_panels) hand_rows(space_.target, plan_.outputs(), share);
}

bool Pass::worth_turning(Batch const& batch) const {
    std::int64_t const padded = (batch.rows + 15) / 16 * 16;  // as the products compute them then: a tenth in vain at most
    return 10 * padded <= 11 * batch.rows && std::ranges::none_of(plan_.layers, [](auto const& p) { return p.tied_to >= 0; });
}

/// Of a matrix of which each thread has made some rows gives it the others.
void Pass::hand_rows(float* matrix, std::int64_t columns, Share const& share) const {
    float* const handed = common_.handed(space_.turn++);
    std::int64_t const first = share.first * panel, last = share.last * panel, end = share.batch * panel;
    for (std::int64_t p = 0; p < panels(columns); ++p) {
        float const* const rows = matrix + p * space_.between();
        std::copy(rows + first, rows + last, handed + p * common_.between_handed() + first);
    }
    share.meet();
    for (std::int64_t p = 0; p < panels(columns); ++p) {
        float const* const rows = handed + p * common_.between_handed();
        float* const to = matrix + p * space_.between();
        std::copy(rows, rows + first, to);
        std::copy(rows + last, rows + end, to + last);
    }
}

/// Hands over a panel that the thread has made.
void Pass::give_panel(float const* matrix, std::int64_t p, Share const& share) const {
    std::copy_n(matrix + p * space_.between(), share.batch * panel, common_.handed(space_.turn) + p * common_.between_handed());
}

/// Takes rows first ... last-1 of the panels that the others have handed over, once all are there.
void Pass::take_panels(float* matrix, std::int64_t columns, Share const& share, std::int64_t first, std::int64_t last) const {
    float const* const handed = common_.handed(space_.turn++) + first * panel;
    auto const [own, end] = share.of(panels(columns));
    share.meet();
    for (std::int64_t p = 0; p < panels(columns); ++p)
        if (p < own || p >= end)
            std::copy_n(handed + p * common_.between_handed(), (last - first) * panel, matrix + p * space_.between() + first * panel);
}

/// Of a matrix of which each thread has made some panels gives it the others.
void Pass::hand_panels(float* matrix, std::int64_t columns, Share const& share) const {
    auto const [own, end] = share.of(panels(columns));
    for (std::int64_t p = own; p < end; ++p) give_panel(matrix, p, share);
    take_panels(matrix, columns, share, 0, share.batch);
}

void Pass::find_zeros(Batch const& batch, Share const& share) const {
    Nonzeros& zeros = common_.nonzeros[static_cast<std::size_t>(share.thread)];
    std::int64_t const between = space_.between(), count = (share.rows() + kernels_.tile_rows - 1) / kernels_.tile_rows;
    zeros.tiles.resize(static_cast<std::size_t>(count + 1));
    zeros.columns.resize(std::max(zeros.columns.size(), static_cast<std::size_t>(count * plan_.inputs)));
    zeros.column_counts.resize(static_cast<std::size_t>(count));
    for (std::int64_t t = 0; t <= count; ++t)
        zeros.tiles[static_cast<std::size_t>(t)] = share.first + (count == 0 ? 0 : share.rows() * t / count);
    for (std::int64_t t = 0; t < count; ++t) {
        std::int64_t const first = zeros.tiles[static_cast<std::size_t>(t)];
        zeros.column_counts[static_cast<std::size_t>(t)] =
            kernels_.nonzero_columns(zeros.tiles[static_cast<std::size_t>(t) + 1] - first, kernels_.places(plan_.inputs),
                                     space_.input_operand.across + first * panel, between, zeros.columns.data() + t * plan_.inputs);
    }
    if (space_.input_operand.down == nullptr) return;
    constexpr std::int64_t groups = panel / zero_group;
    zeros.rows_of_group = space_.capacity;
    zeros.rows.resize(static_cast<std::size_t>(panels(plan_.inputs) * groups * zeros.rows_of_group));
    zeros.row_counts.resize(static_cast<std::size_t>(panels(plan_.inputs) * groups));
    zeros.first_counts.resize(zeros.row_counts.size());
    auto const middle = static_cast<std::uint32_t>(kernels_.places(middle_row(batch.rows, plan_.inputs, planned(0).linear)));
    for (std::int64_t p = 0; p < panels(plan_.inputs); ++p) {
        std::array<std::uint32_t*, groups> list{};
        for (std::int64_t g = 0; g < groups; ++g)
            list[static_cast<std::size_t>(g)] = zeros.rows.data() + (p * groups + g) * zeros.rows_of_group;
        std::int64_t const row = kernels_.places(share.first);
        kernels_.nonzero_rows(kernels_.places(share.rows()), space_.input_operand.down + p * space_.between_down() + row * panel, row,
                              list.data(), zeros.row_counts.data() + p * groups);
        for (std::int64_t g = 0; g < groups; ++g) {
            auto const k = static_cast<std::size_t>(p * groups + g);
            std::uint32_t const* const rows = list[static_cast<std::size_t>(g)];
            zeros.first_counts[k] = std::lower_bound(rows, rows + zeros.row_counts[k], middle) - rows;
        }
    }
}

void Pass::forward(Batch const& batch, Share const& share, int first, int last) const {
    for (int l = first; l <= last; ++l) layer(l, batch, share, false);
}

bool Pass::worth_panels(Batch const& batch, int threads) const {
    constexpr std::int64_t least_weights = 1 << 18;  // more than a core's cache holds with their gradients
    if (threads == 1 || batch.rows > most_rows_by_panels || kernels_.together > 1 || !loss_by_panels(batch)) return false;
    if (!batch.objective->penalties.empty()) return false;
    std::int64_t weights = 0, longest = 0;  // of all threads; of the one that has most
    for (auto const& p : plan_.layers) {
        if (!p.is_plain()) return false;
        weights += p.in * p.linear;
        longest += p.in * std::min(p.linear, (panels(p.linear) + threads - 1) / threads * panel);
    }
    return weights >= least_weights && 10 * longest * threads <= 11 * weights;  // nobody waits for more than a tenth
}

void Pass::forward_by_panels(Batch const& batch, Share const& share) const {
    Share all = share;
    all.first = 0;
    all.last = batch.rows;
    int const last = static_cast<int>(plan_.layers.size()) - 1;
    for (int l = 0; l <= last; ++l) {
        layer(l, batch, all, l == last);
        // Of the outputs the losses of the thread's rows need all.
        bool const some = l == last;
        take_panels(space(l).out, planned(l).out, share, some ? share.first : 0, some ? share.last : batch.rows);
    }
    // The loss of a row is one sum over all panels, in their order.
    alignas(64) std::array<float, most_rows_by_panels * panel> gradient;
    for (std::int64_t o = 0; o < panels(plan_.outputs()); ++o) value_loss(batch, share, o, gradient.data(), space_.sums + share.first * 16);
    loss(batch, share, true);
}

void Pass::forward_to_loss(Batch const& batch, Share const& share) const {
    std::fill(space_.sums + share.first * 16, space_.sums + share.last * 16, 0.0f);
    if (share.by_panels) return forward_by_panels(batch, share);
    int const last = static_cast<int>(plan_.layers.size()) - 1;
    bool const by_panels = loss_by_panels(batch);
    forward(batch, share, 0, last - 1);
    layer(last, batch, share, by_panels);
    loss(batch, share, by_panels);
}

void Pass::layer(int l, Batch const& batch, Share const& share, bool with_loss) const {
    linear(l, batch, share, with_loss);
    auto const& p = planned(l);
    if (p.batch_norm()) normalise(l, batch, share);
    if (p.batch_norm() || !is_elementwise(p.activation.kind)) activate(l, batch, share);
    if (p.unit_sphere) project_rows(share.first, share.last, p.out, space_.between(), space(l).activated, space(l).active);
    if (p.dropout > 0.0) drop(l, batch, share);
}

/// What a share reads first of a layer's weight; null past the last layer.
float const* Pass::own_weight(int l, Share const& share) const {
    if (l == static_cast<int>(plan_.layers.size())) return nullptr;
    return store_.forward_weight(l) + share.of(panels(planned(l).linear)).first * kernels_.places(planned(l).in) * panel;
}

/// The linear map; an elementwise activation, and the loss where that goes by panels, while what they need is at hand.
void Pass::linear(int l, Batch const& batch, Share const& share, bool with_loss) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    float const* const input = l == 0 ? space_.input_operand.across : space(l - 1).out_operand.across;
    float const* const weight = store_.forward_weight(l);
    std::int64_t const k = kernels_.places(p.in);
    if (l > 0) space_.round(space(l - 1).out, p.in, space(l - 1).out_operand, share.first, share.last);
    bool const at_once = !p.batch_norm() && is_elementwise(p.activation.kind);
    alignas(64) std::array<float, panel> slope{};
    auto const [first_panel, last_panel] = share.of(panels(p.linear));
    for (std::int64_t o = first_panel; o < last_panel; ++o) {
        std::int64_t const width = width_of(p.linear, o);
        float const* const bias = p.bias.exists() ? store_.parameters.data() + store_.layer(l).bias.offset + o * panel : nullptr;
        float* const z = at(s.linear, o, share);
        if (l == 0) {
            for (Nonzeros const& zeros : rows_of(share))
                for (std::size_t t = 0; t < zeros.column_counts.size(); ++t) {
                    std::int64_t const first = zeros.tiles[t], rows = zeros.tiles[t + 1] - first;
                    kernels_.listed_product(rows, zeros.column_counts[t], zeros.columns.data() + static_cast<std::int64_t>(t) * p.in,
                                            input + first * panel, space_.between(), weight + o * k * panel, width, bias,
                                            s.linear + o * space_.between() + first * panel);
                }
        } else {
            float const* const next = o + 1 < last_panel ? weight + (o + 1) * k * panel : own_weight(l + 1, share);
            kernels_.product(share.rows(), k, input + share.first * panel, space_.between(), weight + o * k * panel, next, width, bias, z);
        }
        if (!at_once) continue;
        store_.slopes(l, o, slope.data());
        kernels_.activate(p.activation.kind, share.rows(), width, slope.data(), z, at(s.activated, o, share));
        if (share.by_panels) give_panel(s.out, o, share);
        if (!with_loss) continue;
        if (share.by_panels)
            gradient_of_loss(batch, share, o);
        else
            value_loss(batch, share, o, at(s.gradient, o, share), space_.sums + share.first * 16);
        if (batch.backward) differentiate(l, o, share);
    }
}

void Pass::activate(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    if (!is_elementwise(p.activation.kind)) return activate_rows(l, batch, share);
    alignas(64) std::array<float, panel> slope{};
    for (std::int64_t o = 0; o < panels(p.linear); ++o) {
        store_.slopes(l, o, slope.data());
        kernels_.activate(p.activation.kind, share.rows(), width_of(p.linear, o), slope.data(), at(space(l).before, o, share),
                          at(space(l).activated, o, share));
    }
}

void Pass::activate_rows(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    std::vector<float> z(static_cast<std::size_t>(p.linear)), y(static_cast<std::size_t>(p.out)), noise(y.size());
    LatentDraw const draw{batch.data->seed, static_cast<std::uint32_t>(l), batch.step};
    for (std::int64_t r = share.first; r < share.last; ++r) {
        gather_row(s.before, space_.between(), r, p.linear, z.data());
        if (p.activation.kind != Kind::gaussian) {
            activate_row(p.activation.kind, p.out, z.data(), y.data());
        } else if (batch.training) {
            sample_row(draw, r, p.out, z.data(), noise.data(), y.data());
            scatter_row(noise.data(), p.out, s.noise, space_.between(), r);
        } else {
            std::copy_n(z.begin(), p.out, y.begin());
        }
        scatter_row(y.data(), p.out, s.activated, space_.between(), r);
    }
}

/// Batch statistics go over all rows, each column downwards, so that their bits do not depend on the shares.
void Pass::normalise(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    auto const& stored = store_.layer(l);
    float* const running_mean = store_.buffers.data() + stored.mean.offset;
    float* const running_variance = store_.buffers.data() + stored.variance.offset;
    float const* const gamma = store_.parameters.data() + stored.gamma.offset;
    float const* const beta = store_.parameters.data() + stored.beta.offset;
    float* const mean = batch.training ? s.mean : running_mean;
    share.meet();  // all rows of z are there
    for (std::int64_t o = share.thread; o < panels(p.linear); o += share.threads)
        for (std::int64_t c = o * panel; c < std::min(p.linear, (o + 1) * panel); ++c) {
            float variance = running_variance[c];
            if (batch.training) {
                float const* const column = s.linear + o * space_.between() + c % panel;
                double sum = 0.0, squares = 0.0;
                for (std::int64_t r = 0; r < batch.rows; ++r) sum += static_cast<double>(column[r * panel]);
                double const centre = sum / static_cast<double>(batch.rows);
                for (std::int64_t r = 0; r < batch.rows; ++r) {
                    double const d = static_cast<double>(column[r * panel]) - centre;
                    squares += d * d;
                }
                mean[c] = static_cast<float>(centre);
                variance = static_cast<float>(squares / static_cast<double>(batch.rows));
                s.variance[c] = variance;
            }
            s.scale[c] = 1.0f / std::sqrt(variance + batch_norm_epsilon);
        }
    share.meet();
    for (std::int64_t o = 0; o < panels(p.linear); ++o) {
        std::int64_t const n = std::min(panel, p.linear - o * panel);
        for (std::int64_t r = share.first; r < share.last; ++r) {
            float* const z = s.linear + o * space_.between() + r * panel;
            float* const y = s.before + o * space_.between() + r * panel;
            for (std::int64_t c = 0; c < n; ++c) {
                std::int64_t const u = o * panel + c;
                z[c] = (z[c] - mean[u]) * s.scale[u];
                y[c] = z[c] * gamma[u] + beta[u];
            }
        }
    }
}

void Pass::drop(int l, Batch const& batch, Share const& share) const {
    auto const& p = planned(l);
    auto const& s = space(l);
    if (!batch.training) {
        for (std::int64_t o = 0; o < panels(p.out); ++o) std::copy_n(at(s.active, o, share), share.rows() * panel, at(s.out, o, share));
        return;
    }
    auto const dropped = static_cast<std::uint64_t>(p.dropout * 0x1p32);
    auto const kept = static_cast<float>(1.0 / (1.0 - p.dropout));
    std::vector<float> factors(static_cast<std::size_t>(p.out));
    AlignedVector<std::uint32_t> draws(static_cast<std::size_t>((p.out + 3) / 4 * 4 + 64 + 64));
    for (std::int64_t r = share.first; r < share.last; ++r) {
        auto const index = static_cast<std::uint64_t>(r * p.out);
        auto const skipped = static_cast<std::int64_t>(index & 3);
        std::int64_t const blocks = (skipped + p.out + 63) / 64 * 16;
        fill_(batch.data->seed, random::Purpose::dropout, static_cast<std::uint32_t>(l), batch.step, index >> 2, blocks, draws.data());
        for (std::int64_t u = 0; u < p.out; ++u)
            factors[static_cast<std::size_t>(u)] = draws[static_cast<std::size_t>(skipped + u)] < dropped ? 0.0f : kept;
        scatter_row(factors.data(), p.out, s.keep, space_.between(), r);
    }
    for (std::int64_t o = 0; o < panels(p.out); ++o)
        kernels_.multiply(share.rows() * panel, at(s.active, o, share), at(s.keep, o, share), at(s.out, o, share));
}

}  // namespace ca3::autoencoder::cpu
