#pragma once

#include "core/cuda.hpp"
#include "kernels/lif/network_view.hpp"
#include "lif/coefficients.hpp"
#include "lif/cpu_layout.hpp"
#include "lif/cuda_stimuli.hpp"
#include "lif/engine.hpp"

#include <cstdint>
#include <vector>

namespace ca3::lif::cuda {

template <class T>
[[nodiscard]] std::vector<T> downloaded(Buffer<T> const& buffer) {
    std::vector<T> values(static_cast<std::size_t>(buffer.size()));
    if (!values.empty()) buffer.copy_to_host(values.data());
    return values;
}

/// A network in device memory: its neurons by slices, their state, the rings of sums and the rows of synapses. Refers to the plan.
template <class Real>
class DeviceNetwork {
public:
    DeviceNetwork(Context const& context, Plan const& plan);

    [[nodiscard]] NetworkView<Real> view(DeviceStimuli const& stimuli) const;
    /// State of a population's neurons, in their order; nothing for sources.
    [[nodiscard]] Snapshot::Neurons read(std::int32_t population) const;
    void write(std::int32_t population, Snapshot::Neurons const& in);
    /// All sums are zero.
    void clear_ring();

    [[nodiscard]] cpu::Layout const& layout() const { return layout_; }
    [[nodiscard]] std::int64_t items() const { return item_begin_.back(); }
    /// A neuron's number in the arrays of state, and in the network.
    [[nodiscard]] std::uint32_t item_of(std::uint32_t id) const { return item_of_id_[id]; }
    [[nodiscard]] std::uint32_t id_of(std::uint32_t item) const { return id_of_item_[item]; }
    [[nodiscard]] std::int64_t largest_ring() const { return largest_ring_; }
    [[nodiscard]] std::int64_t largest_items() const { return largest_items_; }
    /// Whether all neurons have delta or exponential synapses, or are sources.
    [[nodiscard]] bool simple() const { return simple_; }
    /// Of a neuron, at most.
    [[nodiscard]] int variables() const { return variables_; }
    [[nodiscard]] std::int64_t synapses() const { return synapse_count_; }
    [[nodiscard]] std::int64_t bytes() const { return bytes_; }

private:
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

    void lay_out();
    void add_coefficients(PopulationPlan const& p, cpu::Part const& part, DevicePart& d, std::vector<Coefficients<Real>>& coefficients,
                          std::vector<std::int32_t>& shared_at) const;
    void upload_synapses();
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

    Context context_;
    Plan const& plan_;
    cpu::Layout layout_;
    std::int64_t delay_slots_ = 2;
    std::int64_t largest_ring_ = 0, largest_items_ = 0;
    bool simple_ = true;
    int variables_ = 0;
    bool wide_ = true;
    std::int64_t synapse_count_ = 0, bytes_ = 0;
    std::vector<std::int64_t> item_begin_;
    std::vector<std::uint32_t> id_of_item_, item_of_id_;
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
};

}  // namespace ca3::lif::cuda
