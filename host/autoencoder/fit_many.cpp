#include "autoencoder/fit.hpp"
#include "autoencoder/model_state.hpp"
#include "core/check.hpp"
#include "core/out_of_memory.hpp"
#include "core/state.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace ca3::autoencoder {
namespace {

constexpr char const* function = "fit_many";

FitOptions options_of(FitOptions const& options, Variant const& variant) {
    FitOptions own = options;
    own.seed = variant.seed;
    if (variant.learning_rate > 0.0) std::visit([&](auto& optimizer) { optimizer.learning_rate = variant.learning_rate; }, own.optimizer);
    return own;
}

ModelOptions options_of(ModelOptions options, Variant const& variant) {
    options.seed = variant.seed;
    return options;
}

/// One model after the other; on the CPU one a thread.
Ensemble one_by_one(Context const& context, Architecture const& architecture, std::span<Variant const> variants, Samples const& train,
                    FitOptions const& options, ModelOptions const& model_options) {
    std::vector<std::unique_ptr<ModelState>> models(variants.size());
    Ensemble out;
    out.histories.resize(variants.size());
    bool const threads = context.backend() == Backend::cpu;
    auto const one = [&](std::int64_t index, int) {
        auto const i = static_cast<std::size_t>(index);
        Context const own = threads ? Context::cpu({1, context.instruction_set()}) : context;
        auto model = make_initial_model(own, architecture, options_of(model_options, variants[i]));
        out.histories[i] = fit(*model, train, options_of(options, variants[i]));
        models[i] = std::move(model);
    };
    auto const count = static_cast<std::int64_t>(variants.size());
    if (threads)
        pool(context).run(count, one);
    else
        for (std::int64_t i = 0; i < count; ++i) one(i, 0);
    for (auto& model : models) {
        if (threads) {  // trained with a thread of its own; from now on it has those of the context
            auto shared = make_model_state(context, architecture, model->options);
            shared->put(model->get());
            shared->progress = std::move(model->progress);
            model = std::move(shared);
        }
        out.models.push_back(ModelState::to_model(std::move(model)));
    }
    return out;
}

/// All models in every launch.
class SideBySide {
public:
    SideBySide(Context context, Architecture const& architecture, std::span<Variant const> variants, Samples const& train,
               FitOptions const& options, ModelOptions const& model_options)
        : context_(std::move(context)),
          architecture_(architecture),
          variants_(variants),
          options_(options),
          model_options_(model_options),
          plan_(make_plan(architecture)),
          objective_(objective_of(options)) {
        check_fit(plan_, train, options, function);
        data_ = {.inputs = train, .targets = options.targets, .corruptions = options.corrupt, .id = new_data_id()};
        test_ = {.inputs = options.test,
                 .targets = options.test_targets,
                 .corruptions = options.corrupt,
                 .noise = random::Purpose::test_noise,
                 .id = new_data_id()};
        group_ = cuda::make_group(context_, plan_, model_options.precision, count());
        for (int m = 0; m < count(); ++m) group_->put(m, initial_state(plan_, variant(m).seed));
        if (options.test.count() > 0) tester_ = cuda::make_engine(context_, plan_, model_options.precision);
    }

    Ensemble run() {
        Ensemble out;
        out.histories.resize(variants_.size());
        for (std::int64_t e = 0; e < options_.epochs; ++e) epoch(e, out.histories);
        for (int m = 0; m < count(); ++m) {
            State state;
            group_->get(m, state);
            state.batches.assign(static_cast<std::size_t>(plan_.counts), batches_);
            auto model = make_model_state(context_, architecture_, options_of(model_options_, variant(m)));
            model->put(state);
            model->progress = {.rule = rule_of_variant(m),
                               .epochs = options_.epochs,
                               .batches = batches_,
                               .history = out.histories[static_cast<std::size_t>(m)]};
            out.models.push_back(ModelState::to_model(std::move(model)));
        }
        return out;
    }

private:
    [[nodiscard]] int count() const { return static_cast<int>(variants_.size()); }
    [[nodiscard]] Variant const& variant(int m) const { return variants_[static_cast<std::size_t>(m)]; }

    [[nodiscard]] UpdateRule rule_of_variant(int m) const {
        UpdateRule rule = rule_of(options_of(options_, variant(m)).optimizer);
        rule.clip_norm = options_.clip_norm;
        return rule;
    }

    void epoch(std::int64_t number, std::vector<History>& histories) {
        std::vector<std::vector<std::int64_t>> orders;
        for (auto const& v : variants_) orders.push_back(order_of(options_, data_.inputs.count(), v.seed, number));
        Batches const batches = batches_of(options_, data_.inputs.count(), orders.front());
        require_training_steps(batches_, batches.count(), function);
        auto const steps = static_cast<std::size_t>(batches.count());
        std::vector<std::vector<double>> losses(variants_.size(), std::vector<double>(steps));
        std::vector<Member> members;
        UpdateRule rule;
        for (int m = 0; m < count(); ++m) {
            auto const i = static_cast<std::size_t>(m);
            rule = rule_of_variant(m);
            double const rate = rule.learning_rate * schedule_factor(options_.schedule, number, options_.epochs);
            members.push_back({.rows = orders[i], .seed = variant(m).seed, .learning_rate = rate, .losses = losses[i].data()});
        }
        auto const start = std::chrono::steady_clock::now();
        auto const finished = group_->train({.data = data_,
                                             .members = members,
                                             .objective = objective_,
                                             .rule = rule,
                                             .batches = batches,
                                             .last = batches.count(),
                                             .random_step = batches_});
        batches_ += batches.count();
        double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        for (int m = 0; m < count(); ++m) {
            auto const i = static_cast<std::size_t>(m);
            if (finished[i] < batches.count())
                throw NonFinite(std::string(function) + ": model " + std::to_string(m) + ": epoch " + std::to_string(number + 1) +
                                    ", step " + std::to_string(finished[i] + 1) + ": the loss or the update is not finite",
                                number + 1, finished[i] + 1, static_cast<int>(plan_.layers.size()) - 1);
            double const sum = std::accumulate(losses[i].begin(), losses[i].end(), 0.0);
            histories[i].epochs.push_back({.epoch = number + 1,
                                           .train_loss = sum / static_cast<double>(steps),
                                           .test_loss = test_loss(m),
                                           .seconds = seconds,
                                           .learning_rate = members[i].learning_rate});
        }
    }

    double test_loss(int m) {
        if (!tester_) return std::numeric_limits<double>::quiet_NaN();
        State state;
        group_->get(m, state);
        tester_->put(state);
        test_.seed = variant(m).seed;
        return tester_->evaluate(test_, objective_, {options_.batch, test_.inputs.count()});
    }

    Context context_;
    Architecture const& architecture_;
    std::span<Variant const> variants_;
    FitOptions const& options_;
    ModelOptions model_options_;
    Plan plan_;
    Objective objective_;
    Data data_;
    Data test_;
    std::unique_ptr<Group> group_;
    std::unique_ptr<Engine> tester_;
    std::int64_t batches_ = 0;  ///< of each model so far
};

}  // namespace

Ensemble fit_many(Context context, Architecture const& architecture, std::span<Variant const> variants, Samples train,
                  FitOptions const& options, ModelOptions model_options) {
    require(options.checkpoint.empty() && !options.on_epoch && !options.on_progress && !options.resume, function,
            [] { return std::string("checkpoints, resuming and callbacks are not available for many models at once"); });
    for (std::size_t i = 0; i < variants.size(); ++i) {
        double const rate = variants[i].learning_rate;
        require(std::isfinite(rate) && rate >= 0.0, function, [&] {
            return "variants[" + std::to_string(i) + "].learning_rate must be finite and not negative, is " + std::to_string(rate);
        });
    }
    // Models that stop at different epochs do not go side by side.
    bool const together = context.backend() == Backend::cuda && variants.size() > 1 && options.early_stop.patience == 0;
    return translate_bad_alloc(function, [&] {
        if (together) return SideBySide(std::move(context), architecture, variants, train, options, model_options).run();
        return one_by_one(context, architecture, variants, train, options, model_options);
    });
}

}  // namespace ca3::autoencoder
