#include "core/check.hpp"
#include "core/int128.hpp"
#include "core/state.hpp"
#include "outer_product/backend.hpp"
#include "outer_product/centred.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <variant>
#include <vector>

namespace ca3::outer_product {

namespace {

using Sums = std::variant<Matrix<std::uint8_t>, Matrix<std::int16_t>, Matrix<std::int32_t>>;

Storage narrowest_for(std::int64_t patterns) {
    if (patterns <= most_patterns<std::uint8_t>) return Storage::u8;
    return patterns <= most_patterns<std::int16_t> ? Storage::i16 : Storage::i32;
}

std::int64_t room_of(Storage storage) {
    if (storage == Storage::u8) return most_patterns<std::uint8_t>;
    return storage == Storage::i16 ? most_patterns<std::int16_t> : most_patterns<std::int32_t>;
}

Sums make_sums(Context const& context, std::int64_t neurons, Storage storage) {
    if (storage == Storage::u8) return Matrix<std::uint8_t>(context, neurons, neurons);
    if (storage == Storage::i16) return Matrix<std::int16_t>(context, neurons, neurons);
    return Matrix<std::int32_t>(context, neurons, neurons);
}

/// The weight that an element of the matrix stands for.
template <class T>
std::int64_t weight_of(T element, std::int64_t stored) {
    return holds_agreements<T> ? 2 * std::int64_t{element} - stored : std::int64_t{element};
}

/// The elements of a matrix in host memory: copied when they are on a device.
template <class T>
class HostElements {
public:
    HostElements(Context const& context, Matrix<T> const& matrix) : first_(matrix.data()) {
        if (context.backend() != Backend::cuda) return;
        copy_ = Buffer<T>(Context::reference(), matrix.rows() * matrix.cols());
        matrix.copy_to_host(copy_.data());
        first_ = copy_.data();
    }
    [[nodiscard]] T const* data() const { return first_; }

private:
    Buffer<T> copy_;
    T const* first_;
};

/// The same weights as int16 or int32.
template <class To>
Matrix<To> widened(Context const& context, Sums const& from, std::int64_t stored) {
    return std::visit(
        [&]<class From>(Matrix<From> const& narrow) {
            std::int64_t const neurons = narrow.rows();
            Matrix<To> wide(context, neurons, neurons);
            bool const on_device = context.backend() == Backend::cuda;
            Buffer<To> const staged(Context::reference(), on_device ? neurons * neurons : 0);
            To* const to = on_device ? staged.data() : wide.data();
            HostElements<From> const elements(context, narrow);
            pool(context).run(neurons, [&](std::int64_t i, int) {
                for (std::int64_t k = i * neurons; k < (i + 1) * neurons; ++k)
                    to[k] = static_cast<To>(weight_of(elements.data()[k], stored));
            });
            if (on_device) wide.copy_from_host(to);
            return wide;
        },
        from);
}

Sums widened(Context const& context, Sums const& from, std::int64_t stored, Storage storage) {
    if (storage == Storage::i16) return widened<std::int16_t>(context, from, stored);
    return widened<std::int32_t>(context, from, stored);
}

/// The patterns where the context computes.
class PlacedPatterns {
public:
    PlacedPatterns(Context const& context, MatrixView<std::int8_t const> patterns) : view_(patterns) {
        if (context.backend() != Backend::cuda) return;
        std::vector<std::int8_t> packed(static_cast<std::size_t>(detail::checked_product(patterns.rows, patterns.cols)));
        for (std::int64_t mu = 0; mu < patterns.rows; ++mu)
            std::copy_n(patterns.row(mu), patterns.cols, packed.data() + mu * patterns.cols);
        copy_ = Matrix<std::int8_t>(context, patterns.rows, patterns.cols);
        copy_.copy_from_host(packed.data());
        view_ = copy_.const_view();
    }
    [[nodiscard]] MatrixView<std::int8_t const> view() const { return view_; }

private:
    Matrix<std::int8_t> copy_;
    MatrixView<std::int8_t const> view_;
};

}  // namespace

struct Weights::State {
    Context context;
    std::int64_t neurons;
    bool widens;
    Storage storage;
    Sums sums;  ///< undefined while there are no patterns
    std::int64_t patterns = 0;
    std::vector<std::int64_t> column_sums;  ///< of the patterns, for theta

    [[nodiscard]] std::int64_t total() const { return std::accumulate(column_sums.begin(), column_sums.end(), std::int64_t{0}); }

    void accumulate(Operation operation, MatrixView<std::int8_t const> added, char const* function);
    template <class Read>
    void for_each_weight(Read const& read) const;
};

void Weights::State::accumulate(Operation operation, MatrixView<std::int8_t const> changed, char const* function) {
    require_view(changed, function, "patterns");
    if (changed.rows == 0) return;
    require(changed.cols == neurons, function,
            [&] { return "patterns must have " + std::to_string(neurons) + " columns, are " + shape(changed.rows, changed.cols); });
    bool const adding = operation == Operation::add;
    require(adding || changed.rows <= patterns, function,
            [&] { return "cannot remove " + std::to_string(changed.rows) + " patterns from the " + std::to_string(patterns) + " stored"; });
    AccumulateOptions const options{.operation = operation, .diagonal = Diagonal::keep, .stored = patterns};
    std::int64_t const after = stored_after(options, changed.rows);
    std::int64_t const room = room_of(widens ? Storage::i32 : storage);
    if (after > room) {
        throw Overflow(std::string(function) + ": the storage holds at most " + std::to_string(room) + " patterns, not " +
                       std::to_string(after));
    }
    require_signs(context, changed, function);

    auto sums_after = column_sums;
    for (std::int64_t mu = 0; mu < changed.rows; ++mu) {
        std::int8_t const* const pattern = changed.row(mu);
        for (std::int64_t i = 0; i < neurons; ++i) sums_after[static_cast<std::size_t>(i)] += adding ? pattern[i] : -pattern[i];
    }
    for (auto const sum : sums_after)
        if (std::abs(sum) > after) throw_not_a_sum(options, changed.rows);

    PlacedPatterns const placed(context, changed);
    auto const apply = [&](Sums& to) {
        std::visit([&](auto& matrix) { outer_product::accumulate(context, options, placed.view(), matrix.view()); }, to);
    };
    Storage const wanted = std::max(storage, widens ? narrowest_for(after) : storage);
    if (wanted == storage) {
        apply(sums);
    } else {
        Sums wide = patterns == 0 ? make_sums(context, neurons, wanted) : widened(context, sums, patterns, wanted);
        apply(wide);
        sums = std::move(wide);
        storage = wanted;
    }
    column_sums = std::move(sums_after);
    patterns = after;
}

/// Calls read(i, j, w_ij) for all i and j; w_ii is the number of patterns.
template <class Read>
void Weights::State::for_each_weight(Read const& read) const {
    if (patterns == 0) {
        for (std::int64_t i = 0; i < neurons; ++i)
            for (std::int64_t j = 0; j < neurons; ++j) read(i, j, 0);
        return;
    }
    std::visit(
        [&]<class T>(Matrix<T> const& matrix) {
            HostElements<T> const elements(context, matrix);
            pool(context).run(neurons, [&](std::int64_t i, int) {
                for (std::int64_t j = 0; j < neurons; ++j) read(i, j, weight_of(elements.data()[i * neurons + j], patterns));
            });
        },
        sums);
}

Weights::Weights(Context context, std::int64_t neurons, Storage storage) {
    require(neurons >= 1, "outer_product::Weights", [&] { return "neurons must be at least 1, is " + std::to_string(neurons); });
    bool const widens = storage == Storage::automatic;
    Storage const first = widens ? Storage::u8 : storage;
    Sums sums = make_sums(context, neurons, first);
    state_ = std::make_unique<State>(State{std::move(context), neurons, widens, first, std::move(sums), 0,
                                           std::vector<std::int64_t>(static_cast<std::size_t>(neurons))});
}

Weights::Weights(Weights&&) noexcept = default;
Weights& Weights::operator=(Weights&&) noexcept = default;
Weights::~Weights() = default;

void Weights::add(MatrixView<std::int8_t const> patterns) {
    state_->accumulate(Operation::add, patterns, "outer_product::Weights::add");
}
void Weights::remove(MatrixView<std::int8_t const> patterns) {
    state_->accumulate(Operation::remove, patterns, "outer_product::Weights::remove");
}

std::int64_t Weights::neurons() const noexcept {
    return state_->neurons;
}
std::int64_t Weights::patterns() const noexcept {
    return state_->patterns;
}
Storage Weights::storage() const noexcept {
    return state_->storage;
}

double Weights::mean() const noexcept {
    if (state_->patterns == 0) return 0.0;
    return static_cast<double>(state_->total()) / (static_cast<double>(state_->patterns) * static_cast<double>(state_->neurons));
}

void Weights::read(ReadOptions options, MatrixView<float> out) const {
    constexpr char const* function = "outer_product::Weights::read";
    auto const& state = *state_;
    require_shape(out, state.neurons, state.neurons, function, "out");
    require(std::isfinite(options.scale), function, [&] { return "scale must be finite, is " + std::to_string(options.scale); });

    auto const fill = [&](auto const& value) {
        state.for_each_weight([&](std::int64_t i, std::int64_t j, std::int64_t weight) {
            std::int64_t const w = i == j ? state.patterns : weight;
            bool const left_out = i == j && options.diagonal == Diagonal::zero;
            out(i, j) = left_out ? 0.0F : static_cast<float>(value(i, j, w) * options.scale);
        });
    };
    auto const fill_centred = [&](auto const& centred) {
        auto const& s = state.column_sums;
        fill([&](std::int64_t i, std::int64_t j, std::int64_t weight) {
            return centred(weight, s[static_cast<std::size_t>(i)] + s[static_cast<std::size_t>(j)]);
        });
    };
    if (!options.centre || state.patterns == 0) {
        fill([](std::int64_t, std::int64_t, std::int64_t weight) { return static_cast<double>(weight); });
    } else if (state.patterns < (std::int64_t{1} << 30) / state.neurons) {  // 4 P^2 d^2 < 2^62
        fill_centred(Centred<std::int64_t>{state.patterns, state.neurons, state.total()});
    } else {
        fill_centred(Centred<int128>{state.patterns, state.neurons, state.total()});
    }
}

void Weights::read(ReadOptions options, MatrixView<std::int32_t> out) const {
    constexpr char const* function = "outer_product::Weights::read";
    auto const& state = *state_;
    require_shape(out, state.neurons, state.neurons, function, "out");
    require(!options.centre, function, [] { return "centred weights are no integers: centre must be false"; });
    require(options.scale == 1.0, function,
            [&] { return "integers are read unscaled: scale must be 1, is " + std::to_string(options.scale); });
    state.for_each_weight([&](std::int64_t i, std::int64_t j, std::int64_t weight) {
        std::int64_t const diagonal = options.diagonal == Diagonal::zero ? 0 : state.patterns;
        out(i, j) = static_cast<std::int32_t>(i == j ? diagonal : weight);
    });
}

}  // namespace ca3::outer_product
