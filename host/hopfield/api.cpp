#include "core/check.hpp"
#include "hopfield/backend.hpp"

#include <cmath>
#include <functional>

/// The operations: arguments are checked here, then one switch over the backend.
namespace ca3::hopfield {

namespace {

constexpr std::int64_t most_neurons = 0x7FFFFFFF;

void require_neurons(std::int64_t d, char const* function) {
    if (d > most_neurons)
        throw Overflow(std::string(function) + ": " + std::to_string(d) + " neurons; at most 2^31 - 1 give exact 32-bit overlaps");
}

void require_count(std::size_t have, std::int64_t want, char const* function, char const* argument) {
    require(have == 0 || static_cast<std::int64_t>(have) == want, function, [&] {
        return std::string(argument) + " must be empty or hold " + std::to_string(want) + " values, holds " + std::to_string(have);
    });
}

/// The two blocks of memory share no byte.
bool disjoint(MatrixView<std::int8_t const> a, MatrixView<std::int8_t const> b) {
    if (a.empty() || b.empty()) return true;
    auto const* const a_end = a.row(a.rows - 1) + a.cols;
    auto const* const b_end = b.row(b.rows - 1) + b.cols;
    return std::less_equal<>{}(a_end, b.data) || std::less_equal<>{}(b_end, a.data);
}

template <class T>
void checked_sign_update(Context const& context, SignUpdateOptions options, MatrixView<T const> weights, std::int64_t stored,
                         std::span<std::int32_t const> threshold, MatrixView<std::int8_t const> in, MatrixView<std::int8_t> out,
                         std::span<std::int32_t> changed) {
    constexpr char const* function = "hopfield::sign_update";
    require_view(in, function, "states_in");
    require_shape(weights, in.cols, in.cols, function, "weights");
    require_shape(out, in.rows, in.cols, function, "states_out");
    require_count(threshold.size(), in.cols, function, "threshold");
    require_count(changed.size(), in.rows, function, "changed");
    require(stored >= 0 && stored <= 255, function,
            [&] { return "stored must be in [0, 255] for 8-bit agreement counts, is " + std::to_string(stored); });
    require(options.tie >= Tie::keep && options.tie <= Tie::zero, function, [] { return std::string("options.tie is not a tie rule"); });
    require(disjoint(in, out), function, [] { return std::string("states_out overlaps states_in"); });
    require_neurons(in.cols, function);
    if (in.rows == 0) return;
    switch (context.backend()) {
        case Backend::reference:
            return reference::sign_update<T>(context, options, weights, stored, threshold.data(), in, out, changed.data());
        case Backend::cpu:
            return cpu::sign_update<T>(context, options, weights, stored, threshold.data(), in, out, changed.data());
        case Backend::cuda:
            return cuda::sign_update<T>(context, options, weights, stored, threshold.data(), in, out, changed.data());
    }
}

}  // namespace

void overlaps(Context const& context, MatrixView<std::int8_t const> patterns, MatrixView<std::int8_t const> states,
              MatrixView<std::int32_t> out) {
    constexpr char const* function = "hopfield::overlaps";
    require_view(patterns, function, "patterns");
    require_view(states, function, "states");
    require(states.cols == patterns.cols, function, [&] {
        return "states must have the " + std::to_string(patterns.cols) + " columns of patterns, has shape " +
               shape(states.rows, states.cols);
    });
    require_shape(out, states.rows, patterns.rows, function, "out");
    require_neurons(patterns.cols, function);
    if (out.empty()) return;
    switch (context.backend()) {
        case Backend::reference:
            return reference::overlaps(context, patterns, states, out);
        case Backend::cpu:
            return cpu::overlaps(context, patterns, states, out);
        case Backend::cuda:
            return cuda::overlaps(context, patterns, states, out);
    }
}

void sign_update(Context const& context, SignUpdateOptions options, MatrixView<std::int8_t const> weights,
                 std::span<std::int32_t const> threshold, MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out,
                 std::span<std::int32_t> changed) {
    checked_sign_update(context, options, weights, 0, threshold, states_in, states_out, changed);
}

void sign_update(Context const& context, SignUpdateOptions options, MatrixView<std::int16_t const> weights,
                 std::span<std::int32_t const> threshold, MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out,
                 std::span<std::int32_t> changed) {
    checked_sign_update(context, options, weights, 0, threshold, states_in, states_out, changed);
}

void sign_update(Context const& context, SignUpdateOptions options, MatrixView<std::int32_t const> weights,
                 std::span<std::int32_t const> threshold, MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out,
                 std::span<std::int32_t> changed) {
    checked_sign_update(context, options, weights, 0, threshold, states_in, states_out, changed);
}

void sign_update(Context const& context, SignUpdateOptions options, MatrixView<std::uint8_t const> agreements, std::int64_t stored,
                 std::span<std::int32_t const> threshold, MatrixView<std::int8_t const> states_in, MatrixView<std::int8_t> states_out,
                 std::span<std::int32_t> changed) {
    checked_sign_update(context, options, agreements, stored, threshold, states_in, states_out, changed);
}

void energy(Context const& context, MatrixView<std::int32_t const> weights, std::span<std::int32_t const> threshold,
            MatrixView<std::int8_t const> states, std::span<std::int64_t> twice_energy) {
    constexpr char const* function = "hopfield::energy";
    require_view(states, function, "states");
    require_shape(weights, states.cols, states.cols, function, "weights");
    require_count(threshold.size(), states.cols, function, "threshold");
    require(static_cast<std::int64_t>(twice_energy.size()) == states.rows, function, [&] {
        return "twice_energy must hold " + std::to_string(states.rows) + " values, holds " + std::to_string(twice_energy.size());
    });
    if (states.cols > (std::int64_t{1} << 15)) {
        // d^2 2^31 + 2 d 2^31 < 2^63
        throw Overflow(std::string(function) + ": " + std::to_string(states.cols) +
                       " neurons; 32-bit weights give exact 64-bit energies up to 32,768");
    }
    if (states.rows == 0) return;
    switch (context.backend()) {
        case Backend::reference:
            return reference::energy(context, weights, threshold.data(), states, twice_energy.data());
        case Backend::cpu:
            return cpu::energy(context, weights, threshold.data(), states, twice_energy.data());
        case Backend::cuda:
            return cuda::energy(context, weights, threshold.data(), states, twice_energy.data());
    }
}

void softmax_update(Context const& context, double beta, MatrixView<float const> patterns, MatrixView<float const> queries,
                    MatrixView<float> out) {
    constexpr char const* function = "hopfield::softmax_update";
    require(std::isfinite(beta), function, [&] { return "beta must be finite, is " + std::to_string(beta); });
    require_view(patterns, function, "patterns");
    require(patterns.rows > 0, function, [] { return std::string("patterns must hold at least one pattern"); });
    require_view(queries, function, "queries");
    require(queries.cols == patterns.cols, function, [&] {
        return "queries must have the " + std::to_string(patterns.cols) + " columns of patterns, has shape " +
               shape(queries.rows, queries.cols);
    });
    require_shape(out, queries.rows, queries.cols, function, "out");
    if (out.empty()) return;
    switch (context.backend()) {
        case Backend::reference:
            return reference::softmax_update(context, beta, patterns, queries, out);
        case Backend::cpu:
            return cpu::softmax_update(context, beta, patterns, queries, out);
        case Backend::cuda:
            return cuda::softmax_update(context, beta, patterns, queries, out);
    }
}

}  // namespace ca3::hopfield
