#include <ca3/error.hpp>
#include <ca3/matrix.hpp>

#include "core/cuda.hpp"
#include "kernels/lif/network_view.hpp"
#include "lif/checks.hpp"
#include "lif/coefficients.hpp"
#include "lif/cpu_layout.hpp"
#include "lif/cuda_stimuli.hpp"
#include "lif/engine.hpp"
#include "lif/ring_synapses.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <numeric>

/// The CUDA engine: the network in device memory, one block for each slice.
namespace ca3::lif::cuda {

namespace {

template <class Real>
class CudaEngine final : public Engine {
public:
    CudaEngine(Context const& context, Plan const& plan)
        : context_(context), plan_(plan), layout_(plan, std::max(context.state().device.multiprocessors, 1), 8) {
        delay_slots_ = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(plan.longest_delay) + 1));
        lay_out();
        upload_synapses();
        board_ = Buffer<unsigned long long>(context_, board_words(static_cast<std::int64_t>(layout_.slices.size()), item_begin_.back()));
        events_ = uploaded(context_, std::vector<unsigned long long>{0});
        cycles_ = uploaded(context_, std::vector<unsigned long long>(phases, 0));
        steps_done_ = uploaded(context_, std::vector<std::int32_t>{0});
        for (std::int32_t p = 0; p < static_cast<std::int32_t>(plan.populations.size()); ++p) write(p, initial_state(plan, p));
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

    Snapshot::Neurons read(std::int32_t population) const override {
        auto const& p = plan_.populations[static_cast<std::size_t>(population)];
        Snapshot::Neurons out;
        if (is_source(p.kind)) return out;
        std::vector<Real> const v = downloaded(v_);
        std::vector<std::int32_t> const rest = downloaded(rest_);
        std::vector<Real> s[most_variables];
        for (int k = 0; k < variables_of(p.kind); ++k) s[k] = downloaded(s_[k]);
        for_each_neuron(population, [&](std::size_t, std::size_t state) {
            out.v.push_back(v[state]);
            out.rest.push_back(rest[state]);
            for (int k = 0; k < variables_of(p.kind); ++k) out.s[k].push_back(s[k][state]);
        });
        return out;
    }

    void write(std::int32_t population, Snapshot::Neurons const& in) override {
        auto const& p = plan_.populations[static_cast<std::size_t>(population)];
        if (is_source(p.kind) || p.count == 0) return;
        std::vector<Real> v = downloaded(v_);
        std::vector<std::int32_t> rest = downloaded(rest_);
        std::vector<Real> s[most_variables];
        for (int k = 0; k < variables_of(p.kind); ++k) s[k] = downloaded(s_[k]);
        for_each_neuron(population, [&](std::size_t neuron, std::size_t state) {
            v[state] = static_cast<Real>(in.v[neuron]);
            rest[state] = in.rest[neuron];
            for (int k = 0; k < variables_of(p.kind); ++k) s[k][state] = static_cast<Real>(in.s[k][neuron]);
        });
        v_.copy_from_host(v.data());
        rest_.copy_from_host(rest.data());
        for (int k = 0; k < variables_of(p.kind); ++k) s_[k].copy_from_host(s[k].data());
    }

    void restore_deliveries(std::int64_t step, std::vector<SpikeBlock> const& history) override {
        ca3::cuda::fill(context_.state(), ring_.data(), 0, static_cast<std::size_t>(ring_.size()) * sizeof(DeviceSum<Real>));
        auto const net = view();
        for (auto const& block : history) {
            for (std::size_t k = 0; k + 1 < block.offset.size(); ++k) {
                std::vector<std::uint32_t> items;
                for (std::int64_t j = block.offset[k]; j < block.offset[k + 1]; ++j)
                    items.push_back(item_of_id_[block.ids[static_cast<std::size_t>(j)]]);
                if (items.empty()) continue;
                auto const device_items = uploaded(context_, items);
                deliver_late(context_, net, device_items.data(), device_items.size(), block.first_step + static_cast<std::int64_t>(k),
                             step - 1);
            }
        }
        context_.synchronize();
    }

    EngineTimes times() const override {
        EngineTimes times = times_;
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

    template <class T>
    static std::vector<T> downloaded(Buffer<T> const& buffer) {
        std::vector<T> values(static_cast<std::size_t>(buffer.size()));
        if (!values.empty()) buffer.copy_to_host(values.data());
        return values;
    }

    template <class F>
    void for_each_neuron(std::int32_t population, F&& f) const {
        std::size_t neuron = 0;
        for (std::size_t slice = 0; slice < layout_.slices.size(); ++slice) {
            std::int64_t item = 0;
            for (auto const& part : layout_.slices[slice].parts) {
                if (part.population == population) {
                    for (std::int64_t i = 0; i < part.count; ++i) f(neuron++, static_cast<std::size_t>(item_begin_[slice] + item + i));
                }
                item += part.count;
            }
        }
    }

    void lay_out() {
        std::vector<DevicePart> parts;
        std::vector<std::int32_t> part_begin{0};
        std::vector<std::int64_t> ring_begin{0}, spike_offset{0}, spike_steps;
        std::vector<std::uint64_t> spike_threshold;
        std::vector<Coefficients<Real>> coefficients;
        std::vector<std::int32_t> shared_at(plan_.populations.size(), -1);
        item_begin_ = {0};
        for (auto const& slice : layout_.slices) {
            std::int64_t item = 0;
            for (auto const& part : slice.parts) {
                auto const& p = plan_.populations[static_cast<std::size_t>(part.population)];
                DevicePart d{.kind = p.kind,
                             .population = part.population,
                             .count = static_cast<std::int32_t>(part.count),
                             .item = static_cast<std::int32_t>(item),
                             .slot = static_cast<std::int32_t>(part.slot),
                             .stride = static_cast<std::int32_t>(part.stride),
                             .coefficients = 0,
                             .shared = p.shared,
                             .first = part.first,
                             .first_id = static_cast<std::uint32_t>(p.first + part.first),
                             .stop = p.stop,
                             .start = p.start,
                             .source = 0};
                add_coefficients(p, part, d, coefficients, shared_at);
                if (p.kind == Kind::spike_source) {
                    d.source = static_cast<std::int64_t>(spike_offset.size()) - 1;
                    for (std::int64_t i = part.first; i < part.first + part.count; ++i) {
                        auto const from = p.spike_steps.begin() + p.spike_offset[static_cast<std::size_t>(i)];
                        auto const to = p.spike_steps.begin() + p.spike_offset[static_cast<std::size_t>(i) + 1];
                        spike_steps.insert(spike_steps.end(), from, to);
                        spike_offset.push_back(static_cast<std::int64_t>(spike_steps.size()));
                    }
                } else if (p.kind == Kind::poisson_source) {
                    d.source = static_cast<std::int64_t>(spike_threshold.size());
                    for (std::int64_t i = part.first; i < part.first + part.count; ++i)
                        spike_threshold.push_back(p.spike_threshold[p.spike_threshold.size() == 1 ? 0 : static_cast<std::size_t>(i)]);
                }
                simple_ = simple_ &&
                          (is_source(p.kind) || p.kind == Kind::delta || p.kind == Kind::exponential || p.kind == Kind::exponential_one);
                parts.push_back(d);
                item += part.count;
                for (std::int64_t i = 0; i < part.count; ++i) id_of_item_.push_back(d.first_id + static_cast<std::uint32_t>(i));
            }
            part_begin.push_back(static_cast<std::int32_t>(parts.size()));
            item_begin_.push_back(item_begin_.back() + item);
            ring_begin.push_back(ring_begin.back() + slice.slots * delay_slots_);
            largest_ring_ = std::max(largest_ring_, slice.slots * delay_slots_);
            largest_items_ = std::max(largest_items_, item);
        }
        item_of_id_.resize(id_of_item_.size());
        for (std::size_t i = 0; i < id_of_item_.size(); ++i) item_of_id_[id_of_item_[i]] = static_cast<std::uint32_t>(i);
        parts_ = uploaded(context_, parts);
        part_begin_ = uploaded(context_, part_begin);
        device_item_begin_ = uploaded(context_, item_begin_);
        ring_begin_ = uploaded(context_, ring_begin);
        coefficients_ = uploaded(context_, coefficients);
        spike_offset_ = uploaded(context_, spike_offset);
        spike_steps_ = uploaded(context_, spike_steps);
        spike_threshold_ = uploaded(context_, spike_threshold);
        v_ = zeros<Real>(item_begin_.back());
        rest_ = zeros<std::int32_t>(item_begin_.back());
        for (auto const& p : plan_.populations) variables_ = std::max(variables_, variables_of(p.kind));
        for (int k = 0; k < variables_; ++k) s_[k] = zeros<Real>(item_begin_.back());
        ring_ = zeros<DeviceSum<Real>>(ring_begin.back());
    }

    void add_coefficients(PopulationPlan const& p, cpu::Part const& part, DevicePart& d, std::vector<Coefficients<Real>>& coefficients,
                          std::vector<std::int32_t>& shared_at) const {
        if (is_source(p.kind)) return;
        auto& at = shared_at[static_cast<std::size_t>(part.population)];
        if (p.shared && at >= 0) {
            d.coefficients = at;
            return;
        }
        d.coefficients = static_cast<std::int32_t>(coefficients.size());
        if (p.shared) at = d.coefficients;
        if (p.kind == Kind::hodgkin_huxley) {
            coefficients.push_back(make_coefficients<Real>(p.hodgkin_huxley, plan_.options.step_ms, p.unit));
            return;
        }
        for (std::int64_t i = part.first; i < part.first + (p.shared ? 1 : part.count); ++i)
            coefficients.push_back(make_coefficients<Real>(p.lif, i, plan_.options.step_ms, p.unit));
    }

    template <class T>
    Buffer<T> zeros(std::int64_t count) {
        Buffer<T> buffer(context_, count);
        if (count > 0) ca3::cuda::fill(context_.state(), buffer.data(), 0, static_cast<std::size_t>(count) * sizeof(T));
        return buffer;
    }

    /// Rows of a table, from the order of the network's numbers to that of the arrays of state.
    template <class T>
    std::vector<T> by_item(std::vector<T> const& table, std::int64_t width) const {
        std::vector<T> out;
        out.reserve(table.size());
        for (std::uint32_t const id : id_of_item_) {
            auto const row = table.begin() + static_cast<std::int64_t>(id) * width;
            out.insert(out.end(), row, row + width);
        }
        return out;
    }

    void upload_synapses() {
        auto const table = cpu::make_ring_synapses(context_, plan_, layout_, delay_slots_);
        wide_ = table.bytes_per_synapse == 8;
        auto const slices = static_cast<std::int64_t>(layout_.slices.size());
        std::uint32_t longest = 0;
        for (std::uint32_t const offset : table.row_offset) longest = std::max(longest, offset);
        bool const short_rows = longest <= 0xFFFF;
        row_base_ = uploaded(context_, by_item(table.row_base, 1));
        if (short_rows) {
            std::vector<std::uint16_t> const narrow(table.row_offset.begin(), table.row_offset.end());
            auto ordered = by_item(narrow, slices + 1);
            ordered.resize(ordered.size() + 32);  // they are fetched ahead in units of 16 bytes
            row_offset_16_ = uploaded(context_, ordered);
        } else {
            row_offset_ = uploaded(context_, by_item(table.row_offset, slices + 1));
        }
        auto const rows = static_cast<std::int64_t>(table.row_base.size()) * slices;
        // Enough lanes that a usual row is on its way in two loads of each, and a power of two.
        std::int64_t const usual = table.synapses / std::max<std::int64_t>(rows, 1);
        row_shift_ = std::clamp(static_cast<std::int32_t>(std::bit_width(static_cast<std::uint64_t>(usual / 2))), 2, 5);
        synapses_ = Buffer<std::byte>(context_, static_cast<std::int64_t>(table.storage.size()));
        if (!table.storage.empty()) synapses_.copy_from_host(table.storage.data());
        times_.synapses = table.synapses;
        times_.bytes =
            static_cast<std::int64_t>(table.storage.size() + table.row_base.size() * 8 + table.row_offset.size() * (short_rows ? 2 : 4)) +
            ring_.size() * std::int64_t{sizeof(DeviceSum<Real>)} + item_begin_.back() * std::int64_t{sizeof(Real) * 2 + 4};
    }

    NetworkView<Real> view() const {
        NetworkView<Real> net{.seed = plan_.options.seed,
                              .slices = static_cast<std::int32_t>(layout_.slices.size()),
                              .delay_slots = static_cast<std::int32_t>(delay_slots_),
                              .wide = wide_,
                              .neurons = plan_.neurons(),
                              .parts = parts_.data(),
                              .part_begin = part_begin_.data(),
                              .item_begin = device_item_begin_.data(),
                              .ring_begin = ring_begin_.data(),
                              .coefficients = coefficients_.data(),
                              .v = v_.data(),
                              .s = {},
                              .rest = rest_.data(),
                              .ring = ring_.data(),
                              .row_base = row_base_.data(),
                              .row_offset = row_offset_.data(),
                              .row_offset_16 = row_offset_16_.size() > 0 ? row_offset_16_.data() : nullptr,
                              .row_shift = row_shift_,
                              .synapses = synapses_.data(),
                              .spike_offset = spike_offset_.data(),
                              .spike_steps = spike_steps_.data(),
                              .spike_threshold = spike_threshold_.data(),
                              .poisson = stimuli_.poisson.data(),
                              .poisson_begin = stimuli_.poisson_begin.data(),
                              .tables = stimuli_.tables.data(),
                              .thresholds = stimuli_.thresholds.data(),
                              .table_of = stimuli_.table_of.data(),
                              .currents = stimuli_.currents.data(),
                              .current_begin = stimuli_.current_begin.data(),
                              .amplitudes = stimuli_.amplitudes.data(),
                              .samples = nullptr,
                              .sample_begin = nullptr,
                              .sampled = nullptr};
        for (int k = 0; k < most_variables; ++k) net.s[k] = s_[k].data();
        return net;
    }

    /// The sampled neurons by slice, for a chunk of steps. @return samples in all
    std::int64_t lay_out_samples(std::int64_t first_step, std::int64_t steps, std::vector<DeviceSample>& samples,
                                 std::vector<std::int64_t>& begin) const {
        std::int64_t total = 0;
        std::vector<std::vector<DeviceSample>> by_slice(layout_.slices.size());
        for (auto const& trace : plan_.traces) {
            auto const& p = plan_.populations[static_cast<std::size_t>(trace.population)];
            std::int32_t const variable = trace.variable == Variable::voltage ? -1 : variable_index(p.kind, trace.variable);
            std::int64_t const piece = layout_.piece[static_cast<std::size_t>(trace.population)];
            for (std::size_t j = 0; j < trace.neurons.size(); ++j) {
                auto const slice = static_cast<std::size_t>(trace.neurons[j] / piece);
                std::int64_t item = 0;
                for (auto const& part : layout_.slices[slice].parts) {
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
        auto net = view();
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
                 {.simple = simple_,
                  .largest_ring = largest_ring_,
                  .largest_items = largest_items_,
                  .items = item_begin_.back(),
                  .variables = variables_,
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
        for (auto& id : ids) id = id_of_item_[id];
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
    cpu::Layout layout_;
    std::int64_t delay_slots_ = 2;
    std::int64_t largest_ring_ = 0, largest_items_ = 0;
    bool simple_ = true;
    int variables_ = 0;  // of a neuron, at most
    bool wide_ = true;
    std::vector<std::int64_t> item_begin_;
    std::vector<std::uint32_t> id_of_item_, item_of_id_;  // a neuron's number in the arrays of state, and in the network
    Buffer<DevicePart> parts_;
    Buffer<std::int32_t> part_begin_;
    Buffer<std::int64_t> device_item_begin_, ring_begin_, spike_offset_, spike_steps_;
    Buffer<std::uint64_t> spike_threshold_;
    Buffer<Coefficients<Real>> coefficients_;
    Buffer<Real> v_, s_[most_variables];
    Buffer<std::int32_t> rest_;
    Buffer<DeviceSum<Real>> ring_;
    Buffer<std::uint64_t> row_base_;
    Buffer<std::uint32_t> row_offset_;
    Buffer<std::uint16_t> row_offset_16_;
    std::int32_t row_shift_ = 5;
    Buffer<std::byte> synapses_;
    Buffer<std::uint32_t> items_, count_;
    Buffer<std::uint64_t> offset_;
    Buffer<unsigned long long> board_, events_, cycles_;
    Buffer<std::int32_t> steps_done_;
    DeviceStimuli stimuli_;
    EngineTimes times_;
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
