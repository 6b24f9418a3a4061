#include "lif/checks.hpp"
#include "lif/coefficients.hpp"
#include "lif/connect.hpp"
#include "lif/network_state.hpp"

#include <ca3/error.hpp>

#include "core/memory_limit.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

/// Building, running, and what comes out.
namespace ca3::lif {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

constexpr std::int64_t most_steps = 0xFFFFFFFF;  // random numbers are keyed by 32 bits of time

std::unique_ptr<Engine> make_engine(Context const& context, Plan const& plan) {
    switch (context.backend()) {
        case Backend::reference:
            return reference::make_engine(context, plan);
        case Backend::cpu:
            return cpu::make_engine(context, plan);
        case Backend::cuda:
            break;
    }
    return cuda::make_engine(context, plan);
}

}  // namespace

void throw_overflow(Plan const& plan, std::int32_t population, std::int64_t neuron, double sum, double limit) {
    // The projection to blame: the one with the largest weight.
    std::size_t worst = plan.projections.size();
    double largest = -1.0;
    for (std::size_t k = 0; k < plan.projections.size(); ++k) {
        auto const& p = plan.projections[k];
        if (p.target != population) continue;
        double weight = 0.0;
        if (p.given_weights.empty()) weight = std::max(std::abs(p.weight.smallest()), std::abs(p.weight.largest()));
        for (double const w : p.given_weights) weight = std::max(weight, std::abs(w));
        if (weight > largest) {
            largest = weight;
            worst = k;
        }
    }
    double const unit = plan.populations[static_cast<std::size_t>(population)].unit;
    throw Overflow("Network::build: neuron " + std::to_string(neuron) + " of " +
                   plan.populations[static_cast<std::size_t>(population)].name + " could receive " + std::to_string(sum * unit) +
                   " in one step, more than the " + std::to_string(limit * unit) + " that its accumulator holds; the largest weight, " +
                   std::to_string(largest) + ", is of " + projection_name(plan, worst));
}

Snapshot::Neurons initial_state(Plan const& plan, std::int32_t population) {
    auto const& p = plan.populations[static_cast<std::size_t>(population)];
    Snapshot::Neurons out;
    if (is_source(p.kind)) return out;
    auto const n = static_cast<std::size_t>(p.count);
    bool const narrow = plan.options.precision == Precision::f32;
    auto const stored = [&](double x) { return narrow ? static_cast<double>(static_cast<float>(x)) : x; };
    out.v.resize(n);
    out.rest.assign(n, 0);
    for (int k = 0; k < variables_of(p.kind); ++k) out.s[k].assign(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        auto const neuron = static_cast<std::int64_t>(i);
        double const v = initial_voltage(plan, population, neuron);
        out.v[i] = stored(v - p.resting_mV(neuron));
        if (p.kind == Kind::hodgkin_huxley) {
            Gates const gates = steady_gates(v);
            out.s[2][i] = stored(gates.m);
            out.s[3][i] = stored(gates.h);
            out.s[4][i] = stored(gates.n);
        }
    }
    return out;
}

void require_memory(Context const& context, Plan const& plan) {
    double synapses = 0.0;
    for (auto const& p : plan.projections) synapses += p.expected_synapses;
    auto const neurons = static_cast<double>(plan.neurons());
    double bytes = 0.0;
    if (context.backend() == Backend::reference) {
        bytes = synapses * 24.0 + neurons * (160.0 + 24.0 + 16.0 * static_cast<double>(plan.longest_delay + 1));
    } else {
        bytes = synapses * (plan.weight_bits == 16 ? 4.0 : 8.0) + neurons * 100.0;
    }
    std::uint64_t const available = available_host_bytes();
    if (bytes > 1e19 || (available != 0 && bytes > static_cast<double>(available))) {
        throw OutOfMemory("Network::build: " + std::to_string(plan.neurons()) + " neurons and about " + text(synapses) + " synapses",
                          static_cast<std::uint64_t>(std::min(bytes, 1e19)), available);
    }
}

void Network::build() {
    if (state_->engine != nullptr) return;
    auto const begin = Clock::now();
    Plan& plan = state_->plan;
    choose_grid(plan);
    require_memory(state_->context, plan);
    try {
        state_->engine = make_engine(state_->context, plan);
    } catch (std::bad_alloc const&) {
        throw OutOfMemory("Network::build", 0, available_host_bytes());
    }
    state_->times.build_seconds += seconds_since(begin);
    state_->times.weight_bits = plan.weight_bits;
}

void Network::State::absorb(Output const& out) {
    auto const& block = out.spikes;
    for (std::uint32_t const id : block.ids) ++counts[id];
    for (auto& recorder : spike_recorders) {
        std::int64_t const first = plan.populations[static_cast<std::size_t>(recorder.population)].first + recorder.first;
        for (std::size_t k = 0; k + 1 < block.offset.size(); ++k) {
            std::int64_t const at = block.first_step + static_cast<std::int64_t>(k);
            if (at < recorder.start || at >= recorder.stop) continue;
            auto const from = block.ids.begin() + block.offset[k], to = block.ids.begin() + block.offset[k + 1];
            for (auto id = std::lower_bound(from, to, static_cast<std::uint32_t>(first)); id != to && *id < first + recorder.count; ++id) {
                recorder.train.steps.push_back(at + 1);
                recorder.train.neurons.push_back(*id - plan.populations[static_cast<std::size_t>(recorder.population)].first);
            }
        }
    }
    for (auto& recorder : trace_recorders) {
        auto const& trace = plan.traces[recorder.plan];
        auto const& values = out.traces[recorder.plan];
        std::int64_t const done = block.first_step / trace.interval;
        auto const steps = static_cast<std::int64_t>(block.offset.size()) - 1;
        for (std::int64_t k = 1; k <= samples_in(trace, block.first_step, steps); ++k)
            recorder.traces.times_ms.push_back(static_cast<double>((done + k) * trace.interval) * plan.options.step_ms);
        recorder.traces.values.insert(recorder.traces.values.end(), values.begin(), values.end());
    }
    times.spikes += static_cast<std::int64_t>(block.ids.size());
    step = block.first_step + static_cast<std::int64_t>(block.offset.size()) - 1;
    history.push_back(block);
    while (!history.empty() &&
           history.front().first_step + static_cast<std::int64_t>(history.front().offset.size()) - 1 <= step - plan.longest_delay) {
        history.pop_front();
    }
}

void Network::run(double duration_ms, std::function<bool(double)> const& progress) {
    std::int64_t const steps = whole_steps(duration_ms, state_->plan.options.step_ms, "Network::run: duration_ms");
    if (steps < 0) throw InvalidArgument("Network::run: duration_ms must not be negative, is " + std::to_string(duration_ms));
    if (steps > most_steps - state_->step) throw InvalidArgument("Network::run: duration_ms leads past 2^32 - 1 steps");
    build();
    double const step_ms = state_->plan.options.step_ms;
    std::int64_t chunk = 16;
    for (std::int64_t done = 0; done < steps;) {
        auto const begin = Clock::now();
        std::int64_t const now = std::min(chunk, steps - done);
        Output out;
        state_->engine->run(state_->step, now, out);
        state_->absorb(out);
        done += now;
        double const seconds = seconds_since(begin);
        state_->times.wall_seconds += seconds;
        state_->times.biological_ms += static_cast<double>(now) * step_ms;
        // Some tenth of a second a chunk: often enough to show, seldom enough to cost nothing.
        double const wanted = 0.1 / std::max(seconds, 1e-6) * static_cast<double>(now);
        chunk = std::clamp<std::int64_t>(static_cast<std::int64_t>(wanted), 16, std::min<std::int64_t>(4 * chunk, 1 << 16));
        if (progress && !progress(static_cast<double>(done) * step_ms)) return;
    }
}

double Network::time_ms() const {
    return static_cast<double>(state_->step) * state_->plan.options.step_ms;
}

// ---- results ---------------------------------------------------------------------------------------------------------

SpikeTrain Network::spikes(Recorder recorder) const {
    return state_->spike_recorders[state_->recorder(recorder, true, "Network::spikes").index].train;
}

Traces Network::traces(Recorder recorder) const {
    return state_->trace_recorders[state_->recorder(recorder, false, "Network::traces").index].traces;
}

std::vector<std::int64_t> Network::spike_counts(Population population) const {
    auto const& p = state_->population(population, "Network::spike_counts");
    auto const from = state_->counts.begin() + p.first;
    return {from, from + p.count};
}

void Network::reset_spike_counts() {
    std::fill(state_->counts.begin(), state_->counts.end(), 0);
    state_->counted_from = state_->step;
}

void Network::clear_recordings() {
    for (auto& recorder : state_->spike_recorders) recorder.train = {};
    for (auto& recorder : state_->trace_recorders) recorder.traces = {};
}

double Network::rate_hz(Population population) const {
    auto const& p = state_->population(population, "Network::rate_hz");
    double spikes = 0.0;
    for (std::int64_t const n : spike_counts(population)) spikes += static_cast<double>(n);
    double const seconds = static_cast<double>(state_->step - state_->counted_from) * state_->plan.options.step_ms * 1e-3;
    return spikes / (static_cast<double>(p.count) * seconds);
}

RunTimes Network::times() const {
    RunTimes times = state_->times;
    if (state_->engine == nullptr) return times;
    EngineTimes const engine = state_->engine->times();
    times.update_seconds = engine.update;
    times.stimulus_seconds = engine.stimulus;
    times.delivery_seconds = engine.delivery;
    times.exchange_seconds = engine.exchange;
    times.synaptic_events = engine.events;
    times.bytes_resident = engine.bytes;
    times.synapses = engine.synapses;
    return times;
}

// ---- state -----------------------------------------------------------------------------------------------------------

std::vector<double> Network::voltages_mV(Population population) const {
    auto const& p = state_->population(population, "Network::voltages_mV");
    auto const number = static_cast<std::int32_t>(population);
    std::vector<double> v = (state_->engine == nullptr ? initial_state(state_->plan, number) : state_->engine->read(number)).v;
    for (std::size_t i = 0; i < v.size(); ++i) v[i] += p.resting_mV(static_cast<std::int64_t>(i));
    return v;
}

void Network::set_voltages_mV(Population population, std::span<double const> voltages) {
    auto const& p = state_->population(population, "Network::set_voltages_mV");
    std::int64_t const n = is_source(p.kind) ? 0 : p.count;
    if (static_cast<std::int64_t>(voltages.size()) != n) {
        throw InvalidArgument("Network::set_voltages_mV: voltages must have " + std::to_string(n) + " values, has " +
                              std::to_string(voltages.size()));
    }
    double const largest = largest_of(state_->plan.options.precision);
    for (std::size_t i = 0; i < voltages.size(); ++i) {
        if (!(std::abs(voltages[i]) <= largest))
            throw InvalidArgument("Network::set_voltages_mV: value " + std::to_string(i) + " is not finite");
    }
    build();
    auto const number = static_cast<std::int32_t>(population);
    auto state = state_->engine->read(number);
    for (std::size_t i = 0; i < voltages.size(); ++i) state.v[i] = voltages[i] - p.resting_mV(static_cast<std::int64_t>(i));
    state_->engine->write(number, state);
}

std::vector<Connection> Network::connections(Projection projection) const {
    auto const k = static_cast<std::int64_t>(projection);
    if (k < 0 || k >= projections()) {
        throw InvalidArgument("Network::connections: projection " + std::to_string(k) + " does not exist; there are " +
                              std::to_string(projections()));
    }
    Plan const* plan = &state_->plan;
    Plan with_grid;
    if (state_->engine == nullptr) {
        with_grid = state_->plan;
        choose_grid(with_grid);
        plan = &with_grid;
    }
    auto list = all_connections(*plan, static_cast<std::size_t>(k));
    std::sort(list.begin(), list.end(), [](Connection const& a, Connection const& b) {
        return std::tie(a.source, a.target, a.delay_steps, a.weight) < std::tie(b.source, b.target, b.delay_steps, b.weight);
    });
    return list;
}

double Network::weight_resolution(Population population) {
    auto const& p = state_->population(population, "Network::weight_resolution");
    build();
    return p.unit;
}

double mean_cv_isi(SpikeTrain const& train, std::int64_t neurons) {
    if (neurons < 0) throw InvalidArgument("mean_cv_isi: neurons must not be negative, is " + std::to_string(neurons));
    if (train.steps.size() != train.neurons.size()) {
        throw InvalidArgument("mean_cv_isi: train.steps has " + std::to_string(train.steps.size()) + " entries, train.neurons " +
                              std::to_string(train.neurons.size()));
    }
    struct Sum {
        std::int64_t last = -1;
        double n = 0.0, mean = 0.0, squares = 0.0;  // Welford's recurrence
    };
    std::vector<Sum> sums(static_cast<std::size_t>(neurons));
    for (std::size_t k = 0; k < train.steps.size(); ++k) {
        if (train.neurons[k] < 0 || train.neurons[k] >= neurons) {
            throw InvalidArgument("mean_cv_isi: train.neurons[" + std::to_string(k) + "] = " + std::to_string(train.neurons[k]) +
                                  " is not among " + std::to_string(neurons) + " neurons");
        }
        Sum& sum = sums[static_cast<std::size_t>(train.neurons[k])];
        if (sum.last >= 0) {
            auto const interval = static_cast<double>(train.steps[k] - sum.last);
            sum.n += 1.0;
            double const off = interval - sum.mean;
            sum.mean += off / sum.n;
            sum.squares += off * (interval - sum.mean);
        }
        sum.last = train.steps[k];
    }
    double total = 0.0, used = 0.0;
    for (auto const& sum : sums) {
        if (sum.n < 2.0) continue;
        total += std::sqrt(sum.squares / sum.n) / sum.mean;
        used += 1.0;
    }
    return total / used;
}

}  // namespace ca3::lif
