#include "autoencoder/cpu_pass.hpp"
#include "autoencoder/cpu_rows.hpp"
#include "autoencoder/cpu_threads.hpp"
#include "autoencoder/cpu_update.hpp"
#include "core/check.hpp"
#include "core/flush_denormals.hpp"
#include "core/state.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>

/// Threads that stay for many steps. In a step each works on rows of its own, or on panels of its own of each layer (Pass::worth_panels),
/// through the forward and the backward pass; then all meet, and each makes gradients and updates of tiles of its own; then they meet
/// again.
namespace ca3::autoencoder::cpu {
namespace {

class Network final : public Engine {
public:
    Network(Context context, Plan plan, Kernels const& kernels)
        : context_(std::move(context)),
          plan_(std::move(plan)),
          kernels_(kernels),
          fill_(random::fill_for(context_.instruction_set())),
          store_(plan_, kernels_),
          space_(kernels_),
          update_(plan_, kernels_, store_, common_) {
        for (auto const& p : plan_.layers) work_ += static_cast<double>(p.in) * static_cast<double>(p.linear);
    }

    void put(State const& state) override { store_.put(state); }
    void get(State& state) const override { store_.get(state); }
    void keep() override { store_.keep(); }
    void take_back() override { store_.take_back(); }

    std::int64_t train(TrainJob const& job) override {
        fit(job.batches.batch, true);
        store_.want_moments(job.rule);
        BatchMaker const maker(job.data, plan_.inputs, context_.instruction_set());
        if (int const threads = threads_for(job.batches.batch); threads != choice_.most()) choice_ = ThreadChoice(threads);
        gradient_.resize(job.rule.clip_norm > 0.0 ? store_.parameters.size() : 0);
        std::int64_t first = job.first;
        while (first < job.last) {
            auto const [threads, most] = choice_.next();
            std::int64_t const last = std::min(job.last, first + most), finished = train(job, maker, threads, first, last);
            bool const whole = finished == last;
            first = finished;
            if (!whole) break;
        }
        std::int64_t const done = first - job.first;
        store_.steps += done;
        return done;
    }

    double evaluate(Data const& data, Objective const& objective, Batches const& batches) override {
        fit(batches.batch, false);
        BatchMaker const maker(data, plan_.inputs, context_.instruction_set());
        MeanLoss mean;
        in_threads(threads_for(batches.batch), [&](Share share) {
            for (std::int64_t k = 0; k < batches.count(); ++k) {
                Batch batch = batch_of(maker, data, objective, batches, k, false, 0);
                batch.number = batch.begin;
                Share const own = rows_of(share, batch.rows);
                forward_pass(batch, own);
                if (!share.meet()) return;
                if (share.thread == 0) mean.add(loss_of(batch), batch.counted);
                share.meet();
            }
        });
        return mean.value();
    }

    double gradients(GradientJob const& job) override {
        fit(job.rows, true);
        BatchMaker const maker(job.data, plan_.inputs, context_.instruction_set());
        int const threads = threads_for(job.rows);
        gradient_.assign(store_.parameters.size(), 0.0f);
        store_.renew_copies();
        if (job.inputs != nullptr) store_.copy_weight(0);
        Batch batch =
            batch_of(maker, job.data, job.objective, {job.rows, job.rows}, 0, job.training, static_cast<std::uint32_t>(job.random_step));
        batch.begin = job.begin;
        batch.backward = true;
        batch.counted = job.data.counted(job.begin, job.rows);
        in_threads(threads, [&](Share share) {
            Share const own = rows_of(share, batch.rows);
            if (share.thread == 0) update_.begin(batch.rows, share.threads, spaces(own), true);
            forward_pass(batch, own);
            pass().backward(batch, own, job.inputs != nullptr);
            if (!share.meet()) return;
            update_.gradients(own, gradient_.data());
        });
        if (job.parameters != nullptr) store_.unpack(gradient_, *job.parameters);
        if (job.inputs != nullptr) {
            std::vector<float> row(static_cast<std::size_t>(plan_.inputs));
            job.inputs->clear();
            for (std::int64_t r = 0; r < job.rows; ++r) {
                gather_row(space_.input_gradient, space_.between(), r, plan_.inputs, row.data());
                job.inputs->insert(job.inputs->end(), row.begin(), row.end());
            }
        }
        return loss_of(batch);
    }

    void forward(Data const& data, std::int64_t begin, std::int64_t count, int first, int last, float* out) override {
        if (count == 0) return;
        constexpr std::int64_t most = 256;
        std::int64_t const rows = std::min(count, most);
        fit(rows, false);
        std::int64_t const width = plan_.width_after(last), in = plan_.width_after(first - 1);
        BatchMaker const maker(data, in, context_.instruction_set());
        Objective const objective{};
        in_threads(threads_for(rows), [&](Share share) {
            std::vector<float> row(static_cast<std::size_t>(std::max(in, width)));
            for (std::int64_t done = 0; done < count; done += rows) {
                Batch const batch{.maker = &maker,
                                  .data = &data,
                                  .objective = &objective,
                                  .begin = begin + done,
                                  .rows = std::min(rows, count - done),
                                  .number = done};
                Share const own = rows_of(share, batch.rows);
                if (first == 0) {
                    pass().load(batch, own, false);
                } else {
                    // Codes: what a layer in the middle of the network begins with.
                    for (std::int64_t r = own.first; r < own.last; ++r) {
                        maker.make(batch.begin, r, 1, batch.number + r, 0, row.data(), in);
                        scatter_row(row.data(), in, space_.layers[static_cast<std::size_t>(first) - 1].out, space_.between(), r);
                    }
                }
                pass().forward(batch, own, first, last);
                float const* const result = last < first ? space_.input : space_.layers[static_cast<std::size_t>(last)].out;
                for (std::int64_t r = own.first; r < own.last; ++r)
                    gather_row(result, space_.between(), r, width, out + (done + r) * width);
                if (!share.meet()) return;  // the shares of a smaller last part are other rows
            }
        });
    }

private:
    /// Steps first ... last-1 of the job. @return the first one that was not done
    std::int64_t train(TrainJob const& job, BatchMaker const& maker, int threads, std::int64_t first, std::int64_t last) {
        using Clock = std::chrono::steady_clock;
        std::atomic<bool> sound{true};
        std::int64_t finished = first;
        Clock::time_point begin{};
        // Batches are of one size or, at the end of an epoch, smaller.
        bool turned = true;
        for (std::int64_t const k : {std::int64_t{0}, job.batches.count() - 1}) {
            Batch const batch = batch_of(maker, job.data, job.objective, job.batches, k, true, 0);
            bool const by_panels = pass().worth_panels(batch, threads);
            if (by_panels) fit_panels(batch.rows, threads);
            turned = turned && by_panels && pass().worth_turning(batch);
        }
        if (turned)
            store_.leave_copies();
        else
            store_.renew_copies();
        in_threads(threads, [&](Share share) {
            for (std::int64_t k = first; k < last; ++k) {
                if (share.thread == 0 && k == first + ThreadChoice::warm) begin = Clock::now();
                Batch batch =
                    batch_of(maker, job.data, job.objective, job.batches, k, true, static_cast<std::uint32_t>(job.random_step + k));
                batch.backward = true;
                batch.turned = turned;
                UpdateNumbers const numbers = update_numbers(job.rule, store_.steps + k - job.first + 1);
                if (!train_step(job, k, batch, share, numbers, sound)) return;
                if (share.thread == 0) finished = k + 1;
            }
        });
        if (finished > first + ThreadChoice::warm)
            choice_.took(finished - first, std::chrono::duration<double>(Clock::now() - begin).count());
        return finished;
    }

    [[nodiscard]] Pass pass() { return {plan_, kernels_, fill_, store_, space_, common_}; }
    /// In the workspace of a share.
    [[nodiscard]] Pass pass(Share const& share) { return {plan_, kernels_, fill_, store_, *spaces(share)[share.workspace()], common_}; }

    void fit(std::int64_t rows, bool with_gradients) {
        space_.fit(plan_, rows, with_gradients);
        common_.row_loss.resize(std::max(common_.row_loss.size(), static_cast<std::size_t>(rows)));
    }

    /// Workspaces of all threads for batches of which these share panels.
    void fit_panels(std::int64_t rows, int threads) {
        common_.fit_handed(plan_, rows);
        while (std::ssize(others_) < threads - 1) others_.push_back(std::make_unique<Workspace>(kernels_));
        for (auto const& other : others_) other->fit(plan_, rows, true);
        spaces_ = {&space_};
        for (auto const& other : others_) spaces_.push_back(other.get());
        std::int64_t widest = 0;
        for (auto const& p : plan_.layers) widest = std::max(widest, p.linear);
        auto const size = static_cast<std::size_t>(panels(rows) * panels(widest) * panel * panel);
        for (Workspace* const space : spaces_)
            if (space->turned.size() < size) space->turned.assign(size, 0.0f);
    }

    /// One, or one for each thread.
    [[nodiscard]] std::span<Workspace* const> spaces(Share const& share) const {
        return {spaces_.data(), share.by_panels ? static_cast<std::size_t>(share.threads) : 1};
    }

    /// As many as are worth their meetings (some microseconds of products for each), and have some rows each to use a weight on.
    [[nodiscard]] int threads_for(std::int64_t rows) const {
        constexpr double products = 3e5;
        constexpr std::int64_t least_rows = 8;
        double const worth = work_ * static_cast<double>(rows) / products;
        auto const most = static_cast<double>(std::min<std::int64_t>(pool(context_).size(), std::max<std::int64_t>(1, rows / least_rows)));
        return static_cast<int>(std::clamp<double>(worth, 1.0, most));
    }

    void in_threads(int threads, auto&& body) {
        common_.nonzeros.resize(static_cast<std::size_t>(threads));
        if (threads == 1) {
            FlushDenormals const flush;
            return body(Share{});
        }
        SpinBarrier barrier(threads);
        pool(context_).run(threads, [&](std::int64_t i, int) {
            FlushDenormals const flush;
            try {
                body(Share{.thread = static_cast<int>(i), .threads = threads, .barrier = &barrier});
            } catch (...) {
                barrier.break_up();
                throw;
            }
        });
    }

    /// Pairs of rows stay together.
    static Share rows_of(Share share, std::int64_t rows) {
        auto const before = [&](int thread) { return rows * thread / share.threads / 2 * 2; };
        share.first = before(share.thread);
        share.last = share.thread + 1 == share.threads ? rows : before(share.thread + 1);
        share.batch = rows;
        return share;
    }

    static Batch batch_of(BatchMaker const& maker, Data const& data, Objective const& objective, Batches const& batches, std::int64_t k,
                          bool training, std::uint32_t step) {
        return {.maker = &maker,
                .data = &data,
                .objective = &objective,
                .begin = batches.begin(k),
                .rows = batches.size(k),
                .training = training,
                .step = step,
                .counted = data.counted(batches.begin(k), batches.size(k))};
    }

    void forward_pass(Batch const& batch, Share const& own) {
        pass(own).load(batch, own, true);
        pass(own).forward_to_loss(batch, own);
    }

    [[nodiscard]] double loss_of(Batch const& batch) const {
        double sum = 0.0;
        for (std::int64_t r = 0; r < batch.rows; ++r) sum += common_.row_loss[static_cast<std::size_t>(r)];
        return sum;
    }

    /// Step k of the job. @return whether loss and update are finite, the same on all threads
    bool train_step(TrainJob const& job, std::int64_t k, Batch const& batch, Share const& share, UpdateNumbers numbers,
                    std::atomic<bool>& sound) {
        Share own = rows_of(share, batch.rows);
        own.by_panels = pass().worth_panels(batch, share.threads);
        if (share.thread == 0) update_.begin(batch.rows, share.threads, spaces(own), !batch.turned);
        forward_pass(batch, own);
        pass(own).backward(batch, own, false);
        if (!share.meet()) return false;
        double const loss = loss_of(batch);
        if (!std::isfinite(loss)) return false;
        if (share.thread == 0) {
            job.losses[k - job.first] = loss;
            update_statistics(batch);
        }
        bool finite = true;
        if (job.rule.clip_norm > 0.0) {
            update_.gradients(own, gradient_.data());
            share.meet();
            update_.square(share.thread, share.threads, gradient_.data());
            share.meet();
            double const norm = std::sqrt(update_.total_square());
            numbers.scale = static_cast<float>(std::min(job.rule.clip_norm / (norm + clip_epsilon), 1.0));
            finite = update_.apply_given(share.thread, share.threads, gradient_.data(), numbers);
        } else {
            finite = update_.apply(own, numbers);
        }
        if (!finite) sound.store(false, std::memory_order_relaxed);
        return share.meet() && sound.load(std::memory_order_relaxed);
    }

    /// Running mean and unbiased variance. For one thread.
    void update_statistics(Batch const& batch) {
        constexpr float kept = 1.0f - batch_norm_momentum;
        for (std::size_t l = 0; l < plan_.layers.size(); ++l) {
            PlannedLayer const& p = plan_.layers[l];
            if (!p.batch_norm()) continue;
            LayerSpace const& s = space_.layers[l];
            StoredLayer const& stored = store_.layer(static_cast<int>(l));
            float* const mean = store_.buffers.data() + stored.mean.offset;
            float* const variance = store_.buffers.data() + stored.variance.offset;
            auto const rows = static_cast<float>(batch.rows);
            for (std::int64_t u = 0; u < p.linear; ++u) {
                mean[u] = kept * mean[u] + batch_norm_momentum * s.mean[u];
                variance[u] = kept * variance[u] + batch_norm_momentum * (s.variance[u] * (rows / (rows - 1.0f)));
            }
        }
    }

    Context context_;
    Plan plan_;
    Kernels const& kernels_;
    random::Fill fill_;
    Store store_;
    Workspace space_;
    std::vector<std::unique_ptr<Workspace>> others_;  ///< of threads 1, 2, ... where they share panels
    std::vector<Workspace*> spaces_{&space_};
    Common common_;
    Update update_;
    ThreadChoice choice_;  ///< for steps of training
    AlignedVector<float> gradient_;
    double work_ = 0.0;
};

}  // namespace

std::unique_ptr<Engine> make_engine(Context const& context, Plan const& plan, Precision precision) {
    auto const set = context.instruction_set();
    Kernels const* const kernels = kernels_for(set, precision);
    require(kernels != nullptr, "autoencoder::Model", [&] {
        std::string text = "precision " + std::string(to_string(precision)) + " is not available on the cpu backend";
        if (precision == Precision::bf16) text += ", instruction set " + std::string(to_string(set)) + ", without AVX-512 BF16";
        return text + (kernels_for(set, Precision::bf16) != nullptr ? "; f32 and bf16 are" : "; f32 is");
    });
    return std::make_unique<Network>(context, plan, *kernels);
}

}  // namespace ca3::autoencoder::cpu
