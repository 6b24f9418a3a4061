#include "lif/cuda_network.hpp"

#include "lif/checks.hpp"
#include "lif/ring_synapses.hpp"

#include <algorithm>
#include <bit>

namespace ca3::lif::cuda {

template <class Real>
DeviceNetwork<Real>::DeviceNetwork(Context const& context, Plan const& plan)
    : context_(context), plan_(plan), layout_(plan, std::max(context.state().device.multiprocessors, 1), 8) {
    delay_slots_ = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(plan.longest_delay) + 1));
    lay_out();
    upload_synapses();
}

template <class Real>
void DeviceNetwork<Real>::lay_out() {
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
            simple_ =
                simple_ && (is_source(p.kind) || p.kind == Kind::delta || p.kind == Kind::exponential || p.kind == Kind::exponential_one);
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

template <class Real>
void DeviceNetwork<Real>::add_coefficients(PopulationPlan const& p, cpu::Part const& part, DevicePart& d,
                                           std::vector<Coefficients<Real>>& coefficients, std::vector<std::int32_t>& shared_at) const {
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

template <class Real>
void DeviceNetwork<Real>::upload_synapses() {
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
    synapse_count_ = table.synapses;
    bytes_ = static_cast<std::int64_t>(table.storage.size() + table.row_base.size() * 8 + table.row_offset.size() * (short_rows ? 2 : 4)) +
             ring_.size() * std::int64_t{sizeof(DeviceSum<Real>)} + item_begin_.back() * std::int64_t{sizeof(Real) * 2 + 4};
}

template <class Real>
NetworkView<Real> DeviceNetwork<Real>::view(DeviceStimuli const& stimuli) const {
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
                          .poisson = stimuli.poisson.data(),
                          .poisson_begin = stimuli.poisson_begin.data(),
                          .tables = stimuli.tables.data(),
                          .thresholds = stimuli.thresholds.data(),
                          .table_of = stimuli.table_of.data(),
                          .currents = stimuli.currents.data(),
                          .current_begin = stimuli.current_begin.data(),
                          .amplitudes = stimuli.amplitudes.data(),
                          .samples = nullptr,
                          .sample_begin = nullptr,
                          .sampled = nullptr};
    for (int k = 0; k < most_variables; ++k) net.s[k] = s_[k].data();
    return net;
}

template <class Real>
Snapshot::Neurons DeviceNetwork<Real>::read(std::int32_t population) const {
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

template <class Real>
void DeviceNetwork<Real>::write(std::int32_t population, Snapshot::Neurons const& in) {
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

template <class Real>
void DeviceNetwork<Real>::clear_ring() {
    ca3::cuda::fill(context_.state(), ring_.data(), 0, static_cast<std::size_t>(ring_.size()) * sizeof(DeviceSum<Real>));
}

template class DeviceNetwork<float>;
template class DeviceNetwork<double>;

}  // namespace ca3::lif::cuda
