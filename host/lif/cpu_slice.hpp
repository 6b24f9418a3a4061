#pragma once

#include "core/aligned.hpp"
#include "lif/coefficients.hpp"
#include "lif/cpu_kernels.hpp"
#include "lif/cpu_layout.hpp"
#include "lif/cpu_synapses.hpp"
#include "lif/engine.hpp"

#include <cstdint>
#include <vector>

namespace ca3::lif::cpu {

/// What one slice holds: state, sums of arrivals, and what is under way to it. Only the thread that owns the slice touches it, but for the
/// spikes of the last step, which all read.
template <class Real>
class SliceState {
public:
    SliceState(Plan const&, Layout const&, std::int64_t slice, SynapseTable const&, Kernels const&, random::Fill);

    /// Adds to the sums what synapses and stimuli bring in `step`.
    void deliver(std::int64_t step);
    void stimulate(std::int64_t step);
    /// Advances all neurons; their spikes are kept for the others and appended to the record.
    void update(std::int64_t step);
    void sample(std::int64_t step, std::int64_t first_step, Output&) const;
    /// Takes the spikes of `step`, of any slice, in: notes when the synapses of their rows are due. What is due up to `done` is past.
    void receive(std::vector<std::uint32_t> const& sources, std::int64_t step, std::int64_t done);
    void forget_deliveries();

    void begin_record() {
        record_offset_.assign(1, 0);
        record_.clear();
    }
    [[nodiscard]] std::vector<std::uint32_t> const& spikes(std::int64_t step) const { return spikes_[step & 1]; }
    [[nodiscard]] std::vector<std::int64_t> const& record_offset() const { return record_offset_; }
    [[nodiscard]] std::vector<std::uint32_t> const& record() const { return record_; }

    void read(std::int32_t population, Snapshot::Neurons&) const;
    void write(std::int32_t population, Snapshot::Neurons const&);

    EngineTimes times;
    [[nodiscard]] std::int64_t bytes() const;

private:
    struct State {
        Part part;
        Kind kind = Kind::delta;
        std::vector<Coefficients<Real>> coefficients;
        AlignedVector<Real> v, s[most_variables], ext;
        AlignedVector<std::uint16_t> rest;
        Update<Real> update = nullptr;
    };
    /// Blocks of synapses that are due in one step. `blocks` is longer than what is in use, so that several may be written at once.
    struct Day {
        std::vector<std::uint32_t> blocks;
        std::size_t count = 0;

        /// Adds the blocks first ... first + n - 1.
        void add(std::uint32_t first, std::uint32_t n) {
            constexpr std::size_t room = 32;
            if (blocks.size() < count + n + room) blocks.resize(2 * (count + n) + 2 * room, 0);
            std::uint32_t* const to = blocks.data() + count;
            for (std::uint32_t k = 0; k < 4; ++k) to[k] = first + k;  // most runs are short: no loop to be guessed
            for (std::uint32_t k = 4; k < n; ++k) to[k] = first + k;
            count += n;
        }
    };
    /// A spike that a source is told to make.
    struct Due {
        std::int64_t step;
        std::uint32_t id;
        std::int32_t population;
    };

    template <class Synapse, int per_block>
    void deliver_blocks(std::uint32_t const* due, std::size_t count);
    template <class Synapse>
    void deliver_from(std::uint32_t const* due, std::size_t count);
    Real const* external(State&, std::int64_t step);
    void poisson_source(State const&, PopulationPlan const&, std::int64_t step);

    Plan const& plan_;
    std::int64_t slice_;
    SynapseTable const& table_;
    Kernels const& kernels_;
    random::Fill fill_;
    std::vector<State> states_;
    AlignedVector<Sum<Real>> sums_;         ///< by slot
    std::vector<Day> calendar_;             ///< by step modulo its size
    std::vector<std::uint32_t> spikes_[2];  ///< of this and the last step, global numbers, rising
    std::vector<std::uint32_t> found_;
    std::vector<Due> given_spikes_;  ///< of spike sources, by step, then id
    std::vector<std::uint32_t> words_;
    std::vector<std::int64_t> record_offset_{0};
    std::vector<std::uint32_t> record_;
};

}  // namespace ca3::lif::cpu
