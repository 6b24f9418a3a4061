#include "hopfield/cpu_relax.hpp"

#include "core/philox.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

namespace ca3::hopfield::cpu {

namespace {

/// The coefficients of one state (backend.hpp) in T, which is int32 for the Hebbian form and int64 for the others.
template <class T>
struct Coefficients {
    std::vector<T> a;           ///< of neurons with s != 0
    std::vector<T> unknown;     ///< of neurons with s = 0; empty where they are the same
    std::int64_t constant = 0;  ///< e
    std::int64_t self = 0;      ///< c, times s_i

    void compute(Model const& model, std::vector<std::int32_t> const& m, std::int64_t total) {
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
    void powers(Model const& model, std::vector<std::int32_t> const& m) {
        std::int64_t const P = model.patterns;
        std::int64_t const top = P == 0 ? 0 : *std::max_element(m.begin(), m.end()) + std::int64_t{2};
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

std::vector<std::int32_t> overlaps_of(Packed const& packed, std::int8_t const* s) {
    std::vector<std::uint64_t> planes(2 * packed.words);
    Bits const bits{planes.data(), planes.data() + packed.words};
    packed.kernels->pack(s, packed.d, bits);
    std::vector<std::int32_t> m(packed.P);
    if (packed.P > 0) packed.kernels->overlaps(packed, &bits, 1, is_full(bits, packed.d), m.data(), packed.P);
    return m;
}

/// sum over j of W_ij s_j for all i.
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

/// All fields of a state, D taken off.
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

/// Synchronous bookkeeping of one state: the outcome of a sweep, or nothing yet.
class History {
public:
    /// @param changes neurons that differ between `before` (the state of the last sweep) and `now`
    bool done(Job const& job, std::int64_t b, std::int64_t t, std::int64_t changes, std::vector<std::int8_t> const& before,
              std::int8_t const* now) {
        job.flips[b] += changes;
        job.sweeps[b] = static_cast<std::int32_t>(t + 1);
        if (job.glauber != nullptr) return false;
        if (changes == 0) {
            job.status[b] = Status::fixed_point;
            return true;
        }
        if (!earlier_.empty() && std::equal(earlier_.begin(), earlier_.end(), now)) {
            job.status[b] = Status::two_cycle;
            return true;
        }
        earlier_ = before;
        return false;
    }

private:
    std::vector<std::int8_t> earlier_;
};

void start(Job const& job, std::int64_t b) {
    job.status[b] = Status::sweep_limit;
    job.sweeps[b] = 0;
    job.flips[b] = 0;
}

/// Visiting orders: ascending in (key, index).
class Orders {
public:
    Orders(Job const& job, std::int64_t d) : job_(job), d_(d) {
        if (job.update == Update::sequential) {
            fixed_.resize(d);
            std::iota(fixed_.begin(), fixed_.end(), 0u);
        }
    }

    /// The order of sweep t for state b; `own` is room for it.
    std::vector<std::uint32_t> const& order(std::int64_t b, std::int64_t t, std::vector<std::uint32_t>& own) {
        if (job_.update == Update::sequential) return fixed_;
        if (job_.update == Update::asynchronous) {
            sort(static_cast<std::uint32_t>(job_.first_state + b), t, own);
            return own;
        }
        std::lock_guard const lock(mutex_);
        while (static_cast<std::int64_t>(shared_.size()) <= t) {
            auto next = std::make_unique<std::vector<std::uint32_t>>();
            sort(0xFFFFFFFFu, static_cast<std::int64_t>(shared_.size()), *next);
            shared_.push_back(std::move(next));
        }
        return *shared_[t];
    }

private:
    /// Radix sort of the keys, 11 bits at a time; stable, so that equal keys stay in index order.
    void sort(std::uint32_t element, std::int64_t t, std::vector<std::uint32_t>& out) const {
        std::vector<std::uint64_t> pairs(d_), other(d_);
        auto const step = static_cast<std::uint32_t>(job_.first_sweep + t);
        for (std::int64_t i = 0; i < d_; i += 4) {
            random::Block const keys = random::draw_block(job_.seed, random::Purpose::visit_order, element, step, i / 4);
            for (std::int64_t k = 0; k < std::min<std::int64_t>(4, d_ - i); ++k) pairs[i + k] = std::uint64_t{keys.word[k]} << 32 | (i + k);
        }
        for (int shift = 32; shift < 64; shift += 11) {
            std::uint32_t place[2049] = {};
            for (std::uint64_t const pair : pairs) ++place[(pair >> shift & 2047) + 1];
            for (int k = 0; k < 2048; ++k) place[k + 1] += place[k];
            for (std::uint64_t const pair : pairs) other[place[pair >> shift & 2047]++] = pair;
            pairs.swap(other);
        }
        out.resize(d_);
        for (std::int64_t i = 0; i < d_; ++i) out[i] = static_cast<std::uint32_t>(pairs[i]);
    }

    Job const& job_;
    std::int64_t d_;
    std::vector<std::uint32_t> fixed_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<std::vector<std::uint32_t>>> shared_;
};

/// A state whose fields follow from its overlaps: a visit costs P products, a flip the overlaps and coefficients.
template <class T>
class FactoredState {
public:
    FactoredState(Model const& model, Packed const& packed, std::int8_t* s)
        : model_(model),
          packed_(packed),
          s_(s),
          m_(overlaps_of(packed, s)),
          total_(std::accumulate(s, s + model.neurons, std::int64_t{0})) {
        c_.compute(model_, m_, total_);
    }

    [[nodiscard]] std::int64_t field(std::int64_t i) const {
        std::int64_t const self = c_.self - (model_.diagonal.empty() ? 0 : model_.diagonal[i]);
        std::int8_t const* const x = packed_.columns.data() + i * packed_.P;
        if constexpr (std::is_same_v<T, std::int32_t>) return packed_.kernels->dot(x, c_.a.data(), packed_.P) + c_.constant + self * s_[i];
        bool const unknown = s_[i] == 0 && !c_.unknown.empty();
        return dot(x, (unknown ? c_.unknown : c_.a).data(), packed_.P) + c_.constant + self * s_[i];
    }

    void set(std::int64_t i, std::int8_t value) {
        int const change = value - s_[i];
        std::int8_t const* const x = packed_.columns.data() + i * packed_.P;
        for (std::int64_t mu = 0; mu < packed_.P; ++mu) m_[mu] += change * x[mu];
        total_ += change;
        s_[i] = value;
        c_.compute(model_, m_, total_);
    }

private:
    Model const& model_;
    Packed const& packed_;
    std::int8_t* s_;
    std::vector<std::int32_t> m_;
    std::int64_t total_;
    Coefficients<T> c_;
};

/// A state with a matrix: its fields are kept, a visit costs nothing and a flip one column.
class DenseState {
public:
    DenseState(Model const& model, Packed const& packed, std::int8_t* s) : model_(model), packed_(packed), s_(s), h_(model.neurons) {
        dense_fields(model, s, h_);
    }

    [[nodiscard]] std::int64_t field(std::int64_t i) const { return model_.diagonal.empty() ? h_[i] : h_[i] - model_.diagonal[i] * s_[i]; }

    void set(std::int64_t j, std::int8_t value) {
        std::int64_t const change = value - s_[j], d = model_.neurons;
        std::visit(
            [&]<class T>(std::vector<T> const& weights) {
                T const* const __restrict w = weights.data() + j * d;
                std::int64_t* const __restrict h = h_.data();
                if constexpr (std::is_same_v<T, std::uint8_t>) {
                    for (std::int64_t i = 0; i < d; ++i) h[i] += change * (2 * std::int64_t{w[i]} - model_.patterns);
                } else {
                    for (std::int64_t i = 0; i < d; ++i) h[i] += change * w[i];
                }
            },
            model_.symmetric ? model_.weights : packed_.transposed);
        s_[j] = value;
    }

private:
    Model const& model_;
    Packed const& packed_;
    std::int8_t* s_;
    std::vector<std::int64_t> h_;
};

template <class State>
void visit_all(Model const& model, Packed const& packed, Job const& job, Orders& orders, std::int64_t b) {
    std::int8_t* const s = job.states + b * model.neurons;
    start(job, b);
    if (job.max_sweeps == 0) return;
    State state(model, packed, s);
    std::vector<std::uint32_t> own;
    for (std::int64_t t = 0; t < job.max_sweeps; ++t) {
        std::int64_t changes = 0;
        for (std::uint32_t const i : orders.order(b, t, own)) {
            if (is_clamped(job, b, i)) continue;
            std::int8_t const next = decide(model, job, b, i, job.first_sweep + t, state.field(i), s[i]);
            if (next == s[i]) continue;
            ++changes;
            state.set(i, next);
        }
        job.flips[b] += changes;
        job.sweeps[b] = static_cast<std::int32_t>(t + 1);
        if (changes == 0 && job.glauber == nullptr) {
            job.status[b] = Status::fixed_point;
            return;
        }
    }
}

}  // namespace

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

void relax_synchronously(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    std::int64_t const d = model.neurons;
    threads.run(job.batch, [&](std::int64_t b, int) {
        std::int8_t* const s = job.states + b * d;
        std::vector<std::int64_t> h(d);
        std::vector<std::int8_t> before;
        History history;
        start(job, b);
        for (std::int64_t t = 0; t < job.max_sweeps; ++t) {
            fields(model, packed, s, h);
            before.assign(s, s + d);
            std::int64_t changes = 0;
            for (std::int64_t i = 0; i < d; ++i) {
                if (is_clamped(job, b, i)) continue;
                s[i] = decide(model, job, b, i, job.first_sweep + t, h[i], s[i]);
                changes += s[i] != before[i];
            }
            if (history.done(job, b, t, changes, before, s)) return;
        }
    });
}

void relax_dense(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    std::int64_t const d = model.neurons;
    std::vector<std::int64_t> active(job.batch);
    std::iota(active.begin(), active.end(), 0);
    std::vector<History> history(job.batch);
    std::vector<std::uint8_t> done(job.batch, 0);
    std::vector<std::int8_t> gathered;
    // Nothing else between field and decision, and everything inside 32 bits.
    bool const plain = job.glauber == nullptr && job.clamp.rows == 0 && model.tau.empty() && model.field_limit < (std::int64_t{1} << 28);
    std::vector<std::int32_t> diagonal;
    if (plain) diagonal.assign(model.diagonal.begin(), model.diagonal.end());
    for (std::int64_t b = 0; b < job.batch; ++b) start(job, b);
    for (std::int64_t t = 0; t < job.max_sweeps && !active.empty(); ++t) {
        auto const count = static_cast<std::int64_t>(active.size());
        gathered.resize(count * d);
        for (std::int64_t k = 0; k < count; ++k) std::copy_n(job.states + active[k] * d, d, gathered.begin() + k * d);
        for_dense_fields(threads, packed, model.patterns, {gathered.data(), count, d}, [&](std::int64_t k, DenseFields const& field) {
            std::int64_t const b = active[k];
            std::int8_t* const s = job.states + b * d;
            std::vector<std::int8_t> const before(s, s + d);
            std::int64_t changes = 0;
            if (plain) {
                changes = packed.kernels->decide_dense({.d = d,
                                                        .fields = field.fields,
                                                        .scale = field.scale,
                                                        .shift = static_cast<std::int32_t>(field.shift),
                                                        .offset = field.row_sum,
                                                        .diagonal = diagonal.empty() ? nullptr : diagonal.data(),
                                                        .tie = job.tie,
                                                        .now = before.data(),
                                                        .next = s});
            } else {
                for (std::int64_t i = 0; i < d; ++i) {
                    if (is_clamped(job, b, i)) continue;
                    std::int64_t const h = field(i) - (model.diagonal.empty() ? 0 : model.diagonal[i] * s[i]);
                    s[i] = decide(model, job, b, i, job.first_sweep + t, h, s[i]);
                    changes += s[i] != before[i];
                }
            }
            done[b] = history[b].done(job, b, t, changes, before, s);
        });
        std::erase_if(active, [&](std::int64_t b) { return done[b] != 0; });
    }
}

void relax_one_by_one(ThreadPool& threads, Model const& model, Packed const& packed, Job const& job) {
    Orders orders(job, model.neurons);
    bool const small = model.kind == Kind::hebbian && model.field_limit < (std::int64_t{1} << 30);
    threads.run(job.batch, [&](std::int64_t b, int) {
        if (model.kind == Kind::dense) {
            visit_all<DenseState>(model, packed, job, orders, b);
        } else if (small) {
            visit_all<FactoredState<std::int32_t>>(model, packed, job, orders, b);
        } else {
            visit_all<FactoredState<std::int64_t>>(model, packed, job, orders, b);
        }
    });
}

}  // namespace ca3::hopfield::cpu
