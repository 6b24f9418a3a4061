#include "lif/network_state.hpp"

#include <ca3/error.hpp>

#include "core/check.hpp"
#include "lif/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

/// The description of a network: everything is checked here, so that building and running need not.
namespace ca3::lif {

namespace {

constexpr std::int64_t most_neurons = 0x7FFFFFFF;
constexpr std::int64_t most_refractory_steps = 65535;
constexpr double largest_weight = 0x1p60;

std::string text(double x) {
    std::ostringstream out;
    out.precision(12);
    out << x;
    return out.str();
}

[[noreturn]] void refuse(std::string const& where, std::string const& what) {
    throw InvalidArgument(where + ": " + what);
}

/// Calls test(x) for every value. @param wanted what it must be, as in "positive"
template <class Test>
void require_each(Value const& value, std::string const& where, char const* name, char const* wanted, Test test) {
    for (std::size_t i = 0; i < value.values().size(); ++i) {
        double const x = value.values()[i];
        if (!test(x)) {
            refuse(where, std::string(name) + " must be " + wanted + ", is " + text(x) +
                              (value.is_shared() ? std::string() : " for neuron " + std::to_string(i)));
        }
    }
}

void require_size(Value const& value, std::int64_t neurons, std::string const& where, char const* name) {
    if (value.is_shared() || static_cast<std::int64_t>(value.values().size()) == neurons) return;
    refuse(where, std::string(name) + " must have one value or one for each of the " + std::to_string(neurons) + " neurons, has " +
                      std::to_string(value.values().size()));
}

bool finite(double x) {
    return std::isfinite(x);
}
bool positive(double x) {
    return std::isfinite(x) && x > 0.0;
}
bool not_negative(double x) {
    return std::isfinite(x) && x >= 0.0;
}

void check(LifParameters const& p, std::int64_t neurons, double step_ms, std::string const& where) {
    struct Field {
        Value const& value;
        char const* name;
        bool (*test)(double);
        char const* wanted;
    };
    Field const fields[] = {{p.C_m_pF, "C_m_pF", positive, "positive"},
                            {p.tau_m_ms, "tau_m_ms", positive, "positive"},
                            {p.E_L_mV, "E_L_mV", finite, "finite"},
                            {p.v_threshold_mV, "v_threshold_mV", finite, "finite"},
                            {p.v_reset_mV, "v_reset_mV", finite, "finite"},
                            {p.refractory_ms, "refractory_ms", not_negative, "finite and not negative"},
                            {p.tau_syn_ex_ms, "tau_syn_ex_ms", positive, "positive"},
                            {p.tau_syn_in_ms, "tau_syn_in_ms", positive, "positive"},
                            {p.I_e_pA, "I_e_pA", finite, "finite"},
                            {p.E_ex_mV, "E_ex_mV", finite, "finite"},
                            {p.E_in_mV, "E_in_mV", finite, "finite"}};
    for (auto const& field : fields) {
        require_size(field.value, neurons, where, field.name);
        require_each(field.value, where, field.name, field.wanted, field.test);
    }
    require_each(p.refractory_ms, where, "refractory_ms", "at most 65535 steps",
                 [&](double x) { return x / step_ms < static_cast<double>(most_refractory_steps) + 0.5; });
    std::int64_t const checked = p.v_threshold_mV.is_shared() && p.v_reset_mV.is_shared() ? std::min<std::int64_t>(neurons, 1) : neurons;
    for (std::int64_t i = 0; i < checked; ++i) {
        if (p.v_reset_mV[i] >= p.v_threshold_mV[i]) {
            refuse(where, "v_threshold_mV must lie above v_reset_mV, but " + text(p.v_threshold_mV[i]) + " does not lie above " +
                              text(p.v_reset_mV[i]) + (checked == 1 ? std::string() : " for neuron " + std::to_string(i)));
        }
    }
    // Forward Euler oscillates or explodes where the step is no smaller than the time constant.
    if (p.integration == Integration::forward_euler) {
        auto const resolved = [&](double tau) { return tau > step_ms; };
        require_each(p.tau_m_ms, where, "tau_m_ms", "longer than the step for forward Euler", resolved);
        if (p.synapse != Synapse::delta) {
            require_each(p.tau_syn_ex_ms, where, "tau_syn_ex_ms", "longer than the step for forward Euler", resolved);
            require_each(p.tau_syn_in_ms, where, "tau_syn_in_ms", "longer than the step for forward Euler", resolved);
        }
    }
}

void check(HodgkinHuxleyParameters const& p, std::string const& where) {
    auto const require_value = [&](double x, char const* name, bool (*test)(double), char const* wanted) {
        if (!test(x)) refuse(where, std::string(name) + " must be " + wanted + ", is " + text(x));
    };
    require_value(p.C_m_pF, "C_m_pF", positive, "positive");
    require_value(p.g_Na_nS, "g_Na_nS", not_negative, "finite and not negative");
    require_value(p.g_K_nS, "g_K_nS", not_negative, "finite and not negative");
    require_value(p.g_L_nS, "g_L_nS", not_negative, "finite and not negative");
    require_value(p.E_Na_mV, "E_Na_mV", finite, "finite");
    require_value(p.E_K_mV, "E_K_mV", finite, "finite");
    require_value(p.E_L_mV, "E_L_mV", finite, "finite");
    require_value(p.v_threshold_mV, "v_threshold_mV", finite, "finite");
    require_value(p.tau_syn_ex_ms, "tau_syn_ex_ms", positive, "positive");
    require_value(p.tau_syn_in_ms, "tau_syn_in_ms", positive, "positive");
    require_value(p.I_e_pA, "I_e_pA", finite, "finite");
}

Kind kind_of(LifParameters const& p) {
    bool const one = p.tau_syn_ex_ms.values() == p.tau_syn_in_ms.values() && p.tau_syn_ex_ms.is_shared() == p.tau_syn_in_ms.is_shared();
    switch (p.synapse) {
        case Synapse::delta:
            return Kind::delta;
        case Synapse::exponential:
            return one ? Kind::exponential_one : Kind::exponential;
        case Synapse::alpha:
            return one ? Kind::alpha_one : Kind::alpha;
        case Synapse::conductance:
            break;
    }
    return Kind::conductance;
}

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
    std::int64_t const count = r.count == -1 ? neurons - r.first : r.count;
    if (r.first < 0 || count < 0 || r.first > neurons - count) {
        refuse(where, "neurons " + std::to_string(r.first) + " to " + std::to_string(r.first + count) +
                          " (end excluded) are not among the " + std::to_string(neurons) + " of the population");
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

// ---- projections -------------------------------------------------------------------------------------------------------

std::int64_t product(std::int64_t a, std::int64_t b, std::string const& where) {
    std::int64_t result = 0;
    if (__builtin_mul_overflow(a, b, &result)) throw Overflow(where + ": " + std::to_string(a) + " x " + std::to_string(b) + " synapses");
    return result;
}

void require_count(std::int64_t count, std::string const& where) {
    if (count < 0) refuse(where, "rule.count must not be negative, is " + std::to_string(count));
}

/// A degree out of `n` possible partners.
void require_degree(std::int64_t count, bool multapses, std::int64_t n, std::int64_t others, char const* degree, char const* partners,
                    std::string const& where) {
    require_count(count, where);
    if (others == 0 || count == 0) return;
    if (count > most_neurons) refuse(where, "rule.count must be at most 2^31 - 1, is " + std::to_string(count));
    if (n <= 0 || (!multapses && count > n)) {
        refuse(where, std::string("rule.count: an ") + degree + " of " + std::to_string(count) + " cannot be had from " +
                          std::to_string(n) + " " + partners + (n > 0 ? " without multapses" : ""));
    }
}

void require_index(std::int64_t index, std::int64_t n, std::string const& name, std::size_t k, std::string const& where) {
    if (index < 0 || index >= n) {
        refuse(where, name + "[" + std::to_string(k) + "] must be from 0 to " + std::to_string(n - 1) + ", is " + std::to_string(index));
    }
}

/// Checks the rule, sets what follows from it, and returns the number of given values that it takes (-1: none).
std::int64_t examine(ProjectionPlan& p, std::int64_t sources, std::int64_t targets, std::string const& where) {
    bool const same = p.source == p.target;
    auto const expect = [&](std::int64_t synapses) {
        p.synapses = synapses;
        p.expected_synapses = static_cast<double>(synapses);
    };
    if (auto const* total = std::get_if<FixedTotalNumber>(&p.rule)) {
        p.loops = same && !total->autapses;
        require_count(total->count, where);
        std::int64_t const pairs = product(sources, p.loops ? std::max<std::int64_t>(targets - 1, 0) : targets, where);
        if (total->count > 0 && (pairs == 0 || (!total->multapses && total->count > pairs))) {
            refuse(where, "rule.count: " + std::to_string(total->count) + " synapses cannot be had from " + std::to_string(pairs) +
                              " pairs" + (pairs > 0 ? " without multapses" : ""));
        }
        expect(total->count);
    } else if (auto const* in = std::get_if<FixedInDegree>(&p.rule)) {
        p.loops = same && !in->autapses;
        require_degree(in->count, in->multapses, p.loops ? sources - 1 : sources, targets, "in-degree", "sources", where);
        expect(product(in->count, targets, where));
    } else if (auto const* out = std::get_if<FixedOutDegree>(&p.rule)) {
        p.loops = same && !out->autapses;
        require_degree(out->count, out->multapses, p.loops ? targets - 1 : targets, sources, "out-degree", "targets", where);
        expect(product(out->count, sources, where));
    } else if (auto const* bernoulli = std::get_if<Bernoulli>(&p.rule)) {
        p.loops = same && !bernoulli->autapses;
        if (!(bernoulli->p >= 0.0 && bernoulli->p <= 1.0)) refuse(where, "rule.p must be from 0 to 1, is " + text(bernoulli->p));
        p.expected_synapses = bernoulli->p * static_cast<double>(product(sources, targets, where));
        if (p.expected_synapses == 0.0) p.synapses = 0;
    } else if (std::holds_alternative<OneToOne>(p.rule)) {
        if (sources != targets) {
            refuse(where, "one-to-one needs populations of one size, not " + std::to_string(sources) + " sources and " +
                              std::to_string(targets) + " targets");
        }
        expect(sources);
        return sources;
    } else if (auto const* all = std::get_if<AllToAll>(&p.rule)) {
        p.loops = same && !all->autapses;
        std::int64_t const matrix = product(sources, targets, where);
        expect(p.loops ? matrix - sources : matrix);
        return matrix;
    } else if (auto const* pairs = std::get_if<Pairs>(&p.rule)) {
        if (pairs->source.size() != pairs->target.size()) {
            refuse(where, "rule.source and rule.target must have the same length, have " + std::to_string(pairs->source.size()) + " and " +
                              std::to_string(pairs->target.size()));
        }
        for (std::size_t k = 0; k < pairs->source.size(); ++k) {
            require_index(pairs->source[k], sources, "rule.source", k, where);
            require_index(pairs->target[k], targets, "rule.target", k, where);
        }
        expect(static_cast<std::int64_t>(pairs->source.size()));
        return p.synapses;
    } else if (auto const* rows = std::get_if<Rows>(&p.rule)) {
        if (static_cast<std::int64_t>(rows->offset.size()) != sources + 1) {
            refuse(where, "rule.offset must have " + std::to_string(sources + 1) + " entries, one more than there are sources, has " +
                              std::to_string(rows->offset.size()));
        }
        for (std::size_t k = 0; k < rows->offset.size(); ++k) {
            std::int64_t const least = k == 0 ? 0 : rows->offset[k - 1];
            if (rows->offset[k] < least || (k == 0 && rows->offset[0] != 0)) {
                refuse(where, "rule.offset must rise from 0, but entry " + std::to_string(k) + " is " + std::to_string(rows->offset[k]));
            }
        }
        if (rows->offset.back() != static_cast<std::int64_t>(rows->target.size())) {
            refuse(where, "rule.offset must end with the number of targets, " + std::to_string(rows->target.size()) + ", ends with " +
                              std::to_string(rows->offset.back()));
        }
        for (std::size_t k = 0; k < rows->target.size(); ++k) require_index(rows->target[k], targets, "rule.target", k, where);
        expect(static_cast<std::int64_t>(rows->target.size()));
        return p.synapses;
    }
    return -1;
}

void require_given(std::size_t have, std::int64_t wanted, char const* name, std::string const& where) {
    if (wanted < 0) refuse(where, std::string(name) + ": this rule takes no given values; use Pairs, Rows, OneToOne or AllToAll");
    if (static_cast<std::int64_t>(have) != wanted) {
        refuse(where, std::string(name) + " must have " + std::to_string(wanted) + " values, has " + std::to_string(have));
    }
}

void set_synapse(ProjectionPlan& p, SynapseParameters&& synapse, std::int64_t given, double step_ms, std::string const& where) {
    bool const empty = p.synapses == 0;
    if (synapse.weight.kind == Distribution::Kind::given) {
        require_given(synapse.weight.given_values.size(), given, "weight", where);
        p.weight = Sampler(synapse.weight, where + ": weight");
        p.given_weights = std::move(synapse.weight.given_values);
        for (std::size_t k = 0; k < p.given_weights.size(); ++k) {
            if (std::abs(p.given_weights[k]) > largest_weight) {
                refuse(where,
                       "weight: value " + std::to_string(k) + ", " + text(p.given_weights[k]) + ", is outside of the grid's range, 2^60");
            }
        }
    } else {
        p.weight = Sampler(synapse.weight, where + ": weight");
        double const most = std::max(std::abs(p.weight.smallest()), std::abs(p.weight.largest()));
        if (!(most <= largest_weight)) refuse(where, "weight: the largest, " + text(most) + ", is outside of the grid's range, 2^60");
    }
    if (synapse.delay_ms.kind == Distribution::Kind::given) {
        require_given(synapse.delay_ms.given_values.size(), given, "delay_ms", where);
        for (std::size_t k = 0; k < synapse.delay_ms.given_values.size(); ++k) {
            std::int64_t const steps =
                whole_steps(synapse.delay_ms.given_values[k], step_ms, where + ": delay_ms[" + std::to_string(k) + "]");
            if (steps < 1 || steps > most_delay_steps) {
                refuse(where, "delay_ms[" + std::to_string(k) + "] must be from 1 to " + std::to_string(most_delay_steps) +
                                  " steps, is of " + std::to_string(steps));
            }
            p.given_delays.push_back(static_cast<std::int32_t>(steps));
        }
        if (empty) p.delay = DelaySampler(step_ms, step_ms, where + ": delay_ms");
    } else {
        p.delay = DelaySampler(synapse.delay_ms, step_ms, where + ": delay_ms");
    }
}

}  // namespace

PopulationPlan const& Network::State::population(Population p, char const* function) const {
    auto const k = static_cast<std::int64_t>(p);
    if (k < 0 || k >= static_cast<std::int64_t>(plan.populations.size())) {
        refuse(function, "population " + std::to_string(k) + " does not exist; there are " + std::to_string(plan.populations.size()));
    }
    return plan.populations[static_cast<std::size_t>(k)];
}

RecorderEntry const& Network::State::recorder(Recorder r, bool spikes, char const* function) const {
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

Population Network::add_poisson_source(std::string name, std::int64_t neurons, Value rate_hz, double start_ms, double stop_ms) {
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
    ProjectionPlan p;
    p.source = static_cast<std::int32_t>(source);
    p.target = static_cast<std::int32_t>(target);
    p.rule = std::move(rule);
    std::int64_t const given = examine(p, from.count, to.count, where);
    set_synapse(p, std::move(synapse), given, plan.options.step_ms, where);
    plan.projections.push_back(std::move(p));
    return static_cast<Projection>(plan.projections.size() - 1);
}

// ---- stimuli and recorders -----------------------------------------------------------------------------------------------

Stimulus Network::add_poisson(Population population, PoissonStimulus stimulus) {
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

Stimulus Network::add_current(Population population, StepCurrent current) {
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
