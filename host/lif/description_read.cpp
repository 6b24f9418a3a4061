#include "io/json_tree.hpp"
#include "lif/description_entries.hpp"

#include <algorithm>
#include <map>

namespace ca3::lif::description {
namespace {

using io::Members;
using io::Node;
using io::parse_tree;
using io::quoted;

/// The numbers of the populations read so far, by name.
using Names = std::map<std::string, std::size_t, std::less<>>;

auto const as_number = [](Node const& node) { return node.number(); };
auto const as_flag = [](Node const& node) { return node.flag(); };
auto const as_whole = [](Node const& node) { return node.whole(); };

Value as_value(Node const& node) {
    if (node.is_list()) return node.numbers();
    if (!node.is_number()) node.fail_kind("a number, or a list of numbers, one for each neuron");
    return node.number();
}

// ---- distributions ---------------------------------------------------------------------------------------------------

Distribution normal(Members& members) {
    double const mean = members.at("mean").number(), sd = members.at("sd").number();
    Distribution distribution = Distribution::normal(mean, sd);
    double low = distribution.low, high = distribution.high;
    members.take("low", low, as_number);
    members.take("high", high, as_number);
    return Distribution::normal(mean, sd, low, high);
}

Distribution drawn(Node const& node) {
    using Kind = Distribution::Kind;
    Members members(node);
    Distribution distribution;
    switch (members.at("kind").choice<Kind>({{"normal", Kind::normal}, {"uniform", Kind::uniform}, {"lognormal", Kind::lognormal}})) {
        case Kind::normal:
            distribution = normal(members);
            break;
        case Kind::uniform: {
            double const low = members.at("low").number();
            distribution = Distribution::uniform(low, members.at("high").number());
            break;
        }
        default: {
            double const mu = members.at("mu").number();
            distribution = Distribution::lognormal(mu, members.at("sigma").number());
        }
    }
    members.close();
    return distribution;
}

Distribution as_distribution(Node const& node) {
    if (node.is_number()) return node.number();
    if (node.is_list()) return Distribution::given(node.numbers());
    if (!node.is_object()) node.fail_kind("a number, a list of numbers, or a distribution");
    return drawn(node);
}

/// The same for the weights and delays of an all-to-all projection, where a list may be a matrix: targets x sources.
Distribution as_matrix(Node const& node, std::int64_t targets, std::int64_t sources) {
    if (!node.is_list()) return as_distribution(node);
    auto const rows = node.list();
    if (rows.empty() || !rows[0].is_list()) return as_distribution(node);
    if (static_cast<std::int64_t>(rows.size()) != targets)
        node.fail("has " + std::to_string(rows.size()) + " rows, the target " + std::to_string(targets) + " neurons");
    std::vector<double> values;
    for (Node const& row : rows) {
        auto const numbers = row.numbers();
        if (static_cast<std::int64_t>(numbers.size()) != sources)
            row.fail("has " + std::to_string(numbers.size()) + " numbers, the source " + std::to_string(sources) + " neurons");
        values.insert(values.end(), numbers.begin(), numbers.end());
    }
    return Distribution::given(std::move(values));
}

// ---- populations -----------------------------------------------------------------------------------------------------

LifParameters read_lif(Members& members) {
    LifParameters p;
    members.take("synapse", p.synapse, [](Node const& node) {
        return node.choice<Synapse>({{"delta", Synapse::delta},
                                     {"exponential", Synapse::exponential},
                                     {"alpha", Synapse::alpha},
                                     {"conductance", Synapse::conductance}});
    });
    members.take("integration", p.integration, [](Node const& node) {
        return node.choice<Integration>({{"exact", Integration::exact}, {"forward-euler", Integration::forward_euler}});
    });
    members.take("C_m_pF", p.C_m_pF, as_value);
    members.take("tau_m_ms", p.tau_m_ms, as_value);
    members.take("E_L_mV", p.E_L_mV, as_value);
    members.take("v_threshold_mV", p.v_threshold_mV, as_value);
    members.take("v_reset_mV", p.v_reset_mV, as_value);
    members.take("refractory_ms", p.refractory_ms, as_value);
    members.take("tau_syn_ex_ms", p.tau_syn_ex_ms, as_value);
    members.take("tau_syn_in_ms", p.tau_syn_in_ms, as_value);
    members.take("I_e_pA", p.I_e_pA, as_value);
    members.take("E_ex_mV", p.E_ex_mV, as_value);
    members.take("E_in_mV", p.E_in_mV, as_value);
    return p;
}

HodgkinHuxleyParameters read_hodgkin_huxley(Members& members) {
    HodgkinHuxleyParameters p;
    members.take("C_m_pF", p.C_m_pF, as_number);
    members.take("g_Na_nS", p.g_Na_nS, as_number);
    members.take("g_K_nS", p.g_K_nS, as_number);
    members.take("g_L_nS", p.g_L_nS, as_number);
    members.take("E_Na_mV", p.E_Na_mV, as_number);
    members.take("E_K_mV", p.E_K_mV, as_number);
    members.take("E_L_mV", p.E_L_mV, as_number);
    members.take("v_threshold_mV", p.v_threshold_mV, as_number);
    members.take("tau_syn_ex_ms", p.tau_syn_ex_ms, as_number);
    members.take("tau_syn_in_ms", p.tau_syn_in_ms, as_number);
    members.take("I_e_pA", p.I_e_pA, as_number);
    return p;
}

PoissonSource read_poisson_source(Members& members) {
    PoissonSource source{.rate_hz = as_value(members.at("rate_hz"))};
    members.take("start_ms", source.start_ms, as_number);
    members.take("stop_ms", source.stop_ms, as_number);
    return source;
}

SpikeSource read_spike_source(Members& members) {
    SpikeSource source;
    for (Node const& neuron : members.at("times_ms").list()) source.times_ms.push_back(neuron.numbers());
    return source;
}

/// Names stand in tables, figures and errors.
std::string as_name(Node const& node) {
    constexpr std::size_t longest = 100;
    std::string name = node.text();
    auto const control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; };
    if (name.empty() || name.size() > longest || std::ranges::any_of(name, control))
        node.fail_kind("a name of 1 to 100 bytes without control characters");
    return name;
}

PopulationEntry read_population(Node const& node) {
    enum class Model { lif, hodgkin_huxley, poisson_source, spike_source };
    Members members(node);
    PopulationEntry entry{.path = node.path(), .name = as_name(members.at("name"))};
    Model model = Model::lif;
    members.take("model", model, [](Node const& word) {
        return word.choice<Model>({{"lif", Model::lif},
                                   {"hodgkin-huxley", Model::hodgkin_huxley},
                                   {"poisson-source", Model::poisson_source},
                                   {"spike-source", Model::spike_source}});
    });
    if (model == Model::spike_source) {  // has as many neurons as lists of times
        auto source = read_spike_source(members);
        entry.neurons = static_cast<std::int64_t>(source.times_ms.size());
        entry.model = std::move(source);
    } else {
        entry.neurons = members.at("neurons").whole();
    }
    if (model == Model::lif) entry.model = read_lif(members);
    if (model == Model::hodgkin_huxley) entry.model = read_hodgkin_huxley(members);
    if (model == Model::poisson_source) entry.model = read_poisson_source(members);
    if (model == Model::lif || model == Model::hodgkin_huxley) members.take("initial_v_mV", entry.initial_v_mV, as_distribution);
    members.close();
    return entry;
}

std::size_t population(Members& members, std::string_view key, Names const& names) {
    Node const node = members.at(key);
    auto const found = names.find(node.text());
    if (found == names.end()) node.fail("there is no population " + quoted(node.text()));
    return found->second;
}

// ---- projections -----------------------------------------------------------------------------------------------------

template <class Drawn>
Rule read_counted(Members& members) {
    Drawn rule{.count = members.at("count").whole()};
    members.take("autapses", rule.autapses, as_flag);
    members.take("multapses", rule.multapses, as_flag);
    return rule;
}

Rule read_rule(Node const& node) {
    Members members(node);
    Rule rule = members.at("kind").choice<Rule>({{"fixed-total-number", FixedTotalNumber{}},
                                                 {"fixed-in-degree", FixedInDegree{}},
                                                 {"fixed-out-degree", FixedOutDegree{}},
                                                 {"bernoulli", Bernoulli{}},
                                                 {"one-to-one", OneToOne{}},
                                                 {"all-to-all", AllToAll{}},
                                                 {"pairs", Pairs{}},
                                                 {"rows", Rows{}}});
    if (std::holds_alternative<FixedTotalNumber>(rule)) rule = read_counted<FixedTotalNumber>(members);
    if (std::holds_alternative<FixedInDegree>(rule)) rule = read_counted<FixedInDegree>(members);
    if (std::holds_alternative<FixedOutDegree>(rule)) rule = read_counted<FixedOutDegree>(members);
    if (auto* bernoulli = std::get_if<Bernoulli>(&rule)) {
        bernoulli->p = members.at("p").number();
        members.take("autapses", bernoulli->autapses, as_flag);
    }
    if (auto* all = std::get_if<AllToAll>(&rule)) members.take("autapses", all->autapses, as_flag);
    if (auto* pairs = std::get_if<Pairs>(&rule)) *pairs = {members.at("source").wholes(), members.at("target").wholes()};
    if (auto* rows = std::get_if<Rows>(&rule)) *rows = {members.at("offset").wholes(), members.at("target").wholes()};
    members.close();
    return rule;
}

ProjectionEntry read_projection(Node const& node, Names const& names, std::vector<PopulationEntry> const& populations) {
    Members members(node);
    ProjectionEntry entry{.path = node.path()};
    entry.source = population(members, "source", names);
    entry.target = population(members, "target", names);
    entry.rule = read_rule(members.at("rule"));
    auto const read = [&](Node const& values) {
        return std::holds_alternative<AllToAll>(entry.rule)
                   ? as_matrix(values, populations[entry.target].neurons, populations[entry.source].neurons)
                   : as_distribution(values);
    };
    entry.synapse.weight = read(members.at("weight"));
    members.take("delay_ms", entry.synapse.delay_ms, read);
    members.close();
    return entry;
}

// ---- stimuli and recorders -------------------------------------------------------------------------------------------

Range as_range(Node const& node) {
    Members members(node);
    Range range;
    members.take("first", range.first, as_whole);
    members.take("count", range.count, as_whole);
    members.close();
    return range;
}

StimulusEntry read_stimulus(Node const& node, Names const& names) {
    enum class Kind { poisson, step_current, current_array };
    Members members(node);
    StimulusEntry entry{.path = node.path()};
    entry.population = population(members, "population", names);
    switch (members.at("kind").choice<Kind>(
        {{"poisson", Kind::poisson}, {"step-current", Kind::step_current}, {"current-array", Kind::current_array}})) {
        case Kind::poisson: {
            PoissonStimulus s{.rate_hz = as_value(members.at("rate_hz")), .weight = members.at("weight").number()};
            members.take("start_ms", s.start_ms, as_number);
            members.take("stop_ms", s.stop_ms, as_number);
            members.take("neurons", s.neurons, as_range);
            entry.stimulus = std::move(s);
            break;
        }
        case Kind::step_current: {
            StepCurrent s{.amplitude_pA = as_value(members.at("amplitude_pA"))};
            members.take("start_ms", s.start_ms, as_number);
            members.take("stop_ms", s.stop_ms, as_number);
            members.take("neurons", s.neurons, as_range);
            entry.stimulus = std::move(s);
            break;
        }
        case Kind::current_array: {
            CurrentArray s{.values_pA = members.at("values_pA").numbers()};
            members.take("interval_ms", s.interval_ms, as_number);
            members.take("start_ms", s.start_ms, as_number);
            members.take("neurons", s.neurons, as_range);
            entry.stimulus = std::move(s);
            break;
        }
    }
    members.close();
    return entry;
}

/// A list, or a range, which a short text could make long.
std::vector<std::int64_t> as_neurons(Node const& node, std::int64_t neurons) {
    constexpr std::int64_t most = 1'000'000;
    if (node.is_list()) return node.wholes();
    if (!node.is_object()) node.fail_kind("a list of neurons, or a range");
    Range range = as_range(node);
    if (range.count < 0) range.count = std::max<std::int64_t>(0, neurons - range.first);
    if (range.first > neurons || range.count > neurons - range.first)
        node.fail("reaches beyond the " + std::to_string(neurons) + " neurons of the population");
    if (range.count > most) node.fail("at most " + std::to_string(most) + " neurons can be traced, not " + std::to_string(range.count));
    std::vector<std::int64_t> list;
    for (std::int64_t i = 0; i < range.count; ++i) list.push_back(range.first + i);
    return list;
}

RecorderEntry read_recorder(Node const& node, Names const& names, std::vector<PopulationEntry> const& populations) {
    Members members(node);
    RecorderEntry entry{.path = node.path()};
    entry.population = population(members, "population", names);
    Node const kind = members.at("kind");
    auto const variable = kind.choice<std::optional<Variable>>({{"spikes", std::nullopt},
                                                                {"voltage", Variable::voltage},
                                                                {"excitatory", Variable::excitatory},
                                                                {"inhibitory", Variable::inhibitory}});
    entry.kind = kind.text();
    if (variable) {
        RecordTraces traces{.neurons = as_neurons(members.at("neurons"), populations[entry.population].neurons), .variable = *variable};
        members.take("interval_ms", traces.interval_ms, as_number);
        entry.recorder = std::move(traces);
    } else {
        RecordSpikes spikes;
        members.take("neurons", spikes.neurons, as_range);
        members.take("start_ms", spikes.start_ms, as_number);
        members.take("stop_ms", spikes.stop_ms, as_number);
        entry.recorder = spikes;
    }
    members.close();
    return entry;
}

NetworkOptions read_options(Members& members, NetworkOverrides const& overrides) {
    NetworkOptions options;
    members.take("step_ms", options.step_ms, as_number);
    members.take("seed", options.seed, [](Node const& node) { return node.whole_unsigned(); });
    members.take("precision", options.precision, [](Node const& node) {
        return node.choice<Precision>({{"f32", Precision::f32}, {"f64", Precision::f64}});
    });
    members.take("weight_bits", options.weight_bits, [](Node const& node) {
        auto const bits = node.whole();
        if (bits != 0 && bits != 16 && bits != 32) node.fail_kind("16, 32, or 0 for the network's choice");
        return static_cast<int>(bits);
    });
    options.step_ms = overrides.step_ms.value_or(options.step_ms);
    options.seed = overrides.seed.value_or(options.seed);
    options.precision = overrides.precision.value_or(options.precision);
    options.weight_bits = overrides.weight_bits.value_or(options.weight_bits);
    return options;
}

}  // namespace

Description read_description(std::string_view text, std::string const& name, NetworkOverrides const& overrides) {
    nlohmann::json const tree = parse_tree(text, name);
    Members members(Node(tree, name, "$"));
    Description description{.options = read_options(members, overrides)};
    Names names;
    for (Node const& node : members.at("populations").list()) {
        description.populations.push_back(read_population(node));
        std::string const& key = description.populations.back().name;
        if (!names.emplace(key, names.size()).second) node.fail("there is another population " + quoted(key) + " before it");
    }
    auto const each = [&](std::string_view key, auto&& read) {
        if (auto const list = members.find(key))
            for (Node const& node : list->list()) read(node);
    };
    each("projections",
         [&](Node const& node) { description.projections.push_back(read_projection(node, names, description.populations)); });
    each("stimuli", [&](Node const& node) { description.stimuli.push_back(read_stimulus(node, names)); });
    each("recorders", [&](Node const& node) { description.recorders.push_back(read_recorder(node, names, description.populations)); });
    members.close();
    return description;
}

}  // namespace ca3::lif::description
