#pragma once

#include <ca3/lif/connect.hpp>
#include <ca3/lif/neuron.hpp>

#include "lif/neuron.hpp"
#include "lif/plan.hpp"

#include <cmath>
#include <cstdint>
#include <string>

/// Checks of what users give. Errors are InvalidArgument("<where>: <argument> must be ...").
namespace ca3::lif {

inline constexpr std::int64_t most_neurons = 0x7FFFFFFF;
inline constexpr double largest_weight = 0x1p60;

/// A number as errors show it.
[[nodiscard]] std::string text(double x);
[[noreturn]] void refuse(std::string const& where, std::string const& what);

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

inline void require_size(Value const& value, std::int64_t neurons, std::string const& where, char const* name) {
    if (value.is_shared() || static_cast<std::int64_t>(value.values().size()) == neurons) return;
    refuse(where, std::string(name) + " must have one value or one for each of the " + std::to_string(neurons) + " neurons, has " +
                      std::to_string(value.values().size()));
}

inline bool finite(double x) {
    return std::isfinite(x);
}
inline bool positive(double x) {
    return std::isfinite(x) && x > 0.0;
}
inline bool not_negative(double x) {
    return std::isfinite(x) && x >= 0.0;
}

/// index is in [0, n). @param name of the list, whose entry k it is
void require_index(std::int64_t index, std::int64_t n, std::string const& name, std::size_t k, std::string const& where);
/// a * b. @throws Overflow
[[nodiscard]] std::int64_t product(std::int64_t a, std::int64_t b, std::string const& where);

void check(LifParameters const&, std::int64_t neurons, double step_ms, std::string const& where);
void check(HodgkinHuxleyParameters const&, std::string const& where);
[[nodiscard]] Kind kind_of(LifParameters const&);

/// A projection from population `source` to `target`, checked.
[[nodiscard]] ProjectionPlan make_projection(std::int32_t source, std::int32_t target, std::int64_t sources, std::int64_t targets,
                                             Rule rule, SynapseParameters synapse, double step_ms, std::string const& where);

}  // namespace ca3::lif
