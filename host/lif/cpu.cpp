#include "core/spin_barrier.hpp"
#include "core/state.hpp"
#include "lif/cpu_slice.hpp"
#include "lif/engine.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>

/// The fast CPU engine: every thread owns some slices and runs all steps on them; after each step the threads meet once, and everyone takes
/// the spikes of all slices in.
namespace ca3::lif::cpu {

namespace {

using Clock = std::chrono::steady_clock;

/// Adds up the time between its calls.
class StopWatch {
public:
    void lap(double& sum) {
        auto const now = Clock::now();
        sum += std::chrono::duration<double>(now - last_).count();
        last_ = now;
    }

private:
    Clock::time_point last_ = Clock::now();
};

template <class Real>
class CpuEngine final : public Engine {
public:
    CpuEngine(Context const& context, Plan const& plan)
        : context_(context), plan_(plan), layout_(plan, pool(context_).size()), table_(make_synapses(context_, plan, layout_)) {
        auto const n = static_cast<std::int64_t>(layout_.slices.size());
        slices_.resize(static_cast<std::size_t>(n));
        // Each thread makes its own slices, so that their memory is near it.
        pool(context_).run(threads(), [&](std::int64_t thread, int) {
            for (std::int64_t s = thread; s < n; s += threads()) {
                slices_[static_cast<std::size_t>(s)] = std::make_unique<SliceState<Real>>(
                    plan, layout_, s, table_, kernels_for(context_.instruction_set()), random::fill_for(context_.instruction_set()));
            }
        });
        for (std::int32_t p = 0; p < static_cast<std::int32_t>(plan.populations.size()); ++p) write(p, initial_state(plan, p));
    }

    void run(std::int64_t first_step, std::int64_t steps, Output& out) override {
        out.traces.resize(plan_.traces.size());
        for (std::size_t k = 0; k < plan_.traces.size(); ++k) {
            auto const samples = static_cast<std::size_t>(samples_in(plan_.traces[k], first_step, steps));
            out.traces[k].assign(samples * plan_.traces[k].neurons.size(), 0.0);
        }
        SpinBarrier barrier(threads());
        pool(context_).run(threads(), [&](std::int64_t thread, int) {
            try {
                run_slices(thread, first_step, steps, barrier, out);
            } catch (...) {
                barrier.break_up();
                throw;
            }
        });
        join_records(first_step, steps, out.spikes);
        for (std::uint32_t const id : out.spikes.ids) events_ += static_cast<std::int64_t>(table_.row_start[id + 1] - table_.row_start[id]);
    }

    Snapshot::Neurons read(std::int32_t population) const override {
        auto const& p = plan_.populations[static_cast<std::size_t>(population)];
        Snapshot::Neurons out;
        if (is_source(p.kind)) return out;
        out.v.resize(static_cast<std::size_t>(p.count));
        out.rest.resize(out.v.size());
        for (int k = 0; k < variables_of(p.kind); ++k) out.s[k].resize(out.v.size());
        for (auto const& slice : slices_) slice->read(population, out);
        return out;
    }
    void write(std::int32_t population, Snapshot::Neurons const& in) override {
        if (is_source(plan_.populations[static_cast<std::size_t>(population)].kind)) return;
        for (auto& slice : slices_) slice->write(population, in);
    }

    void restore_deliveries(std::int64_t step, std::vector<SpikeBlock> const& history) override {
        for (auto& slice : slices_) {
            slice->forget_deliveries();
            for (auto const& block : history) {
                for (std::size_t k = 0; k + 1 < block.offset.size(); ++k) {
                    std::vector<std::uint32_t> const ids(block.ids.begin() + block.offset[k], block.ids.begin() + block.offset[k + 1]);
                    slice->receive(ids, block.first_step + static_cast<std::int64_t>(k), step - 1);
                }
            }
        }
    }

    EngineTimes times() const override {
        EngineTimes sum;
        auto const add = [](EngineTimes& to, EngineTimes const& t) {
            to.update += t.update;
            to.stimulus += t.stimulus;
            to.delivery += t.delivery;
            to.exchange += t.exchange;
        };
        std::vector<EngineTimes> by_thread(static_cast<std::size_t>(threads()));
        for (std::size_t s = 0; s < slices_.size(); ++s) {
            add(by_thread[s % by_thread.size()], slices_[s]->times);
            sum.bytes += slices_[s]->bytes();
        }
        for (auto const& t : by_thread) add(sum, t);
        double const n = threads();
        sum.update /= n;
        sum.stimulus /= n;
        sum.delivery /= n;
        sum.exchange /= n;
        sum.bytes += table_.bytes();
        sum.synapses = table_.synapses;
        sum.events = events_;
        return sum;
    }

private:
    /// Threads that run: meeting after every step costs more than it saves where each has little to do.
    [[nodiscard]] int threads() const {
        constexpr std::int64_t least_neurons = 2500;
        return static_cast<int>(std::clamp<std::int64_t>(plan_.neurons() / least_neurons, 1, pool(context_).size()));
    }

    void run_slices(std::int64_t thread, std::int64_t first_step, std::int64_t steps, SpinBarrier& barrier, Output& out) {
        std::vector<SliceState<Real>*> mine;
        for (std::size_t s = static_cast<std::size_t>(thread); s < slices_.size(); s += static_cast<std::size_t>(threads()))
            mine.push_back(slices_[s].get());
        for (auto* slice : mine) slice->begin_record();
        StopWatch watch;
        for (std::int64_t step = first_step; step < first_step + steps; ++step) {
            for (auto* slice : mine) {
                slice->deliver(step);
                watch.lap(slice->times.delivery);
                slice->stimulate(step);
                watch.lap(slice->times.stimulus);
                slice->update(step);
                slice->sample(step, first_step, out);
                watch.lap(slice->times.update);
            }
            if (!barrier.wait()) return;
            for (auto* slice : mine) {
                for (auto const& other : slices_) slice->receive(other->spikes(step), step, step);
                watch.lap(slice->times.exchange);
            }
        }
    }

    /// The spikes of all slices, step by step, in order of neurons.
    void join_records(std::int64_t first_step, std::int64_t steps, SpikeBlock& block) const {
        block.first_step = first_step;
        block.offset.assign(1, 0);
        block.ids.clear();
        for (std::int64_t k = 0; k < steps; ++k) {
            auto const begin = static_cast<std::ptrdiff_t>(block.ids.size());
            for (auto const& slice : slices_) {
                auto const& offset = slice->record_offset();
                auto const& ids = slice->record();
                block.ids.insert(block.ids.end(), ids.begin() + offset[static_cast<std::size_t>(k)],
                                 ids.begin() + offset[static_cast<std::size_t>(k) + 1]);
            }
            if (slices_.size() > 1) std::sort(block.ids.begin() + begin, block.ids.end());
            block.offset.push_back(static_cast<std::int64_t>(block.ids.size()));
        }
    }

    Context context_;
    Plan const& plan_;
    Layout layout_;
    SynapseTable table_;
    std::vector<std::unique_ptr<SliceState<Real>>> slices_;
    std::int64_t events_ = 0;
};

}  // namespace

std::unique_ptr<Engine> make_engine(Context const& context, Plan const& plan) {
    if (plan.options.precision == Precision::f64) return std::make_unique<CpuEngine<double>>(context, plan);
    return std::make_unique<CpuEngine<float>>(context, plan);
}

}  // namespace ca3::lif::cpu
