#include "hopfield/backend.hpp"

#include "core/philox.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

/// The definition, in plain loops: a matrix written out where the rule has one, the difference of two energies where it has none.
namespace ca3::hopfield::reference {

namespace {

struct Definition final : Prepared {
    std::vector<std::int64_t> weights;  ///< d x d, diagonal included; empty for power and exponential
};

bool has_matrix(Model const& model) {
    return model.kind != Kind::power && model.kind != Kind::exponential;
}

}  // namespace

std::vector<std::int64_t> matrix(Model const& model) {
    std::int64_t const d = model.neurons, P = model.patterns;
    auto const x = [&](std::int64_t mu, std::int64_t i) { return std::int64_t{model.pattern[mu * d + i]}; };
    std::vector<std::int64_t> w(d * d, 0);
    for (std::int64_t i = 0; i < d; ++i) {
        std::vector<std::int64_t> kx(P, 0);  // (K x)_mu,i
        if (model.kind == Kind::projection) {
            for (std::int64_t mu = 0; mu < P; ++mu) {
                for (std::int64_t nu = 0; nu < P; ++nu) kx[mu] += model.kernel[mu * P + nu] * x(nu, i);
            }
        }
        for (std::int64_t j = 0; j < d; ++j) {
            std::int64_t& sum = w[i * d + j];
            switch (model.kind) {
                case Kind::hebbian:
                    for (std::int64_t mu = 0; mu < P; ++mu) sum += x(mu, i) * x(mu, j);
                    break;
                case Kind::centred:
                    for (std::int64_t mu = 0; mu < P; ++mu) sum += (model.q * x(mu, i) - model.p) * (model.q * x(mu, j) - model.p);
                    break;
                case Kind::projection:
                    for (std::int64_t mu = 0; mu < P; ++mu) sum += kx[mu] * x(mu, j);
                    break;
                case Kind::dense:
                    sum = std::visit([&](auto const& given) { return static_cast<std::int64_t>(given[i * d + j]); }, model.weights);
                    if (std::holds_alternative<std::vector<std::uint8_t>>(model.weights)) sum = 2 * sum - P;
                    break;
                case Kind::power:
                case Kind::exponential:
                    break;
            }
        }
    }
    return w;
}

namespace {

/// One state and its overlaps, from which every field follows.
class Dynamics {
public:
    Dynamics(Model const& model, Definition const& definition, std::int8_t* state)
        : model_(model), definition_(definition), s_(state), m_(model.patterns) {
        for (std::int64_t mu = 0; mu < model_.patterns; ++mu) {
            for (std::int64_t i = 0; i < model_.neurons; ++i) m_[mu] += x(mu, i) * s_[i];
        }
    }

    [[nodiscard]] std::int64_t field(std::int64_t i) const {
        std::int64_t const d = model_.neurons;
        std::int64_t h = 0;
        if (has_matrix(model_)) {
            for (std::int64_t j = 0; j < d; ++j) h += definition_.weights[i * d + j] * s_[j];
        } else {
            // E(s_i = -1) - E(s_i = +1), doubled: rest is the overlap without neuron i.
            std::int64_t const largest = m_.empty() ? 0 : *std::max_element(m_.begin(), m_.end());
            for (std::int64_t mu = 0; mu < model_.patterns; ++mu) {
                std::int64_t const rest = m_[mu] - x(mu, i) * s_[i];
                h += 2 * (power(rest + x(mu, i), largest) - power(rest - x(mu, i), largest));
            }
        }
        return model_.diagonal.empty() ? h : h - model_.diagonal[i] * s_[i];
    }

    void set(std::int64_t i, std::int8_t value) {
        for (std::int64_t mu = 0; mu < model_.patterns; ++mu) m_[mu] += x(mu, i) * (value - s_[i]);
        s_[i] = value;
    }

private:
    [[nodiscard]] std::int64_t x(std::int64_t mu, std::int64_t i) const { return model_.pattern[mu * model_.neurons + i]; }

    [[nodiscard]] std::int64_t power(std::int64_t k, std::int64_t largest) const {
        if (model_.kind == Kind::power) return model_.table[k + model_.neurons + 2];
        std::int64_t const position = largest + 2 - k;
        return position < static_cast<std::int64_t>(model_.table.size()) ? model_.table[position] : 0;
    }

    Model const& model_;
    Definition const& definition_;
    std::int8_t* s_;
    std::vector<std::int64_t> m_;
};

std::int8_t decide(Model const& model, Job const& job, std::int64_t h, std::int64_t i, std::uint32_t state, std::int64_t sweep,
                   std::int8_t old) {
    if (job.glauber != nullptr) {
        double const f = std::fma(static_cast<double>(h), model.unit, model.bias.empty() ? 0.0 : model.bias[i]);
        double const position = std::fabs(f) * job.glauber->inverse_step + 0.5;
        auto const last = static_cast<std::int64_t>(job.glauber->threshold.size()) - 1;
        std::int64_t const k = position < static_cast<double>(last) ? static_cast<std::int64_t>(position) : last;
        std::uint32_t const u = random::draw(job.seed, random::Purpose::glauber, state, static_cast<std::uint32_t>(sweep), i);
        bool const follows = u < job.glauber->threshold[k];
        return (f >= 0) == follows ? std::int8_t{1} : std::int8_t{-1};
    }
    std::int64_t const twice = 2 * h, tau = model.tau.empty() ? 0 : model.tau[i];
    if (twice > tau) return 1;
    if (twice < tau) return -1;
    switch (job.tie) {
        case Tie::keep:
            return old;
        case Tie::plus:
            return 1;
        case Tie::minus:
            return -1;
        case Tie::zero:
            return 0;
    }
    return old;
}

std::vector<std::int64_t> visiting_order(Job const& job, std::int64_t d, std::uint32_t state, std::int64_t sweep) {
    std::vector<std::int64_t> order(d);
    std::iota(order.begin(), order.end(), 0);
    if (job.update == Update::sequential) return order;
    std::uint32_t const element = job.update == Update::shared ? 0xFFFFFFFFu : state;
    std::vector<std::uint32_t> key(d);
    for (std::int64_t i = 0; i < d; ++i) {
        key[i] = random::draw(job.seed, random::Purpose::visit_order, element, static_cast<std::uint32_t>(sweep), i);
    }
    std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return std::pair(key[a], a) < std::pair(key[b], b); });
    return order;
}

bool is_clamped(Job const& job, std::int64_t b, std::int64_t i) {
    return job.clamp.rows > 0 && job.clamp(job.clamp.rows == 1 ? 0 : b, i) != 0;
}

void relax_one(Model const& model, Definition const& definition, Job const& job, std::int64_t b) {
    std::int64_t const d = model.neurons;
    std::int8_t* const s = job.states + b * d;
    auto const state = static_cast<std::uint32_t>(job.first_state + b);
    std::vector<std::int8_t> before(s, s + d), before_that;
    job.status[b] = Status::sweep_limit;
    job.sweeps[b] = 0;
    job.flips[b] = 0;
    for (std::int64_t t = 0; t < job.max_sweeps; ++t) {
        std::int64_t const sweep = job.first_sweep + t;
        before.assign(s, s + d);
        Dynamics dynamics(model, definition, s);
        std::int64_t changes = 0;
        if (job.update == Update::synchronous) {
            std::vector<std::int8_t> next(before);
            for (std::int64_t i = 0; i < d; ++i) {
                if (!is_clamped(job, b, i)) next[i] = decide(model, job, dynamics.field(i), i, state, sweep, s[i]);
                changes += next[i] != s[i];
            }
            std::copy(next.begin(), next.end(), s);
        } else {
            for (std::int64_t const i : visiting_order(job, d, state, sweep)) {
                if (is_clamped(job, b, i)) continue;
                std::int8_t const next = decide(model, job, dynamics.field(i), i, state, sweep, s[i]);
                changes += next != s[i];
                dynamics.set(i, next);
            }
        }
        job.flips[b] += changes;
        job.sweeps[b] = static_cast<std::int32_t>(t + 1);
        if (job.glauber != nullptr) continue;
        if (changes == 0) {
            job.status[b] = Status::fixed_point;
            return;
        }
        if (job.update == Update::synchronous && !before_that.empty() && std::equal(s, s + d, before_that.begin())) {
            job.status[b] = Status::two_cycle;
            return;
        }
        before_that = before;
    }
}

template <class T>
std::int64_t weight(MatrixView<T const> const& weights, std::int64_t stored, std::int64_t i, std::int64_t j) {
    if constexpr (std::is_same_v<T, std::uint8_t>) return 2 * std::int64_t{weights(i, j)} - stored;
    return weights(i, j);
}

}  // namespace

std::unique_ptr<Prepared> prepare(Context const&, Model const& model) {
    auto definition = std::make_unique<Definition>();
    if (has_matrix(model)) definition->weights = matrix(model);
    return definition;
}

void relax(Context const&, Model const& model, Prepared& prepared, Job const& job) {
    for (std::int64_t b = 0; b < job.batch; ++b) relax_one(model, static_cast<Definition&>(prepared), job, b);
}

void pattern_overlaps(Context const& context, Model const& model, Prepared&, MatrixView<std::int8_t const> states, std::int32_t* out) {
    overlaps(context, {model.pattern.data(), model.patterns, model.neurons, model.neurons}, states,
             {out, states.rows, model.patterns, model.patterns});
}

void fields(Model const& model, Prepared& prepared, MatrixView<std::int8_t const> states, std::int64_t* out) {
    for (std::int64_t b = 0; b < states.rows; ++b) {
        std::vector<std::int8_t> state(states.row(b), states.row(b) + model.neurons);
        Dynamics const dynamics(model, static_cast<Definition&>(prepared), state.data());
        for (std::int64_t i = 0; i < model.neurons; ++i) out[b * model.neurons + i] = dynamics.field(i);
    }
}

void overlaps(Context const&, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states, MatrixView<std::int32_t> out) {
    for (std::int64_t b = 0; b < states.rows; ++b) {
        for (std::int64_t mu = 0; mu < patterns.rows; ++mu) {
            std::int32_t sum = 0;
            for (std::int64_t i = 0; i < patterns.cols; ++i) sum += patterns(mu, i) * states(b, i);
            out(b, mu) = sum;
        }
    }
}

template <class T>
void sign_update(Context const&, SignUpdateOptions options, MatrixView<T const> weights, std::int64_t stored, std::int32_t const* threshold,
                 MatrixView<std::int8_t const> in, MatrixView<std::int8_t> out, std::int32_t* changed) {
    for (std::int64_t b = 0; b < in.rows; ++b) {
        std::int32_t changes = 0;
        for (std::int64_t i = 0; i < in.cols; ++i) {
            std::int64_t h = threshold == nullptr ? 0 : -std::int64_t{threshold[i]};
            for (std::int64_t j = 0; j < in.cols; ++j) {
                if (!(options.zero_diagonal && i == j)) h += weight(weights, stored, i, j) * in(b, j);
            }
            std::int8_t next = in(b, i);
            if (h != 0) {
                next = h > 0 ? 1 : -1;
            } else if (options.tie != Tie::keep) {
                next = options.tie == Tie::plus ? 1 : options.tie == Tie::minus ? -1 : 0;
            }
            changes += next != in(b, i);
            out(b, i) = next;
        }
        if (changed != nullptr) changed[b] = changes;
    }
}

template void sign_update<std::uint8_t>(Context const&, SignUpdateOptions, MatrixView<std::uint8_t const>, std::int64_t,
                                        std::int32_t const*, MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update<std::int8_t>(Context const&, SignUpdateOptions, MatrixView<std::int8_t const>, std::int64_t, std::int32_t const*,
                                       MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update<std::int16_t>(Context const&, SignUpdateOptions, MatrixView<std::int16_t const>, std::int64_t,
                                        std::int32_t const*, MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);
template void sign_update<std::int32_t>(Context const&, SignUpdateOptions, MatrixView<std::int32_t const>, std::int64_t,
                                        std::int32_t const*, MatrixView<std::int8_t const>, MatrixView<std::int8_t>, std::int32_t*);

void energy(Context const&, MatrixView<std::int32_t const> weights, std::int32_t const* threshold, MatrixView<std::int8_t const> states,
            std::int64_t* twice_energy) {
    for (std::int64_t b = 0; b < states.rows; ++b) {
        std::int64_t sum = 0;
        for (std::int64_t i = 0; i < states.cols; ++i) {
            for (std::int64_t j = 0; j < states.cols; ++j) sum -= std::int64_t{weights(i, j)} * states(b, i) * states(b, j);
            if (threshold != nullptr) sum += 2 * std::int64_t{threshold[i]} * states(b, i);
        }
        twice_energy[b] = sum;
    }
}

void softmax_update(Context const&, double beta, MatrixView<float const> patterns, MatrixView<float const> queries, MatrixView<float> out) {
    std::int64_t const P = patterns.rows, d = patterns.cols;
    std::vector<double> score(P);
    for (std::int64_t b = 0; b < queries.rows; ++b) {
        double largest = -HUGE_VAL, total = 0;
        for (std::int64_t mu = 0; mu < P; ++mu) {
            score[mu] = 0;
            for (std::int64_t i = 0; i < d; ++i) score[mu] += double{patterns(mu, i)} * double{queries(b, i)};
            score[mu] *= beta;
            largest = std::max(largest, score[mu]);
        }
        for (double& value : score) total += value = std::exp(value - largest);
        for (std::int64_t i = 0; i < d; ++i) {
            double sum = 0;
            for (std::int64_t mu = 0; mu < P; ++mu) sum += score[mu] * double{patterns(mu, i)};
            out(b, i) = P == 0 ? 0.0F : static_cast<float>(sum / total);
        }
    }
}

}  // namespace ca3::hopfield::reference
