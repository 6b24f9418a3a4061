#include <ca3/autoencoder/baselines.hpp>
#include <ca3/random.hpp>

#include "autoencoder/baseline_kernels.hpp"
#include "core/check.hpp"
#include "core/state.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace ca3::autoencoder {

namespace {

/// Samples are summed in at most this many parts, whatever the number of threads.
constexpr std::int64_t most_parts = 128;
constexpr std::int64_t least_rows_of_part = 32;

void check(MatrixView<double const> samples, NmfOptions const& o, Context const& context, char const* function) {
    require_view(samples, function, "samples");
    require(!samples.empty(), function, [&] { return "samples must not be empty, are " + shape(samples.rows, samples.cols); });
    require(o.components >= 1, function, [&] { return "components must be at least 1, is " + std::to_string(o.components); });
    require(o.iterations >= 0, function, [&] { return "iterations must not be negative, is " + std::to_string(o.iterations); });
    require(std::isfinite(o.tolerance) && o.tolerance >= 0.0, function,
            [&] { return "tolerance must be finite and not negative, is " + std::to_string(o.tolerance); });
    require_finite(pool(context), samples, function, "samples", true);
}

/// x' = x numerator / denominator; a denominator of 0 has x = 0, or a factor that nothing depends on.
double updated(double x, double numerator, double denominator) {
    return denominator > 0.0 ? x * numerator / denominator : x;
}

/// H H^T, k x k.
void gram(BaselineKernels const& kernels, std::vector<double> const& h, std::int64_t k, std::int64_t d, std::vector<double>& out) {
    for (std::int64_t a = 0; a < k; ++a)
        for (std::int64_t b = 0; b <= a; ++b)
            out[static_cast<std::size_t>(a * k + b)] = out[static_cast<std::size_t>(b * k + a)] =
                kernels.dot(h.data() + a * d, h.data() + b * d, d);
}

/// w <- w (x H^T) / (w H H^T) for one sample.
void update_codes(double const* numerators, double const* hh, std::int64_t k, double* w, double* old) {
    std::copy(w, w + k, old);
    for (std::int64_t a = 0; a < k; ++a) {
        double denominator = 0.0;
        for (std::int64_t b = 0; b < k; ++b) denominator += old[b] * hh[b * k + a];
        w[a] = updated(old[a], numerators[a], denominator);
    }
}

/// Adds all parts (count x size) to the first, one after the other.
void add_parts(ThreadPool& threads, std::vector<double>& parts, std::int64_t count, std::int64_t size) {
    constexpr std::int64_t at_once = 4096;
    threads.run((size + at_once - 1) / at_once, [&](std::int64_t block, int) {
        std::int64_t const end = std::min(size, (block + 1) * at_once);
        for (std::int64_t p = 1; p < count; ++p)
            for (std::int64_t i = block * at_once; i < end; ++i)
                parts[static_cast<std::size_t>(i)] += parts[static_cast<std::size_t>(p * size + i)];
    });
}

/// One factorisation. An iteration reads the samples once: a sample's codes are replaced, then it is added to W^T X with the new ones.
class Factorisation {
public:
    Factorisation(Context const& context, MatrixView<double const> samples, NmfOptions const& options)
        : threads_(pool(context)),
          kernels_(baseline_kernels_for(context.instruction_set())),
          x_(samples),
          k_(options.components),
          rows_of_part_(std::max(least_rows_of_part, (samples.rows + most_parts - 1) / most_parts)),
          parts_((samples.rows + rows_of_part_ - 1) / rows_of_part_),
          size_of_part_(detail::checked_product(k_, samples.cols + k_)),
          hh_(static_cast<std::size_t>(k_ * k_)),
          sums_(static_cast<std::size_t>(detail::checked_product(parts_, size_of_part_))) {}

    [[nodiscard]] Nmf run(NmfOptions const& options) {
        begin(options);
        for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
            update_rows();
            update_components();
            auto& error = result_.error;
            error.push_back(error_now());
            if (iteration > 0 && options.tolerance > 0.0 && error[error.size() - 2] - error.back() < options.tolerance * error.front())
                break;
        }
        return std::move(result_);
    }

private:
    /// Uniform numbers whose product has about the mean of the samples.
    void begin(NmfOptions const& options) {
        std::vector<double> sums(static_cast<std::size_t>(2 * parts_), 0.0);
        threads_.run(parts_, [&](std::int64_t part, int) {
            double total = 0.0, squares = 0.0;
            for (std::int64_t i = first(part); i < last(part); ++i) {
                double row = 0.0;
                for (std::int64_t j = 0; j < x_.cols; ++j) row += x_(i, j);
                total += row;
                squares += kernels_.dot(x_.row(i), x_.row(i), x_.cols);
            }
            sums[static_cast<std::size_t>(2 * part)] = total;
            sums[static_cast<std::size_t>(2 * part + 1)] = squares;
        });
        add_parts(threads_, sums, parts_, 2);
        squares_ = sums[1];
        elements_ = static_cast<double>(x_.rows) * static_cast<double>(x_.cols);
        require(std::isfinite(sums[0]) && std::isfinite(sums[1]), "nmf",
                [] { return "samples are so large that the sum of their squares is not finite"; });
        double const scale = 2.0 * std::sqrt(sums[0] / elements_ / static_cast<double>(k_));
        auto const fill = [&](std::vector<double>& to, std::int64_t rows, std::uint32_t element) {
            to.resize(static_cast<std::size_t>(detail::checked_product(rows, k_)));
            for (std::size_t i = 0; i < to.size(); ++i)
                to[i] = scale * (random::uniform(options.seed, random::Purpose::initial_weight, element, 0, i) + 0x1p-33);
        };
        fill(result_.codes, x_.rows, 0);
        fill(result_.components, x_.cols, 1);
    }

    [[nodiscard]] std::int64_t first(std::int64_t part) const { return part * rows_of_part_; }
    [[nodiscard]] std::int64_t last(std::int64_t part) const { return std::min(x_.rows, (part + 1) * rows_of_part_); }

    /// Codes from X and H; then W^T X (k x d) and W^T W (k x k) to the front of sums_.
    void update_rows() {
        std::int64_t const d = x_.cols;
        gram(kernels_, result_.components, k_, d, hh_);
        threads_.run(parts_, [&](std::int64_t part, int) {
            double* const wx = sums_.data() + part * size_of_part_;
            double* const ww = wx + k_ * d;
            std::fill(wx, wx + size_of_part_, 0.0);
            std::vector<double> numerators(static_cast<std::size_t>(k_)), old(static_cast<std::size_t>(k_));
            for (std::int64_t i = first(part); i < last(part); ++i) {
                double const* const x = x_.row(i);
                double* const w = result_.codes.data() + i * k_;
                for (std::int64_t a = 0; a < k_; ++a)
                    numerators[static_cast<std::size_t>(a)] = kernels_.dot(x, result_.components.data() + a * d, d);
                update_codes(numerators.data(), hh_.data(), k_, w, old.data());
                for (std::int64_t a = 0; a < k_; ++a) {
                    kernels_.add_scaled(w[a], x, wx + a * d, d);
                    kernels_.add_scaled(w[a], w, ww + a * k_, k_);
                }
            }
        });
        add_parts(threads_, sums_, parts_, size_of_part_);
    }

    /// H <- H (W^T X) / (W^T W H)
    void update_components() {
        std::int64_t const d = x_.cols;
        double const *const wx = sums_.data(), *const ww = wx + k_ * d;
        std::vector<double> const old = result_.components;
        threads_.run(k_, [&](std::int64_t a, int) {
            std::vector<double> denominators(static_cast<std::size_t>(d), 0.0);
            for (std::int64_t b = 0; b < k_; ++b) kernels_.add_scaled(ww[a * k_ + b], old.data() + b * d, denominators.data(), d);
            for (std::int64_t j = 0; j < d; ++j) {
                auto const i = static_cast<std::size_t>(a * d + j);
                result_.components[i] = updated(old[i], wx[a * d + j], denominators[static_cast<std::size_t>(j)]);
            }
        });
    }

    /// |X - W H|^2 = |X|^2 - 2 <W^T X, H> + <W^T W, H H^T>, without reading the samples again. Rounding is some 1e-15 |X|^2.
    [[nodiscard]] double error_now() {
        std::int64_t const d = x_.cols;
        gram(kernels_, result_.components, k_, d, hh_);
        double const cross = kernels_.dot(sums_.data(), result_.components.data(), k_ * d);
        double const square = kernels_.dot(sums_.data() + k_ * d, hh_.data(), k_ * k_);
        return std::max(squares_ - 2.0 * cross + square, 0.0) / elements_;
    }

    ThreadPool& threads_;
    BaselineKernels const& kernels_;
    MatrixView<double const> x_;
    std::int64_t k_;
    std::int64_t rows_of_part_;
    std::int64_t parts_;
    std::int64_t size_of_part_;
    std::vector<double> hh_;
    std::vector<double> sums_;
    double squares_ = 0.0;
    double elements_ = 0.0;
    Nmf result_;
};

}  // namespace

Nmf nmf(Context const& context, MatrixView<double const> samples, NmfOptions const& options) {
    constexpr char const* function = "nmf";
    check(samples, options, context, function);
    std::int64_t const most = std::max(samples.rows, samples.cols);
    require(options.components <= most, function, [&] {
        return "components must lie in [1, " + std::to_string(most) + "] for samples " + shape(samples.rows, samples.cols) + ", is " +
               std::to_string(options.components);
    });
    return Factorisation(context, samples, options).run(options);
}

// A sample's codes are its own: they begin equal, with the sum of the sample, and stop by its own error. No seed enters.
std::vector<double> nmf_encode(Context const& context, Nmf const& model, MatrixView<double const> samples, NmfOptions const& options) {
    constexpr char const* function = "nmf_encode";
    check(samples, options, context, function);
    std::int64_t const k = options.components, d = samples.cols;
    require(static_cast<std::int64_t>(model.components.size()) == detail::checked_product(k, d), function, [&] {
        return "components of the factorisation must be " + shape(k, d) + " (options.components x width of samples), are " +
               std::to_string(model.components.size()) + " numbers";
    });
    require_finite(pool(context), {model.components.data(), k, d}, function, "components", true);
    BaselineKernels const& kernels = baseline_kernels_for(context.instruction_set());
    std::vector<double> hh(static_cast<std::size_t>(k * k));
    gram(kernels, model.components, k, d, hh);
    double total = 0.0;
    for (double const h : model.components) total += h;
    std::vector<double> codes(static_cast<std::size_t>(detail::checked_product(samples.rows, k)));
    std::int64_t const parts = (samples.rows + least_rows_of_part - 1) / least_rows_of_part;
    pool(context).run(parts, [&](std::int64_t part, int) {
        std::vector<double> numerators(static_cast<std::size_t>(k)), old(static_cast<std::size_t>(k));
        for (std::int64_t i = part * least_rows_of_part; i < std::min(samples.rows, (part + 1) * least_rows_of_part); ++i) {
            double const* const x = samples.row(i);
            double* const w = codes.data() + i * k;
            double sum = 0.0;
            for (std::int64_t j = 0; j < d; ++j) sum += x[j];
            std::fill(w, w + k, total > 0.0 ? sum / total : 0.0);
            for (std::int64_t a = 0; a < k; ++a)
                numerators[static_cast<std::size_t>(a)] = kernels.dot(x, model.components.data() + a * d, d);
            double const square = kernels.dot(x, x, d);
            double begin = 0.0, before = 0.0;
            for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
                update_codes(numerators.data(), hh.data(), k, w, old.data());
                double error = square;
                for (std::int64_t a = 0; a < k; ++a) {
                    double h = 0.0;
                    for (std::int64_t b = 0; b < k; ++b) h += w[b] * hh[static_cast<std::size_t>(b * k + a)];
                    error += w[a] * (h - 2.0 * numerators[static_cast<std::size_t>(a)]);
                }
                if (iteration == 0) begin = error;
                if (iteration > 0 && options.tolerance > 0.0 && before - error < options.tolerance * begin) break;
                before = error;
            }
        }
    });
    return codes;
}

}  // namespace ca3::autoencoder
