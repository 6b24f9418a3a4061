#include "lif/checks.hpp"

#include <ca3/error.hpp>

#include <algorithm>

/// The checks of Network::connect.
namespace ca3::lif {

namespace {

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

ProjectionPlan make_projection(std::int32_t source, std::int32_t target, std::int64_t sources, std::int64_t targets, Rule rule,
                               SynapseParameters synapse, double step_ms, std::string const& where) {
    ProjectionPlan p;
    p.source = source;
    p.target = target;
    p.rule = std::move(rule);
    std::int64_t const given = examine(p, sources, targets, where);
    set_synapse(p, std::move(synapse), given, step_ms, where);
    return p;
}

}  // namespace ca3::lif
