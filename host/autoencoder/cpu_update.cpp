#include "autoencoder/cpu_update.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace ca3::autoencoder::cpu {
namespace {

constexpr std::int64_t block = panel * panel;
constexpr std::int64_t portion = 4096;  ///< of a gradient, for the sum of its squares

}  // namespace

UpdateNumbers update_numbers(UpdateRule const& rule, std::int64_t step) {
    UpdateNumbers u;
    u.kind = rule.kind;
    u.l1 = static_cast<float>(rule.l1);
    u.weight_decay = rule.decoupled ? 0.0f : static_cast<float>(rule.weight_decay);
    u.first_step = step == 1;
    if (rule.kind == UpdateRule::Kind::sgd) {
        u.momentum = rule.momentum != 0.0;
        u.nesterov = rule.nesterov;
        u.rate = static_cast<float>(rule.learning_rate);
        u.beta1 = static_cast<float>(rule.momentum);
        u.gain1 = static_cast<float>(1.0 - rule.dampening);
        return u;
    }
    auto const t = static_cast<double>(step);
    u.shrink = rule.decoupled ? static_cast<float>(1.0 - rule.learning_rate * rule.weight_decay) : 1.0f;
    u.rate = static_cast<float>(rule.learning_rate / (1.0 - std::pow(rule.beta1, t)));
    u.beta1 = static_cast<float>(rule.beta1);
    u.gain1 = static_cast<float>(1.0 - rule.beta1);
    u.beta2 = static_cast<float>(rule.beta2);
    u.gain2 = static_cast<float>(1.0 - rule.beta2);
    u.unroot2 = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(rule.beta2, t)));
    u.epsilon = static_cast<float>(rule.epsilon);
    return u;
}

Update::Update(Plan const& plan, Kernels const& kernels, Store& store, Workspace& space)
    : plan_(plan), kernels_(kernels), store_(store), space_(space), tied_(plan.layers.size()) {
    for (std::size_t l = 0; l < plan.layers.size(); ++l)
        if (plan.layers[l].tied_to >= 0) tied_[static_cast<std::size_t>(plan.layers[l].tied_to)].push_back(static_cast<int>(l));
    for (int l = static_cast<int>(plan.layers.size()) - 1; l >= 0; --l) {
        PlannedLayer const& p = plan.layers[static_cast<std::size_t>(l)];
        for (std::int64_t o = 0; o < panels(p.linear); ++o) {
            tiles_.push_back({l, o, 0, true});
            if (p.tied_to >= 0) continue;
            for (std::int64_t i = 0; i < panels(p.in); ++i) tiles_.push_back({l, o, i, false});
        }
    }
    squares_.assign((store.parameters.size() + portion - 1) / portion, 0.0);
}

void Update::begin() {
    next_.store(0, std::memory_order_relaxed);
}

void Update::take(auto&& use) {
    constexpr std::int64_t several = 3;
    auto const count = static_cast<std::int64_t>(tiles_.size());
    for (;;) {
        std::int64_t const first = next_.fetch_add(several, std::memory_order_relaxed);
        if (first >= count) return;
        for (std::int64_t k = first; k < std::min(count, first + several); ++k) use(tiles_[static_cast<std::size_t>(k)]);
    }
}

/// Rows i, columns o of dW^T = x^T dz, and for layers that use W transposed dz^T x of theirs.
void Update::weight_gradient(int l, std::int64_t o, std::int64_t i, std::int64_t rows, float* out, Wanted const& wanted) const {
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(l)];
    std::int64_t const between = space_.between_down(), count = std::min(panel, p.in - i * panel), width = width_of(p.linear, o);
    auto const input = [&](int of) {
        return of == 0 ? space_.input_operand.down : space_.layers[static_cast<std::size_t>(of) - 1].out_operand.down;
    };
    auto const gradient = [&](int of) { return space_.layers[static_cast<std::size_t>(of)].gradient_operand.down; };
    if (l == 0)
        first_layer_gradient(o, i, out, wanted);
    else
        kernels_.transposed_product(count, kernels_.places(rows), input(l) + i * between, gradient(l) + o * between, width, out, wanted);
    for (int const other : tied_[static_cast<std::size_t>(l)]) {
        alignas(64) std::array<float, block> part{};
        kernels_.transposed_product(count, kernels_.places(rows), gradient(other) + i * between, input(other) + o * between, width,
                                    part.data(), {});
        for (std::int64_t r = 0; r < count; ++r)
            for (std::int64_t c = 0; c < width; ++c) out[r * panel + c] += part[static_cast<std::size_t>(r * panel + c)];
    }
}

/// The same without the rows in which a group of inputs is zero.
void Update::first_layer_gradient(std::int64_t o, std::int64_t i, float* out, Wanted const& wanted) const {
    PlannedLayer const& p = plan_.layers.front();
    std::int64_t const between = space_.between_down(), columns = std::min(panel, p.in - i * panel);
    constexpr std::int64_t groups = panel / zero_group;
    std::size_t const parts = space_.nonzeros.size();
    std::vector<std::uint32_t const*> list(parts);
    std::vector<std::int64_t> count(parts);
    for (std::int64_t g = 0; g * zero_group < columns; ++g) {
        for (std::size_t t = 0; t < parts; ++t) {
            Nonzeros const& zeros = space_.nonzeros[t];
            list[t] = zeros.rows.data() + (i * groups + g) * zeros.rows_of_group;
            count[t] = zeros.row_counts[static_cast<std::size_t>(i * groups + g)];
        }
        auto const* const next = wanted.block[static_cast<std::size_t>(g)];
        kernels_.listed_transposed_product(
            std::min(zero_group, columns - g * zero_group), {static_cast<std::int64_t>(parts), list.data(), count.data()},
            space_.input_operand.down + i * between + g * zero_group, space_.layers.front().gradient_operand.down + o * between,
            width_of(p.linear, o), out + g * zero_group * panel, next, next != nullptr ? wanted.lines : 0);
    }
}

/// give(offset, n, gradient) for each vector of panel o.
void Update::vector_gradients(int l, std::int64_t o, std::int64_t rows, auto&& give) const {
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(l)];
    LayerSpace const& s = space_.layers[static_cast<std::size_t>(l)];
    StoredLayer const& stored = store_.layer(l);
    std::int64_t const between = space_.between();
    alignas(64) std::array<float, panel> sums{};
    if (p.bias.exists()) {
        kernels_.column_sums(rows, s.linear_gradient + o * between, sums.data());
        give(stored.bias.offset + o * panel, panel, sums.data());
    }
    if (p.batch_norm()) {
        give(stored.gamma.offset + o * panel, panel, s.gamma_gradient + o * panel);
        give(stored.beta.offset + o * panel, panel, s.beta_gradient + o * panel);
    }
    if (!p.slope.exists()) return;
    if (p.slope.size > 1) {
        kernels_.column_sums(rows, s.slope_part + o * between, sums.data());
        give(stored.slope.offset + o * panel, panel, sums.data());
    } else if (o == 0) {
        double sum = 0.0;
        for (std::int64_t q = 0; q < panels(p.out); ++q) {
            kernels_.column_sums(rows, s.slope_part + q * between, sums.data());
            for (std::int64_t c = 0; c < std::min(panel, p.out - q * panel); ++c)
                sum += static_cast<double>(sums[static_cast<std::size_t>(c)]);
        }
        sums.fill(0.0f);
        sums[0] = static_cast<float>(sum);
        give(stored.slope.offset, 16, sums.data());
    }
}

float Update::update(UpdateNumbers const& numbers, std::int64_t offset, std::int64_t n, float const* gradient) const {
    return kernels_.update(numbers, n, store_.parameters.data() + offset, gradient,
                           store_.first.empty() ? nullptr : store_.first.data() + offset,
                           store_.second.empty() ? nullptr : store_.second.data() + offset);
}

void Update::copy(int l, std::int64_t o, std::int64_t i) const {
    store_.copy_tile(l, o, i, l > 0 || !tied_.front().empty());
}

/// What the update of a tile touches.
Wanted Update::wanted(int l, std::int64_t o, std::int64_t i) const {
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(l)];
    StoredLayer const& stored = store_.layer(l);
    std::int64_t const offset = stored.weight.offset + (o * p.in + i * panel) * panel;
    auto const at = [&](AlignedVector<float> const& list) { return list.empty() ? nullptr : list.data() + offset; };
    return {{at(store_.parameters), at(store_.first), at(store_.second)}, std::min(panel, p.in - i * panel) * 2};
}

bool Update::apply(std::int64_t rows, UpdateNumbers const& numbers) {
    float bad = 0.0f;
    // Columns that a product does not write stay zero.
    alignas(64) std::array<float, block> wide{}, narrow{};
    take([&](Tile const& tile) {
        PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(tile.layer)];
        if (tile.vectors) {
            vector_gradients(tile.layer, tile.o, rows,
                             [&](std::int64_t offset, std::int64_t n, float const* g) { bad += update(numbers, offset, n, g); });
            return;
        }
        float* const g = width_of(p.linear, tile.o) == panel ? wide.data() : narrow.data();
        std::int64_t const offset = store_.layer(tile.layer).weight.offset + (tile.o * p.in + tile.i * panel) * panel;
        weight_gradient(tile.layer, tile.o, tile.i, rows, g, wanted(tile.layer, tile.o, tile.i));
        bad += update(numbers, offset, std::min(panel, p.in - tile.i * panel) * panel, g);
        copy(tile.layer, tile.o, tile.i);
    });
    return bad == 0.0f;
}

void Update::gradients(std::int64_t rows, float* out) {
    take([&](Tile const& tile) {
        if (tile.vectors) {
            vector_gradients(tile.layer, tile.o, rows,
                             [&](std::int64_t offset, std::int64_t n, float const* g) { std::copy_n(g, n, out + offset); });
            return;
        }
        PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(tile.layer)];
        weight_gradient(tile.layer, tile.o, tile.i, rows,
                        out + store_.layer(tile.layer).weight.offset + (tile.o * p.in + tile.i * panel) * panel, {});
    });
}

void Update::square(int thread, int threads, float const* gradient) {
    auto const size = store_.parameters.size();
    for (std::size_t k = static_cast<std::size_t>(thread); k < squares_.size(); k += static_cast<std::size_t>(threads)) {
        double sum = 0.0;
        for (std::size_t i = k * portion; i < std::min(size, (k + 1) * portion); ++i)
            sum += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
        squares_[k] = sum;
    }
}

double Update::total_square() const {
    double sum = 0.0;
    for (double const part : squares_) sum += part;
    return sum;
}

bool Update::apply_given(int thread, int threads, float const* gradient, UpdateNumbers const& numbers) const {
    float bad = 0.0f;
    for (auto k = static_cast<std::size_t>(thread); k < tiles_.size(); k += static_cast<std::size_t>(threads)) {
        Tile const& tile = tiles_[k];
        PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(tile.layer)];
        StoredLayer const& stored = store_.layer(tile.layer);
        if (tile.vectors) {
            for (Spot const& spot : {stored.bias, stored.gamma, stored.beta, stored.slope}) {
                if (!spot.exists() || (spot.size < panel && tile.o > 0)) continue;
                std::int64_t const offset = spot.offset + tile.o * panel;
                bad += update(numbers, offset, std::min(panel, spot.size), gradient + offset);
            }
            continue;
        }
        std::int64_t const offset = stored.weight.offset + (tile.o * p.in + tile.i * panel) * panel;
        bad += update(numbers, offset, std::min(panel, p.in - tile.i * panel) * panel, gradient + offset);
        copy(tile.layer, tile.o, tile.i);
    }
    return bad == 0.0f;
}

}  // namespace ca3::autoencoder::cpu
