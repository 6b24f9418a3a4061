#include <ca3/hopfield.hpp>

#include <cmath>

namespace ca3::hopfield {

std::string_view to_string(Tie tie) noexcept {
    switch (tie) {
        case Tie::keep:
            return "keep";
        case Tie::plus:
            return "plus";
        case Tie::minus:
            return "minus";
        case Tie::zero:
            return "zero";
    }
    return "unknown";
}

std::string_view to_string(Update update) noexcept {
    switch (update) {
        case Update::synchronous:
            return "synchronous";
        case Update::asynchronous:
            return "asynchronous";
        case Update::shared:
            return "shared";
        case Update::sequential:
            return "sequential";
    }
    return "unknown";
}

std::string_view to_string(Status status) noexcept {
    switch (status) {
        case Status::fixed_point:
            return "fixed point";
        case Status::two_cycle:
            return "two-cycle";
        case Status::sweep_limit:
            return "sweep limit";
    }
    return "unknown";
}

std::string_view to_string(Rule rule) noexcept {
    switch (rule) {
        case Rule::hebbian:
            return "hebbian";
        case Rule::pseudo_inverse:
            return "pseudo-inverse";
        case Rule::storkey:
            return "storkey";
        case Rule::dense_associative:
            return "dense-associative";
        case Rule::exponential:
            return "exponential";
        case Rule::weights:
            return "weights";
    }
    return "unknown";
}

std::string_view to_string(Form form) noexcept {
    switch (form) {
        case Form::automatic:
            return "automatic";
        case Form::factored:
            return "factored";
        case Form::dense:
            return "dense";
    }
    return "unknown";
}

std::int64_t capacity(std::int64_t neurons) {
    if (neurons < 2) return neurons < 1 ? 0 : 1;
    double const d = static_cast<double>(neurons);
    return std::llround(d / (2.0 * std::log2(d)));
}

}  // namespace ca3::hopfield
