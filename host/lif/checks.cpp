#include "lif/checks.hpp"

#include <ca3/error.hpp>

#include <algorithm>
#include <sstream>

namespace ca3::lif {

namespace {
constexpr std::int64_t most_refractory_steps = 65535;
}

std::string text(double x) {
    std::ostringstream out;
    out.precision(12);
    out << x;
    return out.str();
}

void refuse(std::string const& where, std::string const& what) {
    throw InvalidArgument(where + ": " + what);
}

void require_index(std::int64_t index, std::int64_t n, std::string const& name, std::size_t k, std::string const& where) {
    if (index < 0 || index >= n) {
        refuse(where, name + "[" + std::to_string(k) + "] must be from 0 to " + std::to_string(n - 1) + ", is " + std::to_string(index));
    }
}

std::int64_t product(std::int64_t a, std::int64_t b, std::string const& where) {
    std::int64_t result = 0;
    if (__builtin_mul_overflow(a, b, &result)) throw Overflow(where + ": " + std::to_string(a) + " x " + std::to_string(b) + " synapses");
    return result;
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

}  // namespace ca3::lif
