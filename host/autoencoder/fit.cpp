#include "autoencoder/fit.hpp"
#include "autoencoder/model_state.hpp"
#include "core/check.hpp"
#include "core/out_of_memory.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

namespace ca3::autoencoder {
namespace {

constexpr char const* function = "Model::fit";
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// @param tested whether there are test data that count
bool should_stop_early(EarlyStop const& rule, std::vector<EpochReport> const& epochs, bool tested) {
    if (rule.patience <= 0) return false;
    double best = std::numeric_limits<double>::infinity();
    std::int64_t since = 0;
    for (auto const& epoch : epochs) {
        double const loss = tested ? epoch.test_loss : epoch.train_loss;
        if (std::isnan(loss)) continue;  // of a call without test data, which this one goes on from
        if (loss < best - rule.least_gain) {
            best = loss;
            since = 0;
        } else {
            ++since;
        }
    }
    return since >= rule.patience;
}

class Fit {
public:
    Fit(ModelState& state, Samples const& train, FitOptions const& options)
        : state_(state), options_(options), objective_(objective_of(options)), rule_(rule_of(options.optimizer)) {
        check_fit(state.plan, train, options, function);
        rule_.clip_norm = options.clip_norm;
        std::uint64_t const seed = options.seed.value_or(state.options.seed);
        data_ = {.inputs = train, .targets = options.targets, .corruptions = options.corrupt, .seed = seed, .id = new_data_id()};
        test_ = {.inputs = options.test,
                 .targets = options.test_targets,
                 .corruptions = options.corrupt,
                 .noise = random::Purpose::test_noise,
                 .seed = seed,
                 .id = new_data_id()};
    }

    History run() {
        begin();
        Progress& progress = state_.progress;
        if (should_stop()) {  // a training that goes on is one that has not stopped
            progress.history.stop = Stop::early;
            return progress.history;
        }
        while (progress.epochs < options_.epochs) {
            Stop const stop = epoch();
            progress.history.stop = stop;
            bool const last = stop != Stop::finished || progress.epochs == options_.epochs;
            if (!options_.checkpoint.empty() && (last || progress.epochs % options_.checkpoint_every == 0)) checkpoint();
            if (stop != Stop::finished) break;
        }
        return progress.history;
    }

private:
    void begin() {
        if (options_.resume && state_.progress.rule) {
            UpdateRule const& former = *state_.progress.rule;
            require(former.kind == rule_.kind && former.has_first() == rule_.has_first(), function,
                    [] { return std::string("resume: the optimizer is of another kind than the one that the model was trained with"); });
        } else {
            State state = state_.get();
            state.first.clear();
            state.second.clear();
            state.steps = 0;
            state_.put(state);
            state_.progress = {};
        }
        state_.progress.rule = rule_;
        state_.progress.history.stop = Stop::finished;
    }

    /// One epoch, its test and its report.
    Stop epoch() {
        Progress& progress = state_.progress;
        std::int64_t const number = progress.epochs;
        UpdateRule rule = rule_;
        rule.learning_rate *= schedule_factor(options_.schedule, number, options_.epochs);
        std::vector<std::int64_t> const order = order_of(options_, data_.inputs.count(), data_.seed, number);
        data_.rows = order;
        Batches const batches = batches_of(options_, data_.inputs.count(), order);
        require_training_steps(progress.batches, batches.count(), function);

        auto const start = Clock::now();
        double const loss = train(rule, batches, number);
        EpochReport report{.epoch = number + 1, .train_loss = loss, .learning_rate = rule.learning_rate};
        report.seconds = seconds_since(start);
        if (test_.inputs.count() > 0) report.test_loss = state_.engine->evaluate(test_, objective_, {options_.batch, test_.inputs.count()});
        progress.epochs = number + 1;
        progress.batches += batches.count();
        progress.history.epochs.push_back(report);
        if (options_.on_epoch && !options_.on_epoch(report)) return Stop::callback;
        return should_stop() ? Stop::early : Stop::finished;
    }

    [[nodiscard]] bool should_stop() const {
        bool const tested = test_.counted(0, test_.inputs.count()) > 0;  // its mean is a number
        return should_stop_early(options_.early_stop, state_.progress.history.epochs, tested);
    }

    /// Trains in portions of some 0.1 s, so that progress is seen; the state is kept every second, so that little is done again when a
    /// number is not finite. @return the mean loss of the batches
    double train(UpdateRule const& rule, Batches const& batches, std::int64_t number) {
        std::int64_t const count = batches.count();
        std::vector<double> losses(static_cast<std::size_t>(count));
        std::int64_t kept = 0;
        Clock::time_point kept_at{};
        for (std::int64_t done = 0; done < count;) {
            auto const start = Clock::now();
            if (done == 0 || seconds_since(kept_at) > 1.0) {
                keep();
                kept = done;
                kept_at = start;
            }
            TrainJob const job{.data = data_,
                               .objective = objective_,
                               .rule = rule,
                               .batches = batches,
                               .first = done,
                               .last = std::min(count, done + portion_),
                               .random_step = state_.progress.batches,
                               .losses = losses.data() + done};
            std::int64_t const finished = train_or_take_back(job);
            if (finished < job.last - job.first) stop(job, kept, done + finished, number);
            double const each = seconds_since(start) / static_cast<double>(finished);
            done = job.last;
            portion_ = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::min(0.1 / std::max(each, 1e-9), 1e9)));
            if (options_.on_progress) options_.on_progress(number * count + done, options_.epochs * count);
        }
        return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(count);
    }

    void keep() {
        state_.engine->keep();
        kept_batches_ = state_.batches;
    }

    void take_back() {
        state_.engine->take_back();
        state_.batches = kept_batches_;
    }

    /// Engine::train; a throw leaves the model as it was kept.
    std::int64_t train_or_take_back(TrainJob const& job) {
        try {
            std::int64_t const finished = state_.engine->train(job);
            for (std::int64_t& count : state_.batches) count += finished;
            return finished;
        } catch (...) {
            take_back();
            throw;
        }
    }

    /// Puts the model back to where it was before step `step`, which went wrong, from where it was at step `kept`, and says what it was.
    [[noreturn]] void stop(TrainJob job, std::int64_t kept, std::int64_t step, std::int64_t number) {
        take_back();
        std::vector<double> losses(static_cast<std::size_t>(step - kept));
        job.first = kept;
        job.last = step;
        job.losses = losses.data();
        if (step > kept && train_or_take_back(job) != step - kept)
            throw Error(std::string(function) + ": a repeated training step did not repeat");
        auto const [layer, what] = culprit(job, step);
        throw NonFinite(std::string(function) + ": epoch " + std::to_string(number + 1) + ", step " + std::to_string(step + 1) + ": " +
                            what + "; the model is as it was before this step",
                        number + 1, step + 1, layer);
    }

    /// The first layer whose output is not finite, found without training mode.
    std::pair<int, std::string> culprit(TrainJob const& job, std::int64_t step) {
        int const count = static_cast<int>(state_.plan.layers.size());
        std::int64_t const rows = job.batches.size(step);
        std::vector<float> out;
        for (int l = 0; l < count; ++l) {
            out.resize(static_cast<std::size_t>(rows * state_.plan.width_after(l)));
            state_.engine->forward(data_, job.batches.begin(step), rows, 0, l, out.data());
            if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); }))
                return {l, "the output of layer " + std::to_string(l) + " is not finite"};
        }
        if (objective_.loss == Loss::bce && !std::all_of(out.begin(), out.end(), [](float x) { return x >= 0.0f && x <= 1.0f; }))
            return {count - 1, "the output of layer " + std::to_string(count - 1) +
                                   " leaves [0, 1], where binary cross-entropy is defined (a sigmoid keeps it inside)"};
        return {count - 1, "the loss or the update it leads to is not finite (layer " + std::to_string(count - 1) + ")"};
    }

    void checkpoint() const { write_checkpoint(state_, options_.checkpoint); }

    ModelState& state_;
    FitOptions const& options_;
    Objective objective_;
    UpdateRule rule_;
    Data data_;
    Data test_;
    std::vector<std::int64_t> kept_batches_;
    std::int64_t portion_ = 8;  ///< steps; then as many as take 0.1 s
};

}  // namespace

History fit(ModelState& state, Samples const& train, FitOptions const& options) {
    return translate_bad_alloc(function, [&] { return Fit(state, train, options).run(); });
}

History Model::fit(Samples train, FitOptions const& options) {
    return autoencoder::fit(*state_, train, options);
}

}  // namespace ca3::autoencoder
