#include "lif/network_state.hpp"

#include <ca3/error.hpp>

#include "lif/checks.hpp"

#include <algorithm>
#include <cmath>

/// The description of a network: everything is checked here, so that building and running need not.
namespace ca3::lif {

namespace {

bool all_shared(LifParameters const& p) {
    for (Value const* value : {&p.C_m_pF, &p.tau_m_ms, &p.E_L_mV, &p.v_threshold_mV, &p.v_reset_mV, &p.refractory_ms, &p.tau_syn_ex_ms,
                               &p.tau_syn_in_ms, &p.I_e_pA, &p.E_ex_mV, &p.E_in_mV}) {
        if (!value->is_shared()) return false;
    }
    return true;
}

/// The window [start, stop) in steps.
std::pair<std::int64_t, std::int64_t> window(double start_ms, double stop_ms, double step_ms, std::string const& where) {
    if (std::isnan(stop_ms) || stop_ms == -forever) refuse(where, "stop_ms must be a time, is " + text(stop_ms));
    std::int64_t const start = whole_steps(start_ms, step_ms, where + ": start_ms");
    std::int64_t const stop = stop_ms == forever ? never : whole_steps(stop_ms, step_ms, where + ": stop_ms");
    if (start < 0) refuse(where, "start_ms must not be negative, is " + text(start_ms));
    if (stop < start) refuse(where, "stop_ms = " + text(stop_ms) + " lies before start_ms = " + text(start_ms));
    return {start, stop};
}

std::pair<std::int64_t, std::int64_t> range(Range const& r, std::int64_t neurons, std::string const& where) {
    std::int64_t const count = r.count == -1 ? neurons - std::max<std::int64_t>(r.first, 0) : r.count;
    if (r.first < 0 || count < 0 || r.first > neurons - count) {
        refuse(where, "neurons: " + std::to_string(count) + " from number " + std::to_string(r.first) + " on are not among the " +
                          std::to_string(neurons) + " of the population");
    }
    return {r.first, count};
}

PopulationPlan& append_population(Plan& plan, std::string name, std::int64_t neurons, std::string const& where, bool built) {
    if (built) refuse(where, "the network is built; populations come before the first run");
    if (neurons < 0) refuse(where, "neurons must not be negative, is " + std::to_string(neurons));
    if (neurons > most_neurons - plan.neurons())
        refuse(where, "a network has at most 2^31 - 1 neurons, not " + std::to_string(neurons) + " more");
    for (auto const& other : plan.populations)
        if (other.name == name) refuse(where, "the name is taken");
    PopulationPlan p;
    p.name = std::move(name);
    p.count = neurons;
    p.first = plan.neurons();
    plan.populations.push_back(std::move(p));
    return plan.populations.back();
}

void check_initial(Distribution const& v, std::int64_t neurons, std::string const& where) {
    if (v.kind == Distribution::Kind::given) {
        if (static_cast<std::int64_t>(v.given_values.size()) != neurons) {
            refuse(where, "initial_v_mV must have one value for each of the " + std::to_string(neurons) + " neurons, has " +
                              std::to_string(v.given_values.size()));
        }
        static_cast<void>(Sampler(v, where + ": initial_v_mV"));
    } else if (!(v.kind == Distribution::Kind::constant && std::isnan(v.a))) {
        static_cast<void>(Sampler(v, where + ": initial_v_mV"));
    }
}

void set_initial(PopulationPlan& p, Distribution v) {
    if (v.kind != Distribution::Kind::given && !(v.kind == Distribution::Kind::constant && std::isnan(v.a)))
        p.initial_v_sampler = Sampler(v, "initial_v_mV");
    p.initial_v = std::move(v);
}

}  // namespace

PopulationPlan const& Network::State::population(Population p, char const* function) const {
    auto const k = static_cast<std::int64_t>(p);
    if (k < 0 || k >= static_cast<std::int64_t>(plan.populations.size())) {
        refuse(function, "population " + std::to_string(k) + " does not exist; there are " + std::to_string(plan.populations.size()));
    }
    return plan.populations[static_cast<std::size_t>(k)];
}

RecorderPlace const& Network::State::recorder(Recorder r, bool spikes, char const* function) const {
    auto const k = static_cast<std::int64_t>(r);
    if (k < 0 || k >= static_cast<std::int64_t>(recorders.size())) {
        refuse(function, "recorder " + std::to_string(k) + " does not exist; there are " + std::to_string(recorders.size()));
    }
    auto const& entry = recorders[static_cast<std::size_t>(k)];
    if (entry.spikes != spikes) refuse(function, "recorder " + std::to_string(k) + " records " + (entry.spikes ? "spikes" : "traces"));
    return entry;
}

Network::Network(Context context, NetworkOptions options) {
    if (!(std::isfinite(options.step_ms) && options.step_ms >= 1e-6 && options.step_ms <= 1e3)) {
        refuse("Network", "step_ms must be from 1e-6 to 1000, is " + text(options.step_ms));
    }
    if (options.weight_bits != 0 && options.weight_bits != 16 && options.weight_bits != 32) {
        refuse("Network", "weight_bits must be 0 (chosen by the network), 16 or 32, is " + std::to_string(options.weight_bits));
    }
    if (options.weight_bits == 16 && options.precision == Precision::f64)
        refuse("Network", "weight_bits: f64 state goes with weights of 32 bits");
    state_ = std::make_unique<State>(std::move(context), options);
}
Network::~Network() = default;
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;

Population Network::add_population(std::string name, std::int64_t neurons, LifParameters parameters, Distribution initial_v_mV) {
    auto& plan = state_->plan;
    std::string const where = "Network::add_population: \"" + name + "\"";
    check(parameters, std::max<std::int64_t>(neurons, 0), plan.options.step_ms, where);
    check_initial(initial_v_mV, neurons, where);
    auto& p = append_population(plan, std::move(name), neurons, where, state_->engine != nullptr);
    p.kind = kind_of(parameters);
    p.shared = all_shared(parameters);
    p.lif = std::move(parameters);
    set_initial(p, std::move(initial_v_mV));
    state_->counts.resize(static_cast<std::size_t>(plan.neurons()));
    return static_cast<Population>(plan.populations.size() - 1);
}

Population Network::add_population(std::string name, std::int64_t neurons, HodgkinHuxleyParameters parameters, Distribution initial_v_mV) {
    auto& plan = state_->plan;
    std::string const where = "Network::add_population: \"" + name + "\"";
    check(parameters, where);
    check_initial(initial_v_mV, neurons, where);
    auto& p = append_population(plan, std::move(name), neurons, where, state_->engine != nullptr);
    p.kind = Kind::hodgkin_huxley;
    p.hodgkin_huxley = parameters;
    set_initial(p, std::move(initial_v_mV));
    state_->counts.resize(static_cast<std::size_t>(plan.neurons()));
    return static_cast<Population>(plan.populations.size() - 1);
}

Population Network::add_poisson_source(std::string name, std::int64_t neurons, Value const& rate_hz, double start_ms, double stop_ms) {
    auto& plan = state_->plan;
    std::string const where = "Network::add_poisson_source: \"" + name + "\"";
    require_size(rate_hz, neurons, where, "rate_hz");
    require_each(rate_hz, where, "rate_hz", "finite and not negative", not_negative);
    auto const [start, stop] = window(start_ms, stop_ms, plan.options.step_ms, where);
    auto& p = append_population(plan, std::move(name), neurons, where, state_->engine != nullptr);
    p.kind = Kind::poisson_source;
    p.start = start;
    p.stop = stop;
    for (double const rate : rate_hz.values())
        p.spike_threshold.push_back(static_cast<std::uint64_t>(std::nearbyint(-std::expm1(-rate * plan.options.step_ms * 1e-3) * 0x1p32)));
    state_->counts.resize(static_cast<std::size_t>(plan.neurons()));
    return static_cast<Population>(plan.populations.size() - 1);
}

Population Network::add_spike_source(std::string name, std::vector<std::vector<double>> const& times_ms) {
    auto& plan = state_->plan;
    std::string const where = "Network::add_spike_source: \"" + name + "\"";
    std::vector<std::int64_t> offset{0}, steps;
    for (std::size_t i = 0; i < times_ms.size(); ++i) {
        std::string const which = where + ": times_ms[" + std::to_string(i) + "]";
        auto const first = static_cast<std::ptrdiff_t>(steps.size());
        for (double const t : times_ms[i]) {
            std::int64_t const step = whole_steps(t, plan.options.step_ms, which);
            if (step < 1) refuse(which, "spikes come at one step or later, not at " + text(t) + " ms");
            steps.push_back(step);
        }
        std::sort(steps.begin() + first, steps.end());
        auto const twice = std::adjacent_find(steps.begin() + first, steps.end());
        if (twice != steps.end()) refuse(which, "two spikes at " + text(static_cast<double>(*twice) * plan.options.step_ms) + " ms");
        offset.push_back(static_cast<std::int64_t>(steps.size()));
    }
    auto& p = append_population(plan, std::move(name), static_cast<std::int64_t>(times_ms.size()), where, state_->engine != nullptr);
    p.kind = Kind::spike_source;
    p.spike_offset = std::move(offset);
    p.spike_steps = std::move(steps);
    state_->counts.resize(static_cast<std::size_t>(plan.neurons()));
    return static_cast<Population>(plan.populations.size() - 1);
}

Projection Network::connect(Population source, Population target, Rule rule, SynapseParameters synapse) {
    constexpr char const* function = "Network::connect";
    auto& plan = state_->plan;
    if (state_->engine != nullptr) refuse(function, "the network is built; projections come before the first run");
    auto const& from = state_->population(source, "Network::connect: source");
    auto const& to = state_->population(target, "Network::connect: target");
    std::string const where = std::string(function) + ": " + from.name + " -> " + to.name;
    if (is_source(to.kind)) refuse(where, "the target is a source of spikes and takes none");
    plan.projections.push_back(make_projection(static_cast<std::int32_t>(source), static_cast<std::int32_t>(target), from.count, to.count,
                                               std::move(rule), std::move(synapse), plan.options.step_ms, where));
    return static_cast<Projection>(plan.projections.size() - 1);
}

// ---- stimuli and recorders -----------------------------------------------------------------------------------------------

Stimulus Network::add_poisson(Population population, PoissonStimulus const& stimulus) {
    auto& plan = state_->plan;
    auto const& to = state_->population(population, "Network::add_poisson");
    std::string const where = "Network::add_poisson: \"" + to.name + "\"";
    if (is_source(to.kind)) refuse(where, "the population is a source of spikes and takes none");
    auto const [first, count] = range(stimulus.neurons, to.count, where);
    require_size(stimulus.rate_hz, count, where, "rate_hz");
    require_each(stimulus.rate_hz, where, "rate_hz", "finite and not negative", not_negative);
    if (!(std::abs(stimulus.weight) <= largest_weight)) refuse(where, "weight must be finite and within 2^60, is " + text(stimulus.weight));
    auto const [start, stop] = window(stimulus.start_ms, stimulus.stop_ms, plan.options.step_ms, where);
    PoissonPlan p{.population = static_cast<std::int32_t>(population),
                  .first = first,
                  .count = count,
                  .start = start,
                  .stop = stop,
                  .weight = stimulus.weight,
                  .tables = {},
                  .stimulus = static_cast<std::uint32_t>(state_->stimuli)};
    auto const table = [&](double rate) { return PoissonTable(rate * plan.options.step_ms * 1e-3, where + ": rate_hz"); };
    if (stimulus.rate_hz.is_shared()) {
        p.tables.push_back(table(stimulus.rate_hz[0]));
    } else {
        auto rates = stimulus.rate_hz.values();
        std::sort(rates.begin(), rates.end());
        rates.erase(std::unique(rates.begin(), rates.end()), rates.end());
        for (double const rate : rates) p.tables.push_back(table(rate));
        for (double const rate : stimulus.rate_hz.values())
            p.table_of.push_back(static_cast<std::int32_t>(std::lower_bound(rates.begin(), rates.end(), rate) - rates.begin()));
    }
    if (state_->engine != nullptr && on_grid(stimulus.weight, to.unit) * to.unit != stimulus.weight) {
        refuse(where, "weight " + text(stimulus.weight) + " does not lie on the grid of the built network, whose unit is " + text(to.unit) +
                          "; add the stimulus before the first run");
    }
    if (state_->engine != nullptr) {
        double& headroom = plan.populations[static_cast<std::size_t>(population)].headroom;
        double const units = std::abs(stimulus.weight / to.unit) * p.tables.back().most();
        if (units > headroom) throw Overflow(where + ": too much for the grid of the built network; add the stimulus before the first run");
        headroom -= units;
    }
    plan.poisson.push_back(std::move(p));
    return static_cast<Stimulus>(state_->stimuli++);
}

Stimulus Network::add_current(Population population, StepCurrent const& current) {
    auto& plan = state_->plan;
    auto const& to = state_->population(population, "Network::add_current");
    std::string const where = "Network::add_current: \"" + to.name + "\"";
    if (is_source(to.kind)) refuse(where, "the population is a source of spikes and takes no current");
    auto const [first, count] = range(current.neurons, to.count, where);
    require_size(current.amplitude_pA, count, where, "amplitude_pA");
    require_each(current.amplitude_pA, where, "amplitude_pA", "finite", finite);
    auto const [start, stop] = window(current.start_ms, current.stop_ms, plan.options.step_ms, where);
    if (count > 0) {
        plan.currents.push_back({.population = static_cast<std::int32_t>(population),
                                 .first = first,
                                 .count = count,
                                 .start = start,
                                 .stop = stop,
                                 .amplitude = current.amplitude_pA.values()});
    }
    return static_cast<Stimulus>(state_->stimuli++);
}

Stimulus Network::add_current(Population population, CurrentArray current) {
    auto& plan = state_->plan;
    auto const& to = state_->population(population, "Network::add_current");
    std::string const where = "Network::add_current: \"" + to.name + "\"";
    if (is_source(to.kind)) refuse(where, "the population is a source of spikes and takes no current");
    auto const [first, count] = range(current.neurons, to.count, where);
    for (std::size_t k = 0; k < current.values_pA.size(); ++k) {
        if (!std::isfinite(current.values_pA[k]))
            refuse(where, "values_pA[" + std::to_string(k) + "] must be finite, is " + text(current.values_pA[k]));
    }
    std::int64_t const interval =
        current.interval_ms == 0.0 ? 1 : whole_steps(current.interval_ms, plan.options.step_ms, where + ": interval_ms");
    if (interval < 1) refuse(where, "interval_ms must not be negative, is " + text(current.interval_ms));
    std::int64_t const start = window(current.start_ms, forever, plan.options.step_ms, where).first;
    if (count > 0 && !current.values_pA.empty()) {
        std::int64_t const length = product(static_cast<std::int64_t>(current.values_pA.size()), interval, where);
        plan.currents.push_back({.population = static_cast<std::int32_t>(population),
                                 .first = first,
                                 .count = count,
                                 .start = start,
                                 .stop = start + std::min(length, never - start),
                                 .amplitude = std::move(current.values_pA),
                                 .interval = interval});
    }
    return static_cast<Stimulus>(state_->stimuli++);
}

Recorder Network::record_spikes(Population population, RecordSpikes options) {
    auto const& of = state_->population(population, "Network::record_spikes");
    std::string const where = "Network::record_spikes: \"" + of.name + "\"";
    auto const [first, count] = range(options.neurons, of.count, where);
    auto const [start, stop] = window(options.start_ms, options.stop_ms, state_->plan.options.step_ms, where);
    state_->spike_recorders.push_back(
        {.population = static_cast<std::int32_t>(population), .first = first, .count = count, .start = start, .stop = stop});
    state_->recorders.push_back({.spikes = true, .index = state_->spike_recorders.size() - 1});
    return static_cast<Recorder>(state_->recorders.size() - 1);
}

Recorder Network::record_traces(Population population, RecordTraces options) {
    auto const& of = state_->population(population, "Network::record_traces");
    std::string const where = "Network::record_traces: \"" + of.name + "\"";
    if (is_source(of.kind)) refuse(where, "a source of spikes has no state");
    if (options.variable != Variable::voltage && of.kind == Kind::delta) refuse(where, "variable: delta synapses have no current");
    for (std::size_t k = 0; k < options.neurons.size(); ++k) require_index(options.neurons[k], of.count, "neurons", k, where);
    double const step_ms = state_->plan.options.step_ms;
    std::int64_t const interval = options.interval_ms == 0.0 ? 1 : whole_steps(options.interval_ms, step_ms, where + ": interval_ms");
    if (interval < 1) refuse(where, "interval_ms must not be negative, is " + text(options.interval_ms));
    state_->plan.traces.push_back({.population = static_cast<std::int32_t>(population),
                                   .neurons = std::move(options.neurons),
                                   .variable = options.variable,
                                   .interval = interval});
    state_->trace_recorders.push_back({.plan = state_->plan.traces.size() - 1});
    state_->recorders.push_back({.spikes = false, .index = state_->trace_recorders.size() - 1});
    return static_cast<Recorder>(state_->recorders.size() - 1);
}

// ---- what was described --------------------------------------------------------------------------------------------------

Context const& Network::context() const {
    return state_->context;
}
NetworkOptions const& Network::options() const {
    return state_->plan.options;
}
std::int64_t Network::populations() const {
    return static_cast<std::int64_t>(state_->plan.populations.size());
}
std::int64_t Network::projections() const {
    return static_cast<std::int64_t>(state_->plan.projections.size());
}
std::string const& Network::name(Population p) const {
    return state_->population(p, "Network::name").name;
}
std::int64_t Network::size(Population p) const {
    return state_->population(p, "Network::size").count;
}
std::int64_t Network::first_neuron(Population p) const {
    return state_->population(p, "Network::first_neuron").first;
}
std::int64_t Network::neurons() const {
    return state_->plan.neurons();
}

}  // namespace ca3::lif
