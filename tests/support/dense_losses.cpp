#include "support/dense_operations.hpp"
#include "support/roundings.hpp"

#include <algorithm>
#include <cmath>

namespace ca3::test {

using namespace autoencoder;

namespace {

struct LossInputs {
    explicit LossInputs(LossCase const& c) : target(some_floats(c.rows * c.cols, 6, 0.0, 1.0)) {
        bool const share = c.loss == Loss::bce;
        output = some_floats(c.rows * c.cols, 5, share ? 0.001 : -3.0, share ? 0.999 : 3.0);
        if (!output.empty() && c.loss == Loss::l1) output[0] = target[0];  // no gradient there
        for (std::int64_t r = 0; r < c.rows; ++r) classes.push_back(r % 4 == 2 ? -100 : (r * 7) % c.cols);
    }
    std::vector<float> output, target;
    std::vector<std::int64_t> classes;
};

struct ValueAndSlope {
    double value, slope;
};
ValueAndSlope definition(Loss loss, double x, double t) {
    switch (loss) {
        case Loss::l1:
            return {std::abs(x - t), x > t ? 1.0 : x < t ? -1.0 : 0.0};
        case Loss::bce:
            return {-t * std::max(std::log(x), -100.0) - (1.0 - t) * std::max(std::log(1.0 - x), -100.0), (x - t) / (x * (1.0 - x))};
        case Loss::bce_with_logits:
            return {std::log1p(std::exp(x)) - t * x, 1.0 / (1.0 + std::exp(-x)) - t};
        default:
            return {(x - t) * (x - t), 2.0 * (x - t)};
    }
}

}  // namespace

std::string describe(LossCase const& c) {
    return std::string(to_string(c.loss)) + (c.by_class ? " of classes" : "") + ", " + std::to_string(c.rows) + " x " +
           std::to_string(c.cols) + ", gap " + std::to_string(c.place.gap) + ", offset " + std::to_string(c.place.offset);
}

std::vector<LossCase> loss_cases() {
    std::vector<LossCase> cases;
    for (auto const& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 31}, {2, 16}, {33, 17}, {70, 65}, {5, 257}})
        for (Placement const place : {Placement{}, Placement{3, 1}}) {
            for (Loss const loss : {Loss::mse, Loss::l1, Loss::bce, Loss::bce_with_logits, Loss::cross_entropy})
                cases.push_back({loss, rows, cols, false, place});
            cases.push_back({Loss::cross_entropy, rows, cols, true, place});
            cases.push_back({Loss::nll, rows, cols, true, place});
        }
    return cases;
}

LossNumbers loss_numbers(Context const& context, LossCase const& c) {
    LossInputs const x(c);
    Framed const output(context, x.output, c.rows, c.cols, c.place), target(context, x.target, c.rows, c.cols, c.place);
    Framed const gradient(context, c.rows, c.cols, c.place);
    Buffer<std::int64_t> classes(context, c.rows);
    classes.copy_from_host(x.classes.data());
    auto const run = [&](MatrixView<float> g) {
        if (c.by_class) return loss(context, c.loss, output.in(), std::span<std::int64_t const>(classes.span()), g);
        return loss(context, c.loss, output.in(), target.in(), g);
    };
    double const value = run(gradient.view());
    EXPECT_EQ(value, run({})) << describe(c);
    return {value, gradient.values(), output.is_framed() && target.is_framed() && gradient.is_framed()};
}

testing::AssertionResult near_definition(LossCase const& c, LossNumbers const& n) {
    LossInputs const x(c);
    if (!n.framed) return testing::AssertionFailure() << "something was written around the matrices";
    double counted = 0.0, value = 0.0, size = 0.0;
    for (std::int64_t r = 0; r < c.rows; ++r) counted += !c.by_class || x.classes[static_cast<std::size_t>(r)] >= 0 ? 1.0 : 0.0;
    bool const by_row = c.loss == Loss::cross_entropy || c.loss == Loss::nll;
    double const terms = by_row ? counted : static_cast<double>(c.rows * c.cols), share = 1.0 / terms;
    for (std::int64_t r = 0; r < c.rows; ++r) {
        std::int64_t const label = c.by_class ? x.classes[static_cast<std::size_t>(r)] : 0;
        double sum = 0.0, total = 0.0;
        for (std::int64_t i = 0; i < c.cols; ++i) {
            sum += std::exp(at(x.output, r * c.cols + i));
            total += c.by_class ? (i == label ? 1.0 : 0.0) : at(x.target, r * c.cols + i);
        }
        for (std::int64_t i = 0; i < c.cols; ++i) {
            std::int64_t const k = r * c.cols + i;
            double const out = at(x.output, k), t = c.by_class ? (i == label ? 1.0 : 0.0) : at(x.target, k);
            ValueAndSlope d{};
            if (c.loss == Loss::nll)
                d = {-t * out, -t};
            else if (c.loss == Loss::cross_entropy)
                d = {-t * (out - std::log(sum)), total * std::exp(out) / sum - t};
            else
                d = definition(c.loss, out, t);
            if (c.by_class && label < 0) d = {};
            value += d.value;
            size += std::abs(d.value) + (by_row ? t * std::abs(std::log(sum)) : 1.0);
            // The elementary functions' few ulp; a softmax adds up the sum of a row, and a difference of logarithms of up to 12.
            double const bound = by_row ? gamma_of(c.cols + 48) * share * (total * std::exp(out) / sum + t)
                                        : gamma_of(8) * share * (std::abs(d.slope) + (c.loss == Loss::bce_with_logits ? 1.0 : 0.0));
            if (auto ok = within(d.slope * share, at(n.gradient, k), bound, "gradient of element " + std::to_string(k)); !ok) return ok;
        }
    }
    return within(value * share, n.value, gamma_of(16 + c.cols) * share * size, "value");
}

}  // namespace ca3::test
