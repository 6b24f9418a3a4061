#include "outer_product/backend.hpp"

namespace ca3::outer_product::reference {

namespace {

/// Whether `weight` is a sum of so many signs.
bool is_sum_of_signs(std::int64_t weight, std::int64_t signs) {
    return -signs <= weight && weight <= signs && (weight - signs) % 2 == 0;
}

}  // namespace

template <class T>
void accumulate(Context const& context, AccumulateOptions const& options, MatrixView<std::int8_t const> patterns, MatrixView<T> weights) {
    std::int64_t const d = patterns.cols;
    std::int64_t const after = stored_after(options, patterns.rows);
    bool const adding = options.operation == Operation::add;

    Matrix<std::int32_t> sum(context, d, d);
    for (std::int64_t i = 0; i < d; ++i) {
        for (std::int64_t j = 0; j < d; ++j) sum.row(i)[j] = 0;
        for (std::int64_t mu = 0; mu < patterns.rows; ++mu)
            for (std::int64_t j = 0; j < d; ++j) sum.row(i)[j] += patterns(mu, i) * patterns(mu, j);
    }

    // `sum` becomes the weights to be: nothing is written before all of them are known to be right.
    for (std::int64_t i = 0; i < d; ++i) {
        for (std::int64_t j = 0; j < d; ++j) {
            if (options.stored == 0) continue;
            std::int64_t const content = weights(i, j);
            std::int64_t const before = holds_agreements<T> ? 2 * content - options.stored : content;
            std::int64_t const weight = adding ? before + sum.row(i)[j] : before - sum.row(i)[j];
            if (i != j && !(adding ? is_sum_of_signs(before, options.stored) : is_sum_of_signs(weight, after)))
                throw_not_a_sum(options, patterns.rows);
            sum.row(i)[j] = static_cast<std::int32_t>(weight);
        }
    }
    for (std::int64_t i = 0; i < d; ++i) {
        for (std::int64_t j = 0; j < d; ++j) {
            std::int64_t const weight = sum.row(i)[j];
            weights(i, j) = static_cast<T>(holds_agreements<T> ? (weight + after) / 2 : weight);
        }
        weights(i, i) = diagonal_value<T>(options, patterns.rows);
    }
}

template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::uint8_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int16_t>);
template void accumulate(Context const&, AccumulateOptions const&, MatrixView<std::int8_t const>, MatrixView<std::int32_t>);

}  // namespace ca3::outer_product::reference
