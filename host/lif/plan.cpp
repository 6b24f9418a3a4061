#include "lif/plan.hpp"

#include <ca3/error.hpp>

#include "core/philox.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace ca3::lif {

namespace {

constexpr std::int64_t many_synapses = std::int64_t{1} << 24;
constexpr double most_rounding = 0x1p-12;    // for weights of 16 bits to be chosen
constexpr double useless_rounding = 0x1p-6;  // an error

/// The largest |weight| of a projection, and the smallest unit that rounds it to an integer of `bits` bits with a sign.
double largest_weight(ProjectionPlan const& p) {
    double largest = 0.0;
    if (p.given_weights.empty()) return std::max(std::abs(p.weight.smallest()), std::abs(p.weight.largest()));
    for (double const w : p.given_weights) largest = std::max(largest, std::abs(w));
    return largest;
}

/// 2^k with largest / 2^k <= limit, as small as possible.
double unit_for(double largest, double limit) {
    if (largest == 0.0) return 1.0;
    int exponent = std::ilogb(largest) - std::ilogb(limit) - 1;
    while (std::nearbyint(std::ldexp(largest, -exponent)) > limit) ++exponent;
    return std::ldexp(1.0, exponent);
}

double rounding_error(double weight, double unit) {
    double const rounded = std::nearbyint(weight / unit) * unit;
    return weight == 0.0 ? 0.0 : std::abs(rounded - weight) / std::abs(weight);
}

/// Relative to the projection's typical weight, of given ones the largest.
double rounding_error(ProjectionPlan const& p, double unit) {
    if (!p.given_weights.empty()) {
        double worst = 0.0;
        for (double const w : p.given_weights) worst = std::max(worst, std::abs(std::nearbyint(w / unit) * unit - w));
        return worst == 0.0 ? 0.0 : worst / largest_weight(p);
    }
    if (!p.weight.is_random()) return rounding_error(p.weight(0), unit);
    return 0.5 * unit / p.weight.typical();
}

/// Most synapses that one neuron of the target population can have from this projection, as far as the rule says; an estimate that the sum
/// made while building confirms or refuses.
double most_in_degree(Plan const& plan, ProjectionPlan const& p) {
    auto const targets = static_cast<double>(std::max<std::int64_t>(1, plan.populations[static_cast<std::size_t>(p.target)].count));
    auto const sources = static_cast<double>(plan.populations[static_cast<std::size_t>(p.source)].count);
    if (std::holds_alternative<FixedInDegree>(p.rule)) return static_cast<double>(std::get<FixedInDegree>(p.rule).count);
    if (std::holds_alternative<AllToAll>(p.rule)) return sources;
    if (std::holds_alternative<OneToOne>(p.rule)) return 1.0;
    if (std::holds_alternative<Pairs>(p.rule) || std::holds_alternative<Rows>(p.rule)) {
        auto const& list = std::holds_alternative<Pairs>(p.rule) ? std::get<Pairs>(p.rule).target : std::get<Rows>(p.rule).target;
        std::vector<std::int64_t> degree(static_cast<std::size_t>(targets));
        std::int64_t most = 0;
        for (std::int64_t const t : list) most = std::max(most, ++degree[static_cast<std::size_t>(t)]);
        return static_cast<double>(most);
    }
    double const mean = p.expected_synapses / targets;  // binomial: mean and ten standard deviations
    return std::min(mean + 10.0 * std::sqrt(mean) + 20.0, std::max(p.expected_synapses, 1.0));
}

}  // namespace

std::int32_t ProjectionPlan::longest_delay() const {
    if (given_delays.empty()) return delay.longest();
    return *std::max_element(given_delays.begin(), given_delays.end());
}

std::int32_t Plan::population_of(std::int64_t neuron) const {
    auto const after = std::upper_bound(populations.begin(), populations.end(), neuron,
                                        [](std::int64_t n, PopulationPlan const& p) { return n < p.first + p.count; });
    return static_cast<std::int32_t>(after - populations.begin());
}

std::string projection_name(Plan const& plan, std::size_t projection) {
    auto const& p = plan.projections[projection];
    return "projection " + std::to_string(projection) + " (" + plan.populations[static_cast<std::size_t>(p.source)].name + " -> " +
           plan.populations[static_cast<std::size_t>(p.target)].name + ")";
}

void choose_grid(Plan& plan) {
    bool const wide_state = plan.options.precision == Precision::f64;
    std::size_t const n = plan.populations.size();
    std::vector<double> largest(n, 0.0), possible_sum(n, 0.0), synapses(n, 0.0);
    double all_synapses = 0.0;
    plan.longest_delay = 1;
    for (auto const& p : plan.projections) {
        auto const target = static_cast<std::size_t>(p.target);
        double const w = largest_weight(p);
        largest[target] = std::max(largest[target], w);
        possible_sum[target] += w * most_in_degree(plan, p);
        all_synapses += p.expected_synapses;
        if (p.synapses != 0) plan.longest_delay = std::max<std::int64_t>(plan.longest_delay, p.longest_delay());
    }
    for (auto const& s : plan.poisson) {
        auto const target = static_cast<std::size_t>(s.population);
        std::int32_t most = 0;
        for (auto const& table : s.tables) most = std::max(most, table.most());
        largest[target] = std::max(largest[target], std::abs(s.weight));
        possible_sum[target] += std::abs(s.weight) * most;
    }

    auto const units = [&](int bits) {
        double const limit = bits == 16 ? 32767.0 : 2147483647.0;
        // Sums stay in half of the accumulator, 32 bits with f32 state, 64 with f64; the rest is for stimuli that come later.
        double const sum_limit = wide_state ? 0x1p62 : 0x1p30;
        std::vector<double> result(n);
        for (std::size_t k = 0; k < n; ++k) result[k] = std::max(unit_for(largest[k], limit), unit_for(possible_sum[k], sum_limit));
        return result;
    };
    int bits = plan.options.weight_bits;
    if (bits == 0) {
        bits = 32;
        if (!wide_state && all_synapses > static_cast<double>(many_synapses)) {
            auto const narrow = units(16);
            bits = 16;
            for (auto const& p : plan.projections)
                if (rounding_error(p, narrow[static_cast<std::size_t>(p.target)]) > most_rounding) bits = 32;
            for (auto const& s : plan.poisson)
                if (rounding_error(s.weight, narrow[static_cast<std::size_t>(s.population)]) > most_rounding) bits = 32;
        }
    }
    auto const chosen = units(bits);
    for (std::size_t k = 0; k < n; ++k) {
        plan.populations[k].unit = chosen[k];
        plan.populations[k].headroom = (wide_state ? 0x1p63 : 0x1p31 - 1.0) - possible_sum[k] / chosen[k];
    }
    plan.weight_bits = bits;
    auto const refuse = [&](std::size_t target, std::string const& whose, double at_most) {
        std::ostringstream out;
        out << "Network::build: weights to " << plan.populations[target].name << " are stored on a grid of " << chosen[target]
            << ", which its largest weight, " << largest[target] << ", and the number of its synapses ask for; those of " << whose
            << ", at most " << at_most << ", are too small for it";
        throw Overflow(out.str());
    };
    for (std::size_t k = 0; k < plan.projections.size(); ++k) {
        auto const& p = plan.projections[k];
        auto const target = static_cast<std::size_t>(p.target);
        if (p.synapses != 0 && rounding_error(p, chosen[target]) > useless_rounding)
            refuse(target, projection_name(plan, k), largest_weight(p));
    }
    for (auto const& s : plan.poisson) {
        auto const target = static_cast<std::size_t>(s.population);
        if (s.count != 0 && rounding_error(s.weight, chosen[target]) > useless_rounding)
            refuse(target, "stimulus " + std::to_string(s.stimulus), std::abs(s.weight));
    }
}

double initial_voltage(Plan const& plan, std::int32_t population, std::int64_t neuron) {
    auto const& p = plan.populations[static_cast<std::size_t>(population)];
    if (p.initial_v.kind == Distribution::Kind::given) return p.initial_v.given_values[static_cast<std::size_t>(neuron)];
    if (p.initial_v_sampler.is_random()) {
        return p.initial_v_sampler(random::draw(plan.options.seed, random::Purpose::initial_voltage, static_cast<std::uint32_t>(population),
                                                0, static_cast<std::uint64_t>(neuron)));
    }
    if (std::isnan(p.initial_v.a)) return p.kind == Kind::hodgkin_huxley ? -65.0 : p.lif.E_L_mV[neuron];
    return p.initial_v.a;
}

}  // namespace ca3::lif
