#include "core/check.hpp"
#include "core/state.hpp"
#include "hopfield/grid.hpp"
#include "hopfield/memory_state.hpp"
#include "hopfield/projection.hpp"
#include "hopfield/storkey.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ca3::hopfield {

namespace {

void check_options(MemoryOptions const& o) {
    constexpr char const* function = "hopfield::Memory";
    auto const only = [&](bool set, char const* option, char const* rule) {
        require(!set, function,
                [&] { return std::string(option) + " belongs to the rule " + rule + ", not to " + std::string(to_string(o.rule)); });
    };
    require(o.rule >= Rule::hebbian && o.rule <= Rule::weights, function, [] { return std::string("rule is not one of Rule"); });
    require(o.form >= Form::automatic && o.form <= Form::dense, function, [] { return std::string("form is not one of Form"); });
    only(o.rule != Rule::hebbian && o.form != Form::automatic, "form", "hebbian");
    only(o.rule != Rule::hebbian && o.centre, "centre", "hebbian");
    only(o.rule != Rule::pseudo_inverse && o.ridge != 0, "ridge", "pseudo-inverse");
    only(o.rule != Rule::dense_associative && o.degree != MemoryOptions{}.degree, "degree", "dense-associative");
    only(o.rule != Rule::exponential && o.beta != MemoryOptions{}.beta, "beta", "exponential");
    require(!(o.centre && o.form == Form::dense), function, [] { return std::string("centre needs the factored form"); });
    bool const has_diagonal = o.rule != Rule::dense_associative && o.rule != Rule::exponential;
    require(has_diagonal || !o.keep_diagonal, function,
            [&] { return "keep_diagonal has no meaning for the rule " + std::string(to_string(o.rule)) + ", which has no matrix"; });
    require(std::isfinite(o.ridge) && o.ridge >= 0, function,
            [&] { return "ridge must be finite and at least 0, is " + std::to_string(o.ridge); });
    require(o.degree >= 2, function, [&] { return "degree must be at least 2, is " + std::to_string(o.degree); });
    require(std::isfinite(o.beta) && o.beta > 0, function, [&] { return "beta must be finite and above 0, is " + std::to_string(o.beta); });
}

void check_bias(std::span<double const> bias, std::int64_t d, char const* function) {
    require(bias.empty() || static_cast<std::int64_t>(bias.size()) == d, function,
            [&] { return "bias must be empty or hold " + std::to_string(d) + " values, holds " + std::to_string(bias.size()); });
    for (std::size_t i = 0; i < bias.size(); ++i) {
        require(std::isfinite(bias[i]), function, [&] { return "bias[" + std::to_string(i) + "] is not finite"; });
    }
}

void find_repetitions(Source const& source, std::int64_t first_new, StoreReport& report, ThreadPool& threads) {
    std::int64_t const d = source.neurons, P = source.patterns;
    if (d == 0) return;
    // Patterns that agree or disagree everywhere hash alike once the sign of the first entry is divided out.
    std::vector<std::pair<std::uint64_t, std::int64_t>> hashes(P);
    threads.run(P, [&](std::int64_t mu, int) {
        std::int8_t const* const x = source.pattern.data() + mu * d;
        std::uint64_t hash = 0xcbf29ce484222325u;
        for (std::int64_t i = 0; i < d; ++i) hash = (hash ^ static_cast<std::uint64_t>(x[i] == x[0])) * 0x100000001b3u;
        hashes[mu] = {hash, mu};
    });
    std::sort(hashes.begin(), hashes.end());
    // Inside a run of equal hashes, the last pattern seen of each kind and its complement: one comparison per kind, not per pattern.
    std::vector<std::int64_t> kinds;
    for (std::int64_t k = 0; k < P; ++k) {
        if (k == 0 || hashes[k].first != hashes[k - 1].first) kinds.clear();
        std::int64_t const mu = hashes[k].second;
        std::int8_t const* const x = source.pattern.data() + mu * d;
        bool known = false;
        for (std::int64_t& kind : kinds) {
            std::int8_t const* const y = source.pattern.data() + kind * d;
            if (std::equal(x, x + d, y)) {
                if (mu >= first_new) report.duplicates.emplace_back(kind, mu);
                kind = mu;
                known = true;
            } else if (mu >= first_new && std::equal(x, x + d, y, [](std::int8_t a, std::int8_t b) { return a == -b; })) {
                report.complements.emplace_back(kind, mu);
            }
        }
        if (!known) kinds.push_back(mu);
    }
    std::sort(report.duplicates.begin(), report.duplicates.end());
    std::sort(report.complements.begin(), report.complements.end());
}

void append(Source& source, MatrixView<std::int8_t const> patterns) {
    source.neurons = patterns.cols;
    source.pattern.reserve(static_cast<std::size_t>(detail::checked_product(source.patterns + patterns.rows, patterns.cols)));
    for (std::int64_t r = 0; r < patterns.rows; ++r)
        source.pattern.insert(source.pattern.end(), patterns.row(r), patterns.row(r) + patterns.cols);
    if (source.options.rule == Rule::storkey) {
        source.weights.resize(static_cast<std::size_t>(detail::checked_product(patterns.cols, patterns.cols)), 0.0);
        for (std::int64_t r = 0; r < patterns.rows; ++r)
            storkey_add(source.weights, {patterns.row(r), static_cast<std::size_t>(patterns.cols)});
    }
    source.patterns += patterns.rows;
}

template <class T>
Source given_weights(MatrixView<T const> weights, std::span<double const> bias, MemoryOptions const& options) {
    constexpr char const* function = "hopfield::Memory::from_weights";
    check_options(options);
    require(options.rule == Rule::weights, function,
            [&] { return "options.rule must be weights, is " + std::string(to_string(options.rule)); });
    require_view(weights, function, "weights");
    require(weights.rows == weights.cols && weights.rows > 0, function,
            [&] { return "weights must be square and not empty, is " + shape(weights.rows, weights.cols); });
    check_bias(bias, weights.rows, function);
    Source source{.options = options, .neurons = weights.rows, .weights = {}, .bias = {bias.begin(), bias.end()}};
    source.weights.reserve(static_cast<std::size_t>(detail::checked_product(weights.rows, weights.cols)));
    for (std::int64_t i = 0; i < weights.rows; ++i) {
        for (std::int64_t j = 0; j < weights.cols; ++j) {
            double const w = static_cast<double>(weights(i, j));
            require(std::isfinite(w), function,
                    [&] { return "weights(" + std::to_string(i) + ", " + std::to_string(j) + ") is not finite"; });
            source.weights.push_back(w);
        }
    }
    return source;
}

}  // namespace

void check_entries(MatrixView<std::int8_t const> view, bool zero, char const* function, char const* argument) {
    for (std::int64_t r = 0; r < view.rows; ++r) {
        std::int8_t const* const row = view.row(r);
        std::uint8_t wrong = 0;  // x + 1 as an unsigned byte is at most 2, and x is odd unless zero is allowed
        std::uint8_t const even = zero ? 0 : 1;
        for (std::int64_t c = 0; c < view.cols; ++c) {
            auto const x = static_cast<std::uint8_t>(row[c]);
            wrong = static_cast<std::uint8_t>(wrong | (static_cast<std::uint8_t>(x + 1) > 2) | (~x & even));
        }
        if (wrong == 0) continue;
        std::int64_t c = 0;
        while (row[c] >= -1 && row[c] <= 1 && (zero || row[c] != 0)) ++c;
        throw InvalidArgument(std::string(function) + ": " + argument + "(" + std::to_string(r) + ", " + std::to_string(c) + ") is " +
                              std::to_string(int{row[c]}) + "; entries must be -1" + (zero ? ", 0 or +1" : " or +1"));
    }
}

void check_source(Source const& source) {
    constexpr char const* function = "hopfield::Memory::load";
    std::int64_t const d = source.neurons;
    check_options(source.options);
    check_bias(source.bias, d, function);
    check_entries({source.pattern.data(), source.patterns, d, d}, false, function, "patterns");
    require(source.options.rule != Rule::weights || d > 0, function, [] { return std::string("weights is empty"); });
    require(d > 0 || source.patterns == 0, function, [] { return std::string("patterns have no neurons"); });
    for (double const w : source.weights) require(std::isfinite(w), function, [] { return std::string("a weight is not finite"); });
}

std::unique_ptr<MemoryState> make_state(Context context, Source source) {
    auto state = std::make_unique<MemoryState>(MemoryState{.context = std::move(context), .source = std::move(source)});
    if (state->source.neurons > 0 && state->source.options.rule != Rule::hebbian) (void)state->built_model();
    return state;
}

BuiltModel const& MemoryState::built_model() const {
    if (!built) built = std::make_unique<BuiltModel>(build_model(context, source));
    return *built;
}

Prepared& MemoryState::prepared_model() const {
    if (prepared) return *prepared;
    Model const& model = built_model().model;
    switch (context.backend()) {
        case Backend::reference:
            prepared = reference::prepare(context, model);
            break;
        case Backend::cpu:
            prepared = cpu::prepare(context, model);
            break;
        case Backend::cuda:
            prepared = cuda::prepare(context, model);
            break;
    }
    return *prepared;
}

Memory::Memory(Context context, MemoryOptions options) {
    check_options(options);
    require(options.rule != Rule::weights, "hopfield::Memory",
            [] { return std::string("the rule weights needs weights: use Memory::from_weights"); });
    state_ = make_state(std::move(context), {.options = options});
}

Memory::Memory(std::unique_ptr<MemoryState> state) : state_(std::move(state)) {}
Memory::Memory(Memory&&) noexcept = default;
Memory& Memory::operator=(Memory&&) noexcept = default;
Memory::~Memory() = default;

Memory Memory::from_weights(Context context, MatrixView<float const> weights, std::span<double const> bias, MemoryOptions options) {
    return translate_bad_alloc([&] { return Memory(make_state(std::move(context), given_weights(weights, bias, options))); });
}

Memory Memory::from_weights(Context context, MatrixView<double const> weights, std::span<double const> bias, MemoryOptions options) {
    return translate_bad_alloc([&] { return Memory(make_state(std::move(context), given_weights(weights, bias, options))); });
}

Memory Memory::from_weights(Context context, MatrixView<std::int32_t const> weights, std::span<double const> bias, MemoryOptions options) {
    return translate_bad_alloc([&] { return Memory(make_state(std::move(context), given_weights(weights, bias, options))); });
}

StoreReport Memory::store(MatrixView<std::int8_t const> patterns) {
    constexpr char const* function = "hopfield::Memory::store";
    require_view(patterns, function, "patterns");
    Source const& old = state_->source;
    require(old.neurons == 0 || patterns.cols == old.neurons, function, [&] {
        return "patterns must have " + std::to_string(old.neurons) + " columns as this memory has neurons, has shape " +
               shape(patterns.rows, patterns.cols);
    });
    require(patterns.cols > 0, function,
            [&] { return "patterns must have at least one column, has shape " + shape(patterns.rows, patterns.cols); });
    if (patterns.cols > std::numeric_limits<std::int32_t>::max() ||
        old.patterns + patterns.rows > std::numeric_limits<std::int32_t>::max()) {
        throw Overflow(std::string(function) + ": neurons and patterns are limited to 2^31 - 1 each");
    }
    check_entries(patterns, false, function, "patterns");
    return translate_bad_alloc([&] {
        Source next = old;
        append(next, patterns);
        auto state = make_state(state_->context, std::move(next));
        StoreReport report{.stored = state->source.patterns, .rank = -1};
        if (state->source.options.rule == Rule::pseudo_inverse) {
            report.dependent = state->built_model().dependent;
            report.rank = report.stored - static_cast<std::int64_t>(report.dependent.size());
        }
        find_repetitions(state->source, old.patterns, report, pool(state_->context));
        state_ = std::move(state);
        return report;
    });
}

void Memory::remove(std::int64_t index) {
    Source const& old = state_->source;
    require(index >= 0 && index < old.patterns, "hopfield::Memory::remove",
            [&] { return "index must be in [0, " + std::to_string(old.patterns) + "), is " + std::to_string(index); });
    translate_bad_alloc([&] {
        Source next{.options = old.options,
                    .neurons = old.neurons,
                    .patterns = old.patterns,
                    .pattern = old.pattern,
                    .weights = old.weights,
                    .bias = old.bias};
        auto const first = next.pattern.begin() + index * old.neurons;
        next.pattern.erase(first, first + old.neurons);
        --next.patterns;
        if (old.options.rule == Rule::storkey) {
            std::fill(next.weights.begin(), next.weights.end(), 0.0);
            for (std::int64_t mu = 0; mu < next.patterns; ++mu) {
                storkey_add(
                    next.weights,
                    std::span(next.pattern).subspan(static_cast<std::size_t>(mu * next.neurons), static_cast<std::size_t>(next.neurons)));
            }
        }
        state_ = make_state(state_->context, std::move(next));
    });
}

void Memory::set_bias(std::span<double const> bias) {
    constexpr char const* function = "hopfield::Memory::set_bias";
    require(state_->source.neurons > 0, function,
            [] { return std::string("store patterns first: the number of neurons is not known yet"); });
    check_bias(bias, state_->source.neurons, function);
    translate_bad_alloc([&] {
        Source next = state_->source;
        next.bias.assign(bias.begin(), bias.end());
        state_ = make_state(state_->context, std::move(next));
    });
}

std::vector<double> Memory::energy(MatrixView<std::int8_t const> states) const {
    constexpr char const* function = "hopfield::Memory::energy";
    check_states(*state_, states, function, "states");
    require(symmetric(), function, [] { return std::string("the weights are asymmetric, so the dynamics has no energy"); });
    auto const m = overlaps(states);
    return energies(state_->context, state_->source, state_->built_model().model, states, m.data());
}

std::vector<std::int32_t> Memory::overlaps(MatrixView<std::int8_t const> states) const {
    check_states(*state_, states, "hopfield::Memory::overlaps", "states");
    return translate_bad_alloc([&] {
        std::vector<std::int32_t> out(static_cast<std::size_t>(detail::checked_product(states.rows, patterns())));
        if (!out.empty()) state_->pattern_overlaps(states, out.data());
        return out;
    });
}

std::vector<double> Memory::fields(MatrixView<std::int8_t const> states) const {
    check_states(*state_, states, "hopfield::Memory::fields", "states");
    return translate_bad_alloc([&] {
        Model const& model = state_->built_model().model;
        auto const definition = reference::prepare(state_->context, model);
        std::vector<std::int64_t> integer(static_cast<std::size_t>(detail::checked_product(states.rows, neurons())));
        reference::fields(model, *definition, states, integer.data());
        std::vector<double> out(integer.size());
        auto const m = model.kind == Kind::exponential ? overlaps(states) : std::vector<std::int32_t>{};
        for (std::int64_t b = 0; b < states.rows; ++b) {
            double scale = model.unit;
            if (model.kind == Kind::exponential && model.patterns > 0) {
                auto const first = m.begin() + b * model.patterns;
                scale *= std::exp(state_->source.options.beta * (*std::max_element(first, first + model.patterns) + 2.0));
            }
            for (std::int64_t i = 0; i < neurons(); ++i) {
                out[b * neurons() + i] =
                    static_cast<double>(integer[b * neurons() + i]) * scale + (model.bias.empty() ? 0.0 : model.bias[i]);
            }
        }
        return out;
    });
}

std::vector<double> Memory::weights() const {
    constexpr char const* function = "hopfield::Memory::weights";
    Rule const rule = state_->source.options.rule;
    require(rule != Rule::dense_associative && rule != Rule::exponential, function,
            [&] { return "the rule " + std::string(to_string(rule)) + " has no matrix"; });
    return translate_bad_alloc([&] {
        Model const& model = state_->built_model().model;
        auto const integer = reference::matrix(model);
        std::vector<double> out(integer.size());
        for (std::int64_t i = 0; i < neurons(); ++i) {
            for (std::int64_t j = 0; j < neurons(); ++j) {
                std::int64_t const self = i == j && !model.diagonal.empty() ? model.diagonal[i] : 0;
                out[i * neurons() + j] = static_cast<double>(integer[i * neurons() + j] - self) * model.unit;
            }
        }
        return out;
    });
}

Context const& Memory::context() const noexcept {
    return state_->context;
}
MemoryOptions const& Memory::options() const noexcept {
    return state_->source.options;
}
std::int64_t Memory::neurons() const noexcept {
    return state_->source.neurons;
}
std::int64_t Memory::patterns() const noexcept {
    return state_->source.patterns;
}
std::vector<std::int8_t> Memory::stored_patterns() const {
    return state_->source.pattern;
}
std::vector<double> Memory::bias() const {
    return state_->source.bias;
}

bool Memory::symmetric() const noexcept {
    return state_->built == nullptr || state_->built->model.symmetric;
}

double Memory::resolution() const {
    return state_->source.neurons == 0 ? 1.0 : state_->built_model().model.unit;
}
double Memory::field_bound() const {
    return state_->source.neurons == 0 ? 0.0 : state_->built_model().field_bound;
}

}  // namespace ca3::hopfield
