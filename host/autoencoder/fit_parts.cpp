#include "autoencoder/batch.hpp"
#include "autoencoder/checks.hpp"
#include "autoencoder/data_checks.hpp"
#include "autoencoder/fit.hpp"
#include "core/check.hpp"

#include <atomic>
#include <cmath>
#include <numbers>
#include <string>

namespace ca3::autoencoder {

double schedule_factor(Schedule const& schedule, std::int64_t epoch, std::int64_t epochs) {
    switch (schedule.kind) {
        case Schedule::Kind::step: {
            std::int64_t const steps = epoch / schedule.every;
            return std::pow(schedule.gamma, static_cast<double>(steps));
        }
        case Schedule::Kind::cosine: {
            auto const period = static_cast<double>(schedule.period > 0 ? schedule.period : epochs);
            double const angle = std::numbers::pi * static_cast<double>(epoch) / period;
            return schedule.floor + (1.0 - schedule.floor) * (1.0 + std::cos(angle)) / 2.0;
        }
        default:
            return 1.0;
    }
}

std::uint64_t new_data_id() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

namespace {

/// All that is wrong with the data. The options are looked at by check_fit_options.
void check_data(Plan const& plan, Samples const& train, FitOptions const& options, Objective const& objective, char const* function) {
    check_samples(train, plan.inputs, 1, function, "train");
    check_targets(options.targets, train, objective, plan, function, "targets");
    check_order(options.order, train.count(), function);
    std::int64_t const rows = options.order.rows > 0 ? options.order.cols : train.count();
    require(options.batch <= rows, function, [&] {
        return "batch is " + std::to_string(options.batch) + ", more than the " + std::to_string(rows) +
               (options.order.rows > 0 ? " numbers in a row of order" : " samples");
    });
    bool const single = options.batch == 1 || (!options.drop_last && rows % options.batch == 1);
    for (auto const& layer : plan.layers)
        require(!layer.batch_norm() || !single, function, [&] {
            return "batch normalisation cannot train on a batch of one sample; " + std::to_string(rows) + " samples in batches of " +
                   std::to_string(options.batch) + " leave one (drop_last leaves it out)";
        });
    if (options.test.count() == 0) return;
    check_samples(options.test, plan.inputs, 1, function, "test");
    check_targets(options.test_targets, options.test, objective, plan, function, "test_targets");
    bool const comparable = options.targets.given == options.test_targets.given;
    require(comparable, function, [] { return std::string("targets and test_targets must both be given, or neither"); });
}

}  // namespace

void check_fit(Plan const& plan, Samples const& train, FitOptions const& options, char const* function) {
    Objective const objective = objective_of(options);
    check_fit_options(options, plan, function);
    check_data(plan, train, options, objective, function);
}

void require_training_steps(std::int64_t done, std::int64_t more, char const* function) {
    if (done > most_training_steps - more)
        throw Overflow(std::string(function) + ": epochs: more than 2^32 steps of training, those before included");
}

Objective objective_of(FitOptions const& options) {
    return {options.loss, options.penalties, options.kl_scale, options.kl_reduction};
}

std::vector<std::int64_t> order_of(FitOptions const& options, std::int64_t samples, std::uint64_t seed, std::int64_t epoch) {
    if (options.order.rows > 0) {
        auto const* const row = options.order.row(epoch % options.order.rows);
        return {row, row + options.order.cols};
    }
    if (!options.shuffle) return {};
    return epoch_order(samples, seed, static_cast<std::uint32_t>(epoch));
}

Batches batches_of(FitOptions const& options, std::int64_t samples, std::vector<std::int64_t> const& order) {
    std::int64_t rows = order.empty() ? samples : static_cast<std::int64_t>(order.size());
    if (options.drop_last) rows -= rows % options.batch;
    return {options.batch, rows};
}

UpdateRule rule_of(Optimizer const& optimizer) {
    UpdateRule rule;
    if (auto const* const sgd = std::get_if<Sgd>(&optimizer)) {
        rule.kind = UpdateRule::Kind::sgd;
        rule.learning_rate = sgd->learning_rate;
        rule.momentum = sgd->momentum;
        rule.dampening = sgd->dampening;
        rule.nesterov = sgd->nesterov;
        rule.weight_decay = sgd->weight_decay;
        rule.l1 = sgd->l1;
        return rule;
    }
    auto const take = [&rule](auto const& adam) {
        rule.learning_rate = adam.learning_rate;
        rule.beta1 = adam.beta1;
        rule.beta2 = adam.beta2;
        rule.epsilon = adam.epsilon;
        rule.weight_decay = adam.weight_decay;
        rule.l1 = adam.l1;
    };
    if (auto const* const adam = std::get_if<Adam>(&optimizer)) take(*adam);
    if (auto const* const adam = std::get_if<AdamW>(&optimizer)) {
        take(*adam);
        rule.decoupled = true;
    }
    return rule;
}

}  // namespace ca3::autoencoder
