#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include "core/cuda.hpp"
#include "kernels/lif/network_view.hpp"
#include "lif/checks.hpp"
#include "lif/cuda_network.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

/// The CUDA engine: runs of a network in device memory, one block for each slice.
namespace ca3::lif::cuda {

namespace {

template <class Real>
class CudaEngine final : public Engine {
public:
    CudaEngine(Context const& context, Plan const& plan) : context_(context), plan_(plan), network_(context, plan) {
        board_ =
            Buffer<unsigned long long>(context_, board_words(static_cast<std::int64_t>(network_.layout().slices.size()), network_.items()));
        events_ = uploaded(context_, std::vector<unsigned long long>{0});
        cycles_ = uploaded(context_, std::vector<unsigned long long>(phases, 0));
        steps_done_ = uploaded(context_, std::vector<std::int32_t>{0});
        for (std::int32_t p = 0; p < static_cast<std::int32_t>(plan.populations.size()); ++p) network_.write(p, initial_state(plan, p));
    }

    void run(std::int64_t first_step, std::int64_t steps, Output& out) override {
        auto const begin = std::chrono::steady_clock::now();
        if (stimuli_.poisson_begin.size() == 0 || stimuli_.poisson_count != plan_.poisson.size() ||
            stimuli_.current_count != plan_.currents.size()) {
            stimuli_ = DeviceStimuli(context_, plan_);
        }
        out.spikes = {.first_step = first_step, .offset = {0}, .ids = {}};
        out.traces.assign(plan_.traces.size(), {});
        for (std::int64_t done = 0; done < steps;) done += run_chunk(first_step + done, std::min(steps - done, most_steps), out);
        seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }

    Snapshot::Neurons read(std::int32_t population) const override { return network_.read(population); }
    void write(std::int32_t population, Snapshot::Neurons const& in) override { network_.write(population, in); }

    void restore_deliveries(std::int64_t step, std::vector<SpikeBlock> const& history) override {
        network_.clear_ring();
        auto const net = network_.view(stimuli_);
        for (auto const& block : history) {
            for (std::size_t k = 0; k + 1 < block.offset.size(); ++k) {
                std::vector<std::uint32_t> items;
                for (std::int64_t j = block.offset[k]; j < block.offset[k + 1]; ++j)
                    items.push_back(network_.item_of(block.ids[static_cast<std::size_t>(j)]));
                if (items.empty()) continue;
                auto const device_items = uploaded(context_, items);
                deliver_late(context_, net, device_items.data(), device_items.size(), block.first_step + static_cast<std::int64_t>(k),
                             step - 1);
            }
        }
        context_.synchronize();
    }

    EngineTimes times() const override {
        EngineTimes times;
        times.synapses = network_.synapses();
        times.bytes = network_.bytes();
        times.events = static_cast<std::int64_t>(downloaded(events_)[0]);
        // The launches' time in the shares of the first block's cycles.
        auto const cycles = downloaded(cycles_);
        auto const all = static_cast<double>(std::accumulate(cycles.begin(), cycles.end(), 0ULL));
        auto const part = [&](Phase phase) { return all > 0.0 ? seconds_ * static_cast<double>(cycles[phase]) / all : 0.0; };
        times.update = all > 0.0 ? part(update_phase) : seconds_;
        times.stimulus = part(stimulus_phase);
        times.delivery = part(delivery_phase);
        times.exchange = part(exchange_phase);
        return times;
    }

private:
    static constexpr std::int64_t usual_capacity = std::int64_t{1} << 20;

    /// The sampled neurons by slice, for a chunk of steps. @return samples in all
    std::int64_t lay_out_samples(std::int64_t first_step, std::int64_t steps, std::vector<DeviceSample>& samples,
                                 std::vector<std::int64_t>& begin) const {
        std::int64_t total = 0;
        std::vector<std::vector<DeviceSample>> by_slice(network_.layout().slices.size());
        for (auto const& trace : plan_.traces) {
            auto const& p = plan_.populations[static_cast<std::size_t>(trace.population)];
            std::int32_t const variable = trace.variable == Variable::voltage ? -1 : variable_index(p.kind, trace.variable);
            std::int64_t const piece = network_.layout().piece[static_cast<std::size_t>(trace.population)];
            for (std::size_t j = 0; j < trace.neurons.size(); ++j) {
                auto const slice = static_cast<std::size_t>(trace.neurons[j] / piece);
                std::int64_t item = 0;
                for (auto const& part : network_.layout().slices[slice].parts) {
                    if (part.population == trace.population) break;
                    item += part.count;
                }
                by_slice[slice].push_back({.item = static_cast<std::int32_t>(item + trace.neurons[j] % piece),
                                           .variable = trace.variable != Variable::voltage && variable < 0 ? -2 : variable,
                                           .interval = trace.interval,
                                           .out = total + static_cast<std::int64_t>(j),
                                           .stride = static_cast<std::int64_t>(trace.neurons.size())});
            }
            total += samples_in(trace, first_step, steps) * static_cast<std::int64_t>(trace.neurons.size());
        }
        begin.assign(1, 0);
        for (auto const& mine : by_slice) {
            samples.insert(samples.end(), mine.begin(), mine.end());
            begin.push_back(static_cast<std::int64_t>(samples.size()));
        }
        return total;
    }

    /// @return the steps done: all, or fewer where the list of spikes could have overflowed
    std::int64_t run_chunk(std::int64_t first_step, std::int64_t steps, Output& out) {
        std::int64_t const capacity = std::max(usual_capacity, 4 * plan_.neurons());
        if (items_.size() < capacity) items_ = Buffer<std::uint32_t>(context_, capacity);
        if (count_.size() < steps + 1) {
            count_ = Buffer<std::uint32_t>(context_, steps + 1);
            offset_ = Buffer<std::uint64_t>(context_, steps + 1);
        }
        ca3::cuda::fill(context_.state(), count_.data(), 0, static_cast<std::size_t>(count_.size()) * 4);
        std::vector<DeviceSample> samples;
        std::vector<std::int64_t> begin;
        std::int64_t const sampled = lay_out_samples(first_step, steps, samples, begin);
        Buffer<DeviceSample> const device_samples = uploaded(context_, samples);
        Buffer<std::int64_t> const device_begin = uploaded(context_, begin);
        Buffer<double> const values(context_, sampled);
        auto net = network_.view(stimuli_);
        if (sampled > 0) {
            net.samples = device_samples.data();
            net.sample_begin = device_begin.data();
            net.sampled = values.data();
        }
        SpikeList const list{.items = items_.data(),
                             .count = count_.data(),
                             .offset = offset_.data(),
                             .capacity = static_cast<std::uint64_t>(capacity),
                             .steps_done = steps_done_.data(),
                             .events = events_.data(),
                             .cycles = cycles_.data()};
        simulate(context_, net, list, first_step, steps,
                 {.simple = network_.simple(),
                  .largest_ring = network_.largest_ring(),
                  .largest_items = network_.largest_items(),
                  .items = network_.items(),
                  .variables = network_.variables(),
                  .board = board_.data()});
        std::int64_t const done = downloaded(steps_done_)[0];
        take_spikes(done, out.spikes);
        take_samples(first_step, steps, done, downloaded(values), out);
        return done;
    }

    void take_spikes(std::int64_t done, SpikeBlock& block) const {
        auto const offset = downloaded(offset_);
        std::vector<std::uint32_t> ids(offset[static_cast<std::size_t>(done)]);
        if (!ids.empty()) ca3::cuda::copy_to_host(context_.state(), ids.data(), items_.data(), ids.size() * 4);
        for (auto& id : ids) id = network_.id_of(id);
        for (std::int64_t k = 0; k < done; ++k) {
            auto const from = ids.begin() + static_cast<std::ptrdiff_t>(offset[static_cast<std::size_t>(k)]);
            auto const to = ids.begin() + static_cast<std::ptrdiff_t>(offset[static_cast<std::size_t>(k) + 1]);
            std::sort(from, to);
            block.ids.insert(block.ids.end(), from, to);
            block.offset.push_back(static_cast<std::int64_t>(block.ids.size()));
        }
    }

    void take_samples(std::int64_t first_step, std::int64_t steps, std::int64_t done, std::vector<double> const& values,
                      Output& out) const {
        std::size_t at = 0;
        for (std::size_t t = 0; t < plan_.traces.size(); ++t) {
            auto const& trace = plan_.traces[t];
            auto const& p = plan_.populations[static_cast<std::size_t>(trace.population)];
            std::int64_t const wanted = samples_in(trace, first_step, done);
            for (std::int64_t k = 0; k < wanted; ++k) {
                for (std::size_t j = 0; j < trace.neurons.size(); ++j) {
                    double const value = values[at + static_cast<std::size_t>(k) * trace.neurons.size() + j];
                    out.traces[t].push_back(trace.variable == Variable::voltage ? value + p.resting_mV(trace.neurons[j]) : value);
                }
            }
            at += static_cast<std::size_t>(samples_in(trace, first_step, steps)) * trace.neurons.size();
        }
    }

    Context context_;
    Plan const& plan_;
    DeviceNetwork<Real> network_;
    Buffer<std::uint32_t> items_, count_;
    Buffer<std::uint64_t> offset_;
    Buffer<unsigned long long> board_, events_, cycles_;
    Buffer<std::int32_t> steps_done_;
    DeviceStimuli stimuli_;
    double seconds_ = 0.0;  ///< in run
};

}  // namespace

std::unique_ptr<Engine> make_engine(Context const& context, Plan const& plan) {
    double synapses = 0.0;
    for (auto const& p : plan.projections) synapses += p.expected_synapses;
    double const bytes = synapses * (plan.weight_bits == 16 ? 4.0 : 8.0) + static_cast<double>(plan.neurons()) * 100.0;
    std::uint64_t const available = ca3::cuda::free_bytes(context.state());
    if (bytes > static_cast<double>(available)) {
        throw OutOfMemory("Network::build: " + std::to_string(plan.neurons()) + " neurons and about " + text(synapses) +
                              " synapses on GPU " + std::to_string(context.device()),
                          static_cast<std::uint64_t>(std::min(bytes, 1e19)), available);
    }
    if (plan.options.precision == Precision::f64) return std::make_unique<CudaEngine<double>>(context, plan);
    return std::make_unique<CudaEngine<float>>(context, plan);
}

}  // namespace ca3::lif::cuda
