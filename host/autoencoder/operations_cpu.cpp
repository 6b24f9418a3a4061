#include "autoencoder/backend.hpp"
#include "autoencoder/batch.hpp"
#include "autoencoder/cpu_rows.hpp"
#include "autoencoder/cpu_share.hpp"
#include "autoencoder/plan.hpp"
#include "core/aligned.hpp"
#include "core/flush_denormals.hpp"
#include "core/state.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

/// The operations with the kernels of the model's engine: the caller's matrices are copied into panels, some rows at a time, and back.
/// Who computes what does not change a sum, so neither the number of threads nor the parts of the work do.
namespace ca3::autoencoder::cpu {
namespace {

using Kind = Activation::Kind;

constexpr std::int64_t block = panel * panel;
constexpr std::int64_t most_rows = 56;  ///< of a part: whole tiles, and its input stays in the second cache

/// Of one thread.
struct Scratch {
    AlignedVector<float> a, b, c;
    alignas(64) std::array<float, block> tile{}, turned{};
};

/// The batch in parts of rows, none where there are no rows.
struct Parts {
    std::int64_t rows = 0;
    std::int64_t each = 1;

    Parts(Context const& context, std::int64_t count) : rows(count) {
        std::int64_t const threads = pool(context).size();
        each = std::clamp<std::int64_t>((count + threads - 1) / threads, 1, most_rows);
    }
    [[nodiscard]] std::int64_t count() const { return (rows + each - 1) / each; }
    [[nodiscard]] std::int64_t first(std::int64_t part) const { return part * each; }
    [[nodiscard]] std::int64_t size(std::int64_t part) const { return std::min(each, rows - part * each); }
};

/// Columns of panel p.
std::int64_t columns_of(std::int64_t columns, std::int64_t p) {
    return std::min(panel, columns - p * panel);
}

/// Into a panel, zeros behind the last column.
void into_panel(MatrixView<float const> from, std::int64_t first, std::int64_t rows, std::int64_t p, float* to) {
    std::int64_t const n = columns_of(from.cols, p);
    for (std::int64_t r = 0; r < rows; ++r) {
        std::copy_n(from.row(first + r) + p * panel, n, to + r * panel);
        std::fill(to + r * panel + n, to + (r + 1) * panel, 0.0f);
    }
}
void from_panel(float const* from, std::int64_t first, std::int64_t rows, std::int64_t p, MatrixView<float> to) {
    std::int64_t const n = columns_of(to.cols, p);
    for (std::int64_t r = 0; r < rows; ++r) std::copy_n(from + r * panel, n, to.row(first + r) + p * panel);
}

/// task(i, scratch) for i in [0, count), by all threads.
void in_parts(Context const& context, std::int64_t count, std::vector<Scratch>& scratch, auto&& task) {
    pool(context).run(count, [&](std::int64_t i, int thread) {
        FlushDenormals const flush;
        task(i, scratch[static_cast<std::size_t>(thread)]);
    });
}

std::vector<Scratch> scratch_for(Context const& context, std::int64_t a, std::int64_t b, std::int64_t c) {
    std::vector<Scratch> list(static_cast<std::size_t>(pool(context).size()));
    for (auto& own : list) {
        own.a.resize(static_cast<std::size_t>(a));
        own.b.resize(static_cast<std::size_t>(b));
        own.c.resize(static_cast<std::size_t>(c));
    }
    return list;
}

}  // namespace

void forward(Context const& context, ForwardTask const& t) {
    Kernels const& kernels = kernels_for(context.instruction_set());
    std::int64_t const in = t.input.cols, out = t.output.cols;
    Parts const parts(context, t.input.rows);
    bool const by_row = !is_elementwise(t.activation.kind);
    auto scratch = scratch_for(context, panels(in) * parts.each * panel, parts.each * panel, by_row ? parts.each * out : 0);
    Buffer<float> turned(context, panels(out) * in * panel);  // W^T in panels: in rows, out columns
    AlignedVector<float> bias(static_cast<std::size_t>(panels(out) * panel), 0.0f);
    if (t.bias != nullptr) std::copy_n(t.bias, out, bias.begin());
    alignas(64) std::array<float, panel> slope{};
    slope.fill(static_cast<float>(t.activation.slope));

    in_parts(context, panels(out), scratch, [&](std::int64_t o, Scratch& own) {
        std::int64_t const units = columns_of(out, o);
        if (units < panel) std::fill_n(turned.data() + o * in * panel, in * panel, 0.0f);
        for (std::int64_t i = 0; i < panels(in); ++i) {
            into_panel(t.weight, o * panel, units, i, own.tile.data());
            kernels.transpose(units, columns_of(in, i), own.tile.data(), turned.data() + (o * in + i * panel) * panel);
        }
    });
    in_parts(context, parts.count(), scratch, [&](std::int64_t part, Scratch& own) {
        std::int64_t const first = parts.first(part), rows = parts.size(part);
        float* const z = own.b.data();
        for (std::int64_t i = 0; i < panels(in); ++i) into_panel(t.input, first, rows, i, own.a.data() + i * parts.each * panel);
        for (std::int64_t o = 0; o < panels(out); ++o) {
            std::int64_t const width = width_of(out, o);
            float const* const w = turned.data() + o * in * panel;
            kernels.product(rows, in, own.a.data(), parts.each * panel, w, o + 1 < panels(out) ? w + in * panel : nullptr, width,
                            bias.data() + o * panel, z);
            if (t.pre_activation.data != nullptr) from_panel(z, first, rows, o, t.pre_activation);
            if (by_row) {
                from_panel(z, 0, rows, o, {own.c.data(), rows, out});
                continue;
            }
            kernels.activate(t.activation.kind, rows, width, slope.data(), z, z);
            from_panel(z, first, rows, o, t.output);
        }
        for (std::int64_t r = 0; by_row && r < rows; ++r)
            activate_row(t.activation.kind, out, own.c.data() + r * out, t.output.row(first + r));
    });
}

namespace {

/// dz of some rows, in panels that are `between` apart.
void differentiate(Kernels const& kernels, BackwardTask const& t, std::int64_t first, std::int64_t rows, float* dz, std::int64_t between,
                   Scratch& own) {
    std::int64_t const out = t.weight.rows;
    if (!is_elementwise(t.activation.kind)) {
        std::fill_n(dz + (panels(out) - 1) * between + first * panel, rows * panel, 0.0f);
        for (std::int64_t r = first; r < first + rows; ++r) {
            differentiate_row(t.activation.kind, out, t.pre_activation.data == nullptr ? nullptr : t.pre_activation.row(r), t.output.row(r),
                              t.output_gradient.row(r), own.a.data());
            scatter_row(own.a.data(), out, dz, between, r);
        }
        return;
    }
    alignas(64) std::array<float, panel> slope{};
    slope.fill(static_cast<float>(t.activation.slope));
    for (std::int64_t o = 0; o < panels(out); ++o) {
        float *const g = dz + o * between + first * panel, *const z = own.b.data(), *const y = own.c.data();
        into_panel(t.output_gradient, first, rows, o, g);
        if (t.pre_activation.data != nullptr) into_panel(t.pre_activation, first, rows, o, z);
        if (t.output.data != nullptr) into_panel(t.output, first, rows, o, y);
        kernels.differentiate(t.activation.kind, rows, width_of(out, o), slope.data(), z, y, g, nullptr);
    }
}

}  // namespace

void backward(Context const& context, BackwardTask const& t) {
    Kernels const& kernels = kernels_for(context.instruction_set());
    std::int64_t const rows = t.input.rows, in = t.input.cols, out = t.weight.rows, between = rows * panel;
    Parts const parts(context, rows);
    bool const hands_down = t.input_gradient.data != nullptr;
    auto scratch = scratch_for(context, out, parts.each * panel, parts.each * panel);
    Buffer<float> input(context, panels(in) * between), dz(context, panels(out) * between);
    Buffer<float> weight(context, hands_down ? panels(in) * out * panel : 0);  // W in panels: out rows, in columns

    in_parts(context, parts.count(), scratch, [&](std::int64_t part, Scratch& own) {
        std::int64_t const first = parts.first(part), n = parts.size(part);
        for (std::int64_t i = 0; i < panels(in); ++i) into_panel(t.input, first, n, i, input.data() + i * between + first * panel);
        if (out > 0) differentiate(kernels, t, first, n, dz.data(), between, own);
    });
    if (hands_down) {
        in_parts(context, panels(in), scratch,
                 [&](std::int64_t i, Scratch&) { into_panel(t.weight, 0, out, i, weight.data() + i * out * panel); });
        in_parts(context, parts.count(), scratch, [&](std::int64_t part, Scratch& own) {
            std::int64_t const first = parts.first(part), n = parts.size(part);
            std::int64_t const middle = middle_unit(rows, out);
            for (std::int64_t i = 0; i < panels(in); ++i) {
                auto const sum = [&](std::int64_t begin, std::int64_t end, float* to) {
                    float const* const w = weight.data() + (i * out + begin) * panel;
                    float const* const next = end < out ? w + (end - begin) * panel : nullptr;
                    kernels.product(n, end - begin, dz.data() + begin * rows + first * panel, between, w, next, width_of(in, i), nullptr,
                                    to);
                };
                sum(0, middle > 0 ? middle : out, own.b.data());
                if (middle > 0) {
                    sum(middle, out, own.c.data());
                    kernels.add(n * panel, own.b.data(), own.c.data(), own.b.data());
                }
                from_panel(own.b.data(), first, n, i, t.input_gradient);
            }
        });
    }
    // Panel o of the units: tiles of dW^T = x^T dz, turned; and the bias, as if it stood behind the last input.
    std::int64_t const tiles = panels(in) + 1;
    in_parts(context, panels(out) * tiles, scratch, [&](std::int64_t k, Scratch& own) {
        std::int64_t const o = k / tiles, i = k % tiles, units = columns_of(out, o);
        // Of a large batch the sums of its halves, added.
        auto const sum = [&](std::int64_t size, auto&& over) {
            std::int64_t const middle = middle_row(rows, in, out);
            over(0, middle > 0 ? middle : rows, own.tile.data());
            if (middle == 0) return;
            over(middle, rows - middle, own.turned.data());
            kernels.add(size, own.tile.data(), own.turned.data(), own.tile.data());
        };
        float const* const g = dz.data() + o * between;
        if (i == panels(in)) {
            if (t.bias_gradient == nullptr) return;
            sum(panel, [&](std::int64_t first, std::int64_t n, float* to) { kernels.column_sums(n, g + first * panel, to); });
            std::copy_n(own.tile.data(), units, t.bias_gradient + o * panel);
            return;
        }
        std::int64_t const inputs = columns_of(in, i);
        sum(inputs * panel, [&](std::int64_t first, std::int64_t n, float* to) {
            kernels.transposed_product(inputs, n, input.data() + i * between + first * panel, g + first * panel, width_of(out, o), to, {});
        });
        kernels.transpose(inputs, units, own.tile.data(), own.turned.data());
        from_panel(own.turned.data(), o * panel, units, i, t.weight_gradient);
    });
}

double loss(Context const& context, LossTask const& t) {
    Kernels const& kernels = kernels_for(context.instruction_set());
    std::int64_t const rows = t.output.rows, n = t.output.cols;
    Parts const parts(context, rows);
    bool const by_row = is_by_row(t.kind);
    double const each = 1.0 / (by_row ? static_cast<double>(t.counted) : static_cast<double>(rows) * static_cast<double>(n));
    auto const share = static_cast<float>(each);
    // x, t and the gradient of a panel; partial sums
    auto scratch = scratch_for(context, by_row ? n : 3 * parts.each * panel, by_row ? 0 : parts.each * 16, 0);
    std::vector<double> row_loss(static_cast<std::size_t>(rows), 0.0);

    auto const row = [&](std::int64_t r, Scratch& own) {
        float* const g = t.gradient.data != nullptr ? t.gradient.row(r) : own.a.data();
        if (t.classes == nullptr) return each * probability_loss_row(n, share, t.output.row(r), t.target.row(r), g);
        if (t.classes[r] != ignored_class) return each * class_loss_row(t.kind, n, t.classes[r], share, t.output.row(r), g);
        std::fill_n(g, n, 0.0f);
        return t.counted == 0 ? std::numeric_limits<double>::quiet_NaN() : 0.0;  // 0 / 0 where no row counts
    };
    in_parts(context, parts.count(), scratch, [&](std::int64_t part, Scratch& own) {
        std::int64_t const first = parts.first(part), some = parts.size(part);
        double* const losses = row_loss.data() + first;
        if (by_row) {
            for (std::int64_t r = 0; r < some; ++r) losses[r] = row(first + r, own);
            return;
        }
        float *const x = own.a.data(), *const target = x + some * panel, *const g = target + some * panel, *const sums = own.b.data();
        std::fill_n(sums, some * 16, 0.0f);
        for (std::int64_t o = 0; o < panels(n); ++o) {
            into_panel(t.output, first, some, o, x);
            into_panel(t.target, first, some, o, target);
            kernels.loss(t.kind, some, width_of(n, o), n - o * panel, share, x, target, g, sums);
            if (t.gradient.data != nullptr) from_panel(g, first, some, o, t.gradient);
        }
        for (std::int64_t r = 0; r < some; ++r) {
            double sum = 0.0;
            for (std::int64_t i = 0; i < 16; ++i) sum += static_cast<double>(sums[r * 16 + i]);
            losses[r] = each * sum;
        }
    });
    double sum = 0.0;
    for (double const value : row_loss) sum += value;
    return sum;
}

void step(Context const& context, StepTask const& t) {
    constexpr std::int64_t portion = 4096, vector = 16;
    Kernels const& kernels = kernels_for(context.instruction_set());
    UpdateNumbers const numbers = update_numbers(t.rule, t.step);
    std::int64_t const portions = (t.gradient.cols + portion - 1) / portion;
    std::vector<Scratch> scratch(static_cast<std::size_t>(pool(context).size()));
    // Short rows share a task.
    std::int64_t const rows_of_task = std::max<std::int64_t>(1, portion / std::max<std::int64_t>(1, t.gradient.cols));
    std::int64_t const groups = (t.gradient.rows + rows_of_task - 1) / rows_of_task;
    in_parts(context, groups * portions, scratch, [&](std::int64_t k, Scratch& own) {
        std::int64_t const first = k % portions * portion, count = std::min(portion, t.gradient.cols - first);
        std::int64_t const whole = count / vector * vector, rest = count - whole;
        std::int64_t const begin = k / portions * rows_of_task, end = std::min(t.gradient.rows, begin + rows_of_task);
        for (std::int64_t r = begin; r < end; ++r) {
            auto const at = [&](MatrixView<float> const& x) { return x.data == nullptr ? nullptr : x.row(r) + first; };
            float const* const g = t.gradient.row(r) + first;
            float *const p = at(t.parameters), *const m = at(t.first), *const v = at(t.second);
            if (whole > 0) kernels.update(numbers, whole, p, g, m, v);
            if (rest == 0) continue;
            // The last ones in copies of a whole vector.
            float* const copy = own.tile.data();
            std::array<float*, 3> const changed{p, m, v};
            std::copy_n(g + whole, rest, copy + 3 * vector);
            for (std::size_t i = 0; i < 3; ++i)
                if (changed[i] != nullptr) std::copy_n(changed[i] + whole, rest, copy + static_cast<std::int64_t>(i) * vector);
            kernels.update(numbers, vector, copy, copy + 3 * vector, m == nullptr ? nullptr : copy + vector,
                           v == nullptr ? nullptr : copy + 2 * vector);
            for (std::size_t i = 0; i < 3; ++i)
                if (changed[i] != nullptr) std::copy_n(copy + static_cast<std::int64_t>(i) * vector, rest, changed[i] + whole);
        }
    });
}

}  // namespace ca3::autoencoder::cpu
