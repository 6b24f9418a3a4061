#include "lif/coefficients.hpp"
#include "lif/connect.hpp"
#include "lif/engine.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

/// The definition in plain loops: a list of synapses per neuron, a ring of sums per neuron and delay.
namespace ca3::lif::reference {

namespace {

template <class Real>
struct Neuron {
    Coefficients<Real> coefficients;
    Real v = 0;
    Real s[most_variables] = {};
    std::int32_t rest = 0;
};

struct Synapse {
    std::int64_t target;  ///< global
    std::int64_t weight;  ///< in units of the target's grid
    std::int32_t delay;
};

template <class Real>
bool advance_any(Kind kind, Neuron<Real>& n, Real ext, Real const (&in)[2]) {
    auto const with = [&]<Kind k>() { return advance<k>(n.coefficients, n.v, n.s, n.rest, ext, in); };
    switch (kind) {
        case Kind::delta:
            return with.template operator()<Kind::delta>();
        case Kind::exponential:
            return with.template operator()<Kind::exponential>();
        case Kind::exponential_one:
            return with.template operator()<Kind::exponential_one>();
        case Kind::alpha:
            return with.template operator()<Kind::alpha>();
        case Kind::alpha_one:
            return with.template operator()<Kind::alpha_one>();
        case Kind::conductance:
            return with.template operator()<Kind::conductance>();
        case Kind::hodgkin_huxley:
            return with.template operator()<Kind::hodgkin_huxley>();
        case Kind::spike_source:
        case Kind::poisson_source:
            break;
    }
    return false;
}

template <class Real>
class ReferenceEngine final : public Engine {
public:
    explicit ReferenceEngine(Plan const& plan) : plan_(plan) {
        auto const n = static_cast<std::size_t>(plan.neurons());
        neurons_.resize(n);
        synapses_.resize(n);
        ring_.assign(static_cast<std::size_t>(plan.longest_delay + 1), std::vector<Sums>(n));
        for (std::int32_t p = 0; p < static_cast<std::int32_t>(plan.populations.size()); ++p) {
            auto const& population = plan.populations[static_cast<std::size_t>(p)];
            for (std::int64_t i = 0; i < population.count && !is_source(population.kind); ++i) {
                neurons_[static_cast<std::size_t>(population.first + i)].coefficients =
                    population.kind == Kind::hodgkin_huxley
                        ? make_coefficients<Real>(population.hodgkin_huxley, plan.options.step_ms, population.unit)
                        : make_coefficients<Real>(population.lif, i, plan.options.step_ms, population.unit);
            }
            write(p, initial_state(plan, p));
        }
        connect();
    }

    void run(std::int64_t first_step, std::int64_t steps, Output& out) override {
        auto const begin = std::chrono::steady_clock::now();
        out.spikes = {.first_step = first_step, .offset = {0}, .ids = {}};
        out.traces.assign(plan_.traces.size(), {});
        for (std::int64_t step = first_step; step < first_step + steps; ++step) {
            add_poisson(step);
            std::size_t const before = out.spikes.ids.size();
            for (auto const& population : plan_.populations) {
                for (std::int64_t i = 0; i < population.count; ++i) {
                    if (steps_and_spikes(population, i, step)) out.spikes.ids.push_back(static_cast<std::uint32_t>(population.first + i));
                }
            }
            out.spikes.offset.push_back(static_cast<std::int64_t>(out.spikes.ids.size()));
            for (auto& sums : slot(step)) sums = {};
            for (std::size_t k = before; k < out.spikes.ids.size(); ++k) deliver(out.spikes.ids[k], step, step);
            sample(step, out);
        }
        times_.update += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }

    Snapshot::Neurons read(std::int32_t population) const override {
        auto const& p = plan_.populations[static_cast<std::size_t>(population)];
        Snapshot::Neurons out;
        if (is_source(p.kind)) return out;
        for (std::int64_t i = 0; i < p.count; ++i) {
            auto const& n = neurons_[static_cast<std::size_t>(p.first + i)];
            out.v.push_back(n.v);
            for (int k = 0; k < variables_of(p.kind); ++k) out.s[k].push_back(n.s[k]);
            out.rest.push_back(n.rest);
        }
        return out;
    }

    void write(std::int32_t population, Snapshot::Neurons const& in) override {
        auto const& p = plan_.populations[static_cast<std::size_t>(population)];
        for (std::size_t i = 0; i < in.v.size(); ++i) {
            auto& n = neurons_[static_cast<std::size_t>(p.first) + i];
            n.v = static_cast<Real>(in.v[i]);
            for (int k = 0; k < variables_of(p.kind); ++k) n.s[k] = static_cast<Real>(in.s[k][i]);
            n.rest = in.rest[i];
        }
    }

    void restore_deliveries(std::int64_t step, std::vector<SpikeBlock> const& history) override {
        for (auto& row : ring_)
            for (auto& sums : row) sums = {};
        for (auto const& block : history) {
            for (std::size_t k = 0; k + 1 < block.offset.size(); ++k) {
                for (std::int64_t i = block.offset[k]; i < block.offset[k + 1]; ++i)
                    deliver(block.ids[static_cast<std::size_t>(i)], block.first_step + static_cast<std::int64_t>(k), step - 1);
            }
        }
    }

    EngineTimes times() const override { return times_; }

private:
    /// What arrives at a neuron in a step, in units of its grid: positive and negative weights, or all in the first.
    struct Sums {
        std::int64_t channel[2] = {0, 0};
    };

    std::vector<Sums>& slot(std::int64_t step) { return ring_[static_cast<std::size_t>(step % static_cast<std::int64_t>(ring_.size()))]; }

    void add(Sums& sums, Kind kind, std::int64_t weight) { sums.channel[channels_of(kind) == 2 && weight < 0 ? 1 : 0] += weight; }

    void connect() {
        std::vector<double> sum(static_cast<std::size_t>(plan_.neurons()));
        double const limit = std::is_same_v<Real, float> ? 0x1p31 - 1.0 : 0x1p62;
        for (auto const& s : plan_.poisson) {
            auto const& target = plan_.populations[static_cast<std::size_t>(s.population)];
            for (std::int64_t i = 0; i < s.count; ++i) {
                auto const& table = s.tables[s.table_of.empty() ? 0 : static_cast<std::size_t>(s.table_of[static_cast<std::size_t>(i)])];
                sum[static_cast<std::size_t>(target.first + s.first + i)] +=
                    std::abs(static_cast<double>(on_grid(s.weight, target.unit))) * table.most();
            }
        }
        for (std::size_t k = 0; k < plan_.projections.size(); ++k) {
            auto const& projection = plan_.projections[k];
            auto const& source = plan_.populations[static_cast<std::size_t>(projection.source)];
            auto const& target = plan_.populations[static_cast<std::size_t>(projection.target)];
            for (auto const& c : all_connections(plan_, k)) {
                std::int64_t const weight = on_grid(c.weight, target.unit);
                if (!is_source(target.kind)) {
                    double& total = sum[static_cast<std::size_t>(target.first + c.target)];
                    total += std::abs(static_cast<double>(weight));
                    if (total > limit) throw_overflow(plan_, projection.target, c.target, total, limit);
                }
                synapses_[static_cast<std::size_t>(source.first + c.source)].push_back({target.first + c.target, weight, c.delay_steps});
                times_.bytes += static_cast<std::int64_t>(sizeof(Synapse));
                ++times_.synapses;
            }
        }
        times_.bytes += static_cast<std::int64_t>(neurons_.size() * (sizeof(Neuron<Real>) + ring_.size() * sizeof(Sums)));
    }

    /// A spike at the end of step `at`; deliveries up to step `done` are past.
    void deliver(std::uint32_t source, std::int64_t at, std::int64_t done) {
        for (auto const& synapse : synapses_[source]) {
            if (at + synapse.delay <= done) continue;
            Kind const kind = plan_.populations[static_cast<std::size_t>(plan_.population_of(synapse.target))].kind;
            add(slot(at + synapse.delay)[static_cast<std::size_t>(synapse.target)], kind, synapse.weight);
            if (at == done) ++times_.events;
        }
    }

    void add_poisson(std::int64_t step) {
        for (auto const& s : plan_.poisson) {
            if (step < s.start || step >= s.stop) continue;
            auto const& population = plan_.populations[static_cast<std::size_t>(s.population)];
            std::int64_t const weight = on_grid(s.weight, population.unit);
            for (std::int64_t i = 0; i < s.count; ++i) {
                auto const& table = s.tables[s.table_of.empty() ? 0 : static_cast<std::size_t>(s.table_of[static_cast<std::size_t>(i)])];
                std::uint32_t const u = poisson_uniform(plan_.options.seed, s.stimulus, static_cast<std::uint32_t>(step),
                                                        static_cast<std::uint32_t>(s.first + i));
                std::int64_t count = table.base;
                for (std::uint32_t const threshold : table.thresholds) count += u >= threshold;
                add(slot(step)[static_cast<std::size_t>(population.first + s.first + i)], population.kind, count * weight);
            }
        }
    }

    bool steps_and_spikes(PopulationPlan const& population, std::int64_t i, std::int64_t step) {
        if (population.kind == Kind::spike_source) {
            auto const from = population.spike_steps.begin() + population.spike_offset[static_cast<std::size_t>(i)];
            auto const to = population.spike_steps.begin() + population.spike_offset[static_cast<std::size_t>(i) + 1];
            return std::binary_search(from, to, step + 1);
        }
        auto const number = static_cast<std::int32_t>(&population - plan_.populations.data());
        if (population.kind == Kind::poisson_source) {
            if (step < population.start || step >= population.stop) return false;
            std::uint64_t const threshold =
                population.spike_threshold[population.spike_threshold.size() == 1 ? 0 : static_cast<std::size_t>(i)];
            return random::draw(plan_.options.seed, random::Purpose::spike, static_cast<std::uint32_t>(number),
                                static_cast<std::uint32_t>(step), static_cast<std::uint64_t>(i)) < threshold;
        }
        Real ext = 0;
        for (auto const& current : plan_.currents) {
            if (current.population == number && current.active(step) && i >= current.first && i < current.first + current.count)
                ext += static_cast<Real>(current.at(step, i));
        }
        auto const& sums = slot(step)[static_cast<std::size_t>(population.first + i)];
        Real const in[2] = {static_cast<Real>(sums.channel[0]), static_cast<Real>(sums.channel[1])};
        return advance_any(population.kind, neurons_[static_cast<std::size_t>(population.first + i)], ext, in);
    }

    void sample(std::int64_t step, Output& out) const {
        for (std::size_t k = 0; k < plan_.traces.size(); ++k) {
            auto const& trace = plan_.traces[k];
            if ((step + 1) % trace.interval != 0) continue;
            auto const& population = plan_.populations[static_cast<std::size_t>(trace.population)];
            int const variable = variable_index(population.kind, trace.variable);
            for (std::int64_t const i : trace.neurons) {
                auto const& n = neurons_[static_cast<std::size_t>(population.first + i)];
                double value = 0.0;
                if (trace.variable == Variable::voltage) {
                    value = static_cast<double>(n.v) + population.resting_mV(i);
                } else if (variable >= 0) {
                    value = n.s[variable];
                }
                out.traces[k].push_back(value);
            }
        }
    }

    Plan const& plan_;
    std::vector<Neuron<Real>> neurons_;
    std::vector<std::vector<Synapse>> synapses_;  ///< by source
    std::vector<std::vector<Sums>> ring_;         ///< [step modulo its size][neuron]
    EngineTimes times_;
};

}  // namespace

std::unique_ptr<Engine> make_engine(Context const&, Plan const& plan) {
    if (plan.options.precision == Precision::f64) return std::make_unique<ReferenceEngine<double>>(plan);
    return std::make_unique<ReferenceEngine<float>>(plan);
}

}  // namespace ca3::lif::reference
