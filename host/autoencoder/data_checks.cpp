#include "autoencoder/data_checks.hpp"

#include "autoencoder/batch.hpp"
#include "core/check.hpp"

#include <cmath>

namespace ca3::autoencoder {
namespace {

void check_range(MatrixView<float const> values, char const* function, std::string const& argument) {
    for (std::int64_t r = 0; r < values.rows; ++r)
        for (std::int64_t c = 0; c < values.cols; ++c) {
            float const x = values(r, c);
            require(x >= 0.0f && x <= 1.0f, function, [&] {
                return argument + ": binary cross-entropy takes targets in [0, 1]; sample " + std::to_string(r) + ", value " +
                       std::to_string(c) + " is " + number_text(x);
            });
        }
}

void check_classes(std::span<std::int64_t const> classes, std::int64_t outputs, char const* function, std::string const& argument) {
    for (std::size_t i = 0; i < classes.size(); ++i)
        require((classes[i] >= 0 && classes[i] < outputs) || classes[i] == ignored_class, function, [&] {
            return argument + ": class numbers must be in [0, " + std::to_string(outputs) + "), or -100 to leave a sample out; number " +
                   std::to_string(i) + " is " + std::to_string(classes[i]);
        });
}

}  // namespace

void check_samples(Samples const& samples, std::int64_t width, std::int64_t least, char const* function, std::string const& argument) {
    if (samples.are_bytes())
        require_view(samples.bytes, function, argument.c_str());
    else
        require_view(samples.values, function, argument.c_str());
    require(samples.count() >= least, function, [&] {
        return argument + " must hold at least " + std::to_string(least) + (least == 1 ? " sample" : " samples") + ", has shape " +
               shape(samples.count(), samples.width());
    });
    if (samples.count() == 0) return;
    require(samples.width() == width, function, [&] {
        return argument + " must have " + std::to_string(width) + " columns, has shape " + shape(samples.count(), samples.width());
    });
    if (samples.are_bytes()) return;
    for (std::int64_t r = 0; r < samples.values.rows; ++r) {
        float const* const row = samples.values.row(r);
        // x - x is 0 for all but infinities and NaN: one test for the whole row.
        float sum = 0.0f;
        for (std::int64_t c = 0; c < width; ++c) sum += row[c] - row[c];
        if (sum == 0.0f) continue;
        for (std::int64_t c = 0; c < width; ++c)
            require(std::isfinite(row[c]), function, [&] {
                return argument + ": sample " + std::to_string(r) + ", value " + std::to_string(c) + " is " + number_text(row[c]) +
                       "; all must be finite";
            });
    }
}

void check_targets(Targets const& targets, Samples const& inputs, Objective const& objective, Plan const& plan, char const* function,
                   std::string const& argument) {
    std::int64_t const outputs = plan.outputs();
    Loss const loss = objective.loss;
    bool const by_class = targets.given && !targets.classes.empty();
    require(loss != Loss::nll || by_class, function, [&] { return argument + ": nll asks for class numbers"; });
    if (by_class) {
        require(is_by_row(loss), function,
                [&] { return argument + ": class numbers go with cross_entropy and nll, not with " + std::string(to_string(loss)); });
        require(static_cast<std::int64_t>(targets.classes.size()) == inputs.count(), function, [&] {
            return argument + " must hold a class for each of the " + std::to_string(inputs.count()) + " samples, holds " +
                   std::to_string(targets.classes.size());
        });
        return check_classes(targets.classes, outputs, function, argument);
    }
    if (targets.given) {
        check_samples(targets.samples, outputs, 0, function, argument);
        require(targets.samples.count() == inputs.count(), function, [&] {
            return argument + " must hold one row for each of the " + std::to_string(inputs.count()) + " samples, has shape " +
                   shape(targets.samples.count(), targets.samples.width());
        });
    } else {
        require(outputs == plan.inputs, function, [&] {
            return argument + " are needed: the network has " + std::to_string(plan.inputs) + " inputs and " + std::to_string(outputs) +
                   " outputs, so that the inputs cannot be their own targets";
        });
    }
    Samples const& values = targets.given ? targets.samples : inputs;
    if ((loss == Loss::bce || loss == Loss::bce_with_logits) && !values.are_bytes()) check_range(values.values, function, argument);
}

void check_order(MatrixView<std::int64_t const> order, std::int64_t count, char const* function) {
    require_view(order, function, "order");
    if (order.rows == 0 && order.data == nullptr) return;
    require(!order.empty(), function, [&] { return "order is empty, has shape " + shape(order.rows, order.cols); });
    for (std::int64_t e = 0; e < order.rows; ++e)
        for (std::int64_t i = 0; i < order.cols; ++i)
            require(order(e, i) >= 0 && order(e, i) < count, function, [&] {
                return "order: entry (" + std::to_string(e) + ", " + std::to_string(i) + ") is " + std::to_string(order(e, i)) +
                       ", no number of the " + std::to_string(count) + " samples";
            });
}

void check_objective(Objective const& objective, Plan const& plan, char const* function) {
    require(objective.loss >= Loss::mse && objective.loss <= Loss::nll, function, [] { return std::string("loss is none that there is"); });
    for (auto const& penalty : objective.penalties) {
        require(penalty.layer >= 0 && penalty.layer < static_cast<int>(plan.layers.size()), function, [&] {
            return "penalties: layer must be in [0, " + std::to_string(plan.layers.size()) + "), is " + std::to_string(penalty.layer);
        });
        require(std::isfinite(penalty.scale), function, [] { return std::string("penalties: scale must be finite"); });
    }
    require(std::isfinite(objective.kl_scale), function, [] { return std::string("kl_scale must be finite"); });
}

}  // namespace ca3::autoencoder
