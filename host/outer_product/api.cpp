#include "core/check.hpp"
#include "core/state.hpp"
#include "outer_product/backend.hpp"

#include <algorithm>
#include <atomic>

namespace ca3::outer_product {

namespace {

constexpr char const* function_name = "outer_product::accumulate";

bool all_signs(std::int8_t const* row, std::int64_t count) noexcept {
    unsigned strange = 0;
    for (std::int64_t i = 0; i < count; ++i) strange |= static_cast<std::uint8_t>(row[i] + 1) & 0xFDu;
    return strange == 0;
}

template <class T>
void require_room(AccumulateOptions const& options, std::int64_t patterns) {
    auto const number = [](std::int64_t n) { return std::to_string(n); };
    require(options.stored >= 0, function_name, [&] { return "stored must not be negative, is " + number(options.stored); });
    if (options.operation == Operation::remove) {
        require(patterns <= options.stored, function_name,
                [&] { return "cannot remove " + number(patterns) + " patterns from the " + number(options.stored) + " stored"; });
    }
    std::int64_t const added = options.operation == Operation::add ? patterns : 0;
    if (options.stored > most_patterns<T> - std::min(added, most_patterns<T>) || added > most_patterns<T>) {
        throw Overflow(std::string(function_name) + ": weights of " + number(8 * sizeof(T)) + " bits hold at most " +
                       number(most_patterns<T>) + " patterns, not " + number(options.stored) + " stored and " + number(added) + " added");
    }
}

template <class T>
void checked_accumulate(Context const& context, AccumulateOptions const& options, MatrixView<std::int8_t const> patterns,
                        MatrixView<T> weights) {
    require_view(patterns, function_name, "patterns");
    require_shape(weights, patterns.cols, patterns.cols, function_name, "weights");
    require_room<T>(options, patterns.rows);
    if (weights.rows == 0) return;
    switch (context.backend()) {
        case Backend::reference:
            require_signs(context, patterns, function_name);
            return reference::accumulate(context, options, patterns, weights);
        case Backend::cpu:
            require_signs(context, patterns, function_name);
            return cpu::accumulate(context, options, patterns, weights);
        case Backend::cuda:
            return cuda::accumulate(context, options, patterns, weights);
    }
}

}  // namespace

void throw_not_a_sign(char const* function, std::int64_t row, std::int64_t column, int value) {
    throw InvalidArgument(std::string(function) + ": patterns(" + std::to_string(row) + ", " + std::to_string(column) +
                          ") must be -1 or +1, is " + std::to_string(value));
}

void throw_not_a_sum(AccumulateOptions const& options, std::int64_t patterns) {
    bool const adding = options.operation == Operation::add;
    throw InvalidArgument(std::string(function_name) + ": weights hold an entry that no sum of " + std::to_string(options.stored) +
                          " patterns (stored) has" +
                          (adding ? std::string() : ", or the " + std::to_string(patterns) + " patterns to remove are not among them"));
}

void require_signs(Context const& context, MatrixView<std::int8_t const> patterns, char const* function) {
    constexpr std::int64_t rows_per_task = 64;
    std::int64_t const tasks = (patterns.rows + rows_per_task - 1) / rows_per_task;
    std::atomic<std::int64_t> first_bad{patterns.rows};
    pool(context).run(tasks, [&](std::int64_t task, int) {
        std::int64_t const end = std::min(patterns.rows, (task + 1) * rows_per_task);
        for (std::int64_t row = task * rows_per_task; row < end; ++row) {
            if (all_signs(patterns.row(row), patterns.cols)) continue;
            std::int64_t seen = first_bad.load();
            while (row < seen && !first_bad.compare_exchange_weak(seen, row)) {
            }
            return;
        }
    });
    std::int64_t const row = first_bad.load();
    if (row == patterns.rows) return;
    std::int64_t column = 0;
    while (all_signs(patterns.row(row) + column, 1)) ++column;
    throw_not_a_sign(function, row, column, patterns(row, column));
}

void accumulate(Context const& context, AccumulateOptions options, MatrixView<std::int8_t const> patterns,
                MatrixView<std::uint8_t> weights) {
    checked_accumulate(context, options, patterns, weights);
}
void accumulate(Context const& context, AccumulateOptions options, MatrixView<std::int8_t const> patterns,
                MatrixView<std::int16_t> weights) {
    checked_accumulate(context, options, patterns, weights);
}
void accumulate(Context const& context, AccumulateOptions options, MatrixView<std::int8_t const> patterns,
                MatrixView<std::int32_t> weights) {
    checked_accumulate(context, options, patterns, weights);
}

}  // namespace ca3::outer_product
