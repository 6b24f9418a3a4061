#include "autoencoder/checks.hpp"

#include "autoencoder/batch.hpp"
#include "autoencoder/data_checks.hpp"
#include "core/check.hpp"

#include <cmath>
#include <string>
#include <string_view>

namespace ca3::autoencoder {
namespace {

void require_number(bool ok, char const* function, char const* name, char const* wanted, double x) {
    require(ok, function, [&] { return std::string(name) + " must be " + wanted + ", is " + number_text(x); });
}

void require_not_negative(double x, char const* function, char const* name) {
    require_number(std::isfinite(x) && x >= 0.0, function, name, "finite and not negative", x);
}

void require_at_least(std::int64_t least, std::int64_t n, char const* function, char const* name) {
    require(n >= least, function,
            [&] { return std::string(name) + " must be at least " + std::to_string(least) + ", is " + std::to_string(n); });
}

void require_share(double x, char const* function, char const* name) {
    require_number(x >= 0.0 && x < 1.0, function, name, "in [0, 1)", x);
}

/// Of Sgd, Adam, AdamW or an UpdateRule, whichever members it has.
template <class O>
void check_optimizer(O const& o, char const* function) {
    require_not_negative(o.learning_rate, function, "optimizer.learning_rate");
    require_not_negative(o.weight_decay, function, "optimizer.weight_decay");
    require_not_negative(o.l1, function, "optimizer.l1");
    if constexpr (requires { o.momentum; }) {
        require_not_negative(o.momentum, function, "optimizer.momentum");
        require_number(std::isfinite(o.dampening), function, "optimizer.dampening", "finite", o.dampening);
        require(!o.nesterov || (o.momentum > 0.0 && o.dampening == 0.0), function, [&] {
            return "optimizer.nesterov asks for momentum > 0 and dampening 0; they are " + number_text(o.momentum) + " and " +
                   number_text(o.dampening);
        });
    }
    if constexpr (requires { o.beta1; }) {
        require_share(o.beta1, function, "optimizer.beta1");
        require_share(o.beta2, function, "optimizer.beta2");
        require_not_negative(o.epsilon, function, "optimizer.epsilon");
    }
}

void check_schedule(Schedule const& schedule, char const* function) {
    switch (schedule.kind) {
        case Schedule::Kind::constant:
            return;
        case Schedule::Kind::step:
            require_at_least(1, schedule.every, function, "schedule.every");
            require_not_negative(schedule.gamma, function, "schedule.gamma");
            return;
        case Schedule::Kind::cosine:
            require_at_least(0, schedule.period, function, "schedule.period");
            require_number(schedule.floor >= 0.0 && schedule.floor <= 1.0, function, "schedule.floor", "in [0, 1]", schedule.floor);
            return;
    }
    require(false, function, [] { return "schedule.kind is none that there is"; });
}

}  // namespace

void check_rule(UpdateRule const& rule, char const* function) {
    check_optimizer(rule, function);
    require_not_negative(rule.clip_norm, function, "clip_norm");
}

void check_fit_options(FitOptions const& options, Plan const& plan, char const* function) {
    require_at_least(0, options.epochs, function, "epochs");
    require_at_least(1, options.batch, function, "batch");
    std::visit([&](auto const& optimizer) { check_optimizer(optimizer, function); }, options.optimizer);
    require_not_negative(options.clip_norm, function, "clip_norm");
    check_objective({options.loss, options.penalties, options.kl_scale, options.kl_reduction}, plan, function);
    check_schedule(options.schedule, function);
    check_corruptions(options.corrupt, plan.inputs, function);
    require_at_least(0, options.early_stop.patience, function, "early_stop.patience");
    require_not_negative(options.early_stop.least_gain, function, "early_stop.least_gain");
    require_at_least(1, options.checkpoint_every, function, "checkpoint_every");
}

}  // namespace ca3::autoencoder
