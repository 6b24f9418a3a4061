#include "autoencoder/cpu_update.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

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

Update::Update(Plan const& plan, Kernels const& kernels, Store& store, Common const& common)
    : plan_(plan), kernels_(kernels), store_(store), common_(common), tied_(plan.layers.size()) {
    for (std::size_t l = 0; l < plan.layers.size(); ++l)
        if (plan.layers[l].tied_to >= 0) tied_[static_cast<std::size_t>(plan.layers[l].tied_to)].push_back(static_cast<int>(l));
    squares_.assign((store.parameters.size() + portion - 1) / portion, 0.0);
}

void Update::begin(std::int64_t rows, int threads, std::span<Workspace* const> spaces, bool copies) {
    spaces_ = spaces;
    copies_ = copies;
    if (rows != rows_ || (threads > 1) != hands_over_) share_out(rows, threads > 1);
    for (Queue* const queue : {others_.data(), others_.data() + 1, own_.data(), own_.data() + 1})
        queue->next.store(queue->first, std::memory_order_relaxed);
}

/// Half of the tiles of each layer to each half of the threads; those that are summed in halves come first.
void Update::share_out(std::int64_t rows, bool hands_over) {
    rows_ = -1;
    parts_ = {};
    std::vector<std::int64_t> middle;
    for (PlannedLayer const& p : plan_.layers) middle.push_back(middle_row(rows, p.in, p.linear));
    std::array<std::vector<Tile>, 2> halved, whole;
    std::int64_t size = 0;
    for (int l = static_cast<int>(plan_.layers.size()) - 1; l >= 0; --l) {
        PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(l)];
        bool const two = middle[static_cast<std::size_t>(l)] > 0;
        auto const list = [&](std::int64_t k, std::int64_t count) -> std::vector<Tile>& {
            return (two ? halved : whole)[2 * k < count ? 0 : 1];
        };
        auto const part = [&](std::int64_t floats) { return std::exchange(size, size + (two ? floats : 0)); };
        std::int64_t const across = panels(p.linear), down = panels(p.in);
        for (std::int64_t o = 0; o < across; ++o) {
            list(o, across).push_back({l, o, 0, true, part(panel)});
            if (p.tied_to >= 0) continue;
            for (std::int64_t i = 0; i < down; ++i) list(o * down + i, across * down).push_back({l, o, i, false, part(block)});
        }
    }
    AlignedVector<float> parts(static_cast<std::size_t>(hands_over ? size : 0), 0.0f);
    std::vector<Tile> tiles;
    for (std::size_t k = 0; k < 2; ++k) {
        own_[k].first = others_[1 - k].first = std::ssize(tiles);
        tiles.insert(tiles.end(), halved[k].begin(), halved[k].end());
        others_[1 - k].last = std::ssize(tiles);
        tiles.insert(tiles.end(), whole[k].begin(), whole[k].end());
        own_[k].last = std::ssize(tiles);
    }
    middle_ = std::move(middle);
    parts_ = std::move(parts);
    tiles_ = std::move(tiles);
    hands_over_ = hands_over;
    rows_ = rows;
}

void Update::take(Queue& queue, std::int64_t several, auto&& use) {
    for (;;) {
        std::int64_t const first = queue.next.fetch_add(several, std::memory_order_relaxed);
        if (first >= queue.last) return;
        for (std::int64_t k = first; k < std::min(queue.last, first + several); ++k) use(tiles_[static_cast<std::size_t>(k)]);
    }
}

/// Where the gradients of a panel of units lie.
Workspace const& Update::of_panel(Share const& share, int layer, std::int64_t o) const {
    std::int64_t const all = panels(plan_.layers[static_cast<std::size_t>(layer)].linear);
    return *spaces_[share.workspace_of(o, all)];
}

void Update::gradient(Share const& share, Tile const& tile, Half half, float* out, Wanted const& wanted) const {
    sums(share, tile, halved(tile) && half == Half::both ? Half::first : half, out, wanted);
    if (!halved(tile)) return;
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(tile.layer)];
    std::int64_t const size = tile.vectors ? panel : std::min(panel, p.in - tile.i * panel) * panel;
    if (half != Half::both) return kernels_.add(size, out, parts_.data() + tile.part, out);
    alignas(64) std::array<float, block> second{};
    sums(share, tile, Half::second, second.data(), {});
    kernels_.add(size, out, second.data(), out);
}

/// Over some rows: dW^T = x^T dz, and for layers that use W transposed dz^T x of theirs; or the sum of dz.
void Update::sums(Share const& share, Tile const& tile, Half half, float* out, Wanted const& wanted) const {
    auto const& [l, o, i, vectors, part] = tile;
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(l)];
    std::int64_t const middle = middle_[static_cast<std::size_t>(l)];
    std::int64_t const first = half == Half::second ? middle : 0, last = half == Half::first ? middle : rows_;
    if (vectors) {
        Workspace const& of = of_panel(share, l, o);
        kernels_.column_sums(last - first, of.layers[static_cast<std::size_t>(l)].linear_gradient + o * of.between() + first * panel, out);
        return;
    }
    std::int64_t const width = width_of(p.linear, o), count = std::min(panel, p.in - i * panel);
    std::int64_t const row = kernels_.places(first), rows = kernels_.places(last - first);
    auto const input = [&](int of, std::int64_t q) {
        Workspace const& here = own(share);
        return (of == 0 ? here.input_operand.down : here.layers[static_cast<std::size_t>(of) - 1].out_operand.down) +
               q * here.between_down() + row * panel;
    };
    auto const gradient = [&](int of, std::int64_t q) {
        Workspace const& there = of_panel(share, of, q);
        return there.layers[static_cast<std::size_t>(of)].gradient_operand.down + q * there.between_down() + row * panel;
    };
    if (l == 0)
        first_layer_sums(share, tile, half, out, wanted);
    else
        kernels_.transposed_product(count, rows, input(l, i), gradient(l, o), width, out, wanted);
    for (int const other : tied_[static_cast<std::size_t>(l)]) {
        alignas(64) std::array<float, block> product{};
        kernels_.transposed_product(count, rows, gradient(other, i), input(other, o), width, product.data(), {});
        kernels_.add(count * panel, out, product.data(), out);
    }
}

/// x^T dz without the rows in which a group of inputs is zero.
void Update::first_layer_sums(Share const& share, Tile const& tile, Half half, float* out, Wanted const& wanted) const {
    PlannedLayer const& p = plan_.layers.front();
    std::int64_t const columns = std::min(panel, p.in - tile.i * panel);
    Workspace const &here = own(share), &there = of_panel(share, 0, tile.o);
    float const* const input = here.input_operand.down + tile.i * here.between_down();
    float const* const gradient = there.layers.front().gradient_operand.down + tile.o * there.between_down();
    constexpr std::int64_t groups = panel / zero_group;
    std::size_t const parts = common_.nonzeros.size();
    // It stays, for a new one might lie beside another thread's, and then a line would go back and forth.
    thread_local std::vector<Lists::Part> list;
    list.resize(parts);
    for (std::int64_t g = 0; g * zero_group < columns; ++g) {
        for (std::size_t t = 0; t < parts; ++t) {
            Nonzeros const& zeros = common_.nonzeros[t];
            auto const k = static_cast<std::size_t>(tile.i * groups + g);
            std::int64_t const begin = half == Half::second ? zeros.first_counts[k] : 0;
            std::int64_t const end = half == Half::first ? zeros.first_counts[k] : zeros.row_counts[k];
            list[t] = {zeros.rows.data() + static_cast<std::int64_t>(k) * zeros.rows_of_group + begin, end - begin};
        }
        auto const* const next = wanted.block[static_cast<std::size_t>(g)];
        kernels_.listed_transposed_product(std::min(zero_group, columns - g * zero_group), {list.data(), static_cast<std::int64_t>(parts)},
                                           input + g * zero_group, gradient, width_of(p.linear, tile.o), out + g * zero_group * panel, next,
                                           next != nullptr ? wanted.lines : 0);
    }
}

/// give(offset, n, gradient) for each vector of panel o.
void Update::vector_gradients(Share const& share, Tile const& tile, Half half, auto&& give) const {
    std::int64_t const o = tile.o;
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(tile.layer)];
    StoredLayer const& stored = store_.layer(tile.layer);
    auto const layer = [&](std::int64_t q) -> LayerSpace const& {
        return of_panel(share, tile.layer, q).layers[static_cast<std::size_t>(tile.layer)];
    };
    auto const slope_part = [&](std::int64_t q) { return layer(q).slope_part + q * of_panel(share, tile.layer, q).between(); };
    alignas(64) std::array<float, panel> of{};
    if (p.bias.exists()) {
        gradient(share, tile, half, of.data(), {});
        give(stored.bias.offset + o * panel, panel, of.data());
    }
    if (p.batch_norm()) {
        give(stored.gamma.offset + o * panel, panel, layer(o).gamma_gradient + o * panel);
        give(stored.beta.offset + o * panel, panel, layer(o).beta_gradient + o * panel);
    }
    if (!p.slope.exists()) return;
    if (p.slope.size > 1) {
        kernels_.column_sums(rows_, slope_part(o), of.data());
        give(stored.slope.offset + o * panel, panel, of.data());
    } else if (o == 0) {
        double sum = 0.0;
        for (std::int64_t q = 0; q < panels(p.out); ++q) {
            kernels_.column_sums(rows_, slope_part(q), of.data());
            for (std::int64_t c = 0; c < std::min(panel, p.out - q * panel); ++c)
                sum += static_cast<double>(of[static_cast<std::size_t>(c)]);
        }
        of.fill(0.0f);
        of[0] = static_cast<float>(sum);
        give(stored.slope.offset, 16, of.data());
    }
}

float Update::update(UpdateNumbers const& numbers, std::int64_t offset, std::int64_t n, float const* gradient) const {
    return kernels_.update(numbers, n, store_.parameters.data() + offset, gradient,
                           store_.first.empty() ? nullptr : store_.first.data() + offset,
                           store_.second.empty() ? nullptr : store_.second.data() + offset);
}

std::int64_t Update::offset(Tile const& tile) const {
    std::int64_t const in = plan_.layers[static_cast<std::size_t>(tile.layer)].in;
    return store_.layer(tile.layer).weight.offset + (tile.o * in + tile.i * panel) * panel;
}

bool Update::turns(Tile const& tile) const {
    return copies_ && (tile.layer > 0 || !tied_.front().empty());
}

void Update::copy(Tile const& tile) const {
    store_.copy_tile(tile.layer, tile.o, tile.i, turns(tile));
}

/// What the update of a tile touches.
Wanted Update::wanted(Tile const& tile, Half half) const {
    std::int64_t const rows = std::min(panel, plan_.layers[static_cast<std::size_t>(tile.layer)].in - tile.i * panel);
    auto const at = [&](AlignedVector<float> const& list) { return list.empty() ? nullptr : list.data() + offset(tile); };
    float const* const part = halved(tile) && half != Half::both ? parts_.data() + tile.part : nullptr;
    float const* const turned = turns(tile) && kernels_.together == 1 ? store_.turned(tile.layer, tile.o, tile.i) : nullptr;
    return {{at(store_.parameters), at(store_.first), at(store_.second), part, turned}, rows * 2};
}

/// @return whether all new parameters are finite
bool Update::finish(Share const& share, Tile const& tile, Half half, UpdateNumbers const& numbers) {
    float bad = 0.0f;
    if (tile.vectors) {
        vector_gradients(share, tile, half, [&](std::int64_t at, std::int64_t n, float const* g) { bad += update(numbers, at, n, g); });
        return bad == 0.0f;
    }
    PlannedLayer const& p = plan_.layers[static_cast<std::size_t>(tile.layer)];
    std::int64_t const rows = std::min(panel, p.in - tile.i * panel);
    // Columns that a product does not write are zero.
    alignas(64) std::array<float, block> g;
    if (width_of(p.linear, tile.o) < panel) g.fill(0.0f);
    gradient(share, tile, half, g.data(), wanted(tile, half));
    bad = update(numbers, offset(tile), rows * panel, g.data());
    copy(tile);
    return bad == 0.0f;
}

bool Update::apply(Share const& share, UpdateNumbers const& numbers) {
    constexpr std::int64_t several = 3;  // tiles at once of one's own half: fewer atomics; of the other's one, so that both end together
    bool finite = true;
    auto const finish_half = [&](Half half) {
        return [&, half](Tile const& tile) { finite = finish(share, tile, halved(tile) ? half : Half::both, numbers) && finite; };
    };
    if (share.threads == 1) {
        for (Tile const& tile : tiles_) finish_half(Half::both)(tile);
        return finite;
    }
    std::size_t const mine = 2 * share.thread < share.threads ? 0 : 1;
    auto const half_of = [](std::size_t k) { return k == 0 ? Half::first : Half::second; };
    if (!parts_.empty()) {
        for (std::size_t const k : {mine, 1 - mine})
            take(others_[k], k == mine ? several : 1, [&](Tile const& tile) {
                float* const part = parts_.data() + tile.part;
                sums(share, tile, half_of(k), part, {{part}, tile.vectors ? 2 : block / 16});
            });
        if (!share.meet()) return false;  // the parts are there
    }
    take(own_[mine], several, finish_half(half_of(mine)));
    take(own_[1 - mine], 1, finish_half(half_of(1 - mine)));
    return finite;
}

void Update::gradients(Share const& share, float* out) {
    for (Queue& queue : own_)
        take(queue, 1, [&](Tile const& tile) {
            if (!tile.vectors) return gradient(share, tile, Half::both, out + offset(tile), {});
            vector_gradients(share, tile, Half::both,
                             [&](std::int64_t at, std::int64_t n, float const* g) { std::copy_n(g, n, out + at); });
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
        bad += update(numbers, offset(tile), std::min(panel, p.in - tile.i * panel) * panel, gradient + offset(tile));
        copy(tile);
    }
    return bad == 0.0f;
}

}  // namespace ca3::autoencoder::cpu
