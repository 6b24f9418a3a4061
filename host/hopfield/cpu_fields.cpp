#include "hopfield/cpu_fields.hpp"
#include "hopfield/cpu_relax.hpp"

#include "core/philox.hpp"

#include <cmath>
#include <numeric>

namespace ca3::hopfield::cpu {

namespace {

/// h += X^T a by tables of the 256 partial sums of eight patterns.
void add_products(Packed const& packed, std::vector<std::int64_t> const& a, std::vector<std::int64_t>& h) {
    std::int64_t table[256];
    for (std::int64_t octet = 0; octet < packed.octets; ++octet) {
        int const n = static_cast<int>(std::min<std::int64_t>(8, packed.P - 8 * octet));
        table[0] = 0;
        for (int k = 0; k < n; ++k) table[0] -= a[8 * octet + k];
        for (int k = 0; k < n; ++k) {
            for (int low = 0; low < 1 << k; ++low) table[(1 << k) + low] = table[low] + 2 * a[8 * octet + k];
        }
        std::uint8_t const* const index = packed.octet_index.data() + octet * packed.d;
        for (std::int64_t i = 0; i < packed.d; ++i) h[i] += table[index[i]];
    }
}

}  // namespace

std::vector<std::int32_t> overlaps_of(Packed const& packed, std::int8_t const* s) {
    std::vector<std::uint64_t> planes(2 * packed.words);
    Bits const bits{planes.data(), planes.data() + packed.words};
    packed.kernels->pack(s, packed.d, bits);
    std::vector<std::int32_t> m(packed.P);
    if (packed.P > 0) packed.kernels->overlaps(packed, &bits, 1, is_full(bits, packed.d), m.data(), packed.P);
    return m;
}

void dense_fields(Model const& model, std::int8_t const* __restrict s, std::vector<std::int64_t>& h) {
    std::int64_t const d = model.neurons;
    std::visit(
        [&]<class T>(std::vector<T> const& weights) {
            std::int64_t total = 0;
            for (std::int64_t j = 0; j < d; ++j) total += s[j];
            for (std::int64_t i = 0; i < d; ++i) {
                T const* const __restrict w = weights.data() + i * d;
                std::int64_t sum = 0;
                for (std::int64_t j = 0; j < d; ++j) sum += static_cast<std::int64_t>(w[j]) * s[j];
                h[i] = std::is_same_v<T, std::uint8_t> ? 2 * sum - model.patterns * total : sum;
            }
        },
        model.weights);
}

void fields(Model const& model, Packed const& packed, std::int8_t const* s, std::vector<std::int64_t>& h) {
    std::int64_t const d = model.neurons;
    if (model.kind == Kind::dense) {
        dense_fields(model, s, h);
    } else {
        Coefficients<std::int64_t> c;
        c.compute(model, overlaps_of(packed, s), std::accumulate(s, s + d, std::int64_t{0}));
        std::fill(h.begin(), h.end(), c.constant);
        add_products(packed, c.a, h);
        if (!c.unknown.empty()) {
            for (std::int64_t i = 0; i < d; ++i)
                h[i] = s[i] != 0 ? h[i] + c.self * s[i] : dot(packed.columns.data() + i * packed.P, c.unknown.data(), packed.P);
        }
    }
    if (model.diagonal.empty()) return;
    for (std::int64_t i = 0; i < d; ++i) h[i] -= model.diagonal[i] * s[i];
}

std::int8_t decide(Model const& model, Job const& job, std::int64_t b, std::int64_t i, std::int64_t sweep, std::int64_t field,
                   std::int8_t old) {
    if (job.glauber == nullptr) {
        std::int64_t const v = 2 * field - (model.tau.empty() ? 0 : model.tau[i]);
        return v > 0 ? std::int8_t{1} : v < 0 ? std::int8_t{-1} : on_tie(job.tie, old);
    }
    double const f = std::fma(static_cast<double>(field), model.unit, model.bias.empty() ? 0.0 : model.bias[i]);
    double const last = static_cast<double>(job.glauber->threshold.size() - 1);
    auto const k = static_cast<std::size_t>(std::min(std::fabs(f) * job.glauber->inverse_step + 0.5, last));
    std::uint32_t const u = random::draw(job.seed, random::Purpose::glauber, static_cast<std::uint32_t>(job.first_state + b),
                                         static_cast<std::uint32_t>(sweep), i);
    return (f >= 0) == (u < job.glauber->threshold[k]) ? std::int8_t{1} : std::int8_t{-1};
}

}  // namespace ca3::hopfield::cpu
