#include "lif/sampler.hpp"

#include <ca3/error.hpp>
#include <ca3/lif/connect.hpp>

#include <algorithm>
#include <sstream>

namespace ca3::lif {

namespace {

[[noreturn]] void refuse(std::string const& argument, std::string const& what) {
    throw InvalidArgument(argument + ": " + what);
}

std::string number(double x) {
    std::ostringstream out;
    out.precision(12);
    out << x;
    return out.str();
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t all_numbers = std::uint64_t{1} << 32;

}  // namespace

std::string_view to_string(Synapse synapse) noexcept {
    switch (synapse) {
        case Synapse::delta:
            return "delta";
        case Synapse::exponential:
            return "exponential";
        case Synapse::alpha:
            return "alpha";
        case Synapse::conductance:
            return "conductance";
    }
    return "unknown";
}
std::string_view to_string(Integration integration) noexcept {
    return integration == Integration::exact ? "exact" : "forward-euler";
}

LifParameters normal_form(double tau_m_ms, double refractory_ms, double v_in) {
    LifParameters p;
    p.C_m_pF = tau_m_ms;
    p.tau_m_ms = tau_m_ms;
    p.E_L_mV = 0.0;
    p.v_threshold_mV = 1.0;
    p.v_reset_mV = 0.0;
    p.refractory_ms = refractory_ms;
    p.I_e_pA = v_in;
    return p;
}

Distribution::Distribution(double value) : a(value), low(-infinity), high(infinity) {}

Distribution Distribution::normal(double mean, double sd) {
    return normal(mean, sd, -infinity, infinity);
}
Distribution Distribution::normal(double mean, double sd, double low, double high) {
    Distribution d(mean);
    d.kind = Kind::normal;
    d.b = sd;
    d.low = low;
    d.high = high;
    return d;
}
Distribution Distribution::uniform(double low, double high) {
    Distribution d(low);
    d.kind = Kind::uniform;
    d.b = high;
    return d;
}
Distribution Distribution::lognormal(double mu, double sigma) {
    Distribution d(mu);
    d.kind = Kind::lognormal;
    d.b = sigma;
    return d;
}
Distribution Distribution::given(std::vector<double> values) {
    Distribution d;
    d.kind = Kind::given;
    d.given_values = std::move(values);
    return d;
}

Sampler::Sampler(Distribution const& d, std::string const& argument) : kind_(d.kind), a_(d.a), b_(d.b) {
    using Kind = Distribution::Kind;
    if (kind_ == Kind::given) {
        for (std::size_t k = 0; k < d.given_values.size(); ++k) {
            if (!std::isfinite(d.given_values[k])) {
                refuse(argument, "value " + std::to_string(k) + " must be finite, is " + number(d.given_values[k]));
            }
        }
        return;
    }
    if (!std::isfinite(a_)) refuse(argument, "must be finite, is " + number(a_));
    if (!std::isfinite(b_)) refuse(argument, "the second parameter must be finite, is " + number(b_));
    if ((kind_ == Kind::normal || kind_ == Kind::lognormal) && b_ < 0.0) {
        refuse(argument, "the standard deviation must not be negative, is " + number(b_));
    }
    if (kind_ == Kind::uniform && b_ < a_) refuse(argument, "the upper end " + number(b_) + " lies below the lower end " + number(a_));
    if (kind_ == Kind::lognormal && !std::isfinite(std::exp(a_ + 6.4 * b_))) refuse(argument, "the largest values exceed f64");
    if (std::isnan(d.low) || std::isnan(d.high) || d.low > d.high) {
        refuse(argument, "the truncation [" + number(d.low) + ", " + number(d.high) + "] is empty");
    }
    if (kind_ == Kind::constant) {
        if (a_ < d.low || a_ > d.high) refuse(argument, "the constant " + number(a_) + " lies outside of its truncation");
        return;
    }
    std::uint64_t const first = first_reaching(d.low, false), end = first_reaching(d.high, true);
    if (end < first + 4096) {
        refuse(argument, "less than 2^-20 of the distribution lies in [" + number(d.low) + ", " + number(d.high) + "]");
    }
    first_ = static_cast<std::uint32_t>(first);
    count_ = end - first;
}

std::uint64_t Sampler::first_reaching(double bound, bool above) const {
    auto const reached = [&](double x) { return above ? x > bound : x >= bound; };
    std::uint64_t low = 0, high = all_numbers;
    while (low < high) {
        std::uint64_t const middle = (low + high) / 2;
        if (reached((*this)(static_cast<std::uint32_t>(middle)))) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

double Sampler::smallest() const {
    return (*this)(0);
}
double Sampler::largest() const {
    return (*this)(0xFFFFFFFFu);
}

double Sampler::typical() const {
    using Kind = Distribution::Kind;
    switch (kind_) {
        case Kind::normal:
            return std::max(std::abs(a_), b_);
        case Kind::uniform:
            return std::max(std::abs(a_), std::abs(b_));
        case Kind::lognormal:
            return std::exp(a_);
        case Kind::constant:
        case Kind::given:
            break;
    }
    return std::abs(a_);
}

std::int64_t whole_steps(double ms, double step_ms, std::string const& argument) {
    if (!std::isfinite(ms)) refuse(argument, "must be finite, is " + number(ms));
    double const steps = ms / step_ms;
    if (std::abs(steps) > 0x1p53) refuse(argument, number(ms) + " ms are more steps than can be counted");
    double const nearest = std::nearbyint(steps);
    // Both are rounded decimals: a relative error of some 2^-53 each, and of their quotient.
    if (std::abs(steps - nearest) > 1e-9 * std::max(1.0, std::abs(nearest))) {
        refuse(argument, number(ms) + " ms is no multiple of the step, " + number(step_ms) + " ms");
    }
    return static_cast<std::int64_t>(nearest);
}

DelaySampler::DelaySampler(Distribution const& given, double step_ms, std::string const& argument) {
    Distribution d = given;
    auto const checked = [&](double steps) {
        if (!(steps >= 1.0 && steps <= static_cast<double>(most_delay_steps))) {
            refuse(argument, "delays must be from 1 to " + std::to_string(most_delay_steps) + " steps of " + number(step_ms) +
                                 " ms, but one is of " + number(steps) + " steps");
        }
        return static_cast<std::int32_t>(steps);
    };
    if (d.kind == Distribution::Kind::constant) {
        Sampler const valid(d, argument);
        first_ = checked(static_cast<double>(whole_steps(d.a, step_ms, argument)));
        return;
    }
    d.low = std::max(d.low, step_ms / 2.0);
    Sampler const sampler(d, argument);
    auto const steps = [&](std::uint64_t u) { return std::floor(sampler(static_cast<std::uint32_t>(u)) / step_ms + 0.5); };
    first_ = checked(std::max(1.0, steps(0)));
    std::int32_t const last = checked(steps(all_numbers - 1));
    std::uint64_t low = 0;
    for (std::int32_t value = first_ + 1; value <= last; ++value) {
        std::uint64_t high = all_numbers;
        while (low < high) {
            std::uint64_t const middle = (low + high) / 2;
            if (steps(middle) >= value) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        thresholds_.push_back(static_cast<std::uint32_t>(low));
    }
    guide_.resize(256);
    for (std::uint32_t bucket = 0; bucket < 256; ++bucket) {
        guide_[bucket] =
            static_cast<std::int32_t>(std::upper_bound(thresholds_.begin(), thresholds_.end(), bucket << 24) - thresholds_.begin());
    }
}

}  // namespace ca3::lif
