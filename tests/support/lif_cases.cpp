#include "support/lif_cases.hpp"

#include "support/random_patterns.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace ca3::test {
namespace {

using namespace lif;
using Neurons = LifCase::Neurons;
using Kind = Neurons::Kind;

std::uint64_t case_seed() {
    char const* const text = std::getenv("CA3_SEED");
    return text == nullptr ? 20261125u : std::strtoull(text, nullptr, 10);
}

double between(Random& random, double low, double high) {
    return low + (high - low) * random.uniform();
}

void window(Random& random, LifCase const& c, double& start, double& stop) {
    if (random.chance(0.3)) start = c.ms(random.between(0, c.steps));
    if (random.chance(0.3)) stop = start + c.ms(random.between(0, c.steps));
}

/// Shared, or one for each of `count`.
Value spread(Random& random, std::int64_t count, double low, double high) {
    if (count == 0 || random.chance(0.7)) return between(random, low, high);
    std::vector<double> each;
    for (std::int64_t i = 0; i < count; ++i) each.push_back(between(random, low, high));
    return each;
}

double typical(Value const& value) {
    auto const& all = value.values();
    return all.empty() ? 0.0 : std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
}

/// Often at an edge of a vector or warp, seldom empty.
std::int64_t odd_size(Random& random, std::int64_t high) {
    static std::vector<std::int64_t> const edges{0, 1, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
    return std::min(high, random.chance(0.4) ? random.pick(edges) : random.between(1, 60));
}

// ---- populations -------------------------------------------------------------------------------------------------------

/// Of the thresholds, which are 5 to 27 mV above rest.
constexpr double gap_mV = 15.0;

LifParameters lif_parameters(Random& random, std::int64_t n) {
    LifParameters p;
    if (random.chance(0.5)) n = 0;  // all shared: neurons in vectors
    p.synapse = static_cast<Synapse>(random.between(0, 3));
    if (random.chance(0.2)) p.integration = Integration::forward_euler;
    p.C_m_pF = spread(random, n, 100.0, 400.0);
    p.tau_m_ms = spread(random, n, 5.0, 25.0);
    p.E_L_mV = spread(random, n, -75.0, -65.0);
    p.v_threshold_mV = spread(random, n, -60.0, -48.0);
    p.v_reset_mV = spread(random, n, -80.0, -62.0);
    p.refractory_ms = random.chance(0.1) ? Value(0.0) : spread(random, n, 0.0, 4.0);
    p.tau_syn_ex_ms = random.chance(0.1) ? p.tau_m_ms : spread(random, n, 1.5, 6.0);  // where both are equal propagators have a limit
    p.tau_syn_in_ms = random.chance(0.4) ? p.tau_syn_ex_ms : spread(random, n, 1.5, 12.0);
    p.E_ex_mV = spread(random, n, -10.0, 10.0);
    p.E_in_mV = spread(random, n, -90.0, -76.0);
    if (random.chance(0.6)) p.I_e_pA = spread(random, n, 0.5, 2.5 * gap_mV * typical(p.C_m_pF) / typical(p.tau_m_ms));
    return p;
}

HodgkinHuxleyParameters hodgkin_huxley_parameters(Random& random) {
    HodgkinHuxleyParameters p;
    double const area = between(random, 0.5, 2.0);
    for (double* const each : {&p.C_m_pF, &p.g_Na_nS, &p.g_K_nS, &p.g_L_nS}) *each *= area;
    p.tau_syn_ex_ms = between(random, 0.5, 5.0);
    p.tau_syn_in_ms = random.chance(0.4) ? p.tau_syn_ex_ms : between(random, 0.5, 10.0);
    if (random.chance(0.7)) p.I_e_pA = between(random, -2.0, 20.0) * p.C_m_pF;  // 1 uA/cm2 is 1 pA for each pF
    return p;
}

/// Each at most once in a step, in no order.
std::vector<std::vector<double>> source_times(Random& random, LifCase const& c, std::int64_t n) {
    std::vector<std::vector<double>> times;
    double const share = random.chance(0.1) ? 1.0 : between(random, 0.0, 0.1);
    for (std::int64_t i = 0; i < n; ++i) {
        auto& own = times.emplace_back();
        for (std::int64_t const step : random_permutation(c.steps + 10, random.bits()))
            if (random.chance(share)) own.push_back(c.ms(step + 1));
    }
    return times;
}

Distribution initial_voltages(Random& random, std::int64_t n) {
    switch (random.between(0, 4)) {
        case 0:
            return Distribution::normal(-64.0, 5.0);
        case 1:
            return Distribution::normal(-64.0, 5.0, -70.0, -60.0);
        case 2:
            return Distribution::uniform(-70.0, -58.0);
        case 3: {
            std::vector<double> each;
            for (std::int64_t i = 0; i < n; ++i) each.push_back(between(random, -70.0, -45.0));  // some above threshold
            return Distribution::given(each);
        }
        default:
            return std::numeric_limits<double>::quiet_NaN();
    }
}

Neurons neurons(Random& random, LifCase const& c, bool first, std::int64_t most) {
    Neurons result;
    result.size = odd_size(random, most);
    static std::vector<Kind> const kinds{Kind::lif, Kind::lif, Kind::lif, Kind::poisson_source, Kind::spike_source, Kind::hodgkin_huxley};
    result.kind = first ? Kind::lif : random.pick(kinds);
    if (result.kind == Kind::hodgkin_huxley && c.options.step_ms > 0.05) result.kind = Kind::lif;  // Runge-Kutta explodes from 0.1 ms on
    result.initial_v_mV = initial_voltages(random, result.size);
    switch (result.kind) {
        case Kind::lif:
            result.lif = lif_parameters(random, result.size);
            break;
        case Kind::hodgkin_huxley:
            result.hodgkin_huxley = hodgkin_huxley_parameters(random);
            break;
        case Kind::poisson_source:
            result.rate_hz = spread(random, result.size, 0.0, 300.0);
            window(random, c, result.start_ms, result.stop_ms);
            break;
        case Kind::spike_source:
            result.times_ms = source_times(random, c, result.size);
            break;
    }
    return result;
}

// ---- weights and delays ------------------------------------------------------------------------------------------------

/// Weight whose potential has a peak of about so many mV.
double weight_of(Neurons const& target, double peak_mV) {
    if (target.kind == Kind::hodgkin_huxley) return peak_mV * target.hodgkin_huxley.C_m_pF / target.hodgkin_huxley.tau_syn_ex_ms;
    double const capacity_per_time = typical(target.lif.C_m_pF) / typical(target.lif.tau_syn_ex_ms);
    switch (target.lif.synapse) {
        case Synapse::delta:
            return peak_mV;
        case Synapse::exponential:
            return 1.5 * peak_mV * capacity_per_time;
        case Synapse::alpha:
            return 1.5 * peak_mV * capacity_per_time / 2.718;
        case Synapse::conductance:
            return 1.5 * peak_mV * capacity_per_time / 60.0;
    }
    return 0.0;
}

/// The least peak of a synapse: weights of 16 bits hold three decades only, of which tails of distributions take two.
double least_mV(LifCase const& c) {
    return c.options.weight_bits == 16 ? 0.5 : 0.1;
}

/// @param count of given values that the rule takes, or -1
Distribution weights(Random& random, double mean, std::int64_t count) {
    double const size = std::abs(mean);
    switch (random.between(0, count >= 0 ? 6 : 5)) {
        case 0:
            return mean;
        case 1:
            return Distribution::normal(mean, 0.3 * size);
        case 2:
            return mean > 0 ? Distribution::normal(mean, size, 0.0, 2.0 * size) : Distribution::normal(mean, size, -2.0 * size, 0.0);
        case 3:
            return Distribution::uniform(mean - 0.5 * size, mean + 0.5 * size);
        case 4:
            return mean > 0 ? Distribution::lognormal(std::log(size), 0.5) : Distribution(mean);
        case 5:
            return Distribution::normal(0.0, size);  // both signs
        default: {
            std::vector<double> each;
            for (std::int64_t k = 0; k < count; ++k) each.push_back(mean * between(random, -0.2, 2.0));
            return Distribution::given(each);
        }
    }
}

Distribution delays(Random& random, double step_ms, std::int64_t count) {
    static std::vector<std::int64_t> const typical_steps{1, 1, 1, 2, 3, 8, 15, 16, 31, 33, 64, 65, 150, 250};
    std::int64_t const steps = random.pick(typical_steps);
    double const mean = static_cast<double>(steps) * step_ms;
    switch (random.between(0, count >= 0 ? 4 : 3)) {
        case 0:
            return mean;
        case 1:
            return Distribution::normal(mean, 0.5 * mean);
        case 2:
            return Distribution::uniform(0.0, 2.0 * mean);
        case 3:
            return Distribution::lognormal(std::log(mean), 0.3);
        default: {
            std::vector<double> each;
            for (std::int64_t k = 0; k < count; ++k) each.push_back(static_cast<double>(random.between(1, 2 * steps)) * step_ms);
            return Distribution::given(each);
        }
    }
}

// ---- projections -------------------------------------------------------------------------------------------------------

struct Wiring {
    Rule rule;
    std::int64_t given = -1;  ///< number of given weights and delays that it takes; -1: it takes none
};

Wiring fixed_degree(Random& random, bool in, std::int64_t sources, std::int64_t targets, bool same) {
    bool const autapses = random.chance(0.5), multapses = random.chance(0.5);
    std::int64_t const pool = (in ? sources : targets) - (same && !autapses ? 1 : 0), others = in ? targets : sources;
    std::int64_t degree = pool <= 0 ? 0 : random.between(0, std::min<std::int64_t>(multapses ? 2 * pool : pool, 12));
    if (!multapses && random.chance(0.1)) degree = std::clamp<std::int64_t>(pool, 0, 40);  // every one of them
    if (others == 0 && multapses) degree = random.between(0, 3);                           // nobody draws
    if (pool <= 0) degree = 0;
    Rule const rule = in ? Rule(FixedInDegree{degree, autapses, multapses}) : Rule(FixedOutDegree{degree, autapses, multapses});
    return {rule};
}

Wiring fixed_total(Random& random, std::int64_t sources, std::int64_t targets, bool same) {
    bool const autapses = random.chance(0.5), multapses = random.chance(0.7);
    std::int64_t const pairs = same && !autapses ? sources * (sources - 1) : sources * targets;
    std::int64_t const most = pairs == 0 ? 0 : multapses ? 10 * targets : std::min(pairs, 10 * targets);
    std::int64_t const count = random.between(0, most);
    return {FixedTotalNumber{count, autapses, multapses}};
}

Wiring listed(Random& random, bool rows, std::int64_t sources, std::int64_t targets) {
    std::int64_t const count = sources * targets == 0 ? 0 : random.between(0, 6 * targets);
    std::vector<std::int64_t> from, to, offset(static_cast<std::size_t>(sources) + 1, 0);
    for (std::int64_t k = 0; k < count; ++k) {
        from.push_back(random.between(0, sources - 1));
        to.push_back(random.between(0, targets - 1));  // repeated and unsorted
        ++offset[static_cast<std::size_t>(from.back()) + 1];
    }
    std::partial_sum(offset.begin(), offset.end(), offset.begin());
    if (rows) return {Rows{offset, to}, count};
    return {Pairs{from, to}, count};
}

Wiring wiring(Random& random, std::int64_t sources, std::int64_t targets, bool same) {
    switch (random.between(0, 7)) {
        case 0:
            return fixed_total(random, sources, targets, same);
        case 1:
            return fixed_degree(random, true, sources, targets, same);
        case 2:
            return fixed_degree(random, false, sources, targets, same);
        case 3:
            if (sources == targets) return {OneToOne{}, sources};
            break;
        case 4:
            return {AllToAll{random.chance(0.5)}, sources * targets};
        case 5:
            return listed(random, false, sources, targets);
        case 6:
            return listed(random, true, sources, targets);
        default:
            break;
    }
    return {Bernoulli{random.chance(0.1) ? 1.0 : between(random, 0.0, 0.3), random.chance(0.5)}};
}

void add_projections(LifCase& c, Random& random) {
    std::vector<std::size_t> targets;
    for (std::size_t p = 0; p < c.populations.size(); ++p)
        if (!c.populations[p].is_source()) targets.push_back(p);
    std::int64_t const count = random.between(0, 2 * static_cast<std::int64_t>(c.populations.size()));
    for (std::int64_t k = 0; k < count; ++k) {
        LifCase::Synapses synapses;
        synapses.source = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(c.populations.size()) - 1));
        synapses.target = random.pick(targets);
        auto const &source = c.populations[synapses.source], &target = c.populations[synapses.target];
        auto const [rule, given] = wiring(random, source.size, target.size, synapses.source == synapses.target);
        double const peak = (random.chance(0.3) ? -1.0 : 1.0) * std::exp(between(random, std::log(least_mV(c)), std::log(6.0)));
        synapses.rule = rule;
        synapses.parameters.weight = weights(random, weight_of(target, peak), given);
        synapses.parameters.delay_ms = delays(random, c.options.step_ms, given);
        c.projections.push_back(std::move(synapses));
    }
}

// ---- stimuli and recorders ---------------------------------------------------------------------------------------------

Range part_of(Random& random, std::int64_t n, std::int64_t& count) {
    count = n;
    if (random.chance(0.6)) return {};
    Range range{random.between(0, n), -1};
    count = n - range.first;
    if (random.chance(0.5)) range.count = count = random.between(0, count);
    return range;
}

void add_inputs(LifCase& c, Random& random) {
    for (std::size_t p = 0; p < c.populations.size(); ++p) {
        auto const& target = c.populations[p];
        if (target.is_source()) continue;
        bool const is_lif = target.kind == Kind::lif;
        double const tau = is_lif ? typical(target.lif.tau_m_ms) : 2.0;
        double const current = gap_mV * (is_lif ? typical(target.lif.C_m_pF) : target.hodgkin_huxley.C_m_pF) / tau;
        std::int64_t n = 0;
        for (std::int64_t k = random.chance(0.6) ? random.between(1, 2) : 0; k > 0; --k) {
            PoissonStimulus poisson;
            double const peak = std::exp(between(random, std::log(least_mV(c)), std::log(8.0)));  // means of 1e-3 to 30 in a step
            poisson.neurons = part_of(random, target.size, n);
            poisson.weight = weight_of(target, peak);
            poisson.rate_hz = spread(random, n, 0.0, 2.0 * gap_mV / (peak * tau) * 1e3);
            if (random.chance(0.2)) poisson.weight = -poisson.weight;
            window(random, c, poisson.start_ms, poisson.stop_ms);
            c.inputs.push_back({p, poisson});
        }
        if (random.chance(0.15)) {  // many in every step, of both signs: the number is never zero
            PoissonStimulus poisson;
            poisson.neurons = part_of(random, target.size, n);
            double const mean = std::exp(between(random, std::log(30.0), std::log(3000.0)));
            poisson.rate_hz = spread(random, n, 0.8 * mean / c.options.step_ms * 1e3, 1.2 * mean / c.options.step_ms * 1e3);
            for (double const sign : {1.0, -1.0}) {
                poisson.weight = sign * weight_of(target, least_mV(c));
                c.inputs.push_back({p, poisson});
            }
        }
        if (random.chance(0.3)) {
            StepCurrent step;
            step.neurons = part_of(random, target.size, n);
            step.amplitude_pA = spread(random, n, -0.5 * current, 2.0 * current);
            window(random, c, step.start_ms, step.stop_ms);
            c.inputs.push_back({p, step});
        }
        if (random.chance(0.2)) {
            CurrentArray array;
            array.neurons = part_of(random, target.size, n);
            for (std::int64_t k = random.between(0, 40); k > 0; --k) array.values_pA.push_back(between(random, -current, 3.0 * current));
            if (random.chance(0.7)) array.interval_ms = c.ms(random.between(1, 20));
            if (random.chance(0.5)) array.start_ms = c.ms(random.between(0, c.steps / 2));
            c.inputs.push_back({p, array});
        }
    }
}

void add_recordings(LifCase& c, Random& random) {
    for (std::size_t p = 0; p < c.populations.size(); ++p) {
        c.recordings.push_back({p, RecordSpikes{}});
        std::int64_t const n = c.populations[p].size;
        std::int64_t recorded = 0;
        if (random.chance(0.2)) {
            RecordSpikes some{.neurons = part_of(random, n, recorded)};
            window(random, c, some.start_ms, some.stop_ms);
            c.recordings.push_back({p, some});
        }
        if (c.populations[p].is_source() || n == 0) continue;
        for (auto const variable : {Variable::voltage, Variable::excitatory, Variable::inhibitory}) {
            bool const is_delta = c.populations[p].kind == Kind::lif && c.populations[p].lif.synapse == Synapse::delta;
            if (!random.chance(0.4) || (is_delta && variable != Variable::voltage)) continue;
            RecordTraces traces{.variable = variable};
            for (std::int64_t k = random.between(1, 4); k > 0; --k) traces.neurons.push_back(random.between(0, n - 1));
            if (random.chance(0.5)) traces.interval_ms = c.ms(random.between(1, 12));
            c.recordings.push_back({p, traces});
        }
    }
}

}  // namespace

std::int64_t LifCase::neurons() const {
    return std::accumulate(populations.begin(), populations.end(), std::int64_t{0}, [](auto sum, auto const& p) { return sum + p.size; });
}

LifCase lif_case(std::int64_t number, std::int64_t work) {
    LifCase c{.number = number, .seed = case_seed()};
    Random seeds(c.seed);
    Random random(seeds.bits() + static_cast<std::uint64_t>(number) * 0xD1342543DE82EF95u);
    static std::vector<double> const steps_ms{0.1, 0.1, 0.1, 0.125, 0.2, 0.5, 0.05, 0.05, 0.05, 0.02};
    c.options.step_ms = random.pick(steps_ms);
    c.options.seed = random.bits();
    c.options.precision = random.chance(0.6) ? Precision::f32 : Precision::f64;
    static std::vector<int> const bits{0, 0, 16, 32};
    c.options.weight_bits = random.pick(bits);
    if (c.options.precision == Precision::f64) c.options.weight_bits &= ~16;  // wide states go with wide weights
    c.steps = random.chance(0.1) ? random.between(1, 5) : random.between(50, 400);
    c.cut = random.chance(0.1) ? 0 : random.between(0, c.steps);

    std::int64_t const populations = random.between(1, 4);
    std::int64_t const most = std::clamp<std::int64_t>(work / (populations * c.steps), 3, 100);
    for (std::int64_t p = 0; p < populations; ++p) c.populations.push_back(neurons(random, c, p == 0, most));
    add_projections(c, random);
    add_inputs(c, random);
    add_recordings(c, random);
    return c;
}

}  // namespace ca3::test
