#include "hopfield/cpu_fields.hpp"
#include "hopfield/cpu_relax.hpp"

#include "core/philox.hpp"

#include <cmath>

namespace ca3::hopfield::cpu {

std::vector<std::int32_t> overlaps_of(Packed const& packed, std::int8_t const* s) {
    std::vector<std::uint64_t> planes(2 * packed.words);
    Bits const bits{planes.data(), planes.data() + packed.words};
    packed.kernels->pack(s, packed.d, bits);
    std::vector<std::int32_t> m(packed.P);
    if (packed.P > 0) packed.kernels->overlaps(packed, &bits, 1, is_full(bits, packed.d), m.data(), packed.P);
    return m;
}

void dense_fields(Model const& model, std::int8_t const* __restrict s, std::int64_t* h) {
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

Fields::Fields(Model const& model, Packed const& packed)
    : model_(model),
      packed_(packed),
      h_(model.neurons),
      planes_(2 * packed.words),
      m_(overlap_stride(packed)),
      scratch_(sum_scratch(packed)) {}

std::int64_t const* Fields::of(std::int8_t const* s) {
    std::int64_t const d = model_.neurons;
    if (model_.kind == Kind::dense) {
        dense_fields(model_, s, h_.data());
        return h_.data();
    }
    Bits const bits{planes_.data(), planes_.data() + packed_.words};
    bool const full = packed_.kernels->pack(s, d, bits).full;
    packed_.kernels->overlaps(packed_, &bits, 1, full, m_.data(), overlap_stride(packed_));
    std::int64_t total = 0;  // sum of s
    for (std::int64_t w = 0; w < packed_.words; ++w) total += 2 * std::popcount(bits.plus[w]) - std::popcount(bits.nonzero[w]);
    c_.compute(model_, m_.data(), total);
    packed_.kernels->sum_patterns(packed_, c_.a.data(), c_.constant, scratch_.data(), h_.data());
    if (!c_.unknown.empty()) {
        for (std::int64_t i = 0; i < d; ++i)
            h_[i] = s[i] != 0 ? h_[i] + c_.self * s[i] : dot(packed_.columns.data() + i * packed_.P, c_.unknown.data(), packed_.P);
    }
    return h_.data();
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
