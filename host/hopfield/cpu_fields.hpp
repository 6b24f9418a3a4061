#pragma once

#include "hopfield/cpu_packed.hpp"

#include <algorithm>

/// Fields of one state at a time, for the rules and jobs that the packed kernels do not cover.
namespace ca3::hopfield::cpu {

/// The coefficients of one state (backend.hpp) in T, which is int32 for the Hebbian form and int64 for the others.
template <class T>
struct Coefficients {
    std::vector<T> a;           ///< of neurons with s != 0
    std::vector<T> unknown;     ///< of neurons with s = 0; empty where they are the same
    std::int64_t constant = 0;  ///< e
    std::int64_t self = 0;      ///< c, times s_i

    void compute(Model const& model, std::int32_t const* m, std::int64_t total) {
        std::int64_t const P = model.patterns;
        a.resize(P);
        switch (model.kind) {
            case Kind::centred: {
                std::int64_t sum = 0;
                for (std::int64_t mu = 0; mu < P; ++mu) {
                    std::int64_t const y = model.q * m[mu] - model.p * total;
                    a[mu] = static_cast<T>(model.q * y);
                    sum += y;
                }
                constant = -model.p * sum;
                break;
            }
            case Kind::projection:
                for (std::int64_t mu = 0; mu < P; ++mu) {
                    std::int64_t const* const __restrict row = model.kernel.data() + mu * P;
                    std::int64_t sum = 0;
                    for (std::int64_t nu = 0; nu < P; ++nu) sum += row[nu] * m[nu];
                    a[mu] = static_cast<T>(sum);
                }
                break;
            case Kind::power:
            case Kind::exponential:
                powers(model, m);
                break;
            case Kind::hebbian:
            case Kind::dense:
                for (std::int64_t mu = 0; mu < P; ++mu) a[mu] = static_cast<T>(m[mu]);
                break;
        }
    }

private:
    void powers(Model const& model, std::int32_t const* m) {
        std::int64_t const P = model.patterns;
        std::int64_t const top = P == 0 ? 0 : *std::max_element(m, m + P) + std::int64_t{2};
        auto const size = static_cast<std::int64_t>(model.table.size());
        auto const F = [&](std::int64_t k) {
            if (model.kind == Kind::power) return model.table[k + model.neurons + 2];
            return top - k < size ? model.table[top - k] : 0;
        };
        unknown.resize(P);
        self = 0;
        for (std::int64_t mu = 0; mu < P; ++mu) {
            std::int64_t const up = F(m[mu] + 2), down = F(m[mu] - 2);
            a[mu] = static_cast<T>(up - down);
            unknown[mu] = static_cast<T>(2 * (F(m[mu] + 1) - F(m[mu] - 1)));
            self += 2 * F(m[mu]) - up - down;
        }
    }
};

template <class T>
std::int64_t dot(std::int8_t const* __restrict x, T const* __restrict a, std::int64_t n) {
    T sum = 0;
    for (std::int64_t k = 0; k < n; ++k) sum += static_cast<T>(x[k]) * a[k];
    return sum;
}

/// Overlaps of a state with the patterns, P values.
[[nodiscard]] std::vector<std::int32_t> overlaps_of(Packed const&, std::int8_t const* s);

/// h_i = sum over j of W_ij s_j for all i, from the dense weights.
void dense_fields(Model const&, std::int8_t const* s, std::int64_t* h);

/// Fields of one state after the other, D not taken off.
class Fields {
public:
    Fields(Model const&, Packed const&);
    /// d values, valid until the next call
    [[nodiscard]] std::int64_t const* of(std::int8_t const* s);

private:
    Model const& model_;
    Packed const& packed_;
    AlignedVector<std::int64_t> h_;
    AlignedVector<std::uint64_t> planes_;
    AlignedVector<std::int32_t> m_;
    AlignedVector<std::int64_t> scratch_;
    Coefficients<std::int64_t> c_;
};

/// A state has no outcome yet.
inline void start(Job const& job, std::int64_t b) {
    job.status[b] = Status::sweep_limit;
    job.sweeps[b] = 0;
    job.flips[b] = 0;
}

}  // namespace ca3::hopfield::cpu
