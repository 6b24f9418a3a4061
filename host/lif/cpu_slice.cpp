#include "lif/cpu_slice.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ca3::lif::cpu {

template <class Real>
SliceState<Real>::SliceState(Plan const& plan, Layout const& layout, std::int64_t slice, SynapseTable const& table, Kernels const& kernels,
                             random::Fill fill)
    : plan_(plan), slice_(slice), table_(table), kernels_(kernels), fill_(fill) {
    auto const& mine = layout.slices[static_cast<std::size_t>(slice)];
    sums_.assign(static_cast<std::size_t>(mine.slots + std::max(spare_slots, padding)), 0);
    calendar_.resize(static_cast<std::size_t>(plan.longest_delay + 1));
    std::int64_t most = 0;
    for (auto const& part : mine.parts) {
        auto const& population = plan.populations[static_cast<std::size_t>(part.population)];
        most = std::max(most, part.count);
        State state;
        state.part = part;
        state.kind = population.kind;
        if (population.kind == Kind::spike_source) {
            for (std::int64_t i = part.first; i < part.first + part.count; ++i) {
                for (std::int64_t k = population.spike_offset[static_cast<std::size_t>(i)];
                     k < population.spike_offset[static_cast<std::size_t>(i) + 1]; ++k) {
                    given_spikes_.push_back({.step = population.spike_steps[static_cast<std::size_t>(k)] - 1,
                                             .id = static_cast<std::uint32_t>(population.first + i),
                                             .population = part.population});
                }
            }
        } else if (!is_source(population.kind)) {
            auto const padded = static_cast<std::size_t>((part.count + padding - 1) / padding * padding);
            state.v.assign(padded, 0);
            state.rest.assign(padded, 0);
            for (int k = 0; k < variables_of(population.kind); ++k) state.s[k].assign(padded, 0);
            if (population.kind == Kind::hodgkin_huxley) {
                state.coefficients.push_back(make_coefficients<Real>(population.hodgkin_huxley, plan.options.step_ms, population.unit));
            } else {
                for (std::int64_t i = part.first; i < part.first + (population.shared ? 1 : part.count); ++i)
                    state.coefficients.push_back(make_coefficients<Real>(population.lif, i, plan.options.step_ms, population.unit));
            }
            state.update = kernels.template update<Real>(population.kind);
        }
        states_.push_back(std::move(state));
    }
    std::sort(given_spikes_.begin(), given_spikes_.end(),
              [](Due const& a, Due const& b) { return std::tie(a.step, a.id) < std::tie(b.step, b.id); });
    found_.resize(static_cast<std::size_t>(most + padding));
}

namespace {

/// Adds the weights of a block to the sums of their slots.
template <int per_block, class T>
inline void add_block(NarrowSynapse const* synapses, T* sums) {
    if constexpr (per_block % 4 == 0) {
        for (int k = 0; k < per_block; k += 4) {
            std::uint64_t a, b;  // two synapses with one load each
            std::memcpy(&a, synapses + k, 8);
            std::memcpy(&b, synapses + k + 2, 8);
            sums[a & 0xFFFF] += static_cast<std::int16_t>(a >> 16);
            sums[a >> 32 & 0xFFFF] += static_cast<std::int16_t>(a >> 48);
            sums[b & 0xFFFF] += static_cast<std::int16_t>(b >> 16);
            sums[b >> 32 & 0xFFFF] += static_cast<std::int16_t>(b >> 48);
        }
    } else {
        for (int k = 0; k < per_block; ++k) sums[synapses[k].slot] += synapses[k].weight;
    }
}
template <int per_block, class T>
inline void add_block(WideSynapse const* synapses, T* sums) {
    for (int k = 0; k < per_block; ++k) sums[synapses[k].slot] += synapses[k].weight;
}

}  // namespace

template <class Real>
template <class Synapse, int per_block>
void SliceState<Real>::deliver_blocks(std::uint32_t const* due, std::size_t count) {
    constexpr std::size_t ahead = 24;
    auto const* const synapses = reinterpret_cast<Synapse const*>(table_.storage.data());
    Sum<Real>* const sums = sums_.data();
    // The calendar is longer than what is in use, so that looking ahead reads nothing foreign; block 0 is always there to be fetched.
    for (std::size_t k = 0; k < count; ++k) {
        auto const* const next = reinterpret_cast<char const*>(synapses + std::size_t{due[k + ahead]} * per_block);
        __builtin_prefetch(next, 0, 3);
        if constexpr (per_block * sizeof(Synapse) > 64) __builtin_prefetch(next + 64, 0, 3);
        add_block<per_block>(synapses + std::size_t{due[k]} * per_block, sums);
    }
}

template <class Real>
template <class Synapse>
void SliceState<Real>::deliver_from(std::uint32_t const* due, std::size_t count) {
    if (table_.per_block == 16) {
        deliver_blocks<Synapse, 16>(due, count);
    } else if (table_.per_block == 4) {
        deliver_blocks<Synapse, 4>(due, count);
    } else {
        deliver_blocks<Synapse, 1>(due, count);
    }
}

template <class Real>
void SliceState<Real>::deliver(std::int64_t step) {
    Day& day = calendar_[static_cast<std::size_t>(step % static_cast<std::int64_t>(calendar_.size()))];
    if (day.count == 0) return;
    if (table_.bytes_per_synapse == 4) {
        deliver_from<NarrowSynapse>(day.blocks.data(), day.count);
    } else {
        deliver_from<WideSynapse>(day.blocks.data(), day.count);
    }
    day.count = 0;
}

template <class Real>
void SliceState<Real>::stimulate(std::int64_t step) {
    for (auto const& stimulus : plan_.poisson) {
        if (step < stimulus.start || step >= stimulus.stop) continue;
        for (auto const& state : states_) {
            Part const& part = state.part;
            if (part.population != stimulus.population) continue;
            std::int64_t const first = std::max(part.first, stimulus.first);
            std::int64_t const end = std::min(part.first + part.count, stimulus.first + stimulus.count);
            if (first >= end) continue;
            std::int32_t const weight = on_grid(stimulus.weight, plan_.populations[static_cast<std::size_t>(part.population)].unit);
            std::int64_t const slot = part.slot + (first - part.first) + (weight < 0 && channels_of(state.kind) == 2 ? part.stride : 0);
            kernels_.template poisson<Real>()(
                {.seed = plan_.options.seed,
                 .stimulus = stimulus.stimulus,
                 .step = static_cast<std::uint32_t>(step),
                 .first = first,
                 .count = end - first,
                 .tables = stimulus.tables.data(),
                 .table_of = stimulus.table_of.empty() ? nullptr : stimulus.table_of.data() + (first - stimulus.first),
                 .weight = weight,
                 .in = sums_.data() + slot},
                fill_);
        }
    }
}

/// The external currents of a part in this step; none when no stimulus is at work.
template <class Real>
Real const* SliceState<Real>::external(State& state, std::int64_t step) {
    Part const& part = state.part;
    bool any = false;
    for (auto const& current : plan_.currents) {
        if (current.population != part.population || !current.active(step)) continue;
        std::int64_t const first = std::max(part.first, current.first);
        std::int64_t const end = std::min(part.first + part.count, current.first + current.count);
        if (first >= end) continue;
        if (!any) state.ext.assign(state.v.size(), 0);
        any = true;
        for (std::int64_t i = first; i < end; ++i)
            state.ext[static_cast<std::size_t>(i - part.first)] += static_cast<Real>(current.at(step, i));
    }
    return any ? state.ext.data() : nullptr;
}

template <class Real>
void SliceState<Real>::poisson_source(State const& state, PopulationPlan const& population, std::int64_t step) {
    if (step < population.start || step >= population.stop) return;
    Part const& part = state.part;
    std::int64_t const first_block = part.first / 4, blocks = (part.first + part.count + 3) / 4 - first_block;
    words_.resize(static_cast<std::size_t>(4 * blocks));
    fill_(plan_.options.seed, random::Purpose::spike, static_cast<std::uint32_t>(part.population), static_cast<std::uint32_t>(step),
          static_cast<std::uint64_t>(first_block), blocks, words_.data());
    auto& spikes = spikes_[step & 1];
    for (std::int64_t i = part.first; i < part.first + part.count; ++i) {
        std::uint64_t const threshold =
            population.spike_threshold[population.spike_threshold.size() == 1 ? 0 : static_cast<std::size_t>(i)];
        if (words_[static_cast<std::size_t>(i - 4 * first_block)] < threshold)
            spikes.push_back(static_cast<std::uint32_t>(population.first + i));
    }
}

template <class Real>
void SliceState<Real>::update(std::int64_t step) {
    auto& spikes = spikes_[step & 1];
    spikes.clear();
    for (auto& state : states_) {
        Part const& part = state.part;
        auto const& population = plan_.populations[static_cast<std::size_t>(part.population)];
        if (state.kind == Kind::spike_source) {
            auto const first = std::lower_bound(given_spikes_.begin(), given_spikes_.end(), std::pair(step, population.first),
                                                [](Due const& d, std::pair<std::int64_t, std::int64_t> const& at) {
                                                    return std::pair(d.step, static_cast<std::int64_t>(d.id)) < at;
                                                });
            for (auto due = first; due != given_spikes_.end() && due->step == step && due->population == part.population; ++due)
                spikes.push_back(due->id);
            continue;
        }
        if (state.kind == Kind::poisson_source) {
            poisson_source(state, population, step);
            continue;
        }
        UpdateTask<Real> task{.count = part.count,
                              .coefficients = state.coefficients.data(),
                              .shared = state.coefficients.size() == 1,
                              .v = state.v.data(),
                              .rest = state.rest.data(),
                              .ext = external(state, step),
                              .first_id = static_cast<std::uint32_t>(population.first + part.first),
                              .spikes = found_.data()};
        for (int k = 0; k < variables_of(state.kind); ++k) task.s[k] = state.s[k].data();
        for (int k = 0; k < channels_of(state.kind); ++k) task.in[k] = sums_.data() + part.slot + k * part.stride;
        std::int64_t const n = state.update(task);
        spikes.insert(spikes.end(), found_.begin(), found_.begin() + n);
    }
    record_.insert(record_.end(), spikes.begin(), spikes.end());
    record_offset_.push_back(static_cast<std::int64_t>(record_.size()));
}

template <class Real>
void SliceState<Real>::sample(std::int64_t step, std::int64_t first_step, Output& out) const {
    for (std::size_t k = 0; k < plan_.traces.size(); ++k) {
        auto const& trace = plan_.traces[k];
        if ((step + 1) % trace.interval != 0) continue;
        auto const& population = plan_.populations[static_cast<std::size_t>(trace.population)];
        int const variable = variable_index(population.kind, trace.variable);
        auto const row = static_cast<std::size_t>((step + 1) / trace.interval - first_step / trace.interval - 1) * trace.neurons.size();
        for (auto const& state : states_) {
            if (state.part.population != trace.population) continue;
            for (std::size_t j = 0; j < trace.neurons.size(); ++j) {
                std::int64_t const i = trace.neurons[j] - state.part.first;
                if (i < 0 || i >= state.part.count) continue;
                double value = 0.0;
                if (trace.variable == Variable::voltage) {
                    value = static_cast<double>(state.v[static_cast<std::size_t>(i)]) + population.resting_mV(trace.neurons[j]);
                } else if (variable >= 0) {
                    value = state.s[variable][static_cast<std::size_t>(i)];
                }
                out.traces[k][row + j] = value;
            }
        }
    }
}

template <class Real>
void SliceState<Real>::receive(std::vector<std::uint32_t> const& sources, std::int64_t step, std::int64_t done) {
    auto const slices = static_cast<std::uint64_t>(table_.slices);
    auto const size = static_cast<std::int64_t>(calendar_.size());
    std::int64_t const now = step % size;
    for (std::size_t k = 0; k < sources.size(); ++k) {
        if (k + 4 < sources.size()) {
            std::uint64_t const next = sources[k + 4] * slices + static_cast<std::uint64_t>(slice_);
            __builtin_prefetch(table_.segments.data() + table_.segment_begin[next], 0, 3);
        }
        std::uint64_t const row = sources[k] * slices + static_cast<std::uint64_t>(slice_);
        std::uint32_t at = table_.row_begin[row];
        for (std::uint64_t s = table_.segment_begin[row]; s < table_.segment_begin[row + 1]; ++s) {
            Segment const segment = table_.segments[s];
            if (step + segment.delay > done) {
                std::int64_t const when = now + segment.delay;
                calendar_[static_cast<std::size_t>(when >= size ? when - size : when)].add(at, segment.blocks);
            }
            at += segment.blocks;
        }
    }
}

template <class Real>
void SliceState<Real>::forget_deliveries() {
    for (auto& day : calendar_) day.count = 0;
}

template <class Real>
void SliceState<Real>::read(std::int32_t population, Snapshot::Neurons& out) const {
    for (auto const& state : states_) {
        if (state.part.population != population) continue;
        for (std::int64_t i = 0; i < state.part.count; ++i) {
            auto const from = static_cast<std::size_t>(i), to = static_cast<std::size_t>(state.part.first + i);
            out.v[to] = state.v[from];
            out.rest[to] = state.rest[from];
            for (int k = 0; k < variables_of(state.kind); ++k) out.s[k][to] = state.s[k][from];
        }
    }
}

template <class Real>
void SliceState<Real>::write(std::int32_t population, Snapshot::Neurons const& in) {
    for (auto& state : states_) {
        if (state.part.population != population) continue;
        for (std::int64_t i = 0; i < state.part.count; ++i) {
            auto const to = static_cast<std::size_t>(i), from = static_cast<std::size_t>(state.part.first + i);
            state.v[to] = static_cast<Real>(in.v[from]);
            state.rest[to] = static_cast<std::uint16_t>(in.rest[from]);
            for (int k = 0; k < variables_of(state.kind); ++k) state.s[k][to] = static_cast<Real>(in.s[k][from]);
        }
    }
}

template <class Real>
std::int64_t SliceState<Real>::bytes() const {
    std::size_t bytes = sums_.size() * sizeof(Sum<Real>) + given_spikes_.size() * sizeof(Due);
    for (auto const& state : states_) {
        bytes += state.v.size() * sizeof(Real) * static_cast<std::size_t>(1 + variables_of(state.kind)) + state.rest.size() * 2 +
                 state.coefficients.size() * sizeof(Coefficients<Real>);
    }
    for (auto const& day : calendar_) bytes += day.blocks.size() * 4;
    return static_cast<std::int64_t>(bytes);
}

template class SliceState<float>;
template class SliceState<double>;

}  // namespace ca3::lif::cpu
